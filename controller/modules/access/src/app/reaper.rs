//! Sessions that went without a word: a Stop that was lost, a NAS that forgot. They are ended with evidence, and opened
//! again by the next sign of life.
//! Never ends a session because its NAS is silent: then nothing is known of any of them, and they are called stale.
//!
//! What is held against a session is its NAS's own voice: that NAS spoke of others after this one had missed three
//! records. Both are read from the database, to which every node brings what it heard, in the order it heard it; so a drain
//! that is behind makes everybody silent at once, and nobody is ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration as StdDuration;

use kernel::{Error, OpContext};
use parking_lot::Mutex;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use super::App;
use crate::causes::Causes;
use crate::store::silence::{self, NasHeard, Overdue};

/// How often the database is asked.
const REAP_EVERY_S: u64 = 60;
/// Records a session misses before it is ended, and a NAS before it is stale.
const MISSED_MAX: i32 = 3;
/// Sessions ended in one go; the others have their turn a minute later.
const REAPED_MAX: i64 = 10_000;

/// What is known of how NAS speak of their sessions, as of the last look.
#[derive(Debug, Default)]
pub struct Freshness {
    /// By NAS; those with open sessions.
    nas: Mutex<HashMap<Uuid, NasHeard>>,
    /// Sessions ended since the start.
    pub reaped: AtomicU64,
}

/// How fresh the word of a NAS is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When it last spoke of an open session, by our clock.
    pub at: OffsetDateTime,
    /// How often it usually speaks of one.
    pub interim: Option<Duration>,
    /// It missed its own interval three times: what is known of its sessions may not be so any more.
    pub stale: bool,
}

impl Freshness {
    /// How fresh the word of a NAS is; `None`: it has no open sessions, or nobody looked yet.
    #[must_use]
    pub fn of(&self, nas: Uuid, now: OffsetDateTime) -> Option<Heard> {
        self.nas.lock().get(&nas).map(|heard| heard_of(heard, now))
    }

    /// How many NAS with open sessions are fresh, and how many are stale.
    #[must_use]
    pub fn count(&self, now: OffsetDateTime) -> (u64, u64) {
        let nas = self.nas.lock();
        let stale = nas.values().filter(|heard| heard_of(heard, now).stale).count();
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        (number(nas.len() - stale), number(stale))
    }
}

/// What a NAS's last word means by now.
fn heard_of(heard: &NasHeard, now: OffsetDateTime) -> Heard {
    let stale = heard
        .interim
        .is_some_and(|interim| now - heard.heard_at > interim * MISSED_MAX);
    Heard {
        at: heard.heard_at,
        interim: heard.interim,
        stale,
    }
}

impl App {
    /// Looks for silent sessions every minute until told to stop.
    pub async fn sessions_reap(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(StdDuration::from_secs(REAP_EVERY_S)) => {}
            }
            match self.sessions_reap_once().await {
                Ok(0) => {}
                Ok(ended) => info!(
                    sessions = ended,
                    "sessions ended that were silent while their NAS was not"
                ),
                Err(error) => warn!(error = %Causes(&error), "silent sessions cannot be looked for"),
            }
        }
    }

    /// Looks only at how fresh the word of each NAS is.
    ///
    /// # Errors
    /// The database's; then what was known stays.
    pub(super) async fn freshness_look(&self) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("session-reaper")).await?;
        let heard = silence::nas_heard_list(&mut tx).await?;
        tx.commit().await?;
        *self.freshness.nas.lock() = heard.into_iter().map(|heard| (heard.nas, heard)).collect();
        Ok(())
    }

    /// Looks once; how many sessions it ended.
    ///
    /// # Errors
    /// The database's; then nothing has ended.
    pub async fn sessions_reap_once(&self) -> Result<u64, Error> {
        let mut tx = self.db.begin(&OpContext::system("session-reaper")).await?;
        let heard = silence::nas_heard_list(&mut tx).await?;
        let overdue = silence::session_list_overdue(&mut tx, &heard, MISSED_MAX, REAPED_MAX).await?;
        let evidence: Vec<String> = overdue.iter().map(evidence).collect();
        let ended = match overdue.is_empty() {
            true => Vec::new(),
            false => silence::session_close_silent(&mut tx, &overdue, &evidence).await?,
        };
        tx.commit().await?;
        *self.freshness.nas.lock() = heard.into_iter().map(|heard| (heard.nas, heard)).collect();
        for silent in overdue.iter().filter(|silent| ended.contains(&silent.session)) {
            let heard_s = silent.heard_at.unix_timestamp();
            self.plane
                .sessions
                .close_silent(silent.session.into(), heard_s, heard_s);
        }
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        self.freshness.reaped.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

/// Why a session was ended; begins as all ends do that nobody told us (`store/merge.rs`).
fn evidence(silent: &Overdue) -> String {
    format!(
        "closed by silence: last heard {}, expected every {} s, its NAS was heard {} s later",
        silent.heard_at.format(&Rfc3339).unwrap_or_default(),
        silent.interim.whole_seconds(),
        (silent.nas_heard_at - silent.heard_at).whole_seconds()
    )
}
