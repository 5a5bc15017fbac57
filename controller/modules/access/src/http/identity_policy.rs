//! A partner's choices about how its subscribers are told apart, over HTTP.
//! Never holds a rule; see [`crate::app::identity_policy`].

use std::sync::Arc;

use axum::extract::State;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Problem, Valid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::identity_policy::IdentityPolicyPatch;
use crate::store::identity_policy::IdentityPolicy;

/// Whether the case of user names counts.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsernameCase {
    /// It does: Alice is not alice.
    Exact,
    /// It does not, for Latin letters.
    Fold,
}

/// How passwords are stored.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsualStore {
    /// Sealed: good for every method.
    Reversible,
    /// As Argon2id hashes: good for PAP and for what else carries the password itself.
    Argon2id,
}

/// A change of the choices; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct IdentityPolicyChange {
    /// By what subscribers are recognised, in order, behind NAS that say nothing else: user_name, line, mac.
    identify: Option<Vec<String>>,
    /// Whether the case of user names counts.
    username_case: Option<UsernameCase>,
    /// How the passwords of new subscribers are stored when nobody says otherwise.
    password_store: Option<UsualStore>,
}

/// A partner's choices.
#[derive(Serialize, ToSchema)]
pub struct IdentityPolicyView {
    /// By what subscribers are recognised, in order, behind NAS that say nothing else.
    identify: Vec<String>,
    /// `exact` or `fold`.
    username_case: String,
    /// `reversible` or `argon2id`.
    password_store: String,
}

/// Shows how the partner's subscribers are told apart.
#[utoipa::path(get, path = "/partners/{partner_id}/identity-policy", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<IdentityPolicyView>)))]
pub async fn identity_policy_get(
    State(app): State<Arc<App>>,
    op: OpContext,
) -> Result<Data<IdentityPolicyView>, Problem> {
    Ok(Data::one(&op, app.identity_policy_get(&op).await?.into()))
}

/// Changes how the partner's subscribers are told apart.
#[utoipa::path(patch, path = "/partners/{partner_id}/identity-policy", params(("partner_id" = String, Path)),
    request_body = IdentityPolicyChange, responses((status = 200, body = Data<IdentityPolicyView>)))]
pub async fn identity_policy_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<IdentityPolicyChange>,
) -> Result<Data<IdentityPolicyView>, Problem> {
    let policy = app.identity_policy_update(&op, body.into()).await?;
    Ok(Data::one(&op, policy.into()))
}

impl From<IdentityPolicyChange> for IdentityPolicyPatch {
    fn from(body: IdentityPolicyChange) -> Self {
        let case = |case| match case {
            UsernameCase::Exact => "exact",
            UsernameCase::Fold => "fold",
        };
        let store = |store| match store {
            UsualStore::Reversible => "reversible",
            UsualStore::Argon2id => "argon2id",
        };
        Self {
            identify: body.identify,
            username_case: body.username_case.map(case).map(str::to_owned),
            password_store: body.password_store.map(store).map(str::to_owned),
        }
    }
}

impl From<IdentityPolicy> for IdentityPolicyView {
    fn from(policy: IdentityPolicy) -> Self {
        Self {
            identify: policy.identify,
            username_case: policy.username_case,
            password_store: policy.password_store,
        }
    }
}
