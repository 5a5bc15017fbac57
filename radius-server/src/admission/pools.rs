//! The pools of all partners, as the gate sees them. What one of them does: [`crate::addresses`].

use super::account::Place;
use super::gate::{Gate, Pools};
use super::given::GivenAddress;
use crate::addresses::{AddressRange, LeaseRow, Pool, PoolError, PoolSpec};
use crate::class::Login;
use crate::id::{PartnerId, PoolId};
use std::sync::Arc;
use std::time::Instant;

impl Gate {
    /// Replaces the pools of a partner, and what of them is assigned for good. Who has what stays. Gives back the pools that
    /// cannot be.
    pub fn pools_put(
        &self,
        partner: PartnerId,
        specs: Vec<PoolSpec>,
        assigned: &[AddressRange],
    ) -> Vec<(PoolId, PoolError)> {
        let _one_at_a_time = self.pools_writer.lock();
        let before = self.pools.load();
        let mut pools: Pools = before
            .iter()
            .filter(|(_, (whose, _))| *whose != partner)
            .map(|(id, held)| (*id, held.clone()))
            .collect();
        let mut refused = Vec::new();
        for spec in specs {
            let id = spec.id;
            let made = match before.get(&id) {
                Some((_, held)) if *held.spec() == spec => Ok(Arc::clone(held)),
                Some((_, held)) => held.changed(spec, Instant::now()).map(Arc::new),
                None => Pool::new(spec).map(Arc::new),
            };
            match made {
                Ok(pool) => {
                    pool.reserve(assigned);
                    pools.insert(id, (partner, pool));
                }
                Err(error) => refused.push((id, error)),
            }
        }
        self.pools.store(Arc::new(pools));
        refused
    }

    /// A pool.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<Arc<Pool>> {
        self.pools.load().get(&id).map(|(_, pool)| Arc::clone(pool))
    }

    /// Every pool, with whose it is.
    #[must_use]
    pub fn pools(&self) -> Vec<(PartnerId, Arc<Pool>)> {
        self.pools.load().values().cloned().collect()
    }

    /// Puts in what was written down of leases before a restart.
    pub fn lease_restore(&self, row: &LeaseRow) {
        if let Some(pool) = self.pool(row.pool) {
            pool.restore(row, Instant::now());
        }
    }

    /// Takes back what a place had.
    pub(super) fn free_all(&self, place: &Place, now: Instant) {
        for address in &place.addresses {
            self.free(address, place.login, now, place.session.is_some());
        }
    }

    /// Takes back one address.
    pub(super) fn free(&self, address: &GivenAddress, login: Login, now: Instant, used: bool) {
        if let Some(pool) = address.pool.and_then(|id| self.pool(id)) {
            pool.free(address.net.addr(), login, now, used);
        }
    }
}
