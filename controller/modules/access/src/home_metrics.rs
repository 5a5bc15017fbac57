//! What home servers did and how far accounting to them is, for `/metrics`: a line a home server and port, a line a target.
//! Labels are ids, which `headend home-server list --json` and `headend realm list --json` name; no name that a person chose.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use radius_server::PartnerId;
use radius_server::directory::{Directory, Health, HomePort, HomeServer};
use radius_server::onward::{Onward, Report, TargetId};

/// Home servers and targets shown, of all partners; further ones are counted in `access_home_servers_not_shown`.
const SHOWN_MAX: usize = 1_024;

/// One number with labels that are ids or words of a closed set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledMetric {
    /// Its name; as [`crate::metrics::Metric::name`].
    pub name: &'static str,
    /// Its labels.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: u64,
}

/// All numbers of all partners.
pub(crate) fn metrics(directory: &Directory, onward: &Onward) -> Vec<LabelledMetric> {
    let (mut all, mut shown, mut left_out) = (Vec::new(), 0, 0);
    for partner in directory.partners() {
        let Some(realms) = partner.realms() else { continue };
        for server in realms.servers() {
            if shown < SHOWN_MAX {
                shown += 1;
                for port in [HomePort::Auth, HomePort::Accounting] {
                    of_port(server, port, &mut all);
                }
            } else {
                left_out += 1;
            }
        }
    }
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_us = i64::try_from(now_us.as_micros()).unwrap_or(i64::MAX);
    let reports = onward.reports();
    for (target, report) in reports.iter().take(SHOWN_MAX) {
        of_target(*target, report, now_us, &mut all);
    }
    left_out += reports.len().saturating_sub(SHOWN_MAX);
    all.push(LabelledMetric {
        name: "access_home_servers_not_shown",
        labels: Vec::new(),
        value: u64::try_from(left_out).unwrap_or(u64::MAX),
    });
    all
}

/// What one port of a home server did.
fn of_port(server: &HomeServer, port: HomePort, all: &mut Vec<LabelledMetric>) {
    if server.addr(port).is_none() {
        return;
    }
    let stats = server.stats.port(port);
    let labels = [
        ("tenant_id", server.partner.to_string()),
        ("home_server", server.spec.id.to_string()),
        ("port", port.as_str().to_owned()),
    ];
    let counts = [
        ("access_home_server_requests_total", &stats.requests),
        ("access_home_server_retransmissions_total", &stats.retransmissions),
        ("access_home_server_replies_total", &stats.replies),
        ("access_home_server_timeouts_total", &stats.silences),
        ("access_home_server_unverified_total", &stats.unverified),
        ("access_home_server_probes_total", &stats.probes),
        // Over the replies: the mean time of an answer.
        ("access_home_server_rtt_microseconds_total", &stats.rtt_us),
    ];
    all.extend(counts.map(|(name, count)| LabelledMetric {
        name,
        labels: labels.to_vec(),
        value: count.load(Ordering::Relaxed),
    }));
    // One of them is 1: what Prometheus calls a state set.
    for state in [Health::Alive, Health::Zombie, Health::Dead] {
        let mut labels = labels.to_vec();
        labels.push(("state", state.as_str().to_owned()));
        all.push(LabelledMetric {
            name: "access_home_server_state",
            labels,
            value: u64::from(stats.health() == state),
        });
    }
}

/// How far one target of accounting is.
fn of_target(target: TargetId, report: &Report, now_us: i64, all: &mut Vec<LabelledMetric>) {
    let labels = labels_of(report.partner, target);
    let behind_us = report
        .since_unix_us
        .map_or(0, |since| now_us.saturating_sub(since));
    let behind_s = u64::try_from(behind_us / 1_000_000).unwrap_or_default();
    let numbers = [
        ("access_forwarding_behind_bytes", report.behind_octets),
        ("access_forwarding_behind_seconds", behind_s),
        (
            "access_forwarding_waiting_records",
            u64::try_from(report.waiting).unwrap_or(u64::MAX),
        ),
        ("access_forwarding_delivered_total", report.delivered),
        ("access_forwarding_skipped_total", report.skipped),
        ("access_forwarding_unsendable_total", report.unsendable),
        ("access_forwarding_gaps_total", report.gaps),
    ];
    all.extend(numbers.map(|(name, value)| LabelledMetric {
        name,
        labels: labels.clone(),
        value,
    }));
}

/// Who a target is.
fn labels_of(partner: PartnerId, target: TargetId) -> Vec<(&'static str, String)> {
    let (kind, id) = match target {
        TargetId::Copy(server) => ("copy", server.to_string()),
        TargetId::Realm(realm) => ("realm", realm.to_string()),
    };
    vec![
        ("tenant_id", partner.to_string()),
        ("to", kind.to_owned()),
        ("id", id),
    ]
}
