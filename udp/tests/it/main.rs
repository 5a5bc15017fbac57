//! Datagrams through real sockets on 127.0.0.0/8 and `[::1]`.

mod group;
mod receiving;
mod sending;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use udp::{Inbox, Wait};

/// How long a test waits for what must come; it is long, and only a failing test waits so long.
const WAIT: Duration = Duration::from_secs(10);

/// A socket on an address of this machine, any port.
#[track_caller]
fn socket(address: &str) -> UdpSocket {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = UdpSocket::bind(address).expect("bound");
    socket.set_read_timeout(Some(WAIT)).expect("a timeout");
    socket
}

/// Where a socket is.
#[track_caller]
fn at(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("an address")
}

/// The octets of all that waits in a socket.
#[track_caller]
fn waiting(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let (mut inbox, mut all) = (Inbox::new(16, 4_096), Vec::new());
    while inbox.receive(socket, Wait::No).expect("received") > 0 {
        all.extend(inbox.datagrams().map(|datagram| datagram.octets.to_vec()));
    }
    all
}
