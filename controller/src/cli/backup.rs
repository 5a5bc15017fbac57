//! `headend backup` and `headend restore`: this machine's server into a directory, and back.
//! Never talks to the API; [`crate::backup`] reads and writes what the server keeps.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::serve::Serve;
use crate::backup::{restore, take};
use crate::failure::{Exit, Failure};
use crate::output;

/// `headend backup`
#[derive(Args)]
pub struct Backup {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// Directory that the backup becomes a directory of; best on another machine's disk
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Put the master key in, too: who has the backup can then read every secret in it
    #[arg(long)]
    with_master_key: bool,
}

/// `headend restore`
#[derive(Args)]
pub struct Restore {
    /// Which server.
    #[command(flatten)]
    server: Serve,
    /// The backup: a directory headend-<time>
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Move what is in the data directory aside first; nothing is deleted
    #[arg(long)]
    replace: bool,
}

impl Backup {
    /// Takes it and says where it is.
    pub fn run(self, as_json: bool) -> Result<(), Failure> {
        let taken = take::take(&self.server.configuration()?, &self.to, self.with_master_key)?;
        let octets: u64 = taken.manifest.files.iter().map(|entry| entry.octets).sum();
        if as_json {
            output::json(&json!({
                "path": taken.path,
                "taken_at": taken.manifest.taken_at,
                "master_key": taken.manifest.master_key,
                "files": taken.manifest.files.len(),
                "octets": octets,
            }));
            return Ok(());
        }
        output::line(&taken.path.display().to_string());
        let files = taken.manifest.files.len();
        output::note(&format!(
            "{files} files, {octets} octets, as of {}",
            taken.manifest.taken_at
        ));
        if !self.with_master_key {
            let key = &taken.manifest.master_key;
            output::note(&format!(
                "master key {key} is not in it; keep it somewhere else, it is needed to restore"
            ));
        }
        Ok(())
    }
}

impl Restore {
    /// Restores it and says what was moved.
    pub fn run(self, as_json: bool) -> Result<(), Failure> {
        let config = self.server.configuration()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
        let restored = runtime.block_on(restore::restore(&config, &self.from, self.replace))?;
        if as_json {
            output::json(&json!({ "taken_at": restored.manifest.taken_at, "aside": restored.aside }));
            return Ok(());
        }
        output::line(&format!("restored as of {}", restored.manifest.taken_at));
        for path in &restored.aside {
            output::note(&format!("what was there before is {}", path.display()));
        }
        Ok(())
    }
}
