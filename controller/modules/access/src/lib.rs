//! The access module: NAS, plans, subscribers, live sessions, and why a login went as it went.
//! Answers no RADIUS packet itself and speaks to no NAS: `radius-server` and `coa` do; it tells them what to know and
//! writes down what they saw.
//!
//! A request of a person, from the outside in:
//! - [`http`]: translate in, one verb, translate out;
//! - [`app`]: the rules;
//! - [`store`]: all SQL;
//! - [`events`]: what it tells others of.
//!
//! Between the database and the access plane, both directions, nobody asking:
//! - [`feeder`]: rows to the plane's directory, at start and on every change;
//! - [`drain`]: the plane's journals to rows, exactly once in effect;
//! - [`restore`]: open sessions back into memory after a start;
//! - [`admission`]: bindings, leases and sessions that lost their place, as the access plane leaves them;
//! - [`posture`]: which NAS have shown that they sign; [`upkeep`]: partitions and old lines.
//!
//! Around them: [`access`] puts it all together for the binary, [`plane`] is what is held of the access plane,
//! [`sealing`] names where secrets are sealed, [`manifest`] checks `module.toml`, [`node`] says which node this is,
//! [`metrics`] and [`home_metrics`] count, [`backoff`] waits, [`causes`] prints an error with all that led to it.

pub mod access;
pub mod admission;
pub mod app;
pub mod backoff;
pub mod causes;
pub mod credential;
pub mod drain;
pub mod events;
pub mod feeder;
pub mod home_metrics;
pub mod http;
pub mod manifest;
pub mod metrics;
pub mod node;
pub mod plane;
pub mod posture;
pub mod restore;
pub mod sealing;
pub mod store;
pub mod upkeep;

pub use access::{Access, OpenError, Tasks};
pub use home_metrics::LabelledMetric;
pub use metrics::Metric;
