//! One thing that is wanted of many sessions: chosen, previewed, begun with the fingerprint of what was previewed, done at a rate,
//! paused, taken up again, aborted, and told session by session.
//! Never begins with another set than was previewed, and never asks a NAS itself: every session gets an intent of its own
//! ([`super::intent`]), at the pace of [`runner`].
//!
//! [`selection`] says which sessions.

pub mod runner;
pub mod selection;

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::audit::{self, Entry};
use kernel::id::SessionBulkId;
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::selection::Selection;
use super::App;
use super::intent::Verb;
use crate::store::bulk::{self as rows, Bulk, BulkItem, BulkRow};
use crate::store::{Listed, Tx, Window};

/// Sessions of one bulk, at most.
pub const SESSIONS_MAX: usize = 100_000;
/// Sessions a second, when nobody says otherwise.
pub const PER_S_USUAL: i32 = 50;
/// Sessions a second, at most; the pace of each NAS ([`coa::Pace`]) holds beside it.
pub const PER_S_MAX: i32 = 1_000;
/// Sessions that a preview shows by name.
const SAMPLE: usize = 10;

/// What a bulk would be.
#[derive(Debug)]
pub struct BulkPreview {
    /// Sessions.
    pub total: usize,
    /// Over them; whoever begins gives it back.
    pub fingerprint: String,
    /// How many on which NAS.
    pub by_nas: BTreeMap<String, usize>,
    /// Some user names, for somebody to see whether these are meant.
    pub sample: Vec<String>,
}

/// A bulk, and how far it is.
#[derive(Debug)]
pub struct BulkShown {
    /// The bulk.
    pub bulk: Bulk,
    /// How many sessions stand how.
    pub counts: Vec<(String, i64)>,
}

/// What is to be done with a bulk that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAct {
    /// No further session is asked for, for now.
    Pause,
    /// It goes on.
    Resume,
    /// No further session is ever asked for. What was asked stands.
    Abort,
}

impl App {
    /// Which sessions a selection means now.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a selection that means nothing, or more than [`SESSIONS_MAX`].
    pub async fn bulk_preview(&self, op: &OpContext, selection: &Selection) -> Result<BulkPreview, Error> {
        let mut tx = self.db.begin(op).await?;
        let chosen = self.selected(&mut tx, op, selection).await?;
        tx.commit().await?;
        let mut by_nas = BTreeMap::new();
        for session in &chosen {
            let nas = self.plane.directory.nas(session.nas);
            let name = nas.map_or_else(|| "(removed)".to_owned(), |nas| nas.name.to_string());
            *by_nas.entry(name).or_default() += 1;
        }
        let names = chosen.iter().filter_map(|session| session.username());
        Ok(BulkPreview {
            total: chosen.len(),
            fingerprint: hex(&fingerprint(&chosen)),
            sample: names.take(SAMPLE).map(ToOwned::to_owned).collect(),
            by_nas,
        })
    }

    /// Begins a bulk over what was previewed.
    ///
    /// # Errors
    /// As [`Self::bulk_preview`]; [`Error::Conflict`] when the selection means other sessions by now, or none.
    pub async fn bulk_begin(
        &self,
        op: &OpContext,
        verb: Verb,
        selection: &Selection,
        previewed: &str,
        per_s: Option<i32>,
        reason: String,
    ) -> Result<BulkShown, Error> {
        let per_s = per_s.unwrap_or(PER_S_USUAL);
        if !(1..=PER_S_MAX).contains(&per_s) {
            return Err(Error::invalid(
                "/per_s",
                format!("must be 1 to {PER_S_MAX} sessions a second"),
            ));
        }
        if !matches!(verb, Verb::Disconnect | Verb::Reshape) {
            return Err(Error::invalid("/verb", "must be disconnect or reshape"));
        }
        let mut tx = self.db.begin(op).await?;
        let chosen = self.selected(&mut tx, op, selection).await?;
        let now = fingerprint(&chosen);
        if hex(&now) != previewed {
            let message = format!(
                "other sessions than were previewed are meant by now, {} of them: preview again",
                chosen.len()
            );
            return Err(Error::conflict("session bulk", message));
        }
        let id = self
            .bulk_store(&mut tx, op, verb, selection, &chosen, per_s, reason)
            .await?;
        let shown = shown(&mut tx, op, id).await?;
        tx.commit().await?;
        self.bulks_woken.notify_one();
        Ok(shown)
    }

    /// Stores a bulk over these sessions, and its audit line.
    #[expect(clippy::too_many_arguments, reason = "each is a column")]
    pub(super) async fn bulk_store(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        verb: Verb,
        selection: &Selection,
        chosen: &[Arc<Session>],
        per_s: i32,
        reason: String,
    ) -> Result<SessionBulkId, Error> {
        if chosen.is_empty() {
            return Err(Error::conflict("session bulk", "no open session is meant"));
        }
        let row = BulkRow {
            id: SessionBulkId::new(),
            verb: verb.as_str(),
            selection: json!(selection),
            fingerprint: fingerprint(chosen).to_vec(),
            per_s,
            reason: reason.clone(),
        };
        let ids: Vec<Uuid> = chosen.iter().map(|session| session.id.as_uuid()).collect();
        rows::bulk_insert(tx, op, &row, &ids).await?;
        let entry = Entry::ok("session_bulk.begin", "session bulk")
            .object(row.id, row.verb)
            .reason(reason)
            .after(json!({ "selection": row.selection, "sessions": chosen.len(), "per_s": per_s }));
        audit::record(tx, op, entry).await?;
        Ok(row.id)
    }

    /// Bulks of this partner, the newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn bulk_list(&self, op: &OpContext, window: Window) -> Result<Listed<BulkShown>, Error> {
        let mut tx = self.db.begin(op).await?;
        let listed = rows::bulk_list(&mut tx, op, window).await?;
        let mut shown = Vec::new();
        for bulk in listed.rows {
            let counts = rows::bulk_count(&mut tx, op, bulk.id).await?;
            shown.push(BulkShown { bulk, counts });
        }
        tx.commit().await?;
        Ok(Listed {
            rows: shown,
            total: listed.total,
        })
    }

    /// One bulk.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn bulk_get(&self, op: &OpContext, id: SessionBulkId) -> Result<BulkShown, Error> {
        let mut tx = self.db.begin(op).await?;
        let found = shown(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// What became of each session of a bulk.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn bulk_item_list(
        &self,
        op: &OpContext,
        id: SessionBulkId,
        window: Window,
    ) -> Result<Listed<BulkItem>, Error> {
        let mut tx = self.db.begin(op).await?;
        let bulk = rows::bulk_fetch(&mut tx, op, id).await?;
        let bulk = bulk.ok_or_else(|| Error::not_found("session bulk", id))?;
        let items = rows::bulk_item_list(&mut tx, op, id, window).await?;
        tx.commit().await?;
        Ok(Listed {
            rows: items,
            total: bulk.total.into(),
        })
    }

    /// Pauses a bulk, takes it up again, or aborts it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not as that needs it.
    pub async fn bulk_act(
        &self,
        op: &OpContext,
        id: SessionBulkId,
        act: BulkAct,
    ) -> Result<BulkShown, Error> {
        let (from, to): (&[&str], &str) = match act {
            BulkAct::Pause => (&["running"], "paused"),
            BulkAct::Resume => (&["paused"], "running"),
            BulkAct::Abort => (&["running", "paused"], "aborted"),
        };
        let from: Vec<String> = from.iter().map(|state| (*state).to_owned()).collect();
        let mut tx = self.db.begin(op).await?;
        let before = shown(&mut tx, op, id).await?;
        if !rows::bulk_move(&mut tx, op, id, &from, to).await? {
            let message = format!("the bulk is {}", before.bulk.state);
            return Err(Error::conflict("session bulk", message));
        }
        let entry = Entry::ok("session_bulk.update", "session bulk")
            .object(id, &before.bulk.verb)
            .before(json!({ "state": before.bulk.state }))
            .after(json!({ "state": to }));
        audit::record(&mut tx, op, entry).await?;
        let after = shown(&mut tx, op, id).await?;
        tx.commit().await?;
        self.bulks_woken.notify_one();
        Ok(after)
    }
}

/// A bulk of this partner, and how far it is.
async fn shown(tx: &mut Tx, op: &OpContext, id: SessionBulkId) -> Result<BulkShown, Error> {
    let bulk = rows::bulk_fetch(tx, op, id).await?;
    let bulk = bulk.ok_or_else(|| Error::not_found("session bulk", id))?;
    let counts = rows::bulk_count(tx, op, id).await?;
    Ok(BulkShown { bulk, counts })
}

/// What tells one set of sessions from another, whatever their order.
fn fingerprint(chosen: &[Arc<Session>]) -> [u8; 32] {
    let mut ids: Vec<Uuid> = chosen.iter().map(|session| session.id.as_uuid()).collect();
    ids.sort_unstable();
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id.as_bytes());
    }
    digest.finalize().into()
}

/// Octets as text.
fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
