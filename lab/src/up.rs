//! `lab up`: the demo ISP, live, until Ctrl-C. Prints where everything is, what to try, and a line of state now and then.
//!
//! Never judges; [`crate::scenario`] does. What it starts is stopped when [`Lab`] goes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};

use crate::headend::list;
use crate::interrupt::Interrupted;
use crate::isp;
use crate::lab::{LOGIN_WAIT_MAX, Lab, WIRED_SUBSCRIBER};
use crate::nas::{Simulator, Twin};
use crate::net::{self, Wires};
use crate::report::line;
use crate::secret::Secret;
use crate::wait;

/// How often the state is shown.
const STATE_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the real subscriber was thrown out.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many looks the real subscriber stays away after he was thrown out, so that people can see it.
const LOOKS_AWAY: u32 = 5;
/// Simulated subscribers in the demo file.
const HOMES: u32 = 12;
/// The subscriber of the demo file who is suspended.
const GARDENER: &str = "peter";
/// Opens the walled garden: an address list for the BNG, a pool for the NAS that know no lists.
const GARDEN: [&str; 12] = [
    "garden",
    "set",
    "--reasons",
    "suspended,expired,quota",
    "--address-list",
    "unpaid",
    "--pool",
    "garden",
    "--session-timeout",
    "120",
    "--dns",
    "192.0.2.53",
];

/// The subscriber of the demo file whose quota is eaten while people look.
const EATER: &str = "home-06";
/// A plan with 3 GB a day, which last some minutes at the speed of the simulated lines, and then 2 Mbit/s.
const VOLUME: [&[&str]; 3] = [
    &[
        "plan",
        "add",
        "volume-3",
        "--name",
        "3 GB a day",
        "--download",
        "100M",
        "--upload",
        "20M",
    ],
    &[
        "quota",
        "set",
        "volume-3",
        "--octets",
        "3G",
        "--period",
        "day",
        "--then",
        "throttle",
        "--download",
        "2M",
        "--upload",
        "1M",
    ],
    &["subscriber", "set", EATER, "--plan", "volume-3"],
];

/// Plays until somebody asks us to stop.
///
/// # Errors
/// Something does not come up, or ends by itself.
pub fn play(root: &Path, headend: &Path) -> Result<()> {
    let mut lab = Lab::prepare(root, headend)?;
    let result = live(&mut lab, root, headend);
    line("stopping everything");
    lab.simulator = None; // logs its subscribers out while there is still somebody to tell
    let stopped = lab.server.stop();
    match result {
        Err(error) if error.is::<Interrupted>() => stopped,
        other => other.and(stopped),
    }
}

/// Starts everything, tells about it, and shows the state until interrupted.
fn live(lab: &mut Lab, root: &Path, headend: &Path) -> Result<()> {
    line("starting headend with its own PostgreSQL");
    lab.server.start()?;
    line(format!("set-up done, demo ISP applied: {}", lab.populate()?));
    lab.admin.done(&GARDEN)?;
    line(format!(
        "{GARDENER} did not pay: he is let into the walled garden, where he can read so"
    ));
    for words in VOLUME {
        lab.admin.done(words)?;
    }
    line(format!("{EATER} has 3 GB a day; they last some five minutes"));
    let twins = twins(&lab.isp.subscriber_password)?;
    lab.start_simulator(twins)?;
    line(format!(
        "simulated BNG at {} with {} subscribers",
        isp::BNG_ADDRESS,
        HOMES + 2
    ));
    match lab.wires.as_ref().err().cloned() {
        Some(why) => line(format!("no hostapd and no wpa_supplicant: {why}")),
        None => line(format!(
            "{WIRED_SUBSCRIBER} is online behind hostapd, by {}",
            lab.plug_in()?
        )),
    }
    let wrapper = write_wrapper(lab, root, headend)?;
    introduce(lab, &wrapper);
    watch(lab)
}

/// Shows the state at a calm pace; brings the real subscriber back when somebody threw him out.
fn watch(lab: &mut Lab) -> Result<()> {
    let mut looks_away = 0;
    let mut next = STATE_EVERY;
    loop {
        wait::pace(LOOK_EVERY)?;
        lab.server.check()?;
        let online = wired_online(lab)?;
        looks_away = if online == Some(false) { looks_away + 1 } else { 0 };
        if looks_away > LOOKS_AWAY {
            come_back(lab)?;
        }
        next = next.saturating_sub(LOOK_EVERY);
        if next.is_zero() {
            next = STATE_EVERY;
            line(state(lab, online));
        }
    }
}

/// Whether the real subscriber is online; nothing when there is none.
fn wired_online(lab: &mut Lab) -> Result<Option<bool>> {
    let Some(hostapd) = lab.hostapd.as_mut() else {
        return Ok(None);
    };
    hostapd.check()?;
    hostapd.authorizes(&net::subscriber_mac()).map(Some)
}

/// Lets the real subscriber log in again, as he would by unplugging the cable.
fn come_back(lab: &mut Lab) -> Result<()> {
    let Some(supplicant) = lab.supplicant.as_mut() else {
        return Ok(());
    };
    supplicant.log_in_again()?;
    match supplicant.wait_until_authenticated(LOGIN_WAIT_MAX) {
        Ok(_) => line(format!("{WIRED_SUBSCRIBER} plugged in again and is back")),
        // Suspended, a changed password: the people who play with the lab did that, and see why by radius explain.
        Err(error) if !error.is::<Interrupted>() => {
            line(format!("{WIRED_SUBSCRIBER} cannot come back: {error:#}"))
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The line of state.
fn state(lab: &Lab, wired: Option<bool>) -> String {
    let sessions = lab
        .noc()
        .and_then(|noc| noc.json(&["session", "list", "--state", "open"]));
    let sessions = match sessions
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|all| list(all).map_err(|e| e.to_string()))
    {
        Ok(all) => format!("{} sessions", all.len()),
        Err(_) => "sessions unknown (see lab/run/logs/headend.log)".to_owned(),
    };
    let bng = lab.simulator.as_ref().map(bng_state).unwrap_or_default();
    let wired = match wired {
        Some(true) => format!(" | {WIRED_SUBSCRIBER} online"),
        Some(false) => format!(" | {WIRED_SUBSCRIBER} OFFLINE"),
        None => String::new(),
    };
    format!("{} UTC  {sessions}{bng}{wired}", clock())
}

/// What the simulated BNG has seen.
fn bng_state(bng: &Simulator) -> String {
    let mut text = format!(
        " | bng-1: {} online, {} logins, {} refused, {} accounting records, {} disconnects",
        bng.online(),
        bng.count(|all| &all.accepted),
        bng.count(|all| &all.rejected),
        bng.count(|all| &all.accounted),
        bng.count(|all| &all.disconnected),
    );
    let unanswered = bng.count(|all| &all.unanswered);
    if unanswered > 0 {
        text.push_str(&format!(", {unanswered} UNANSWERED"));
    }
    text
}

/// The subscribers behind the simulated BNG: a dozen homes that come and go, one who did not pay, and one whose router has an
/// old password.
fn twins(password: &Secret) -> Result<Vec<Twin>> {
    let home = |number: u32| Twin {
        username: format!("home-{number:02}"),
        password: password.clone(),
        chap: number.is_multiple_of(3),
        stays: Duration::from_secs(120 + 37 * u64::from(number)),
        away: Duration::from_secs(15 + u64::from(number)),
        interim: Duration::from_secs(20),
    };
    let mut twins: Vec<Twin> = (1..=HOMES).map(home).collect();
    twins.push(Twin {
        username: GARDENER.to_owned(),
        password: password.clone(),
        chap: false,
        stays: Duration::from_secs(110),
        away: Duration::from_secs(5),
        interim: Duration::from_secs(20),
    });
    let stay = Duration::from_secs(60);
    let old = Secret::random()?;
    twins.push(Twin {
        username: "mallory".to_owned(),
        password: old,
        chap: false,
        stays: stay,
        away: stay,
        interim: stay,
    });
    Ok(twins)
}

/// Writes `lab/run/headend`: the program with the credentials of the administrator; `HEADEND_CREDENTIALS` overrides.
fn write_wrapper(lab: &Lab, root: &Path, headend: &Path) -> Result<String> {
    let path = lab.run.dir.join("headend");
    let text = format!(
        "#!/bin/sh\n# The headend command line, logged in to the lab. Made by lab up, gone when it stops.\n\
         HEADEND_URL={url}\nHEADEND_CREDENTIALS=${{HEADEND_CREDENTIALS:-{credentials}}}\nHEADEND_DATA_DIR={data}\n\
         export HEADEND_URL HEADEND_CREDENTIALS HEADEND_DATA_DIR\nexec {headend} \"$@\"\n",
        url = lab.server.url(),
        credentials = quoted(&lab.admin.credentials),
        data = quoted(&lab.server.data),
        headend = quoted(headend),
    );
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
        .context("cannot make the wrapper executable")?;
    let here = std::env::current_dir().unwrap_or_default();
    Ok(if here == root {
        "lab/run/headend".to_owned()
    } else {
        quoted(&path)
    })
}

/// Tells where everything is and what to try.
fn introduce(lab: &Lab, headend: &str) {
    let billing = quoted(&lab.run.dir.join("billing.credentials.toml"));
    let staff = lab.isp.staff_password.reveal();
    let addresses =
        |all: &[std::net::SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    line(format!(
        "
console        {url}/
API            {url}/api/v1    (OpenAPI: {url}/api/public/v1/openapi.json)
RADIUS         auth {auth}    accounting {accounting}
administrator  {admin}    {admin_password}
NOC            {noc}    {staff}
billing        {billing_email}    {staff}
logs           {logs}{namespaces}

Eight things to try, in another terminal:

  1. Who is online, and for how long?
       {headend} session list
  2. Why can mallory not log in?
       {headend} radius explain mallory
  3. Throw a subscriber out, with proof, and look who did it:
       {headend} session disconnect {victim} --reason \"moving to another port\"
       {headend} audit list
  4. Billing may not touch the network; and that he tried is on record:
       HEADEND_PASSWORD={staff} HEADEND_CREDENTIALS={billing} {headend} login --email {billing_email}
       HEADEND_NAS_SECRET=a-secret-of-his-own HEADEND_CREDENTIALS={billing} {headend} nas add rogue --address 192.0.2.66
       {headend} audit list --actor {billing_email}
  5. Knock from an address nobody knows, then see the command that would let it in:
       echo 'User-Name=bob,User-Password=x,Packet-Src-IP-Address=127.18.7.7' | radclient -r 1 {first_auth} auth some-secret
       {headend} nas unknown
  6. What exactly does a subscriber get, and why? Three plans, one of them faster in the evening; then a rate of his own:
       {headend} plan list
       {headend} radius preview home-02 --nas bng-1
       {headend} subscriber set home-02 --download 5M --upload 5M
  7. {gardener} did not pay and sits in the walled garden. He pays: his session there is ended, and he is back with service:
       {headend} radius preview {gardener} --nas bng-1
       {headend} subscriber restore {gardener}
       {headend} session list
  8. {eater} eats his 3 GB, is told at 80 and 100 %, and goes on at 2 Mbit/s. More for him, and his live session is fast again:
       {headend} subscriber quota {eater}
       {headend} subscriber top-up {eater} 10G --reason \"asked for more\"

Ctrl-C stops everything.
",
        url = lab.server.url(),
        auth = addresses(&lab.server.listen.auth),
        accounting = addresses(&lab.server.listen.accounting),
        admin = isp::ADMIN_EMAIL,
        admin_password = lab.isp.admin_password.reveal(),
        noc = isp::NOC_EMAIL,
        billing_email = isp::BILLING_EMAIL,
        logs = lab.run.logs.display(),
        namespaces = lab.wires.as_ref().map(namespaces).unwrap_or_default(),
        gardener = GARDENER,
        eater = EATER,
        victim = if lab.hostapd.is_some() { WIRED_SUBSCRIBER } else { "home-01" },
        first_auth = addresses(lab.server.listen.auth.get(..1).unwrap_or_default()),
    ));
}

/// Where the real clients live, for `ip netns exec`.
fn namespaces(wires: &Wires) -> String {
    format!(
        "\nnamespaces     {} (hostapd), {} (wpa_supplicant)",
        wires.nas.name(),
        wires.cpe.name()
    )
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    if plain {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The time of day.
fn clock() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        % 86_400;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_survives_a_shell() {
        assert_eq!(quoted(Path::new("/srv/lab")), "/srv/lab");
        assert_eq!(quoted(Path::new("/my lab/it's")), "'/my lab/it'\\''s'");
    }

    #[test]
    fn every_simulated_home_is_in_the_demo_file() -> Result<()> {
        let demo = include_str!("../demo/isp.toml");
        for twin in twins(&Secret::random()?)? {
            assert!(
                demo.contains(&format!("username = \"{}\"", twin.username)),
                "{}",
                twin.username
            );
        }
        Ok(())
    }
}
