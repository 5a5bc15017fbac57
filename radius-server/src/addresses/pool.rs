//! One pool: who has which of its addresses, who had which, and which one is next.
//! Never looks for one: what nobody ever had stands in a row, what somebody gave back in a queue, and everybody finds his
//! own again by his id. Reads no clock.
//!
//! An address that was given back is kept for its subscriber for the hold; after that somebody else may get it, the one
//! that was free for longest first, and only once nobody is left who never had one.

use super::range::AddressRange;
use super::units::Units;
use crate::class::Login;
use crate::directory::Name;
use crate::id::{PoolId, SubscriberId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses or prefixes of one pool, at most; memory is taken by those that were ever given.
pub const POOL_UNITS_MAX: u32 = 1 << 22;
/// Ranges of one pool, and as many exclusions.
pub const POOL_RANGES_MAX: usize = 64;

/// What a pool gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Framed-IP-Address (RFC 2865 section 5.8).
    Ipv4,
    /// Framed-IPv6-Prefix (RFC 3162 section 2.3).
    Prefix,
    /// Delegated-IPv6-Prefix (RFC 4818).
    Delegated,
}

impl PoolKind {
    /// Every kind; its place is its number.
    pub const ALL: [Self; 3] = [Self::Ipv4, Self::Prefix, Self::Delegated];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Prefix => "prefix",
            Self::Delegated => "delegated",
        }
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn of_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a prefix may have this many bits.
    #[must_use]
    pub const fn takes(self, unit_len: u8) -> bool {
        match self {
            Self::Ipv4 => unit_len == 32,
            Self::Prefix => unit_len == 64,
            Self::Delegated => unit_len >= 32 && unit_len <= 64,
        }
    }
}

/// A pool as the feeder hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Which one.
    pub id: PoolId,
    /// What people call it.
    pub name: Name,
    /// What it gives.
    pub kind: PoolKind,
    /// Bits of what it gives: 32 for IPv4, 64 for a prefix, 32 to 64 for a delegated one.
    pub unit_len: u8,
    /// Where it takes them from.
    pub ranges: Vec<AddressRange>,
    /// What of that it never gives.
    pub excluded: Vec<AddressRange>,
    /// Seconds for which an address is kept for whom it was given to, after his session.
    pub hold_s: u32,
}

/// Why there can be no such pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// A prefix of this kind has another length.
    #[error(
        "a pool of this kind gives addresses of 32 bits, prefixes of 64, or delegated prefixes of 32 to 64"
    )]
    Length,
    /// Too many addresses, or of another family.
    #[error("its ranges are of another family, or have more than {POOL_UNITS_MAX} addresses or prefixes")]
    Ranges,
    /// None is left.
    #[error("its ranges hold not one address or prefix that is not excluded")]
    Empty,
}

/// How much of a pool is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All it could give.
    pub total: u32,
    /// Given now.
    pub live: u32,
    /// Kept for somebody: static assignments that are not in use.
    pub reserved: u32,
}

/// What stands in the database about one address that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Of which pool.
    pub pool: PoolId,
    /// The address, or the first of a prefix.
    pub address: IpAddr,
    /// To whom.
    pub subscriber: SubscriberId,
    /// A digest of his device.
    pub device: u64,
    /// Whether he has it now.
    pub live: bool,
}

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

/// Who has what.
#[derive(Debug, Default)]
struct State {
    /// Those that were ever given.
    given: HashMap<u32, Given>,
    /// Those that somebody has or had.
    of: HashMap<SubscriberId, Vec<u32>>,
    /// From here on none was ever given, but for those in `given`.
    fresh: u32,
    /// Those given back, in the order they may be given to others; some have been taken again since.
    freed: VecDeque<Freed>,
    /// How many are given now.
    live: u32,
    /// Assigned to somebody for good: never given to others.
    reserved: HashSet<u32>,
    /// Changed since they were last written down.
    dirty: HashSet<u32>,
    /// Another pool took its place; nothing more is given from here.
    retired: bool,
}

/// One that was given.
#[derive(Debug)]
struct Given {
    /// To whom.
    subscriber: SubscriberId,
    /// A digest of his device.
    device: u64,
    /// For which login; `None`: it was given back.
    holder: Option<Login>,
    /// How often it was given back; tells a place in the queue that no longer counts.
    turn: u32,
    /// Whether he had it when the program ended, and nobody has asked for it since.
    interrupted: bool,
}

/// One that was given back.
#[derive(Debug)]
struct Freed {
    /// Which.
    unit: u32,
    /// Counts only while this is its turn.
    turn: u32,
    /// From when on anybody may have it.
    from: Instant,
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

impl State {
    /// A free one that this subscriber had: with this device before any other.
    fn own(&self, subscriber: SubscriberId, device: u64) -> Option<u32> {
        let free = |unit: &&u32| self.given.get(unit).is_some_and(|given| given.holder.is_none());
        let his = self.of.get(&subscriber)?;
        let same = |unit: &&u32| self.given.get(unit).is_some_and(|given| given.device == device);
        let mut free = his
            .iter()
            .filter(free)
            .filter(|unit| !self.reserved.contains(unit));
        let first = free.clone().find(same).or_else(|| free.next());
        first.copied()
    }

    /// One that nobody ever had.
    fn fresh(&mut self, total: u32) -> Option<u32> {
        while self.fresh < total
            && (self.given.contains_key(&self.fresh) || self.reserved.contains(&self.fresh))
        {
            self.fresh += 1;
        }
        (self.fresh < total).then_some(self.fresh)
    }

    /// The one that is free for longest, if anybody may have it; stays in the queue until it is given.
    fn free_for_longest(&mut self, now: Instant) -> Option<u32> {
        loop {
            let first = self.freed.front()?;
            let unit = first.unit;
            let counts = self
                .given
                .get(&unit)
                .is_some_and(|given| given.holder.is_none() && given.turn == first.turn);
            if counts && !self.reserved.contains(&unit) {
                return (first.from <= now).then_some(unit);
            }
            self.freed.pop_front();
        }
    }

    /// Gives one to a login.
    fn give(&mut self, unit: u32, subscriber: SubscriberId, device: u64, login: Login) {
        let turn = match self.given.get(&unit) {
            Some(given) if given.subscriber != subscriber => {
                let (before, turn) = (given.subscriber, given.turn);
                self.forget(before, unit);
                turn
            }
            Some(given) => given.turn,
            None => 0,
        };
        let given = Given {
            subscriber,
            device,
            holder: Some(login),
            turn,
            interrupted: false,
        };
        self.given.insert(unit, given);
        let his = self.of.entry(subscriber).or_default();
        if !his.contains(&unit) {
            his.push(unit);
        }
        self.live += 1;
        self.dirty.insert(unit);
    }

    /// Takes one back; one that was never used may be given to anybody first of all.
    fn give_back(&mut self, unit: u32, login: Login, from: Instant, used: bool) {
        let Some(given) = self
            .given
            .get_mut(&unit)
            .filter(|given| given.holder == Some(login))
        else {
            return;
        };
        given.holder = None;
        given.turn = given.turn.wrapping_add(1);
        let freed = Freed {
            unit,
            turn: given.turn,
            from,
        };
        if used {
            self.freed.push_back(freed);
        } else {
            self.freed.push_front(freed);
        }
        self.live -= 1;
        self.dirty.insert(unit);
        // Places that no longer count are dropped when they are as many as those that do.
        if self.freed.len() > 2 * self.given.len() + 16 {
            let given = &self.given;
            self.freed.retain(|freed| {
                given
                    .get(&freed.unit)
                    .is_some_and(|given| given.holder.is_none() && given.turn == freed.turn)
            });
        }
    }

    /// Puts in one that was given before.
    fn known(
        &mut self,
        unit: u32,
        subscriber: SubscriberId,
        device: u64,
        holder: Option<Login>,
        from: Instant,
    ) {
        let given = Given {
            subscriber,
            device,
            holder,
            turn: 0,
            interrupted: false,
        };
        self.given.insert(unit, given);
        self.of.entry(subscriber).or_default().push(unit);
        match holder {
            Some(_) => self.live += 1,
            None => self.freed.push_back(Freed { unit, turn: 0, from }),
        }
    }

    /// Takes one out of those that somebody had.
    fn forget(&mut self, subscriber: SubscriberId, unit: u32) {
        if let Some(his) = self.of.get_mut(&subscriber) {
            his.retain(|held| *held != unit);
            if his.is_empty() {
                self.of.remove(&subscriber);
            }
        }
    }
}
