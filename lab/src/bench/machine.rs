//! What the bench runs on: processor, memory, kernel, disk, and the versions of everybody.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::subject::cluster;
use super::subject::freeradius::Freeradius;
use crate::process;
use crate::rundir::RunDir;

/// How long a program may take to say its version.
const VERSION_WAIT_MAX: Duration = Duration::from_secs(10);

/// The machine in a few lines of Markdown.
pub fn describe(run: &RunDir, headend: &Path) -> String {
    let postgres = cluster::newest_binaries().map(|bin| bin.join("postgres"));
    let lines = [
        (
            "processor",
            format!("{} x {}", processors(), cpuinfo("model name")),
        ),
        ("memory", format!("{} GiB", meminfo_kib("MemTotal:") / (1 << 20))),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        (
            "disk",
            first_line(
                "df",
                &[
                    "--output=source,fstype,size,avail",
                    "-h",
                    &run.logs.display().to_string(),
                ],
                1,
            ),
        ),
        ("load at the start", read("/proc/loadavg")),
        (
            "Headend",
            first_line(&headend.display().to_string(), &["--version"], 0),
        ),
        ("commit", commit(run)),
        ("compiler", first_line("rustc", &["--version"], 0)),
        (
            "FreeRADIUS",
            Freeradius::program().map_or_else(
                || "not installed".to_owned(),
                |program| first_line(&program.display().to_string(), &["-v"], 0),
            ),
        ),
        (
            "PostgreSQL",
            postgres.map_or_else(
                || "not installed".to_owned(),
                |is| first_line(&is.display().to_string(), &["-V"], 0),
            ),
        ),
    ];
    lines
        .iter()
        .map(|(what, is)| format!("- {what}: {is}\n"))
        .collect()
}

/// The commit that is checked out, and whether something was changed since.
fn commit(run: &RunDir) -> String {
    let dir = run.dir.display().to_string();
    let said = first_line(
        "git",
        &["-C", &dir, "describe", "--always", "--dirty", "--abbrev=12"],
        0,
    );
    if said.is_empty() {
        "unknown".to_owned()
    } else {
        said
    }
}

/// How many processors we may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A line of /proc/cpuinfo.
fn cpuinfo(name: &str) -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_default();
    line.split_once(':')
        .map_or("unknown", |(_, value)| value.trim())
        .to_owned()
}

/// A line of /proc/meminfo, in KiB.
fn meminfo_kib(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default();
    line.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// A file of one line.
fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// A line of what a program says; empty when it cannot be run.
fn first_line(program: &str, words: &[&str], line: usize) -> String {
    let mut command = Command::new(program);
    command.args(words);
    let said = process::run(command, "", VERSION_WAIT_MAX).map(|finished| finished.said());
    let text = said.unwrap_or_default();
    text.lines()
        .nth(line)
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
