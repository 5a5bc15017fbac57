//! What a subscriber is recognised by when he types no name: his device, his line, his port, his VLANs.
//! Each mark belongs to one subscriber of a partner. A mark is octets, so that it is found without being written down
//! first; how people read and write it stands here too.
//!
//! A user name that is compared without regard to case is found the same way; see [`Marks::fold`].

use super::index::SHARDS;
use super::subscriber::Subscriber;
use crate::id::{NasId, SubscriberId};
use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashTable};
use parking_lot::RwLock;
use radius::line::VLANS_LEN;
use radius::mac::MAC_LEN;
use radius::{Mac, Vlans};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::BuildHasher;
use std::str::FromStr;

/// Octets of a mark's value at most: those of an attribute of a vendor.
pub const MARK_OCTETS_MAX: usize = 247;
/// Marks that one subscriber may have.
pub const MARKS_MAX: usize = 16;
/// Octets of a key at most: kind, NAS, value.
const KEY_OCTETS_MAX: usize = 2 + 16 + 253;
/// What stands in place of a kind before a user name in small letters.
const FOLDED: u8 = 0;

/// What kind of thing a subscriber is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The MAC address of his device.
    Mac = 1,
    /// Agent Circuit ID: his port on the access node.
    CircuitId = 2,
    /// Agent Remote ID: his end of the line.
    RemoteId = 3,
    /// NAS-Port-Id: his port on the NAS.
    PortId = 4,
    /// The VLANs at the end of NAS-Port-Id.
    Vlan = 5,
}

impl MarkKind {
    /// All of them; the place is the number in a journalled decision, so a new one goes to the end.
    pub const ALL: [Self; 5] = [
        Self::Mac,
        Self::CircuitId,
        Self::RemoteId,
        Self::PortId,
        Self::Vlan,
    ];

    /// The word in files, in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::CircuitId => "circuit_id",
            Self::RemoteId => "remote_id",
            Self::PortId => "port_id",
            Self::Vlan => "vlan",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Mac => "MAC address",
            Self::CircuitId => "circuit id",
            Self::RemoteId => "remote id",
            Self::PortId => "NAS-Port-Id",
            Self::Vlan => "VLAN",
        }
    }

    /// Whether it may be one NAS's own: ports and VLANs are numbered by each NAS anew.
    #[must_use]
    pub const fn may_name_nas(self) -> bool {
        matches!(self, Self::PortId | Self::Vlan)
    }

    /// Reads a value as people write it; `None` when it is none of this kind.
    ///
    /// A MAC address in any spelling; VLANs as `100.200` or `200`; anything else as text, or as octets behind `0x`.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Box<[u8]>> {
        match self {
            Self::Mac => Mac::parse(text.as_bytes()).map(|mac| mac.0.into()),
            Self::Vlan => Vlans::parse(text.as_bytes()).map(|vlans| vlans.octets().into()),
            Self::CircuitId | Self::RemoteId | Self::PortId => {
                let octets = match text.strip_prefix("0x") {
                    Some(digits) => hex(digits)?,
                    None => text.as_bytes().into(),
                };
                (1..=MARK_OCTETS_MAX).contains(&octets.len()).then_some(octets)
            }
        }
    }

    /// Writes a value in its normal form, which [`Self::read`] takes back: text when it is printable, else octets.
    #[must_use]
    pub fn write(self, value: &[u8]) -> Shown {
        let mut shown = Shown::default();
        match self {
            Self::Mac => match value.try_into() {
                Ok(mac) => shown.push(&Mac(mac).text()),
                Err(_) => shown.push_hex(value),
            },
            Self::Vlan => match <[u8; VLANS_LEN]>::try_from(value) {
                Ok(vlans) => drop(fmt::Write::write_fmt(
                    &mut shown,
                    format_args!("{}", Vlans::from_octets(vlans)),
                )),
                Err(_) => shown.push_hex(value),
            },
            Self::CircuitId | Self::RemoteId | Self::PortId => match std::str::from_utf8(value) {
                Ok(text) if !text.starts_with("0x") && !text.chars().any(char::is_control) => {
                    shown.push(text.as_bytes());
                }
                _ => shown.push_hex(value),
            },
        }
        shown
    }
}

/// Octets out of hexadecimal digits.
fn hex(digits: &str) -> Option<Box<[u8]>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |octet: u8| {
        char::from(octet)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let octets = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| octets.collect())?
}

impl FromStr for MarkKind {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or(())
    }
}

/// A value as people read it, in place: the packet path writes it down without allocating.
#[derive(Clone)]
pub struct Shown {
    /// How many of `octets` count.
    len: usize,
    /// UTF-8.
    octets: [u8; Self::OCTETS_MAX],
}

impl Shown {
    /// `0x` and two digits for each octet.
    const OCTETS_MAX: usize = 2 + 2 * MARK_OCTETS_MAX;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let octets = self.octets.get(..self.len).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    /// Appends as much of a text as fits.
    fn push(&mut self, text: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len();
        }
    }

    /// Appends octets as digits.
    fn push_hex(&mut self, octets: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.push(b"0x");
        for octet in octets {
            self.push(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        }
    }
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            len: 0,
            octets: [0; Self::OCTETS_MAX],
        }
    }
}

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// One thing that a subscriber is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// What kind.
    pub kind: MarkKind,
    /// The one NAS on which it means him; `None`: any of his partner's.
    pub nas: Option<NasId>,
    /// The value, as octets: six of a MAC address, four of VLANs, else those of the attribute.
    pub value: Box<[u8]>,
}

impl Mark {
    /// A device.
    #[must_use]
    pub fn mac(mac: Mac) -> Self {
        let value: [u8; MAC_LEN] = mac.0;
        Self {
            kind: MarkKind::Mac,
            nas: None,
            value: value.into(),
        }
    }

    /// What it is found by.
    fn key(&self) -> Option<Key> {
        Key::of(self.kind as u8, self.nas, &self.value)
    }
}

/// A key made in place.
struct Key {
    /// How many of `octets` count.
    len: usize,
    /// Kind, whether there is a NAS, the NAS, the value.
    octets: [u8; KEY_OCTETS_MAX],
}

impl Key {
    /// The key of a mark; `None` when the value is longer than any.
    fn of(kind: u8, nas: Option<NasId>, value: &[u8]) -> Option<Self> {
        let mut key = Self {
            len: 0,
            octets: [0; KEY_OCTETS_MAX],
        };
        key.push(&[kind, u8::from(nas.is_some())])?;
        if let Some(nas) = nas {
            key.push(nas.as_bytes())?;
        }
        key.push(value)?;
        Some(key)
    }

    /// Appends octets.
    fn push(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.len + octets.len();
        self.octets.get_mut(self.len..end)?.copy_from_slice(octets);
        self.len = end;
        Some(())
    }

    /// The octets that count.
    fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// One lock and its part of the keys.
#[repr(align(64))]
#[derive(Default)]
struct Shard(RwLock<HashTable<(Box<[u8]>, SubscriberId)>>);

/// Whose each mark of a partner is. Writers are kept in order by the partner; readers wait for a writer of their own shard
/// only.
pub(super) struct Marks {
    /// By key.
    shards: Box<[Shard; SHARDS]>,
    /// The hash of a key, drawn when the partner was made.
    hasher: RandomState,
    /// Which marks each has who has any; only writers and the snapshot look here.
    by_id: RwLock<HashMap<SubscriberId, Box<[Mark]>, RandomState>>,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| Shard::default())),
            hasher: RandomState::default(),
            by_id: RwLock::default(),
        }
    }
}

impl Marks {
    /// Whose a mark is.
    pub(super) fn find(&self, kind: MarkKind, nas: Option<NasId>, value: &[u8]) -> Option<SubscriberId> {
        self.find_key(&Key::of(kind as u8, nas, value)?)
    }

    /// Whose a user name is when case does not count.
    pub(super) fn find_folded(&self, username: &str) -> Option<SubscriberId> {
        self.find_key(&folded_key(username)?)
    }

    /// The marks of a subscriber.
    pub(super) fn of(&self, id: SubscriberId) -> Box<[Mark]> {
        self.by_id.read().get(&id).cloned().unwrap_or_default()
    }

    /// Who has any.
    pub(super) fn marked(&self) -> Vec<SubscriberId> {
        self.by_id.read().keys().copied().collect()
    }

    /// Gives a subscriber these marks and no others. One that somebody else has becomes his: the database knows no two,
    /// so the other has lost it, and his change is still to come.
    pub(super) fn put(&self, id: SubscriberId, marks: &[Mark]) {
        let mut by_id = self.by_id.write();
        let held = by_id.get(&id).map(|held| &**held).unwrap_or_default();
        if held == marks {
            return;
        }
        for mark in held {
            self.remove(mark.key(), id);
        }
        for key in marks.iter().filter_map(Mark::key) {
            self.insert(&key, id, true);
        }
        if marks.is_empty() {
            by_id.remove(&id);
        } else {
            by_id.insert(id, marks.into());
        }
    }

    /// Lets a subscriber be found whatever the case of his user name. Only a name with capitals takes room here; one in
    /// small letters is found by itself. Of two names that differ in case only, the first one put is found.
    pub(super) fn fold(&self, subscriber: &Subscriber) {
        let name = subscriber.username();
        if name.bytes().any(|octet| octet.is_ascii_uppercase())
            && let Some(key) = folded_key(name)
        {
            self.insert(&key, subscriber.id, false);
        }
    }

    /// The opposite, for one subscriber.
    pub(super) fn unfold(&self, subscriber: &Subscriber) {
        self.remove(folded_key(subscriber.username()), subscriber.id);
    }

    /// The opposite, for all.
    pub(super) fn unfold_all(&self) {
        for shard in self.shards.iter() {
            shard.0.write().retain(|(key, _)| key.first() != Some(&FOLDED));
        }
    }

    /// Whose a key is.
    fn find_key(&self, key: &Key) -> Option<SubscriberId> {
        let hash = self.hasher.hash_one(key.octets());
        let table = self.shard(hash).0.read();
        table
            .find(hash, |(held, _)| **held == *key.octets())
            .map(|(_, id)| *id)
    }

    /// Gives a key to a subscriber; one that somebody has only if it is to be taken from him.
    fn insert(&self, key: &Key, id: SubscriberId, take: bool) {
        let hash = self.hasher.hash_one(key.octets());
        let mut table = self.shard(hash).0.write();
        match table.find_mut(hash, |(held, _)| **held == *key.octets()) {
            Some((_, holder)) if take => *holder = id,
            Some(_) => {}
            None => {
                let rehash = |(held, _): &(Box<[u8]>, SubscriberId)| self.hasher.hash_one(&**held);
                table.insert_unique(hash, (key.octets().into(), id), rehash);
            }
        }
    }

    /// Takes a key from a subscriber, if it is his.
    fn remove(&self, key: Option<Key>, id: SubscriberId) {
        let Some(key) = key else { return };
        let hash = self.hasher.hash_one(key.octets());
        let mut table = self.shard(hash).0.write();
        let found = table.find_entry(hash, |(held, holder)| **held == *key.octets() && *holder == id);
        if let Ok(entry) = found {
            entry.remove();
        }
    }

    /// The shard of a hash, as in the indexes of subscribers.
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[(hash >> 40) as usize % SHARDS]
    }
}

/// The key of a user name in small letters.
fn folded_key(username: &str) -> Option<Key> {
    let mut key = Key::of(FOLDED, None, username.as_bytes())?;
    key.octets.make_ascii_lowercase();
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_reads_back_as_it_was_written(octets in prop::collection::vec(any::<u8>(), 1..=MARK_OCTETS_MAX)) {
            for kind in [MarkKind::CircuitId, MarkKind::RemoteId, MarkKind::PortId] {
                let written = kind.write(&octets);
                prop_assert_eq!(kind.read(written.as_str()), Some(octets.clone().into()));
            }
        }

        #[test]
        fn what_is_read_has_one_normal_form(text in ".{0,60}") {
            for kind in MarkKind::ALL {
                if let Some(value) = kind.read(&text) {
                    prop_assert_eq!(kind.read(kind.write(&value).as_str()), Some(value));
                }
            }
        }
    }

    #[test]
    fn each_kind_has_its_normal_form() {
        for (kind, text, normal) in [
            (MarkKind::Mac, "001A.2B3C.4D5E", "00:1a:2b:3c:4d:5e"),
            (MarkKind::Vlan, "100.200", "100.200"),
            (MarkKind::CircuitId, "olt-1 eth 0/1:7", "olt-1 eth 0/1:7"),
            (MarkKind::CircuitId, "0x6f6c74", "olt"),
            (MarkKind::RemoteId, "0x000600AABB", "0x000600aabb"),
        ] {
            let value = kind.read(text).expect(text);
            assert_eq!(kind.write(&value).as_str(), normal);
        }
        for (kind, text) in [
            (MarkKind::Mac, "alice"),
            (MarkKind::Vlan, "0"),
            (MarkKind::CircuitId, ""),
            (MarkKind::CircuitId, "0x"),
            (MarkKind::CircuitId, "0xabc"),
            (MarkKind::PortId, &"x".repeat(MARK_OCTETS_MAX + 1)),
        ] {
            assert_eq!(kind.read(text), None, "{text}");
        }
    }

    #[test]
    fn every_kind_has_its_word_and_its_number() {
        for (number, kind) in (1..).zip(MarkKind::ALL) {
            assert_eq!(kind as u8, number);
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
