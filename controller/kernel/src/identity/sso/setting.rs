//! What a partner keeps of its provider: who it is, who we are there, and what its groups may do here.
//! Never shows the client secret again, and never maps a group to what the actor himself may not do.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::provider::is_this_machine;
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::{PartnerId, RoleId};
use crate::identity::user::roles_find_in_tx;
use crate::identity::{Identity, grant, store};
use crate::input::Input;
use crate::op::OpContext;
use crate::outbound::Target;

/// Most groups that are mapped.
const GROUPS_MAX: usize = 200;
/// The longest name of a group, of a client and of a claim, in characters.
const NAME_CHARS_MAX: usize = 255;
/// The longest client secret, in characters.
const SECRET_CHARS_MAX: usize = 1000;
/// The longest name of a claim, in characters.
const CLAIM_CHARS_MAX: usize = 100;

/// A partner's provider, without the secret.
#[derive(Debug, Clone)]
pub struct SsoProvider {
    /// Who it is.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Whether there is a secret that proves it.
    pub has_secret: bool,
    /// The claim in which it names groups.
    pub groups_claim: String,
    /// Whether anybody comes in by it.
    pub enabled: bool,
    /// What its groups may do: slugs of roles.
    pub groups: BTreeMap<String, Vec<String>>,
    /// When this last changed.
    pub updated_at: OffsetDateTime,
}

/// What a partner says of its provider.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// Who it is: an https URL, octet by octet as its tokens say it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What proves it; `None` keeps the former, `Some(None)` removes it.
    pub client_secret: Option<Option<Zeroizing<String>>>,
    /// The claim in which it names groups.
    pub groups_claim: String,
    /// Whether anybody comes in by it.
    pub enabled: bool,
    /// What its groups may do: slugs of roles.
    pub groups: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// Fetches the partner's provider.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn sso_fetch(&self, op: &OpContext) -> Result<SsoProvider, Error> {
        let mut tx = self.db.begin(op).await?;
        store::sso::provider_fetch_in_tx(&mut tx, op)
            .await?
            .ok_or_else(|| Error::not_found("single sign-on of", "this partner"))
    }

    /// Says who the partner's provider is and what its groups may do.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Forbidden`] when a group would be given more than the actor may do.
    pub async fn sso_put(&self, op: &OpContext, new: &NewProvider) -> Result<SsoProvider, Error> {
        let partner = op.require_partner()?;
        self.check_provider(new)?;
        let mut tx = self.db.begin(op).await?;
        let mut mapped: Vec<(String, RoleId)> = Vec::new();
        for (group, slugs) in &new.groups {
            let roles = roles_find_in_tx(&mut tx, op, slugs)
                .await
                .map_err(|error| below_groups(error, group))?;
            grant::check_grant(op, &roles)?;
            mapped.extend(roles.iter().map(|role| (group.clone(), role.id)));
        }
        let before = store::sso::provider_fetch_in_tx(&mut tx, op).await?;
        if let Some(before) = &before {
            // Nobody takes away what he could not give.
            for slugs in before.groups.values() {
                grant::check_grant(op, &roles_find_in_tx(&mut tx, op, slugs).await?)?;
            }
        }
        let secret = match &new.client_secret {
            None => store::sso::secret_fetch_in_tx(&mut tx, op).await?,
            Some(None) => None,
            Some(Some(secret)) => Some(self.sealer.seal(&context(partner), secret.as_bytes())?),
        };
        store::sso::provider_put_in_tx(&mut tx, op, new, secret.as_deref(), &mapped).await?;
        let after = store::sso::provider_fetch_in_tx(&mut tx, op)
            .await?
            .ok_or_else(|| Error::internal("writing single sign-on", "it is not there"))?;
        let mut shown_after = shown(&after);
        if new.client_secret.is_some() {
            shown_after["client_secret"] = json!("changed");
        }
        let entry = Entry::ok("sso.put", "partner")
            .object(partner, &after.issuer)
            .before(before.as_ref().map_or(Value::Null, shown))
            .after(shown_after);
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes it; ends the sessions that it vouched for.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn sso_remove(&self, op: &OpContext) -> Result<(), Error> {
        let partner = op.require_partner()?;
        let mut tx = self.db.begin(op).await?;
        let before = store::sso::provider_fetch_in_tx(&mut tx, op)
            .await?
            .ok_or_else(|| Error::not_found("single sign-on of", "this partner"))?;
        store::sso::provider_remove_in_tx(&mut tx, op).await?;
        let ended = store::session::session_revoke_of_partner_in_tx(&mut tx, op, partner).await?;
        let entry = Entry::ok("sso.remove", "partner")
            .object(partner, &before.issuer)
            .before(shown(&before))
            .after(json!({ "sessions_ended": ended }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The rules for what a partner says.
    fn check_provider(&self, new: &NewProvider) -> Result<(), Error> {
        let mut input = Input::new();
        match Target::parse(&new.issuer) {
            Ok(target) => {
                if let Err(error) = self.lines.reach().check_literal(&target) {
                    input.wrong("/issuer", error.to_string());
                }
                if !target.is_encrypted() && !is_this_machine(&target) {
                    input.wrong("/issuer", "use https");
                }
                if target.url().query().is_some() {
                    input.wrong("/issuer", "an issuer has no query");
                }
            }
            Err(error) => input.wrong("/issuer", error.to_string()),
        }
        let mut bounded = |pointer: &str, text: &str, max: usize| {
            if !(1..=max).contains(&text.chars().count()) || text.chars().any(char::is_control) {
                input.wrong(pointer, format!("use 1 to {max} characters"));
            }
        };
        bounded("/client_id", &new.client_id, NAME_CHARS_MAX);
        bounded("/groups_claim", &new.groups_claim, CLAIM_CHARS_MAX);
        if let Some(Some(secret)) = &new.client_secret {
            bounded("/client_secret", secret, SECRET_CHARS_MAX);
        }
        for group in new.groups.keys() {
            bounded(&pointer_of(group), group, NAME_CHARS_MAX);
        }
        if new.groups.len() > GROUPS_MAX {
            input.wrong("/groups", format!("at most {GROUPS_MAX} groups"));
        }
        for (group, roles) in &new.groups {
            if roles.is_empty() {
                input.wrong(
                    pointer_of(group),
                    "name at least one role, or leave the group out",
                );
            }
        }
        input.finish()
    }
}

/// Where the client secret is sealed for.
pub(super) fn context(partner: PartnerId) -> String {
    format!("kernel.sso_providers/{partner}/client_secret")
}

/// Where a group is in the input.
fn pointer_of(group: &str) -> String {
    format!("/groups/{}", group.replace('~', "~0").replace('/', "~1"))
}

/// Moves what is wrong with the roles of a group to the group.
fn below_groups(error: Error, group: &str) -> Error {
    match error {
        Error::Invalid { mut fields } => {
            for field in &mut fields {
                field.pointer = field.pointer.replacen("/roles", &pointer_of(group), 1);
            }
            Error::Invalid { fields }
        }
        other => other,
    }
}

/// What the audit shows of a provider.
fn shown(provider: &SsoProvider) -> Value {
    json!({
        "issuer": provider.issuer, "client_id": provider.client_id, "groups_claim": provider.groups_claim,
        "enabled": provider.enabled, "groups": provider.groups,
    })
}
