//! Who may come in beside those who are in: what plans and single subscribers ask for, what a subscriber is bound to.
//! Never lets anybody in or keeps him out; the access plane does, by what stands here.

use ipnet::IpNet;
use kernel::audit::{self, Entry};
use kernel::id::{PlanId, SubscriberId};
use kernel::{Error, OpContext};
use radius_server::addresses::PoolKind;
use radius_server::admission::{AllowedKind, BindBy, Collision};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::subscriber::subscriber_found;
use super::{App, Change, changed, plane_partner};
use crate::store;
use crate::store::Tx;
use crate::store::admission::{self as rows, AssignedAddress, PlanAdmission, SubscriberAdmission};
use crate::store::pool::Pool;

/// Places of one list of a subscriber at most.
pub const ALLOWED_MAX: usize = 64;
/// Addresses of one subscriber at most.
pub const ASSIGNED_MAX: usize = 16;

/// What a plan asks for, as people see it: pools by name.
#[derive(Debug)]
pub struct PlanAdmissionReport {
    /// What it asks for.
    pub asks: PlanAdmission,
    /// The names of its pools, by the place of their kind.
    pub pools: [Option<String>; 3],
}

/// A change of it; what is absent stays.
#[derive(Debug, Default)]
pub struct PlanAdmissionPatch {
    /// Logins in at once.
    pub simultaneous: Change<i32>,
    /// What happens beyond that.
    pub on_collision: Option<Collision>,
    /// What the first login binds to.
    pub bind: Change<BindBy>,
    /// Pools by name, by the place of their kind.
    pub pools: [Change<String>; 3],
}

/// One place a subscriber may come from, as people write it.
#[derive(Debug)]
pub struct AllowedPlace {
    /// What is looked at.
    pub kind: AllowedKind,
    /// A NAS by name.
    pub nas: Option<String>,
    /// What it must be.
    pub value: String,
}

/// A change of what is special about one subscriber; what is absent stays.
#[derive(Debug, Default)]
pub struct SubscriberAdmissionPatch {
    /// Logins in at once.
    pub simultaneous: Change<i32>,
    /// What happens beyond that.
    pub on_collision: Change<Collision>,
    /// Where he may come from; takes the place of what there is.
    pub allowed: Option<Vec<AllowedPlace>>,
    /// His for good; takes the place of what there is.
    pub addresses: Option<Vec<(PoolKind, IpNet)>>,
}

/// What concerns one subscriber, and how it stands.
#[derive(Debug)]
pub struct SubscriberAdmissionReport {
    /// What is special about him.
    pub rules: SubscriberAdmission,
    /// His for good.
    pub addresses: Vec<AssignedAddress>,
    /// What he is bound to, as `mac 00:...`, and since when; `None` when it is not written down yet.
    pub bound: Option<(String, Option<OffsetDateTime>)>,
    /// Places that are sessions, and accepted logins that wait for their Start.
    pub places: (usize, usize),
}

impl App {
    /// What a plan asks for.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn plan_admission_get(
        &self,
        op: &OpContext,
        plan: PlanId,
    ) -> Result<PlanAdmissionReport, Error> {
        let mut tx = self.db.begin(op).await?;
        plan_named(&mut tx, op, plan).await?;
        let asks = rows::plan_admission_fetch(&mut tx, op, plan).await?;
        let pools = store::pool::pool_list(&mut tx, op).await?;
        tx.commit().await?;
        Ok(report(asks, &pools))
    }

    /// Changes what a plan asks for; the next login meets it, and open sessions count at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a pool that is not there or gives something else.
    pub async fn plan_admission_update(
        &self,
        op: &OpContext,
        plan: PlanId,
        patch: PlanAdmissionPatch,
    ) -> Result<PlanAdmissionReport, Error> {
        let mut tx = self.db.begin(op).await?;
        let slug = plan_named(&mut tx, op, plan).await?;
        let before = rows::plan_admission_fetch(&mut tx, op, plan).await?;
        let pools = store::pool::pool_list(&mut tx, op).await?;
        let mut ids = [
            before.ipv4_pool_id,
            before.prefix_pool_id,
            before.delegated_pool_id,
        ];
        for (kind, (id, change)) in PoolKind::ALL.into_iter().zip(ids.iter_mut().zip(patch.pools)) {
            let Some(change) = change else { continue };
            *id = change.map(|name| pool_named(&pools, kind, &name)).transpose()?;
        }
        let [ipv4_pool_id, prefix_pool_id, delegated_pool_id] = ids;
        let bind = patch.bind.map(|bind| bind.map(|by| by.as_str().to_owned()));
        let after = PlanAdmission {
            simultaneous: changed(before.simultaneous, patch.simultaneous),
            on_collision: match patch.on_collision {
                Some(collision) => collision.as_str().to_owned(),
                None => before.on_collision.clone(),
            },
            bind: changed(before.bind.clone(), bind),
            ipv4_pool_id,
            prefix_pool_id,
            delegated_pool_id,
        };
        rows::plan_admission_put(&mut tx, op, plan, &after).await?;
        let (before, after) = (report(before, &pools), report(after, &pools));
        let entry = Entry::ok("plan.admission", "plan")
            .object(plan, &slug)
            .before(plan_shown(&before))
            .after(plan_shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// What concerns one subscriber, and how it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn subscriber_admission_get(
        &self,
        op: &OpContext,
        id: SubscriberId,
    ) -> Result<SubscriberAdmissionReport, Error> {
        let mut tx = self.db.begin(op).await?;
        subscriber_found(&mut tx, op, id).await?;
        let rules = rows::subscriber_admission_fetch(&mut tx, op, id).await?;
        let addresses = rows::assigned_list(&mut tx, op, id).await?;
        let binding = rows::binding_fetch(&mut tx, op, id).await?;
        tx.commit().await?;
        let gate = self.plane.directory.gate();
        let held = gate.bound(id.as_uuid().into());
        let held = held.map(|bound| (format!("{} {}", bound.by.as_str(), bound.value), None));
        Ok(SubscriberAdmissionReport {
            rules,
            addresses,
            bound: binding
                .map(|binding| {
                    (
                        format!("{} {}", binding.bound_by, binding.value),
                        Some(binding.since),
                    )
                })
                .or(held),
            places: gate.places(id.as_uuid().into()),
        })
    }

    /// Changes what is special about one subscriber.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place that cannot be, [`Error::Conflict`] for an address that is somebody else's: one
    /// authority says so, here, before anybody gets it.
    pub async fn subscriber_admission_update(
        &self,
        op: &OpContext,
        id: SubscriberId,
        patch: SubscriberAdmissionPatch,
    ) -> Result<SubscriberAdmissionReport, Error> {
        let mut tx = self.db.begin(op).await?;
        store::subscriber::subscriber_lock(&mut tx, op, id).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        let before = rows::subscriber_admission_fetch(&mut tx, op, id).await?;
        let had = rows::assigned_list(&mut tx, op, id).await?;
        let collision = patch
            .on_collision
            .map(|change| change.map(|collision| collision.as_str().to_owned()));
        let after = SubscriberAdmission {
            simultaneous: changed(before.simultaneous, patch.simultaneous),
            on_collision: changed(before.on_collision.clone(), collision),
            allowed: match patch.allowed {
                Some(places) => allowed(&mut tx, op, places).await?,
                None => before.allowed.clone(),
            },
        };
        rows::subscriber_admission_put(&mut tx, op, id, &after).await?;
        if let Some(addresses) = patch.addresses {
            self.assign(&mut tx, op, id, addresses).await?;
        }
        let has = rows::assigned_list(&mut tx, op, id).await?;
        let entry = Entry::ok("subscriber.admission", "subscriber")
            .object(id, &subscriber.username)
            .before(shown(&before, &had))
            .after(shown(&after, &has));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.subscriber_admission_get(op, id).await
    }

    /// Releases a subscriber from what he is bound to: his next login binds him anew. What that was.
    ///
    /// # Errors
    /// [`Error::Conflict`] when he is bound to nothing.
    pub async fn subscriber_release(&self, op: &OpContext, id: SubscriberId) -> Result<String, Error> {
        let mut tx = self.db.begin(op).await?;
        let subscriber = subscriber_found(&mut tx, op, id).await?;
        let stored = rows::binding_fetch(&mut tx, op, id).await?;
        let held = self.plane.directory.gate().bound(id.as_uuid().into());
        let was = stored
            .map(|binding| format!("{} {}", binding.bound_by, binding.value))
            .or_else(|| held.map(|bound| format!("{} {}", bound.by.as_str(), bound.value)));
        let Some(was) = was else {
            let message = format!("{} is bound to nothing", subscriber.username);
            return Err(Error::conflict("binding", message));
        };
        rows::binding_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("subscriber.release", "subscriber")
            .object(id, &subscriber.username)
            .before(json!({ "bound": was }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        self.plane.directory.gate().release(id.as_uuid().into());
        Ok(was)
    }

    /// Gives a subscriber addresses for good, if nobody else has them: neither for good, nor of a pool right now.
    async fn assign(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        id: SubscriberId,
        addresses: Vec<(PoolKind, IpNet)>,
    ) -> Result<(), Error> {
        rows::assigned_lock(tx, op).await?;
        let mut assigned: Vec<AssignedAddress> = Vec::new();
        for (kind, net) in addresses {
            let v4 = net.addr().is_ipv4();
            let net = net.trunc();
            if v4 != (kind == PoolKind::Ipv4) || !kind.takes(net.prefix_len()) {
                let message = format!("{net} is no address or prefix of kind {}", kind.as_str());
                return Err(Error::invalid("/addresses", message));
            }
            if assigned
                .iter()
                .any(|other| other.address.contains(&net) || net.contains(&other.address))
            {
                return Err(Error::invalid("/addresses", format!("{net} is named twice")));
            }
            if let Some((username, other)) = rows::assigned_clash(tx, op, id, net).await? {
                let message = format!("{net} is not free: {other} is assigned to {username}");
                return Err(Error::conflict("address", message));
            }
            self.not_given(op, id, net)?;
            assigned.push(AssignedAddress {
                kind: kind.as_str().to_owned(),
                address: net,
            });
        }
        rows::assigned_replace(tx, op, id, &assigned).await
    }

    /// Refuses an address that another subscriber has of a pool right now, as this node knows it.
    fn not_given(&self, op: &OpContext, id: SubscriberId, net: IpNet) -> Result<(), Error> {
        let partner = plane_partner(op.require_partner()?);
        for (whose, pool) in self.plane.directory.gate().pools() {
            let held = (whose == partner).then(|| pool.holder(net.network())).flatten();
            if let Some((holder, true)) = held
                && holder.as_uuid() != id.as_uuid()
            {
                let partner = self.plane.directory.partner(partner);
                let holder = partner.and_then(|partner| partner.subscriber_by_id(holder));
                let holder =
                    holder.map_or_else(|| "somebody".to_owned(), |holder| holder.username().to_owned());
                let message = format!(
                    "{net} is not free: {holder} has it of pool {} right now",
                    pool.spec().name
                );
                return Err(Error::conflict("address", message));
            }
        }
        Ok(())
    }
}

/// The places as they are stored: NAS by id, values in their normal form.
async fn allowed(tx: &mut Tx, op: &OpContext, places: Vec<AllowedPlace>) -> Result<Value, Error> {
    if places.len() > ALLOWED_MAX {
        return Err(Error::invalid(
            "/allowed",
            format!("at most {ALLOWED_MAX} places"),
        ));
    }
    let mut lines = Vec::new();
    for (at, place) in places.into_iter().enumerate() {
        let pointer = format!("/allowed/{at}");
        let nas = match &place.nas {
            None if place.kind == AllowedKind::Nas => {
                return Err(Error::invalid(pointer, "a NAS is named by its name"));
            }
            None => None,
            Some(name) => {
                let found = store::nas::nas_id_by_name(tx, op, name).await?;
                let found =
                    found.ok_or_else(|| Error::invalid(&pointer, format!("there is no NAS {name}")))?;
                Some(found.as_uuid())
            }
        };
        let value = match place.kind {
            AllowedKind::Nas => String::new(),
            AllowedKind::Mac => radius::Mac::parse(place.value.as_bytes())
                .map(|mac| mac.to_string())
                .ok_or_else(|| Error::invalid(&pointer, "it is no MAC address"))?,
            AllowedKind::Vlan => radius::line::Vlans::parse(place.value.as_bytes())
                .map(|vlans| vlans.to_string())
                .ok_or_else(|| Error::invalid(&pointer, "a VLAN is written 100, or 100.200"))?,
            AllowedKind::Port if place.value.is_empty() || place.value.len() > 253 => {
                return Err(Error::invalid(pointer, "a port is 1 to 253 octets"));
            }
            AllowedKind::Port => place.value,
        };
        lines.push(json!({ "kind": place.kind.as_str(), "nas": nas, "value": value }));
    }
    Ok(Value::Array(lines))
}

/// The slug of a plan of this partner.
async fn plan_named(tx: &mut Tx, op: &OpContext, id: PlanId) -> Result<String, Error> {
    let found = store::plan::plan_fetch(tx, op, id).await?;
    Ok(found.ok_or_else(|| Error::not_found("plan", id))?.slug)
}

/// The pool of this name, which must give this kind.
pub(super) fn pool_named(pools: &[Pool], kind: PoolKind, name: &str) -> Result<uuid::Uuid, Error> {
    let pointer = format!("/{}_pool", kind.as_str());
    let found = pools.iter().find(|pool| pool.name == name);
    let pool = found.ok_or_else(|| Error::invalid(&pointer, format!("there is no pool {name}")))?;
    if pool.kind != kind.as_str() {
        return Err(Error::invalid(
            pointer,
            format!("pool {name} is of kind {}", pool.kind),
        ));
    }
    Ok(pool.id.as_uuid())
}

/// What a plan asks for, with the names of its pools.
fn report(asks: PlanAdmission, pools: &[Pool]) -> PlanAdmissionReport {
    let ids = [asks.ipv4_pool_id, asks.prefix_pool_id, asks.delegated_pool_id];
    let name = |id: Option<uuid::Uuid>| {
        let pool = pools.iter().find(|pool| Some(pool.id.as_uuid()) == id)?;
        Some(pool.name.clone())
    };
    PlanAdmissionReport {
        pools: ids.map(name),
        asks,
    }
}

/// The same as the audit keeps it.
fn plan_shown(report: &PlanAdmissionReport) -> Value {
    json!({
        "simultaneous": report.asks.simultaneous,
        "on_collision": report.asks.on_collision,
        "bind": report.asks.bind,
        "ipv4_pool": report.pools[0],
        "prefix_pool": report.pools[1],
        "delegated_pool": report.pools[2],
    })
}

/// What is special about a subscriber as the audit keeps it.
fn shown(rules: &SubscriberAdmission, addresses: &[AssignedAddress]) -> Value {
    json!({
        "simultaneous": rules.simultaneous,
        "on_collision": rules.on_collision,
        "allowed": rules.allowed,
        "addresses": addresses.iter().map(|assigned| assigned.address.to_string()).collect::<Vec<_>>(),
    })
}
