//! The framing that EAP-TLS, EAP-TTLS and PEAP share (RFC 5216 section 3, RFC 5281 section 9.1, MS-PEAP section 2.2.2): one
//! TLS flight in as many EAP packets as it takes, both ways.
//!
//! Never looks into what it carries, never waits: every fragment but the last is acknowledged by an empty packet, and
//! whoever uses it says when one came.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |L M S R R Ver  |      TLS Message Length (only with L)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  ... the rest |  TLS data ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use zeroize::Zeroizing;

/// Octets of one flight, at the most; the certificates of a long chain take a tenth of it.
pub const MESSAGE_LEN_MAX: usize = 64 * 1024;

/// Octets of TLS data in one EAP packet, at the least: with fewer a handshake would take more rounds than anybody allows.
pub const FRAGMENT_LEN_MIN: usize = 100;

/// Flag: the length of the whole flight stands behind the flags.
const LENGTH: u8 = 0x80;
/// Flag: there are more fragments.
const MORE: u8 = 0x40;
/// Flag: the conversation begins.
const START: u8 = 0x20;
/// The bits of the version, which EAP-TLS leaves zero.
const VERSION: u8 = 0x07;

/// Why the data of a packet are no fragment, or not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Not even flags, or a length that is cut off.
    #[error("a fragment of {len} octets is shorter than its flags say")]
    TooShort {
        /// Octets present.
        len: usize,
    },
    /// A peer sent a Start.
    #[error("a peer sent a Start, which only a server may")]
    Start,
    /// Another version of the method.
    #[error("version {found} of the method, {wanted} was agreed")]
    Version {
        /// What the flags say.
        found: u8,
        /// What was offered.
        wanted: u8,
    },
    /// The flight is announced as longer than [`MESSAGE_LEN_MAX`], or is.
    #[error("a flight of {len} octets, {MESSAGE_LEN_MAX} are allowed")]
    TooLong {
        /// Its octets.
        len: usize,
    },
    /// The fragments add up to something else than was announced.
    #[error("a flight of {found} octets, {announced} were announced")]
    OtherLength {
        /// What the first fragment said.
        announced: usize,
        /// What came.
        found: usize,
    },
    /// A fragment that says there are more and holds nothing.
    #[error("an empty fragment that says there are more")]
    Empty,
    /// A fragment came where the acknowledgement of ours belongs.
    #[error("TLS data in place of an acknowledgement")]
    NotAnAcknowledgement,
}

/// One packet's data, read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Octets of the whole flight, where it is said.
    pub announced: Option<u32>,
    /// Whether there are more fragments.
    pub more: bool,
    /// Whether the conversation begins.
    pub start: bool,
    /// The version of the method.
    pub version: u8,
    /// The TLS data.
    pub data: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads the data of a packet: what follows its type.
    ///
    /// # Errors
    /// [`FragmentError::TooShort`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, FragmentError> {
        let too_short = FragmentError::TooShort { len: octets.len() };
        let (flags, after) = octets.split_first().ok_or(too_short)?;
        let (announced, data) = if flags & LENGTH == 0 {
            (None, after)
        } else {
            let (length, data) = after.split_first_chunk::<4>().ok_or(too_short)?;
            (Some(u32::from_be_bytes(*length)), data)
        };
        Ok(Fragment {
            announced,
            more: flags & MORE != 0,
            start: flags & START != 0,
            version: flags & VERSION,
            data,
        })
    }

    /// Whether it only says that ours arrived.
    pub fn is_acknowledgement(&self) -> bool {
        self.data.is_empty() && !self.more && !self.start
    }
}

impl std::fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fragment")
            .field("announced", &self.announced)
            .field("more", &self.more)
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// The data of the packet with which a server begins.
pub fn start(version: u8) -> [u8; 1] {
    [START | version & VERSION]
}

/// The data of the packet that acknowledges a fragment, or says nothing else.
pub fn acknowledgement(version: u8) -> [u8; 1] {
    [version & VERSION]
}

// -- What comes

/// Puts the flights of a peer together.
#[derive(Default)]
pub struct Reassembly {
    /// What came of the present flight.
    flight: Zeroizing<Vec<u8>>,
    /// What its first fragment said.
    announced: Option<usize>,
    /// The version that was offered.
    version: u8,
}

/// What a fragment made of a flight.
#[derive(PartialEq, Eq)]
pub enum Arrived {
    /// There is more to come: acknowledge.
    Part,
    /// All of it; empty when it was an acknowledgement.
    Whole(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for Arrived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Arrived::Part => f.write_str("Part"),
            Arrived::Whole(flight) => write!(f, "Whole({} octets)", flight.len()),
        }
    }
}

impl Reassembly {
    /// For a method of this version.
    pub fn new(version: u8) -> Self {
        Reassembly {
            version,
            ..Reassembly::default()
        }
    }

    /// Takes the next fragment. After an error the conversation cannot go on.
    ///
    /// # Errors
    /// A [`FragmentError`] names the first thing that is wrong.
    pub fn push(&mut self, octets: &[u8]) -> Result<Arrived, FragmentError> {
        let fragment = Fragment::parse(octets)?;
        if fragment.start {
            return Err(FragmentError::Start);
        }
        if fragment.version != self.version {
            return Err(FragmentError::Version {
                found: fragment.version,
                wanted: self.version,
            });
        }
        //= https://www.rfc-editor.org/rfc/rfc5216#section-2.1.5
        //# The L flag is set to indicate the presence of the four-octet TLS Message Length field, and
        //# MUST be set for the first fragment of a fragmented TLS message or set
        //# of messages.
        // Later ones may say it again; the first counts.
        if self.flight.is_empty() && self.announced.is_none() {
            self.announced = fragment.announced.map(|announced| announced as usize);
        }
        let len = self.flight.len() + fragment.data.len();
        let longest = self.announced.unwrap_or(len).max(len);
        if longest > MESSAGE_LEN_MAX {
            return Err(FragmentError::TooLong { len: longest });
        }
        if fragment.more && fragment.data.is_empty() {
            return Err(FragmentError::Empty);
        }
        self.flight.extend_from_slice(fragment.data);
        if fragment.more {
            return Ok(Arrived::Part);
        }
        let flight = std::mem::take(&mut self.flight);
        match self.announced.take() {
            Some(announced) if announced != flight.len() => Err(FragmentError::OtherLength {
                announced,
                found: flight.len(),
            }),
            _ => Ok(Arrived::Whole(flight)),
        }
    }
}

impl std::fmt::Debug for Reassembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reassembly({} octets)", self.flight.len())
    }
}

// -- What goes

/// Cuts one flight of ours into fragments.
#[derive(Default)]
pub struct Fragments {
    /// The flight.
    flight: Vec<u8>,
    /// How much of it went out.
    gone: usize,
    /// The version of the method.
    version: u8,
    /// Octets of TLS data in each packet.
    fragment_len: usize,
}

impl Fragments {
    /// A flight to be cut into pieces of this length, at least [`FRAGMENT_LEN_MIN`].
    pub fn new(flight: Vec<u8>, version: u8, fragment_len: usize) -> Self {
        Fragments {
            flight,
            gone: 0,
            version,
            fragment_len: fragment_len.max(FRAGMENT_LEN_MIN),
        }
    }

    /// Whether all of it went out.
    pub fn is_done(&self) -> bool {
        self.gone >= self.flight.len()
    }

    /// Appends the data of the next packet: flags, length where it belongs, octets; nothing when all went out.
    pub fn next(&mut self, out: &mut Vec<u8>) {
        let rest = self.flight.get(self.gone..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let piece = rest.get(..self.fragment_len).unwrap_or(rest);
        let more = piece.len() < rest.len();
        let mut flags = self.version & VERSION;
        if more {
            flags |= MORE;
        }
        match u32::try_from(self.flight.len()) {
            Ok(len) if self.gone == 0 && more => {
                out.push(flags | LENGTH);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => out.push(flags),
        }
        out.extend_from_slice(piece);
        self.gone += piece.len();
    }
}

impl std::fmt::Debug for Fragments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fragments({} of {} octets)", self.gone, self.flight.len())
    }
}
