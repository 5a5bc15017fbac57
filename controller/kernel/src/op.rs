//! The context every operation carries: for which partner, by whom, under which request, with which permissions.
//! Never decides whether an operation is allowed; it only brings what [`crate::authz`] needs to decide.
//!
//! Made by [`crate::http`] from a request, or by [`OpContext::system`] for a task nobody asked for. Consumed by every
//! `app` and `store` method; [`crate::database::Database::begin`] turns it into a transaction that sees one partner.

use std::net::IpAddr;

use uuid::Uuid;

use crate::authz::PermissionSet;
use crate::error::Error;
use crate::id::{PartnerId, RequestId};

/// Who asks for what part of the world. Cheap enough to clone for each call.
#[derive(Debug, Clone)]
pub struct OpContext {
    /// The partner whose rows this operation may see; `None`: the platform, which sees all of them.
    pub partner: Option<PartnerId>,
    /// Who acts; goes into the audit.
    pub actor: Actor,
    /// The request or the run of a task; ties log lines and audit rows together.
    pub request_id: RequestId,
    /// Where the request came from; `None` for the system itself.
    pub source_ip: Option<IpAddr>,
    /// What the actor may do within [`partner`](Self::partner).
    pub permissions: PermissionSet,
    /// Whether its transactions wait while somebody changes this partner on the condition that nothing was changed
    /// meanwhile. True for changes that people and programs ask for; tasks of the program wait for nobody.
    pub yields: bool,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A person, a key, the system, or nobody known.
    pub kind: ActorKind,
    /// The person's or the key's id; `None` for the system and for nobody.
    pub id: Option<Uuid>,
    /// As it is called now; names change, the audit keeps this one.
    pub name: String,
}

/// The kinds of actor, as the audit spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// A signed-in person.
    User,
    /// A program with an API key.
    ApiKey,
    /// A task of the program itself.
    System,
    /// A request without a credential, for example a login that has yet to succeed.
    Anonymous,
}

impl ActorKind {
    /// The spelling in `kernel.audit.actor_kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

impl OpContext {
    /// A task of the program itself, on the whole platform, allowed everything.
    pub fn system(name: &'static str) -> Self {
        Self {
            partner: None,
            actor: Actor {
                kind: ActorKind::System,
                id: None,
                name: name.to_owned(),
            },
            request_id: RequestId::new(),
            source_ip: None,
            permissions: PermissionSet::all(),
            yields: false,
        }
    }

    /// The same operation seen from within one partner; permissions stay as they are.
    ///
    /// Whoever narrows a person's operation must have resolved his permissions there first; this does not look.
    #[must_use]
    pub fn in_partner(&self, partner: PartnerId) -> Self {
        Self {
            partner: Some(partner),
            ..self.clone()
        }
    }

    /// The partner, for operations that make no sense on the platform as a whole.
    ///
    /// # Errors
    /// [`Error::NotFound`] on a platform-wide operation: no partner was named.
    pub fn require_partner(&self) -> Result<PartnerId, Error> {
        self.partner.ok_or_else(|| Error::NotFound {
            kind: "partner",
            key: "(none named)".to_owned(),
        })
    }

    /// The actor's id for `created_by` and `updated_by`; `None` when the system acts.
    pub fn actor_id(&self) -> Option<Uuid> {
        self.actor.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_operation_is_platform_wide_until_it_is_narrowed() {
        let op = OpContext::system("drain");
        assert!(matches!(
            op.require_partner(),
            Err(Error::NotFound { kind: "partner", .. })
        ));
        let partner = PartnerId::new();
        let narrowed = op.in_partner(partner);
        assert_eq!(narrowed.require_partner().ok(), Some(partner));
        assert_eq!(narrowed.request_id, op.request_id);
        assert_eq!(narrowed.actor, op.actor);
    }
}
