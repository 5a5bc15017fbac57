//! One address, several sockets: how they are opened, and which one gets a datagram.

use crate::system::{attach_reuseport_program, set_option};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// The sockets of one address.
#[derive(Debug)]
pub struct Group {
    /// The sockets, in the order in which [`spread_by_authenticator`] counts them.
    pub sockets: Vec<UdpSocket>,
    /// Octets of each socket's receive buffer; fewer than asked for without the right to go past the system's limit.
    pub receive_buffer_octets: usize,
}

/// Opens `count` sockets (at least one) on one address and [spreads](spread_by_authenticator) over them what comes. On
/// `0.0.0.0` and `[::]` they [say](report_local_address) which of our addresses a datagram was sent to.
///
/// # Errors
/// When the address is not ours or taken, also when another process of ours would share it.
pub fn bind(addr: SocketAddr, count: usize, receive_buffer_octets: usize) -> io::Result<Group> {
    let mut granted = receive_buffer_octets;
    let mut open = |addr: SocketAddr, shared: bool| {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?; // so that 0.0.0.0 and [::] can stand side by side
        }
        granted = granted.min(set_receive_buffer(&socket, receive_buffer_octets)?);
        if shared {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&addr.into())?;
        let socket = UdpSocket::from(socket);
        if addr.ip().is_unspecified() {
            report_local_address(&socket)?;
        }
        io::Result::Ok(socket)
    };
    // The first one is bound without SO_REUSEPORT, so that a port taken by anybody is refused and not shared.
    let first = open(addr, false)?;
    let addr = first.local_addr()?;
    let mut sockets = vec![first];
    if count > 1 {
        SockRef::from(&sockets[0]).set_reuse_port(true)?;
    }
    for _ in 1..count {
        sockets.push(open(addr, true)?);
    }
    spread_by_authenticator(&sockets)?;
    Ok(Group {
        sockets,
        receive_buffer_octets: granted,
    })
}

/// Gives a socket a receive buffer of so many octets: past the system's limit (`net.core.rmem_max`) with the right to do so
/// (CAP_NET_ADMIN), else up to it. Returns the octets it has now. A small datagram takes some 800 octets of twice of that.
///
/// # Errors
/// What the system says.
pub fn set_receive_buffer(socket: &impl std::os::fd::AsFd, octets: usize) -> io::Result<usize> {
    let wanted = libc::c_int::try_from(octets).unwrap_or(libc::c_int::MAX / 2);
    let fd = socket.as_fd();
    let forced = set_option(&fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, wanted);
    if forced.is_err() {
        set_option(&fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF, wanted)?;
    }
    // The kernel keeps and tells twice the number, for its own structures.
    Ok(SockRef::from(socket).recv_buffer_size()? / 2)
}

/// Makes a socket say which of our addresses each datagram was sent to. Worth its price only where that is not known: on a
/// socket for all addresses.
///
/// # Errors
/// What the system says.
pub fn report_local_address(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        SocketAddr::V6(_) => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
    }
}

/// Where the first word of a RADIUS authenticator stands in the datagram (RFC 2865 section 3).
const FIRST_WORD: u32 = 4;
/// Where the last word of it stands.
const LAST_WORD: u32 = 16;
/// The odd integer next to 2^32 divided by the golden ratio; multiplying by it carries low bits into the high ones.
const GOLDEN: u32 = 0x9E37_79B1;

/// Makes the kernel choose among sockets of one address by the RADIUS authenticator in a datagram.
///
/// Without this all datagrams of one NAS, which has one address and port, go to one socket. With it they are spread evenly,
/// and a retransmission, which has the same authenticator, meets the socket that had the first one. The authenticator should
/// be random, and some NAS put a time, a counter or a constant into a part of it: so its first and last word are mixed.
/// What is shorter than 20 octets goes to the first socket.
///
/// All sockets must be bound to one address with SO_REUSEPORT, the first one first: their order is that of binding.
///
/// # Errors
/// What the system says, or [`ErrorKind::InvalidInput`] for more sockets than a number of the program can count.
pub fn spread_by_authenticator(sockets: &[UdpSocket]) -> io::Result<()> {
    let count = u32::try_from(sockets.len()).map_err(|_many| io::Error::from(ErrorKind::InvalidInput))?;
    let [first, _, ..] = sockets else {
        return Ok(()); // nothing to choose from
    };
    let op = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, FIRST_WORD),
        op(libc::BPF_MISC | libc::BPF_TAX, 0),
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, LAST_WORD),
        op(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0),
        op(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K, GOLDEN),
        op(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, 16),
        op(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, count),
        op(libc::BPF_RET | libc::BPF_A, 0),
    ];
    attach_reuseport_program(first, &program)
}
