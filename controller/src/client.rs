//! The HTTP client of the API: one request, its `data`, or why not.
//! Never retries a write and never follows a redirect; knows envelopes and problems, not what is inside `data`.
//! Next: [`problem`], which says why there was none; [`events`] is the one answer that does not end.

pub mod events;
pub mod problem;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

pub use problem::ClientError;
use problem::Problem;

use crate::failure::{Exit, Failure};
use crate::secret::Secret;

/// How long a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long a whole answer may take; an apply of many objects is many requests.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How long a stream may last; the server ends it earlier.
const STREAM_WAIT: Duration = Duration::from_secs(15 * 60);
/// Objects a page; the API gives no more.
const PAGE_LEN: usize = 200;
/// Pages of one list at most: two million objects.
const PAGES_MAX: usize = 10_000;
/// Where the API is mounted for machines.
const MOUNT: [&str; 3] = ["api", "public", "v1"];

/// A server and who we are to it.
pub struct Api {
    /// Connections.
    http: reqwest::Client,
    /// The server.
    base: Url,
    /// Session token or API key.
    token: Option<Secret>,
    /// A second person's approval of what is asked.
    approval: Option<String>,
    /// What the server said beside its answers.
    notes: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// A client of the server at `url`.
    ///
    /// # Errors
    /// When the URL is none, or TLS cannot be set up.
    pub fn new(url: &str, token: Option<Secret>) -> Result<Api, Failure> {
        let base = Url::parse(url)
            .ok()
            .filter(|base| matches!(base.scheme(), "http" | "https") && base.host().is_some())
            .ok_or_else(|| {
                Failure::usage(format!("\"{url}\" is no server URL")).next("give --url http://host:port")
            })?;
        // reqwest sets TLS up also where none is spoken. A second installation is refused, and the first is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("headend/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // Nor does it need the machine's certificates then, which a small container does not have.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot set up HTTP: {error}")))?;
        Ok(Api {
            http,
            base,
            token,
            approval: None,
            notes: Arc::default(),
        })
    }

    /// The same, with a second person's approval.
    #[must_use]
    pub fn with_approval(self, approval: Option<String>) -> Api {
        Api { approval, ..self }
    }

    /// The same server for somebody else.
    pub fn with_token(&self, token: Secret) -> Api {
        Api {
            http: self.http.clone(),
            base: self.base.clone(),
            token: Some(token),
            approval: self.approval.clone(),
            notes: Arc::clone(&self.notes),
        }
    }

    /// Takes what the server said beside its answers: warnings, and what is missing from an answer.
    pub fn take_notes(&self) -> Vec<String> {
        self.notes
            .lock()
            .map(|mut notes| std::mem::take(&mut *notes))
            .unwrap_or_default()
    }

    /// The server, without a slash at the end.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether there is a token to send.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Reads what a query selects, all of it at once.
    pub async fn query(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ClientError> {
        Ok(self.send(Method::GET, path, query, None).await?.data)
    }

    /// Reads one object.
    pub async fn get(&self, path: &[&str]) -> Result<Value, ClientError> {
        Ok(self.send(Method::GET, path, &[], None).await?.data)
    }

    /// Reads a whole list, page by page.
    pub async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, ClientError> {
        self.list_some(path, query, usize::MAX).await
    }

    /// Reads a list until there are `limit` objects.
    pub async fn list_some(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<Value>, ClientError> {
        let mut all = Vec::new();
        let per_page = PAGE_LEN.min(limit.max(1)).to_string();
        for page in 1..=PAGES_MAX {
            let page = page.to_string();
            let paging = [("page", page.as_str()), ("per_page", per_page.as_str())];
            let query: Vec<(&str, &str)> = query.iter().copied().chain(paging).collect();
            let answer = self.send(Method::GET, path, &query, None).await?;
            let Value::Array(items) = answer.data else { break };
            let got = items.len();
            all.extend(items);
            // A list without a total has no pages.
            let total = answer.meta["total"]
                .as_u64()
                .map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
            if got == 0 || all.len() >= total.min(limit) {
                break;
            }
        }
        all.truncate(limit);
        Ok(all)
    }

    /// Reads what is text and no object in an envelope.
    pub async fn text(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, ClientError> {
        let octets = self.octets(Method::GET, path, query, None).await?;
        String::from_utf8(octets).map_err(|_| ClientError::NotOurs {
            url: self.url().to_owned(),
            status: reqwest::StatusCode::OK,
        })
    }

    /// Opens a live stream of events, behind the position that was seen last.
    pub async fn events(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        last: Option<&str>,
    ) -> Result<events::Stream, ClientError> {
        let mut request = self
            .request(Method::GET, path, query)
            .header("Accept", "text/event-stream")
            .timeout(STREAM_WAIT);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(events::Stream::new(response, self.url().to_owned()));
        }
        Err(self.refused(response).await)
    }

    /// Makes an object, or asks for a verb.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        Ok(self.send(Method::POST, path, &[], Some(body)).await?.data)
    }

    /// Changes an object.
    pub async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        Ok(self.send(Method::PATCH, path, &[], Some(body)).await?.data)
    }

    /// Puts an object in place of what there is.
    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        Ok(self.send(Method::PUT, path, &[], Some(body)).await?.data)
    }

    /// Removes an object.
    pub async fn delete(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(), ClientError> {
        self.send(Method::DELETE, path, query, None).await.map(drop)
    }

    /// Sends one request, and opens the envelope of its answer.
    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ClientError> {
        let octets = self.octets(method, path, query, body).await?;
        if octets.is_empty() {
            return Ok(Answer::default());
        }
        let answer: Answer = serde_json::from_slice(&octets).map_err(|_| ClientError::NotOurs {
            url: self.url().to_owned(),
            status: reqwest::StatusCode::OK,
        })?;
        self.note(&answer.meta);
        Ok(answer)
    }

    /// Sends one request; the body of its answer.
    async fn octets(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = self.request(method, path, query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let octets = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        Ok(octets.into())
    }

    /// A request as whoever calls.
    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(MOUNT).extend(path);
        }
        let mut request = self.http.request(method, url);
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(approval) = &self.approval {
            request = request.header("headend-approval", approval);
        }
        request
    }

    /// Why a request was refused.
    async fn refused(&self, response: reqwest::Response) -> ClientError {
        let status = response.status();
        let octets = match response.bytes().await {
            Ok(octets) => octets,
            Err(error) => return self.unreachable(&error),
        };
        match serde_json::from_slice::<Problem>(&octets) {
            Ok(problem) => ClientError::Problem(Box::new(Problem {
                status: status.as_u16(),
                ..problem
            })),
            Err(_) => ClientError::NotOurs {
                url: self.url().to_owned(),
                status,
            },
        }
    }

    /// Keeps what the server said beside its answer.
    fn note(&self, meta: &Value) {
        let warnings = meta["warnings"].as_array().into_iter().flatten();
        let said = warnings
            .chain(std::iter::once(&meta["incomplete"]))
            .filter_map(Value::as_str);
        if let Ok(mut notes) = self.notes.lock() {
            notes.extend(said.map(str::to_owned));
        }
    }

    /// The error for a request without an answer.
    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let mut why: &dyn std::error::Error = error;
        while let Some(inner) = why.source() {
            why = inner;
        }
        ClientError::Unreachable {
            url: self.url().to_owned(),
            why: why.to_string(),
        }
    }
}

/// The API's envelope.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Answer {
    /// What was asked for.
    data: Value,
    /// Paging and request id.
    meta: Value,
}

#[cfg(test)]
mod tests {
    use super::Api;

    #[test]
    fn a_server_is_an_http_or_https_origin() {
        let sound = |url: &str| Api::new(url, None).is_ok();
        assert!(sound("http://127.0.0.1:8080") && sound("https://oss.isp.example"));
        assert!(!sound("127.0.0.1:8080") && !sound("ftp://oss.isp.example") && !sound(""));
    }

    #[test]
    fn the_origin_is_kept_without_a_slash() {
        assert_eq!(
            Api::new("http://127.0.0.1:8080/", None)
                .map(|api| api.url().to_owned())
                .ok()
                .as_deref(),
            Some("http://127.0.0.1:8080")
        );
    }
}
