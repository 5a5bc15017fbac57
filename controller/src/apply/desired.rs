//! What a checked apply file wants: objects with a kind, a name, fields to compare and secrets to send.
//! Never talks to a server: what only the server can know (a plan that is not in the file) is checked by the plan.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::addresses::part;
use super::file::{self, File};
use crate::secret::{Secret, SecretSource};

/// What kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A partner.
    Partner,
    /// How a partner's subscribers are told apart; a partner has exactly one.
    Identity,
    /// A client.
    Client,
    /// A site.
    Site,
    /// An address pool.
    Pool,
    /// The pools of a site.
    SitePools,
    /// A plan.
    Plan,
    /// Who may come in by a plan.
    PlanAdmission,
    /// A home server.
    HomeServer,
    /// A realm.
    Realm,
    /// A NAS.
    Nas,
    /// What a NAS gives when nobody says otherwise.
    NasDefaults,
    /// What a partner gives when nobody says otherwise.
    Defaults,
    /// The walled garden of a partner.
    Garden,
    /// A user.
    User,
    /// A subscriber.
    Subscriber,
    /// Where a subscriber may come from, and which addresses are his.
    SubscriberAdmission,
}

impl Kind {
    /// The word people read, which is also the file's table.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Partner => "partner",
            Kind::Identity => "identity",
            Kind::Client => "client",
            Kind::Site => "site",
            Kind::Plan => "plan",
            Kind::HomeServer => "home_server",
            Kind::Realm => "realm",
            Kind::Nas => "nas",
            Kind::User => "user",
            Kind::Subscriber => "subscriber",
            Kind::Pool => "pool",
            Kind::SitePools => "site pools",
            Kind::PlanAdmission => "plan admission",
            Kind::NasDefaults => "nas defaults",
            Kind::Defaults => "defaults",
            Kind::Garden => "garden",
            Kind::SubscriberAdmission => "subscriber admission",
        }
    }

    /// For what is a part of something else, and neither made nor removed by itself: of what kind that is.
    pub fn part_of(self) -> Option<Kind> {
        match self {
            Kind::Identity | Kind::Defaults | Kind::Garden => Some(Kind::Partner),
            Kind::SitePools => Some(Kind::Site),
            Kind::PlanAdmission => Some(Kind::Plan),
            Kind::NasDefaults => Some(Kind::Nas),
            Kind::SubscriberAdmission => Some(Kind::Subscriber),
            _ => None,
        }
    }
}

/// One object as the file wants it.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name inside its partner: slug, `client/site`, e-mail address, user name.
    pub name: String,
    /// The fields that are compared; absent ones stay as they are.
    pub fields: Map<String, Value>,
    /// The fields that cannot be compared.
    pub secrets: Vec<(&'static str, Secret)>,
}

/// One partner with everything under it, in the order it must be made.
#[derive(Debug, Clone)]
pub struct PartnerWanted {
    /// The partner itself.
    pub partner: Object,
    /// The identity policy, clients, sites, pools, plans, home servers, realms, NAS, defaults, the garden, users,
    /// subscribers; what is a part of one comes behind it.
    pub objects: Vec<Object>,
}

/// The whole file, checked.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The partners.
    pub partners: Vec<PartnerWanted>,
}

/// Collects what is wrong, with where.
pub(super) struct Check<'a> {
    /// The directory of the file.
    dir: &'a Path,
    /// Table and name of the object being looked at.
    place: String,
    /// Everything wrong so far.
    wrong: Vec<String>,
}

impl Desired {
    /// Checks a file and turns it into objects.
    ///
    /// # Errors
    /// Everything that is wrong, one line each.
    pub fn check(file: File, dir: &Path) -> Result<Desired, Vec<String>> {
        let mut check = Check {
            dir,
            place: String::new(),
            wrong: Vec::new(),
        };
        if file.partner.is_empty() {
            check.wrong.push("the file has no [[partner]]".to_owned());
        }
        let partners: Vec<PartnerWanted> = file
            .partner
            .into_iter()
            .map(|partner| check.partner(partner))
            .collect();
        check.unique(
            "partner",
            partners.iter().map(|wanted| wanted.partner.name.as_str()),
        );
        check.addresses(&partners);
        if check.wrong.is_empty() {
            Ok(Desired { partners })
        } else {
            Err(check.wrong)
        }
    }
}

impl Check<'_> {
    /// Notes one mistake at the present place.
    pub(super) fn refuse(&mut self, key: &str, what: impl std::fmt::Display) {
        self.wrong.push(format!("{}: {key}: {what}", self.place));
    }

    /// One partner and everything under it.
    fn partner(&mut self, partner: file::Partner) -> PartnerWanted {
        let slug = partner.slug;
        self.place = format!("partner \"{slug}\"");
        self.slug("slug", &slug);
        self.one_of("status", partner.status.as_deref(), &["active", "suspended"]);
        let mut objects = Vec::new();
        objects.extend(partner.identity.map(|identity| self.identity(&slug, identity)));
        objects.extend(
            partner
                .client
                .into_iter()
                .map(|client| self.client(&slug, client)),
        );
        let mut sites = Vec::new();
        for mut site in partner.site {
            let (name, pools) = (format!("{}/{}", site.client, site.slug), site.pools.take());
            objects.push(self.site(&slug, site));
            sites.extend(pools.map(|pools| self.site_pools(&slug, name, pools)));
        }
        objects.extend(partner.pool.into_iter().map(|pool| self.pool(&slug, pool)));
        objects.extend(sites);
        for mut plan in partner.plan {
            let (name, admission) = (plan.slug.clone(), plan.admission.take());
            objects.push(self.plan(&slug, plan));
            objects.extend(admission.map(|admission| self.plan_admission(&slug, name, admission)));
        }
        let servers = partner.home_server.into_iter();
        objects.extend(servers.map(|server| self.home_server(&slug, server)));
        objects.extend(partner.realm.into_iter().map(|realm| self.realm(&slug, realm)));
        for mut nas in partner.nas {
            let (name, defaults) = (nas.name.clone(), nas.defaults.take());
            objects.push(self.nas(&slug, nas));
            objects.extend(defaults.map(|terms| part(Kind::NasDefaults, name, [("terms", terms.into())])));
        }
        let defaults = partner.defaults;
        objects.extend(defaults.map(|terms| part(Kind::Defaults, slug.clone(), [("terms", terms.into())])));
        objects.extend(partner.garden.map(|garden| self.garden(&slug, garden)));
        objects.extend(partner.user.into_iter().map(|user| self.user(&slug, user)));
        for mut subscriber in partner.subscriber {
            let (name, admission) = (subscriber.username.clone(), subscriber.admission.take());
            objects.push(self.subscriber(&slug, subscriber));
            objects.extend(admission.map(|admission| self.subscriber_admission(&slug, name, admission)));
        }
        self.place = format!("partner \"{slug}\"");
        for kind in [
            Kind::Client,
            Kind::Site,
            Kind::Pool,
            Kind::Plan,
            Kind::HomeServer,
            Kind::Realm,
            Kind::Nas,
            Kind::User,
            Kind::Subscriber,
        ] {
            let names = objects
                .iter()
                .filter(|object| object.kind == kind)
                .map(|object| object.name.as_str());
            self.unique(kind.word(), names);
        }
        let fields = fields([
            ("name", Some(json!(partner.name))),
            ("status", partner.status.map(Value::from)),
        ]);
        PartnerWanted {
            partner: Object {
                kind: Kind::Partner,
                name: slug,
                fields,
                secrets: Vec::new(),
            },
            objects,
        }
    }

    /// Starts with another object.
    pub(super) fn at(&mut self, partner: &str, kind: Kind, name: &str) {
        self.place = format!("partner \"{partner}\", {} \"{name}\"", kind.word());
    }

    /// One client.
    fn client(&mut self, partner: &str, client: file::Client) -> Object {
        self.at(partner, Kind::Client, &client.slug);
        self.slug("slug", &client.slug);
        let fields = fields([
            ("name", Some(json!(client.name))),
            ("contact_email", client.contact_email.map(Value::from)),
        ]);
        Object {
            kind: Kind::Client,
            name: client.slug,
            fields,
            secrets: Vec::new(),
        }
    }

    /// One site.
    fn site(&mut self, partner: &str, site: file::Site) -> Object {
        let name = format!("{}/{}", site.client, site.slug);
        self.at(partner, Kind::Site, &name);
        self.slug("client", &site.client);
        self.slug("slug", &site.slug);
        let fields = fields([
            ("name", Some(json!(site.name))),
            ("address", site.address.map(Value::from)),
        ]);
        Object {
            kind: Kind::Site,
            name,
            fields,
            secrets: Vec::new(),
        }
    }

    /// One plan.
    fn plan(&mut self, partner: &str, plan: file::Plan) -> Object {
        self.at(partner, Kind::Plan, &plan.slug);
        self.slug("slug", &plan.slug);
        if plan.download_bps.is_some() != plan.upload_bps.is_some() {
            self.refuse("download_bps, upload_bps", "give both rates or none");
        }
        let mut rate = |key: &str, rate: Option<file::Rate>| {
            rate.and_then(|rate| rate.bps().map_err(|why| self.refuse(key, why)).ok())
                .map(Value::from)
        };
        let (download, upload) = (
            rate("download_bps", plan.download_bps),
            rate("upload_bps", plan.upload_bps),
        );
        let name = plan.name.unwrap_or_else(|| plan.slug.clone());
        let fields = fields([
            ("name", Some(json!(name))),
            ("download_bps", download),
            ("upload_bps", upload),
            ("session_timeout_s", plan.session_timeout_s.map(Value::from)),
            ("idle_timeout_s", plan.idle_timeout_s.map(Value::from)),
            ("interim_interval_s", plan.interim_interval_s.map(Value::from)),
            ("framed_pool", plan.framed_pool.map(Value::from)),
            ("terms", plan.terms.map(Value::from)),
        ]);
        Object {
            kind: Kind::Plan,
            name: plan.slug,
            fields,
            secrets: Vec::new(),
        }
    }

    /// One NAS.
    fn nas(&mut self, partner: &str, nas: file::Nas) -> Object {
        self.at(partner, Kind::Nas, &nas.name);
        if super::diff::network(&nas.address).is_none() {
            let allowed = "allowed: an IP address, or a network such as 10.0.0.0/24";
            self.refuse("address", format!("found \"{}\", {allowed}", nas.address));
        }
        let when = nas.require_message_authenticator;
        self.one_of(
            "require_message_authenticator",
            when.as_deref(),
            &["no", "yes", "auto"],
        );
        let limit = nas.limit_proxy_state;
        self.one_of("limit_proxy_state", limit.as_deref(), &["no", "yes", "auto"]);
        let fields = fields([
            ("address", Some(json!(nas.address))),
            ("type", nas.make.map(Value::from)),
            ("coa_port", nas.coa_port.map(Value::from)),
            ("require_message_authenticator", when.map(Value::from)),
            ("limit_proxy_state", limit.map(Value::from)),
            ("request_rate", nas.request_rate.map(Value::from)),
            ("request_burst", nas.request_burst.map(Value::from)),
            ("identify", nas.identify.map(Value::from)),
            ("description", nas.description.map(Value::from)),
        ]);
        let secrets = [
            self.secret("secret", Some(nas.secret)),
            self.secret("coa_secret", nas.coa_secret),
        ];
        Object {
            kind: Kind::Nas,
            name: nas.name,
            fields,
            secrets: secrets.into_iter().flatten().collect(),
        }
    }

    /// One user.
    fn user(&mut self, partner: &str, user: file::User) -> Object {
        let email = user.email.to_lowercase();
        self.at(partner, Kind::User, &email);
        if !email.contains('@') {
            self.refuse("email", "allowed: an e-mail address");
        }
        if user.roles.is_empty() {
            self.refuse("roles", "allowed: at least one role, by slug (headend role list)");
        }
        self.one_of("status", user.status.as_deref(), &["active", "disabled"]);
        let fields = fields([
            ("name", Some(json!(user.name))),
            ("roles", Some(json!(user.roles))),
            ("status", user.status.map(Value::from)),
        ]);
        let secrets = self.secret("password", user.password).into_iter().collect();
        Object {
            kind: Kind::User,
            name: email,
            fields,
            secrets,
        }
    }

    /// One subscriber.
    fn subscriber(&mut self, partner: &str, subscriber: file::Subscriber) -> Object {
        self.at(partner, Kind::Subscriber, &subscriber.username);
        let (client, site) = subscriber.site.split_once('/').unwrap_or(("", ""));
        if client.is_empty() || site.is_empty() || site.contains('/') {
            self.refuse(
                "site",
                format!("found \"{}\", allowed: client/site", subscriber.site),
            );
        }
        self.one_of(
            "status",
            subscriber.status.as_deref(),
            &["active", "suspended", "terminated"],
        );
        let expires = subscriber.expires_at.and_then(|moment| {
            let instant = moment
                .instant()
                .map_err(|why| self.refuse("expires_at", why))
                .ok()?;
            instant
                .format(&time::format_description::well_known::Rfc3339)
                .ok()
        });
        let marked = subscriber
            .identified_by
            .as_ref()
            .is_some_and(|marks| !marks.is_empty());
        if subscriber.password.is_some() && subscriber.password_hash.is_some() {
            self.refuse("password_hash", "stands in place of password: give one of them");
        } else if subscriber.password.is_none() && subscriber.password_hash.is_none() && !marked {
            self.refuse(
                "password",
                "needed, or password_hash, unless identified_by says how else he is known",
            );
        }
        let fields = fields([
            ("plan", Some(json!(subscriber.plan))),
            ("client", Some(json!(client))),
            ("site", Some(json!(site))),
            ("name", subscriber.name.map(Value::from)),
            ("status", subscriber.status.map(Value::from)),
            ("status_reason", subscriber.status_reason.map(Value::from)),
            ("expires_at", expires.map(Value::from)),
            ("identified_by", subscriber.identified_by.map(Value::from)),
            ("terms", subscriber.terms.map(Value::from)),
        ]);
        // Like a password it is in no list, so it cannot be compared: it goes where the password goes.
        let store = subscriber.password_store;
        self.one_of("password_store", store.as_deref(), &["reversible", "argon2id"]);
        if store.is_some() && subscriber.password.is_none() {
            self.refuse("password_store", "says how password is stored: give one");
        }
        let secrets = [
            self.secret("password", subscriber.password),
            store.map(|store| ("password_store", Secret::from(store))),
            self.secret("password_hash", subscriber.password_hash),
        ];
        let secrets = secrets.into_iter().flatten().collect();
        Object {
            kind: Kind::Subscriber,
            name: subscriber.username,
            fields,
            secrets,
        }
    }

    /// A secret, fetched from where the file says.
    pub(super) fn secret(
        &mut self,
        key: &'static str,
        source: Option<SecretSource>,
    ) -> Option<(&'static str, Secret)> {
        let secret = source?
            .resolve(self.dir)
            .map_err(|why| self.refuse(key, why))
            .ok()?;
        Some((key, secret))
    }

    /// A stable short name.
    fn slug(&mut self, key: &str, slug: &str) {
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if slug.is_empty() || slug.len() > 63 || !slug.bytes().all(sound) {
            self.refuse(
                key,
                format!("found \"{slug}\", allowed: 1 to 63 of a-z, 0-9 and -"),
            );
        }
    }

    /// One of a few words.
    pub(super) fn one_of(&mut self, key: &str, word: Option<&str>, allowed: &[&str]) {
        if let Some(word) = word.filter(|word| !allowed.contains(word)) {
            self.refuse(key, format!("found \"{word}\", allowed: {}", allowed.join(", ")));
        }
    }

    /// Names must not come twice.
    fn unique<'a>(&mut self, kind: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                let place = if kind == "partner" {
                    String::new()
                } else {
                    format!("{}: ", self.place)
                };
                self.wrong
                    .push(format!("{place}{kind} \"{name}\" is there twice"));
            }
        }
    }

    /// A source address belongs to one NAS only, also across partners.
    fn addresses(&mut self, partners: &[PartnerWanted]) {
        let mut seen: std::collections::BTreeMap<ipnet::IpNet, String> = std::collections::BTreeMap::new();
        for wanted in partners {
            for nas in wanted.objects.iter().filter(|object| object.kind == Kind::Nas) {
                let Some(network) = nas.fields["address"].as_str().and_then(super::diff::network) else {
                    continue;
                };
                let here = format!("{}/{}", wanted.partner.name, nas.name);
                if let Some(other) = seen.insert(network, here.clone()) {
                    self.wrong.push(format!(
                        "nas {here}: address: {network} is also that of nas {other}"
                    ));
                }
            }
        }
    }
}

/// The fields that are there.
pub(super) fn fields<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
