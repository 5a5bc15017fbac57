//! Takes a backup beside a running server: the dump, then what the journal has that the dump may not have.
//! Never leaves half of one under a name that looks whole.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kernel::database::bare;
use kernel::secrets::{KeySource, Sealer};
use radius_server::journal::inspect::{self, State};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::manifest::{self, Entry, Manifest};
use super::{ACCOUNTING, DUMP, JOURNAL, MASTER_KEY, NODE_ID};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::libpq::Target;

/// How often the segment that is being written is copied until the copy is whole.
const COPIES_MAX: usize = 16;

/// A backup that was taken.
#[derive(Debug)]
pub struct Taken {
    /// Where.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// Takes a backup of the server with this configuration into a new directory below `to`.
///
/// # Errors
/// The database cannot be dumped, a file cannot be copied; nothing that looks like a backup is left.
pub fn take(config: &Config, to: &Path, with_master_key: bool) -> Result<Taken, Failure> {
    let began = OffsetDateTime::now_utc();
    let source = KeySource::from_environment(&config.data_dir);
    if matches!(&source, KeySource::Own(path) if !path.exists()) {
        let shown = format!("no server has ever run in {}", config.data_dir.display());
        return Err(Failure::new(Exit::NotFound, shown).next("give the --data-dir of the running server"));
    }
    let key_id = Sealer::from_source(&source)
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?
        .key_id()
        .to_string();
    let stamp = began
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let whole = to.join(format!("headend-{stamp}"));
    let partial = to.join(format!(".headend-{stamp}.partial"));
    private_dir(&partial)?;
    let filled = fill(config, &partial, with_master_key).and_then(|files| {
        let manifest = Manifest {
            format: manifest::FORMAT,
            headend: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: began.format(&Rfc3339).unwrap_or_default(),
            master_key: key_id,
            files,
        };
        manifest
            .write(&partial)
            .map_err(|error| Failure::file("write", &partial.join(manifest::FILE), &error))?;
        fs::rename(&partial, &whole).map_err(|error| Failure::file("name", &whole, &error))?;
        File::open(to)
            .and_then(|dir| dir.sync_all())
            .map_err(|error| Failure::file("sync", to, &error))?;
        Ok(manifest)
    });
    match filled {
        Ok(manifest) => Ok(Taken {
            path: whole,
            manifest,
        }),
        Err(failure) => {
            drop(fs::remove_dir_all(&partial)); // the failure is the news
            Err(failure)
        }
    }
}

/// Puts everything but the list into a directory; gives the list's lines.
fn fill(config: &Config, root: &Path, with_master_key: bool) -> Result<Vec<Entry>, Failure> {
    let mut names = vec![DUMP.to_owned(), NODE_ID.to_owned()];
    dump(config, &root.join(DUMP))?;
    copy(&config.data_dir.join(NODE_ID), &root.join(NODE_ID))?;
    if with_master_key {
        let KeySource::Own(key) = KeySource::from_environment(&config.data_dir) else {
            let shown = "the master key is not a file of the data directory, so it is not ours to copy";
            return Err(Failure::new(Exit::Refused, shown).next("leave --with-master-key out"));
        };
        copy(&key, &root.join(MASTER_KEY))?;
        names.push(MASTER_KEY.to_owned());
    }
    names.extend(journal(config, root)?);
    names
        .iter()
        .map(|name| Entry::of(root, name).map_err(|error| Failure::file("read", &root.join(name), &error)))
        .collect()
}

/// Dumps the database at one consistent moment.
fn dump(config: &Config, to: &Path) -> Result<(), Failure> {
    let database = crate::serve::database_config(config);
    let programs =
        bare::programs(&database).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let target = match &config.database.owner_url {
        Some(url) => Target::from_url(url)?,
        None => Target::of(config)?,
    };
    let mut pg_dump = match config.database.url {
        None => target.as_role(bare::SUPERUSER).program(programs.join("pg_dump")),
        Some(_) => {
            // Nobody but a superuser passes row-level security that is forced; the platform's scope sees every row.
            let mut process = target.program(programs.join("pg_dump"));
            process.env("PGOPTIONS", "-c app.scope=platform");
            process.arg("--enable-row-security");
            process
        }
    };
    // Made before, so that it never exists with another mode.
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| Failure::file("write", to, &error))?;
    let ended = pg_dump
        .args(["--format=custom", "--no-password", "--file"])
        .arg(to)
        .output()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start pg_dump: {error}")))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        return Err(Failure::new(Exit::Failed, "pg_dump could not dump the database").detail(said));
    }
    File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| Failure::file("sync", to, &error))
}

/// Copies the segments that the database may not have; gives their names in the backup.
fn journal(config: &Config, root: &Path) -> Result<Vec<String>, Failure> {
    let from = config.radius.journal_dir.join(ACCOUNTING);
    let to = root.join(JOURNAL).join(ACCOUNTING);
    if !from.exists() {
        return Ok(Vec::new()); // nobody has ever accounted
    }
    private_dir(&to)?;
    let mut looks = 0;
    loop {
        looks += 1;
        let found = look(&from)?;
        for segment in found
            .segments
            .iter()
            .filter(|segment| segment.state != State::Drained)
        {
            let Some(name) = segment.path.file_name() else {
                continue;
            };
            match copy(&segment.path, &to.join(name)) {
                // It was drained while we looked, and the time it is kept was over: the database has it.
                Err(_) if !segment.path.exists() => {}
                copied => copied?,
            }
        }
        // The newest one may have grown while it was copied. A copy that ends early is cut at its last whole record when
        // it is opened; one with a hole has to be made again.
        if look(&to)?
            .segments
            .iter()
            .all(|segment| segment.damage.is_empty())
        {
            break;
        }
        if looks == COPIES_MAX {
            let shown = format!("the journal in {} is damaged", from.display());
            return Err(Failure::new(Exit::Failed, shown).next("headend journal inspect"));
        }
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(&to).map_err(|error| Failure::file("read", &to, &error))? {
        let entry = entry.map_err(|error| Failure::file("read", &to, &error))?;
        names.push(format!(
            "{JOURNAL}/{ACCOUNTING}/{}",
            entry.file_name().to_string_lossy()
        ));
    }
    names.sort();
    Ok(names)
}

/// Looks at a journal, or at a copy of one.
fn look(dir: &Path) -> Result<inspect::Inspection, Failure> {
    inspect::inspect(dir, &mut |_record| {}).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// Makes a directory that is nobody else's, and those above it.
fn private_dir(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::file("make", path, &error))
}

/// Copies a file, durably, readable for nobody else.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(|error| Failure::file("read", from, &error))?;
    let mut copy = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| Failure::file("write", to, &error))?;
    std::io::copy(&mut source, &mut copy)
        .and_then(|_octets| copy.sync_all())
        .map_err(|error| Failure::file("write", to, &error))
}
