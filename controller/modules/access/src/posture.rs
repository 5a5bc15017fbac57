//! Remembers across restarts which NAS have shown that they sign their requests: `auto` must not forget it.
//! Never relaxes anything; what was learned only adds.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::{Database, Error, OpContext};
use radius_server::Directory;
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use crate::causes::Causes;
use crate::store;

/// How often what was learned is written down.
const FLUSH_EVERY_S: u64 = 30;

/// Writes down, until told to stop and once more then, which NAS have begun to sign.
pub async fn posture_flush(
    db: Database,
    directory: std::sync::Arc<Directory>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut known = HashSet::new();
    loop {
        let stop = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(Duration::from_secs(FLUSH_EVERY_S)) => false,
        };
        if let Err(error) = flush_once(&db, &directory, &mut known).await {
            warn!(error = %Causes(&error), "which NAS sign their requests cannot be written down yet");
        }
        if stop {
            return;
        }
    }
}

/// Writes down those that are not among `known`.
async fn flush_once(db: &Database, directory: &Directory, known: &mut HashSet<Uuid>) -> Result<(), Error> {
    let learned: Vec<Uuid> = directory
        .nas_list()
        .into_iter()
        // A negative moment: the database told us.
        .filter(|nas| {
            nas.stats
                .message_authenticator_seen_unix_ms
                .load(Ordering::Relaxed)
                > 0
        })
        .map(|nas| nas.id.as_uuid())
        .filter(|id| !known.contains(id))
        .collect();
    if learned.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin(&OpContext::system("posture-flush")).await?;
    let written = store::nas::nas_signing_seen(&mut tx, &learned).await?;
    tx.commit().await?;
    known.extend(learned);
    info!(
        nas = written,
        "NAS that sign their requests must do so from now on"
    );
    Ok(())
}
