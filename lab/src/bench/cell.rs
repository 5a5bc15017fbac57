//! One cell of a table: some work, sent at some pace to one subject, with what the subject spent meanwhile.
//!
//! Keeps the memory of requests and replies from cell to cell, so that no run pays for the first touch of a page.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use radius::SharedSecret;

use super::subject::{Kind, Place, Subject};
use super::usage::Time;
use crate::load::arena::Arena;
use crate::load::drive::{Edge, Idle, Orders, Pace, drive};
use crate::load::recipe::{self, INTERIM_S, Login, Method, Order, Recipe, Record};
use crate::load::replies::Replies;
use crate::load::route::Shape;
use crate::load::tally::Tally;
use crate::report;
use crate::wait::{self, Look};

/// Access-Requests in flight when saturation is looked for.
const AUTH_WINDOW: usize = 256;
/// Accounting-Requests in flight then: more, because a commit answers a whole batch.
const ACCOUNTING_WINDOW: usize = 1_024;
/// Interim records of a session.
pub const INTERIMS: usize = 8;
/// Sessions open at a time: small, so that a short run also sees sessions stop.
const COHORT: usize = 2_000;
/// Requests that a subject meets before anything is measured; they also tell how many a second to prepare for.
const WARM_UP: usize = 60_000;
/// How long the warm-up lasts at most.
const WARM_UP_LENGTH: Duration = Duration::from_millis(700);
/// Requests of a run at most: 1.2 GB.
const REQUESTS_MAX: usize = 3_000_000;
/// How many more requests are prepared than the warm-up promises.
const REQUESTS_SPARE: f64 = 1.5;
/// When a request is given up.
const GIVE_UP: Duration = Duration::from_secs(2);
/// How long records may take to get into the database after a run.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(180);

/// What is asked of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Logins by PAP, signed.
    Pap,
    /// Logins by CHAP, signed.
    Chap,
    /// Logins by MS-CHAPv2, signed.
    MsChapV2,
    /// Accounting records.
    Accounting,
}

impl Work {
    /// What tables call it.
    pub fn title(self) -> &'static str {
        match self {
            Work::Pap => "PAP",
            Work::Chap => "CHAP",
            Work::MsChapV2 => "MS-CHAPv2",
            Work::Accounting => "accounting",
        }
    }

    /// Requests in flight when saturation is looked for.
    fn window(self) -> usize {
        match self {
            Work::Accounting => ACCOUNTING_WINDOW,
            _ => AUTH_WINDOW,
        }
    }

    /// The source ports for so many NAS: slots for several times what is in flight, so that none comes round meanwhile,
    /// and few enough that one system call finds many replies. A schedule does not wait for replies and needs more.
    fn ports(self, nas: u32, press: Press) -> u16 {
        let ports = match (self, nas) {
            (Work::Accounting, 1) => 8,
            (_, 1..=16) => 4,
            _ => 1,
        };
        match press {
            Press::Saturate => ports,
            Press::Steady(_) => ports * 8,
        }
    }

    /// How its users prove who they are.
    fn method(self) -> Option<Method> {
        match self {
            Work::Pap => Some(Method::Pap),
            Work::Chap => Some(Method::Chap),
            Work::MsChapV2 => Some(Method::MsChapV2),
            Work::Accounting => None,
        }
    }
}

/// How hard a subject is pressed.
#[derive(Debug, Clone, Copy)]
pub enum Press {
    /// As fast as it answers.
    Saturate,
    /// So many requests a second.
    Steady(f64),
}

/// A cell to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// What is asked.
    pub work: Work,
    /// By how many NAS.
    pub nas: u32,
    /// How many subscribers there are.
    pub subscribers: usize,
    /// Where the server runs.
    pub place: Place,
    /// How hard.
    pub press: Press,
    /// How long.
    pub length: Duration,
}

/// What a cell gave.
#[derive(Debug)]
pub struct Measured {
    /// The generator's side.
    pub tally: Tally,
    /// How long the clock was to run.
    asked: Duration,
    /// What the subject had spent when the clock started.
    began: Time,
    /// What the subject spent while the clock ran.
    pub time: Time,
    /// What it spent until every acknowledged record was in its database.
    pub time_settled: Time,
    /// Records it had acknowledged and not carried over when the clock started.
    pub backlog_before: u64,
    /// The same when the clock stopped.
    pub backlog_after: u64,
    /// How long it then took until all were carried over.
    pub settling: Duration,
}

/// The share of its time a run must last to be a whole one.
const WHOLE_SHARE: f64 = 0.8;
/// The share of replies that may be of another kind than expected before a figure says nothing.
const BAD_SHARE_MAX: f64 = 0.001;

impl Measured {
    /// Whether the server did the work that was asked for.
    ///
    /// # Errors
    /// Too many of its replies were rejects, or not genuine: how fast it gave them is nobody's business.
    pub fn check(&self) -> Result<()> {
        let (bad, good) = (self.tally.verdicts.bad(), self.tally.verdicts.good);
        ensure!(
            good > 0 && bad as f64 <= BAD_SHARE_MAX * good as f64,
            "{good} replies were as expected; {}",
            self.tally.troubles()
        );
        Ok(())
    }

    /// Whether the requests were used up long before the time was.
    pub fn ended_early(&self) -> bool {
        self.tally.ran_dry && self.tally.elapsed < self.asked.mul_f64(WHOLE_SHARE)
    }

    /// Processor time of the server alone for one request, in microseconds.
    pub fn server_us(&self) -> f64 {
        self.time.server.as_secs_f64() * 1e6 / self.tally.answered.max(1) as f64
    }

    /// The same with its database.
    pub fn all_us(&self) -> f64 {
        self.time.all().as_secs_f64() * 1e6 / self.tally.answered.max(1) as f64
    }

    /// The same until every record was in the database; replies that came after the clock had stopped count.
    pub fn settled_us(&self) -> f64 {
        let answered = self.tally.answered + self.tally.late;
        self.time_settled.all().as_secs_f64() * 1e6 / answered.max(1) as f64
    }

    /// Records a second over the time until the last one was in the database.
    pub fn settled_rate(&self) -> f64 {
        let took = (self.tally.elapsed + self.settling).as_secs_f64();
        (self.tally.answered + self.tally.late) as f64 / took
    }
}

/// What is kept from cell to cell.
#[derive(Debug)]
pub struct Workshop {
    /// What NAS and servers share.
    pub secret: SharedSecret,
    /// Memory for requests.
    arena: Option<Arena>,
    /// Memory for replies.
    replies: Replies,
    /// Requests a second each subject has shown, by place and work.
    paces: BTreeMap<(Kind, Place, Work), f64>,
}

impl Workshop {
    /// Empty.
    pub fn new(secret: SharedSecret) -> Workshop {
        Workshop {
            secret,
            arena: None,
            replies: Replies::default(),
            paces: BTreeMap::new(),
        }
    }

    /// Forgets how fast subjects were, because they were changed.
    pub fn forget_paces(&mut self) {
        self.paces.clear();
    }

    /// Measures a cell; the subject meets the same work for a moment before, so that it is warm.
    ///
    /// # Errors
    /// The subject has ended, or somebody asked us to stop.
    pub fn measure(&mut self, subject: &dyn Subject, cell: Cell) -> Result<Measured> {
        let mut measured = self.measure_unsettled(subject, cell)?;
        if cell.work == Work::Accounting {
            measured.settling = settle(subject)?;
            measured.time_settled = subject.time()?.since(measured.began);
        }
        Ok(measured)
    }

    /// The same, but records may still be on their way into the database afterwards.
    ///
    /// # Errors
    /// As for [`Self::measure`].
    pub fn measure_unsettled(&mut self, subject: &dyn Subject, cell: Cell) -> Result<Measured> {
        let pace = (subject.kind(), cell.place, cell.work);
        // A steady press needs no warm-up of its own: it tells its rate, and follows a saturation that warmed.
        if matches!(cell.press, Press::Saturate) && !self.paces.contains_key(&pace) {
            let warm = self.run(
                subject,
                Cell {
                    length: WARM_UP_LENGTH,
                    press: Press::Saturate,
                    ..cell
                },
                WARM_UP,
            )?;
            if cell.work == Work::Accounting {
                settle(subject)?;
            }
            self.paces.insert(pace, warm.tally.rate());
        }
        loop {
            let rate = match cell.press {
                Press::Saturate => self.paces[&pace] * REQUESTS_SPARE,
                Press::Steady(rate) => rate,
            };
            let count = (rate * cell.length.as_secs_f64()) as usize + cell.work.window();
            let measured = self.run(subject, cell, count.min(REQUESTS_MAX))?;
            let shown = measured.tally.rate();
            if matches!(cell.press, Press::Steady(_)) || shown <= self.paces[&pace] {
                return Ok(measured);
            }
            self.paces.insert(pace, shown);
            if !measured.ended_early() || count >= REQUESTS_MAX {
                return Ok(measured);
            }
            // It was slower when it was warmed than it is; once more, with as many requests as it takes.
            if cell.work == Work::Accounting {
                settle(subject)?;
            }
        }
    }

    /// Lets everybody log in once.
    ///
    /// # Errors
    /// As for [`Self::measure`].
    pub fn everybody_once(
        &mut self,
        subject: &dyn Subject,
        subscribers: usize,
        place: Place,
    ) -> Result<Tally> {
        let recipe = Login {
            method: Method::Pap,
            subscribers,
            order: Order::EachOnce,
            seed: recipe::fresh_seed()?,
        };
        let arena = self.build(&recipe, Work::Pap.ports(1, Press::Saturate), 1, subscribers)?;
        let orders = Orders {
            arena: &arena,
            server: subject.auth(),
            pace: Pace::Window(AUTH_WINDOW),
            idle: Idle::Sleep,
            length: Duration::from_secs(600),
            give_up: GIVE_UP,
            core: place.generator_core(),
        };
        let tally = drive(orders, &mut self.replies, |_| {});
        self.arena = Some(arena);
        tally
    }

    /// One run of `count` requests at most.
    fn run(&mut self, subject: &dyn Subject, cell: Cell, count: usize) -> Result<Measured> {
        let ports = cell.work.ports(cell.nas, cell.press);
        let arena = self.build(recipe_of(cell)?.as_ref(), ports, cell.nas, count)?;
        let server = match cell.work {
            Work::Accounting => subject.accounting().context("it takes no accounting")?,
            _ => subject.auth(),
        };
        let orders = Orders {
            arena: &arena,
            server,
            pace: match cell.press {
                Press::Saturate => Pace::Window(cell.work.window()),
                Press::Steady(rate) => Pace::Schedule(rate),
            },
            // A generator that spins on its own processor disturbs nobody; on a shared one it would.
            idle: match cell.place {
                Place::Pinned => Idle::Spin,
                Place::Free => Idle::Sleep,
            },
            length: cell.length,
            give_up: GIVE_UP,
            core: cell.place.generator_core(),
        };
        let mut seen: Vec<Result<(Time, u64)>> = Vec::new();
        let look = || -> Result<(Time, u64)> { Ok((subject.time()?, subject.backlog()?)) };
        let tally = drive(orders, &mut self.replies, |_: Edge| seen.push(look()));
        self.arena = Some(arena);
        let tally = tally?;
        let mut seen = seen.into_iter();
        let (before, after) = (seen.next().context("no begin")??, seen.next().context("no end")??);
        let time = after.0.since(before.0);
        Ok(Measured {
            asked: cell.length,
            began: before.0,
            time,
            time_settled: time,
            backlog_before: before.1,
            backlog_after: after.1,
            settling: Duration::ZERO,
            tally,
        })
    }

    /// Computes requests in the memory of the last ones.
    fn build(&mut self, recipe: &dyn Recipe, ports: u16, nas: u32, count: usize) -> Result<Arena> {
        let shape = Shape { nas, ports };
        Arena::build(recipe, &self.secret, shape, 0, count, self.arena.take())
    }
}

/// The requests of a cell.
fn recipe_of(cell: Cell) -> Result<Box<dyn Recipe>> {
    let seed = recipe::fresh_seed()?;
    let Some(method) = cell.work.method() else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return Ok(Box::new(Record {
            subscribers: cell.subscribers,
            interims: INTERIMS,
            cohort: COHORT,
            seed,
            // The last record of a session tells of now.
            began_unix_s: now.as_secs() as u32 - (INTERIMS as u32 + 1) * INTERIM_S,
        }));
    };
    Ok(Box::new(Login {
        method,
        subscribers: cell.subscribers,
        order: Order::Scattered,
        seed,
    }))
}

/// Waits until every acknowledged record is in the subject's database; gives how long that took.
///
/// # Errors
/// It takes too long.
pub fn settle(subject: &dyn Subject) -> Result<Duration> {
    let since = std::time::Instant::now();
    wait::until("the last record to be in the database", DRAIN_WAIT_MAX, || {
        Ok(match subject.backlog()? {
            0 => Look::Found(()),
            behind => Look::Not(format!("{behind} records behind")),
        })
    })?;
    Ok(since.elapsed())
}

/// Says on the terminal what a cell gave.
pub fn tell(what: &str, subject: &dyn Subject, measured: &Measured) {
    let tally = &measured.tally;
    let mut troubles = tally.troubles().to_string();
    // A window that ends early is no error: the figures are for the time it lasted.
    if measured.ended_early() {
        troubles += &format!(" (requests used up after {:.1} s)", tally.elapsed.as_secs_f64());
    }
    report::line(format!(
        "  {what:<28} {:<23} {:>8.0}/s  server {:>6.2} us, with database {:>6.2} us  p50 {:.3} ms p99 {:.3} ms  \
         generator {:.2} + {:.2} us{}{}",
        subject.kind().title(),
        tally.rate(),
        measured.server_us(),
        measured.all_us(),
        tally.latency(0.5).as_secs_f64() * 1e3,
        tally.latency(0.99).as_secs_f64() * 1e3,
        tally.generator_ns() / 1e3,
        tally.judging_ns() / 1e3,
        if troubles.is_empty() { "" } else { "  ! " },
        troubles
    ));
}
