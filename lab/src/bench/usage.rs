//! What processes cost: processor time and memory, of a server and of the database behind it.
//!
//! Reads /proc and nothing else; never guesses: a process that is gone has left its time to its parent.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process;

/// Clock ticks a second in /proc, on every Linux of this kind of machine.
const TICKS_PER_S: u64 = 100;
/// How the names of PostgreSQL's processes begin.
const DATABASE_NAME: &str = "postgres";
/// Octets in a KiB.
const KIB: u64 = 1_024;

/// Two sums: one for the server, one for its database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split<T> {
    /// The server.
    pub server: T,
    /// PostgreSQL.
    pub database: T,
}

/// Processor time.
pub type Time = Split<Duration>;

/// Resident memory in octets.
pub type Memory = Split<u64>;

impl Time {
    /// What was used since an earlier look.
    pub fn since(self, earlier: Time) -> Time {
        Time {
            server: self.server.saturating_sub(earlier.server),
            database: self.database.saturating_sub(earlier.database),
        }
    }

    /// Both together.
    pub fn all(self) -> Duration {
        self.server + self.database
    }
}

/// Processor time that these processes and everything they started have used.
///
/// # Errors
/// One of `roots` is gone.
pub fn time(roots: &[u32]) -> Result<Time> {
    let mut sum = Time::default();
    for pid in with_descendants(roots) {
        let used = match ticks(pid) {
            Ok(used) => used,
            Err(error) if roots.contains(&pid) => return Err(error),
            Err(_) => continue, // it ended while we looked; its parent has its time
        };
        let part = match is_database(pid) {
            true => &mut sum.database,
            false => &mut sum.server,
        };
        *part += Duration::from_millis(used * 1_000 / TICKS_PER_S);
    }
    Ok(sum)
}

/// Memory that these processes and everything they started hold: resident for a server; for PostgreSQL, whose processes
/// share most of theirs, the proportional share.
pub fn memory(roots: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in with_descendants(roots) {
        match is_database(pid) {
            true => {
                sum.database += kib_of(&format!("/proc/{pid}/smaps_rollup"), "Pss:").unwrap_or_default() * KIB
            }
            false => sum.server += kib_of(&format!("/proc/{pid}/status"), "VmRSS:").unwrap_or_default() * KIB,
        }
    }
    sum
}

/// These processes and everything they started.
pub fn with_descendants(roots: &[u32]) -> Vec<u32> {
    let mut all = roots.to_vec();
    let mut at = 0;
    while let Some(pid) = all.get(at).copied() {
        at += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    all
}

/// Whether a process is one of PostgreSQL's.
fn is_database(pid: u32) -> bool {
    process::name_of(pid).is_some_and(|name| name.starts_with(DATABASE_NAME))
}

/// Clock ticks a process and those of its children that have ended used, in its own code and in the kernel.
fn ticks(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    ticks_in(&stat).with_context(|| format!("cannot understand {path}"))
}

/// The same out of the text of `/proc/<pid>/stat`: the fields 14 to 17 (proc(5)).
fn ticks_in(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything; what follows it begins with field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields
        .get(11..15)?
        .iter()
        .map(|field| field.parse::<u64>().ok())
        .sum()
}

/// A line of a file in /proc that counts KiB.
fn kib_of(path: &str, label: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_a_stat_line_is_own_and_childrens_in_code_and_kernel() {
        let stat = "7 (a ) name) S 1 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55 66";
        assert_eq!(ticks_in(stat), Some(127));
        assert_eq!(ticks_in("7 (short) S 1"), None);
    }

    #[test]
    fn we_cost_something_and_hold_memory() -> Result<()> {
        let us = std::process::id();
        assert!(memory(&[us]).server > 0 && with_descendants(&[us]).contains(&us));
        assert_eq!(time(&[us])?.database, Duration::ZERO);
        Ok(())
    }
}
