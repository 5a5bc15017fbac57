//! Passwords of which a slow hash is stored: compared on threads of their own, and remembered once they were right.
//!
//! What is remembered is a tag of who it is, what is stored for him and what he sent, under a key drawn at start. So a
//! login with the same password costs one keyed hash from then on; another password, or another hash after a change, has
//! another tag and is not known. Nobody gets in here but with a right password, so nobody can push others out with wrong
//! ones. Whoever can read this process's memory can guess against the tags quickly; so he can against packets.

use super::credential::{self, Checked, Proven};
use super::{Answer, Asked, Clerk, Entropy, admission};
use crate::decision::{Finding, Found, RejectReason, Step};
use crate::directory::Subscriber;
use crate::later::{Handover, Pool};
use blake2::Blake2sMac;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput as _, KeyInit as _, Update as _};
use radius::kind;
use radius::password::{PAP_LEN_MAX, reveal_pap, without_padding};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// Passwords that are remembered, at most: 4 MiB, taken when the first one was right.
pub const REMEMBERED_MAX: usize = BUCKETS * WAYS;
/// Places in which a subscriber's may be.
const WAYS: usize = 4;
/// Groups of such places.
const BUCKETS: usize = 65_536;
/// Octets of a tag.
const TAG_LEN: usize = 16;

/// A remembered password.
type Tag = [u8; TAG_LEN];
/// The same in memory; two threads that write it at once leave a mixture, which nobody's password has.
type Place = [AtomicU64; 2];

/// What all workers share. See the module's words.
pub struct Hashed {
    /// Who compares.
    pool: Arc<Pool>,
    /// Under which key is remembered; `None`: the system gave no random octets, and nothing is.
    key: Option<Zeroizing<[u8; 32]>>,
    /// What is remembered.
    remembered: OnceLock<Box<[[Place; WAYS]]>>,
}

impl Hashed {
    /// Remembers nothing yet, and has these threads to compare.
    #[must_use]
    pub fn new(pool: Arc<Pool>, entropy: Entropy) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Self {
            pool,
            key: entropy(&mut *key).then_some(key),
            remembered: OnceLock::new(),
        }
    }

    /// Checks PAP against a stored hash: at once when it can be, else by handing the request over.
    pub(super) fn check(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        hidden: &[u8],
        subscriber: &Arc<Subscriber>,
    ) -> Result<(Finding<'static>, Checked), Handover> {
        let Some((hash, text)) = subscriber.password_hash() else {
            return Ok((
                Found::NothingStored,
                Checked::Rejected(RejectReason::NoCredential),
            ));
        };
        let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
        let password = match credential::revealed(asked, hidden, &mut room) {
            Ok(password) => password,
            Err(refused) => return Ok(refused),
        };
        let remembered = hash.is_slow() && self.remembers(subscriber, text, password);
        if remembered {
            let found = Found::HashMatch {
                hash,
                remembered: true,
            };
            return Ok((found, Checked::Passed(Proven::Otherwise)));
        }
        if !hash.is_slow() {
            return Ok(match credential::check_clear(subscriber, password) {
                Ok(found) => (found, Checked::Passed(Proven::Otherwise)),
                Err((found, reason)) => (found, Checked::Rejected(reason)),
            });
        }
        let (hashed, subscriber) = (Arc::clone(self), Arc::clone(subscriber));
        Err(self.pool.handover(move |pending, finisher| {
            finisher.finish(pending, |clerk, asked| {
                (hashed.decide(clerk, asked, subscriber), None)
            });
        }))
    }

    /// Compares, on a thread that may take its time, and decides the rest.
    fn decide(&self, clerk: &mut Clerk<'_>, asked: &Asked<'_>, subscriber: Arc<Subscriber>) -> Answer {
        let hidden = asked.request.first(kind::USER_PASSWORD).unwrap_or_default();
        let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
        let password = reveal_pap(asked.secret(), asked.request.authenticator(), hidden, &mut room);
        let password = password.map(without_padding).unwrap_or_default();
        let (found, refused) = match credential::check_clear(&subscriber, password) {
            Ok(found) => (found, None),
            Err((found, reason)) => (found, Some(reason)),
        };
        clerk.draft.note(Step::Credential, found, refused.is_none());
        if let Some(reason) = refused {
            return Answer::Reject(reason);
        }
        if let Some((_, text)) = subscriber.password_hash() {
            self.remember(&subscriber, text, password);
        }
        admission::answer(clerk.draft, asked, subscriber, Proven::Otherwise)
    }

    /// Whether this password was right before.
    fn remembers(&self, subscriber: &Subscriber, hash: &str, password: &[u8]) -> bool {
        let (Some(buckets), Some(tag)) = (self.remembered.get(), self.tag(subscriber, hash, password)) else {
            return false;
        };
        let mut same = Choice::from(0);
        for place in bucket(buckets, subscriber) {
            let [high, low] = place.each_ref().map(|half| half.load(Ordering::Relaxed));
            let held = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
            same |= held.ct_eq(&tag);
        }
        same.into()
    }

    /// Remembers a password that was right.
    fn remember(&self, subscriber: &Subscriber, hash: &str, password: &[u8]) {
        let Some(tag) = self.tag(subscriber, hash, password) else {
            return;
        };
        let buckets = self
            .remembered
            .get_or_init(|| (0..BUCKETS).map(|_| Default::default()).collect());
        let places = bucket(buckets, subscriber);
        // An empty one, else one that the tag itself chooses.
        let empty = places
            .iter()
            .position(|place| place.iter().all(|half| half.load(Ordering::Relaxed) == 0));
        let at = empty.unwrap_or(usize::from(tag[0]) % WAYS);
        if let (Some(place), Some((high, low))) = (places.get(at), tag.split_first_chunk::<8>()) {
            let low = low.try_into().map_or(0, u64::from_be_bytes);
            place[0].store(u64::from_be_bytes(*high), Ordering::Relaxed);
            place[1].store(low, Ordering::Relaxed);
        }
    }

    /// The tag of a password; `None` without a key.
    fn tag(&self, subscriber: &Subscriber, hash: &str, password: &[u8]) -> Option<Tag> {
        let mut mac = Blake2sMac::<U16>::new_from_slice(&**self.key.as_ref()?).ok()?;
        mac.update(subscriber.id.as_bytes());
        mac.update(hash.as_bytes());
        // No hash has one, so nobody can move the border between hash and password.
        mac.update(&[0]);
        mac.update(password);
        Some(mac.finalize_fixed().into())
    }
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed")
    }
}

/// The places of a subscriber: by the end of his id, which is random.
fn bucket<'b>(buckets: &'b [[Place; WAYS]], subscriber: &Subscriber) -> &'b [Place] {
    let end = subscriber
        .id
        .as_bytes()
        .last_chunk::<8>()
        .copied()
        .unwrap_or_default();
    let at = u64::from_be_bytes(end) % BUCKETS as u64;
    usize::try_from(at)
        .ok()
        .and_then(|at| buckets.get(at))
        .map_or(&[], |bucket| &bucket[..])
}
