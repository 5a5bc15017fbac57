//! Services that ended by themselves: told of, once each.
//! Never ends one: the access plane does so by its own clock, and no session outlives it.

use kernel::Error;
use kernel::OpContext;
use kernel::events::{self, Event};
use kernel::id::SubscriberId;
use serde_json::json;

use super::{App, system_op};
use crate::events as happened;
use crate::store;

/// Told of in one transaction; the others have their turn in the next.
const TOLD_MAX: i64 = 200;
/// Transactions in a row: the rest comes with the next look.
const ROUNDS_MAX: usize = 50;

impl App {
    /// Tells of every service that ended by itself since somebody looked, if that was within a day.
    ///
    /// # Errors
    /// The database's; what was not told is told the next time.
    pub(super) async fn expiries_tell(&self) -> Result<(), Error> {
        for _ in 0..ROUNDS_MAX {
            let mut tx = self.db.begin(&OpContext::system("expiry")).await?;
            let ended = store::subscriber::expired_note(&mut tx, TOLD_MAX).await?;
            for subscriber in &ended {
                let op = system_op(subscriber.tenant.into());
                let id = SubscriberId::from(subscriber.id);
                let event = Event::new(&happened::SUBSCRIBER_EXPIRED, id, &subscriber.username);
                let event = event.data(json!({ "expired_at": subscriber.expires_at.unix_timestamp() }));
                events::emit(&mut tx, &op, event).await?;
            }
            tx.commit().await?;
            if i64::try_from(ended.len()).is_ok_and(|ended| ended < TOLD_MAX) {
                break;
            }
        }
        Ok(())
    }
}
