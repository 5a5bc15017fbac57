//! HTTP over a [`Line`]: requests to one server, over connections that are kept and shared with nobody else.
//! Never follows a redirect, never goes through a proxy of the environment, never reads more than it was told to, and never
//! sends a request twice unless that is harmless.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zeroize::Zeroizing;

use super::failure::CallError;
use super::line::{Call, Line};
use super::lines::Place;
use super::target::{Reach, TargetError};

/// How long a connection may take.
pub const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Connections that are kept without a call.
const IDLE_CONNECTIONS_MAX: usize = 10;
/// How long they are kept.
const IDLE_WAIT: Duration = Duration::from_secs(60);
/// The longest answer that is read unless a request says otherwise, in octets.
pub const REPLY_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// The longest wish of a server for a pause that is understood; a longer one means as long.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// One request. Has no Debug: headers and bodies carry secrets.
pub struct Request {
    /// Its name, its time, whether it may be sent twice.
    call: Call,
    /// The method.
    method: Method,
    /// Below the base, each part by itself; written so that none can climb out.
    path: Vec<String>,
    /// What is asked beside the path.
    query: Vec<(&'static str, String)>,
    /// Further headers.
    headers: HeaderMap,
    /// The body.
    body: Option<Zeroizing<Vec<u8>>>,
    /// Statuses beside 2xx that are an answer and not an error.
    answers: &'static [u16],
    /// The longest answer that is read.
    reply_octets_max: usize,
}

impl Request {
    /// A request under a name of ours. GET, HEAD, PUT and DELETE may be sent twice (RFC 9110 section 9.2.2), others not.
    pub fn new<'p>(
        name: &'static str,
        method: Method,
        path: impl IntoIterator<Item = &'p str>,
        within: Duration,
    ) -> Self {
        Self {
            call: Call {
                name,
                within,
                harmless: method.is_idempotent(),
            },
            method,
            path: path.into_iter().map(str::to_owned).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            answers: &[],
            reply_octets_max: REPLY_OCTETS_MAX,
        }
    }

    /// It may be sent twice although its method does not say so; for what only asks, such as a login.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.call.harmless = true;
        self
    }

    /// Asks something beside the path.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds a header nobody may read. A value that is no header's value is left out, and the server will say what it misses.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(Zeroizing::new(body.to_string().into_bytes()));
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// Sends a form, encoded already.
    #[must_use]
    pub fn form(mut self, body: &str) -> Self {
        self.body = Some(Zeroizing::new(body.as_bytes().to_vec()));
        self.header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )
    }

    /// Takes these statuses for answers, too.
    #[must_use]
    pub fn answers(mut self, statuses: &'static [u16]) -> Self {
        self.answers = statuses;
        self
    }

    /// Reads so much of the answer at most.
    #[must_use]
    pub fn reply_octets_max(mut self, octets: usize) -> Self {
        self.reply_octets_max = octets;
        self
    }
}

/// An answer, read to its end. Has no Debug: it may be a secret.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`CallError::Broken`] when it is none.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, CallError> {
        // What serde says may quote the body.
        serde_json::from_slice(&self.body).map_err(|error| CallError::Broken {
            source: format!(
                "no JSON of the expected form, line {} column {}",
                error.line(),
                error.column()
            )
            .into(),
        })
    }
}

/// A line to an HTTP server.
#[derive(Debug)]
pub struct HttpLine {
    /// The manners.
    line: Line,
    /// The connections.
    client: reqwest::Client,
    /// Where it leads.
    place: Place,
    /// What may be connected to.
    reach: Reach,
}

impl HttpLine {
    /// A line to a place. Connects when it is used.
    ///
    /// # Errors
    /// [`CallError::Request`] when TLS cannot be set up: a certificate authority that is none, or a machine without any.
    pub fn new(place: Place, reach: Reach) -> Result<Self, CallError> {
        // A second installation is refused, and the first is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_WAIT)
            .dns_resolver(reach.resolver())
            .user_agent(concat!("headend/", env!("CARGO_PKG_VERSION")));
        let not_built = |source: reqwest::Error| CallError::Request {
            source: source.without_url().into(),
        };
        if let Some(pem) = &place.authority {
            let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(not_built)?;
            builder = builder.tls_certs_only(authorities);
        } else if !place.base.is_encrypted() {
            // Nor does it need the machine's certificates then, which a small container does not have.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            line: Line::new(place.rules),
            client: builder.build().map_err(not_built)?,
            place,
            reach,
        })
    }

    /// The manners, and what was counted.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Where it leads.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// [`CallError`]; a status that is neither 2xx nor among the request's answers is one.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        // A host that is an address is not resolved, and what may be reached can have changed since it was written down.
        self.reach.check_literal(&self.place.base)?;
        let url = self.url(request)?;
        self.line
            .call(request.call, |within| self.attempt(request, url.clone(), within))
            .await
    }

    /// One attempt.
    async fn attempt(&self, request: &Request, url: Url, within: Duration) -> Result<Reply, CallError> {
        let mut sending = self
            .client
            .request(request.method.clone(), url)
            .headers(request.headers.clone())
            .timeout(within);
        if let Some(body) = &request.body {
            sending = sending.body(body.to_vec());
        }
        let mut response = sending
            .send()
            .await
            .map_err(|error| failure(error, request.call.within))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if !response.status().is_success() && !request.answers.contains(&status) {
            return Err(match response.status().is_redirection() {
                true => CallError::Redirected { status },
                false => CallError::Status {
                    status,
                    retry_after: retry_after(&headers, OffsetDateTime::now_utc()),
                },
            });
        }
        let max = request.reply_octets_max;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failure(error, request.call.within))?
        {
            if body.len() + chunk.len() > max {
                return Err(CallError::TooLong { max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    /// The base with the request's path below it.
    fn url(&self, request: &Request) -> Result<Url, CallError> {
        let mut url = self.place.base.url().clone();
        url.set_query(None);
        url.path_segments_mut()
            .map_err(|()| TargetError::NotAUrl)?
            .pop_if_empty()
            .extend(&request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(request.query.iter().map(|(name, value)| (*name, value)));
        }
        Ok(url)
    }
}

/// What the client's error means.
fn failure(error: reqwest::Error, within: Duration) -> CallError {
    if let Some(refused) = refused_target(&error) {
        return refused.into();
    }
    let (connect, timeout, builder) = (error.is_connect(), error.is_timeout(), error.is_builder());
    // Its words name the URL, which the caller of our caller has no need to read.
    let source = error.without_url().into();
    match () {
        () if connect => CallError::Connect { source },
        () if timeout => CallError::TimedOut { waited: within },
        () if builder => CallError::Request { source },
        () => CallError::Broken { source },
    }
}

/// The resolver's refusal, when that is what is inside.
fn refused_target(error: &reqwest::Error) -> Option<TargetError> {
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<TargetError>() {
            return Some(refused.clone());
        }
        cause = found.source();
    }
    None
}

/// How long a server asks us to wait: in seconds or until a moment (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = OffsetDateTime::parse(value, &Rfc2822).ok()?;
            Duration::try_from(until - now).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::super::line::LineRules;
    use super::super::target::Target;
    use super::*;

    fn line(base: &str) -> HttpLine {
        let place = Place {
            base: Target::parse(base).expect("a URL"),
            authority: None,
            rules: LineRules::default(),
        };
        HttpLine::new(place, Reach::default()).expect("a line")
    }

    fn said(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from_str(value).expect("a value"),
        );
        retry_after(&headers, datetime!(1994-11-06 08:49:30 UTC))
    }

    #[test]
    fn a_wish_for_a_pause_is_seconds_or_a_moment() {
        assert_eq!(said("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            said("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            said("Sun, 06 Nov 1994 08:49:00 GMT"),
            Some(Duration::ZERO),
            "long over"
        );
        assert_eq!(said("99999999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(said("soon"), None);
        assert_eq!(said("-1"), None);
    }

    #[test]
    fn a_path_stays_below_its_base() {
        for (base, path, expected) in [
            ("http://h", vec!["api", "x"], "http://h/api/x"),
            ("http://h/", vec!["api"], "http://h/api"),
            ("http://h/in/", vec!["api"], "http://h/in/api"),
            (
                "http://h/in",
                vec!["..", "a/b", "c?d", "e#f"],
                "http://h/in/a%2Fb/c%3Fd/e%23f",
            ),
            ("http://h/in?q=1", vec!["x"], "http://h/in/x"),
        ] {
            let request = Request::new("test", Method::GET, path, Duration::from_secs(1));
            let url = line(base).url(&request).expect("a URL");
            assert_eq!(url.as_str(), expected);
        }
        let request = Request::new("test", Method::GET, ["x"], Duration::from_secs(1)).query("q", "a&b=c");
        assert_eq!(
            line("http://h").url(&request).expect("a URL").as_str(),
            "http://h/x?q=a%26b%3Dc"
        );
    }

    #[test]
    fn only_methods_that_may_be_sent_twice_are() {
        let harmless = |method| Request::new("test", method, [], Duration::ZERO).call.harmless;
        assert!(harmless(Method::GET) && harmless(Method::PUT) && harmless(Method::DELETE));
        assert!(!harmless(Method::POST) && !harmless(Method::PATCH));
    }

    proptest! {
        /// Whatever a server says about a pause: it is understood or not, and never long.
        #[test]
        fn no_wish_breaks_anything(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&octets) {
                let mut headers = HeaderMap::new();
                headers.insert(header::RETRY_AFTER, value);
                let wait = retry_after(&headers, datetime!(2026-01-01 00:00 UTC));
                prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
            }
        }

        /// No part of a path climbs out of the base or becomes a query.
        #[test]
        fn no_path_climbs_out(parts in prop::collection::vec("[a-z./%?#\\\\ ]{0,8}", 0..6)) {
            let request = Request::new("test", Method::GET, parts.iter().map(String::as_str), Duration::ZERO);
            let url = line("http://h/in/side").url(&request).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(url.path().starts_with("/in/side"));
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }
}
