//! Bulks on their way: every second so many sessions of each get their intent, in the transaction that notes so.
//! Never asks for a session twice: what a crash interrupts is neither noted nor stored, or both.

use std::sync::Arc;
use std::time::Duration;

use kernel::id::PartnerId;
use kernel::{Error, OpContext};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::app::App;
use crate::app::intent::{Verb, Wanted};
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::bulk::{self as rows, Bulk};

/// How often sessions are asked for.
const EVERY: Duration = Duration::from_secs(1);
/// Bulks that go on at the same time, at most; later ones wait.
const RUNNING_MAX: i64 = 16;

impl App {
    /// Carries bulks on until told to stop.
    pub async fn bulks_run(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut backoff = Backoff::default();
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                _ = every.tick() => {}
            }
            match self.bulks_carry().await {
                Ok(0) => {
                    backoff.succeeded();
                    // Nothing goes on: no query until something is begun, and now and then for what another node began.
                    tokio::select! {
                        _ = shutdown.wait_for(|stop| *stop) => return,
                        () = self.bulks_woken.notified() => {}
                        () = tokio::time::sleep(EVERY * 10) => {}
                    }
                }
                Ok(_) => {
                    backoff.succeeded();
                }
                Err(error) => {
                    backoff.failed();
                    if backoff.worth_a_line() {
                        warn!(error = %Causes(&error), "bulks of sessions cannot go on now; trying again");
                    }
                }
            }
        }
    }

    /// Asks for the next sessions of every bulk that goes on; how many do.
    async fn bulks_carry(self: &Arc<Self>) -> Result<usize, Error> {
        let mut tx = self.db.begin(&OpContext::system("session-bulks")).await?;
        let running = rows::bulk_list_running(&mut tx, RUNNING_MAX).await?;
        tx.commit().await?;
        for bulk in &running {
            self.bulk_carry(bulk).await?;
        }
        Ok(running.len())
    }

    /// Asks for the next sessions of a bulk.
    async fn bulk_carry(self: &Arc<Self>, bulk: &Bulk) -> Result<(), Error> {
        let partner = PartnerId::from(bulk.tenant_id);
        let mut op = OpContext::system("session-bulk").in_partner(partner);
        // In the name of who began it: it is his doing, session by session.
        op.actor.id = bulk.created_by;
        op.actor.name.clone_from(&bulk.created_by_name);
        let mut tx = self.db.begin(&op).await?;
        if !rows::bulk_hold(&mut tx, &op, bulk.id).await? {
            return Ok(());
        }
        let verb = Verb::of(&bulk.verb).unwrap_or(Verb::Disconnect);
        let wanted = Wanted {
            bulk: Some(bulk.id),
            ..Wanted::just(verb)
        };
        let next = rows::bulk_item_next(&mut tx, &op, bulk.id, bulk.per_s.into()).await?;
        let done = next.is_empty();
        let mut begun = Vec::new();
        for (position, id) in next {
            let session = self
                .session_remembered(partner, id)
                .filter(|session| session.is_open());
            let asked = match session {
                None => Err("it has ended meanwhile".to_owned()),
                Some(session) => {
                    let reason = bulk.reason.clone();
                    match self
                        .intent_begin_in_tx(&mut tx, &op, &session, &wanted, reason)
                        .await
                    {
                        Ok(one) => Ok(one),
                        Err(Error::Conflict { message, .. }) => Err(message),
                        Err(error) => return Err(error),
                    }
                }
            };
            let noted = asked.as_ref().map(|one| one.id()).map_err(String::as_str);
            rows::bulk_item_put(&mut tx, &op, bulk.id, position, noted).await?;
            begun.extend(asked.ok());
        }
        if done {
            let from = ["running".to_owned()];
            rows::bulk_move(&mut tx, &op, bulk.id, &from, "done").await?;
            info!(bulk = %bulk.id, verb = bulk.verb, sessions = bulk.total, "every session of a bulk was asked for");
        }
        tx.commit().await?;
        for one in begun {
            drop(one.go(self));
        }
        Ok(())
    }
}
