//! Address pools over HTTP. Never holds a rule; see [`crate::app::pool`].

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Valid};
use kernel::id::PoolId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admission::AddressKind;
use super::noted::Noted;
use crate::app::App;
use crate::app::pool::{PoolPatch, PoolReport};
use crate::store::pool::Pool;

/// Seconds for which an address is kept for its subscriber unless said.
const HOLD_S_USUAL: u32 = 300;
/// A month, at most.
const HOLD_S_MAX: u32 = 2_592_000;

/// A pool to add.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PoolCreate {
    /// How people call it.
    #[garde(pattern(r"^[A-Za-z0-9._-]{1,63}$"))]
    name: String,
    /// What it gives.
    kind: AddressKind,
    /// Bits of a delegated prefix; 56 unless said.
    #[garde(inner(range(min = 32, max = 64)))]
    unit_len: Option<u8>,
    /// Where it takes them from: 10.0.0.0/24 (without its first and last address), 10.0.0.9-10.0.0.20, one address.
    #[garde(length(min = 1, max = 64))]
    ranges: Vec<String>,
    /// What of that it never gives.
    #[serde(default)]
    #[garde(length(max = 64))]
    excluded: Vec<String>,
    /// Seconds for which an address is kept for its subscriber after his session; 300 unless said.
    #[garde(inner(range(max = HOLD_S_MAX)))]
    hold_s: Option<u32>,
}

/// A change of a pool; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PoolChange {
    /// Where it takes addresses from.
    #[garde(inner(length(min = 1, max = 64)))]
    ranges: Option<Vec<String>>,
    /// What of that it never gives.
    #[garde(inner(length(max = 64)))]
    excluded: Option<Vec<String>>,
    /// Seconds for which an address is kept for its subscriber.
    #[garde(inner(range(max = HOLD_S_MAX)))]
    hold_s: Option<u32>,
}

/// A pool and how full it is.
#[derive(Serialize, ToSchema)]
pub struct PoolView {
    /// Its id.
    id: PoolId,
    /// How people call it.
    name: String,
    /// `ipv4`, `prefix` or `delegated`.
    kind: String,
    /// Bits of what one subscriber gets.
    unit_len: i32,
    /// Where it takes them from.
    ranges: Vec<String>,
    /// What of that it never gives.
    excluded: Vec<String>,
    /// Seconds for which an address is kept for its subscriber after his session.
    hold_s: i32,
    /// Who decides about its ranges.
    source: String,
    /// How many it has; `null` until the access plane knows the pool.
    total: Option<u32>,
    /// Given now, as this node knows it.
    given: Option<u32>,
    /// Assigned for good and not in use.
    reserved: Option<u32>,
    /// Days until nothing is left if the daily peak goes on like in the last days; `null`: it does not grow, or fewer than
    /// three days are known.
    days_left: Option<u32>,
}

/// Which pool.
#[derive(Deserialize)]
pub struct PoolPath {
    /// Its id.
    pool_id: PoolId,
}

/// Lists the address pools of a partner, with how full they are.
#[utoipa::path(get, path = "/partners/{partner_id}/pools", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<PoolView>>)))]
pub async fn pool_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<PoolView>>, Problem> {
    let all = app.pool_list(&op).await?;
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let limit = usize::try_from(page.limit()).unwrap_or_default();
    let rows = all
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(PoolView::from)
        .collect();
    Ok(Data::list(&op, &page, total, rows))
}

/// Adds an address pool.
#[utoipa::path(post, path = "/partners/{partner_id}/pools", params(("partner_id" = String, Path)),
    request_body = PoolCreate, responses((status = 201, body = Data<PoolView>)))]
pub async fn pool_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<PoolCreate>,
) -> Result<Noted, Problem> {
    let (kind, usual) = match body.kind {
        AddressKind::Ipv4 => ("ipv4", 32),
        AddressKind::Prefix => ("prefix", 64),
        AddressKind::Delegated => ("delegated", 56),
    };
    let pool = Pool {
        id: PoolId::new(),
        name: body.name,
        kind: kind.to_owned(),
        unit_len: body.unit_len.unwrap_or(usual).into(),
        ranges: body.ranges,
        excluded: body.excluded,
        hold_s: i32::try_from(body.hold_s.unwrap_or(HOLD_S_USUAL)).unwrap_or(i32::MAX),
        source: "own".to_owned(),
    };
    let made = app.pool_create(&op, pool).await?;
    Noted::new(StatusCode::CREATED, &Data::one(&op, PoolView::from(made)), None)
}

/// Shows one address pool.
#[utoipa::path(get, path = "/partners/{partner_id}/pools/{pool_id}",
    params(("partner_id" = String, Path), ("pool_id" = PoolId, Path)),
    responses((status = 200, body = Data<PoolView>)))]
pub async fn pool_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PoolPath>,
) -> Result<Data<PoolView>, Problem> {
    Ok(Data::one(&op, app.pool_get(&op, path.pool_id).await?.into()))
}

/// Changes an address pool; who has an address keeps it.
#[utoipa::path(patch, path = "/partners/{partner_id}/pools/{pool_id}",
    params(("partner_id" = String, Path), ("pool_id" = PoolId, Path)), request_body = PoolChange,
    responses((status = 200, body = Data<PoolView>)))]
pub async fn pool_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PoolPath>,
    Valid(body): Valid<PoolChange>,
) -> Result<Data<PoolView>, Problem> {
    let patch = PoolPatch {
        ranges: body.ranges,
        excluded: body.excluded,
        hold: body.hold_s.map(|hold_s| Duration::from_secs(hold_s.into())),
    };
    Ok(Data::one(
        &op,
        app.pool_update(&op, path.pool_id, patch).await?.into(),
    ))
}

/// Removes an address pool that no plan names.
#[utoipa::path(delete, path = "/partners/{partner_id}/pools/{pool_id}",
    params(("partner_id" = String, Path), ("pool_id" = PoolId, Path)), responses((status = 204)))]
pub async fn pool_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<PoolPath>,
) -> Result<StatusCode, Problem> {
    app.pool_delete(&op, path.pool_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PoolReport> for PoolView {
    fn from(report: PoolReport) -> Self {
        let PoolReport {
            pool,
            usage,
            days_left,
        } = report;
        Self {
            id: pool.id,
            name: pool.name,
            kind: pool.kind,
            unit_len: pool.unit_len,
            ranges: pool.ranges,
            excluded: pool.excluded,
            hold_s: pool.hold_s,
            source: pool.source,
            total: usage.map(|usage| usage.total),
            given: usage.map(|usage| usage.live),
            reserved: usage.map(|usage| usage.reserved),
            days_left,
        }
    }
}
