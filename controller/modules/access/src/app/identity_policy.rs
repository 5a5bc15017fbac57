//! A partner's choices about how its subscribers are told apart and how their passwords are stored.
//! Never changes what is stored already: a choice of how passwords are stored is for those to come.

use kernel::audit::{self, Entry};
use kernel::{Error, OpContext};
use radius_server::directory::{Identify, IdentifyBy};
use serde_json::json;

use super::App;
use crate::store::identity_policy::{self as rows, IdentityPolicy};

/// A change of them; what is absent stays.
#[derive(Debug, Default)]
pub struct IdentityPolicyPatch {
    /// Rules of the partner's NAS that have none of their own.
    pub identify: Option<Vec<String>>,
    /// `exact` or `fold`.
    pub username_case: Option<String>,
    /// `reversible` or `argon2id`.
    pub password_store: Option<String>,
}

impl App {
    /// What the partner chose.
    pub async fn identity_policy_get(&self, op: &OpContext) -> Result<IdentityPolicy, Error> {
        let mut tx = self.db.begin(op).await?;
        let policy = rows::identity_policy_fetch(&mut tx, op).await?;
        tx.commit().await?;
        Ok(policy)
    }

    /// Changes what the partner chose; the next request meets it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rules that are none, [`Error::Conflict`] when two user names differ in case only and it is
    /// not to count any more.
    pub async fn identity_policy_update(
        &self,
        op: &OpContext,
        patch: IdentityPolicyPatch,
    ) -> Result<IdentityPolicy, Error> {
        let mut tx = self.db.begin(op).await?;
        let before = rows::identity_policy_fetch(&mut tx, op).await?;
        let after = IdentityPolicy {
            identify: match patch.identify {
                Some(words) => identify_check("/identify", words)?,
                None => before.identify.clone(),
            },
            username_case: patch
                .username_case
                .unwrap_or_else(|| before.username_case.clone()),
            password_store: patch
                .password_store
                .unwrap_or_else(|| before.password_store.clone()),
        };
        if after.username_case == "fold"
            && before.username_case != "fold"
            && let Some(name) = rows::username_clash_any(&mut tx, op).await?
        {
            let message = format!("another subscriber's user name differs from {name} in its case only");
            return Err(Error::conflict("identity_policy", message));
        }
        rows::identity_policy_put(&mut tx, op, &after).await?;
        let entry = Entry::ok("identity_policy.update", "partner")
            .object(op.require_partner()?, "identity policy")
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }
}

/// Refuses rules that are none, or one that comes twice.
///
/// # Errors
/// [`Error::Invalid`] at this pointer.
pub(super) fn identify_check(pointer: &str, words: Vec<String>) -> Result<Vec<String>, Error> {
    let rules: Result<Vec<IdentifyBy>, ()> = words.iter().map(|word| word.parse()).collect();
    match rules.map(|rules| Identify::new(&rules)) {
        Ok(Some(_)) => Ok(words),
        _ => Err(Error::invalid(
            pointer,
            "must be one to three of user_name, line and mac, each once, in the order in which they are tried",
        )),
    }
}

/// The choices as the audit keeps them.
fn shown(policy: &IdentityPolicy) -> serde_json::Value {
    json!({
        "identify": policy.identify,
        "username_case": policy.username_case,
        "password_store": policy.password_store,
    })
}
