//! `/metrics`: the counters of all parts in Prometheus's text format.
//! Never touches the database, and never has a label that came from a packet or a person.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One value.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name; one that ends in `_total` is a counter. Those that end in `_bucket` make a histogram, together with `_count` and
    /// `_sum` of the same beginning. Any other is a gauge.
    pub name: String,
    /// Labels: words from closed sets, and ids.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// Value; of one that ends in `_seconds_sum` in microseconds, for it is written in seconds.
    pub value: u64,
}

impl Sample {
    /// A value without labels.
    pub fn plain(name: &str, value: u64) -> Sample {
        Sample {
            name: name.to_owned(),
            labels: Vec::new(),
            value,
        }
    }
}

/// What the numbers of one family are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Writes samples as text; those of one family stand together, as the format wants.
pub fn text(mut samples: Vec<Sample>) -> String {
    let histograms: BTreeSet<String> = samples
        .iter()
        .filter_map(|sample| sample.name.strip_suffix("_bucket").map(str::to_owned))
        .collect();
    samples.sort_by(|a, b| {
        (family(&a.name, &histograms).0, &a.name).cmp(&(family(&b.name, &histograms).0, &b.name))
    });
    let (mut out, mut last) = (String::new(), "");
    for sample in &samples {
        let (name, kind) = family(&sample.name, &histograms);
        if name != last {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let _infallible = writeln!(out, "# TYPE {name} {kind}");
            last = name;
        }
        let labels: Vec<String> = sample
            .labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _infallible = if kind == Kind::Histogram && sample.name.ends_with("_seconds_sum") {
            let (s, us) = (sample.value / 1_000_000, sample.value % 1_000_000);
            writeln!(out, "{}{labels} {s}.{us:06}", sample.name)
        } else {
            writeln!(out, "{}{labels} {}", sample.name, sample.value)
        };
    }
    out
}

/// The family a number belongs to, and what that is.
fn family<'n>(name: &'n str, histograms: &BTreeSet<String>) -> (&'n str, Kind) {
    let parts = ["_bucket", "_count", "_sum"];
    let histogram = parts.iter().find_map(|part| {
        let name = name.strip_suffix(part)?;
        histograms.contains(name).then_some(name)
    });
    match histogram {
        Some(name) => (name, Kind::Histogram),
        None if name.ends_with("_total") => (name, Kind::Counter),
        None => (name, Kind::Gauge),
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, text};

    #[test]
    fn samples_of_one_name_stand_together_under_their_type() {
        let accept = Sample {
            labels: vec![("outcome", "accept".into())],
            ..Sample::plain("radius_replies_total", 2)
        };
        let reject = Sample {
            labels: vec![("outcome", "reject".into())],
            ..Sample::plain("radius_replies_total", 1)
        };
        let shown = text(vec![accept, Sample::plain("radius_nas", 3), reject]);
        let expected = "# TYPE radius_nas gauge\nradius_nas 3\n# TYPE radius_replies_total counter\n\
                        radius_replies_total{outcome=\"accept\"} 2\nradius_replies_total{outcome=\"reject\"} 1\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn buckets_sum_and_count_are_one_histogram() {
        let bucket = |le: &'static str, value| Sample {
            labels: vec![("le", le.into())],
            ..Sample::plain("change_seconds_bucket", value)
        };
        let shown = text(vec![
            Sample::plain("change_seconds_sum", 1_500_000),
            bucket("0.1", 1),
            bucket("+Inf", 2),
            Sample::plain("change_seconds_behind", 4),
            Sample::plain("change_seconds_count", 2),
            Sample::plain("other_count", 3),
        ]);
        let expected = "# TYPE change_seconds histogram\nchange_seconds_bucket{le=\"0.1\"} 1\n\
                        change_seconds_bucket{le=\"+Inf\"} 2\nchange_seconds_count 2\nchange_seconds_sum 1.500000\n\
                        # TYPE change_seconds_behind gauge\nchange_seconds_behind 4\n\
                        # TYPE other_count gauge\nother_count 3\n";
        assert_eq!(shown, expected);
    }
}
