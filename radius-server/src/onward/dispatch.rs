//! The thread that sends accounting on: it reads the journal for those who are behind, moves octets and time between the engine
//! and its sockets, and notes how far everybody is. Nobody waits for it; it looks at the journal by itself, so that a commit
//! costs nothing more.

use super::courier::Courier;
use super::positions::Positions;
use super::sheet::Sheet;
use super::target::{self, TargetId};
use super::{OCTETS_MAX, Onward, Report, SAVE_EVERY, TARGETS_MAX};
use crate::authentication::Entropy;
use crate::clock::Now;
use crate::directory::{Directory, HomePort};
use crate::journal::{JournalError, Reader};
use crate::proxy::transport::Transport;
use crate::proxy::ways::Ways;
use crate::proxy::{Answer, Engine, ExchangeId, Timing};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often it looks whether the journal has grown, while somebody is to get it.
const READ_EVERY: Duration = Duration::from_millis(20);
/// How often it looks whether somebody is to get anything.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Stretches of the journal read for one target in a turn.
const SHEETS_A_TURN_MAX: usize = 16;
/// How long the position of a target is kept that the directory does not have after a start.
const ABSENT_MAX: Duration = Duration::from_secs(60 * 60);
/// How often it is said that records are passed over.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// What the thread needs, and what stays when it is started again.
pub(crate) struct Dispatch {
    /// Who is to get what.
    pub directory: Arc<Directory>,
    /// The accounting journal.
    pub reader: Reader,
    /// How far everybody is.
    pub positions: Positions,
    /// Where that is told.
    pub onward: Arc<Onward>,
    /// Where our own authority is, for home servers that are reached by TLS and believe it.
    pub authority: Option<PathBuf>,
    /// Randomness.
    pub entropy: Entropy,
    /// Where a target begins that is new: what was committed when the directory was last looked at.
    pub base: u64,
}

/// A target that is served.
struct Served {
    /// What it has not taken.
    courier: Courier,
    /// Stands where it has read to.
    reader: Reader,
    /// What was told of records passed over, and when.
    told: Option<(Instant, u64)>,
}

/// What the thread owns while it runs.
struct Round<'d> {
    kit: &'d mut Dispatch,
    engine: Engine,
    ways: Ways,
    served: BTreeMap<TargetId, Served>,
    /// Whose record is under way.
    sent: HashMap<ExchangeId, TargetId>,
    /// The stretch that was read last.
    sheet: Option<Sheet>,
    /// Somebody has room, and there is more to read.
    more: bool,
    started: Instant,
    look_at: Instant,
    saved_at: Instant,
    /// Positions on disk are older than those in memory.
    unsaved: bool,
    /// Writing them failed, and that was said.
    save_told: bool,
    /// More targets than are served, and that was said.
    too_many_told: bool,
    /// The journal cannot be read, and that was said.
    unreadable_told: bool,
    /// Segments that had to go although they were wanted.
    gone: u64,
}

impl Dispatch {
    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        if self.positions.book.mark == [0; 8] && !(self.entropy)(&mut self.positions.book.mark) {
            tracing::error!("the system gives no random octets; no accounting is sent on");
            return wait_for(stop);
        }
        let ways = match Ways::open(HomePort::Accounting, self.authority.clone()) {
            Ok(ways) => ways,
            Err(error) => {
                tracing::error!(%error, "no sockets towards home servers; no accounting is sent on");
                return wait_for(stop);
            }
        };
        if self.positions.damaged {
            tracing::warn!(
                "how far accounting was sent on is not readable; targets get again whatever the journal has"
            );
        }
        let now = Instant::now();
        let mut round = Round {
            engine: Engine::new(
                HomePort::Accounting,
                Timing::ACCOUNTING,
                self.positions.book.mark,
                Ways::LANES,
                self.entropy,
            ),
            ways,
            served: BTreeMap::new(),
            sent: HashMap::new(),
            sheet: None,
            more: false,
            started: now,
            look_at: now,
            saved_at: now,
            unsaved: false,
            save_told: false,
            too_many_told: false,
            unreadable_told: false,
            gone: self.reader.wanted_gone(),
            kit: self,
        };
        while !stop.load(Ordering::Relaxed) {
            round.turn();
        }
        round.save();
    }
}

/// Does nothing, until it is to stop.
fn wait_for(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
    }
}

impl Round<'_> {
    /// Once around.
    fn turn(&mut self) {
        let now = Now::read();
        if now.monotonic >= self.look_at {
            self.look();
            self.look_at = now.monotonic + LOOK_EVERY;
        }
        self.ways.wait(self.sleep(now.monotonic));
        let now = Now::read();
        let engine = &mut self.engine;
        self.ways.receive(&mut |arrival| {
            engine.handle_datagram(arrival.from, arrival.lane, arrival.octets, now);
        });
        self.engine.handle_timeout(now);
        self.ended(now);
        self.more = false;
        let ids: Vec<_> = self.served.keys().copied().collect();
        for id in ids {
            self.serve(id, now);
        }
        while let Some(transmit) = self.engine.poll_transmit() {
            self.ways.send(&transmit);
        }
        self.note(now);
    }

    /// How long there is nothing to do.
    fn sleep(&self, now: Instant) -> Duration {
        if self.more {
            return Duration::ZERO;
        }
        let at_most = if self.served.is_empty() {
            LOOK_EVERY
        } else {
            READ_EVERY
        };
        let engine = self.engine.poll_timeout().map(|(at, _why)| at);
        let couriers = self.served.values().filter_map(|served| served.courier.due(now));
        let due = couriers.chain(engine).min();
        due.map_or(at_most, |at| at.saturating_duration_since(now).min(at_most))
    }

    /// Looks who is to get what now.
    fn look(&mut self) {
        let committed = self.kit.reader.committed_seq();
        let book = &mut self.kit.positions.book.positions;
        let mut older = std::mem::take(&mut self.served);
        let (mut left_out, mut new) = (0_usize, false);
        for target in target::all(&self.kit.directory) {
            let id = target.id;
            if self.served.len() >= TARGETS_MAX {
                left_out += 1;
                continue;
            }
            let served = match older.remove(&id) {
                Some(mut served) => {
                    served.courier.target = target;
                    served
                }
                None => {
                    // Not readable is no reason to lose anything.
                    let begin = if self.kit.positions.damaged {
                        self.kit.reader.first_seq()
                    } else {
                        self.kit.base
                    };
                    new |= !book.contains_key(&id);
                    let position = *book.entry(id).or_insert(begin);
                    Served {
                        courier: Courier::new(target, position.min(committed)),
                        reader: self.kit.reader.clone(),
                        told: None,
                    }
                }
            };
            self.served.insert(id, served);
        }
        // What was a target a moment ago and is none any more has no claim to what comes meanwhile.
        for id in older.keys() {
            book.remove(id);
            self.unsaved = true;
        }
        if left_out > 0 && !std::mem::replace(&mut self.too_many_told, true) {
            tracing::warn!(left_out, "more targets of accounting than are served");
        }
        self.forget_absent();
        self.kit.base = committed;
        // At once: without its position a target would begin anew after a kill, and miss what was acknowledged meanwhile.
        if new {
            self.unsaved = true; // until it is
            self.save();
        }
    }

    /// Forgets positions of targets that do not come back.
    fn forget_absent(&mut self) {
        let late = self.started.elapsed() >= ABSENT_MAX;
        let (served, reader) = (&self.served, &self.kit.reader);
        let book = &mut self.kit.positions.book.positions;
        let before = book.len();
        book.retain(|id, position| {
            served.contains_key(id) || !late && reader.octets_from(*position) <= OCTETS_MAX
        });
        self.unsaved |= book.len() != before;
    }

    /// Tells couriers what became of their records.
    fn ended(&mut self, now: Now) {
        while let Some(event) = self.engine.poll_event() {
            let target = self.sent.remove(&event.id);
            let Some(served) = target.and_then(|target| self.served.get_mut(&target)) else {
                continue;
            };
            match event.outcome.answer {
                Answer::Reply { .. } => served.courier.taken(event.id),
                Answer::Silent => served.courier.silent(event.id, now),
            }
        }
    }

    /// Reads for one target, and sends what it may get.
    fn serve(&mut self, id: TargetId, now: Now) {
        let Some(mut served) = self.served.remove(&id) else {
            return;
        };
        let readable = self.read(&mut served);
        if let Err(error) = &readable
            && !std::mem::replace(&mut self.unreadable_told, true)
        {
            tracing::error!(%error, "the journal cannot be read for those who get accounting");
        }
        let behind = self.behind(&served);
        let (engine, sent) = (&mut self.engine, &mut self.sent);
        served.courier.send(now, behind, &mut |forward| {
            let exchange = engine.start(forward, now)?;
            sent.insert(exchange, id);
            Ok(exchange)
        });
        let unread = served.courier.read() != self.kit.reader.committed_seq();
        self.more |= readable.is_ok() && unread && served.courier.has_room();
        self.served.insert(id, served);
    }

    /// Fills a courier with what the journal has for it.
    fn read(&mut self, served: &mut Served) -> Result<(), JournalError> {
        let Served { courier, reader, .. } = served;
        for _ in 0..SHEETS_A_TURN_MAX {
            let (from, committed) = (courier.read(), self.kit.reader.committed_seq());
            if from == committed || !courier.has_room() {
                return Ok(());
            }
            if !self.sheet.as_ref().is_some_and(|sheet| sheet.has(from)) {
                match Sheet::read(reader, from, &self.kit.directory) {
                    Ok(Some(sheet)) => self.sheet = Some(sheet),
                    Ok(None) => {
                        courier.nothing_before(committed);
                        return Ok(());
                    }
                    Err(JournalError::Ahead { .. }) => {
                        tracing::warn!(
                            position = from,
                            committed,
                            "more accounting was sent on than the journal has: it was replaced by an older one; going on from its end"
                        );
                        courier.go_on_from(committed);
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
            if let Some(sheet) = &self.sheet
                && courier.take(&sheet.entries, sheet.to)
            {
                *reader = sheet.behind.clone();
            }
        }
        Ok(())
    }

    /// Octets that a target is behind.
    fn behind(&self, served: &Served) -> u64 {
        let read = served.courier.read();
        let unread = if read == self.kit.reader.committed_seq() {
            0
        } else {
            served.reader.octets_from(read)
        };
        unread + served.courier.waiting().1
    }

    /// Notes how far everybody is: in memory, for the journal, and on disk.
    fn note(&mut self, now: Now) {
        self.meet_gaps();
        let book = &mut self.kit.positions.book.positions;
        for (id, served) in &self.served {
            let position = served.courier.position();
            self.unsaved |= book.insert(*id, position) != Some(position);
        }
        self.kit.reader.want_from(self.kit.positions.least());
        let reports = self.served.iter().map(|(id, served)| (*id, self.report(served)));
        let reports = reports.collect();
        *self.kit.onward.reports.lock() = reports;
        for served in self.served.values_mut() {
            served.tell(now.monotonic);
        }
        if self.unsaved && now.monotonic.saturating_duration_since(self.saved_at) >= SAVE_EVERY {
            self.save();
            self.saved_at = now.monotonic;
        }
    }

    /// Finds out who has lost something because the disk was full.
    fn meet_gaps(&mut self) {
        let gone = self.kit.reader.wanted_gone();
        if std::mem::replace(&mut self.gone, gone) == gone {
            return;
        }
        let first = self.kit.reader.first_seq();
        for (id, served) in &mut self.served {
            if served.courier.read() < first {
                served.courier.nothing_before(first);
                served.courier.counts.gaps += 1;
                tracing::error!(target = ?id, "the disk was full, and accounting that a target had not taken went with the journal");
            }
        }
    }

    /// How one target is doing.
    fn report(&self, served: &Served) -> Report {
        let courier = &served.courier;
        Report {
            partner: courier.target.partner,
            position: courier.position(),
            behind_octets: self.behind(served),
            since_unix_us: courier.since_unix_us(),
            waiting: courier.waiting().0,
            delivered: courier.counts.delivered,
            skipped: courier.counts.skipped,
            unsendable: courier.counts.unsendable,
            gaps: courier.counts.gaps,
        }
    }

    /// Writes positions down.
    fn save(&mut self) {
        match self.kit.positions.write() {
            Ok(()) => (self.unsaved, self.save_told) = (false, false),
            Err(error) if !std::mem::replace(&mut self.save_told, true) => {
                tracing::error!(%error, "cannot note how far accounting was sent on; a restart repeats it from here");
            }
            Err(_) => {}
        }
    }
}

impl Served {
    /// Says now and then that records are passed over.
    fn tell(&mut self, now: Instant) {
        let skipped = self.courier.counts.skipped;
        let (at, known) = self.told.map_or((None, 0), |(at, known)| (Some(at), known));
        let due = at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY);
        if skipped > known && due {
            self.told = Some((now, skipped));
            let target = &self.courier.target;
            tracing::warn!(
                tenant_id = %target.partner,
                target = ?target.id,
                skipped,
                "accounting that was not taken for too long is passed over; see headend home-server list"
            );
        }
    }
}
