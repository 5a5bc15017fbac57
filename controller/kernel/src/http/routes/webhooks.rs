//! A partner's webhooks over HTTP, with the log of what they were told.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Path, Problem, Query, Valid, routes};
use crate::id::{DeliveryId, EventId, WebhookId};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::webhooks::{Delivery, NewWebhook, Webhook, WebhookChange, Webhooks};

/// How long a secret that is replaced signs as well when nobody says otherwise, in seconds: a day.
const OVERLAP_S_DEFAULT: u32 = 24 * 60 * 60;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let access = Access::Needs(Permission::WebhooksManage);
    ApiRoutes::new("webhooks")
        .add(access, routes!(webhook_list))
        .add(access, routes!(webhook_create))
        .add(access, routes!(webhook_fetch))
        .add(access, routes!(webhook_update))
        .add(access, routes!(webhook_delete))
        .add(access, routes!(webhook_rotate))
        .add(access, routes!(webhook_replay))
        .add(access, routes!(delivery_list))
        .add(access, routes!(delivery_fetch))
        .add(access, routes!(delivery_replay))
}

/// Where a partner is told of events.
#[derive(Serialize, ToSchema)]
struct WebhookView {
    /// Its id.
    id: WebhookId,
    /// How people call it.
    name: String,
    /// Where messages go.
    url: String,
    /// Of which events.
    kinds: Vec<String>,
    /// Whether messages go there now.
    enabled: bool,
    /// Why not, when the program decided that.
    disabled_reason: Option<String>,
    /// Until when the secret before the current one signs as well.
    #[serde(with = "time::serde::rfc3339::option")]
    older_until: Option<OffsetDateTime>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// What signs its messages; only in the answer to its making or rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            url: webhook.url,
            kinds: webhook.kinds,
            enabled: webhook.enabled,
            disabled_reason: webhook.disabled_reason,
            older_until: webhook.older_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            secret: None,
        }
    }
}

/// One telling.
#[derive(Serialize, ToSchema)]
struct DeliveryView {
    /// Its id.
    id: DeliveryId,
    /// The event's id, as the receiver sees it.
    event_id: EventId,
    /// What happened.
    kind: String,
    /// `waiting`, `delivered` or `dead`.
    state: String,
    /// Sent so often.
    attempts: i32,
    /// The status of the last answer.
    status: Option<i32>,
    /// What was wrong with the last attempt.
    error: Option<String>,
    /// How long the last attempt took.
    took_ms: Option<i32>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was sent last.
    #[serde(with = "time::serde::rfc3339::option")]
    tried_at: Option<OffsetDateTime>,
    /// When it was taken or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
    /// What is sent, octet for octet; only when one is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            event_id: delivery.event_id,
            kind: delivery.kind,
            state: delivery.state,
            attempts: delivery.attempts,
            status: delivery.status,
            error: delivery.error,
            took_ms: delivery.took_ms,
            created_at: delivery.created_at,
            tried_at: delivery.tried_at,
            finished_at: delivery.finished_at,
            body: None,
        }
    }
}

/// Makes a webhook.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct WebhookBody {
    /// How people call it.
    name: String,
    /// Where messages go: https, without a password in it.
    url: String,
    /// Of which events; absent or empty: of all that you may read now.
    #[serde(default)]
    kinds: Vec<String>,
}

/// Changes a webhook; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct WebhookPatch {
    /// Another name.
    name: Option<String>,
    /// Another place.
    url: Option<String>,
    /// Other events; empty: all that you may read now.
    kinds: Option<Vec<String>>,
    /// Whether messages go there.
    enabled: Option<bool>,
}

/// Replaces the secret.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct WebhookRotateBody {
    /// For how many seconds the former secret signs as well, at most thirty days; absent: a day.
    overlap_s: Option<u32>,
}

/// How many were sent once more.
#[derive(Serialize, ToSchema)]
struct ReplayView {
    /// Deliveries that wait to be sent now.
    deliveries: u64,
}

/// Which webhook.
#[derive(Deserialize)]
struct WebhookPath {
    /// Its id.
    webhook_id: WebhookId,
}

/// Which delivery.
#[derive(Deserialize)]
struct DeliveryPath {
    /// The webhook's id.
    webhook_id: WebhookId,
    /// Its id.
    delivery_id: DeliveryId,
}

/// Narrows the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct DeliveryFilter {
    /// `waiting`, `delivered` or `dead`.
    #[garde(length(chars, max = 20))]
    state: Option<String>,
}

/// Lists webhooks by name.
#[utoipa::path(get, path = "/partners/{partner_id}/webhooks", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<Vec<WebhookView>>)))]
async fn webhook_list(
    State(kernel): State<Kernel>,
    op: OpContext,
) -> Result<Data<Vec<WebhookView>>, Problem> {
    let webhooks = Webhooks::new(&kernel).webhook_list(&op).await?;
    Ok(Data::one(
        &op,
        webhooks.into_iter().map(WebhookView::from).collect(),
    ))
}

/// Makes a webhook; the answer is the only place where its secret is ever shown.
#[utoipa::path(post, path = "/partners/{partner_id}/webhooks", params(("partner_id" = String, Path)),
    request_body = WebhookBody, responses((status = 201, body = Data<WebhookView>)))]
async fn webhook_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<WebhookBody>,
) -> Result<Data<WebhookView>, Problem> {
    let new = NewWebhook {
        name: body.name,
        url: body.url,
        kinds: body.kinds,
    };
    let (webhook, secret) = Webhooks::new(&kernel).webhook_create(&op, &new).await?;
    let view = WebhookView {
        secret: Some(secret.to_string()),
        ..webhook.into()
    };
    Ok(Data::one(&op, view).created())
}

/// Fetches a webhook.
#[utoipa::path(get, path = "/partners/{partner_id}/webhooks/{webhook_id}",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path)),
    responses((status = 200, body = Data<WebhookView>)))]
async fn webhook_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
) -> Result<Data<WebhookView>, Problem> {
    let webhook = Webhooks::new(&kernel).webhook_fetch(&op, path.webhook_id).await?;
    Ok(Data::one(&op, webhook.into()))
}

/// Changes a webhook. What waits to be told goes to the new place.
#[utoipa::path(patch, path = "/partners/{partner_id}/webhooks/{webhook_id}",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path)),
    request_body = WebhookPatch, responses((status = 200, body = Data<WebhookView>)))]
async fn webhook_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
    Valid(body): Valid<WebhookPatch>,
) -> Result<Data<WebhookView>, Problem> {
    let change = WebhookChange {
        name: body.name,
        url: body.url,
        kinds: body.kinds,
        enabled: body.enabled,
    };
    let webhook = Webhooks::new(&kernel)
        .webhook_update(&op, path.webhook_id, &change)
        .await?;
    Ok(Data::one(&op, webhook.into()))
}

/// Removes a webhook with the log of what it was told.
#[utoipa::path(delete, path = "/partners/{partner_id}/webhooks/{webhook_id}",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path)), responses((status = 204)))]
async fn webhook_delete(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
) -> Result<StatusCode, Problem> {
    Webhooks::new(&kernel)
        .webhook_delete(&op, path.webhook_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Draws a new secret, shown in the answer and never again; the former one signs as well for the overlap.
#[utoipa::path(post, path = "/partners/{partner_id}/webhooks/{webhook_id}/rotate",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path)),
    request_body = WebhookRotateBody, responses((status = 200, body = Data<WebhookView>)))]
async fn webhook_rotate(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
    Valid(body): Valid<WebhookRotateBody>,
) -> Result<Data<WebhookView>, Problem> {
    let overlap_s = body.overlap_s.unwrap_or(OVERLAP_S_DEFAULT);
    let (webhook, secret) = Webhooks::new(&kernel)
        .webhook_rotate(&op, path.webhook_id, overlap_s)
        .await?;
    let view = WebhookView {
        secret: Some(secret.to_string()),
        ..webhook.into()
    };
    Ok(Data::one(&op, view))
}

/// Sends the oldest deliveries that were given up once more, a thousand at most.
#[utoipa::path(post, path = "/partners/{partner_id}/webhooks/{webhook_id}/replay",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path)),
    responses((status = 202, body = Data<ReplayView>)))]
async fn webhook_replay(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
) -> Result<Data<ReplayView>, Problem> {
    let deliveries = Webhooks::new(&kernel)
        .delivery_replay(&op, path.webhook_id, None)
        .await?;
    Ok(Data::one(&op, ReplayView { deliveries }).accepted())
}

/// Lists what a webhook was told, newest first.
#[utoipa::path(get, path = "/partners/{partner_id}/webhooks/{webhook_id}/deliveries",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path), DeliveryFilter, Page),
    responses((status = 200, body = Data<Vec<DeliveryView>>)))]
async fn delivery_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<WebhookPath>,
    page: Page,
    Query(filter): Query<DeliveryFilter>,
) -> Result<Data<Vec<DeliveryView>>, Problem> {
    let (rows, total) = Webhooks::new(&kernel)
        .delivery_list(
            &op,
            path.webhook_id,
            filter.state.as_deref(),
            page.limit(),
            page.offset(),
        )
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(DeliveryView::from).collect(),
    ))
}

/// Fetches a delivery with what is sent.
#[utoipa::path(get, path = "/partners/{partner_id}/webhooks/{webhook_id}/deliveries/{delivery_id}",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path), ("delivery_id" = DeliveryId, Path)),
    responses((status = 200, body = Data<DeliveryView>)))]
async fn delivery_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<DeliveryPath>,
) -> Result<Data<DeliveryView>, Problem> {
    let (delivery, body) = Webhooks::new(&kernel)
        .delivery_fetch(&op, path.webhook_id, path.delivery_id)
        .await?;
    let view = DeliveryView {
        body: Some(body),
        ..delivery.into()
    };
    Ok(Data::one(&op, view))
}

/// Sends a delivery once more, whatever became of it.
#[utoipa::path(post, path = "/partners/{partner_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    params(("partner_id" = String, Path), ("webhook_id" = WebhookId, Path), ("delivery_id" = DeliveryId, Path)),
    responses((status = 202, body = Data<ReplayView>)))]
async fn delivery_replay(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<DeliveryPath>,
) -> Result<Data<ReplayView>, Problem> {
    let deliveries = Webhooks::new(&kernel)
        .delivery_replay(&op, path.webhook_id, Some(path.delivery_id))
        .await?;
    Ok(Data::one(&op, ReplayView { deliveries }).accepted())
}
