//! What is counted of calls to servers of others, a line for each partner and system.
//! Labels are a partner's id and words of ours; never a URL.

use std::borrow::Cow;

use kernel::outbound::Lines;
use kernel::outbound::breaker::State;

use super::metrics::Sample;

/// The samples of all lines.
pub fn samples(lines: &Lines) -> Vec<Sample> {
    let mut samples = Vec::new();
    for report in lines.report() {
        let partner = report.key.partner;
        let partner: Cow<'static, str> =
            partner.map_or("platform".into(), |partner| partner.to_string().into());
        let labels = vec![("partner", partner), ("system", report.key.system.into())];
        let line = report.line.line();
        let counters = line.counters();
        for (outcome, count) in counters.calls().filter(|(_, count)| *count > 0) {
            let mut labels = labels.clone();
            labels.push(("outcome", outcome.into()));
            samples.push(Sample {
                labels,
                ..Sample::plain("outbound_calls_total", count)
            });
        }
        let breaker = line.breaker();
        for state in [State::Closed, State::HalfOpen, State::Open] {
            let mut labels = labels.clone();
            labels.push(("state", state.as_str().into()));
            samples.push(Sample {
                labels,
                ..Sample::plain("outbound_breaker_state", u64::from(state == breaker))
            });
        }
        let in_flight = u64::try_from(line.in_flight()).unwrap_or(u64::MAX);
        for (name, value) in [
            ("outbound_attempts_total", counters.attempts()),
            ("outbound_repetitions_total", counters.repetitions()),
            ("outbound_calls_in_flight", in_flight),
            ("outbound_breaker_opened_total", line.breaker_opened()),
        ] {
            samples.push(Sample {
                labels: labels.clone(),
                ..Sample::plain(name, value)
            });
        }
    }
    samples
}
