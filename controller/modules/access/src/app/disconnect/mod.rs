//! Ending a live session: intent, audit, Disconnect-Request, answer, proof.
//! Never takes an ACK for the end of a session: only its Accounting-Stop in the database proves it (`drain`).
//!
//! The intent is stored before the NAS is asked, so that a crash between leaves something to pick up. The exchange runs
//! in a task of its own: a caller that goes away does not stop it. What the NAS says is stored; the caller gets it if it
//! comes within `ANSWER_WAIT_MS`, and finds it in the intent otherwise.
//!
//! `way` says how the NAS is reached, `exchange` is the talk with the NAS, `pick_up` what happens to an intent that a crash interrupted, `counters`
//! what became of all of them.

mod counters;
mod exchange;
mod pick_up;
mod way;

pub use counters::IntentCounters;
pub(crate) use way::connect;

use std::sync::Arc;
use std::time::Duration;

use coa::Make;
use kernel::audit::{self, Entry};
use kernel::id::{IntentId, PartnerId, SessionId};
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use serde_json::json;
use time::OffsetDateTime;
use tracing::{info, warn};

pub(in crate::app) use self::exchange::Asking;
use self::exchange::{exchange, only_session_id};
use super::{App, system_op};
use crate::causes::Causes;
use crate::store;
use crate::store::intent::{Intent, IntentOutcome, IntentRow};

/// How long a caller waits for the NAS; the exchange goes on behind him.
const ANSWER_WAIT_MS: u64 = 4_000;
/// How often a stored outcome is tried while the database is away, and how long between.
const OUTCOME_TRIES_MAX: u32 = 60;
/// The wait between two of those tries.
const OUTCOME_WAIT_MS: u64 = 1_000;
/// An acknowledged intent without proof after this is said to be unproven.
const PROOF_OVERDUE_S: i64 = 60;

impl App {
    /// Asks the NAS of a live session to end it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a session this partner has not, [`Error::Conflict`] for one that has ended or whose NAS is
    /// gone, [`Error::Unavailable`] when the intent cannot be stored: then nothing is asked.
    pub async fn session_disconnect(
        self: &Arc<Self>,
        op: &OpContext,
        session_id: SessionId,
        reason: String,
    ) -> Result<Intent, Error> {
        let partner = op.require_partner()?;
        let session = self.session_open(op, partner, session_id).await?;
        let id = IntentId::new();
        let asking = self.asking(id, partner, &session)?;
        self.intents.take(id);
        self.intent_store(op, &asking, &session, reason)
            .await
            .map_err(|error| {
                self.intents.leave(id);
                not_stored(error)
            })?;
        let app = Arc::clone(self);
        let exchange = tokio::spawn(async move { app.ask(asking).await });
        // Over time, or over: either way the intent says how it stands.
        let _over = tokio::time::timeout(Duration::from_millis(ANSWER_WAIT_MS), exchange).await;
        self.intent_get(op, id).await
    }

    /// One intent, with what its state means by now.
    pub async fn intent_get(&self, op: &OpContext, id: IntentId) -> Result<Intent, Error> {
        let mut tx = self.db.begin(op).await?;
        let found = store::intent::intent_fetch(&mut tx, op, id).await?;
        tx.commit().await?;
        let mut intent = found.ok_or_else(|| Error::not_found("intent", id))?;
        let waited_s = (OffsetDateTime::now_utc() - intent.asked_at).whole_seconds();
        if intent.state == "acknowledged" && waited_s > PROOF_OVERDUE_S {
            intent.detail = Some(format!(
                "the NAS acknowledged {waited_s} s ago, but no Accounting-Stop has come: the session may still be up"
            ));
        }
        Ok(intent)
    }

    /// A session of this partner that is open, from memory.
    async fn session_open(
        &self,
        op: &OpContext,
        partner: PartnerId,
        id: SessionId,
    ) -> Result<Arc<Session>, Error> {
        if let Some(session) = self
            .session_remembered(partner, id)
            .filter(|session| session.is_open())
        {
            return Ok(session);
        }
        let ended = self.session_get(op, id).await?;
        let message = match (ended.stopped_at, &ended.terminate_cause) {
            (Some(at), Some(cause)) => format!("the session ended at {at} ({cause})"),
            (Some(at), None) => format!("the session ended at {at}"),
            (None, _) => {
                "the session table does not hold this session; it comes back with its next record".to_owned()
            }
        };
        Err(Error::conflict("session", message))
    }

    /// Prepares what is asked of the NAS; nothing is stored or sent yet.
    pub(in crate::app) fn asking(
        &self,
        id: IntentId,
        partner: PartnerId,
        session: &Session,
    ) -> Result<Asking, Error> {
        let nas = self.plane.directory.nas(session.nas).ok_or_else(|| {
            Error::conflict(
                "session",
                "the NAS of this session was removed; nobody can be asked to end it",
            )
        })?;
        let mut recorded = Vec::new();
        for (kind, value) in session.attributes.iter() {
            if let Ok(length) = u8::try_from(value.len() + 2) {
                recorded.extend_from_slice(&[kind, length]);
                recorded.extend_from_slice(value);
            }
        }
        let mut attributes = Vec::new();
        Make::from_type(&nas.make)
            .identification(&recorded, &mut attributes)
            .map_err(|error| Error::conflict("session", error.to_string()))?;
        Ok(Asking {
            id,
            partner,
            nas: nas.name.to_string(),
            ways: way::ways(&self.plane.downlinks, &nas, session),
            stats: Arc::clone(&nas.stats),
            attributes,
            minimal: only_session_id(&recorded),
        })
    }

    /// Stores the intent and its audit line.
    async fn intent_store(
        &self,
        op: &OpContext,
        asking: &Asking,
        session: &Session,
        reason: String,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        self.intent_store_in_tx(&mut tx, op, asking, session, reason)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The same inside a transaction of somebody else.
    pub(in crate::app) async fn intent_store_in_tx(
        &self,
        tx: &mut store::Tx,
        op: &OpContext,
        asking: &Asking,
        session: &Session,
        reason: String,
    ) -> Result<(), Error> {
        let row = IntentRow {
            id: asking.id,
            session_id: session.id.as_uuid().into(),
            nas_id: session.nas.as_uuid(),
            subscriber_id: session.subscriber.map(|subscriber| subscriber.as_uuid()),
            reason: reason.clone(),
        };
        store::intent::intent_insert(tx, op, &row).await?;
        let entry = Entry::ok("session.disconnect", "session")
            .object(session.id, session.username().unwrap_or_default())
            .reason(reason)
            .after(json!({ "intent": asking.id, "nas": asking.nas }));
        audit::record(tx, op, entry).await.map(drop)
    }

    /// Asks the NAS and stores what came of it.
    pub(in crate::app) async fn ask(&self, asking: Asking) {
        let outcome = exchange(&self.coa, &asking).await;
        self.intents.count(outcome.state);
        info!(intent = %asking.id, nas = asking.nas, state = outcome.state, attempts = outcome.attempts, "disconnect asked");
        self.outcome_store(asking.partner, asking.id, &outcome).await;
        self.intents.leave(asking.id);
    }

    /// Stores an outcome, also when the database is away for a while.
    async fn outcome_store(&self, partner: PartnerId, id: IntentId, outcome: &IntentOutcome) {
        let op = system_op(partner);
        for _ in 0..OUTCOME_TRIES_MAX {
            let stored = async {
                let mut tx = self.db.begin(&op).await?;
                store::intent::intent_outcome_put(&mut tx, &op, id, outcome).await?;
                tx.commit().await?;
                Ok::<(), Error>(())
            };
            let Err(error) = stored.await else { return };
            warn!(intent = %id, state = outcome.state, error = %Causes(&error), "the outcome of a disconnect cannot be stored yet");
            tokio::time::sleep(Duration::from_millis(OUTCOME_WAIT_MS)).await;
        }
    }
}

/// Says that nothing was sent because the intent could not be stored.
fn not_stored(error: Error) -> Error {
    match error {
        Error::Unavailable { source, .. } => Error::Unavailable {
            what: "nothing was sent to the NAS: the database does not answer, and a request to disconnect is stored \
                   before it is sent"
                .to_owned(),
            source,
        },
        other => other,
    }
}
