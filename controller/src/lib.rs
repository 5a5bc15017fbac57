//! The `headend` binary as a library: configuration, composition of kernel and modules, command line.
//! No rule lives here: what a partner may do, how a login is decided, what a row looks like is all further down.
//!
//! In the order a call passes through: [`cli`] reads the arguments; `headend serve` goes on with [`config`] and
//! [`serve`]; every other command is a client of the API through [`client`], [`apply`] makes a whole file true, and
//! [`import`] moves in from elsewhere. [`dictionary`] reads an operator's names of attributes for both, and [`openapi`]
//! describes the API without either. [`console`] is what people see in a browser.

pub mod apply;
pub mod backup;
pub mod cli;
pub mod client;
pub mod config;
pub mod console;
pub mod credentials;
pub mod dictionary;
pub mod failure;
pub mod import;
pub mod libpq;
mod mistake;
pub mod openapi;
pub mod output;
mod place;
pub mod secret;
pub mod serve;
pub mod suggest;
