//! How soon a change is live: a subscriber is suspended or restored in the database, and a login shows when the server
//! knows, while others keep logging in.
//!
//! The clock starts before the statement is sent to PostgreSQL, so its commit is part of what is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use radius::{Code, SharedSecret, View};

use super::cell::{Press, Work};
use super::subject::headend::Headend;
use super::subject::{Kind, Place, Subject};
use super::{Bench, Test, rounds};
use crate::load::people;
use crate::load::recipe::{self, Login, Method, Order, Recipe, Sender};
use crate::load::route::nas_address;
use crate::load::tally;
use crate::load::verdict::{Verdict, judge};
use crate::{interrupt, report};

/// Changes that are made.
const CHANGES: usize = 200;
/// The same in the short form.
const CHANGES_QUICK: usize = 20;
/// When a change that nobody sees is given up.
const LIVE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long one login of the prober is waited for.
const ANSWER_WAIT: Duration = Duration::from_millis(200);
/// Logins a second meanwhile, when saturation was not measured.
const RATE_USUAL: f64 = 10_000.0;
/// The name of the test in the figures.
pub const CHANGES_LIVE: &str = "changes";

/// Makes changes under load, both processors shared by everybody.
///
/// # Errors
/// The server has ended, or a change never became live.
pub fn live(bench: &mut Bench) -> Result<()> {
    if !bench.plan.wants(Test::Changes) {
        return Ok(());
    }
    bench.stage.place(Place::Free)?;
    let title = Kind::Headend.title();
    let saturation = bench
        .figures
        .median(&rounds::name(Work::Pap, Place::Free), "rate", title);
    let rate = saturation.map_or(RATE_USUAL, |median| median.value / 2.0);
    let changes = if bench.plan.quick { CHANGES_QUICK } else { CHANGES };
    let mut cell = rounds::cell(bench, Work::Pap, Place::Free, Press::Steady(rate));
    // The prober's subscribers are the last ones and log in on no other's behalf, so that no reject spoils the load.
    cell.subscribers = cell.subscribers.saturating_sub(changes).max(1);
    let first = cell.subscribers;
    let Some(headend) = &bench.stage.headend else {
        return Ok(());
    };
    let secret = bench.workshop.secret.clone();
    let workshop = &mut bench.workshop;
    let stop = AtomicBool::new(false);
    let mut loads = Vec::new();
    let latencies = thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let probed = Prober::open(headend, &secret).and_then(|prober| prober.probe(first, changes));
            stop.store(true, Ordering::Relaxed);
            probed
        });
        while !stop.load(Ordering::Relaxed) {
            loads.push(workshop.measure(headend, cell));
        }
        prober
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the prober panicked")))
    })?;
    for load in loads {
        rounds::told(&mut bench.figures, CHANGES_LIVE, headend, &load?);
    }
    let ms = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
    report::line(format!(
        "  {changes} changes at {rate:.0} logins/s: live after p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        ms(0.5),
        ms(0.99),
        ms(1.0)
    ));
    for (measure, value) in [
        ("p50 ms", ms(0.5)),
        ("p99 ms", ms(0.99)),
        ("most ms", ms(1.0)),
        ("rate", rate),
    ] {
        bench.figures.add(CHANGES_LIVE, measure, title, value);
    }
    bench.figures.add(CHANGES_LIVE, "changes", title, changes as f64);
    Ok(())
}

/// Makes changes and looks for them.
struct Prober<'s> {
    /// psql, waiting for statements.
    psql: Child,
    /// Where statements go.
    statements: ChildStdin,
    /// Where it says that one is done.
    done: BufReader<ChildStdout>,
    /// Logs in.
    socket: UdpSocket,
    /// Where.
    auth: SocketAddr,
    /// What it shares with the server.
    secret: &'s SharedSecret,
    /// Logins so far.
    logins: usize,
    /// Makes authenticators differ.
    seed: u64,
}

impl<'s> Prober<'s> {
    /// Connects to the database and to the server.
    fn open(headend: &Headend, secret: &'s SharedSecret) -> Result<Prober<'s>> {
        let mut command = headend.superuser_psql()?;
        command.args(["-v", "ON_ERROR_STOP=1"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = command.spawn().context("cannot start psql")?;
        let statements = psql.stdin.take().context("psql takes no statements")?;
        let done = psql.stdout.take().context("psql says nothing")?;
        let socket = UdpSocket::bind((nas_address(0), 0))?;
        socket.set_read_timeout(Some(ANSWER_WAIT))?;
        Ok(Prober {
            psql,
            statements,
            done: BufReader::new(done),
            socket,
            auth: headend.auth(),
            secret,
            logins: 0,
            seed: recipe::fresh_seed()?,
        })
    }

    /// Changes one subscriber after the other; gives how long each change took to be live, in nanoseconds.
    fn probe(mut self, first: usize, changes: usize) -> Result<hdrhistogram::Histogram<u64>> {
        let mut latencies = tally::latencies();
        for number in 0..changes {
            // Each one is suspended, and restored in the next turn.
            let subscriber = first + number / 2;
            let (status, expected) = match number % 2 {
                0 => ("suspended", Code::AccessReject),
                _ => ("active", Code::AccessAccept),
            };
            let since = Instant::now();
            self.change(subscriber, status)?;
            while self.log_in(subscriber)? != Some(expected) {
                interrupt::check()?;
                if since.elapsed() > LIVE_WAIT_MAX {
                    bail!(
                        "{} was made {status}, and {} s later logins do not show it",
                        people::name(subscriber),
                        LIVE_WAIT_MAX.as_secs()
                    );
                }
            }
            tally::record(&mut latencies, since.elapsed().as_nanos() as u64);
        }
        Ok(latencies)
    }

    /// Changes a subscriber's status and waits for the commit. Names the (only) partner, as every statement of the server
    /// does: without it PostgreSQL reads all subscribers, and that would be what is measured.
    fn change(&mut self, subscriber: usize, status: &str) -> Result<()> {
        let name = people::name(subscriber);
        writeln!(
            self.statements,
            "UPDATE access.subscribers SET status = '{status}', status_since = now()
             WHERE tenant_id = (SELECT id FROM kernel.tenants LIMIT 1) AND username = '{name}' AND deleted_at IS NULL;\n\\echo done"
        )
        .context("psql has gone")?;
        let mut said = String::new();
        self.done.read_line(&mut said).context("psql has gone")?;
        if said.trim() != "done" {
            bail!("psql said {said:?}");
        }
        Ok(())
    }

    /// Logs a subscriber in; `None` when nobody answers in time.
    fn log_in(&mut self, subscriber: usize) -> Result<Option<Code>> {
        let login = Login {
            method: Method::Pap,
            subscribers: usize::MAX,
            order: Order::EachOnce,
            // The number of a request decides its subscriber, so the seed makes one differ from the next.
            seed: self.seed.wrapping_add(self.logins as u64 * 0x1_0000_0001),
        };
        let sender = Sender {
            nas: nas_address(0),
            identifier: self.logins as u8,
            secret: self.secret,
        };
        self.logins += 1;
        let mut room = [0; 512];
        let length = login.write(subscriber, sender, &mut room)?;
        self.socket.send_to(&room[..length], self.auth)?;
        let mut reply = [0; 1_024];
        while let Ok((len, _)) = self.socket.recv_from(&mut reply) {
            let Ok(view) = View::parse(&reply[..len]) else {
                continue;
            };
            if judge(self.secret, &room[..length], &reply[..len], view.code()) == Verdict::Good {
                return Ok(Some(view.code()));
            }
        }
        Ok(None)
    }
}

impl Drop for Prober<'_> {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}
