//! Must this request be signed, and is it? (Message-Authenticator, RFC 3579 section 3.2; CVE-2024-3596.)
//! A pure table of cases; what was learned about a NAS comes in as an argument.

use crate::decision::{DropReason, Finding, Found};
use crate::directory::Require;
use radius::MessageAuthenticator;

/// What matters about a request beside its signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// What the NAS is set to.
    pub(super) require: Require,
    /// Whether the NAS has signed before.
    pub(super) seen: bool,
    /// Whether the request carries EAP.
    pub(super) eap: bool,
    /// Whether the request carries Proxy-State, which is where CVE-2024-3596 puts its collision.
    pub(super) proxied: bool,
}

/// What to say about a signature, and why the request is dropped, if it is.
pub(super) fn judge(
    signature: MessageAuthenticator,
    case: Circumstances,
) -> (Finding<'static>, Option<DropReason>) {
    let missing = Some(DropReason::MessageAuthenticatorMissing);
    match (signature, case.require) {
        (MessageAuthenticator::Valid, _) => (Found::Signed, None),
        (MessageAuthenticator::Invalid, _) => (Found::SignedWithOtherSecret, Some(DropReason::SecretDiffers)),
        (MessageAuthenticator::Malformed, _) => (
            Found::SignatureMalformed,
            Some(DropReason::MessageAuthenticatorMalformed),
        ),
        // RFC 3579 section 3.1 has such requests discarded in silence, whatever the NAS is set to.
        (MessageAuthenticator::Absent, _) if case.eap => (Found::UnsignedEap, missing),
        (MessageAuthenticator::Absent, Require::No) => (Found::UnsignedNotRequired, None),
        (MessageAuthenticator::Absent, Require::Yes) => (Found::UnsignedRequired, missing),
        (MessageAuthenticator::Absent, Require::Auto) if case.seen => (Found::UnsignedSeenBefore, missing),
        (MessageAuthenticator::Absent, Require::Auto) if case.proxied => (Found::UnsignedProxied, missing),
        (MessageAuthenticator::Absent, Require::Auto) => (Found::UnsignedNeverSeen, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unsigned request from a NAS set to `require` that has or has not signed before.
    #[track_caller]
    fn check_unsigned(
        require: Require,
        seen: bool,
        eap: bool,
        proxied: bool,
        expect: Finding<'static>,
        dropped: bool,
    ) {
        let case = Circumstances {
            require,
            seen,
            eap,
            proxied,
        };
        let reason = dropped.then_some(DropReason::MessageAuthenticatorMissing);
        assert_eq!(
            judge(MessageAuthenticator::Absent, case),
            (expect, reason),
            "{case:?}"
        );
    }

    #[test]
    fn unsigned_requests_pass_only_where_nothing_speaks_against_it() {
        check_unsigned(Require::No, true, false, true, Found::UnsignedNotRequired, false);
        check_unsigned(Require::Yes, false, false, false, Found::UnsignedRequired, true);
        check_unsigned(
            Require::Auto,
            false,
            false,
            false,
            Found::UnsignedNeverSeen,
            false,
        );
        check_unsigned(Require::Auto, true, false, false, Found::UnsignedSeenBefore, true);
        check_unsigned(Require::Auto, false, false, true, Found::UnsignedProxied, true);
        check_unsigned(Require::No, false, true, false, Found::UnsignedEap, true);
    }

    #[test]
    fn a_wrong_signature_is_never_let_through() {
        for require in [Require::No, Require::Yes, Require::Auto] {
            let case = Circumstances {
                require,
                seen: false,
                eap: false,
                proxied: false,
            };
            assert_eq!(
                judge(MessageAuthenticator::Invalid, case).1,
                Some(DropReason::SecretDiffers)
            );
            let malformed = judge(MessageAuthenticator::Malformed, case).1;
            assert_eq!(malformed, Some(DropReason::MessageAuthenticatorMalformed));
        }
    }
}
