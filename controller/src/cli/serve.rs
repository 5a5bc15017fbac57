//! `headend serve`: its flags, and the configuration they make.
//! Never starts anything itself; [`crate::serve`] does.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Config, Flag};
use crate::failure::Failure;

/// Flags of `headend serve`, `headend config`, `headend db` and `headend journal`.
#[derive(Args, Default)]
pub struct Serve {
    /// Configuration file [default: /etc/headend/headend.toml, if it exists]
    #[arg(long, env = "HEADEND_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for everything the server keeps
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address of API, health and metrics
    #[arg(long, value_name = "ADDR:PORT")]
    http_listen: Option<String>,
    /// Address for authentication; may be given several times
    #[arg(long, value_name = "ADDR:PORT")]
    radius_auth: Vec<String>,
    /// Address for accounting; may be given several times
    #[arg(long, value_name = "ADDR:PORT")]
    radius_accounting: Vec<String>,
    /// PostgreSQL to use instead of a private one; a URL with a password belongs into the file or the variable
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How log lines look: auto, human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Serve {
    /// Runs the server until it is told to stop.
    pub fn run(self) -> Result<(), Failure> {
        crate::serve::run(&self.configuration()?)
    }

    /// The configuration with file, environment and these flags.
    pub fn configuration(&self) -> Result<Config, Failure> {
        let env = |name: &str| std::env::var(name).ok();
        Config::load(self.file().as_deref(), &env, &self.flags()).map_err(|error| {
            Failure::usage(error.to_string())
                .next("docs/configuration.md lists every key; headend config check tries again")
        })
    }

    /// The file that is read, if any.
    pub fn file(&self) -> Option<PathBuf> {
        config::file_to_read(self.config.clone().filter(|path| !path.as_os_str().is_empty()))
    }

    /// The flags that were given.
    fn flags(&self) -> Vec<Flag> {
        let one = |path, name, value: &Option<String>| {
            value.clone().map(|value| Flag {
                path,
                name,
                values: vec![value],
            })
        };
        let many = |path, name, values: &Vec<String>| {
            Some(Flag {
                path,
                name,
                values: values.clone(),
            })
            .filter(|flag| !flag.values.is_empty())
        };
        [
            one("data_dir", "--data-dir", &self.data_dir),
            one("http.listen", "--http-listen", &self.http_listen),
            many("radius.auth", "--radius-auth", &self.radius_auth),
            many(
                "radius.accounting",
                "--radius-accounting",
                &self.radius_accounting,
            ),
            one("database.url", "--database-url", &self.database_url),
            one("log.format", "--log-format", &self.log_format),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
