//! Texts as FreeRADIUS writes them into its SQL: a character that it does not hold for safe is `=` and two hexadecimal digits.
//! Never touches what it would have written as it is, so that a name with an equals sign of its own stays one.
//!
//! `o'brien` is in its tables as `o=27brien`; a row `o'brien`, made by some tool, it never finds.

/// What FreeRADIUS writes as it is (`safe_characters` in its queries.conf), beside letters and digits.
const SAFE: &[u8] = b"@.-_: /";

/// The text that was meant.
pub fn read(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('=') {
        out.push_str(before);
        match behind.get(..2).and_then(octet) {
            Some(letter) => {
                out.push(letter);
                rest = &behind[2..];
            }
            None => {
                out.push('=');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character of two digits, when FreeRADIUS writes it so.
fn octet(digits: &str) -> Option<char> {
    let written = digits
        .bytes()
        .all(|digit| digit.is_ascii_digit() || digit.is_ascii_uppercase());
    let octet = u8::from_str_radix(digits, 16).ok().filter(|_| written)?;
    let unsafe_one = (32..127).contains(&octet) && !octet.is_ascii_alphanumeric() && !SAFE.contains(&octet);
    unsafe_one.then_some(char::from(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_freeradius_wrote_is_read_and_nothing_else() {
        for (text, meant) in [
            ("o=27brien@isp.example", "o'brien@isp.example"),
            ("ISP=5Cfrank", "ISP\\frank"),
            ("a=3D41", "a=41"),
            ("a=41", "a=41"),
            ("a=2", "a=2"),
            ("a=2f=", "a=2f="),
            ("=00", "=00"),
            ("zo\u{eb}=", "zo\u{eb}="),
            ("=\u{eb}x", "=\u{eb}x"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(text in "[ -~]{0,20}") {
            let written: String = text.chars().map(|letter| match u8::try_from(letter) {
                Ok(octet) if octet.is_ascii_alphanumeric() || SAFE.contains(&octet) => letter.to_string(),
                _ => format!("={:02X}", u32::from(letter)),
            }).collect();
            proptest::prop_assert_eq!(read(&written), text);
        }
    }
}
