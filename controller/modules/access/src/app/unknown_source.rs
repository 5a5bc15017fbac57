//! Who sends RADIUS here and is no NAS, with the command that would admit him.
//! Never admits anybody: the platform's staff does, and they choose for whom and with which secret.

use radius_server::unknown::UnknownSource;

use super::App;

/// A source and what to do about it.
#[derive(Debug, Clone)]
pub struct UnknownReport {
    /// What was seen.
    pub source: UnknownSource,
    /// The command that admits it.
    pub admit_command: String,
}

impl App {
    /// Lists unknown sources, the most recent first.
    #[must_use]
    pub fn unknown_source_list(&self) -> Vec<UnknownReport> {
        let report = |source: UnknownSource| {
            let admit_command = admit_command(&source);
            UnknownReport {
                source,
                admit_command,
            }
        };
        self.plane
            .unknown_sources
            .list()
            .into_iter()
            .map(report)
            .collect()
    }
}

/// The command that admits a source as it stands: named as it calls itself, else by its address. The command asks for the
/// secret, and for the partner where there are several, since only the operator knows them.
fn admit_command(source: &UnknownSource) -> String {
    let said = source.nas_identifier.as_deref().filter(|name| is_shortname(name));
    let by_address = || format!("nas-{}", source.address.to_string().replace([':', '.'], "-"));
    let name = said.map_or_else(by_address, str::to_owned);
    format!("headend nas add {name} --address {}", source.address)
}

/// Whether what a stranger calls himself may stand in a command line: the letters a NAS's name may have, no more.
fn is_shortname(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    (1..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_write_into_the_command() {
        assert!(is_shortname("bras-1.example"));
        for name in ["", "a b", "a;reboot", "$(x)", "-x", "ä"] {
            assert!(!is_shortname(name), "{name}");
        }
    }
}
