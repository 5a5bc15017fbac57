//! Who may give whom which role. One rule: nobody gives, takes or touches what he does not hold himself.

use super::principal::{Credential, Membership, Principal};
use crate::authz::{Permission, PermissionSet};
use crate::error::Error;
use crate::id::{PartnerId, RoleId};
use crate::op::{Actor, OpContext};

/// A role as it can be granted where the operation is.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its stable name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whom it is for.
    pub description: String,
    /// Whether it ships with the program.
    pub built_in: bool,
    /// What it allows.
    pub permissions: PermissionSet,
}

/// All roles one person holds, everywhere.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// On the platform: role and what it allows.
    pub platform: Vec<(String, PermissionSet)>,
    /// Within partners; one entry a partner.
    pub partners: Vec<Membership>,
}

impl Grants {
    /// The principal these grants make of somebody.
    pub fn into_principal(self, actor: Actor, credential: Credential) -> Principal {
        let union = |set: PermissionSet, (_, permissions): &(String, PermissionSet)| set.union(*permissions);
        let platform =
            (!self.platform.is_empty()).then(|| self.platform.iter().fold(PermissionSet::empty(), union));
        Principal {
            actor,
            credential,
            platform,
            platform_roles: self.platform.into_iter().map(|(slug, _)| slug).collect(),
            memberships: self.partners,
        }
    }

    /// What somebody may do anywhere, taken together.
    pub fn everything(&self) -> PermissionSet {
        let platform = self.platform.iter().map(|(_, permissions)| *permissions);
        let partners = self
            .partners
            .iter()
            .map(|membership| membership.permissions.partner_part());
        platform
            .chain(partners)
            .fold(PermissionSet::empty(), PermissionSet::union)
    }

    /// What of it counts in one partner, and nothing of the platform.
    #[must_use]
    pub fn only_in(self, partner: PartnerId) -> Self {
        let here = |membership: &Membership| membership.partner == partner;
        Self {
            platform: Vec::new(),
            partners: self.partners.into_iter().filter(here).collect(),
        }
    }

    /// Whether somebody holds a role anywhere but in `here`.
    pub fn reach_beyond(&self, here: PartnerId) -> bool {
        !self.platform.is_empty() || self.partners.iter().any(|membership| membership.partner != here)
    }
}

/// Refuses when `wanted` holds a permission the actor lacks.
///
/// # Errors
/// [`Error::Forbidden`] with the first one he lacks.
pub fn check_holds(op: &OpContext, wanted: PermissionSet) -> Result<(), Error> {
    match wanted.without(op.permissions).iter().next() {
        None => Ok(()),
        Some(permission) => Err(Error::Forbidden { permission }),
    }
}

/// Refuses roles that the actor may not give (or take) here.
///
/// # Errors
/// [`Error::Invalid`] when a role means nothing within a partner; [`Error::Forbidden`] when it allows more than the
/// actor may do.
pub fn check_grant(op: &OpContext, roles: &[Role]) -> Result<(), Error> {
    for role in roles {
        if op.partner.is_some() && role.permissions.iter().any(Permission::is_platform) {
            let message = format!("the role {} can only be granted on the platform", role.slug);
            return Err(Error::invalid("/roles", message));
        }
        check_holds(op, role.permissions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::BuiltInRole;

    fn role(slug: &str) -> Role {
        let built_in = BuiltInRole::find(slug).expect("a built-in role");
        Role {
            id: built_in.id(),
            slug: slug.to_owned(),
            name: built_in.name.to_owned(),
            description: built_in.description.to_owned(),
            built_in: true,
            permissions: built_in.permissions,
        }
    }

    fn with(slug: &str, partner: Option<PartnerId>) -> OpContext {
        OpContext {
            partner,
            permissions: role(slug).permissions,
            ..OpContext::system("test")
        }
    }

    #[test]
    fn nobody_grants_what_he_lacks() {
        let here = Some(PartnerId::new());
        assert!(
            check_grant(
                &with("partner-admin", here),
                &[role("partner-admin"), role("noc-engineer")]
            )
            .is_ok()
        );
        assert!(matches!(
            check_grant(&with("noc-engineer", here), &[role("partner-tech")]),
            Err(Error::Forbidden { .. })
        ));
        assert!(check_grant(&with("noc-engineer", here), &[role("support-agent")]).is_ok());
    }

    #[test]
    fn a_platform_role_is_not_granted_within_a_partner_by_anybody() {
        let here = Some(PartnerId::new());
        assert!(matches!(
            check_grant(&with("platform-admin", here), &[role("platform-admin")]),
            Err(Error::Invalid { .. })
        ));
        assert!(check_grant(&with("platform-admin", None), &[role("platform-admin")]).is_ok());
    }
}
