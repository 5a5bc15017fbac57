//! Sockets and the loops that move octets between them and the pipelines, many datagrams with one system call. No rule of
//! RADIUS lives here, and every clock is read here.
//!
//! - [`auth`]: a batch of requests, their replies with one system call, and the next batch. Several workers share an
//!   address; the authenticator tells which of them gets a request, so a retransmission meets who saw the first one.
//! - [`backlog`]: what an authentication worker does when it cannot keep up.
//! - [`delayed`]: Access-Rejects that wait before they are sent.
//! - [`accounting`]: a batch of requests, one `fdatasync`, their responses.
//!
//! A reply leaves from the address that was asked, also on a socket for all addresses. Datagrams, system calls and buffers:
//! the crate `udp`.

mod accounting;
mod auth;
mod backlog;
mod delayed;

pub(crate) use accounting::AccountingWorker;
pub(crate) use auth::AuthWorker;
pub(crate) use delayed::Delayed;

use crate::counters::{Event, Lane};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use udp::{Group, Outbox};

/// Datagrams received with one system call, and replies sent with one. More would make the first of a batch wait for the
/// last without saving much.
const BATCH: usize = 32;
/// How long a worker waits for a datagram before it looks whether it should stop.
const RECEIVE_WAIT: Duration = Duration::from_millis(100);
/// The same while an Access-Reject waits for its time: none is sent later than this after it.
const RELEASE_WAIT: Duration = Duration::from_millis(10);
/// How long a worker rests after the system refused to give a datagram, so that a broken socket does not spin.
const REFUSED_WAIT: Duration = Duration::from_millis(10);

/// Opens `count` sockets on one address, over which requests are spread by their authenticator.
///
/// # Errors
/// When the address is not ours or taken, also when another process of ours would share it.
pub(crate) fn bind(addr: SocketAddr, count: usize, receive_buffer_octets: usize) -> io::Result<Group> {
    let group = udp::bind(addr, count, receive_buffer_octets)?;
    for socket in &group.sockets {
        socket.set_read_timeout(Some(RECEIVE_WAIT))?;
    }
    Ok(group)
}

/// Sends what is in an outbox; what is refused is counted, the peer will ask again.
fn flush(outbox: &mut Outbox, socket: &UdpSocket, lane: &Lane) {
    if outbox.is_empty() {
        return;
    }
    let sent = outbox.flush(socket);
    // Our sockets wait, so nothing is left; if one did not, the replies would be lost as they are on any wire.
    let refused = sent.refused + outbox.len();
    if refused > 0 {
        outbox.clear();
        lane.add_many(Event::SendError, refused as u64);
    }
}

/// Counts an error of the system and sleeps over it.
fn rest(_refused: &io::Error, lane: &Lane) {
    lane.add(Event::ReceiveError);
    std::thread::sleep(REFUSED_WAIT);
}
