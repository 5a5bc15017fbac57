//! A clock that jumps, for the server alone: libfaketime in its environment. The clock of the machine is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The library that Debian's package libfaketime brings, for programs with threads.
const LIBRARY_NAME: &str = "libfaketimeMT.so.1";

/// A clock of our own.
#[derive(Debug)]
pub struct Clock {
    /// The library.
    library: PathBuf,
    /// The file it reads, at each look at the clock.
    file: PathBuf,
}

impl Clock {
    /// Looks for the library; the clock shows the true time at first. Gives why not, if there is none.
    pub fn find(dir: &Path) -> Result<Clock, String> {
        let places = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let library = places
            .map(|entry| entry.path().join("faketime").join(LIBRARY_NAME))
            .chain([Path::new("/usr/lib/faketime").join(LIBRARY_NAME)])
            .find(|path| path.is_file());
        let library = library.ok_or("libfaketime is not installed (apt-get install libfaketime)")?;
        let clock = Clock {
            library,
            file: dir.join("clock"),
        };
        clock.set(0).map_err(|error| format!("{error:#}"))?;
        Ok(clock)
    }

    /// Sets it so many seconds ahead of the true time, or behind.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{ahead_s:+}\n"))
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// What makes a program look at this clock. Its monotonic clock stays the true one, as it does when a clock is set.
    pub fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}
