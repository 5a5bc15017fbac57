//! The demo ISP: who is in `lab/demo/isp.toml`, the secrets of this run, and how it is brought into a fresh server.
//!
//! Everything goes in the way an operator would do it: `headend setup`, `apply`, `login`, `nas add`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::headend::{Cli, Server};
use crate::hostapd;
use crate::rundir::RunDir;
use crate::secret::{self, Secret};

/// The platform administrator made by `headend setup`.
pub const ADMIN_EMAIL: &str = "admin@lab.example";
/// The NOC engineer in the demo file.
pub const NOC_EMAIL: &str = "noc@riverside.example";
/// What people call him.
pub const NOC_NAME: &str = "Nadia (NOC)";
/// The billing clerk in the demo file.
pub const BILLING_EMAIL: &str = "billing@riverside.example";
/// The NAS in the demo file that the simulator plays.
pub const BNG_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 18, 1, 1);
/// Where the simulated BNG takes Disconnect-Requests.
pub const BNG_COA_PORT: u16 = 13799;
/// The NAS in the demo file that radclient plays.
pub const LEGACY_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 18, 2, 1);
/// The NAS in the demo file whose stored secret is another one than it uses.
pub const MISCONFIGURED_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 18, 3, 1);
/// An address that no NAS in the demo file has.
pub const UNKNOWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 18, 9, 9);
/// What the NAS behind the wire is called; the lab adds it, because its address is chosen at each run.
pub const PORT_NAS: &str = "port-nas";

/// The secrets of one run.
#[derive(Debug)]
pub struct Isp {
    /// Password of the platform administrator.
    pub admin_password: Secret,
    /// Password of the people in the demo file.
    pub staff_password: Secret,
    /// Password of every subscriber.
    pub subscriber_password: Secret,
    /// Shared secret of the simulated BNG.
    pub bng_secret: Secret,
    /// Shared secret of the legacy NAS.
    pub legacy_secret: Secret,
    /// The secret stored for the misconfigured NAS, which uses another one.
    pub misconfigured_secret: Secret,
    /// Shared secret of hostapd.
    pub port_secret: Secret,
    /// Shared secret of Disconnect-Requests to hostapd.
    pub port_coa_secret: Secret,
    /// The demo file.
    file: PathBuf,
}

impl Isp {
    /// Draws the secrets.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn new(root: &Path) -> Result<Isp> {
        Ok(Isp {
            admin_password: Secret::random()?,
            staff_password: Secret::random()?,
            subscriber_password: Secret::random()?,
            bng_secret: Secret::random()?,
            legacy_secret: Secret::random()?,
            misconfigured_secret: Secret::random()?,
            port_secret: Secret::random()?,
            port_coa_secret: Secret::random()?,
            file: root.join("lab/demo/isp.toml"),
        })
    }

    /// Completes the first start of a server; a second time must be refused.
    ///
    /// # Errors
    /// `headend setup` fails, or succeeds twice.
    pub fn set_up(&self, server: &Server, admin: &Cli, run: &RunDir) -> Result<()> {
        let file = run.dir.join("setup.toml");
        let password = self.admin_password.reveal();
        let text = format!(
            "[admin]\nemail = \"{ADMIN_EMAIL}\"\nname = \"Lab administrator\"\npassword = \"{password}\"\n"
        );
        secret::write_file(&file, &text)?;
        let (file, data) = (path(&file)?, path(&server.data)?);
        let words = ["setup", "-f", file, "--data-dir", data, "--login"];
        admin.done(&words)?;
        let again = admin.run(&words)?;
        ensure!(
            again.code() == 4,
            "a second set-up ended with {} instead of 4: {}",
            again.code(),
            again.said()
        );
        Ok(())
    }

    /// Applies the demo file: as a preview, for real, and once more; gives the line that told what was done.
    ///
    /// # Errors
    /// `headend apply` fails, the preview changes something, or the second time finds something to change.
    pub fn apply(&self, admin: &Cli) -> Result<String> {
        let admin = admin.with_env(self.env());
        let file = path(&self.file)?;
        let preview = admin.done(&["apply", "-f", file, "--dry-run"])?;
        let done = admin.done(&["apply", "-f", file])?;
        let again = admin.done(&["apply", "-f", file])?;
        let (preview, done) = (last_line(&preview), last_line(&done));
        ensure!(preview.contains("to add"), "the preview says: {preview}");
        ensure!(done.contains(" added"), "apply says: {done}");
        ensure!(
            last_line(&again) == "nothing to change",
            "a second apply says: {}",
            last_line(&again)
        );
        Ok(done)
    }

    /// Logs one of the people in the demo file in; the file with his credentials is named after him.
    ///
    /// # Errors
    /// `headend login` fails.
    pub fn log_in(&self, email: &str, admin: &Cli, run: &RunDir) -> Result<Cli> {
        let name = email.split('@').next().unwrap_or(email);
        let staff = admin.with_credentials(&run.dir.join(format!("{name}.credentials.toml")));
        let password = run.dir.join("staff.password");
        secret::write_file(&password, &format!("{}\n", self.staff_password.reveal()))?;
        staff.done(&["login", "--email", email, "--password-file", path(&password)?])?;
        Ok(staff)
    }

    /// Admits the NAS behind the wire.
    ///
    /// # Errors
    /// `headend nas add` fails.
    pub fn admit_port_nas(&self, address: Ipv4Addr, admin: &Cli, run: &RunDir) -> Result<()> {
        let (secret, coa_secret) = (
            run.dir.join("port-nas.secret"),
            run.dir.join("port-nas.coa.secret"),
        );
        secret::write_file(&secret, &format!("{}\n", self.port_secret.reveal()))?;
        secret::write_file(&coa_secret, &format!("{}\n", self.port_coa_secret.reveal()))?;
        let (address, port) = (address.to_string(), hostapd::DAS_PORT.to_string());
        let files = [
            "--secret-file",
            path(&secret)?,
            "--coa-secret-file",
            path(&coa_secret)?,
        ];
        let words = [
            "nas",
            "add",
            PORT_NAS,
            "--address",
            &address,
            "--type",
            "hostapd",
            "--coa-port",
            &port,
        ];
        admin.done(&[words.as_slice(), files.as_slice()].concat())?;
        Ok(())
    }

    /// The variables that the demo file refers to.
    fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("LAB_STAFF_PASSWORD", &self.staff_password),
            ("LAB_SUBSCRIBER_PASSWORD", &self.subscriber_password),
            ("LAB_BNG_SECRET", &self.bng_secret),
            ("LAB_LEGACY_SECRET", &self.legacy_secret),
            ("LAB_MISCONFIGURED_SECRET", &self.misconfigured_secret),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.reveal().to_owned()))
            .collect()
    }
}

/// A path as an argument.
fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The last line of an output.
fn last_line(out: &str) -> String {
    out.trim().lines().last().unwrap_or_default().to_owned()
}
