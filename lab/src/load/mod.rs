//! The request generator of the bench: cheap, honest, and the same for every server it faces.
//!
//! Requests are computed before the clock starts and replies are verified after it has stopped, all of them, so that what
//! is timed is the server's work and the kernel's. Never knows which server it faces, and never measures the server's
//! processor time; [`crate::bench`] does. In the order of a run:
//!
//! 1. [`recipe`]: what a request says: [`recipe::Login`] and [`recipe::Record`]. [`people`]: who logs in.
//! 2. [`route`]: which NAS sends it, from which port, under which identifier.
//! 3. [`arena`]: all requests of a run, signed, side by side in memory.
//! 4. [`flight`]: what is under way, so that nothing in flight is used twice. [`port`]: the sockets.
//! 5. [`drive`]: sends by a window or by a schedule, collects replies, times them.
//! 6. [`replies`]: keeps what came; [`verdict`]: is it genuine? [`tally`]: what a run gave.

pub mod arena;
pub mod drive;
pub mod flight;
mod mschap;
pub mod people;
pub mod port;
pub mod recipe;
pub mod replies;
pub mod route;
pub mod tally;
pub mod verdict;
