//! Steps 1 and 3: a real supplicant behind a real hostapd logs in by EAP-MD5, is found, is thrown out with proof, and
//! comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::SOON;
use crate::headend::{field, list};
use crate::isp;
use crate::lab::{LOGIN_WAIT_MAX, Lab, WIRED_SUBSCRIBER};
use crate::net;
use crate::wait::{self, Look};

/// Why the operator throws the subscriber out.
const REASON: &str = "lab: port moved to another switch";

/// Plays step 1.
pub(super) fn online(lab: &mut Lab) -> Result<String> {
    let method = lab.plug_in()?;
    let session = open_session(lab, None)?;
    let mac = net::subscriber_mac();
    let calling = field(&session, "calling_station");
    ensure!(
        calling.eq_ignore_ascii_case(&mac),
        "Calling-Station-Id is {calling} and not {mac}"
    );
    for (name, expected) in [
        ("nas", isp::PORT_NAS),
        ("nas_port", net::PORT_LINK),
        ("state", "open"),
        ("username", WIRED_SUBSCRIBER),
    ] {
        let found = field(&session, name);
        ensure!(
            found == expected,
            "{name} of the session is {found} and not {expected}: {session}"
        );
    }
    for name in ["subscriber_id", "partner", "started_at"] {
        ensure!(!session[name].is_null(), "the session has no {name}: {session}");
    }
    let shown = lab
        .noc()?
        .done(&["session", "list", "--username", WIRED_SUBSCRIBER])?;
    ensure!(
        shown.contains(WIRED_SUBSCRIBER),
        "session list does not show {WIRED_SUBSCRIBER}: {shown}"
    );
    Ok(format!(
        "wpa_supplicant is authenticated by {method}; session list: {} of {} on {} port {}, MAC {calling}, since {}",
        field(&session, "username"),
        field(&session, "partner"),
        field(&session, "nas"),
        field(&session, "nas_port"),
        field(&session, "started_at"),
    ))
}

/// Plays step 3.
pub(super) fn disconnected(lab: &mut Lab) -> Result<String> {
    let session = open_session(lab, None)?;
    let id = field(&session, "id");
    let mac = net::subscriber_mac();
    let hostapd = lab.hostapd.as_ref().context("hostapd is not running")?;
    ensure!(
        hostapd.authorizes(&mac)?,
        "hostapd does not have {mac} on an open port before the disconnect"
    );
    let position = hostapd.log_position()?;

    let said = lab
        .noc()?
        .done(&["session", "disconnect", &id, "--reason", REASON, "--wait", "30"])?;
    ensure!(said.contains("acknowledged in"), "no acknowledgement: {said}");
    ensure!(said.contains("proven"), "not proven: {said}");
    ensure!(
        !hostapd.authorizes(&mac)?,
        "hostapd still has {mac} on an open port"
    );
    let log = hostapd.log_since(position)?;
    let dropped = log.lines().find(|line| line.contains("AP-STA-DISCONNECTED"));
    let dropped = dropped.context("hostapd's log has no AP-STA-DISCONNECTED")?;
    ensure!(
        log.contains("RADIUS DAS: Acct-Session-Id match"),
        "hostapd matched something else:\n{log}"
    );

    let closed = lab.noc()?.json(&["session", "show", &id])?;
    ensure!(
        field(&closed, "state") == "closed",
        "the session is not closed: {closed}"
    );
    let stored = intent(lab, &id)?;
    let actor = audited(lab, &id)?;
    let supplicant = lab.supplicant.as_mut().context("wpa_supplicant is not running")?;
    supplicant.log_in_again()?;
    supplicant.wait_until_authenticated(LOGIN_WAIT_MAX)?;
    let next = open_session(lab, Some(&id))?;
    Ok(format!(
        "{}\nhostapd: {}\nstored: {stored}; session closed; audit: {actor}; logged in again as session {}",
        said.trim_end(),
        dropped.trim(),
        field(&next, "id"),
    ))
}

/// Waits for the open session of the wired subscriber that is not the one given.
pub(super) fn open_session(lab: &Lab, not: Option<&str>) -> Result<Value> {
    wait::until("an open session of the wired subscriber", SOON, || {
        let sessions = lab.noc()?.json(&[
            "session",
            "list",
            "--username",
            WIRED_SUBSCRIBER,
            "--state",
            "open",
        ])?;
        let found = list(&sessions)?
            .iter()
            .find(|session| not != session["id"].as_str());
        Ok(found.map_or_else(
            || Look::Not(sessions.to_string()),
            |session| Look::Found(session.clone()),
        ))
    })
}

/// What the database keeps about the disconnect, in words.
fn intent(lab: &Lab, session: &str) -> Result<String> {
    let query = format!(
        "select state, attempts, rtt_us, reason, created_by_name from session_intents where session_id = '{session}'"
    );
    let row = lab.server.psql(&query)?;
    let columns: Vec<&str> = row.split('|').collect();
    let [state, attempts, rtt, reason, by] = columns.as_slice() else {
        anyhow::bail!("expected one intent, found {row:?}");
    };
    ensure!(
        *state == "proven" && *reason == REASON,
        "the stored intent is {row}"
    );
    let rtt = Duration::from_micros(
        rtt.parse()
            .with_context(|| format!("no round-trip time is stored: {row}"))?,
    );
    Ok(format!(
        "proven after {attempts} attempt(s), round trip {:.1} ms, asked by {by}",
        rtt.as_secs_f64() * 1e3
    ))
}

/// Who the audit says did it.
fn audited(lab: &Lab, session: &str) -> Result<String> {
    let trail = lab.admin.json(&["audit", "list", "--object", session])?;
    let entry = list(&trail)?.iter().find(|entry| {
        entry["action"]
            .as_str()
            .is_some_and(|action| action.contains("disconnect"))
    });
    let entry = entry.with_context(|| format!("the audit has no disconnect of {session}: {trail}"))?;
    let actor = field(&entry["actor"], "name");
    ensure!(
        entry.to_string().contains(REASON),
        "the audit does not have the reason: {entry}"
    );
    ensure!(
        [isp::NOC_NAME, isp::NOC_EMAIL].contains(&actor.as_str()),
        "the audit names {actor}: {entry}"
    );
    Ok(format!("{} by {actor}", field(entry, "action")))
}
