//! `headend config`: check or show what the server would run with.
//! Never starts anything and never shows a password.

use clap::Subcommand;

use super::serve::Serve;
use crate::dictionary;
use crate::failure::Failure;
use crate::output;

/// What to do with the configuration.
#[derive(Subcommand)]
pub enum Command {
    /// Check file, environment and flags; exit code 2 when something is wrong
    Check(Serve),
    /// Show every value and where it comes from
    Show(Serve),
}

impl Command {
    /// Reads the configuration and says what came of it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Command::Check(flags) => {
                let config = flags.configuration()?;
                dictionary::load(config.radius.dictionary_dir.as_deref()).map_err(dictionary::refused)?;
                let file = flags
                    .file()
                    .map_or("defaults, no file".to_owned(), |path| path.display().to_string());
                output::line(&format!("configuration is valid: {file}"));
            }
            Command::Show(flags) => output::line(flags.configuration()?.show().trim_end()),
        }
        Ok(())
    }
}
