//! The server's log: one file beside the data directory, kept within a bound, and its last complaints for an error.
//! Never interprets what the server says beyond its severity words.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file's name below the program's data directory.
const NAME: &str = "postgres.log";
/// Beyond this size the file is set aside, replacing the one set aside before.
const OCTETS_MAX: u64 = 8 << 20;
/// How much of the end is searched for complaints.
const TAIL_OCTETS_MAX: u64 = 16 << 10;
/// How many complaints go into an error.
const COMPLAINTS_MAX: usize = 3;

/// The server's log file.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// Where it is.
    path: PathBuf,
}

impl Log {
    /// The log of the cluster below this data directory.
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join(NAME),
        }
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for the server to append to.
    ///
    /// # Errors
    /// What the operating system said.
    pub(crate) fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
    }

    /// Sets a grown log aside. The server keeps its open file, so the content is copied and the file cut to nothing;
    /// what is written between the two is lost, which a log may.
    ///
    /// # Errors
    /// What the operating system said; the log is then cut all the same.
    pub(crate) fn bound(&self) -> io::Result<()> {
        if fs::metadata(&self.path).map_or(0, |is| is.len()) <= OCTETS_MAX {
            return Ok(());
        }
        let copied = fs::copy(&self.path, self.path.with_extension("log.1"));
        OpenOptions::new().write(true).open(&self.path)?.set_len(0)?;
        copied.map(|_| ())
    }

    /// How long it is now; complaints are searched from here on.
    pub(crate) fn mark(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |is| is.len())
    }

    /// What the server last complained about since `mark`, in one line.
    pub(crate) fn complaints(&self, mark: u64) -> String {
        let text = self.tail(mark).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter_map(complaint).collect();
        match lines.len() {
            0 => "nothing".to_owned(),
            count => lines[count.saturating_sub(COMPLAINTS_MAX)..].join("; "),
        }
    }

    /// The end of what was written since `mark`.
    fn tail(&self, mark: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            mark.max(length.saturating_sub(TAIL_OCTETS_MAX)).min(length),
        ))?;
        let mut octets = Vec::new();
        file.take(TAIL_OCTETS_MAX).read_to_end(&mut octets)?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }
}

/// The words of a line that is a complaint, without time and process id.
fn complaint(line: &str) -> Option<&str> {
    let at = ["FATAL: ", "PANIC: ", "HINT: ", "DETAIL: "]
        .iter()
        .find_map(|word| line.find(word));
    at.map(|at| &line[at..])
        .or_else(|| line.starts_with("postgres: ").then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_with(text: &str) -> (tempfile::TempDir, Log) {
        let dir = tempfile::tempdir().expect("a directory");
        let log = Log::of(dir.path());
        fs::write(log.path(), text).expect("writes");
        (dir, log)
    }

    #[test]
    fn complaints_are_the_last_ones_since_the_mark() {
        let (_dir, log) = log_with("2026-01-01 00:00:00.000 UTC [1] FATAL:  old trouble\n");
        let mark = log.mark();
        assert_eq!(log.complaints(mark), "nothing");
        let new = "2026-01-01 00:00:01.000 UTC [2] LOG:  starting\n2026-01-01 00:00:01.000 UTC [2] FATAL:  no space left\n";
        io::Write::write_all(&mut log.open().expect("opens"), new.as_bytes()).expect("writes");
        assert_eq!(log.complaints(mark), "FATAL:  no space left");
    }

    #[test]
    fn a_grown_log_is_set_aside_while_the_server_keeps_writing() {
        let (dir, log) = log_with("");
        let mut writer = log.open().expect("opens");
        let chunk = vec![b'x'; 1 << 20];
        (0..9).for_each(|_| io::Write::write_all(&mut writer, &chunk).expect("writes"));
        log.bound().expect("sets aside");
        assert_eq!(log.mark(), 0);
        assert_eq!(
            fs::metadata(dir.path().join("postgres.log.1"))
                .expect("set aside")
                .len(),
            9 << 20
        );
        io::Write::write_all(&mut writer, b"more").expect("writes");
        assert_eq!(log.mark(), 4, "an appending writer goes on at the new end");
    }

    #[test]
    fn a_small_log_stays() {
        let (dir, log) = log_with("FATAL:  something\n");
        log.bound().expect("nothing to do");
        assert!(!dir.path().join("postgres.log.1").exists());
        assert_eq!(log.complaints(0), "FATAL:  something");
    }
}
