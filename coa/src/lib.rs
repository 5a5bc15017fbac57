//! Session control: Disconnect- and CoA-Requests of RFC 5176, asked, retransmitted, verified and told as it was.
//! Never knows SQL or HTTP, never decides who may ask, and never takes an answer for proof.
//!
//! In the order data flows:
//! - [`dialect`]: which of a session's attributes name it for a NAS of that make;
//! - [`intent`]: what becomes of something that is wanted of a session, from rung to rung, until it stands as it is;
//! - [`turns`]: of what is wanted of one session, one thing at a time, and the newest next;
//! - [`exchange`]: the exchange itself as a value without I/O: signed once, sent again with the same octets, answered,
//!   refused, or silent;
//! - [`error_cause`]: what a refusal means;
//! - [`counters`]: answers that were late, forged or not ours;
//! - [`driver`]: the sockets and the clock, the only file that knows tokio.
//!
//! That an acknowledged session really ended, or changed, is seen elsewhere: in its accounting (`modules/access`).

pub mod counters;
pub mod dialect;
pub mod driver;
pub mod error_cause;
pub mod exchange;
pub mod intent;
pub mod turns;

pub use dialect::{IdentificationError, Make};
pub use driver::{Carrier, Coa, CoaError, Inlet};
pub use error_cause::error_cause_name;
pub use exchange::{Answer, NasKey, Outcome, Pace, Request, Target, Timing, Verb, Way};
pub use intent::{Act, Heard, IfRefused, Rung, Standing, State};
pub use turns::Turns;
