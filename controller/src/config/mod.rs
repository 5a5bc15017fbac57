//! The configuration of `headend serve`: one struct, every field with its unit and its default.
//! Never reads the environment later than at start, and never passes an unchecked value on.
//! Layers, later ones win: defaults, file, `HEADEND_…` variables, flags ([`layers`]). Documented in
//! `docs/configuration.md`, which a test compares with [`KEYS`].

mod error;
pub mod layers;
mod outside;
mod value;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use kernel::identity::{RATE_CALLER_USUAL, RATE_PARTNER_USUAL};
use radius_server::authentication::{EapOptions, FRAGMENT_OCTETS_MAX, FRAGMENT_OCTETS_MIN};

pub use error::ConfigError;
pub use layers::{Flag, KEYS, Key, Layers, Source};
pub use outside::{Outbound, Vault};

/// Where the configuration file is looked for when neither `--config` nor `HEADEND_CONFIG` names one.
pub const FILE_DEFAULT: &str = "/etc/headend/headend.toml";
/// How many addresses one RADIUS service may listen on.
pub const LISTENERS_MAX: usize = 16;
/// How many threads may answer Access-Requests.
pub const AUTH_WORKERS_MAX: i64 = 64;
/// The receive buffer of a RADIUS socket: never under 64 KiB, never over 256 MiB.
pub const RECEIVE_BUFFER_BYTES: std::ops::RangeInclusive<i64> = 64 * 1024..=256 * 1024 * 1024;
/// See [`Radius::receive_buffer_bytes`].
const RECEIVE_BUFFER_BYTES_DEFAULT: usize = 16 * 1024 * 1024;
/// The memory for decisions of a thread: never under 256 KiB, never over 1 GiB.
pub const DECISION_MEMORY_BYTES: std::ops::RangeInclusive<i64> = 256 * 1024..=1024 * 1024 * 1024;
/// See [`Radius::decision_memory_bytes`].
const DECISION_MEMORY_BYTES_DEFAULT: usize = 8 * 1024 * 1024;
/// How long the journal keeps what the database has, in seconds: not at all to thirty days.
pub const JOURNAL_KEEP_S: std::ops::RangeInclusive<i64> = 0..=30 * 24 * 60 * 60;
/// How much of it each journal keeps: nothing to 64 GiB.
pub const JOURNAL_KEEP_BYTES: std::ops::RangeInclusive<i64> = 0..=64 * 1024 * 1024 * 1024;
/// How many explanations a second may go into the database.
pub const DECISION_DRAIN_RATE: std::ops::RangeInclusive<i64> = 1..=1_000_000;
/// How long an Access-Reject may wait, in milliseconds: a NAS that asks again after five seconds must find it answered.
pub const REJECT_DELAY_MS: std::ops::RangeInclusive<i64> = 0..=4_000;
/// See [`Radius::reject_delay`].
const REJECT_DELAY_DEFAULT: Duration = Duration::from_secs(1);
/// After how many rejects somebody may be held off.
pub const REJECT_STORM_COUNT: std::ops::RangeInclusive<i64> = 0..=1_000;
/// For how many seconds rejects may be counted, and somebody held off.
pub const REJECT_STORM_S: std::ops::RangeInclusive<i64> = 1..=3_600;
/// How many attributes a packet may have.
pub const ATTRIBUTES_MAX: std::ops::RangeInclusive<i64> = 16..=255;
/// How many connections of RADIUS over TLS there may be.
pub const RADSEC_CONNECTIONS: std::ops::RangeInclusive<i64> = 1..=65_536;
/// How many files of revocation lists there may be.
pub const CRLS_MAX: usize = 64;
/// How many connections to PostgreSQL may be asked for.
pub const DATABASE_CONNECTIONS: std::ops::RangeInclusive<i64> = 2..=1000;
/// How long a login may last, in seconds: a minute to thirty days.
pub const SESSION_S: std::ops::RangeInclusive<i64> = 60..=30 * 24 * 60 * 60;
/// See [`Http::session_idle`].
const SESSION_IDLE_DEFAULT: Duration = Duration::from_secs(30 * 60);
/// See [`Http::session_absolute`].
const SESSION_ABSOLUTE_DEFAULT: Duration = Duration::from_secs(12 * 60 * 60);
/// How recent a proof critical acts may want, in seconds; 0: none.
pub const STEP_UP_S: std::ops::RangeInclusive<i64> = 0..=30 * 24 * 60 * 60;
/// See [`Http::step_up`].
const STEP_UP_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// How many requests a second the API may answer one caller, or one partner; 0: as many as it can.
pub const HTTP_RATE: std::ops::RangeInclusive<i64> = 0..=1_000_000;
/// How many networks of trusted proxies there may be.
pub const PROXIES_MAX: usize = 64;

/// Everything `headend serve` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory for everything the server keeps: master key, private database, journal. Made when missing.
    ///
    /// Default: `/var/lib/headend` for root, else `$XDG_DATA_HOME/headend`, else `~/.local/share/headend`.
    pub data_dir: PathBuf,
    /// The HTTP listener.
    pub http: Http,
    /// The RADIUS listeners.
    pub radius: Radius,
    /// EAP: `methods` in order (default: peap, ttls, tls, md5, mschapv2), `certificate`, `key`, `client_ca`, `crls` (PEM
    /// files, default: none), `tls_min` (`1.2` or `1.3`, default: 1.2), `fragment_bytes` (octets of TLS data in a packet,
    /// 100 to 3000, default: 1000).
    pub eap: EapOptions,
    /// PostgreSQL.
    pub database: Database,
    /// Servers of others.
    pub outbound: Outbound,
    /// The platform's vault, where partners may have their secrets. Default: none.
    pub vault: Option<Vault>,
    /// Log lines, always on stderr.
    pub log: Log,
    /// What was set, and where; for `headend config show`.
    layers: Layers,
}

/// API, health and metrics.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port. Port 0 takes a free one. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// How people reach the server, for the links it prints; no slash at the end.
    /// Default: `http://` and the address it listens on.
    pub public_url: Option<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed, at most 64. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// A login is over after so many seconds without a request, 60 to 2592000. Default: 1800 (30 min).
    pub session_idle: Duration,
    /// A login is over after so many seconds in any case, 60 to 2592000. Default: 43200 (12 h).
    pub session_absolute: Duration,
    /// A critical act wants that its person proved himself within so many seconds, by logging in or again, 0 to 2592000;
    /// 0: it does not. Default: 900 (15 min).
    pub step_up: Duration,
    /// Requests a second of one person or key, 0 to 1000000, and four times as many at once; 0: no limit. Default: 500.
    pub rate_per_caller: u32,
    /// The same for all those of one partner together. Default: 2000.
    pub rate_per_partner: u32,
}

/// The access plane.
#[derive(Debug, Clone)]
pub struct Radius {
    /// Addresses for Access-Requests, at most 16. Default: `0.0.0.0:1812`.
    pub auth: Vec<SocketAddr>,
    /// Addresses for Accounting-Requests, at most 16. Default: `0.0.0.0:1813`.
    pub accounting: Vec<SocketAddr>,
    /// Threads per authentication address, 0 to 64; 0 is one per processor, at most 8. Default: 0.
    pub auth_workers: usize,
    /// Receive buffer of each socket in octets, 65536 to 268435456. Default: 16777216 (16 MiB), room for some
    /// 40,000 small datagrams; the kernel takes no memory for what does not wait.
    pub receive_buffer_bytes: usize,
    /// Memory for the last decisions of each authentication thread in octets, 262144 to 1073741824; it is taken as
    /// decisions come. Default: 8388608 (8 MiB).
    pub decision_memory_bytes: usize,
    /// How long an Access-Reject waits before it is sent, in milliseconds, 0 to 4000; 0 sends it at once. Default: 1000.
    pub reject_delay: Duration,
    /// After so many rejects of one user name from one station within the window, further attempts are rejected from memory,
    /// 0 to 1000; 0: never. Default: 10.
    pub reject_storm_count: u16,
    /// The window, in seconds, 1 to 3600. Default: 60.
    pub reject_storm_window_s: u32,
    /// For how many seconds, 1 to 3600; a change of the subscriber ends it. Default: 30.
    pub reject_storm_hold_s: u32,
    /// Attributes a packet may have, 16 to 255; one with more is dropped as malformed. Default: 200.
    pub attributes_max: usize,
    /// Directory of the journal, which wants a durable local disk. Default: `journal` in the data directory.
    pub journal_dir: PathBuf,
    /// How many seconds what the database has stays in the journal, 0 to 2592000. Default: 86400 (24 h).
    pub journal_keep: Duration,
    /// How many octets of it stay at most, in each of the two journals, 0 to 68719476736. Default: 1073741824 (1 GiB).
    pub journal_keep_bytes: u64,
    /// Explanations of logins written to the database a second at most, 1 to 1000000; accounting goes first in any case.
    /// Default: 2000.
    pub decision_drain_rate: u32,
    /// Directory of dictionary files in FreeRADIUS's format, laid over the built-in ones. Default: none.
    pub dictionary_dir: Option<PathBuf>,
    /// Addresses for RADIUS over TLS, at most 16. Default: none, and it is not spoken; its port is 2083.
    pub radsec: Vec<SocketAddr>,
    /// PEM file with the server's certificate and its chain, beside `radsec_key`. Default: our own authority issues one.
    pub radsec_certificate: Option<PathBuf>,
    /// PEM file with the key of `radsec_certificate`. Default: none.
    pub radsec_key: Option<PathBuf>,
    /// PEM file with authorities whose certificates are believed beside our own authority's. Default: none.
    pub radsec_client_ca: Option<PathBuf>,
    /// PEM file with what those have revoked. Default: none.
    pub radsec_crl: Option<PathBuf>,
    /// Connections of RADIUS over TLS at a time, 1 to 65536. Default: 1024.
    pub radsec_connections: usize,
    /// Of those, from one address. Default: 64.
    pub radsec_connections_per_address: usize,
}

impl Radius {
    /// Where our own certificate authority is, in a data directory.
    pub fn radsec_authority(data_dir: &Path) -> PathBuf {
        data_dir.join("radsec")
    }

    /// How RADIUS over TLS is set up; `None`: it is not spoken.
    pub fn radsec(&self, data_dir: &Path) -> Option<radius_server::radsec::Config> {
        let files = radius_server::radsec::config::Files {
            authority: Radius::radsec_authority(data_dir),
            certificate: self.radsec_certificate.clone().zip(self.radsec_key.clone()),
            client_ca: self.radsec_client_ca.clone(),
            crl: self.radsec_crl.clone(),
        };
        let limits = radius_server::radsec::Limits {
            connections: self.radsec_connections,
            connections_per_address: self.radsec_connections_per_address,
            ..radius_server::radsec::Limits::default()
        };
        (!self.radsec.is_empty()).then(|| radius_server::radsec::Config {
            listen: self.radsec.clone(),
            files,
            limits,
        })
    }
}

/// Which PostgreSQL, and how much of it.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://` URL of the role that serves; it must not bypass row security.
    /// Default: none, and the server runs a private PostgreSQL in its data directory.
    pub url: Option<String>,
    /// `postgres://` URL of the role that owns the schema and migrates it. Default: the same as `url`.
    pub owner_url: Option<String>,
    /// Connections at most, 2 to 1000. Default: 16.
    pub max_connections: u32,
    /// System user of the private PostgreSQL when the server runs as root. Default: the first of `postgres`,
    /// `headend`, `nobody` that exists.
    pub run_as: Option<String>,
    /// Directory of PostgreSQL's programs. Default: the newest version that is installed.
    pub bin_dir: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone)]
pub struct Log {
    /// `auto` (lines for people on a terminal, else JSON), `human` or `json`. Default: `auto`.
    pub format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`. Default: `info`.
    pub filter: String,
}

/// See [`Log::format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Decided by whether stderr is a terminal.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads the layers and turns them into checked values.
    ///
    /// # Errors
    /// The first thing that is not allowed, with where it stands.
    pub fn load(
        file: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
        flags: &[Flag],
    ) -> Result<Config, ConfigError> {
        Config::from_layers(Layers::read(file, env, flags)?, env)
    }

    /// Checked values from layers that are already read.
    fn from_layers(layers: Layers, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let data_dir = match layers.path("data_dir")? {
            Some(dir) => dir,
            None => data_dir_default(env)?,
        };
        let journal_dir = layers
            .path("radius.journal_dir")?
            .unwrap_or_else(|| data_dir.join("journal"));
        Config {
            http: Http {
                listen: layers
                    .address("http.listen")?
                    .unwrap_or(address(Ipv4Addr::LOCALHOST, 8080)),
                public_url: layers.origin("http.public_url")?,
                trusted_proxies: layers
                    .networks("http.trusted_proxies", PROXIES_MAX)?
                    .unwrap_or_default(),
                session_idle: layers
                    .seconds("http.session_idle_s", SESSION_S)?
                    .unwrap_or(SESSION_IDLE_DEFAULT),
                session_absolute: layers
                    .seconds("http.session_absolute_s", SESSION_S)?
                    .unwrap_or(SESSION_ABSOLUTE_DEFAULT),
                step_up: layers
                    .seconds("http.step_up_s", STEP_UP_S)?
                    .unwrap_or(STEP_UP_DEFAULT),
                rate_per_caller: layers
                    .integer("http.rate_per_caller", HTTP_RATE)?
                    .unwrap_or(RATE_CALLER_USUAL),
                rate_per_partner: layers
                    .integer("http.rate_per_partner", HTTP_RATE)?
                    .unwrap_or(RATE_PARTNER_USUAL),
            },
            radius: Radius {
                auth: layers
                    .addresses("radius.auth", LISTENERS_MAX)?
                    .unwrap_or_else(|| vec![address(Ipv4Addr::UNSPECIFIED, 1812)]),
                accounting: layers
                    .addresses("radius.accounting", LISTENERS_MAX)?
                    .unwrap_or_else(|| vec![address(Ipv4Addr::UNSPECIFIED, 1813)]),
                auth_workers: layers
                    .integer("radius.auth_workers", 0..=AUTH_WORKERS_MAX)?
                    .unwrap_or(0),
                receive_buffer_bytes: layers
                    .integer("radius.receive_buffer_bytes", RECEIVE_BUFFER_BYTES)?
                    .unwrap_or(RECEIVE_BUFFER_BYTES_DEFAULT),
                decision_memory_bytes: layers
                    .integer("radius.decision_memory_bytes", DECISION_MEMORY_BYTES)?
                    .unwrap_or(DECISION_MEMORY_BYTES_DEFAULT),
                reject_delay: layers
                    .milliseconds("radius.reject_delay_ms", REJECT_DELAY_MS)?
                    .unwrap_or(REJECT_DELAY_DEFAULT),
                reject_storm_count: layers
                    .integer("radius.reject_storm_count", REJECT_STORM_COUNT)?
                    .unwrap_or(10),
                reject_storm_window_s: layers
                    .integer("radius.reject_storm_window_s", REJECT_STORM_S)?
                    .unwrap_or(60),
                reject_storm_hold_s: layers
                    .integer("radius.reject_storm_hold_s", REJECT_STORM_S)?
                    .unwrap_or(30),
                attributes_max: layers
                    .integer("radius.attributes_max", ATTRIBUTES_MAX)?
                    .unwrap_or(radius_server::plane::ATTRIBUTES_USUAL_MAX),
                journal_dir,
                journal_keep: layers
                    .seconds("radius.journal_keep_s", JOURNAL_KEEP_S)?
                    .unwrap_or(radius_server::journal::KEEP),
                journal_keep_bytes: layers
                    .integer("radius.journal_keep_bytes", JOURNAL_KEEP_BYTES)?
                    .unwrap_or(radius_server::journal::KEEP_LEN_MAX),
                decision_drain_rate: layers
                    .integer("radius.decision_drain_rate", DECISION_DRAIN_RATE)?
                    .unwrap_or(access::drain::pace::RATE_USUAL),
                dictionary_dir: layers.path("radius.dictionary_dir")?,
                radsec: layers
                    .addresses("radius.radsec", LISTENERS_MAX)?
                    .unwrap_or_default(),
                radsec_certificate: layers.path("radius.radsec_certificate")?,
                radsec_key: layers.path("radius.radsec_key")?,
                radsec_client_ca: layers.path("radius.radsec_client_ca")?,
                radsec_crl: layers.path("radius.radsec_crl")?,
                radsec_connections: layers
                    .integer("radius.radsec_connections", RADSEC_CONNECTIONS)?
                    .unwrap_or(radius_server::radsec::config::CONNECTIONS_MAX),
                radsec_connections_per_address: layers
                    .integer("radius.radsec_connections_per_address", RADSEC_CONNECTIONS)?
                    .unwrap_or(radius_server::radsec::config::CONNECTIONS_PER_ADDRESS_MAX),
            },
            eap: EapOptions {
                methods: layers
                    .eap_methods("eap.methods")?
                    .unwrap_or_else(|| EapOptions::default().methods),
                fragment_octets: layers
                    .integer(
                        "eap.fragment_bytes",
                        FRAGMENT_OCTETS_MIN.into()..=FRAGMENT_OCTETS_MAX.into(),
                    )?
                    .unwrap_or(EapOptions::default().fragment_octets),
                certificate: layers.path("eap.certificate")?,
                key: layers.path("eap.key")?,
                client_ca: layers.path("eap.client_ca")?,
                crls: layers.paths("eap.crls", CRLS_MAX)?.unwrap_or_default(),
                tls_min: layers.tls_min("eap.tls_min")?.unwrap_or_default(),
            },
            database: Database {
                url: layers.postgres_url("database.url")?,
                owner_url: layers.postgres_url("database.owner_url")?,
                max_connections: layers
                    .integer("database.max_connections", DATABASE_CONNECTIONS)?
                    .unwrap_or(16),
                run_as: layers.text("database.run_as")?,
                bin_dir: layers.path("database.bin_dir")?,
            },
            outbound: Outbound {
                allow: layers
                    .networks("outbound.allow", kernel::outbound::target::ALLOWED_MAX)?
                    .unwrap_or_default(),
            },
            vault: Vault::from_layers(&layers)?,
            log: Log {
                format: layers.log_format("log.format")?.unwrap_or(LogFormat::Auto),
                filter: layers
                    .log_filter("log.filter")?
                    .unwrap_or_else(|| "info".to_owned()),
            },
            data_dir,
            layers,
        }
        .checked()
    }

    /// Refuses what single values cannot show.
    fn checked(self) -> Result<Config, ConfigError> {
        if self.database.owner_url.is_some() && self.database.url.is_none() {
            return Err(self.layers.refuse(
                "database.owner_url",
                "database.url beside it: an owner without a serving role means nothing to the private database",
            ));
        }
        if self.eap.certificate.is_some() != self.eap.key.is_some() {
            let key = if self.eap.key.is_some() {
                "eap.key"
            } else {
                "eap.certificate"
            };
            return Err(self
                .layers
                .refuse(key, "eap.certificate and eap.key together, or neither"));
        }
        let twice = self
            .radius
            .auth
            .iter()
            .find(|addr| addr.port() != 0 && self.radius.accounting.contains(addr));
        if let Some(addr) = twice {
            let allowed = format!("addresses that radius.auth does not have; {addr} is in both");
            return Err(self.layers.refuse("radius.accounting", &allowed));
        }
        let pair = [
            ("radius.radsec_certificate", &self.radius.radsec_certificate),
            ("radius.radsec_key", &self.radius.radsec_key),
        ];
        if let [(given, Some(_)), (missing, None)] | [(missing, None), (given, Some(_))] = pair {
            let allowed = format!("{missing} beside it: a certificate is of no use without its key");
            return Err(self.layers.refuse(given, &allowed));
        }
        if self.radius.radsec_crl.is_some() && self.radius.radsec_client_ca.is_none() {
            return Err(self.layers.refuse(
                "radius.radsec_crl",
                "radius.radsec_client_ca beside it: our own authority keeps its own list",
            ));
        }
        Ok(self)
    }

    /// The whole effective configuration as a file, each line with where its value comes from.
    pub fn show(&self) -> String {
        let secret = |url: &Option<String>| url.as_deref().map(|url| quoted(&value::redact_url(url)));
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| quoted(&path.display().to_string()));
        // Checked when they were read.
        let text = |key| self.layers.text(key).ok().flatten().map(|text| quoted(&text));
        let values = [
            ("data_dir", Some(quoted(&self.data_dir.display().to_string()))),
            ("http.listen", Some(quoted(&self.http.listen.to_string()))),
            ("http.public_url", self.http.public_url.as_deref().map(quoted)),
            ("http.trusted_proxies", Some(list(&self.http.trusted_proxies))),
            (
                "http.session_idle_s",
                Some(self.http.session_idle.as_secs().to_string()),
            ),
            (
                "http.session_absolute_s",
                Some(self.http.session_absolute.as_secs().to_string()),
            ),
            ("http.step_up_s", Some(self.http.step_up.as_secs().to_string())),
            (
                "http.rate_per_caller",
                Some(self.http.rate_per_caller.to_string()),
            ),
            (
                "http.rate_per_partner",
                Some(self.http.rate_per_partner.to_string()),
            ),
            ("radius.auth", Some(list(&self.radius.auth))),
            ("radius.accounting", Some(list(&self.radius.accounting))),
            ("radius.auth_workers", Some(self.radius.auth_workers.to_string())),
            (
                "radius.receive_buffer_bytes",
                Some(self.radius.receive_buffer_bytes.to_string()),
            ),
            (
                "radius.decision_memory_bytes",
                Some(self.radius.decision_memory_bytes.to_string()),
            ),
            (
                "radius.reject_delay_ms",
                Some(self.radius.reject_delay.as_millis().to_string()),
            ),
            (
                "radius.reject_storm_count",
                Some(self.radius.reject_storm_count.to_string()),
            ),
            (
                "radius.reject_storm_window_s",
                Some(self.radius.reject_storm_window_s.to_string()),
            ),
            (
                "radius.reject_storm_hold_s",
                Some(self.radius.reject_storm_hold_s.to_string()),
            ),
            (
                "radius.attributes_max",
                Some(self.radius.attributes_max.to_string()),
            ),
            (
                "radius.journal_dir",
                Some(quoted(&self.radius.journal_dir.display().to_string())),
            ),
            (
                "radius.journal_keep_s",
                Some(self.radius.journal_keep.as_secs().to_string()),
            ),
            (
                "radius.journal_keep_bytes",
                Some(self.radius.journal_keep_bytes.to_string()),
            ),
            (
                "radius.decision_drain_rate",
                Some(self.radius.decision_drain_rate.to_string()),
            ),
            (
                "radius.dictionary_dir",
                self.radius
                    .dictionary_dir
                    .as_ref()
                    .map(|dir| quoted(&dir.display().to_string())),
            ),
            (
                "radius.radsec",
                Some(list(&self.radius.radsec)).filter(|_| !self.radius.radsec.is_empty()),
            ),
            ("radius.radsec_certificate", path(&self.radius.radsec_certificate)),
            ("radius.radsec_key", path(&self.radius.radsec_key)),
            ("radius.radsec_client_ca", path(&self.radius.radsec_client_ca)),
            ("radius.radsec_crl", path(&self.radius.radsec_crl)),
            (
                "radius.radsec_connections",
                Some(self.radius.radsec_connections.to_string()),
            ),
            (
                "radius.radsec_connections_per_address",
                Some(self.radius.radsec_connections_per_address.to_string()),
            ),
            (
                "eap.methods",
                Some(list(self.eap.methods.iter().map(|method| method.as_str()))),
            ),
            ("eap.certificate", shown(self.eap.certificate.as_ref())),
            ("eap.key", shown(self.eap.key.as_ref())),
            ("eap.client_ca", shown(self.eap.client_ca.as_ref())),
            (
                "eap.crls",
                Some(list(self.eap.crls.iter().map(|path| path.display()))),
            ),
            ("eap.tls_min", Some(quoted(&self.eap.tls_min.to_string()))),
            ("eap.fragment_bytes", Some(self.eap.fragment_octets.to_string())),
            ("database.url", secret(&self.database.url)),
            ("database.owner_url", secret(&self.database.owner_url)),
            (
                "database.max_connections",
                Some(self.database.max_connections.to_string()),
            ),
            ("database.run_as", self.database.run_as.as_deref().map(quoted)),
            (
                "database.bin_dir",
                self.database
                    .bin_dir
                    .as_ref()
                    .map(|dir| quoted(&dir.display().to_string())),
            ),
            (
                "outbound.allow",
                Some(list(&self.outbound.allow)).filter(|_| !self.outbound.allow.is_empty()),
            ),
            (
                "vault.url",
                self.vault.as_ref().map(|vault| quoted(&vault.url.to_string())),
            ),
            (
                "vault.mount",
                self.vault.as_ref().map(|vault| quoted(&vault.mount)),
            ),
            (
                "vault.namespace",
                self.vault
                    .as_ref()
                    .and_then(|vault| vault.namespace.as_deref())
                    .map(quoted),
            ),
            ("vault.token_file", text("vault.token_file")),
            ("vault.role_id", text("vault.role_id")),
            ("vault.secret_id_file", text("vault.secret_id_file")),
            ("vault.authority", text("vault.authority")),
            ("log.format", Some(quoted(self.log.format.as_str()))),
            ("log.filter", Some(quoted(&self.log.filter))),
        ];
        let mut out = String::new();
        let mut section = "";
        for (path, value) in values {
            let (table, key) = path.split_once('.').unwrap_or(("", path));
            if table != section {
                out.push_str(&format!("\n[{table}]\n"));
                section = table;
            }
            let source = self.layers.source(path);
            match value {
                Some(value) => out.push_str(&format!("{key} = {value}  # {source}\n")),
                None => out.push_str(&format!("# {key} is not set\n")),
            }
        }
        out
    }
}

impl LogFormat {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Auto => "auto",
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A path as a TOML string.
fn shown(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| quoted(&path.display().to_string()))
}

/// A TOML list of texts.
fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = items.into_iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// A socket address from parts.
fn address(ip: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(ip), port)
}

/// The file that is read: the one that was named, else the usual one when it is there.
pub fn file_to_read(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(FILE_DEFAULT)).filter(|path| path.exists()))
}

/// Where data goes when nobody says: the system's place for root, else the user's.
fn data_dir_default(env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, ConfigError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/headend"));
    }
    let given = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("XDG_DATA_HOME")
        .map(|dir| dir.join("headend"))
        .or_else(|| given("HOME").map(|home| home.join(".local/share/headend")))
        .ok_or(ConfigError::NoDataDir)
}
