//! One-time codes of a telephone (RFC 6238 over RFC 4226): pure arithmetic on a secret and an instant.
//! Never remembers what was used; `second_factor` does, and it lets a code count once.
//!
//! SHA-1, six digits and thirty seconds, because that is what every app knows; a collision attack on SHA-1 is none on HMAC.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use time::OffsetDateTime;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::Error;

/// Octets of a secret; as long as the hash (RFC 4226 section 4, R6).
pub const SECRET_OCTETS: usize = 20;
/// Octets of a block of SHA-1.
const BLOCK_OCTETS: usize = 64;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Seconds for which one code is shown.
pub const STEP_S: i64 = 30;
/// Steps that a telephone's clock may be off, each way.
pub const DRIFT_STEPS: i64 = 1;
/// The letters of base32 (RFC 4648 section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a telephone and we share; prints as REDACTED.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_OCTETS]>);

impl TotpSecret {
    /// Draws a fresh one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system gives no randomness.
    pub fn draw() -> Result<Self, Error> {
        let mut octets = Zeroizing::new([0; SECRET_OCTETS]);
        getrandom::fill(octets.as_mut())
            .map_err(|source| Error::internal("drawing a second factor", source.to_string()))?;
        Ok(Self(octets))
    }

    /// One that was drawn before; `None` when it has another length.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let octets: [u8; SECRET_OCTETS] = octets.try_into().ok()?;
        Some(Self(Zeroizing::new(octets)))
    }

    /// Its octets, to be sealed.
    pub fn octets(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// As it is typed into an app.
    pub fn base32(&self) -> Zeroizing<String> {
        base32(self.octets())
    }

    /// As an app reads it from a picture: `otpauth://totp/Headend:noc%40isp.example?secret=…`.
    pub fn uri(&self, account: &str) -> Zeroizing<String> {
        let mut uri = Zeroizing::new("otpauth://totp/Headend:".to_owned());
        for octet in account.bytes() {
            if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                uri.push(char::from(octet));
            } else {
                uri.push_str(&format!("%{octet:02X}"));
            }
        }
        uri.push_str("?secret=");
        uri.push_str(&self.base32());
        uri.push_str("&issuer=Headend");
        uri
    }

    /// The code of a step.
    pub fn code(&self, step: i64) -> u32 {
        // A key shorter than the hash's block is filled with zeros (RFC 2104 section 2).
        let mut key = Zeroizing::new([0; BLOCK_OCTETS]);
        key[..SECRET_OCTETS].copy_from_slice(self.octets());
        let mut mac = Hmac::<Sha1>::new((&*key).into());
        mac.update(&step.to_be_bytes());
        let mut digest = mac.finalize().into_bytes();
        // RFC 4226 section 5.3: the low four bits of the last octet say which four octets are the number.
        let at = usize::from(digest[19] & 0x0f);
        let number = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
        digest.as_mut_slice().zeroize();
        (number & 0x7fff_ffff) % 10u32.pow(DIGITS as u32)
    }

    /// The step whose code this is, among those a telephone may show now; never one up to `last`, which counted already.
    pub fn matching(&self, presented: &str, now: OffsetDateTime, last: i64) -> Option<i64> {
        let presented = read_code(presented)?;
        let now = step_at(now);
        let (mut found, mut step_found) = (Choice::from(0), 0);
        for step in now - DRIFT_STEPS..=now + DRIFT_STEPS {
            let same = self.code(step).ct_eq(&presented) & Choice::from(u8::from(step > last));
            step_found.conditional_assign(&step, same);
            found |= same;
        }
        bool::from(found).then_some(step_found)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// The step of an instant.
pub fn step_at(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(STEP_S)
}

/// Reads six digits; people write them in two groups.
fn read_code(text: &str) -> Option<u32> {
    let digits: String = text
        .chars()
        .filter(|one| !one.is_whitespace())
        .take(DIGITS + 1)
        .collect();
    let sound = digits.len() == DIGITS && digits.bytes().all(|octet| octet.is_ascii_digit());
    sound.then(|| digits.parse().ok()).flatten()
}

/// Base32 without padding.
pub(super) fn base32(octets: &[u8]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(octets.len().div_ceil(5) * 8));
    for group in octets.chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        for letter in 0..(group.len() * 8).div_ceil(5) {
            let index = (bits >> (35 - 5 * letter)) & 31;
            out.push(char::from(BASE32[usize::try_from(index).unwrap_or_default()]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238 appendix B for SHA-1.
    fn secret() -> TotpSecret {
        TotpSecret::read(b"12345678901234567890").expect("twenty octets")
    }

    fn at(unix_s: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(unix_s).expect("an instant")
    }

    /// RFC 6238 appendix B: its eight digits, of which ours are the last six.
    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (unix_s, eight) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(secret().code(step_at(at(unix_s))), eight % 1_000_000, "{unix_s}");
        }
    }

    /// RFC 4226 appendix D.
    #[test]
    fn the_codes_are_those_of_rfc_4226() {
        let codes: Vec<u32> = (0..10).map(|step| secret().code(step)).collect();
        let expect = [
            755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489,
        ];
        assert_eq!(codes, expect);
    }

    /// RFC 4648 section 10, without padding.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (clear, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(clear.as_bytes()).as_str(), text);
        }
    }

    #[test]
    fn a_clock_may_be_off_by_one_step_and_a_code_counts_once() {
        let now = at(1_111_111_111);
        let step = step_at(now);
        for (off, expect) in [
            (-2, None),
            (-1, Some(step - 1)),
            (0, Some(step)),
            (1, Some(step + 1)),
            (2, None),
        ] {
            let code = format!("{:06}", secret().code(step + off));
            assert_eq!(secret().matching(&code, now, 0), expect, "{off}");
            assert_eq!(secret().matching(&code, now, step + 1), None);
        }
        let spaced = format!("{:06}", secret().code(step));
        let spaced = format!(" {} {}\n", &spaced[..3], &spaced[3..]);
        assert_eq!(secret().matching(&spaced, now, step - 1), Some(step));
        assert_eq!(secret().matching(&spaced, now, step), None);
    }

    #[test]
    fn what_is_no_code_matches_nothing() {
        for text in [
            "",
            "12345",
            "1234567",
            "12345a",
            "+12345",
            "１２３４５６",
            &"1".repeat(10_000),
        ] {
            assert_eq!(secret().matching(text, at(59), 0), None, "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_printed_and_its_picture_names_the_account() {
        assert_eq!(format!("{:?}", secret()), "REDACTED");
        assert_eq!(
            secret().uri("noc@isp.example").as_str(),
            "otpauth://totp/Headend:noc%40isp.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Headend"
        );
    }
}
