//! The conventions of the API: who asks, for which partner, is he allowed to; envelopes, problems, pages.
//! Never holds a rule of the business, and has no way to mount a handler without saying who may call it.
//!
//! The way of a request, outermost first:
//! - [`edge`] gives it an id, a time limit and a body limit, and makes every error a problem document;
//! - [`guard`] turns the credential into an [`crate::OpContext`] for the partner in the path, or refuses; `rate` counts how
//!   often somebody asks, `idempotent` does a write once however often it is sent, `conditional` only when the object is
//!   what the caller has seen;
//! - the handler takes it apart with [`Path`], [`Query`], [`Page`] and [`Valid`], and answers [`Data`] or [`Problem`].
//!
//! A module offers [`ApiRoutes`]; [`serve_router`] mounts those of all modules under `/api/v1` (the console, cookie or
//! bearer) and `/api/public/v1` (machines, bearer only), and writes the OpenAPI document from the same list.

pub mod api;
mod approval;
pub mod body;
mod conditional;
pub mod edge;
pub mod envelope;
pub mod guard;
mod idempotent;
pub mod openapi;
pub mod page;
pub mod path;
pub mod peer;
pub mod problem;
pub mod query;
pub mod rate;
pub mod routes;
pub mod serve;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::{Access, ApiRoutes, RouteInfo};
pub use body::{Valid, nullable};
pub use envelope::Data;
pub use guard::Surface;
pub use page::Page;
pub use path::Path;
pub use problem::Problem;
pub use query::Query;
pub use serve::{Api, collisions, document, serve_router};
pub use utoipa_axum::routes;
