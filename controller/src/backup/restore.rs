//! Brings a backup back into a data directory whose server is stopped.
//! Never restores over anything: what is there is moved aside, by the time of the restore, and only when that is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use kernel::OpContext;
use kernel::audit::{self, Entry};
use kernel::database::bare::{self, BareServer};
use kernel::database::{Database, DatabaseConfig};
use kernel::secrets::{KeySource, Sealer};
use time::OffsetDateTime;
use time::macros::format_description;

use super::manifest::Manifest;
use super::{ACCOUNTING, DUMP, JOURNAL, MASTER_KEY, NODE_ID, take};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::libpq::Target;
use crate::serve::data_dir::DataDir;

/// What a data directory has that a backup takes the place of.
const REPLACED: [&str; 3] = ["postgres", "directory.snapshot", NODE_ID];

/// What a restore has done.
#[derive(Debug)]
pub struct Restored {
    /// The backup's list.
    pub manifest: Manifest,
    /// Where what was there before is now.
    pub aside: Vec<PathBuf>,
}

/// Restores a backup. With `replace`, what is in the data directory is moved aside first.
///
/// # Errors
/// The backup is not whole, a server runs, something is there, the master key is another one. Up to the moment when things
/// are moved aside nothing is changed.
pub async fn restore(config: &Config, from: &Path, replace: bool) -> Result<Restored, Failure> {
    let manifest = Manifest::check(from)?;
    let data_dir = DataDir::take(&config.data_dir)?;
    let database = crate::serve::database_config(config);
    key(config, from, &manifest)?;
    let journal = config.radius.journal_dir.join(ACCOUNTING);
    let occupied = occupied(config, &journal);
    if !occupied.is_empty() && !replace {
        let there: Vec<String> = occupied.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::new(Exit::Conflict, "there is a server's data already")
            .detail(there.join(", "))
            .next("--replace moves it aside; nothing is deleted"));
    }
    let aside = move_aside(&occupied)?;
    match &config.database.url {
        None => {
            let server = BareServer::start(&database, data_dir.path())
                .await
                .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            let loaded = load(
                &database,
                &Target::at(server.superuser()),
                &from.join(DUMP),
                Owner::AsDumped,
            );
            server.stop().await;
            loaded?;
        }
        Some(_) => {
            let owner = config.database.owner_url.as_deref().ok_or_else(|| {
                Failure::usage("database.owner_url is not set, and only the schema's owner can load a dump")
            })?;
            load(
                &database,
                &Target::from_url(owner)?,
                &from.join(DUMP),
                Owner::WhoLoads,
            )?;
        }
    }
    take::copy(&from.join(NODE_ID), &config.data_dir.join(NODE_ID))?;
    for entry in manifest
        .files
        .iter()
        .filter(|entry| entry.path.starts_with(JOURNAL))
    {
        let to = config
            .radius
            .journal_dir
            .join(entry.path.trim_start_matches(JOURNAL).trim_start_matches('/'));
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir).map_err(|error| Failure::file("make", dir, &error))?;
        }
        take::copy(&from.join(&entry.path), &to)?;
    }
    note(&database, &config.data_dir, &manifest).await?;
    Ok(Restored { manifest, aside })
}

/// Makes sure that the key that the backup's secrets are sealed with is there.
fn key(config: &Config, from: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let source = KeySource::from_environment(&config.data_dir);
    let absent = matches!(&source, KeySource::Own(path) if !path.exists());
    if absent && !manifest.has(MASTER_KEY) {
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "the backup has no master key, and there is none in {}",
                config.data_dir.display()
            ),
        )
        .detail(format!(
            "without key {} no secret in it can be read",
            manifest.master_key
        ))
        .next("put it there as master.key (mode 0600), or set HEADEND_MASTER_KEY_FILE"));
    }
    // Ours is read before the backup's is copied, so that a wrong one is never left behind.
    let place = if absent {
        KeySource::Own(from.join(MASTER_KEY))
    } else {
        source
    };
    let found = Sealer::from_source(&place)
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?
        .key_id()
        .to_string();
    if found != manifest.master_key {
        return Err(Failure::new(
            Exit::Conflict,
            format!(
                "the master key here is {found}, the backup's secrets are sealed with {}",
                manifest.master_key
            ),
        )
        .next("move master.key away, or bring the backup's own"));
    }
    if absent {
        take::copy(&from.join(MASTER_KEY), &config.data_dir.join(MASTER_KEY))?;
    }
    Ok(())
}

/// What is there that a backup takes the place of.
fn occupied(config: &Config, journal: &Path) -> Vec<PathBuf> {
    REPLACED
        .iter()
        .map(|name| config.data_dir.join(name))
        .chain([journal.to_owned()])
        .filter(|path| path.exists())
        .collect()
}

/// Renames things, so that they can be brought back by hand.
fn move_aside(occupied: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let stamp = OffsetDateTime::now_utc()
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let mut aside = Vec::new();
    for path in occupied {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".before-{stamp}"));
        let to = PathBuf::from(name);
        fs::rename(path, &to).map_err(|error| Failure::file("move aside", path, &error))?;
        aside.push(to);
    }
    Ok(aside)
}

/// Who owns what is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The roles of the private server, which are the same everywhere.
    AsDumped,
    /// The role that loads: roles of a server of yours may have other names.
    WhoLoads,
}

/// Loads a dump into a database that has no schema of ours, all of it or nothing.
fn load(database: &DatabaseConfig, target: &Target, dump: &Path, owner: Owner) -> Result<(), Failure> {
    let programs = bare::programs(database).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let name = target.get("PGDATABASE").unwrap_or_default().to_owned();
    let mut pg_restore = target.program(programs.join("pg_restore"));
    pg_restore.args(["--single-transaction", "--exit-on-error", "--no-password"]);
    if owner == Owner::WhoLoads {
        pg_restore.args(["--no-owner", "--no-privileges", "--enable-row-security"]);
        pg_restore.env("PGOPTIONS", "-c app.scope=platform");
    }
    let ended = pg_restore
        .args(["--dbname", &name])
        .arg(dump)
        .output()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start pg_restore: {error}")))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(Failure::new(Exit::Failed, "pg_restore could not load the dump").detail(said))
}

/// Opens the database as the server does, which brings its schema up to date, and leaves a line in the audit.
async fn note(config: &DatabaseConfig, data_dir: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let failed = |error: String| Failure::new(Exit::Failed, error);
    let database = Database::open(config, data_dir)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let op = OpContext::system("restore");
    let entry = Entry::ok("backup.restored", "backup").object(&manifest.taken_at, &manifest.taken_at);
    let noted = audit::record_alone(&database, &op, entry).await;
    database.close().await;
    noted.map(drop).map_err(|error| failed(error.to_string()))
}
