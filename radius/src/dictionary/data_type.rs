//! What an attribute's value looks like on the wire and as text.
//!
//! The two directions are in [`super::encode`] and [`super::show`].

/// The shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// Four octets, unsigned; as text decimal, `0x…`, or a value name.
    Integer,
    /// Eight octets, unsigned; as text decimal.
    Integer64,
    /// UTF-8.
    Text,
    /// Text that is a secret: can be written, is never shown.
    SecretText,
    /// Anything; as text `0x…`, or the octets of the text itself.
    Octets,
    /// Four octets, an address.
    Ipv4,
    /// Sixteen octets, an address.
    Ipv6,
    /// Reserved octet, length in bits, prefix (RFC 3162 section 2.3); as text `2001:db8::/56`.
    Ipv6Prefix,
    /// Four octets, seconds since 1970; as text decimal.
    Time,
    /// Eight octets, an interface identifier; as text four groups like `0:0:0:1`.
    Ifid,
    /// A tag octet and a number of three octets (RFC 2868); as text like Integer, with a tag `:1:VLAN`.
    TaggedInteger,
    /// A tag octet, which may be left out, and text (RFC 2868); as text like Text, with a tag `:1:250`.
    TaggedText,
    /// A vendor's own attributes; as text `0x…`.
    Vsa,
    /// Made with the shared secret, or proof of a password: cannot be written from text, is never shown.
    Hidden,
}

impl DataType {
    /// What a text of this type looks like, to finish "… takes".
    pub(super) const fn expected(self) -> &'static str {
        match self {
            DataType::Integer => "a number from 0 to 4294967295",
            DataType::Integer64 => "a number from 0 to 18446744073709551615",
            DataType::Text | DataType::SecretText => "a text",
            DataType::Octets => "a text, or hexadecimal octets like 0x0a1b",
            DataType::Ipv4 => "an IPv4 address like 192.0.2.1",
            DataType::Ipv6 => "an IPv6 address like 2001:db8::1",
            DataType::Ipv6Prefix => "an IPv6 prefix like 2001:db8::/56",
            DataType::Time => "seconds since 1970",
            DataType::Ifid => "an interface identifier like 0:0:0:1",
            DataType::TaggedInteger => "a number from 0 to 16777215, with a tag like :1:13",
            DataType::TaggedText => "a text, with a tag like :1:250",
            DataType::Vsa => "hexadecimal octets like 0x0a1b",
            DataType::Hidden => "no text: it is made with the shared secret",
        }
    }
}
