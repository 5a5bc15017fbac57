//! Ends the live sessions of somebody whose quota was used up or begins anew, so that he comes back as he is to be.
//! Never before the access plane knows how that is: a quick router would be back as it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::id::{IntentId, SubscriberId};
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use tracing::warn;

use crate::app::disconnect::{Asking, IntentCounters};
use crate::app::{App, plane_partner};
use crate::causes::Causes;
use crate::store::Tx;

/// Sessions of one subscriber that are ended at once, at most.
const ENDED_MAX: usize = 32;
/// How long a session is left alone until the access plane knows.
const KNOWN_WAIT_MS_MAX: u64 = 5_000;
/// The wait between two looks.
const KNOWN_LOOK_MS: u64 = 20;

/// Sessions that are to end. Dropped before it [goes](Ending::go), it lets go of their intents.
pub(super) struct Ending {
    /// Who counts intents in hand.
    intents: Arc<IntentCounters>,
    /// Whose they are.
    subscriber: radius_server::SubscriberId,
    /// What the NAS are asked.
    asking: Vec<Asking>,
}

impl App {
    /// Stores that these sessions are to end, in the transaction that says why. Asked for by [`Ending::go`].
    pub(super) async fn quota_sessions_end(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        subscriber: SubscriberId,
        sessions: &[Arc<Session>],
        reason: &str,
    ) -> Result<Ending, Error> {
        let partner = op.require_partner()?;
        let mut ending = Ending {
            intents: Arc::clone(&self.intents),
            subscriber: subscriber.as_uuid().into(),
            asking: Vec::new(),
        };
        for session in sessions.iter().take(ENDED_MAX) {
            let id = IntentId::new();
            match self.asking(id, partner, session) {
                Ok(asking) => {
                    self.intents.take(id);
                    ending.asking.push(asking);
                    if let Some(asking) = ending.asking.last() {
                        self.intent_store_in_tx(tx, op, asking, session, reason.to_owned())
                            .await?;
                    }
                }
                Err(error) => {
                    warn!(session_id = %session.id, error = %Causes(&error), "a session cannot be ended for its quota; it goes on as it is");
                }
            }
        }
        Ok(ending)
    }
}

impl Ending {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.asking.len()
    }

    /// Asks the NAS, once the access plane knows whether the quota is used up.
    pub(super) fn go(mut self, app: &Arc<App>, used_up: bool) {
        let asking = std::mem::take(&mut self.asking);
        if asking.is_empty() {
            return;
        }
        let (app, subscriber) = (Arc::clone(app), self.subscriber);
        tokio::spawn(async move {
            let (began, most) = (Instant::now(), Duration::from_millis(KNOWN_WAIT_MS_MAX));
            let partner = asking.first().map(|asking| plane_partner(asking.partner));
            let known = || {
                let partner = app.plane.directory.partner(partner?)?;
                let subscriber = partner.subscriber_by_id(subscriber)?;
                Some(subscriber.is_used_up())
            };
            while known() != Some(used_up) && began.elapsed() < most {
                tokio::time::sleep(Duration::from_millis(KNOWN_LOOK_MS)).await;
            }
            for one in asking {
                app.ask(one).await;
            }
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        for asking in &self.asking {
            self.intents.leave(asking.id);
        }
    }
}
