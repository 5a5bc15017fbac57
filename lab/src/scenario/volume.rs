//! Steps e and f: a quota that is eaten until it throttles and restored by a top-up, on the live session of the simulated BNG;
//! a subscriber who did not pay in the garden, and a login that is one too many.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{SOON, passwords};
use crate::headend::{field, list};
use crate::lab::Lab;
use crate::nas::Twin;
use crate::radclient::Reply;
use crate::wait::{self, Look};

/// Who eats.
const EATER: &str = "home-06";
/// Who did not pay.
const GARDENER: &str = "peter";
/// Octets of his quota: seconds at the speed of the line.
const QUOTA: &str = "60M";
/// Octets a second in the throttle, 2 Mbit/s.
const SLOW_OCTETS_PER_S: u64 = 250_000;
/// How long it may take until he is slow: he eats for some seconds, and whether accounting of the BNG is fresh is looked at
/// every quarter of a minute.
const EATEN_WAIT: Duration = Duration::from_secs(90);
/// Long enough that nothing happens by itself during the step.
const LONG: Duration = Duration::from_secs(3600);

/// Plays step e.
pub(super) fn eaten(lab: &mut Lab) -> Result<String> {
    lab.admin
        .done(&["plan", "add", "volume", "--download", "100M", "--upload", "20M"])?;
    let quota = [
        "quota", "set", "volume", "--octets", QUOTA, "--period", "day", "--then", "throttle",
    ];
    let throttle = ["--download", "2M", "--upload", "1M"];
    lab.admin.done(&[&quota[..], &throttle[..]].concat())?;
    let one = [
        "admission",
        "plan",
        "volume",
        "--simultaneous",
        "1",
        "--on-collision",
        "reject",
    ];
    lab.admin.done(&one)?;
    lab.admin
        .done(&["subscriber", "set", EATER, "--plan", "volume"])?;
    lab.start_simulator(vec![Twin {
        username: EATER.to_owned(),
        password: lab.isp.subscriber_password.clone(),
        chap: false,
        stays: LONG,
        away: Duration::from_secs(1),
        interim: Duration::from_secs(2),
    }])?;
    let simulator = lab.simulator.as_ref().context("the simulator is not running")?;
    let speed = || simulator.down_octets_per_s(EATER);
    let fast = wait::until("the subscriber to be online", SOON, || {
        Ok(match speed() {
            Some(speed) if speed > SLOW_OCTETS_PER_S => Look::Found(speed),
            other => Look::Not(format!("{EATER} receives {other:?} octets a second")),
        })
    })?;
    let began = Instant::now();
    wait::until(
        "the quota to be eaten and the throttle to hold",
        EATEN_WAIT,
        || {
            Ok(match speed() {
                Some(SLOW_OCTETS_PER_S) => Look::Found(()),
                other => Look::Not(format!("{EATER} receives {other:?} octets a second")),
            })
        },
    )?;
    let eaten = began.elapsed();
    let shown = lab.admin.done(&["subscriber", "quota", EATER])?;
    let stands = lab.admin.json(&["subscriber", "quota", EATER])?;
    ensure!(field(&stands, "state") == "used_up", "he stands {stands}");
    let steps = list(&stands["steps"])?;
    let told: Vec<String> = steps.iter().rev().map(|step| field(step, "threshold")).collect();
    ensure!(told == ["80", "100", "-"], "told of {told:?}: {stands}");

    let paid = Instant::now();
    lab.admin.done(&[
        "subscriber",
        "top-up",
        EATER,
        "100G",
        "--reason",
        "lab: paid for more",
    ])?;
    let simulator = lab.simulator.as_ref().context("the simulator is not running")?;
    wait::until("the live session to be restored", SOON, || {
        Ok(match simulator.down_octets_per_s(EATER) {
            Some(speed) if speed == fast => Look::Found(()),
            other => Look::Not(format!("{EATER} receives {other:?} octets a second")),
        })
    })?;
    Ok(format!(
        "{EATER} ate {QUOTA}B, was told at 80 and 100 %, and was slow after {:.0} s; at full speed {:.1} s after a top-up\n{}",
        eaten.as_secs_f64(),
        paid.elapsed().as_secs_f64(),
        shown.trim_end()
    ))
}

/// Plays step f; he who ate is online still.
pub(super) fn others(lab: &mut Lab) -> Result<String> {
    let (client, server) = (passwords::legacy(lab)?, lab.server.auth()?);
    let password = lab.isp.subscriber_password.reveal();
    // -- One too many.
    let twice = match lab.simulator.as_ref().and_then(|bng| bng.session_of(EATER)) {
        None => format!("{EATER} is not online, so nobody was one too many"),
        Some(_) => {
            let reply = client.pap(server, EATER, password)?;
            ensure!(reply == Reply::Reject, "a second login of {EATER}: {reply:?}");
            let why = passwords::newest(lab, EATER)?;
            ensure!(
                field(&why, "reason") == "too_many_sessions",
                "refused because of {why}"
            );
            format!("a second login of {EATER} refused: {}", field(&why, "words"))
        }
    };
    lab.simulator = None;
    // -- Who did not pay.
    let garden = [
        "garden",
        "set",
        "--reasons",
        "suspended,expired,quota",
        "--pool",
        "garden",
    ];
    lab.admin.done(&garden)?;
    wait::until("the garden to be open", SOON, || {
        Ok(match client.pap(server, GARDENER, password)? {
            Reply::Accept => Look::Found(()),
            other => Look::Not(format!("PAP of {GARDENER}: {other:?}")),
        })
    })?;
    let preview = lab
        .admin
        .json(&["radius", "preview", GARDENER, "--nas", "bng-1"])?;
    ensure!(
        field(&preview, "outcome") == "garden:suspended",
        "{GARDENER} would get {preview}"
    );
    lab.admin.done(&["garden", "remove"])?;
    wait::until("the garden to be closed", SOON, || {
        Ok(match client.pap(server, GARDENER, password)? {
            Reply::Reject => Look::Found(()),
            other => Look::Not(format!("PAP of {GARDENER}: {other:?}")),
        })
    })?;
    Ok(format!(
        "{twice}; {GARDENER}, who did not pay, let into the garden and, once it was closed, refused again"
    ))
}
