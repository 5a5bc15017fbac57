//! The real subscriber: Debian's `wpa_supplicant -Dwired`, by EAP-MD5 or inside TLS, in the namespace of the subscriber.
//!
//! Asked and told through `wpa_cli`. On a wire nobody tells a supplicant that its port was closed, so after a Disconnect
//! it believes itself online until [`Supplicant::log_in_again`]; that is what unplugging the cable does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::net::{SUBSCRIBER_LINK, Wires};
use crate::papers::Papers;
use crate::process::{self, Daemon};
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// How long `wpa_cli` may take to answer.
const CONTROL_WAIT_MAX: Duration = Duration::from_secs(5);

/// How it logs in.
#[derive(Clone, Copy)]
pub enum Method<'m> {
    /// EAP-MD5, without TLS.
    Md5,
    /// PEAP with EAP-MSCHAPv2 inside, under an outer name that says nothing.
    Peap(&'m Papers),
    /// EAP-TLS, with a certificate of its own and no password.
    Tls(&'m Papers),
}

/// A running wpa_supplicant.
#[derive(Debug)]
pub struct Supplicant {
    /// The process.
    daemon: Daemon,
    /// The directory of its control socket.
    control: PathBuf,
}

impl Supplicant {
    /// Writes its configuration and starts it; it begins to log in at once.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        wires: &Wires,
        identity: &str,
        password: &Secret,
        method: Method<'_>,
        runtime_dir: &Path,
        log: &Path,
    ) -> Result<Supplicant> {
        let control = runtime_dir.join("supplicant");
        let file = runtime_dir.join("supplicant.conf");
        secret::write_file(&file, &configuration(identity, password, method, &control))?;
        let mut command = process::ends_with_us("wpa_supplicant");
        command
            .args(["-t", "-Dwired", "-i", SUBSCRIBER_LINK, "-c"])
            .arg(&file);
        let path = log.to_owned();
        let daemon = wires
            .cpe
            .enter(move || Daemon::spawn("wpa_supplicant", command, &path))??;
        Ok(Supplicant { daemon, control })
    }

    /// Waits until the port is open for it; gives what it says about itself.
    ///
    /// # Errors
    /// It has ended, or the port stays closed.
    pub fn wait_until_authenticated(&mut self, deadline: Duration) -> Result<String> {
        wait::until("wpa_supplicant to be authenticated", deadline, || {
            self.daemon.check()?;
            let status = self.status()?;
            let value = |key: &str| {
                status
                    .lines()
                    .find_map(|line| line.strip_prefix(key))
                    .unwrap_or("?")
                    .to_owned()
            };
            let state = value("Supplicant PAE state=");
            Ok(match state.as_str() {
                "AUTHENTICATED" => Look::Found(value("selectedMethod=")),
                _ => Look::Not(format!("PAE state {state}, EAP state {}", value("EAP state="))),
            })
        })
    }

    /// Starts over, as after unplugging the cable.
    ///
    /// # Errors
    /// It does not answer.
    pub fn log_in_again(&self) -> Result<()> {
        let said = self.control(&["reassociate"])?;
        ensure!(
            said.trim() == "OK",
            "wpa_supplicant refuses to start over: {}",
            said.trim()
        );
        Ok(())
    }

    /// Everything it says about itself, a `key=value` a line; empty while its control socket is not there yet.
    fn status(&self) -> Result<String> {
        self.control(&["status"])
    }

    /// Asks through `wpa_cli`.
    fn control(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("wpa_cli");
        command
            .arg("-p")
            .arg(&self.control)
            .args(["-i", SUBSCRIBER_LINK])
            .args(words);
        Ok(process::run(command, "", CONTROL_WAIT_MAX)?.out)
    }
}

/// Its configuration file.
fn configuration(identity: &str, password: &Secret, method: Method<'_>, control: &Path) -> String {
    let password = format!("password=\"{}\"", password.reveal());
    let ca = |papers: &Papers| format!("ca_cert=\"{}\"", papers.ca.display());
    let lines = match method {
        Method::Md5 => vec!["eap=MD5".to_owned(), password],
        Method::Peap(papers) => vec![
            "eap=PEAP".to_owned(),
            "phase2=\"auth=MSCHAPV2\"".to_owned(),
            "anonymous_identity=\"anonymous\"".to_owned(),
            ca(papers),
            password,
        ],
        Method::Tls(papers) => vec![
            "eap=TLS".to_owned(),
            ca(papers),
            format!("client_cert=\"{}\"", papers.subscriber.certificate.display()),
            format!("private_key=\"{}\"", papers.subscriber.key.display()),
        ],
    };
    format!(
        "ctrl_interface={control}\n\
         ap_scan=0\n\
         fast_reauth=0\n\
         network={{\n\
         \x20   key_mgmt=IEEE8021X\n\
         \x20   {lines}\n\
         \x20   identity=\"{identity}\"\n\
         \x20   eapol_flags=0\n\
         }}\n",
        control = control.display(),
        lines = lines.join("\n    "),
    )
}
