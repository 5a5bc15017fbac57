//! Why a login went as it went: the last decisions about a user name, each with its steps.
//! Never needs a debug mode, and works without the database: memory has the newest, the database the older ones.
//!
//! Also answers for names no subscriber has: a typing error on the CPE is the most common reason to ask.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use kernel::{Error, OpContext};
use radius_server::decision::Decision;
use serde_json::Value;
use time::OffsetDateTime;
use tracing::warn;
use uuid::Uuid;

use super::{App, plane_partner};
use crate::causes::Causes;
use crate::drain::decisions::steps;
use crate::store::decision::StoredDecision;
use crate::store::{self};

/// Decisions given at a time unless asked otherwise.
pub const DECISIONS_USUAL: usize = 20;
/// Decisions given at a time at most.
pub const DECISIONS_MAX: usize = 200;

/// Said while the journal of decisions is longer than what goes into the database at once.
const ON_THEIR_WAY: &str =
    "many logins were decided lately: older ones are still on their way into the database";

/// One decision, explained.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The decision's id.
    pub id: Uuid,
    /// When.
    pub at: OffsetDateTime,
    /// Which NAS asked.
    pub nas_id: Uuid,
    /// Its name.
    pub nas: Option<String>,
    /// Where the datagram came from; the history does not keep it.
    pub source: Option<SocketAddr>,
    /// `Access-Accept`, `Access-Reject`, `Access-Challenge` or `dropped`.
    pub outcome: String,
    /// The typed outcome, for example `wrong_password`.
    pub reason: String,
    /// The same in a sentence; `None` for a reason of another version of this program.
    pub words: Option<&'static str>,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// `[{step, found, ok}]`.
    pub steps: Value,
    /// From datagram to decision.
    pub duration_us: i64,
}

/// Decisions about one user name, newest first.
#[derive(Debug)]
pub struct Explanation {
    /// The decisions.
    pub decisions: Vec<Explained>,
    /// Why older ones may be missing; `None`: all there are.
    pub incomplete: Option<String>,
}

impl App {
    /// Explains the last logins of a user name on this partner's NAS.
    ///
    /// # Errors
    /// None for a database that is away: the answer then says that it is incomplete.
    pub async fn radius_explain(
        &self,
        op: &OpContext,
        username: &str,
        limit: usize,
    ) -> Result<Explanation, Error> {
        let limit = limit.clamp(1, DECISIONS_MAX);
        let partner = op.require_partner()?;
        let remembered = self.plane.decisions.recent(plane_partner(partner), username);
        let mut decisions: Vec<Explained> = remembered.iter().map(|decision| from_memory(decision)).collect();
        let mut incomplete = None;
        if decisions.len() < limit {
            match self.decisions_stored(op, username, limit).await {
                Ok(stored) => {
                    let seen: HashSet<Uuid> = decisions.iter().map(|decision| decision.id).collect();
                    let older = stored.into_iter().filter(|row| !seen.contains(&row.id));
                    decisions.extend(older.map(from_history));
                    if self.decisions_drained.behind.load(Ordering::Relaxed) {
                        incomplete = Some(ON_THEIR_WAY.to_owned());
                    }
                }
                Err(error) => {
                    warn!(error = %Causes(&error), "explaining a login from memory alone");
                    incomplete = Some(
                        "the database does not answer: only the latest decisions, from memory".to_owned(),
                    );
                }
            }
        }
        decisions.sort_by_key(|decision| std::cmp::Reverse((decision.at, decision.id)));
        decisions.truncate(limit);
        Ok(Explanation {
            decisions,
            incomplete,
        })
    }

    /// What the history has.
    async fn decisions_stored(
        &self,
        op: &OpContext,
        username: &str,
        limit: usize,
    ) -> Result<Vec<StoredDecision>, Error> {
        let mut tx = self.db.begin(op).await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let stored = store::decision::decision_list(&mut tx, op, username, limit).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

/// A decision of the access plane's memory.
fn from_memory(decision: &Decision) -> Explained {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(decision.at_unix_us) * 1_000);
    Explained {
        id: decision.id.as_uuid(),
        at: at.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        nas_id: decision.nas.as_uuid(),
        nas: Some(decision.nas_name.to_string()),
        source: Some(decision.source),
        outcome: decision.outcome.reply_name().to_owned(),
        reason: decision.outcome.as_str().to_owned(),
        words: Some(decision.outcome.words()),
        calling_station: Some(decision.calling_station.clone()).filter(|text| !text.is_empty()),
        steps: steps(decision),
        duration_us: i64::from(decision.duration_us),
    }
}

/// A decision of the history.
fn from_history(row: StoredDecision) -> Explained {
    Explained {
        id: row.id,
        at: row.at,
        nas_id: row.nas_id,
        nas: row.nas,
        source: None,
        outcome: row.reply,
        words: words(&row.reason),
        reason: row.reason,
        calling_station: row.calling_station,
        steps: row.steps,
        duration_us: i64::from(row.duration_us),
    }
}

/// The sentence of a typed outcome.
fn words(reason: &str) -> Option<&'static str> {
    use radius_server::decision::{DropReason, Outcome, RejectReason};
    let rejected = RejectReason::ALL.into_iter().map(Outcome::Rejected);
    let dropped = DropReason::ALL.into_iter().map(Outcome::Dropped);
    [Outcome::Accepted, Outcome::ChallengeSent]
        .into_iter()
        .chain(rejected)
        .chain(dropped)
        .find(|outcome| outcome.as_str() == reason)
        .map(Outcome::words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typed_outcome_of_the_history_has_its_sentence() {
        assert_eq!(
            words("wrong_password"),
            Some("the password differs from the stored one")
        );
        assert!(words("secret_differs").is_some());
        assert_eq!(words("accepted"), Some("accepted"));
        assert_eq!(words("out_of_quota"), None);
    }
}
