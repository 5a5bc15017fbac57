//! What happened, over HTTP: pages of the log, a live stream, and the list of what can happen.
//! Never tells of a kind whose subject the caller may not read.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::authz::Permission;
use crate::error::Error;
use crate::events::store::{event_list_after_in_tx, event_list_before_in_tx};
use crate::events::{Filter, Logged};
use crate::http::{Access, ApiRoutes, Data, Problem, Query, routes};
use crate::id::{EventId, PartnerId, RequestId};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// Events in an answer unless asked otherwise.
const LIMIT_DEFAULT: u32 = 50;
/// How long a browser waits before it comes back.
const COME_BACK_WAIT: std::time::Duration = std::time::Duration::from_secs(2);
/// What a browser that comes back says it has seen.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("events")
        .add(Access::SignedIn, routes!(event_kind_list))
        .add(Access::Needs(Permission::EventsRead), routes!(event_list))
        .add(Access::Needs(Permission::EventsRead), routes!(event_stream))
        .add(
            Access::PlatformNeeds(Permission::EventsRead),
            routes!(platform_event_list),
        )
        .add(
            Access::PlatformNeeds(Permission::EventsRead),
            routes!(platform_event_stream),
        )
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct EventView {
    /// The same however often it is told.
    id: EventId,
    /// Its place in the log; the later the larger.
    position: i64,
    /// What happened.
    kind: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Whose; null: the platform's own.
    partner_id: Option<PartnerId>,
    /// To what.
    subject: EventSubject,
    /// By whom.
    actor: EventActor,
    /// In which request; also in the audit and the log.
    request_id: RequestId,
    /// What changed, without secrets.
    data: Value,
}

/// What something happened to.
#[derive(Serialize, ToSchema)]
struct EventSubject {
    /// What kind of thing.
    kind: String,
    /// Which.
    id: String,
    /// How people called it then.
    label: String,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
struct EventActor {
    /// `user`, `api_key`, `system` or `anonymous`.
    kind: String,
    /// The person's or key's id.
    id: Option<Uuid>,
    /// As it was called then.
    name: String,
}

impl From<Logged> for EventView {
    fn from(event: Logged) -> Self {
        Self {
            id: event.id,
            position: event.position,
            kind: event.kind,
            at: event.at,
            partner_id: event.partner,
            subject: EventSubject {
                kind: event.subject_kind,
                id: event.subject_id,
                label: event.subject_label,
            },
            actor: EventActor {
                kind: event.actor_kind,
                id: event.actor_id,
                name: event.actor_name,
            },
            request_id: event.request_id,
            data: event.data,
        }
    }
}

/// What can happen.
#[derive(Serialize, ToSchema)]
struct EventKindView {
    /// Its name.
    name: String,
    /// What somebody needs to be told of it.
    permission: String,
    /// What it means.
    description: String,
}

/// Narrows events.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct EventFilter {
    /// Kinds, with commas between them.
    #[garde(length(chars, max = 2000))]
    kinds: Option<String>,
    /// What kind of thing it happened to: `subscriber`.
    #[garde(length(chars, max = 100))]
    subject_kind: Option<String>,
    /// To which one, by id.
    #[garde(length(chars, max = 500))]
    subject_id: Option<String>,
}

/// Narrows a page of events.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[garde(allow_unvalidated)]
struct EventPage {
    /// Kinds, with commas between them.
    #[garde(length(chars, max = 2000))]
    kinds: Option<String>,
    /// What kind of thing it happened to: `subscriber`.
    #[garde(length(chars, max = 100))]
    subject_kind: Option<String>,
    /// To which one, by id.
    #[garde(length(chars, max = 500))]
    subject_id: Option<String>,
    /// At or after this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
    /// Before this instant (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
    /// Those before this position, newest first; what a page without `after` begins with is the end of the log.
    #[garde(range(min = 0))]
    before: Option<i64>,
    /// Those behind this position, oldest first.
    #[garde(range(min = 0))]
    after: Option<i64>,
    /// How many at most; 50 unless asked otherwise.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// Lists what can happen.
#[utoipa::path(get, path = "/events/kinds", responses((status = 200, body = Data<Vec<EventKindView>>)))]
async fn event_kind_list(State(kernel): State<Kernel>, op: OpContext) -> Data<Vec<EventKindView>> {
    let kinds = kernel.events.catalogue().iter().map(|kind| EventKindView {
        name: kind.name.to_owned(),
        permission: kind.permission.as_str().to_owned(),
        description: kind.description.to_owned(),
    });
    Data::one(&op, kinds.collect())
}

/// Reads what happened to a partner: newest first, or oldest first behind a position.
#[utoipa::path(get, path = "/partners/{partner_id}/events", params(("partner_id" = String, Path), EventPage),
    responses((status = 200, body = Data<Vec<EventView>>)))]
async fn event_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    Query(page): Query<EventPage>,
) -> Result<Data<Vec<EventView>>, Problem> {
    list(&kernel, &op, page).await
}

/// Reads what happened to all partners and to the platform.
#[utoipa::path(get, path = "/events", params(EventPage), responses((status = 200, body = Data<Vec<EventView>>)))]
async fn platform_event_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    Query(page): Query<EventPage>,
) -> Result<Data<Vec<EventView>>, Problem> {
    list(&kernel, &op, page).await
}

/// Streams what happens to a partner as server-sent events: `id` is the position, `event` the kind, `data` the event as in the
/// list. Ask with `Accept: text/event-stream`; with `Last-Event-ID` it goes on behind that position. It ends every few minutes
/// and wants to be asked again.
#[utoipa::path(get, path = "/partners/{partner_id}/events/stream",
    params(("partner_id" = String, Path), EventFilter,
        ("Last-Event-ID" = Option<i64>, Header, description = "Go on behind this position")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn event_stream(
    State(kernel): State<Kernel>,
    op: OpContext,
    headers: HeaderMap,
    Query(filter): Query<EventFilter>,
) -> Result<Response, Problem> {
    stream(&kernel, &op, &headers, filter).await
}

/// Streams what happens to all partners and to the platform.
#[utoipa::path(get, path = "/events/stream",
    params(EventFilter, ("Last-Event-ID" = Option<i64>, Header, description = "Go on behind this position")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn platform_event_stream(
    State(kernel): State<Kernel>,
    op: OpContext,
    headers: HeaderMap,
    Query(filter): Query<EventFilter>,
) -> Result<Response, Problem> {
    stream(&kernel, &op, &headers, filter).await
}

/// A page.
async fn list(kernel: &Kernel, op: &OpContext, page: EventPage) -> Result<Data<Vec<EventView>>, Problem> {
    let limit = i64::from(page.limit.unwrap_or(LIMIT_DEFAULT));
    let filter = Filter {
        kinds: Some(kinds(kernel, op, page.kinds.as_deref())),
        subject_kind: page.subject_kind,
        subject_id: page.subject_id,
        since: page.since,
        until: page.until,
    };
    let mut tx = kernel.db.begin(op).await?;
    let found = match (page.after, page.before) {
        (Some(_), Some(_)) => return Err(Error::invalid("/before", "give before or after, not both").into()),
        (Some(after), None) => event_list_after_in_tx(&mut tx, op, after, &filter, limit).await?,
        (None, before) => {
            event_list_before_in_tx(&mut tx, op, before.unwrap_or(i64::MAX), &filter, limit).await?
        }
    };
    Ok(Data::one(op, found.into_iter().map(EventView::from).collect()))
}

/// A stream.
async fn stream(
    kernel: &Kernel,
    op: &OpContext,
    headers: &HeaderMap,
    filter: EventFilter,
) -> Result<Response, Problem> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if !text(&header::ACCEPT).is_some_and(|accept| accept.contains("text/event-stream")) {
        let detail = "this does not end: ask for it with Accept: text/event-stream";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail));
    }
    let after = match text(&LAST_EVENT_ID).map(str::parse::<i64>) {
        None => None,
        Some(Ok(after)) if after >= 0 => Some(after),
        Some(_) => return Err(Error::invalid("", "Last-Event-ID is a position, a number").into()),
    };
    let filter = Filter {
        kinds: Some(kinds(kernel, op, filter.kinds.as_deref())),
        subject_kind: filter.subject_kind,
        subject_id: filter.subject_id,
        ..Filter::default()
    };
    let events = kernel.events.stream(op, filter, after).await?;
    let messages = events.map(|event| {
        let (position, kind) = (event.position.to_string(), event.kind.clone());
        Message::default()
            .id(position)
            .event(kind)
            .retry(COME_BACK_WAIT)
            .json_data(EventView::from(event))
    });
    let mut response = Sse::new(messages)
        .keep_alive(KeepAlive::default())
        .into_response();
    // Proxies that gather answers would turn a live stream into a slow list.
    let direct = HeaderName::from_static("x-accel-buffering");
    response
        .headers_mut()
        .insert(direct, HeaderValue::from_static("no"));
    Ok(response)
}

/// The kinds that are meant, as far as the caller may read of them.
fn kinds(kernel: &Kernel, op: &OpContext, wanted: Option<&str>) -> Vec<String> {
    let mut visible = kernel.events.catalogue().visible(op.permissions);
    if let Some(wanted) = wanted {
        let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
        visible.retain(|kind| wanted.contains(&kind.as_str()));
    }
    visible
}
