//! Datagrams that the kernel had no room for in our sockets. They are asked for when somebody wants to know them, so that no
//! datagram pays for it; what a socket said before it was closed is kept.

use crate::unknown::PortKind;
use parking_lot::Mutex;
use std::net::UdpSocket;
use std::sync::{Arc, Weak};

/// Every socket that datagrams come into, and what they dropped so far.
#[derive(Default)]
pub(crate) struct SocketDrops {
    /// One count of the kernel each.
    sockets: Mutex<Watched>,
}

/// What is behind the lock.
#[derive(Default)]
struct Watched {
    /// The sockets that are open, or were when somebody last asked.
    sockets: Vec<(PortKind, Weak<UdpSocket>, u32)>,
    /// Drops of the authentication sockets.
    auth: u64,
    /// Drops of the accounting sockets.
    accounting: u64,
}

impl SocketDrops {
    /// Counts what this socket drops, too, for as long as it is open.
    pub(crate) fn watch(&self, port: PortKind, socket: &Arc<UdpSocket>) {
        self.sockets
            .lock()
            .sockets
            .push((port, Arc::downgrade(socket), 0));
    }

    /// Drops of the authentication sockets, and of the accounting sockets, up to now.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let Watched {
            sockets,
            auth,
            accounting,
        } = &mut *self.sockets.lock();
        sockets.retain_mut(|(port, socket, seen)| {
            let Some(socket) = socket.upgrade() else {
                return false;
            };
            // Without an answer the count stays as it was; the next one tells all.
            if let Ok(drops) = udp::receive_drops(&socket) {
                let newer = u64::from(drops.wrapping_sub(*seen));
                *seen = drops;
                *match port {
                    PortKind::Auth => &mut *auth,
                    PortKind::Accounting => &mut *accounting,
                } += newer;
            }
            true
        });
        (*auth, *accounting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted_by_port_and_kept_when_a_socket_is_closed() {
        let drops = SocketDrops::default();
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("bound"));
        udp::set_receive_buffer(&*socket, 4_096).expect("set");
        drops.watch(PortKind::Accounting, &socket);
        assert_eq!(drops.totals(), (0, 0));
        let (to, client) = (
            socket.local_addr().expect("an address"),
            UdpSocket::bind("127.0.0.1:0").expect("bound"),
        );
        for _ in 0..100 {
            client.send_to(&[0; 100], to).expect("sent");
        }
        let (auth, accounting) = drops.totals();
        assert!(auth == 0 && accounting > 0, "{auth} {accounting}");
        assert_eq!(drops.totals(), (0, accounting), "asking does not count twice");
        drop(socket);
        assert_eq!(drops.totals(), (0, accounting));
    }
}
