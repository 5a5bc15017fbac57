//! The audit over HTTP: a partner's own, and all of it for the platform.

use std::net::IpAddr;

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::audit::{self, Filter, Line};
use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Problem, Query, routes};
use crate::id::{AuditId, PartnerId, RequestId};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("audit")
        .add(Access::Needs(Permission::AuditRead), routes!(audit_list))
        .add(
            Access::PlatformNeeds(Permission::AuditRead),
            routes!(platform_audit_list),
        )
}

/// One line: who did what, when, from where, on which object, with what outcome.
#[derive(Serialize, ToSchema)]
struct AuditView {
    /// Sorts by time.
    id: AuditId,
    /// Whose; null: the platform's own.
    partner_id: Option<PartnerId>,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Who.
    actor: AuditActor,
    /// What was done, or which permission was lacking.
    action: String,
    /// To what.
    object: AuditObject,
    /// `ok`, `refused` or `failed`.
    outcome: String,
    /// Why.
    reason: Option<String>,
    /// The object before, without secrets.
    before: Option<Value>,
    /// The object after, without secrets.
    after: Option<Value>,
    /// From where.
    #[schema(value_type = Option<String>)]
    source_ip: Option<IpAddr>,
    /// In which request.
    request_id: Option<RequestId>,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
struct AuditActor {
    /// `user`, `api_key`, `system` or `anonymous`.
    kind: String,
    /// The person's or key's id.
    id: Option<Uuid>,
    /// As it was called then.
    name: String,
}

/// What was acted on.
#[derive(Serialize, ToSchema)]
struct AuditObject {
    /// What kind of thing.
    kind: String,
    /// Which.
    id: Option<String>,
    /// How people called it.
    label: Option<String>,
}

impl From<Line> for AuditView {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            partner_id: line.partner,
            at: line.at,
            actor: AuditActor {
                kind: line.actor_kind,
                id: line.actor_id,
                name: line.actor_name,
            },
            action: line.action,
            object: AuditObject {
                kind: line.object_kind,
                id: line.object_id,
                label: line.object_label,
            },
            outcome: line.outcome,
            reason: line.reason,
            before: line.before,
            after: line.after,
            source_ip: line.source_ip,
            request_id: line.request_id,
        }
    }
}

/// Narrows the list; all are exact.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct AuditFilter {
    /// The action, for example `session.disconnect`.
    #[garde(length(chars, max = 500))]
    action: Option<String>,
    /// The actor's name or id.
    #[garde(length(chars, max = 500))]
    actor: Option<String>,
    /// The object's kind, id or label.
    #[garde(length(chars, max = 500))]
    object: Option<String>,
    /// `ok`, `refused` or `failed`.
    #[garde(length(chars, max = 20))]
    outcome: Option<String>,
    /// At or after this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// Before this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

/// Reads the partner's audit, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/audit", params(("partner_id" = String, Path), AuditFilter, Page),
    responses((status = 200, body = Data<Vec<AuditView>>)))]
async fn audit_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<AuditFilter>,
) -> Result<Data<Vec<AuditView>>, Problem> {
    let AuditFilter {
        action,
        actor,
        object,
        outcome,
        since,
        until,
    } = filter;
    let filter = Filter {
        action,
        actor,
        object,
        outcome,
        since,
        until,
    };
    let (lines, total) = audit::list(&kernel.db, &op, &filter, page.limit(), page.offset()).await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        lines.into_iter().map(AuditView::from).collect(),
    ))
}

/// Reads all of the audit, that of every partner included, newest first.
#[utoipa::path(get, path = "/audit", params(AuditFilter, Page),
    responses((status = 200, body = Data<Vec<AuditView>>)))]
async fn platform_audit_list(
    state: State<Kernel>,
    op: OpContext,
    page: Page,
    filter: Query<AuditFilter>,
) -> Result<Data<Vec<AuditView>>, Problem> {
    audit_list(state, op, page, filter).await
}
