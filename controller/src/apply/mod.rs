//! `headend apply`: a file says how partners should be, and they become so.
//! Never deletes without `--prune`, never writes before the whole file is checked and the whole plan is made, and
//! never compares secrets, which the API does not give out. `docs/apply.md` is the format.
//!
//! [`mod@file`] reads and [`desired`] checks (both pure; `others` and `addresses` are parts of it), [`plan`] compares with what is (`live`), [`diff`] is the comparison,
//! [`run`] executes.

mod addresses;
pub mod desired;
pub mod diff;
pub mod file;
mod live;
mod others;
pub mod plan;
pub mod rate;
pub mod run;

/// How far an apply goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Remove subscribers, NAS, plans, pools, realms and home servers that the file does not name.
    pub prune: bool,
    /// Send secrets also for what exists already.
    pub reset_secrets: bool,
}
