//! A batch of journalled accounting records into the database.
//! Never moves the cursor; [`super`] does, in the same transaction.
//!
//! Records of one session become one row first. An Accounting-On or -Off cuts the batch: it closes what was there
//! before it, and must not touch what begins behind it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use kernel::Error;
use radius_server::journal::OwnedRecord;
use time::OffsetDateTime;
use tracing::warn;
use uuid::Uuid;

use super::row::{self, Meaning};
use crate::causes::Causes;
use crate::store::accounting::{self, SessionRow};
use crate::store::{Tx, intent};

/// What a batch came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Records that could not be read.
    pub unreadable: u64,
    /// Intents that the end of their session has proven.
    pub proven: u64,
}

/// One thing to do to the database, in order.
#[derive(Debug, PartialEq)]
enum Step {
    /// Upsert these, one a session.
    Sessions(Vec<SessionRow>),
    /// Close what this NAS had before.
    Restart {
        /// Whose NAS.
        tenant: Uuid,
        /// Which.
        nas: Uuid,
        /// When.
        at: OffsetDateTime,
    },
}

/// Carries a batch into the database.
pub async fn carry(tx: &mut Tx, records: &[OwnedRecord]) -> Result<Carried, Error> {
    let (steps, unreadable) = steps(records);
    let (mut tenants, mut ended) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Sessions(rows) => {
                let starts = accounting::session_starts_settle(tx, &rows).await?;
                accounting::session_upsert(tx, &rows, &starts).await?;
                for row in rows.iter().filter(|row| row.stopped.is_some()) {
                    tenants.push(row.tenant);
                    ended.push(row.session);
                }
            }
            Step::Restart { tenant, nas, at } => {
                let closed = accounting::session_close_by_restart(tx, tenant, nas, at).await?;
                tenants.extend(closed.iter().map(|_| tenant));
                ended.extend(closed);
            }
        }
    }
    let proven = if ended.is_empty() {
        0
    } else {
        intent::intent_prove(tx, &tenants, &ended).await?
    };
    Ok(Carried { unreadable, proven })
}

/// What a batch asks for, in order, and how many of its records could not be read.
fn steps(records: &[OwnedRecord]) -> (Vec<Step>, u64) {
    let (mut steps, mut unreadable) = (Vec::new(), 0);
    let mut rows = Rows::default();
    for record in records {
        match row::read(&record.payload) {
            Ok(Meaning::Session(session)) => rows.add(*session),
            Ok(Meaning::Restart { tenant, nas, at }) => {
                steps.extend(rows.take());
                steps.push(Step::Restart { tenant, nas, at });
            }
            Ok(Meaning::Nothing) => {}
            Err(error) => {
                unreadable += 1;
                warn!(seq = record.seq, error = %Causes(&error), "an accounting record cannot be read and is passed over");
            }
        }
    }
    steps.extend(rows.take());
    (steps, unreadable)
}

/// Rows by session.
#[derive(Default)]
struct Rows {
    /// The rows.
    rows: Vec<SessionRow>,
    /// Where each session's row is.
    places: HashMap<Uuid, usize>,
}

impl Rows {
    /// Adds a record.
    fn add(&mut self, row: SessionRow) {
        match self.places.entry(row.session) {
            Entry::Occupied(place) => row::absorb(&mut self.rows[*place.get()], row),
            Entry::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// Hands out what is there as one step, and starts over.
    fn take(&mut self) -> Option<Step> {
        self.places.clear();
        let mut rows = std::mem::take(&mut self.rows);
        // One order on every node: two that carry records of the same sessions wait for each other, never crosswise.
        rows.sort_by_key(|row| row.session);
        (!rows.is_empty()).then_some(Step::Sessions(rows))
    }
}
