//! The rules of the access module: what may be made, changed and asked for, and what each of these means.
//! Never holds SQL ([`crate::store`]) and never sees HTTP ([`crate::http`]).
//!
//! One file a resource: [`nas`], [`plan`], [`terms`], [`defaults`], [`garden`], [`preview`], [`admission`], [`pool`], [`site_pools`], [`subscriber`],
//! [`identity_policy`], [`session`], [`port_block`], [`intent`], [`bulk`], [`explain`], [`simulate`], [`realm`], [`reaper`], [`usage`], [`quota`], [`unknown_source`]; many at once: [`import`].
//! Every write leaves its audit line in the same transaction.

pub mod admission;
pub mod bulk;
pub mod defaults;
mod expiry;
pub mod explain;
pub mod garden;
mod hashing;
pub mod home_tls;
pub mod identity_policy;
pub mod import;
pub mod intent;
mod mark;
pub mod nas;
pub mod plan;
pub mod pool;
pub mod port_block;
pub mod preview;
pub mod quota;
pub mod realm;
pub mod reaper;
pub mod search;
pub mod session;
pub mod simulate;
pub mod site_pools;
pub mod subscriber;
pub mod terms;
pub mod unknown_source;
pub mod usage;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use coa::Coa;
use kernel::id::PartnerId;
use kernel::secrets::Sealer;
use kernel::{Database, OpContext};
use radius::dictionary::Dictionary;
use time::OffsetDateTime;

use self::intent::IntentCounters;
use crate::drain::DrainCounters;
use crate::plane::PlaneHandle;

/// Everything a rule needs: where rows are, what seals secrets, the access plane, the way to a NAS.
pub struct App {
    /// The database.
    pub(crate) db: Database,
    /// Seals secrets before they become rows.
    pub(crate) sealer: Sealer,
    /// The access plane's memory.
    pub(crate) plane: PlaneHandle,
    /// Asks NAS about sessions.
    pub(crate) coa: Coa,
    /// Makes slow hashes.
    hashing: hashing::Hashing,
    /// What became of intents.
    pub(crate) intents: Arc<IntentCounters>,
    /// Rings when intents were stored that nobody works on yet.
    pub(crate) woken: tokio::sync::Notify,
    /// Rings when a bulk of sessions was begun.
    pub(crate) bulks_woken: tokio::sync::Notify,
    /// How fresh what NAS say is.
    pub(crate) freshness: reaper::Freshness,
    /// Who has come how far with his quota.
    pub(crate) quotas: quota::Quotas,
    /// How far decisions are on their way to the database.
    pub(crate) decisions_drained: Arc<DrainCounters>,
    /// What attributes are called.
    dictionary: Arc<Dictionary>,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        db: Database,
        sealer: Sealer,
        plane: PlaneHandle,
        coa: Coa,
        decisions_drained: Arc<DrainCounters>,
    ) -> Self {
        Self {
            quotas: quota::Quotas::new(Arc::clone(&plane.directory)),
            db,
            sealer,
            plane,
            coa,
            hashing: hashing::Hashing::default(),
            intents: Arc::default(),
            woken: tokio::sync::Notify::new(),
            bulks_woken: tokio::sync::Notify::new(),
            freshness: reaper::Freshness::default(),
            decisions_drained,
            dictionary: Arc::default(),
        }
    }

    /// The same with an operator's dictionary.
    #[must_use]
    pub fn with_dictionary(self, dictionary: Arc<Dictionary>) -> Self {
        Self { dictionary, ..self }
    }
}

/// A field of a change: absent, emptied, or set.
pub type Change<T> = Option<Option<T>>;

/// Applies a change to what is there.
fn changed<T>(now: Option<T>, change: Change<T>) -> Option<T> {
    match change {
        Some(change) => change,
        None => now,
    }
}

/// Seconds since 1970 by our clock.
fn unix_now_s() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Seconds since 1970 as an instant; what no calendar knows becomes 1970.
fn instant(unix_s: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The partner of an operation as the access plane names it.
fn plane_partner(partner: PartnerId) -> radius_server::PartnerId {
    partner.as_uuid().into()
}

/// A task of this module itself, seen from within one partner.
pub(crate) fn system_op(partner: PartnerId) -> OpContext {
    OpContext::system("access").in_partner(partner)
}
