//! Step 0: a fresh data directory becomes a server with an ISP in it, unattended, and set-up closes for ever.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::lab::Lab;

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let since = Instant::now();
    lab.server.start()?;
    let ready = since.elapsed();
    let (code, body) = lab.server.page("/readyz")?;
    ensure!(code == 200, "/readyz says {code}: {body}");
    let done = lab.populate()?;
    Ok(format!(
        "ready with its own PostgreSQL after {:.1} s; set-up done, a second one refused; apply: {done}, then nothing to change",
        ready.as_secs_f32()
    ))
}
