//! Feeds attributes to one hop of a proxy, both ways.
//!
//! The work is in `radius/tests/it/drive.rs`, which the tests replay over the same corpus.

#![no_main]

#[expect(dead_code, reason = "the other targets use the rest")]
#[path = "../../radius/tests/it/drive.rs"]
mod drive;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    drive::hop(octets);
});
