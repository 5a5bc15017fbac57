//! From change lines to the sets of rows to look at again.
//! Never reads a row itself; each line adds keys, and [`super::load`] reads them in bulk.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::store::change::Change;

/// What a batch of changes touches, each thing once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Partners.
    pub partners: BTreeSet<Uuid>,
    /// NAS.
    pub nas: BTreeSet<Uuid>,
    /// Plans.
    pub plans: BTreeSet<Uuid>,
    /// Bandwidth profiles; the plans that use them are touched too.
    pub profiles: BTreeSet<Uuid>,
    /// Subscribers, with their partner: one that is gone must be taken out there.
    pub subscribers: BTreeSet<(Uuid, Uuid)>,
    /// User names whose checks, replies or groups changed.
    pub usernames: BTreeSet<(Uuid, String)>,
    /// Groups whose replies or members changed.
    pub groups: BTreeSet<(Uuid, String)>,
    /// Lines that name nothing readable.
    pub unreadable: usize,
}

impl Touched {
    /// Collects what `changes` touch.
    pub fn by(changes: &[Change]) -> Self {
        let mut touched = Self::default();
        for change in changes {
            touched.add(change);
        }
        touched
    }

    /// Adds what one line touches.
    fn add(&mut self, change: &Change) {
        let named = (change.tenant, change.key.clone());
        let id = change.key.parse::<Uuid>();
        match (change.kind.as_str(), id) {
            ("partner", Ok(id)) => drop(self.partners.insert(id)),
            ("nas", Ok(id)) => drop(self.nas.insert(id)),
            ("plan", Ok(id)) => drop(self.plans.insert(id)),
            ("bandwidth_profile", Ok(id)) => drop(self.profiles.insert(id)),
            ("subscriber", Ok(id)) => drop(self.subscribers.insert((change.tenant, id))),
            ("username", _) => drop(self.usernames.insert(named)),
            ("group", _) => drop(self.groups.insert(named)),
            _ => self.unreadable += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::change::ChangeCursor;

    /// A line about something of one partner.
    fn line(kind: &str, key: &str) -> Change {
        let cursor = ChangeCursor { xid: 1, version: 1 };
        Change {
            cursor,
            tenant: Uuid::from_u128(9),
            kind: kind.to_owned(),
            key: key.to_owned(),
            age_s: 0.0,
        }
    }

    #[test]
    fn each_thing_is_touched_once() {
        let id = Uuid::from_u128(7);
        let touched = Touched::by(&[
            line("nas", &id.to_string()),
            line("nas", &id.to_string()),
            line("username", "alice"),
        ]);
        assert_eq!(touched.nas, BTreeSet::from([id]));
        assert_eq!(
            touched.usernames,
            BTreeSet::from([(Uuid::from_u128(9), "alice".to_owned())])
        );
    }

    #[test]
    fn a_line_of_a_later_schema_is_passed_over() {
        assert_eq!(
            Touched::by(&[line("pool", "x"), line("nas", "no uuid")]).unreadable,
            2
        );
    }
}
