//! The directory from inside: who finds whom, and what survives a change.

use super::*;
use uuid::Uuid;

/// An id that is easy to read in a failure.
fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

/// A NAS of partner 1 on a network.
fn nas(number: u128, network: &str) -> NasSpec {
    let secret = radius::secret::SharedSecret::new(b"a secret of a NAS");
    NasSpec {
        id: id(number),
        partner: id(1),
        network: network.parse().expect("a network"),
        name: format!("nas-{number}").into(),
        make: "mikrotik".into(),
        secret: secret.clone(),
        coa: CoaTarget { port: 3799, secret },
        message_authenticator: Require::Auto,
        message_authenticator_seen: false,
        guard: NasGuard::default(),
        identify: Identify::default(),
    }
}

/// A subscriber with a name.
fn subscriber(number: u128, username: &str) -> SubscriberSpec {
    SubscriberSpec {
        id: id(number),
        username: username.into(),
        state: ServiceState::Active,
        expires_at_unix_s: None,
        credential: Credential::Clear("open sesame".into()),
        plan: Arc::new(Plan::new("home", Box::default(), None, None)),
        reply: Box::default(),
    }
}

/// A directory with partner 1.
fn directory() -> Directory {
    let directory = Directory::new();
    directory.partner_put(id(1), "Demo ISP", true);
    directory
}

/// Asserts which NAS an address belongs to.
#[track_caller]
fn check_source(directory: &Directory, address: &str, expect: Option<u128>) {
    let found = directory
        .nas_by_source(address.parse().expect("an address"))
        .map(|nas| nas.id);
    assert_eq!(found, expect.map(id), "{address}");
}

#[test]
fn the_longest_prefix_wins_in_each_family() {
    let directory = directory();
    for (number, network) in [
        (2, "127.0.0.0/8"),
        (3, "127.1.0.0/16"),
        (4, "127.1.2.3/32"),
        (5, "fd00::/8"),
    ] {
        directory.nas_put(nas(number, network)).expect("taken");
    }
    check_source(&directory, "127.9.9.9", Some(2));
    check_source(&directory, "127.1.9.9", Some(3));
    check_source(&directory, "127.1.2.3", Some(4));
    check_source(&directory, "::ffff:127.1.2.3", Some(4));
    check_source(&directory, "fd12::1", Some(5));
    check_source(&directory, "10.0.0.1", None);
    check_source(&directory, "2001:db8::1", None);
}

#[test]
fn a_network_with_host_bits_is_its_network() {
    let directory = directory();
    directory.nas_put(nas(2, "127.5.6.7/24")).expect("taken");
    check_source(&directory, "127.5.6.200", Some(2));
    directory.nas_remove(id(2));
    check_source(&directory, "127.5.6.200", None);
}

#[test]
fn two_nas_cannot_have_one_network() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.1/32")).expect("taken");
    let refused = directory.nas_put(nas(3, "127.1.1.1/32")).expect_err("refused");
    let network = "127.1.1.1/32".parse().expect("a network");
    assert_eq!(
        refused,
        DirectoryError::AddressTaken {
            nas: id(3),
            network,
            holder: id(2)
        }
    );
    check_source(&directory, "127.1.1.1", Some(2));
}

#[test]
fn a_nas_that_moves_leaves_its_old_address_and_keeps_its_numbers() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.1/32")).expect("taken");
    bump(&directory.nas(id(2)).expect("there").stats.accepts);
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    check_source(&directory, "127.1.1.1", None);
    check_source(&directory, "127.1.1.2", Some(2));
    assert_eq!(
        directory
            .nas(id(2))
            .expect("there")
            .stats
            .accepts
            .load(Ordering::Relaxed),
        1
    );
}

#[test]
fn a_nas_without_partner_is_refused() {
    let refused = Directory::new().nas_put(nas(2, "127.1.1.1/32"));
    assert_eq!(refused, Err(DirectoryError::UnknownPartner { partner: id(1) }));
}

#[test]
fn many_nas_come_in_at_once_and_only_the_bad_ones_stay_out() {
    let directory = directory();
    let mut orphan = nas(4, "127.1.1.4/32");
    orphan.partner = id(99);
    let refused = directory.nas_put_all([
        nas(2, "127.1.1.2/32"),
        orphan,
        nas(3, "127.1.1.2/32"),
        nas(5, "127.1.1.5/32"),
    ]);
    assert_eq!(
        refused.iter().map(|(nas, _)| *nas).collect::<Vec<_>>(),
        [id(4), id(3)]
    );
    assert_eq!(
        directory.nas_list().iter().map(|nas| nas.id).collect::<Vec<_>>(),
        [id(2), id(5)]
    );
}

#[test]
fn what_was_learned_about_signing_survives_and_only_adds() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    directory
        .nas(id(2))
        .expect("there")
        .stats
        .message_authenticator_learn(77);
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    let stats = Arc::clone(&directory.nas(id(2)).expect("there").stats);
    assert_eq!(
        stats.message_authenticator_seen_unix_ms.load(Ordering::Relaxed),
        77
    );

    let mut known = nas(3, "127.1.1.3/32");
    known.message_authenticator_seen = true;
    directory.nas_put(known).expect("taken");
    assert!(
        directory
            .nas(id(3))
            .expect("there")
            .stats
            .message_authenticator_seen()
    );
}

#[test]
fn a_removed_partner_takes_its_nas_and_subscribers_along() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    directory
        .subscriber_put(id(1), subscriber(10, "alice"))
        .expect("taken");
    directory.partner_remove(id(1));
    check_source(&directory, "127.1.1.2", None);
    assert_eq!(directory.counts(), Counts::default());
    let refused = directory.subscriber_put(id(1), subscriber(10, "alice"));
    assert_eq!(refused, Err(DirectoryError::UnknownPartner { partner: id(1) }));
}

#[test]
fn a_renamed_subscriber_has_one_name() {
    let directory = directory();
    directory
        .subscriber_put(id(1), subscriber(10, "alice"))
        .expect("taken");
    directory
        .subscriber_put(id(1), subscriber(10, "alice@demo"))
        .expect("taken");
    assert!(directory.subscriber(id(1), "alice").is_none());
    assert_eq!(
        directory.subscriber(id(1), "alice@demo").expect("there").id,
        id(10)
    );
    assert_eq!(directory.counts().subscribers, 1);
}

#[test]
fn two_subscribers_can_swap_names() {
    let directory = directory();
    for (number, username) in [(10, "alice"), (11, "bob"), (10, "bob"), (11, "alice")] {
        directory
            .subscriber_put(id(1), subscriber(number, username))
            .expect("taken");
    }
    assert_eq!(directory.subscriber(id(1), "bob").expect("there").id, id(10));
    assert_eq!(directory.subscriber(id(1), "alice").expect("there").id, id(11));
    directory.subscriber_remove(id(1), id(10));
    assert!(directory.subscriber(id(1), "bob").is_none());
    assert!(directory.subscriber(id(1), "alice").is_some());
}

#[test]
fn user_names_differ_in_case() {
    let directory = directory();
    directory
        .subscriber_put(id(1), subscriber(10, "alice"))
        .expect("taken");
    assert!(directory.subscriber(id(1), "Alice").is_none());
}

#[test]
fn a_partner_change_is_seen_through_its_nas() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    let nas = directory.nas(id(2)).expect("there");
    directory.partner_put(id(1), "Demo Fibre", false);
    assert_eq!(nas.partner.name(), "Demo Fibre");
    assert!(!nas.partner.active());
}

#[test]
fn printing_a_nas_or_a_subscriber_shows_no_secret() {
    let directory = directory();
    directory.nas_put(nas(2, "127.1.1.2/32")).expect("taken");
    let printed = format!(
        "{:?} {:?}",
        directory.nas(id(2)).expect("there"),
        subscriber(10, "alice")
    );
    assert!(printed.contains("REDACTED"));
    assert!(
        !printed.contains("a secret of a NAS") && !printed.contains("open sesame"),
        "{printed}"
    );
}

/// A mark with this value.
fn mark(kind: MarkKind, value: &str) -> Mark {
    Mark {
        kind,
        nas: None,
        value: kind.read(value).expect("a value"),
    }
}

#[test]
fn a_mark_is_one_subscribers_and_goes_with_him() {
    let directory = directory();
    for (number, username) in [(10, "alice"), (11, "bob")] {
        directory
            .subscriber_put(id(1), subscriber(number, username))
            .expect("taken");
    }
    let port = mark(MarkKind::PortId, "eth 0/1:7");
    let holder = || {
        let partner = directory.partner(id(1)).expect("there");
        partner
            .subscriber_marked(MarkKind::PortId, None, b"eth 0/1:7")
            .map(|subscriber| subscriber.id)
    };
    directory.marks_put(id(1), id(10), std::slice::from_ref(&port));
    assert_eq!(holder(), Some(id(10)));
    // It changes hands; that its old holder has lost it is heard later.
    directory.marks_put(id(1), id(11), std::slice::from_ref(&port));
    directory.marks_put(id(1), id(10), &[]);
    assert_eq!(holder(), Some(id(11)));
    // A newer version of him keeps it.
    directory
        .subscriber_put(id(1), subscriber(11, "robert"))
        .expect("taken");
    assert_eq!(holder(), Some(id(11)));
    directory.subscriber_remove(id(1), id(11));
    assert_eq!(holder(), None);
    directory.marks_put(id(1), id(11), &[port]);
    assert_eq!(holder(), None, "who is not there has no marks");
}

#[test]
fn names_are_found_in_any_case_while_the_partner_wants_it() {
    let directory = directory();
    let put = |number, username| {
        directory
            .subscriber_put(id(1), subscriber(number, username))
            .expect("taken");
    };
    let found = |username: &str| {
        directory
            .subscriber(id(1), username)
            .map(|subscriber| subscriber.id)
    };
    put(10, "Alice");
    directory.partner_fold_case(id(1), true);
    put(11, "bob");
    put(12, "Carol");
    assert_eq!(found("ALICE"), Some(id(10)), "was there before");
    assert_eq!(found("BOB"), Some(id(11)), "stands in small letters");
    assert_eq!(found("carol"), Some(id(12)), "came later");
    // Two that differ in case only: each is found as he is written.
    put(13, "ALICE");
    assert_eq!(found("ALICE"), Some(id(13)));
    assert_eq!(found("Alice"), Some(id(10)));
    put(12, "Caroline");
    assert_eq!(found("carol"), None);
    assert_eq!(found("CAROLINE"), Some(id(12)));
    directory.subscriber_remove(id(1), id(12));
    assert_eq!(found("caroline"), None);
    directory.partner_fold_case(id(1), false);
    assert_eq!(found("BOB"), None);
    assert_eq!(found("bob"), Some(id(11)));
}
