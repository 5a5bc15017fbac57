//! Step b: the same disconnect on the simulated BNG, which needs no root: an ACK first, the Stop a moment later.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::SOON;
use crate::headend::{field, list};
use crate::lab::Lab;
use crate::nas::Twin;
use crate::wait::{self, Look};

/// Long enough that nothing happens by itself during the step.
const LONG: Duration = Duration::from_secs(3600);
/// Who is thrown out.
const VICTIM: &str = "home-02";

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let twins = ["home-01", VICTIM, "home-03"].map(|username| Twin {
        username: username.to_owned(),
        password: lab.isp.subscriber_password.clone(),
        chap: username.ends_with('3'),
        stays: LONG,
        away: LONG,
        interim: LONG,
    });
    let online = twins.len();
    lab.start_simulator(twins.to_vec())?;
    let Some(simulator) = &lab.simulator else {
        anyhow::bail!("the simulator is not running")
    };
    wait::until("the simulated subscribers to be online", SOON, || {
        let found = simulator.online();
        Ok(if found == online {
            Look::Found(())
        } else {
            Look::Not(format!("{found} of {online} online"))
        })
    })?;
    let noc = lab.noc()?;
    let said = noc.done(&[
        "session",
        "disconnect",
        VICTIM,
        "--reason",
        "lab: simulated",
        "--wait",
        "20",
    ])?;
    ensure!(
        said.contains("acknowledged in") && said.contains("proven"),
        "not proven: {said}"
    );
    ensure!(
        simulator.session_of(VICTIM).is_none(),
        "the BNG still has {VICTIM} online"
    );
    let open = noc.json(&["session", "list", "--nas", "bng-1", "--state", "open"])?;
    let open: Vec<String> = list(&open)?
        .iter()
        .map(|session| field(session, "username"))
        .collect();
    ensure!(
        open.len() == online - 1 && !open.iter().any(|user| user == VICTIM),
        "open on the BNG: {open:?}"
    );
    // Going away logs the others out, and their Stops must arrive.
    lab.simulator = None;
    let noc = lab.noc()?;
    wait::until("the BNG's last sessions to close", SOON, || {
        let left = noc.json(&["session", "list", "--nas", "bng-1", "--state", "open"])?;
        Ok(if list(&left)?.is_empty() {
            Look::Found(())
        } else {
            Look::Not(left.to_string())
        })
    })?;
    let last = said.trim_end().lines().last().unwrap_or_default().to_owned();
    Ok(format!(
        "{VICTIM} thrown out ({last}), the other {} stayed and then logged out",
        online - 1
    ))
}
