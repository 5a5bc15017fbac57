//! Who has which unit of a pool, who had which, and which one is next. Units are numbers here; what they are is `units`.
//! Locked as a whole by its pool, for one step at a time.

use crate::class::Login;
use crate::id::SubscriberId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

/// Who has what.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Those that were ever given.
    pub(super) given: HashMap<u32, Given>,
    /// Those that somebody has or had.
    pub(super) of: HashMap<SubscriberId, Vec<u32>>,
    /// From here on none was ever given, but for those in `given`.
    pub(super) fresh: u32,
    /// Those given back, in the order they may be given to others; some have been taken again since.
    pub(super) freed: VecDeque<Freed>,
    /// How many are given now.
    pub(super) live: u32,
    /// Assigned to somebody for good: never given to others.
    pub(super) reserved: HashSet<u32>,
    /// Changed since they were last written down.
    pub(super) dirty: HashSet<u32>,
    /// Another pool took its place; nothing more is given from here.
    pub(super) retired: bool,
}

/// One that was given.
#[derive(Debug)]
pub(super) struct Given {
    /// To whom.
    pub(super) subscriber: SubscriberId,
    /// A digest of his device.
    pub(super) device: u64,
    /// For which login; `None`: it was given back.
    pub(super) holder: Option<Login>,
    /// How often it was given back; tells a place in the queue that no longer counts.
    pub(super) turn: u32,
    /// Whether he had it when the program ended, and nobody has asked for it since.
    pub(super) interrupted: bool,
}

/// One that was given back.
#[derive(Debug)]
pub(super) struct Freed {
    /// Which.
    pub(super) unit: u32,
    /// Counts only while this is its turn.
    pub(super) turn: u32,
    /// From when on anybody may have it.
    pub(super) from: Instant,
}

impl State {
    /// A free one that this subscriber had: with this device before any other.
    pub(super) fn own(&self, subscriber: SubscriberId, device: u64) -> Option<u32> {
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
    pub(super) fn fresh(&mut self, total: u32) -> Option<u32> {
        while self.fresh < total
            && (self.given.contains_key(&self.fresh) || self.reserved.contains(&self.fresh))
        {
            self.fresh += 1;
        }
        (self.fresh < total).then_some(self.fresh)
    }

    /// The one that is free for longest, if anybody may have it; stays in the queue until it is given.
    pub(super) fn free_for_longest(&mut self, now: Instant) -> Option<u32> {
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
    pub(super) fn give(&mut self, unit: u32, subscriber: SubscriberId, device: u64, login: Login) {
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
    pub(super) fn give_back(&mut self, unit: u32, login: Login, from: Instant, used: bool) {
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
    pub(super) fn known(
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
    pub(super) fn forget(&mut self, subscriber: SubscriberId, unit: u32) {
        if let Some(his) = self.of.get_mut(&subscriber) {
            his.retain(|held| *held != unit);
            if his.is_empty() {
                self.of.remove(&subscriber);
            }
        }
    }
}
