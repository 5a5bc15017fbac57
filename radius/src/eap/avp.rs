//! Attribute-value pairs inside the tunnel of EAP-TTLS (RFC 5281 section 10): RADIUS's attributes in Diameter's clothes.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           AVP Code                            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V M r r r r r r|                  AVP Length                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        Vendor-ID (only with V)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Data ...                                     zeros up to 4 |
//! +-+-+-+-+-+-+-+-+-
//! ```

/// Flag: a vendor's number follows.
const VENDOR: u8 = 0x80;
/// Flag: who does not understand it must refuse.
const MANDATORY: u8 = 0x40;
/// Octets before the data, without a vendor.
const HEADER_LEN: usize = 8;
/// Every pair begins at a multiple of so many octets.
const ALIGNMENT: usize = 4;

/// Why octets are not a row of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvpError {
    /// The octets end within a header.
    #[error("{left} octets are left, the header of an AVP has {needed}")]
    TooShort {
        /// Octets left.
        left: usize,
        /// Octets its header needs.
        needed: usize,
    },
    /// The length is shorter than the header or longer than what is left.
    #[error("AVP {code} says it is {length} octets long, {left} are left")]
    BadLength {
        /// Which one.
        code: u32,
        /// What it says.
        length: usize,
        /// Octets left.
        left: usize,
    },
}

/// One pair. `Debug` prints no data: they may be a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Avp<'a> {
    /// Its number: below 256 without a vendor, that of the RADIUS attribute.
    pub code: u32,
    /// Whose number it is.
    pub vendor: Option<u32>,
    /// Whether who does not understand it must refuse.
    pub mandatory: bool,
    /// What it says.
    pub data: &'a [u8],
}

impl std::fmt::Debug for Avp<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Avp")
            .field("code", &self.code)
            .field("vendor", &self.vendor)
            .field("mandatory", &self.mandatory)
            .finish_non_exhaustive()
    }
}

/// A row of pairs being read. After an error it is at its end.
#[derive(Clone)]
pub struct Avps<'a>(&'a [u8]);

impl<'a> Avps<'a> {
    /// Reads from these octets.
    pub fn new(octets: &'a [u8]) -> Self {
        Avps(octets)
    }

    /// Reads one pair and what it is padded with.
    fn read(octets: &'a [u8]) -> Result<(Avp<'a>, &'a [u8]), AvpError> {
        let left = octets.len();
        let too_short = |needed| AvpError::TooShort { left, needed };
        let (&[a, b, c, d, flags, high, middle, low], _) = octets
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(too_short(HEADER_LEN))?;
        let code = u32::from_be_bytes([a, b, c, d]);
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let bad = AvpError::BadLength { code, length, left };
        let body = octets
            .get(..length)
            .and_then(|avp| avp.get(HEADER_LEN..))
            .ok_or(bad)?;
        let (vendor, data) = if flags & VENDOR == 0 {
            (None, body)
        } else {
            let (vendor, data) = body.split_first_chunk::<4>().ok_or(bad)?;
            (Some(u32::from_be_bytes(*vendor)), data)
        };
        // The last one's padding may be missing.
        let rest = octets
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        let avp = Avp {
            code,
            vendor,
            mandatory: flags & MANDATORY != 0,
            data,
        };
        Ok((avp, rest))
    }
}

impl<'a> Iterator for Avps<'a> {
    type Item = Result<Avp<'a>, AvpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = Self::read(self.0);
        self.0 = read.map_or(&[], |(_, rest)| rest);
        Some(read.map(|(avp, _)| avp))
    }
}

impl std::fmt::Debug for Avps<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Avps({} octets)", self.0.len())
    }
}

/// Appends a pair with its padding. Data beyond what its length can say (16 MiB) are left out.
pub fn write(avp: &Avp<'_>, out: &mut Vec<u8>) {
    let header_len = HEADER_LEN + avp.vendor.map_or(0, |_| 4);
    let room = 0xff_ffff - header_len;
    let data = avp.data.get(..room).unwrap_or(avp.data);
    let [_, length @ ..] = u32::try_from(header_len + data.len())
        .unwrap_or_default()
        .to_be_bytes();
    let mut flags = 0;
    if avp.vendor.is_some() {
        flags |= VENDOR;
    }
    if avp.mandatory {
        flags |= MANDATORY;
    }
    out.extend_from_slice(&avp.code.to_be_bytes());
    out.push(flags);
    out.extend_from_slice(&length);
    if let Some(vendor) = avp.vendor {
        out.extend_from_slice(&vendor.to_be_bytes());
    }
    out.extend_from_slice(data);
    let padding = (header_len + data.len()).next_multiple_of(ALIGNMENT) - (header_len + data.len());
    out.extend_from_slice([0; ALIGNMENT].get(..padding).unwrap_or_default());
}
