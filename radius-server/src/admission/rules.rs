//! What plans and subscribers ask of admission, parsed when the directory is fed.
//! Never says whether a login keeps them; that is `account` and `gate`.

use crate::addresses::PoolKind;
use crate::id::{NasId, PoolId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;

/// What happens to a login when as many are in as may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collision {
    /// It is rejected, whoever it is.
    Reject,
    /// A device counts once: its newer login takes the place of its older one. Any other is rejected.
    #[default]
    SameDevice,
    /// As above, and any other takes the place of the oldest, whose session is disconnected.
    Replace,
}

/// What a subscriber is bound to by his first login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindBy {
    /// His device: Calling-Station-Id.
    Mac,
    /// NAS-Port-Id, else NAS-Port, on this NAS.
    Port,
    /// Circuit id, else remote id.
    Line,
}

/// A closed set of words.
macro_rules! words {
    ($kind:ident { $($variant:ident = $word:literal),* }) => {
        impl $kind {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The one with a stable name.
            #[must_use]
            pub fn of_str(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }
    };
}

words!(Collision { Reject = "reject", SameDevice = "same_device", Replace = "replace" });
words!(BindBy { Mac = "mac", Port = "port", Line = "line" });
words!(AllowedKind { Nas = "nas", Port = "port", Vlan = "vlan", Mac = "mac" });

impl BindBy {
    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Mac => "device",
            Self::Port => "port",
            Self::Line => "line",
        }
    }
}

/// What a plan asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanRules {
    /// How many logins of a subscriber may be in at once; `None`: any number.
    pub simultaneous: Option<NonZeroU16>,
    /// What happens beyond that.
    pub collision: Collision,
    /// What a subscriber is bound to by his first login.
    pub bind: Option<BindBy>,
    /// The pools he gets addresses of, by the place of their kind.
    pub pools: [Option<PoolId>; PoolKind::ALL.len()],
}

impl PlanRules {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.simultaneous.is_none() && self.bind.is_none() && self.pools.iter().all(Option::is_none)
    }
}

/// What is special about one subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriberRules {
    /// In place of his plan's number.
    pub simultaneous: Option<NonZeroU16>,
    /// In place of what his plan says.
    pub collision: Option<Collision>,
    /// Where he may come from; of each kind that is named one must fit.
    pub allowed: Box<[Allowed]>,
    /// His for good.
    pub addresses: Box<[StaticAddress]>,
    /// In place of his plan's pools, by the place of their kind: those of the site he is at.
    pub pools: [Option<PoolId>; PoolKind::ALL.len()],
}

impl SubscriberRules {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.simultaneous.is_none()
            && self.collision.is_none()
            && self.allowed.is_empty()
            && self.addresses.is_empty()
            && self.pools.iter().all(Option::is_none)
    }
}

/// The pool that somebody gets an address of: his own, which is his site's, else his plan's.
pub(crate) fn pool_of(plan: &PlanRules, own: Option<&SubscriberRules>, kind: PoolKind) -> Option<PoolId> {
    let own = own.and_then(|own| own.pools[kind as usize]);
    own.or(plan.pools[kind as usize])
}

/// What is looked at to see where a login comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowedKind {
    /// The NAS.
    Nas,
    /// NAS-Port-Id, else NAS-Port.
    Port,
    /// The VLANs in NAS-Port-Id, `100.200` or `200`.
    Vlan,
    /// The device's MAC address, in its normal form.
    Mac,
}

/// One place a subscriber may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What is looked at.
    pub kind: AllowedKind,
    /// On this NAS only; ports and VLANs are numbered by each anew.
    pub nas: Option<NasId>,
    /// What it must be, in its normal form; nothing for a NAS.
    pub value: Box<str>,
}

/// What a subscriber is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What.
    pub by: BindBy,
    /// On which NAS, for a port.
    pub nas: Option<NasId>,
    /// The value, in its normal form.
    pub value: Box<str>,
}

/// An address or a prefix that is a subscriber's for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticAddress {
    /// Said how.
    pub kind: PoolKind,
    /// It.
    pub net: IpNet,
}
