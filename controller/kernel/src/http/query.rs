//! Filters in the query, parsed into a type and checked; unknown ones are refused where the type says so.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use garde::Validate;
use serde::de::DeserializeOwned;

use super::body::fields_of;
use super::page::without_page;
use super::problem::Problem;
use crate::error::Error;

/// The query as a `T`; `page` and `per_page` belong to [`super::Page`] and are left out.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let rest = without_page(parts.uri.query().unwrap_or_default());
        let wrong = |message: String| Error::invalid("", message);
        let uri = Uri::try_from(format!("/?{rest}")).map_err(|error| wrong(error.to_string()))?;
        let query = axum::extract::Query::<T>::try_from_uri(&uri)
            .map_err(|error| wrong(error.body_text()))?
            .0;
        match query.validate() {
            Ok(()) => Ok(Self(query)),
            Err(report) => Err(Error::Invalid {
                fields: fields_of(&report),
            }
            .into()),
        }
    }
}
