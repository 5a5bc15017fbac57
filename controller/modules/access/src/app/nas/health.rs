//! How a NAS is doing: what the access plane counted since this process started.
//! Never read from the database, so it costs nothing to show.

use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

use super::posture::NasPosture;
use crate::app::reaper::Heard;
use crate::app::{App, instant};
use crate::store::nas::Nas;

/// What a NAS did since this process started, and what is known of its signing.
#[derive(Debug, Clone, Default)]
pub struct NasHealth {
    /// When its last datagram that parsed came.
    pub last_packet_at: Option<OffsetDateTime>,
    /// Datagrams from it.
    pub requests: u64,
    /// Access-Accepts sent to it.
    pub accepts: u64,
    /// Access-Rejects sent to it.
    pub rejects: u64,
    /// Accounting-Requests from it that reached the disk.
    pub accounting: u64,
    /// Requests that prove that its secret differs from ours.
    pub secret_differs: u64,
    /// Datagrams from it that are not RADIUS.
    pub malformed: u64,
    /// Access-Requests without Message-Authenticator.
    pub unsigned: u64,
    /// When the last of those came.
    pub last_unsigned_at: Option<OffsetDateTime>,
    /// Access-Requests dropped because it sent more a second than it may.
    pub rate_limited: u64,
    /// Requests that were proven to be made with the secret it had before.
    pub older_secret_used: u64,
    /// When the last of those came.
    pub last_older_secret_at: Option<OffsetDateTime>,
    /// Whether it has shown that it signs.
    pub message_authenticator_seen: bool,
    /// Its sessions that are open.
    pub open_sessions: usize,
    /// How fresh what it says of them is; `None`: it has none, or nobody looked yet.
    pub accounting_heard: Option<Heard>,
}

/// A NAS and how it is doing; `None`: the access plane does not know it (yet).
#[derive(Debug, Clone)]
pub struct NasReport {
    /// The row.
    pub nas: Nas,
    /// From memory.
    pub health: Option<NasHealth>,
    /// How safely it asks.
    pub posture: NasPosture,
}

impl App {
    /// Adds what memory knows of a NAS.
    pub(super) fn nas_report(&self, nas: Nas) -> NasReport {
        let health = self.plane.directory.nas(nas.id.as_uuid().into()).map(|known| {
            let stats = &known.stats;
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let moment = |unix_ms: i64| (unix_ms > 0).then(|| instant(unix_ms.div_euclid(1_000)));
            NasHealth {
                last_packet_at: moment(stats.last_packet_unix_ms.load(Ordering::Relaxed)),
                requests: count(&stats.requests),
                accepts: count(&stats.accepts),
                rejects: count(&stats.rejects),
                accounting: count(&stats.accounting),
                secret_differs: count(&stats.secret_differs),
                malformed: count(&stats.malformed),
                unsigned: count(&stats.unsigned),
                last_unsigned_at: moment(stats.unsigned_unix_ms.load(Ordering::Relaxed)),
                rate_limited: count(&stats.rate_limited),
                older_secret_used: count(&stats.older_secret_used),
                last_older_secret_at: moment(stats.older_secret_unix_ms.load(Ordering::Relaxed)),
                message_authenticator_seen: stats.message_authenticator_seen(),
                open_sessions: self.plane.sessions.by_nas(known.id).len(),
                accounting_heard: self.freshness.of(nas.id.as_uuid(), OffsetDateTime::now_utc()),
            }
        });
        let posture = NasPosture::of(&nas, health.as_ref(), OffsetDateTime::now_utc());
        NasReport { nas, health, posture }
    }
}
