//! What a subscriber would be sent, over HTTP. Never holds a rule; see [`crate::app::preview`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::preview::{Previewed, Sent};

/// Whom, and through which NAS.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct PreviewQuery {
    /// His user name.
    #[garde(length(bytes, max = 253))]
    username: String,
    /// The NAS, by name or id.
    #[garde(length(bytes, max = 63))]
    nas: String,
}

/// What a subscriber who proves himself would be sent now.
#[derive(Serialize, ToSchema)]
pub struct PreviewView {
    /// Whose.
    username: String,
    /// Through which NAS.
    nas: String,
    /// In the words of which make.
    make: &'static str,
    /// His plan, or the garden.
    plan: String,
    /// `accept`, `garden:` or `reject:` and why.
    outcome: String,
    /// What was found about his service.
    found: String,
    /// The hours that hold, when his plan has some.
    window: Option<String>,
    /// The attributes in their order; beside them every login carries its own Class, keys and Message-Authenticator.
    attributes: Vec<SentView>,
    /// What the plan says and this make cannot be told, or not so.
    unsaid: Vec<UnsaidView>,
}

/// One attribute.
#[derive(Serialize, ToSchema)]
pub struct SentView {
    /// Who says it: `subscriber`, `group`, `service`, `plan`, `nas`, `partner`, or `login`.
    origin: &'static str,
    /// As people write it.
    attribute: String,
    /// Its octets in hex.
    octets: String,
    /// What it means.
    words: String,
}

/// One thing that is not said.
#[derive(Serialize, ToSchema)]
pub struct UnsaidView {
    /// Which field.
    term: String,
    /// Why, and what to do about it.
    why: String,
}

/// Shows what a subscriber would be sent now through a NAS, by the code that answers.
#[utoipa::path(get, path = "/partners/{partner_id}/radius/preview",
    params(("partner_id" = String, Path), PreviewQuery), responses((status = 200, body = Data<PreviewView>)))]
pub async fn radius_preview(
    State(app): State<Arc<App>>,
    op: OpContext,
    Query(query): Query<PreviewQuery>,
) -> Result<Data<PreviewView>, Problem> {
    let preview = app.radius_preview(&op, &query.username, &query.nas).await?;
    Ok(Data::one(&op, preview.into()))
}

impl From<Sent> for SentView {
    fn from(sent: Sent) -> Self {
        Self {
            origin: sent.origin,
            attribute: sent.attribute,
            octets: sent.octets,
            words: sent.words,
        }
    }
}

impl From<Previewed> for PreviewView {
    fn from(preview: Previewed) -> Self {
        Self {
            username: preview.username,
            nas: preview.nas,
            make: preview.make,
            plan: preview.plan,
            outcome: preview.outcome,
            found: preview.found,
            window: preview.window,
            attributes: preview.attributes.into_iter().map(SentView::from).collect(),
            unsaid: preview
                .unsaid
                .into_iter()
                .map(|(term, why)| UnsaidView { term, why })
                .collect(),
        }
    }
}
