//! `headend serve`: puts the parts together in their order, waits, and takes them apart again.
//! Never decides anything a part could decide, and leaves nothing half done: a start that fails undoes itself.
//!
//! The order: data directory ([`data_dir`]), sockets for HTTP, database, kernel, access plane, access module, RADIUS,
//! HTTP, background tasks ([`assembly`]), and only then the word that it is ready ([`announce`]). [`health`] answers
//! how it is, [`error`] says why it is not, `setup_page` is what the one-time link opens.

pub mod announce;
pub mod assembly;
pub mod data_dir;
pub mod error;
pub mod health;
mod logging;
mod metrics;
mod outbound;
mod setup_page;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::failure::Failure;
use assembly::Running;
use data_dir::DataDir;
use error::ServeError;

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// Why it did not start; [`ServeError`] in words.
pub fn run(config: &Config) -> Result<(), Failure> {
    logging::start(&config.log);
    let data_dir = DataDir::take(&config.data_dir)?;
    announce::remove(data_dir.path(), announce::ADDR_FILE);
    radius_server::priority::session_goes_first();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::part("start the asynchronous runtime"))?;
    let served = runtime.block_on(serve(config, &data_dir));
    announce::remove(data_dir.path(), announce::ADDR_FILE);
    // A request that hangs in a blocking call must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served.map_err(Failure::from)
}

/// Starts, waits for the word to stop, and stops.
async fn serve(config: &Config, data_dir: &DataDir) -> Result<(), ServeError> {
    let mut stop = Stop::listen()?;
    let running = tokio::select! {
        running = Running::start(config, data_dir) => running?,
        name = stop.asked() => {
            tracing::info!(signal = name, "stopped before it was ready");
            return Ok(());
        }
    };
    if let Err(error) = running.announce(data_dir) {
        running.stop().await;
        return Err(error);
    }
    announce::tell_manager(NotifyState::Ready);
    let name = stop.asked().await;
    announce::tell_manager(NotifyState::Stopping);
    tracing::info!(signal = name, "stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// The signals that end the server.
struct Stop {
    /// From the service manager.
    terminate: Signal,
    /// From the keyboard.
    interrupt: Signal,
}

impl Stop {
    /// Starts to listen for them.
    fn listen() -> Result<Stop, ServeError> {
        let on = |kind| signal(kind).map_err(ServeError::part("listen for signals"));
        Ok(Stop {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The kernel's database settings.
pub fn database_config(config: &Config) -> kernel::database::DatabaseConfig {
    kernel::database::DatabaseConfig {
        url: config.database.url.clone(),
        owner_url: config.database.owner_url.clone(),
        max_connections: config.database.max_connections,
        run_as: config.database.run_as.clone(),
        bin_dir: config.database.bin_dir.clone(),
    }
}
