//! Somebody who used up his quota: throttled, in the garden or turned away, through every make of NAS, until the period ends.

use super::service::{desk_with, told};
use super::*;
use crate::authorization::garden::{Garden, GardenReason, confines};
use crate::authorization::{Make, Sheet, Terms};
use crate::directory::{OnUsedUp, UsedUp};

/// When the desk's clock stands.
const NOW: i64 = 1_700_000_000;
/// Octets of a quota.
const ALLOWED: u64 = 500_000_000_000;
/// A plan of 100/20 Mbit/s, that a make with policies says by them.
const PLAN: &str = r#"{"download_bps": 100000000, "upload_bps": 20000000, "session_timeout_s": 86400,
    "policies": {"cisco": {"down": "D{down_k}", "up": "U{up_k}"}, "juniper": {"name": "rate({down},{up})"},
                 "nokia": {"name": "sla-{down_k}"}, "zte": {"down": "z{down_k}", "up": "z{up_k}"},
                 "h3c": {"name": "h{down_k}"}, "huawei": {"name": "q{down_k}"}, "ikuai": {"name": "i{down_k}"}}}"#;
/// What holds when it is used up.
const SLOW: &str = r#"{"download_bps": 1000000, "upload_bps": 512000}"#;

/// Terms of JSON.
fn terms(json: &str) -> Terms {
    serde_json::from_str(json).expect("terms")
}

/// A word of each make as a NAS has it.
fn word(make: Make) -> &'static str {
    make.as_str()
}

/// A desk whose NAS is of this make, and alice's plan has a quota at whose end this happens.
fn desk(make: Make, on_used_up: &OnUsedUp, change: impl FnOnce(&mut SubscriberSpec)) -> Desk {
    desk_with(word(make), PLAN, "", |alice| {
        let plan = Plan::of("home-100", terms(PLAN));
        alice.plan = Arc::new(plan.with_quota(Some(on_used_up.clone())));
        change(alice);
    })
}

/// Says that alice used up her quota, until so many seconds from now.
fn use_up(desk: &Desk, left_s: i64) {
    let used_up = UsedUp {
        until_unix_s: NOW + left_s,
        allowed: ALLOWED,
    };
    desk.directory.used_up_put(partner(), alice().id, Some(used_up));
}

#[test]
fn every_make_hears_the_throttle_until_the_period_ends_and_the_preview_shows_it() {
    let throttle = OnUsedUp::Throttle(terms(SLOW));
    for make in Make::ALL {
        let mut desk = desk(make, &throttle, |_| {});
        let before = told(&mut desk).0;
        use_up(&desk, 7_200);
        let (lines, origins) = told(&mut desk);
        assert!(
            lines.contains(&"Session-Timeout = 7200".to_owned()),
            "{make:?}: no session outlives the period: {lines:?}"
        );
        let sheet = |terms: &Terms| Sheet::new(terms, make, &[]);
        let (fast, slow) = (terms(PLAN), terms(SLOW).over(&terms(PLAN)));
        assert_ne!(sheet(&fast), sheet(&slow), "{make:?} has words for a rate");
        assert_ne!(lines, before, "{make:?} hears another rate");
        let said = origins.iter().filter(|(origin, _)| *origin == "quota");
        assert!(said.count() > 0, "{make:?}: {origins:?}");
        // The next period begins by the clock, whoever feeds the directory.
        use_up(&desk, 0);
        assert_eq!(told(&mut desk).0, before, "{make:?}");
        use_up(&desk, 7_200);
        desk.directory.used_up_put(partner(), alice().id, None);
        assert_eq!(told(&mut desk).0, before, "{make:?}: a top-up ends it");
    }
}

#[test]
fn a_row_of_his_own_is_no_way_around_the_throttle() {
    let rate = [
        26,
        12,
        0,
        0,
        0x3a,
        0x8c,
        8,
        6,
        b'9',
        b'G',
        b'/',
        b'9', // Mikrotik-Rate-Limit
        kind::FRAMED_POOL,
        5,
        b'o',
        b'w',
        b'n',
    ];
    let throttle = OnUsedUp::Throttle(terms(SLOW));
    let mut desk = desk(Make::Mikrotik, &throttle, |alice| alice.reply = rate.into());
    assert!(
        told(&mut desk)
            .0
            .contains(&"Mikrotik-Rate-Limit = 9G/9".to_owned())
    );
    use_up(&desk, 60);
    let (_, origins) = told(&mut desk);
    let expected = [
        ("quota", "Mikrotik-Rate-Limit = 512k/1M"),
        ("subscriber", "Framed-Pool = own"),
        ("login", "Session-Timeout = 60"),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(origin, line)| (origin, line.to_owned()))
        .collect();
    assert_eq!(origins, expected);
}

#[test]
fn a_service_of_his_own_is_throttled_as_well() {
    let mut desk = desk_with("mikrotik", "{}", "", |alice| {
        let plan = Plan::of("home-100", terms(PLAN));
        let plan = Arc::new(plan.with_quota(Some(OnUsedUp::Throttle(terms(SLOW)))));
        let own = terms(r#"{"download_bps": 900000000, "upload_bps": 900000000, "vrf": "retail"}"#);
        alice.plan = Arc::new(Plan::service(&plan, own));
    });
    use_up(&desk, 60);
    let lines = told(&mut desk).0;
    assert!(
        lines.contains(&"Mikrotik-Rate-Limit = 512k/1M".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn who_used_it_up_is_let_into_a_garden_that_keeps_him_in_and_else_turned_away() {
    let walls = r#"{"pool": "garden", "session_timeout_s": 600}"#;
    for make in Make::ALL {
        let mut desk = desk(make, &OnUsedUp::Garden, |_| {});
        use_up(&desk, 300);
        let request = plain(1).pap("alice@demo", PASSWORD);
        let refused = Outcome::Rejected(RejectReason::QuotaUsedUp);
        let words = "the quota of 500 GB is used up, the next period begins in 5 min 0 s";
        desk.check(&request, refused, words);
        for (reasons, outcome) in [
            (&[GardenReason::Expired][..], refused),
            (&[GardenReason::Quota][..], Outcome::Accepted),
        ] {
            let garden = Garden::new(reasons, terms(walls));
            assert!(confines(&terms(walls), make));
            desk.directory.partner_garden(partner(), Some(garden));
            desk.now.monotonic += Duration::from_secs(60);
            desk.check(&plain(2).pap("alice@demo", PASSWORD), outcome, words);
        }
        let lines = told(&mut desk).0;
        assert!(
            lines.contains(&"Session-Timeout = 300".to_owned())
                && lines.contains(&"Framed-Pool = garden".to_owned()),
            "{make:?}: {lines:?}"
        );
    }
}

#[test]
fn a_plan_may_turn_him_away_although_there_is_a_garden() {
    let mut desk = desk(Make::Mikrotik, &OnUsedUp::Reject, |_| {});
    let garden = Garden::new(&GardenReason::ALL, terms(r#"{"pool": "garden"}"#));
    desk.directory.partner_garden(partner(), Some(garden));
    use_up(&desk, 90_000);
    let refused = Outcome::Rejected(RejectReason::QuotaUsedUp);
    let request = plain(1).pap("alice@demo", PASSWORD);
    let words = "the quota of 500 GB is used up, the next period begins in 1 d 1 h";
    desk.check(&request, refused, words);
    let answered = desk.ask(&request);
    let told = answered
        .verified(&request)
        .text(kind::REPLY_MESSAGE)
        .map(str::to_owned);
    assert_eq!(
        told.as_deref(),
        Some("Data volume used up, please contact your provider")
    );
}

#[test]
fn the_end_of_the_service_comes_before_the_quota() {
    let throttle = OnUsedUp::Throttle(terms(SLOW));
    // It ends within the period: no session outlives it.
    let mut ending = desk(Make::Mikrotik, &throttle, |alice| {
        alice.expires_at_unix_s = Some(NOW + 60)
    });
    use_up(&ending, 7_200);
    assert!(told(&mut ending).0.contains(&"Session-Timeout = 60".to_owned()));
    let mut ended = desk(Make::Mikrotik, &throttle, |alice| {
        alice.expires_at_unix_s = Some(NOW - 60)
    });
    use_up(&ended, 7_200);
    let expired = Outcome::Rejected(RejectReason::Expired);
    ended.check(
        &plain(1).pap("alice@demo", PASSWORD),
        expired,
        "expired 1 min 0 s ago",
    );
}

#[test]
fn a_plan_without_a_quota_ends_it_and_a_change_of_the_subscriber_does_not() {
    let throttle = OnUsedUp::Throttle(terms(SLOW));
    let mut desk = desk(Make::Mikrotik, &throttle, |_| {});
    use_up(&desk, 7_200);
    let plan = Arc::new(Plan::of("home-100", terms(PLAN)).with_quota(Some(throttle)));
    let put = |desk: &Desk, plan: &Arc<Plan>| {
        let spec = SubscriberSpec {
            plan: Arc::clone(plan),
            ..alice()
        };
        desk.directory.subscriber_put(partner(), spec).expect("taken");
    };
    put(&desk, &plan);
    let slow = "Mikrotik-Rate-Limit = 512k/1M".to_owned();
    assert!(told(&mut desk).0.contains(&slow));
    put(&desk, &Arc::new(Plan::of("open", terms(PLAN))));
    assert!(!told(&mut desk).0.contains(&slow));
}
