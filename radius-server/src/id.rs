//! Opaque 128-bit handles for what the server talks about: partners, NAS, subscribers, decisions, sessions.
//! They are given by whoever feeds the directory; nothing here knows a table, and an id carries no rights.
//! `DecisionId` is the only one this crate draws itself (UUIDv7); how a `SessionId` is derived stands in `sessions`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Declares one id type over [`Uuid`], so that all of them behave alike and none is taken for another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to name this kind of thing.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Wraps 16 octets, most significant first.
            #[must_use]
            pub const fn from_bytes(octets: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(octets))
            }

            /// The bare UUID, for the border to a database or an API.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// The 16 octets, most significant first.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// One authentication decision; UUIDv7, so that ids sort by time. The `Class` of an Access-Accept carries it.
    DecisionId
}
id! {
    /// A server of somebody else that decides about guests, or takes copies of accounting.
    HomeServerId
}
id! {
    /// A network access server, as the directory knows it.
    NasId
}
id! {
    /// An ISP or MSP; what one partner has, another never sees.
    PartnerId
}
id! {
    /// A pool of addresses that a partner gives centrally.
    PoolId
}
id! {
    /// A realm of a partner: where logins of these names are decided.
    RealmId
}
id! {
    /// One accounted session; derived from what the NAS says about it, the same on every node.
    SessionId
}
id! {
    /// An access service with its credential.
    SubscriberId
}
