//! MAC addresses as the attributes of RADIUS spell them: read in any usual way, written in one.
//!
//! Never looks at a packet; which attribute holds an address is the caller's knowledge.

use std::fmt;

/// Octets of a MAC address.
pub const MAC_LEN: usize = 6;
/// Octets of the longest spelling: six pairs and five separators.
pub const MAC_TEXT_LEN: usize = 17;
/// Hexadecimal digits of an address.
const DIGITS: usize = 2 * MAC_LEN;

/// A MAC address (EUI-48), in the order in which it is sent.
///
/// Its normal form, in which it is stored, shown and compared by people, is that of IEEE 802 with colons and small
/// letters: `00:1a:2b:3c:4d:5e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; MAC_LEN]);

impl Mac {
    /// Reads an address in any usual spelling; small and capital letters may be mixed.
    ///
    /// | spelling | who writes so |
    /// | --- | --- |
    /// | `00:1a:2b:3c:4d:5e` | MikroTik, Unix |
    /// | `00-1A-2B-3C-4D-5E` | RFC 3580 section 3.21: 802.1X, most access points |
    /// | `001a.2b3c.4d5e` | Cisco, Juniper |
    /// | `001a-2b3c-4d5e` | Huawei, H3C |
    /// | `001a:2b3c:4d5e` | ZTE |
    /// | `001a2b-3c4d5e` | HP ProCurve |
    /// | `001a2b3c4d5e` | hostapd's MAC authentication, Aruba |
    /// | `00.1a.2b.3c.4d.5e`, `00 1a 2b 3c 4d 5e` | Redback, CLI dumps |
    ///
    /// `None` for anything else: other lengths, unequal groups, two kinds of separators.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if !(DIGITS..=MAC_TEXT_LEN).contains(&text.len()) {
            return None;
        }
        // The first group says how long all of them are, and what stands behind it what stands between them.
        let group = text.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let separator = text.get(group).copied();
        if !matches!(group, 2 | 4 | 6 | DIGITS)
            || !matches!(separator, None | Some(b':' | b'-' | b'.' | b' '))
        {
            return None;
        }
        let mut digits = [0; DIGITS];
        let mut read = 0;
        for (at, octet) in text.iter().enumerate() {
            if at % (group + 1) == group {
                if Some(*octet) != separator {
                    return None;
                }
                continue;
            }
            *digits.get_mut(read)? = u8::try_from(char::from(*octet).to_digit(16)?).ok()?;
            read += 1;
        }
        let ends_in_group = text.len() % (group + 1) == group;
        if read != DIGITS || !ends_in_group {
            return None;
        }
        let mut address = [0; MAC_LEN];
        for (octet, pair) in address.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = pair[0] << 4 | pair[1];
        }
        Some(Self(address))
    }

    /// The normal form as octets, without allocating.
    pub fn text(&self) -> [u8; MAC_TEXT_LEN] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b':'; MAC_TEXT_LEN];
        for (pair, octet) in text.chunks_mut(3).zip(self.0) {
            pair[0] = HEX[usize::from(octet >> 4)];
            pair[1] = HEX[usize::from(octet & 15)];
        }
        text
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hexadecimal digits and colons are text.
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address that every spelling below is of.
    const ADDRESS: Mac = Mac([0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e]);

    #[test]
    fn every_usual_spelling_is_the_same_address() {
        for text in [
            "00:1a:2b:3c:4d:5e",
            "00:1A:2B:3C:4D:5E",
            "00-1A-2B-3C-4D-5E",
            "00-1a-2b-3c-4d-5e",
            "001a.2b3c.4d5e",
            "001A-2B3C-4D5E",
            "001a:2b3c:4d5e",
            "001A2B-3C4D5E",
            "001a2b3c4d5e",
            "001A2B3C4D5E",
            "00.1a.2b.3c.4d.5e",
            "00 1a 2b 3c 4d 5e",
        ] {
            assert_eq!(Mac::parse(text.as_bytes()), Some(ADDRESS), "{text}");
        }
        assert_eq!(ADDRESS.to_string(), "00:1a:2b:3c:4d:5e");
    }

    #[test]
    fn what_only_resembles_an_address_is_none() {
        for text in [
            "",
            "alice",
            "00:1a:2b:3c:4d",
            "00:1a:2b:3c:4d:5",
            "00:1a:2b:3c:4d:5e:",
            "00:1a:2b:3c:4d:5e:6f",
            "00:1a-2b:3c-4d:5e",
            "001a2b:3c4d:5e",
            "0:01a:2b3c:4d5e:",
            "00:1a:2b:3c:4d:5g",
            "001a2b3c4d5e6",
            "001a2b3c4d5",
            "00_1a_2b_3c_4d_5e",
            ":001a2b3c4d5e",
            "00::1a2b3c4d5e",
            "00-1A-2B-3C-4D-5E:HomeNet",
            "123456789012345",
        ] {
            assert_eq!(Mac::parse(text.as_bytes()), None, "{text}");
        }
    }
}
