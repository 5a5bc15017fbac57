//! What one request costs the server without its sockets: gate, duplicates, steps, reply and decision record.
//!
//! The directory has 32,768 subscribers and every request is another one's, so that memory and not the cache answers; the
//! clock is moved by hand, so that none is a retransmission of the round before. One thread. Run it on a quiet machine,
//! pinned: `taskset -c 1 cargo bench -p benches --bench login`; compare the column `fastest`.
//!
//! A sketch on paper: an Access-Accept to signed PAP takes ten blocks of MD5 at some 90 ns (four for the request's
//! Message-Authenticator, one for the password, three and two for the reply's signatures), so about 0.9 us of 1.7; CHAP
//! the same. A record is two copies of 180 octets and one line of an index, 0.1 us. Accounting waits for the disk, 64
//! records at a time; the digests are seven blocks.

use benches::isp::{Books, Datagram, Isp, Proof, REQUESTS};
use divan::Bencher;
use divan::counter::ItemsCount;
use radius::PACKET_LEN_MAX;
use radius_server::accounting::Accountant;
use radius_server::authentication::Authenticator;
use radius_server::decision::{Decisions, Recorder};
use std::sync::Arc;

/// Counts allocations beside the time: no row of a login may show one.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

/// Accounting records settled together.
const BATCH: usize = 64;
/// Requests handled in one sample: a round.
const ROUND: u32 = REQUESTS;

fn main() {
    divan::main();
}

/// An authentication worker without its socket.
struct Worker {
    isp: Isp,
    pipeline: Authenticator,
    decisions: Arc<Decisions>,
    recorder: Recorder,
    out: [u8; PACKET_LEN_MAX],
}

impl Worker {
    fn new() -> Self {
        let isp = Isp::new(REQUESTS);
        let decisions = Arc::new(Decisions::default());
        Self {
            pipeline: isp.authenticator(),
            recorder: decisions.recorder(isp.counters.lane()),
            decisions,
            isp,
            out: [0; PACKET_LEN_MAX],
        }
    }

    /// Answers all of these, each `times` times, recording what was decided by 32 as a batch of datagrams would.
    fn serve(&mut self, requests: &[Datagram], times: u32) {
        for batch in requests.chunks(32) {
            for request in batch {
                let now = self.isp.tick();
                for _ in 0..times {
                    let verdict = self
                        .pipeline
                        .handle(&request.octets, request.source, now, &mut self.out);
                    if let Some(draft) = verdict.decision {
                        self.recorder.record(draft);
                    }
                }
            }
            self.recorder.flush();
        }
    }
}

/// Measures logins, one round a sample.
fn logins(bencher: Bencher<'_, '_>, proof: Proof, times: u32) {
    let (mut worker, requests) = (Worker::new(), Isp::logins(REQUESTS, proof));
    worker.serve(&requests, times);
    bencher
        .counter(ItemsCount::new(ROUND * times))
        .bench_local(|| worker.serve(&requests, times));
    assert!(worker.decisions.held().records > 0, "recorded");
}

/// Access-Accept to signed PAP.
#[divan::bench(sample_size = 1, sample_count = 30)]
fn pap_accept(bencher: Bencher<'_, '_>) {
    logins(bencher, Proof::Pap, 1);
}

/// Access-Accept to signed CHAP.
#[divan::bench(sample_size = 1, sample_count = 30)]
fn chap_accept(bencher: Bencher<'_, '_>) {
    logins(bencher, Proof::Chap, 1);
}

/// Access-Accept to signed MS-CHAPv2, with the server's proof and both keys.
#[divan::bench(sample_size = 1, sample_count = 30)]
fn ms_chap_2_accept(bencher: Bencher<'_, '_>) {
    logins(bencher, Proof::MsChap2, 1);
}

/// Access-Reject to a wrong password.
#[divan::bench(sample_size = 1, sample_count = 30)]
fn wrong_password(bencher: Bencher<'_, '_>) {
    logins(bencher, Proof::WrongPap, 1);
}

/// Every login sent twice: half of the items are retransmissions, answered from memory.
#[divan::bench(sample_size = 1, sample_count = 30)]
fn pap_accept_and_retransmission(bencher: Bencher<'_, '_>) {
    logins(bencher, Proof::Pap, 2);
}

/// Asking for the last decisions of a user when the rings are full.
#[divan::bench]
fn explain(bencher: Bencher<'_, '_>) {
    let (mut worker, requests) = (Worker::new(), Isp::logins(REQUESTS, Proof::Pap));
    for _ in 0..3 {
        worker.serve(&requests, 1);
    }
    let mut number = 0;
    bencher.bench_local(|| {
        number = (number + 7_919) % REQUESTS;
        worker
            .decisions
            .recent(Isp::PARTNER, &Isp::username(number))
            .len()
    });
}

/// An accounting worker without its socket.
struct Clerk {
    isp: Isp,
    accountant: Accountant,
    books: Books,
    out: [u8; PACKET_LEN_MAX],
}

impl Clerk {
    /// Takes in, makes durable and answers all of these.
    fn serve(&mut self, records: &[Datagram]) -> u32 {
        let mut answered = 0;
        for batch in records.chunks(BATCH) {
            for record in batch {
                let now = self.isp.tick();
                self.accountant
                    .take_in(&record.octets, record.source, now, &mut self.out);
            }
            let now = self.isp.tick();
            self.accountant
                .settle(&self.books.ledger, now, &mut self.out, &mut |_to, _response| {
                    answered += 1
                });
        }
        answered
    }
}

/// Interim records of open sessions, 64 to an `fdatasync`, sessions updated.
#[divan::bench(sample_size = 1, sample_count = 20)]
fn accounting_interim(bencher: Bencher<'_, '_>) {
    const SESSIONS: u32 = 4_096;
    let isp = Isp::new(SESSIONS);
    let mut clerk = Clerk {
        accountant: isp.accountant(),
        books: isp.books(),
        isp,
        out: [0; PACKET_LEN_MAX],
    };
    assert_eq!(clerk.serve(&Isp::interims(SESSIONS, 0)), SESSIONS, "all answered");
    let mut minute = 0;
    let next = || {
        minute += 1;
        Isp::interims(SESSIONS, minute)
    };
    bencher
        .counter(ItemsCount::new(SESSIONS))
        .with_inputs(next)
        .bench_local_refs(|records| {
            clerk.isp.skip(benches::isp::ROUND);
            assert_eq!(clerk.serve(records), SESSIONS, "all answered");
        });
    clerk.books.close();
}
