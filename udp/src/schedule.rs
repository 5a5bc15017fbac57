//! How soon the kernel lets a thread run when others want the same processor. All of it is a thread's own; a new thread has
//! what the one had that started it.

use crate::system;
use std::io;

/// How a thread shares its processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// By niceness, -20 to 19: lower ones get more, nobody gets nothing. On systems that group threads by session (Linux's
    /// autogroup) it counts within the group only.
    Nice(i32),
    /// By niceness, too, in the shortest turns there are (100 microseconds, from Linux 6.12 on; usual ones before), so
    /// that it is let in soon after it wakes.
    Prompt(i32),
    /// As soon as it wakes, before every thread that shares, until it sleeps again. The kernel keeps a twentieth of the
    /// processor for the others, which they get in one piece of up to 50 ms: good for a thread that mostly sleeps.
    First,
}

/// The shortest turn that the kernel grants, in nanoseconds.
const TURN_MIN_NS: u64 = 100_000;
/// The lowest of the priorities that go before every share.
const FIRST: u32 = 1;

/// Sets the calling thread's share.
///
/// # Errors
/// The system refuses: a lower niceness than before, and going first, need CAP_SYS_NICE or a limit that grants them.
pub fn share(share: Share) -> io::Result<()> {
    match share {
        Share::Nice(nice) => system::set_schedule(libc::SCHED_OTHER, nice.clamp(-20, 19), 0, 0),
        Share::Prompt(nice) => system::set_schedule(libc::SCHED_OTHER, nice.clamp(-20, 19), 0, TURN_MIN_NS),
        Share::First => system::set_schedule(libc::SCHED_RR, 0, FIRST, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[test]
    fn a_thread_gives_way_and_others_do_not() {
        let niceness = || getpriority_process(None).expect("known");
        let before = niceness();
        let within = std::thread::spawn(move || share(Share::Nice(1_000)).map(|()| niceness()));
        assert_eq!(
            within.join().expect("no panic").expect("anybody may give way"),
            19
        );
        assert_eq!(niceness(), before);
    }
}
