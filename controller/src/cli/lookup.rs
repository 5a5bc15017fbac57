//! From a name or an id to the object of a partner, with close names when there is none.
//! Never picks one of several. Used by every noun with `show`, `set`, `remove`.

use serde_json::Value;

use super::context::Context;
use crate::failure::{Exit, Failure};
use crate::suggest;

/// A collection inside a partner.
pub struct Collection {
    /// What people call one of them.
    pub kind: &'static str,
    /// Its path segment.
    pub path: &'static str,
    /// The field that names it.
    pub name: &'static str,
}

/// The collections that are looked into by name.
pub const NAS: Collection = Collection {
    kind: "NAS",
    path: "nas",
    name: "name",
};
/// See [`NAS`].
pub const HOME_SERVER: Collection = Collection {
    kind: "home server",
    path: "home-servers",
    name: "name",
};
/// See [`NAS`].
pub const REALM: Collection = Collection {
    kind: "realm",
    path: "realms",
    name: "name",
};
/// See [`NAS`].
pub const PLAN: Collection = Collection {
    kind: "plan",
    path: "plans",
    name: "slug",
};
/// See [`NAS`].
pub const POOL: Collection = Collection {
    kind: "pool",
    path: "pools",
    name: "name",
};
/// See [`NAS`].
pub const SUBSCRIBER: Collection = Collection {
    kind: "subscriber",
    path: "subscribers",
    name: "username",
};
/// See [`NAS`].
pub const USER: Collection = Collection {
    kind: "user",
    path: "users",
    name: "email",
};
/// See [`NAS`].
pub const CLIENT: Collection = Collection {
    kind: "client",
    path: "clients",
    name: "slug",
};
/// See [`NAS`].
pub const API_KEY: Collection = Collection {
    kind: "API key",
    path: "api-keys",
    name: "name",
};

impl Collection {
    /// The object with this name or id.
    pub async fn find(&self, context: &Context, partner: &str, name: &str) -> Result<Value, Failure> {
        // Only subscribers can be too many to look through, and only they can be asked for by name.
        let items = if self.path == SUBSCRIBER.path && uuid::Uuid::try_parse(name).is_err() {
            context
                .api
                .list(&["partners", partner, self.path], &[("username", name)])
                .await?
        } else if self.path == SUBSCRIBER.path {
            return Ok(context.api.get(&["partners", partner, self.path, name]).await?);
        } else {
            context.api.list(&["partners", partner, self.path], &[]).await?
        };
        // A revoked API key keeps its name; the living one is meant.
        let matching = |item: &&Value| {
            item["id"].as_str() == Some(name)
                || (item[self.name].as_str() == Some(name) && item["revoked_at"].is_null())
        };
        match items.iter().find(matching) {
            Some(found) => Ok(found.clone()),
            None => Err(self.not_found(context, partner, name, items).await),
        }
    }

    /// The id of the object with this name or id.
    pub async fn id(&self, context: &Context, partner: &str, name: &str) -> Result<String, Failure> {
        let found = self.find(context, partner, name).await?;
        id_of(&found)
    }

    /// The failure for a name that does not exist, with close ones.
    async fn not_found(
        &self,
        context: &Context,
        partner: &str,
        name: &str,
        mut items: Vec<Value>,
    ) -> Failure {
        if self.path == SUBSCRIBER.path {
            let start: String = name.chars().take(3).collect();
            let near = context
                .api
                .list_some(&["partners", partner, self.path], &[("q", &start)], 200)
                .await;
            items = near.unwrap_or_default();
        }
        let names = items.iter().filter_map(|item| item[self.name].as_str());
        not_found(self.kind, name, partner, names)
    }
}

/// The failure for a name that does not exist in a partner, with close ones.
pub fn not_found<'a>(
    kind: &str,
    name: &str,
    partner: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("partner {partner} has no {kind} {name}"));
    match suggest::close(name, known).as_slice() {
        [] => failure,
        near => failure.next(format!("did you mean {}?", near.join(" or "))),
    }
}

/// The id inside an object of the API.
pub fn id_of(object: &Value) -> Result<String, Failure> {
    object["id"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(Exit::Failed, "the server gave an object without an id"))
}

/// The site written `client/site`, with its client's id.
pub async fn site(context: &Context, partner: &str, written: &str) -> Result<Value, Failure> {
    let (client, site) = split_site(written)?;
    let client_id = CLIENT.id(context, partner, client).await?;
    let sites = context
        .api
        .list(&["partners", partner, "clients", &client_id, "sites"], &[])
        .await?;
    let known: Vec<&str> = sites.iter().filter_map(|item| item["slug"].as_str()).collect();
    sites
        .iter()
        .find(|item| item["slug"].as_str() == Some(site))
        .cloned()
        .ok_or_else(|| {
            not_found(
                "site",
                site,
                &format!("{partner}'s client {client}"),
                known.iter().copied(),
            )
        })
}

/// Splits `client/site`.
pub fn split_site(written: &str) -> Result<(&str, &str), Failure> {
    written
        .split_once('/')
        .filter(|(client, site)| !client.is_empty() && !site.is_empty())
        .ok_or_else(|| {
            Failure::usage(format!("\"{written}\" is no site"))
                .next("write CLIENT/SITE, such as homes/main-street")
        })
}
