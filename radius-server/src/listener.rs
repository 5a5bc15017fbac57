//! Sockets and the loops that move octets between them and the pipelines. No rule lives here, and every clock is read
//! here. Reading many datagrams with one system call would change this file and no other.
//!
//! Replies leave from the address the system's routing picks. On a host with several addresses, listen on each of them
//! by name rather than on `0.0.0.0`: a NAS does not take an answer from an address it did not ask.

use crate::accounting::{Accountant, BATCH_MAX, Intake, Ledger};
use crate::authentication::Authenticator;
use crate::clock::Now;
use crate::counters::{Event, Lane};
use crate::decision::Recorder;
use radius::PACKET_LEN_MAX;
use rustix::net::{RecvFlags, recvfrom};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a worker waits for a datagram before it looks whether it should stop.
const RECEIVE_WAIT: Duration = Duration::from_millis(100);
/// How long a worker rests after the system refused to give a datagram, so that a broken socket does not spin.
const REFUSED_WAIT: Duration = Duration::from_millis(10);

/// Opens `count` sockets on one address, among which the system spreads the sources.
///
/// # Errors
/// When the address is not ours or taken, also when another process of ours would share it.
pub(crate) fn bind(
    addr: SocketAddr,
    count: usize,
    receive_buffer_octets: usize,
) -> io::Result<Vec<UdpSocket>> {
    // The first one is bound without SO_REUSEPORT, so that a port taken by anybody is refused and not shared.
    let first = open(addr, receive_buffer_octets)?;
    first.bind(&addr.into())?;
    let first = UdpSocket::from(first);
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    if count > 1 {
        socket2::SockRef::from(&sockets[0]).set_reuse_port(true)?;
    }
    for _ in 1..count {
        let next = open(addr, receive_buffer_octets)?;
        next.set_reuse_port(true)?;
        next.bind(&addr.into())?;
        sockets.push(next.into());
    }
    Ok(sockets)
}

/// A socket with a large receive buffer that does not wait for ever.
fn open(addr: SocketAddr, receive_buffer_octets: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?; // so that 0.0.0.0 and [::] can stand side by side
    }
    // The default holds 256 small datagrams. With the right to do so we go past the system's limit, else up to it.
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, receive_buffer_octets).is_err() {
        socket.set_recv_buffer_size(receive_buffer_octets)?;
    }
    socket.set_read_timeout(Some(RECEIVE_WAIT))?;
    Ok(socket)
}

/// An authentication worker: one datagram, one answer, until it is told to stop.
pub(crate) struct AuthWorker {
    /// Where datagrams come from and replies go.
    pub(crate) socket: UdpSocket,
    /// What decides.
    pub(crate) authenticator: Authenticator,
    /// Where decisions go.
    pub(crate) recorder: Recorder,
    /// Where it is counted.
    pub(crate) lane: Arc<Lane>,
}

impl AuthWorker {
    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        let (mut datagram, mut out) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
        while !stop.load(Ordering::Relaxed) {
            match self.socket.recv_from(&mut datagram) {
                Ok((len, source)) => self.serve(&datagram[..len], source, &mut out),
                Err(refused) => rest(&refused, &self.lane),
            }
        }
    }

    /// Answers one datagram, then records what was decided.
    fn serve(&mut self, datagram: &[u8], source: SocketAddr, out: &mut [u8]) {
        let now = Now::read();
        let verdict = self.authenticator.handle(datagram, source, now, out);
        if let Some(reply) = verdict.reply {
            send(&self.socket, source, reply, &self.lane);
        }
        if let Some(decision) = verdict.decision {
            let took = now.monotonic.elapsed().as_micros();
            decision.duration_us = u32::try_from(took).unwrap_or(u32::MAX);
            self.recorder.record(decision);
        }
    }
}

/// An accounting worker: whatever arrived while the disk was busy is made durable together.
pub(crate) struct AccountingWorker {
    /// Where datagrams come from and responses go.
    pub(crate) socket: UdpSocket,
    /// What verifies and settles.
    pub(crate) accountant: Accountant,
    /// The journal and the sessions.
    pub(crate) ledger: Ledger,
    /// Where it is counted.
    pub(crate) lane: Arc<Lane>,
}

impl AccountingWorker {
    /// Serves until `stop` is set.
    pub(crate) fn run(&mut self, stop: &AtomicBool) {
        self.accountant.abandon(); // what a panic left half done
        let (mut datagram, mut out) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
        while !stop.load(Ordering::Relaxed) {
            match self.socket.recv_from(&mut datagram) {
                Ok((len, source)) => {
                    self.take_in(&datagram[..len], source, &mut out);
                    self.drain(&mut datagram, &mut out);
                    self.settle(&mut out);
                }
                Err(refused) => rest(&refused, &self.lane),
            }
        }
    }

    /// Takes in what else is waiting in the socket, up to a full batch, without waiting for more.
    fn drain(&mut self, datagram: &mut [u8], out: &mut [u8]) {
        // Counted by datagrams, not by what waits: a flood of rubbish must not keep the batch from its answers.
        for _ in 1..BATCH_MAX {
            let received = recvfrom(&self.socket, &mut *datagram, RecvFlags::DONTWAIT);
            let Ok((_, len, Some(source))) = received else {
                return;
            };
            let Ok(source) = SocketAddr::try_from(source) else {
                continue;
            };
            let octets = datagram.get(..len).unwrap_or_default();
            self.take_in(octets, source, out);
        }
    }

    /// Takes in one datagram and answers at once what needs no disk.
    fn take_in(&mut self, datagram: &[u8], source: SocketAddr, out: &mut [u8]) {
        if let Intake::Reply(reply) = self.accountant.take_in(datagram, source, Now::read(), out) {
            send(&self.socket, source, reply, &self.lane);
        }
    }

    /// Settles the batch.
    fn settle(&mut self, out: &mut [u8]) {
        let (socket, lane) = (&self.socket, &self.lane);
        self.accountant
            .settle(&self.ledger, Now::read(), out, &mut |to, response| {
                send(socket, to, response, lane)
            });
    }
}

/// Sends a reply; a refusal is counted, the peer will ask again.
fn send(socket: &UdpSocket, to: SocketAddr, reply: &[u8], lane: &Lane) {
    if socket.send_to(reply, to).is_err() {
        lane.add(Event::SendError);
    }
}

/// Tells waiting in vain from an error; the latter is counted and slept over.
fn rest(refused: &io::Error, lane: &Lane) {
    if !matches!(
        refused.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    ) {
        lane.add(Event::ReceiveError);
        std::thread::sleep(REFUSED_WAIT);
    }
}
