//! Intents that a crash has interrupted: asked again, or told why not.
//! Never touches an intent that somebody works on, here or on another node.

use std::sync::Arc;
use std::time::Duration;

use kernel::id::PartnerId;
use kernel::{Error, OpContext};
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{info, warn};

use super::exchange::failed;
use crate::app::App;
use crate::causes::Causes;
use crate::store;
use crate::store::intent::Intent;

/// An intent asked longer ago than this is not asked again after a restart: the operator has moved on.
const PICK_UP_AGE_S_MAX: i64 = 600;
/// An intent nobody here works on, and younger than this, may be another node's.
const PICK_UP_AGE_S_MIN: i64 = 45;
/// How often forgotten intents are looked for.
const PICK_UP_EVERY_S: u64 = 30;
/// Intents picked up at a time.
const PICK_UP_MAX: i64 = 200;

impl App {
    /// Looks for intents that nobody works on, at the start and from time to time, until told to stop.
    pub async fn intents_pick_up(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut age_s_min = 0;
        loop {
            match self.pick_up_once(age_s_min).await {
                Ok(()) => age_s_min = PICK_UP_AGE_S_MIN,
                Err(error) => {
                    warn!(error = %Causes(&error), "cannot look for interrupted disconnects; trying again later");
                }
            }
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(Duration::from_secs(PICK_UP_EVERY_S)) => {}
            }
        }
    }

    /// Picks up intents that a crash has interrupted.
    async fn pick_up_once(self: &Arc<Self>, age_s_min: i64) -> Result<(), Error> {
        let platform = OpContext::system("access");
        let mut tx = self.db.begin(&platform).await?;
        let asked = store::intent::intent_list_asked(&mut tx, PICK_UP_MAX).await?;
        tx.commit().await?;
        for intent in asked {
            let age_s = (OffsetDateTime::now_utc() - intent.asked_at).whole_seconds();
            if age_s >= age_s_min && self.intents.take(intent.id) {
                self.pick_up(intent, age_s).await;
            }
        }
        Ok(())
    }

    /// Asks again, or says why not.
    async fn pick_up(self: &Arc<Self>, intent: Intent, age_s: i64) {
        let partner = PartnerId::from(intent.tenant_id);
        let session = self
            .session_remembered(partner, intent.session_id)
            .filter(|session| session.is_open());
        let why_not = match session {
            _ if age_s > PICK_UP_AGE_S_MAX => {
                format!("interrupted by a restart {age_s} s ago; ask again if it still matters")
            }
            None => "interrupted by a restart, and the session is not open any more".to_owned(),
            Some(session) => match self.asking(intent.id, partner, &session) {
                Ok(asking) => {
                    info!(intent = %intent.id, nas = asking.nas, "a disconnect interrupted by a restart is asked again");
                    let app = Arc::clone(self);
                    tokio::spawn(async move { app.ask(asking).await });
                    return;
                }
                Err(error) => error.to_string(),
            },
        };
        self.intents.count("failed");
        self.outcome_store(partner, intent.id, &failed(why_not)).await;
        self.intents.leave(intent.id);
    }
}
