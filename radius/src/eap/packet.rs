//! One EAP packet: read without copying, written into the caller's `Vec`.
//!
//! Never looks into a method's data; [`super::md5`] does for its own.

/// Octets before the type: Code, Identifier, Length.
pub const HEADER_LEN: usize = 4;

/// Method numbers (RFC 3748 section 5).
pub mod method {
    /// Identity
    pub const IDENTITY: u8 = 1;
    /// Notification
    pub const NOTIFICATION: u8 = 2;
    /// Legacy Nak: the peer wants one of the methods in its data
    pub const NAK: u8 = 3;
    /// MD5-Challenge
    pub const MD5_CHALLENGE: u8 = 4;
    /// One-Time Password
    pub const OTP: u8 = 5;
    /// Generic Token Card
    pub const GTC: u8 = 6;
    /// EAP-TLS
    pub const TLS: u8 = 13;
    /// EAP-TTLS
    pub const TTLS: u8 = 21;
    /// PEAP
    pub const PEAP: u8 = 25;
    /// EAP-MSCHAPv2
    pub const MSCHAPV2: u8 = 26;
    /// Extensions, which PEAP calls what carries its results
    pub const EXTENSIONS: u8 = 33;
}

/// The four kinds of EAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EapCode {
    /// We ask the peer.
    Request = 1,
    /// The peer answers.
    Response = 2,
    /// The conversation ended well.
    Success = 3,
    /// The conversation ended badly.
    Failure = 4,
}

/// Why octets are no EAP packet, or no answer to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EapError {
    /// Not even a header, or a Request or Response without a type.
    #[error("EAP packet of {len} octets is shorter than the {needed} it needs")]
    TooShort {
        /// Octets present.
        len: usize,
        /// Octets its kind needs.
        needed: usize,
    },
    /// The Length field promises more than came.
    #[error("EAP Length field says {length} octets, {present} are present")]
    BadLength {
        /// What the Length field says.
        length: usize,
        /// Octets present.
        present: usize,
    },
    /// The Code field is not 1 to 4.
    #[error("EAP code {code} is none of Request, Response, Success and Failure")]
    UnknownCode {
        /// The first octet.
        code: u8,
    },
    /// The data of an MD5-Challenge do not hold a digest of sixteen octets.
    #[error("EAP-MD5 response holds a value of {found} octets in {present}, 16 are needed")]
    BadMd5Value {
        /// What the Value-Size octet says; 0 when it is missing.
        found: usize,
        /// Octets present after it.
        present: usize,
    },
}

/// An EAP packet whose shape has been checked.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Code      |  Identifier   |            Length             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |  Type-Data ...     (Request and Response only)
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
/// ```
///
/// `Debug` prints no data: they may be a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EapView<'a> {
    /// The first octet, understood.
    code: EapCode,
    /// Matches requests and responses.
    identifier: u8,
    /// Type, in a Request or Response.
    method: Option<u8>,
    /// What follows the type; for Success and Failure, empty.
    data: &'a [u8],
}

impl<'a> EapView<'a> {
    /// Checks the shape of an EAP packet, put together from all EAP-Message attributes of a packet.
    ///
    /// # Errors
    /// An [`EapError`] names the first thing that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, EapError> {
        let present = octets.len();
        let [code, identifier, high, low, ..] = octets else {
            return Err(EapError::TooShort {
                len: present,
                needed: HEADER_LEN,
            });
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        //= https://www.rfc-editor.org/rfc/rfc3748#section-4
        //# Octets outside the range of the Length field should be treated as
        //# Data Link Layer padding and MUST be ignored upon reception.
        let packet = octets
            .get(..length)
            .ok_or(EapError::BadLength { length, present })?;
        let after = packet.get(HEADER_LEN..).ok_or(EapError::TooShort {
            len: length,
            needed: HEADER_LEN,
        })?;
        let code = match code {
            1 => EapCode::Request,
            2 => EapCode::Response,
            3 => EapCode::Success,
            4 => EapCode::Failure,
            other => return Err(EapError::UnknownCode { code: *other }),
        };
        let (method, data): (_, &[u8]) = match (code, after) {
            (EapCode::Success | EapCode::Failure, _) => (None, &[]),
            (EapCode::Request | EapCode::Response, [method, data @ ..]) => (Some(*method), data),
            (EapCode::Request | EapCode::Response, []) => {
                return Err(EapError::TooShort {
                    len: length,
                    needed: HEADER_LEN + 1,
                });
            }
        };
        Ok(EapView {
            code,
            identifier: *identifier,
            method,
            data,
        })
    }

    /// Which kind of packet this is.
    pub fn code(&self) -> EapCode {
        self.code
    }

    /// The octet that matches requests and responses.
    pub fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The method of a Request or Response; see [`method`].
    pub fn method(&self) -> Option<u8> {
        self.method
    }

    /// The method's data: of an Identity the name, of a Nak the methods the peer would take.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The name in a Response of type Identity.
    pub fn identity(&self) -> Option<&'a [u8]> {
        (self.code == EapCode::Response && self.method == Some(method::IDENTITY)).then_some(self.data)
    }
}

impl std::fmt::Debug for EapView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EapView")
            .field("code", &self.code)
            .field("identifier", &self.identifier)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// Appends a Success that ends the conversation of `identifier`.
pub fn write_success(identifier: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[EapCode::Success as u8, identifier, 0, 4]);
}

/// Appends a Failure that ends the conversation of `identifier`.
pub fn write_failure(identifier: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[EapCode::Failure as u8, identifier, 0, 4]);
}

/// Appends a Request of a method, its data given in parts.
///
/// Data beyond what the Length field can say (65,530 octets, far more than a RADIUS packet carries) are left out.
pub fn write_request(identifier: u8, method: u8, data: &[&[u8]], out: &mut Vec<u8>) {
    write_typed(EapCode::Request, identifier, method, data, out);
}

/// Appends a Response of a method, its data given in parts: what a peer sends.
///
/// Cut as in [`write_request`].
pub fn write_response(identifier: u8, method: u8, data: &[&[u8]], out: &mut Vec<u8>) {
    write_typed(EapCode::Response, identifier, method, data, out);
}

/// Appends a Request or Response.
fn write_typed(code: EapCode, identifier: u8, method: u8, data: &[&[u8]], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[code as u8, identifier, 0, 0, method]);
    for part in data {
        out.extend_from_slice(part);
    }
    out.truncate(start + usize::from(u16::MAX));
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(field) = out.get_mut(start + 2..start + HEADER_LEN) {
        field.copy_from_slice(&length);
    }
}
