//! What the server has of a partner, as far as a file names it or refers to it.
//! Never writes, and keeps nothing longer than one plan. Next: [`super::plan`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

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
    if has(Kind::Client) || has(Kind::Site) || subscribers {
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
            Kind::HomeServer,
            "home-servers",
            "name",
            has(Kind::HomeServer) || has(Kind::Realm),
        ),
        (Kind::Realm, "realms", "name", has(Kind::Realm)),
        (Kind::Nas, "nas", "name", has(Kind::Nas)),
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
    if has(Kind::Identity) {
        let policy = api.get(&["partners", partner, "identity-policy"]).await?;
        live.objects.insert((Kind::Identity, partner.to_owned()), policy);
    }
    Ok(live)
}

impl Live {
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

    /// Notes every client, site, plan and home server that is referred to and exists nowhere.
    pub(super) fn references(&self, wanted: &PartnerWanted, missing: &mut Vec<String>) {
        let known = |kind| self.names(wanted, kind);
        let (clients, sites, plans) = (known(Kind::Client), known(Kind::Site), known(Kind::Plan));
        let servers = known(Kind::HomeServer);
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
