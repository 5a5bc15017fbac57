//! Every typed id of the controller, in one alphabetical list, so that two kinds can never be swapped by accident.
//! Never parses anything but a UUID and never says what an id refers to; that is each module's `store/`.
//!
//! All are UUIDv7 when made here: they sort by time of creation and need no round trip to the database. Where a value
//! is derived instead (a session from its NAS and its Acct-Session-Id) it comes in through `From<Uuid>`.
//!
//! In checked queries bind `id.as_uuid()` and read with `"id: PartnerId"`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Declares one newtype over [`Uuid`] for each name.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a fresh id that sorts after those made before it.
            #[expect(clippy::new_without_default, reason = "a default id that differs every time would surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The bare UUID, for a query parameter or another crate's id.
            pub const fn as_uuid(self) -> Uuid {
                self.0
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
                Uuid::try_parse(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A key with which a program calls the API.
    ApiKeyId;
    /// A request that waits for a second person.
    ApprovalId;
    /// One line of the audit.
    AuditId;
    /// A pair of rates that plans refer to.
    BandwidthProfileId;
    /// An account holder of a partner.
    ClientId;
    /// One telling of an event to a webhook.
    DeliveryId;
    /// Something that happened; the same however often it is told.
    EventId;
    /// A server of somebody else that decides about a realm's logins.
    HomeServerId;
    /// What was brought in from another system at one time.
    ImportId;
    /// What somebody wants of a live session, and what came of it.
    IntentId;
    /// Something that is to be done by the program.
    JobId;
    /// A person's signed-in session.
    LoginSessionId;
    /// A network access server: a BNG, an access point, a switch.
    NasId;
    /// An ISP or MSP; the `tenant_id` of every row that is his.
    PartnerId;
    /// A key in a person's device that proves him without a password.
    PasskeyId;
    /// What a subscriber gets: rates, timeouts, pool.
    PlanId;
    /// Addresses of a partner that are given centrally.
    PoolId;
    /// Something that was told or done on the way to the end of a quota.
    QuotaStepId;
    /// A realm of a partner: where logins of these names are decided.
    RealmId;
    /// One request to the API, or one run of a system task; in every log line and audit row it causes.
    RequestId;
    /// A named set of permissions.
    RoleId;
    /// One thing that is wanted of many live sessions.
    SessionBulkId;
    /// A subscriber's session on a NAS; the same on every node that sees its records.
    SessionId;
    /// A service location or any grouping below a client.
    SiteId;
    /// An access service with its credential.
    SubscriberId;
    /// Octets that a subscriber was given on top of his quota.
    TopUpId;
    /// A person.
    UserId;
    /// Where a partner wants to be told of events.
    WebhookId;
    /// Several steps that are done or undone together.
    WorkflowId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_its_json() {
        let id = PartnerId::new();
        assert_eq!(id.to_string().parse::<PartnerId>().ok(), Some(id));
        let json = serde_json::to_string(&id).expect("an id serializes");
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<PartnerId>(&json).expect("and back"), id);
    }

    #[test]
    fn ids_made_one_after_another_sort_in_that_order() {
        let made: Vec<AuditId> = (0..1000).map(|_| AuditId::new()).collect();
        assert!(made.is_sorted());
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        assert!("isp-west".parse::<PartnerId>().is_err());
        assert!("".parse::<UserId>().is_err());
    }

    #[test]
    fn debug_names_the_kind() {
        let id = NasId::from(Uuid::nil());
        assert_eq!(format!("{id:?}"), "NasId(00000000-0000-0000-0000-000000000000)");
    }
}
