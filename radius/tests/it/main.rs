//! What the crate promises, seen from outside.
//!
//! Vectors of others are in `tests/vectors`, the fuzzer's corpora in `fuzz/corpus`; [`drive`] is shared with the fuzzer.

mod accounting;
mod corpus;
mod dictionary;
mod drive;
mod eap;
mod eap_methods;
mod frames;
mod hop;
mod independent;
mod malformed;
mod mschap;
mod nai;
mod password;
mod picture;
mod roundtrip;
mod salt;
mod secret;
mod tree;
mod tshark;
mod v11;
mod vector;
mod writer;
