//! Must this request be signed, and is it? (Message-Authenticator, RFC 3579 section 3.2; CVE-2024-3596.)
//! A pure table of cases; what was learned about a NAS comes in as an argument.

use crate::decision::{DropReason, Finding, Found};
use crate::directory::{ProxyState, Require, SecretAge};
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
    /// What the NAS is set to about that.
    pub(super) limit: Require,
    /// What it has shown about that, this request included.
    pub(super) shown: Option<ProxyState>,
    /// Which of its secrets the request was made with.
    pub(super) secret_age: SecretAge,
}

/// What to say about a signature, and why the request is dropped, if it is.
pub(super) fn judge(
    signature: MessageAuthenticator,
    case: Circumstances,
) -> (Finding<'static>, Option<DropReason>) {
    let missing = Some(DropReason::MessageAuthenticatorMissing);
    match (signature, case.require) {
        (MessageAuthenticator::Valid, _) if case.secret_age == SecretAge::Older => {
            (Found::SignedWithOlderSecret, None)
        }
        (MessageAuthenticator::Valid, _) => (Found::Signed, None),
        (MessageAuthenticator::Invalid, _) => (Found::SignedWithOtherSecret, Some(DropReason::SecretDiffers)),
        (MessageAuthenticator::Malformed, _) => (
            Found::SignatureMalformed,
            Some(DropReason::MessageAuthenticatorMalformed),
        ),
        // RFC 3579 section 3.1 has such requests discarded in silence, whatever the NAS is set to.
        (MessageAuthenticator::Absent, _) if case.eap => (Found::UnsignedEap, missing),
        (MessageAuthenticator::Absent, Require::Yes) => (Found::UnsignedRequired, missing),
        (MessageAuthenticator::Absent, Require::Auto) if case.seen => (Found::UnsignedSeenBefore, missing),
        (MessageAuthenticator::Absent, require) if case.proxied => match (case.limit, case.shown) {
            (Require::Yes, _) => (Found::UnsignedProxiedLimited, missing),
            (Require::Auto, Some(ProxyState::Needed)) => (Found::UnsignedProxiedNeeded, None),
            (Require::Auto, Some(ProxyState::Limited) | None) => (Found::UnsignedProxied, missing),
            (Require::No, _) => (unsigned_allowed(require), None),
        },
        (MessageAuthenticator::Absent, require) => (unsigned_allowed(require), None),
    }
}

/// What a request that carries no EAP shows about Proxy-State.
pub(super) const fn shown(signature: MessageAuthenticator, proxied: bool) -> Option<ProxyState> {
    match (signature, proxied) {
        (MessageAuthenticator::Absent, true) => Some(ProxyState::Needed),
        (MessageAuthenticator::Absent, false) | (MessageAuthenticator::Valid, _) => Some(ProxyState::Limited),
        // Whoever sent it, it was not proven to be the NAS.
        (MessageAuthenticator::Invalid | MessageAuthenticator::Malformed, _) => None,
    }
}

/// What to say of an unsigned request that passes.
const fn unsigned_allowed(require: Require) -> Finding<'static> {
    match require {
        Require::No => Found::UnsignedNotRequired,
        Require::Yes | Require::Auto => Found::UnsignedNeverSeen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A NAS that is set to `auto` in everything and was never heard before, and a plain request.
    const USUAL: Circumstances = Circumstances {
        require: Require::Auto,
        seen: false,
        eap: false,
        proxied: false,
        limit: Require::Auto,
        shown: None,
        secret_age: SecretAge::Current,
    };

    /// Asserts what is said of an unsigned request, and whether it is dropped.
    #[track_caller]
    fn check_unsigned(case: Circumstances, expect: Finding<'static>, dropped: bool) {
        let reason = dropped.then_some(DropReason::MessageAuthenticatorMissing);
        assert_eq!(
            judge(MessageAuthenticator::Absent, case),
            (expect, reason),
            "{case:?}"
        );
    }

    #[test]
    fn unsigned_requests_pass_only_where_nothing_speaks_against_it() {
        let set = |require, seen, eap| Circumstances {
            require,
            seen,
            eap,
            ..USUAL
        };
        check_unsigned(set(Require::No, true, false), Found::UnsignedNotRequired, false);
        check_unsigned(set(Require::Yes, false, false), Found::UnsignedRequired, true);
        check_unsigned(USUAL, Found::UnsignedNeverSeen, false);
        check_unsigned(set(Require::Auto, true, false), Found::UnsignedSeenBefore, true);
        check_unsigned(set(Require::No, false, true), Found::UnsignedEap, true);
    }

    #[test]
    fn unsigned_proxy_state_passes_where_it_is_allowed_or_where_the_nas_began_with_it() {
        let proxied = |require, limit, shown| Circumstances {
            require,
            proxied: true,
            limit,
            shown,
            ..USUAL
        };
        let (needed, limited) = (Some(ProxyState::Needed), Some(ProxyState::Limited));
        for require in [Require::No, Require::Auto] {
            let allowed = unsigned_allowed(require);
            check_unsigned(proxied(require, Require::No, limited), allowed, false);
            let found = Found::UnsignedProxiedLimited;
            check_unsigned(proxied(require, Require::Yes, needed), found, true);
            let found = Found::UnsignedProxiedNeeded;
            check_unsigned(proxied(require, Require::Auto, needed), found, false);
            check_unsigned(
                proxied(require, Require::Auto, limited),
                Found::UnsignedProxied,
                true,
            );
        }
        let found = Found::UnsignedRequired;
        check_unsigned(proxied(Require::Yes, Require::No, needed), found, true);
        // Once it signs it must, whatever it began with.
        let signs = Circumstances {
            seen: true,
            ..proxied(Require::Auto, Require::Auto, needed)
        };
        check_unsigned(signs, Found::UnsignedSeenBefore, true);
    }

    #[test]
    fn only_a_request_that_may_be_the_nas_shows_anything() {
        use MessageAuthenticator::{Absent, Invalid, Malformed, Valid};
        assert_eq!(shown(Absent, true), Some(ProxyState::Needed));
        assert_eq!(shown(Absent, false), Some(ProxyState::Limited));
        assert_eq!(shown(Valid, true), Some(ProxyState::Limited));
        assert_eq!((shown(Invalid, true), shown(Malformed, false)), (None, None));
    }

    #[test]
    fn a_wrong_signature_is_never_let_through() {
        for require in [Require::No, Require::Yes, Require::Auto] {
            let case = Circumstances { require, ..USUAL };
            assert_eq!(
                judge(MessageAuthenticator::Invalid, case).1,
                Some(DropReason::SecretDiffers)
            );
            let malformed = judge(MessageAuthenticator::Malformed, case).1;
            assert_eq!(malformed, Some(DropReason::MessageAuthenticatorMalformed));
        }
    }
}
