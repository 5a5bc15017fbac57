//! Sessions over HTTP, and the request to end one.
//! Never holds a rule; see [`crate::app::session`] and [`crate::app::intent`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use ipnet::IpNet;
use kernel::http::{Data, Page, Path, Problem, Query, Valid};
use kernel::id::{NasId, PartnerId, SessionId, SubscriberId};
use kernel::{Error, OpContext};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::intent::IntentView;
use super::window;
use crate::app::App;
use crate::app::session::{SessionQuery, SessionReport};

/// Open or closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It goes on.
    #[default]
    Open,
    /// It has ended.
    Closed,
}

/// Which sessions.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionListQuery {
    /// Exactly this user name.
    #[garde(length(chars, max = 253))]
    username: Option<String>,
    /// On this NAS, by name or id.
    #[garde(length(chars, max = 63))]
    nas: Option<String>,
    /// `open` (the default) or `closed`.
    #[serde(default)]
    #[param(inline)]
    state: SessionState,
}

/// Which address, and when.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SessionAtQuery {
    /// An address, or a network in CIDR, IPv4 or IPv6.
    #[garde(length(chars, max = 64))]
    address: String,
    /// When, as in RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[param(value_type = String)]
    at: OffsetDateTime,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    id: SessionId,
    /// `open` or `closed`.
    state: SessionState,
    /// Whose.
    partner_id: PartnerId,
    /// The partner's name.
    partner: Option<String>,
    /// On which NAS.
    nas_id: NasId,
    /// The NAS's name; `null` when it was removed.
    nas: Option<String>,
    /// NAS-Port-Id, else NAS-Port.
    nas_port: Option<String>,
    /// Whose service.
    subscriber_id: Option<SubscriberId>,
    /// User-Name.
    username: Option<String>,
    /// Calling-Station-Id: the subscriber's MAC, as a rule.
    calling_station: Option<String>,
    /// Called-Station-Id.
    called_station: Option<String>,
    /// Framed-IP-Address.
    #[schema(value_type = Option<String>)]
    framed_ip: Option<IpAddr>,
    /// Framed-IPv6-Address.
    #[schema(value_type = Option<String>)]
    framed_ipv6: Option<IpAddr>,
    /// Framed-IPv6-Prefix.
    #[schema(value_type = Option<String>)]
    framed_ipv6_prefix: Option<IpNet>,
    /// Framed-Interface-Id in hex.
    framed_interface_id: Option<String>,
    /// Delegated-IPv6-Prefix.
    #[schema(value_type = Option<String>)]
    delegated_ipv6_prefix: Option<IpNet>,
    /// Acct-Session-Id, `0x…` when it is no text.
    acct_session_id: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    /// Whether its Start was seen; otherwise `started_at` is computed.
    start_seen: bool,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    stopped_at: Option<OffsetDateTime>,
    /// Why it ended.
    terminate_cause: Option<String>,
    /// Acct-Session-Time, seconds, as the NAS said last.
    session_time_s: i64,
    /// From the subscriber.
    octets_in: u64,
    /// To the subscriber.
    octets_out: u64,
    /// From the subscriber over IPv6, where the NAS counts that apart; only in the history.
    octets_in6: Option<u64>,
    /// To the subscriber over IPv6, where the NAS counts that apart; only in the history.
    octets_out6: Option<u64>,
    /// How often a counter wrapped at 2^32 without the NAS saying so; what is between is counted.
    counter_wraps: u32,
    /// How often a counter began anew in the middle; both parts are counted.
    counter_resets: u32,
    /// By what its end was inferred, when the NAS did not tell it; else Connect-Info of its Stop.
    stop_evidence: Option<String>,
    /// When the NAS last said something about it.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// Seconds since then.
    age_s: i64,
    /// Where this was read: `memory` (live) or `database` (history).
    source: &'static str,
}

/// A request to end a session.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Disconnect {
    /// Why; it goes into the audit.
    #[garde(length(chars, min = 1, max = 200))]
    reason: String,
}

/// Which session.
#[derive(Deserialize)]
pub struct SessionPath {
    /// Its id.
    pub(super) session_id: SessionId,
}

/// Lists the sessions of a partner: open ones from memory, closed ones from the history.
#[utoipa::path(get, path = "/partners/{partner_id}/sessions",
    params(("partner_id" = String, Path), SessionListQuery, Page),
    responses((status = 200, body = Data<Vec<SessionView>>)))]
pub async fn session_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
    Query(query): Query<SessionListQuery>,
) -> Result<Data<Vec<SessionView>>, Problem> {
    let listed = app.session_list(&op, &query.into(), window(&page)).await?;
    Ok(Data::list(
        &op,
        &page,
        listed.total,
        listed.rows.into_iter().map(SessionView::from).collect(),
    ))
}

/// Tells who had an address at some time: every session of the partner that held it, or an address within the network, or
/// a prefix that contains it.
#[utoipa::path(get, path = "/partners/{partner_id}/sessions/at",
    params(("partner_id" = String, Path), SessionAtQuery, Page),
    responses((status = 200, body = Data<Vec<SessionView>>)))]
pub async fn session_list_at(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
    Query(query): Query<SessionAtQuery>,
) -> Result<Data<Vec<SessionView>>, Problem> {
    let network = network(&query.address)?;
    let held = app.session_list_at(&op, network, query.at).await?;
    let total = i64::try_from(held.len()).unwrap_or(i64::MAX);
    // They are few; every page has the ones that are left behind those before it.
    let (skip, take) = (page.offset().max(0), page.limit().max(0));
    let rows = held
        .into_iter()
        .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        .take(usize::try_from(take).unwrap_or(usize::MAX))
        .map(SessionView::from)
        .collect();
    Ok(Data::list(&op, &page, total, rows))
}

/// An address, or a network.
fn network(text: &str) -> Result<IpNet, Problem> {
    let host = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| host())
        .map(|network| network.trunc())
        .map_err(|_| Error::invalid("address", "an IPv4 or IPv6 address, or a network in CIDR").into())
}

/// Shows one session.
#[utoipa::path(get, path = "/partners/{partner_id}/sessions/{session_id}",
    params(("partner_id" = String, Path), ("session_id" = SessionId, Path)),
    responses((status = 200, body = Data<SessionView>)))]
pub async fn session_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SessionPath>,
) -> Result<Data<SessionView>, Problem> {
    Ok(Data::one(
        &op,
        app.session_get(&op, path.session_id).await?.into(),
    ))
}

/// Asks the NAS to end a session. The answer is the intent: its state says what the NAS said, `proven_at` that the
/// session's Accounting-Stop has come.
#[utoipa::path(post, path = "/partners/{partner_id}/sessions/{session_id}/disconnect",
    params(("partner_id" = String, Path), ("session_id" = SessionId, Path)), request_body = Disconnect,
    responses((status = 202, body = Data<IntentView>)))]
pub async fn session_disconnect(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SessionPath>,
    Valid(body): Valid<Disconnect>,
) -> Result<Data<IntentView>, Problem> {
    let intent = app.session_disconnect(&op, path.session_id, body.reason).await?;
    Ok(Data::one(&op, intent.into()).accepted())
}

impl From<SessionListQuery> for SessionQuery {
    fn from(query: SessionListQuery) -> Self {
        Self {
            username: query.username,
            nas: query.nas,
            closed: query.state == SessionState::Closed,
        }
    }
}

impl From<SessionReport> for SessionView {
    fn from(session: SessionReport) -> Self {
        Self {
            id: session.id,
            state: if session.stopped_at.is_some() {
                SessionState::Closed
            } else {
                SessionState::Open
            },
            partner_id: session.partner_id,
            partner: session.partner,
            nas_id: session.nas_id,
            nas: session.nas,
            nas_port: session.nas_port,
            subscriber_id: session.subscriber_id,
            username: session.username,
            calling_station: session.calling_station,
            called_station: session.called_station,
            framed_ip: session.framed_ip,
            framed_ipv6: session.framed_ipv6,
            framed_ipv6_prefix: session.framed_ipv6_prefix,
            framed_interface_id: session.framed_interface_id,
            delegated_ipv6_prefix: session.delegated_ipv6_prefix,
            acct_session_id: session.acct_session_id,
            started_at: session.started_at,
            start_seen: session.start_seen,
            stopped_at: session.stopped_at,
            terminate_cause: session.terminate_cause,
            session_time_s: session.session_time_s,
            octets_in: session.octets_in,
            octets_out: session.octets_out,
            octets_in6: session.octets_in6,
            octets_out6: session.octets_out6,
            counter_wraps: session.counter_wraps,
            counter_resets: session.counter_resets,
            stop_evidence: session.stop_evidence,
            updated_at: session.updated_at,
            age_s: session.age_s,
            source: session.source.as_str(),
        }
    }
}
