//! The layers below a [`super::Config`]: what the file, the environment and the flags give for each known key.
//! Never interprets a value; `value.rs` beside it does. A key that is not in [`KEYS`] is refused here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ConfigError;
use crate::mistake::line_of;
use crate::suggest;

/// One known key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Table and name in the file.
    pub path: &'static str,
    /// The variable that sets it.
    pub env: &'static str,
    /// Whether its value may hold a password.
    pub secret: bool,
}

/// Every key there is; a variable is named after its key.
pub const KEYS: &[Key] = &[
    key("data_dir", "HEADEND_DATA_DIR"),
    key("http.listen", "HEADEND_HTTP_LISTEN"),
    key("http.public_url", "HEADEND_HTTP_PUBLIC_URL"),
    key("http.trusted_proxies", "HEADEND_HTTP_TRUSTED_PROXIES"),
    key("http.session_idle_s", "HEADEND_HTTP_SESSION_IDLE_S"),
    key("http.session_absolute_s", "HEADEND_HTTP_SESSION_ABSOLUTE_S"),
    key("http.step_up_s", "HEADEND_HTTP_STEP_UP_S"),
    key("http.rate_per_caller", "HEADEND_HTTP_RATE_PER_CALLER"),
    key("http.rate_per_partner", "HEADEND_HTTP_RATE_PER_PARTNER"),
    key("radius.auth", "HEADEND_RADIUS_AUTH"),
    key("radius.accounting", "HEADEND_RADIUS_ACCOUNTING"),
    key("radius.auth_workers", "HEADEND_RADIUS_AUTH_WORKERS"),
    key(
        "radius.receive_buffer_bytes",
        "HEADEND_RADIUS_RECEIVE_BUFFER_BYTES",
    ),
    key(
        "radius.decision_memory_bytes",
        "HEADEND_RADIUS_DECISION_MEMORY_BYTES",
    ),
    key("radius.reject_delay_ms", "HEADEND_RADIUS_REJECT_DELAY_MS"),
    key("radius.reject_storm_count", "HEADEND_RADIUS_REJECT_STORM_COUNT"),
    key(
        "radius.reject_storm_window_s",
        "HEADEND_RADIUS_REJECT_STORM_WINDOW_S",
    ),
    key("radius.reject_storm_hold_s", "HEADEND_RADIUS_REJECT_STORM_HOLD_S"),
    key("radius.attributes_max", "HEADEND_RADIUS_ATTRIBUTES_MAX"),
    key("radius.journal_dir", "HEADEND_RADIUS_JOURNAL_DIR"),
    key("radius.journal_keep_s", "HEADEND_RADIUS_JOURNAL_KEEP_S"),
    key("radius.journal_keep_bytes", "HEADEND_RADIUS_JOURNAL_KEEP_BYTES"),
    key("radius.decision_drain_rate", "HEADEND_RADIUS_DECISION_DRAIN_RATE"),
    key("radius.dictionary_dir", "HEADEND_RADIUS_DICTIONARY_DIR"),
    key("radius.radsec", "HEADEND_RADIUS_RADSEC"),
    key("radius.radsec_certificate", "HEADEND_RADIUS_RADSEC_CERTIFICATE"),
    key("radius.radsec_key", "HEADEND_RADIUS_RADSEC_KEY"),
    key("radius.radsec_client_ca", "HEADEND_RADIUS_RADSEC_CLIENT_CA"),
    key("radius.radsec_crl", "HEADEND_RADIUS_RADSEC_CRL"),
    key("radius.radsec_connections", "HEADEND_RADIUS_RADSEC_CONNECTIONS"),
    key(
        "radius.radsec_connections_per_address",
        "HEADEND_RADIUS_RADSEC_CONNECTIONS_PER_ADDRESS",
    ),
    key("eap.methods", "HEADEND_EAP_METHODS"),
    key("eap.certificate", "HEADEND_EAP_CERTIFICATE"),
    key("eap.key", "HEADEND_EAP_KEY"),
    key("eap.client_ca", "HEADEND_EAP_CLIENT_CA"),
    key("eap.crls", "HEADEND_EAP_CRLS"),
    key("eap.tls_min", "HEADEND_EAP_TLS_MIN"),
    key("eap.fragment_bytes", "HEADEND_EAP_FRAGMENT_BYTES"),
    Key {
        secret: true,
        ..key("database.url", "HEADEND_DATABASE_URL")
    },
    Key {
        secret: true,
        ..key("database.owner_url", "HEADEND_DATABASE_OWNER_URL")
    },
    key("database.max_connections", "HEADEND_DATABASE_MAX_CONNECTIONS"),
    key("database.run_as", "HEADEND_DATABASE_RUN_AS"),
    key("database.bin_dir", "HEADEND_DATABASE_BIN_DIR"),
    key("outbound.allow", "HEADEND_OUTBOUND_ALLOW"),
    key("vault.url", "HEADEND_VAULT_URL"),
    key("vault.mount", "HEADEND_VAULT_MOUNT"),
    key("vault.namespace", "HEADEND_VAULT_NAMESPACE"),
    key("vault.token_file", "HEADEND_VAULT_TOKEN_FILE"),
    key("vault.role_id", "HEADEND_VAULT_ROLE_ID"),
    key("vault.secret_id_file", "HEADEND_VAULT_SECRET_ID_FILE"),
    key("vault.authority", "HEADEND_VAULT_AUTHORITY"),
    key("log.format", "HEADEND_LOG_FORMAT"),
    key("log.filter", "HEADEND_LOG_FILTER"),
];

/// A key whose value may be shown.
const fn key(path: &'static str, env: &'static str) -> Key {
    Key {
        path,
        env,
        secret: false,
    }
}

/// A value given as a flag.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The key it sets.
    pub path: &'static str,
    /// The flag as people type it.
    pub name: &'static str,
    /// Its values; more than one for a list.
    pub values: Vec<String>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// In the environment.
    Env(&'static str),
    /// On the command line.
    Flag(&'static str),
    /// Nowhere: the value is the built-in one.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { path, line } => write!(out, "{}:{line}", path.display()),
            Source::Env(name) => write!(out, "environment variable {name}"),
            Source::Flag(name) => write!(out, "flag {name}"),
            Source::Default => out.write_str("default"),
        }
    }
}

/// A value as it was given.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// Text: from the file in quotes, from the environment always.
    Text(String),
    /// A whole number in the file.
    Integer(i64),
    /// A list of texts.
    List(Vec<String>),
    /// Something no key takes, as it reads in the file.
    Other(String),
}

/// What was given, by key; the highest layer only.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Values with where they stand.
    given: BTreeMap<&'static str, (Source, Given)>,
}

impl Layers {
    /// Reads the file, then the environment over it, then the flags.
    pub(super) fn read(
        file: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
        flags: &[Flag],
    ) -> Result<Layers, ConfigError> {
        let mut layers = Layers::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
            layers.file(path, &text)?;
        }
        for key in KEYS {
            // An empty variable is an unset one: that is how unit files and compose files blank a value.
            if let Some(text) = env(key.env).filter(|text| !text.is_empty()) {
                layers
                    .given
                    .insert(key.path, (Source::Env(key.env), Given::Text(text)));
            }
        }
        for flag in flags {
            layers.given.insert(
                flag.path,
                (Source::Flag(flag.name), Given::List(flag.values.clone())),
            );
        }
        Ok(layers)
    }

    /// Takes over a file.
    fn file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().to_owned(),
        })?;
        let place = |offset: usize| Source::File {
            path: path.to_owned(),
            line: line_of(text, offset),
        };
        for (name, value) in root.get_ref() {
            let at = place(name.span().start);
            match value.get_ref() {
                DeValue::Table(table) => {
                    if !KEYS
                        .iter()
                        .any(|key| key.path.starts_with(&format!("{}.", name.get_ref())))
                    {
                        return Err(unknown(at, format!("[{}]", name.get_ref())));
                    }
                    for (inner, value) in table {
                        let full = format!("{}.{}", name.get_ref(), inner.get_ref());
                        self.put(place(inner.span().start), full, value.get_ref())?;
                    }
                }
                other => self.put(at, name.get_ref().to_string(), other)?,
            }
        }
        Ok(())
    }

    /// Takes over one value of the file.
    fn put(&mut self, at: Source, path: String, value: &DeValue<'_>) -> Result<(), ConfigError> {
        let Some(key) = KEYS.iter().find(|key| key.path == path) else {
            return Err(unknown(at, path));
        };
        self.given.insert(key.path, (at, given(value)));
        Ok(())
    }

    /// The value of a key, if any layer has one.
    pub(super) fn given(&self, path: &'static str) -> Option<&(Source, Given)> {
        self.given.get(path)
    }

    /// Where a key was set.
    pub fn source(&self, path: &str) -> &Source {
        self.given
            .get(path)
            .map_or(&Source::Default, |(source, _)| source)
    }
}

/// The error for a key nobody knows, with the closest known ones.
fn unknown(place: Source, key: String) -> ConfigError {
    let names: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    let close = suggest::close(&key, names.iter().copied());
    let known = if close.is_empty() {
        format!("known are {}", names.join(", "))
    } else {
        format!("did you mean {}?", close.join(" or "))
    };
    ConfigError::UnknownKey { place, key, known }
}

/// A file's value, as far as any key could take it.
fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Given::Other(number.as_str().to_owned()), Given::Integer),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect();
            texts.map_or_else(
                || Given::Other("a list of something else than text".to_owned()),
                Given::List,
            )
        }
        other => Given::Other(format!("a {}", other.type_str())),
    }
}
