//! After a start: open sessions back from the database into the session table, then the journal on top of them.
//! Never opens a socket; the binary listens only when this is done, so that no record meets an empty table.
//!
//! The database keeps texts, not octets. What cannot be told apart any more (was this NAS-Port or NAS-Port-Id? did the
//! NAS send its address, or was it the packet's source?) is left out of what would be sent in a Disconnect-Request; the
//! session's next record brings it back.

use std::net::{IpAddr, SocketAddr};

use futures_util::TryStreamExt;
use ipnet::IpNet;
use kernel::{Database, Error, OpContext};
use radius::attribute::kind;
use radius_server::directory::Nas;
use radius_server::sessions::{Attributes, Counted, Session};
use radius_server::{NasId, SessionId};
use time::OffsetDateTime;
use tracing::{info, warn};

use crate::plane::PlaneHandle;
use crate::store::session::{self, StoredSession};
use crate::store::{Tx, accounting};

/// Puts every open session of the database into the session table; how many.
///
/// # Errors
/// The database's.
pub async fn sessions_restore(db: &Database, plane: &PlaneHandle) -> Result<u64, Error> {
    let mut tx = db.begin(&OpContext::system("session-restore")).await?;
    accounting::session_close_orphans(&mut tx).await?;
    let (restored, unnamed) = open_sessions_put(&mut tx, plane).await?;
    tx.commit().await?;
    if unnamed > 0 {
        warn!(
            sessions = unnamed,
            "open sessions whose Acct-Session-Id cannot be told from the database stay out of memory"
        );
    }
    info!(sessions = restored, "open sessions restored");
    Ok(restored)
}

/// Puts every open session into the session table; how many, and how many could not be named.
async fn open_sessions_put(tx: &mut Tx, plane: &PlaneHandle) -> Result<(u64, u64), Error> {
    let (mut restored, mut unnamed) = (0, 0);
    let mut open = std::pin::pin!(session::session_list_open(tx));
    while let Some(stored) = open.try_next().await? {
        match session_of(&stored, plane.directory.nas(stored.nas_id.into()).as_deref()) {
            Some(session) => {
                plane.sessions.restore(session);
                restored += 1;
            }
            None => unnamed += 1,
        }
    }
    Ok((restored, unnamed))
}

/// A stored session as the session table has it; `None` when its id does not come out of what is stored.
pub(crate) fn session_of(stored: &StoredSession, nas: Option<&Nas>) -> Option<Session> {
    let nas_id = NasId::from_uuid(stored.nas_id);
    let class = stored.class.as_deref().and_then(unhex);
    let raw_id = raw_session_id(stored, nas_id, class.as_deref())?;
    let updated_s = stored.updated_at.unix_timestamp();
    let mut attributes = Attributes::new();
    let mut put = |kind: u8, value: Option<&[u8]>| {
        if let Some(value) = value {
            attributes.put(kind, value, updated_s);
        }
    };
    put(kind::ACCT_SESSION_ID, Some(&raw_id));
    put(kind::USER_NAME, stored.username.as_deref().map(str::as_bytes));
    put(
        kind::NAS_IDENTIFIER,
        stored.nas_identifier.as_deref().map(str::as_bytes),
    );
    put(
        kind::CALLING_STATION_ID,
        stored.calling_station.as_deref().map(str::as_bytes),
    );
    put(
        kind::CALLED_STATION_ID,
        stored.called_station.as_deref().map(str::as_bytes),
    );
    put(kind::CLASS, class.as_deref());
    if let Some(port) = stored
        .nas_port
        .as_deref()
        .filter(|port| port.parse::<u32>().is_err())
    {
        put(kind::NAS_PORT_ID, Some(port.as_bytes()));
    }
    if let Some(IpAddr::V4(address)) = stored.framed_ip.map(|net| net.addr()) {
        put(kind::FRAMED_IP_ADDRESS, Some(&address.octets()));
    }
    if let Some(IpAddr::V6(address)) = stored.framed_ipv6.map(|net| net.addr()) {
        put(kind::FRAMED_IPV6_ADDRESS, Some(&address.octets()));
    }
    for (kind, prefix) in [
        (kind::FRAMED_IPV6_PREFIX, stored.framed_ipv6_prefix),
        (kind::DELEGATED_IPV6_PREFIX, stored.delegated_ipv6_prefix),
    ] {
        put(kind, prefix.and_then(prefix_octets).as_deref());
    }
    let interface_id = stored.framed_interface_id.as_deref().and_then(unhex);
    put(kind::FRAMED_INTERFACE_ID, interface_id.as_deref());
    match said_address(stored, nas) {
        Some(IpAddr::V4(address)) => put(kind::NAS_IP_ADDRESS, Some(&address.octets())),
        Some(IpAddr::V6(address)) => put(kind::NAS_IPV6_ADDRESS, Some(&address.octets())),
        None => {}
    }
    Some(Session {
        id: SessionId::from_uuid(stored.id),
        nas: nas_id,
        partner: stored.tenant_id.into(),
        subscriber: stored.subscriber_id.map(Into::into),
        source: SocketAddr::new(source(stored, nas), 0),
        started_unix_s: stored.started_at.unix_timestamp(),
        updated_unix_s: updated_s,
        // By our clock, which a NAS whose own runs ahead must not push into the future.
        heard_unix_s: stored.started_at.min(OffsetDateTime::now_utc()).unix_timestamp(),
        last_heard_unix_s: stored
            .heard_at
            .unwrap_or(stored.started_at)
            .min(OffsetDateTime::now_utc())
            .unix_timestamp(),
        session_time_s: stored
            .session_time
            .and_then(|time| u32::try_from(time).ok())
            .unwrap_or(0),
        counted: counted(stored),
        start_seen: stored.start_seen,
        closed: None,
        attributes,
    })
}

/// What it used, and what its counters said last.
fn counted(stored: &StoredSession) -> Counted {
    let octets = |stored: i64| u64::try_from(stored).unwrap_or(0);
    let times = |stored: i32| u16::try_from(stored).unwrap_or(u16::MAX);
    let totals = Counted::of_totals(octets(stored.octets_in), octets(stored.octets_out));
    Counted {
        said_in: stored.said_in.map_or(totals.said_in, octets),
        said_out: stored.said_out.map_or(totals.said_out, octets),
        said_at_s: stored.said_at.and_then(|seconds| u32::try_from(seconds).ok()),
        wraps: times(stored.counter_wraps),
        resets: times(stored.counter_resets),
        ..totals
    }
}

/// An IPv6 prefix as RFC 3162 section 2.3 and RFC 4818 section 3 write it: reserved, length, all of the address.
fn prefix_octets(prefix: IpNet) -> Option<Vec<u8>> {
    let IpAddr::V6(address) = prefix.addr() else {
        return None;
    };
    Some([&[0, prefix.prefix_len()][..], &address.octets()].concat())
}

/// Acct-Session-Id as it came: the text, or the octets behind `0x`. The session's own id tells which.
fn raw_session_id(stored: &StoredSession, nas: NasId, class: Option<&[u8]>) -> Option<Vec<u8>> {
    let text = stored.acct_session_id.as_bytes().to_vec();
    let octets = stored.acct_session_id.strip_prefix("0x").and_then(unhex);
    [Some(text), octets]
        .into_iter()
        .flatten()
        .find(|raw| SessionId::derive(nas, raw, class).as_uuid() == stored.id)
}

/// The address the NAS calls itself, unless it may have been the source of its packet.
fn said_address(stored: &StoredSession, nas: Option<&Nas>) -> Option<IpAddr> {
    let address = stored.nas_address.addr();
    let from_there = nas.is_none_or(|nas| nas.network.contains(&address));
    (!from_there || stored.nas_identifier.is_none()).then_some(address)
}

/// Where the NAS's packets come from, as far as it is known.
fn source(stored: &StoredSession, nas: Option<&Nas>) -> IpAddr {
    let one_host = |net: IpNet| (net.prefix_len() == net.max_prefix_len()).then(|| net.addr());
    nas.and_then(|nas| one_host(nas.network))
        .unwrap_or(stored.nas_address.addr())
}

/// Octets out of hex; `None` when it is none.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let even = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    even.then(|| text.as_bytes().chunks(2).map(octet).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back() {
        assert_eq!(unhex("6864310a"), Some(b"hd1\x0a".to_vec()));
        assert_eq!(unhex(""), Some(Vec::new()));
        for wrong in ["6", "6g", "+1", "é"] {
            assert_eq!(unhex(wrong), None, "{wrong}");
        }
    }
}
