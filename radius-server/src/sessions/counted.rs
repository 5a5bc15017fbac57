//! What a session used, out of counters that wrap, begin anew or go back.
//! It never counts more than was used, as far as what the NAS says allows to tell, and knows neither a table nor a packet.
//! The database has the same rules in SQL (`access`, `store/accounting`); a test holds both against each other.
//!
//! A counter that grew tells by how much. One that fell while the session went on tells one of three things:
//!
//! | what fell | taken for | counted |
//! | --- | --- | --- |
//! | by more than 2^31, both under 2^32, no Gigawords said, not faster than [`WRAP_OCTETS_PER_S_MAX`] | a wrap at 2^32 | what is between |
//! | to less than half, but not to nothing | a counter that began anew | what it says now |
//! | anything else | a NAS that corrected itself, or left a counter out | nothing, until it exceeds what it said before |
//!
//! Acct-Session-Time tells whether the session went on: it is the NAS's own, and neither repeated nor overtaking records
//! nor a wrong clock can move it. A record without one, or with one from before, never makes a counter fall.

/// Octets a second up to which a wrap is believed: 10 Gbit/s.
pub const WRAP_OCTETS_PER_S_MAX: u64 = 1_250_000_000;

/// Where a counter without Gigawords wraps.
const WRAP: u64 = 1 << 32;

/// What the counters of a session have said, and what they add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Octets from the subscriber; never goes back.
    pub octets_in: u64,
    /// Octets to the subscriber; never goes back.
    pub octets_out: u64,
    /// What the counter of the first said last.
    pub said_in: u64,
    /// What the counter of the second said last.
    pub said_out: u64,
    /// Acct-Session-Time of the latest record with counters.
    pub said_at_s: Option<u32>,
    /// A record had Gigawords.
    pub gigawords: bool,
    /// How often a counter wrapped.
    pub wraps: u16,
    /// How often a counter began anew.
    pub resets: u16,
}

/// What a counter did from one record to a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It grew by so much, or stayed.
    Grew(u64),
    /// It wrapped at 2^32 on its way, so much further.
    Wrapped(u64),
    /// It began anew, and counted so much since.
    Reset(u64),
    /// It went back a little: nothing can be told.
    Back,
}

impl Step {
    /// Reads what a counter did in so many seconds of a session.
    #[must_use]
    pub const fn of(before: u64, now: u64, seconds: u32, gigawords: bool) -> Self {
        if now >= before {
            return Self::Grew(now - before);
        }
        if now == 0 || seconds == 0 {
            return Self::Back;
        }
        let further = now.wrapping_add(WRAP).wrapping_sub(before);
        if !gigawords
            && before < WRAP
            && before - now > WRAP / 2
            && further <= WRAP_OCTETS_PER_S_MAX.saturating_mul(seconds as u64)
        {
            return Self::Wrapped(further);
        }
        // An odd counter's half is not whole.
        if now < before - now {
            Self::Reset(now)
        } else {
            Self::Back
        }
    }
}

impl Counted {
    /// What one record says.
    #[must_use]
    pub fn of_record(
        octets_in: Option<u64>,
        octets_out: Option<u64>,
        said_at_s: Option<u32>,
        gigawords: bool,
    ) -> Self {
        let counts = octets_in.is_some() || octets_out.is_some();
        let (said_in, said_out) = (octets_in.unwrap_or(0), octets_out.unwrap_or(0));
        Self {
            octets_in: said_in,
            octets_out: said_out,
            said_in,
            said_out,
            said_at_s: said_at_s.filter(|_| counts),
            gigawords,
            wraps: 0,
            resets: 0,
        }
    }

    /// What was counted before, by whoever stored only that.
    #[must_use]
    pub const fn of_totals(octets_in: u64, octets_out: u64) -> Self {
        Self {
            octets_in,
            octets_out,
            said_in: octets_in,
            said_out: octets_out,
            said_at_s: None,
            gigawords: false,
            wraps: 0,
            resets: 0,
        }
    }

    /// Whether a counter ever fell for good: then what was said before cannot be compared with what is said now.
    #[must_use]
    pub const fn fell(&self) -> bool {
        self.wraps > 0 || self.resets > 0
    }

    /// Takes in what another record of the session says, in whatever order they come.
    pub fn merge(&mut self, other: &Self) {
        match (self.said_at_s, other.said_at_s) {
            (Some(before), Some(now)) if before <= now => self.go_on(other, now - before),
            (None, Some(_)) if !self.fell() => {
                self.take_greater(other);
                self.said_at_s = other.said_at_s;
            }
            _ if !self.fell() && !other.fell() => self.take_greater(other),
            _ => {}
        }
        self.gigawords |= other.gigawords;
        self.octets_in = self.octets_in.max(other.octets_in);
        self.octets_out = self.octets_out.max(other.octets_out);
    }

    /// Takes in a later record.
    fn go_on(&mut self, later: &Self, seconds: u32) {
        let gigawords = later.gigawords;
        let stepped_in = Step::of(self.said_in, later.said_in, seconds, gigawords);
        let stepped_out = Step::of(self.said_out, later.said_out, seconds, gigawords);
        for (step, total, said, now) in [
            (stepped_in, &mut self.octets_in, &mut self.said_in, later.said_in),
            (
                stepped_out,
                &mut self.octets_out,
                &mut self.said_out,
                later.said_out,
            ),
        ] {
            let added = match step {
                Step::Grew(added) => added,
                Step::Wrapped(added) => {
                    self.wraps = self.wraps.saturating_add(1);
                    added
                }
                Step::Reset(added) => {
                    self.resets = self.resets.saturating_add(1);
                    added
                }
                Step::Back => continue,
            };
            *total = total.saturating_add(added);
            *said = now;
        }
        self.said_at_s = later.said_at_s;
    }

    /// Takes in a record of which nobody knows whether it is later: the counters of a session only grow.
    fn take_greater(&mut self, other: &Self) {
        self.said_in = self.said_in.max(other.said_in);
        self.said_out = self.said_out.max(other.said_out);
    }
}
