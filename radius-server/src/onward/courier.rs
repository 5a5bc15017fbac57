//! What one target has not acknowledged yet: which record goes next, when, and from where on the journal is still needed.
//! Opens no socket, reads no clock and no journal: entries, `now` and what became of them are handed in.
//!
//! ```text
//!      position                       read
//!   -------|---------------------------|------------------> journal
//!   taken  | waiting: ready, sent, taken | not looked at yet
//! ```

use super::sheet::Entry;
use super::target::Target;
use super::{AGE_MAX, OCTETS_MAX, PACE_PER_S};
use crate::clock::Now;
use crate::proxy::{ExchangeId, Forward, StartError};
use radius::SharedSecret;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records of one target that wait for its answer, sent or not.
pub(super) const WAITING_MAX: usize = 256;
/// Records under way to one target at a time.
pub(super) const WINDOW_MAX: usize = 128;
/// How long a target that stayed silent is left alone at first; doubled each time.
const SILENT_WAIT_MIN: Duration = Duration::from_secs(1);
/// And at most.
const SILENT_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long until it is looked again whether a server of the target lives; costs no packet.
const DEAD_WAIT: Duration = Duration::from_secs(1);
/// How long until there may be room again.
const FULL_WAIT: Duration = Duration::from_millis(100);
/// What may be sent in one go after a rest.
const BURST: Duration = Duration::from_millis(50);

/// What is counted of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// See [`super::Report`], for these and those below.
    pub delivered: u64,
    pub skipped: u64,
    pub unsendable: u64,
    pub gaps: u64,
}

/// See the module's words.
pub(super) struct Courier {
    /// What is taken, and whom it is for.
    pub target: Target,
    /// The first record that was not looked at.
    read: u64,
    /// Read and not done, or behind one that is not.
    waiting: VecDeque<Waiting>,
    /// How many of them are under way.
    sent: usize,
    /// How many may be.
    window: usize,
    /// Nothing is sent before.
    rest_until: Option<Instant>,
    /// How long the next rest after a silence is.
    silent_wait: Duration,
    /// When the pace allows the next one.
    pace_at: Option<Instant>,
    /// What was done.
    pub counts: Counts,
}

/// A record that waits.
struct Waiting {
    entry: Handed,
    state: State,
}

/// What is kept of an entry.
struct Handed {
    seq: u64,
    received_unix_us: i64,
    session: u64,
    user: u64,
    user_name: Option<Box<str>>,
    packet: Arc<[u8]>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Sent(ExchangeId),
    Done,
}

impl Courier {
    /// One that begins at a record.
    pub fn new(target: Target, position: u64) -> Self {
        Self {
            target,
            read: position,
            waiting: VecDeque::new(),
            sent: 0,
            window: 1,
            rest_until: None,
            silent_wait: SILENT_WAIT_MIN,
            pace_at: None,
            counts: Counts::default(),
        }
    }

    /// The first record it still needs.
    pub fn position(&self) -> u64 {
        self.waiting.front().map_or(self.read, |first| first.entry.seq)
    }

    /// The first record that was not looked at.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// When the oldest record was received that waits; `None`: nothing does.
    pub fn since_unix_us(&self) -> Option<i64> {
        self.waiting.front().map(|first| first.entry.received_unix_us)
    }

    /// Records that wait, and their octets.
    pub fn waiting(&self) -> (usize, u64) {
        let open = || self.waiting.iter().filter(|one| one.state != State::Done);
        let octets = open().map(|one| one.entry.packet.len() as u64).sum();
        (open().count(), octets)
    }

    /// Whether it wants to look at more of the journal.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Takes what a stretch up to `to` has for it, as much as there is room for; whether the stretch is used up.
    pub fn take(&mut self, entries: &[Entry], to: u64) -> bool {
        for entry in entries {
            if entry.seq < self.read {
                continue;
            }
            if self.target.takes(entry) {
                if !self.has_room() {
                    self.read = entry.seq;
                    return false;
                }
                self.waiting.push_back(Waiting {
                    entry: Handed::of(entry, &self.target),
                    state: State::Ready,
                });
            }
            self.read = entry.seq + 1;
        }
        self.read = to;
        true
    }

    /// Goes on from another place, whatever waits: what lies between is not there any more, or never was.
    pub fn go_on_from(&mut self, seq: u64) {
        self.waiting.clear();
        self.sent = 0;
        self.read = seq;
    }

    /// Sends what may be sent now; `behind_octets` of the journal wait for this target.
    pub fn send(
        &mut self,
        now: Now,
        behind_octets: u64,
        start: &mut dyn FnMut(Forward) -> Result<ExchangeId, StartError>,
    ) {
        self.skip(now, behind_octets > OCTETS_MAX);
        if self.rest_until.is_some_and(|until| now.monotonic < until) {
            return;
        }
        self.rest_until = None;
        let mut busy = HashSet::new();
        for at in 0..self.waiting.len() {
            let Waiting { entry, state } = &self.waiting[at];
            match state {
                State::Done => continue,
                // What comes later of the same session waits for it.
                State::Sent(_) => {
                    busy.insert(entry.session);
                    continue;
                }
                State::Ready if !busy.insert(entry.session) => continue,
                State::Ready => {}
            }
            if self.sent >= self.window || !self.may_go(now.monotonic) {
                break;
            }
            match start(self.forward(&self.waiting[at].entry)) {
                Ok(id) => {
                    self.waiting[at].state = State::Sent(id);
                    self.sent += 1;
                    self.gone(now.monotonic);
                }
                Err(StartError::NoServer) => return self.rest(now, DEAD_WAIT),
                Err(StartError::Full | StartError::NoRandomness) => return self.rest(now, FULL_WAIT),
                Err(StartError::Loop | StartError::Hop(_)) => {
                    self.waiting[at].state = State::Done;
                    self.counts.unsendable += 1;
                }
            }
        }
        self.forget_done();
    }

    /// It acknowledged a record.
    pub fn taken(&mut self, id: ExchangeId) {
        if self.ended(id, State::Done) {
            self.counts.delivered += 1;
            self.window = (self.window * 2).min(WINDOW_MAX);
            self.silent_wait = SILENT_WAIT_MIN;
            self.forget_done();
        }
    }

    /// It did not answer: the record goes again, and until it answers something it goes alone.
    pub fn silent(&mut self, id: ExchangeId, now: Now) {
        if self.ended(id, State::Ready) {
            self.window = 1;
            // Many that went together fell silent together; that is one silence.
            if self.rest_until.is_none_or(|until| until <= now.monotonic) {
                self.rest(now, self.silent_wait);
                self.silent_wait = (self.silent_wait * 2).min(SILENT_WAIT_MAX);
            }
        }
    }

    /// When it wants to send again what it cannot send now; `None`: when something happens.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let ready = self.waiting.iter().any(|one| one.state == State::Ready);
        let pace = self.pace_at.and_then(|at| at.checked_sub(BURST));
        let due = (ready && self.sent < self.window).then(|| self.rest_until.max(pace));
        due.flatten().filter(|at| *at > now)
    }

    /// Notes that there is nothing before this record that was not looked at.
    pub fn nothing_before(&mut self, seq: u64) {
        self.read = self.read.max(seq);
    }

    /// Passes over what waits too long, or all of it while too much does.
    fn skip(&mut self, now: Now, too_much: bool) {
        let age_max = i64::try_from(AGE_MAX.as_micros()).unwrap_or(i64::MAX);
        for one in self.waiting.iter_mut().filter(|one| one.state == State::Ready) {
            let too_old = now.unix_us.saturating_sub(one.entry.received_unix_us) > age_max;
            if too_old || too_much {
                one.state = State::Done;
                self.counts.skipped += 1;
            }
        }
        self.forget_done();
    }

    /// What the engine gets.
    fn forward(&self, entry: &Handed) -> Forward {
        Forward {
            packet: (*entry.packet).into(),
            // Out of the journal, where nothing is hidden.
            nas: SharedSecret::new(b""),
            realm: Arc::clone(&self.target.realm),
            user_name: entry.user_name.clone(),
            key: entry.user,
            received_unix_us: entry.received_unix_us,
        }
    }

    /// Notes the end of what was under way; whether it was ours.
    fn ended(&mut self, id: ExchangeId, state: State) -> bool {
        let sent = State::Sent(id);
        let Some(one) = self.waiting.iter_mut().find(|one| one.state == sent) else {
            return false;
        };
        one.state = state;
        self.sent -= 1;
        true
    }

    /// Lets go of what is done and waits for nothing.
    fn forget_done(&mut self) {
        while self
            .waiting
            .front()
            .is_some_and(|first| first.state == State::Done)
        {
            self.waiting.pop_front();
        }
    }

    /// Sends nothing for a while.
    fn rest(&mut self, now: Now, wait: Duration) {
        self.rest_until = Some(now.monotonic + wait);
        self.forget_done();
    }

    /// Whether the pace allows one more.
    fn may_go(&self, now: Instant) -> bool {
        self.pace_at.is_none_or(|at| at <= now + BURST)
    }

    /// Counts one against the pace.
    fn gone(&mut self, now: Instant) {
        let from = self.pace_at.map_or(now, |at| at.max(now));
        self.pace_at = Some(from + Duration::from_secs(1) / PACE_PER_S);
    }
}

impl Handed {
    /// What a target keeps of an entry.
    fn of(entry: &Entry, target: &Target) -> Self {
        Self {
            seq: entry.seq,
            received_unix_us: entry.received_unix_us,
            session: entry.session,
            user: entry.user,
            user_name: target.user_name(entry),
            packet: Arc::clone(&entry.packet),
        }
    }
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
