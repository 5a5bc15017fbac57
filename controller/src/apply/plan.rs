//! From what a file wants and what the server has to a list of requests, in the order they must go.
//! Never writes; every reference is checked here, so that a run only fails on what changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Options;
use super::desired::{Desired, Kind, Object, PartnerWanted};
use super::diff::{self, FieldChange, Op, Shown};
use super::live::{Live, client_of, part_segments, text};
use crate::client::Api;
use crate::failure::Failure;

/// Everything that will happen.
///
/// No `Debug`: bodies hold secrets.
pub struct Plan {
    /// In the order it must happen.
    pub changes: Vec<Change>,
    /// How many existing objects have secrets in the file that were neither compared nor sent.
    pub uncompared: usize,
}

/// One object and the requests that change it.
///
/// No `Debug`: bodies hold secrets.
pub struct Change {
    /// What people see.
    pub shown: Shown,
    /// What is sent.
    pub requests: Vec<Request>,
}

/// One request.
///
/// No `Debug`: bodies hold secrets.
pub struct Request {
    /// How.
    pub verb: Verb,
    /// Where.
    pub path: Vec<Segment>,
    /// What, for those that carry something.
    pub body: Map<String, Value>,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Makes an object.
    Post,
    /// Changes one.
    Patch,
    /// Puts one in place of what there is.
    Put,
    /// Removes one.
    Delete,
}

/// A piece of a path.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Known now.
    Text(String),
    /// The id of an object that this very plan makes.
    IdOf(Kind, String),
}

impl Change {
    /// Mark, object, fields.
    pub fn describe(&self) -> String {
        self.shown.describe()
    }
}

impl Plan {
    /// How many objects are added, changed, removed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |op| self.changes.iter().filter(|change| change.shown.op == op).count();
        (count(Op::Add), count(Op::Change), count(Op::Remove))
    }

    /// The last line.
    pub fn summary(&self, dry_run: bool) -> String {
        match (self.counts(), dry_run) {
            ((0, 0, 0), _) => "nothing to change".to_owned(),
            ((add, change, remove), true) => format!("{add} to add, {change} to change, {remove} to remove"),
            ((add, change, remove), false) => format!("{add} added, {change} changed, {remove} removed"),
        }
    }

    /// What was not looked at, if anything.
    pub fn uncompared_note(&self) -> Option<String> {
        (self.uncompared > 0).then(|| {
            let n = self.uncompared;
            format!("note: secrets of {n} existing objects cannot be compared and were left; --reset-secrets sends them")
        })
    }

    /// The whole plan for programs.
    pub fn to_json(&self, dry_run: bool) -> Value {
        let (added, changed, removed) = self.counts();
        let changes: Vec<Value> = self.changes.iter().map(|change| change.shown.to_json()).collect();
        json!({"dry_run": dry_run, "changes": changes, "added": added, "changed": changed, "removed": removed})
    }
}

/// Compares a file with the server.
///
/// # Errors
/// When the server cannot be asked, or the file refers to what neither of them has.
pub async fn make(api: &Api, desired: &Desired, options: Options) -> Result<Plan, Failure> {
    let mut partners: BTreeMap<String, Value> = BTreeMap::new();
    for partner in api.list(&["partners"], &[]).await? {
        partners.insert(partner["slug"].as_str().unwrap_or_default().to_owned(), partner);
    }
    let mut plan = Plan {
        changes: Vec::new(),
        uncompared: 0,
    };
    let mut missing = Vec::new();
    for wanted in &desired.partners {
        let mut live = match partners.get(&wanted.partner.name) {
            Some(_) => super::live::read_live(api, wanted).await?,
            None => Live::default(),
        };
        if let Some(partner) = partners.get(&wanted.partner.name) {
            live.objects
                .insert((Kind::Partner, wanted.partner.name.clone()), partner.clone());
        }
        live.references(wanted, &mut missing);
        compare(wanted, &live, options, &mut plan, &mut missing);
    }
    if missing.is_empty() {
        return Ok(plan);
    }
    let failure =
        Failure::usage("the file refers to what neither it nor the server has, or leaves out what is needed");
    Err(missing
        .into_iter()
        .fold(failure, Failure::detail)
        .next("nothing was changed"))
}

/// Adds what one partner needs to the plan.
fn compare(
    wanted: &PartnerWanted,
    live: &Live,
    options: Options,
    plan: &mut Plan,
    missing: &mut Vec<String>,
) {
    let slug = &wanted.partner.name;
    for object in std::iter::once(&wanted.partner).chain(&wanted.objects) {
        match live.objects.get(&(object.kind, object.name.clone())) {
            None if object.kind.part_of().is_some() => plan.changes.extend(set(slug, object, live)),
            None => {
                if object.kind == Kind::User && object.secrets.is_empty() {
                    missing.push(format!(
                        "partner \"{slug}\", user \"{}\": password: needed for a new user",
                        object.name
                    ));
                }
                plan.changes.push(add(slug, object));
            }
            Some(there) if object.kind.part_of().is_some() => {
                plan.changes.extend(change_part(slug, object, there, live));
            }
            Some(there) => {
                missing.extend(unchangeable(slug, object, there));
                if !object.secrets.is_empty() && !options.reset_secrets {
                    plan.uncompared += 1;
                }
                plan.changes
                    .extend(change(slug, object, there, options.reset_secrets));
            }
        }
    }
    if options.prune {
        // A realm goes before the home servers it names, a plan before its pools.
        for kind in [
            Kind::Subscriber,
            Kind::Nas,
            Kind::Plan,
            Kind::Pool,
            Kind::Realm,
            Kind::HomeServer,
        ] {
            prune(wanted, live, kind, plan);
        }
    }
}

/// The change that sets a part of something that this very plan makes, if it says anything.
fn set(partner: &str, object: &Object, live: &Live) -> Option<Change> {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(terms) => !terms.is_empty(),
        Value::String(word) => word != "same_device",
        _ => true,
    };
    if !object.fields.values().any(says) {
        return None;
    }
    Some(Change {
        shown: shown(Op::Add, partner, object.kind, &object.name, Vec::new()),
        requests: vec![part_request(partner, object, object.fields.clone(), live)],
    })
}

/// The change that a part of something needs, if any.
fn change_part(partner: &str, object: &Object, there: &Value, live: &Live) -> Option<Change> {
    let differing = diff::fields(&object.fields, there);
    if differing.is_empty() {
        return None;
    }
    let body = match object.kind {
        Kind::Garden => object.fields.clone(),
        _ => differing
            .iter()
            .map(|field| (field.name.clone(), field.to.clone()))
            .collect(),
    };
    Some(Change {
        shown: shown(Op::Change, partner, object.kind, &object.name, differing),
        requests: vec![part_request(partner, object, body, live)],
    })
}

/// The request for a part: under what it is a part of, which the server has or this plan makes.
fn part_request(partner: &str, object: &Object, body: Map<String, Value>, live: &Live) -> Request {
    let (before, behind) = part_segments(object.kind).unwrap_or_default();
    let owner = object.kind.part_of().filter(|owner| *owner != Kind::Partner);
    let owner = owner.map(|owner| {
        let name = object.name.clone();
        match live.objects.get(&(owner, name.clone())) {
            Some(there) => Segment::Text(text(there, "id")),
            None => Segment::IdOf(owner, name),
        }
    });
    let word = |word: &str| Segment::Text(word.to_owned());
    let mut path = vec![word("partners"), word(partner)];
    path.extend(before.map(word));
    path.extend(owner);
    path.extend(behind.map(word));
    let closes = object.kind == Kind::Garden && object.fields["reasons"] == json!([]);
    Request {
        verb: match object.kind {
            Kind::Garden if closes => Verb::Delete,
            Kind::Garden => Verb::Put,
            _ => Verb::Patch,
        },
        path,
        body,
    }
}

/// What the file wants another way than it was made, and nobody can change.
fn unchangeable(partner: &str, object: &Object, there: &Value) -> Option<String> {
    let fixed = ["kind", "unit_len"];
    let differs = |name: &str| {
        let wanted = object.fields.get(name);
        object.kind == Kind::Pool && wanted.is_some_and(|wanted| *wanted != there[name])
    };
    let name = fixed.into_iter().find(|name| differs(name))?;
    Some(format!(
        "partner \"{partner}\", pool \"{}\": {name}: is {} and stays so; make another pool",
        object.name, there[name]
    ))
}

/// The change that makes an object.
fn add(partner: &str, object: &Object) -> Change {
    let mut body = object.fields.clone();
    for (name, secret) in &object.secrets {
        body.insert((*name).to_owned(), secret.reveal().into());
    }
    let slug = match object.kind {
        Kind::Site => object.name.rsplit('/').next().unwrap_or_default(),
        _ => object.name.as_str(),
    };
    body.insert(name_field(object.kind).to_owned(), slug.into());
    // These two are made active; anything else is a second request.
    let later = match object.kind {
        Kind::Partner | Kind::User => body.remove("status").filter(|status| status != "active"),
        _ => None,
    };
    let path = collection(partner, object.kind, &object.name);
    let mut requests = vec![Request {
        verb: Verb::Post,
        path: path.clone(),
        body,
    }];
    if let Some(status) = later {
        let mut path = path;
        path.push(Segment::IdOf(object.kind, object.name.clone()));
        requests.push(Request {
            verb: Verb::Patch,
            path,
            body: Map::from_iter([("status".to_owned(), status)]),
        });
    }
    Change {
        shown: shown(Op::Add, partner, object.kind, &object.name, Vec::new()),
        requests,
    }
}

/// The change that an existing object needs, if any.
fn change(partner: &str, object: &Object, there: &Value, reset_secrets: bool) -> Option<Change> {
    let mut fields = diff::fields(&object.fields, there);
    let mut body: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.clone(), field.to.clone()))
        .collect();
    // A site is named by two fields, and half a name means nothing.
    if object.kind == Kind::Subscriber && (body.contains_key("client") || body.contains_key("site")) {
        for name in ["client", "site"] {
            body.insert(name.to_owned(), object.fields[name].clone());
        }
    }
    if reset_secrets {
        for (name, secret) in &object.secrets {
            body.insert((*name).to_owned(), secret.reveal().into());
            let unseen = |text: &str| Value::from(text);
            fields.push(FieldChange {
                name: (*name).to_owned(),
                from: unseen("(not shown)"),
                to: unseen("(as in the file)"),
            });
        }
    }
    if body.is_empty() {
        return None;
    }
    let mut path = collection(partner, object.kind, &object.name);
    path.push(Segment::Text(text(there, "id")));
    let requests = vec![Request {
        verb: Verb::Patch,
        path,
        body,
    }];
    Some(Change {
        shown: shown(Op::Change, partner, object.kind, &object.name, fields),
        requests,
    })
}

/// Removes what the file does not name, of a kind of which it names something.
fn prune(wanted: &PartnerWanted, live: &Live, kind: Kind, plan: &mut Plan) {
    let named: BTreeSet<&str> = wanted
        .objects
        .iter()
        .filter(|object| object.kind == kind)
        .map(|object| object.name.as_str())
        .collect();
    if named.is_empty() {
        return;
    }
    let partner = wanted.partner.name.as_str();
    for ((of, name), there) in &live.objects {
        if *of == kind && !named.contains(name.as_str()) {
            let mut path = collection(partner, kind, name);
            path.push(Segment::Text(text(there, "id")));
            let requests = vec![Request {
                verb: Verb::Delete,
                path,
                body: Map::new(),
            }];
            plan.changes.push(Change {
                shown: shown(Op::Remove, partner, kind, name, Vec::new()),
                requests,
            });
        }
    }
}

/// The path of the collection an object is in.
fn collection(partner: &str, kind: Kind, name: &str) -> Vec<Segment> {
    let fixed = |names: &[&str]| {
        names
            .iter()
            .map(|name| Segment::Text((*name).to_owned()))
            .collect::<Vec<_>>()
    };
    match kind {
        Kind::Partner => fixed(&["partners"]),
        Kind::Client => fixed(&["partners", partner, "clients"]),
        Kind::Pool => fixed(&["partners", partner, "pools"]),
        Kind::Plan => fixed(&["partners", partner, "plans"]),
        Kind::HomeServer => fixed(&["partners", partner, "home-servers"]),
        Kind::Realm => fixed(&["partners", partner, "realms"]),
        Kind::Nas => fixed(&["partners", partner, "nas"]),
        Kind::User => fixed(&["partners", partner, "users"]),
        Kind::Subscriber => fixed(&["partners", partner, "subscribers"]),
        Kind::Site => fixed(&["partners", partner, "clients", client_of(name), "sites"]),
        // A part has no collection: `part_request` names it.
        Kind::Identity
        | Kind::SitePools
        | Kind::PlanAdmission
        | Kind::NasDefaults
        | Kind::Defaults
        | Kind::Garden
        | Kind::SubscriberAdmission => Vec::new(),
    }
}

/// The field that carries an object's name.
fn name_field(kind: Kind) -> &'static str {
    match kind {
        Kind::Partner | Kind::Client | Kind::Site | Kind::Plan => "slug",
        Kind::User => "email",
        Kind::Subscriber => "username",
        _ => "name",
    }
}

/// What people see of a change.
fn shown(op: Op, partner: &str, kind: Kind, name: &str, fields: Vec<FieldChange>) -> Shown {
    Shown {
        op,
        kind,
        partner: partner.to_owned(),
        name: name.to_owned(),
        fields,
    }
}
