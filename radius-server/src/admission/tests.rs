//! Places as values; with packets and sessions they are tested in `tests/it/admission.rs`.

use super::account::{Account, Full, Making, Place};
use super::rules::Collision;
use std::time::Instant;
use uuid::Uuid;

/// An account with logins of these devices, oldest first; their logins are their places.
fn account(devices: &[u64]) -> Account {
    let place = |(at, device): (usize, &u64)| Place {
        login: [at as u8; 8],
        session: None,
        nas: Uuid::nil().into(),
        device: *device,
        since: Instant::now(),
        evicted: false,
        told: false,
        addresses: Vec::new(),
    };
    Account {
        places: devices.iter().enumerate().map(place).collect(),
        bound: None,
    }
}

/// Who goes for a login of device 7; `None`: it finds no place.
#[track_caller]
fn check(devices: &[u64], limit: Option<u16>, collision: Collision, expect: Option<&[u8]>) {
    let made = account(devices).make_room(limit, collision, 7);
    let evicts = made.ok().map(|making| making.evicts);
    let expect = expect.map(|logins| logins.iter().map(|login| [*login; 8]).collect::<Vec<_>>());
    assert_eq!(evicts, expect);
}

#[test]
fn any_number_may_be_in_without_a_limit() {
    check(&[1, 7, 7], None, Collision::Reject, Some(&[]));
}

#[test]
fn reject_lets_in_as_many_as_may_be_and_asks_no_device() {
    check(&[1], Some(2), Collision::Reject, Some(&[]));
    check(&[1, 2], Some(2), Collision::Reject, None);
    check(&[7], Some(1), Collision::Reject, None);
}

#[test]
fn a_device_counts_once_and_takes_its_own_place_whatever_else_is_in() {
    check(&[1, 7], Some(2), Collision::SameDevice, Some(&[1]));
    check(&[7, 1, 7], Some(2), Collision::SameDevice, Some(&[0, 2]));
    check(&[1, 2], Some(2), Collision::SameDevice, None);
}

#[test]
fn replace_takes_the_place_of_the_oldest_and_of_no_more_than_needed() {
    check(&[1, 2], Some(2), Collision::Replace, Some(&[0]));
    check(&[1, 2, 3], Some(2), Collision::Replace, Some(&[0, 1]));
    check(&[1, 7], Some(2), Collision::Replace, Some(&[1]));
}

#[test]
fn a_device_that_is_not_said_is_nobodys() {
    let made = account(&[0]).make_room(Some(1), Collision::SameDevice, 0);
    assert_eq!(made, Err(Full { open: 0, waiting: 1 }));
}

#[test]
fn who_has_lost_his_place_does_not_count() {
    let mut account = account(&[1]);
    account.places[0].evicted = true;
    assert_eq!(
        account.make_room(Some(1), Collision::Reject, 7),
        Ok(Making::default())
    );
}
