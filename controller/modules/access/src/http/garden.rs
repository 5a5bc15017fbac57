//! A partner's walled garden over HTTP. Never holds a rule; see [`crate::app::garden`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Valid};
use radius_server::authorization::garden::wants;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::terms::TermsShape;
use crate::app::App;
use crate::app::garden::GardenShown;
use crate::store::garden::Garden;

/// Why somebody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// His service is suspended.
    Suspended,
    /// His service has run out.
    Expired,
    /// His quota is used up.
    Quota,
}

/// The garden as it is to be.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct GardenPut {
    /// For which reasons somebody is let in.
    #[garde(length(min = 1, max = 3))]
    reasons: Vec<Reason>,
    /// What is given there. It must keep somebody in behind every NAS of the partner.
    #[schema(value_type = TermsShape)]
    terms: Map<String, Value>,
}

/// A garden.
#[derive(Serialize, ToSchema)]
pub struct GardenView {
    /// For which reasons somebody is let in; empty: there is no garden, and who has no service is turned away.
    reasons: Vec<String>,
    /// What is given there.
    #[schema(value_type = TermsShape)]
    terms: Value,
    /// The makes of the partner's NAS.
    makes: Vec<GardenMake>,
}

/// What a make in use does with the garden.
#[derive(Serialize, ToSchema)]
pub struct GardenMake {
    /// The make.
    make: &'static str,
    /// A NAS of it.
    nas: String,
    /// Whether it keeps somebody in. One that does not turns him away.
    confined: bool,
    /// What it needs for that: one of these.
    needs: &'static str,
}

/// Shows where those without service are let in.
#[utoipa::path(get, path = "/partners/{partner_id}/garden", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<GardenView>)))]
pub async fn garden_get(State(app): State<Arc<App>>, op: OpContext) -> Result<Data<GardenView>, Problem> {
    Ok(Data::one(&op, app.garden_get(&op).await?.into()))
}

/// Opens the garden, or changes it as a whole.
#[utoipa::path(put, path = "/partners/{partner_id}/garden", params(("partner_id" = String, Path)),
    request_body = GardenPut, responses((status = 200, body = Data<GardenView>)))]
pub async fn garden_put(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<GardenPut>,
) -> Result<Data<GardenView>, Problem> {
    Ok(Data::one(&op, app.garden_put(&op, body.into()).await?.into()))
}

/// Closes the garden: who has no service is turned away.
#[utoipa::path(delete, path = "/partners/{partner_id}/garden", params(("partner_id" = String, Path)),
    responses((status = 204)))]
pub async fn garden_delete(State(app): State<Arc<App>>, op: OpContext) -> Result<StatusCode, Problem> {
    app.garden_delete(&op).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<GardenPut> for Garden {
    fn from(body: GardenPut) -> Self {
        let mut reasons: Vec<String> = Vec::new();
        for reason in body.reasons {
            let word = match reason {
                Reason::Suspended => "suspended",
                Reason::Expired => "expired",
                Reason::Quota => "quota",
            };
            if !reasons.iter().any(|held| held == word) {
                reasons.push(word.to_owned());
            }
        }
        Self {
            reasons,
            terms: Value::Object(body.terms),
        }
    }
}

impl From<GardenShown> for GardenView {
    fn from(shown: GardenShown) -> Self {
        let garden = shown.garden.unwrap_or_else(|| Garden {
            reasons: Vec::new(),
            terms: Value::Object(Map::new()),
        });
        Self {
            reasons: garden.reasons,
            terms: garden.terms,
            makes: shown
                .makes
                .into_iter()
                .map(|(make, nas, confined)| GardenMake {
                    make: make.as_str(),
                    nas,
                    confined,
                    needs: wants(make),
                })
                .collect(),
        }
    }
}
