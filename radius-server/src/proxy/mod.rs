//! Requests that others decide: sent on to home servers, verified when they come back, and answered to the NAS.
//! Never decides which realm is whose ([`crate::directory::Realms`]) and never holds a worker: a request comes here by way of
//! [`crate::later`].
//!
//! In the order a request travels:
//!
//! - [`engine`]: which server is asked, when it is asked again, who is alive; no socket, no clock;
//! - `health`: how one server is found dead and alive again;
//! - `slots`: identifiers towards one address, over several sockets;
//! - [`transport`]: how octets reach a server, and UDP; `links`: TLS; `ways`: both;
//! - `desk`: the thread that moves octets and time, and answers the NAS.

mod affinity;
mod desk;
pub mod engine;
mod health;
mod links;
mod slots;
pub mod transport;
pub(crate) mod ways;

pub use desk::Desk;
pub use engine::{Answer, Engine, Event, ExchangeId, Forward, Outcome, StartError, Timing, Transmit};
