//! Why the database cannot be had at start, in sentences that say what to do next.
//! Never prints a URL: it may hold a password; host, user and database are enough to find the mistake.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::private::MAJOR_MIN;

/// What keeps [`Database::open`](super::Database::open) from opening.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No PostgreSQL that is new enough is installed.
    #[error("PostgreSQL {MAJOR_MIN} or newer is not installed{}; install it (Debian, Ubuntu: apt-get install \
             postgresql-{MAJOR_MIN}, or a newer one; Red Hat: dnf install postgresql-server), or set database.url to \
             a server you run; looked in {}", only(*.too_old), list(.searched))]
    NoBinaries {
        /// The newest one found, when there is one.
        too_old: Option<u32>,
        /// Where was looked.
        searched: Vec<PathBuf>,
    },
    /// The data directory was made by a major version that is not installed.
    #[error("{} holds data of PostgreSQL {data}, but PostgreSQL {installed} is installed; PostgreSQL reads only data of \
             its own major version. Either install PostgreSQL {data} beside it (apt-get install postgresql-{data}), or \
             move the data: with PostgreSQL {data} run headend once more and `pg_dumpall -h <socket directory> -U \
             postgres > all.sql`, move {} away, start headend with PostgreSQL {installed}, and load all.sql with psql",
            .path.display(), .path.display())]
    ForeignMajor {
        /// The major version of the data.
        data: u32,
        /// The newest installed one.
        installed: u32,
        /// The data directory.
        path: PathBuf,
    },
    /// A directory or file cannot be used.
    #[error("cannot {doing} {}{}", .path.display(), hint(.source))]
    Directory {
        /// What was tried: "create", "write to".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The disk is as good as full.
    #[error("the file system of {} has {free_mib} MiB free, a new database needs {needed_mib} MiB; make room, or set \
             data_dir to another file system", .path.display())]
    DiskFull {
        /// The program's data directory.
        path: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What is needed.
        needed_mib: u64,
    },
    /// The server's user may not pass through a directory above the data.
    #[error("the database runs as user {user}, who may not enter {}, so it cannot reach {}; run `chmod o+x {}`, or set \
             data_dir to a directory he can reach, for example /var/lib/headend",
            .closed.display(), .path.display(), .closed.display())]
    NotTraversable {
        /// The directory that is closed.
        closed: PathBuf,
        /// What is behind it.
        path: PathBuf,
        /// The server's user.
        user: String,
    },
    /// The data directory belongs to somebody else.
    #[error("{} belongs to user {owner}, but the database would run as {wanted}; start as root or {owner}, or set \
             database.run_as = \"{owner}\"", .path.display())]
    ForeignOwner {
        /// The data directory.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who wanted it.
        wanted: String,
    },
    /// There is no user to run the server as.
    #[error(
        "PostgreSQL does not run as root, and there is no user {name} to run it as; create one (useradd --system \
             headend) or name one in database.run_as"
    )]
    NoAccount {
        /// Who was looked for.
        name: String,
    },
    /// Our own user number has no name.
    #[error(
        "user number {uid} has no entry in /etc/passwd, and PostgreSQL does not run without one; add one, or start \
             as another user"
    )]
    NoUserEntry {
        /// The number.
        uid: u32,
    },
    /// Nowhere to put the socket.
    #[error("no directory for the database's socket could be made ({tried})")]
    NoRuntimeDirectory {
        /// What was tried and why it failed.
        tried: String,
    },
    /// One place for the socket does not do.
    #[error("{} cannot be used: {reason}", .path.display())]
    NotClaimed {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another headend holds the data directory.
    #[error("another headend is running with the data directory {}; stop it, or give this one another data_dir", .path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// A server of an earlier run does not leave.
    #[error("an earlier database server (process {}) still works in {} after {waited:?}; stop it with `kill -INT`, and \
             with `kill -QUIT` if that does not help", list(.pids), .path.display())]
    PreviousStays {
        /// Its processes.
        pids: Vec<u32>,
        /// Its data directory.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// A program of PostgreSQL cannot be started.
    #[error("cannot start {}", .program.display())]
    Spawn {
        /// Which one.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `initdb` failed.
    #[error("initdb could not make a database in {} ({status}); it said: {said}", .path.display())]
    InitFailed {
        /// Where.
        path: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        said: String,
    },
    /// The server ended by itself.
    #[error("the database server ended ({status}); it said: {said} (all of it is in {})", .log.display())]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// Its last complaints.
        said: String,
        /// Its log.
        log: PathBuf,
    },
    /// The server runs and does not let us in.
    #[error("the database server does not become ready after {waited:?}: {said} (its log is {})", .log.display())]
    NotReady {
        /// How long we waited.
        waited: Duration,
        /// What it said last.
        said: String,
        /// Its log.
        log: PathBuf,
    },
    /// The supervisor itself is gone.
    #[error("the thread that runs the database server could not be started or ended early")]
    NoSupervisor,
    /// A setting is not usable.
    #[error("{setting} is not usable: {reason}")]
    Setting {
        /// Its name in the configuration.
        setting: &'static str,
        /// What is wrong; never the value where it may hold a password.
        reason: String,
    },
    /// Your database does not answer.
    #[error("cannot reach the database of {setting} ({target}): {reason}")]
    Unreachable {
        /// `database.url` or `database.owner_url`.
        setting: &'static str,
        /// Host, port, user and database.
        target: String,
        /// What was seen, in words.
        reason: String,
    },
    /// The role could see every partner's rows, so we refuse to work as it.
    #[error(
        "the role {role} of database.url {why}, so it could see every partner's rows; headend refuses to work with \
             it. As an administrator run:\n{fix}"
    )]
    RoleTooPowerful {
        /// The role.
        role: String,
        /// What it may that it should not.
        why: String,
        /// The statements that put it right.
        fix: String,
    },
    /// The schema is older than this program, and nobody may change it.
    #[error(
        "the database is at schema step {applied}, this program needs step {needed}; set database.owner_url to the \
             role that owns the schema, so that headend can bring it up to date at start"
    )]
    NotMigrated {
        /// The newest step there; 0: none.
        applied: i64,
        /// The newest step of this program.
        needed: i64,
    },
    /// The schema is newer than this program.
    #[error(
        "the database has schema step {step}, which this program does not know: a newer headend has been here; \
             start that one, or restore a backup from before it"
    )]
    SchemaNewer {
        /// The step.
        step: i64,
    },
    /// A step cannot be applied.
    #[error("cannot bring the database schema up to date{hint}")]
    Migrate {
        /// What may help.
        hint: String,
        /// What was seen.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed that should not.
    #[error("the database failed while {doing}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// What was seen.
        source: sqlx::Error,
    },
}

impl DatabaseError {
    /// Whether children of an earlier server are still leaving; PostgreSQL sees them by the memory they share.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Died { said, .. } if said.contains("pre-existing shared memory block"))
    }

    /// Names what was being done when a statement failed.
    pub(super) fn statement(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Statement { doing, source }
    }
}

/// Mentions an installed version that is too old.
fn only(major: Option<u32>) -> String {
    major
        .map(|major| format!(" (only {major} is)"))
        .unwrap_or_default()
}

/// Says what an operating system error means here and what to do.
fn hint(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind as Kind;
    match source.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            ": the file system is full; make room, or set data_dir to another one"
        }
        Kind::ReadOnlyFilesystem => ": the file system is read-only; set data_dir to a writable one",
        Kind::PermissionDenied => {
            ": not allowed; start as the user it belongs to, or set data_dir to a directory of your own"
        }
        Kind::NotADirectory | Kind::AlreadyExists => {
            ": something else stands there; set data_dir to another place"
        }
        _ => "",
    }
}

/// Joins things for a sentence.
fn list<T: std::fmt::Debug>(things: &[T]) -> String {
    things
        .iter()
        .map(|thing| format!("{thing:?}").replace('"', ""))
        .collect::<Vec<_>>()
        .join(", ")
}
