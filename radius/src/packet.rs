//! A received packet: checked once, then read without failing and without copying.
//!
//! Checks the shape only. Who sent it is [`crate::secret`]'s question. The type-length-value octets inside are
//! [`crate::attribute`].

use std::net::Ipv4Addr;

use crate::attribute::{self, Attribute, Attributes, kind};
use crate::code::{Code, UnknownCode};

/// Octets before the first attribute: Code, Identifier, Length, Authenticator.
pub const HEADER_LEN: usize = 20;

/// Octets of the longest packet.
pub const PACKET_LEN_MAX: usize = 4096;

/// Attributes we are willing to read in one packet; real ones carry 10 to 40.
pub const ATTRIBUTES_MAX: usize = 255;

/// The sixteen octets that tie a reply to its request and, in some requests, prove the shared secret.
pub type Authenticator = [u8; 16];

/// Why a datagram is no RADIUS packet. It is dropped; nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not even a header.
    #[error("datagram of {len} octets is shorter than a RADIUS header of 20")]
    TooShort {
        /// Octets in the datagram.
        len: usize,
    },
    /// The Length field is outside 20..=4096, or promises more than came.
    #[error("Length field says {length} octets, the datagram has {datagram}, 20 to 4096 are allowed")]
    BadLength {
        /// What the Length field says.
        length: usize,
        /// Octets in the datagram.
        datagram: usize,
    },
    /// The Code field names no packet we understand.
    #[error("code {code} is no RADIUS packet this program understands")]
    UnknownCode {
        /// The first octet.
        code: u8,
    },
    /// An attribute says it is shorter than its own header.
    #[error("attribute {kind} at octet {offset} says it is {length} octets long, 2 is the least")]
    BadAttributeLength {
        /// Octet of the packet where the attribute begins.
        offset: usize,
        /// The attribute's type.
        kind: u8,
        /// What its length octet says: 0 or 1.
        length: u8,
    },
    /// An attribute reaches beyond the end of the packet.
    #[error("attribute {kind} at octet {offset} says it is {length} octets long, only {room} are left")]
    AttributeOverrun {
        /// Octet of the packet where the attribute begins.
        offset: usize,
        /// The attribute's type.
        kind: u8,
        /// What its length octet says; 0 when even that octet is missing.
        length: u8,
        /// Octets left in the packet from `offset` on.
        room: usize,
    },
    /// More attributes than [`ATTRIBUTES_MAX`], or than whoever parsed it takes.
    #[error("packet has more than {max} attributes")]
    TooManyAttributes {
        /// How many are allowed.
        max: usize,
    },
}

/// A packet whose shape has been checked.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Code      |  Identifier   |            Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Authenticator (16 octets)                    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Attributes ...
/// +-+-+-+-+-+-+-+-
/// ```
///
/// `Debug` prints the header only: attributes carry passwords and names.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The first octet, understood.
    code: Code,
    /// The Authenticator field inside `octets`.
    authenticator: &'a Authenticator,
    /// Exactly as many octets as the Length field says.
    octets: &'a [u8],
}

impl<'a> View<'a> {
    /// Checks the shape of a datagram.
    ///
    /// # Errors
    /// A [`DecodeError`] names the first thing that is wrong; such a datagram is counted and dropped.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        Self::parse_at_most(datagram, ATTRIBUTES_MAX)
    }

    /// The same for who takes fewer attributes in a packet; never more than [`ATTRIBUTES_MAX`].
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_at_most(datagram: &'a [u8], attributes_max: usize) -> Result<Self, DecodeError> {
        let [code, _identifier, high, low, rest @ ..] = datagram else {
            return Err(DecodeError::TooShort { len: datagram.len() });
        };
        let Some(authenticator) = rest.first_chunk::<16>() else {
            return Err(DecodeError::TooShort { len: datagram.len() });
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let bad_length = DecodeError::BadLength {
            length,
            datagram: datagram.len(),
        };
        //= https://www.rfc-editor.org/rfc/rfc2865#section-3
        //# The minimum length is 20 and maximum length is 4096.
        if !(HEADER_LEN..=PACKET_LEN_MAX).contains(&length) {
            return Err(bad_length);
        }
        //= https://www.rfc-editor.org/rfc/rfc2865#section-3
        //# Octets outside the range of the Length field MUST be treated as
        //# padding and ignored on reception.  If the packet is shorter than
        //# the Length field indicates, it MUST be silently discarded.
        let octets = datagram.get(..length).ok_or(bad_length)?;
        //= https://www.rfc-editor.org/rfc/rfc2865#section-3
        //# When a packet is received with an invalid Code field, it is
        //# silently discarded.
        let code = Code::try_from(*code).map_err(|UnknownCode(code)| DecodeError::UnknownCode { code })?;
        attribute::check(octets, HEADER_LEN, attributes_max.min(ATTRIBUTES_MAX))?;
        Ok(View {
            code,
            authenticator,
            octets,
        })
    }

    /// Which kind of packet this is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The octet that matches requests and replies.
    pub fn identifier(&self) -> u8 {
        self.octets.get(1).copied().unwrap_or_default()
    }

    /// The Authenticator field as it came, not yet verified.
    pub fn authenticator(&self) -> &'a Authenticator {
        self.authenticator
    }

    /// The packet's octets: exactly as many as its Length field says.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All attributes in the order they came.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.octets.get(HEADER_LEN..).unwrap_or_default())
    }

    /// Value of the first attribute of this type.
    pub fn first(&self, kind: u8) -> Option<&'a [u8]> {
        self.attributes()
            .find(|attribute| attribute.kind == kind)
            .map(|attribute| attribute.value)
    }

    /// First attribute of this type as text; `None` also when it is not UTF-8.
    pub fn text(&self, kind: u8) -> Option<&'a str> {
        std::str::from_utf8(self.first(kind)?).ok()
    }

    /// First attribute of this type as a number; `None` also when it is not four octets long.
    pub fn u32(&self, kind: u8) -> Option<u32> {
        attribute::read_u32(self.first(kind)?)
    }

    /// First attribute of this type as an address; `None` also when it is not four octets long.
    pub fn ipv4(&self, kind: u8) -> Option<Ipv4Addr> {
        attribute::read_ipv4(self.first(kind)?)
    }

    /// Value of the first sub-attribute `kind` of `vendor` in any Vendor-Specific attribute of the usual format.
    pub fn vendor(&self, vendor: u32, kind: u8) -> Option<&'a [u8]> {
        self.attributes()
            .filter_map(|attribute| attribute.vendor())
            .filter(|(number, _)| *number == vendor)
            .flat_map(|(_, inside)| inside)
            .find(|inside| inside.kind == kind)
            .map(|inside| inside.value)
    }

    /// Appends the values of all attributes of this type, in order: how EAP-Message carries more than 253 octets.
    pub fn concat(&self, kind: u8, out: &mut Vec<u8>) {
        for attribute in self.attributes().filter(|attribute| attribute.kind == kind) {
            out.extend_from_slice(attribute.value);
        }
    }

    /// Where in [`View::octets`] the value of each Message-Authenticator stands.
    pub(crate) fn message_authenticators(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let mut offset = HEADER_LEN;
        self.attributes().filter_map(move |attribute| {
            let value_at = offset + attribute::HEADER_LEN;
            offset = value_at + attribute.value.len();
            (attribute.kind == kind::MESSAGE_AUTHENTICATOR).then_some((value_at, attribute.value))
        })
    }
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("code", &self.code)
            .field("identifier", &self.identifier())
            .field("length", &self.octets.len())
            .finish_non_exhaustive()
    }
}

/// Lets tests and tables say `Attribute` of a packet without naming the module.
impl<'a> IntoIterator for View<'a> {
    type Item = Attribute<'a>;
    type IntoIter = Attributes<'a>;

    fn into_iter(self) -> Attributes<'a> {
        self.attributes()
    }
}
