//! The apply file as it is written: flat tables under `[[partner]]`, unknown keys refused.
//! Never checks more than shapes; [`super::desired`] does. Next: [`super::desired::Desired`].

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::desired::Desired;
use super::rate;
use crate::failure::Failure;
use crate::mistake;
use crate::secret::SecretSource;

/// The longest file that is read, in octets.
const FILE_LEN_MAX: u64 = 64 * 1024 * 1024;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The partners.
    #[serde(default)]
    pub partner: Vec<Partner>,
}

/// `[[partner]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// Which.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// `active` or `suspended`.
    pub status: Option<String>,
    /// How its subscribers are told apart.
    pub identity: Option<Identity>,
    /// What is given when neither a subscriber, his plan nor the NAS says otherwise.
    pub defaults: Option<Map<String, Value>>,
    /// Where those without service are let in.
    pub garden: Option<Garden>,
    /// Its address pools.
    #[serde(default)]
    pub pool: Vec<Pool>,
    /// Its clients.
    #[serde(default)]
    pub client: Vec<Client>,
    /// Their sites.
    #[serde(default)]
    pub site: Vec<Site>,
    /// Its plans.
    #[serde(default)]
    pub plan: Vec<Plan>,
    /// Its home servers.
    #[serde(default)]
    pub home_server: Vec<HomeServer>,
    /// Its realms.
    #[serde(default)]
    pub realm: Vec<Realm>,
    /// Its NAS.
    #[serde(default)]
    pub nas: Vec<Nas>,
    /// Its people.
    #[serde(default)]
    pub user: Vec<User>,
    /// Its subscribers.
    #[serde(default)]
    pub subscriber: Vec<Subscriber>,
}

/// `[partner.identity]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// By what subscribers are recognised, in order, behind NAS that say nothing else.
    pub identify: Option<Vec<String>>,
    /// `exact` or `fold`.
    pub username_case: Option<String>,
    /// `reversible` or `argon2id`, for passwords of new subscribers.
    pub password_store: Option<String>,
}

/// `[partner.garden]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Garden {
    /// For which reasons somebody is let in; none: there is no garden.
    pub reasons: Vec<String>,
    /// What is given there.
    #[serde(default)]
    pub terms: Map<String, Value>,
}

/// `[[partner.pool]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Which.
    pub name: String,
    /// `ipv4`, `prefix` or `delegated`; the first when absent.
    pub kind: Option<String>,
    /// Bits of a delegated prefix.
    pub unit_len: Option<u8>,
    /// Where it takes addresses from.
    pub ranges: Vec<String>,
    /// What of that it never gives.
    pub excluded: Option<Vec<String>>,
    /// Seconds for which an address is kept for its subscriber.
    pub hold_s: Option<u32>,
}

/// `[partner.site.pools]`: pools by name, in place of those of the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePools {
    /// Of IPv4 addresses.
    pub ipv4_pool: Option<String>,
    /// Of prefixes.
    pub prefix_pool: Option<String>,
    /// Of delegated prefixes.
    pub delegated_pool: Option<String>,
}

/// `[partner.plan.admission]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanAdmission {
    /// Logins in at once; any number when absent.
    pub simultaneous: Option<u16>,
    /// `reject`, `same_device` or `replace`.
    pub on_collision: Option<String>,
    /// `mac`, `port` or `line`.
    pub bind: Option<String>,
    /// Pool of IPv4 addresses.
    pub ipv4_pool: Option<String>,
    /// Pool of prefixes.
    pub prefix_pool: Option<String>,
    /// Pool of delegated prefixes.
    pub delegated_pool: Option<String>,
}

/// `[partner.subscriber.admission]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriberAdmission {
    /// Logins in at once; as his plan says when absent.
    pub simultaneous: Option<u16>,
    /// `reject`, `same_device` or `replace`; as his plan says when absent.
    pub on_collision: Option<String>,
    /// Where he may come from, as the command line has it.
    #[serde(default)]
    pub allow: Vec<String>,
    /// His for good, as the command line has it.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// `[[partner.home_server]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeServer {
    /// Which.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Where it takes logins.
    pub auth_port: Option<u16>,
    /// Where it takes accounting.
    pub accounting_port: Option<u16>,
    /// Shared secret; over TLS there is none.
    pub secret: Option<SecretSource>,
    /// `udp` or `tls`.
    pub transport: Option<String>,
    /// Over TLS: what its certificate must be for.
    pub tls_name: Option<String>,
    /// Over TLS: its authorities, as PEM.
    pub tls_ca: Option<SecretSource>,
    /// Over TLS: the certificate that we show, as PEM.
    pub tls_certificate: Option<SecretSource>,
    /// The key of it, as PEM.
    pub tls_key: Option<SecretSource>,
    /// Whether its replies to logins must be signed.
    pub require_message_authenticator: Option<bool>,
    /// Whether it answers Status-Server.
    pub status_server: Option<bool>,
    /// Whether it gets a copy of every accounting record.
    pub copy_accounting: Option<bool>,
}

/// `[[partner.realm]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Realm {
    /// Which; `*` is every other.
    pub name: String,
    /// `here`, `nowhere` or `by_home_servers`; absent: the latter when home servers are named, else the first.
    pub decided: Option<String>,
    /// Its home servers by name, in order.
    #[serde(default)]
    pub home_servers: Vec<String>,
    /// Whether the realm is taken off the user name.
    pub strip: Option<bool>,
    /// `fail_over` or `spread`.
    pub balance: Option<String>,
    /// `all` or `roaming`.
    pub pass: Option<String>,
    /// Whether accounting of its users goes to its home servers.
    pub accounting: Option<bool>,
}

/// `[[partner.client]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Which.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// Whom to write to.
    pub contact_email: Option<String>,
}

/// `[[partner.site]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Whose.
    pub client: String,
    /// Which of his.
    pub slug: String,
    /// What people read.
    pub name: String,
    /// Where.
    pub address: Option<String>,
    /// Which pools those there get addresses of.
    pub pools: Option<SitePools>,
}

/// `[[partner.plan]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Which.
    pub slug: String,
    /// What people read; the slug when absent.
    pub name: Option<String>,
    /// Towards the subscriber.
    pub download_bps: Option<Rate>,
    /// From the subscriber.
    pub upload_bps: Option<Rate>,
    /// Session-Timeout, seconds.
    pub session_timeout_s: Option<u32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout_s: Option<u32>,
    /// Acct-Interim-Interval, seconds.
    pub interim_interval_s: Option<u32>,
    /// Framed-Pool.
    pub framed_pool: Option<String>,
    /// What else it gives; the server says what can be.
    pub terms: Option<Map<String, Value>>,
    /// Who may come in beside those who are in.
    pub admission: Option<PlanAdmission>,
}

/// A rate: bit/s, or text with a unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "bit/s as a number, or text such as \"100M\"")]
pub enum Rate {
    /// bit/s.
    Bps(u64),
    /// With a unit.
    Text(String),
}

impl Rate {
    /// In bit/s.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn bps(&self) -> Result<u64, String> {
        match self {
            Rate::Bps(bps) => rate::parse(&bps.to_string()),
            Rate::Text(text) => rate::parse(text),
        }
    }
}

/// `[[partner.nas]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nas {
    /// Which.
    pub name: String,
    /// Source address or network.
    pub address: String,
    /// Make.
    #[serde(rename = "type")]
    pub make: Option<String>,
    /// Shared secret.
    pub secret: SecretSource,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: Option<u16>,
    /// Secret for Disconnect-Requests, when it has one of its own.
    pub coa_secret: Option<SecretSource>,
    /// `no`, `yes` or `auto`.
    pub require_message_authenticator: Option<String>,
    /// `no`, `yes` or `auto`.
    pub limit_proxy_state: Option<String>,
    /// Access-Requests a second.
    pub request_rate: Option<u32>,
    /// Access-Requests at once.
    pub request_burst: Option<u32>,
    /// By what its subscribers are recognised, in order.
    pub identify: Option<Vec<String>>,
    /// Free text.
    pub description: Option<String>,
    /// What it gives when neither a subscriber nor his plan says otherwise.
    pub defaults: Option<Map<String, Value>>,
}

/// `[[partner.user]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Which.
    pub email: String,
    /// What people read.
    pub name: String,
    /// Roles in this partner, by slug.
    pub roles: Vec<String>,
    /// First password.
    pub password: Option<SecretSource>,
    /// `active` or `disabled`.
    pub status: Option<String>,
}

/// `[[partner.subscriber]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscriber {
    /// Which.
    pub username: String,
    /// Password.
    pub password: Option<SecretSource>,
    /// How it is stored: `reversible` or `argon2id`.
    pub password_store: Option<String>,
    /// A hash in its place.
    pub password_hash: Option<SecretSource>,
    /// What he is recognised by beside his user name.
    pub identified_by: Option<Vec<String>>,
    /// Plan, by slug.
    pub plan: String,
    /// Site, as `client/site`.
    pub site: String,
    /// What people read.
    pub name: Option<String>,
    /// `active`, `suspended` or `terminated`.
    pub status: Option<String>,
    /// Why.
    pub status_reason: Option<String>,
    /// When the service ends by itself.
    pub expires_at: Option<Moment>,
    /// What he has in place of his plan.
    pub terms: Option<Map<String, Value>>,
    /// Where he may come from, how often at once, and which addresses are his.
    pub admission: Option<SubscriberAdmission>,
}

/// An instant: a TOML date-time with offset, or the same as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a date and time with offset, such as 2027-01-01T00:00:00Z"
)]
pub enum Moment {
    /// TOML's own.
    Toml(toml::value::Datetime),
    /// As text.
    Text(String),
}

impl Moment {
    /// The instant.
    ///
    /// # Errors
    /// In words, when it is none.
    pub fn instant(&self) -> Result<time::OffsetDateTime, String> {
        let text = match self {
            Moment::Toml(moment) => moment.to_string(),
            Moment::Text(text) => text.clone(),
        };
        time::OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339)
            .map_err(|_| format!("\"{text}\" is no date and time with offset, such as 2027-01-01T00:00:00Z"))
    }
}

/// Reads and checks a file.
///
/// # Errors
/// Everything that is wrong with it, each with its table and key; nothing was sent to the server.
pub fn read(path: &Path) -> Result<Desired, Failure> {
    let length = std::fs::metadata(path)
        .map_err(|error| Failure::file("read", path, &error))?
        .len();
    if length > FILE_LEN_MAX {
        return Err(Failure::usage(format!(
            "{} has {length} octets, allowed are {FILE_LEN_MAX}",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    parse(&text, path)
}

/// Checks the text of a file; `path` is where it stands, for messages and for the files it refers to.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path) -> Result<Desired, Failure> {
    let help = "docs/apply.md describes the format; nothing was changed";
    let file: File = toml::from_str(text).map_err(|error| {
        let shown = format!("{} is no apply file", path.display());
        Failure::usage(shown)
            .detail(mistake::line_and_words(text, &error))
            .next(help)
    })?;
    let dir = path.parent().unwrap_or(Path::new("."));
    Desired::check(file, dir).map_err(|wrong| {
        let shown = format!(
            "{} has {} mistake{}",
            path.display(),
            wrong.len(),
            if wrong.len() == 1 { "" } else { "s" }
        );
        wrong
            .into_iter()
            .fold(Failure::usage(shown), Failure::detail)
            .next(help)
    })
}
