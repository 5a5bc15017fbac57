//! Who am I, what may I do where, and my own password.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::http::{Access, ApiRoutes, Data, Problem, Valid, routes};
use crate::id::PartnerId;
use crate::identity::Principal;
use crate::identity::principal::Credential;
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::Visible;

/// Most partners shown to platform staff here; the rest is in `GET /partners`.
const PARTNERS_MAX: i64 = 200;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("me")
        .add(Access::SignedIn, routes!(me))
        .add(Access::SignedIn, routes!(password_change))
}

/// Who asks.
#[derive(Serialize, ToSchema)]
struct MeView {
    /// Himself.
    user: MyselfView,
    /// The slugs of his roles on the platform.
    platform_roles: Vec<String>,
    /// What he may do on the platform.
    platform_permissions: Vec<String>,
    /// The partners he may enter.
    partners: Vec<MyPartnerView>,
}

/// A person or a key.
#[derive(Serialize, ToSchema)]
struct MyselfView {
    /// Its id.
    id: Option<Uuid>,
    /// `user` or `api_key`.
    kind: &'static str,
    /// The account's name; none for a key.
    email: Option<String>,
    /// As it appears in the audit.
    name: String,
}

/// What somebody is to a partner.
#[derive(Serialize, ToSchema)]
struct MyPartnerView {
    /// Its id.
    id: PartnerId,
    /// Its slug.
    slug: String,
    /// Its name.
    name: String,
    /// The slugs of his roles there.
    roles: Vec<String>,
    /// What he may do there, by these roles or by those on the platform.
    permissions: Vec<String>,
}

/// Changes one's own password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password until now.
    #[garde(length(chars, max = 1000))]
    #[schema(write_only, format = Password)]
    current: String,
    /// The password from now on, at least 12 characters.
    #[garde(length(chars, max = 1000))]
    #[schema(write_only, format = Password)]
    new: String,
}

/// Says who asks and what he may do where.
#[utoipa::path(get, path = "/me", responses((status = 200, body = Data<MeView>)))]
async fn me(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<MeView>, Problem> {
    let mut partners: Vec<MyPartnerView> = Vec::new();
    for membership in &principal.memberships {
        partners.push(MyPartnerView {
            id: membership.partner,
            slug: membership.slug.clone(),
            name: membership.name.clone(),
            roles: membership.roles.clone(),
            permissions: principal
                .in_partner(membership.partner)
                .unwrap_or_default()
                .names(),
        });
    }
    if let Some(permissions) = principal.platform {
        let (all, _) = kernel
            .tenancy
            .partner_list(&op, &Visible::All, None, PARTNERS_MAX, 0)
            .await?;
        for partner in all {
            if !partners.iter().any(|known| known.id == partner.id) {
                let (id, slug, name) = (partner.id, partner.slug, partner.name);
                partners.push(MyPartnerView {
                    id,
                    slug,
                    name,
                    roles: Vec::new(),
                    permissions: permissions.names(),
                });
            }
        }
    }
    let email = match &principal.credential {
        Credential::Session { email, .. } => Some(email.clone()),
        Credential::ApiKey { .. } => None,
    };
    let view = MeView {
        user: MyselfView {
            id: op.actor.id,
            kind: op.actor.kind.as_str(),
            email,
            name: op.actor.name.clone(),
        },
        platform_permissions: principal.on_platform().names(),
        platform_roles: principal.platform_roles,
        partners,
    };
    Ok(Data::one(&op, view))
}

/// Changes one's own password; ends one's other sessions.
#[utoipa::path(post, path = "/me/password", request_body = PasswordChange, responses((status = 204)))]
async fn password_change(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let Credential::Session { id, user, .. } = principal.credential else {
        return Err(Error::conflict("user", "an API key has no password").into());
    };
    let (current, new) = (Zeroizing::new(body.current), Zeroizing::new(body.new));
    kernel
        .identity
        .password_change(&op, user, id, current, new)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
