//! Which threads go first when there are more of them than processors: packets before what is done about them later.
//!
//! A thread that answers logins is let in soon after one arrives, whoever computes at the moment: a database beside us takes
//! turns of some milliseconds. A thread that answers accounting sleeps most of the time, for the disk does the work; so it
//! goes before everybody else, as long as it keeps up: a flood that keeps it busy must not keep the rest of the server from
//! working. What the system does not allow (CAP_SYS_NICE) is left at the usual priority.

use std::fs;
use std::io;
use std::time::{Duration, Instant};
use tracing::debug;
use udp::Share;

/// The niceness of threads that answer packets: nine tenths of a processor when one other wants it. Not less: what brings
/// changes to the directory must get on beside a flood of logins.
const PACKETS: i32 = -10;
/// The niceness of threads whose work can wait: a tenth.
const LATER: i32 = 10;
/// How long a thread may be busy without a pause before it shares.
const BUSY_MAX: Duration = Duration::from_millis(50);
/// How long it must have kept up before it goes first again.
const CALM_MIN: Duration = Duration::from_millis(50);
/// The niceness of the whole server towards other sessions: three times the share of any of them.
const SESSION: i32 = -5;
/// Where the kernel says to which terminal we belong.
const STAT: &str = "/proc/self/stat";
/// Where the kernel takes the niceness of a session.
const AUTOGROUP: &str = "/proc/self/autogroup";
/// The place of the terminal's number in [`STAT`], counted from what follows the program's name.
const TERMINAL_AT: usize = 4;

/// Makes the server's session go before others on systems that share processors between sessions first and between threads
/// after that; on those a thread's priority counts for nothing against our own database. Leaves the session of a terminal
/// alone: it is not ours.
pub fn session_goes_first() {
    if let Err(error) = try_session_goes_first() {
        debug!(%error, "the server's session has the usual share of the processors");
    }
}

/// As [`session_goes_first`].
fn try_session_goes_first() -> io::Result<()> {
    let stat = fs::read_to_string(STAT)?;
    let behind_name = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    if behind_name.split_whitespace().nth(TERMINAL_AT) != Some("0") {
        return Err(io::Error::other("it belongs to a terminal"));
    }
    fs::write(AUTOGROUP, SESSION.to_string())
}

/// Lets the calling thread, which answers logins or shares a lock with those that do, in soon after it wakes.
pub fn be_prompt() {
    share(Share::Prompt(PACKETS));
}

/// Makes the calling thread give way to those that answer packets.
pub(crate) fn give_way() {
    share(Share::Nice(LATER));
}

/// Sets the calling thread's share, as far as the system allows it; whether it does.
fn share(share: Share) -> bool {
    udp::share(share)
        .inspect_err(|error| debug!(%error, ?share, "a thread keeps the priority it has"))
        .is_ok()
}

/// How urgent the calling thread, which answers accounting, is at the moment.
#[derive(Debug)]
pub struct Urgency {
    /// Whether it goes first now; `None`: the system never lets it.
    first: Option<bool>,
    /// Since when it has kept up, or not.
    since: Instant,
    /// Which of the two.
    keeps_up: bool,
}

impl Urgency {
    /// Makes the calling thread go first.
    #[must_use]
    pub fn begin() -> Self {
        let mut urgency = Self {
            first: None,
            since: Instant::now(),
            keeps_up: true,
        };
        share(Share::Nice(PACKETS));
        urgency.change(true);
        urgency
    }

    /// Takes note at `now` whether the thread has caught up with what arrived.
    pub fn note(&mut self, keeps_up: bool, now: Instant) {
        if let Some(first) = self.next(keeps_up, now) {
            self.change(first);
        }
    }

    /// Whether to go first or not from now on; `None`: as before.
    fn next(&mut self, keeps_up: bool, now: Instant) -> Option<bool> {
        if self.keeps_up != keeps_up {
            self.keeps_up = keeps_up;
            self.since = now;
            return None;
        }
        let lasted = now.saturating_duration_since(self.since);
        match self.first? {
            true if !keeps_up && lasted >= BUSY_MAX => Some(false),
            false if keeps_up && lasted >= CALM_MIN => Some(true),
            _ => None,
        }
    }

    /// Goes first, or shares again.
    fn change(&mut self, first: bool) {
        let changed = share(if first { Share::First } else { Share::Nice(PACKETS) });
        self.first = changed.then_some(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_busy_for_long_shares_until_he_has_kept_up_for_a_while() {
        let began = Instant::now();
        let mut urgency = Urgency {
            first: Some(true),
            since: began,
            keeps_up: true,
        };
        let at = |ms| began + Duration::from_millis(ms);
        assert_eq!(urgency.next(false, at(10)), None);
        assert_eq!(urgency.next(false, at(59)), None);
        assert_eq!(urgency.next(false, at(60)), Some(false));
        urgency.first = Some(false);
        assert_eq!(urgency.next(false, at(1_000)), None);
        assert_eq!(urgency.next(true, at(1_001)), None);
        assert_eq!(urgency.next(true, at(1_050)), None);
        assert_eq!(urgency.next(true, at(1_051)), Some(true));
    }

    #[test]
    fn a_short_flood_changes_nothing_and_neither_does_a_system_that_refuses() {
        let began = Instant::now();
        let mut urgency = Urgency {
            first: Some(true),
            since: began,
            keeps_up: true,
        };
        for ms in 0..200 {
            assert_eq!(
                urgency.next(ms % 40 != 0, began + Duration::from_millis(ms)),
                None
            );
        }
        urgency.first = None;
        for ms in 200..400 {
            assert_eq!(urgency.next(false, began + Duration::from_millis(ms)), None);
        }
    }
}
