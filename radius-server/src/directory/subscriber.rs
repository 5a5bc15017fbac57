//! A subscriber as the packet path needs him: how he proves himself, whether he may, and what he gets.
//! It knows nothing of who pays or where he lives.

use super::credential::Credential;
use super::name::Name;
use super::plan::Plan;
use crate::id::SubscriberId;
use std::sync::Arc;

/// Whether the access service is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It is.
    Active,
    /// Not now; the reason is for the partner's staff, the subscriber never sees it.
    Suspended {
        /// Why, in the partner's words.
        reason: Name,
    },
    /// Not any more.
    Terminated,
}

/// One subscriber, as the feeder hands him over and as lookups give him out.
#[derive(Clone, Debug)]
pub struct SubscriberSpec {
    /// Which one.
    pub id: SubscriberId,
    /// The User-Name he logs in with; compared octet for octet.
    pub username: Name,
    /// Whether he gets service.
    pub state: ServiceState,
    /// Unix seconds at which his service ends by itself; `None`: it does not.
    pub expires_at_unix_s: Option<i64>,
    /// How he proves himself.
    pub credential: Credential,
    /// What he gets.
    pub plan: Arc<Plan>,
    /// Attributes of his own and of his groups, already encoded; they win over the plan's.
    pub reply: Box<[u8]>,
}

/// A subscriber in the directory; it never changes, a newer one takes its place.
pub type Subscriber = SubscriberSpec;
