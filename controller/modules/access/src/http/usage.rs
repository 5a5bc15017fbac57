//! What a subscriber used, over HTTP. Never holds a rule; see [`crate::app::usage`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Query};
use kernel::id::SubscriberId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::subscriber::SubscriberPath;
use crate::app::App;
use crate::app::usage::Unit;
use crate::store::usage::Used;

/// In what pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageUnit {
    /// By the hour; 31 days at once.
    Hour,
    /// By the day, in UTC; 366 at once.
    #[default]
    Day,
}

/// Of what time.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct UsageQuery {
    /// `hour` or `day` (the default).
    #[serde(default)]
    #[param(inline)]
    by: UsageUnit,
    /// From when on, as in RFC 3339 [default: as much as is told at once].
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[param(value_type = Option<String>)]
    since: Option<OffsetDateTime>,
    /// To before when [default: now].
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[param(value_type = Option<String>)]
    until: Option<OffsetDateTime>,
}

/// What was used in one hour or one day.
#[derive(Serialize, ToSchema)]
pub struct UsageView {
    /// Its beginning.
    #[serde(with = "time::serde::rfc3339")]
    begins_at: OffsetDateTime,
    /// From the subscriber.
    octets_in: i64,
    /// To the subscriber.
    octets_out: i64,
    /// Of `octets_in` those over IPv6, where the NAS counts them apart.
    octets_in6: i64,
    /// Of `octets_out` those over IPv6, where the NAS counts them apart.
    octets_out6: i64,
}

/// Tells what a subscriber used, by the hour or the day in which his NAS said so; what is not there was not used.
#[utoipa::path(get, path = "/partners/{partner_id}/subscribers/{subscriber_id}/usage",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path), UsageQuery, Page),
    responses((status = 200, body = Data<Vec<UsageView>>)))]
pub async fn usage_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
    page: Page,
    Query(query): Query<UsageQuery>,
) -> Result<Data<Vec<UsageView>>, Problem> {
    let unit = match query.by {
        UsageUnit::Hour => Unit::Hour,
        UsageUnit::Day => Unit::Day,
    };
    let used = app
        .usage_list(&op, path.subscriber_id, unit, query.since, query.until)
        .await?;
    let total = i64::try_from(used.len()).unwrap_or(i64::MAX);
    let (skip, take) = (page.offset().max(0), page.limit().max(0));
    let rows = used
        .into_iter()
        .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        .take(usize::try_from(take).unwrap_or(usize::MAX))
        .map(UsageView::from)
        .collect();
    Ok(Data::list(&op, &page, total, rows))
}

impl From<Used> for UsageView {
    fn from(used: Used) -> Self {
        Self {
            begins_at: used.begins_at,
            octets_in: used.octets_in,
            octets_out: used.octets_out,
            octets_in6: used.octets_in6,
            octets_out6: used.octets_out6,
        }
    }
}
