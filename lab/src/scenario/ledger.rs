//! Accounting sent by radclient and found again in `radacct`: what was acknowledged, and what the table says.
//!
//! The journal is carried into the database in order, so when a record sent last is there, everything sent before is there
//! too, or lost; that is what [`Ledger::settle`] waits for. Nothing here waits for a duration.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lab::Lab;
use crate::radclient::{Client, Reply};
use crate::secret::Secret;
use crate::wait::{self, Look};

/// How long the drain may take, including PostgreSQL's own recovery.
const SETTLE_WAIT_MAX: Duration = Duration::from_secs(60);
/// How much of a random secret makes a session id unique.
const RUN_ID_LENGTH: usize = 8;

/// Octets of a session that has more than 32 bits of them.
const OCTETS_IN: u64 = (1 << 32) + 1_073_741_824;
/// Octets the other way.
const OCTETS_OUT: u64 = 2 * (1 << 32) + 7;

/// One NAS that accounts, and the server it accounts to.
pub(super) struct Ledger<'a> {
    /// Where the accounting goes.
    server: SocketAddr,
    /// The NAS.
    client: Client,
    /// The lab, for reading the table.
    lab: &'a Lab,
    /// What all session ids of this ledger begin with.
    run: String,
}

impl<'a> Ledger<'a> {
    /// A ledger with session ids that nobody else uses.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub(super) fn open(lab: &'a Lab, name: &str) -> Result<Ledger<'a>> {
        let unique = Secret::random()?
            .reveal()
            .chars()
            .take(RUN_ID_LENGTH)
            .collect::<String>();
        let client = super::passwords::legacy(lab)?;
        Ok(Ledger {
            server: lab.server.accounting()?,
            client,
            lab,
            run: format!("{name}-{unique}"),
        })
    }

    /// Lets go of the lab, which is about to change; the session ids stay.
    pub(super) fn pause(self) -> Paused {
        Paused {
            client: self.client,
            run: self.run,
        }
    }

    /// Sends a Start, which must be acknowledged.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn start(&self, session: &str) -> Result<()> {
        self.send(session, "Acct-Status-Type = Start\n")
    }

    /// Sends an Interim-Update with a third of the octets, which must be acknowledged.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn interim(&self, session: &str) -> Result<()> {
        let usage = usage(OCTETS_IN / 3, OCTETS_OUT / 3, 30);
        self.send(session, &format!("Acct-Status-Type = Interim-Update\n{usage}"))
    }

    /// Sends a Stop with all octets, which must be acknowledged. `delay_s` is how long the NAS has been trying.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn stop(&self, session: &str, delay_s: u32) -> Result<()> {
        let usage = usage(OCTETS_IN, OCTETS_OUT, 90);
        let rest = format!("Acct-Terminate-Cause = User-Request\nAcct-Delay-Time = {delay_s}\n");
        self.send(session, &format!("Acct-Status-Type = Stop\n{usage}{rest}"))
    }

    /// Waits until everything sent so far must be in the table: sends one more session and waits for its row.
    ///
    /// # Errors
    /// The row does not come.
    pub(super) fn settle(&self, fence: &str) -> Result<()> {
        self.start(fence)?;
        self.stop(fence, 0)?;
        let id = self.id(fence);
        wait::until(
            "the last accounting record to be in radacct",
            SETTLE_WAIT_MAX,
            || {
                let query = format!(
                    "select count(*) from radacct where acctsessionid = '{id}' and acctstoptime is not null"
                );
                // psql fails while PostgreSQL recovers; that is a reason to look again.
                Ok(match self.lab.server.psql(&query) {
                    Ok(count) if count == "1" => Look::Found(()),
                    Ok(count) => Look::Not(format!("{count} rows")),
                    Err(error) => Look::Not(format!("{error:#}")),
                })
            },
        )
    }

    /// Checks that a session is in the table exactly once, closed, with all its octets.
    ///
    /// # Errors
    /// It is not; what is there instead.
    pub(super) fn check_closed(&self, session: &str) -> Result<()> {
        let expected = format!("1|{OCTETS_IN}|{OCTETS_OUT}|User-Request|t|90");
        let found = self.row(session)?;
        ensure!(
            found == expected,
            "radacct has {found:?} for {session}, expected {expected:?}"
        );
        Ok(())
    }

    /// Rows, octets and end of a session, summed over all its rows so that a second row shows.
    fn row(&self, session: &str) -> Result<String> {
        let id = self.id(session);
        self.lab.server.psql(&format!(
            "select count(*), sum(acctinputoctets), sum(acctoutputoctets), min(acctterminatecause), \
             bool_and(acctstoptime is not null), sum(acctsessiontime) from radacct where acctsessionid = '{id}'"
        ))
    }

    /// The Acct-Session-Id of a session.
    fn id(&self, session: &str) -> String {
        format!("{}-{session}", self.run)
    }

    /// Sends one record.
    fn send(&self, session: &str, attributes: &str) -> Result<()> {
        let id = self.id(session);
        let common = format!("Acct-Session-Id = \"{id}\"\nUser-Name = \"bob\"\nNAS-Port = 7\n");
        let reply = self
            .client
            .account(self.server, &format!("{common}{attributes}"))?;
        ensure!(reply == Reply::Accounted, "accounting of {id} got {reply:?}");
        Ok(())
    }
}

/// A ledger that is put away.
pub(super) struct Paused {
    /// The NAS.
    client: Client,
    /// What all session ids begin with.
    run: String,
}

impl Paused {
    /// Opens it again.
    ///
    /// # Errors
    /// The server listens nowhere.
    pub(super) fn resume(self, lab: &Lab) -> Result<Ledger<'_>> {
        Ok(Ledger {
            server: lab.server.accounting()?,
            client: self.client,
            lab,
            run: self.run,
        })
    }
}

/// Octets in both directions, as RADIUS splits them.
fn usage(octets_in: u64, octets_out: u64, seconds: u32) -> String {
    let mut text = format!("Acct-Session-Time = {seconds}\n");
    for (name, octets) in [("Input", octets_in), ("Output", octets_out)] {
        let (low, high) = (octets % (1 << 32), octets >> 32);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "Acct-{name}-Octets = {low}\nAcct-{name}-Gigawords = {high}\n"
        );
    }
    text
}
