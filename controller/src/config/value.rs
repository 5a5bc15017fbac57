//! Typed readings of a given value: addresses, numbers in bounds, URLs, paths.
//! Never guesses: what does not parse is refused with what would have been allowed. Next: [`super::Config`].

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use radius_server::authentication::{EapMethod, TlsMin};

use super::layers::{Given, KEYS, Layers};
use super::{ConfigError, LogFormat};

impl Layers {
    /// One text.
    pub(super) fn text(&self, path: &'static str) -> Result<Option<String>, ConfigError> {
        let Some((_, given)) = self.given(path) else {
            return Ok(None);
        };
        let text = match given {
            Given::Text(text) => text,
            Given::List(list) if list.len() == 1 => &list[0],
            _ => return Err(self.refuse(path, "text in quotes")),
        };
        if text.is_empty() {
            return Err(self.refuse(path, "text that is not empty, or no such line"));
        }
        Ok(Some(text.clone()))
    }

    /// A path; relative ones count from the working directory.
    pub(super) fn path(&self, path: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        std::path::absolute(&text)
            .map(Some)
            .map_err(|_| self.refuse(path, "a path"))
    }

    /// Paths; one text may hold several with commas between.
    pub(super) fn paths(&self, path: &'static str, max: usize) -> Result<Option<Vec<PathBuf>>, ConfigError> {
        let allowed = format!("at most {max} paths");
        let Some(texts) = self.items::<String>(path, &allowed)? else {
            return Ok(None);
        };
        if texts.len() > max {
            return Err(self.refuse(path, &allowed));
        }
        let paths: Result<Vec<_>, _> = texts.iter().map(std::path::absolute).collect();
        paths.map(Some).map_err(|_| self.refuse(path, &allowed))
    }

    /// Methods of EAP, most wanted first; at least one, none twice.
    pub(super) fn eap_methods(&self, path: &'static str) -> Result<Option<Vec<EapMethod>>, ConfigError> {
        let names = EapMethod::ALL.map(EapMethod::as_str).join(", ");
        let allowed = format!("different methods of EAP, at least one of {names}");
        let Some(texts) = self.items::<String>(path, &allowed)? else {
            return Ok(None);
        };
        let methods: Option<Vec<_>> = texts.iter().map(|text| EapMethod::of_name(text)).collect();
        methods
            .filter(|methods| !methods.is_empty())
            .filter(|methods| {
                let mut seen = methods.iter().enumerate();
                seen.all(|(n, method)| !methods[..n].contains(method))
            })
            .map(Some)
            .ok_or_else(|| self.refuse(path, &allowed))
    }

    /// The oldest version of TLS.
    pub(super) fn tls_min(&self, path: &'static str) -> Result<Option<TlsMin>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        [TlsMin::V1_2, TlsMin::V1_3]
            .into_iter()
            .find(|version| version.to_string() == text)
            .map(Some)
            .ok_or_else(|| self.refuse(path, "\"1.2\" or \"1.3\""))
    }

    /// An address with a port.
    pub(super) fn address(&self, path: &'static str) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            self.refuse(
                path,
                "an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080",
            )
        })
    }

    /// At least one address with a port; text may hold several with commas between.
    pub(super) fn addresses(
        &self,
        path: &'static str,
        max: usize,
    ) -> Result<Option<Vec<SocketAddr>>, ConfigError> {
        let allowed =
            format!("1 to {max} different addresses with a port, such as [\"0.0.0.0:1812\", \"[::]:1812\"]");
        let Some(addrs) = self.items::<SocketAddr>(path, &allowed)? else {
            return Ok(None);
        };
        let twice = addrs
            .iter()
            .enumerate()
            .any(|(n, addr)| addr.port() != 0 && addrs[..n].contains(addr));
        if addrs.is_empty() || addrs.len() > max || twice {
            return Err(self.refuse(path, &allowed));
        }
        Ok(Some(addrs))
    }

    /// Networks, or addresses as networks of one.
    pub(super) fn networks(&self, path: &'static str, max: usize) -> Result<Option<Vec<IpNet>>, ConfigError> {
        let allowed = format!("at most {max} networks, such as [\"10.0.0.0/24\", \"2001:db8::/64\"]");
        match self.items::<IpNet>(path, &allowed)? {
            Some(nets) if nets.len() > max => Err(self.refuse(path, &allowed)),
            nets => Ok(nets),
        }
    }

    /// A list of things that are written as text; one text may hold several with commas between.
    fn items<T: FromStr>(&self, path: &'static str, allowed: &str) -> Result<Option<Vec<T>>, ConfigError> {
        let Some((_, given)) = self.given(path) else {
            return Ok(None);
        };
        let texts: Vec<&str> = match given {
            Given::Text(text) => text.split(',').map(str::trim).collect(),
            Given::List(list) => list
                .iter()
                .flat_map(|text| text.split(','))
                .map(str::trim)
                .collect(),
            _ => return Err(self.refuse(path, allowed)),
        };
        let parsed: Result<Vec<T>, _> = texts.iter().map(|text| text.parse()).collect();
        parsed.map(Some).map_err(|_| self.refuse(path, allowed))
    }

    /// A span of whole seconds.
    pub(super) fn seconds(
        &self,
        path: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Result<Option<Duration>, ConfigError> {
        Ok(self.integer(path, bounds)?.map(Duration::from_secs))
    }

    /// A time in milliseconds within bounds.
    pub(super) fn milliseconds(
        &self,
        path: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Result<Option<Duration>, ConfigError> {
        Ok(self.integer(path, bounds)?.map(Duration::from_millis))
    }

    /// A whole number within bounds.
    pub(super) fn integer<T: TryFrom<i64>>(
        &self,
        path: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((_, given)) = self.given(path) else {
            return Ok(None);
        };
        let number = match given {
            Given::Integer(number) => Some(*number),
            Given::Text(text) => text.parse().ok(),
            Given::List(list) if list.len() == 1 => list[0].parse().ok(),
            _ => None,
        };
        number
            .filter(|number| bounds.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| {
                self.refuse(
                    path,
                    &format!("a whole number from {} to {}", bounds.start(), bounds.end()),
                )
            })
    }

    /// A `postgres://` URL.
    pub(super) fn postgres_url(&self, path: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        let parsed = reqwest::Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        match parsed {
            Some(_) => Ok(Some(text)),
            None => Err(self.refuse(
                path,
                "postgres://user@host/database, with ?host=/socket/dir for a unix socket",
            )),
        }
    }

    /// An `http://` or `https://` origin, without the slash at its end.
    pub(super) fn origin(&self, path: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        let sound = reqwest::Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.path() == "/"
        });
        if !sound {
            return Err(self.refuse(
                path,
                "http:// or https:// with a host and maybe a port, and no path",
            ));
        }
        Ok(Some(text.trim_end_matches('/').to_owned()))
    }

    /// The look of log lines.
    pub(super) fn log_format(&self, path: &'static str) -> Result<Option<LogFormat>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        [LogFormat::Auto, LogFormat::Human, LogFormat::Json]
            .into_iter()
            .find(|format| format.as_str() == text)
            .map(Some)
            .ok_or_else(|| self.refuse(path, "auto, human or json"))
    }

    /// What is logged.
    pub(super) fn log_filter(&self, path: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(path)? else {
            return Ok(None);
        };
        match tracing_subscriber::EnvFilter::builder().parse(&text) {
            Ok(_) => Ok(Some(text)),
            Err(_) => Err(self.refuse(
                path,
                "error, warn, info, debug, trace, or target=level with commas between",
            )),
        }
    }

    /// The error for a value that is not allowed.
    pub(super) fn refuse(&self, path: &'static str, allowed: &str) -> ConfigError {
        let secret = KEYS.iter().any(|key| key.path == path && key.secret);
        let found = match self.given(path).map(|(_, given)| given) {
            _ if secret => "REDACTED".to_owned(),
            None => "the default".to_owned(),
            Some(Given::Text(text)) => format!("\"{text}\""),
            Some(Given::Integer(number)) => number.to_string(),
            Some(Given::List(list)) if list.len() == 1 => format!("\"{}\"", list[0]),
            Some(Given::List(list)) => format!("{list:?}"),
            Some(Given::Other(what)) => what.clone(),
        };
        ConfigError::Value {
            place: self.source(path).clone(),
            key: path,
            found,
            allowed: allowed.to_owned(),
        }
    }
}

/// A URL without its password.
pub(super) fn redact_url(text: &str) -> String {
    match reqwest::Url::parse(text) {
        Ok(mut url) => {
            if url.password().is_some() && url.set_password(Some("REDACTED")).is_err() {
                return "REDACTED".to_owned();
            }
            // libpq also takes a password as a parameter.
            if url.query_pairs().any(|(name, _)| name.contains("pass")) {
                url.set_query(Some("REDACTED"));
            }
            url.to_string()
        }
        Err(_) => "REDACTED".to_owned(),
    }
}
