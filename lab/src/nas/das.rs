//! The dynamic-authorization server of the simulated BNG (RFC 5176): takes Disconnect-Requests, answers at once, and has
//! the session ended by the thread that owns it. As on a real BNG, the ACK comes before the Stop.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View, kind};

use super::{Bng, Counters, Lines, locked, wire};

/// How often the thread looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How far an Event-Timestamp may be off; RFC 5176 section 6.3 suggests 300 seconds.
const TIMESTAMP_SKEW_S_MAX: u32 = 300;
/// Error-Cause: Session Context Not Found.
const SESSION_CONTEXT_NOT_FOUND: u32 = 503;
/// Error-Cause: Missing Attribute.
const MISSING_ATTRIBUTE: u32 = 402;

/// The server.
#[derive(Debug)]
pub(super) struct Das {
    /// Where requests come in.
    socket: UdpSocket,
    /// The shared secret.
    secret: SharedSecret,
    /// The subscribers.
    lines: Lines,
    /// What happened so far.
    counters: Arc<Counters>,
}

impl Das {
    /// Opens the socket.
    ///
    /// # Errors
    /// The port is taken.
    pub(super) fn bind(bng: &Bng, lines: Lines, counters: Arc<Counters>) -> Result<Das> {
        let at = (bng.address, bng.coa_port);
        let socket = UdpSocket::bind(at).with_context(|| format!("cannot listen on {}:{}", at.0, at.1))?;
        socket
            .set_read_timeout(Some(LOOK_EVERY))
            .context("cannot set a timeout")?;
        Ok(Das {
            socket,
            secret: SharedSecret::new(bng.secret.reveal().as_bytes()),
            lines,
            counters,
        })
    }

    /// Answers until told to stop.
    pub(super) fn run(&self, stop: &AtomicBool) {
        let mut room = [0; PACKET_LEN_MAX];
        while !stop.load(Ordering::Relaxed) {
            let Ok((length, from)) = self.socket.recv_from(&mut room) else {
                continue;
            };
            if self.answer(&room[..length], from).is_err() {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Answers one request; what cannot prove itself gets no answer (RFC 5176 section 2.3).
    fn answer(&self, datagram: &[u8], from: SocketAddr) -> Result<()> {
        let request = View::parse(datagram)?;
        anyhow::ensure!(
            request.code() == Code::DisconnectRequest,
            "not a Disconnect-Request"
        );
        anyhow::ensure!(
            self.secret.check_request_authenticator(&request),
            "the secret differs"
        );
        let sent = request.u32(kind::EVENT_TIMESTAMP).unwrap_or_else(wire::unix_now);
        anyhow::ensure!(
            sent.abs_diff(wire::unix_now()) <= TIMESTAMP_SKEW_S_MAX,
            "an old request"
        );
        let verdict = self.disconnect(&request);
        let counter = if verdict.is_ok() {
            &self.counters.disconnected
        } else {
            &self.counters.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut room = [0; PACKET_LEN_MAX];
        let code = if verdict.is_ok() {
            Code::DisconnectAck
        } else {
            Code::DisconnectNak
        };
        let mut reply = ReplyWriter::new(&mut room, code, &request)?;
        if request.first(kind::MESSAGE_AUTHENTICATOR).is_some() {
            reply.reserve_message_authenticator()?;
        }
        if let Err(cause) = verdict {
            reply.u32(kind::ERROR_CAUSE, cause)?;
        }
        self.socket
            .send_to(reply.finish(&self.secret), from)
            .with_context(|| format!("cannot answer {from}"))?;
        Ok(())
    }

    /// Throws out the session that every given attribute names; else gives the Error-Cause.
    fn disconnect(&self, request: &View<'_>) -> Result<(), u32> {
        let (session, username) = (request.text(kind::ACCT_SESSION_ID), request.text(kind::USER_NAME));
        if session.is_none() && username.is_none() {
            return Err(MISSING_ATTRIBUTE);
        }
        let mut lines = locked(&self.lines);
        let named = lines.iter_mut().find(|line| {
            let its = line.session_id();
            its.is_some()
                && session.is_none_or(|wanted| its.as_deref() == Some(wanted))
                && username.is_none_or(|wanted| line.username() == wanted)
        });
        named
            .map(super::session::Line::throw_out)
            .ok_or(SESSION_CONTEXT_NOT_FOUND)
    }
}
