//! Who may come in beside those who are in, over HTTP. Never holds a rule; see [`crate::app::admission`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use ipnet::IpNet;
use kernel::OpContext;
use kernel::http::{Data, Path, Problem, Valid, nullable};
use kernel::id::{PlanId, SubscriberId};
use radius_server::addresses::PoolKind;
use radius_server::admission::{AllowedKind, BindBy, Collision};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::plan::PlanPath;
use super::subscriber::SubscriberPath;
use crate::app::admission::{
    AllowedPlace, PlanAdmissionPatch, PlanAdmissionReport, SubscriberAdmissionPatch,
    SubscriberAdmissionReport,
};
use crate::app::{App, Change};

/// Declares a word of a closed set: its name in JSON, and what the access plane calls it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident -> $plane:ident { $($(#[$word_doc:meta])* $word:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$word_doc])* $word,)+ }

        impl From<$name> for $plane {
            fn from(word: $name) -> Self {
                match word { $($name::$word => Self::$word,)+ }
            }
        }
    };
}

words! {
    /// What happens to a login when as many are in as may be.
    OnCollision -> Collision {
        /// It is rejected, whoever it is.
        Reject,
        /// A device counts once: its newer login takes the place of its older one. Any other is rejected.
        SameDevice,
        /// As above, and any other takes the place of the oldest, whose session is disconnected.
        Replace,
    }
}

words! {
    /// What a subscriber is bound to by his first login.
    Bind -> BindBy {
        /// His device: Calling-Station-Id.
        Mac,
        /// NAS-Port-Id, else NAS-Port, on this NAS.
        Port,
        /// Circuit id, else remote id.
        Line,
    }
}

words! {
    /// What is looked at to see where a login comes from.
    PlaceKind -> AllowedKind {
        /// The NAS.
        Nas,
        /// NAS-Port-Id, else NAS-Port.
        Port,
        /// The VLANs in NAS-Port-Id.
        Vlan,
        /// The MAC address of the device.
        Mac,
    }
}

words! {
    /// What kind of address.
    AddressKind -> PoolKind {
        /// Framed-IP-Address.
        Ipv4,
        /// Framed-IPv6-Prefix, 64 bits.
        Prefix,
        /// Delegated-IPv6-Prefix, 32 to 64 bits.
        Delegated,
    }
}

/// A change of what a plan asks for; what is absent stays, `null` empties.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PlanAdmissionChange {
    /// How many logins of a subscriber may be in at once; `null`: any number.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    #[garde(inner(inner(range(min = 1, max = 1024))))]
    simultaneous: Change<u16>,
    /// What happens beyond that.
    on_collision: Option<OnCollision>,
    /// What the first login binds a subscriber to; `null`: nothing.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Bind>)]
    bind: Change<Bind>,
    /// The pool of IPv4 addresses, by name; `null`: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    ipv4_pool: Change<String>,
    /// The pool of prefixes, by name; `null`: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    prefix_pool: Change<String>,
    /// The pool of delegated prefixes, by name; `null`: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    delegated_pool: Change<String>,
}

/// What a plan asks for.
#[derive(Serialize, ToSchema)]
pub struct PlanAdmissionView {
    /// How many logins of a subscriber may be in at once; `null`: any number.
    simultaneous: Option<i32>,
    /// `reject`, `same_device` or `replace`.
    on_collision: String,
    /// `mac`, `port` or `line`; `null`: nothing.
    bind: Option<String>,
    /// The pool of IPv4 addresses.
    ipv4_pool: Option<String>,
    /// The pool of prefixes.
    prefix_pool: Option<String>,
    /// The pool of delegated prefixes.
    delegated_pool: Option<String>,
}

/// One place a subscriber may come from. Of each kind that is named, one must fit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceAllowed {
    /// What is looked at.
    kind: PlaceKind,
    /// On this NAS only, by name.
    nas: Option<String>,
    /// What it must be; nothing for a NAS.
    #[serde(default)]
    value: String,
}

/// An address or a prefix that is a subscriber's for good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressAssigned {
    /// What kind.
    kind: AddressKind,
    /// It, such as 192.0.2.7/32 or 2001:db8:0:100::/56.
    #[schema(value_type = String)]
    address: IpNet,
}

/// A change of what is special about one subscriber; what is absent stays, `null` empties.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberAdmissionChange {
    /// How many logins of his may be in at once; `null`: as his plan says.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    #[garde(inner(inner(range(min = 1, max = 1024))))]
    simultaneous: Change<u16>,
    /// What happens beyond that; `null`: as his plan says.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<OnCollision>)]
    on_collision: Change<OnCollision>,
    /// Where he may come from; takes the place of what there is, and nothing is from everywhere.
    #[garde(inner(length(max = crate::app::admission::ALLOWED_MAX)))]
    allowed: Option<Vec<PlaceAllowed>>,
    /// His for good; takes the place of what there is.
    #[garde(inner(length(max = crate::app::admission::ASSIGNED_MAX)))]
    addresses: Option<Vec<AddressAssigned>>,
}

/// What concerns one subscriber, and how it stands.
#[derive(Serialize, ToSchema)]
pub struct SubscriberAdmissionView {
    /// How many logins of his may be in at once; `null`: as his plan says.
    simultaneous: Option<i32>,
    /// What happens beyond that; `null`: as his plan says.
    on_collision: Option<String>,
    /// Where he may come from: `kind`, `nas` (an id) and `value`.
    #[schema(value_type = Vec<Object>)]
    allowed: Value,
    /// His for good.
    addresses: Vec<String>,
    /// What his first login has bound him to, such as `mac 00:00:5e:00:53:01`.
    bound: Option<String>,
    /// Since when; `null` while it is not written down yet.
    #[serde(with = "time::serde::rfc3339::option")]
    bound_since: Option<OffsetDateTime>,
    /// Sessions of his that hold a place, as this node knows it.
    places_open: usize,
    /// Accepted logins of his that hold a place and of which no Start has come yet.
    places_waiting: usize,
}

/// What a subscriber was released from.
#[derive(Serialize, ToSchema)]
pub struct ReleasedView {
    /// What he was bound to.
    was_bound_to: String,
}

/// Shows who may come in by a plan.
#[utoipa::path(get, path = "/partners/{partner_id}/plans/{plan_id}/admission",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)),
    responses((status = 200, body = Data<PlanAdmissionView>)))]
pub async fn plan_admission_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
) -> Result<Data<PlanAdmissionView>, Problem> {
    Ok(Data::one(
        &op,
        app.plan_admission_get(&op, path.plan_id).await?.into(),
    ))
}

/// Changes who may come in by a plan.
#[utoipa::path(patch, path = "/partners/{partner_id}/plans/{plan_id}/admission",
    params(("partner_id" = String, Path), ("plan_id" = PlanId, Path)), request_body = PlanAdmissionChange,
    responses((status = 200, body = Data<PlanAdmissionView>)))]
pub async fn plan_admission_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PlanPath>,
    Valid(body): Valid<PlanAdmissionChange>,
) -> Result<Data<PlanAdmissionView>, Problem> {
    let patch = PlanAdmissionPatch {
        simultaneous: body.simultaneous.map(|number| number.map(i32::from)),
        on_collision: body.on_collision.map(Into::into),
        bind: body.bind.map(|bind| bind.map(Into::into)),
        pools: [body.ipv4_pool, body.prefix_pool, body.delegated_pool],
    };
    let report = app.plan_admission_update(&op, path.plan_id, patch).await?;
    Ok(Data::one(&op, report.into()))
}

/// Shows where a subscriber may come from, and what he is bound to.
#[utoipa::path(get, path = "/partners/{partner_id}/subscribers/{subscriber_id}/admission",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)),
    responses((status = 200, body = Data<SubscriberAdmissionView>)))]
pub async fn subscriber_admission_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
) -> Result<Data<SubscriberAdmissionView>, Problem> {
    let report = app.subscriber_admission_get(&op, path.subscriber_id).await?;
    Ok(Data::one(&op, report.into()))
}

/// Changes what is special about one subscriber.
#[utoipa::path(patch, path = "/partners/{partner_id}/subscribers/{subscriber_id}/admission",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)),
    request_body = SubscriberAdmissionChange, responses((status = 200, body = Data<SubscriberAdmissionView>)))]
pub async fn subscriber_admission_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
    Valid(body): Valid<SubscriberAdmissionChange>,
) -> Result<Data<SubscriberAdmissionView>, Problem> {
    let place = |place: PlaceAllowed| AllowedPlace {
        kind: place.kind.into(),
        nas: place.nas,
        value: place.value,
    };
    let address = |assigned: AddressAssigned| (assigned.kind.into(), assigned.address);
    let patch = SubscriberAdmissionPatch {
        simultaneous: body.simultaneous.map(|number| number.map(i32::from)),
        on_collision: body.on_collision.map(|collision| collision.map(Into::into)),
        allowed: body.allowed.map(|places| places.into_iter().map(place).collect()),
        addresses: body
            .addresses
            .map(|addresses| addresses.into_iter().map(address).collect()),
    };
    let report = app
        .subscriber_admission_update(&op, path.subscriber_id, patch)
        .await?;
    Ok(Data::one(&op, report.into()))
}

/// Releases a subscriber from what his first login has bound him to; the next one binds him anew.
#[utoipa::path(post, path = "/partners/{partner_id}/subscribers/{subscriber_id}/release",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)),
    responses((status = 200, body = Data<ReleasedView>)))]
pub async fn subscriber_release(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
) -> Result<Data<ReleasedView>, Problem> {
    let was_bound_to = app.subscriber_release(&op, path.subscriber_id).await?;
    Ok(Data::one(&op, ReleasedView { was_bound_to }))
}

impl From<PlanAdmissionReport> for PlanAdmissionView {
    fn from(report: PlanAdmissionReport) -> Self {
        let [ipv4_pool, prefix_pool, delegated_pool] = report.pools;
        Self {
            simultaneous: report.asks.simultaneous,
            on_collision: report.asks.on_collision,
            bind: report.asks.bind,
            ipv4_pool,
            prefix_pool,
            delegated_pool,
        }
    }
}

impl From<SubscriberAdmissionReport> for SubscriberAdmissionView {
    fn from(report: SubscriberAdmissionReport) -> Self {
        let (bound, bound_since) = report.bound.unzip();
        let addresses = report.addresses.iter();
        Self {
            simultaneous: report.rules.simultaneous,
            on_collision: report.rules.on_collision,
            allowed: report.rules.allowed,
            addresses: addresses
                .map(|assigned| format!("{} {}", assigned.kind, assigned.address))
                .collect(),
            bound,
            bound_since: bound_since.flatten(),
            places_open: report.places.0,
            places_waiting: report.places.1,
        }
    }
}
