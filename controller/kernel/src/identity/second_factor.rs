//! The second factor: a telephone's codes, backup codes on paper, and proving oneself again before a critical act.
//! Never shows a secret after it was confirmed, never lets a code count twice, and never says which kind of code was wrong.
//!
//! Guessing is slowed down by the same [`super::throttle`] as passwords, for an account at an address: who guesses at one
//! address keeps nobody out at another.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::email::EmailAddress;
use super::totp::{TotpSecret, base32};
use super::webauthn::PasskeyError;
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::Error;
use crate::id::{LoginSessionId, UserId};
use crate::op::OpContext;

/// Backup codes that somebody has.
pub const BACKUP_CODES: usize = 10;
/// How recent a proof must be for what concerns proofs themselves, where the settings ask for none.
const PROOF_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Octets of randomness in a backup code: 80 bits.
const BACKUP_CODE_OCTETS: usize = 10;
/// Characters of a backup code, without the hyphens.
const BACKUP_CODE_CHARS: usize = 16;

/// What somebody has beside his password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorState {
    /// Since when codes are asked for; `None`: they are not.
    pub confirmed_at: Option<OffsetDateTime>,
    /// Backup codes that are left.
    pub backup_codes_left: i64,
}

/// A signed-in person: who, and by which session.
#[derive(Debug, Clone)]
pub struct Myself {
    /// Who.
    pub user: UserId,
    /// His address.
    pub email: String,
    /// The session he acts by.
    pub session: LoginSessionId,
    /// When he last proved that it is he who holds it.
    pub proved_at: OffsetDateTime,
}

/// Why a login, or another proof, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The password is right, and a code is wanted as well.
    #[error("a code of the second factor is needed as well")]
    CodeRequired,
    /// The password is right and the code is not: wrong, too old, or used before.
    #[error("the code is wrong, has expired, or was used before")]
    CodeWrong,
    /// A passkey proves nothing, and why.
    #[error("{0}")]
    Passkey(PasskeyError),
    /// This wants a recent proof of who holds the session.
    #[error("prove within {minutes} minutes before it that it is you (POST /me/prove)")]
    ProofRequired {
        /// How recent.
        minutes: u64,
    },
    /// Anything else; [`Error::Unauthenticated`] for a wrong password.
    #[error(transparent)]
    Other(#[from] Error),
}

impl Identity {
    /// What somebody has beside his password.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn factor_state(&self, op: &OpContext, user: UserId) -> Result<FactorState, Error> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let factor = store::second_factor::factor_lock_in_tx(&mut tx, &system, user).await?;
        Ok(FactorState {
            confirmed_at: factor.and_then(|factor| factor.confirmed_at),
            backup_codes_left: store::second_factor::codes_left_in_tx(&mut tx, &system, user).await?,
        })
    }

    /// Begins a second factor; it counts once a first code was right. Wants the password: who finds an open screen must not
    /// bind his own telephone to it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password; [`Error::Conflict`] when there is one already.
    pub async fn factor_begin(
        &self,
        op: &OpContext,
        me: &Myself,
        password: Zeroizing<String>,
    ) -> Result<TotpSecret, Error> {
        self.password_prove(op, me, password).await?;
        let secret = TotpSecret::draw()?;
        let sealed = self.sealer.seal(&context(me.user), secret.octets())?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        if !store::second_factor::factor_begin_in_tx(&mut tx, &system, me.user, &sealed).await? {
            let message = "there is a second factor already; remove it first";
            return Err(Error::conflict("second factor", message));
        }
        tx.commit().await?;
        Ok(secret)
    }

    /// Confirms it with a first code; answers the backup codes, which are shown once.
    ///
    /// # Errors
    /// [`ProofError::CodeWrong`]; [`Error::Conflict`] when none is begun.
    pub async fn factor_confirm(
        &self,
        op: &OpContext,
        me: &Myself,
        code: &str,
    ) -> Result<Vec<Zeroizing<String>>, ProofError> {
        self.codes_renew(op, me, code, false).await
    }

    /// Puts ten new backup codes in the place of the former ones.
    ///
    /// # Errors
    /// [`ProofError::CodeWrong`]; [`Error::Conflict`] when there is no second factor.
    pub async fn backup_codes_renew(
        &self,
        op: &OpContext,
        me: &Myself,
        code: &str,
    ) -> Result<Vec<Zeroizing<String>>, ProofError> {
        self.codes_renew(op, me, code, true).await
    }

    /// Removes one's own second factor.
    ///
    /// # Errors
    /// [`ProofError::CodeWrong`]; [`Error::Conflict`] when there is none.
    pub async fn factor_remove(&self, op: &OpContext, me: &Myself, code: &str) -> Result<(), ProofError> {
        let system = self.on_behalf(op);
        let mut tx = self.code_prove(op, me, code, true).await?;
        store::second_factor::factor_remove_in_tx(&mut tx, &system, me.user).await?;
        let entry = Entry::ok("second-factor.remove", "user").object(me.user, &me.email);
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Takes somebody's second factor and passkeys away, for who has lost telephone and paper; ends his sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] when the person may more than the actor; [`Error::Conflict`] for oneself.
    pub async fn factor_reset(&self, op: &OpContext, id: UserId) -> Result<(), Error> {
        if op.actor.id == Some(id.as_uuid()) {
            let message = "nobody takes away his own second factor like this; remove it with a code";
            return Err(Error::conflict("second factor", message));
        }
        self.check_reach_of_person(op, id).await?;
        let mut tx = self.db.begin(op).await?;
        let user = store::user::user_lock_in_tx(&mut tx, op, id)
            .await?
            .ok_or_else(|| Error::not_found("user", id))?;
        let had_factor = store::second_factor::factor_remove_in_tx(&mut tx, op, id).await?;
        let passkeys = store::passkey::passkey_remove_all_in_tx(&mut tx, op, id).await?;
        if !had_factor && passkeys == 0 {
            return Err(Error::not_found("second factor of", user.email));
        }
        store::session::session_revoke_all_in_tx(&mut tx, op, id, None).await?;
        let entry = Entry::ok("second-factor.reset", "user")
            .object(id, &user.email)
            .before(json!({ "codes": had_factor, "passkeys": passkeys }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Proves again who holds the session: by a code for who has a second factor, else by the password.
    ///
    /// # Errors
    /// [`ProofError::CodeRequired`] when the password is not enough; [`ProofError::CodeWrong`]; [`Error::Invalid`] for a
    /// wrong password.
    pub async fn session_prove(
        &self,
        op: &OpContext,
        me: &Myself,
        password: Option<Zeroizing<String>>,
        code: Option<&str>,
    ) -> Result<(), ProofError> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let has_factor = store::second_factor::factor_is_confirmed_in_tx(&mut tx, &system, me.user).await?;
        tx.commit().await.map_err(Error::from)?;
        let mut tx = match (has_factor, code, password) {
            (true, None, _) => return Err(ProofError::CodeRequired),
            (true, Some(code), _) => self.code_prove(op, me, code, true).await?,
            (false, _, Some(password)) => {
                self.password_prove(op, me, password).await?;
                self.db.begin(&system).await?
            }
            (false, _, None) => return Err(Error::invalid("/password", "give your password").into()),
        };
        store::session::session_proved_in_tx(&mut tx, &system, me.session, self.clock.now()).await?;
        let entry = Entry::ok("session.prove", "user")
            .object(me.user, &me.email)
            .reason(format!("session {}", me.session));
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Wants that who acts has proven himself lately; also where critical acts in general need not.
    pub(crate) fn check_proved(&self, me: &Myself) -> Result<(), ProofError> {
        let window = match self.settings.step_up {
            window if window.is_zero() => PROOF_WINDOW,
            window => window,
        };
        if self.clock.now() - me.proved_at < window {
            return Ok(());
        }
        let minutes = window.as_secs().div_ceil(60);
        Err(ProofError::ProofRequired { minutes })
    }

    /// Whether a code counts for somebody, and uses it up; asked by a login after the password. `None`: no code is wanted.
    pub(super) async fn code_count_in_tx(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        user: UserId,
        code: Option<&str>,
        confirmed_only: bool,
    ) -> Result<Option<bool>, Error> {
        let factor = store::second_factor::factor_lock_in_tx(tx, op, user).await?;
        let Some(factor) = factor.filter(|factor| factor.confirmed_at.is_some() || !confirmed_only) else {
            return Ok(None);
        };
        let Some(code) = code else {
            return Ok(Some(false));
        };
        let secret = self.sealer.open(&context(user), &factor.secret)?;
        let secret = TotpSecret::read(&secret)
            .ok_or_else(|| Error::internal("reading a second factor", "it has another length"))?;
        if let Some(step) = secret.matching(code, self.clock.now(), factor.last_step) {
            store::second_factor::factor_used_in_tx(tx, op, user, step).await?;
            return Ok(Some(true));
        }
        match backup_digest(code).filter(|_| factor.confirmed_at.is_some()) {
            Some(digest) => Ok(Some(
                store::second_factor::code_use_in_tx(tx, op, user, &digest).await?,
            )),
            None => Ok(Some(false)),
        }
    }

    /// Wants a code that counts; answers the transaction in which it was used up.
    async fn code_prove(
        &self,
        op: &OpContext,
        me: &Myself,
        code: &str,
        confirmed_only: bool,
    ) -> Result<Tx, ProofError> {
        let (email, address) = self.attempt_begin(op, &me.email)?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        match self
            .code_count_in_tx(&mut tx, &system, me.user, Some(code), confirmed_only)
            .await?
        {
            Some(true) => {
                self.throttle.lock().succeeded(&email, address);
                Ok(tx)
            }
            Some(false) => {
                drop(tx);
                self.note_wrong(&system, me, "wrong code").await?;
                Err(ProofError::CodeWrong)
            }
            None => {
                Err(Error::conflict("second factor", "there is no second factor; begin one first").into())
            }
        }
    }

    /// Wants one's own password.
    async fn password_prove(
        &self,
        op: &OpContext,
        me: &Myself,
        password: Zeroizing<String>,
    ) -> Result<(), Error> {
        let (email, address) = self.attempt_begin(op, &me.email)?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let found = store::user::user_find_in_tx(&mut tx, &system, &email).await?;
        tx.commit().await?;
        let stored = found
            .filter(|found| found.user.id == me.user)
            .map(|found| found.password_hash);
        if self.passwords.verify(password, stored).await? {
            self.throttle.lock().succeeded(&email, address);
            return Ok(());
        }
        self.note_wrong(&system, me, "wrong password").await?;
        Err(Error::invalid("/password", "this is not your password"))
    }

    /// Begins an attempt at a secret of somebody, unless too many failed here.
    fn attempt_begin(&self, op: &OpContext, email: &str) -> Result<(EmailAddress, IpAddr), Error> {
        let email: EmailAddress = email
            .parse()
            .map_err(|source| Error::internal("reading one's own address", source))?;
        let address = op.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin(self.clock.instant(), &email, address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        Ok((email, address))
    }

    /// Writes down a proof that was none.
    async fn note_wrong(&self, op: &OpContext, me: &Myself, reason: &str) -> Result<(), Error> {
        let entry = Entry::refused("session.prove", "user")
            .object(me.user, &me.email)
            .reason(reason);
        audit::record_alone(&self.db, op, entry).await?;
        Ok(())
    }

    /// New backup codes, once a code counted.
    async fn codes_renew(
        &self,
        op: &OpContext,
        me: &Myself,
        code: &str,
        confirmed: bool,
    ) -> Result<Vec<Zeroizing<String>>, ProofError> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let had = store::second_factor::factor_is_confirmed_in_tx(&mut tx, &system, me.user).await?;
        tx.commit().await.map_err(Error::from)?;
        if had && !confirmed {
            let message = "the second factor is confirmed already";
            return Err(Error::conflict("second factor", message).into());
        }
        let mut tx = self.code_prove(op, me, code, confirmed).await?;
        let mut codes = Vec::with_capacity(BACKUP_CODES);
        for _ in 0..BACKUP_CODES {
            codes.push(backup_code()?);
        }
        let digests: Vec<Vec<u8>> = codes.iter().filter_map(|code| backup_digest(code)).collect();
        store::second_factor::codes_replace_in_tx(&mut tx, &system, me.user, &digests).await?;
        let verb = if confirmed {
            "second-factor.backup-codes"
        } else {
            "second-factor.confirm"
        };
        audit::record(
            &mut tx,
            &system,
            Entry::ok(verb, "user").object(me.user, &me.email),
        )
        .await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(codes)
    }
}

/// Where a secret is sealed for; moved to another person it does not open.
fn context(user: UserId) -> String {
    format!("kernel.second_factors/{user}/secret")
}

/// Draws a backup code: four groups of four letters and digits.
fn backup_code() -> Result<Zeroizing<String>, Error> {
    let mut octets = Zeroizing::new([0; BACKUP_CODE_OCTETS]);
    getrandom::fill(octets.as_mut())
        .map_err(|source| Error::internal("drawing a backup code", source.to_string()))?;
    let text = base32(octets.as_slice());
    let mut code = Zeroizing::new(String::with_capacity(BACKUP_CODE_CHARS + 3));
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(letter.to_ascii_lowercase());
    }
    Ok(code)
}

/// What is stored of a backup code; `None` when it cannot be one.
fn backup_digest(code: &str) -> Option<Vec<u8>> {
    let plain: Zeroizing<String> = Zeroizing::new(
        code.chars()
            .filter(|one| !one.is_whitespace() && *one != '-')
            .take(BACKUP_CODE_CHARS + 1)
            .map(|one| one.to_ascii_lowercase())
            .collect(),
    );
    (plain.len() == BACKUP_CODE_CHARS).then(|| Sha256::digest(plain.as_bytes()).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_code_is_read_as_people_write_it() {
        let code = backup_code().expect("randomness");
        assert_eq!(code.len(), 19);
        let digest = backup_digest(&code);
        assert!(digest.is_some());
        assert_eq!(digest, backup_digest(&code.to_uppercase().replace('-', " ")));
        for wrong in ["", "123456", "abcd-efgh", &format!("{}x", &*code)] {
            assert_eq!(backup_digest(wrong), None, "{wrong}");
        }
    }
}
