//! A length of time in the two units that matter, for sentences. It is never parsed back.

use std::fmt;

/// Seconds, shown as "3 d 4 h", "5 h 10 min", "2 min 3 s" or "17 s".
pub(super) struct Span(pub(super) u32);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3_600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            3_600..86_400 => write!(f, "{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
            _ => write!(f, "{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn two_units_are_shown() {
        let shown: Vec<_> = [17, 123, 3_600, 273_600]
            .map(|seconds| Span(seconds).to_string())
            .into();
        assert_eq!(shown, ["17 s", "2 min 3 s", "1 h 0 min", "3 d 4 h"]);
    }
}
