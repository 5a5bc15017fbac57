//! No allocation per request: the pipelines run under an allocator that counts, and the count must be zero.
//! A test program of its own, because an allocator is a whole program's; here, because it shares the benches' ISP.
//!
//! Counted per thread, so that what the test harness does elsewhere is not in it. Everything that may grow has grown
//! before counting begins: the promise is about a server that has been running for a moment.

mod counting;
mod pipelines;
