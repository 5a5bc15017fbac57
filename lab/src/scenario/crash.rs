//! Step 6: kill -9 of the server after it has acknowledged accounting and before PostgreSQL has it.
//!
//! PostgreSQL is frozen first, so that nothing acknowledged from then on can be in it when the server dies. After the
//! restart every record must be there, once, although the NAS sends the last one again.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::ledger::Ledger;
use crate::headend::Server;
use crate::lab::Lab;
use crate::postgres::Postgres;

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let ledger = Ledger::open(lab, "crash")?;
    ledger.start("long")?;
    ledger.settle("before")?;
    let frozen = Postgres::of(&lab.server.data).freeze()?;
    ledger.interim("long")?;
    ledger.stop("long", 0)?;
    ledger.start("short")?;
    ledger.stop("short", 0)?;
    let ledger = ledger.pause();
    lab.server.kill()?;
    drop(frozen);
    let since = Instant::now();
    restart(&mut lab.server)?;
    let recovered = since.elapsed();
    let ledger = ledger.resume(lab)?;
    ledger.stop("long", 3)?;
    ledger.settle("after")?;
    ledger.check_closed("long")?;
    ledger.check_closed("short")?;
    Ok(format!(
        "4 records acknowledged while PostgreSQL stood still, server killed, ready again after {:.1} s: 2 sessions in \
         radacct, once each, octets exact beyond 32 bit; a Stop sent again changed nothing",
        recovered.as_secs_f32()
    ))
}

/// Starts the server again and makes sure that it is another process.
fn restart(server: &mut Server) -> Result<()> {
    server.start()?;
    let (code, body) = server.page("/readyz")?;
    ensure!(code == 200, "/readyz says {code} after the restart: {body}");
    Ok(())
}
