//! Port blocks that are brought in: the log of a carrier-grade NAT, as a list or as it is written.
//! Never touches what a NAS told in accounting. The same block again, now with its end, ends the one that is here.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::net::IpAddr;

use ipnet::IpNet;
use kernel::audit::{self, Entry};
use kernel::id::ImportId;
use kernel::{Error, OpContext};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::session::start_is_sound;
use super::{App, Outcome, batch_end};
use crate::store::import::subscriber::subscribers_known;
use crate::store::nas::nas_ids_by_names;
use crate::store::port_block::{self as rows, NewBlock};

/// A block as it is brought in.
#[derive(Debug, Clone)]
pub struct BlockIn {
    /// The public address.
    pub public_address: IpAddr,
    /// The first port.
    pub port_first: u16,
    /// The last one.
    pub port_last: u16,
    /// When it was given.
    pub since: OffsetDateTime,
    /// When it was taken back.
    pub until: Option<OffsetDateTime>,
    /// The address behind the NAT.
    pub inside: Option<IpAddr>,
    /// On which NAS, by name.
    pub nas: Option<String>,
    /// Whose, by user name; also one that nobody has here.
    pub username: Option<String>,
}

/// By what the same block is known again.
type Key = (IpAddr, u16, u16, OffsetDateTime);

/// What a batch asks the database for.
#[derive(Default)]
struct Wanted {
    /// New ones.
    new: Vec<NewBlock>,
    /// Ends of those that are here.
    ended: Vec<NewBlock>,
}

/// Where a block is that was met in this batch or is here.
#[derive(Clone, Copy)]
struct Met {
    /// Its end.
    until: Option<OffsetDateTime>,
    /// Its place among the new ones; `None`: it is in the database.
    new: Option<usize>,
}

impl App {
    /// Takes in a batch of an import's; without an import it is a trial.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Conflict`] for the import itself.
    pub async fn import_port_blocks(
        &self,
        op: &OpContext,
        import: Option<ImportId>,
        batch: &[BlockIn],
    ) -> Result<Outcome, Error> {
        if import.is_some() {
            self.months_ensure(batch.iter().map(|block| block.since)).await?;
        }
        let mut tx = self.batch_begin(op, import).await?;
        let (wanted, outcome) = decide(&mut tx, op, batch).await?;
        if import.is_some() {
            rows::blocks_insert(&mut tx, op, "import", &wanted.new).await?;
            rows::blocks_end(&mut tx, op, &wanted.ended).await?;
        }
        batch_end(tx, op, import, "port_block", batch.len(), &outcome).await?;
        Ok(outcome)
    }

    /// Takes in what a NAT says as it happens.
    ///
    /// # Errors
    /// The database's.
    pub async fn port_blocks_add(&self, op: &OpContext, batch: &[BlockIn]) -> Result<Outcome, Error> {
        self.months_ensure(batch.iter().map(|block| block.since)).await?;
        let mut tx = self.batch_begin(op, None).await?;
        let (wanted, outcome) = decide(&mut tx, op, batch).await?;
        rows::blocks_insert(&mut tx, op, "api", &wanted.new).await?;
        rows::blocks_end(&mut tx, op, &wanted.ended).await?;
        let entry = Entry::ok("port_block.add", "port_block").after(json!({
            "imported": outcome.imported,
            "updated": outcome.updated,
            "refused": outcome.refused.len(),
        }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// What becomes of each block of a batch.
async fn decide(
    tx: &mut crate::store::Tx,
    op: &OpContext,
    batch: &[BlockIn],
) -> Result<(Wanted, Outcome), Error> {
    let named = |pick: fn(&BlockIn) -> Option<&String>| -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = batch.iter().filter_map(pick).collect();
        names.into_iter().cloned().collect()
    };
    let subscribers: HashMap<String, Uuid> =
        subscribers_known(tx, op, &named(|block| block.username.as_ref()))
            .await?
            .into_iter()
            .map(|known| (known.username, known.id))
            .collect();
    let nas: HashMap<String, Uuid> = nas_ids_by_names(tx, op, &named(|block| block.nas.as_ref()))
        .await?
        .into_iter()
        .map(|(name, id)| (name, id.as_uuid()))
        .collect();
    let mut outcome = Outcome::default();
    let mut sound = Vec::new();
    for (index, given) in batch.iter().enumerate() {
        match row(given, &subscribers, &nas) {
            Ok(row) => sound.push((index, given, row)),
            Err(why) => outcome.refuse(index, why),
        }
    }
    let asked: Vec<NewBlock> = sound.iter().map(|(_, _, row)| row.clone()).collect();
    let mut met: HashMap<Key, Met> = HashMap::new();
    for known in rows::blocks_known(tx, op, &asked).await? {
        let found = usize::try_from(known.place)
            .ok()
            .and_then(|place| sound.get(place));
        if let Some((_, given, _)) = found {
            let until = known.until;
            met.insert(key(given), Met { until, new: None });
        }
    }
    let mut wanted = Wanted::default();
    for (index, given, row) in sound {
        let met = match met.entry(key(given)) {
            Place::Vacant(place) => {
                place.insert(Met {
                    until: row.until,
                    new: Some(wanted.new.len()),
                });
                outcome.imported += 1;
                wanted.new.push(row);
                continue;
            }
            Place::Occupied(met) => met.into_mut(),
        };
        match (met.until, row.until) {
            (None, Some(until)) => {
                outcome.updated += 1;
                met.until = Some(until);
                match met.new.and_then(|place| wanted.new.get_mut(place)) {
                    Some(new) => new.until = Some(until),
                    None => wanted.ended.push(row),
                }
            }
            (Some(here), Some(until)) if here != until => {
                outcome.refuse(index, "it is here already, with another end");
            }
            _ => outcome.unchanged += 1,
        }
    }
    Ok((wanted, outcome))
}

/// By what a block is known again; the database counts microseconds.
fn key(block: &BlockIn) -> Key {
    (
        block.public_address,
        block.port_first,
        block.port_last,
        micros(block.since),
    )
}

/// A moment as the database keeps it.
fn micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.microsecond() * 1_000).unwrap_or(at)
}

/// A block as it is stored, or why it is not taken.
fn row(
    given: &BlockIn,
    subscribers: &HashMap<String, Uuid>,
    nas: &HashMap<String, Uuid>,
) -> Result<NewBlock, String> {
    if !given.public_address.is_ipv4() {
        return Err("its public address is no IPv4 address".to_owned());
    }
    if given.port_first > given.port_last {
        return Err("its last port is before its first".to_owned());
    }
    if !start_is_sound(given.since) {
        return Err(format!("it begins in {}", given.since.year()));
    }
    let until = given.until.map(micros);
    if until.is_some_and(|until| until < micros(given.since)) {
        return Err("it ends before it begins".to_owned());
    }
    let nas_id = match &given.nas {
        Some(name) => Some(*nas.get(name).ok_or_else(|| format!("there is no NAS {name}"))?),
        None => None,
    };
    if given.inside.is_none() && given.username.is_none() {
        return Err("it names neither an address behind the NAT nor a user".to_owned());
    }
    let subscriber_id = given.username.as_ref().and_then(|name| subscribers.get(name));
    Ok(NewBlock {
        public_address: IpNet::from(given.public_address),
        port_first: given.port_first.into(),
        port_last: given.port_last.into(),
        since: micros(given.since),
        until,
        inside: given.inside.map(IpNet::from),
        nas_id,
        subscriber_id: subscriber_id.copied(),
        username: given.username.clone(),
    })
}
