//! Benchmarks live in `benches/`, one file a crate; this library is empty because a package needs a target.
//!
//! `cargo bench -p benches --bench radius` measures the decoder. What is measured and how stands in each file.
