//! Acts that want a second person, over HTTP: which do, which wait, and deciding about them.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::second_factor::myself;
use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Query, Valid, routes};
use crate::id::ApprovalId;
use crate::identity::Principal;
use crate::identity::approval::Approval;
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("approvals")
        .add(Access::Needs(Permission::PartnerRead), routes!(policy_fetch))
        .add(Access::Needs(Permission::UsersManage), routes!(policy_put))
        .add(Access::Needs(Permission::PartnerRead), routes!(approval_list))
        .add(Access::Needs(Permission::PartnerRead), routes!(approval_approve))
        .add(Access::Needs(Permission::PartnerRead), routes!(approval_deny))
}

/// What wants a second person.
#[derive(Serialize, ToSchema)]
struct ApprovalPolicyView {
    /// Permissions; none: nothing does.
    permissions: Vec<String>,
}

/// What shall want a second person.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApprovalPolicyBody {
    /// Permissions, critical ones only. Where there are any, `users:manage`, `roles:manage` and `api-keys:manage` must be among
    /// them. An empty list asks for nobody any more.
    #[garde(length(max = 64), inner(length(chars, max = 100)))]
    permissions: Vec<String>,
}

/// A request that waits, or waited, for a second person.
#[derive(Serialize, ToSchema)]
struct ApprovalView {
    /// Its id; sent as the header `Headend-Approval` once it is approved.
    id: ApprovalId,
    /// `waiting`, `approved`, `denied`, `used` or `expired`.
    state: &'static str,
    /// What the act needs; who decides must hold it, too.
    permission: String,
    /// Its method.
    method: String,
    /// Its path, below the mount.
    path: String,
    /// Its body without secrets; null: none, or too long to show.
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// Who asks.
    asked_by: String,
    /// When he asked.
    #[serde(with = "time::serde::rfc3339")]
    asked_at: OffsetDateTime,
    /// Until when it may be decided and used.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// Who decided.
    decided_by: Option<String>,
    /// When.
    #[serde(with = "time::serde::rfc3339::option")]
    decided_at: Option<OffsetDateTime>,
    /// Why.
    reason: Option<String>,
    /// When the act was done.
    #[serde(with = "time::serde::rfc3339::option")]
    used_at: Option<OffsetDateTime>,
}

impl ApprovalView {
    /// As it is shown at an instant.
    fn of(approval: Approval, now: OffsetDateTime) -> Self {
        let state = match approval.decision.as_deref() {
            _ if approval.used_at.is_some() => "used",
            Some("denied") => "denied",
            _ if approval.expires_at <= now => "expired",
            Some(_) => "approved",
            None => "waiting",
        };
        Self {
            id: approval.id,
            state,
            permission: approval.permission,
            method: approval.method,
            path: approval.path,
            body: approval.body,
            asked_by: approval.asked_name,
            asked_at: approval.asked_at,
            expires_at: approval.expires_at,
            decided_by: approval.decided_name,
            decided_at: approval.decided_at,
            reason: approval.reason,
            used_at: approval.used_at,
        }
    }
}

/// Narrows the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ApprovalFilter {
    /// Only those that wait.
    #[serde(default)]
    #[garde(skip)]
    waiting: bool,
}

/// A decision.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionBody {
    /// Why; kept with the decision and in the audit.
    #[serde(default)]
    #[garde(length(chars, max = 500))]
    reason: Option<String>,
}

/// Which.
#[derive(Deserialize)]
struct ApprovalPath {
    /// It.
    approval_id: ApprovalId,
}

/// Shows what wants a second person.
#[utoipa::path(get, path = "/partners/{partner_id}/approval-policy", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<ApprovalPolicyView>)))]
async fn policy_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
) -> Result<Data<ApprovalPolicyView>, Problem> {
    let permissions = kernel.identity.approval_policy(&op).await?.names();
    Ok(Data::one(&op, ApprovalPolicyView { permissions }))
}

/// Says what wants a second person; wants one itself, where anything does.
#[utoipa::path(put, path = "/partners/{partner_id}/approval-policy", params(("partner_id" = String, Path)),
    request_body = ApprovalPolicyBody, responses((status = 200, body = Data<ApprovalPolicyView>)))]
async fn policy_put(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<ApprovalPolicyBody>,
) -> Result<Data<ApprovalPolicyView>, Problem> {
    let permissions = kernel
        .identity
        .approval_policy_put(&op, &body.permissions)
        .await?;
    let permissions = permissions.names();
    Ok(Data::one(&op, ApprovalPolicyView { permissions }))
}

/// Lists what one asked for, and what one could decide, the newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/approvals",
    params(("partner_id" = String, Path), ApprovalFilter, Page),
    responses((status = 200, body = Data<Vec<ApprovalView>>)))]
async fn approval_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    page: Page,
    Query(filter): Query<ApprovalFilter>,
) -> Result<Data<Vec<ApprovalView>>, Problem> {
    let (list, total) = kernel
        .identity
        .approval_list(&op, filter.waiting, page.limit(), page.offset())
        .await?;
    let now = kernel.identity.clock().now();
    let views = list.into_iter().map(|one| ApprovalView::of(one, now)).collect();
    Ok(Data::list(&op, &page, total, views))
}

/// Grants one; wants the permission of the act, another person than who asked, and a recent proof of who holds the session.
#[utoipa::path(post, path = "/partners/{partner_id}/approvals/{approval_id}/approve",
    params(("partner_id" = String, Path), ("approval_id" = ApprovalId, Path)), request_body = DecisionBody,
    responses((status = 200, body = Data<ApprovalView>)))]
async fn approval_approve(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Path(path): Path<ApprovalPath>,
    Valid(body): Valid<DecisionBody>,
) -> Result<Data<ApprovalView>, Problem> {
    kernel.identity.check_proved(&myself(principal.clone())?)?;
    decide(&kernel, &op, &principal, path.approval_id, true, &body).await
}

/// Denies one.
#[utoipa::path(post, path = "/partners/{partner_id}/approvals/{approval_id}/deny",
    params(("partner_id" = String, Path), ("approval_id" = ApprovalId, Path)), request_body = DecisionBody,
    responses((status = 200, body = Data<ApprovalView>)))]
async fn approval_deny(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Path(path): Path<ApprovalPath>,
    Valid(body): Valid<DecisionBody>,
) -> Result<Data<ApprovalView>, Problem> {
    decide(&kernel, &op, &principal, path.approval_id, false, &body).await
}

/// Decides.
async fn decide(
    kernel: &Kernel,
    op: &OpContext,
    principal: &Principal,
    id: ApprovalId,
    approve: bool,
    body: &DecisionBody,
) -> Result<Data<ApprovalView>, Problem> {
    let decided = kernel
        .identity
        .approval_decide(op, principal, id, approve, body.reason.as_deref())
        .await?;
    let now = kernel.identity.clock().now();
    Ok(Data::one(op, ApprovalView::of(decided, now)))
}
