//! The real proxy: Debian's `radsecproxy` in the namespace of the NAS. hostapd speaks RADIUS over UDP to it, it speaks RADIUS
//! over TLS to the server, with the certificate that the server's own authority issued for this NAS.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::net::Wires;
use crate::process::{self, Daemon};
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// How long it may take to reach the server.
const START_WAIT_MAX: Duration = Duration::from_secs(20);

/// What it needs to know.
pub struct Core<'a> {
    /// Where the server listens for RADIUS over TLS.
    pub server: SocketAddr,
    /// Where it listens itself, for logins and accounting.
    pub listen: SocketAddr,
    /// The secret it shares with the NAS behind it.
    pub secret: &'a Secret,
    /// The directory with `<nas>.pem`, `<nas>-key.pem` and `headend-ca.pem`.
    pub certificates: &'a Path,
    /// The NAS they are for.
    pub nas: &'a str,
}

/// A running radsecproxy.
#[derive(Debug)]
pub struct Radsecproxy {
    /// The process.
    daemon: Daemon,
}

impl Radsecproxy {
    /// Writes its configuration and starts it; returns when its connection to the server stands.
    ///
    /// # Errors
    /// It cannot be started or does not get through.
    pub fn start(wires: &Wires, core: &Core<'_>, runtime_dir: &Path, log: &Path) -> Result<Radsecproxy> {
        let file = runtime_dir.join("radsecproxy.conf");
        secret::write_file(&file, &configuration(core))?;
        let mut command = process::ends_with_us("radsecproxy");
        command.args(["-f", "-c"]).arg(&file);
        let path = log.to_owned();
        let daemon = wires
            .nas
            .enter(move || Daemon::spawn("radsecproxy", command, &path))??;
        let mut proxy = Radsecproxy { daemon };
        wait::until("radsecproxy to reach the server", START_WAIT_MAX, || {
            proxy.check()?;
            let said = std::fs::read_to_string(log).unwrap_or_default();
            Ok(match said.contains("TLS connection to") {
                true => Look::Found(()),
                false => Look::Not("no connection in its log".to_owned()),
            })
        })?;
        Ok(proxy)
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
fn configuration(core: &Core<'_>) -> String {
    let Core {
        server,
        listen,
        secret,
        certificates,
        nas,
    } = core;
    let dir = certificates.display();
    format!(
        "ListenUDP {listen}\n\
         LogLevel 3\n\
         tls headend {{\n\
         \x20   CACertificateFile {dir}/headend-ca.pem\n\
         \x20   CertificateFile {dir}/{nas}.pem\n\
         \x20   CertificateKeyFile {dir}/{nas}-key.pem\n\
         }}\n\
         client {client} {{\n\
         \x20   type udp\n\
         \x20   secret {secret}\n\
         }}\n\
         server headend {{\n\
         \x20   host {ip}\n\
         \x20   port {port}\n\
         \x20   type tls\n\
         \x20   tls headend\n\
         \x20   secret radsec\n\
         \x20   CertificateNameCheck off\n\
         \x20   StatusServer on\n\
         }}\n\
         realm * {{\n\
         \x20   server headend\n\
         \x20   accountingServer headend\n\
         }}\n",
        client = listen.ip(),
        secret = secret.reveal(),
        ip = server.ip(),
        port = server.port(),
    )
}
