//! Whether a reply is genuine: the right kind, for this request, from somebody who knows the secret.
//!
//! The same question for every server. Never forgives: a reply that is not [`Verdict::Good`] is counted by what is wrong.

use radius::{Authenticator, Code, MessageAuthenticator, SharedSecret, View};

/// What a reply turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Genuine and of the expected kind.
    Good,
    /// Genuine, but of another kind, for example a reject.
    OtherCode,
    /// The Response Authenticator is wrong.
    Forged,
    /// The Message-Authenticator is wrong.
    BadMessageAuthenticator,
    /// An answer to an Access-Request without Message-Authenticator.
    Unsigned,
    /// No RADIUS packet.
    Malformed,
}

/// Judges the reply to a request.
pub fn judge(secret: &SharedSecret, request: &[u8], reply: &[u8], expected: Code) -> Verdict {
    let Some(authenticator) = request.get(4..).and_then(|rest| rest.first_chunk::<16>()) else {
        return Verdict::Malformed;
    };
    let Ok(view) = View::parse(reply) else {
        return Verdict::Malformed;
    };
    if Some(&view.identifier()) != request.get(1) || !secret.check_reply_authenticator(&view, authenticator) {
        return Verdict::Forged;
    }
    match signature(secret, &view, authenticator) {
        Verdict::Good if view.code() == expected => Verdict::Good,
        Verdict::Good => Verdict::OtherCode,
        wrong => wrong,
    }
}

/// Judges the Message-Authenticator, which every answer to an Access-Request must carry (CVE-2024-3596).
fn signature(secret: &SharedSecret, reply: &View<'_>, request: &Authenticator) -> Verdict {
    match secret.check_message_authenticator(reply, Some(request)) {
        MessageAuthenticator::Valid => Verdict::Good,
        MessageAuthenticator::Absent if reply.code() == Code::AccountingResponse => Verdict::Good,
        MessageAuthenticator::Absent => Verdict::Unsigned,
        MessageAuthenticator::Invalid | MessageAuthenticator::Malformed => Verdict::BadMessageAuthenticator,
    }
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};
    use radius::{ReplyWriter, RequestWriter, kind};

    use super::*;

    fn request(secret: &SharedSecret) -> Vec<u8> {
        let mut room = [0; 512];
        let mut writer = RequestWriter::access(&mut room, 9, [7; 16]).expect("room");
        writer.reserve_message_authenticator().expect("room");
        writer.text(kind::USER_NAME, "sub-0000001").expect("room");
        writer.finish(secret).to_vec()
    }

    fn reply(secret: &SharedSecret, request: &[u8], code: Code, signed: bool) -> Vec<u8> {
        let mut room = [0; 512];
        let view = View::parse(request).expect("a request");
        let mut writer = ReplyWriter::new(&mut room, code, &view).expect("room");
        if signed {
            writer.reserve_message_authenticator().expect("room");
        }
        writer.u32(kind::SESSION_TIMEOUT, 86_400).expect("room");
        writer.finish(secret).to_vec()
    }

    #[test]
    fn a_genuine_reply_is_good() {
        let secret = SharedSecret::new(b"between us");
        let request = request(&secret);
        let reply = reply(&secret, &request, Code::AccessAccept, true);
        assert_eq!(
            judge(&secret, &request, &reply, Code::AccessAccept),
            Verdict::Good
        );
    }

    #[test]
    fn a_flipped_bit_anywhere_is_caught() {
        let secret = SharedSecret::new(b"between us");
        let request = request(&secret);
        let genuine = reply(&secret, &request, Code::AccessAccept, true);
        for bit in 0..genuine.len() * 8 {
            let mut flipped = genuine.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let verdict = judge(&secret, &request, &flipped, Code::AccessAccept);
            assert!(
                !matches!(verdict, Verdict::Good | Verdict::OtherCode),
                "bit {bit}: {verdict:?}"
            );
        }
    }

    /// Puts a Response Authenticator that is right over whatever stands in the reply.
    fn authenticate(secret: &[u8], request: &[u8], reply: &mut [u8]) {
        let digest = Md5::new()
            .chain_update(&reply[..4])
            .chain_update(&request[4..20])
            .chain_update(&reply[20..])
            .chain_update(secret)
            .finalize();
        reply[4..20].copy_from_slice(&digest);
    }

    #[test]
    fn a_wrong_message_authenticator_is_caught_also_when_the_response_authenticator_is_right() {
        let secret = SharedSecret::new(b"between us");
        let request = request(&secret);
        let mut reply = reply(&secret, &request, Code::AccessAccept, true);
        authenticate(b"between us", &request, &mut reply);
        assert_eq!(
            judge(&secret, &request, &reply, Code::AccessAccept),
            Verdict::Good
        );
        reply[22] ^= 1;
        authenticate(b"between us", &request, &mut reply);
        let verdict = judge(&secret, &request, &reply, Code::AccessAccept);
        assert_eq!(verdict, Verdict::BadMessageAuthenticator);
    }

    #[test]
    fn a_genuine_reject_is_told_from_an_accept() {
        let secret = SharedSecret::new(b"between us");
        let request = request(&secret);
        let reject = reply(&secret, &request, Code::AccessReject, true);
        assert_eq!(
            judge(&secret, &request, &reject, Code::AccessAccept),
            Verdict::OtherCode
        );
    }

    #[test]
    fn an_unsigned_accept_is_not_good_and_an_unsigned_accounting_response_is() {
        let secret = SharedSecret::new(b"between us");
        let access = request(&secret);
        let accept = reply(&secret, &access, Code::AccessAccept, false);
        assert_eq!(
            judge(&secret, &access, &accept, Code::AccessAccept),
            Verdict::Unsigned
        );
        let response = reply(&secret, &access, Code::AccountingResponse, false);
        let verdict = judge(&secret, &access, &response, Code::AccountingResponse);
        assert_eq!(verdict, Verdict::Good);
    }
}
