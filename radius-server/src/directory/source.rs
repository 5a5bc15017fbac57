//! From a source address to its NAS: the most specific network wins, and no two NAS may share one.
//! The table is a value; a change makes a new one, so that readers never wait.

use super::DirectoryError;
use super::nas::Nas;
use crate::id::NasId;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// All NAS, by id and by where their packets come from.
#[derive(Clone, Default)]
pub(super) struct NasTable {
    /// Every NAS.
    by_id: HashMap<NasId, Arc<Nas>>,
    /// The same by network, one map for each length of prefix in use, longest first. An ISP uses one or two lengths.
    by_prefix: Vec<Prefixes>,
}

/// The networks of one family and one prefix length.
#[derive(Clone)]
struct Prefixes {
    /// Leading bits that count.
    length: u8,
    /// IPv4, as opposed to IPv6.
    v4: bool,
    /// First address of the network to its NAS.
    nas: HashMap<IpAddr, Arc<Nas>, BuildHasherDefault<AddressHasher>>,
}

/// Hashes an address with one multiplication a word. Every datagram is looked up, and only operators put addresses into the
/// table, so nobody can choose some that collide.
#[derive(Clone, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, octets: &[u8]) {
        for word in octets.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            self.write_u64(u64::from_le_bytes(padded));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The product's high half depends on every bit of both factors; the factor is odd and looks random.
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product ^ (product >> 64)) as u64;
    }

    // Families are in different tables: which one it is, and how long its addresses are, tells nothing.
    fn write_isize(&mut self, _family: isize) {}

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl NasTable {
    /// The NAS with this id.
    pub(super) fn get(&self, id: NasId) -> Option<&Arc<Nas>> {
        self.by_id.get(&id)
    }

    /// The NAS that sends from this address. An IPv4 address inside IPv6 counts as IPv4.
    pub(super) fn by_source(&self, source: IpAddr) -> Option<&Arc<Nas>> {
        let source = source.to_canonical();
        self.by_prefix
            .iter()
            .filter(|prefixes| prefixes.v4 == source.is_ipv4())
            .find_map(|prefixes| prefixes.nas.get(&first_address(source, prefixes.length)))
    }

    /// Every NAS, in the order of ids.
    pub(super) fn list(&self) -> Vec<Arc<Nas>> {
        let mut all: Vec<_> = self.by_id.values().map(Arc::clone).collect();
        all.sort_unstable_by_key(|nas| nas.id);
        all
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Adds a NAS or takes a newer one in place of the old, also when its network changed.
    pub(super) fn put(&mut self, nas: Arc<Nas>) -> Result<(), DirectoryError> {
        let (network, address) = (nas.network, nas.network.network());
        if let Some(holder) = self.prefixes_mut(network).nas.get(&address)
            && holder.id != nas.id
        {
            return Err(DirectoryError::AddressTaken {
                nas: nas.id,
                network,
                holder: holder.id,
            });
        }
        self.remove(nas.id);
        self.prefixes_mut(network).nas.insert(address, Arc::clone(&nas));
        self.by_id.insert(nas.id, nas);
        Ok(())
    }

    /// Takes a NAS out.
    pub(super) fn remove(&mut self, id: NasId) -> Option<Arc<Nas>> {
        let older = self.by_id.remove(&id)?;
        self.prefixes_mut(older.network)
            .nas
            .remove(&older.network.network());
        self.by_prefix.retain(|prefixes| !prefixes.nas.is_empty());
        Some(older)
    }

    /// The map for networks of this shape, made when there is none.
    fn prefixes_mut(&mut self, network: IpNet) -> &mut Prefixes {
        let (length, v4) = (network.prefix_len(), network.addr().is_ipv4());
        let at = self
            .by_prefix
            .iter()
            .position(|prefixes| prefixes.length == length && prefixes.v4 == v4);
        let at = at.unwrap_or_else(|| {
            let at = self
                .by_prefix
                .partition_point(|prefixes| Reverse(prefixes.length) < Reverse(length));
            self.by_prefix.insert(
                at,
                Prefixes {
                    length,
                    v4,
                    nas: HashMap::default(),
                },
            );
            at
        });
        &mut self.by_prefix[at]
    }
}

/// The first address of the network of `length` bits that `address` is in.
fn first_address(address: IpAddr, length: u8) -> IpAddr {
    // A length of another family never gets here; if it did, the address itself would simply not be found.
    IpNet::new(address, length).map_or(address, |network| network.network())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn neighbouring_addresses_are_spread_over_all_places() {
        let build = BuildHasherDefault::<AddressHasher>::default();
        let v4 = |n: u32| IpAddr::from((0x0a00_0000 | n).to_be_bytes());
        let v6 = |n: u32| IpAddr::from((0xfd12_u128 << 112 | u128::from(n)).to_be_bytes());
        let networks = |n: u32| IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(n) << 80).to_be_bytes());
        for (what, address) in [
            ("v4", &v4 as &dyn Fn(u32) -> IpAddr),
            ("v6", &v6),
            ("v6 networks", &networks),
        ] {
            let (mut low, mut high) = ([0; 256], [0; 128]);
            for n in 0..65_536 {
                let hash = build.hash_one(address(n));
                low[(hash & 255) as usize] += 1;
                high[(hash >> 57) as usize] += 1;
            }
            // What the hash map uses: the lowest bits choose a place, the highest seven tell its entries apart.
            assert!(
                low.iter().all(|count| (128..=512).contains(count)),
                "{what}: {low:?}"
            );
            assert!(
                high.iter().all(|count| (256..=1_024).contains(count)),
                "{what}: {high:?}"
            );
        }
    }
}
