//! Makes the data directory once, and prepares it for each start.
//! Never leaves a half-made one: it is made under another name and renamed when whole.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::account::Accounts;
use super::binaries::{self, Binaries};
use super::settings::{self, Durability};
use super::{directory, leftover, spawn};
use crate::database::error::DatabaseError;

/// The data directory's name below the program's own.
const NAME: &str = "postgres";
/// Where it is made.
const NAME_UNFINISHED: &str = "postgres.new";
/// A fresh cluster takes 40 MB, its log grows to a few segments of 16 MB; less free space is not worth a try.
const FREE_OCTETS_MIN: u64 = 192 << 20;

/// A data directory that is ready to be started.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// The programs that fit it.
    pub(crate) binaries: Binaries,
    /// Who runs them.
    pub(crate) accounts: Accounts,
    /// PostgreSQL's data directory.
    pub(crate) data: PathBuf,
    /// Where the socket will be.
    pub(crate) socket_dir: PathBuf,
}

/// What the caller wants of a private cluster.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The program's data directory; ours is below it.
    pub(crate) data_dir: PathBuf,
    /// Whom the server shall run as when we are root.
    pub(crate) run_as: Option<String>,
    /// Where PostgreSQL's programs are, when not where distributions put them.
    pub(crate) bin_dir: Option<PathBuf>,
    /// Where the socket shall be; `None`: a runtime directory of the system.
    pub(crate) runtime_dir: Option<PathBuf>,
    /// How many connections the program's pool may open.
    pub(crate) connections: u32,
    /// Whether commits wait for the disk.
    pub(crate) durability: Durability,
}

/// Finds or makes the data directory and writes its settings. Blocks for about two seconds the first time.
///
/// # Errors
/// Everything that can be wrong with a machine; see [`DatabaseError`].
pub(crate) fn prepare(wanted: &Wanted, data_dir: &Path) -> Result<Prepared, DatabaseError> {
    let data = data_dir.join(NAME);
    let existing = existing(&data)?;
    let searched = binaries::directories(wanted.bin_dir.as_deref());
    let found = binaries::installed(&searched);
    let binaries = binaries::choose(
        &found,
        &searched,
        existing.as_ref().map(|is| (is.major, data.as_path())),
    )?;
    let accounts = super::account::decide(
        wanted.run_as.as_deref(),
        existing.as_ref().map(|is| (is.owner, data.as_path())),
    )?;
    if existing.is_none() {
        create(&binaries, &accounts, data_dir, &data, wanted.durability)?;
    }
    check_reachable(&binaries, &accounts, &data)?;
    let socket_dir = match &wanted.runtime_dir {
        Some(path) => directory::claim(path, &accounts.service).map(|()| path.clone())?,
        None => directory::runtime_dir(data_dir, &accounts)?,
    };
    let prepared = Prepared {
        binaries,
        accounts,
        data,
        socket_dir,
    };
    write_settings(wanted, &prepared)?;
    Ok(prepared)
}

/// What is known of a data directory that exists.
struct Existing {
    /// The major version that made it.
    major: u32,
    /// The number of the user it belongs to.
    owner: u32,
}

/// Looks at the data directory; `None` when there is none yet.
fn existing(data: &Path) -> Result<Option<Existing>, DatabaseError> {
    let failed = |source| DatabaseError::Directory {
        doing: "open",
        path: data.to_owned(),
        source,
    };
    match fs::symlink_metadata(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(is) => {
            // Whose it is comes first: with another owner the next line would only say "permission denied".
            super::account::decide(None, Some((is.uid(), data)))?;
            let path = data.join("PG_VERSION");
            let major = fs::read_to_string(&path)
                .and_then(|text| text.trim().parse().map_err(std::io::Error::other))
                .map_err(|source| DatabaseError::Directory {
                    doing: "read the major version in",
                    path,
                    source,
                })?;
            Ok(Some(Existing {
                major,
                owner: is.uid(),
            }))
        }
    }
}

/// Runs `initdb` in a directory of another name and renames it.
fn create(
    binaries: &Binaries,
    accounts: &Accounts,
    data_dir: &Path,
    data: &Path,
    durability: Durability,
) -> Result<(), DatabaseError> {
    check_space(data_dir)?;
    let unfinished = data_dir.join(NAME_UNFINISHED);
    leftover::wait_until_left(&unfinished)?;
    let removed = match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    removed.map_err(|source| DatabaseError::Directory {
        doing: "remove",
        path: unfinished.clone(),
        source,
    })?;
    directory::create_private(&unfinished, &accounts.service)?;
    tracing::info!(path = %data.display(), user = %accounts.service.name, major = binaries.major, "creating the database cluster");
    check_reachable(binaries, accounts, &unfinished)?;
    run_initdb(binaries, accounts, &unfinished, durability)?;
    let named = append(&unfinished.join("postgresql.conf"), settings::INCLUDE)
        .and_then(|()| fs::rename(&unfinished, data));
    let synced = named.and_then(|()| fs::File::open(data_dir)?.sync_all());
    synced.map_err(|source| DatabaseError::Directory {
        doing: "write to",
        path: data_dir.to_owned(),
        source,
    })
}

/// Fails early, and clearly, where the disk is as good as full.
fn check_space(data_dir: &Path) -> Result<(), DatabaseError> {
    match rustix::fs::statvfs(data_dir) {
        Ok(is) if is.f_bavail.saturating_mul(is.f_frsize) < FREE_OCTETS_MIN => Err(DatabaseError::DiskFull {
            path: data_dir.to_owned(),
            free_mib: is.f_bavail.saturating_mul(is.f_frsize) >> 20,
            needed_mib: FREE_OCTETS_MIN >> 20,
        }),
        _ => Ok(()),
    }
}

/// Adds text to the end of a file and waits until it is on disk: `initdb` has synced the file before, so that a power
/// cut would leave its new length with zeros for the text, and PostgreSQL refuses to start with those for ever.
fn append(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Locale C: sorted by octets, so that an upgrade of the operating system's locales can never corrupt an index.
fn run_initdb(
    binaries: &Binaries,
    accounts: &Accounts,
    path: &Path,
    durability: Durability,
) -> Result<(), DatabaseError> {
    let program = binaries.initdb();
    let mut command = spawn::command(program.as_os_str(), accounts);
    command
        .arg("-D")
        .arg(path)
        .args(["-U", settings::SUPERUSER_ROLE, "-A", "peer", "--data-checksums"]);
    command.args(["--encoding=UTF8", "--locale=C", "--no-instructions"]);
    if durability == Durability::None {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(|source| DatabaseError::Spawn {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(DatabaseError::InitFailed {
        path: path.to_owned(),
        status: output.status,
        said,
    })
}

/// Lets the service user really go there, because permission bits alone do not tell (ACLs, network file systems).
fn check_reachable(binaries: &Binaries, accounts: &Accounts, data: &Path) -> Result<(), DatabaseError> {
    let program = binaries.postgres();
    let output = spawn::command(program.as_os_str(), accounts)
        .current_dir(data)
        .arg("--version")
        .output();
    match output {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == std::io::ErrorKind::PermissionDenied => {
            let closed = [data, &program]
                .into_iter()
                .find_map(|path| directory::first_closed(path, &accounts.service));
            match closed {
                Some(closed) => Err(DatabaseError::NotTraversable {
                    closed,
                    path: data.to_owned(),
                    user: accounts.service.name.clone(),
                }),
                None => Err(DatabaseError::Spawn { program, source }),
            }
        }
        Err(source) => Err(DatabaseError::Spawn { program, source }),
    }
}

/// Writes the three files that say how the server behaves and who may connect.
fn write_settings(wanted: &Wanted, prepared: &Prepared) -> Result<(), DatabaseError> {
    let lz4 = prepared.binaries.has_lz4();
    let conf = settings::postgresql_conf(
        &prepared.socket_dir,
        wanted.connections,
        lz4,
        settings::memory_mib(),
        wanted.durability,
    );
    let files = [
        (settings::FILE_NAME, conf),
        ("pg_hba.conf", settings::pg_hba_conf()),
        ("pg_ident.conf", settings::pg_ident_conf(&prepared.accounts)),
    ];
    for (name, text) in files {
        let path = prepared.data.join(name);
        directory::replace_file(&path, &text, &prepared.accounts.service).map_err(|source| {
            DatabaseError::Directory {
                doing: "write",
                path,
                source,
            }
        })?;
    }
    Ok(())
}
