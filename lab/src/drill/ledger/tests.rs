//! A checker that cannot fail is worthless: each fault it is there for must be found, and nothing else.

use super::*;

/// Counters after so many records.
fn usage(records: u32) -> Usage {
    Usage {
        seconds: 60 * records,
        octets_in: 1_000 * u64::from(records),
        octets_out: (1 << 32) * u64::from(records),
    }
}

/// A session of which all of this was acknowledged.
fn acknowledged(tales: &[Tale]) -> Account {
    let mut account = Account::new("s-1".to_owned(), Ipv4Addr::LOCALHOST, "bob".to_owned());
    for tale in tales {
        let number = account.tell(*tale);
        account.acknowledge(number);
    }
    account
}

/// A whole session: Start, one interim, Stop.
fn whole() -> Account {
    acknowledged(&[
        Tale::Start,
        Tale::Interim(usage(1)),
        Tale::Stop(usage(2), Cause::UserRequest),
    ])
}

/// The row it should have.
fn row() -> Row {
    Row {
        session: "s-1".to_owned(),
        username: "bob".to_owned(),
        nas: "127.0.0.1".to_owned(),
        usage: usage(2),
        start_seen: true,
        ended: Some("User-Request".to_owned()),
    }
}

#[track_caller]
fn check(account: &Account, rows: &[Row], expected: &[Fault]) {
    let found: Vec<Fault> = compare([account], rows)
        .iter()
        .map(|difference| difference.fault)
        .collect();
    assert_eq!(found, expected, "{account}");
}

#[test]
fn a_table_that_says_what_was_acknowledged_is_right() {
    check(&whole(), &[row()], &[]);
}

#[test]
fn a_lost_session_is_found() {
    check(&whole(), &[], &[Fault::Lost]);
}

#[test]
fn a_lost_stop_is_found() {
    let open = Row { ended: None, ..row() };
    check(&whole(), &[open], &[Fault::Wrong("how it ended")]);
}

#[test]
fn a_lost_start_is_found() {
    let unseen = Row {
        start_seen: false,
        ..row()
    };
    check(&whole(), &[unseen], &[Fault::Wrong("whether it began")]);
}

#[test]
fn a_lost_interim_is_found() {
    let account = acknowledged(&[Tale::Start, Tale::Interim(usage(1)), Tale::Interim(usage(2))]);
    let behind = Row {
        usage: usage(1),
        ended: None,
        ..row()
    };
    check(&account, &[behind], &[Fault::Wrong("a counter")]);
}

#[test]
fn a_doubled_session_is_found() {
    check(&whole(), &[row(), row()], &[Fault::Doubled]);
}

#[test]
fn counters_that_were_added_twice_are_found() {
    let twice = Row {
        usage: usage(4),
        ..row()
    };
    check(&whole(), &[twice], &[Fault::Wrong("a counter")]);
}

#[test]
fn one_counter_of_another_record_is_found() {
    let mixed = Row {
        usage: Usage {
            octets_out: usage(1).octets_out,
            ..usage(2)
        },
        ..row()
    };
    check(&whole(), &[mixed], &[Fault::Wrong("a counter")]);
}

#[test]
fn another_cause_user_or_nas_is_found() {
    let cause = Row {
        ended: Some("Lost-Carrier".to_owned()),
        ..row()
    };
    check(&whole(), &[cause], &[Fault::Wrong("how it ended")]);
    let user = Row {
        username: "carol".to_owned(),
        ..row()
    };
    check(&whole(), &[user], &[Fault::Wrong("the user name")]);
    let nas = Row {
        nas: "127.0.0.2".to_owned(),
        ..row()
    };
    check(&whole(), &[nas], &[Fault::Wrong("the NAS")]);
}

#[test]
fn a_session_that_no_nas_had_is_found() {
    let stranger = Row {
        session: "s-2".to_owned(),
        ..row()
    };
    check(&whole(), &[row(), stranger], &[Fault::NeverSent]);
}

#[test]
fn what_was_not_acknowledged_may_be_stored_or_not() {
    let mut account = acknowledged(&[Tale::Start, Tale::Interim(usage(1))]);
    account.tell(Tale::Stop(usage(2), Cause::UserRequest));
    let without = Row {
        usage: usage(1),
        ended: None,
        ..row()
    };
    check(&account, &[without], &[]);
    check(&account, &[row()], &[]);
    let third = Row {
        usage: usage(3),
        ..row()
    };
    check(&account, &[third], &[Fault::Wrong("a counter")]);
}

#[test]
fn a_session_of_which_nothing_was_acknowledged_may_be_missing() {
    let mut account = Account::new("s-1".to_owned(), Ipv4Addr::LOCALHOST, "bob".to_owned());
    let number = account.tell(Tale::Start);
    check(&account, &[], &[]);
    account.acknowledge(number);
    check(&account, &[], &[Fault::Lost]);
}

#[test]
fn records_acknowledged_in_another_order_come_to_the_same() {
    let mut account = Account::new("s-1".to_owned(), Ipv4Addr::LOCALHOST, "bob".to_owned());
    let numbers = [
        Tale::Start,
        Tale::Interim(usage(1)),
        Tale::Stop(usage(2), Cause::UserRequest),
    ]
    .map(|tale| account.tell(tale));
    for number in numbers.into_iter().rev() {
        account.acknowledge(number);
        account.acknowledge(number);
    }
    check(&account, &[row()], &[]);
}

#[test]
fn a_session_lost_in_a_restart_of_its_nas_must_be_closed_by_it() {
    let mut account = acknowledged(&[Tale::Start, Tale::Interim(usage(2))]);
    let open = Row { ended: None, ..row() };
    check(&account, std::slice::from_ref(&open), &[]);
    account.reboot();
    let closed = Row {
        ended: Some("NAS-Reboot".to_owned()),
        ..row()
    };
    check(&account, std::slice::from_ref(&closed), &[]);
    check(&account, &[open], &[Fault::Wrong("how it ended")]);
    check(&account, &[row()], &[Fault::Wrong("how it ended")]);
    check(&whole(), &[closed], &[Fault::Wrong("how it ended")]);
}

#[test]
fn a_line_of_psql_is_a_row() {
    assert_eq!(
        Row::parse("s-1|bob|127.0.0.1|120|2000|8589934592|t|t|User-Request"),
        Some(row())
    );
    assert_eq!(
        Row::parse("s-1|bob|127.0.0.1|120|2000|8589934592|t|f|"),
        Some(Row { ended: None, ..row() })
    );
    assert_eq!(Row::parse("s-1|bob"), None);
}
