//! A batch of journalled accounting records into the database.
//! Never moves the cursor; [`super`] does, in the same transaction.
//!
//! Records of one session become one row first, unless a counter fell between them or another hour began. An Accounting-On or -Off cuts the batch: it closes what was there
//! before it, and must not touch what begins behind it. [`plan`] is the part that needs no database and [`carry`] the
//! part that does: while one batch is carried the next one is planned.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use kernel::Error;
use radius_server::journal::OwnedRecord;
use time::OffsetDateTime;
use uuid::Uuid;

use super::known::{Known, Said};
use super::ports::Block;
use super::row::{self, Meaning};
use super::{Aside, causes_text};
use crate::store::accounting::{self, MoreRows, NewRows, PortsRow, SessionRow};
use crate::store::port_block::{self, PortsSaid};
use crate::store::{Tx, intent};

/// What a batch asks for.
#[derive(Debug, Default)]
pub struct Plan {
    /// What to do, in order.
    steps: Vec<Step>,
    /// Records that nobody can read.
    pub unreadable: Vec<Aside>,
    /// Whose usage it is, with their partners, when somebody wants to know.
    pub subscribers: HashSet<(Uuid, Uuid)>,
}

/// One thing to do to the database.
#[derive(Debug)]
enum Step {
    /// Merge these rows, one a session.
    Sessions(Staged),
    /// Close what this NAS had before.
    Restart {
        /// Whose NAS.
        tenant: Uuid,
        /// Which.
        nas: Uuid,
        /// When.
        at: OffsetDateTime,
        /// When by our clock.
        heard: OffsetDateTime,
    },
}

/// Rows ready to be sent.
#[derive(Debug, Default)]
struct Staged {
    /// Those that may be new to the table.
    new: NewRows,
    /// What the table holds of each of them afterwards, in the same order.
    learned: Vec<Learned>,
    /// Those of which it knows all but the latest.
    more: MoreRows,
    /// Whose sessions ended.
    tenants: Vec<Uuid>,
    /// Which sessions ended.
    ended: Vec<Uuid>,
    /// Ports of public addresses that the table does not have yet, or has as still given.
    ports: Vec<PortsSaid>,
}

/// What is known of a session once its row is carried.
#[derive(Debug, Clone, Copy)]
struct Learned {
    /// Which session.
    session: Uuid,
    /// Its start, unless another one was settled before.
    started: OffsetDateTime,
    /// What its row says.
    said: Said,
}

/// What carrying a batch came to.
#[derive(Debug, Default)]
pub struct Carried {
    /// Intents that the end of their session has proven.
    pub proven: Vec<intent::Proof>,
    /// What to remember once the transaction has ended well.
    learned: Vec<Learned>,
    /// What to forget then.
    ended: Vec<Uuid>,
    /// Whose which ports are, and since when; `None`: they were taken back.
    ports: Vec<(Uuid, Block, Option<OffsetDateTime>)>,
}

impl Carried {
    /// Remembers what the table holds now.
    pub fn note(self, known: &mut Known) {
        for Learned {
            session,
            started,
            said,
        } in self.learned
        {
            known.learn(session, started, said);
        }
        for session in self.ended {
            known.forget(session);
        }
        for (session, block, since) in self.ports {
            known.learn_ports(session, block, since);
        }
    }
}

/// Why a batch was not carried.
#[derive(Debug)]
pub enum CarryError {
    /// A session is not where it was settled to be: somebody removed rows. What is known must be forgotten.
    Moved,
    /// What the database said.
    Database(Error),
}

impl From<Error> for CarryError {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

/// What a batch asks for; `noting`: whose usage it is, too.
pub fn plan(records: &[OwnedRecord], known: &mut Known, noting: bool) -> Plan {
    let mut plan = Plan::default();
    let mut rows = Rows::default();
    for record in records {
        match row::read(&record.payload) {
            Ok(Meaning::Session(session)) => {
                let whose = session.subscriber.filter(|_| noting);
                plan.subscribers
                    .extend(whose.map(|subscriber| (session.tenant, subscriber)));
                rows.add(session);
            }
            Ok(Meaning::Restart {
                tenant,
                nas,
                at,
                heard,
            }) => {
                plan.steps.extend(rows.take(known));
                plan.steps.push(Step::Restart {
                    tenant,
                    nas,
                    at,
                    heard,
                });
            }
            Ok(Meaning::Nothing) => {}
            Err(error) => plan.unreadable.push(Aside::of(record, causes_text(&error))),
        }
    }
    plan.steps.extend(rows.take(known));
    plan
}

/// Carries a batch into the database; `careful` after it was refused, see [`accounting::session_new_carry`].
pub async fn carry(tx: &mut Tx, plan: &Plan, careful: bool) -> Result<Carried, CarryError> {
    let mut carried = Carried::default();
    let mut tenants = Vec::new();
    accounting::session_stage_prepare(tx).await?;
    let mut staged_before = false;
    for step in &plan.steps {
        match step {
            Step::Sessions(staged) => {
                if std::mem::replace(&mut staged_before, true) {
                    accounting::session_stage_empty(tx).await?;
                }
                sessions_carry(tx, staged, careful, &mut carried).await?;
                tenants.extend_from_slice(&staged.tenants);
                carried.ended.extend_from_slice(&staged.ended);
            }
            Step::Restart {
                tenant,
                nas,
                at,
                heard,
            } => {
                let closed = accounting::session_close_by_restart(tx, *tenant, *nas, *at, *heard).await?;
                tenants.extend(closed.iter().map(|_| *tenant));
                carried.ended.extend(closed);
            }
        }
    }
    if !tenants.is_empty() {
        carried.proven = intent::intent_prove(tx, &tenants, &carried.ended).await?;
    }
    Ok(carried)
}

/// Carries the rows of one step.
async fn sessions_carry(
    tx: &mut Tx,
    staged: &Staged,
    careful: bool,
    carried: &mut Carried,
) -> Result<(), CarryError> {
    if staged.new.count() > 0 {
        let from = carried.learned.len();
        carried.learned.extend_from_slice(&staged.learned);
        for settled in accounting::session_new_carry(tx, &staged.new, careful).await? {
            if let Some(learned) = carried.learned.get_mut(from + settled.place) {
                learned.started = settled.started;
            }
        }
    }
    if staged.more.count() > 0 {
        let found = accounting::session_more_carry(tx, &staged.more).await?;
        if usize::try_from(found).ok() != Some(staged.more.count()) {
            return Err(CarryError::Moved);
        }
    }
    if !staged.ports.is_empty() {
        port_block::said_put(tx, &staged.ports).await?;
        carried.ports.extend(staged.ports.iter().map(|said| {
            let since = said.ports.since.filter(|_| said.ports.until.is_none());
            (said.session, said.ports.block, since)
        }));
    }
    Ok(())
}

/// How often a session's counters may fall, or the hour change, within one batch before its records are taken together all
/// the same: then a NAS has gone mad, and what fell counts as late.
const ROUNDS_MAX: usize = 64;

/// Rows by session, in rounds: a record that cannot be taken into its session's row is in the next one.
#[derive(Default)]
struct Rows<'a> {
    /// The rows of each round.
    rounds: Vec<Vec<SessionRow<'a>>>,
    /// Where each session's latest row is: in which round, and which of it.
    places: HashMap<Uuid, (usize, usize)>,
}

impl<'a> Rows<'a> {
    /// Adds a record.
    fn add(&mut self, row: SessionRow<'a>) {
        let mut round = 0;
        match self.places.entry(row.session) {
            Entry::Occupied(place) => {
                let (latest, number) = *place.get();
                if let Some(known) = self.rounds.get_mut(latest).and_then(|rows| rows.get_mut(number)) {
                    if latest + 1 >= ROUNDS_MAX || row::fits(known, &row) {
                        row::absorb(known, row);
                        return;
                    }
                    round = latest + 1;
                }
            }
            Entry::Vacant(_) => {}
        }
        if self.rounds.len() <= round {
            self.rounds.resize_with(round + 1, Vec::new);
        }
        let rows = &mut self.rounds[round];
        self.places.insert(row.session, (round, rows.len()));
        rows.push(row);
    }

    /// Hands out what is there as one step a round, and starts over.
    fn take(&mut self, known: &mut Known) -> Vec<Step> {
        self.places.clear();
        self.rounds
            .drain(..)
            .map(|mut rows| {
                // One order on every node: two that carry records of the same sessions wait for each other, never crosswise.
                rows.sort_unstable_by_key(|row| row.session);
                Step::Sessions(staged(&rows, known))
            })
            .collect()
    }
}

/// Rows ready to be sent.
fn staged(rows: &[SessionRow<'_>], known: &mut Known) -> Staged {
    let mut staged = Staged::default();
    for row in rows {
        let (session, said) = (row.session, Said::by(row));
        match known.find(session) {
            Some(settled) if settled.said.covers(said) => staged.more.add(row, settled.started),
            _ => {
                staged.new.add(row);
                let started = row.started;
                staged.learned.push(Learned {
                    session,
                    started,
                    said,
                });
            }
        }
        let is_known = |ports: &PortsRow| {
            let since = ports.since.filter(|_| ports.until.is_none());
            since.is_some_and(|since| known.has_ports(session, ports.block, since))
        };
        let news = row.ports.iter().filter(|ports| !is_known(ports));
        staged.ports.extend(news.map(|ports| PortsSaid::of(row, *ports)));
        if row.stopped.is_some() {
            staged.tenants.push(row.tenant);
            staged.ended.push(session);
        }
    }
    staged
}
