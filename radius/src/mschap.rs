//! Microsoft's CHAP, version 1 (RFC 2433) and 2 (RFC 2759), as RADIUS carries it (RFC 2548), and its keys (RFC 3079).
//!
//! Never keeps a password or a hash longer than the value that holds it, never compares in a time that depends on one.
//! The caller hands in the fresh challenge of a failure. Not supported, and reported as such: LAN Manager responses (they
//! prove 14 upper-case characters) and changed passwords (MS-CHAP-CPW, MS-CHAP2-CPW).
//!
//! In the order a login flows through:
//!
//! 1. [`hash`]: [`NtHash`], what both versions prove; it is as good as the password.
//! 2. [`response`]: the attributes of a request, and the three DES blocks both versions answer with.
//! 3. [`v1`] and [`v2`]: is it he? Version 2 also gives the server's proof.
//! 4. [`mppe`]: what an Access-Accept carries so that the NAS can encrypt the link.
//! 5. [`failure`]: what an Access-Reject carries so that the peer knows whether to ask for another password.

pub mod failure;
pub mod hash;
pub mod mppe;
pub mod response;
pub mod v1;
pub mod v2;

pub use failure::{Failure, FailureCode, Version};
pub use hash::NtHash;
pub use mppe::SessionKeys;
pub use response::{Response, Response2};
pub use v2::Proof;
