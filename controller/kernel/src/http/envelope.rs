//! The envelope of every answer: `data`, `meta`, `links`.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::conditional::version;
use super::page::Page;
use crate::id::RequestId;
use crate::op::OpContext;

/// An answer in its envelope; 200 unless said otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct Data<T> {
    /// The answer itself.
    data: T,
    /// About the answer.
    meta: Meta,
    /// Where to go from here.
    links: Links,
    /// The HTTP status.
    #[serde(skip)]
    #[schema(ignore)]
    status: StatusCode,
}

/// About an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meta {
    /// The id of the request, also in the log and the audit.
    request_id: RequestId,
    /// Which page of a list this is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    /// How many items a page holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_page: Option<u32>,
    /// How many items there are on all pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
}

/// Where to go from here; empty unless the answer is a list.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Links {
    /// This page.
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    this: Option<String>,
    /// The next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The page before, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
}

impl<T> Data<T> {
    /// One thing.
    pub fn one(op: &OpContext, data: T) -> Self {
        let meta = Meta {
            request_id: op.request_id,
            page: None,
            per_page: None,
            total: None,
        };
        Self {
            data,
            meta,
            links: Links::default(),
            status: StatusCode::OK,
        }
    }

    /// 201: the thing was created.
    #[must_use]
    pub fn created(self) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..self
        }
    }

    /// 202: the thing was accepted and is not done yet.
    #[must_use]
    pub fn accepted(self) -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            ..self
        }
    }
}

impl<T> Data<Vec<T>> {
    /// A page of things; `total` counts those on all pages.
    pub fn list(op: &OpContext, page: &Page, total: i64, data: Vec<T>) -> Self {
        let meta = Meta {
            request_id: op.request_id,
            page: Some(page.number()),
            per_page: Some(page.per_page()),
            total: Some(total),
        };
        let more = page.offset() + page.limit() < total;
        let links = Links {
            this: Some(page.link(page.number())),
            next: more.then(|| page.link(page.number() + 1)),
            prev: (page.number() > 1).then(|| page.link(page.number() - 1)),
        };
        Self {
            data,
            meta,
            links,
            status: StatusCode::OK,
        }
    }
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        // A page of a list has no version: what is on it moves with what is not.
        let single = self.status == StatusCode::OK && self.meta.page.is_none();
        let version = single
            .then(|| serde_json::to_vec(&self.data).ok())
            .flatten()
            .and_then(|octets| version(&octets));
        let mut response = (self.status, Json(self)).into_response();
        if let Some(version) = version {
            response.headers_mut().insert(header::ETAG, version);
        }
        response
    }
}
