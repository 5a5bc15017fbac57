//! Step c: a billing clerk is refused where the roles say so, and his attempt is on record with his name.

use anyhow::{Context as _, Result, ensure};

use crate::headend::{field, list};
use crate::isp;
use crate::lab::Lab;
use crate::secret::Secret;

/// The exit code of the command line for "you may not".
const REFUSED: i32 = 4;

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let billing = lab.isp.log_in(isp::BILLING_EMAIL, &lab.admin, &lab.run)?;
    let disconnect = billing.run(&["session", "disconnect", "home-01", "--reason", "unpaid"])?;
    ensure!(
        disconnect.code() == REFUSED,
        "session disconnect ended with {}: {}",
        disconnect.code(),
        disconnect.said()
    );
    let with_secret = billing.with_env([(
        "HEADEND_NAS_SECRET".to_owned(),
        Secret::random()?.reveal().to_owned(),
    )]);
    let add = with_secret.run(&["nas", "add", "rogue", "--address", "192.0.2.66"])?;
    ensure!(
        add.code() == REFUSED,
        "nas add ended with {}: {}",
        add.code(),
        add.said()
    );
    let trail = lab
        .admin
        .json(&["audit", "list", "--actor", isp::BILLING_EMAIL])?;
    let entries = list(&trail)?;
    let refused = entries.iter().find(|entry| entry["outcome"] == "refused");
    let refused = refused.with_context(|| format!("the audit has no refused act of his: {trail}"))?;
    let told = add.err.trim().lines().next().unwrap_or_default().to_owned();
    Ok(format!(
        "exit {REFUSED} ({told}); audit: {} refused",
        field(refused, "action")
    ))
}
