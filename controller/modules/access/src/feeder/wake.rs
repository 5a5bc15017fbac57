//! Wakes the feeder when somebody changed something.
//! Never carries the change itself: a notification says only "look", and a lost one costs one tick.

use std::sync::Arc;
use std::time::Duration;

use kernel::Database;
use tokio::sync::{Notify, watch};
use tracing::debug;

use crate::store::change::CHANNEL;

/// The wait before listening is tried again.
const RETRY_MS: u64 = 1_000;

/// Listens until told to stop; a lost connection only means that the tick has to do for a while.
pub async fn listen(db: Database, awake: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            error = listen_once(&db, &awake) => debug!(error, "not listening for changes; the tick goes on"),
        }
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_millis(RETRY_MS)) => {}
        }
    }
}

/// Listens until something fails; what failed.
async fn listen_once(db: &Database, awake: &Notify) -> String {
    let mut listener = match db.listener().await {
        Ok(listener) => listener,
        Err(error) => return error.to_string(),
    };
    if let Err(error) = listener.listen(CHANNEL).await {
        return error.to_string();
    }
    // Changes made before this line was reached woke nobody.
    awake.notify_one();
    loop {
        match listener.recv().await {
            Ok(_) => awake.notify_one(),
            Err(error) => return error.to_string(),
        }
    }
}
