//! Partners over HTTP.

use axum::extract::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::authz::Permission;
use crate::http::{Access, ApiRoutes, Data, Page, Problem, Query, Valid, routes};
use crate::id::PartnerId;
use crate::identity::Principal;
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::{NewPartner, Partner, PartnerChange, Visible};

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("partners")
        .add(Access::SignedIn, routes!(partner_list))
        .add(
            Access::PlatformNeeds(Permission::PlatformPartnersManage),
            routes!(partner_create),
        )
        .add(Access::Needs(Permission::PartnerRead), routes!(partner_fetch))
        .add(Access::Needs(Permission::PartnerManage), routes!(partner_update))
}

/// A partner.
#[derive(Serialize, ToSchema)]
pub(super) struct PartnerView {
    /// Its id.
    id: PartnerId,
    /// Its stable short name.
    slug: String,
    /// Its name for people.
    name: String,
    /// `active` or `suspended`.
    status: String,
    /// By whose clock its days, weeks and months begin.
    time_zone: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<Partner> for PartnerView {
    fn from(partner: Partner) -> Self {
        let Partner {
            id,
            slug,
            name,
            status,
            time_zone,
            created_at,
            updated_at,
        } = partner;
        Self {
            id,
            slug,
            name,
            status,
            time_zone,
            created_at,
            updated_at,
        }
    }
}

/// Narrows the list.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PartnerFilter {
    /// The one with this slug.
    #[garde(length(max = 100))]
    slug: Option<String>,
}

/// Creates a partner.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct PartnerBody {
    /// Its stable short name: `a-z`, `0-9` and `-`.
    slug: String,
    /// Its name for people.
    name: String,
}

/// Changes a partner; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct PartnerPatch {
    /// A new name.
    name: Option<String>,
    /// `active` or `suspended`; only the platform changes it.
    status: Option<String>,
    /// By whose clock its days, weeks and months begin: an IANA name such as `Europe/Berlin`.
    time_zone: Option<String>,
}

/// Lists the partners one may enter.
#[utoipa::path(get, path = "/partners", params(PartnerFilter, Page),
    responses((status = 200, body = Data<Vec<PartnerView>>)))]
async fn partner_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    page: Page,
    Query(filter): Query<PartnerFilter>,
) -> Result<Data<Vec<PartnerView>>, Problem> {
    let visible = match principal.platform {
        Some(_) => Visible::All,
        None => Visible::Of(
            principal
                .memberships
                .iter()
                .map(|membership| membership.partner)
                .collect(),
        ),
    };
    let slug = filter.slug.as_deref();
    let (rows, total) = kernel
        .tenancy
        .partner_list(&op, &visible, slug, page.limit(), page.offset())
        .await?;
    Ok(Data::list(
        &op,
        &page,
        total,
        rows.into_iter().map(PartnerView::from).collect(),
    ))
}

/// Creates a partner.
#[utoipa::path(post, path = "/partners", request_body = PartnerBody,
    responses((status = 201, body = Data<PartnerView>)))]
async fn partner_create(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<PartnerBody>,
) -> Result<Data<PartnerView>, Problem> {
    let new = NewPartner {
        slug: body.slug,
        name: body.name,
    };
    Ok(Data::one(&op, kernel.tenancy.partner_create(&op, &new).await?.into()).created())
}

/// Fetches a partner.
#[utoipa::path(get, path = "/partners/{partner_id}", params(("partner_id" = String, Path, description = "Id or slug")),
    responses((status = 200, body = Data<PartnerView>)))]
async fn partner_fetch(State(kernel): State<Kernel>, op: OpContext) -> Result<Data<PartnerView>, Problem> {
    Ok(Data::one(&op, kernel.tenancy.partner_fetch(&op).await?.into()))
}

/// Renames a partner, moves it to another time zone, or suspends and resumes it.
#[utoipa::path(patch, path = "/partners/{partner_id}", params(("partner_id" = String, Path, description = "Id or slug")),
    request_body = PartnerPatch, responses((status = 200, body = Data<PartnerView>)))]
async fn partner_update(
    State(kernel): State<Kernel>,
    op: OpContext,
    Valid(body): Valid<PartnerPatch>,
) -> Result<Data<PartnerView>, Problem> {
    let change = PartnerChange {
        name: body.name,
        status: body.status,
        time_zone: body.time_zone,
    };
    Ok(Data::one(
        &op,
        kernel.tenancy.partner_update(&op, &change).await?.into(),
    ))
}
