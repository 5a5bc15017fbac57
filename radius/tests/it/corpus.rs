//! Replays the fuzzer's corpora, so that what it once found stays found without a fuzzer at hand.

use std::path::Path;

use crate::drive;

/// Every sample of a target, by name.
fn samples(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
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

/// Replays every sample of a target.
#[track_caller]
fn replay(target: &str, drive: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
    let samples = samples(target);
    assert!(!samples.is_empty(), "the corpus of {target} is empty");
    for (name, sample) in &samples {
        let read = std::panic::catch_unwind(|| drive(sample));
        assert!(read.is_ok(), "sample {name} breaks {target}");
    }
}

/// A corpus of one kind would pass the tests above and prove little.
#[track_caller]
fn check_kinds(target: &str, is_good: impl Fn(&[u8]) -> bool) {
    for (prefix, good) in [("good-", true), ("bad-", false)] {
        let mut samples = samples(target);
        samples.retain(|(name, _)| name.starts_with(prefix));
        assert!(
            samples.len() >= 10,
            "only {} samples named {prefix}*",
            samples.len()
        );
        for (name, sample) in samples {
            assert_eq!(is_good(&sample), good, "{target} {name}");
        }
    }
}

#[test]
fn every_datagram_is_read_or_refused() {
    replay("packet", |sample| {
        let _ = drive::packet(sample);
    });
}

#[test]
fn all_attributes_are_the_same_again() {
    replay("attributes", |sample| {
        drive::attributes(sample);
    });
}

#[test]
fn every_dictionary_is_read_or_refused() {
    replay("dictionary", |sample| {
        let _ = drive::dictionary(sample);
    });
}

#[test]
fn every_packet_of_radius_1_1_is_carried_or_refused() {
    replay("v11", |sample| {
        drive::v11(sample);
    });
    check_kinds("v11", drive::v11);
}

#[test]
fn every_stream_is_cut_into_packets() {
    replay("stream", |sample| {
        drive::stream(sample);
    });
    let all: usize = samples("stream")
        .iter()
        .map(|(_, sample)| drive::stream(sample))
        .sum();
    assert!(all >= 10, "{all} packets");
}

#[test]
fn every_eap_packet_is_read_or_refused() {
    replay("eap", |sample| {
        drive::eap(sample);
    });
    check_kinds("eap", drive::eap);
}

#[test]
fn all_fragments_of_tls_become_flights_or_are_refused() {
    replay("eap_tls", |sample| {
        drive::fragments(sample);
    });
    check_kinds("eap_tls", |sample| drive::fragments(sample) > 0);
}

#[test]
fn all_pairs_of_ttls_are_the_same_again_or_refused() {
    replay("eap_avp", |sample| {
        drive::avps(sample);
    });
    check_kinds("eap_avp", drive::avps);
}

#[test]
fn every_hop_gives_packets_that_the_other_side_verifies() {
    replay("hop", drive::hop);
}

#[test]
fn every_user_name_is_split_into_its_parts() {
    replay("nai", drive::nai);
}

#[test]
fn every_text_is_an_identity_or_none() {
    replay("identity", |sample| {
        drive::identity(sample);
    });
}

#[test]
fn identities_are_of_both_kinds_and_named_after_it() {
    check_kinds("identity", drive::identity);
}

#[test]
fn datagrams_are_of_both_kinds_and_named_after_it() {
    check_kinds("packet", |sample| drive::packet(sample).is_ok());
}

#[test]
fn dictionaries_are_of_both_kinds_and_named_after_it() {
    check_kinds("dictionary", |sample| drive::dictionary(sample).is_ok());
}

#[test]
fn seeds_of_attributes_are_attributes_to_the_last_octet() {
    for (name, sample) in samples("attributes") {
        if name.starts_with("seed-") {
            assert_eq!(drive::attributes(&sample), sample.len(), "{name}");
        }
    }
}
