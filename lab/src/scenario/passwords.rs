//! Steps a and 2: logins by PAP, CHAP and MS-CHAP from a NAS that signs nothing, and why one is refused.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::SOON;
use crate::headend::{field, list};
use crate::isp;
use crate::lab::Lab;
use crate::radclient::{Client, Reply};
use crate::wait::{self, Look};

/// Who logs in.
const PAP_USER: &str = "bob";
/// Who else.
const CHAP_USER: &str = "carol";

/// The client on the address of the legacy NAS, with the right secret.
///
/// # Errors
/// Its secret cannot be written.
pub(super) fn legacy(lab: &Lab) -> Result<Client> {
    Client::new(isp::LEGACY_ADDRESS, &lab.isp.legacy_secret, &lab.run.dir)
}

/// Plays step a.
pub(super) fn accepted(lab: &mut Lab) -> Result<String> {
    let (client, server) = (legacy(lab)?, lab.server.auth()?);
    let password = lab.isp.subscriber_password.reveal();
    // The directory follows the database within a second of `apply`; the first login waits for it.
    wait::until("the first login to be accepted", SOON, || {
        Ok(match client.pap(server, PAP_USER, password)? {
            Reply::Accept => Look::Found(()),
            other => Look::Not(format!("PAP of {PAP_USER}: {other:?}")),
        })
    })?;
    let chap = client.chap(server, CHAP_USER, password)?;
    ensure!(chap == Reply::Accept, "CHAP of {CHAP_USER}: {chap:?}");
    let mschap = client.mschap(server, CHAP_USER, password)?;
    ensure!(mschap == Reply::Accept, "MS-CHAP of {CHAP_USER}: {mschap:?}");
    let mschap2 = client.mschap2(server, CHAP_USER, password)?;
    ensure!(mschap2 == Reply::Accept, "MS-CHAPv2 of {CHAP_USER}: {mschap2:?}");
    let suspended = client.pap(server, "peter", password)?;
    ensure!(
        suspended == Reply::Reject,
        "PAP of peter, who is suspended: {suspended:?}"
    );
    let why = newest(lab, "peter")?;
    ensure!(
        field(&why, "reason") == "suspended",
        "peter was refused because of {}",
        field(&why, "reason")
    );
    Ok(format!(
        "{PAP_USER} by PAP and {CHAP_USER} by CHAP, MS-CHAP and MS-CHAPv2 with proof and keys accepted, peter refused: {}",
        field(&why, "words")
    ))
}

/// Plays step 2.
pub(super) fn explained(lab: &mut Lab) -> Result<String> {
    let (client, server) = (legacy(lab)?, lab.server.auth()?);
    let mut seen = Vec::new();
    for (user, method) in [
        (PAP_USER, "PAP"),
        (CHAP_USER, "CHAP"),
        (CHAP_USER, "MS-CHAP"),
        (CHAP_USER, "MS-CHAPv2"),
    ] {
        let reply = match method {
            "PAP" => client.pap(server, user, "not-the-password")?,
            "MS-CHAP" => client.mschap(server, user, "not-the-password")?,
            "MS-CHAPv2" => client.mschap2(server, user, "not-the-password")?,
            _ => client.chap(server, user, "not-the-password")?,
        };
        ensure!(
            reply == Reply::Reject,
            "{method} with a wrong password: {reply:?}"
        );
        let decision = newest(lab, user)?;
        let reason = field(&decision, "reason");
        ensure!(
            reason == "wrong_password",
            "{method}: the reason is {reason}: {decision}"
        );
        let steps = list(&decision["steps"])?;
        let failed = steps
            .iter()
            .find(|step| step["ok"] == false)
            .context("no step failed")?;
        seen.push(format!("{method} of {user}: {}", field(failed, "found")));
    }
    let told = lab
        .noc()?
        .done(&["radius", "explain", PAP_USER, "--limit", "1"])?;
    ensure!(
        told.contains("FAIL"),
        "radius explain shows no step that failed: {told}"
    );
    Ok(format!(
        "Access-Reject, wrong_password; {}\n{}",
        seen.join("; "),
        told.trim_end()
    ))
}

/// The newest decision about a user name.
///
/// # Errors
/// There is none.
pub(super) fn newest(lab: &Lab, username: &str) -> Result<Value> {
    let decisions = lab
        .noc()?
        .json(&["radius", "explain", username, "--limit", "1"])?;
    list(&decisions)?
        .first()
        .cloned()
        .with_context(|| format!("no decision about {username}"))
}
