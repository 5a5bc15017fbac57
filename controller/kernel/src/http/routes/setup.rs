//! The one-time set-up over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::partners::PartnerView;
use super::sessions::PersonView;
use crate::http::{Access, ApiRoutes, Data, Problem, Valid, routes};
use crate::identity::setup::{Setup, SetupError};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::NewPartner;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let why = "nobody exists yet who could sign in; the token of the set-up link is the credential";
    ApiRoutes::new("setup")
        .add(
            Access::Public("only says whether set-up is open"),
            routes!(setup_status),
        )
        .add(Access::Public(why), routes!(setup_complete))
}

/// Whether the set-up is still to be done.
#[derive(Serialize, ToSchema)]
struct SetupStatus {
    /// Whether it is.
    open: bool,
}

/// Completes the set-up.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct SetupBody {
    /// The token of the set-up link.
    #[garde(length(max = 100))]
    token: String,
    /// The first partner, when there shall be one at once.
    partner: Option<SetupPartner>,
    /// The platform administrator.
    admin: SetupAdmin,
}

/// The first partner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupPartner {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people.
    name: String,
}

/// The platform administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupAdmin {
    /// The account's name.
    email: String,
    /// For people.
    name: String,
    /// At least 12 characters.
    #[schema(write_only, format = Password)]
    password: String,
}

/// What the set-up made.
#[derive(Serialize, ToSchema)]
struct SetupDone {
    /// The platform administrator.
    user: PersonView,
    /// The first partner.
    partner: Option<PartnerView>,
}

impl From<SetupError> for Problem {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Closed => Self::new(StatusCode::GONE, "setup_closed", error.to_string()),
            SetupError::WrongToken => {
                Self::new(StatusCode::FORBIDDEN, "setup_token_wrong", error.to_string())
            }
            SetupError::Other(error) => error.into(),
        }
    }
}

/// Says whether the set-up is still to be done.
#[utoipa::path(get, path = "/setup", responses((status = 200, body = Data<SetupStatus>)))]
async fn setup_status(State(kernel): State<Kernel>, op: OpContext) -> Result<Data<SetupStatus>, Problem> {
    Ok(Data::one(
        &op,
        SetupStatus {
            open: kernel.identity.setup_is_open().await?,
        },
    ))
}

/// Makes the platform administrator and the first partner, once; 410 for ever after.
#[utoipa::path(post, path = "/setup", request_body = SetupBody, responses((status = 201, body = Data<SetupDone>)))]
async fn setup_complete(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<SetupBody>,
) -> Result<Data<SetupDone>, Problem> {
    let setup = Setup {
        partner: body.partner.map(|partner| NewPartner {
            slug: partner.slug,
            name: partner.name,
        }),
        email: body.admin.email,
        name: body.admin.name,
        password: Zeroizing::new(body.admin.password),
    };
    let (user, partner) = kernel.identity.setup_complete(&op, &body.token, setup).await?;
    let done = SetupDone {
        user: (&user).into(),
        partner: partner.map(PartnerView::from),
    };
    Ok(Data::one(&op, done).created())
}
