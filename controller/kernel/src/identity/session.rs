//! Signing in and out, and what a presented session is worth.
//! Never says which of address and password was wrong, and does the same work either way.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::email::EmailAddress;
use super::password::PASSWORD_CHARS_MAX;
use super::principal::{Credential, Principal};
use super::second_factor::ProofError;
use super::token::{Token, TokenDigest, TokenKind};
use super::user::User;
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::id::{LoginSessionId, PartnerId, UserId};
use crate::op::{Actor, ActorKind, OpContext};

/// The longest browser name kept, in characters.
const USER_AGENT_CHARS_MAX: usize = 300;

/// A session that has just begun.
#[derive(Debug)]
pub struct SignedIn {
    /// What proves it; shown once.
    pub token: Token,
    /// Who signed in.
    pub user: User,
    /// When it ends at the latest.
    pub expires_at: OffsetDateTime,
}

/// A session as its person, or who may make users, sees it.
#[derive(Debug, Clone)]
pub struct LoginSession {
    /// Its id.
    pub id: LoginSessionId,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// Its last request, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// Its end at the latest.
    pub expires_at: OffsetDateTime,
    /// Where it began.
    pub source_ip: Option<IpAddr>,
    /// The browser's name, as it said it.
    pub user_agent: Option<String>,
}

/// By what somebody has proven who he is; the audit says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By password, and by a code for who has a second factor.
    Password,
    /// By a passkey.
    Passkey,
    /// By the provider of this partner; the session counts there only.
    Provider(PartnerId),
}

impl How {
    /// As the audit says it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Provider(_) => "single sign-on",
        }
    }

    /// The one partner such a session counts in.
    const fn only_partner(self) -> Option<PartnerId> {
        match self {
            Self::Provider(partner) => Some(partner),
            Self::Password | Self::Passkey => None,
        }
    }
}

/// Which sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// This one.
    One(LoginSessionId),
    /// All, but for one.
    AllBut(Option<LoginSessionId>),
}

/// Whether a session still counts. Pure, so that hours pass in a test without waiting.
pub fn is_live(
    now: OffsetDateTime,
    last_seen: OffsetDateTime,
    expires: OffsetDateTime,
    idle: Duration,
) -> bool {
    now < expires && now - last_seen < idle
}

impl Identity {
    /// Signs a person in: by the password, and by a code for who has a second factor.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for an unknown address, a wrong password or a disabled person alike;
    /// [`ProofError::CodeRequired`] and [`ProofError::CodeWrong`] only after the right password;
    /// [`Error::TooManyRequests`] when this address guessed too often.
    pub async fn session_open(
        &self,
        op: &OpContext,
        email: &str,
        password: Zeroizing<String>,
        code: Option<&str>,
        user_agent: Option<&str>,
    ) -> Result<SignedIn, ProofError> {
        let Ok(email) = email.parse::<EmailAddress>() else {
            return Err(Error::Unauthenticated.into());
        };
        if password.chars().count() > PASSWORD_CHARS_MAX {
            return Err(Error::Unauthenticated.into());
        }
        // Without a peer address (a test, a local socket) all count as one.
        let address = op.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin(self.clock.instant(), &email, address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let found = store::user::user_find_in_tx(&mut tx, &system, &email).await?;
        // The connection goes back before the hash, which may wait its turn for seconds.
        tx.commit().await.map_err(Error::from)?;
        let stored = found.as_ref().map(|found| found.password_hash.clone());
        let right = self.passwords.verify(password, stored).await?;
        match found {
            Some(found) if right && found.user.is_active() => {
                self.second_factor_pass(&system, &found.user, code).await?;
                self.throttle.lock().succeeded(&email, address);
                Ok(self
                    .session_begin(op, found.user, user_agent, How::Password)
                    .await?)
            }
            found => {
                let reason = match &found {
                    None => "unknown e-mail address",
                    Some(_) if !right => "wrong password",
                    Some(_) => "the user is disabled",
                };
                let id = found.map(|found| found.user.id.to_string()).unwrap_or_default();
                let entry = Entry::refused("session.login", "user")
                    .object(id, email.as_str())
                    .reason(reason);
                audit::record_alone(&self.db, &system, entry).await?;
                Err(Error::Unauthenticated.into())
            }
        }
    }

    /// Lets who has a second factor pass with a code only; whoever has none passes.
    async fn second_factor_pass(
        &self,
        system: &OpContext,
        user: &User,
        code: Option<&str>,
    ) -> Result<(), ProofError> {
        let mut tx = self.db.begin(system).await?;
        let counted = self
            .code_count_in_tx(&mut tx, system, user.id, code, true)
            .await?;
        match (counted, code) {
            (None | Some(true), _) => {
                tx.commit().await.map_err(Error::from)?;
                Ok(())
            }
            (Some(false), None) => Err(ProofError::CodeRequired),
            (Some(false), Some(_)) => {
                drop(tx);
                let entry = Entry::refused("session.login", "user")
                    .object(user.id, &user.email)
                    .reason("wrong code of the second factor");
                audit::record_alone(&self.db, system, entry).await?;
                Err(ProofError::CodeWrong)
            }
        }
    }

    /// Begins a session for a person whose identity is already proven.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub(crate) async fn session_begin(
        &self,
        op: &OpContext,
        user: User,
        user_agent: Option<&str>,
        how: How,
    ) -> Result<SignedIn, Error> {
        let token = Token::draw(TokenKind::Session)?;
        let now = self.clock.now();
        let expires_at = now + self.settings.session_absolute;
        let actor = Actor {
            kind: ActorKind::User,
            id: Some(user.id.as_uuid()),
            name: user.email.clone(),
        };
        let op = OpContext {
            actor,
            ..self.on_behalf(op)
        };
        let user_agent = user_agent.map(|text| text.chars().take(USER_AGENT_CHARS_MAX).collect::<String>());
        let mut tx = self.db.begin(&op).await?;
        store::session::session_forget_old_in_tx(&mut tx, &op).await?;
        let id = store::session::session_insert_in_tx(
            &mut tx,
            &op,
            user.id,
            &token.digest(),
            (now, expires_at),
            user_agent.as_deref(),
            how.only_partner(),
        )
        .await?;
        let entry = Entry::ok("session.login", "user")
            .object(user.id, &user.email)
            .reason(format!("session {id}, by {}", how.as_str()));
        audit::record(&mut tx, &op, entry).await?;
        tx.commit().await?;
        Ok(SignedIn {
            token,
            user,
            expires_at,
        })
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn session_close(&self, op: &OpContext, user: UserId, id: LoginSessionId) -> Result<(), Error> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        store::session::session_revoke_in_tx(&mut tx, &system, id).await?;
        let entry = Entry::ok("session.logout", "user")
            .object(user, &op.actor.name)
            .reason(format!("session {id}"));
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lists one's own sessions that count, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn session_list(&self, op: &OpContext, user: UserId) -> Result<Vec<LoginSession>, Error> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let now = self.clock.now();
        let seen_after = now - self.settings.session_idle;
        store::session::session_list_in_tx(&mut tx, &system, user, now, seen_after).await
    }

    /// Lists those of somebody else.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] when the person may more than the actor, or works elsewhere, too.
    pub async fn session_list_of(&self, op: &OpContext, user: UserId) -> Result<Vec<LoginSession>, Error> {
        self.check_reach_of_person(op, user).await?;
        self.session_list(op, user).await
    }

    /// Ends one session of one's own, or all but the one that is used.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none like it.
    pub async fn session_end(&self, op: &OpContext, user: UserId, ended: Ended) -> Result<(), Error> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let (verb, reason) = match ended {
            Ended::One(id) => {
                if !store::session::session_revoke_of_in_tx(&mut tx, &system, user, id).await? {
                    return Err(Error::not_found("session", id));
                }
                ("session.revoke", format!("session {id}"))
            }
            Ended::AllBut(kept) => {
                store::session::session_revoke_all_in_tx(&mut tx, &system, user, kept).await?;
                let kept = kept.map_or_else(|| "all".to_owned(), |kept| format!("all but session {kept}"));
                ("session.revoke-all", kept)
            }
        };
        let label = match op.actor.id == Some(user.as_uuid()) {
            true => op.actor.name.clone(),
            false => store::user::email_fetch_in_tx(&mut tx, &system, user)
                .await?
                .unwrap_or_default(),
        };
        // Of somebody else's it is an act in the partner, and must be read there.
        let entry = Entry::ok(verb, "user").object(user, label).reason(reason);
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends sessions of somebody else.
    ///
    /// # Errors
    /// As [`Identity::session_list_of`], and [`Error::NotFound`] when there is none like it.
    pub async fn session_end_of(&self, op: &OpContext, user: UserId, ended: Ended) -> Result<(), Error> {
        self.check_reach_of_person(op, user).await?;
        self.session_end(op, user, ended).await
    }

    /// Finds out who presents a session token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is unknown, expired, idle for too long or revoked, or its person disabled.
    pub async fn session_authenticate(&self, digest: &TokenDigest) -> Result<Principal, Error> {
        let op = OpContext::system("authentication");
        let mut tx = self.db.begin(&op).await?;
        let session = store::session::session_find_in_tx(&mut tx, &op, digest)
            .await?
            .ok_or(Error::Unauthenticated)?;
        let now = self.clock.now();
        if !is_live(
            now,
            session.last_seen_at,
            session.expires_at,
            self.settings.session_idle,
        ) {
            return Err(Error::Unauthenticated);
        }
        store::session::session_seen_in_tx(&mut tx, &op, session.id, now).await?;
        let mut grants = store::grant::grant_list_in_tx(&mut tx, &op, session.user).await?;
        tx.commit().await?;
        if let Some(partner) = session.only_partner {
            grants = grants.only_in(partner);
        }
        let actor = Actor {
            kind: ActorKind::User,
            id: Some(session.user.as_uuid()),
            name: session.email.clone(),
        };
        let credential = Credential::Session {
            id: session.id,
            user: session.user,
            email: session.email,
            proved_at: session.proved_at,
        };
        Ok(grants.into_principal(actor, credential))
    }

    /// The operation as the platform sees it: sessions and people belong to no partner. Who and whence stay.
    pub(super) fn on_behalf(&self, op: &OpContext) -> OpContext {
        OpContext {
            partner: None,
            ..op.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_ends_in_any_case() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let (idle, absolute) = (Duration::from_secs(30 * 60), Duration::from_secs(12 * 60 * 60));
        let expires = start + absolute;
        let minute = Duration::from_secs(60);
        assert!(is_live(start + 29 * minute, start, expires, idle));
        assert!(!is_live(start + 30 * minute, start, expires, idle));
        let busy = start + absolute - minute;
        assert!(is_live(busy, busy, expires, idle));
        assert!(!is_live(expires, busy, expires, idle));
    }
}
