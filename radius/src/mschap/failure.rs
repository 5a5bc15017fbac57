//! MS-CHAP-Error (RFC 2548 section 2.1.5): why, may he try again, and with which challenge.
//!
//! The text is a protocol, not a message: a client decides by it whether to ask for another password, to try again, or to
//! give up. Nothing here draws the fresh challenge; the caller hands it in.

use std::io::Write;

/// Octets of the longest MS-CHAP-Error: what one sub-attribute of a vendor can hold.
pub const FAILURE_LEN_MAX: usize = 247;

/// Digits of hexadecimal numbers.
const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Which of the two protocols failed; they write challenge and version differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 2433.
    One,
    /// RFC 2759.
    Two,
}

/// Why, as Windows numbers it (RFC 2433 section 8, RFC 2759 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FailureCode {
    /// ERROR_RESTRICTED_LOGON_HOURS: not at this time of day.
    RestrictedHours = 646,
    /// ERROR_ACCT_DISABLED: the account gets no service, whatever the password.
    AccountDisabled = 647,
    /// ERROR_PASSWD_EXPIRED: he must change his password; never sent here, for a change is not supported.
    PasswordExpired = 648,
    /// ERROR_NO_DIALIN_PERMISSION: the account is well, but not for this kind of service.
    NoDialInPermission = 649,
    /// ERROR_AUTHENTICATION_FAILURE: name or password is wrong.
    Authentication = 691,
    /// ERROR_CHANGING_PASSWORD: the password was not changed.
    ChangingPassword = 709,
}

/// What an MS-CHAP-Error says.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'m> {
    /// That of the response.
    pub ident: u8,
    /// Which protocol.
    pub version: Version,
    /// Why.
    pub code: FailureCode,
    /// Whether the peer may answer `challenge` with another password.
    pub retry: bool,
    /// Unpredictable octets for that answer; version 1 uses the first eight.
    pub challenge: [u8; 16],
    /// For people; only version 2 carries it, cut where the attribute ends.
    pub message: &'m str,
}

impl Failure<'_> {
    /// Writes the attribute's value.
    pub fn write<'b>(&self, out: &'b mut [u8; FAILURE_LEN_MAX]) -> &'b [u8] {
        let (challenge, version) = match self.version {
            // RFC 2433 section 8: "this field SHOULD always contain a value greater than or equal to 2".
            Version::One => (self.challenge.get(..8).unwrap_or_default(), 2),
            //= https://www.rfc-editor.org/rfc/rfc2759#section-6
            //# For MS-CHAP-V2, this
            //# value SHOULD always be 3.
            Version::Two => (&self.challenge[..], 3),
        };
        //= https://www.rfc-editor.org/rfc/rfc2759#section-6
        //# This field MUST be exactly 32
        //# octets long and MUST be present.
        let mut digits = [0; 32];
        let digits = digits.get_mut(..challenge.len() * 2).unwrap_or_default();
        put_hex(digits, challenge);

        let mut room = &mut out[..];
        let (code, retry) = (self.code as u16, u8::from(self.retry));
        // The longest text without a message has 62 octets: these writes cannot run out of room.
        let _ = room.write_all(&[self.ident]);
        let _ = write!(room, "E={code} R={retry} C=");
        let _ = room.write_all(digits);
        let _ = write!(room, " V={version}");
        if self.version == Version::Two {
            let _ = room.write_all(b" M=");
            let message_len = self.message.floor_char_boundary(room.len());
            let _ = room.write_all(self.message.get(..message_len).unwrap_or_default().as_bytes());
        }
        let written = FAILURE_LEN_MAX - room.len();
        out.get(..written).unwrap_or_default()
    }
}

/// Writes octets as upper-case hexadecimal digits, two each, as many as `digits` has room for.
pub(super) fn put_hex(digits: &mut [u8], octets: &[u8]) {
    let digit = |nibble: u8| HEX_DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, octet) in pairs.iter_mut().zip(octets) {
        *pair = [digit(octet >> 4), digit(octet & 0x0f)];
    }
}
