//! Remembers across restarts what NAS have shown: that they sign their requests, that they do not, whether they need
//! Proxy-State, which of two secrets they use. `auto` must not forget it, and people must see since when.
//! Never relaxes anything; what was learned only adds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use kernel::{Database, Error, OpContext};
use radius_server::Directory;
use radius_server::directory::{Nas, ProxyState};
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use crate::causes::Causes;
use crate::store;
use crate::store::nas::NasLearned;

/// How often what was learned is written down.
const FLUSH_EVERY_S: u64 = 30;

/// What is written down of a NAS already, as far as it came from this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Written {
    /// That it signs.
    signs: bool,
    /// What it has shown about Proxy-State.
    proxy_state: Option<ProxyState>,
    /// Its unsigned Access-Requests.
    unsigned: u64,
    /// Those with Proxy-State.
    unsigned_proxied: u64,
    /// When the last one came that was made with the older secret, in Unix milliseconds.
    older_secret_unix_ms: i64,
}

/// Writes down, until told to stop and once more then, what NAS have shown.
pub async fn posture_flush(
    db: Database,
    directory: std::sync::Arc<Directory>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut written = HashMap::new();
    loop {
        let stop = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(Duration::from_secs(FLUSH_EVERY_S)) => false,
        };
        if let Err(error) = flush_once(&db, &directory, &mut written).await {
            warn!(error = %Causes(&error), "what NAS have shown of their signing cannot be written down yet");
        }
        if stop {
            return;
        }
    }
}

/// Writes down what is not among `written`; all of it or nothing.
async fn flush_once(
    db: &Database,
    directory: &Directory,
    written: &mut HashMap<Uuid, Written>,
) -> Result<(), Error> {
    let (mut begun, mut learned, mut now) = (Vec::new(), Vec::new(), Vec::new());
    for nas in directory.nas_list() {
        let id = nas.id.as_uuid();
        let (before, shown) = (written.get(&id).copied().unwrap_or_default(), shown_by(&nas));
        if shown == before {
            continue;
        }
        if shown.signs && !before.signs {
            begun.push(id);
        }
        learned.push(difference(&nas, &before, &shown));
        now.push((id, shown));
    }
    if learned.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin(&OpContext::system("posture-flush")).await?;
    let signing = store::nas::nas_signing_seen(&mut tx, &begun).await?;
    store::nas::nas_learned(&mut tx, &learned).await?;
    tx.commit().await?;
    written.extend(now);
    if signing > 0 {
        info!(
            nas = signing,
            "NAS that sign their requests must do so from now on"
        );
    }
    Ok(())
}

/// What a NAS has shown by now.
fn shown_by(nas: &Nas) -> Written {
    let stats = &nas.stats;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Written {
        // A negative moment: the database told us.
        signs: stats.message_authenticator_seen_unix_ms.load(Ordering::Relaxed) > 0,
        proxy_state: stats.proxy_state(),
        unsigned: count(&stats.unsigned),
        unsigned_proxied: count(&stats.unsigned_proxied),
        older_secret_unix_ms: stats.older_secret_unix_ms.load(Ordering::Relaxed),
    }
}

/// What has come since.
fn difference(nas: &Nas, before: &Written, shown: &Written) -> NasLearned {
    let moment = |unix_ms: &AtomicI64| match unix_ms.load(Ordering::Relaxed) {
        0 => None,
        unix_ms => OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok(),
    };
    let more = |shown: u64, before: u64| i64::try_from(shown.saturating_sub(before)).unwrap_or(i64::MAX);
    NasLearned {
        id: nas.id.as_uuid(),
        proxy_state_shown: shown.proxy_state.map(|shown| match shown {
            ProxyState::Limited => "limited",
            ProxyState::Needed => "needed",
        }),
        unsigned_first_at: moment(&nas.stats.unsigned_first_unix_ms),
        unsigned_last_at: moment(&nas.stats.unsigned_unix_ms),
        unsigned: more(shown.unsigned, before.unsigned),
        unsigned_proxied: more(shown.unsigned_proxied, before.unsigned_proxied),
        older_secret_last_at: moment(&nas.stats.older_secret_unix_ms),
    }
}
