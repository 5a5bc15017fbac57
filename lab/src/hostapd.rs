//! The real NAS: Debian's `hostapd` with its wired driver, in the namespace of the NAS.
//!
//! It authenticates the port by 802.1X, accounts it, and takes Disconnect-Requests on its dynamic-authorization port. What
//! it says about itself comes from its log and from `hostapd_cli`. Never started without root.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::net::{PORT_LINK, Wires};
use crate::process::{self, Daemon};
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// Where hostapd listens for Disconnect-Requests, inside its namespace.
pub const DAS_PORT: u16 = 3799;
/// What it calls itself in every request.
pub const NAS_IDENTIFIER: &str = "port-nas";
/// Seconds between its interim updates, unless the server says otherwise.
const INTERIM_S: u32 = 60;
/// NAS-Port-Id (RFC 2869 section 5.17). On a wire hostapd does not say of itself which port it watches.
const NAS_PORT_ID: u8 = 87;
/// How long it may take to open its port.
const START_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long `hostapd_cli` may take to answer.
const CONTROL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Where it finds the server, and the secrets it shares with it.
pub struct Core<'a> {
    /// Address and port for Access-Requests.
    pub auth: SocketAddr,
    /// Address and port for Accounting-Requests.
    pub accounting: SocketAddr,
    /// The shared secret of both.
    pub secret: &'a Secret,
    /// The shared secret of Disconnect-Requests.
    pub coa_secret: &'a Secret,
}

/// A running hostapd.
#[derive(Debug)]
pub struct Hostapd {
    /// The process.
    daemon: Daemon,
    /// Its log.
    log: PathBuf,
    /// The directory of its control socket.
    control: PathBuf,
}

impl Hostapd {
    /// Writes its configuration and starts it; returns when it watches the port.
    ///
    /// # Errors
    /// It cannot be started or does not come up.
    pub fn start(wires: &Wires, core: &Core<'_>, runtime_dir: &Path, log: &Path) -> Result<Hostapd> {
        let control = runtime_dir.join("hostapd");
        let file = runtime_dir.join("hostapd.conf");
        secret::write_file(&file, &configuration(wires, core, &control))?;
        let mut command = process::ends_with_us("hostapd");
        command.args(["-d", "-t"]).arg(&file);
        let path = log.to_owned();
        let daemon = wires
            .nas
            .enter(move || Daemon::spawn("hostapd", command, &path))??;
        let mut hostapd = Hostapd {
            daemon,
            log: log.to_owned(),
            control,
        };
        wait::until("hostapd to watch its port", START_WAIT_MAX, || {
            hostapd.daemon.check()?;
            Ok(match hostapd.log_since(0)?.contains("AP-ENABLED") {
                true => Look::Found(()),
                false => Look::Not("no AP-ENABLED in its log".to_owned()),
            })
        })?;
        Ok(hostapd)
    }

    /// How much it has logged; hand it to [`Self::log_since`] later.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log_position(&self) -> Result<usize> {
        Ok(self.log_since(0)?.len())
    }

    /// What it logged after a position.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log_since(&self, position: usize) -> Result<String> {
        let octets = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(octets.get(position..).unwrap_or_default()).into_owned())
    }

    /// Whether a station is on the port and authorized, as hostapd itself says.
    ///
    /// # Errors
    /// hostapd does not answer.
    pub fn authorizes(&self, mac: &str) -> Result<bool> {
        let station = mac.replace('-', ":").to_lowercase();
        let mut command = Command::new("hostapd_cli");
        command
            .arg("-p")
            .arg(&self.control)
            .args(["-i", PORT_LINK, "sta", &station]);
        let said = process::run(command, "", CONTROL_WAIT_MAX)?.out;
        Ok(said
            .lines()
            .any(|line| line.starts_with("flags=") && line.contains("[AUTHORIZED]")))
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// It has ended.
    pub fn check(&mut self) -> Result<()> {
        self.daemon.check()
    }
}

/// Its configuration file.
fn configuration(wires: &Wires, core: &Core<'_>, control: &Path) -> String {
    format!(
        "interface={PORT_LINK}\n\
         driver=wired\n\
         ctrl_interface={control}\n\
         logger_stdout=-1\n\
         logger_stdout_level=0\n\
         ieee8021x=1\n\
         use_pae_group_addr=1\n\
         eap_reauth_period=0\n\
         own_ip_addr={nas}\n\
         nas_identifier={NAS_IDENTIFIER}\n\
         auth_server_addr={auth_ip}\n\
         auth_server_port={auth_port}\n\
         auth_server_shared_secret={secret}\n\
         acct_server_addr={accounting_ip}\n\
         acct_server_port={accounting_port}\n\
         acct_server_shared_secret={secret}\n\
         radius_auth_req_attr={NAS_PORT_ID}:s:{PORT_LINK}\n\
         radius_acct_req_attr={NAS_PORT_ID}:s:{PORT_LINK}\n\
         radius_acct_interim_interval={INTERIM_S}\n\
         radius_das_port={DAS_PORT}\n\
         radius_das_client={core_ip} {coa_secret}\n\
         radius_das_require_event_timestamp=1\n\
         radius_das_require_message_authenticator=1\n",
        control = control.display(),
        nas = wires.nas_address,
        auth_ip = core.auth.ip(),
        auth_port = core.auth.port(),
        accounting_ip = core.accounting.ip(),
        accounting_port = core.accounting.port(),
        secret = core.secret.reveal(),
        core_ip = wires.core_address,
        coa_secret = core.coa_secret.reveal(),
    )
}
