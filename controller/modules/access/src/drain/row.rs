//! One journalled accounting record to what the database shall know of it. Pure: no SQL, no clock.
//! Never trusts a length or a text: what PostgreSQL cannot hold (NUL, numbers beyond 63 bits) is made holdable here.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;
use radius::accounting::{Accounting, EVENT_SKEW_S_MAX, StatusType};
use radius::attribute::kind;
use radius::dictionary::{Definition, STANDARD};
use radius::packet::View;
use radius_server::class;
use radius_server::journal::AccountingRecord;
use radius_server::sessions;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::family::octets6;
use super::ports;
use crate::store::accounting::{Began, PortsRow, SessionRow};

/// What one record means for the database.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every record is about a session, and each is looked at once: a box would only cost"
)]
pub enum Meaning<'a> {
    /// Something about one session.
    Session(SessionRow<'a>),
    /// The NAS started or is about to stop: what began before is over.
    Restart {
        /// Whose NAS.
        tenant: Uuid,
        /// Which.
        nas: Uuid,
        /// When; the later of its clock and ours, so that a NAS that lost its clock leaves no ghost.
        at: OffsetDateTime,
        /// When it was sent, by our clock.
        heard: OffsetDateTime,
    },
    /// Nothing the database keeps: tunnel and link records, or a record without a session id.
    Nothing,
}

/// Why a record is passed over.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The journal's own wrapping.
    #[error("the record does not decode")]
    Record(#[source] kernel::BoxError),
    /// The packet inside.
    #[error("the packet in the record does not parse")]
    Packet(#[source] kernel::BoxError),
    /// It has no Acct-Status-Type, though it was taken for an Accounting-Request.
    #[error("the packet in the record reports nothing: no Acct-Status-Type")]
    NoStatus,
    /// A time that no calendar knows.
    #[error("the time {unix_s} s since 1970 cannot be stored")]
    Time {
        /// The seconds.
        unix_s: i64,
    },
}

/// Reads one journalled record.
///
/// # Errors
/// [`Unreadable`]; such a record must not stop the ones behind it.
pub fn read(payload: &[u8]) -> Result<Meaning<'_>, Unreadable> {
    let record = AccountingRecord::decode(payload).map_err(|error| Unreadable::Record(error.into()))?;
    let view = View::parse(record.packet).map_err(|error| Unreadable::Packet(error.into()))?;
    let said = Accounting::read(&view).ok_or(Unreadable::NoStatus)?;
    let received_s = record.received_unix_us.div_euclid(1_000_000);
    let event_s = said.event_time(received_s);
    let heard_s = received_s.saturating_sub(i64::from(said.delay_time.unwrap_or(0)).min(EVENT_SKEW_S_MAX));
    match said.status {
        StatusType::On | StatusType::Off => {
            let at = instant(event_s.max(heard_s))?;
            Ok(Meaning::Restart {
                tenant: record.partner.as_uuid(),
                nas: record.nas.as_uuid(),
                at,
                heard: instant(heard_s)?,
            })
        }
        StatusType::Start | StatusType::Interim | StatusType::Stop => {
            session(&record, view, &said, event_s, heard_s)
        }
        StatusType::Other(_) => Ok(Meaning::Nothing),
    }
}

/// Whose NAS a record is from, if that can be read.
#[must_use]
pub fn tenant(payload: &[u8]) -> Option<Uuid> {
    let record = AccountingRecord::decode(payload).ok()?;
    Some(record.partner.as_uuid())
}

/// Class: ours if it is among them, else the first.
fn class_of<'a>(view: &View<'a>, said: &Accounting<'a>) -> Option<&'a [u8]> {
    class::ours(view).or(said.class)
}

/// Reads a record about one session.
fn session<'a>(
    record: &AccountingRecord<'_>,
    view: View<'a>,
    said: &Accounting<'a>,
    event_s: i64,
    heard_s: i64,
) -> Result<Meaning<'a>, Unreadable> {
    let (Some(id), Some(raw_id)) = (sessions::session_id(record.nas, &view), said.session_id) else {
        return Ok(Meaning::Nothing);
    };
    let (starts, stops) = (said.status == StatusType::Start, said.status == StatusType::Stop);
    let session_time = said.session_time.map(i64::from);
    let connect_info = said.connect_info.map(clean);
    let counts = said.octets_in.is_some() || said.octets_out.is_some();
    let signed = |octets: u64| i64::try_from(octets).unwrap_or(i64::MAX);
    Ok(Meaning::Session(SessionRow {
        session: id.as_uuid(),
        tenant: record.partner.as_uuid(),
        nas: record.nas.as_uuid(),
        subscriber: record.subscriber.map(|subscriber| subscriber.as_uuid()),
        acct_session_id: session_id_text(raw_id),
        username: view.first(kind::USER_NAME).map(lossy),
        nas_address: host(nas_address(record, said)),
        nas_identifier: said.nas_identifier.map(clean),
        nas_port: said
            .nas_port_id
            .map(clean)
            .or_else(|| said.nas_port.map(|port| port.to_string().into())),
        nas_port_type: said.nas_port_type.map(|number| name(kind::NAS_PORT_TYPE, number)),
        started: instant(event_s.saturating_sub(session_time.unwrap_or(0)))?,
        updated: instant(event_s)?,
        stopped: if stops { Some(instant(event_s)?) } else { None },
        interval: None,
        session_time,
        said_at: session_time.filter(|_| counts),
        began: None,
        gigawords: said.gigawords,
        octets6: octets6(&view).map(|(octets_in, octets_out)| (signed(octets_in), signed(octets_out))),
        heard: instant(heard_s)?,
        hour: instant(heard_s - heard_s.rem_euclid(HOUR_S))?,
        interim: None,
        authentic: said.authentic.map(|number| name(kind::ACCT_AUTHENTIC, number)),
        connect_info_start: connect_info.clone().filter(|_| starts),
        connect_info_stop: connect_info.filter(|_| stops),
        octets_in: octets(said.octets_in),
        octets_out: octets(said.octets_out),
        called_station: said.called_station_id.map(clean),
        calling_station: said.calling_station_id.map(clean),
        terminate_cause: said
            .terminate_cause
            .filter(|_| stops)
            .map(|number| name(kind::ACCT_TERMINATE_CAUSE, number)),
        service_type: said.service_type.map(|number| name(kind::SERVICE_TYPE, number)),
        framed_protocol: said
            .framed_protocol
            .map(|number| name(kind::FRAMED_PROTOCOL, number)),
        framed_ip: said.framed_ip.map(|address| host(address.into())),
        framed_ipv6: said.framed_ipv6.map(|address| host(address.into())),
        framed_ipv6_prefix: said.framed_ipv6_prefix.and_then(network),
        framed_interface_id: said.framed_interface_id,
        delegated_ipv6_prefix: said.delegated_ipv6_prefix.and_then(network),
        class: class_of(&view, said),
        start_seen: starts,
        ports: ports_of(&view, instant(event_s)?),
    }))
}

/// The ports of a public address that a record says are the session's, or are not any more.
fn ports_of(view: &View<'_>, event: OffsetDateTime) -> Vec<PortsRow> {
    let row = |said: ports::Said| PortsRow {
        block: said.block,
        since: (!said.taken_back).then_some(event),
        until: said.taken_back.then_some(event),
    };
    ports::said(view).into_iter().map(row).collect()
}

/// Blocks of ports of one session in one batch at most.
const PORTS_MAX: usize = 256;

/// Takes what a later record says of ports: a block that was given is given from the first time it was said on.
fn absorb_ports(row: &mut SessionRow<'_>, later: Vec<PortsRow>) {
    for said in later {
        let mut open = row.ports.iter_mut().filter(|known| known.until.is_none());
        match (open.find(|known| known.block == said.block), said.since) {
            (Some(known), Some(since)) => known.since = known.since.min(Some(since)),
            (Some(known), None) => known.until = said.until.max(known.since),
            (None, _) => row.ports.push(said),
        }
    }
    row.ports.truncate(PORTS_MAX);
}

/// Seconds of an hour, by which usage is counted.
const HOUR_S: i64 = 3_600;

/// Whether a record can be taken into a row without losing what it counts: the same hour, and counters that only grew.
#[must_use]
pub fn fits(row: &SessionRow<'_>, later: &SessionRow<'_>) -> bool {
    if row.hour != later.hour {
        return false;
    }
    if !counts(later) || !counts(row) {
        return true;
    }
    let grew = later.octets_in >= row.octets_in && later.octets_out >= row.octets_out;
    let fell = later.octets_in <= row.octets_in && later.octets_out <= row.octets_out;
    match (row.said_at, later.said_at) {
        (Some(before), Some(now)) if before < now => grew,
        (Some(before), Some(now)) if before > now => fell,
        (Some(_), Some(_)) => grew || fell,
        _ => false,
    }
}

/// Whether it has counters that say anything.
const fn counts(row: &SessionRow<'_>) -> bool {
    row.said_at.is_some() || row.octets_in > 0 || row.octets_out > 0
}

/// Takes the counters of a later record that [`fits`], or the greater ones of one that does not.
fn absorb_counters(row: &mut SessionRow<'_>, later: &SessionRow<'_>) {
    let gap = (later.heard - row.heard).abs();
    if gap > Duration::ZERO {
        row.interim = row.interim.max(Some(gap));
    }
    row.heard = row.heard.max(later.heard);
    row.gigawords |= later.gigawords;
    let (octets_in, octets_out) = (row.octets_in, row.octets_out);
    if let (Some(said_at), Some(now)) = (row.said_at, later.said_at)
        && said_at < now
    {
        let began = row.began.get_or_insert(Began {
            octets_in,
            octets_out,
            said_at,
        });
        // A counter of nothing tells nothing: the next one is its first.
        if began.octets_in == 0 {
            began.octets_in = later.octets_in;
        }
        if began.octets_out == 0 {
            began.octets_out = later.octets_out;
        }
    }
    row.said_at = row.said_at.max(later.said_at);
    row.octets_in = octets_in.max(later.octets_in);
    row.octets_out = octets_out.max(later.octets_out);
    row.octets6 = match (row.octets6, later.octets6) {
        (Some(mine), Some(theirs)) => Some((mine.0.max(theirs.0), mine.1.max(theirs.1))),
        (mine, theirs) => mine.or(theirs),
    };
}

/// Takes a later record of the same session into an earlier one, by the rules the upsert has.
pub fn absorb<'a>(row: &mut SessionRow<'a>, mut later: SessionRow<'a>) {
    absorb_counters(row, &later);
    absorb_ports(row, std::mem::take(&mut later.ports));
    let newer = later.updated >= row.updated;
    /// What the NAS said first stays.
    fn keep<T>(first: &mut Option<T>, later: Option<T>) {
        if first.is_none() {
            *first = later;
        }
    }
    let follow = |known: &mut Option<IpNet>, said: Option<IpNet>| {
        *known = if newer { said.or(*known) } else { known.or(said) };
    };
    if later.updated > row.updated {
        row.interval = Some((later.updated - row.updated).whole_seconds());
        row.updated = later.updated;
    }
    if row.stopped.is_none() && later.stopped.is_some() {
        row.stopped = later.stopped;
        row.terminate_cause = later.terminate_cause;
        row.connect_info_stop = later.connect_info_stop;
    }
    row.session_time = row.session_time.max(later.session_time);
    row.start_seen |= later.start_seen;
    keep(&mut row.subscriber, later.subscriber);
    keep(&mut row.username, later.username);
    keep(&mut row.nas_identifier, later.nas_identifier);
    keep(&mut row.nas_port, later.nas_port);
    keep(&mut row.nas_port_type, later.nas_port_type);
    keep(&mut row.authentic, later.authentic);
    keep(&mut row.connect_info_start, later.connect_info_start);
    keep(&mut row.called_station, later.called_station);
    keep(&mut row.calling_station, later.calling_station);
    keep(&mut row.service_type, later.service_type);
    keep(&mut row.framed_protocol, later.framed_protocol);
    keep(&mut row.framed_interface_id, later.framed_interface_id);
    keep(&mut row.class, later.class);
    follow(&mut row.framed_ip, later.framed_ip);
    follow(&mut row.framed_ipv6, later.framed_ipv6);
    follow(&mut row.framed_ipv6_prefix, later.framed_ipv6_prefix);
    follow(&mut row.delegated_ipv6_prefix, later.delegated_ipv6_prefix);
}

/// What the NAS calls itself, else where its packet came from.
fn nas_address(record: &AccountingRecord<'_>, said: &Accounting<'_>) -> IpAddr {
    said.nas_ip
        .map(IpAddr::from)
        .or(said.nas_ipv6.map(IpAddr::from))
        .unwrap_or(record.source.ip().to_canonical())
}

/// Seconds since 1970 as an instant.
fn instant(unix_s: i64) -> Result<OffsetDateTime, Unreadable> {
    OffsetDateTime::from_unix_timestamp(unix_s).map_err(|_| Unreadable::Time { unix_s })
}

/// The name of an integer's value, or the number where the dictionary has none.
fn name(kind: u8, number: u32) -> Cow<'static, str> {
    let found = NAMED
        .iter()
        .find(|definition| definition.oid.number() == u32::from(kind));
    found
        .and_then(|definition| definition.value_name(number.into()))
        .map_or_else(|| number.to_string().into(), Cow::Borrowed)
}

/// The attributes whose values get names here; looked up once, because the dictionary is large and records are many.
static NAMED: LazyLock<Vec<&'static Definition>> = LazyLock::new(|| {
    [
        kind::NAS_PORT_TYPE,
        kind::ACCT_AUTHENTIC,
        kind::ACCT_TERMINATE_CAUSE,
        kind::SERVICE_TYPE,
        kind::FRAMED_PROTOCOL,
    ]
    .into_iter()
    .filter_map(|kind| STANDARD.by_number(0, kind))
    .collect()
});

/// A counter as the database holds it. 2^63 octets are 29 years at 100 Gbit/s: more is a NAS gone mad.
fn octets(counter: Option<u64>) -> i64 {
    i64::try_from(counter.unwrap_or(0)).unwrap_or(i64::MAX)
}

/// A single address as a network.
fn host(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

/// A prefix as the NAS sent it; `None` when its length cannot be.
fn network((address, length): (Ipv6Addr, u8)) -> Option<IpNet> {
    IpNet::new(address.into(), length).ok()
}

/// Text that PostgreSQL holds: it knows no NUL.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Octets as text that PostgreSQL holds.
fn lossy(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => clean(text),
        Err(_) => clean(&String::from_utf8_lossy(octets)).into_owned().into(),
    }
}

/// Octets in hex.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
}

/// Acct-Session-Id as the table holds it: the text, or `0x…` when it is none.
#[must_use]
pub fn session_id_text(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) if !text.contains('\0') => text.into(),
        _ => format!("0x{}", hex(octets)).into(),
    }
}
