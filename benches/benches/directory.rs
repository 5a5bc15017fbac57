//! What a lookup in the directory costs, and that it costs the same among a million subscribers as among a thousand.
//!
//! From memory on one thread. Run it on a quiet machine, pinned: `taskset -c 1 cargo bench -p benches --bench directory`;
//! compare the column `fastest`. Names are asked for in an order that no cache foresees, so with a million subscribers a
//! lookup is two misses: the table's slot and the subscriber. The column of allocations must show none.

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use radius_server::directory::{
    Credential, Directory, Partner, Plan, ServiceState, Subscriber, SubscriberSpec,
};
use uuid::Uuid;

/// Counts allocations beside the time.
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

/// How many subscribers there are.
const POPULATIONS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many names are asked for in turn.
const ASKED: usize = 4_096;

fn main() {
    divan::main();
}

/// A user name as PPPoE has them.
fn username(number: usize) -> String {
    format!("user{number:07}@isp")
}

/// One subscriber.
fn spec(number: usize, plan: &Arc<Plan>) -> SubscriberSpec {
    SubscriberSpec {
        id: Uuid::from_u128(u128::try_from(number).unwrap_or_default()).into(),
        username: username(number).into(),
        state: ServiceState::Active,
        expires_at_unix_s: None,
        credential: Credential::Clear(format!("secret-{number:07}").as_str().into()),
        plan: Arc::clone(plan),
        reply: Box::default(),
    }
}

/// A partner with so many subscribers.
fn partner(population: usize) -> Arc<Partner> {
    let (directory, id) = (Directory::new(), Uuid::from_u128(1).into());
    directory.partner_put(id, "Demo ISP", true);
    let plan = Arc::new(Plan::new("home", Box::default(), None, None));
    let all = (0..population).map(|number| Subscriber::new(&spec(number, &plan)));
    drop(directory.subscriber_put_all(id, all));
    directory.partner(id).unwrap_or_else(|| panic!("it was put"))
}

/// Finds a subscriber by his name.
#[divan::bench(args = POPULATIONS)]
fn lookup(bencher: Bencher<'_, '_>, population: usize) {
    let partner = partner(population);
    // A prime step, so that neighbours in time are none in memory.
    let names: Vec<_> = (0..ASKED).map(|n| username(n * 7_919 % population)).collect();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % ASKED;
        black_box(partner.subscriber(&names[next]))
    });
}

/// Puts one in that is there already, as a change does.
#[divan::bench(args = POPULATIONS)]
fn change(bencher: Bencher<'_, '_>, population: usize) {
    let (directory, id) = (Directory::new(), Uuid::from_u128(1).into());
    directory.partner_put(id, "Demo ISP", true);
    let plan = Arc::new(Plan::new("home", Box::default(), None, None));
    let all = (0..population).map(|number| Subscriber::new(&spec(number, &plan)));
    drop(directory.subscriber_put_all(id, all));
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 7_919) % population;
        directory.subscriber_put_all(id, [Subscriber::new(&spec(next, &plan))])
    });
}
