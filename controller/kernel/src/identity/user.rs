//! People of a partner, and of the platform when the operation names no partner.
//! Never lets anybody reach a person who may more than he does, nor one who also works elsewhere: a password changed
//! here would open doors there.

use serde_json::{Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::email::EmailAddress;
use super::grant::{self, Role};
use super::password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::authz::{Permission, PermissionSet};
use crate::database::Tx;
use crate::error::Error;
use crate::events::{self, Event, kinds};
use crate::id::{LoginSessionId, UserId};
use crate::input::Input;
use crate::op::OpContext;
use crate::tenancy::Name;

/// Most roles one person holds in one place.
const ROLES_MAX: usize = 20;

/// A person, with the roles held where the operation is.
#[derive(Debug, Clone)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The account's name.
    pub email: String,
    /// For people.
    pub name: String,
    /// `active` or `disabled`.
    pub status: String,
    /// Slugs of the roles held here.
    pub roles: Vec<String>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl User {
    /// Whether it may sign in.
    pub fn is_active(&self) -> bool {
        self.status == UserStatus::Active.as_str()
    }
}

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// It may.
    Active,
    /// It may not, and its sessions are over.
    Disabled,
}

impl UserStatus {
    /// The spelling in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// The text is no status of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use active or disabled")]
pub struct NotAUserStatus;

impl std::str::FromStr for UserStatus {
    type Err = NotAUserStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(NotAUserStatus)
    }
}

/// What a new person is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The account's name.
    pub email: String,
    /// For people.
    pub name: String,
    /// Its first password.
    pub password: Zeroizing<String>,
    /// Slugs of the roles to hold here.
    pub roles: Vec<String>,
}

/// What shall change; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// A new name.
    pub name: Option<String>,
    /// `active` or `disabled`.
    pub status: Option<String>,
    /// A new password; ends all sessions.
    pub password: Option<Zeroizing<String>>,
    /// All roles to hold here; none ends the membership.
    pub roles: Option<Vec<String>>,
}

impl UserChange {
    /// Whether it touches the person and not only the roles held here.
    fn touches_person(&self) -> bool {
        self.name.is_some() || self.status.is_some() || self.password.is_some()
    }
}

/// Notes a password that is too short or too long.
pub(super) fn check_password(input: &mut Input, pointer: &str, password: &str) {
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()) {
        input.wrong(
            pointer,
            format!("use {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"),
        );
    }
}

impl Identity {
    /// Lists the people who hold a role here, by e-mail address, with the number of all that match.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn user_list(
        &self,
        op: &OpContext,
        email: Option<&str>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<User>, i64), Error> {
        let email = email.map(str::to_lowercase);
        let mut tx = self.db.begin(op).await?;
        store::user::user_list_in_tx(&mut tx, op, email.as_deref(), limit, offset).await
    }

    /// Fetches a person who holds a role here.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user_fetch(&self, op: &OpContext, id: UserId) -> Result<User, Error> {
        let mut tx = self.db.begin(op).await?;
        let user = store::user::user_fetch_in_tx(&mut tx, op, id).await?;
        user.ok_or_else(|| Error::not_found("user", id))
    }

    /// Lists the roles that can be held here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn role_list(&self, op: &OpContext) -> Result<Vec<Role>, Error> {
        let mut tx = self.db.begin(op).await?;
        store::grant::role_list_in_tx(&mut tx, op).await
    }

    /// Creates a person with roles here.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Conflict`] when the address is taken; [`Error::Forbidden`] when a role allows more
    /// than the actor may do.
    pub async fn user_create(&self, op: &OpContext, new: NewUser) -> Result<User, Error> {
        let mut input = Input::new();
        let email: Option<EmailAddress> = input.parse("/email", &new.email);
        let name: Option<Name> = input.parse("/name", &new.name);
        check_password(&mut input, "/password", &new.password);
        if new.roles.is_empty() {
            input.wrong("/roles", "name at least one role");
        }
        let (Some(email), Some(name)) = (email, name) else {
            return Err(input.into_error());
        };
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        grant::check_grant(op, &roles_find_in_tx(&mut tx, op, &new.roles).await?)?;
        tx.commit().await?;
        // Hashed outside the transaction: it may wait its turn for seconds.
        let hash = self.passwords.hash(new.password).await?;
        let mut tx = self.db.begin(op).await?;
        let roles = roles_find_in_tx(&mut tx, op, &new.roles).await?;
        grant::check_grant(op, &roles)?;
        let user = user_create_in_tx(&mut tx, op, &email, &name, &hash, &roles).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Changes a person, or the roles held here.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a role here; [`Error::Forbidden`] when the person may more than the actor, or also
    /// works elsewhere; [`Error::Conflict`] when somebody would lock himself out.
    pub async fn user_update(&self, op: &OpContext, id: UserId, change: UserChange) -> Result<User, Error> {
        let mut input = Input::new();
        let name: Option<Name> = input.parse_optional("/name", change.name.as_deref());
        let status: Option<UserStatus> = input.parse_optional("/status", change.status.as_deref());
        if let Some(password) = &change.password {
            check_password(&mut input, "/password", password);
        }
        input.finish()?;
        self.check_reach(op, id, &change).await?;
        let hash = match change.password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let mut tx = self.db.begin(op).await?;
        let before = store::user::user_lock_in_tx(&mut tx, op, id)
            .await?
            .ok_or_else(|| Error::not_found("user", id))?;
        let held = roles_find_in_tx(&mut tx, op, &before.roles).await?;
        grant::check_holds(op, union(&held))?;
        if let Some(slugs) = &change.roles {
            let roles = roles_find_in_tx(&mut tx, op, slugs).await?;
            grant::check_grant(op, &roles)?;
            store::grant::grant_replace_in_tx(&mut tx, op, id, &roles).await?;
        }
        let name = name.as_ref().map_or(before.name.as_str(), |name| name.as_str());
        let status = status.map_or(before.status.as_str(), |status| status.as_str());
        store::user::user_update_in_tx(&mut tx, op, id, name, status, hash.as_deref()).await?;
        if hash.is_some() || status == UserStatus::Disabled.as_str() {
            store::session::session_revoke_all_in_tx(&mut tx, op, id, None).await?;
        }
        let roles = match change.roles {
            Some(mut roles) => {
                roles.sort();
                roles.dedup();
                roles
            }
            None => before.roles.clone(),
        };
        let after = User {
            name: name.to_owned(),
            status: status.to_owned(),
            roles,
            ..before.clone()
        };
        let mut shown_after = shown(&after);
        if hash.is_some() {
            shown_after["password"] = json!("changed");
        }
        let event = Event::new(&kinds::USER_UPDATED, id, &after.email).changed(&shown(&before), &shown_after);
        let entry = Entry::ok("user.update", "user")
            .object(id, &after.email)
            .before(shown(&before))
            .after(shown_after);
        audit::record(&mut tx, op, entry).await?;
        if let Some(event) = event {
            events::emit(&mut tx, op, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Changes one's own password; ends one's other sessions.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the current password is wrong or the new one breaks the rule;
    /// [`Error::TooManyRequests`] when it was guessed too often.
    pub async fn password_change(
        &self,
        op: &OpContext,
        user: UserId,
        session: LoginSessionId,
        current: Zeroizing<String>,
        new: Zeroizing<String>,
    ) -> Result<(), Error> {
        let mut input = Input::new();
        check_password(&mut input, "/new", &new);
        input.finish()?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let email: EmailAddress = op
            .actor
            .name
            .parse()
            .map_err(|source| Error::internal("reading one's own address", source))?;
        let found = store::user::user_find_in_tx(&mut tx, &system, &email).await?;
        tx.commit().await?;
        let address = op
            .source_ip
            .unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin(self.clock.instant(), &email, address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        let stored = found
            .filter(|found| found.user.id == user)
            .map(|found| found.password_hash);
        if !self.passwords.verify(current, stored).await? {
            let entry = Entry::refused("user.password", "user")
                .object(user, email.as_str())
                .reason("wrong password");
            audit::record_alone(&self.db, &system, entry).await?;
            return Err(Error::invalid("/current", "this is not your current password"));
        }
        self.throttle.lock().succeeded(&email, address);
        let hash = self.passwords.hash(new).await?;
        let mut tx = self.db.begin(&system).await?;
        store::user::password_update_in_tx(&mut tx, &system, user, &hash).await?;
        store::session::session_revoke_all_in_tx(&mut tx, &system, user, Some(session)).await?;
        let entry = Entry::ok("user.password", "user").object(user, email.as_str());
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Refuses changes that reach further than the actor does.
    async fn check_reach(&self, op: &OpContext, id: UserId, change: &UserChange) -> Result<(), Error> {
        let himself = op.actor.id == Some(id.as_uuid());
        let locks_out =
            change.status.as_deref() == Some(UserStatus::Disabled.as_str()) || change.roles.is_some();
        if himself && locks_out {
            return Err(Error::conflict(
                "user",
                "nobody disables himself or changes his own roles; ask a colleague",
            ));
        }
        if himself || !change.touches_person() {
            return Ok(());
        }
        self.check_reach_of_person(op, id).await
    }

    /// Refuses to touch a person who may more than the actor, or works elsewhere, too.
    pub(super) async fn check_reach_of_person(&self, op: &OpContext, id: UserId) -> Result<(), Error> {
        // What somebody may do elsewhere is not visible from within a partner, so this one look is the platform's.
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let grants = store::grant::grant_list_in_tx(&mut tx, &system, id).await?;
        if let Some(partner) = op.partner {
            if !grants
                .partners
                .iter()
                .any(|membership| membership.partner == partner)
            {
                return Err(Error::not_found("user", id));
            }
            let of_the_platform = op.permissions.contains(Permission::PlatformPartnersManage);
            if grants.reach_beyond(partner) && !of_the_platform {
                return Err(Error::Forbidden {
                    permission: Permission::PlatformPartnersManage,
                });
            }
        } else if grants.platform.is_empty() {
            return Err(Error::not_found("user", id));
        }
        // A password opens every door he has, not only those here.
        grant::check_holds(op, grants.everything())
    }
}

/// Inserts a person with roles and the audit line.
pub(super) async fn user_create_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    email: &EmailAddress,
    name: &Name,
    hash: &str,
    roles: &[Role],
) -> Result<User, Error> {
    let mut user = store::user::user_insert_in_tx(tx, op, email, name.as_str(), hash).await?;
    store::grant::grant_replace_in_tx(tx, op, user.id, roles).await?;
    user.roles = roles.iter().map(|role| role.slug.clone()).collect();
    user.roles.sort();
    let entry = Entry::ok("user.create", "user")
        .object(user.id, &user.email)
        .after(shown(&user));
    audit::record(tx, op, entry).await?;
    let event = Event::new(&kinds::USER_CREATED, user.id, &user.email).data(shown(&user));
    events::emit(tx, op, event).await?;
    Ok(user)
}

/// Finds roles by their slugs.
///
/// # Errors
/// [`Error::Invalid`] when one does not exist here.
pub(super) async fn roles_find_in_tx(
    tx: &mut Tx,
    op: &OpContext,
    slugs: &[String],
) -> Result<Vec<Role>, Error> {
    if slugs.len() > ROLES_MAX {
        return Err(Error::invalid("/roles", format!("at most {ROLES_MAX} roles")));
    }
    let mut known = store::grant::role_list_in_tx(tx, op).await?;
    let mut input = Input::new();
    for (index, slug) in slugs.iter().enumerate() {
        if !known.iter().any(|role| role.slug == *slug) {
            input.wrong(format!("/roles/{index}"), "there is no such role here");
        }
    }
    input.finish()?;
    known.retain(|role| slugs.contains(&role.slug));
    Ok(known)
}

/// What these roles allow together.
fn union(roles: &[Role]) -> PermissionSet {
    roles
        .iter()
        .fold(PermissionSet::empty(), |set, role| set.union(role.permissions))
}

/// What the audit shows of a person.
fn shown(user: &User) -> Value {
    json!({ "email": user.email, "name": user.name, "status": user.status, "roles": user.roles })
}
