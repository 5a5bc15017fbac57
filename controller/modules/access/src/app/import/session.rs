//! Sessions another server accounted: its history, and what is open, which goes on here when the NAS moves over.
//! Never writes over what a NAS has told us itself.
//!
//! A session that is open gets the id its next interim will come to, because that hangs on the NAS and its Acct-Session-Id
//! alone ([`SessionId::derive`]). One that has ended gets an id that its start is a part of as well: a NAS that counts from 1
//! after a reboot has had the same Acct-Session-Id many times.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use kernel::id::{ImportId, NasId};
use kernel::{Error, OpContext};
use radius_server::SessionId;
use radius_server::sessions::{CloseCause, Closed, Session};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::{App, Outcome, batch_end};
use crate::restore;
use crate::store;
use crate::store::accounting::unique_id;
use crate::store::import::session::{self as rows, KnownSession, SessionImported};
use crate::store::import::subscriber::subscribers_known;

/// Partitions made in one transaction.
const PARTITIONS_AT_ONCE: usize = 12;
/// Starts that are so close are the same: what a NAS told us first may have been an interim, whose start is computed.
const SAME_START: Duration = Duration::seconds(120);
/// What the database's clock tells apart.
const TICK: Duration = Duration::microseconds(1);
/// The first year a session can have begun in; what is older is a clock that was never set.
const YEAR_MIN: i32 = 2000;
/// How far a clock may be ahead.
const AHEAD_MAX: Duration = Duration::days(1);

/// A row of another server's radacct. Its id and its NAS are found out here.
#[derive(Debug, Clone)]
pub struct SessionIn {
    /// Everything but `acctuniqueid`, `nas_id` and `subscriber_id`.
    pub row: SessionImported,
}

/// What becomes of a session.
enum Verdict {
    /// It is new.
    New(SessionImported),
    /// It was open here, and the source knows more.
    Moved(SessionImported),
    /// It is here.
    Known,
}

/// What a batch finds here.
struct Found {
    /// Networks and whose they are.
    networks: Vec<(IpNet, NasId)>,
    /// Sessions by id in hex.
    known: BTreeMap<String, KnownSession>,
    /// Subscribers by name.
    subscribers: BTreeMap<String, Uuid>,
}

impl App {
    /// Takes in a batch of sessions; a trial takes `assumed_nas` as admitted.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Conflict`] for the import itself.
    pub async fn import_sessions(
        &self,
        op: &OpContext,
        import: Option<ImportId>,
        assumed_nas: &[IpNet],
        batch: &[SessionIn],
    ) -> Result<Outcome, Error> {
        if import.is_some() {
            self.months_ensure(batch.iter().map(|given| given.row.acctstarttime))
                .await?;
        }
        let mut tx = self.batch_begin(op, import).await?;
        let mut networks = rows::nas_networks(&mut tx, op).await?;
        if import.is_none() {
            networks.extend(assumed_nas.iter().map(|net| (*net, NasId::new())));
        }
        let ids: Vec<[String; 2]> = batch
            .iter()
            .filter_map(|given| Some(ids(nas_of(&networks, given.row.nasipaddress.addr())?, &given.row)))
            .collect();
        let known = rows::sessions_known(&mut tx, op, &ids.concat()).await?;
        let names: BTreeSet<&String> = batch
            .iter()
            .filter_map(|given| given.row.username.as_ref())
            .collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let found = Found {
            networks,
            known: known
                .into_iter()
                .map(|known| (known.acctuniqueid.clone(), known))
                .collect(),
            subscribers: subscribers_known(&mut tx, op, &names)
                .await?
                .into_iter()
                .map(|known| (known.username, known.id))
                .collect(),
        };
        let mut outcome = Outcome::default();
        let (mut new, mut moved, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (index, given) in batch.iter().enumerate() {
            match verdict(&given.row, &found, &mut seen) {
                Ok(Verdict::New(row)) => {
                    outcome.imported += 1;
                    new.push(row);
                }
                Ok(Verdict::Moved(row)) => {
                    outcome.updated += 1;
                    moved.push(row);
                }
                Ok(Verdict::Known) => outcome.unchanged += 1,
                Err(why) => outcome.refuse(index, why),
            }
        }
        if import.is_some() {
            rows::sessions_insert(&mut tx, op, &new).await?;
            rows::sessions_update(&mut tx, op, &moved).await?;
        }
        let mut open = Vec::new();
        for row in new
            .iter()
            .filter(|row| import.is_some() && row.acctstoptime.is_none())
        {
            if let Ok(id) = row.acctuniqueid.parse::<Uuid>() {
                open.extend(store::session::session_fetch(&mut tx, op, id.into()).await?);
            }
        }
        batch_end(tx, op, import, "session", batch.len(), &outcome).await?;
        if import.is_some() {
            for stored in &open {
                let nas = self.plane.directory.nas(stored.nas_id.into());
                if let Some(session) = restore::session_of(stored, nas.as_deref()) {
                    self.plane.sessions.restore(session);
                }
            }
            if !open.is_empty() {
                self.plane.directory.gate().recount_later();
            }
            for row in &moved {
                self.session_ended(row);
            }
        }
        Ok(outcome)
    }

    /// Makes the partitions that history of these moments belongs into, so that it does not pile up in the one for wrong clocks.
    pub(super) async fn months_ensure(
        &self,
        moments: impl Iterator<Item = OffsetDateTime>,
    ) -> Result<(), Error> {
        let months: BTreeSet<Date> = moments
            .filter(|start| start_is_sound(*start))
            .filter_map(|start| start.to_offset(time::UtcOffset::UTC).date().replace_day(1).ok())
            .collect();
        let months: Vec<Date> = months.into_iter().collect();
        for some in months.chunks(PARTITIONS_AT_ONCE) {
            let mut tx = self.db.begin(&OpContext::system("import")).await?;
            for month in some {
                store::partition::partition_ensure(&mut tx, *month, 1).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// Ends a session in memory that has ended in the database.
    fn session_ended(&self, row: &SessionImported) {
        let Some(stopped) = row.acctstoptime else { return };
        let Ok(id) = row.acctuniqueid.parse::<Uuid>() else {
            return;
        };
        let Some(open) = self.plane.sessions.get(SessionId::from_uuid(id)) else {
            return;
        };
        let mut ended = Session::clone(&open);
        ended.closed = Some(Closed {
            at_unix_s: stopped.unix_timestamp(),
            heard_unix_s: super::super::unix_now_s(),
            cause: CloseCause::Stop {
                terminate_cause: None,
            },
        });
        self.plane.sessions.restore(ended);
    }
}

/// What becomes of one session, or why it is not taken.
fn verdict(given: &SessionImported, found: &Found, seen: &mut BTreeSet<String>) -> Result<Verdict, String> {
    if !start_is_sound(given.acctstarttime) {
        return Err(format!("it begins in {}", given.acctstarttime.year()));
    }
    if given.acctstoptime.is_some_and(|stop| stop < given.acctstarttime) {
        return Err("it ends before it begins".to_owned());
    }
    let address = given.nasipaddress.addr();
    let nas = nas_of(&found.networks, address).ok_or_else(|| format!("no NAS has the address {address}"))?;
    let [live, past] = ids(nas, given);
    let subscriber_id = given
        .username
        .as_ref()
        .and_then(|name| found.subscribers.get(name))
        .copied();
    let row = |id: &str, started: OffsetDateTime| SessionImported {
        acctuniqueid: id.to_owned(),
        nas_id: nas.as_uuid(),
        subscriber_id,
        acctstarttime: started,
        ..given.clone()
    };
    let is_open = given.acctstoptime.is_none();
    let same = |known: &&KnownSession| (known.started_at - given.acctstarttime).abs() <= SAME_START;
    if let Some(known) = found.known.get(&live).filter(same) {
        if !seen.insert(live.clone()) {
            return Err("it comes twice".to_owned());
        }
        let newer = given.acctupdatetime - known.updated_at >= TICK
            || given.acctstoptime.is_some_and(|stop| stop >= known.updated_at);
        return Ok(match known.stopped_at {
            None if newer => Verdict::Moved(row(&live, known.started_at)),
            _ => Verdict::Known,
        });
    }
    let id = if is_open { &live } else { &past };
    if !seen.insert(id.clone()) {
        return Err("it comes twice".to_owned());
    }
    if found.known.contains_key(&past) {
        return Ok(Verdict::Known);
    }
    if is_open && found.known.contains_key(&live) {
        return Err("another session of this NAS has this Acct-Session-Id here".to_owned());
    }
    Ok(Verdict::New(row(id, given.acctstarttime)))
}

/// Whether a session, or a block, can have begun then.
pub(super) fn start_is_sound(start: OffsetDateTime) -> bool {
    start.year() >= YEAR_MIN && start <= OffsetDateTime::now_utc() + AHEAD_MAX
}

/// The NAS of an address: the most specific network wins.
fn nas_of(networks: &[(IpNet, NasId)], address: IpAddr) -> Option<NasId> {
    networks
        .iter()
        .filter(|(net, _)| net.contains(&address))
        .max_by_key(|(net, _)| net.prefix_len())
        .map(|(_, nas)| *nas)
}

/// The ids a session has while it is open, and when it had ended before it came here.
fn ids(nas: NasId, row: &SessionImported) -> [String; 2] {
    let nas = nas.as_uuid().into();
    let started = row.acctstarttime.unix_timestamp_nanos() / 1_000;
    let past = format!("{}\0{started}", row.acctsessionid);
    [row.acctsessionid.as_bytes(), past.as_bytes()]
        .map(|name| unique_id(SessionId::derive(nas, name, None).as_uuid()))
}
