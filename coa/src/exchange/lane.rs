//! Whose turn it is towards which NAS: so many requests under way at once, so many a second, the others one behind the other.
//! Never sends anything and never reads a clock; [`super::Exchanges`] does the one and is told the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::{ExchangeId, Lane, Request};

/// Identifiers towards one NAS; the field is one octet (RFC 2865 section 3).
const IDENTIFIERS: usize = 256;
/// Requests that wait for their turn towards one NAS, at most.
pub const WAITING_MAX: usize = 100_000;

/// How much is asked of one NAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests under way at once, at most; more than 256 are 256, for more cannot be told apart.
    pub in_flight_max: usize,
    /// Requests a second, at most; what is sent again is not counted.
    pub per_s_max: u32,
}

impl Default for Pace {
    /// A BNG that is asked for 5,000 sessions is busy with it for 25 s, and has something left for those who log in.
    fn default() -> Self {
        Self {
            in_flight_max: 64,
            per_s_max: 200,
        }
    }
}

impl Pace {
    /// The time from one request to the next.
    fn gap(self) -> Duration {
        Duration::from_secs(1) / self.per_s_max.max(1)
    }
}

/// A request before its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its name.
    pub(super) id: ExchangeId,
    /// What is asked.
    pub(super) request: Request,
    /// Since when it waits.
    pub(super) since: Instant,
    /// The same by the calendar.
    pub(super) unix_s: u32,
}

/// What is under way towards one NAS.
#[derive(Debug)]
struct Line {
    /// Requests under way.
    in_flight: usize,
    /// Before this nothing new is sent.
    not_before: Instant,
    /// Those that wait.
    waiting: VecDeque<Waiting>,
}

/// Every NAS to which something is under way.
#[derive(Debug)]
pub(super) struct Lanes {
    /// How much is asked of each.
    pace: Pace,
    /// Them.
    lines: BTreeMap<Lane, Line>,
    /// Those with somebody who waits and room for him, by when he may go.
    turns: BTreeSet<(Instant, Lane)>,
    /// How many wait in all.
    waiting: usize,
}

impl Lanes {
    /// Nobody waits.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace: Pace {
                in_flight_max: pace.in_flight_max.clamp(1, IDENTIFIERS),
                ..pace
            },
            lines: BTreeMap::new(),
            turns: BTreeSet::new(),
            waiting: 0,
        }
    }

    /// Lets a request wait; `false` when too many do.
    pub(super) fn take(&mut self, lane: Lane, waiting: Waiting) -> bool {
        let line = self.lines.entry(lane).or_insert_with(|| Line {
            in_flight: 0,
            not_before: waiting.since,
            waiting: VecDeque::new(),
        });
        if line.waiting.len() >= WAITING_MAX {
            return false;
        }
        line.waiting.push_back(waiting);
        self.waiting += 1;
        self.settle(lane);
        true
    }

    /// The next one whose turn has come. He is under way from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Lane, Waiting)> {
        let (at, lane) = self.turns.first().copied().filter(|(at, _)| *at <= now)?;
        self.turns.remove(&(at, lane));
        let line = self.lines.get_mut(&lane)?;
        let next = line.waiting.pop_front()?;
        line.in_flight += 1;
        line.not_before = now + self.pace.gap();
        self.waiting -= 1;
        self.settle(lane);
        Some((lane, next))
    }

    /// One that was under way is not any more.
    pub(super) fn ended(&mut self, lane: Lane) {
        if let Some(line) = self.lines.get_mut(&lane) {
            line.in_flight = line.in_flight.saturating_sub(1);
        }
        self.settle(lane);
    }

    /// When somebody's turn comes without anything else happening.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.turns.first().map(|(at, _)| *at)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Notes whether somebody of a lane may go, and forgets a lane that nothing is under way in.
    fn settle(&mut self, lane: Lane) {
        let Some(line) = self.lines.get(&lane) else { return };
        if line.waiting.is_empty() {
            self.turns.remove(&(line.not_before, lane));
            if line.in_flight == 0 {
                // Its pace is forgotten with it: who comes one at a time may come at once.
                self.lines.remove(&lane);
            }
        } else if line.in_flight < self.pace.in_flight_max {
            self.turns.insert((line.not_before, lane));
        }
    }
}
