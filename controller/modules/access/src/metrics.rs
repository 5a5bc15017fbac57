//! What this module counts, for `/metrics`: read from memory, never from the database.
//! Never has a label that a user could choose.

use std::sync::atomic::{AtomicU64, Ordering};

use radius_server::authorization::Make;

use crate::admission::ErrandCounters;
use crate::app::intent::IntentCounters;
use crate::app::quota::Quotas;
use crate::app::reaper::Freshness;
use crate::drain::DrainCounters;
use crate::feeder::FeederCounters;
use crate::plane::PlaneHandle;
use crate::store::cursor::Stream;

/// One number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name; one that ends in `_total` is a counter, `_bucket`, `_count` and `_seconds_sum` (in microseconds here) make a
    /// histogram, any other is a gauge.
    pub name: &'static str,
    /// Its label, out of a closed set.
    pub label: Option<(&'static str, &'static str)>,
    /// The number.
    pub value: u64,
}

/// Everything that is counted, by whom it is counted.
#[derive(Debug, Default, Clone)]
pub struct Counters {
    /// The feeder's.
    pub feeder: std::sync::Arc<FeederCounters>,
    /// The accounting drain's.
    pub accounting: std::sync::Arc<DrainCounters>,
    /// The decision drain's.
    pub decisions: std::sync::Arc<DrainCounters>,
    /// Those of what admission leaves.
    pub errands: std::sync::Arc<ErrandCounters>,
}

/// All numbers as they are now.
#[must_use]
pub fn metrics(
    counters: &Counters,
    intents: &IntentCounters,
    freshness: &Freshness,
    quotas: &Quotas,
    plane: &PlaneHandle,
) -> Vec<Metric> {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let plain = |name, value| Metric {
        name,
        label: None,
        value,
    };
    let feeder = &counters.feeder;
    let mut all = vec![
        plain("access_feeder_changes_total", count(&feeder.changes)),
        plain("access_feeder_failures_total", count(&feeder.failures)),
        plain("access_feeder_refused_total", count(&feeder.refused)),
        plain(
            "access_feeder_attributes_left_out_total",
            count(&feeder.attributes_left_out),
        ),
        plain("access_directory_version", plane.directory.version()),
        plain(
            "access_sessions_open",
            u64::try_from(plane.sessions.count()).unwrap_or(u64::MAX),
        ),
    ];
    let (fresh, stale) = freshness.count(time::OffsetDateTime::now_utc());
    all.push(plain("access_sessions_reaped_total", count(&freshness.reaped)));
    all.push(plain("access_nas_fresh", fresh));
    all.push(plain("access_nas_stale", stale));
    let steps = &quotas.counters;
    for (step, counter) in [
        ("threshold", &steps.thresholds),
        ("used_up", &steps.used_up),
        ("restored", &steps.restored),
    ] {
        all.push(Metric {
            name: "access_quota_steps_total",
            label: Some(("step", step)),
            value: count(counter),
        });
    }
    all.push(plain("access_quota_held", quotas.held_count()));
    let held = plane.decisions.held();
    all.push(plain("access_decisions_in_memory", held.records));
    all.push(plain("access_decisions_in_memory_bytes", held.octets));
    // A histogram in Prometheus's words.
    let latency = &feeder.latency;
    let classes = latency.cumulative();
    all.extend(classes.map(|(bound, value)| Metric {
        name: "access_directory_change_seconds_bucket",
        label: Some(("le", bound)),
        value,
    }));
    let [.., (_, changes)] = classes;
    all.push(plain("access_directory_change_seconds_count", changes));
    all.push(plain("access_directory_change_seconds_sum", latency.sum_us()));
    let streams = [
        (
            Stream::Accounting,
            &counters.accounting,
            &plane.accounting_journal,
        ),
        (Stream::Decisions, &counters.decisions, &plane.decision_journal),
    ];
    for (stream, drain, journal) in streams {
        let by_stream = |name, value| Metric {
            name,
            label: Some(("stream", stream.name())),
            value,
        };
        all.push(by_stream("access_drain_records_total", count(&drain.records)));
        all.push(by_stream("access_drain_poisoned_total", count(&drain.poisoned)));
        all.push(by_stream("access_drain_failures_total", count(&drain.failures)));
        all.push(by_stream("access_drain_backlog_bytes", journal.backlog_bytes()));
        all.push(by_stream(
            "access_journal_missing_records_total",
            journal.missing_records(),
        ));
    }
    let (errands, gate) = (&counters.errands, plane.directory.gate());
    let (full, taken) = gate.counts();
    all.push(plain("access_places_refused_total", full));
    all.push(plain("access_places_taken_over_total", taken));
    all.push(plain(
        "access_places_disconnects_total",
        count(&errands.disconnects),
    ));
    all.push(plain(
        "access_places_disconnect_failures_total",
        count(&errands.disconnect_failures),
    ));
    all.push(plain("access_bindings_written_total", count(&errands.bindings)));
    all.push(plain("access_leases_written_total", count(&errands.leases)));
    let pools = gate.pools();
    let usage = || pools.iter().map(|(_, pool)| pool.usage());
    all.push(plain(
        "access_pool_addresses",
        usage().map(|usage| u64::from(usage.total)).sum(),
    ));
    all.push(plain(
        "access_pool_addresses_given",
        usage().map(|usage| u64::from(usage.live)).sum(),
    ));
    let by_state = |state, value| Metric {
        name: "access_intents_total",
        label: Some(("state", state)),
        value,
    };
    all.push(by_state("acknowledged", count(&intents.acknowledged)));
    all.push(by_state("refused", count(&intents.refused)));
    all.push(by_state("silent", count(&intents.silent)));
    all.push(by_state("failed", count(&intents.failed)));
    all.push(by_state("contradicted", count(&intents.contradicted)));
    all.push(plain(
        "access_intents_for_operators_total",
        count(&intents.operator),
    ));
    let mut proven = 0;
    for make in Make::ALL {
        let (ended, changed) = (counters.accounting.proofs.of(make), intents.proofs.of(make));
        let by_make = |name, value| Metric {
            name,
            label: Some(("make", make.as_str())),
            value,
        };
        all.push(by_make("access_intent_proofs_total", ended.0 + changed.0));
        all.push(by_make("access_intent_proof_wait_ms_total", ended.1 + changed.1));
        proven += ended.0 + changed.0;
    }
    all.push(by_state("proven", proven));
    all
}
