//! Benchmarks live in `benches/`, one file a crate; this library is empty because a package needs a target.
//!
//! `cargo bench -p benches --bench radius` measures the decoder, `--bench mschap` a login by MS-CHAP. What is measured and
//! how stands in each file.
