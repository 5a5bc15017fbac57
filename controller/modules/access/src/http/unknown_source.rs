//! Unknown sources over HTTP, for the platform's staff. Never holds a rule; see [`crate::app::unknown_source`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use kernel::OpContext;
use kernel::http::{Data, Problem};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::unknown_source::UnknownReport;

/// A source that sends RADIUS here and is no NAS.
#[derive(Serialize, ToSchema)]
pub struct UnknownSourceView {
    /// Its address.
    #[schema(value_type = String)]
    address: IpAddr,
    /// When its first datagram came.
    #[serde(with = "time::serde::rfc3339")]
    first_seen: OffsetDateTime,
    /// When its last one came.
    #[serde(with = "time::serde::rfc3339")]
    last_seen: OffsetDateTime,
    /// How many there were.
    count: u64,
    /// `auth` or `accounting`.
    port: &'static str,
    /// What it calls itself, unproven.
    nas_identifier: Option<String>,
    /// The command that admits it.
    admit_command: String,
}

/// Lists sources that send RADIUS here and are no NAS, the most recent first.
#[utoipa::path(get, path = "/radius/unknown-sources", responses((status = 200, body = Data<Vec<UnknownSourceView>>)))]
pub async fn unknown_source_list(
    State(app): State<Arc<App>>,
    op: OpContext,
) -> Result<Data<Vec<UnknownSourceView>>, Problem> {
    Ok(Data::one(
        &op,
        app.unknown_source_list()
            .into_iter()
            .map(UnknownSourceView::from)
            .collect(),
    ))
}

impl From<UnknownReport> for UnknownSourceView {
    fn from(
        UnknownReport {
            source,
            admit_command,
        }: UnknownReport,
    ) -> Self {
        let moment = |unix_ms: i64| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
                .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        };
        Self {
            address: source.address,
            first_seen: moment(source.first_seen_unix_ms),
            last_seen: moment(source.last_seen_unix_ms),
            count: source.count,
            port: source.port.as_str(),
            nas_identifier: source.nas_identifier,
            admit_command,
        }
    }
}
