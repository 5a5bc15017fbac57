//! The lab's own session and its weight: Linux shares a processor between sessions first and between threads after that
//! (autogroup), so a generator's niceness counts for nothing against the rest of the machine unless its session's does.

use std::fs;

/// The session's niceness, as the kernel shows and takes it.
const AUTOGROUP: &str = "/proc/self/autogroup";
/// The niceness of a session that must not be disturbed.
const UNDISTURBED: i32 = -20;

/// While it lives, the session goes before others, where the system has such a thing and allows it.
#[derive(Debug)]
pub struct Undisturbed {
    /// The niceness before.
    before: i32,
}

impl Undisturbed {
    /// Begins.
    pub fn begin() -> Undisturbed {
        let shown = fs::read_to_string(AUTOGROUP).unwrap_or_default();
        let before = shown.split_whitespace().last().and_then(|nice| nice.parse().ok());
        set(UNDISTURBED);
        Undisturbed {
            before: before.unwrap_or_default(),
        }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        set(self.before);
    }
}

/// Sets it; where that is not possible the figures are as good as the machine is idle.
fn set(nice: i32) {
    let _as_good_as_idle = fs::write(AUTOGROUP, nice.to_string());
}
