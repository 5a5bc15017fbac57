//! What the server has of a partner, as far as a file names it or refers to it.
//! Never writes, and keeps nothing longer than one plan. Next: [`super::plan`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::desired::{Kind, Object, PartnerWanted};
use crate::client::Api;
use crate::failure::Failure;
use crate::suggest;

/// What the server has of one partner.
#[derive(Default)]
pub(super) struct Live {
    /// Objects by kind and name.
    pub(super) objects: BTreeMap<(Kind, String), Value>,
}

/// Reads what the server has of the kinds that the file names or refers to.
pub(super) async fn read_live(api: &Api, wanted: &PartnerWanted) -> Result<Live, Failure> {
    let partner = wanted.partner.name.as_str();
    let has = |kind| wanted.objects.iter().any(|object| object.kind == kind);
    let mut live = Live::default();
    let subscribers = has(Kind::Subscriber);
    if has(Kind::Client) || has(Kind::Site) || has(Kind::SitePools) || subscribers {
        for client in api.list(&["partners", partner, "clients"], &[]).await? {
            let (id, slug) = (text(&client, "id"), text(&client, "slug"));
            for site in api
                .list(&["partners", partner, "clients", &id, "sites"], &[])
                .await?
            {
                let name = format!("{slug}/{}", text(&site, "slug"));
                live.objects.insert((Kind::Site, name), site);
            }
            live.objects.insert((Kind::Client, slug), client);
        }
    }
    let lists = [
        (Kind::Plan, "plans", "slug", has(Kind::Plan) || subscribers),
        (
            Kind::Pool,
            "pools",
            "name",
            has(Kind::Pool) || has(Kind::SitePools) || has(Kind::PlanAdmission),
        ),
        (
            Kind::HomeServer,
            "home-servers",
            "name",
            has(Kind::HomeServer) || has(Kind::Realm),
        ),
        (Kind::Realm, "realms", "name", has(Kind::Realm)),
        (
            Kind::Nas,
            "nas",
            "name",
            has(Kind::Nas) || has(Kind::SubscriberAdmission),
        ),
        (Kind::User, "users", "email", has(Kind::User)),
        (Kind::Subscriber, "subscribers", "username", subscribers),
    ];
    for (kind, path, name, needed) in lists {
        if needed {
            for object in api.list(&["partners", partner, path], &[]).await? {
                live.objects.insert((kind, text(&object, name)), object);
            }
        }
    }
    for object in &wanted.objects {
        let Some(path) = part_path(partner, object, &live) else {
            continue;
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut part = api.get(&path).await?;
        if object.kind == Kind::SubscriberAdmission {
            part = live.as_written(part);
        }
        live.objects.insert((object.kind, object.name.clone()), part);
    }
    Ok(live)
}

/// Where a part of something that the server has is; `None` when the server has not what it is a part of.
fn part_path(partner: &str, object: &Object, live: &Live) -> Option<Vec<String>> {
    let owner = object.kind.part_of()?;
    let id = match owner {
        Kind::Partner => String::new(),
        owner => text(live.objects.get(&(owner, object.name.clone()))?, "id"),
    };
    let own = part_segments(object.kind)?;
    let path = std::iter::once("partners").chain([partner]).chain(own.0);
    let path = path.map(str::to_owned).chain((!id.is_empty()).then_some(id));
    Some(path.chain(own.1.map(str::to_owned)).collect())
}

/// The segments of a part's path before and behind the id of what it is a part of.
pub(super) fn part_segments(kind: Kind) -> Option<(Option<&'static str>, Option<&'static str>)> {
    Some(match kind {
        Kind::Identity => (None, Some("identity-policy")),
        Kind::Defaults => (None, Some("defaults")),
        Kind::Garden => (None, Some("garden")),
        Kind::SitePools => (Some("sites"), Some("pools")),
        Kind::PlanAdmission => (Some("plans"), Some("admission")),
        Kind::NasDefaults => (Some("nas"), Some("defaults")),
        Kind::SubscriberAdmission => (Some("subscribers"), Some("admission")),
        _ => return None,
    })
}

impl Live {
    /// What is special about a subscriber, with places and addresses as they are written: NAS by name, each address with its
    /// kind.
    fn as_written(&self, mut own: Value) -> Value {
        let named = |id: &Value| {
            let nas = self
                .objects
                .iter()
                .find(|((kind, _), nas)| *kind == Kind::Nas && nas["id"] == *id);
            nas.map_or_else(|| id.clone(), |((_, name), _)| name.as_str().into())
        };
        if let Some(places) = own["allowed"].as_array_mut() {
            for place in places.iter_mut().filter(|place| place["nas"].is_string()) {
                place["nas"] = named(&place["nas"]);
            }
        }
        let addresses = own["addresses"].as_array().cloned().unwrap_or_default();
        let address = |text: &Value| {
            let (kind, address) = text
                .as_str()
                .unwrap_or_default()
                .split_once(' ')
                .unwrap_or_default();
            json!({ "kind": kind, "address": address })
        };
        own["addresses"] = addresses.iter().map(address).collect();
        own
    }

    /// The names of one kind, here and in the file.
    fn names<'a>(&'a self, wanted: &'a PartnerWanted, kind: Kind) -> BTreeSet<&'a str> {
        let here = self
            .objects
            .keys()
            .filter(|(of, _)| *of == kind)
            .map(|(_, name)| name.as_str());
        let there = wanted
            .objects
            .iter()
            .filter(|object| object.kind == kind)
            .map(|object| object.name.as_str());
        here.chain(there).collect()
    }

    /// Notes every client, site, plan, pool and home server that is referred to and exists nowhere.
    pub(super) fn references(&self, wanted: &PartnerWanted, missing: &mut Vec<String>) {
        let known = |kind| self.names(wanted, kind);
        let (clients, sites, plans) = (known(Kind::Client), known(Kind::Site), known(Kind::Plan));
        let (servers, pools) = (known(Kind::HomeServer), known(Kind::Pool));
        let mut need = |object: &Object, kind: Kind, name: &str, names: &BTreeSet<&str>| {
            if names.contains(name) {
                return;
            }
            let near = suggest::close(name, names.iter().copied());
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(" or "))
            };
            let place = format!(
                "partner \"{}\", {} \"{}\"",
                wanted.partner.name,
                object.kind.word(),
                object.name
            );
            missing.push(format!(
                "{place}: {}: there is no {} \"{name}\"{hint}",
                kind.word(),
                kind.word()
            ));
        };
        for object in &wanted.objects {
            match object.kind {
                Kind::Site => need(object, Kind::Client, client_of(&object.name), &clients),
                Kind::Subscriber => {
                    need(object, Kind::Plan, &field(object, "plan"), &plans);
                    let site = format!("{}/{}", field(object, "client"), field(object, "site"));
                    need(object, Kind::Site, &site, &sites);
                }
                Kind::PlanAdmission | Kind::SitePools => {
                    for kind in ["ipv4_pool", "prefix_pool", "delegated_pool"] {
                        let name = field(object, kind);
                        if !name.is_empty() {
                            need(object, Kind::Pool, &name, &pools);
                        }
                    }
                }
                Kind::Realm => {
                    let named = object.fields.get("home_servers").and_then(Value::as_array);
                    for name in named.into_iter().flatten().filter_map(Value::as_str) {
                        need(object, Kind::HomeServer, name, &servers);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The client in `client/site`.
pub(super) fn client_of(site: &str) -> &str {
    site.split('/').next().unwrap_or_default()
}

/// A text field of an object of the file.
fn field(object: &Object, name: &str) -> String {
    object
        .fields
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A text field of an object of the server.
pub(super) fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}
