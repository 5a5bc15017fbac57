//! RADIUS/1.1 (RFC 9765), to and from the packets everything else here knows.
//!
//! On a TLS connection that negotiated it, a packet has a token in place of Identifier and Authenticator, no
//! Message-Authenticator, and nothing is hidden. [`request_in`] and [`reply_in`] give such a packet an Identifier, digests
//! and hidden passwords made with a secret that never leaves the process; [`request_out`] and [`reply_out`] take them off.
//! So a pipeline or a proxy need not know what was spoken on the wire. Never draws a token, an authenticator or a salt.
//!
//! Hidden are User-Password, Tunnel-Password and Microsoft's MPPE keys; other attributes that a vendor hides are
//! carried as they are.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Reserved-1   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                             Token                             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   Reserved-2 (12 octets)                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Attributes ...
//! +-+-+-+-+-+-+-+-
//! ```

use zeroize::Zeroizing;

use crate::attribute::{Attribute, VALUE_LEN_MAX, kind};
use crate::code::{Code, Signing};
use crate::packet::{ATTRIBUTES_MAX, Authenticator, DecodeError, HEADER_LEN, PACKET_LEN_MAX, View};
use crate::password::{self, PAP_LEN_MAX};
use crate::salt::{self, HIDDEN_LEN_MAX, Salt};
use crate::secret::SharedSecret;
use crate::writer::{ReplyWriter, RequestWriter, WriteError};

/// Octets of Vendor-Specific before the vendor's value: vendor number, type, length.
const VENDOR_HEADER_LEN: usize = 6;
/// Microsoft's number.
const MICROSOFT: u32 = 311;
/// MS-MPPE-Send-Key and MS-MPPE-Recv-Key (RFC 2548 sections 2.4.2 and 2.4.3).
const MS_MPPE_KEYS: [u8; 2] = [16, 17];
/// MS-CHAP-MPPE-Keys (RFC 2548 section 2.4.1), hidden as a User-Password is.
const MS_CHAP_MPPE_KEYS: u8 = 12;

/// Why a packet could not be carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// It is no packet.
    #[error("it is no packet")]
    Decode(#[from] DecodeError),
    /// It does not fit on the other side.
    #[error("it does not fit")]
    Write(#[from] WriteError),
    /// Something hidden cannot be revealed: it was hidden with another secret.
    #[error("attribute {kind} cannot be revealed with this secret")]
    Hidden {
        /// Its type.
        kind: u8,
    },
    /// A reply where a request is wanted, or the other way round.
    #[error("a {code} does not belong here")]
    WrongCode {
        /// What came.
        code: Code,
    },
}

/// The token of a packet that a connection brought; `None` when it is too short for one.
pub fn token(packet: &[u8]) -> Option<u32> {
    let token = packet.get(4..8)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*token))
}

// -- Towards RADIUS/1.0 ---------------------------------------------------------------------------------------------

/// Makes of a RADIUS/1.1 request one with this Identifier and, where it is free, this authenticator.
///
/// Access-Request and Status-Server get a Message-Authenticator, so that whoever demands one is content.
///
/// # Errors
/// [`CarryError`].
pub fn request_in<'b>(
    packet: &[u8],
    identifier: u8,
    authenticator: Authenticator,
    secret: &SharedSecret,
    out: &'b mut [u8],
) -> Result<&'b [u8], CarryError> {
    let packet = View::parse(packet)?;
    let code = packet.code();
    let mut writer = match code {
        Code::AccessRequest => RequestWriter::access(out, identifier, authenticator)?,
        Code::StatusServer => RequestWriter::status_server(out, identifier, authenticator)?,
        code if code.signing() == Signing::OverZeros => RequestWriter::signed(out, code, identifier)?,
        code => return Err(CarryError::WrongCode { code }),
    };
    if code.signing() == Signing::Random {
        writer.reserve_message_authenticator()?;
    }
    for attribute in packet.attributes() {
        match attribute.kind {
            //= https://www.rfc-editor.org/rfc/rfc9765#section-5.2
            //# The Message-Authenticator attribute (Section 3.2 of [RFC3579]) MUST
            //# NOT be sent over a RADIUS/1.1 connection.
            kind::MESSAGE_AUTHENTICATOR => {}
            kind::USER_PASSWORD if code == Code::AccessRequest => writer.password(attribute.value, secret)?,
            kind => writer.attribute(kind, attribute.value)?,
        }
    }
    Ok(writer.finish(secret))
}

/// Makes of a RADIUS/1.1 reply the answer to `request`. `salt` is a number, different for every reply.
///
/// # Errors
/// [`CarryError`].
pub fn reply_in<'b>(
    packet: &[u8],
    request: &View<'_>,
    secret: &SharedSecret,
    salt: u16,
    out: &'b mut [u8],
) -> Result<&'b [u8], CarryError> {
    let packet = View::parse(packet)?;
    let code = packet.code();
    if !code.is_reply() {
        return Err(CarryError::WrongCode { code });
    }
    let mut writer = ReplyWriter::new(out, code, request)?;
    if request.code().signing() == Signing::Random {
        writer.reserve_message_authenticator()?;
    }
    let mut salt = salt;
    for attribute in packet.attributes() {
        if attribute.kind == kind::MESSAGE_AUTHENTICATOR {
            continue;
        }
        let mut room = Room::new([0; VALUE_LEN_MAX]);
        let value = match Hidden::of(&attribute) {
            None => attribute.value,
            Some(hidden) => {
                salt = salt.wrapping_add(1);
                hidden
                    .hide(
                        &attribute,
                        secret,
                        request.authenticator(),
                        Salt::new(salt),
                        &mut room,
                    )
                    .ok_or(CarryError::Hidden { kind: attribute.kind })?
            }
        };
        writer.attribute(attribute.kind, value)?;
    }
    Ok(writer.finish(secret))
}

// -- Towards RADIUS/1.1 ---------------------------------------------------------------------------------------------

/// Makes of a request one for RADIUS/1.1 with this token.
///
/// # Errors
/// [`CarryError`].
pub fn request_out<'b>(
    request: &View<'_>,
    token: u32,
    secret: &SharedSecret,
    out: &'b mut [u8],
) -> Result<&'b [u8], CarryError> {
    let code = request.code();
    if code.is_reply() {
        return Err(CarryError::WrongCode { code });
    }
    let mut packet = Packet::new(out, code, token)?;
    for attribute in request.attributes() {
        match attribute.kind {
            kind::MESSAGE_AUTHENTICATOR => {}
            kind::USER_PASSWORD if code == Code::AccessRequest => {
                let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
                let clear = password::reveal_pap(secret, request.authenticator(), attribute.value, &mut room)
                    .ok_or(CarryError::Hidden { kind: attribute.kind })?;
                packet.push(attribute.kind, password::without_padding(clear))?;
            }
            kind => packet.push(kind, attribute.value)?,
        }
    }
    //= https://www.rfc-editor.org/rfc/rfc9765#section-5.1.2
    //# if the received Access-Request packet contains a CHAP-Password
    //# attribute but no CHAP-Challenge attribute, the proxy MUST create a
    //# CHAP-Challenge attribute in the proxied packet
    if request.first(kind::CHAP_PASSWORD).is_some() && request.first(kind::CHAP_CHALLENGE).is_none() {
        packet.push(kind::CHAP_CHALLENGE, request.authenticator())?;
    }
    Ok(packet.finish())
}

/// Makes of the reply to a request with this authenticator one for RADIUS/1.1 with the request's token.
///
/// # Errors
/// [`CarryError`].
pub fn reply_out<'b>(
    reply: &View<'_>,
    request: &Authenticator,
    token: u32,
    secret: &SharedSecret,
    out: &'b mut [u8],
) -> Result<&'b [u8], CarryError> {
    let code = reply.code();
    if !code.is_reply() {
        return Err(CarryError::WrongCode { code });
    }
    let mut packet = Packet::new(out, code, token)?;
    for attribute in reply.attributes() {
        if attribute.kind == kind::MESSAGE_AUTHENTICATOR {
            continue;
        }
        let mut room = Room::new([0; VALUE_LEN_MAX]);
        let value = match Hidden::of(&attribute) {
            None => attribute.value,
            Some(hidden) => hidden
                .reveal(&attribute, secret, request, &mut room)
                .ok_or(CarryError::Hidden { kind: attribute.kind })?,
        };
        packet.push(attribute.kind, value)?;
    }
    Ok(packet.finish())
}

/// A RADIUS/1.1 packet being written.
struct Packet<'b> {
    /// The caller's buffer.
    buffer: &'b mut [u8],
    /// Octets written, header included.
    len: usize,
    /// Attributes written.
    attributes: usize,
}

impl<'b> Packet<'b> {
    /// Writes a header whose Length field is filled in later.
    fn new(buffer: &'b mut [u8], code: Code, token: u32) -> Result<Self, WriteError> {
        let room = buffer.len().min(PACKET_LEN_MAX);
        let full = WriteError::Full {
            needed: HEADER_LEN,
            room,
        };
        let buffer = buffer.get_mut(..room).ok_or(full)?;
        let header = buffer.first_chunk_mut::<HEADER_LEN>().ok_or(full)?;
        header.fill(0);
        let [to_code, _, _, _, token_1, token_2, token_3, token_4, ..] = header;
        *to_code = code as u8;
        [*token_1, *token_2, *token_3, *token_4] = token.to_be_bytes();
        Ok(Self {
            buffer,
            len: HEADER_LEN,
            attributes: 0,
        })
    }

    /// Adds an attribute.
    fn push(&mut self, kind: u8, value: &[u8]) -> Result<(), WriteError> {
        let (needed, room) = (2 + value.len(), self.buffer.len() - self.len);
        let length = u8::try_from(needed).map_err(|_| WriteError::ValueTooLong {
            len: value.len(),
            max: VALUE_LEN_MAX,
        })?;
        if self.attributes >= ATTRIBUTES_MAX {
            return Err(WriteError::TooManyAttributes {
                adding: 1,
                present: self.attributes,
            });
        }
        let to = self
            .buffer
            .get_mut(self.len..self.len + needed)
            .ok_or(WriteError::Full { needed, room })?;
        if let [to_kind, to_length, to_value @ ..] = to {
            (*to_kind, *to_length) = (kind, length);
            to_value.copy_from_slice(value);
        }
        self.len += needed;
        self.attributes += 1;
        Ok(())
    }

    /// Fills in the Length field.
    fn finish(self) -> &'b [u8] {
        let Packet { buffer, len, .. } = self;
        let [.., high, low] = len.to_be_bytes();
        if let [_, _, to_high, to_low, ..] = &mut *buffer {
            (*to_high, *to_low) = (high, low);
        }
        buffer.get(..len).unwrap_or_default()
    }
}

// -- What replies hide ----------------------------------------------------------------------------------------------

/// Where a value is put together; wiped, for it may hold a key.
type Room = Zeroizing<[u8; VALUE_LEN_MAX]>;

/// How a reply hides an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hidden {
    /// With a salt, after a tag (Tunnel-Password).
    Tagged,
    /// With a salt, inside a Vendor-Specific attribute (MS-MPPE-Send-Key, MS-MPPE-Recv-Key).
    Vendor,
    /// As a User-Password, inside a Vendor-Specific attribute (MS-CHAP-MPPE-Keys).
    VendorPassword,
}

impl Hidden {
    /// How this attribute is hidden, if it is.
    fn of(attribute: &Attribute<'_>) -> Option<Self> {
        match (attribute.kind, attribute.value) {
            (kind::TUNNEL_PASSWORD, [_tag, ..]) => Some(Self::Tagged),
            (kind::VENDOR_SPECIFIC, [a, b, c, d, sub, length, ..])
                if u32::from_be_bytes([*a, *b, *c, *d]) == MICROSOFT
                    && usize::from(*length) == attribute.value.len() - 4 =>
            {
                match *sub {
                    sub if MS_MPPE_KEYS.contains(&sub) => Some(Self::Vendor),
                    MS_CHAP_MPPE_KEYS => Some(Self::VendorPassword),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Octets before what is hidden.
    const fn before(self) -> usize {
        match self {
            Self::Tagged => 1,
            Self::Vendor | Self::VendorPassword => VENDOR_HEADER_LEN,
        }
    }

    /// The value with what is hidden revealed; `None` when it cannot be.
    fn reveal<'r>(
        self,
        attribute: &Attribute<'_>,
        secret: &SharedSecret,
        request: &Authenticator,
        room: &'r mut Room,
    ) -> Option<&'r [u8]> {
        let (before, hidden) = attribute.value.split_at_checked(self.before())?;
        let mut clear = Zeroizing::new([0; PAP_LEN_MAX]);
        let mut salted = Zeroizing::new([0; HIDDEN_LEN_MAX]);
        let clear = match self {
            Self::VendorPassword => password::reveal_pap(secret, request, hidden, &mut clear)?,
            Self::Tagged | Self::Vendor => salt::reveal(secret, request, hidden, &mut salted)?,
        };
        self.put(before, clear, room)
    }

    /// The value hidden; `None` when it does not fit.
    fn hide<'r>(
        self,
        attribute: &Attribute<'_>,
        secret: &SharedSecret,
        request: &Authenticator,
        salt: Salt,
        room: &'r mut Room,
    ) -> Option<&'r [u8]> {
        let (before, clear) = attribute.value.split_at_checked(self.before())?;
        let (mut hidden, mut salted) = ([0; PAP_LEN_MAX], [0; HIDDEN_LEN_MAX]);
        let hidden = match self {
            Self::VendorPassword => password::hide_pap(secret, request, clear, &mut hidden)?,
            Self::Tagged | Self::Vendor => salt::hide(secret, request, salt, clear, &mut salted)?,
        };
        self.put(before, hidden, room)
    }

    /// Puts a value together, and corrects the length octet of a vendor's attribute.
    fn put<'r>(self, before: &[u8], rest: &[u8], room: &'r mut Room) -> Option<&'r [u8]> {
        let value = room.get_mut(..before.len() + rest.len())?;
        let (to_before, to_rest) = value.split_at_mut_checked(before.len())?;
        to_before.copy_from_slice(before);
        to_rest.copy_from_slice(rest);
        if self != Self::Tagged {
            let length = u8::try_from(value.len() - 4).ok()?;
            *value.get_mut(VENDOR_HEADER_LEN - 1)? = length;
        }
        Some(value)
    }
}
