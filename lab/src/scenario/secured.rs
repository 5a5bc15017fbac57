//! Step d: nothing of the subscriber's secret and nothing of RADIUS crosses a wire in the clear. hostapd speaks to radsecproxy
//! beside it, that speaks RADIUS over TLS with a certificate of its own; wpa_supplicant logs in by PEAP under an outer name
//! that says nothing, is accounted, thrown out with proof, and comes back by EAP-TLS.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::SOON;
use super::wired::open_session;
use crate::headend::{field, list};
use crate::isp;
use crate::lab::{Lab, WIRED_SUBSCRIBER};
use crate::supplicant::Method;
use crate::wait::{self, Look};

/// The counter of connections from NAS.
const CONNECTIONS: &str = "radius_radsec_connections_total{result=\"opened\"}";

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let issued = lab.secure_wires()?;
    let before = newest_open(lab)?;
    let method = lab.plug_in_by(|papers| Method::Peap(papers))?;
    let session = open_session(lab, before.as_deref())?;
    let id = field(&session, "id");
    ensure!(
        field(&session, "nas") == isp::PORT_NAS,
        "the session is of another NAS: {session}"
    );
    let explained = accepted(lab)?;

    let noc = lab.noc()?;
    let said = noc.done(&[
        "session",
        "disconnect",
        &id,
        "--reason",
        "lab: behind TLS",
        "--wait",
        "30",
    ])?;
    ensure!(
        said.contains("acknowledged in") && said.contains("proven"),
        "not proven: {said}"
    );
    let stored = stored(lab, &id)?;

    let tls = lab.plug_in_by(|papers| Method::Tls(papers))?;
    let next = open_session(lab, Some(&id))?;
    let by_certificate = accepted(lab)?;
    let counted = counted(lab)?;
    lab.proxy
        .as_mut()
        .context("radsecproxy is not running")?
        .check()?;
    Ok(format!(
        "{}\n{method}: {explained}\n{}\nradacct: {stored}\n{tls}: {by_certificate}; session {}\n{counted}",
        issued.trim_end(),
        said.trim_end(),
        field(&next, "id"),
    ))
}

/// The session that is open before, if one is: what hostapd did not close when it went.
fn newest_open(lab: &Lab) -> Result<Option<String>> {
    let open = lab.noc()?.json(&[
        "session",
        "list",
        "--username",
        WIRED_SUBSCRIBER,
        "--state",
        "open",
    ])?;
    Ok(list(&open)?.first().map(|session| field(session, "id")))
}

/// What the newest decision about the subscriber says of his credential; it must be that he is let in.
fn accepted(lab: &Lab) -> Result<String> {
    wait::until("the login to be explained", SOON, || {
        let decisions = lab
            .noc()?
            .json(&["radius", "explain", WIRED_SUBSCRIBER, "--limit", "1"])?;
        let newest = list(&decisions)?.first();
        let proof = newest
            .filter(|newest| newest["reason"] == "accepted")
            .and_then(credential);
        Ok(proof.map_or_else(|| Look::Not(decisions.to_string()), Look::Found))
    })
}

/// What a decision found about the credential.
fn credential(decision: &Value) -> Option<String> {
    let steps = decision["steps"].as_array()?;
    let step = steps.iter().rfind(|step| step["step"] == "credential")?;
    Some(field(step, "found"))
}

/// What the database has of a session that ended.
fn stored(lab: &Lab, session: &str) -> Result<String> {
    let query = format!(
        "select username, acctstoptime is not null from radacct where acctuniqueid = '{}'",
        session.replace('-', "")
    );
    wait::until("the Stop to be stored", SOON, || {
        let row = lab.server.psql(&query)?;
        Ok(match row.split('|').collect::<Vec<_>>()[..] {
            [WIRED_SUBSCRIBER, "t"] => Look::Found(format!("{WIRED_SUBSCRIBER}, stopped")),
            _ => Look::Not(row),
        })
    })
}

/// What was counted of RADIUS over TLS.
fn counted(lab: &Lab) -> Result<String> {
    let (_, page) = lab.server.page("/metrics")?;
    let line = page.lines().find(|line| line.starts_with(CONNECTIONS));
    let line = line.context("no connection over TLS is counted")?;
    ensure!(!line.ends_with(" 0"), "{line}");
    Ok(line.to_owned())
}
