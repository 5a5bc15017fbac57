//! Who gets service, and what the Access-Accept says about it.

use super::*;
use crate::addresses::{PoolKind, PoolSpec};
use crate::admission::{PlanRules, StaticAddress, SubscriberRules};
use crate::authorization::defaults::Defaults;
use crate::authorization::garden::{Garden, GardenReason};
use crate::authorization::{Make, Term, Terms, preview};
use radius::dictionary::STANDARD;

#[test]
fn only_an_active_service_of_an_active_partner_is_given() {
    let now = 1_700_000_000;
    let check = |state: ServiceState, expires: Option<i64>, outcome: Outcome, words: &str| {
        let mut desk = Desk::with(|_, subscriber| {
            subscriber.state = state;
            subscriber.expires_at_unix_s = expires;
        });
        desk.check(&plain(1).pap("alice@demo", PASSWORD), outcome, words);
    };
    let suspended = ServiceState::Suspended {
        reason: "invoice 42 unpaid".into(),
    };
    check(
        suspended,
        None,
        Outcome::Rejected(RejectReason::Suspended),
        "suspended: invoice 42 unpaid",
    );
    check(
        ServiceState::Terminated,
        None,
        Outcome::Rejected(RejectReason::Terminated),
        "terminated",
    );
    let expired = Outcome::Rejected(RejectReason::Expired);
    check(
        ServiceState::Active,
        Some(now - 7_200),
        expired,
        "expired 2 h 0 min ago",
    );
    check(ServiceState::Active, Some(now), expired, "expired 0 s ago");
    check(
        ServiceState::Active,
        Some(now + 60),
        Outcome::Accepted,
        "active; expires in 1 min 0 s",
    );

    let mut desk = Desk::new();
    desk.directory.partner_put(partner(), "Demo ISP", false);
    let refused = Outcome::Rejected(RejectReason::PartnerSuspended);
    desk.check(
        &plain(1).pap("alice@demo", PASSWORD),
        refused,
        "partner Demo ISP is not active",
    );
}

#[test]
fn whoever_does_not_know_the_password_does_not_learn_that_the_service_is_suspended() {
    let mut desk = Desk::with(|_, alice| alice.state = ServiceState::Suspended { reason: "".into() });
    let request = plain(1).pap("alice@demo", "guess");
    assert_eq!(
        desk.ask(&request).verified(&request).text(kind::REPLY_MESSAGE),
        Some("Login incorrect")
    );
}

#[test]
fn no_session_outlives_the_service() {
    for (left, expect) in [(60, 60), (7_200, 3_600)] {
        let mut desk = Desk::with(|_, alice| alice.expires_at_unix_s = Some(1_700_000_000 + left));
        let request = plain(1).pap("alice@demo", PASSWORD);
        let answered = desk.ask(&request);
        let reply = answered.verified(&request);
        assert_eq!(reply.u32(kind::SESSION_TIMEOUT), Some(expect));
        let timeouts = reply
            .attributes()
            .filter(|attribute| attribute.kind == kind::SESSION_TIMEOUT);
        assert_eq!(timeouts.count(), 1);
    }
}

#[test]
fn own_attributes_replace_those_of_the_plan_and_leave_the_rest() {
    let own = [
        kind::SESSION_TIMEOUT,
        6,
        0,
        0,
        0,
        60,
        26,
        12,
        0,
        0,
        0x3a,
        0x8c,
        8,
        6,
        b'1',
        b'M',
        b'/',
        b'1',
    ];
    let mut desk = Desk::with(|_, alice| alice.reply = own.into());
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.u32(kind::SESSION_TIMEOUT), Some(60));
    assert_eq!(reply.vendor(14_988, 8), Some(&b"1M/1"[..]));
    assert_eq!(
        reply
            .attributes()
            .filter(|attribute| attribute.kind == kind::VENDOR_SPECIFIC)
            .count(),
        1
    );
}

#[test]
fn another_make_hears_the_rate_in_its_own_words() {
    let mut desk = Desk::with(|nas, _| nas.make = "hostapd".into());
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.vendor(14_122, 7), Some(&20_000_000_u32.to_be_bytes()[..]));
    assert_eq!(reply.vendor(14_122, 8), Some(&100_000_000_u32.to_be_bytes()[..]));
    assert_eq!(reply.vendor(14_988, 8), None);
}

#[test]
fn a_service_that_does_not_fit_into_a_packet_is_no_service() {
    let mut desk = Desk::with(|_, alice| {
        let one = [&[kind::FRAMED_ROUTE, 255][..], &[b'x'; 253]].concat();
        alice.reply = one.repeat(20).into();
    });
    let refused = Outcome::Rejected(RejectReason::ReplyTooLong);
    let request = plain(1).pap("alice@demo", PASSWORD);
    desk.check(
        &request,
        refused,
        "the attributes of plan and subscriber do not fit into one packet",
    );
}

// -- Plans of terms

/// A desk whose NAS is of this make, and alice's plan says this; she may have something in its place.
pub(super) fn desk_with(
    make: &str,
    plan: &str,
    service: &str,
    change: impl FnOnce(&mut SubscriberSpec),
) -> Desk {
    let read = |json: &str| serde_json::from_str::<Terms>(json).expect("terms");
    Desk::with(|nas, alice| {
        nas.make = make.into();
        let plan = Arc::new(Plan::of("home-100", read(plan)));
        alice.plan = match service {
            "" => plan,
            service => Arc::new(Plan::service(&plan, read(service))),
        };
        change(alice);
    })
}

/// What alice is told, without what every Access-Accept carries, and what the preview says she would be.
pub(super) fn told(desk: &mut Desk) -> (Vec<String>, Vec<(&'static str, String)>) {
    // So much later that it is no retransmission.
    desk.now.monotonic += Duration::from_secs(60);
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), radius::Code::AccessAccept);
    let mut octets = Vec::new();
    let usual = [kind::MESSAGE_AUTHENTICATOR, kind::CLASS];
    for attribute in reply
        .attributes()
        .filter(|attribute| !usual.contains(&attribute.kind))
    {
        octets.extend([
            attribute.kind,
            u8::try_from(attribute.value.len() + 2).expect("short"),
        ]);
        octets.extend(attribute.value);
    }
    let nas = desk.directory.nas_list().pop().expect("a NAS");
    let alice = nas.partner.subscriber("alice@demo").expect("alice");
    let preview = preview::preview(&nas, &alice, desk.now.unix_s());
    let said: Vec<u8> = preview
        .lines
        .iter()
        .flat_map(|line| line.octets.clone())
        .collect();
    assert_eq!(said, octets, "the preview is what is sent");
    let line = |line: &preview::Line| (line.origin.as_str(), shown(&line.octets).join(", "));
    (shown(&octets), preview.lines.iter().map(line).collect())
}

/// Attributes as people read them, without the quotes around texts.
fn shown(octets: &[u8]) -> Vec<String> {
    let lines = radius::attribute::Tree::decode(octets, &STANDARD).show(&STANDARD);
    lines.iter().map(|line| line.replace('"', "")).collect()
}

#[test]
fn own_attributes_win_over_the_service_and_the_service_over_the_plan() {
    let own = [
        27, 6, 0, 0, 0, 60, 26, 13, 0, 0, 0, 9, 1, 7, b'a', b':', b'b', b'=', b'c',
    ];
    let mut desk = desk_with(
        "cisco",
        r#"{"session_timeout_s": 3600, "idle_timeout_s": 600, "pool": "p1", "policies": {"cisco": {"up": "U", "down": "D"}}}"#,
        r#"{"pool": "static", "policies": {"cisco": {"up": "U2", "down": "D2"}}}"#,
        |alice| alice.reply = own.into(),
    );
    let (_, origins) = told(&mut desk);
    let expected = [
        ("plan", "Idle-Timeout = 600"),
        ("service", "Framed-Pool = static"),
        ("service", "Cisco-AVPair = ip:sub-qos-policy-in=U2"),
        ("service", "Cisco-AVPair = ip:sub-qos-policy-out=D2"),
        ("subscriber", "Session-Timeout = 60"),
        ("subscriber", "Cisco-AVPair = a:b=c"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(origin, line)| (origin, line.to_owned()))
        .collect();
    assert_eq!(origins, expected);
}

#[test]
fn one_pair_of_his_own_replaces_the_plans_pair_of_the_same_name_only() {
    let pair = b"ip:sub-qos-policy-in=SLOW";
    let mut own = vec![26, 8 + 25, 0, 0, 0, 9, 1, 2 + 25];
    own.extend(pair);
    let plan = r#"{"policies": {"cisco": {"up": "U", "down": "D"}}}"#;
    let mut desk = desk_with("cisco", plan, "", |alice| alice.reply = own.into());
    let (lines, _) = told(&mut desk);
    let expected = [
        "Cisco-AVPair = ip:sub-qos-policy-out=D",
        "Cisco-AVPair = ip:sub-qos-policy-in=SLOW",
    ];
    assert_eq!(lines, expected);
}

/// The clock of these tests stands at 14 November 2023, a Tuesday, 22:13:20 UTC.
#[test]
fn a_window_has_its_own_rate_and_the_session_ends_with_it() {
    let plan = r#"{"download_bps": 100000000, "upload_bps": 20000000, "session_timeout_s": 86400, "zone": "Europe/Berlin",
        "windows": [{"days": ["tue"], "from": "23:00", "to": "23:30", "download_bps": 200000000, "upload_bps": 40000000}]}"#;
    let mut desk = desk_with("mikrotik", plan, "", |_| {});
    let (lines, origins) = told(&mut desk);
    // In Berlin it is 23:13:20.
    assert_eq!(
        lines,
        ["Mikrotik-Rate-Limit = 40M/200M", "Session-Timeout = 1000"]
    );
    assert_eq!(origins[1].0, "login");
    desk.now.unix_us += 1_000_000_000;
    let later = plain(2).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&later);
    let reply = answered.verified(&later);
    assert_eq!(reply.vendor(14_988, 8), Some(&b"20M/100M"[..]));
    assert_eq!(
        reply.u32(kind::SESSION_TIMEOUT),
        Some(86_400),
        "the next window begins in a week"
    );
}

#[test]
fn reports_are_spread_by_subscriber_and_the_same_at_every_login() {
    let plan = r#"{"interim_interval_s": 300, "interim_spread_s": 60}"#;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..200_u128 {
        let mut desk = desk_with("hostapd", plan, "", |alice| {
            alice.id = Uuid::from_u128(number * 7).into()
        });
        let (lines, _) = told(&mut desk);
        assert_eq!(told(&mut desk).0, lines);
        seen.extend(lines);
    }
    assert_eq!(seen.len(), 61);
    assert!(seen.contains("Acct-Interim-Interval = 300") && seen.contains("Acct-Interim-Interval = 360"));
}

#[test]
fn a_nokia_hears_the_name_under_which_it_makes_a_subscriber() {
    let (lines, _) = told(&mut desk_with("nokia", "{}", "", |_| {}));
    assert_eq!(lines, ["Alc-Subsc-ID-Str = alice@demo"]);
}

#[test]
fn who_has_no_service_is_let_into_the_garden_with_nothing_of_his_own() {
    let garden = r#"{"address_list": "unpaid", "session_timeout_s": 600, "download_bps": 1000000, "upload_bps": 1000000}"#;
    let garden = || {
        let reasons = [GardenReason::Suspended, GardenReason::Expired];
        Garden::new(&reasons, serde_json::from_str(garden).expect("terms"))
    };
    for (state, expires) in [
        (
            ServiceState::Suspended {
                reason: "invoice 42 unpaid".into(),
            },
            None,
        ),
        (ServiceState::Active, Some(1_700_000_000 - 5)),
    ] {
        let mut desk = desk_with(
            "mikrotik",
            r#"{"download_bps": 100000000, "upload_bps": 20000000}"#,
            "",
            |alice| {
                alice.state = state;
                alice.expires_at_unix_s = expires;
                alice.reply = [kind::FRAMED_POOL, 8, b'p', b'u', b'b', b'l', b'i', b'c'].into();
            },
        );
        desk.directory.partner_garden(partner(), Some(garden()));
        let (lines, _) = told(&mut desk);
        assert_eq!(
            lines,
            [
                "Session-Timeout = 600",
                "Mikrotik-Rate-Limit = 1M/1M",
                "Mikrotik-Address-List = unpaid"
            ]
        );
        let reason = if expires.is_some() { "expired" } else { "suspended" };
        let words = format!("let into the walled garden: {reason}");
        desk.check(&plain(9).pap("alice@demo", PASSWORD), Outcome::Accepted, &words);
        let refused = Outcome::Rejected(RejectReason::WrongPassword);
        desk.check(
            &plain(3).pap("alice@demo", "guess"),
            refused,
            "PAP: the password differs from the stored one",
        );
    }
}

#[test]
fn a_make_that_the_garden_does_not_keep_in_turns_him_away() {
    let mut desk = desk_with("cisco", "{}", "", |alice| {
        alice.state = ServiceState::Suspended { reason: "".into() }
    });
    let terms = serde_json::from_str(r#"{"address_list": "unpaid"}"#).expect("terms");
    desk.directory
        .partner_garden(partner(), Some(Garden::new(&[GardenReason::Suspended], terms)));
    let refused = Outcome::Rejected(RejectReason::Suspended);
    desk.check(
        &plain(1).pap("alice@demo", PASSWORD),
        refused,
        "suspended, no reason given",
    );
    // A garden for another reason is none for him either.
    let terms = serde_json::from_str(r#"{"vrf": "garden"}"#).expect("terms");
    desk.directory
        .partner_garden(partner(), Some(Garden::new(&[GardenReason::Expired], terms)));
    desk.check(
        &plain(2).pap("alice@demo", PASSWORD),
        refused,
        "suspended, no reason given",
    );
}

#[test]
fn what_nobody_says_the_nas_does_and_else_the_partner() {
    let read = |json: &str| serde_json::from_str::<Terms>(json).expect("terms");
    let plan = r#"{"idle_timeout_s": 600}"#;
    let own = [kind::FRAMED_POOL, 5, b'o', b'w', b'n'];
    let mut desk = desk_with("hostapd", plan, "", |alice| alice.reply = own.into());
    let nas = desk.directory.nas_list().pop().expect("a NAS").id;
    let defaults = Defaults::new([
        (
            None,
            read(r#"{"dns": ["192.0.2.1"], "ipv6_pool": "all", "pool": "all", "idle_timeout_s": 1}"#),
        ),
        (
            Some(nas),
            read(r#"{"ipv6_pool": "here", "session_timeout_s": 900}"#),
        ),
        (Some(Uuid::from_u128(99).into()), read(r#"{"vlan": 9}"#)),
    ]);
    desk.directory.partner_defaults(partner(), defaults);
    let (_, origins) = told(&mut desk);
    let expected = [
        ("plan", "Idle-Timeout = 600"),
        ("subscriber", "Framed-Pool = own"),
        ("nas", "Session-Timeout = 900"),
        ("nas", "Framed-IPv6-Pool = here"),
        ("partner", "MS-Primary-DNS-Server = 192.0.2.1"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(origin, line)| (origin, line.to_owned()))
        .collect();
    assert_eq!(origins, expected);
    desk.directory.partner_defaults(partner(), Defaults::default());
    assert_eq!(told(&mut desk).0, ["Idle-Timeout = 600", "Framed-Pool = own"]);
}

/// Pools of each kind, and a plan that takes addresses of them.
fn pools(desk: &Desk) -> PlanRules {
    let spec = |(kind, unit_len, range): (PoolKind, u8, &str)| PoolSpec {
        id: Uuid::from_u128(u128::from(unit_len)).into(),
        name: range.into(),
        kind,
        unit_len,
        ranges: vec![range.parse().expect("a range")],
        excluded: Vec::new(),
        hold_s: 300,
    };
    let specs: Vec<PoolSpec> = [
        (PoolKind::Ipv4, 32, "10.9.0.0/24"),
        (PoolKind::Prefix, 64, "2001:db8:1::/48"),
        (PoolKind::Delegated, 56, "2001:db8:2::/48"),
    ]
    .map(spec)
    .into();
    let ids = [specs[0].id, specs[1].id, specs[2].id].map(Some);
    assert_eq!(desk.directory.gate().pools_put(partner(), specs, &[]), []);
    PlanRules {
        pools: ids,
        ..PlanRules::default()
    }
}

/// What alice is told, addresses apart: how many she gets, and the rest.
fn told_apart(desk: &mut Desk) -> (usize, Vec<String>) {
    desk.now.monotonic += Duration::from_secs(120);
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), radius::Code::AccessAccept);
    let usual = [kind::MESSAGE_AUTHENTICATOR, kind::CLASS];
    let addresses = [
        kind::FRAMED_IP_ADDRESS,
        kind::FRAMED_IPV6_PREFIX,
        kind::DELEGATED_IPV6_PREFIX,
    ];
    let (mut given, mut rest) = (0, Vec::new());
    for attribute in reply.attributes() {
        given += usize::from(addresses.contains(&attribute.kind));
        if !usual.contains(&attribute.kind) && !addresses.contains(&attribute.kind) {
            let len = u8::try_from(attribute.value.len() + 2).expect("short");
            rest.extend(shown(&[&[attribute.kind, len], attribute.value].concat()));
        }
    }
    (given, rest)
}

/// What the preview says beside the attributes about pools.
fn silenced(desk: &Desk) -> Vec<Term> {
    let nas = desk.directory.nas_list().pop().expect("a NAS");
    let alice = nas.partner.subscriber("alice@demo").expect("alice");
    let preview = preview::preview(&nas, &alice, desk.now.unix_s());
    let unsaid = preview.unsaid.into_iter();
    unsaid
        .filter(|unsaid| unsaid.why.contains("a central pool"))
        .map(|unsaid| unsaid.term)
        .collect()
}

#[test]
fn no_make_is_told_of_a_pool_of_its_own_beside_an_address_from_here() {
    const POOLS: &str =
        r#"{"pool": "p4", "ipv6_pool": "p6", "delegated_pool": "pd", "session_timeout_s": 600}"#;
    const NONE: &str = r#"{"session_timeout_s": 600}"#;
    let with = |make: Make, plan: &str, central: bool| {
        let mut desk = desk_with(make.as_str(), plan, "", |_| {});
        if central {
            let rules = pools(&desk);
            let nas = desk.directory.nas_list().pop().expect("a NAS");
            let alice = nas.partner.subscriber("alice@demo").expect("alice");
            let terms = serde_json::from_str(plan).expect("terms");
            let plan = Arc::new(Plan::of("home-100", terms).with_admission(rules));
            let newer = Subscriber::new(&SubscriberSpec { plan, ..alice.spec() });
            assert!(desk.directory.subscriber_put_all(partner(), [newer]).is_ok());
        }
        desk.now.monotonic += Duration::from_secs(1);
        desk
    };
    for make in Make::ALL {
        let (_, without_pools) = told_apart(&mut with(make, NONE, false));
        let mut plain = with(make, POOLS, false);
        let (given, named) = told_apart(&mut plain);
        assert_eq!(given, 0, "{make:?}");
        assert!(
            named.len() > without_pools.len(),
            "{make:?} hears of its pools: {named:?}"
        );
        assert_eq!(silenced(&plain), [], "{make:?}");
        let mut desk = with(make, POOLS, true);
        assert_eq!(told_apart(&mut desk), (3, without_pools), "{make:?}");
        let silent = [Term::Pool, Term::Ipv6Pool, Term::DelegatedPool];
        assert_eq!(silenced(&desk), silent, "{make:?}");
    }
}

#[test]
fn an_address_for_good_silences_the_default_of_the_nas_and_a_pool_of_his_own_wins_over_the_central_one() {
    let mut desk = desk_with("mikrotik", r#"{"idle_timeout_s": 600}"#, "", |_| {});
    let terms = |json: &str| serde_json::from_str::<Terms>(json).expect("terms");
    let nas = desk.directory.nas_list().pop().expect("a NAS");
    let defaults = Defaults::new([(Some(nas.id), terms(r#"{"pool": "all", "ipv6_pool": "six"}"#))]);
    desk.directory.partner_defaults(partner(), defaults);
    let alice = nas.partner.subscriber("alice@demo").expect("alice");
    let own = SubscriberRules {
        addresses: [StaticAddress {
            kind: PoolKind::Ipv4,
            net: "192.0.2.7/32".parse().expect("an address"),
        }]
        .into(),
        ..SubscriberRules::default()
    };
    desk.directory.rules_put(partner(), alice.id, Some(own));
    let (given, rest) = told_apart(&mut desk);
    assert_eq!(
        (given, rest),
        (
            1,
            vec![
                "Idle-Timeout = 600".to_owned(),
                "Framed-IPv6-Pool = six".to_owned()
            ]
        )
    );
    desk.directory.rules_put(partner(), alice.id, None);

    let rules = pools(&desk);
    let plan = Arc::new(Plan::of("home-100", terms(r#"{"pool": "p4"}"#)).with_admission(rules));
    let reply = [kind::FRAMED_POOL, 5, b'o', b'w', b'n'].into();
    let newer = Subscriber::new(&SubscriberSpec {
        plan,
        reply,
        ..alice.spec()
    });
    assert!(desk.directory.subscriber_put_all(partner(), [newer]).is_ok());
    desk.directory.partner_defaults(partner(), Defaults::default());
    let (given, rest) = told_apart(&mut desk);
    assert_eq!(
        (given, rest),
        (2, vec!["Framed-Pool = own".to_owned()]),
        "his own pool, and prefixes from here"
    );
}
