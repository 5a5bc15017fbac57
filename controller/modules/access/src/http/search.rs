//! Search over HTTP. Never holds a rule; see [`crate::app::search`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::App;
use crate::app::search::{HITS_MAX, Hit};

/// Hits unless asked otherwise.
const HITS_USUAL: u32 = 20;

/// What is looked for.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// The beginning of a word of a name, a whole address or MAC in any spelling, a whole line or port.
    #[garde(length(chars, min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    q: String,
    /// How many at most; 20 unless asked otherwise.
    #[garde(range(min = 1, max = HITS_MAX))]
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Something that was found.
#[derive(Serialize, ToSchema)]
pub struct SearchHit {
    /// `subscriber`, `session`, `nas`, `plan`, `client` or `site`.
    kind: String,
    /// Which.
    id: Uuid,
    /// What people call it.
    title: String,
    /// What tells it from others of the same name.
    detail: Option<String>,
    /// By what it was found: `name`, `mac`, `address`, `port` or `mark`.
    by: &'static str,
}

impl From<Hit> for SearchHit {
    fn from(hit: Hit) -> Self {
        Self {
            kind: hit.kind,
            id: hit.id,
            title: hit.title,
            detail: hit.detail,
            by: hit.by,
        }
    }
}

/// Finds anyone by anything, what fits best first: subscribers, clients and sites by the beginning of any word of their
/// names, NAS and plans by a piece of theirs, subscribers and sessions by MAC, address, line and port. Only what the caller
/// may read.
#[utoipa::path(get, path = "/partners/{partner_id}/search", params(("partner_id" = String, Path), SearchQuery),
    responses((status = 200, body = Data<Vec<SearchHit>>)))]
pub async fn search(
    State(app): State<Arc<App>>,
    op: OpContext,
    Query(query): Query<SearchQuery>,
) -> Result<Data<Vec<SearchHit>>, Problem> {
    let hits = app
        .search(&op, &query.q, query.limit.unwrap_or(HITS_USUAL))
        .await?;
    Ok(Data::one(&op, hits.into_iter().map(SearchHit::from).collect()))
}
