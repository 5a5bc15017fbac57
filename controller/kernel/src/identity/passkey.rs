//! Passkeys: a key in a person's device in place of a password. Made known, listed, removed; sign in and prove by them.
//! Never asks who made the device, never knows a private key, and never lets a found open screen bind a new device: both
//! making one known and removing one want a recent proof.
//!
//! A device verifies its user by PIN or finger, so a login by passkey is a second factor in itself and no code is asked for.
//! What browser and device say is read by [`super::webauthn`]; challenges are [`super::challenge`]'s.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::challenge::{self, Purpose};
use super::second_factor::{Myself, ProofError};
use super::session::{How, SignedIn};
use super::store::passkey::PasskeyRow;
use super::webauthn::client_data::ClientData;
use super::webauthn::{self, Party, PasskeyError};
use super::{Identity, store};
use crate::audit::{self, Entry};
use crate::database::Tx;
use crate::error::Error;
use crate::id::{PasskeyId, UserId};
use crate::op::OpContext;
use crate::tenancy::Name;

/// Most passkeys one person has.
pub const PASSKEYS_MAX: usize = 20;

/// A passkey as its owner sees it.
#[derive(Debug, Clone)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// What he calls it.
    pub name: String,
    /// Whether its maker's cloud copies it to other devices.
    pub backed_up: bool,
    /// When it was made known.
    pub created_at: OffsetDateTime,
    /// When it last proved something.
    pub last_used_at: Option<OffsetDateTime>,
    /// How its device calls it.
    pub credential_id: Vec<u8>,
}

/// What a browser needs to make a key.
#[derive(Debug, Clone)]
pub struct CreationOptions {
    /// The name it will be bound to.
    pub party: Party,
    /// To be signed.
    pub challenge: String,
    /// For whom.
    pub user: UserId,
    /// His account's name.
    pub email: String,
    /// Keys he has, so that one device is not made known twice.
    pub known: Vec<Vec<u8>>,
}

/// What a browser needs to prove by a key.
#[derive(Debug, Clone)]
pub struct RequestOptions {
    /// The name the key is bound to.
    pub party: Party,
    /// To be signed.
    pub challenge: String,
    /// The keys that would do; none: whichever the device has for us.
    pub allowed: Vec<Vec<u8>>,
}

/// What a browser sends of a new key.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What it saw.
    pub client_data: Vec<u8>,
    /// What the device said.
    pub attestation: Vec<u8>,
}

/// What a browser sends of a proof.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// Which key.
    pub credential_id: Vec<u8>,
    /// What it saw.
    pub client_data: Vec<u8>,
    /// What the device said.
    pub authenticator_data: Vec<u8>,
    /// Over both.
    pub signature: Vec<u8>,
    /// Whose key it is, where the device knows it.
    pub user_handle: Option<Vec<u8>>,
}

impl Identity {
    /// Lists one's own.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn passkey_list(&self, op: &OpContext, me: &Myself) -> Result<Vec<Passkey>, Error> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        store::passkey::passkey_list_in_tx(&mut tx, &system, me.user).await
    }

    /// Begins to make one known.
    ///
    /// # Errors
    /// [`ProofError::ProofRequired`]; [`Error::Conflict`] when there are too many, or when browsers reach us by no name.
    pub async fn passkey_begin(&self, op: &OpContext, me: &Myself) -> Result<CreationOptions, ProofError> {
        self.check_proved(me)?;
        let party = self.party()?;
        let known = self.passkey_list(op, me).await?;
        check_count(known.len())?;
        Ok(CreationOptions {
            party,
            challenge: challenge::draw(&self.sealer, Purpose::Register(me.user), self.clock.now())?,
            user: me.user,
            email: me.email.clone(),
            known: known.into_iter().map(|key| key.credential_id).collect(),
        })
    }

    /// Makes one known.
    ///
    /// # Errors
    /// As [`Identity::passkey_begin`]; [`Error::Invalid`] when it does not prove itself; [`Error::Conflict`] when it is known.
    pub async fn passkey_add(
        &self,
        op: &OpContext,
        me: &Myself,
        name: &str,
        registration: &Registration,
    ) -> Result<Passkey, ProofError> {
        self.check_proved(me)?;
        let name: Name = name
            .parse()
            .map_err(|rule| Error::invalid("/name", format!("{rule}")))?;
        let party = self.party()?;
        let wrong = |error: PasskeyError| Error::invalid("/credential", error.to_string());
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        self.challenge_spend(
            &mut tx,
            &system,
            Purpose::Register(me.user),
            &registration.client_data,
        )
        .await?
        .map_err(wrong)?;
        let key = webauthn::register(&party, &registration.client_data, &registration.attestation)
            .map_err(wrong)?;
        store::passkey::owner_lock_in_tx(&mut tx, &system, me.user).await?;
        let known = store::passkey::passkey_list_in_tx(&mut tx, &system, me.user).await?;
        check_count(known.len())?;
        let passkey =
            store::passkey::passkey_insert_in_tx(&mut tx, &system, me.user, name.as_str(), &key).await?;
        let entry = Entry::ok("passkey.add", "user")
            .object(me.user, &me.email)
            .after(json!({ "passkey": passkey.id, "name": passkey.name, "backed_up": passkey.backed_up }));
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(passkey)
    }

    /// Removes one of one's own.
    ///
    /// # Errors
    /// [`ProofError::ProofRequired`]; [`Error::NotFound`].
    pub async fn passkey_remove(&self, op: &OpContext, me: &Myself, id: PasskeyId) -> Result<(), ProofError> {
        self.check_proved(me)?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let name = store::passkey::passkey_remove_in_tx(&mut tx, &system, me.user, id)
            .await?
            .ok_or_else(|| Error::not_found("passkey", id))?;
        let entry = Entry::ok("passkey.remove", "user")
            .object(me.user, &me.email)
            .before(json!({ "passkey": id, "name": name }));
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Begins a login. Anybody may ask; nothing is written.
    ///
    /// # Errors
    /// [`Error::Conflict`] when browsers reach us by no name.
    pub fn passkey_login_begin(&self) -> Result<RequestOptions, Error> {
        Ok(RequestOptions {
            party: self.party()?,
            challenge: challenge::draw(&self.sealer, Purpose::Login, self.clock.now())?,
            allowed: Vec::new(),
        })
    }

    /// Signs a person in by a passkey.
    ///
    /// # Errors
    /// [`ProofError::Passkey`]; [`Error::TooManyRequests`] when too many of this address failed.
    pub async fn session_open_by_passkey(
        &self,
        op: &OpContext,
        assertion: &Assertion,
        user_agent: Option<&str>,
    ) -> Result<SignedIn, ProofError> {
        let address = op.source_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.throttle
            .lock()
            .begin_address(self.clock.instant(), address)
            .map_err(|retry_after| Error::TooManyRequests { retry_after })?;
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let key = self
            .assertion_count_in_tx(&mut tx, &system, Purpose::Login, None, assertion)
            .await?;
        match key {
            Ok(key) => {
                tx.commit().await.map_err(Error::from)?;
                self.throttle.lock().succeeded_address(address);
                Ok(self.session_begin(op, key.user, user_agent, How::Passkey).await?)
            }
            Err((error, key)) => {
                drop(tx);
                let user = key.map(|key| key.user);
                let id = user.as_ref().map(|user| user.id.to_string()).unwrap_or_default();
                let email = user.map(|user| user.email).unwrap_or_default();
                let entry = Entry::refused("session.login", "user")
                    .object(id, email)
                    .reason(format!("passkey: {error}"));
                audit::record_alone(&self.db, &system, entry).await?;
                Err(ProofError::Passkey(error))
            }
        }
    }

    /// Begins to prove again, by a passkey of one's own, who holds the session.
    ///
    /// # Errors
    /// [`Error::Conflict`] without one.
    pub async fn passkey_prove_begin(&self, op: &OpContext, me: &Myself) -> Result<RequestOptions, Error> {
        let known = self.passkey_list(op, me).await?;
        if known.is_empty() {
            return Err(Error::conflict(
                "passkey",
                "there is no passkey; make one known first",
            ));
        }
        Ok(RequestOptions {
            party: self.party()?,
            challenge: challenge::draw(&self.sealer, Purpose::Prove(me.session), self.clock.now())?,
            allowed: known.into_iter().map(|key| key.credential_id).collect(),
        })
    }

    /// Proves it.
    ///
    /// # Errors
    /// [`ProofError::Passkey`].
    pub async fn session_prove_by_passkey(
        &self,
        op: &OpContext,
        me: &Myself,
        assertion: &Assertion,
    ) -> Result<(), ProofError> {
        let system = self.on_behalf(op);
        let mut tx = self.db.begin(&system).await?;
        let purpose = Purpose::Prove(me.session);
        let counted = self
            .assertion_count_in_tx(&mut tx, &system, purpose, Some(me.user), assertion)
            .await?;
        if let Err((error, _)) = counted {
            drop(tx);
            let entry = Entry::refused("session.prove", "user")
                .object(me.user, &me.email)
                .reason(format!("passkey: {error}"));
            audit::record_alone(&self.db, &system, entry).await?;
            return Err(ProofError::Passkey(error));
        }
        store::session::session_proved_in_tx(&mut tx, &system, me.session, self.clock.now()).await?;
        let entry = Entry::ok("session.prove", "user")
            .object(me.user, &me.email)
            .reason(format!("session {}, by passkey", me.session));
        audit::record(&mut tx, &system, entry).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Whether an assertion counts, and uses its challenge up; with the key, where that is known, when it does not.
    async fn assertion_count_in_tx(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        purpose: Purpose,
        only: Option<UserId>,
        assertion: &Assertion,
    ) -> Result<Result<PasskeyRow, (PasskeyError, Option<PasskeyRow>)>, Error> {
        let party = self.party()?;
        if let Err(error) = self
            .challenge_spend(tx, op, purpose, &assertion.client_data)
            .await?
        {
            return Ok(Err((error, None)));
        }
        let key = store::passkey::passkey_lock_in_tx(tx, op, &assertion.credential_id).await?;
        let handle_fits = |key: &PasskeyRow| {
            assertion
                .user_handle
                .as_ref()
                .is_none_or(|handle| handle.as_slice() == key.user.id.as_uuid().as_bytes())
        };
        let fits = |key: &PasskeyRow| {
            key.user.is_active() && only.is_none_or(|only| key.user.id == only) && handle_fits(key)
        };
        let key = match key {
            Some(key) if fits(&key) => key,
            other => return Ok(Err((PasskeyError::Unknown, other))),
        };
        let signed = webauthn::verify(
            &party,
            &key.public_key,
            &assertion.client_data,
            &assertion.authenticator_data,
            &assertion.signature,
        );
        let signed = match signed {
            Ok(signed) => signed,
            Err(error) => return Ok(Err((error, Some(key)))),
        };
        let stored = u32::try_from(key.sign_count)
            .map_err(|source| Error::internal("reading a passkey's counter", source))?;
        if !webauthn::counter_is_plausible(stored, signed.sign_count) {
            return Ok(Err((PasskeyError::Copied, Some(key))));
        }
        let now = self.clock.now();
        store::passkey::passkey_used_in_tx(tx, op, key.id, signed.sign_count, signed.backed_up, now).await?;
        Ok(Ok(key))
    }

    /// Looks whether a challenge is ours and for this, and uses it up.
    async fn challenge_spend(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        purpose: Purpose,
        client_data: &[u8],
    ) -> Result<Result<(), PasskeyError>, Error> {
        let data = match ClientData::read(client_data) {
            Ok(data) => data,
            Err(error) => return Ok(Err(error)),
        };
        let now = self.clock.now();
        let text = URL_SAFE_NO_PAD
            .decode(&data.challenge)
            .ok()
            .and_then(|octets| String::from_utf8(octets).ok());
        let until = text
            .as_deref()
            .and_then(|text| challenge::read(&self.sealer, purpose, text, now));
        let (Some(text), Some(until)) = (text, until) else {
            return Ok(Err(PasskeyError::Challenge));
        };
        let digest = Sha256::digest(text.as_bytes());
        let fresh = store::challenge::challenge_spend_in_tx(tx, op, &digest, until, now).await?;
        Ok(fresh.then_some(()).ok_or(PasskeyError::Challenge))
    }

    /// Who we are to browsers.
    fn party(&self) -> Result<Party, Error> {
        Party::of(&self.settings.public_url).ok_or_else(|| {
            let message = format!(
                "passkeys are bound to a name, and browsers reach us by {}; set http.public_url to one with a host name",
                self.settings.public_url
            );
            Error::conflict("passkey", message)
        })
    }
}

/// Refuses one more than there may be.
fn check_count(known: usize) -> Result<(), Error> {
    if known < PASSKEYS_MAX {
        return Ok(());
    }
    let message = format!("there are {PASSKEYS_MAX} passkeys already; remove one first");
    Err(Error::conflict("passkey", message))
}
