//! One raised lab: wires, server, demo ISP and operators, shared by the scenario and by the live display.
//!
//! Everything started belongs to this value and is stopped, in the right order, when it goes: clients first, then the
//! server, then the wires, then the files.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::headend::{Cli, Listen, Server};
use crate::hostapd::{Core, Hostapd};
use crate::isp::{self, Isp};
use crate::nas::{Bng, Simulator, Twin};
use crate::net::Wires;
use crate::papers::Papers;
use crate::process;
use crate::radsecproxy::{self, Radsecproxy};
use crate::rundir::{self, RunDir};
use crate::supplicant::{Method, Supplicant};

/// Ports that are used when they are free, so that commands look the same in each run. None is RADIUS's own, which a
/// FreeRADIUS on this machine may hold.
const PORTS_PREFERRED: Ports = Ports {
    http: 18080,
    auth: 18120,
    accounting: 18130,
};

/// Where radsecproxy takes RADIUS over UDP, inside the namespace of the NAS.
const PROXY_PORT: u16 = 1812;
/// The subscriber behind hostapd.
pub const WIRED_SUBSCRIBER: &str = "alice";
/// How long a login over the wire may take: hostapd repeats a lost frame after three seconds.
pub const LOGIN_WAIT_MAX: Duration = Duration::from_secs(25);

/// The ports of a server.
#[derive(Debug, Clone, Copy)]
struct Ports {
    /// TCP.
    http: u16,
    /// UDP.
    auth: u16,
    /// UDP.
    accounting: u16,
}

/// Everything that is up.
#[derive(Debug)]
pub struct Lab {
    /// The simulated BNG, once it is started.
    pub simulator: Option<Simulator>,
    /// The real subscriber, once it is started.
    pub supplicant: Option<Supplicant>,
    /// The real NAS, once it is started.
    pub hostapd: Option<Hostapd>,
    /// The real proxy, once it is started.
    pub proxy: Option<Radsecproxy>,
    /// Certificates for EAP.
    pub papers: Papers,
    /// Where the server listens for RADIUS over TLS.
    pub radsec: SocketAddr,
    /// The server under test.
    pub server: Server,
    /// The platform administrator.
    pub admin: Cli,
    /// The NOC engineer; logged in by [`Lab::populate`].
    pub noc: Option<Cli>,
    /// The demo ISP.
    pub isp: Isp,
    /// The wires, or why there are none.
    pub wires: Result<Wires, String>,
    /// Files.
    pub run: RunDir,
}

impl Lab {
    /// Prepares files and wires, and chooses ports; starts nothing yet.
    ///
    /// # Errors
    /// Another lab runs in this checkout, or the wires cannot be laid although we are root.
    pub fn prepare(root: &Path, headend: &Path) -> Result<Lab> {
        let run = RunDir::prepare(root)?;
        rundir::clear_logs(&run)?;
        let wires = match why_no_wires() {
            Some(why) => Err(why),
            None => {
                Wires::remove_stale()?;
                Ok(Wires::lay()?)
            }
        };
        let core = wires.as_ref().ok().map(|wires| wires.core_address);
        let mut server = Server::new(headend, &run.data, listen(core)?, &run.log("headend"));
        let (papers, radsec) = (Papers::make(&run.runtime, WIRED_SUBSCRIBER)?, free_tcp(core)?);
        server.env = papers.env();
        server
            .env
            .push(("HEADEND_RADIUS_RADSEC".to_owned(), radsec.to_string()));
        let admin = Cli::new(headend, &server.url(), &run.dir.join("admin.credentials.toml"));
        let isp = Isp::new(root)?;
        Ok(Lab {
            simulator: None,
            supplicant: None,
            hostapd: None,
            proxy: None,
            papers,
            radsec,
            server,
            admin,
            noc: None,
            isp,
            wires,
            run,
        })
    }

    /// Completes the first start and brings the demo ISP in; gives the line in which `apply` told what it did.
    ///
    /// # Errors
    /// A command fails, or does something else than promised.
    pub fn populate(&mut self) -> Result<String> {
        self.isp.set_up(&self.server, &self.admin, &self.run)?;
        let done = self.isp.apply(&self.admin)?;
        self.noc = Some(self.isp.log_in(isp::NOC_EMAIL, &self.admin, &self.run)?);
        if let Ok(wires) = &self.wires {
            self.isp
                .admit_port_nas(wires.nas_address, &self.admin, &self.run)?;
        }
        Ok(done)
    }

    /// Starts hostapd and wpa_supplicant and waits until the subscriber is online; gives the method it used.
    ///
    /// # Errors
    /// There are no wires, or somebody does not come up.
    pub fn plug_in(&mut self) -> Result<String> {
        let wires = self.wires.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let at = |port: u16| SocketAddr::from((wires.core_address, port));
        let core = Core {
            auth: at(self.server.auth()?.port()),
            accounting: at(self.server.accounting()?.port()),
            secret: &self.isp.port_secret,
            coa_secret: &self.isp.port_coa_secret,
        };
        self.hostapd = Some(Hostapd::start(
            wires,
            &core,
            &self.run.runtime,
            &self.run.log("hostapd"),
        )?);
        let (password, log) = (&self.isp.subscriber_password, self.run.log("wpa_supplicant"));
        let (method, runtime) = (Method::Md5, &self.run.runtime);
        let supplicant = Supplicant::start(wires, WIRED_SUBSCRIBER, password, method, runtime, &log)?;
        self.supplicant
            .insert(supplicant)
            .wait_until_authenticated(LOGIN_WAIT_MAX)
    }

    /// Puts radsecproxy between hostapd and the server, with a certificate that the server issues for this NAS; from then on
    /// the NAS speaks RADIUS over TLS only. Gives what was said when it was issued.
    ///
    /// # Errors
    /// There are no wires, or somebody does not come up.
    pub fn secure_wires(&mut self) -> Result<String> {
        (self.supplicant, self.hostapd) = (None, None);
        let wires = self.wires.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let (out, data) = (&self.run.runtime, &self.server.data);
        let words = ["radius", "certificate", "issue", isp::PORT_NAS, "--out"].map(OsStr::new);
        let words = words
            .into_iter()
            .chain([out.as_os_str(), "--data-dir".as_ref(), data.as_os_str()]);
        let words = words
            .map(|word| word.to_str().context("a path is not UTF-8"))
            .collect::<Result<Vec<_>>>()?;
        let issued = self.admin.done(&words)?;
        let listen = SocketAddr::from((wires.nas_address, PROXY_PORT));
        let core = radsecproxy::Core {
            server: self.radsec,
            listen,
            secret: &self.isp.port_secret,
            certificates: out,
            nas: isp::PORT_NAS,
        };
        let proxy = Radsecproxy::start(wires, &core, out, &self.run.log("radsecproxy"))?;
        self.proxy = Some(proxy);
        let core = Core {
            auth: listen,
            accounting: listen,
            secret: &self.isp.port_secret,
            coa_secret: &self.isp.port_coa_secret,
        };
        self.hostapd = Some(Hostapd::start(wires, &core, out, &self.run.log("hostapd"))?);
        Ok(issued)
    }

    /// Unplugs the subscriber's device and plugs in one that logs in so; gives the method it used.
    ///
    /// # Errors
    /// There are no wires, or he does not get in.
    pub fn plug_in_by(&mut self, method: fn(&Papers) -> Method<'_>) -> Result<String> {
        self.supplicant = None;
        let wires = self.wires.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let (password, log) = (&self.isp.subscriber_password, self.run.log("wpa_supplicant"));
        let (method, runtime) = (method(&self.papers), &self.run.runtime);
        let supplicant = Supplicant::start(wires, WIRED_SUBSCRIBER, password, method, runtime, &log)?;
        self.supplicant
            .insert(supplicant)
            .wait_until_authenticated(LOGIN_WAIT_MAX)
    }

    /// Starts the simulated BNG with its subscribers.
    ///
    /// # Errors
    /// Its address or port is taken.
    pub fn start_simulator(&mut self, twins: Vec<Twin>) -> Result<&Simulator> {
        let bng = Bng {
            address: isp::BNG_ADDRESS,
            coa_port: isp::BNG_COA_PORT,
            secret: self.isp.bng_secret.clone(),
            auth: self.server.auth()?,
            accounting: self.server.accounting()?,
        };
        Ok(self.simulator.insert(Simulator::start(bng, twins)?))
    }

    /// The NOC engineer at his command line.
    ///
    /// # Errors
    /// He is not logged in yet.
    pub fn noc(&self) -> Result<&Cli> {
        self.noc.as_ref().context("the NOC engineer is not logged in")
    }
}

/// The program next to this one: `cargo build` puts both into the same directory.
///
/// # Errors
/// It is not there.
pub fn headend_beside_us() -> Result<PathBuf> {
    let us = std::env::current_exe().context("cannot find out where this program is")?;
    let headend = us.with_file_name("headend");
    anyhow::ensure!(
        headend.exists(),
        "{} is not there; cargo build -p headend makes it",
        headend.display()
    );
    Ok(headend)
}

/// What stands in the way of namespaces and real clients, if anything does.
fn why_no_wires() -> Option<String> {
    if !rundir::is_root() {
        return Some("network namespaces need root".to_owned());
    }
    let missing = ["hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli"]
        .into_iter()
        .find(|name| process::find(name).is_none());
    missing.map(|name| format!("{name} is not installed (apt-get install hostapd wpasupplicant)"))
}

/// Chooses where the server listens.
///
/// # Errors
/// No port is free.
pub fn listen(core: Option<Ipv4Addr>) -> Result<Listen> {
    let ports = PORTS_PREFERRED;
    let http = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.http))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let http = http
        .and_then(|socket| socket.local_addr())
        .context("no free TCP port")?;
    let (auth, accounting) = (free_udp(ports.auth)?, free_udp(ports.accounting)?);
    let on = |port: u16| {
        [Some(Ipv4Addr::LOCALHOST), core]
            .into_iter()
            .flatten()
            .map(move |ip| (ip, port).into())
            .collect()
    };
    Ok(Listen {
        http,
        auth: on(auth),
        accounting: on(accounting),
    })
}

/// A free port for RADIUS over TLS, where the NAS reaches us.
fn free_tcp(core: Option<Ipv4Addr>) -> Result<SocketAddr> {
    let socket = TcpListener::bind((core.unwrap_or(Ipv4Addr::LOCALHOST), 0));
    socket
        .and_then(|socket| socket.local_addr())
        .context("no free TCP port")
}

/// The preferred port if it is free on every address, else another one.
fn free_udp(preferred: u16) -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, preferred))
        .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)));
    Ok(socket
        .and_then(|socket| socket.local_addr())
        .context("no free UDP port")?
        .port())
}
