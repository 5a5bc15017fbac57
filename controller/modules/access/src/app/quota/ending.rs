//! Ends the live sessions of somebody whose quota was used up or begins anew, so that he comes back as he is to be.
//! Never before the access plane knows how that is: a quick router would be back as it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::id::{PartnerId, SubscriberId};
use kernel::{Error, OpContext};
use radius_server::sessions::Session;
use tracing::warn;

use crate::app::intent::{Begun, Verb, Wanted};
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
    /// Of which partner.
    partner: PartnerId,
    /// Whose they are.
    subscriber: radius_server::SubscriberId,
    /// What the NAS are asked.
    begun: Vec<Begun>,
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
            partner,
            subscriber: subscriber.as_uuid().into(),
            begun: Vec::new(),
        };
        let wanted = Wanted::just(Verb::Disconnect);
        for session in sessions.iter().take(ENDED_MAX) {
            match self
                .intent_begin_in_tx(tx, op, session, &wanted, reason.to_owned())
                .await
            {
                Ok(begun) => ending.begun.push(begun),
                Err(error @ Error::Conflict { .. }) => {
                    warn!(session_id = %session.id, error = %Causes(&error), "a session cannot be ended for its quota; it goes on as it is");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ending)
    }
}

impl Ending {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.begun.len()
    }

    /// Asks the NAS, once the access plane knows whether the quota is used up.
    pub(super) fn go(self, app: &Arc<App>, used_up: bool) {
        if self.begun.is_empty() {
            return;
        }
        let app = Arc::clone(app);
        tokio::spawn(async move {
            let (began, most) = (Instant::now(), Duration::from_millis(KNOWN_WAIT_MS_MAX));
            let known = || {
                let partner = app.plane.directory.partner(plane_partner(self.partner))?;
                let subscriber = partner.subscriber_by_id(self.subscriber)?;
                Some(subscriber.is_used_up())
            };
            while known() != Some(used_up) && began.elapsed() < most {
                tokio::time::sleep(Duration::from_millis(KNOWN_LOOK_MS)).await;
            }
            for one in self.begun {
                // It goes on by itself; the intent says how it stands.
                drop(one.go(&app));
            }
        });
    }
}
