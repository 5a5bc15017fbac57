//! Feeds datagrams to everything that reads one.
//!
//! The work is in `radius/tests/it/drive.rs`, which the tests replay over the same corpus.

#![no_main]

#[path = "../../radius/tests/it/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    // Refused or read, both are fine; only a panic is a finding.
    let _ = drive::packet(datagram);
});
