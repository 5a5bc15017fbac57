//! Step 7: PostgreSQL is down for a while. Logins and accounting go on, the API says what is wrong, and when PostgreSQL
//! is back nothing is missing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use super::ledger::Ledger;
use super::passwords;
use crate::lab::Lab;
use crate::postgres::Postgres;
use crate::radclient::Reply;
use crate::wait::{self, Look};

/// Sessions that begin and end during the outage.
const SESSIONS: usize = 10;
/// How long a command may take to say that the database is away.
const TELL_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long the server's supervisor may take to bring PostgreSQL back.
const BACK_WAIT_MAX: Duration = Duration::from_secs(60);

/// Plays the step.
pub(super) fn play(lab: &mut Lab) -> Result<String> {
    let postgres = Postgres::of(&lab.server.data);
    let since_unix_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let ledger = Ledger::open(lab, "outage")?;
    let down = postgres.keep_down()?;
    ensure!(lab.server.psql("select 1").is_err(), "PostgreSQL still answers");
    let sessions: Vec<String> = (0..SESSIONS).map(|number| format!("s{number}")).collect();
    for session in &sessions {
        log_in_right_and_wrong(lab)?;
        ledger.start(session)?;
        ledger.interim(session)?;
        ledger.stop(session, 0)?;
    }
    let told = told(lab)?;
    ensure!(
        postgres.postmaster().is_err(),
        "PostgreSQL came back although it was kept down"
    );
    drop(down);
    let since = Instant::now();
    wait::until("PostgreSQL to be back", BACK_WAIT_MAX, || {
        Ok(lab
            .server
            .psql("select 1")
            .map_or_else(|error| Look::Not(format!("{error:#}")), |_| Look::Found(())))
    })?;
    let back = since.elapsed();
    ledger.settle("after")?;
    for session in &sessions {
        ledger.check_closed(session)?;
    }
    let expected = 2 * SESSIONS;
    wait::until(
        "the logins of the outage to be in radpostauth",
        super::SOON,
        || {
            let found = logins(lab, since_unix_s)?;
            Ok(if found == expected {
                Look::Found(())
            } else {
                Look::Not(format!("{found} of {expected}"))
            })
        },
    )?;
    lab.server.check()?;
    Ok(format!(
        "meanwhile {SESSIONS} logins accepted and {SESSIONS} wrong passwords refused, {} accounting records acknowledged, \
         the API said: {told}; PostgreSQL back after {:.1} s: {SESSIONS} sessions in radacct, once each, and {} logins in \
         radpostauth",
        3 * SESSIONS,
        back.as_secs_f32(),
        2 * SESSIONS,
    ))
}

/// One login that must be accepted and one that must not.
fn log_in_right_and_wrong(lab: &Lab) -> Result<()> {
    let (client, server) = (passwords::legacy(lab)?, lab.server.auth()?);
    let right = client.pap(server, "bob", lab.isp.subscriber_password.reveal())?;
    ensure!(right == Reply::Accept, "a login without PostgreSQL: {right:?}");
    let wrong = client.pap(server, "bob", "not-the-password")?;
    ensure!(
        wrong == Reply::Reject,
        "a wrong password without PostgreSQL: {wrong:?}"
    );
    Ok(())
}

/// What the API tells an operator meanwhile; it must tell him soon and must not blame him.
fn told(lab: &Lab) -> Result<String> {
    let since = Instant::now();
    let said = lab.noc()?.run(&["plan", "list"])?;
    let took = since.elapsed();
    ensure!(
        said.code() == 1,
        "plan list ended with {} while PostgreSQL is down: {}",
        said.code(),
        said.said()
    );
    ensure!(
        took < TELL_WAIT_MAX,
        "plan list took {:.1} s to say so",
        took.as_secs_f32()
    );
    let (ready, _) = lab.server.page("/readyz")?;
    ensure!(ready == 503, "/readyz says {ready} while PostgreSQL is down");
    Ok(said.err.trim().lines().next().unwrap_or_default().to_owned())
}

/// How many decisions about bob the database has since a moment.
fn logins(lab: &Lab, since_unix_s: f64) -> Result<usize> {
    let recent = format!("username = 'bob' and authdate >= to_timestamp({since_unix_s:.6})");
    Ok(lab
        .server
        .psql(&format!("select count(*) from radpostauth where {recent}"))?
        .parse()?)
}
