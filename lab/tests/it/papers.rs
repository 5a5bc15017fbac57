//! ARCHITECTURE.md names files and folders; each of them must exist, or the map leads astray.

use std::path::{Path, PathBuf};

/// Endings by which a name without a slash is recognised as a file.
const FILE_ENDINGS: [&str; 5] = [".rs", ".toml", ".md", ".sql", ".sh"];

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Everything between single backticks, outside of fenced blocks.
fn quoted(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    prose
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// Whether something quoted is meant as a path in the repository: a relative path, not a route, a command or a type.
fn is_path(quoted: &str) -> bool {
    let letters = quoted
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let names = quoted.contains('/') || FILE_ENDINGS.iter().any(|ending| quoted.ends_with(ending));
    letters && names && !quoted.starts_with('/') && !quoted.starts_with("http")
}

#[test]
fn every_path_in_the_architecture_exists() {
    let path = root().join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let paths: Vec<&str> = quoted(&text)
        .into_iter()
        .filter(|quoted| is_path(quoted))
        .collect();
    assert!(
        !paths.is_empty(),
        "{} is missing or names no path",
        path.display()
    );
    let missing: Vec<&&str> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

#[test]
fn a_path_is_told_from_a_route_and_a_word() {
    for path in [
        "radius/src/lib.rs",
        "migrations/",
        "deny.toml",
        "controller/modules/access",
    ] {
        assert!(is_path(path), "{path}");
    }
    for other in [
        "/api/v1",
        "headend serve",
        "modules/*",
        "Option<T>",
        "radius",
        "http://x/y",
        "a -> b/c",
    ] {
        assert!(!is_path(other), "{other}");
    }
}

#[test]
fn what_stands_in_a_fenced_block_is_not_read() {
    assert_eq!(quoted("see `a/b`\n```\n`c/d`\n```\nand `e.rs`."), ["a/b", "e.rs"]);
}
