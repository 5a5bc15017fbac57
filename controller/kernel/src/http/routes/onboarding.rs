//! A new partner in one call: himself, his administrator, his first client with its first site. All or nothing.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::sessions::PersonView;
use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Problem, Valid, routes};
use crate::id::{ClientId, PartnerId, SiteId};
use crate::identity::onboarding::{NewAdmin, Onboarding};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::{NewClient, NewPartner, NewSite};

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("partners").add(
        Access::PlatformNeeds(Permission::PlatformPartnersManage),
        routes!(partner_onboard),
    )
}

/// A new partner with what he needs to begin.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct OnboardBody {
    /// Himself.
    partner: OnboardNamed,
    /// His administrator, who makes everybody else.
    admin: OnboardAdmin,
    /// His first client; absent: he makes it himself.
    client: Option<OnboardNamed>,
    /// That client's first site.
    site: Option<OnboardSite>,
}

/// Something with a slug and a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OnboardNamed {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people.
    name: String,
}

/// A partner's first person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OnboardAdmin {
    /// The account's name.
    email: String,
    /// For people.
    name: String,
    /// At least 12 characters; he should change it.
    #[schema(write_only, format = Password)]
    password: String,
}

/// A client's first site.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OnboardSite {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people.
    name: String,
    /// Where it is, when it is a place.
    address: Option<String>,
}

/// What was made.
#[derive(Serialize, ToSchema)]
struct OnboardView {
    /// The partner.
    partner_id: PartnerId,
    /// Its slug.
    partner_slug: String,
    /// His administrator.
    admin: PersonView,
    /// His first client.
    client_id: Option<ClientId>,
    /// Its first site.
    site_id: Option<SiteId>,
}

/// Makes a partner with his administrator, and his first client and site where they are named; all of it or nothing.
#[utoipa::path(post, path = "/partners/onboard", request_body = OnboardBody,
    responses((status = 201, body = Data<OnboardView>)))]
async fn partner_onboard(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<OnboardBody>,
) -> Result<Data<OnboardView>, Problem> {
    let onboarding = Onboarding {
        partner: NewPartner {
            slug: body.partner.slug,
            name: body.partner.name,
        },
        admin: NewAdmin {
            email: body.admin.email,
            name: body.admin.name,
            password: Zeroizing::new(body.admin.password),
        },
        client: body.client.map(|client| NewClient {
            slug: client.slug,
            name: client.name,
            contact_email: None,
        }),
        site: body.site.map(|site| NewSite {
            slug: site.slug,
            name: site.name,
            address: site.address,
        }),
    };
    let made = kernel.identity.partner_onboard(&op, onboarding).await?;
    let view = OnboardView {
        partner_id: made.partner.id,
        partner_slug: made.partner.slug,
        admin: (&made.admin).into(),
        client_id: made.client,
        site_id: made.site,
    };
    Ok(Data::one(&op, view).created())
}
