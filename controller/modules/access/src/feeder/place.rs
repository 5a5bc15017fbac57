//! How far the changes were read: everything up to a cursor, and some lines beyond it.
//! Never reads a line; it only says which ones need not be read again.
//!
//! Why two things: see [`crate::store::change`]. The cursor follows the horizon, behind which nothing can appear any
//! more; what could be seen beyond it is in the directory already and remembered line by line until the horizon passes.

use std::collections::BTreeSet;

use crate::store::change::{Change, ChangeCursor};

/// Lines remembered beyond the cursor. When a transaction stays open so long that more come, they wait for its end.
const AHEAD_MAX: usize = 50_000;

/// A place in the changes.
#[derive(Debug)]
pub struct Place {
    /// Everything up to here was read.
    cursor: ChangeCursor,
    /// Of what is beyond, these were read.
    ahead: BTreeSet<ChangeCursor>,
}

impl Place {
    /// Everything up to here was read, and nothing beyond.
    pub fn at(cursor: ChangeCursor) -> Self {
        Self {
            cursor,
            ahead: BTreeSet::new(),
        }
    }

    /// Where to go on from.
    pub fn cursor(&self) -> ChangeCursor {
        self.cursor
    }

    /// The lines beyond the cursor that need not be given again.
    pub fn ahead(&self) -> Vec<i64> {
        self.ahead.iter().map(|line| line.version).collect()
    }

    /// Whether the horizon fell back behind the cursor, which it cannot do in one and the same database.
    pub fn is_beyond(&self, horizon: ChangeCursor) -> bool {
        horizon.xid < self.cursor.xid
    }

    /// Up to which transaction lines are wanted: any, until too many would have to be remembered.
    pub fn xid_max(&self, horizon: ChangeCursor) -> i64 {
        if self.ahead.len() < AHEAD_MAX {
            i64::MAX
        } else {
            horizon.xid
        }
    }

    /// Takes note of lines that were read; `all`: there were no more.
    pub fn read(&mut self, changes: &[Change], horizon: ChangeCursor, all: bool) {
        self.ahead.extend(changes.iter().map(|change| change.cursor));
        let read_to = match changes.last() {
            Some(last) if !all => horizon.min(last.cursor),
            _ => horizon,
        };
        self.cursor = self.cursor.max(read_to);
        let cursor = self.cursor;
        self.ahead.retain(|line| *line > cursor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A line of a transaction.
    fn line(xid: i64, version: i64) -> Change {
        let cursor = ChangeCursor { xid, version };
        Change {
            cursor,
            tenant: Uuid::nil(),
            kind: "nas".to_owned(),
            key: String::new(),
            age_s: 0.0,
        }
    }

    /// The horizon when this is the oldest transaction still open.
    fn horizon(xmin: i64) -> ChangeCursor {
        ChangeCursor {
            xid: xmin - 1,
            version: i64::MAX,
        }
    }

    #[test]
    fn what_is_read_beyond_the_horizon_is_remembered_until_the_horizon_passes() {
        let mut place = Place::at(horizon(10));
        // Transaction 10 is open and holds line 1; 11 has committed line 2.
        place.read(&[line(11, 2)], horizon(10), true);
        assert_eq!(place.cursor(), horizon(10));
        assert_eq!(place.ahead(), [2]);
        // 10 commits: its line is behind line 2 in time and before it in order.
        place.read(&[line(10, 1)], horizon(12), true);
        assert_eq!(place.cursor(), horizon(12));
        assert!(place.ahead().is_empty());
    }

    #[test]
    fn a_full_page_moves_the_cursor_no_further_than_its_last_line() {
        let mut place = Place::at(horizon(10));
        place.read(&[line(10, 1), line(11, 2)], horizon(20), false);
        assert_eq!(place.cursor(), line(11, 2).cursor);
        assert!(place.ahead().is_empty());
        place.read(&[line(12, 3)], horizon(20), true);
        assert_eq!(place.cursor(), horizon(20));
    }

    #[test]
    fn a_horizon_that_falls_back_is_another_database() {
        let place = Place::at(horizon(10));
        assert!(!place.is_beyond(horizon(10)));
        assert!(place.is_beyond(horizon(9)));
    }

    #[test]
    fn too_many_lines_ahead_wait_for_the_horizon() {
        let mut place = Place::at(horizon(10));
        let many: Vec<_> = (0..50_000).map(|version| line(11, version)).collect();
        assert_eq!(place.xid_max(horizon(10)), i64::MAX);
        place.read(&many, horizon(10), true);
        assert_eq!(place.xid_max(horizon(10)), 9);
    }
}
