//! The scenario: what an ISP must be able to rely on, played once against the real server by clients nobody here wrote.
//!
//! The steps, in the order they are played. Each is a function that gives the evidence it saw, or fails with what it saw
//! instead; a failure does not keep the others from being tried. Files: [`begin`] first start and demo ISP, [`passwords`]
//! PAP, CHAP, MS-CHAP and why a login is refused, [`wired`] 802.1X and Disconnect, [`secured`] the same inside TLS on both sides, [`volume`] a quota that is eaten, the garden, a login too many, [`permissions`] what a role may not do, [`admission`] unknown sources and wrong
//! secrets, [`crash`] kill -9, [`outage`] no PostgreSQL.

mod admission;
mod begin;
mod crash;
mod ledger;
mod outage;
mod passwords;
mod permissions;
mod secured;
mod simulated;
mod volume;
mod wired;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::interrupt::{self, Interrupted};
use crate::lab::Lab;
use crate::process;
use crate::report::{self, Ending, Report};

/// How long something may take that happens within a second on an idle machine.
const SOON: Duration = Duration::from_secs(15);

/// What a step cannot do without.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing but the server.
    Nothing,
    /// FreeRADIUS's radclient.
    Radclient,
    /// Namespaces, hostapd and wpa_supplicant.
    Wires,
    /// The same and radsecproxy.
    WiresAndRadsecproxy,
    /// radclient and psql.
    RadclientAndPsql,
}

/// A step of the scenario.
struct Step {
    /// Its number in the description of the product, or a letter.
    number: &'static str,
    /// What holds when it passes.
    title: &'static str,
    /// What it cannot do without.
    needs: Needs,
    /// Plays it; gives the evidence.
    play: fn(&mut Lab) -> Result<String>,
}

/// All steps.
const STEPS: [Step; 14] = [
    Step {
        number: "0",
        title: "first start and apply",
        needs: Needs::Nothing,
        play: begin::play,
    },
    Step {
        number: "a",
        title: "PAP, CHAP and MS-CHAP by radclient, unsigned",
        needs: Needs::Radclient,
        play: passwords::accepted,
    },
    Step {
        number: "1",
        title: "a real subscriber behind a real NAS",
        needs: Needs::Wires,
        play: wired::online,
    },
    Step {
        number: "2",
        title: "a wrong password is explained",
        needs: Needs::Radclient,
        play: passwords::explained,
    },
    Step {
        number: "3",
        title: "disconnect, proven",
        needs: Needs::Wires,
        play: wired::disconnected,
    },
    Step {
        number: "b",
        title: "disconnect on a simulated BNG",
        needs: Needs::Nothing,
        play: simulated::play,
    },
    Step {
        number: "e",
        title: "a quota is eaten until it throttles, and a top-up restores the live session",
        needs: Needs::Nothing,
        play: volume::eaten,
    },
    Step {
        number: "f",
        title: "a login too many is refused, and who did not pay sits in the garden",
        needs: Needs::Radclient,
        play: volume::others,
    },
    Step {
        number: "d",
        title: "PEAP and EAP-TLS behind a NAS that speaks RADIUS over TLS",
        needs: Needs::WiresAndRadsecproxy,
        play: secured::play,
    },
    Step {
        number: "c",
        title: "billing cannot touch the network",
        needs: Needs::Nothing,
        play: permissions::play,
    },
    Step {
        number: "4",
        title: "an unknown address is listed and admitted",
        needs: Needs::Radclient,
        play: admission::unknown,
    },
    Step {
        number: "5",
        title: "a wrong secret is called that",
        needs: Needs::Radclient,
        play: admission::secret_differs,
    },
    Step {
        number: "6",
        title: "kill -9 after the response",
        needs: Needs::RadclientAndPsql,
        play: crash::play,
    },
    Step {
        number: "7",
        title: "PostgreSQL stopped",
        needs: Needs::RadclientAndPsql,
        play: outage::play,
    },
];

/// Plays everything, or `only` some steps; gives whether nothing failed.
///
/// # Errors
/// There is no such step, the lab cannot be raised, or somebody asked us to stop.
pub fn play(root: &Path, headend: &Path, only: &[String]) -> Result<bool> {
    let since = Instant::now();
    let wanted = wanted(only)?;
    let mut lab = Lab::prepare(root, headend)?;
    let mut report = Report::default();
    let mut begun = true;
    for step in wanted {
        let started = Instant::now();
        let ending = match hindrance(step, &lab, begun) {
            Some(why) => Ending::Skipped(why),
            None => judge((step.play)(&mut lab), &mut lab)?,
        };
        begun &= step.number != "0" || matches!(ending, Ending::Passed(_));
        report.step(step.number, step.title, started.elapsed(), &ending);
    }
    if let Err(error) = lab.server.stop() {
        report.step("z", "stop", Duration::ZERO, &Ending::Failed(format!("{error:#}")));
    }
    report::line(format!("logs: {}", lab.run.logs.display()));
    Ok(report.close(since.elapsed()))
}

/// The steps to play: all, or those named and the first start.
fn wanted(only: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = only
        .iter()
        .find(|name| !STEPS.iter().any(|step| step.number == name.as_str()))
    {
        let known: Vec<&str> = STEPS.iter().map(|step| step.number).collect();
        bail!("there is no step {unknown}; there are {}", known.join(", "));
    }
    let is_wanted =
        |step: &&Step| only.is_empty() || step.number == "0" || only.iter().any(|name| name == step.number);
    Ok(STEPS.iter().filter(is_wanted).collect())
}

/// Why a step cannot be tried, if anything stands in the way.
fn hindrance(step: &Step, lab: &Lab, begun: bool) -> Option<String> {
    let missing = |program: &str, package: &str| {
        process::find(program)
            .is_none()
            .then(|| format!("{program} is not installed (apt-get install {package})"))
    };
    let radclient = || missing("radclient", "freeradius-utils");
    if !begun {
        return Some("the server did not start".to_owned());
    }
    match step.needs {
        Needs::Nothing => None,
        Needs::Radclient => radclient(),
        Needs::RadclientAndPsql => radclient().or_else(|| missing("psql", "postgresql-client")),
        Needs::Wires => lab.wires.as_ref().err().cloned(),
        Needs::WiresAndRadsecproxy => {
            let wires = lab.wires.as_ref().err().cloned();
            wires.or_else(|| missing("radsecproxy", "radsecproxy"))
        }
    }
}

/// Turns a result into an ending, with the ends of the logs when it failed.
fn judge(result: Result<String>, lab: &mut Lab) -> Result<Ending> {
    interrupt::check()?;
    match result {
        Ok(seen) => Ok(Ending::Passed(seen)),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(error) => Ok(Ending::Failed(format!("{error:#}\n{}", log_ends(lab)))),
    }
}

/// The ends of all logs.
fn log_ends(lab: &Lab) -> String {
    let logs = ["headend", "hostapd", "wpa_supplicant", "radsecproxy"].map(|program| lab.run.log(program));
    let ends = logs.iter().filter(|path| path.exists());
    ends.map(|path| format!("--- end of {}\n{}", path.display(), process::tail(path)))
        .collect::<Vec<_>>()
        .join("\n")
}
