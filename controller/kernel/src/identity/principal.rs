//! Who presented a credential, and what he may do where.
//! Never decides about a request; it answers "what may he do in this partner", and `http` compares.

use time::OffsetDateTime;

use crate::authz::PermissionSet;
use crate::id::{ApiKeyId, LoginSessionId, PartnerId, UserId};
use crate::op::Actor;

/// A person with a session, or a program with a key.
#[derive(Debug, Clone)]
pub struct Principal {
    /// As it appears in the audit.
    pub actor: Actor,
    /// What was presented.
    pub credential: Credential,
    /// What he may do on the platform, and therefore in every partner; `None`: he holds no role there.
    pub platform: Option<PermissionSet>,
    /// The slugs of his roles on the platform.
    pub platform_roles: Vec<String>,
    /// The partners he works for.
    pub memberships: Vec<Membership>,
}

/// What was presented.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A signed-in session.
    Session {
        /// Which.
        id: LoginSessionId,
        /// Whose.
        user: UserId,
        /// His e-mail address.
        email: String,
        /// When he last proved that it is he who holds it.
        proved_at: OffsetDateTime,
    },
    /// An API key.
    ApiKey {
        /// Which.
        id: ApiKeyId,
    },
}

/// What somebody is to one partner.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The partner.
    pub partner: PartnerId,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The slugs of his roles there; none for a key.
    pub roles: Vec<String>,
    /// What these allow.
    pub permissions: PermissionSet,
}

impl Principal {
    /// What he may do in `partner`; `None` when he is nothing to it, and it must then not exist for him.
    pub fn in_partner(&self, partner: PartnerId) -> Option<PermissionSet> {
        let own = self
            .memberships
            .iter()
            .find(|membership| membership.partner == partner);
        match (own, self.platform) {
            (None, None) => None,
            (Some(own), platform) => Some(own.permissions.partner_part().union(platform.unwrap_or_default())),
            (None, Some(platform)) => Some(platform),
        }
    }

    /// What he may do on the platform itself.
    pub fn on_platform(&self) -> PermissionSet {
        self.platform.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Permission;
    use crate::op::ActorKind;

    fn principal(platform: Option<PermissionSet>, memberships: Vec<Membership>) -> Principal {
        Principal {
            actor: Actor {
                kind: ActorKind::User,
                id: None,
                name: "noc".to_owned(),
            },
            credential: Credential::ApiKey { id: ApiKeyId::new() },
            platform,
            platform_roles: Vec::new(),
            memberships,
        }
    }

    fn member(partner: PartnerId, permissions: PermissionSet) -> Membership {
        Membership {
            partner,
            slug: "p".to_owned(),
            name: "P".to_owned(),
            roles: Vec::new(),
            permissions,
        }
    }

    #[test]
    fn a_partner_one_is_nothing_to_does_not_exist() {
        let (own, foreign) = (PartnerId::new(), PartnerId::new());
        let someone = principal(None, vec![member(own, PermissionSet::empty())]);
        assert_eq!(someone.in_partner(own), Some(PermissionSet::empty()));
        assert_eq!(someone.in_partner(foreign), None);
    }

    #[test]
    fn a_role_within_a_partner_never_reaches_the_platform() {
        let own = PartnerId::new();
        let someone = principal(None, vec![member(own, PermissionSet::all())]);
        assert_eq!(someone.in_partner(own), Some(PermissionSet::all_of_a_partner()));
        assert!(!someone.on_platform().contains(Permission::PlatformPartnersManage));
    }

    #[test]
    fn a_role_on_the_platform_holds_in_every_partner() {
        let reader = PermissionSet::of(&[Permission::AuditRead]);
        assert_eq!(
            principal(Some(reader), Vec::new()).in_partner(PartnerId::new()),
            Some(reader)
        );
    }
}
