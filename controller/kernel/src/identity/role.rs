//! A partner's own roles, beside those that ship.
//! Never lets a role hold what its maker lacks, and never lets anybody touch a role that holds more than he does.

use serde_json::{Value, json};

use super::api_key::read_permissions;
use super::grant::{self, Role};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::authz::{BuiltInRole, Permission};
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::RoleId;
use crate::input::Input;
use crate::op::OpContext;
use crate::tenancy::{Name, Slug};

/// Most roles a partner has of his own.
pub const ROLES_OF_PARTNER_MAX: i64 = 100;
/// The longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 500;

/// What a new role is made of.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its stable name.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whom it is for.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<String>,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct RoleChange {
    /// Its name for people.
    pub name: Option<String>,
    /// Whom it is for.
    pub description: Option<String>,
    /// All that it allows from now on, to everybody who holds it.
    pub permissions: Option<Vec<String>>,
}

impl Identity {
    /// Makes a role of the partner.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Forbidden`] when it would allow more than its maker may do; [`Error::Conflict`] when the
    /// name is taken, also by a role that ships, or when there are too many.
    pub async fn role_create(&self, op: &OpContext, new: &NewRole) -> Result<Role, Error> {
        op.require_partner()?;
        let mut input = Input::new();
        let slug: Option<Slug> = input.parse("/slug", &new.slug);
        let name: Option<Name> = input.parse("/name", &new.name);
        check_description(&mut input, &new.description);
        let permissions = read_permissions(&mut input, op, &new.permissions);
        let (Some(slug), Some(name)) = (slug, name) else {
            return Err(input.into_error());
        };
        input.finish()?;
        grant::check_holds(op, permissions)?;
        if BuiltInRole::find(slug.as_str()).is_some() {
            let message = format!(
                "the role {} ships with the program; take another name",
                slug.as_str()
            );
            return Err(Error::conflict("role", message));
        }
        let mut tx = self.db.begin(op).await?;
        if store::role::role_count_in_tx(&mut tx, op).await? >= ROLES_OF_PARTNER_MAX {
            let message = format!("a partner has at most {ROLES_OF_PARTNER_MAX} roles of his own");
            return Err(Error::conflict("role", message));
        }
        let role = Role {
            id: RoleId::new(),
            slug: slug.as_str().to_owned(),
            name: name.as_str().to_owned(),
            description: new.description.clone(),
            built_in: false,
            permissions,
        };
        store::role::role_insert_in_tx(&mut tx, op, &role).await?;
        let entry = Entry::ok("role.create", "role")
            .object(role.id, &role.slug)
            .after(shown(&role));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&kinds::ROLE_CREATED, role.id, &role.slug).data(shown(&role));
        events::emit(&mut tx, op, event).await?;
        tx.commit().await?;
        Ok(role)
    }

    /// Changes a role of the partner, for everybody who holds it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a role that ships; [`Error::Forbidden`] when it allows, or would allow, more than the
    /// actor may do; [`Error::Invalid`].
    pub async fn role_update(&self, op: &OpContext, slug: &str, change: &RoleChange) -> Result<Role, Error> {
        let mut input = Input::new();
        let name: Option<Name> = input.parse_optional("/name", change.name.as_deref());
        if let Some(description) = &change.description {
            check_description(&mut input, description);
        }
        let permissions = change
            .permissions
            .as_ref()
            .map(|names| read_permissions(&mut input, op, names));
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        let before = store::role::role_lock_in_tx(&mut tx, op, slug)
            .await?
            .ok_or_else(|| Error::not_found("role", slug))?;
        grant::check_holds(op, before.permissions)?;
        let after = Role {
            name: name.map_or_else(|| before.name.clone(), |name| name.as_str().to_owned()),
            description: change
                .description
                .clone()
                .unwrap_or_else(|| before.description.clone()),
            permissions: permissions.unwrap_or(before.permissions),
            ..before.clone()
        };
        grant::check_holds(op, after.permissions)?;
        store::role::role_update_in_tx(&mut tx, op, &after).await?;
        let entry = Entry::ok("role.update", "role")
            .object(after.id, &after.slug)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        let event = Event::new(&kinds::ROLE_UPDATED, after.id, &after.slug);
        if let Some(event) = event.changed(&shown(&before), &shown(&after)) {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a role of the partner that nobody holds.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while somebody holds it; [`Error::Forbidden`] when it allows more than the
    /// actor may do.
    pub async fn role_remove(&self, op: &OpContext, slug: &str) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let role = store::role::role_lock_in_tx(&mut tx, op, slug)
            .await?
            .ok_or_else(|| Error::not_found("role", slug))?;
        grant::check_holds(op, role.permissions)?;
        let holders = store::role::role_holders_in_tx(&mut tx, op, role.id).await?;
        if holders > 0 {
            let message = format!("{holders} hold the role {slug}; give them another one first");
            return Err(Error::conflict("role", message));
        }
        store::role::role_delete_in_tx(&mut tx, op, role.id).await?;
        let entry = Entry::ok("role.remove", "role")
            .object(role.id, &role.slug)
            .before(shown(&role));
        audit::record(&mut tx, op, entry).await?;
        events::emit(&mut tx, op, Event::new(&kinds::ROLE_REMOVED, role.id, &role.slug)).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Notes a description that is too long.
fn check_description(input: &mut Input, description: &str) {
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        input.wrong(
            "/description",
            format!("use at most {DESCRIPTION_CHARS_MAX} characters"),
        );
    }
}

/// What the audit shows of a role.
fn shown(role: &Role) -> Value {
    let permissions: Vec<&str> = role.permissions.iter().map(Permission::as_str).collect();
    json!({ "slug": role.slug, "name": role.name, "description": role.description, "permissions": permissions })
}
