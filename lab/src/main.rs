//! `lab`: a small ISP with real clients to play against. `lab up` shows it live, `lab up --check` plays the scenario once,
//! `lab drill` breaks what can break and looks whether anything was lost.
//!
//! It starts a `headend`, a `hostapd`, a `wpa_supplicant` and a simulated BNG, talks to them only as operators and
//! subscribers do, and leaves nothing behind. Never part of the product. From here on:
//!
//! 1. [`up`] and [`scenario`]: the two plays. [`lab`] raises the stage that both share. [`drill`]: crashes, and the proof.
//! 2. [`headend`], [`postgres`]: the server under test. [`isp`]: who is in it.
//! 3. [`hostapd`], [`supplicant`], [`radsecproxy`], [`radclient`]: clients nobody here wrote. [`papers`]: certificates for them.
//!    [`nas`]: the BNG that we did.
//! 4. [`net`]: namespaces and wires. [`rundir`], [`secret`]: files. [`process`], [`wait`], [`interrupt`]: tools.
//! 5. [`report`]: what people see.

mod bench;
mod drill;
mod headend;
mod hostapd;
mod interrupt;
mod isp;
mod lab;
mod load;
mod nas;
mod net;
mod papers;
mod postgres;
mod process;
mod radclient;
mod radsecproxy;
mod report;
mod rundir;
mod scenario;
mod secret;
mod supplicant;
mod up;
mod wait;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Exit code after Ctrl-C during a check, as shells have it.
const EXIT_INTERRUPTED: u8 = 130;

/// A small ISP with real clients to play against.
#[derive(Parser)]
#[command(name = "lab", version)]
struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
    /// The checkout to work in [default: the one this program was built from]
    #[arg(long, global = true, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
    /// The headend to test [default: the one beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    headend: Option<PathBuf>,
}

/// What the lab can do.
#[derive(Subcommand)]
enum Command {
    /// Start a demo ISP with real clients and keep it running until Ctrl-C
    Up {
        /// Play the scenario once instead, a line per step; exit code 0 or 1
        #[arg(long)]
        check: bool,
        /// Play only these steps (and the first start, without which none goes)
        #[arg(long, requires = "check", value_name = "STEPS", value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Measure Headend beside FreeRADIUS and the limit of this machine
    Bench(bench::Options),
    /// The limit of this machine, as a server; started by `lab bench`
    #[command(hide = true)]
    EchoLimit {
        /// Where to take Access-Requests
        #[arg(long)]
        auth: SocketAddr,
        /// Where to take Accounting-Requests
        #[arg(long)]
        accounting: SocketAddr,
        /// Where to keep the log
        #[arg(long)]
        journal: PathBuf,
        /// The file with the shared secret
        #[arg(long)]
        secret_file: PathBuf,
    },
    /// Kill, freeze, fill and tear under load, and prove that nothing acknowledged is lost or counted twice
    Drill(drill::Args),
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            report::line("interrupted");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            report::line(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Plays; gives whether nothing failed.
fn run(args: Args) -> Result<bool> {
    if let Command::EchoLimit {
        auth,
        accounting,
        journal,
        secret_file,
    } = &args.command
    {
        return bench::subject::echo::serve(*auth, *accounting, journal, secret_file).map(|()| true);
    }
    interrupt::install()?;
    let root = args
        .root
        .canonicalize()
        .with_context(|| format!("there is no {}", args.root.display()))?;
    let headend = args.headend.map_or_else(lab::headend_beside_us, |path| {
        path.canonicalize()
            .with_context(|| format!("there is no {}", path.display()))
    })?;
    match args.command {
        Command::Up { check: true, only } => scenario::play(&root, &headend, &only),
        Command::Up { check: false, .. } => up::play(&root, &headend).map(|()| true),
        Command::Bench(options) => bench::play(&root, &headend, options),
        Command::EchoLimit { .. } => unreachable!("done before anything of a lab is prepared"),
        Command::Drill(args) => drill::play(&root, &headend, &args),
    }
}
