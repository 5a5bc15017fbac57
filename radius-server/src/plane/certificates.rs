//! Certificates, keys and revocation lists that change while it runs: looked at now and then, read again when they differ.
//! Files that are of no use change nothing: what was read before stays, and it is said once.

use crate::authentication::{Conversations, EapOptions, EapServer};
use crate::cause::chain;
use crate::pem::Looks;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;
use tracing::{info, warn};

/// How long a change may stay unseen.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it takes to see that it should stop.
const STOP_WAIT: Duration = Duration::from_millis(100);

/// Looks until `stop` is set; `known` is what the files looked like when they were read.
pub(super) fn watch(
    options: &EapOptions,
    known: &mut Looks,
    conversations: &Conversations,
    stop: &AtomicBool,
) {
    crate::priority::give_way();
    let mut waited = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        sleep(STOP_WAIT);
        waited += STOP_WAIT;
        if waited < LOOK_EVERY {
            continue;
        }
        waited = Duration::ZERO;
        let now = options.looks();
        if now == *known {
            continue;
        }
        *known = now;
        match EapServer::load(options) {
            Ok(server) => {
                conversations.offer(server);
                info!("certificates of EAP were read again");
            }
            Err(error) => warn!(
                error = chain(&error),
                "certificates of EAP changed and are of no use; those read before stay in use"
            ),
        }
    }
}
