//! Answers that were dropped, by cause. Never per NAS or per user: labels come from this closed set.
//!
//! Written by [`crate::exchange`], read through [`crate::driver::Coa::counters`].

/// How many datagrams arrived that completed nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Not a RADIUS packet.
    pub malformed: u64,
    /// An answer to an exchange that had ended a short while before: late, or said twice.
    pub late: u64,
    /// No exchange waits for this source and identifier, nor did a short while ago: never ours.
    pub unsolicited: u64,
    /// A packet that answers nothing of this kind, for example a CoA-ACK to a Disconnect-Request.
    pub unexpected_code: u64,
    /// The Response Authenticator or the Message-Authenticator is wrong: another secret, or somebody else.
    pub forged: u64,
}
