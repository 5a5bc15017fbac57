//! A short text in place, for a record that is filled in again and again without allocating.

/// Octets of a text that are kept; no RADIUS attribute is longer.
pub const TEXT_OCTETS_MAX: usize = 253;

/// Up to [`TEXT_OCTETS_MAX`] octets of UTF-8; what is longer is cut between two characters.
pub(super) struct Text {
    /// How many of `octets` count.
    len: u8,
    /// The text, and behind it whatever was there before.
    octets: [u8; TEXT_OCTETS_MAX],
}

impl Text {
    /// Nothing.
    pub(super) const fn new() -> Self {
        Self {
            len: 0,
            octets: [0; TEXT_OCTETS_MAX],
        }
    }

    /// The octets, which are UTF-8.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Takes a text in place of what was there.
    pub(super) fn set(&mut self, text: &str) {
        self.len = 0;
        self.push(text);
    }

    /// Takes octets that ought to be text in place of what was there; what is not UTF-8 is replaced.
    pub(super) fn set_lossy(&mut self, octets: &[u8]) {
        self.len = 0;
        for chunk in octets.utf8_chunks() {
            let replaced = if chunk.invalid().is_empty() {
                ""
            } else {
                "\u{fffd}"
            };
            if !self.push(chunk.valid()) || !self.push(replaced) {
                return;
            }
        }
    }

    /// Appends what fits; whether that was all.
    fn push(&mut self, text: &str) -> bool {
        let at = usize::from(self.len);
        let kept = cut(text, TEXT_OCTETS_MAX - at);
        self.octets[at..at + kept.len()].copy_from_slice(kept.as_bytes());
        // At most 253, so it fits.
        self.len = (at + kept.len()) as u8;
        kept.len() == text.len()
    }
}

/// A text without what stands behind the last whole character of its first octets.
pub(super) fn cut(text: &str, octets_max: usize) -> &str {
    text.get(..text.floor_char_boundary(octets_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &[u8], expect: &str) {
        let mut text = Text::new();
        text.set("what was there before");
        text.set_lossy(octets);
        assert_eq!(std::str::from_utf8(text.octets()), Ok(expect));
    }

    #[test]
    fn what_is_not_text_is_replaced() {
        check(&[b'a', 0xff, b'b'], "a\u{fffd}b");
        check(b"", "");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "a".repeat(252) + "\u{e9}";
        check(long.as_bytes(), &"a".repeat(252));
        check(&[0xff; 90], &"\u{fffd}".repeat(84));
        check(&[b'b'; 300], &"b".repeat(253));
    }
}
