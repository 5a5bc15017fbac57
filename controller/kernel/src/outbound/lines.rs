//! A line for each partner and system, made when it is first used and made anew when its place changes.
//! Never shares one between partners: connections, breaker and counters of one are nothing to another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::failure::CallError;
use super::http::HttpLine;
use super::line::LineRules;
use super::target::{Reach, Target};
use crate::id::PartnerId;

/// Lines at a time; beyond it the one that was used least recently goes, with its connections.
const LINES_MAX: usize = 4096;

/// Whose line, to which system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// The partner; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// A word of ours.
    pub system: &'static str,
}

/// Where a line leads, and how it behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The server, with the path everything is below.
    pub base: Target,
    /// Certificates of the only authorities that are believed there, PEM; `None`: those of the machine.
    pub authority: Option<String>,
    /// What it keeps to.
    pub rules: LineRules,
}

/// All lines. Clones share them.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What partners' lines may connect to.
    reach: Reach,
    /// The lines.
    lines: Arc<Mutex<HashMap<LineKey, Kept>>>,
}

/// A line, and when it was asked for last.
type Kept = (Arc<HttpLine>, Instant);

/// What one line shows of itself.
#[derive(Debug, Clone)]
pub struct LineReport {
    /// Whose.
    pub key: LineKey,
    /// The line.
    pub line: Arc<HttpLine>,
}

impl Lines {
    /// No lines yet.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            lines: Arc::default(),
        }
    }

    /// What partners' lines may connect to.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The line for this key, which leads to this place.
    ///
    /// # Errors
    /// As [`HttpLine::new`].
    pub fn line(&self, key: LineKey, place: &Place) -> Result<Arc<HttpLine>, CallError> {
        let now = Instant::now();
        if let Some((line, used)) = self.lines.lock().get_mut(&key)
            && line.place() == place
        {
            *used = now;
            return Ok(Arc::clone(line));
        }
        // Made outside of the lock: it reads the machine's certificates.
        let reach = match key.partner {
            Some(_) => self.reach.clone(),
            None => Reach::anywhere(),
        };
        let made = Arc::new(HttpLine::new(place.clone(), reach)?);
        let mut lines = self.lines.lock();
        match lines.get(&key) {
            // Somebody else was as quick.
            Some((line, _)) if line.place() == place => return Ok(Arc::clone(line)),
            _ => lines.insert(key, (Arc::clone(&made), now)),
        };
        if lines.len() > LINES_MAX {
            let oldest = lines.iter().min_by_key(|(_, (_, used))| *used);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|key| lines.remove(&key));
        }
        Ok(made)
    }

    /// Forgets a line; calls under way end as they would.
    pub fn forget(&self, key: LineKey) {
        self.lines.lock().remove(&key);
    }

    /// All of them, in order.
    pub fn report(&self) -> Vec<LineReport> {
        let lines = self.lines.lock();
        let mut all: Vec<_> = lines
            .iter()
            .map(|(key, (line, _))| LineReport {
                key: *key,
                line: Arc::clone(line),
            })
            .collect();
        drop(lines);
        all.sort_by_key(|report| report.key);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place {
            base: Target::parse(url).expect("a URL"),
            authority: None,
            rules: LineRules::default(),
        }
    }

    #[test]
    fn each_partner_and_system_has_a_line_of_its_own() {
        let lines = Lines::new(Reach::default());
        let key = |partner| LineKey {
            partner: Some(partner),
            system: "netbox",
        };
        let (west, east) = (PartnerId::new(), PartnerId::new());
        let same = place("http://netbox.example");
        let first = lines.line(key(west), &same).expect("a line");
        assert!(Arc::ptr_eq(
            &first,
            &lines.line(key(west), &same).expect("a line")
        ));
        assert!(!Arc::ptr_eq(
            &first,
            &lines.line(key(east), &same).expect("a line")
        ));
        let moved = lines
            .line(key(west), &place("http://other.example"))
            .expect("a line");
        assert!(!Arc::ptr_eq(&first, &moved));
        assert_eq!(lines.report().len(), 2);
        lines.forget(key(west));
        assert_eq!(lines.report().len(), 1);
    }

    #[test]
    fn lines_have_a_bound() {
        let lines = Lines::new(Reach::default());
        let made = (0..LINES_MAX + 3).map(|_| LineKey {
            partner: Some(PartnerId::new()),
            system: "awx",
        });
        // One client is shared by no two lines, so this also says what four thousand of them cost: little without TLS.
        let place = place("http://awx.example");
        for key in made {
            lines.line(key, &place).expect("a line");
        }
        assert_eq!(lines.report().len(), LINES_MAX);
    }
}
