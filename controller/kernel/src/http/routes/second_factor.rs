//! The second factor and proving oneself again, over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::authz::Permission;
use crate::error::Error;
use crate::http::{Access, ApiRoutes, Data, Path, Problem, Valid, routes};
use crate::id::UserId;
use crate::identity::Principal;
use crate::identity::principal::Credential;
use crate::identity::second_factor::{Myself, ProofError};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("second factor")
        .add(Access::SignedIn, routes!(factor_show))
        .add(Access::SignedIn, routes!(factor_begin))
        .add(Access::SignedIn, routes!(factor_confirm))
        .add(Access::SignedIn, routes!(backup_codes_renew))
        .add(Access::SignedIn, routes!(factor_remove))
        .add(Access::SignedIn, routes!(session_prove))
        .add(Access::Needs(Permission::UsersManage), routes!(factor_reset))
        .add(
            Access::PlatformNeeds(Permission::UsersManage),
            routes!(platform_factor_reset),
        )
}

/// What one has beside the password.
#[derive(Serialize, ToSchema)]
struct FactorView {
    /// Whether codes are asked for.
    confirmed: bool,
    /// Since when.
    #[serde(with = "time::serde::rfc3339::option")]
    confirmed_at: Option<OffsetDateTime>,
    /// Backup codes that are left.
    backup_codes_left: i64,
}

/// A second factor that is begun; shown once.
#[derive(Serialize, ToSchema)]
struct FactorBegun {
    /// To be typed into an app.
    secret: String,
    /// To be shown to an app as a picture.
    uri: String,
}

/// Codes for who has lost his telephone; shown once.
#[derive(Serialize, ToSchema)]
struct BackupCodes {
    /// Each counts once.
    backup_codes: Vec<String>,
}

/// The password, once more.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    /// One's own.
    #[garde(length(chars, max = 1000))]
    #[schema(write_only, format = Password)]
    password: String,
}

/// A code.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    /// Of the telephone, or a backup code.
    #[garde(length(chars, max = 100))]
    #[schema(write_only)]
    code: String,
}

/// A code for who has a second factor, else the password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    /// One's own.
    #[serde(default)]
    #[garde(length(chars, max = 1000))]
    #[schema(write_only, format = Password)]
    password: Option<String>,
    /// Of the telephone, or a backup code.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    #[schema(write_only)]
    code: Option<String>,
}

/// Whose, within a partner.
#[derive(Deserialize)]
struct UserPath {
    /// The person.
    user_id: UserId,
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let detail = error.to_string();
        match error {
            ProofError::CodeRequired => Self::new(StatusCode::UNAUTHORIZED, "second_factor_required", detail),
            ProofError::CodeWrong => Self::new(StatusCode::UNAUTHORIZED, "second_factor_wrong", detail),
            ProofError::Passkey(_) => Self::new(StatusCode::UNAUTHORIZED, "passkey_refused", detail),
            ProofError::ProofRequired { .. } => Self::new(StatusCode::FORBIDDEN, "proof_required", detail),
            ProofError::Other(error) => error.into(),
        }
    }
}

/// The person behind a request.
pub(super) fn myself(principal: Principal) -> Result<Myself, Problem> {
    match principal.credential {
        Credential::Session {
            id,
            user,
            email,
            proved_at,
        } => Ok(Myself {
            user,
            email,
            session: id,
            proved_at,
        }),
        Credential::ApiKey { .. } => {
            Err(Error::conflict("second factor", "an API key has no second factor and no passkeys").into())
        }
    }
}

/// Says whether codes are asked for.
#[utoipa::path(get, path = "/me/second-factor", responses((status = 200, body = Data<FactorView>)))]
async fn factor_show(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<FactorView>, Problem> {
    let state = kernel.identity.factor_state(&op, myself(principal)?.user).await?;
    let view = FactorView {
        confirmed: state.confirmed_at.is_some(),
        confirmed_at: state.confirmed_at,
        backup_codes_left: state.backup_codes_left,
    };
    Ok(Data::one(&op, view))
}

/// Begins a second factor; it counts once `confirm` was sent a first code.
#[utoipa::path(post, path = "/me/second-factor", request_body = PasswordBody,
    responses((status = 201, body = Data<FactorBegun>)))]
async fn factor_begin(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<PasswordBody>,
) -> Result<Data<FactorBegun>, Problem> {
    let me = myself(principal)?;
    let password = Zeroizing::new(body.password);
    let secret = kernel.identity.factor_begin(&op, &me, password).await?;
    let view = FactorBegun {
        secret: secret.base32().to_string(),
        uri: secret.uri(&me.email).to_string(),
    };
    Ok(Data::one(&op, view).created())
}

/// Confirms a second factor with its first code, and gives the backup codes.
#[utoipa::path(post, path = "/me/second-factor/confirm", request_body = CodeBody,
    responses((status = 200, body = Data<BackupCodes>)))]
async fn factor_confirm(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<CodeBody>,
) -> Result<Data<BackupCodes>, Problem> {
    let me = myself(principal)?;
    let codes = kernel.identity.factor_confirm(&op, &me, &body.code).await?;
    Ok(Data::one(&op, shown(&codes)))
}

/// Gives ten new backup codes; the former ones are void.
#[utoipa::path(post, path = "/me/second-factor/backup-codes", request_body = CodeBody,
    responses((status = 200, body = Data<BackupCodes>)))]
async fn backup_codes_renew(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<CodeBody>,
) -> Result<Data<BackupCodes>, Problem> {
    let me = myself(principal)?;
    let codes = kernel.identity.backup_codes_renew(&op, &me, &body.code).await?;
    Ok(Data::one(&op, shown(&codes)))
}

/// Removes one's own second factor, with a code.
#[utoipa::path(post, path = "/me/second-factor/remove", request_body = CodeBody, responses((status = 204)))]
async fn factor_remove(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<CodeBody>,
) -> Result<StatusCode, Problem> {
    let me = myself(principal)?;
    kernel.identity.factor_remove(&op, &me, &body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves again who holds the session, for critical acts: by a code, or by the password for who has no second factor.
#[utoipa::path(post, path = "/me/prove", request_body = ProofBody, responses((status = 204)))]
async fn session_prove(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<ProofBody>,
) -> Result<StatusCode, Problem> {
    let me = myself(principal)?;
    let password = body.password.map(Zeroizing::new);
    kernel
        .identity
        .session_prove(&op, &me, password, body.code.as_deref())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes second factor and passkeys of somebody of the partner away, who has lost them; ends his sessions.
#[utoipa::path(delete, path = "/partners/{partner_id}/users/{user_id}/second-factor",
    params(("partner_id" = String, Path), ("user_id" = UserId, Path)), responses((status = 204)))]
async fn factor_reset(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<UserPath>,
) -> Result<StatusCode, Problem> {
    kernel.identity.factor_reset(&op, path.user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same for somebody of the platform.
#[utoipa::path(delete, path = "/users/{user_id}/second-factor", params(("user_id" = UserId, Path)),
    responses((status = 204)))]
async fn platform_factor_reset(
    state: State<Kernel>,
    op: OpContext,
    path: Path<UserPath>,
) -> Result<StatusCode, Problem> {
    factor_reset(state, op, path).await
}

/// Codes as the one answer shows them.
fn shown(codes: &[Zeroizing<String>]) -> BackupCodes {
    BackupCodes {
        backup_codes: codes.iter().map(|code| code.to_string()).collect(),
    }
}
