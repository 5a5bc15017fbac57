//! Which threads go first when there are more of them than processors: packets before what is done about them later.
//! On Linux a priority is a thread's own, not its process's, and a new thread has that of the one which started it.

use rustix::process::setpriority_process;
use tracing::debug;

/// The niceness of threads that answer packets: three quarters of a processor when others want it, too.
const PACKETS: i32 = -5;
/// The niceness of threads whose work can wait: a tenth.
const LATER: i32 = 10;

/// Makes the calling thread go before others, where the system allows it (CAP_SYS_NICE).
pub(crate) fn go_first() {
    if let Err(error) = setpriority_process(None, PACKETS) {
        debug!(%error, "a thread that answers packets runs at the usual priority");
    }
}

/// Makes the calling thread give way to those that answer packets.
pub(crate) fn give_way() {
    if let Err(error) = setpriority_process(None, LATER) {
        debug!(%error, "a thread whose work can wait runs at the priority it began with");
    }
}
