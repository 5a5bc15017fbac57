//! While a NAS has two secrets: which of them was a request made with?
//!
//! A signature tells, and so does the authenticator of an Accounting-Request. An unsigned Access-Request with PAP tells
//! too: with the other secret the password is no text. Unsigned CHAP and MS-CHAP tell nothing, and the reply must still be
//! made with the right secret: it is made with the one this NAS has used last, as far as a request proved one.
//!
//! A NAS with one secret, and a request made with the current one, cost nothing here: the older one is tried when the
//! current one has failed.

use crate::clock::Now;
use crate::directory::{Nas, SecretAge};
use radius::password::check_pap;
use radius::{MessageAuthenticator, PapCheck, View, kind};

/// What the Message-Authenticator of a request says, and which secret it, or else the request, was made with.
pub(crate) fn signature(nas: &Nas, request: &View<'_>, now: Now) -> (MessageAuthenticator, SecretAge) {
    let signature = nas.secret.check_message_authenticator(request, None);
    let Some(older) = nas.older_secret_at(now.unix_s()) else {
        return (signature, SecretAge::Current);
    };
    match signature {
        MessageAuthenticator::Valid => {
            nas.stats.secret_used(SecretAge::Current, now.unix_ms());
            (signature, SecretAge::Current)
        }
        MessageAuthenticator::Invalid => match older.check_message_authenticator(request, None) {
            MessageAuthenticator::Valid => {
                nas.stats.secret_used(SecretAge::Older, now.unix_ms());
                (MessageAuthenticator::Valid, SecretAge::Older)
            }
            _ => (signature, SecretAge::Current),
        },
        MessageAuthenticator::Absent => (signature, unsigned(nas, request, now)),
        MessageAuthenticator::Malformed => (signature, SecretAge::Current),
    }
}

/// Which secret an Accounting-Request was made with; `None`: neither.
pub(crate) fn request_authenticator(nas: &Nas, request: &View<'_>, now: Now) -> Option<SecretAge> {
    let older = nas.older_secret_at(now.unix_s());
    let age = if nas.secret.check_request_authenticator(request) {
        SecretAge::Current
    } else if older?.check_request_authenticator(request) {
        SecretAge::Older
    } else {
        return None;
    };
    if older.is_some() {
        nas.stats.secret_used(age, now.unix_ms());
    }
    Some(age)
}

/// Which secret an unsigned Access-Request was made with, as far as anybody can tell.
fn unsigned(nas: &Nas, request: &View<'_>, now: Now) -> SecretAge {
    let Some(hidden) = request.first(kind::USER_PASSWORD) else {
        return nas.stats.secret_used_last();
    };
    let garbled = |age| {
        let check = check_pap(nas.secret_of(age), request.authenticator(), hidden, b"");
        check == PapCheck::Garbled
    };
    match (garbled(SecretAge::Current), garbled(SecretAge::Older)) {
        (false, true) => nas.stats.secret_used(SecretAge::Current, now.unix_ms()),
        (true, false) => {
            nas.stats.secret_used(SecretAge::Older, now.unix_ms());
            return SecretAge::Older;
        }
        // Text with both: too short to tell; with neither: a third secret, which the credential's step will say.
        (false, false) | (true, true) => {}
    }
    SecretAge::Current
}
