//! What the private server is told: its settings, and who may connect as whom.
//! Never lets it listen on the network and never stores a password; the operating system vouches for who connects.

use std::path::Path;

use super::account::Accounts;

/// The role that owns the schema; not a superuser.
pub(crate) const OWNER_ROLE: &str = "headend_owner";
/// The role the program works as: reads and writes rows, cannot bypass row-level security.
pub(crate) const APP_ROLE: &str = "headend_app";
/// The bootstrap superuser; used to create the two others, and by `pg_dumpall`.
pub(crate) const SUPERUSER_ROLE: &str = "postgres";
/// The name of the database.
pub(crate) const DATABASE: &str = "headend";
/// Only the number in the socket's name; nothing listens on it.
pub(crate) const PORT: u16 = 5432;
/// The file below the data directory that holds our settings.
pub(crate) const FILE_NAME: &str = "headend.conf";
/// Appended once to the `postgresql.conf` that `initdb` wrote, which holds what it measured on this machine.
pub(crate) const INCLUDE: &str =
    "\n# Headend's settings; it rewrites that file at each start.\ninclude = 'headend.conf'\n";

/// Connections beyond the program's own pool: the superuser's, a `psql`, a backup.
const CONNECTIONS_SPARE: u32 = 20;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does; anything else loses what was acknowledged.
    Full,
    /// Only until the operating system has it: for tests. A killed server loses nothing, a power cut all.
    None,
}

/// The least memory for pages; PostgreSQL's own default.
const BUFFERS_MIB_MIN: u64 = 128;
/// The most: the program shares the machine, and beyond this the operating system's cache serves as well.
const BUFFERS_MIB_MAX: u64 = 1_024;
/// What is assumed of a machine that does not tell its memory.
const MEMORY_MIB_UNKNOWN: u64 = 1_024;

/// Memory this machine, or the control group this process is in, may use; MiB.
pub(crate) fn memory_mib() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib >> 10)
    });
    let group =
        read("/sys/fs/cgroup/memory.max").and_then(|text| Some(text.trim().parse::<u64>().ok()? >> 20));
    machine
        .into_iter()
        .chain(group)
        .min()
        .unwrap_or(MEMORY_MIB_UNKNOWN)
}

/// How much memory PostgreSQL takes and how much log it keeps, each with its reason.
fn sizes(memory_mib: u64) -> String {
    let buffers_mib = (memory_mib / 8).clamp(BUFFERS_MIB_MIN, BUFFERS_MIB_MAX);
    let cache_mib = (memory_mib / 2).max(BUFFERS_MIB_MIN);
    // The rows of all open sessions are rewritten at each interim: they, and the indexes a new session goes into, should
    // stay in shared buffers. After a checkpoint the first change of each page is logged as the whole page, so
    // checkpoints are few; the log they allow costs that much disk, and its half some seconds of recovery after a crash.
    format!(
        "shared_buffers = '{buffers_mib}MB'\n\
         effective_cache_size = '{cache_mib}MB'\n\
         temp_buffers = '32MB'\n\
         max_wal_size = '2GB'\n\
         min_wal_size = '256MB'\n\
         checkpoint_timeout = '15min'\n"
    )
}

/// The settings file.
pub(crate) fn postgresql_conf(
    socket_dir: &Path,
    connections: u32,
    lz4: bool,
    memory_mib: u64,
    durability: Durability,
) -> String {
    let compression = if lz4 { "lz4" } else { "on" };
    let socket_dir = socket_dir.display().to_string().replace('\'', "''");
    let mut text = format!(
        "# Written by headend at each start. Your own settings belong into local.conf beside this file.\n\
         listen_addresses = ''\n\
         unix_socket_directories = '{socket_dir}'\n\
         unix_socket_permissions = 0700\n\
         port = {PORT}\n\
         max_connections = {}\n\
         cluster_name = 'headend'\n\
         jit = off\n\
         wal_compression = {compression}\n\
         logging_collector = off\n\
         log_destination = 'stderr'\n\
         log_line_prefix = '%m [%p] %q%u@%d '\n\
         log_timezone = 'UTC'\n\
         log_checkpoints = off\n\
         timezone = 'UTC'\n\
         lc_messages = 'C'\n\
         idle_in_transaction_session_timeout = '5min'\n",
        connections + CONNECTIONS_SPARE
    );
    if durability == Durability::Full {
        text.push_str(&sizes(memory_mib));
    } else {
        text.push_str("fsync = off\nfull_page_writes = off\nautovacuum = off\nshared_buffers = '32MB'\n");
    }
    text.push_str("include_if_exists = 'local.conf'\n");
    text
}

/// Who may connect: over the socket only, and only whom the kernel of the operating system vouches for.
pub(crate) fn pg_hba_conf() -> String {
    format!(
        "# Written by headend at each start. No password exists: the operating system says who connects.\n\
         local all {SUPERUSER_ROLE},{OWNER_ROLE},{APP_ROLE} peer map=headend\n"
    )
}

/// Which operating system user may act as which role.
pub(crate) fn pg_ident_conf(accounts: &Accounts) -> String {
    let mut text = "# Written by headend at each start.\n".to_owned();
    let mut users = vec!["root", &accounts.service.name, &accounts.current.name];
    users.sort_unstable();
    users.dedup();
    for user in users {
        for role in [SUPERUSER_ROLE, OWNER_ROLE, APP_ROLE] {
            text.push_str(&format!("headend \"{user}\" {role}\n"));
        }
    }
    text
}
