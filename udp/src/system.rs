//! The system calls, and the only `unsafe` of the access plane: `recvmmsg`, `sendmmsg`, and the socket and scheduler
//! options that no safe crate offers. Everything that comes out of here is a safe value, and nothing can be called wrongly from outside.

#![allow(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and their message headers have no safe form"
)]

use crate::sender::Outgoing;
use libc::{
    c_int, c_uint, c_void, in_addr, in6_addr, iovec, mmsghdr, msghdr, sockaddr_in, sockaddr_in6, socklen_t,
};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

/// Octets between two slots of an arena that hold `octets` each: a cache line more than needed, so that the beginnings of
/// slots whose size is a power of two do not all fall into the same few places of the cache.
pub(crate) const fn stride(octets: usize) -> usize {
    octets.next_multiple_of(64) + 64
}

/// Octets of the control messages of one datagram: one with an IPv6 address and an interface in it (one with an IPv4 address
/// needs less), and one that says where to cut.
const CONTROL_OCTETS: usize = control_space(size_of::<libc::in6_pktinfo>()) + control_space(size_of::<u16>());

/// Datagrams that leave as one and are cut apart by the kernel, at most: `UDP_MAX_SEGMENTS` of the kernels that began it.
const TRAIN_DATAGRAMS_MAX: usize = 64;
/// Octets of each: longer ones may not fit a link's frame, and what is cut must.
const TRAIN_DATAGRAM_OCTETS_MAX: usize = 1_200;
/// Octets of all together: what a datagram may have, with room for headers.
const TRAIN_OCTETS_MAX: usize = 60_000;

/// Octets that a control message with so many octets of content occupies.
const fn control_space(content: usize) -> usize {
    // SAFETY: CMSG_SPACE is arithmetic on its argument; it is declared unsafe with all its siblings that are not.
    unsafe { libc::CMSG_SPACE(content as c_uint) as usize }
}

/// Room for the control message of one datagram, aligned as its header must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

/// An address of either family: the kernel writes 16 octets for IPv4 and 28 for IPv6, the family first in both.
type Name = sockaddr_in6;

/// Octets of a [`Name`], as the kernel wants to hear it.
const NAME_OCTETS: socklen_t = size_of::<Name>() as socklen_t;

/// A name that says nothing.
const fn no_name() -> Name {
    // SAFETY: sockaddr_in6 is integers and octets only, for which all zero is a value.
    unsafe { zeroed() }
}

/// A header that points nowhere.
const fn no_header() -> mmsghdr {
    // SAFETY: mmsghdr is integers and pointers only; zero and null are values of those.
    unsafe { zeroed() }
}

/// A stretch of memory that points nowhere.
const NO_VECTOR: iovec = iovec {
    iov_base: null_mut(),
    iov_len: 0,
};

// -- receiving

/// Memory into which the kernel writes datagrams, and the headers that tell it so.
///
/// The headers point into the other vectors. None of those is ever grown, shrunk or replaced after `new`, so the pointers
/// stay good for as long as the value lives; moving it moves the vectors' handles and not what they hold.
pub(crate) struct Arrivals {
    /// One header a slot; each points at the same place of the vectors below.
    headers: Vec<mmsghdr>,
    /// Where the octets go; held because headers point at them.
    _vectors: Vec<iovec>,
    /// Where the source address goes.
    names: Vec<Name>,
    /// Where our own address goes, on sockets that ask for it.
    controls: Vec<Control>,
    /// The octets of all slots, `stride` apart.
    octets: Vec<u8>,
    /// Octets a slot holds.
    room: usize,
    /// Slots that the kernel filled last.
    filled: usize,
    /// Headers at the beginning that the kernel may have written to; they must be made ready again.
    written: usize,
}

// SAFETY: the raw pointers in `headers` and `_vectors` point only into memory that the same value owns, so it may go to
// another thread as a whole. Reading through `&self` changes nothing, and only `&mut self` writes.
unsafe impl Send for Arrivals {}

/// What the kernel said about one datagram.
pub(crate) struct Arrival<'a> {
    /// Where it came from; `None` for a family that is neither IPv4 nor IPv6.
    pub(crate) source: Option<SocketAddr>,
    /// Which of our addresses it was sent to, when the socket asks for that.
    pub(crate) local: Option<IpAddr>,
    /// What fitted.
    pub(crate) octets: &'a [u8],
    /// Whether it was longer than the slot.
    pub(crate) truncated: bool,
}

impl Arrivals {
    /// Memory for so many datagrams of so many octets; at least one of one.
    pub(crate) fn new(slots: usize, room: usize) -> Self {
        let (slots, room) = (slots.max(1), room.max(1));
        let mut octets = vec![0; slots * stride(room)];
        let mut names = vec![no_name(); slots];
        let mut controls = vec![Control([0; CONTROL_OCTETS]); slots];
        let mut vectors = vec![NO_VECTOR; slots];
        let mut headers = vec![no_header(); slots];
        // The base addresses are taken once and no reference is made to the vectors' contents afterwards but through them.
        let (octet, name, control, vector) = (
            octets.as_mut_ptr(),
            names.as_mut_ptr(),
            controls.as_mut_ptr(),
            vectors.as_mut_ptr(),
        );
        for (at, header) in headers.iter_mut().enumerate() {
            // SAFETY: `at` is below `slots`, the length of `names`, `controls` and `vectors`, and `octets` is `slots` strides
            // long: each pointer stays inside its allocation, and `vector` may be written as nobody else refers to it.
            unsafe {
                vector.add(at).write(iovec {
                    iov_base: octet.add(at * stride(room)).cast(),
                    iov_len: room,
                });
                header.msg_hdr.msg_name = name.add(at).cast();
                header.msg_hdr.msg_control = control.add(at).cast();
                header.msg_hdr.msg_iov = vector.add(at);
            }
            header.msg_hdr.msg_iovlen = 1;
        }
        Self {
            headers,
            _vectors: vectors,
            names,
            controls,
            octets,
            room,
            filled: 0,
            written: slots,
        }
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.headers.len()
    }

    /// How many slots were filled last.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Fills the slots from a socket: `recvmmsg` with these flags.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, flags: c_int) -> io::Result<usize> {
        self.filled = 0;
        for header in self.headers.iter_mut().take(self.written) {
            header.msg_hdr.msg_namelen = NAME_OCTETS;
            header.msg_hdr.msg_controllen = CONTROL_OCTETS as _;
        }
        self.written = 1; // at which it stops when it gives an error
        let (headers, count) = (self.headers.as_mut_ptr(), self.headers.len() as c_uint);
        // SAFETY: `headers` are `count` valid headers whose pointers lead to live memory of the stated lengths (see the
        // type's words; a name is NAME_OCTETS, a control CONTROL_OCTETS, a vector `room` octets), and `&mut self` makes us
        // its only user during the call. A null timeout means none.
        let received = unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, count, flags, null_mut()) };
        let received = usize::try_from(received).map_err(|_negative| io::Error::last_os_error())?;
        self.filled = received;
        self.written = (received + 1).min(self.headers.len());
        Ok(received)
    }

    /// What is in a filled slot.
    pub(crate) fn arrival(&self, at: usize) -> Option<Arrival<'_>> {
        let header = self.headers.get(at).filter(|_header| at < self.filled)?;
        let (message, len) = (&header.msg_hdr, (header.msg_len as usize).min(self.room));
        // SAFETY: `at` is a place of `names` and of a stride of `octets`, of which `len` octets are inside. Both are plain
        // old data that was initialised when made, and nobody writes while `&self` is held.
        let (name, octets) = unsafe {
            let octets = self.octets.as_ptr().add(at * stride(self.room));
            (
                self.names.as_ptr().add(at).read(),
                std::slice::from_raw_parts(octets, len),
            )
        };
        Some(Arrival {
            source: socket_addr(&name, message.msg_namelen),
            local: if message.msg_controllen == 0 {
                None
            } else {
                self.local(at, message)
            },
            octets,
            truncated: message.msg_flags & libc::MSG_TRUNC != 0,
        })
    }

    /// Which of our addresses a datagram was sent to, out of its control messages.
    fn local(&self, at: usize, message: &msghdr) -> Option<IpAddr> {
        debug_assert!(at < self.controls.len());
        // SAFETY: `message` is the header that the kernel filled, so control and length describe whole messages inside our
        // buffer, which CMSG_FIRSTHDR and CMSG_NXTHDR stay in. The content of the two types is what the kernel's ABI says,
        // and `read_unaligned` asks nothing of its alignment.
        unsafe {
            let mut next = libc::CMSG_FIRSTHDR(message);
            while let Some(header) = next.as_ref() {
                let content = libc::CMSG_DATA(next);
                match (header.cmsg_level, header.cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = content.cast::<libc::in_pktinfo>().read_unaligned();
                        return Some(IpAddr::V4(ipv4(info.ipi_spec_dst)));
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = content.cast::<libc::in6_pktinfo>().read_unaligned();
                        return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                    }
                    _ => next = libc::CMSG_NXTHDR(message, next),
                }
            }
        }
        None
    }
}

/// The address the kernel wrote.
fn socket_addr(name: &Name, len: socklen_t) -> Option<SocketAddr> {
    let family = c_int::from(name.sin6_family);
    if family == libc::AF_INET && len as usize >= size_of::<sockaddr_in>() {
        // SAFETY: a sockaddr_in6 is larger than a sockaddr_in and aligned alike, and any octets are a value of that.
        let v4 = unsafe { (&raw const *name).cast::<sockaddr_in>().read() };
        let addr = SocketAddrV4::new(ipv4(v4.sin_addr), u16::from_be(v4.sin_port));
        Some(addr.into())
    } else if family == libc::AF_INET6 && len >= NAME_OCTETS {
        let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
        let port = u16::from_be(name.sin6_port);
        Some(SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id).into())
    } else {
        None
    }
}

/// An IPv4 address as the standard library has it.
fn ipv4(addr: in_addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be(addr.s_addr))
}

// -- sending

/// The headers with which a batch is sent. They point at what is sent only during [`Departures::send`], which fills them.
pub(crate) struct Departures {
    /// One header a train: datagrams to one destination that leave as one.
    headers: Vec<mmsghdr>,
    /// Datagrams of each train.
    lens: Vec<usize>,
    /// Whether the kernel cuts trains apart; if not, each is one datagram long.
    trains: bool,
    /// Where its octets are.
    vectors: Vec<iovec>,
    /// Where it goes.
    names: Vec<Name>,
    /// From which of our addresses, when that is said.
    controls: Vec<Control>,
}

// SAFETY: between two calls of `send` nothing is read through the pointers; each call writes all that it passes on.
unsafe impl Send for Departures {}

impl Departures {
    /// Room for so many datagrams at a time; at least one.
    pub(crate) fn new(batch: usize) -> Self {
        let batch = batch.max(1);
        Self {
            headers: vec![no_header(); batch],
            lens: vec![0; batch],
            trains: false,
            vectors: vec![NO_VECTOR; batch],
            names: vec![no_name(); batch],
            controls: vec![Control([0; CONTROL_OCTETS]); batch],
        }
    }

    /// How many datagrams go at a time.
    pub(crate) fn batch(&self) -> usize {
        self.headers.len()
    }

    /// From now on lets the kernel cut trains apart, when it knows how to; says whether it does.
    ///
    /// It must be asked first: one that does not know would send a train as one long datagram.
    pub(crate) fn couple(&mut self, socket: &UdpSocket) -> bool {
        self.trains = option(socket, libc::SOL_UDP, libc::UDP_SEGMENT).is_ok();
        self.trains
    }

    /// Sends as many of `count` datagrams as fit, each as `outgoing` tells; `each` learns how far it came: so many sent, or
    /// an error that concerns the next one. It says how to go on: `Some(n)` leaves `n` more behind, `None` stops.
    pub(crate) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        count: usize,
        outgoing: impl Fn(usize) -> Outgoing<'a>,
        mut each: impl FnMut(io::Result<usize>) -> Option<usize>,
    ) {
        let count = count.min(self.batch());
        let (mut done, mut train, mut doubted) = (0, 0, false);
        let mut trains = self.form(0, count, &outgoing);
        while let Some(rest) = self
            .headers
            .get_mut(train..trains)
            .filter(|rest| !rest.is_empty())
        {
            // SAFETY: `rest` are valid headers, filled by `form`: their pointers lead into `self`, which is borrowed mutably
            // for the whole call, and to octets of lifetime 'a, which outlives it. The kernel only reads them.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as c_uint,
                    libc::MSG_NOSIGNAL as _,
                )
            };
            let result = usize::try_from(sent).map_err(|_negative| io::Error::last_os_error());
            let lens = self.lens.get(train..).unwrap_or_default();
            let step = match result {
                Ok(gone) => {
                    train += gone;
                    doubted = false;
                    each(Ok(lens.iter().take(gone).sum()))
                }
                Err(error) if lens.first().is_some_and(|len| *len > 1) && is_about_the_train(&error) => {
                    // A link that cannot, or a destination that is refused in any case: one by one it shows.
                    (self.trains, doubted) = (false, true);
                    (train, trains) = (0, self.form(done, count, &outgoing));
                    continue;
                }
                Err(error) => {
                    // It was the destination: the next batch may be coupled again.
                    self.trains |= std::mem::take(&mut doubted);
                    let step = each(Err(error));
                    // Only one that stands alone is left behind: a train is tried one by one first.
                    train += step.unwrap_or(0);
                    step
                }
            };
            match step {
                Some(further) => done += further,
                None => return,
            }
        }
    }

    /// Fills the headers for the datagrams from `first` to before `count`; gives how many headers that takes.
    fn form<'a>(&mut self, first: usize, count: usize, outgoing: &impl Fn(usize) -> Outgoing<'a>) -> usize {
        let (vector, name, control) = (
            self.vectors.as_mut_ptr(),
            self.names.as_mut_ptr(),
            self.controls.as_mut_ptr(),
        );
        let (mut at, mut formed) = (first, 0);
        for (header, len) in self.headers.iter_mut().zip(&mut self.lens) {
            if at >= count {
                break;
            }
            let head = outgoing(at);
            let start = at;
            loop {
                let octets = outgoing(at).octets;
                // SAFETY: `at` is below `count`, at most the length of the vectors, which nobody else refers to.
                unsafe {
                    vector.add(at).write(iovec {
                        iov_base: octets.as_ptr().cast_mut().cast(), // the kernel only reads
                        iov_len: octets.len(),
                    });
                }
                at += 1;
                let follows = self.trains && at < count && at - start < TRAIN_DATAGRAMS_MAX;
                if !follows || !goes_along(&head, &outgoing(at), at - start) {
                    break;
                }
            }
            *len = at - start;
            let cut = u16::try_from(head.octets.len()).ok().filter(|_cut| *len > 1);
            // SAFETY: `start` and `formed` are below the length of all three vectors, which nobody else refers to.
            unsafe {
                fill(
                    &mut header.msg_hdr,
                    vector.add(start),
                    *len,
                    name.add(formed),
                    control.add(formed),
                    &head,
                    cut,
                )
            };
            formed += 1;
        }
        formed
    }
}

/// Whether a datagram may be coupled to so many that begin with `head`: it goes the same way and is as long.
fn goes_along(head: &Outgoing<'_>, next: &Outgoing<'_>, coupled: usize) -> bool {
    let len = head.octets.len();
    next.octets.len() == len
        && (1..=TRAIN_DATAGRAM_OCTETS_MAX).contains(&len)
        && (coupled + 1) * len <= TRAIN_OCTETS_MAX
        && next.to == head.to
        && next.from == head.from
}

/// Whether an error may be due to the datagrams being sent as one. One by one they may still be refused.
fn is_about_the_train(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused
    )
}

/// Writes the header of a train, and what it points at but for the vectors and the octets.
///
/// # Safety
/// `vector` must point at `vectors` of them; name and control must be writable and nobody else's.
unsafe fn fill(
    message: &mut msghdr,
    vector: *mut iovec,
    vectors: usize,
    name: *mut Name,
    control: *mut Control,
    head: &Outgoing<'_>,
    cut: Option<u16>,
) {
    // SAFETY: handed on from the caller.
    let (name_octets, control_octets) = unsafe {
        (
            head.to.map_or(0, |to| put_name(name, to)),
            put_control(control, head.from, cut),
        )
    };
    message.msg_iov = vector;
    message.msg_iovlen = vectors as _;
    message.msg_name = if name_octets == 0 { null_mut() } else { name.cast() };
    message.msg_namelen = name_octets;
    message.msg_control = if control_octets == 0 {
        null_mut()
    } else {
        control.cast()
    };
    message.msg_controllen = control_octets as _;
}

/// Writes an address as the kernel reads it; returns its octets.
///
/// # Safety
/// `name` must be writable and nobody else's.
unsafe fn put_name(name: *mut Name, to: SocketAddr) -> socklen_t {
    match to {
        SocketAddr::V4(to) => {
            let v4 = sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: to.port().to_be(),
                sin_addr: in_addr {
                    s_addr: u32::from(*to.ip()).to_be(),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_in6 is larger than a sockaddr_in and aligned alike; any octets are a value of it.
            unsafe { name.cast::<sockaddr_in>().write(v4) };
            size_of::<sockaddr_in>() as socklen_t
        }
        SocketAddr::V6(to) => {
            let v6 = sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: to.flowinfo(),
                sin6_addr: in6_addr {
                    s6_addr: to.ip().octets(),
                },
                sin6_scope_id: to.scope_id(),
            };
            // SAFETY: handed on from the caller.
            unsafe { name.write(v6) };
            NAME_OCTETS
        }
    }
}

/// Writes the control messages that name our own address and say where to cut; returns their octets.
///
/// # Safety
/// `control` must be writable and nobody else's.
unsafe fn put_control(control: *mut Control, from: Option<IpAddr>, cut: Option<u16>) -> usize {
    let used = match from {
        None => 0,
        Some(IpAddr::V4(from)) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0, // the routing table chooses
                ipi_spec_dst: in_addr {
                    s_addr: u32::from(from).to_be(),
                },
                ipi_addr: in_addr { s_addr: 0 },
            };
            // SAFETY: handed on from the caller.
            unsafe { put_message(control, 0, libc::IPPROTO_IP, libc::IP_PKTINFO, info) }
        }
        Some(IpAddr::V6(from)) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: from.octets(),
                },
                ipi6_ifindex: 0,
            };
            // SAFETY: handed on from the caller.
            unsafe { put_message(control, 0, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info) }
        }
    };
    match cut {
        None => used,
        // SAFETY: handed on from the caller.
        Some(cut) => used + unsafe { put_message(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, cut) },
    }
}

/// Writes one control message behind `used` octets of others; returns its octets.
///
/// # Safety
/// `control` must be writable and nobody else's, and `used` what messages before it took.
unsafe fn put_message<T: Copy>(
    control: *mut Control,
    used: usize,
    level: c_int,
    kind: c_int,
    content: T,
) -> usize {
    let space = control_space(size_of::<T>());
    assert!(used + space <= CONTROL_OCTETS, "control messages must fit");
    // SAFETY: the place is aligned for a header (messages take multiples of 8) and, as asserted, large enough for header and
    // content, which begins where CMSG_DATA says; zero octets are a value of a header.
    unsafe {
        let header = control.cast::<u8>().add(used).cast::<libc::cmsghdr>();
        header.write(zeroed());
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<T>() as c_uint) as _;
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(content);
    }
    space
}

// -- options

/// Sets an option to an integer.
pub(crate) fn set_option(socket: &impl AsRawFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let (at, len) = (
        (&raw const value).cast::<c_void>(),
        size_of::<c_int>() as socklen_t,
    );
    // SAFETY: `at` is `len` readable octets for the time of the call.
    done(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, at, len) })
}

/// Reads an option that is an integer.
fn option(socket: &impl AsRawFd, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as socklen_t;
    let at = (&raw mut value).cast::<c_void>();
    // SAFETY: `at` is `len` writable octets for the time of the call; any octets are a value of an integer.
    done(unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, at, &raw mut len) })?;
    Ok(value)
}

/// Attaches a classic BPF program that picks a socket of a SO_REUSEPORT group.
pub(crate) fn attach_reuseport_program(socket: &UdpSocket, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
    // The kernel copies the program and changes nothing; the field is mutable only in the C declaration.
    let program = libc::sock_fprog {
        len,
        filter: program.as_ptr().cast_mut(),
    };
    let (at, octets) = (
        (&raw const program).cast::<c_void>(),
        size_of::<libc::sock_fprog>() as socklen_t,
    );
    // SAFETY: `at` is a sock_fprog that points at `len` instructions, all readable for the time of the call.
    done(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            at,
            octets,
        )
    })
}

/// Places of the numbers that SO_MEMINFO tells.
const MEMORY_NUMBERS: usize = libc::SK_MEMINFO_DROPS as usize + 1;

/// The numbers of SO_MEMINFO, indexed by `SK_MEMINFO_*`.
pub(crate) fn memory(socket: &UdpSocket) -> io::Result<[u32; MEMORY_NUMBERS]> {
    let mut numbers = [0; MEMORY_NUMBERS];
    let mut octets = size_of_val(&numbers) as socklen_t;
    let at = (&raw mut numbers).cast::<c_void>();
    // SAFETY: `at` is `octets` writable octets for the time of the call; any octets are a value of the array.
    done(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            at,
            &raw mut octets,
        )
    })?;
    Ok(numbers)
}

/// What a call without a result says.
fn done(returned: c_int) -> io::Result<()> {
    if returned == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

// -- scheduling

/// Sets policy, niceness, priority and length of a turn (0: the usual one) of the calling thread. What it starts shares as usual.
pub(crate) fn set_schedule(policy: c_int, nice: i32, priority: u32, turn_ns: u64) -> io::Result<()> {
    let shares = policy == libc::SCHED_OTHER;
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: policy as u32,
        sched_flags: if shares {
            0
        } else {
            libc::SCHED_FLAG_RESET_ON_FORK as u64
        },
        sched_nice: nice,
        sched_priority: priority,
        sched_runtime: turn_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads `size` octets of the structure, which lives until the call is over.
    let done = unsafe { libc::syscall(libc::SYS_sched_setattr, 0_i64, &raw const attributes, 0_i64) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
