//! Which part of a list is asked for: `?page=2&per_page=50`.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::problem::Problem;
use crate::error::Error;

/// Items on a page unless asked otherwise.
const PER_PAGE_DEFAULT: u32 = 50;
/// Most items on a page.
const PER_PAGE_MAX: u32 = 200;
/// The last page that can be asked for; deeper lists want a filter.
const PAGE_MAX: u32 = 50_000;

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// From 1.
    number: u32,
    /// Items on a page.
    per_page: u32,
    /// What was asked, for links to other pages.
    uri: Uri,
}

/// The two parameters, for the document.
#[derive(IntoParams)]
#[expect(
    dead_code,
    reason = "read by the document only; the values are parsed by hand for better messages"
)]
struct PageParameters {
    /// Which page, from 1.
    #[param(minimum = 1, maximum = 50_000)]
    page: Option<u32>,
    /// Items on a page; 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 200)]
    per_page: Option<u32>,
}

/// The two parameters as they were sent.
#[derive(Default, Deserialize)]
struct Sent {
    /// Which page.
    page: Option<String>,
    /// Items on a page.
    per_page: Option<String>,
}

impl Page {
    /// From 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Items on a page.
    pub fn per_page(&self) -> u32 {
        self.per_page
    }

    /// `LIMIT`.
    pub fn limit(&self) -> i64 {
        i64::from(self.per_page)
    }

    /// `OFFSET`.
    pub fn offset(&self) -> i64 {
        i64::from(self.number - 1) * i64::from(self.per_page)
    }

    /// The path and query of another page of the same list.
    pub(super) fn link(&self, number: u32) -> String {
        let mut query = without_page(self.uri.query().unwrap_or_default());
        if !query.is_empty() {
            query.push('&');
        }
        format!(
            "{}?{query}page={number}&per_page={}",
            self.uri.path(),
            self.per_page
        )
    }

    /// Reads it from what was asked.
    fn read(uri: Uri) -> Result<Self, Error> {
        let sent: Sent = axum::extract::Query::try_from_uri(&uri)
            .map(|query| query.0)
            .unwrap_or_default();
        let number = bounded("/page", sent.page.as_deref(), 1, PAGE_MAX)?;
        let per_page = bounded(
            "/per_page",
            sent.per_page.as_deref(),
            PER_PAGE_DEFAULT,
            PER_PAGE_MAX,
        )?;
        Ok(Self {
            number,
            per_page,
            uri,
        })
    }
}

/// A query without the two parameters of a page.
pub(super) fn without_page(query: &str) -> String {
    let other = |pair: &&str| !matches!(pair.split('=').next(), Some("page" | "per_page" | ""));
    query.split('&').filter(other).collect::<Vec<_>>().join("&")
}

/// Reads a number from 1 to `max`.
fn bounded(pointer: &str, sent: Option<&str>, default: u32, max: u32) -> Result<u32, Error> {
    let Some(sent) = sent else { return Ok(default) };
    let number = sent.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| Error::invalid(pointer, format!("use a number from 1 to {max}")))
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let uri = parts
            .extensions
            .get::<OriginalUri>()
            .map_or_else(|| parts.uri.clone(), |uri| uri.0.clone());
        Ok(Self::read(uri)?)
    }
}

impl IntoParams for Page {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        PageParameters::into_params(|| Some(ParameterIn::Query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(uri: &str) -> Result<Page, Error> {
        Page::read(uri.parse().expect("a URI"))
    }

    #[test]
    fn the_first_fifty_unless_asked_otherwise() {
        let page = page("/partners").expect("a page");
        assert_eq!((page.limit(), page.offset()), (50, 0));
    }

    #[test]
    fn limit_and_offset_follow_page_and_per_page() {
        let page = page("/x?page=3&per_page=20").expect("a page");
        assert_eq!((page.limit(), page.offset()), (20, 40));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for query in [
            "page=0",
            "page=-1",
            "page=x",
            "per_page=201",
            "per_page=0",
            "page=99999999999",
            "page=1'--",
        ] {
            assert!(
                matches!(page(&format!("/x?{query}")), Err(Error::Invalid { .. })),
                "{query}"
            );
        }
    }

    #[test]
    fn links_keep_the_filters() {
        let page = page("/x?status=active&page=2&q=a%20b").expect("a page");
        assert_eq!(page.link(3), "/x?status=active&q=a%20b&page=3&per_page=50");
    }
}
