//! Looking after intents: for what shows that a NAS did what it said, or did not, and for those that nobody works on.
//! Never touches an intent that somebody works on, here or on another node, and never asks a NAS itself.
//!
//! What shows it is in the session table, which holds only what is durable; so it is looked for there, and a `kill -9` between two
//! looks changes nothing. That a session has ended is the drain's to say.

use std::sync::Arc;
use std::time::Duration;

use coa::{Act, Heard, Rung, Standing, State};
use kernel::id::{IntentId, PartnerId};
use kernel::{Error, OpContext};
use radius::attribute::kind;
use radius_server::DecisionId;
use radius_server::class;
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{info, warn};

use super::exchange::failed;
use super::{Asking, capability, policy, run};
use crate::app::{App, system_op};
use crate::causes::Causes;
use crate::store;
use crate::store::intent::{Intent, Proof};

/// How long an Accounting-Stop is waited for.
pub const END_PROOF_S: i64 = 60;
/// How long a record that shows a change is waited for: two reports of a session that reports every quarter of an hour.
pub const CHANGE_PROOF_S: i64 = 2_000;
/// A record sent within this after the answer is too young to say anything about it: a NAS answers first and acts then.
const GRACE_S: i64 = 5;
/// Somebody's wish to end a session, asked longer ago than this, is not asked again after a restart: he has moved on.
const PICK_UP_AGE_S_MAX: i64 = 600;
/// An intent nobody here works on, and younger than this, may be another node's.
const PICK_UP_AGE_S_MIN: i64 = 45;
/// How often intents are looked at.
const WATCH_EVERY_MS: u64 = 2_000;
/// Intents looked at in one go.
const WATCHED_MAX: i64 = 20_000;

/// What a look at the session table shows.
struct Look {
    /// What it means.
    heard: Heard,
    /// By what.
    evidence: Option<&'static str>,
    /// In words.
    detail: Option<String>,
}

impl App {
    /// Looks after intents, at the start and then all the time, until told to stop.
    pub async fn intents_watch(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let (mut age_s_min, mut away) = (0, false);
        loop {
            match self.watch_once(age_s_min).await {
                Ok(()) => (age_s_min, away) = (PICK_UP_AGE_S_MIN, false),
                Err(error) if !away => {
                    away = true;
                    warn!(error = %Causes(&error), "cannot look after intents; trying again");
                }
                Err(_) => {}
            }
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = self.woken.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(WATCH_EVERY_MS)) => {}
            }
        }
    }

    /// Looks at every intent about which something is still to be done.
    async fn watch_once(self: &Arc<Self>, age_s_min: i64) -> Result<(), Error> {
        let platform = OpContext::system("access");
        let mut tx = self.db.begin(&platform).await?;
        let watched = store::intent::intent_list_watched(&mut tx, WATCHED_MAX).await?;
        tx.commit().await?;
        for intent in watched {
            let age_s = (OffsetDateTime::now_utc() - intent.asked_at).whole_seconds();
            match intent.standing() {
                Some(Standing {
                    state: State::Asked, ..
                }) => self.pick_up(&intent, age_s, age_s_min).await,
                Some(standing) => self.look_after(&intent, standing).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Asks what nobody works on, or says why not.
    async fn pick_up(self: &Arc<Self>, intent: &Intent, age_s: i64, age_s_min: i64) {
        let partner = PartnerId::from(intent.tenant_id);
        let session = self
            .session_remembered(partner, intent.session_id)
            .filter(|session| session.is_open());
        // What an event asked for is nobody's yet; whoever has the session takes it.
        let mine = intent.by_itself() && session.is_some();
        if !mine && age_s < age_s_min || !self.intents.take(intent.id) {
            return;
        }
        let why_not = match session {
            _ if age_s > PICK_UP_AGE_S_MAX && !intent.by_itself() => {
                format!("interrupted by a restart {age_s} s ago; ask again if it still matters")
            }
            None => "interrupted by a restart, and the session is not open any more".to_owned(),
            Some(session) => {
                if age_s_min == 0 {
                    info!(intent = %intent.id, "an intent interrupted by a restart is asked again");
                }
                self.go(intent.id, partner, session.id);
                return;
            }
        };
        self.intents.count("failed");
        let (rung, over) = (Rung::of(&intent.rung).unwrap_or(Rung::Disconnect), true);
        let to = Standing {
            state: State::Asked,
            rung,
            over,
        };
        self.answer_store(partner, intent.id, rung, to, &failed(why_not))
            .await;
        self.intents.leave(intent.id);
    }

    /// Has an intent asked that was taken in hand.
    fn go(self: &Arc<Self>, id: IntentId, partner: PartnerId, session: radius_server::SessionId) {
        tokio::spawn(Arc::clone(self).ask(Asking { id, partner, session }));
    }

    /// Looks for what shows that an acknowledged intent was carried out, or was not.
    async fn look_after(self: &Arc<Self>, intent: &Intent, from: Standing) -> Result<(), Error> {
        let partner = PartnerId::from(intent.tenant_id);
        let op = system_op(partner);
        let Some(look) = self.look(&op, intent, from).await? else {
            return Ok(());
        };
        let mut to = from;
        let act = to.hear(look.heard, policy::read(&intent.if_refused));
        if act == Act::Nothing {
            return Ok(());
        }
        let mut tx = self.db.begin(&op).await?;
        let (evidence, detail) = (look.evidence, look.detail.as_deref());
        let moved =
            store::intent::intent_hear_put(&mut tx, &op, intent.id, from, to, evidence, detail).await?;
        tx.commit().await?;
        if !moved {
            return Ok(());
        }
        info!(intent = %intent.id, state = to.state.as_str(), rung = to.rung.as_str(), ?evidence, "an intent moved on");
        self.tally(&op, intent, from, to, look.heard).await;
        if act == Act::Ask && self.intents.take(intent.id) {
            self.go(intent.id, partner, intent.session_id.as_uuid().into());
        }
        Ok(())
    }

    /// Counts what was seen, and remembers of the NAS what it shows.
    async fn tally(&self, op: &OpContext, intent: &Intent, from: Standing, to: Standing, heard: Heard) {
        if to.rung == Rung::Operator {
            self.intents
                .operator
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        let nas = intent.nas_id.into();
        let by = |seen: &str| format!("{seen}, intent {}", intent.id);
        match (heard, from.rung) {
            (Heard::Shown, _) => {
                let waited = OffsetDateTime::now_utc() - intent.asked_at;
                let make = self.plane.directory.nas(intent.nas_id.into());
                self.intents.proofs.add(&Proof {
                    make: make.map_or_else(String::new, |nas| nas.make.to_string()),
                    waited_ms: i64::try_from(waited.whole_milliseconds()).unwrap_or(i64::MAX),
                });
                let evidence = by("a report came with the Class of the change");
                self.capability_learn(op, nas, capability::CLASS, true, &evidence)
                    .await;
            }
            (Heard::Unchanged, Rung::Disconnect) => {
                self.intents.count("contradicted");
                let evidence = by("it acknowledged, and the session went on");
                self.capability_learn(op, nas, capability::DISCONNECT, false, &evidence)
                    .await;
            }
            (Heard::Unchanged, _) => self.intents.count("contradicted"),
            (Heard::NoWord, Rung::Change) if intent.told.iter().any(|word| word == run::CLASS) => {
                let evidence = by("it acknowledged, and no report came with the Class of the change");
                self.capability_learn(op, nas, capability::CLASS, false, &evidence)
                    .await;
            }
            _ => {}
        }
    }

    /// What the session table shows of an acknowledged intent; `None`: nothing yet.
    async fn look(&self, op: &OpContext, intent: &Intent, standing: Standing) -> Result<Option<Look>, Error> {
        let answered = intent.answered_at.unwrap_or(intent.asked_at);
        let waited_s = (OffsetDateTime::now_utc() - answered).whole_seconds();
        let patience_s = if standing.rung == Rung::Change {
            CHANGE_PROOF_S
        } else {
            END_PROOF_S
        };
        let no_word = (waited_s > patience_s).then_some(Look {
            heard: Heard::NoWord,
            evidence: None,
            detail: None,
        });
        let session = self.session_remembered(PartnerId::from(intent.tenant_id), intent.session_id);
        let Some(session) = session.filter(|session| session.is_open()) else {
            return Ok(no_word);
        };
        let newer = class::head(DecisionId::from_uuid(intent.id.as_uuid()));
        if session
            .attribute(kind::CLASS)
            .is_some_and(|class| class.starts_with(&newer))
        {
            return Ok(Some(Look {
                heard: Heard::Shown,
                evidence: Some("class"),
                detail: None,
            }));
        }
        if session.last_heard_unix_s <= answered.unix_timestamp() + GRACE_S {
            return Ok(no_word);
        }
        let reported_s = session.last_heard_unix_s - answered.unix_timestamp();
        let goes_on = |detail: String| {
            Some(Look {
                heard: Heard::Unchanged,
                evidence: Some("goes_on"),
                detail: Some(detail),
            })
        };
        if standing.rung == Rung::Disconnect {
            return Ok(goes_on(format!(
                "the NAS acknowledged, and {reported_s} s later the session went on: it is still up"
            )));
        }
        let told = intent.told.iter().any(|word| word == run::CLASS);
        if told && self.shows_changes(op, intent.nas_id.into()).await? == Some(true) {
            return Ok(goes_on(format!(
                "the NAS acknowledged, and {reported_s} s later the session went on as before the change"
            )));
        }
        Ok(no_word)
    }
}
