//! Exports that somebody has laid hands on.

use proptest::prelude::*;

use super::*;

/// An export of `count` lines.
fn export(count: i64) -> Vec<String> {
    let mut previous = Hash::GENESIS;
    let mut out = vec![format!(
        "{{\"audit\":{{\"format\":1,\"chain\":\"platform\",\"after\":0,\"after_hash\":\"{previous}\"}}}}"
    )];
    for seq in 1..=count {
        let line = line(seq, previous, "ok");
        previous = Hash::of(&line);
        out.push(format!("{{\"hash\":\"{previous}\",\"line\":{line}}}"));
    }
    out.push(format!(
        "{{\"end\":{{\"seq\":{count},\"hash\":\"{previous}\",\"more\":false}}}}"
    ));
    out
}

fn line(seq: i64, previous: Hash, outcome: &str) -> String {
    format!(
        "{{\"chain\":\"platform\",\"seq\":{seq},\"prev\":\"{previous}\",\"id\":\"id-{seq}\",\"outcome\":\"{outcome}\"}}"
    )
}

fn verify(lines: &[String]) -> Report {
    let mut verifier = Verifier::new();
    lines.iter().for_each(|line| verifier.feed(line));
    verifier.finish()
}

#[track_caller]
fn check(lines: &[String], expect: &[(Option<i64>, &str)]) {
    let report = verify(lines);
    let found: Vec<_> = report
        .faults
        .iter()
        .map(|fault| (fault.seq, fault.what.as_str()))
        .collect();
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for ((seq, what), (expect_seq, words)) in found.iter().zip(expect) {
        assert_eq!(seq, expect_seq, "{found:?}");
        assert!(what.contains(words), "{what} / {words}");
    }
}

#[test]
fn a_whole_chain_is_whole_also_in_parts_and_when_it_is_empty() {
    check(&export(5), &[]);
    check(&export(0), &[]);
    let whole = export(5);
    let at_3 = Hash::read(&whole[3][9..73]).expect("a hash");
    let mut parts = whole[..4].to_vec();
    parts.push(format!(
        "{{\"end\":{{\"seq\":3,\"hash\":\"{at_3}\",\"more\":true}}}}"
    ));
    parts.push(format!(
        "{{\"audit\":{{\"format\":1,\"chain\":\"platform\",\"after\":3,\"after_hash\":\"{at_3}\"}}}}"
    ));
    parts.extend_from_slice(&whole[4..]);
    check(&parts, &[]);
    check(&parts[5..], &[]);
    check(&parts[..5], &[(None, "cut off")]);
}

#[test]
fn what_was_changed_removed_inserted_or_moved_is_named() {
    let mut changed = export(5);
    changed[3] = changed[3].replace("\"ok\"", "\"no\"");
    check(&changed, &[(Some(3), "not as it was written")]);

    let mut removed = export(5);
    removed.remove(3);
    check(
        &removed,
        &[(Some(4), "the line at 3 before this one was removed")],
    );

    let mut inserted = export(5);
    inserted.insert(4, inserted[3].clone());
    check(&inserted, &[(Some(3), "moved or inserted")]);

    let mut moved = export(5);
    moved.swap(2, 3);
    check(
        &moved,
        &[
            (Some(3), "was removed"),
            (Some(2), "moved or inserted"),
            (Some(4), "was removed"),
        ],
    );

    let mut cut = export(5);
    cut.remove(5);
    check(&cut, &[(Some(5), "ends elsewhere")]);
    cut.pop();
    check(&cut, &[(None, "cut off")]);
    check(
        &["{}".to_owned()],
        &[(None, "no record"), (None, "no audit export")],
    );
}

#[test]
fn a_line_changed_together_with_its_hash_breaks_the_next_one() {
    let mut forged = export(5);
    let before = Hash::read(&forged[2][9..73]).expect("a hash");
    let text = line(3, before, "no");
    forged[3] = format!("{{\"hash\":\"{}\",\"line\":{text}}}", Hash::of(&text));
    check(&forged, &[(Some(4), "does not follow the one at 3")]);
}

#[test]
fn a_chain_written_anew_is_found_by_whoever_kept_a_hash() {
    let honest = verify(&export(3));
    let (seq, hash) = (honest.head.0, Hash::read(&honest.head.1).expect("a hash"));
    let held_against = |lines: &[String]| {
        let mut verifier = Verifier::expecting(seq, hash);
        lines.iter().for_each(|line| verifier.feed(line));
        verifier.finish()
    };
    assert!(held_against(&export(5)).is_whole());
    assert!(!held_against(&export(2)).is_whole());
    let mut previous = Hash::GENESIS;
    let mut anew = vec![export(0)[0].clone()];
    for seq in 1..=5 {
        let text = line(seq, previous, "no");
        previous = Hash::of(&text);
        anew.push(format!("{{\"hash\":\"{previous}\",\"line\":{text}}}"));
    }
    anew.push(format!(
        "{{\"end\":{{\"seq\":5,\"hash\":\"{previous}\",\"more\":false}}}}"
    ));
    assert!(verify(&anew).is_whole());
    let found = held_against(&anew);
    assert_eq!(found.faults.len(), 1);
    assert!(found.faults[0].what.contains("written anew"));
}

proptest! {
    /// Whatever one octet of an export is changed into, and wherever: it is found. (An empty chain has no line that
    /// would name it.)
    #[test]
    fn no_octet_can_be_changed(count in 1i64..6, at in any::<prop::sample::Index>(), octet in b' '..=b'~') {
        let mut octets = export(count).join("\n").into_bytes();
        let at = at.index(octets.len());
        prop_assume!(octets[at] != octet);
        octets[at] = octet;
        let text = String::from_utf8(octets).expect("all of it is ASCII");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        prop_assert!(!verify(&lines).is_whole(), "{text}");
    }

    /// No record can be left out, doubled or moved.
    #[test]
    fn no_record_can_be_moved(count in 1i64..6, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), keep: bool) {
        let whole = export(count);
        let mut lines = whole.clone();
        let record = if keep { lines[from.index(whole.len())].clone() } else { lines.remove(from.index(whole.len())) };
        let to = to.index(lines.len() + 1);
        lines.insert(to, record);
        prop_assume!(lines != whole);
        // The end said twice at the end says nothing new, and neither does a beginning said twice at the beginning.
        let harmless = keep && (lines.ends_with(&[lines[count as usize + 1].clone()]) || lines[0] == lines[1]);
        prop_assert_eq!(verify(&lines).is_whole(), harmless);
    }

    /// Nothing that a file can hold makes it panic.
    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        let mut verifier = Verifier::new();
        verifier.feed(&text);
        let report = verifier.finish();
        prop_assert!(!report.is_whole());
    }
}

#[test]
fn whatever_a_file_holds_nothing_panics_and_faults_are_bounded() {
    let mut verifier = Verifier::new();
    for n in 0..2 * FAULTS_MAX {
        verifier.feed(&"é{\"hash\":\"".repeat(n % 20));
    }
    let report = verifier.finish();
    assert_eq!(report.faults.len(), FAULTS_MAX);
    assert!(report.further > 0);
}
