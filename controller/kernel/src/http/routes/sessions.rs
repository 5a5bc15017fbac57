//! Signing in and out over HTTP: a bearer token for programs, the same in a cookie for the console.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::http::guard::COOKIE_NAME;
use crate::http::{Access, ApiRoutes, Data, Problem, Surface, Valid, routes};
use crate::id::UserId;
use crate::identity::Principal;
use crate::identity::principal::Credential;
use crate::identity::second_factor::ProofError;
use crate::identity::session::SignedIn;
use crate::identity::user::User;
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("sessions")
        .add(
            Access::Public("this is where a credential comes from"),
            routes!(login),
        )
        .add(Access::SignedIn, routes!(logout))
}

/// A person as others see it.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonView {
    /// Its id.
    pub id: UserId,
    /// The account's name.
    pub email: String,
    /// For people.
    pub name: String,
}

impl From<&User> for PersonView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
        }
    }
}

/// Signs in.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    /// The account's name.
    #[garde(length(chars, max = 255))]
    email: String,
    /// Its password.
    #[garde(length(chars, max = 1000))]
    #[schema(write_only, format = Password)]
    password: String,
    /// A code of the second factor, or a backup code; for who has one.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(write_only)]
    code: Option<String>,
}

/// A session that has just begun.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginView {
    /// Send it as `Authorization: Bearer …`; shown once.
    token: String,
    /// Who signed in.
    user: PersonView,
    /// When it ends at the latest.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Signs a person in. Who has a second factor and sends no code is answered 401 `second_factor_required`.
#[utoipa::path(post, path = "/login", request_body = LoginBody, responses((status = 200, body = Data<LoginView>)))]
async fn login(
    State(kernel): State<Kernel>,
    surface: Surface,
    op: OpContext,
    headers: HeaderMap,
    Valid(body): Valid<LoginBody>,
) -> Result<Response, Problem> {
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let password = Zeroizing::new(body.password);
    let begun = kernel
        .identity
        .session_open(&op, &body.email, password, body.code.as_deref(), user_agent)
        .await
        .map_err(wrong)?;
    signed_in(&kernel, surface, &op, &begun)
}

/// Answers a login: the token, and for the console the cookie.
pub(super) fn signed_in(
    kernel: &Kernel,
    surface: Surface,
    op: &OpContext,
    begun: &SignedIn,
) -> Result<Response, Problem> {
    let view = LoginView {
        token: begun.token.reveal().to_owned(),
        user: (&begun.user).into(),
        expires_at: begun.expires_at,
    };
    let mut response = Data::one(op, view).into_response();
    if surface == Surface::Console {
        let max_age = kernel.identity.settings().session_absolute.as_secs();
        let cookie = cookie(kernel, begun.token.reveal(), max_age)?;
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Ends the session it is called with.
#[utoipa::path(post, path = "/logout", responses((status = 204)))]
async fn logout(
    State(kernel): State<Kernel>,
    surface: Surface,
    op: OpContext,
    principal: Principal,
) -> Result<Response, Problem> {
    let Credential::Session { id, user, .. } = principal.credential else {
        return Err(Error::conflict(
            "session",
            "an API key has no session to end; revoke the key instead",
        )
        .into());
    };
    kernel.identity.session_close(&op, user, id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if surface == Surface::Console {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie(&kernel, "", 0)?);
    }
    Ok(response)
}

/// Says at a login what "unauthenticated" means there.
fn wrong(error: ProofError) -> Problem {
    let at_login = matches!(error, ProofError::Other(Error::Unauthenticated));
    let problem = Problem::from(error);
    if at_login {
        problem.with_detail("the e-mail address or the password is wrong")
    } else {
        problem
    }
}

/// The console's cookie; out of reach of scripts and of foreign sites.
pub(super) fn cookie(kernel: &Kernel, token: &str, max_age_s: u64) -> Result<HeaderValue, Problem> {
    let secure = if kernel.identity.settings().public_url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let path = Surface::Console.prefix();
    let text =
        format!("{COOKIE_NAME}={token}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(|_| Problem::internal())
}
