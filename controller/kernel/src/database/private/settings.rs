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

/// The settings file.
pub(crate) fn postgresql_conf(
    socket_dir: &Path,
    connections: u32,
    lz4: bool,
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
    if durability == Durability::None {
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
