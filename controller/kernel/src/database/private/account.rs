//! Which operating system user runs the private server, because PostgreSQL refuses to run as root.
//! Never creates a user and never changes the program's own.

use std::process::Command;

use crate::database::error::DatabaseError;

/// Who may run the server when nothing is configured, in this order. `nobody` exists everywhere.
const CANDIDATES: [&str; 3] = ["postgres", "headend", "nobody"];

/// An operating system user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name, as `peer` authentication reports it.
    pub(crate) name: String,
    /// Its number.
    pub(crate) uid: u32,
    /// Its primary group.
    pub(crate) gid: u32,
}

/// Who we are and whom the server runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accounts {
    /// The user of this process.
    pub(crate) current: Account,
    /// The user of the server; the same unless we are root.
    pub(crate) service: Account,
}

impl Accounts {
    /// Whether children must change their user.
    pub(crate) fn switch(&self) -> bool {
        self.current.uid != self.service.uid
    }
}

/// Decides whom the server runs as. The owner of existing data stays its owner.
///
/// # Errors
/// [`DatabaseError::NoAccount`] when the configured user does not exist, [`DatabaseError::NoUserEntry`] when our own
/// number has no name, [`DatabaseError::ForeignOwner`] when the data belongs to somebody we cannot become.
pub(crate) fn decide(
    configured: Option<&str>,
    data: Option<(u32, &std::path::Path)>,
) -> Result<Accounts, DatabaseError> {
    let uid = rustix::process::geteuid().as_raw();
    let current = by_uid(uid).ok_or(DatabaseError::NoUserEntry { uid })?;
    let service =
        match (uid, configured) {
            (0, Some(name)) => by_name(name).ok_or_else(|| DatabaseError::NoAccount {
                name: name.to_owned(),
            })?,
            (0, None) => match data
                .and_then(|(owner, _)| by_uid(owner))
                .filter(|owner| owner.uid != 0)
            {
                Some(owner) => owner,
                None => CANDIDATES.iter().find_map(|name| by_name(name)).ok_or_else(|| {
                    DatabaseError::NoAccount {
                        name: CANDIDATES.join(", "),
                    }
                })?,
            },
            (_, _) => current.clone(),
        };
    if service.uid == 0 {
        return Err(DatabaseError::NoAccount {
            name: "one other than root".to_owned(),
        });
    }
    if let Some((owner, path)) = data
        && owner != service.uid
    {
        let owner = by_uid(owner).map_or_else(|| owner.to_string(), |account| account.name);
        return Err(DatabaseError::ForeignOwner {
            path: path.to_owned(),
            owner,
            wanted: service.name,
        });
    }
    Ok(Accounts { current, service })
}

/// Looks a user up by name.
fn by_name(name: &str) -> Option<Account> {
    lookup(name, |account| account.name == name)
}

/// Looks a user up by number.
fn by_uid(uid: u32) -> Option<Account> {
    lookup(&uid.to_string(), |account| account.uid == uid)
}

/// Reads /etc/passwd, and asks the name service for users that are not there.
fn lookup(key: &str, wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    let local = std::fs::read_to_string("/etc/passwd").ok();
    if let Some(account) = local
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(parse_entry)
        .find(|account| wanted(account))
    {
        return Some(account);
    }
    let output = Command::new("getent").args(["passwd", "--", key]).output().ok()?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(parse_entry)
        .find(|account| wanted(account))
}

/// Reads `name:password:uid:gid:...`.
fn parse_entry(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { name, uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_name_user_and_group() {
        let account = Account {
            name: "postgres".into(),
            uid: 106,
            gid: 114,
        };
        assert_eq!(
            parse_entry("postgres:x:106:114:PostgreSQL,,,:/var/lib/postgresql:/bin/bash"),
            Some(account)
        );
    }

    #[test]
    fn a_broken_entry_is_skipped() {
        for line in ["", "root", "root:x", "root:x:zero:0:", ":x:1:1:", "root:x:0"] {
            assert_eq!(parse_entry(line), None, "{line}");
        }
    }

    #[test]
    fn root_is_found_by_name_and_by_number_and_a_stranger_is_not() {
        assert_eq!(by_name("root"), by_uid(0));
        assert_eq!(by_name("no-such-user-here"), None);
    }

    #[test]
    fn an_unknown_configured_user_is_named() {
        if rustix::process::geteuid().is_root() {
            let error = decide(Some("no-such-user-here"), None).expect_err("unknown");
            assert!(error.to_string().contains("no-such-user-here"), "{error}");
        }
    }

    #[test]
    fn the_server_never_runs_as_root() {
        let accounts = decide(None, None).expect("somebody");
        assert_ne!(accounts.service.uid, 0);
    }
}
