//! One pool: who has which of its addresses, who had which, and which one is next.
//! Never looks for one: what nobody ever had stands in a row, what somebody gave back in a queue, and everybody finds his
//! own again by his id. Reads no clock.
//!
//! An address that was given back is kept for its subscriber for the hold; after that somebody else may get it, the one
//! that was free for longest first, and only once nobody is left who never had one. The bookkeeping: `holding`.

use super::holding::State;
use super::range::AddressRange;
use super::spec::{LeaseRow, POOL_UNITS_MAX, PoolError, PoolKind, PoolSpec, Usage};
use super::units::Units;
use crate::class::Login;
use crate::id::SubscriberId;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An address that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// It.
    pub(crate) address: IpAddr,
    /// Whether he had it before.
    pub(crate) sticky: bool,
}

/// See the module's words.
#[derive(Debug)]
pub struct Pool {
    /// What it was made from.
    spec: PoolSpec,
    /// Its addresses, counted.
    units: Units,
    /// Who has what; locked for one step at a time.
    state: Mutex<State>,
}

impl Pool {
    /// A pool of which nothing is given.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn new(spec: PoolSpec) -> Result<Self, PoolError> {
        if !spec.kind.takes(spec.unit_len) {
            return Err(PoolError::Length);
        }
        let v4 = spec.kind == PoolKind::Ipv4;
        let units = Units::new(v4, spec.unit_len, &spec.ranges, &spec.excluded, POOL_UNITS_MAX)
            .ok_or(PoolError::Ranges)?;
        if units.total() == 0 {
            return Err(PoolError::Empty);
        }
        Ok(Self {
            spec,
            units,
            state: Mutex::default(),
        })
    }

    /// The same pool with other settings; who has what stays, as far as it is still in it. This one gives nothing more.
    ///
    /// # Errors
    /// [`PoolError`].
    pub(crate) fn changed(&self, spec: PoolSpec, now: Instant) -> Result<Self, PoolError> {
        let newer = Self::new(spec)?;
        let mut older = self.state.lock();
        older.retired = true;
        let mut state = newer.state.lock();
        for (unit, given) in &older.given {
            let Some(unit) = self.units.address(*unit).and_then(|at| newer.units.unit(at)) else {
                continue;
            };
            state.known(
                unit,
                given.subscriber,
                given.device,
                given.holder,
                now + newer.hold(),
            );
            state.dirty.insert(unit);
        }
        drop(state);
        Ok(newer)
    }

    /// What it was made from.
    #[must_use]
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// How much of it is in use.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let state = self.state.lock();
        let in_use = |unit: &&u32| state.given.get(unit).is_some_and(|given| given.holder.is_some());
        Usage {
            total: self.units.total(),
            live: state.live,
            reserved: u32::try_from(state.reserved.iter().filter(|unit| !in_use(unit)).count())
                .unwrap_or(u32::MAX),
        }
    }

    /// Never gives what these networks touch: they are somebody's for good.
    pub fn reserve(&self, assigned: &[AddressRange]) {
        let units = assigned
            .iter()
            .flat_map(|range| self.units.touched(range.first(), range.last()));
        let units = units.collect();
        self.state.lock().reserved = units;
    }

    /// Who has this address now, and who had it last; `None` when it is not of this pool, or was never given.
    #[must_use]
    pub fn holder(&self, address: IpAddr) -> Option<(SubscriberId, bool)> {
        let unit = self.units.unit(address)?;
        let state = self.state.lock();
        let given = state.given.get(&unit)?;
        Some((given.subscriber, given.holder.is_some()))
    }

    /// Whether it may give this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.units.unit(address).is_some()
    }

    /// Takes an address for a login: the one his device had, else one that he had, else one nobody ever had, else the one
    /// that is free for longest. `None`: there is none. With `only_look` nothing is taken.
    pub(crate) fn take(
        &self,
        subscriber: SubscriberId,
        device: u64,
        login: Login,
        now: Instant,
        only_look: bool,
    ) -> Option<Taken> {
        let mut state = self.state.lock();
        if state.retired {
            return None;
        }
        let own = state.own(subscriber, device);
        let unit = match own {
            Some(unit) => unit,
            None => state
                .fresh(self.units.total())
                .or_else(|| state.free_for_longest(now))?,
        };
        let taken = Taken {
            address: self.units.address(unit)?,
            sticky: own.is_some(),
        };
        if !only_look {
            state.give(unit, subscriber, device, login);
        }
        Some(taken)
    }

    /// Notes that a session has this address, whoever gave it.
    pub(crate) fn claim(&self, address: IpAddr, subscriber: SubscriberId, device: u64, login: Login) -> bool {
        let Some(unit) = self.units.unit(address) else {
            return false;
        };
        let mut state = self.state.lock();
        // Whoever has it already keeps it: two sessions with one address are the NAS's doing.
        let taken = state.given.get(&unit).is_some_and(|given| given.holder.is_some());
        if !taken {
            state.give(unit, subscriber, device, login);
        }
        !taken
    }

    /// The address that a subscriber had when the program ended, if it has not been given since.
    pub(crate) fn interrupted(&self, subscriber: SubscriberId) -> Option<IpAddr> {
        let state = self.state.lock();
        let was = |unit: &&u32| {
            state
                .given
                .get(unit)
                .is_some_and(|given| given.interrupted && given.holder.is_none())
        };
        let unit = state.of.get(&subscriber)?.iter().find(was)?;
        self.units.address(*unit)
    }

    /// Takes an address back, if this login still has it; kept for its subscriber for the hold, or not at all when he never
    /// used it.
    pub(crate) fn free(&self, address: IpAddr, login: Login, now: Instant, used: bool) {
        if let Some(unit) = self.units.unit(address) {
            let from = if used { now + self.hold() } else { now };
            self.state.lock().give_back(unit, login, from, used);
        }
    }

    /// Lets another login of the same subscriber have an address in place of this one.
    pub(crate) fn hand_over(&self, address: IpAddr, from: Login, to: Login) {
        let Some(unit) = self.units.unit(address) else {
            return;
        };
        let mut state = self.state.lock();
        if let Some(given) = state
            .given
            .get_mut(&unit)
            .filter(|given| given.holder == Some(from))
        {
            given.holder = Some(to);
        }
    }

    /// Puts in what was written down before a restart. Who had it gets it again; nobody else before the hold ends.
    pub fn restore(&self, row: &LeaseRow, now: Instant) {
        let Some(unit) = self.units.unit(row.address) else {
            return;
        };
        let from = if row.live { now + self.hold() } else { now };
        let mut state = self.state.lock();
        if !state.given.contains_key(&unit) {
            state.known(unit, row.subscriber, row.device, None, from);
            if let Some(given) = state.given.get_mut(&unit) {
                given.interrupted = row.live;
            }
        }
    }

    /// What changed since this was last asked; a caller who cannot write it down gives it back with [`Self::still_dirty`].
    #[must_use]
    pub fn dirty(&self) -> Vec<LeaseRow> {
        let mut state = self.state.lock();
        let dirty = std::mem::take(&mut state.dirty);
        let row = |unit: u32| {
            let given = state.given.get(&unit)?;
            Some(LeaseRow {
                pool: self.spec.id,
                address: self.units.address(unit)?,
                subscriber: given.subscriber,
                device: given.device,
                live: given.holder.is_some(),
            })
        };
        dirty.into_iter().filter_map(row).collect()
    }

    /// Takes back what could not be written down.
    pub fn still_dirty(&self, rows: &[LeaseRow]) {
        let mut state = self.state.lock();
        let units = rows.iter().filter_map(|row| self.units.unit(row.address));
        state.dirty.extend(units);
    }

    /// For how long an address is kept for whom it was given to.
    fn hold(&self) -> Duration {
        Duration::from_secs(self.spec.hold_s.into())
    }
}
