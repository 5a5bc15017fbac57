//! Steps 4 and 5: a stranger is dropped, counted, listed and admitted by the command in the list; a NAS with a wrong
//! secret is told apart from a subscriber with a wrong password.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{SOON, passwords};
use crate::headend::{field, list};
use crate::isp;
use crate::lab::Lab;
use crate::radclient::{Client, Reply};
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// Whose login is tried.
const USER: &str = "bob";

/// Plays step 4.
pub(super) fn unknown(lab: &mut Lab) -> Result<String> {
    let secret = Secret::random()?;
    let client = Client::new(isp::UNKNOWN_ADDRESS, &secret, &lab.run.dir)?;
    let (server, password) = (lab.server.auth()?, lab.isp.subscriber_password.reveal());
    let before = counted(lab)?;
    let reply = client.pap_once(server, USER, password)?;
    ensure!(
        reply == Reply::Silence,
        "an unknown source got an answer: {reply:?}"
    );
    let after = counted(lab)?;
    ensure!(
        after > before,
        "radius_unknown_source_total was {before} and is {after}"
    );
    let source = listed(lab)?.context("nas unknown does not list the source")?;
    let admit = field(&source, "admit_command");
    ensure!(
        admit.contains(&isp::UNKNOWN_ADDRESS.to_string()),
        "the command does not name the address: {admit}"
    );
    // The one thing that the server cannot know; a person is asked for it.
    let secret = ("HEADEND_NAS_SECRET".to_owned(), secret.reveal().to_owned());
    let added = lab.admin.with_env([secret]).shell(&admit)?;
    ensure!(
        added.code() == 0,
        "the command from the list fails: {admit}: {}",
        added.said()
    );
    let since = Instant::now();
    wait::until("the admitted source to be served", SOON, || {
        Ok(match client.pap_once(server, USER, password)? {
            Reply::Accept => Look::Found(()),
            other => Look::Not(format!("{other:?}")),
        })
    })?;
    let took = since.elapsed();
    ensure!(
        listed(lab)?.is_none(),
        "nas unknown still lists the source that is admitted now"
    );
    Ok(format!(
        "{} dropped, counted ({before} -> {after}), listed with: {admit}; that command run, served after {:.1} s",
        isp::UNKNOWN_ADDRESS,
        took.as_secs_f32(),
    ))
}

/// Plays step 5.
pub(super) fn secret_differs(lab: &mut Lab) -> Result<String> {
    let wrong = Client::new(isp::MISCONFIGURED_ADDRESS, &Secret::random()?, &lab.run.dir)?;
    let (server, password) = (lab.server.auth()?, lab.isp.subscriber_password.reveal());
    let reply = wrong.pap_once(server, USER, password)?;
    ensure!(
        reply == Reply::Silence,
        "a NAS with a wrong secret got an answer: {reply:?}"
    );
    let decision = passwords::newest(lab, USER)?;
    let reason = field(&decision, "reason");
    ensure!(reason == "secret_differs", "the reason is {reason}: {decision}");
    let attributes =
        format!("User-Name = \"{USER}\"\nAcct-Session-Id = \"forged\"\nAcct-Status-Type = Start\n");
    let accounted = wrong.account(lab.server.accounting()?, &attributes)?;
    ensure!(
        accounted == Reply::Silence,
        "forged accounting got an answer: {accounted:?}"
    );
    let nas = lab.noc()?.json(&["nas", "show", "misconfigured-1"])?;
    let counted = find_number(&nas, "secret_differs").context("nas show has no secret_differs")?;
    ensure!(
        counted >= 2,
        "nas show counts {counted} packets with a wrong secret: {nas}"
    );
    let rotated = rotate(lab)?;
    Ok(format!(
        "no answer; explain: {reason} ({}); nas show counts {counted}; {rotated}",
        field(&decision, "words")
    ))
}

/// Gives the NAS a new secret and waits until it is in force, without a restart.
fn rotate(lab: &Lab) -> Result<String> {
    let fresh = Secret::random()?;
    let file = lab.run.dir.join("rotated.secret");
    secret::write_file(&file, &format!("{}\n", fresh.reveal()))?;
    let client = Client::new(isp::MISCONFIGURED_ADDRESS, &fresh, &lab.run.dir)?;
    let (server, password) = (lab.server.auth()?, lab.isp.subscriber_password.reveal());
    let file = file.to_str().context("a path that is not UTF-8")?;
    lab.admin
        .done(&["nas", "set", "misconfigured-1", "--secret-file", file])?;
    let since = Instant::now();
    wait::until("the new secret to be in force", SOON, || {
        Ok(match client.pap_once(server, USER, password)? {
            Reply::Accept => Look::Found(()),
            other => Look::Not(format!("{other:?}")),
        })
    })?;
    Ok(format!(
        "right secret set, accepted after {:.1} s without restart",
        since.elapsed().as_secs_f32()
    ))
}

/// How many datagrams from unknown sources the metrics count.
fn counted(lab: &Lab) -> Result<u64> {
    let (code, text) = lab.server.page("/metrics")?;
    ensure!(code == 200, "/metrics says {code}");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("radius_unknown_source_total"));
    Ok(lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum())
}

/// The unknown source as `nas unknown` lists it.
fn listed(lab: &Lab) -> Result<Option<Value>> {
    let sources = lab.admin.json(&["nas", "unknown"])?;
    let address = isp::UNKNOWN_ADDRESS.to_string();
    Ok(list(&sources)?
        .iter()
        .find(|source| source["address"] == address.as_str())
        .cloned())
}

/// A number anywhere in a JSON value, by the name of its member.
fn find_number(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            if key == name {
                value.as_u64()
            } else {
                find_number(value, name)
            }
        }),
        Value::Array(items) => items.iter().find_map(|item| find_number(item, name)),
        _ => None,
    }
}
