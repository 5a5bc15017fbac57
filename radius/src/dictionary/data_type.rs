//! What an attribute's value looks like on the wire (RFC 8044), and how it is treated beyond that.
//!
//! Read by the build step, too, which is why it knows nothing of the rest of the crate. The two directions between octets
//! and text are in [`super::encode`] and [`super::show`].

/// The shape of a value; names and sections are RFC 8044's unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// Four octets, unsigned (section 3.1, and `enum` of 3.2); as text decimal, `0x…`, or a value name.
    Integer,
    /// Four octets, seconds since 1970 (section 3.3, `time`); as text decimal.
    Time,
    /// UTF-8 (section 3.4).
    Text,
    /// Anything (section 3.5, `string`); as text `0x…`, or the octets of the text itself.
    Octets,
    /// Eight octets, an interface identifier (section 3.7); as text four groups like `0:0:0:1`.
    Ifid,
    /// Four octets, an address (section 3.8, `ipv4addr`).
    Ipv4,
    /// Sixteen octets, an address (section 3.9, `ipv6addr`).
    Ipv6,
    /// Reserved octet, length in bits, prefix (section 3.10); as text `2001:db8::/56`.
    Ipv6Prefix,
    /// Reserved octet, length in bits, four octets (section 3.11); as text `192.0.2.0/24`.
    Ipv4Prefix,
    /// Eight octets, unsigned (section 3.12); as text decimal.
    Integer64,
    /// Attributes inside (section 3.13); as text `0x…`.
    Tlv,
    /// A vendor's own attributes (section 3.14); as text `0x…`.
    Vsa,
    /// An extended type and its value (section 3.15); as text `0x…`.
    Extended,
    /// An extended type, flags and a piece of its value (section 3.16); as text `0x…`.
    LongExtended,
    /// A vendor's own attributes in extended space (section 3.17); as text `0x…`.
    Evs,
    /// One octet, unsigned. Not in RFC 8044: vendors have it.
    Byte,
    /// Two octets, unsigned. Not in RFC 8044: vendors have it.
    Short,
    /// Four octets, signed. Not in RFC 8044: vendors have it.
    Signed,
    /// Six octets, an Ethernet address. Not in RFC 8044: vendors have it; as text `02:00:5e:00:00:01`.
    Ether,
    /// Four octets or sixteen, an address of either family. Not in RFC 8044: vendors have it.
    Ip,
}

/// How an attribute is treated beyond its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Flags {
    /// A tag octet stands before the value (RFC 2868); as text `:1:VLAN`.
    pub tagged: bool,
    /// How the value is hidden.
    pub hiding: Hiding,
    /// A value too long for one attribute goes on in the next one (`concat`, RFC 8044 section 3.6).
    pub concat: bool,
    /// It may occur several times, each with a meaning of its own.
    pub array: bool,
    /// The only number of octets the value can have; 0: its type says.
    pub len: u8,
}

/// How a value is kept from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Hiding {
    /// It is not.
    #[default]
    None,
    /// It goes in the clear, but is a secret: can be written, is never shown.
    Secret,
    /// It proves a password or the shared secret, or hides one inside: not written from text, never shown.
    Proof,
    /// User-Password's way (RFC 2865 section 5.2): not written from text, never shown.
    Password,
    /// Salted, Tunnel-Password's way (RFC 2868 section 3.5): not written from text, never shown.
    Salted,
    /// Ascend's way: not written from text, never shown.
    Ascend,
}

impl Hiding {
    /// Whether it takes the shared secret of the NAS, or the password itself, to make such a value.
    #[must_use]
    pub const fn is_made(self) -> bool {
        matches!(
            self,
            Hiding::Proof | Hiding::Password | Hiding::Salted | Hiding::Ascend
        )
    }
}

impl DataType {
    /// The type a dictionary file means; both the names of FreeRADIUS 3 and 4 and those of RFC 8044 are known.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "integer" | "uint32" | "enum" => DataType::Integer,
            "date" | "time" => DataType::Time,
            "string" | "text" => DataType::Text,
            // Ascend's binary filters are octets to us.
            "octets" | "abinary" | "concat" | "struct" => DataType::Octets,
            "ifid" => DataType::Ifid,
            "ipaddr" | "ipv4addr" => DataType::Ipv4,
            "ipv6addr" => DataType::Ipv6,
            "ipv6prefix" => DataType::Ipv6Prefix,
            "ipv4prefix" => DataType::Ipv4Prefix,
            "integer64" | "uint64" => DataType::Integer64,
            "tlv" => DataType::Tlv,
            "vsa" => DataType::Vsa,
            "extended" => DataType::Extended,
            "long-extended" => DataType::LongExtended,
            "evs" => DataType::Evs,
            "byte" | "uint8" | "bool" => DataType::Byte,
            "short" | "uint16" => DataType::Short,
            "signed" | "int32" => DataType::Signed,
            "ether" => DataType::Ether,
            "combo-ip" => DataType::Ip,
            _ => return None,
        })
    }

    /// The name RFC 8044 has for it, or FreeRADIUS's where that has none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            DataType::Integer => "integer",
            DataType::Time => "time",
            DataType::Text => "text",
            DataType::Octets => "string",
            DataType::Ifid => "ifid",
            DataType::Ipv4 => "ipv4addr",
            DataType::Ipv6 => "ipv6addr",
            DataType::Ipv6Prefix => "ipv6prefix",
            DataType::Ipv4Prefix => "ipv4prefix",
            DataType::Integer64 => "integer64",
            DataType::Tlv => "tlv",
            DataType::Vsa => "vsa",
            DataType::Extended => "extended",
            DataType::LongExtended => "long-extended",
            DataType::Evs => "evs",
            DataType::Byte => "byte",
            DataType::Short => "short",
            DataType::Signed => "signed",
            DataType::Ether => "ether",
            DataType::Ip => "combo-ip",
        }
    }

    /// What a text of this type looks like, to finish "… takes".
    #[must_use]
    pub const fn expected(self, tagged: bool) -> &'static str {
        match (self, tagged) {
            (DataType::Integer, false) => "a number from 0 to 4294967295",
            (DataType::Integer, true) => "a number from 0 to 16777215, with a tag like :1:13",
            (DataType::Integer64, _) => "a number from 0 to 18446744073709551615",
            (DataType::Byte, _) => "a number from 0 to 255",
            (DataType::Short, _) => "a number from 0 to 65535",
            (DataType::Signed, _) => "a number from -2147483648 to 2147483647",
            (DataType::Text, false) => "a text",
            (DataType::Text, true) => "a text, with a tag like :1:250",
            (DataType::Octets, _) => "a text, or hexadecimal octets like 0x0a1b",
            (DataType::Ipv4, _) => "an IPv4 address like 192.0.2.1",
            (DataType::Ipv6, _) => "an IPv6 address like 2001:db8::1",
            (DataType::Ip, _) => "an address like 192.0.2.1 or 2001:db8::1",
            (DataType::Ipv6Prefix, _) => "an IPv6 prefix like 2001:db8::/56",
            (DataType::Ipv4Prefix, _) => "an IPv4 prefix like 192.0.2.0/24",
            (DataType::Time, _) => "seconds since 1970",
            (DataType::Ifid, _) => "an interface identifier like 0:0:0:1",
            (DataType::Ether, _) => "an Ethernet address like 02:00:5e:00:00:01",
            (
                DataType::Tlv | DataType::Vsa | DataType::Extended | DataType::LongExtended | DataType::Evs,
                _,
            ) => "hexadecimal octets like 0x0a1b",
        }
    }
}
