//! Benchmarks live in `benches/`, one file a subject; what several of them need to set up is here. `tests/alloc/` proves with
//! the same that no request allocates.
//!
//! `cargo bench -p benches --bench radius` measures the decoder, `--bench mschap` a login by MS-CHAP, `--bench login` the
//! server's pipelines. What is measured and how stands in each file.

pub mod isp;
