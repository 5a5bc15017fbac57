//! What a file says of addresses and admission: pools, who may come in by a plan, what is special about a subscriber, which
//! pools a site has, and the garden. Each part is the whole of it: what it does not name is taken away.
//! Never talks to a server; the rest of the file is checked in [`super::desired`].

use radius_server::addresses::AddressRange;
use serde_json::{Value, json};

use super::desired::{Check, Kind, Object, fields};
use super::file;
use crate::failure::Failure;
use crate::place;

/// What happens beyond the logins that may be in.
const COLLISIONS: [&str; 3] = ["reject", "same_device", "replace"];

/// A part of another object.
pub(super) fn part<const N: usize>(kind: Kind, name: String, all: [(&str, Value); N]) -> Object {
    Object {
        kind,
        name,
        fields: fields(all.map(|(name, value)| (name, Some(value)))),
        secrets: Vec::new(),
    }
}

impl Check<'_> {
    /// One pool.
    pub(super) fn pool(&mut self, partner: &str, pool: file::Pool) -> Object {
        self.at(partner, Kind::Pool, &pool.name);
        let kind = pool.kind.unwrap_or_else(|| "ipv4".to_owned());
        self.one_of("kind", Some(&kind), &["ipv4", "prefix", "delegated"]);
        if pool.unit_len.is_some() && kind != "delegated" {
            self.refuse("unit_len", "is a delegated pool's");
        }
        if pool.ranges.is_empty() {
            self.refuse("ranges", "needed, at least one");
        }
        for text in pool.ranges.iter().chain(pool.excluded.iter().flatten()) {
            if let Err(why) = text.parse::<AddressRange>() {
                self.refuse("ranges", format!("found \"{text}\": {why}"));
            }
        }
        Object {
            kind: Kind::Pool,
            name: pool.name,
            fields: fields([
                ("kind", Some(kind.into())),
                ("unit_len", pool.unit_len.map(Value::from)),
                ("ranges", Some(json!(pool.ranges))),
                ("excluded", pool.excluded.map(|ranges| json!(ranges))),
                ("hold_s", pool.hold_s.map(Value::from)),
            ]),
            secrets: Vec::new(),
        }
    }

    /// The pools of a site.
    pub(super) fn site_pools(&mut self, partner: &str, name: String, pools: file::SitePools) -> Object {
        self.at(partner, Kind::SitePools, &name);
        let all = [
            ("ipv4_pool", json!(pools.ipv4_pool)),
            ("prefix_pool", json!(pools.prefix_pool)),
            ("delegated_pool", json!(pools.delegated_pool)),
        ];
        part(Kind::SitePools, name, all)
    }

    /// Who may come in by a plan.
    pub(super) fn plan_admission(
        &mut self,
        partner: &str,
        name: String,
        asks: file::PlanAdmission,
    ) -> Object {
        self.at(partner, Kind::PlanAdmission, &name);
        self.one_of("on_collision", asks.on_collision.as_deref(), &COLLISIONS);
        self.one_of("bind", asks.bind.as_deref(), &["mac", "port", "line"]);
        let usual = || "same_device".to_owned();
        let all = [
            ("simultaneous", json!(asks.simultaneous)),
            ("on_collision", asks.on_collision.unwrap_or_else(usual).into()),
            ("bind", json!(asks.bind)),
            ("ipv4_pool", json!(asks.ipv4_pool)),
            ("prefix_pool", json!(asks.prefix_pool)),
            ("delegated_pool", json!(asks.delegated_pool)),
        ];
        part(Kind::PlanAdmission, name, all)
    }

    /// What is special about one subscriber.
    pub(super) fn subscriber_admission(
        &mut self,
        partner: &str,
        name: String,
        own: file::SubscriberAdmission,
    ) -> Object {
        self.at(partner, Kind::SubscriberAdmission, &name);
        self.one_of("on_collision", own.on_collision.as_deref(), &COLLISIONS);
        let mut read = |key: &str, texts: &[String], read: fn(&str) -> Result<Value, Failure>| -> Value {
            let read = texts.iter().filter_map(|text| {
                let value = read(text);
                value.map_err(|failure| self.refuse(key, failure.title)).ok()
            });
            read.collect()
        };
        let all = [
            ("simultaneous", json!(own.simultaneous)),
            ("on_collision", json!(own.on_collision)),
            ("allowed", read("allow", &own.allow, place::place)),
            ("addresses", read("addresses", &own.addresses, place::address)),
        ];
        part(Kind::SubscriberAdmission, name, all)
    }

    /// Where those without service are let in.
    pub(super) fn garden(&mut self, partner: &str, garden: file::Garden) -> Object {
        self.at(partner, Kind::Garden, partner);
        if garden.reasons.is_empty() && !garden.terms.is_empty() {
            self.refuse("terms", "without reasons there is no garden to give them in");
        }
        let all = [("reasons", json!(garden.reasons)), ("terms", garden.terms.into())];
        part(Kind::Garden, partner.to_owned(), all)
    }
}
