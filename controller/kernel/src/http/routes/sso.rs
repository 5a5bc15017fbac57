//! Single sign-on over HTTP: what a partner keeps of its provider, and the two steps of a login.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::sessions::cookie;
use crate::authz::Permission;
use crate::error::Error;
use crate::http::guard::cookie_of;
use crate::http::{Access, ApiRoutes, Data, Path, Problem, Query, Valid, nullable, routes};
use crate::identity::sso::login::LOGIN_S_MAX;
use crate::identity::sso::{NewProvider, Returned, SsoError, SsoProvider};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// What a browser keeps while it is at the provider.
const COOKIE_NAME: &str = "headend_sso";
/// Where that cookie goes.
const COOKIE_PATH: &str = "/api/v1/sso";

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let start = Access::Public("this is where a credential comes from");
    ApiRoutes::new("single sign-on")
        .add(Access::Needs(Permission::UsersManage), routes!(sso_fetch))
        .add(Access::Needs(Permission::UsersManage), routes!(sso_put))
        .add(Access::Needs(Permission::UsersManage), routes!(sso_remove))
        .add(start, routes!(sso_begin))
        .add(start, routes!(sso_callback))
}

/// A partner's provider, without the secret.
#[derive(Serialize, ToSchema)]
struct SsoView {
    /// Who it is.
    issuer: String,
    /// Who we are there.
    client_id: String,
    /// Whether there is a secret that proves it.
    has_secret: bool,
    /// The claim in which it names groups.
    groups_claim: String,
    /// Whether anybody comes in by it.
    enabled: bool,
    /// What its groups may do: slugs of roles.
    groups: BTreeMap<String, Vec<String>>,
    /// Where the provider must be told to send browsers back to.
    redirect_uri: String,
    /// When this last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl SsoView {
    /// As it is shown.
    fn of(kernel: &Kernel, provider: SsoProvider) -> Self {
        Self {
            issuer: provider.issuer,
            client_id: provider.client_id,
            has_secret: provider.has_secret,
            groups_claim: provider.groups_claim,
            enabled: provider.enabled,
            groups: provider.groups,
            redirect_uri: kernel.identity.sso_redirect_uri(),
            updated_at: provider.updated_at,
        }
    }
}

/// What a partner says of its provider.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct SsoBody {
    /// Who it is: an https URL, octet by octet as its tokens say it.
    issuer: String,
    /// Who we are there.
    client_id: String,
    /// What proves it; absent: as it was; null: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(write_only, format = Password, value_type = Option<String>)]
    client_secret: Option<Option<String>>,
    /// The claim in which it names groups; absent: `groups`.
    #[serde(default = "groups_claim")]
    groups_claim: String,
    /// Whether anybody comes in by it; absent: yes.
    #[serde(default = "yes")]
    enabled: bool,
    /// What its groups may do: slugs of roles. Who is in none of them stays out.
    groups: BTreeMap<String, Vec<String>>,
}

/// The usual claim.
fn groups_claim() -> String {
    "groups".to_owned()
}

/// Yes.
const fn yes() -> bool {
    true
}

/// By whose provider.
#[derive(Deserialize)]
struct BeginPath {
    /// The partner, by slug or id.
    partner: String,
}

/// What a provider sends a browser back with.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackQuery {
    /// Which login.
    #[garde(length(max = 200))]
    state: Option<String>,
    /// To be changed for a token.
    #[garde(length(max = 4000))]
    code: Option<String>,
    /// Who sends it.
    #[garde(length(max = 2048))]
    iss: Option<String>,
    /// Why not.
    #[garde(length(max = 4000))]
    error: Option<String>,
}

impl From<SsoError> for Problem {
    fn from(error: SsoError) -> Self {
        let detail = error.to_string();
        match error {
            SsoError::Other(error) => error.into(),
            SsoError::NotConfigured => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            SsoError::OtherLogin => Self::new(StatusCode::BAD_REQUEST, "sso_refused", detail),
            SsoError::Provider(_) => Self::new(StatusCode::BAD_GATEWAY, "sso_provider", detail),
            SsoError::Disabled | SsoError::NoRole | SsoError::AccountExists => {
                Self::new(StatusCode::FORBIDDEN, "sso_refused", detail)
            }
            _ => Self::new(StatusCode::UNAUTHORIZED, "sso_refused", detail),
        }
    }
}

/// Shows the partner's provider.
#[utoipa::path(get, path = "/partners/{partner_id}/sso", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<SsoView>)))]
async fn sso_fetch(State(kernel): State<Kernel>, op: OpContext) -> Result<Data<SsoView>, Problem> {
    let provider = kernel.identity.sso_fetch(&op).await?;
    Ok(Data::one(&op, SsoView::of(&kernel, provider)))
}

/// Says who the partner's provider is, and what its groups may do.
#[utoipa::path(put, path = "/partners/{partner_id}/sso", params(("partner_id" = String, Path)),
    request_body = SsoBody, responses((status = 200, body = Data<SsoView>)))]
async fn sso_put(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<SsoBody>,
) -> Result<Data<SsoView>, Problem> {
    let new = NewProvider {
        issuer: body.issuer,
        client_id: body.client_id,
        client_secret: body.client_secret.map(|secret| secret.map(Zeroizing::new)),
        groups_claim: body.groups_claim,
        enabled: body.enabled,
        groups: body.groups,
    };
    let provider = kernel.identity.sso_put(&op, &new).await?;
    Ok(Data::one(&op, SsoView::of(&kernel, provider)))
}

/// Removes the partner's provider; ends the sessions that it vouched for.
#[utoipa::path(delete, path = "/partners/{partner_id}/sso", params(("partner_id" = String, Path)),
    responses((status = 204)))]
async fn sso_remove(State(kernel): State<Kernel>, op: OpContext) -> Result<StatusCode, Problem> {
    kernel.identity.sso_remove(&op).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a login by the provider of a partner: sends the browser there.
#[utoipa::path(get, path = "/sso/{partner}/begin", params(("partner" = String, Path)),
    responses((status = 303, description = "To the provider.")))]
async fn sso_begin(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<BeginPath>,
) -> Result<Response, Problem> {
    let begun = kernel.identity.sso_begin(&op, &path.partner).await?;
    let kept = kept(&kernel, &begun.cookie, LOGIN_S_MAX)?;
    see(&begun.location, [kept])
}

/// Completes a login by a partner's provider: signs the browser in and sends it to the console.
#[utoipa::path(get, path = "/sso/callback", params(CallbackQuery),
    responses((status = 303, description = "To the console, signed in.")))]
async fn sso_callback(
    State(kernel): State<Kernel>,
    op: OpContext,
    headers: HeaderMap,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, Problem> {
    let returned = Returned {
        cookie: cookie_of(&headers, COOKIE_NAME).map(str::to_owned),
        state: query.state,
        code: query.code,
        issuer: query.iss,
        error: query.error,
    };
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let begun = kernel.identity.sso_complete(&op, &returned, user_agent).await?;
    let max_age = kernel.identity.settings().session_absolute.as_secs();
    let session = cookie(&kernel, begun.token.reveal(), max_age)?;
    see("/", [session, kept(&kernel, "", 0)?])
}

/// Sends a browser elsewhere, with cookies.
fn see(location: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Result<Response, Problem> {
    let unfit = |source| Problem::from(Error::internal("writing where to go", source));
    let location = HeaderValue::from_str(location).map_err(unfit)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The cookie of a login under way. `Lax`, because the provider's page sends the browser back.
fn kept(kernel: &Kernel, value: &str, max_age_s: i64) -> Result<HeaderValue, Problem> {
    let secure = match kernel.identity.settings().public_url.starts_with("https://") {
        true => "; Secure",
        false => "",
    };
    let text = format!(
        "{COOKIE_NAME}={value}; Path={COOKIE_PATH}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::from_str(&text).map_err(|source| Problem::from(Error::internal("writing a cookie", source)))
}
