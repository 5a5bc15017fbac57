//! Rows about admission to what the directory holds: what plans and subscribers ask for, pools, what is assigned and bound.
//! Never decides about a login. A word of a later schema is left out, and what it is about then asks for less.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;

use ipnet::IpNet;
use kernel::Error;
use radius_server::addresses::{AddressRange, PoolKind, PoolSpec};
use radius_server::admission::{
    Allowed, AllowedKind, BindBy, Bound, Collision, PlanRules, StaticAddress, SubscriberRules,
};
use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

use super::load::Loader;
use crate::store::Tx;
use crate::store::admission::{self as rows, PlanAdmission, RulesEntry};
use crate::store::pool::{self, PoolEntry};

impl Loader {
    /// What these plans ask for.
    pub(super) async fn plan_rules(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, PlanRules>, Error> {
        let entries = rows::plan_entries(tx, ids).await?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.plan, plan_rules(&entry.asks)))
            .collect())
    }

    /// Puts what concerns these subscribers alone; who has no entry has nothing of the kind any more.
    pub(super) fn rules(&self, entries: &[RulesEntry], tenants: &HashMap<Uuid, Uuid>) {
        for (id, tenant) in tenants {
            if !entries.iter().any(|entry| entry.subscriber == *id) {
                self.directory().rules_put((*tenant).into(), (*id).into(), None);
                self.directory()
                    .gate()
                    .bound_put((*tenant).into(), (*id).into(), None);
            }
        }
        entries.iter().for_each(|entry| self.rules_put(entry));
    }

    /// Reads what concerns subscribers alone, of all of them, and every pool: they are few.
    pub async fn admission(&self, tx: &mut Tx) -> Result<(), Error> {
        let directory = self.directory();
        let entries = rows::rules_entries(tx, &[], true).await?;
        for partner in directory.partners() {
            for id in partner.ruled() {
                if !entries.iter().any(|entry| entry.subscriber == id.as_uuid()) {
                    directory.rules_put(partner.id(), id, None);
                }
            }
        }
        entries.iter().for_each(|entry| self.rules_put(entry));
        let partners: Vec<Uuid> = directory
            .partners()
            .iter()
            .map(|partner| partner.id().as_uuid())
            .collect();
        self.pools(tx, &partners).await
    }

    /// Looks again at the pools of these partners.
    pub(super) async fn pools(&self, tx: &mut Tx, tenants: &[Uuid]) -> Result<(), Error> {
        let mut specs: BTreeMap<Uuid, Vec<PoolSpec>> = tenants.iter().map(|id| (*id, Vec::new())).collect();
        for entry in pool::pool_entries(tx, tenants).await? {
            match pool_spec(&entry) {
                Some(spec) => specs.entry(entry.tenant).or_default().push(spec),
                None => warn!(pool = %entry.id, "a pool cannot be read and gives no addresses"),
            }
        }
        let assigned = pool::assigned_entries(tx, tenants).await?;
        for (tenant, specs) in specs {
            let his = assigned.iter().filter(|(whose, _)| *whose == tenant);
            let his: Vec<AddressRange> = his.map(|(_, net)| whole(*net)).collect();
            for (pool, error) in self.directory().gate().pools_put(tenant.into(), specs, &his) {
                self.clerk.refuse("pool", pool.as_uuid(), &error);
            }
        }
        Ok(())
    }

    /// Puts what concerns one subscriber alone.
    fn rules_put(&self, entry: &RulesEntry) {
        let (tenant, id) = (entry.tenant.into(), entry.subscriber.into());
        self.directory().rules_put(tenant, id, Some(rules(entry)));
        self.directory().gate().bound_put(tenant, id, bound(entry));
    }
}

/// A number of logins, as the schema bounds it.
fn number(stored: Option<i32>) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(stored?).ok()?)
}

/// What a plan asks for.
fn plan_rules(asks: &PlanAdmission) -> PlanRules {
    let pools = [asks.ipv4_pool_id, asks.prefix_pool_id, asks.delegated_pool_id];
    PlanRules {
        simultaneous: number(asks.simultaneous),
        collision: Collision::of_str(&asks.on_collision).unwrap_or_default(),
        bind: asks.bind.as_deref().and_then(BindBy::of_str),
        pools: pools.map(|pool| pool.map(Into::into)),
    }
}

/// What concerns one subscriber alone.
fn rules(entry: &RulesEntry) -> SubscriberRules {
    let address = |text: &String| {
        let (kind, net) = text.split_once(' ')?;
        Some(StaticAddress {
            kind: PoolKind::of_str(kind)?,
            net: net.parse().ok()?,
        })
    };
    SubscriberRules {
        simultaneous: number(entry.simultaneous),
        collision: entry.on_collision.as_deref().and_then(Collision::of_str),
        allowed: entry.allowed.as_ref().map(allowed).unwrap_or_default(),
        addresses: entry.addresses.iter().filter_map(address).collect(),
        pools: [entry.ipv4_pool_id, entry.prefix_pool_id, entry.delegated_pool_id]
            .map(|pool| pool.map(Into::into)),
    }
}

/// Where he may come from. A line that cannot be read fits nowhere rather than everywhere.
pub fn allowed(lines: &Value) -> Box<[Allowed]> {
    let line = |line: &Value| {
        let nowhere = Allowed {
            kind: AllowedKind::Nas,
            nas: Some(radius_server::NasId::from_uuid(Uuid::nil())),
            value: "".into(),
        };
        let Some(kind) = line["kind"].as_str().and_then(AllowedKind::of_str) else {
            return nowhere;
        };
        Allowed {
            kind,
            nas: match &line["nas"] {
                Value::String(id) => Some(id.parse().unwrap_or(radius_server::NasId::from_uuid(Uuid::nil()))),
                _ => None,
            },
            value: line["value"].as_str().unwrap_or_default().into(),
        }
    };
    lines
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(line)
        .collect()
}

/// What he is bound to.
fn bound(entry: &RulesEntry) -> Option<Bound> {
    Some(Bound {
        by: BindBy::of_str(entry.bound_by.as_deref()?)?,
        nas: entry.bound_nas.map(Into::into),
        value: entry.bound_value.as_deref()?.into(),
    })
}

/// A pool; `None` when its ranges cannot be read.
fn pool_spec(entry: &PoolEntry) -> Option<PoolSpec> {
    let ranges = |texts: &[String]| {
        texts
            .iter()
            .map(|text| text.parse().ok())
            .collect::<Option<Vec<_>>>()
    };
    Some(PoolSpec {
        id: entry.id.into(),
        name: entry.name.as_str().into(),
        kind: PoolKind::of_str(&entry.kind)?,
        unit_len: u8::try_from(entry.unit_len).ok()?,
        ranges: ranges(&entry.ranges)?,
        excluded: ranges(&entry.excluded)?,
        hold_s: u32::try_from(entry.hold_s).ok()?,
    })
}

/// All of a network, its ends included.
pub fn whole(net: IpNet) -> AddressRange {
    AddressRange::new(net.network(), net.broadcast()).unwrap_or_else(|_| net.into())
}
