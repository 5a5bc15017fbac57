//! `/metrics`: the counters of all parts in Prometheus's text format.
//! Never touches the database, and never has a label that came from a packet or a person.

use std::fmt::Write;

/// One value.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Name; one that ends in `_total` is a counter, any other a gauge.
    pub name: String,
    /// Labels, from closed sets.
    pub labels: Vec<(&'static str, &'static str)>,
    /// Value.
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

/// Writes samples as text; those of one name stand together, as the format wants.
pub fn text(mut samples: Vec<Sample>) -> String {
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    let mut last = "";
    for sample in &samples {
        if sample.name != last {
            let kind = if sample.name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            let _infallible = writeln!(out, "# TYPE {} {kind}", sample.name);
            last = &sample.name;
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
        let _infallible = writeln!(out, "{}{labels} {}", sample.name, sample.value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Sample, text};

    #[test]
    fn samples_of_one_name_stand_together_under_their_type() {
        let accept = Sample {
            labels: vec![("outcome", "accept")],
            ..Sample::plain("radius_replies_total", 2)
        };
        let reject = Sample {
            labels: vec![("outcome", "reject")],
            ..Sample::plain("radius_replies_total", 1)
        };
        let shown = text(vec![accept, Sample::plain("radius_nas", 3), reject]);
        let expected = "# TYPE radius_nas gauge\nradius_nas 3\n# TYPE radius_replies_total counter\n\
                        radius_replies_total{outcome=\"accept\"} 2\nradius_replies_total{outcome=\"reject\"} 1\n";
        assert_eq!(shown, expected);
    }
}
