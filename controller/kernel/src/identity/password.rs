//! Passwords: Argon2id on a bounded number of threads.
//! Never stores or logs a password, and never lets logins starve the rest of the program: work that does not fit the
//! bounds is turned away with a time to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::Error;

/// The shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The longest password, in characters; a bound on work, far above any passphrase.
pub const PASSWORD_CHARS_MAX: usize = 200;
/// Memory of one hash, in KiB: 19 MiB, with [`PASSES`] what OWASP names as its second choice; 42 ms measured.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Hashes computed at the same time.
const AT_ONCE_MAX: usize = 2;
/// Hashes waiting for their turn; more are turned away (about three seconds of work).
const WAITING_MAX: usize = 64;
/// What those turned away are told to wait.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Hashes and verifies passwords. Clones share the bounds.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// Turns at the processor.
    turns: Arc<Semaphore>,
    /// How many have or want a turn.
    wanted: Arc<AtomicUsize>,
    /// Hashes computed so far.
    computed: Arc<AtomicU64>,
    /// A hash nobody's password verifies against; unknown accounts cost as much as known ones.
    decoy: Arc<str>,
}

/// Takes itself out of the count when dropped, also when the request is cancelled.
struct Wanted(Arc<AtomicUsize>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Passwords {
    /// Prepares the bounds and the decoy.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn new() -> Result<Self, Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|source| internal(source.to_string()))?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            wanted: Arc::new(AtomicUsize::new(0)),
            computed: Arc::new(AtomicU64::new(0)),
            decoy: hash(&random)?.into(),
        })
    }

    /// Hashes a new password into a PHC string.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when too many wait already.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, Error> {
        self.in_turn(move || hash(password.as_bytes())).await
    }

    /// Whether the password is the one behind `stored`; without a stored hash the same work is done in vain.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when too many wait already; [`Error::Internal`] when the stored hash is no PHC string.
    pub async fn verify(&self, password: Zeroizing<String>, stored: Option<String>) -> Result<bool, Error> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        let same = self.in_turn(move || verify(password.as_bytes(), &stored)).await?;
        Ok(same && known)
    }

    /// Hashes computed so far, in vain or not; for metrics.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread when its turn comes.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let before = self.wanted.fetch_add(1, Ordering::AcqRel);
        let _wanted = Wanted(self.wanted.clone());
        if before >= AT_ONCE_MAX + WAITING_MAX {
            return Err(Error::TooManyRequests {
                retry_after: BUSY_WAIT,
            });
        }
        self.computed.fetch_add(1, Ordering::Relaxed);
        let turn = self.turns.clone().acquire_owned().await.map_err(internal)?;
        tokio::task::spawn_blocking(move || {
            // The turn ends with the work, not with the request: a cancelled request leaves its hash running.
            let _turn = turn;
            work()
        })
        .await
        .map_err(internal)?
    }
}

/// Argon2id with our parameters.
fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|source| internal(source.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// One hash with a fresh salt.
fn hash(password: &[u8]) -> Result<String, Error> {
    let made: PasswordHash = argon2()?
        .hash_password(password)
        .map_err(|source| internal(source.to_string()))?;
    Ok(made.to_string())
}

/// One comparison with a PHC string, by the parameters written in it.
fn verify(password: &[u8], stored: &str) -> Result<bool, Error> {
    let stored = PasswordHash::new(stored).map_err(|source| internal(source.to_string()))?;
    Ok(argon2()?.verify_password(password, &stored).is_ok())
}

/// What only a defect can cause.
fn internal(source: impl Into<crate::error::BoxError>) -> Error {
    Error::internal("hashing a password", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn the_right_password_verifies_and_another_does_not() {
        let passwords = Passwords::new().expect("randomness");
        let stored = passwords
            .hash(clear("correct horse battery"))
            .await
            .expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(
            passwords
                .verify(clear("correct horse battery"), Some(stored.clone()))
                .await
                .expect("verified")
        );
        assert!(
            !passwords
                .verify(clear("correct horse batterz"), Some(stored))
                .await
                .expect("verified")
        );
    }

    #[tokio::test]
    async fn without_a_stored_hash_nothing_verifies() {
        let passwords = Passwords::new().expect("randomness");
        assert!(
            !passwords
                .verify(clear("anything at all"), None)
                .await
                .expect("verified")
        );
    }

    #[tokio::test]
    async fn more_than_the_bound_are_turned_away_and_the_count_returns_to_zero() {
        let passwords = Passwords::new().expect("randomness");
        passwords
            .wanted
            .store(AT_ONCE_MAX + WAITING_MAX, Ordering::Release);
        let refused = passwords.hash(clear("correct horse battery")).await;
        assert!(matches!(refused, Err(Error::TooManyRequests { .. })));
        passwords.wanted.store(0, Ordering::Release);
        passwords
            .hash(clear("correct horse battery"))
            .await
            .expect("room again");
        assert_eq!(passwords.wanted.load(Ordering::Acquire), 0);
    }
}
