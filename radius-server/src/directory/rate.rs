//! How fast: two speeds, seen from the subscriber. How a NAS is told: [`crate::authorization`].

/// Speeds of a plan, seen from the subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Towards the subscriber, bit/s; `None`: not limited by us.
    pub download_bps: Option<u64>,
    /// From the subscriber, bit/s; `None`: not limited by us.
    pub upload_bps: Option<u64>,
}
