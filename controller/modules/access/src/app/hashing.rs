//! Makes Argon2id hashes of subscribers' passwords: a few at a time, on threads that may take their time.
//! Never keeps a password, and never lets a flood of new subscribers starve the rest of the program.

use std::sync::Arc;
use std::time::Duration;

use kernel::Error;
use radius_server::password_hash::PasswordHash;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes made at the same time.
const AT_ONCE_MAX: usize = 2;
/// Hashes that are made or wait; more are turned away (about three seconds of work).
const WANTED_MAX: usize = 64;
/// What those turned away are told to wait.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// See the module's words.
pub struct Hashing {
    /// Turns at the processor.
    turns: Arc<Semaphore>,
    /// Places to wait for one.
    places: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            places: Arc::new(Semaphore::new(WANTED_MAX)),
        }
    }
}

impl Hashing {
    /// Makes a hash.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when too many wait; [`Error::Internal`] when the system gives no random octets.
    pub async fn argon2id(&self, password: Zeroizing<Vec<u8>>) -> Result<PasswordHash, Error> {
        let retry_after = BUSY_WAIT;
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::TooManyRequests { retry_after })?;
        let turn = self.turns.clone().acquire_owned().await.map_err(failed)?;
        let made = tokio::task::spawn_blocking(move || {
            // Both end with the work, not with the request: a cancelled one leaves its hash running.
            let _until_done = (place, turn);
            PasswordHash::argon2id(&password)
        });
        made.await
            .map_err(failed)?
            .ok_or_else(|| failed("the system gave no random octets"))
    }
}

/// What only a defect, or a system without randomness, can cause.
fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("hashing a subscriber's password", source)
}
