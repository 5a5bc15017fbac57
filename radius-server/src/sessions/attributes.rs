//! What a NAS said of a session, octet for octet, in one allocation: a CoA must repeat it exactly.
//! It keeps identification only, no counters, and interprets nothing. Who asks: `session`, and the CoA dialects.
//!
//! Entries stand in the order of their type: `type 1 | length 1 | as of 4, unix seconds | value`. Of one type the newest
//! value is kept, so that records may come in any order. A record that says again what is known, or another value of the
//! same length, changes the octets where they are: that is every interim record but the first.

use crate::class;
use radius::attribute::kind;
use radius::packet::View;
use std::fmt;

/// Octets of an entry before its value.
const ENTRY_HEAD_LEN: usize = 6;

/// What is kept: everything a NAS may want to hear again to find the session, and what tells people who it is. Rising.
const KEPT: [u8; 18] = [
    kind::USER_NAME,
    kind::NAS_IP_ADDRESS,
    kind::NAS_PORT,
    kind::FRAMED_IP_ADDRESS,
    kind::CLASS,
    kind::CALLED_STATION_ID,
    kind::CALLING_STATION_ID,
    kind::NAS_IDENTIFIER,
    kind::ACCT_SESSION_ID,
    kind::ACCT_MULTI_SESSION_ID,
    kind::NAS_PORT_TYPE,
    kind::NAS_PORT_ID,
    kind::CHARGEABLE_USER_IDENTITY,
    kind::NAS_IPV6_ADDRESS,
    kind::FRAMED_INTERFACE_ID,
    kind::FRAMED_IPV6_PREFIX,
    kind::DELEGATED_IPV6_PREFIX,
    kind::FRAMED_IPV6_ADDRESS,
];

/// From a type to its place in [`KEPT`]; `None`: it is not kept.
const PLACES: [Option<u8>; 256] = {
    let mut places = [None; 256];
    let mut place = 0;
    while place < KEPT.len() {
        places[KEPT[place] as usize] = Some(place as u8);
        place += 1;
    }
    places
};

/// What one packet says of what is kept, where it lies: of a type that comes twice the first, of `Class` ours.
pub(super) struct Told<'a> {
    /// The values, in the order of [`KEPT`].
    values: [Option<&'a [u8]>; KEPT.len()],
    /// When the NAS said so.
    as_of: u32,
}

impl<'a> Told<'a> {
    /// Reads a packet whose event happened at `as_of_unix_s`.
    pub(super) fn of_packet(view: &View<'a>, as_of_unix_s: i64) -> Self {
        let mut values = [None; KEPT.len()];
        let mut class_is_ours = false;
        for attribute in view.attributes() {
            let Some(place) = place(attribute.kind) else {
                continue;
            };
            let value = &mut values[place];
            if attribute.kind == kind::CLASS && !class_is_ours {
                class_is_ours = class::login(attribute.value).is_some();
                if class_is_ours {
                    *value = None;
                }
            }
            value.get_or_insert(attribute.value);
        }
        Self {
            values,
            as_of: clamp(as_of_unix_s),
        }
    }

    /// The value of one type.
    pub(super) fn get(&self, kind: u8) -> Option<&'a [u8]> {
        *self.values.get(place(kind)?)?
    }

    /// The same, to be kept.
    pub(super) fn to_attributes(&self) -> Attributes {
        let values = || {
            KEPT.into_iter()
                .zip(self.values)
                .filter_map(|(kind, value)| Some((kind, value?)))
        };
        let len = values().map(|(_, value)| ENTRY_HEAD_LEN + value.len()).sum();
        let mut octets = Vec::with_capacity(len);
        for (kind, value) in values() {
            let as_of = self.as_of;
            push(&mut octets, Entry { kind, as_of, value });
        }
        Attributes(octets.into_boxed_slice())
    }
}

/// The place of a type in [`KEPT`].
fn place(kind: u8) -> Option<usize> {
    PLACES[usize::from(kind)].map(usize::from)
}

/// Raw attributes of one session, at most one of a type.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Box<[u8]>);

/// One entry where it lies.
#[derive(Clone, Copy)]
struct Entry<'a> {
    /// The attribute's type.
    kind: u8,
    /// When the NAS said so.
    as_of: u32,
    /// The attribute's value.
    value: &'a [u8],
}

impl Attributes {
    /// None at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what is kept of a packet whose event happened at `as_of_unix_s`; of a type that comes twice the first,
    /// of `Class` ours.
    #[must_use]
    pub fn of_packet(view: &View<'_>, as_of_unix_s: i64) -> Self {
        Told::of_packet(view, as_of_unix_s).to_attributes()
    }

    /// Sets one attribute, unless a newer value is there; a value longer than 255 octets is cut.
    pub fn put(&mut self, kind: u8, value: &[u8], as_of_unix_s: i64) {
        let value = &value[..value.len().min(usize::from(u8::MAX))];
        let mut octets = Vec::with_capacity(ENTRY_HEAD_LEN + value.len());
        push(
            &mut octets,
            Entry {
                kind,
                as_of: clamp(as_of_unix_s),
                value,
            },
        );
        self.merge(&Self(octets.into_boxed_slice()));
    }

    /// The value of one type.
    #[must_use]
    pub fn get(&self, kind: u8) -> Option<&[u8]> {
        self.entries()
            .find(|entry| entry.kind == kind)
            .map(|entry| entry.value)
    }

    /// Types and values, types rising.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.entries().map(|entry| (entry.kind, entry.value))
    }

    /// Takes in what a packet says, as [`Attributes::merge`] does; allocates only when a type is new or its value has
    /// another length.
    pub(super) fn learn(&mut self, told: &Told<'_>) {
        let mut unknown = told.values.iter().flatten().count();
        let mut rest = &mut *self.0;
        while let Some((head, behind)) = rest.split_first_chunk_mut::<ENTRY_HEAD_LEN>() {
            let [kind, len, a, b, c, d] = *head;
            let Some((known, behind)) = behind.split_at_mut_checked(usize::from(len)) else {
                break;
            };
            rest = behind;
            let Some(value) = told.get(kind) else { continue };
            let is_newer = (u32::from_le_bytes([a, b, c, d]), &*known) < (told.as_of, value);
            if is_newer && value.len() == known.len() {
                known.copy_from_slice(value);
                head[2..].copy_from_slice(&told.as_of.to_le_bytes());
            }
            unknown -= usize::from(!is_newer || value.len() == known.len());
        }
        if unknown > 0 {
            self.merge(&told.to_attributes());
        }
    }

    /// Joins two of them: of each type the newer value, and of two from the same second the greater.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.0.is_empty() {
            return;
        }
        let known = std::mem::take(self);
        let mut octets = Vec::with_capacity(known.0.len().max(other.0.len()));
        let (mut mine, mut theirs) = (known.entries().peekable(), other.entries().peekable());
        loop {
            let entry = match (mine.peek().copied(), theirs.peek().copied()) {
                (Some(a), Some(b)) if a.kind == b.kind => {
                    mine.next();
                    theirs.next();
                    Some(if (a.as_of, a.value) < (b.as_of, b.value) {
                        b
                    } else {
                        a
                    })
                }
                (Some(a), Some(b)) if a.kind > b.kind => theirs.next(),
                (None, _) => theirs.next(),
                (Some(_), _) => mine.next(),
            };
            let Some(entry) = entry else { break };
            push(&mut octets, entry);
        }
        self.0 = octets.into_boxed_slice();
    }

    /// The entries, types rising.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (&[kind, len, a, b, c, d], behind) = rest.split_first_chunk::<ENTRY_HEAD_LEN>()?;
            let (value, behind) = behind.split_at_checked(usize::from(len))?;
            rest = behind;
            Some(Entry {
                kind,
                as_of: u32::from_le_bytes([a, b, c, d]),
                value,
            })
        })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who was where: types only, so that a session can be logged.
        f.debug_set()
            .entries(self.entries().map(|entry| entry.kind))
            .finish()
    }
}

/// Appends one entry.
fn push(octets: &mut Vec<u8>, entry: Entry<'_>) {
    octets.push(entry.kind);
    octets.push(u8::try_from(entry.value.len()).unwrap_or(u8::MAX));
    octets.extend_from_slice(&entry.as_of.to_le_bytes());
    octets.extend_from_slice(entry.value);
}

/// Unix seconds as they are kept: up to the year 2106.
fn clamp(unix_s: i64) -> u32 {
    u32::try_from(unix_s.max(0)).unwrap_or(u32::MAX)
}
