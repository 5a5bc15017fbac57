//! What a socket has waiting in the kernel, and what the kernel had no room for. Asked when somebody wants to know; no
//! datagram pays for it.

use crate::system::memory;
use libc::{SK_MEMINFO_DROPS, SK_MEMINFO_RCVBUF, SK_MEMINFO_RMEM_ALLOC};
use std::io;
use std::net::UdpSocket;

/// A socket's receive queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Octets of kernel memory that waiting datagrams take. Up to a quarter of `room_octets` may be of such that were read
    /// already: the kernel gives them back late.
    pub waiting_octets: u32,
    /// Octets at which datagrams are dropped; twice what was asked for, because the kernel counts its own structures.
    pub room_octets: u32,
    /// Datagrams dropped since the socket was made: no room, or a wrong checksum. Wraps.
    pub drops: u32,
}

/// What waits in a socket.
///
/// # Errors
/// What the system says; Linux before 4.12 does not know the option.
pub fn queue(socket: &UdpSocket) -> io::Result<Queue> {
    let memory = memory(socket)?;
    Ok(Queue {
        waiting_octets: memory[SK_MEMINFO_RMEM_ALLOC as usize],
        room_octets: memory[SK_MEMINFO_RCVBUF as usize],
        drops: memory[SK_MEMINFO_DROPS as usize],
    })
}

/// Datagrams that a socket dropped since it was made; see [`Queue::drops`].
///
/// # Errors
/// As [`queue`].
pub fn receive_drops(socket: &UdpSocket) -> io::Result<u32> {
    queue(socket).map(|queue| queue.drops)
}
