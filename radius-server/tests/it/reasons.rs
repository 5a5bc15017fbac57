//! docs/reasons.md is the list of reasons that there are: no more, no fewer, and in the same words.

use radius_server::decision::{DropReason, RejectReason};

#[test]
fn the_page_of_reasons_is_the_list_of_reasons() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reasons.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let rejected = RejectReason::ALL.map(|reason| {
        let (code, staff, subscriber) = (reason.as_str(), reason.words(), reason.reply_message());
        format!("| `{code}` | {staff} | {subscriber} |")
    });
    let dropped = DropReason::ALL.map(|reason| format!("| `{}` | {} |", reason.as_str(), reason.words()));
    let expected: Vec<String> = rejected.into_iter().chain(dropped).collect();
    assert_eq!(written, expected);
}
