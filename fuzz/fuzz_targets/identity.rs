//! Feeds texts to what recognises MAC addresses and VLANs.
//!
//! The work is in `radius/tests/it/drive.rs`, which the tests replay over the same corpus.

#![no_main]

#[expect(dead_code, reason = "the other targets use the rest")]
#[path = "../../radius/tests/it/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    // An identity or none, both are fine; only a panic is a finding.
    drive::identity(text);
});
