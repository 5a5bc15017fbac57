//! Everything the program says to servers of others: where it may connect to, and how it behaves towards them.
//! Never knows what is asked there; who asks brings the words, this brings the manners.
//!
//! - [`target`] says which addresses a partner may make us connect to, and looks at the very addresses that are used;
//! - [`mod@line`] is what one server of one partner gets: so many calls at a time, repetitions of what is harmless, a pause
//!   when it asks for one, and a [`breaker`] when it fails; it knows no protocol;
//! - [`http`] speaks HTTP over such a line, with connections of its own; [`lines`] keeps one for each partner and system;
//! - [`failure`] is the one error of all of them, [`counters`] what is counted.

pub mod breaker;
pub mod counters;
pub mod failure;
pub mod http;
pub mod line;
pub mod lines;
pub mod target;

pub use failure::CallError;
pub use http::{HttpLine, Reply, Request};
pub use line::{Call, Line, LineRules};
pub use lines::{LineKey, Lines, Place};
pub use target::{Reach, Target, TargetError};
