//! NAS over HTTP. Secrets come in and never go out.
//! Never holds a rule; see [`crate::app::nas`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Query, Valid, nullable};
use kernel::id::NasId;
use radius_server::directory::CertificateName;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::noted::Noted;
use super::window;
use crate::app::nas::{
    NasDraft, NasHealth, NasPatch, NasReport, NasWritten, SecretRotation, address_parse, make_parse,
};
use crate::app::{App, Change};
use crate::store::nas::NasRow;

/// Whether an unsigned Access-Request of a NAS is held against its Proxy-State (CVE-2024-3596).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitProxyState {
    /// It may send Proxy-State unsigned: a proxy that cannot be upgraded.
    No,
    /// It may not.
    Yes,
    /// It may if its first request that tells did; else not.
    #[default]
    Auto,
}

impl LimitProxyState {
    /// The word in the database.
    const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Auto => "auto",
        }
    }
}

/// Whether a NAS must sign its Access-Requests.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequireMessageAuthenticator {
    /// It need not: an old NAS that cannot be upgraded.
    No,
    /// It must, always.
    Yes,
    /// It need not until it has shown that it can; from then on it must.
    #[default]
    Auto,
}

impl RequireMessageAuthenticator {
    /// The word in the database.
    const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Auto => "auto",
        }
    }
}

/// A NAS to admit.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NasCreate {
    /// How people call it.
    #[garde(pattern(r"^[A-Za-z0-9._-]{1,63}$"))]
    name: String,
    /// Its source address, or a network in CIDR; the most specific wins.
    #[garde(length(chars, min = 1, max = 50))]
    address: String,
    /// Its make: mikrotik, cisco, juniper, huawei, nokia, accel-ppp, hostapd, ubiquiti, other.
    #[serde(default = "type_other", rename = "type")]
    make: String,
    /// The shared secret; never shown again.
    #[schema(write_only)]
    secret: String,
    /// Where it listens for Disconnect-Requests.
    #[serde(default = "coa_port_usual")]
    #[garde(range(min = 1))]
    coa_port: u16,
    /// A secret of its own for them; without one the shared secret serves both.
    #[schema(write_only)]
    coa_secret: Option<String>,
    /// Whether it must sign its Access-Requests.
    #[serde(default)]
    require_message_authenticator: RequireMessageAuthenticator,
    /// Whether an unsigned Access-Request may carry Proxy-State.
    #[serde(default)]
    limit_proxy_state: LimitProxyState,
    /// Access-Requests a second that are taken from it; more are dropped. Any number without.
    #[garde(range(min = 1, max = 1_000_000))]
    request_rate: Option<i32>,
    /// Access-Requests that may come at once; those of a second without.
    #[garde(range(min = 1, max = 1_000_000))]
    request_burst: Option<i32>,
    /// By what its subscribers are recognised, in order: user_name, line, mac; absent: as its partner says.
    identify: Option<Vec<String>>,
    /// What its certificate must carry over TLS when somebody else's authority issued it: dns:NAME, ip:ADDRESS, uri:URI or
    /// cn:NAME; anything without.
    tls_name: Option<String>,
    /// Free text.
    #[garde(length(chars, max = 200))]
    description: Option<String>,
}

/// A change of a NAS; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NasChange {
    /// How people call it.
    #[garde(inner(pattern(r"^[A-Za-z0-9._-]{1,63}$")))]
    name: Option<String>,
    /// Its source address or network.
    #[garde(length(chars, min = 1, max = 50))]
    address: Option<String>,
    /// Its make.
    #[serde(rename = "type")]
    make: Option<String>,
    /// A new shared secret.
    #[schema(write_only)]
    secret: Option<String>,
    /// Where it listens for Disconnect-Requests.
    #[garde(range(min = 1))]
    coa_port: Option<u16>,
    /// A secret of its own for them; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, write_only)]
    coa_secret: Change<String>,
    /// Whether it must sign its Access-Requests.
    require_message_authenticator: Option<RequireMessageAuthenticator>,
    /// Whether an unsigned Access-Request may carry Proxy-State.
    limit_proxy_state: Option<LimitProxyState>,
    /// Access-Requests a second that are taken from it; `null` takes any number.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>)]
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    request_rate: Change<i32>,
    /// Access-Requests that may come at once; `null`: those of a second.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>)]
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    request_burst: Change<i32>,
    /// By what its subscribers are recognised, in order: user_name, line, mac; `null`: as its partner says.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    identify: Change<Vec<String>>,
    /// What its certificate must carry over TLS; `null`: anything.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    tls_name: Change<String>,
    /// Free text; `null` empties it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[garde(inner(length(chars, max = 200)))]
    description: Change<String>,
}

/// A NAS.
#[derive(Serialize, ToSchema)]
pub struct NasView {
    /// Its id.
    id: NasId,
    /// How people call it.
    name: String,
    /// Its source address, or a network in CIDR.
    address: String,
    /// Its make.
    #[serde(rename = "type")]
    make: String,
    /// Where it listens for Disconnect-Requests.
    coa_port: i32,
    /// Whether those are signed with a secret of their own.
    coa_secret_set: bool,
    /// `no`, `yes` or `auto`.
    require_message_authenticator: String,
    /// Since when `auto` knows that it signs.
    #[serde(with = "time::serde::rfc3339::option")]
    message_authenticator_seen_at: Option<OffsetDateTime>,
    /// `no`, `yes` or `auto`: whether an unsigned Access-Request may carry Proxy-State.
    limit_proxy_state: String,
    /// Access-Requests a second that are taken from it.
    request_rate: Option<i32>,
    /// Access-Requests that may come at once.
    request_burst: Option<i32>,
    /// Until when the secret it had before is good; `null`: it has one secret.
    #[serde(with = "time::serde::rfc3339::option")]
    older_secret_until: Option<OffsetDateTime>,
    /// How safely it asks.
    posture: NasPostureView,
    /// By what its subscribers are recognised, in order; `null`: as its partner says.
    identify: Option<Vec<String>>,
    /// What its certificate must carry over TLS when somebody else's authority issued it.
    tls_name: Option<String>,
    /// Free text.
    description: Option<String>,
    /// How it is doing; `null` until the access plane knows it.
    health: Option<NasHealthView>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// How safely a NAS asks, since it was admitted.
#[derive(Serialize, ToSchema)]
pub struct NasPostureView {
    /// `tight`, `ready` (to be tightened), `unsigned` (it sends unsigned requests) or `unheard`.
    verdict: &'static str,
    /// Whether it has shown that it signs its Access-Requests.
    signs: bool,
    /// Access-Requests without Message-Authenticator, allowed or not.
    unsigned: u64,
    /// Those of them with Proxy-State.
    unsigned_proxied: u64,
    /// When the first came.
    #[serde(with = "time::serde::rfc3339::option")]
    unsigned_since: Option<OffsetDateTime>,
    /// When the last came.
    #[serde(with = "time::serde::rfc3339::option")]
    unsigned_last_at: Option<OffsetDateTime>,
    /// When the last request came that was made with the secret it had before.
    #[serde(with = "time::serde::rfc3339::option")]
    older_secret_last_at: Option<OffsetDateTime>,
}

/// A new secret for a NAS.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NasSecretRotation {
    /// The new shared secret; never shown again.
    #[schema(write_only)]
    secret: String,
    /// How many seconds the one it has stays good, 60 to 7776000.
    overlap_s: i64,
}

/// What a NAS did since this node started.
#[derive(Serialize, ToSchema)]
pub struct NasHealthView {
    /// When its last RADIUS packet came.
    #[serde(with = "time::serde::rfc3339::option")]
    last_packet_at: Option<OffsetDateTime>,
    /// Datagrams from it.
    requests: u64,
    /// Access-Accepts sent to it.
    accepts: u64,
    /// Access-Rejects sent to it.
    rejects: u64,
    /// Accounting records from it that are durable.
    accounting: u64,
    /// Requests that prove that its shared secret differs from the one stored here.
    secret_differs: u64,
    /// Datagrams that are no RADIUS.
    malformed: u64,
    /// Access-Requests without Message-Authenticator.
    unsigned: u64,
    /// When the last of those came.
    #[serde(with = "time::serde::rfc3339::option")]
    last_unsigned_at: Option<OffsetDateTime>,
    /// Access-Requests dropped because it sent more a second than it may.
    rate_limited: u64,
    /// Requests made with the secret it had before.
    older_secret_used: u64,
    /// Whether it has shown that it signs.
    message_authenticator_seen: bool,
    /// Its open sessions.
    open_sessions: usize,
    /// When it last spoke of one of them, as of a minute ago; `null`: it has none, or nobody looked yet.
    #[serde(with = "time::serde::rfc3339::option")]
    accounting_heard_at: Option<OffsetDateTime>,
    /// How often it usually speaks of one, in seconds.
    accounting_interval_s: Option<i64>,
    /// It missed that three times: what is known of its sessions may not be so any more, and none is ended for it.
    accounting_stale: bool,
}

/// Which NAS.
#[derive(Deserialize)]
pub struct NasPath {
    /// Its id.
    nas_id: NasId,
}

/// How to delete.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct NasDeletion {
    /// Also with open sessions: their accounting ends here.
    #[serde(default)]
    force: bool,
}

/// Lists the NAS of a partner.
#[utoipa::path(get, path = "/partners/{partner_id}/nas", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<NasView>>)))]
pub async fn nas_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<NasView>>, Problem> {
    let listed = app.nas_list(&op, window(&page)).await?;
    Ok(Data::list(
        &op,
        &page,
        listed.total,
        listed.rows.into_iter().map(NasView::from).collect(),
    ))
}

/// Admits a NAS; it is answered within a second.
#[utoipa::path(post, path = "/partners/{partner_id}/nas", params(("partner_id" = String, Path)),
    request_body = NasCreate, responses((status = 201, body = Data<NasView>)))]
pub async fn nas_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<NasCreate>,
) -> Result<Noted, Problem> {
    let written = app.nas_create(&op, NasDraft::try_from(body)?).await?;
    answered(StatusCode::CREATED, &op, written)
}

/// Shows one NAS and how it is doing.
#[utoipa::path(get, path = "/partners/{partner_id}/nas/{nas_id}",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), responses((status = 200, body = Data<NasView>)))]
pub async fn nas_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
) -> Result<Data<NasView>, Problem> {
    Ok(Data::one(&op, app.nas_get(&op, path.nas_id).await?.into()))
}

/// Changes a NAS.
#[utoipa::path(patch, path = "/partners/{partner_id}/nas/{nas_id}",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), request_body = NasChange,
    responses((status = 200, body = Data<NasView>)))]
pub async fn nas_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
    Valid(body): Valid<NasChange>,
) -> Result<Noted, Problem> {
    let written = app
        .nas_update(&op, path.nas_id, NasPatch::try_from(body)?)
        .await?;
    answered(StatusCode::OK, &op, written)
}

/// Holds a NAS to what it does anyway: `require_message_authenticator` and `limit_proxy_state` become `yes` where nothing
/// speaks against it; the warnings say what stays.
#[utoipa::path(post, path = "/partners/{partner_id}/nas/{nas_id}/tighten",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), responses((status = 200, body = Data<NasView>)))]
pub async fn nas_tighten(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
) -> Result<Noted, Problem> {
    let written = app.nas_tighten(&op, path.nas_id).await?;
    answered(StatusCode::OK, &op, written)
}

/// Replaces the shared secret of a NAS; the one it has stays good for a time.
#[utoipa::path(post, path = "/partners/{partner_id}/nas/{nas_id}/secret",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), request_body = NasSecretRotation,
    responses((status = 200, body = Data<NasView>)))]
pub async fn nas_secret_rotate(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
    Valid(body): Valid<NasSecretRotation>,
) -> Result<Noted, Problem> {
    let rotation = SecretRotation {
        secret: Zeroizing::new(body.secret),
        overlap_s: body.overlap_s,
    };
    let written = app.nas_secret_rotate(&op, path.nas_id, rotation).await?;
    answered(StatusCode::OK, &op, written)
}

/// Ends the time of the secret a NAS had before.
#[utoipa::path(delete, path = "/partners/{partner_id}/nas/{nas_id}/older-secret",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path)), responses((status = 204)))]
pub async fn nas_secret_end(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
) -> Result<StatusCode, Problem> {
    app.nas_secret_end(&op, path.nas_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a NAS.
#[utoipa::path(delete, path = "/partners/{partner_id}/nas/{nas_id}",
    params(("partner_id" = String, Path), ("nas_id" = NasId, Path), NasDeletion), responses((status = 204)))]
pub async fn nas_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<NasPath>,
    Query(deletion): Query<NasDeletion>,
) -> Result<StatusCode, Problem> {
    app.nas_delete(&op, path.nas_id, deletion.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A NAS that was written, with the warnings in the envelope's meta.
fn answered(status: StatusCode, op: &OpContext, written: NasWritten) -> Result<Noted, Problem> {
    let warnings = (!written.warnings.is_empty()).then(|| ("warnings", json!(written.warnings)));
    Noted::new(status, &Data::one(op, NasView::from(written.report)), warnings)
}

/// The make of a NAS nobody named one for.
fn type_other() -> String {
    "other".to_owned()
}

/// RFC 5176's port.
const fn coa_port_usual() -> u16 {
    3799
}

impl TryFrom<NasCreate> for NasDraft {
    type Error = kernel::Error;

    fn try_from(body: NasCreate) -> Result<Self, kernel::Error> {
        Ok(Self {
            row: NasRow {
                name: body.name,
                address: address_parse(&body.address)?,
                make: make_parse(&body.make)?,
                coa_port: i32::from(body.coa_port),
                require_message_authenticator: body.require_message_authenticator.as_str().to_owned(),
                limit_proxy_state: body.limit_proxy_state.as_str().to_owned(),
                request_rate: body.request_rate,
                request_burst: body.request_burst,
                identify: body.identify,
                tls_name: body.tls_name.map(tls_name_parse).transpose()?,
                description: body.description,
            },
            secret: Zeroizing::new(body.secret),
            coa_secret: body.coa_secret.map(Zeroizing::new),
        })
    }
}

impl TryFrom<NasChange> for NasPatch {
    type Error = kernel::Error;

    fn try_from(body: NasChange) -> Result<Self, kernel::Error> {
        Ok(Self {
            name: body.name,
            address: body.address.as_deref().map(address_parse).transpose()?,
            make: body.make.as_deref().map(make_parse).transpose()?,
            secret: body.secret.map(Zeroizing::new),
            coa_port: body.coa_port,
            coa_secret: body.coa_secret.map(|change| change.map(Zeroizing::new)),
            require_message_authenticator: body
                .require_message_authenticator
                .map(|require| require.as_str().to_owned()),
            limit_proxy_state: body.limit_proxy_state.map(|limit| limit.as_str().to_owned()),
            request_rate: body.request_rate,
            request_burst: body.request_burst,
            identify: body.identify,
            tls_name: match body.tls_name {
                Some(Some(name)) => Some(Some(tls_name_parse(name)?)),
                other => other,
            },
            description: body.description,
        })
    }
}

/// A name that a certificate can carry, as it is written.
fn tls_name_parse(text: String) -> Result<String, kernel::Error> {
    match text.parse::<CertificateName>() {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(kernel::Error::invalid("/tls_name", error.to_string())),
    }
}

impl From<NasReport> for NasView {
    fn from(NasReport { nas, health, posture }: NasReport) -> Self {
        let one_host = nas.address.prefix_len() == nas.address.max_prefix_len();
        Self {
            id: nas.id,
            name: nas.name,
            address: if one_host {
                nas.address.addr().to_string()
            } else {
                nas.address.to_string()
            },
            make: nas.make,
            coa_port: nas.coa_port,
            coa_secret_set: nas.coa_secret_set,
            require_message_authenticator: nas.require_message_authenticator,
            message_authenticator_seen_at: nas.message_authenticator_seen_at,
            limit_proxy_state: nas.limit_proxy_state,
            request_rate: nas.request_rate,
            request_burst: nas.request_burst,
            older_secret_until: nas.older_secret_until,
            posture: NasPostureView {
                verdict: posture.verdict.as_str(),
                signs: posture.signs,
                unsigned: posture.unsigned,
                unsigned_proxied: posture.unsigned_proxied,
                unsigned_since: posture.unsigned_since,
                unsigned_last_at: posture.unsigned_last,
                older_secret_last_at: posture.older_secret_last,
            },
            identify: nas.identify,
            tls_name: nas.tls_name,
            description: nas.description,
            health: health.map(NasHealthView::from),
            created_at: nas.created_at,
            updated_at: nas.updated_at,
        }
    }
}

impl From<NasHealth> for NasHealthView {
    fn from(health: NasHealth) -> Self {
        Self {
            last_packet_at: health.last_packet_at,
            requests: health.requests,
            accepts: health.accepts,
            rejects: health.rejects,
            accounting: health.accounting,
            secret_differs: health.secret_differs,
            malformed: health.malformed,
            unsigned: health.unsigned,
            last_unsigned_at: health.last_unsigned_at,
            rate_limited: health.rate_limited,
            older_secret_used: health.older_secret_used,
            message_authenticator_seen: health.message_authenticator_seen,
            open_sessions: health.open_sessions,
            accounting_heard_at: health.accounting_heard.map(|heard| heard.at),
            accounting_interval_s: health
                .accounting_heard
                .and_then(|heard| heard.interim)
                .map(time::Duration::whole_seconds),
            accounting_stale: health.accounting_heard.is_some_and(|heard| heard.stale),
        }
    }
}
