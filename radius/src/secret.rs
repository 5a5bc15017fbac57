//! The shared secret of a NAS, and the three proofs of its knowledge.
//!
//! Compares digests in constant time, never prints the secret, wipes it when dropped. Passwords hidden with it are in
//! [`crate::password`].

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::code::Signing;
use crate::packet::{Authenticator, HEADER_LEN, View};

/// Octets in one block of MD5, hence of an HMAC-MD5 key.
const MD5_BLOCK_LEN: usize = 64;

/// Octets in a Message-Authenticator's value.
pub(crate) const MESSAGE_AUTHENTICATOR_LEN: usize = 16;

/// Octets before the Authenticator field: Code, Identifier, Length.
pub(crate) const AUTHENTICATOR_AT: usize = 4;

/// What the Authenticator field holds while a request is being signed.
const ZEROS: Authenticator = [0; 16];

/// What a NAS and we both know and nobody else should.
///
/// Holds the HMAC-MD5 state with the key already mixed in, which saves two of its four blocks per packet. Prints as
/// `REDACTED`; the octets and the state are wiped when dropped.
#[derive(Clone)]
pub struct SharedSecret {
    /// The secret as configured.
    octets: Zeroizing<Box<[u8]>>,
    /// HMAC-MD5 keyed with `octets`, nothing fed yet.
    hmac: Hmac<Md5>,
}

/// What a packet's Message-Authenticator says about its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageAuthenticator {
    /// There is none.
    Absent,
    /// The sender knows the shared secret and nobody changed the packet on its way.
    Valid,
    /// The digest is wrong: other secret, or a changed packet.
    Invalid,
    /// There are two, or one that is not sixteen octets long.
    Malformed,
}

impl SharedSecret {
    /// Keeps a secret and prepares its HMAC state.
    ///
    /// An empty secret is accepted here; whoever lets people enter one refuses it
    /// (RFC 2865 section 3: the secret MUST NOT be empty).
    pub fn new(octets: &[u8]) -> Self {
        let mut key = Zeroizing::new([0_u8; MD5_BLOCK_LEN]);
        match key.get_mut(..octets.len()) {
            Some(room) => room.copy_from_slice(octets),
            // RFC 2104 section 2: a key longer than a block is hashed first.
            None => {
                for (to, from) in key.iter_mut().zip(Md5::digest(octets)) {
                    *to = from;
                }
            }
        }
        SharedSecret {
            octets: Zeroizing::new(octets.into()),
            hmac: Hmac::new((&*key).into()),
        }
    }

    /// The secret itself, for those who store or hide with it; keep it out of logs.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Verifies the Message-Authenticator.
    ///
    /// The digest covers the packet with zeros in place of the digest and, in the Authenticator field:
    /// of an Access-Request or Status-Server, what stands there; of an Accounting-, CoA- or Disconnect-Request, zeros;
    /// of a reply, `request`: the authenticator of the request it answers. A reply without `request` cannot be
    /// verified and is [`MessageAuthenticator::Invalid`]; for requests the argument is ignored.
    pub fn check_message_authenticator(
        &self,
        packet: &View<'_>,
        request: Option<&Authenticator>,
    ) -> MessageAuthenticator {
        let mut found = packet.message_authenticators();
        let Some((value_at, value)) = found.next() else {
            return MessageAuthenticator::Absent;
        };
        if found.next().is_some() || value.len() != MESSAGE_AUTHENTICATOR_LEN {
            return MessageAuthenticator::Malformed;
        }
        let over = match packet.code().signing() {
            Signing::Random => packet.authenticator(),
            Signing::OverZeros => &ZEROS,
            Signing::OverRequest => match request {
                Some(request) => request,
                None => return MessageAuthenticator::Invalid,
            },
        };
        //= https://www.rfc-editor.org/rfc/rfc3579#section-3.2
        //# When the message integrity check is calculated the signature
        //# string should be considered to be sixteen octets of zero.
        let expected = self.message_authenticator(packet.octets(), over, value_at);
        //= https://www.rfc-editor.org/rfc/rfc3579#section-3.2
        //# A RADIUS server receiving an Access-Request with a
        //# Message-Authenticator attribute present MUST calculate the correct
        //# value of the Message-Authenticator and silently discard the packet
        //# if it does not match the value sent.
        if bool::from(expected.ct_eq(value)) {
            MessageAuthenticator::Valid
        } else {
            MessageAuthenticator::Invalid
        }
    }

    /// Verifies the Request Authenticator of an Accounting-, CoA- or Disconnect-Request.
    ///
    /// Always false for other packets: theirs proves nothing.
    pub fn check_request_authenticator(&self, packet: &View<'_>) -> bool {
        //= https://www.rfc-editor.org/rfc/rfc2866#section-3
        //# The NAS and RADIUS accounting server share a secret.  The Request
        //# Authenticator field in Accounting-Request packets contains a one-
        //# way MD5 hash calculated over a stream of octets consisting of the
        //# Code + Identifier + Length + 16 zero octets + request attributes +
        //# shared secret (where + indicates concatenation).
        packet.code().signing() == Signing::OverZeros
            && bool::from(
                self.authenticator(packet.octets(), &ZEROS)
                    .ct_eq(packet.authenticator()),
            )
    }

    /// Verifies the Response Authenticator of a reply to the request that carried `request`.
    ///
    /// Always false for packets that are no replies.
    pub fn check_reply_authenticator(&self, reply: &View<'_>, request: &Authenticator) -> bool {
        reply.code().is_reply()
            && bool::from(
                self.authenticator(reply.octets(), request)
                    .ct_eq(reply.authenticator()),
            )
    }

    /// MD5 over a packet, with `over` in place of its Authenticator field, and the secret.
    pub(crate) fn authenticator(&self, octets: &[u8], over: &Authenticator) -> Authenticator {
        let (before, after) = around_authenticator(octets);
        Md5::new()
            .chain_update(before)
            .chain_update(over)
            .chain_update(after)
            .chain_update(self.octets())
            .finalize()
            .into()
    }

    /// HMAC-MD5 over a packet, with `over` in place of its Authenticator field and zeros at `value_at`.
    pub(crate) fn message_authenticator(
        &self,
        octets: &[u8],
        over: &Authenticator,
        value_at: usize,
    ) -> [u8; 16] {
        let (before, _) = around_authenticator(octets);
        let attributes = octets.get(HEADER_LEN..value_at).unwrap_or_default();
        let after = octets
            .get(value_at + MESSAGE_AUTHENTICATOR_LEN..)
            .unwrap_or_default();
        self.hmac
            .clone()
            .chain_update(before)
            .chain_update(over)
            .chain_update(attributes)
            .chain_update(ZEROS)
            .chain_update(after)
            .finalize()
            .into_bytes()
            .into()
    }
}

/// The octets of a packet before and after its Authenticator field.
fn around_authenticator(octets: &[u8]) -> (&[u8], &[u8]) {
    (
        octets.get(..AUTHENTICATOR_AT).unwrap_or_default(),
        octets.get(HEADER_LEN..).unwrap_or_default(),
    )
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(REDACTED)")
    }
}

impl PartialEq for SharedSecret {
    /// Compares in constant time, so that finding out whether a secret changed tells nothing about it.
    fn eq(&self, other: &Self) -> bool {
        self.octets().ct_eq(other.octets()).into()
    }
}

impl Eq for SharedSecret {}
