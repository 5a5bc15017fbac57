//! How a home server is: found silent by the requests it does not answer, dead by time, alive again by what it answers.
//! It is told what happens and says when it wants to look again; it sends nothing itself.
//!
//! ```text
//!            no answer for `silence`             no answer for `zombie` more
//!   alive ---------------------------> zombie ------------------------------> dead
//!     ^                                  |                                      |
//!     +--- any answer -------------------+                                      |
//!     +--- `revive_answers` answers in a row, or `revive_after` without asking -+
//! ```

use super::engine::Timing;
use crate::directory::Health;
use std::time::Instant;

/// See the module's words.
#[derive(Debug)]
pub(super) struct Patient {
    /// How it is.
    health: Health,
    /// The first request since its last answer.
    silent_since: Option<Instant>,
    /// Since when it is as it is.
    since: Instant,
    /// Answers in a row while dead.
    answers: u8,
    /// Whether it answers Status-Server.
    asks: bool,
}

/// What happened to its health, when something did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// What it was.
    pub(super) from: Health,
    /// What it is.
    pub(super) to: Health,
}

impl Patient {
    /// Nobody knows any better: alive.
    pub(super) fn new(asks: bool, now: Instant) -> Self {
        Self {
            health: Health::Alive,
            silent_since: None,
            since: now,
            answers: 0,
            asks,
        }
    }

    /// How it is.
    pub(super) fn health(&self) -> Health {
        self.health
    }

    /// Whether it answers Status-Server, as configured now.
    pub(super) fn asks(&mut self, asks: bool) {
        self.asks = asks;
    }

    /// A request was sent to it; true when it owed no answer before.
    pub(super) fn asked(&mut self, now: Instant) -> bool {
        self.silent_since
            .replace(self.silent_since.unwrap_or(now))
            .is_none()
    }

    /// It answered, and was verified.
    pub(super) fn answered(&mut self, now: Instant, timing: &Timing) -> Option<Turn> {
        self.silent_since = None;
        match self.health {
            Health::Alive => None,
            Health::Zombie => self.turn(Health::Alive, now),
            Health::Dead => {
                self.answers = self.answers.saturating_add(1);
                (self.answers >= timing.revive_answers)
                    .then(|| self.turn(Health::Alive, now))
                    .flatten()
            }
        }
    }

    /// A question of ours stayed without an answer.
    pub(super) fn missed(&mut self) {
        self.answers = 0;
    }

    /// Looks what time has done.
    pub(super) fn look(&mut self, now: Instant, timing: &Timing) -> Option<Turn> {
        let waited = now.saturating_duration_since(self.since);
        match self.health {
            Health::Alive => {
                let silent = self.silent_since?;
                (now.saturating_duration_since(silent) >= timing.silence)
                    .then(|| self.turn(Health::Zombie, now))
                    .flatten()
            }
            Health::Zombie => (waited >= timing.zombie)
                .then(|| self.turn(Health::Dead, now))
                .flatten(),
            Health::Dead => (!self.asks && waited >= timing.revive_after)
                .then(|| self.turn(Health::Alive, now))
                .flatten(),
        }
    }

    /// When it wants to be looked at again, questions aside; `None`: not before something happens.
    pub(super) fn due(&self, timing: &Timing) -> Option<Instant> {
        match self.health {
            Health::Alive => Some(self.silent_since? + timing.silence),
            Health::Zombie => Some(self.since + timing.zombie),
            Health::Dead => (!self.asks).then(|| self.since + timing.revive_after),
        }
    }

    /// Becomes something else.
    fn turn(&mut self, to: Health, now: Instant) -> Option<Turn> {
        let from = std::mem::replace(&mut self.health, to);
        self.since = now;
        self.answers = 0;
        self.silent_since = None;
        Some(Turn { from, to })
    }
}
