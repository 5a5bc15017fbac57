//! Datagrams on Linux, many with one system call: received into memory that is there already, sent out of memory that is
//! there already, spread over several sockets of one port by what is in them.
//!
//! Knows nothing of RADIUS but where the sender put something random; allocates nothing for a datagram; opens no thread and
//! reads no clock. Every `unsafe` of the access plane is in one module here, `system`.
//!
//! In the order a server uses them:
//!
//! 1. [`bind`]: one address, several sockets; a datagram goes to the socket that its random octets name.
//! 2. [`Inbox`]: whatever waits in a socket, with where it came from and, on a socket for all addresses, which of ours it
//!    was sent to.
//! 3. [`Outbox`]: replies are written into its slots, and leave together. [`Sender`] does the same with octets that are kept
//!    elsewhere, as a client does who has prepared many requests.
//! 4. [`queue()`] and [`receive_drops`]: what waits in the kernel, and what it had no room for.
//! 5. [`share()`]: how soon the thread that serves a socket runs when others want its processor.

#![deny(unsafe_op_in_unsafe_fn)]

mod group;
mod inbox;
mod outbox;
mod queue;
mod schedule;
mod sender;
mod system;

pub use group::{Group, bind, report_local_address, set_receive_buffer, spread_by_authenticator};
pub use inbox::{Datagram, Inbox, Wait};
pub use outbox::{Outbox, Slot};
pub use queue::{Queue, queue, receive_drops};
pub use schedule::{Share, share};
pub use sender::{Outgoing, Sender, Sent};
