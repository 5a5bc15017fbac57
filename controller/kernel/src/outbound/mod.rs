//! Everything the program says to servers of others: where it may connect to, and how it behaves towards them.
//! Never knows what is asked there; who asks brings the words, this brings the manners.
//!
//! [`target`] says which addresses a partner may make us connect to, and looks at the very addresses that are used.

pub mod target;

pub use target::{Reach, Target, TargetError};
