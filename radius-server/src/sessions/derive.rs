//! The id of a session: derived from what the NAS says about it, so that every node and every replay gets the same.
//! No table, no randomness. Who uses it: `table`, and whoever carries the journal into a database.

use crate::class;
use crate::id::{NasId, SessionId};
use radius::attribute::kind;
use radius::packet::View;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Separates these digests from any other use of the same input; a new rule needs a new text.
const DOMAIN: &[u8] = b"headend session 1\0";

impl SessionId {
    /// Derives the id of a session: UUIDv8 over SHA-256 of NAS, Acct-Session-Id and, if `class` is one of ours, the
    /// login it names.
    ///
    /// Acct-Session-Id is unique on its NAS only, and some NAS begin anew after a reboot; see [`crate::class`].
    #[must_use]
    pub fn derive(nas: NasId, acct_session_id: &[u8], class: Option<&[u8]>) -> Self {
        let mut digest = Sha256::new();
        digest.update(DOMAIN);
        digest.update(nas.as_bytes());
        digest.update((acct_session_id.len() as u64).to_le_bytes());
        digest.update(acct_session_id);
        if let Some(login) = class.and_then(class::login) {
            digest.update(login);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let mut octets = [0; 16];
        octets.copy_from_slice(&digest[..16]);
        Self::from_uuid(Uuid::new_v8(octets))
    }
}

/// The id of the session that an Accounting-Request speaks of; `None` when it names none.
#[must_use]
pub fn session_id(nas: NasId, view: &View<'_>) -> Option<SessionId> {
    let acct_session_id = view
        .first(kind::ACCT_SESSION_ID)
        .filter(|value| !value.is_empty())?;
    Some(SessionId::derive(nas, acct_session_id, class::ours(view)))
}
