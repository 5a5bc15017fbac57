//! Replays the fuzzer's corpus, so that what it once found stays found without a fuzzer at hand.

use std::path::{Path, PathBuf};

use crate::drive;

/// Where the corpus lies.
fn corpus_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/packet")
}

/// Every sample, by name.
fn samples() -> Vec<(String, Vec<u8>)> {
    let dir = corpus_dir();
    let entries =
        std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("no corpus at {}: {error}", dir.display()));
    let mut samples: Vec<_> = entries
        .map(|entry| entry.expect("a directory entry"))
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).expect("a sample"),
            )
        })
        .collect();
    samples.sort();
    samples
}

#[test]
fn every_sample_is_read_or_refused() {
    let samples = samples();
    assert!(
        !samples.is_empty(),
        "the corpus at {} is empty",
        corpus_dir().display()
    );
    for (name, sample) in &samples {
        let read = std::panic::catch_unwind(|| drive::packet(sample));
        assert!(read.is_ok(), "sample {name} breaks the decoder");
    }
}

/// A corpus of one kind would pass the test above and prove little.
#[test]
fn seeds_are_of_both_kinds_and_named_after_it() {
    for (prefix, well_formed) in [("good-", true), ("bad-", false)] {
        let samples: Vec<_> = samples()
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .collect();
        assert!(
            samples.len() >= 10,
            "only {} samples named {prefix}*",
            samples.len()
        );
        for (name, sample) in samples {
            assert_eq!(
                drive::packet(&sample).is_ok(),
                well_formed,
                "{name}: {:?}",
                drive::packet(&sample)
            );
        }
    }
}
