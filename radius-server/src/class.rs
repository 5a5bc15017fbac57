//! The Class we put into an Access-Accept and meet again in accounting: which decision it was, and which login.
//! Never a secret and never trusted as one: whoever knows the shared secret may send any.
//!
//! ```text
//! | "hd1" | decision id (16 octets) | login (8 octets) |
//! ```
//!
//! *Login* tells two sessions apart whose NAS gave them the same Acct-Session-Id, as some do that count from 1 after a
//! reboot. A NAS that names its session already in the Access-Request (802.1X ports do) asks again in the middle of it,
//! to re-authenticate, and gets a new Class; it must stay the same session, so its login is eight zero octets.
//! Who reads it: [`crate::sessions`].

use crate::id::DecisionId;
use radius::attribute::kind;
use radius::packet::View;

/// What every Class of ours begins with; another layout needs another one.
pub const PREFIX: &[u8; 3] = b"hd1";
/// Octets of the login.
const LOGIN_LEN: usize = 8;
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

/// The Class for an Access-Accept that answers `request`.
#[must_use]
pub fn for_login(decision: DecisionId, request: &View<'_>) -> [u8; LEN] {
    let mut class = [0; LEN];
    class[..HEAD_LEN].copy_from_slice(&head(decision));
    let names_session = request
        .first(kind::ACCT_SESSION_ID)
        .is_some_and(|id| !id.is_empty());
    if !names_session {
        // The end of a UUIDv7 is its random part.
        class[HEAD_LEN..].copy_from_slice(&decision.as_bytes()[16 - LOGIN_LEN..]);
    }
    class
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

/// Which login a Class is about; `None` when it is not ours.
pub(crate) fn login(class: &[u8]) -> Option<&[u8]> {
    (class.len() == LEN && class.starts_with(PREFIX)).then(|| &class[HEAD_LEN..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use radius::RequestWriter;
    use uuid::Uuid;

    const DECISION: DecisionId =
        DecisionId::from_uuid(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));

    /// The Class that answers a request with or without this Acct-Session-Id.
    fn class(acct_session_id: Option<&str>) -> [u8; LEN] {
        let mut buf = [0; 128];
        let mut writer = RequestWriter::access(&mut buf, 1, [7; 16]).unwrap();
        if let Some(id) = acct_session_id {
            writer.text(kind::ACCT_SESSION_ID, id).unwrap();
        }
        let octets = writer.finish(&radius::SharedSecret::new(b"secret"));
        for_login(DECISION, &View::parse(octets).unwrap())
    }

    #[test]
    fn a_class_begins_with_its_decision() {
        assert_eq!(class(None)[..HEAD_LEN], head(DECISION));
        assert_eq!(class(None)[PREFIX.len()..HEAD_LEN], *DECISION.as_bytes());
    }

    #[test]
    fn a_login_is_told_apart_only_where_the_nas_has_not_named_its_session() {
        assert_eq!(login(&class(None)), Some(&DECISION.as_bytes()[8..]));
        assert_eq!(login(&class(Some("5F3A"))), Some(&[0; 8][..]));
        assert_eq!(login(&class(Some(""))), login(&class(None)));
    }

    #[test]
    fn a_class_of_another_length_or_beginning_is_not_ours() {
        assert_eq!(login(b"hd1"), None);
        assert_eq!(login(&[b'x'; LEN]), None);
        assert_eq!(login(&class(None)[..LEN - 1]), None);
    }
}
