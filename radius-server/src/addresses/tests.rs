//! Pools as values: what is counted, who gets which, and who gets his own again.

use super::units::Units;
use super::*;
use crate::id::{PoolId, SubscriberId};
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// For how long an address is kept.
const HOLD: Duration = Duration::from_secs(60);

fn range(text: &str) -> AddressRange {
    text.parse().expect("a range")
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn who(number: u128) -> SubscriberId {
    Uuid::from_u128(number).into()
}

fn spec(ranges: &[&str], excluded: &[&str]) -> PoolSpec {
    PoolSpec {
        id: PoolId::from_uuid(Uuid::from_u128(9)),
        name: "home".into(),
        kind: PoolKind::Ipv4,
        unit_len: 32,
        ranges: ranges.iter().map(|text| range(text)).collect(),
        excluded: excluded.iter().map(|text| range(text)).collect(),
        hold_s: 60,
    }
}

fn pool(ranges: &[&str], excluded: &[&str]) -> Pool {
    Pool::new(spec(ranges, excluded)).expect("a pool")
}

/// What somebody gets.
fn take(pool: &Pool, whose: u128, login: u8, now: Instant) -> Option<IpAddr> {
    let taken = pool.take(who(whose), 1, [login; 8], now, false);
    taken.map(|taken| taken.address)
}

#[test]
fn a_network_gives_all_but_its_ends_and_what_is_excluded() {
    let pool = pool(&["10.0.0.0/29"], &["10.0.0.3"]);
    let now = Instant::now();
    let given: Vec<_> = (0..6).map(|n| take(&pool, n, n as u8, now)).collect();
    let expected =
        ["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"].map(|text| Some(address(text)));
    assert_eq!(given[..5], expected);
    assert_eq!(given[5], None, "it has five");
    assert_eq!((pool.usage().total, pool.usage().live), (5, 5));
}

#[test]
fn everybody_gets_his_own_again_and_nobody_anothers_before_the_hold_ends() {
    let pool = pool(&["10.0.0.1-10.0.0.2"], &[]);
    let now = Instant::now();
    let (one, other) = (take(&pool, 1, 1, now), take(&pool, 2, 2, now));
    pool.free(one.expect("one"), [1; 8], now, true);
    pool.free(other.expect("one"), [2; 8], now, true);
    assert_eq!(take(&pool, 2, 3, now), other);
    assert_eq!(
        take(&pool, 3, 4, now),
        None,
        "the free one is kept for subscriber 1"
    );
    assert_eq!(take(&pool, 1, 5, now), one);
    pool.free(one.expect("one"), [5; 8], now, true);
    assert_eq!(take(&pool, 3, 6, now + HOLD), one, "now anybody may have it");
    assert_eq!(take(&pool, 1, 7, now + HOLD), None);
}

#[test]
fn what_was_never_used_is_free_at_once_and_only_its_own_login_gives_it_back() {
    let pool = pool(&["10.0.0.1"], &[]);
    let now = Instant::now();
    let one = take(&pool, 1, 1, now).expect("one");
    pool.free(one, [9; 8], now, false);
    assert_eq!(
        take(&pool, 2, 2, now),
        None,
        "another login's word does not count"
    );
    pool.free(one, [1; 8], now, false);
    assert_eq!(take(&pool, 2, 2, now), Some(one));
}

#[test]
fn what_is_assigned_for_good_is_never_given() {
    let pool = pool(&["10.0.0.1-10.0.0.3"], &[]);
    pool.reserve(&[range("10.0.0.1"), range("10.0.0.3"), range("192.0.2.1")]);
    let now = Instant::now();
    assert_eq!(take(&pool, 1, 1, now), Some(address("10.0.0.2")));
    assert_eq!(take(&pool, 2, 2, now), None);
    assert_eq!(pool.usage().reserved, 2);
}

#[test]
fn prefixes_are_counted_by_their_length_and_whole() {
    let delegated = PoolSpec {
        kind: PoolKind::Delegated,
        unit_len: 56,
        ..spec(&["2001:db8:0:80::-2001:db8:0:3ff:ffff:ffff:ffff:ffff"], &[])
    };
    let pool = Pool::new(delegated).expect("a pool");
    assert_eq!(
        pool.usage().total,
        3,
        "the first of four would begin before the range"
    );
    assert_eq!(
        take(&pool, 1, 1, Instant::now()),
        Some(address("2001:db8:0:100::"))
    );
    assert!(
        !pool.contains(address("2001:db8:0:100::1")),
        "no prefix of 56 bits"
    );
}

#[test]
fn a_pool_that_cannot_be_is_refused() {
    let large = PoolSpec {
        kind: PoolKind::Prefix,
        unit_len: 64,
        ..spec(&["2001:db8::/32"], &[])
    };
    assert_eq!(Pool::new(large).err(), Some(PoolError::Ranges));
    assert_eq!(
        Pool::new(spec(&["2001:db8::/64"], &[])).err(),
        Some(PoolError::Ranges)
    );
    assert_eq!(
        Pool::new(spec(&["10.0.0.1"], &["10.0.0.0/8"])).err(),
        Some(PoolError::Empty)
    );
    let length = PoolSpec {
        unit_len: 24,
        ..spec(&["10.0.0.0/8"], &[])
    };
    assert_eq!(Pool::new(length).err(), Some(PoolError::Length));
}

#[test]
fn a_pool_that_grows_keeps_who_has_what_and_the_old_one_gives_nothing_more() {
    let older = pool(&["10.0.0.1-10.0.0.2"], &[]);
    let now = Instant::now();
    let one = take(&older, 1, 1, now);
    let newer = older.changed(spec(&["10.0.0.0/28"], &[]), now).expect("a pool");
    assert_eq!(take(&older, 2, 2, now), None);
    assert_eq!(newer.holder(one.expect("one")), Some((who(1), true)));
    assert_ne!(take(&newer, 2, 2, now), one);
    assert_eq!(newer.usage().live, 2);
}

#[test]
fn after_a_restart_whoever_had_an_address_finds_it() {
    let before = pool(&["10.0.0.1-10.0.0.2"], &[]);
    let now = Instant::now();
    let one = take(&before, 1, 1, now);
    let rows = before.dirty();
    assert_eq!((rows.len(), before.dirty().len()), (1, 0));
    before.still_dirty(&rows);
    assert_eq!(before.dirty(), rows);
    let after = pool(&["10.0.0.1-10.0.0.2"], &[]);
    rows.iter().for_each(|row| after.restore(row, now));
    assert_ne!(take(&after, 2, 2, now), one);
    assert_eq!(take(&after, 3, 3, now), None, "it is kept for whoever had it");
    assert_eq!(after.interrupted(who(1)), one);
    assert_eq!(take(&after, 1, 4, now), one);
}

#[test]
fn a_text_that_is_no_range_is_refused() {
    for (text, why) in [
        ("", RangeError::Unreadable),
        ("10.0.0.0/33", RangeError::Unreadable),
        ("10.0.0.1-", RangeError::Unreadable),
        ("10.0.0.2-10.0.0.1", RangeError::Backwards),
        ("10.0.0.1-::1", RangeError::Backwards),
    ] {
        assert_eq!(text.parse::<AddressRange>(), Err(why), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_range_or_none(text in ".{0,60}") {
        if let Ok(range) = text.parse::<AddressRange>() {
            prop_assert_eq!(range.to_string().parse::<AddressRange>(), Ok(range));
        }
    }

    #[test]
    fn every_unit_has_an_address_of_its_own_and_comes_back_from_it(
        from in any::<u32>(),
        len in 0u32..300,
        holes in prop::collection::vec((any::<u8>(), 0u8..20), 0..5),
    ) {
        let last = from.saturating_add(len);
        let ip = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(number));
        let whole = AddressRange::new(ip(from), ip(last)).expect("forwards");
        let holes: Vec<_> = holes
            .iter()
            .map(|(at, len)| {
                let first = from.saturating_add(u32::from(*at));
                AddressRange::new(ip(first), ip(first.saturating_add(u32::from(*len)))).expect("forwards")
            })
            .collect();
        let units = Units::new(true, 32, &[whole], &holes, 1 << 20).expect("few");
        let expected: Vec<IpAddr> = (from..=last)
            .map(ip)
            .filter(|one| !holes.iter().any(|hole| hole.first() <= *one && *one <= hole.last()))
            .collect();
        let counted: Vec<IpAddr> = (0..units.total()).map(|unit| units.address(unit).expect("one")).collect();
        prop_assert_eq!(&counted, &expected);
        for (unit, one) in counted.iter().enumerate() {
            prop_assert_eq!(units.unit(*one), Some(unit as u32));
        }
        prop_assert_eq!(units.address(units.total()), None);
        let touched: Vec<u32> = units.touched(ip(from), ip(last)).collect();
        prop_assert_eq!(touched.len(), counted.len());
    }
}
