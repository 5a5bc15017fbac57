//! A mistake in a TOML file as its line and what is wrong.
//! Never shows the line itself, which may hold a secret.

/// Line (from 1) and words of what the parser refused.
pub fn line_and_words(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    format!("line {line}: {}", error.message())
}

/// The line, from 1, in which an octet of a text stands.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|octet| *octet == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::line_and_words;

    /// Anything with a known key.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        /// Known.
        #[serde(rename = "password")]
        _password: String,
    }

    #[test]
    fn a_mistake_names_its_line_and_never_repeats_it() {
        let text = "password = \"hunter2\"\n\npasword = \"hunter2\"\n";
        let told = toml::from_str::<Shape>(text)
            .map_err(|error| line_and_words(text, &error))
            .unwrap_err();
        assert_eq!(told, "line 3: unknown field `pasword`, expected `password`");
        let text = "password = \"hunter2\" \"more\"\n";
        let told = toml::from_str::<Shape>(text)
            .map_err(|error| line_and_words(text, &error))
            .unwrap_err();
        assert!(
            told.starts_with("line 1: ") && !told.contains("hunter2"),
            "{told}"
        );
    }
}
