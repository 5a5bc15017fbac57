//! From a source address to its NAS: the most specific network wins, and no two NAS may share one.
//! The table is a value; a change makes a new one, so that readers never wait.

use super::DirectoryError;
use super::nas::Nas;
use crate::id::NasId;
use ipnet::IpNet;
use std::cmp::Reverse;
use std::collections::HashMap;
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
    nas: HashMap<IpAddr, Arc<Nas>>,
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
                    nas: HashMap::new(),
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
