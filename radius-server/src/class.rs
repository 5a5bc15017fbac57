//! The Class we put into an Access-Accept and meet again in accounting: which decision it was, and which login.
//! Never a secret and never trusted as one: whoever knows the shared secret may send any.
//!
//! ```text
//! | "hd1" | decision id (16 octets) | login (8 octets) |
//! ```
//!
//! *Login* tells two sessions apart whose NAS gave them the same Acct-Session-Id. Some NAS count from 1 after a reboot;
//! hostapd gives a port that logs in again the id of the session before. A NAS that names its session in the
//! Access-Request also asks again in the middle of it, to re-authenticate, and gets a new Class; it must stay the same
//! session, so the login of the open session of that name is repeated. Who reads it: [`crate::sessions`].

use crate::id::DecisionId;
use radius::attribute::kind;
use radius::packet::View;

/// What every Class of ours begins with; another layout needs another one.
pub const PREFIX: &[u8; 3] = b"hd1";
/// Octets of the login.
const LOGIN_LEN: usize = 8;
/// Names one login of a NAS's session id.
pub type Login = [u8; LOGIN_LEN];
/// Octets before the login.
const HEAD_LEN: usize = PREFIX.len() + 16;
/// Octets of a whole Class.
pub const LEN: usize = HEAD_LEN + LOGIN_LEN;

/// The first octets of every Class that this decision hands out; what a database joins on.
#[must_use]
pub fn head(decision: DecisionId) -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..PREFIX.len()].copy_from_slice(PREFIX);
    head[PREFIX.len()..].copy_from_slice(decision.as_bytes());
    head
}

/// The Class for an Access-Accept: with the login of the session that goes on, or with a new one.
#[must_use]
pub fn for_login(decision: DecisionId, going_on: Option<Login>) -> [u8; LEN] {
    let mut class = [0; LEN];
    class[..HEAD_LEN].copy_from_slice(&head(decision));
    match going_on {
        Some(login) => class[HEAD_LEN..].copy_from_slice(&login),
        // The end of a UUIDv7 is its random part.
        None => class[HEAD_LEN..].copy_from_slice(&decision.as_bytes()[16 - LOGIN_LEN..]),
    }
    class
}

/// The Class of a login that goes on under something newer than the decision that let it in; `None` when it is not ours.
#[must_use]
pub fn renewed(class: &[u8], newer: DecisionId) -> Option<[u8; LEN]> {
    Some(for_login(newer, Some(login(class)?)))
}

/// The Class of a packet that is ours, if the NAS sent it back.
#[must_use]
pub fn ours<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    let mut classes = view
        .attributes()
        .filter(|attribute| attribute.kind == kind::CLASS);
    classes
        .find(|class| login(class.value).is_some())
        .map(|class| class.value)
}

/// When the login of a Class was decided, in Unix milliseconds by our clock; `None` when it is not ours.
#[must_use]
pub fn decided_unix_ms(class: &[u8]) -> Option<i64> {
    login(class)?;
    // A UUIDv7 begins with its time.
    let [a, b, c, d, e, f] = *class.get(PREFIX.len()..)?.first_chunk()?;
    Some(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// Which login a Class is about; `None` when it is not ours.
pub(crate) fn login(class: &[u8]) -> Option<Login> {
    let ours = class.len() == LEN && class.starts_with(PREFIX);
    class.last_chunk().copied().filter(|_| ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const DECISION: DecisionId =
        DecisionId::from_uuid(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));

    #[test]
    fn a_class_begins_with_its_decision() {
        let class = for_login(DECISION, None);
        assert_eq!(class[..HEAD_LEN], head(DECISION));
        assert_eq!(class[PREFIX.len()..HEAD_LEN], *DECISION.as_bytes());
    }

    #[test]
    fn a_new_login_is_its_own_and_one_that_goes_on_is_repeated() {
        assert_eq!(
            login(&for_login(DECISION, None)).as_ref(),
            DECISION.as_bytes().last_chunk()
        );
        assert_eq!(
            login(&for_login(DECISION, Some(*b"going on"))),
            Some(*b"going on")
        );
    }

    #[test]
    fn a_renewed_class_is_of_the_same_login() {
        let class = for_login(DecisionId::from_uuid(Uuid::from_u128(7)), None);
        let renewed = renewed(&class, DECISION).expect("ours");
        assert_eq!(login(&renewed), login(&class));
        assert_eq!(renewed[..HEAD_LEN], head(DECISION));
        assert_eq!(super::renewed(b"hd1", DECISION), None);
    }

    #[test]
    fn a_class_says_when_it_was_decided() {
        assert_eq!(
            decided_unix_ms(&for_login(DECISION, None)),
            Some(0x0123_4567_89ab)
        );
        assert_eq!(decided_unix_ms(b"somebody else's"), None);
    }

    #[test]
    fn a_class_of_another_length_or_beginning_is_not_ours() {
        assert_eq!(login(b"hd1"), None);
        assert_eq!(login(&[b'x'; LEN]), None);
        assert_eq!(login(&for_login(DECISION, None)[..LEN - 1]), None);
    }
}
