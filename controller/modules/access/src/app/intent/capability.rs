//! What is known of one NAS, whatever its make promises: learned from what it answered and what its accounting showed then, or said
//! by an operator, who wins.
//! Never tries anything out: what a NAS refuses is learned when somebody wants it.

use coa::Rung;
use kernel::audit::{self, Entry};
use kernel::id::NasId;
use kernel::{Error, OpContext};
use radius_server::authorization::Term;
use radius_server::authorization::change::Learned;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tracing::warn;

use crate::app::App;
use crate::causes::Causes;
use crate::store::capability::{self as rows, Capability};
use crate::store::intent::IntentOutcome;
use crate::store::{self, Tx};

/// It listens to changes at all.
pub const CHANGE: &str = "change";
/// It repeats the Class that a change brought, so that its accounting proves the change.
pub const CLASS: &str = "class";
/// It ends sessions when it says so.
pub const DISCONNECT: &str = "disconnect";
/// For so long something that was learned holds; then the NAS may have been mended.
const LEARNED_DAYS_MAX: i64 = 7;
/// Error-Causes by which a NAS says that it does not do such things (RFC 5176 section 3.5).
const NEVER: [i32; 2] = [405, 501];
/// Error-Causes by which it says that it does not do this.
const NOT_THIS: [i32; 2] = [401, 407];

/// Nothing is known.
pub(super) fn nothing() -> Learned {
    Learned::default()
}

/// What is known of a NAS, as what a session is told is made by it.
pub(super) async fn learned(tx: &mut Tx, op: &OpContext, nas: NasId) -> Result<Learned, Error> {
    let mut learned = Learned::default();
    for known in rows::capability_list(tx, op, nas).await? {
        if !holds_still(&known) {
            continue;
        }
        match Term::of(&known.capability) {
            Some(term) => learned.terms.push((term, known.holds)),
            None if known.capability == CHANGE => learned.changes = Some(known.holds),
            None => {}
        }
    }
    Ok(learned)
}

/// Whether something known still counts.
fn holds_still(known: &Capability) -> bool {
    known.source == "operator" || OffsetDateTime::now_utc() - known.at < Duration::days(LEARNED_DAYS_MAX)
}

/// What an answer shows of a NAS, if anything. `deaf`: it has just said nothing to a change.
pub(super) fn shown_by(rung: Rung, outcome: &IntentOutcome, deaf: bool) -> Option<(String, bool)> {
    let answered = matches!(outcome.state, "acknowledged" | "refused");
    match (rung, outcome.state, outcome.error_cause) {
        (Rung::Change, "acknowledged", _) => Some((CHANGE.to_owned(), true)),
        (Rung::Change, "refused", Some(cause)) if NEVER.contains(&cause) => Some((CHANGE.to_owned(), false)),
        (Rung::Change, "refused", Some(cause)) if NOT_THIS.contains(&cause) => {
            // Of several terms it is not known which it was.
            let mut terms = outcome.told.iter().filter(|word| Term::of(word).is_some());
            match (terms.next(), terms.next()) {
                (Some(term), None) => Some((term.clone(), false)),
                _ => None,
            }
        }
        (Rung::Disconnect, _, _) if deaf && answered => Some((CHANGE.to_owned(), false)),
        _ => None,
    }
}

/// The words that may be said of a NAS.
pub fn known_word(word: &str) -> bool {
    [CHANGE, CLASS, DISCONNECT].contains(&word) || Term::of(word).is_some()
}

impl App {
    /// What is known of a NAS.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn capability_list(&self, op: &OpContext, nas: NasId) -> Result<Vec<Capability>, Error> {
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_fetch(&mut tx, op, nas)
            .await?
            .ok_or_else(|| Error::not_found("NAS", nas))?;
        let known = rows::capability_list(&mut tx, op, nas).await?;
        tx.commit().await?;
        Ok(known)
    }

    /// Says something of a NAS; `None`: forgets it, and what it does is learned anew.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for a word that means nothing.
    pub async fn capability_put(
        &self,
        op: &OpContext,
        nas: NasId,
        capability: &str,
        holds: Option<bool>,
        reason: &str,
    ) -> Result<Vec<Capability>, Error> {
        if !known_word(capability) {
            let why = format!("must be {CHANGE}, {CLASS}, {DISCONNECT} or a term of a plan, such as rate");
            return Err(Error::invalid("/capability", why));
        }
        let mut tx = self.db.begin(op).await?;
        let named = store::nas::nas_fetch(&mut tx, op, nas)
            .await?
            .ok_or_else(|| Error::not_found("NAS", nas))?;
        match holds {
            Some(holds) => rows::capability_put(&mut tx, op, nas, capability, holds, reason).await?,
            None => {
                rows::capability_delete(&mut tx, op, nas, capability).await?;
            }
        }
        let entry = Entry::ok("nas.capability", "nas")
            .object(nas, &named.name)
            .reason(reason)
            .after(json!({ "capability": capability, "holds": holds }));
        audit::record(&mut tx, op, entry).await?;
        let known = rows::capability_list(&mut tx, op, nas).await?;
        tx.commit().await?;
        Ok(known)
    }

    /// Remembers what a NAS was seen to do; that it cannot be remembered now is no reason to stop.
    pub(super) async fn capability_learn(
        &self,
        op: &OpContext,
        nas: NasId,
        what: &str,
        holds: bool,
        evidence: &str,
    ) {
        let learned = async {
            let mut tx = self.db.begin(op).await?;
            rows::capability_learn(&mut tx, op, nas, what, holds, evidence).await?;
            tx.commit().await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = learned.await {
            warn!(%nas, capability = what, error = %Causes(&error), "what a NAS was seen to do cannot be remembered now");
        }
    }

    /// Whether accounting of a NAS shows changes; `None`: not known.
    pub(super) async fn shows_changes(&self, op: &OpContext, nas: NasId) -> Result<Option<bool>, Error> {
        let mut tx = self.db.begin(op).await?;
        let known = rows::capability_list(&mut tx, op, nas).await?;
        tx.commit().await?;
        let class = known
            .iter()
            .find(|known| known.capability == CLASS && holds_still(known));
        Ok(class.map(|known| known.holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(state: &'static str, error_cause: Option<i32>, told: &[&str]) -> IntentOutcome {
        IntentOutcome {
            state,
            error_cause,
            told: told.iter().map(|word| (*word).to_owned()).collect(),
            ..IntentOutcome::default()
        }
    }

    #[test]
    fn an_answer_shows_what_it_shows_and_no_more() {
        let seen =
            |rung, state, cause, told: &[&str], deaf| shown_by(rung, &outcome(state, cause, told), deaf);
        let change = |holds| Some((CHANGE.to_owned(), holds));
        assert_eq!(
            seen(Rung::Change, "acknowledged", None, &["rate"], false),
            change(true)
        );
        assert_eq!(
            seen(Rung::Change, "refused", Some(405), &["rate"], false),
            change(false)
        );
        assert_eq!(seen(Rung::Change, "refused", Some(503), &["rate"], false), None);
        assert_eq!(
            seen(Rung::Change, "refused", Some(401), &["rate", "class"], false),
            Some(("rate".to_owned(), false)),
            "the Class is no term"
        );
        assert_eq!(
            seen(Rung::Change, "refused", Some(401), &["rate", "filter"], false),
            None
        );
        assert_eq!(seen(Rung::Change, "silent", None, &["rate"], false), None);
        assert_eq!(
            seen(Rung::Disconnect, "acknowledged", None, &[], true),
            change(false)
        );
        assert_eq!(
            seen(Rung::Disconnect, "silent", None, &[], true),
            None,
            "it may be down"
        );
    }
}
