//! Ctrl-C and friends as a flag that every wait looks at, so that whatever was started is stopped in order.
//!
//! Never ends the process: the flag becomes an [`Interrupted`] error where somebody waits ([`crate::wait`]), and the
//! values on the stack clean up behind themselves while it travels to `main`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody asked us to stop.
static ASKED: AtomicBool = AtomicBool::new(false);

/// What a wait returns when somebody asked us to stop.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Starts to listen for SIGINT, SIGTERM and SIGHUP.
///
/// # Errors
/// The operating system refuses a signal handler or a thread.
pub fn install() -> Result<()> {
    let (ready, installed) = mpsc::channel();
    let work = move || {
        let result = listen(&ready);
        if let Err(error) = result {
            // The receiver is gone once everything is installed; then there is nobody left to tell.
            let _ = ready.send(Err(error));
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(work)
        .context("cannot start the thread for signals")?;
    installed
        .recv()
        .context("the thread for signals ended before it listened")?
}

/// Listens until the process ends; says so once the handlers are in place.
fn listen(ready: &mpsc::Sender<Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let _ = ready.send(Ok(()));
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            ASKED.store(true, Ordering::Relaxed);
        }
    })
}

/// Whether somebody asked us to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Turns the flag into an error.
///
/// # Errors
/// [`Interrupted`] once somebody asked us to stop.
pub fn check() -> Result<()> {
    if asked() { Err(Interrupted.into()) } else { Ok(()) }
}
