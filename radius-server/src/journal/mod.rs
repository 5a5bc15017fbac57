//! The journal: an append-only log on local disk whose records survive `kill -9`, a full disk and a dead database.
//!
//! One directory a stream, one [`Writer`] a directory (one thread owns it), any number of [`Reader`]s. It never
//! interprets a payload (but for people, in [`inspect`]), never talks to a database, and never says that a record is durable before `fdatasync` did.
//!
//! ```text
//! append … append ─> commit ─(pwrite, fdatasync)─> committed ─> Reader::read_from ─> database ─> Reader::release
//!      in memory                on disk              visible                                   kept, later deleted
//! ```
//!
//! What holds, whatever happens:
//!
//! - a record is seen by readers, now or after a restart, only if its commit returned `Ok`, or if the process or the
//!   machine died before the commit returned anything at all;
//! - a record whose commit returned `Ok` is never lost by us; if the disk loses it, the gap is reported, not hidden;
//! - a sequence number is used once, also across restarts, damaged tails and wiped directories. Numbers rise; they are
//!   not dense, because every opening starts at the clock's microseconds at least ([`Options::seq_floor`]).
//!
//! In the order the octets travel:
//!
//! - `record`: framing of one record and the search for the next good one after damage;
//! - `segment`: one file: header, zero-filled creation; `disk`: the system calls, replaceable by tests;
//! - `writer`: group commit, rolling over, what a failed `fdatasync` means; `spare`: the next segment, made ahead;
//! - `log`: what writer and readers share, and how long drained segments stay; `mark`: the note of it on disk;
//! - `recover`: what is found at opening; `reader`: reading back and letting go;
//! - `accounting`: the payload of an Accounting-Request;
//! - [`inspect`]: looking at a journal from outside, whoever has it open.

mod accounting;
mod dir;
mod disk;
mod error;
pub mod inspect;
mod log;
mod mark;
mod reader;
mod record;
mod recover;
mod report;
mod scan;
mod segment;
mod spare;
mod writer;

#[cfg(test)]
mod tests;

pub use accounting::{AccountingRecord, RecordError};
pub use error::{JournalError, Shortage};
pub use reader::Reader;
pub use record::{Kind, OwnedRecord, RECORD_PAYLOAD_LEN_MAX};
pub use report::{Damage, Gap, RecoveryReport};
pub use writer::{BACKLOG_LEN_MAX, KEEP, KEEP_LEN_MAX, Options, SEGMENT_LEN, Writer};
