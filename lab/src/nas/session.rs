//! One simulated subscriber: offline, online, being thrown out; and the packets that go with each change.
//!
//! The lock on the lines is never held while a packet is on its way, so that a Disconnect-Request is answered at once.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::wire::{Event, Reply, Usage, Wire};
use super::{Lines, Twin, locked};

/// Octets a subscriber wants to receive a second; enough that a few minutes need Gigawords.
const DOWN_OCTETS_PER_S: u64 = 11_000_000;
/// Octets a subscriber sends a second.
const UP_OCTETS_PER_S: u64 = 1_300_000;

/// Why a session ends (RFC 2866 section 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Cause {
    /// The subscriber logged out.
    UserRequest = 1,
    /// A Disconnect-Request.
    AdminReset = 6,
    /// The BNG is shut down.
    NasRequest = 10,
}

/// What a subscriber is doing.
#[derive(Debug, Clone)]
enum State {
    /// He logs in at this time.
    Offline { until: Instant },
    /// He is online.
    Online(Session),
}

/// A session as the BNG knows it.
#[derive(Debug, Clone)]
struct Session {
    /// Acct-Session-Id.
    id: String,
    /// The Class of the Access-Accept, echoed in accounting.
    class: Option<Vec<u8>>,
    /// When it began.
    since: Instant,
    /// When the next interim update is due.
    interim_at: Instant,
    /// Octets he receives a second: what he wants, or what he was given.
    down_octets_per_s: u64,
    /// Set once it is to end.
    ending: Option<Cause>,
}

/// A port of the BNG with the subscriber behind it; its place in the list is its NAS-Port.
#[derive(Debug)]
pub(super) struct Line {
    /// Who.
    twin: Twin,
    /// What he is doing.
    state: State,
}

impl Line {
    /// A subscriber who logs in as soon as it is his turn.
    pub(super) fn new(twin: Twin, now: Instant) -> Line {
        Line {
            twin,
            state: State::Offline { until: now },
        }
    }

    /// Whether he has a session that is not about to end.
    pub(super) fn is_online(&self) -> bool {
        matches!(&self.state, State::Online(session) if session.ending.is_none())
    }

    /// His User-Name.
    pub(super) fn username(&self) -> &str {
        &self.twin.username
    }

    /// His Acct-Session-Id, while he is online.
    pub(super) fn session_id(&self) -> Option<String> {
        match &self.state {
            State::Online(session) if session.ending.is_none() => Some(session.id.clone()),
            _ => None,
        }
    }

    /// Octets he receives a second, while he is online.
    pub(super) fn down_octets_per_s(&self) -> Option<u64> {
        match &self.state {
            State::Online(session) if session.ending.is_none() => Some(session.down_octets_per_s),
            _ => None,
        }
    }

    /// Marks his session to be ended by its own thread.
    pub(super) fn throw_out(&mut self) {
        if let State::Online(session) = &mut self.state {
            session.ending = Some(Cause::AdminReset);
        }
    }
}

/// Does what is due for one subscriber.
pub(super) fn step(wire: &mut Wire, lines: &Lines, port: usize, now: Instant) {
    let Some((twin, state)) = locked(lines)
        .get(port)
        .map(|line| (line.twin.clone(), line.state.clone()))
    else {
        return;
    };
    let result = match state {
        State::Offline { until } if now >= until => log_in(wire, lines, port, &twin),
        State::Offline { .. } => Ok(()),
        State::Online(session) => match session.ending {
            Some(cause) => log_out(wire, lines, port, &twin, &session, cause),
            None if now.duration_since(session.since) >= twin.stays => {
                log_out(wire, lines, port, &twin, &session, Cause::UserRequest)
            }
            None if now >= session.interim_at => interim(wire, lines, port, &twin, &session, now),
            None => Ok(()),
        },
    };
    if result.is_err() {
        // Nothing a subscriber could do about it; he tries again later.
        retry_later(lines, port, &twin, now);
    }
}

/// Ends all sessions.
pub(super) fn all_out(wire: &mut Wire, lines: &Lines) {
    let count = locked(lines).len();
    for port in 0..count {
        let Some((twin, state)) = locked(lines)
            .get(port)
            .map(|line| (line.twin.clone(), line.state.clone()))
        else {
            continue;
        };
        if let State::Online(session) = state {
            // The server may be gone already.
            let _ = log_out(wire, lines, port, &twin, &session, Cause::NasRequest);
        }
    }
}

/// Asks to be let in and, if he is, tells that his session began.
fn log_in(wire: &mut Wire, lines: &Lines, port: usize, twin: &Twin) -> Result<()> {
    let reply = wire.log_in(twin, port)?;
    let now = Instant::now();
    let state = match reply {
        Reply::Accepted { class, down_bps } => {
            wire.counters().accepted.fetch_add(1, Ordering::Relaxed);
            let session = Session {
                id: wire.session_id()?,
                class,
                since: now,
                interim_at: now + twin.interim,
                down_octets_per_s: down_bps.map_or(DOWN_OCTETS_PER_S, |bps| DOWN_OCTETS_PER_S.min(bps / 8)),
                ending: None,
            };
            account(wire, port, twin, &session, Event::Start)?;
            State::Online(session)
        }
        Reply::Rejected => {
            wire.counters().rejected.fetch_add(1, Ordering::Relaxed);
            State::Offline {
                until: now + twin.away,
            }
        }
        Reply::Silence => State::Offline {
            until: now + twin.away,
        },
    };
    set(lines, port, state)
}

/// Tells how much was used so far.
fn interim(
    wire: &mut Wire,
    lines: &Lines,
    port: usize,
    twin: &Twin,
    session: &Session,
    now: Instant,
) -> Result<()> {
    account(wire, port, twin, session, Event::Interim)?;
    let mut held = locked(lines);
    let line = held.get_mut(port).context("no such line")?;
    // Somebody may have thrown him out meanwhile; only the time of the next interim update changes.
    if let State::Online(session) = &mut line.state {
        session.interim_at = now + twin.interim;
    }
    Ok(())
}

/// Tells that the session is over.
fn log_out(
    wire: &mut Wire,
    lines: &Lines,
    port: usize,
    twin: &Twin,
    session: &Session,
    cause: Cause,
) -> Result<()> {
    account(wire, port, twin, session, Event::Stop(cause))?;
    set(
        lines,
        port,
        State::Offline {
            until: Instant::now() + twin.away,
        },
    )
}

/// Sends one accounting record.
fn account(wire: &mut Wire, port: usize, twin: &Twin, session: &Session, event: Event) -> Result<()> {
    let seconds = session.since.elapsed().as_secs();
    let usage = Usage {
        seconds,
        octets_in: seconds * UP_OCTETS_PER_S,
        octets_out: seconds * session.down_octets_per_s,
    };
    wire.account(twin, port, &session.id, session.class.as_deref(), event, usage)
}

/// Changes what a subscriber is doing.
fn set(lines: &Lines, port: usize, state: State) -> Result<()> {
    locked(lines).get_mut(port).context("no such line")?.state = state;
    Ok(())
}

/// After a failure: whoever was offline stays away for a while, whoever was online keeps his session.
fn retry_later(lines: &Lines, port: usize, twin: &Twin, now: Instant) {
    if let Some(line) = locked(lines).get_mut(port) {
        match &mut line.state {
            State::Offline { until } => *until = now + twin.away.max(Duration::from_secs(1)),
            State::Online(session) => session.interim_at = now + twin.interim,
        }
    }
}
