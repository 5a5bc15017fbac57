//! An intent on its way up the rungs: asked when its session's turn has come, heard, stored, and asked on the next rung when that
//! is what follows.
//! Never decides what follows ([`coa::intent`] does) and never waits for a proof ([`super::watch`] does).

use std::sync::Arc;
use std::time::{Duration, Instant};

use coa::turns::Turn;
use coa::{Act, Make as CoaMake, Rung, Standing, State, Verb as CoaVerb};
use kernel::id::{IntentId, PartnerId};
use kernel::{Error, OpContext};
use radius::attribute::kind;
use radius_server::DecisionId;
use radius_server::authorization::change::{Anew, Learned, Shape, Towards, service, shape};
use radius_server::class;
use radius_server::directory::Nas;
use radius_server::sessions::Session;
use tracing::{info, warn};

use super::exchange::{Question, exchange, failed, heard, only_session_id};
use super::{Asking, Verb, capability, policy, way};
use crate::app::{App, system_op, unix_now_s};
use crate::causes::Causes;
use crate::store;
use crate::store::intent::{Intent, IntentOutcome};

/// How often a stored outcome is tried while the database is away, and how long between.
const OUTCOME_TRIES_MAX: u32 = 60;
/// The wait between two of those tries.
const OUTCOME_WAIT_MS: u64 = 1_000;
/// How long the access plane is waited for to know what has changed.
const KNOWN_WAIT_MS_MAX: u64 = 5_000;
/// The wait between two looks.
const KNOWN_LOOK_MS: u64 = 20;
/// The word for the Class among what a session was told.
pub(super) const CLASS: &str = "class";

/// What names a session to its NAS.
pub(super) struct Named {
    /// All that this make wants to hear.
    naming: Vec<u8>,
    /// Its Acct-Session-Id alone.
    minimal: Vec<u8>,
}

/// What a session is told.
#[derive(Default)]
struct Told {
    /// Encoded.
    octets: Vec<u8>,
    /// In the words of a plan.
    said: Vec<String>,
    /// What comes with the next login only.
    left_out: Vec<String>,
}

/// Why a rung is passed over.
enum Passed {
    /// It has to end for that.
    Anew(Anew),
    /// It cannot be asked at all.
    Never(String),
}

impl App {
    /// Asks, or waits for the turn of the session and is asked then, or has something newer asked in its place.
    pub(in crate::app) async fn ask(self: Arc<Self>, asking: Asking) {
        let mut next = match self.intents.turn(asking) {
            Turn::Now(asking) => Some(asking),
            Turn::Waits(displaced) => {
                if let Some(displaced) = displaced {
                    self.intents.leave(displaced.id);
                }
                None
            }
        };
        while let Some(asking) = next {
            if let Err(error) = self.pursue(&asking).await {
                warn!(intent = %asking.id, error = %Causes(&error), "an intent cannot be pursued now; it is picked up later");
            }
            self.intents.leave(asking.id);
            next = self.intents.turn_over(asking.session);
        }
    }

    /// Climbs until there is something to wait for, or nothing more to do.
    async fn pursue(&self, asking: &Asking) -> Result<(), Error> {
        let op = system_op(asking.partner);
        let mut tx = self.db.begin(&op).await?;
        let found = store::intent::intent_fetch(&mut tx, &op, asking.id).await?;
        let Some(intent) = found else { return Ok(()) };
        let learned = capability::learned(&mut tx, &op, intent.nas_id.into()).await?;
        let newest = store::change::change_newest(&mut tx).await?;
        tx.commit().await?;
        let (Some(mut standing), Some(verb)) = (intent.standing(), Verb::of(&intent.verb)) else {
            return Ok(());
        };
        if standing.rung == Rung::Change && !self.knows(newest).await {
            let source = "the access plane has not been fed what changed, yet".into();
            return Err(Error::Unavailable {
                what: "the access plane is behind the database".to_owned(),
                source,
            });
        }
        let if_refused = policy::read(&intent.if_refused);
        let mut deaf = false;
        while standing.state == State::Asked && !standing.over {
            let rung = standing.rung;
            let outcome = match self.question(asking, &intent, verb, rung, &learned) {
                Ok((question, told)) => {
                    let mut outcome = exchange(&self.coa, &question).await;
                    (outcome.told, outcome.left_out) = (told.said, told.left_out);
                    info!(
                        intent = %asking.id, nas = question.nas, verb = intent.verb, rung = rung.as_str(),
                        state = outcome.state, attempts = outcome.attempts, "a NAS was asked about a session"
                    );
                    outcome
                }
                Err(Passed::Anew(why)) if intent.if_refused != policy::OPERATOR => IntentOutcome {
                    state: "passed_over",
                    detail: Some(why.to_string()),
                    ..IntentOutcome::default()
                },
                Err(Passed::Anew(why)) => {
                    failed(format!("{why}; it is not ended, for the partner wants it so"))
                }
                Err(Passed::Never(why)) => failed(why),
            };
            let act = match outcome.state {
                "passed_over" => {
                    standing = Standing::begun(Rung::Disconnect);
                    Act::Ask
                }
                "failed" => {
                    standing.over = true;
                    Act::Rest
                }
                _ => standing.hear(heard(&outcome), if_refused),
            };
            if outcome.state != "passed_over" {
                self.intents.count(outcome.state);
            }
            let Some(now) = self
                .answer_store(asking.partner, asking.id, rung, standing, &outcome)
                .await
            else {
                return Ok(());
            };
            self.learn(&op, &intent, rung, &outcome, &mut deaf).await;
            if standing.rung == Rung::Operator {
                self.intents
                    .operator
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            if act != Act::Ask || now != standing {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until the access plane knows every change up to this one: what a session is told comes from there.
    async fn knows(&self, newest: i64) -> bool {
        let (began, most) = (Instant::now(), Duration::from_millis(KNOWN_WAIT_MS_MAX));
        let newest = u64::try_from(newest).unwrap_or(0);
        while self.plane.directory.version() < newest {
            if began.elapsed() > most {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(KNOWN_LOOK_MS)).await;
        }
        true
    }

    /// What a NAS is asked on a rung.
    fn question(
        &self,
        asking: &Asking,
        intent: &Intent,
        verb: Verb,
        rung: Rung,
        learned: &Learned,
    ) -> Result<(Question, Told), Passed> {
        let partner = crate::app::plane_partner(asking.partner);
        let session = self
            .plane
            .sessions
            .get(asking.session)
            .filter(|session| session.is_open() && session.partner == partner)
            .ok_or_else(|| {
                Passed::Never(
                    "the session is not open any more, or not known to this node after a restart".to_owned(),
                )
            })?;
        let nas = self
            .plane
            .directory
            .nas(session.nas)
            .ok_or_else(|| Passed::Never("the NAS of the session was removed".to_owned()))?;
        let Named { naming, minimal } = self
            .named(&session, &nas)
            .map_err(|error| Passed::Never(error.to_string()))?;
        let told = match rung {
            Rung::Change => self.told(intent, verb, &session, &nas, learned)?,
            Rung::Disconnect | Rung::Operator => Told::default(),
        };
        let question = Question {
            nas: nas.name.to_string(),
            ways: way::ways(&self.plane.downlinks, &nas, &session),
            stats: Arc::clone(&nas.stats),
            verb: match rung {
                Rung::Change => CoaVerb::Change,
                Rung::Disconnect | Rung::Operator => CoaVerb::Disconnect,
            },
            naming,
            minimal,
            change: told.octets.clone(),
        };
        Ok((question, told))
    }

    /// What the session is told as it goes on.
    fn told(
        &self,
        intent: &Intent,
        verb: Verb,
        session: &Session,
        nas: &Nas,
        learned: &Learned,
    ) -> Result<Told, Passed> {
        let never = |why: &str| Passed::Never(why.to_owned());
        let mut told = Told::default();
        let mut takes_class = true;
        match verb {
            Verb::Activate | Verb::Deactivate => {
                let name = intent.service.as_deref().unwrap_or_default();
                told.octets = service(nas.dialect, name, verb == Verb::Activate)
                    .ok_or_else(|| never("NAS of this make have no services that start and stop by name"))?;
                told.said.push("service".to_owned());
            }
            Verb::Reshape | Verb::Garden => {
                let towards = if verb == Verb::Garden {
                    Towards::Garden
                } else {
                    Towards::Now
                };
                let change = match self.shape(session, nas, towards, intent.in_garden, learned) {
                    Some(Shape::Live(change)) => change,
                    Some(Shape::Anew(why)) if verb == Verb::Garden => {
                        return Err(Passed::Never(why.to_string()));
                    }
                    Some(Shape::Anew(why)) => return Err(Passed::Anew(why)),
                    None => {
                        return Err(never(
                            "there is no garden to go into, or nobody is known to have this session",
                        ));
                    }
                };
                takes_class = change.takes_class;
                told.octets = change.octets;
                told.said = change.said.iter().map(|term| term.as_str().to_owned()).collect();
                told.left_out = change
                    .left_out
                    .iter()
                    .map(|term| term.as_str().to_owned())
                    .collect();
            }
            Verb::Disconnect => {}
        }
        // By its return in accounting it is seen that the change was made.
        let newer = DecisionId::from_uuid(intent.id.as_uuid());
        let renewed = session
            .attribute(kind::CLASS)
            .and_then(|class| class::renewed(class, newer));
        if let Some(class) = renewed.filter(|_| takes_class) {
            told.octets.push(kind::CLASS);
            told.octets.push(u8::try_from(class.len() + 2).unwrap_or(u8::MAX));
            told.octets.extend_from_slice(&class);
            told.said.push(CLASS.to_owned());
        }
        Ok(told)
    }

    /// What a session becomes that is to get what a login now would get, or the garden; `None`: nobody of the partner is known to
    /// have it, or there is no garden.
    pub(super) fn shape(
        &self,
        session: &Session,
        nas: &Nas,
        towards: Towards,
        in_garden: bool,
        learned: &Learned,
    ) -> Option<Shape> {
        let subscriber = nas.partner.subscriber_by_id(session.subscriber?)?;
        shape(nas, &subscriber, towards, in_garden, learned, unix_now_s())
    }

    /// What names a session to its NAS.
    pub(super) fn named(&self, session: &Session, nas: &Nas) -> Result<Named, Error> {
        let mut recorded = Vec::new();
        for (kind, value) in session.attributes.iter() {
            if let Ok(length) = u8::try_from(value.len() + 2) {
                recorded.extend_from_slice(&[kind, length]);
                recorded.extend_from_slice(value);
            }
        }
        let mut naming = Vec::new();
        CoaMake::from_type(&nas.make)
            .identification(&recorded, &mut naming)
            .map_err(|error| Error::conflict("session", error.to_string()))?;
        Ok(Named {
            naming,
            minimal: only_session_id(&recorded),
        })
    }

    /// Remembers of a NAS what an answer shows.
    async fn learn(
        &self,
        op: &OpContext,
        intent: &Intent,
        rung: Rung,
        outcome: &IntentOutcome,
        deaf: &mut bool,
    ) {
        let seen = capability::shown_by(rung, outcome, *deaf);
        *deaf = rung == Rung::Change && outcome.state == "silent";
        let Some((what, holds)) = seen else { return };
        let evidence = format!(
            "{} to a {} of intent {}{}",
            outcome.state,
            if rung == Rung::Change {
                "CoA-Request"
            } else {
                "Disconnect-Request"
            },
            intent.id,
            outcome
                .error_cause
                .map_or_else(String::new, |cause| format!(", Error-Cause {cause}")),
        );
        self.capability_learn(op, intent.nas_id.into(), &what, holds, &evidence)
            .await;
    }

    /// Stores an answer, also when the database is away for a while; how the intent stands then.
    pub(super) async fn answer_store(
        &self,
        partner: PartnerId,
        id: IntentId,
        rung: Rung,
        to: Standing,
        outcome: &IntentOutcome,
    ) -> Option<Standing> {
        let op = system_op(partner);
        for _ in 0..OUTCOME_TRIES_MAX {
            let stored = async {
                let mut tx = self.db.begin(&op).await?;
                let now = store::intent::intent_answer_put(&mut tx, &op, id, rung, to, outcome).await?;
                tx.commit().await?;
                Ok::<_, Error>(now)
            };
            match stored.await {
                Ok(now) => return now,
                Err(error) => {
                    warn!(intent = %id, state = outcome.state, error = %Causes(&error), "what a NAS said cannot be stored yet");
                }
            }
            tokio::time::sleep(Duration::from_millis(OUTCOME_WAIT_MS)).await;
        }
        None
    }
}
