//! What may stand in the fields of a NAS: its address, its make, its secrets.
//! Never asks the database; whether an address is free is another question.

use std::net::IpAddr;

use ipnet::IpNet;
use kernel::Error;

/// Characters a shared secret must have; RFC 2865 section 3 leaves it open, fewer are guessed in seconds.
pub const SECRET_CHARS_MIN: usize = 6;
/// Characters below which a secret is taken with a warning (draft-ietf-radext-deprecating-radius).
pub const SECRET_CHARS_ADVISED: usize = 12;
/// Characters a shared secret may have.
pub const SECRET_CHARS_MAX: usize = 128;

/// Characters a make may have.
const MAKE_CHARS_MAX: usize = 30;
/// Reads a source address: one host, or a network in CIDR.
///
/// # Errors
/// [`Error::Invalid`] for `/address`, also for the whole Internet: then every stranger would be this NAS.
pub fn address_parse(text: &str) -> Result<IpNet, Error> {
    let text = text.trim();
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().map_err(|_| {
            Error::invalid(
                "/address",
                "must be one address (192.0.2.1) or a network in CIDR (192.0.2.0/24)",
            )
        })?,
    };
    if net.prefix_len() == 0 {
        return Err(Error::invalid("/address", "must not be the whole Internet"));
    }
    if net.trunc() != net {
        let network = net.trunc();
        return Err(Error::invalid(
            "/address",
            format!("has host bits beside the network {network}"),
        ));
    }
    if net.addr().is_unspecified() || net.addr().is_multicast() {
        return Err(Error::invalid("/address", "must be an address that can send"));
    }
    Ok(net)
}

/// Reads a make: a word, as FreeRADIUS's `nas.type` has it.
///
/// # Errors
/// [`Error::Invalid`] for `/type`.
pub fn make_parse(text: &str) -> Result<String, Error> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let fits = (1..=MAKE_CHARS_MAX).contains(&text.len()) && text.chars().all(allowed);
    if fits {
        Ok(text.to_owned())
    } else {
        let message = format!("must be a word of at most {MAKE_CHARS_MAX} letters, such as mikrotik");
        Err(Error::invalid("/type", message))
    }
}

/// Refuses a secret that is too short or too long; warns about one that is shorter than advised.
pub(in crate::app) fn secret_check(
    pointer: &str,
    secret: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let chars = secret.chars().count();
    if !(SECRET_CHARS_MIN..=SECRET_CHARS_MAX).contains(&chars) {
        let message = format!("must have {SECRET_CHARS_MIN} to {SECRET_CHARS_MAX} characters");
        return Err(Error::invalid(pointer, message));
    }
    if chars < SECRET_CHARS_ADVISED {
        let field = pointer.trim_start_matches('/');
        warnings.push(format!(
            "{field} is shorter than the advised {SECRET_CHARS_ADVISED} characters"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts what an address is read as; `None`: refused.
    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        let read = address_parse(text).ok();
        assert_eq!(read, expect.map(|net| net.parse().expect("a network")), "{text}");
    }

    #[test]
    fn an_address_is_one_host_or_one_network() {
        check("192.0.2.1", Some("192.0.2.1/32"));
        check(" 192.0.2.0/24 ", Some("192.0.2.0/24"));
        check("2001:db8::1", Some("2001:db8::1/128"));
        check("::ffff:192.0.2.1", Some("192.0.2.1/32"));
        for refused in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0",
            "192.0.2.1/24",
            "224.0.0.1",
            "bras-1",
            "192.0.2.1/33",
            "",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_a_shortish_one_warned_about() {
        let mut warnings = Vec::new();
        assert!(secret_check("/secret", "12345", &mut warnings).is_err());
        assert!(secret_check("/secret", "123456", &mut warnings).is_ok());
        assert_eq!(warnings, ["secret is shorter than the advised 12 characters"]);
        assert!(secret_check("/secret", "123456789012", &mut warnings).is_ok());
        assert_eq!(warnings.len(), 1);
        assert!(secret_check("/secret", &"x".repeat(129), &mut warnings).is_err());
    }
}
