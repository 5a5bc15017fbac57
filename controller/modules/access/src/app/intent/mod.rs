//! What is wanted of a live session: intent, audit, request, answer, proof.
//! Never takes an ACK for more than a claim: only accounting proves something, a Stop (`drain`) or what a session that goes on
//! reports ([`watch`]).
//!
//! The intent is stored before the NAS is asked, so that a crash between leaves something to pick up. What becomes of it is
//! decided by [`coa::intent`]; what is stored after every step is all there is to know. The exchange runs in a task of its own: a
//! caller that goes away does not stop it. What the NAS says is stored; the caller gets it if it comes within
//! `ANSWER_WAIT_MS`, and finds it in the intent otherwise.
//!
//! `run` climbs the rungs, `exchange` is the talk with the NAS, `way` says how it is reached, [`watch`] looks for proofs and
//! picks up what a crash interrupted, [`capability`] is what is known of a NAS, [`policy`] what a partner wants done when a session
//! does not change, `by_itself` what events ask for; `counters` what became of all of them.

mod by_itself;
pub mod capability;
mod counters;
mod exchange;
pub mod policy;
mod run;
pub mod watch;
mod way;

pub use by_itself::ByItself;
pub use counters::{IntentCounters, ProofTimes};
pub(crate) use way::connect;

use std::sync::Arc;
use std::time::Duration;

use coa::Rung;
use kernel::audit::{self, Entry};
use kernel::id::{IntentId, PartnerId, SessionId};
use kernel::{Error, OpContext};
use radius_server::authorization::change::{SERVICE_OCTETS_MAX, Shape, Towards, service};
use radius_server::sessions::Session;
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::App;
use crate::store::intent::{Intent, IntentFilter, IntentRow};
use crate::store::{self, Listed, Window};

/// How long a caller waits for the NAS; the exchange goes on behind him.
const ANSWER_WAIT_MS: u64 = 4_000;

/// What somebody wants of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// That it ends.
    Disconnect,
    /// That it gets what a login now would get.
    Reshape,
    /// That it goes into the garden, whatever a login now would get.
    Garden,
    /// That a service of the NAS is started for it.
    Activate,
    /// That one is stopped.
    Deactivate,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 5] = [
        Self::Disconnect,
        Self::Reshape,
        Self::Garden,
        Self::Activate,
        Self::Deactivate,
    ];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Reshape => "reshape",
            Self::Garden => "garden",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
        }
    }

    /// The verb of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }

    /// The act as the audit calls it.
    const fn act(self) -> &'static str {
        match self {
            Self::Disconnect => "session.disconnect",
            Self::Reshape => "session.reshape",
            Self::Garden => "session.garden",
            Self::Activate => "session.service_activate",
            Self::Deactivate => "session.service_deactivate",
        }
    }

    /// Where it begins.
    const fn rung(self) -> Rung {
        match self {
            Self::Disconnect => Rung::Disconnect,
            _ => Rung::Change,
        }
    }
}

/// What somebody wants, with what belongs to it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What.
    pub verb: Verb,
    /// The service that is started or stopped.
    pub service: Option<String>,
    /// The session was let into the garden, and that has to be taken back.
    pub in_garden: bool,
    /// Of which bulk it is a part.
    pub bulk: Option<kernel::id::SessionBulkId>,
}

impl Wanted {
    /// A verb that needs nothing beside it.
    #[must_use]
    pub const fn just(verb: Verb) -> Self {
        Self {
            verb,
            service: None,
            in_garden: false,
            bulk: None,
        }
    }
}

/// An intent in hand.
#[derive(Debug, Clone)]
pub(in crate::app) struct Asking {
    /// Which.
    pub id: IntentId,
    /// Whose.
    pub partner: PartnerId,
    /// About which session.
    pub session: radius_server::SessionId,
}

/// An intent that is stored in a transaction that is not over yet. Dropped before it [goes](Begun::go), it is let go of.
pub(in crate::app) struct Begun {
    /// Which intent.
    id: IntentId,
    /// What is asked.
    asking: Option<Asking>,
    /// Who counts intents in hand.
    counters: Arc<IntentCounters>,
}

impl Begun {
    /// Which intent.
    pub(in crate::app) fn id(&self) -> IntentId {
        self.id
    }

    /// Asks, once the transaction is committed.
    pub(in crate::app) fn go(mut self, app: &Arc<App>) -> Option<JoinHandle<()>> {
        let asking = self.asking.take()?;
        Some(tokio::spawn(Arc::clone(app).ask(asking)))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            self.counters.leave(asking.id);
        }
    }
}

impl App {
    /// Wants the end of a live session.
    ///
    /// # Errors
    /// As [`Self::session_want`].
    pub async fn session_disconnect(
        self: &Arc<Self>,
        op: &OpContext,
        session_id: SessionId,
        reason: String,
    ) -> Result<Intent, Error> {
        self.session_want(op, session_id, &Wanted::just(Verb::Disconnect), reason)
            .await
    }

    /// Wants something of a live session.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a session this partner has not, [`Error::Conflict`] for one that has ended, whose NAS is gone, or
    /// of which this cannot be had; [`Error::Unavailable`] when the intent cannot be stored: then nothing is asked.
    pub async fn session_want(
        self: &Arc<Self>,
        op: &OpContext,
        session_id: SessionId,
        wanted: &Wanted,
        reason: String,
    ) -> Result<Intent, Error> {
        let partner = op.require_partner()?;
        let session = self.session_open(op, partner, session_id).await?;
        let stored = async {
            let mut tx = self.db.begin(op).await?;
            let begun = self
                .intent_begin_in_tx(&mut tx, op, &session, wanted, reason)
                .await?;
            tx.commit().await?;
            Ok::<_, Error>(begun)
        };
        let begun = stored.await.map_err(not_stored)?;
        let id = begun.id();
        if let Some(asked) = begun.go(self) {
            // Over time, or over: either way the intent says how it stands.
            let _over = tokio::time::timeout(Duration::from_millis(ANSWER_WAIT_MS), asked).await;
        }
        self.intent_get(op, id).await
    }

    /// Stores an intent and its audit line in somebody's transaction; asked when that is committed.
    ///
    /// # Errors
    /// As [`Self::session_want`].
    pub(in crate::app) async fn intent_begin_in_tx(
        &self,
        tx: &mut store::Tx,
        op: &OpContext,
        session: &Session,
        wanted: &Wanted,
        reason: String,
    ) -> Result<Begun, Error> {
        let partner = op.require_partner()?;
        let nas = self.plane.directory.nas(session.nas).ok_or_else(|| {
            Error::conflict(
                "session",
                "the NAS of this session was removed; nobody can be asked about it",
            )
        })?;
        // What names it is looked for here already: a session that cannot be named is not worth an intent.
        let _named = self.named(session, &nas)?;
        self.obtainable(session, &nas, wanted)?;
        let if_refused = match wanted.verb {
            // Who has service again is not left in the garden.
            Verb::Reshape if wanted.in_garden => policy::DISCONNECT,
            Verb::Reshape => policy::if_refused(tx, op).await?,
            // Who is ended does not come back with any of these.
            _ => policy::OPERATOR,
        };
        let row = IntentRow {
            id: IntentId::new(),
            session_id: session.id.as_uuid().into(),
            nas_id: session.nas.as_uuid(),
            subscriber_id: session.subscriber.map(|subscriber| subscriber.as_uuid()),
            verb: wanted.verb.as_str(),
            service: wanted.service.clone(),
            in_garden: wanted.in_garden,
            reason: reason.clone(),
            rung: wanted.verb.rung(),
            if_refused,
            make: nas.dialect.as_str(),
            bulk_id: wanted.bulk.map(|bulk| bulk.as_uuid()),
        };
        store::intent::intent_insert(tx, op, &row).await?;
        let entry = Entry::ok(wanted.verb.act(), "session")
            .object(session.id, session.username().unwrap_or_default())
            .reason(reason)
            .after(json!({ "intent": row.id, "nas": nas.name.to_string(), "service": wanted.service }));
        audit::record(tx, op, entry).await?;
        self.intents.take(row.id);
        Ok(Begun {
            id: row.id,
            asking: Some(Asking {
                id: row.id,
                partner,
                session: session.id,
            }),
            counters: Arc::clone(&self.intents),
        })
    }

    /// Refuses what cannot be had of a session.
    fn obtainable(
        &self,
        session: &Session,
        nas: &radius_server::directory::Nas,
        wanted: &Wanted,
    ) -> Result<(), Error> {
        let conflict = |message: String| Err(Error::conflict("session", message));
        match wanted.verb {
            Verb::Disconnect => Ok(()),
            Verb::Reshape if session.subscriber.is_none() => {
                conflict("nobody of this partner is known to have this session, so nothing can be said of what he gets".into())
            }
            Verb::Reshape => Ok(()),
            Verb::Garden => match self.shape(session, nas, Towards::Garden, false, &capability::nothing()) {
                Some(Shape::Live(_)) => Ok(()),
                Some(Shape::Anew(why)) => conflict(why.to_string()),
                None => conflict("the partner has no garden that keeps somebody in behind this NAS".to_owned()),
            },
            Verb::Activate | Verb::Deactivate => {
                let name = wanted.service.as_deref().unwrap_or_default();
                if name.is_empty() || name.len() > SERVICE_OCTETS_MAX || name.chars().any(char::is_control) {
                    let why = format!("must have 1 to {SERVICE_OCTETS_MAX} octets and no control characters");
                    return Err(Error::invalid("/service", why));
                }
                if service(nas.dialect, name, true).is_none() {
                    return conflict(format!(
                        "NAS of this make ({}) have no services that start and stop by name",
                        nas.dialect.as_str()
                    ));
                }
                Ok(())
            }
        }
    }

    /// One intent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn intent_get(&self, op: &OpContext, id: IntentId) -> Result<Intent, Error> {
        let mut tx = self.db.begin(op).await?;
        let found = store::intent::intent_fetch(&mut tx, op, id).await?;
        tx.commit().await?;
        found.map(in_words).ok_or_else(|| Error::not_found("intent", id))
    }

    /// Intents of this partner, the newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn intent_list(
        &self,
        op: &OpContext,
        filter: &IntentFilter,
        window: Window,
    ) -> Result<Listed<Intent>, Error> {
        let mut tx = self.db.begin(op).await?;
        let Listed { rows, total } = store::intent::intent_list(&mut tx, op, filter, window).await?;
        tx.commit().await?;
        let rows = rows.into_iter().map(in_words).collect();
        Ok(Listed { rows, total })
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
}

/// An intent with what its state means by now.
fn in_words(mut intent: Intent) -> Intent {
    let waited_s = (OffsetDateTime::now_utc() - intent.asked_at).whole_seconds();
    let claimed = intent.state == "acknowledged" && intent.detail.is_none();
    if claimed && intent.rung == Rung::Change.as_str() && intent.over {
        intent.detail = Some(
            "the NAS acknowledged the change; it reports nothing that would show whether it was made"
                .to_owned(),
        );
    } else if claimed && intent.rung != Rung::Change.as_str() && waited_s > watch::END_PROOF_S {
        intent.detail = Some(format!(
            "the NAS acknowledged {waited_s} s ago, but no Accounting-Stop has come: the session may still be up"
        ));
    }
    intent
}

/// Says that nothing was sent because the intent could not be stored.
fn not_stored(error: Error) -> Error {
    match error {
        Error::Unavailable { source, .. } => Error::Unavailable {
            what: "nothing was sent to the NAS: the database does not answer, and what is asked of a NAS is stored before it is \
                   asked"
                .to_owned(),
            source,
        },
        other => other,
    }
}
