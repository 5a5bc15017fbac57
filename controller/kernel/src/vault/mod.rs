//! Secrets that are kept elsewhere: references to a Vault or OpenBao (its key-value engine, version 2), read at use.
//! Never writes there, never keeps a value longer than a day, and never shows one.
//!
//! - [`mod@reference`] is the written form, `vault:tenants/isp-west/netbox/token#value`;
//! - [`client`] asks one server: it logs in, keeps its token alive, and serves what it has read while the server is sealed
//!   or away, with its age;
//! - [`login`] is how we show who we are; [`error`] tells apart what an operator must do something else about.

pub mod client;
pub mod error;
pub mod login;
pub mod reference;

pub use client::{Found, Freshness, Vault, VaultPlace};
pub use error::VaultError;
pub use login::{Credential, Login};
pub use reference::{NotAReference, SecretRef};
