//! The server from outside: real sockets on 127.0.0.0/8, real journals in directories of their own.
//! `isp` is the one place that knows how to speak to it; the others only know what should happen.

mod accounting;
mod admission;
mod authentication;
mod differential;
mod eapol;
mod guard;
mod histories;
mod identity;
mod isp;
mod journal;
mod nobody;
mod onward;
mod plane;
mod proxy;
mod radsec;
mod reasons;
mod sessions;
mod strangers;
