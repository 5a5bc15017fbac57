//! What every round stands on: server, disks, NAS, and the comparison that ends a round.
//!
//! One server and one database for all rounds, so that what one round spoils without a sign shows in a later one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::clock::Clock;
use super::dice::Dice;
use super::disks::Disks;
use super::fleet::{self, Digest, Fleet, Order};
use super::journal::Journal;
use super::ledger::{self, Difference, Fault, Row};
use super::tally::Tally;
use crate::headend::{Cli, Server};
use crate::isp::Isp;
use crate::lab;
use crate::postgres::Postgres;
use crate::process;
use crate::rundir::{self, RunDir};
use crate::secret::{self, Secret};
use crate::wait::{self, Look};

/// How long a server may take to acknowledge a record when nothing keeps it.
const ACKNOWLEDGE_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long the drain may take, including PostgreSQL's own recovery.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(120);
/// How long a copy of the data may take.
const COPY_WAIT_MAX: Duration = Duration::from_secs(120);
/// Keeps PostgreSQL's log small beside what the drill writes, so that the disks of the drill can be, too.
const POSTGRES_SETTINGS: &str = "# Put here by the drill.\nmax_wal_size = '256MB'\n";

/// See the module's words. What talks to the server stands before it, so that it goes first.
#[derive(Debug)]
pub struct Stage {
    /// The NAS.
    pub fleet: Fleet,
    /// The server under test.
    pub server: Server,
    /// Disks of our own, or why there are none.
    pub disks: Result<Disks, String>,
    /// A clock of our own, or why there is none.
    pub clock: Result<Clock, String>,
    /// Chance.
    pub dice: Dice,
    /// What was done and seen so far.
    pub tally: Tally,
    /// The accounting journal's directory.
    pub journal_dir: PathBuf,
    /// The first sequence number of the journal that was not looked at; everything before it was acknowledged.
    pub looked_up_to: u64,
    /// Sessions that are in the table.
    stored: BTreeSet<String>,
    /// Files.
    run: RunDir,
}

impl Stage {
    /// Starts a server, brings the NAS of the drill into it, and lets them account slowly.
    ///
    /// # Errors
    /// Something does not come up.
    pub fn raise(root: &Path, headend: &Path, seed: u64, own_mounts: bool) -> Result<Stage> {
        let run = RunDir::prepare(root)?;
        rundir::clear_logs(&run)?;
        let mut dice = Dice::new(seed);
        let state = run
            .data
            .parent()
            .context("the data directory has no parent")?
            .to_owned();
        let disks = if own_mounts {
            Disks::make(&state).map_err(|error| format!("{error:#}"))
        } else {
            Err("mounting needs root and a mount namespace of its own".to_owned())
        };
        let journal = state.join("journal/journal");
        let mut server = Server::new(
            headend,
            &run.data.join("headend"),
            lab::listen(None)?,
            &run.log("headend"),
        );
        let journal_text = journal.to_str().context("a path is not UTF-8")?.to_owned();
        server
            .env
            .push(("HEADEND_RADIUS_JOURNAL_DIR".to_owned(), journal_text));
        server.start()?;
        durably(&server.data.join("postgres/local.conf"), POSTGRES_SETTINGS)
            .context("cannot write PostgreSQL's settings")?;
        let secret = Secret::random()?;
        admit(root, headend, &server, &secret, &run)?;
        let fleet = Fleet::start(server.accounting()?, &secret, &format!("d{seed}"), &mut dice)?;
        let mut stage = Stage {
            fleet,
            server,
            disks,
            clock: Clock::find(&state),
            dice,
            tally: Tally::default(),
            journal_dir: journal.join("accounting"),
            looked_up_to: 0,
            stored: BTreeSet::new(),
            run,
        };
        // The directory follows the database within a second; a NAS it does not know yet is not answered.
        stage.load()?;
        Ok(stage)
    }

    /// The private cluster.
    pub fn postgres(&self) -> Postgres {
        Postgres::of(&self.server.data)
    }

    /// The disks, which the kinds that need them have.
    ///
    /// # Errors
    /// There are none.
    pub fn disks(&mut self) -> Result<&mut Disks> {
        self.disks.as_mut().map_err(|why| anyhow::anyhow!("{why}"))
    }

    // -- Load

    /// Puts a random load on the server and waits until it is felt.
    ///
    /// # Errors
    /// Nothing is acknowledged.
    pub fn load(&mut self) -> Result<()> {
        let rate = u32::try_from(self.dice.between(50, 600)).unwrap_or(50);
        let fat = self.dice.chance(15);
        self.fleet.order(Order {
            rate,
            fat,
            storm: false,
        });
        self.acknowledgements(40)
    }

    /// Waits for a random number of further acknowledgements, which must come.
    ///
    /// # Errors
    /// They do not come.
    pub fn acknowledgements(&mut self, most: u64) -> Result<()> {
        let count = self.fleet.acknowledged() + self.dice.between(1, most);
        if self.fleet.wait_acknowledged(count, ACKNOWLEDGE_WAIT_MAX)? {
            return Ok(());
        }
        self.server.check()?;
        bail!(
            "{} s without the acknowledgements that were waited for; {} records wait; {}",
            ACKNOWLEDGE_WAIT_MAX.as_secs(),
            self.fleet.pending(),
            self.metrics("radius_").unwrap_or_default()
        )
    }

    // -- Blows

    /// Kills the server; afterwards everything that it acknowledged is in the ledger.
    ///
    /// # Errors
    /// It was dead already.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()?;
        self.fleet.catch_up();
        self.fleet.expect_first();
        self.tally.blow("kill -9 of headend");
        Ok(())
    }

    /// Starts the server and waits until it acknowledges something.
    ///
    /// # Errors
    /// It does not.
    pub fn restart(&mut self) -> Result<()> {
        let since = Instant::now();
        self.server.start()?;
        let first = self.fleet.wait_first(ACKNOWLEDGE_WAIT_MAX)?;
        let first = first.context("no acknowledgement after the restart")?;
        self.tally.restart(first.saturating_duration_since(since));
        Ok(())
    }

    /// Waits until the server counts something that it did not before.
    ///
    /// # Errors
    /// It does not come to that.
    pub fn wait_counted(&mut self, what: &str, metric: &str) -> Result<()> {
        let before = self.metric(metric)?;
        wait::until(what, ACKNOWLEDGE_WAIT_MAX, || {
            self.server.check()?;
            // Asked over HTTP, which may be slow on a busy machine.
            let now = self.metric(metric).unwrap_or(before);
            Ok(if now > before {
                Look::Found(())
            } else {
                Look::Not(format!("{metric} {now}"))
            })
        })
    }

    /// The value of a metric, given with its labels.
    ///
    /// # Errors
    /// The server does not say.
    pub fn metric(&self, metric: &str) -> Result<u64> {
        let (_, page) = self.server.page("/metrics")?;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        let line = line.with_context(|| format!("there is no metric {metric}"))?;
        line.trim().parse().with_context(|| format!("{metric} is {line}"))
    }

    /// The metrics whose name begins so, for messages.
    fn metrics(&self, prefix: &str) -> Result<String> {
        let (_, page) = self.server.page("/metrics")?;
        Ok(page
            .lines()
            .filter(|line| line.starts_with(prefix) && !line.ends_with(" 0"))
            .collect::<Vec<_>>()
            .join("; "))
    }

    // -- Proof

    /// Compares the journal with what was sent and acknowledged since the last comparison.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn compare_journal(&self) -> Result<(Journal, Vec<Difference>)> {
        let journal = Journal::read(&self.journal_dir)?;
        let mut differences = Vec::new();
        let mut missing: BTreeSet<Digest> = self.fleet.acknowledged_datagrams();
        for record in journal.records().filter(|record| record.seq >= self.looked_up_to) {
            if self.fleet.fate(&record.packet).is_none() {
                differences.push(Difference {
                    fault: Fault::JournalledNeverSent,
                    ledger: "nothing".to_owned(),
                    database: format!("journal record {}: {:02x?}", record.seq, record.packet),
                });
            }
            missing.remove(&fleet::digest(&record.packet));
        }
        // What was carried into the database may be gone from here; then only the table can tell.
        if journal.reaches_back_to(self.looked_up_to) && !missing.is_empty() {
            differences.push(Difference {
                fault: Fault::NotInJournal,
                ledger: format!("{} acknowledged datagrams, MD5 {missing:02x?}", missing.len()),
                database: format!("journal up to record {}", journal.next_seq()),
            });
        }
        Ok((journal, differences))
    }

    /// Has everything delivered and carried into the database, and compares.
    ///
    /// # Errors
    /// Something is not delivered or not carried in time.
    pub fn settle(&mut self) -> Result<Vec<Difference>> {
        self.fleet.order(Order::default());
        wait::until("every record to be acknowledged", ACKNOWLEDGE_WAIT_MAX, || {
            self.server.check()?;
            Ok(match self.fleet.pending() {
                0 => Look::Found(()),
                left => Look::Not(format!(
                    "{left} wait; {}",
                    self.metrics("radius_acc").unwrap_or_default()
                )),
            })
        })?;
        let (journal, mut differences) = self.compare_journal()?;
        let next_seq = journal.next_seq();
        let looked_at = journal.records().filter(|record| record.seq >= self.looked_up_to);
        self.tally.journalled += looked_at.count() as u64;
        self.wait_carried(next_seq)?;
        let accounts = self.fleet.take_touched();
        let mut query = format!(
            "select {} from radacct where acctsessionid = any('{{",
            Row::COLUMNS
        );
        for (at, account) in accounts.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(query, "{}{}", if at > 0 { "," } else { "" }, account.session);
        }
        query.push_str("}');\nselect count(*) from radacct;\n");
        let (rows, count) = rows_and_count(&self.server.psql(&query)?)?;
        differences.append(&mut ledger::compare(&accounts, &rows));
        self.stored.extend(rows.into_iter().map(|row| row.session));
        if differences.is_empty() && count != self.stored.len() {
            differences = self.compare_all()?;
        }
        for metric in [
            "access_drain_poisoned_total{stream=\"accounting\"}",
            "radius_worker_restarts_total",
        ] {
            ensure!(self.metric(metric)? == 0, "{metric} is not 0");
        }
        self.looked_up_to = next_seq;
        self.fleet.turn_page();
        Ok(differences)
    }

    /// Compares every session there ever was with the whole table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn compare_all(&mut self) -> Result<Vec<Difference>> {
        let query = format!(
            "select {} from radacct;\nselect count(*) from radacct;\n",
            Row::COLUMNS
        );
        let (rows, count) = rows_and_count(&self.server.psql(&query)?)?;
        ensure!(rows.len() == count, "{} rows were read of {count}", rows.len());
        self.tally.sessions = count as u64;
        Ok(ledger::compare(&self.fleet.accounts(), &rows))
    }

    /// Waits until the drain has carried everything before a sequence number.
    fn wait_carried(&mut self, next_seq: u64) -> Result<()> {
        let query =
            "select coalesce(max(next_seq), 0) from access.journal_cursor where stream = 'accounting'";
        wait::until("the journal to be in the database", DRAIN_WAIT_MAX, || {
            self.server.check()?;
            // psql fails while PostgreSQL recovers; that is a reason to look again.
            Ok(match self.server.psql(query) {
                Ok(cursor) if cursor.parse().is_ok_and(|cursor: u64| cursor >= next_seq) => Look::Found(()),
                Ok(cursor) => Look::Not(format!("cursor {cursor}, journal up to {next_seq}")),
                Err(error) => Look::Not(format!("{error:#}")),
            })
        })
    }

    // -- Afterwards

    /// Keeps data and journal for inspection; gives where.
    ///
    /// # Errors
    /// They cannot be copied.
    pub fn keep(&mut self, seed: u64) -> Result<PathBuf> {
        let kept = std::env::temp_dir().join(format!("headend-drill-{seed}-kept"));
        if kept.exists() {
            fs::remove_dir_all(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
        }
        fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
        // Dead first: a copy of files that move is no evidence.
        let _ = self.server.kill();
        let _ = self.postgres().kill_all();
        let mut command = Command::new("cp");
        command.arg("--archive").arg(&self.server.data);
        command.arg(self.journal_dir.parent().unwrap_or(&self.journal_dir));
        command.arg(self.run.log("headend")).arg(&kept);
        let finished = process::run(command, "", COPY_WAIT_MAX)?;
        ensure!(finished.code() == 0, "cannot keep the data: {}", finished.said());
        Ok(kept)
    }
}

/// Brings the demo ISP and the NAS of the drill into a fresh server.
fn admit(root: &Path, headend: &Path, server: &Server, secret: &Secret, run: &RunDir) -> Result<()> {
    let isp = Isp::new(root)?;
    let admin = Cli::new(headend, &server.url(), &run.dir.join("admin.credentials.toml"));
    isp.set_up(server, &admin, run)?;
    isp.apply(&admin)?;
    let file = run.dir.join("drill.secret");
    secret::write_file(&file, &format!("{}\n", secret.reveal()))?;
    let file = file.to_str().context("a path is not UTF-8")?;
    for number in 0..fleet::NAS_COUNT {
        let (name, address) = (format!("drill-{number}"), fleet::address(number).to_string());
        admin.done(&["nas", "add", &name, "--address", &address, "--secret-file", file])?;
    }
    Ok(())
}

/// Writes a file that a power cut of the drill must not spoil.
fn durably(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads what psql printed: rows, and in the last line how many there are in all.
fn rows_and_count(printed: &str) -> Result<(Vec<Row>, usize)> {
    let mut lines: Vec<&str> = printed.lines().collect();
    let count = lines.pop().and_then(|line| line.parse().ok());
    let count = count.with_context(|| format!("psql counted nothing: {printed}"))?;
    let rows = lines
        .into_iter()
        .map(|line| Row::parse(line).with_context(|| format!("psql printed {line:?}")))
        .collect::<Result<_>>()?;
    Ok((rows, count))
}
