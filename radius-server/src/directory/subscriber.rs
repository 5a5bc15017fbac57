//! A subscriber as the packet path needs him: how he proves himself, whether he may, and what he gets.
//! It knows nothing of who pays or where he lives.
//!
//! There may be a million of them, so one is a single allocation: the fixed part and, behind it, his texts in a row.

use super::credential::{Credential, CredentialKind, Stored, nt_hash};
use super::name::Name;
use super::plan::Plan;
use crate::id::SubscriberId;
use crate::password_hash::HashKind;
use radius::mschap::NtHash;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use zeroize::Zeroize;

/// The longest text of a subscriber that is kept, in octets. The longest there are, reply attributes, end at half of it;
/// more is cut off.
const TEXT_OCTETS_MAX: usize = 4_096;
/// `expires_at` of a service that does not end by itself.
const NEVER: i64 = i64::MAX;

/// Whether the access service is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It is.
    Active,
    /// Not now; the reason is for the partner's staff, the subscriber never sees it.
    Suspended {
        /// Why, in the partner's words.
        reason: Name,
    },
    /// Not any more.
    Terminated,
}

/// One subscriber as the feeder hands him over.
#[derive(Clone, Debug)]
pub struct SubscriberSpec {
    /// Which one.
    pub id: SubscriberId,
    /// The User-Name he logs in with; compared octet for octet.
    pub username: Name,
    /// Whether he gets service.
    pub state: ServiceState,
    /// Unix seconds at which his service ends by itself; `None`: it does not.
    pub expires_at_unix_s: Option<i64>,
    /// How he proves himself.
    pub credential: Credential,
    /// What he gets.
    pub plan: Arc<Plan>,
    /// Attributes of his own and of his groups, already encoded; they win over the plan's.
    pub reply: Box<[u8]>,
}

/// One subscriber in the directory, as lookups give him out; he never changes, a newer one takes his place.
///
/// Behind the fixed part stand, one after the other, the user name, the credential, the reply attributes and the reason
/// of a suspension, and up to 15 octets of nothing: `T` is an array of one of a few lengths while he is made and a slice
/// ever after. All of it is wiped when he goes.
pub struct Subscriber<T: ?Sized + Zeroize = [u8]> {
    /// Which one.
    pub id: SubscriberId,
    /// What he gets.
    pub plan: Arc<Plan>,
    /// Unix seconds at which his service ends by itself, or [`NEVER`].
    expires_at_unix_s: i64,
    /// Octets of each text, in the order in which they stand.
    lengths: [u16; TEXTS],
    /// Whether he gets service, as [`State`], whether he has rules of his own ([`RULED`]), and whether he used up his
    /// quota ([`USED_UP`]).
    state: AtomicU8,
    /// What the credential's octets are.
    credential: Stored,
    /// The texts.
    texts: T,
}

/// Which text of a subscriber; its place among them.
#[derive(Clone, Copy)]
enum Text {
    /// The User-Name.
    Username = 0,
    /// What he proves himself with.
    Credential = 1,
    /// Encoded attributes.
    Reply = 2,
    /// Why he is suspended.
    Reason = 3,
}

/// How many texts there are.
const TEXTS: usize = 4;

/// Bit beside a [`State`]: the partner has rules about this subscriber.
const RULED: u8 = 0x80;
/// Bit beside a [`State`]: he used up his quota.
const USED_UP: u8 = 0x40;

/// [`ServiceState`] without its reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// See there.
    Active,
    /// See there.
    Suspended,
    /// See there.
    Terminated,
}

/// Whether a subscriber in the directory gets service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service<'s> {
    /// He does.
    Active,
    /// Not now.
    Suspended {
        /// Why, in the partner's words.
        reason: &'s str,
    },
    /// Not any more.
    Terminated,
}

impl Subscriber {
    /// Puts a subscriber together.
    #[must_use]
    pub fn new(spec: &SubscriberSpec) -> Arc<Self> {
        let (state, reason) = match &spec.state {
            ServiceState::Active => (State::Active, ""),
            ServiceState::Suspended { reason } => (State::Suspended, reason.as_str()),
            ServiceState::Terminated => (State::Terminated, ""),
        };
        let (credential, proof) = spec.credential.stored();
        let texts = [spec.username.as_bytes(), proof, &spec.reply, reason.as_bytes()]
            .map(|text| text.get(..TEXT_OCTETS_MAX).unwrap_or(text));
        let mut made = with_room(
            texts.iter().map(|text| text.len()).sum(),
            &Fixed {
                id: spec.id,
                plan: &spec.plan,
                expires_at_unix_s: spec.expires_at_unix_s.unwrap_or(NEVER),
                lengths: texts.map(|text| u16::try_from(text.len()).unwrap_or(u16::MAX)),
                state,
                credential,
            },
        );
        // Copied in only now: moving a subscriber about would leave his password on the stack.
        if let Some(subscriber) = Arc::get_mut(&mut made) {
            let mut rest = &mut subscriber.texts;
            for text in texts {
                let (place, behind) = rest.split_at_mut(text.len());
                place.copy_from_slice(text);
                rest = behind;
            }
        }
        made
    }

    /// The User-Name he logs in with.
    #[must_use]
    pub fn username(&self) -> &str {
        // It came as text, and nothing changes it.
        std::str::from_utf8(self.text(Text::Username)).unwrap_or_default()
    }

    /// The same as octets.
    pub(super) fn username_octets(&self) -> &[u8] {
        self.text(Text::Username)
    }

    /// Whether he gets service.
    #[must_use]
    pub fn service(&self) -> Service<'_> {
        const ACTIVE: u8 = State::Active as u8;
        const SUSPENDED: u8 = State::Suspended as u8;
        match self.state.load(Ordering::Relaxed) & !(RULED | USED_UP) {
            ACTIVE => Service::Active,
            SUSPENDED => Service::Suspended {
                reason: std::str::from_utf8(self.text(Text::Reason)).unwrap_or_default(),
            },
            _ => Service::Terminated,
        }
    }

    /// Whether his partner has rules about him alone.
    #[must_use]
    pub fn is_ruled(&self) -> bool {
        self.state.load(Ordering::Relaxed) & RULED != 0
    }

    /// Whether he used up his quota; until when, his partner knows.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.state.load(Ordering::Relaxed) & USED_UP != 0
    }

    /// Whether anything is asked of admission: by his plan, or about him alone.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.is_ruled() || !self.plan.admission().is_empty()
    }

    /// Says whether his partner has rules about him alone.
    pub(super) fn set_ruled(&self, ruled: bool) {
        self.set(RULED, ruled);
    }

    /// Says whether he used up his quota.
    pub(super) fn set_used_up(&self, used_up: bool) {
        self.set(USED_UP, used_up);
    }

    /// Sets or clears a bit beside the state.
    fn set(&self, bit: u8, set: bool) {
        if set {
            self.state.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.state.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Unix seconds at which his service ends by itself; `None`: it does not.
    #[must_use]
    pub fn expires_at_unix_s(&self) -> Option<i64> {
        (self.expires_at_unix_s != NEVER).then_some(self.expires_at_unix_s)
    }

    /// His password in the clear, for the one place that compares it; `None` when none is stored or it is empty.
    #[must_use]
    pub fn password(&self) -> Option<&[u8]> {
        match self.credential {
            Stored::Clear => Some(self.text(Text::Credential)).filter(|password| !password.is_empty()),
            Stored::NtHash | Stored::Hash | Stored::Nothing => None,
        }
    }

    /// The NT hash of his password, when that is all that is stored.
    #[must_use]
    pub fn nt_hash(&self) -> Option<NtHash> {
        match self.credential {
            Stored::NtHash => nt_hash(self.text(Text::Credential)),
            Stored::Clear | Stored::Hash | Stored::Nothing => None,
        }
    }

    /// Another hash of his password in its normal form, when that is all that is stored, and what it was made with.
    #[must_use]
    pub fn password_hash(&self) -> Option<(HashKind, &str)> {
        match self.credential {
            Stored::Hash => {
                let text = std::str::from_utf8(self.text(Text::Credential)).ok()?;
                Some((HashKind::of(text)?, text))
            }
            Stored::Clear | Stored::NtHash | Stored::Nothing => None,
        }
    }

    /// What kind of credential is stored, if any.
    pub(super) const fn credential_kind(&self) -> Option<CredentialKind> {
        self.credential.kind()
    }

    /// Attributes of his own and of his groups, encoded.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        self.text(Text::Reply)
    }

    /// The same as the feeder handed him over; for whoever writes the directory down.
    #[must_use]
    pub fn spec(&self) -> SubscriberSpec {
        SubscriberSpec {
            id: self.id,
            username: self.username().into(),
            state: match self.service() {
                Service::Active => ServiceState::Active,
                Service::Suspended { reason } => ServiceState::Suspended {
                    reason: reason.into(),
                },
                Service::Terminated => ServiceState::Terminated,
            },
            expires_at_unix_s: self.expires_at_unix_s(),
            credential: Credential::of_stored(self.credential, self.text(Text::Credential)),
            plan: Arc::clone(&self.plan),
            reply: self.reply().into(),
        }
    }

    /// One of the texts.
    fn text(&self, which: Text) -> &[u8] {
        let which = which as usize;
        let length = |at: usize| usize::from(self.lengths[at]);
        let start: usize = (0..which).map(length).sum();
        self.texts.get(start..start + length(which)).unwrap_or_default()
    }
}

impl<T: ?Sized + Zeroize> Drop for Subscriber<T> {
    fn drop(&mut self) {
        self.texts.zeroize();
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("id", &self.id)
            .field("username", &self.username())
            .field("service", &self.service())
            .field("expires_at_unix_s", &self.expires_at_unix_s())
            .field("credential", &"REDACTED")
            .field("plan", &self.plan.name())
            .finish_non_exhaustive()
    }
}

/// What of a subscriber has a fixed size.
struct Fixed<'s> {
    /// See [`Subscriber`]; so are the others.
    id: SubscriberId,
    /// Cloned in.
    plan: &'s Arc<Plan>,
    /// Or [`NEVER`].
    expires_at_unix_s: i64,
    /// In order.
    lengths: [u16; TEXTS],
    /// Without reason.
    state: State,
    /// Without octets.
    credential: Stored,
}

impl Fixed<'_> {
    /// A subscriber with room for so many octets of text.
    fn with<const N: usize>(&self) -> Arc<Subscriber> {
        Arc::new(Subscriber {
            id: self.id,
            plan: Arc::clone(self.plan),
            expires_at_unix_s: self.expires_at_unix_s,
            lengths: self.lengths,
            state: AtomicU8::new(self.state as u8),
            credential: self.credential,
            texts: [0; N],
        })
    }
}

/// A subscriber with room for at least so many octets of text.
///
/// An allocator gives memory in steps of 16 octets, so finer lengths would save nothing; the long ones are rare.
fn with_room(octets: usize, fixed: &Fixed<'_>) -> Arc<Subscriber> {
    macro_rules! first_that_fits {
        ($($length:literal)*) => {
            match octets {
                $(0..=$length => fixed.with::<$length>(),)*
                _ => fixed.with::<{ TEXTS * TEXT_OCTETS_MAX }>(),
            }
        };
    }
    first_that_fits!(14 30 46 62 78 94 110 126 142 158 174 190 206 222 238 254 318 382 510 766 1022 2046 4094 8190)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password_hash::PasswordHash;
    use proptest::prelude::*;
    use uuid::Uuid;

    /// A subscriber with these texts.
    fn spec(username: &str, password: &[u8], reply: &[u8], reason: &str) -> SubscriberSpec {
        SubscriberSpec {
            id: Uuid::from_u128(7).into(),
            username: username.into(),
            state: ServiceState::Suspended {
                reason: reason.into(),
            },
            expires_at_unix_s: Some(-5),
            credential: Credential::Clear(super::super::Secret::new(password)),
            plan: Arc::new(Plan::new("home", Box::default(), None, None)),
            reply: reply.into(),
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_went_in(
            username in ".{1,64}",
            password in prop::collection::vec(any::<u8>(), 1..300),
            reply in prop::collection::vec(any::<u8>(), 0..2048),
            reason in ".{0,200}",
        ) {
            let subscriber = Subscriber::new(&spec(&username, &password, &reply, &reason));
            prop_assert_eq!(subscriber.username(), username);
            prop_assert_eq!(subscriber.password(), Some(&*password));
            prop_assert_eq!(subscriber.reply(), &*reply);
            prop_assert_eq!(subscriber.service(), Service::Suspended { reason: &reason });
            prop_assert_eq!(subscriber.expires_at_unix_s(), Some(-5));
            let again = Subscriber::new(&subscriber.spec());
            prop_assert_eq!(again.password(), subscriber.password());
            prop_assert_eq!(again.username(), subscriber.username());
        }
    }

    #[test]
    fn a_text_beyond_every_bound_is_cut_and_spoils_nothing() {
        let long = vec![b'x'; TEXT_OCTETS_MAX + 100];
        let subscriber = Subscriber::new(&spec("alice", &long, &long, "unpaid"));
        assert_eq!(subscriber.reply().len(), TEXT_OCTETS_MAX);
        assert_eq!(subscriber.service(), Service::Suspended { reason: "unpaid" });
    }

    #[test]
    fn an_ordinary_subscriber_takes_ninety_six_octets() {
        let subscriber = Subscriber::new(&spec("user0000001@isp", b"secret-0000001", b"", ""));
        // With the two counters of an Arc in front and the allocator's word.
        assert_eq!(size_of_val(&*subscriber) + 2 * 8 + 8, 96);
    }

    #[test]
    fn an_nt_hash_comes_back_and_is_no_password() {
        let hash = NtHash::of("open sesame");
        let subscriber = Subscriber::new(&SubscriberSpec {
            credential: Credential::NtHash(hash.clone()),
            ..spec("alice", b"", b"", "")
        });
        assert_eq!(subscriber.nt_hash(), Some(hash.clone()));
        assert_eq!(subscriber.password(), None);
        assert_eq!(subscriber.spec().credential, Credential::NtHash(hash));
    }

    #[test]
    fn a_hash_comes_back_and_is_no_password() {
        let hash = PasswordHash::parse("$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/").expect("a hash");
        let subscriber = Subscriber::new(&SubscriberSpec {
            credential: Credential::Hash(hash.clone()),
            ..spec("alice", b"", b"", "")
        });
        assert_eq!(
            subscriber.password_hash(),
            Some((HashKind::Md5Crypt, hash.expose()))
        );
        assert_eq!((subscriber.password(), subscriber.nt_hash()), (None, None));
        assert_eq!(subscriber.spec().credential, Credential::Hash(hash));
    }

    #[test]
    fn an_empty_password_is_none() {
        assert_eq!(Subscriber::new(&spec("alice", b"", b"", "")).password(), None);
    }
}
