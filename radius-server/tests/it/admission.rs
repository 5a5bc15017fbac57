//! Places, bindings and addresses through real sockets: no gap between an Access-Accept and its Start, nobody beyond the
//! limit, whatever comes at once.

use crate::isp::{Client, Isp, PASSWORD, Reply, id, nas, prepare, subscriber, until};
use radius::{Code, kind};
use radius_server::addresses::{PoolKind, PoolSpec};
use radius_server::admission::{Allowed, AllowedKind, BindBy, Bound, Collision, Errand, PLACE_WAIT};
use radius_server::admission::{PlanRules, StaticAddress, SubscriberRules};
use radius_server::authentication::{Authenticator, Conversations};
use radius_server::clock::Now;
use radius_server::counters::Counters;
use radius_server::decision::{Outcome, RejectReason};
use radius_server::directory::{Plan, SubscriberSpec};
use radius_server::sessions::Sessions;
use radius_server::{Directory, SubscriberId};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Acct-Status-Type values.
const START: u32 = 1;
const STOP: u32 = 2;
const OFF: u32 = 8;
/// The subscriber of every test.
const ALICE: u128 = 100;
/// The pool of every test.
const POOL: u128 = 500;

/// Rules of a plan.
fn rules(limit: Option<u16>, collision: Collision) -> PlanRules {
    PlanRules {
        simultaneous: limit.and_then(NonZeroU16::new),
        collision,
        ..PlanRules::default()
    }
}

/// Alice on a plan with these rules.
fn alice(rules: PlanRules) -> SubscriberSpec {
    SubscriberSpec {
        plan: Arc::new(Plan::new("home", Box::default(), None, None).with_admission(rules)),
        ..subscriber(ALICE, "alice@demo", PASSWORD)
    }
}

/// A server with alice on such a plan.
fn isp(rules: PlanRules) -> Isp {
    let isp = Isp::start();
    put(&isp, rules);
    isp
}

fn put(isp: &Isp, rules: PlanRules) {
    let directory = isp.plane.directory();
    directory.subscriber_put(id(1), alice(rules)).expect("taken");
}

/// A pool of these addresses.
fn pool(isp: &Isp, range: &str) -> PlanRules {
    let refused = isp.plane.directory().gate().pools_put(
        id(1),
        vec![PoolSpec {
            id: id(POOL),
            name: "home".into(),
            kind: PoolKind::Ipv4,
            unit_len: 32,
            ranges: vec![range.parse().expect("a range")],
            excluded: Vec::new(),
            hold_s: 60,
        }],
        &[],
    );
    assert!(refused.is_empty());
    PlanRules {
        pools: [Some(id(POOL)), None, None],
        ..PlanRules::default()
    }
}

/// Alice logs in with a device.
#[track_caller]
fn login(client: &Client, device: &str) -> Reply {
    let request = client.access(true, |writer| {
        writer.text(kind::USER_NAME, "alice@demo").expect("room");
        writer
            .password(PASSWORD.as_bytes(), &client.secret)
            .expect("room");
        writer.text(kind::CALLING_STATION_ID, device).expect("room");
        writer.text(kind::NAS_PORT_ID, "ge-0/0/1:100").expect("room");
    });
    client.ask_auth(&request)
}

/// What the last decision about alice found at one step.
fn found(isp: &Isp, count: usize) -> Vec<String> {
    let recent = || isp.plane.decisions().recent(id(1), "alice@demo");
    until("the decision is there", || recent().len() >= count);
    recent()[0].steps.iter().map(|step| step.found.words()).collect()
}

/// How the last decision about alice ended.
fn outcome(isp: &Isp, count: usize) -> Outcome {
    let recent = || isp.plane.decisions().recent(id(1), "alice@demo");
    until("the decision is there", || recent().len() >= count);
    recent()[0].outcome
}

/// A record of the session that a login became.
#[track_caller]
fn record(client: &Client, status: u32, session: &str, accept: &Reply) {
    let view = accept.view();
    let class = view.first(kind::CLASS).expect("a Class");
    client.ask_accounting(&client.accounting_of(status, Some(session), 0, Some(class)));
}

fn address(accept: &Reply) -> IpAddr {
    let octets: [u8; 4] = accept
        .view()
        .first(kind::FRAMED_IP_ADDRESS)
        .expect("an address")
        .try_into()
        .expect("four octets");
    octets.into()
}

#[test]
fn there_is_no_gap_between_an_accept_and_its_start() {
    let isp = isp(rules(Some(1), Collision::SameDevice));
    let client = isp.nas(10, "127.31.1.1");
    let accept = login(&client, "00-00-5E-00-53-01");
    assert_eq!(accept.code(), Code::AccessAccept);
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessReject);
    assert_eq!(outcome(&isp, 2), Outcome::Rejected(RejectReason::TooManySessions));
    let words = "1 may be in at once: 0 sessions are open, 1 accepted logins wait for their Start";
    assert!(found(&isp, 2).contains(&words.to_owned()), "{:?}", found(&isp, 2));

    record(&client, START, "s1", &accept);
    assert_eq!(isp.plane.directory().gate().places(id(ALICE)), (1, 0));
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessReject);
    record(&client, STOP, "s1", &accept);
    assert_eq!(isp.plane.directory().gate().places(id(ALICE)), (0, 0));
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessAccept);
}

#[test]
fn a_login_that_never_starts_gives_its_place_back() {
    let isp = isp(rules(Some(1), Collision::Reject));
    let client = isp.nas(10, "127.31.1.2");
    assert_eq!(login(&client, "a").code(), Code::AccessAccept);
    assert_eq!(login(&client, "b").code(), Code::AccessReject);
    let directory = isp.plane.directory();
    directory.gate().sweep(directory, Instant::now() + PLACE_WAIT * 2);
    assert_eq!(directory.gate().places(id(ALICE)), (0, 0));
    assert_eq!(login(&client, "b").code(), Code::AccessAccept);
}

#[test]
fn the_same_device_takes_its_own_place_and_the_older_session_is_taken_down() {
    let isp = isp(rules(Some(1), Collision::SameDevice));
    let client = isp.nas(10, "127.31.1.3");
    let older = login(&client, "00-00-5E-00-53-01");
    record(&client, START, "s1", &older);
    let session = isp.plane.sessions().list()[0].id;
    let newer = login(&client, "0000.5e00.5301");
    assert_eq!(
        newer.code(),
        Code::AccessAccept,
        "another spelling of the same device"
    );
    let gate = isp.plane.directory().gate();
    let expected = Errand::Disconnect {
        partner: id(1),
        session,
    };
    assert_eq!(gate.errands(), [expected]);
    assert_eq!(
        gate.places(id(ALICE)),
        (0, 1),
        "the older one does not count any more"
    );
    record(&client, START, "s2", &newer);
    record(&client, STOP, "s1", &older);
    assert_eq!(gate.places(id(ALICE)), (1, 0));
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessReject);
}

#[test]
fn replace_takes_the_oldest_down_also_when_it_starts_only_after_that() {
    let isp = isp(rules(Some(1), Collision::Replace));
    let client = isp.nas(10, "127.31.1.4");
    let older = login(&client, "a");
    let newer = login(&client, "b");
    assert_eq!(
        (older.code(), newer.code()),
        (Code::AccessAccept, Code::AccessAccept)
    );
    let gate = isp.plane.directory().gate();
    assert_eq!(gate.errands(), [], "there is no session to take down yet");
    record(&client, START, "s2", &newer);
    record(&client, START, "s1", &older);
    let sessions = isp.plane.sessions().by_nas(id(10));
    let late = sessions
        .iter()
        .find(|session| session.acct_session_id() == b"s1")
        .expect("open");
    let expected = Errand::Disconnect {
        partner: id(1),
        session: late.id,
    };
    assert_eq!(gate.errands(), [expected]);
}

#[test]
fn a_nas_that_restarts_frees_the_places_of_its_sessions() {
    let isp = isp(rules(Some(1), Collision::Reject));
    let client = isp.nas(10, "127.31.1.5");
    let accept = login(&client, "a");
    record(&client, START, "s1", &accept);
    client.ask_accounting(&client.accounting(OFF, None, 0));
    assert_eq!(login(&client, "b").code(), Code::AccessAccept);
}

#[test]
fn a_session_of_a_nas_that_does_not_repeat_class_takes_the_place_of_its_device() {
    let isp = isp(rules(Some(2), Collision::Reject));
    let client = isp.nas(10, "127.31.1.6");
    // Its records name no device either, and there is one login without any that waits.
    let request = client.pap(true, "alice@demo", PASSWORD);
    assert_eq!(client.ask_auth(&request).code(), Code::AccessAccept);
    client.ask_accounting(&client.accounting(START, Some("s1"), 0));
    assert_eq!(isp.plane.directory().gate().places(id(ALICE)), (1, 0));
}

#[test]
fn sessions_that_were_open_before_there_was_a_limit_count() {
    let isp = isp(PlanRules::default());
    let client = isp.nas(10, "127.31.1.7");
    let accept = login(&client, "a");
    record(&client, START, "s1", &accept);
    put(&isp, rules(Some(1), Collision::Reject));
    until("the session has its place", || {
        isp.plane.directory().gate().places(id(ALICE)) == (1, 0)
    });
    assert_eq!(login(&client, "b").code(), Code::AccessReject);
}

#[test]
fn two_thousand_logins_at_once_let_in_exactly_what_the_plan_allows() {
    const LIMIT: usize = 3;
    let directory = Arc::new(Directory::new());
    directory.partner_put(id(1), "Demo ISP", true);
    directory.nas_put(nas(10, "127.0.0.1")).expect("taken");
    let limited = alice(rules(Some(LIMIT as u16), Collision::SameDevice));
    directory.subscriber_put(id(1), limited).expect("taken");
    let (sessions, conversations) = (Arc::new(Sessions::new()), Arc::new(Conversations::default()));
    let (counters, accepted, rejected) = (Counters::default(), AtomicUsize::new(0), AtomicUsize::new(0));
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for worker in 0..8u16 {
            let mut pipeline = Authenticator::new(
                Arc::clone(&directory),
                Arc::default(),
                Arc::clone(&conversations),
                Arc::clone(&sessions),
                counters.lane(),
                |octets| getrandom::fill(octets).is_ok(),
            );
            let (accepted, rejected, barrier) = (&accepted, &rejected, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let secret = radius::SharedSecret::new(crate::isp::SECRET);
                let (mut octets, mut out) = ([0; 4_096], [0; 4_096]);
                for login in 0..250u16 {
                    let authenticator = *uuid::Uuid::now_v7().as_bytes();
                    let mut writer =
                        radius::RequestWriter::access(&mut octets, login as u8, authenticator).expect("room");
                    writer.reserve_message_authenticator().expect("room");
                    writer.text(kind::USER_NAME, "alice@demo").expect("room");
                    writer.password(PASSWORD.as_bytes(), &secret).expect("room");
                    let device = format!("device {worker} {login}");
                    writer.text(kind::CALLING_STATION_ID, &device).expect("room");
                    let request = writer.finish(&secret);
                    let source: SocketAddr = ([127, 0, 0, 1], 1_024 + worker * 256 + login).into();
                    let verdict = pipeline.handle(request, source, Now::read(), &mut out);
                    match verdict
                        .decision
                        .expect("decided")
                        .decision()
                        .expect("decodes")
                        .outcome
                    {
                        Outcome::Accepted => accepted.fetch_add(1, Ordering::Relaxed),
                        Outcome::Rejected(RejectReason::TooManySessions) => {
                            rejected.fetch_add(1, Ordering::Relaxed)
                        }
                        other => panic!("{other:?}"),
                    };
                }
            });
        }
    });
    assert_eq!(
        (accepted.into_inner(), rejected.into_inner()),
        (LIMIT, 2_000 - LIMIT)
    );
}

#[test]
fn the_first_login_binds_and_another_device_stays_out_until_he_is_released() {
    let isp = isp(PlanRules {
        bind: Some(BindBy::Mac),
        ..PlanRules::default()
    });
    let client = isp.nas(10, "127.31.1.8");
    let gate = isp.plane.directory().gate();
    assert_eq!(login(&client, "00-00-5E-00-53-01").code(), Code::AccessAccept);
    let bound = Bound {
        by: BindBy::Mac,
        nas: None,
        value: "00:00:5e:00:53:01".into(),
    };
    let expected = Errand::Bind {
        partner: id(1),
        subscriber: id(ALICE),
        bound: bound.clone(),
    };
    assert_eq!(gate.errands(), [expected]);
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessReject);
    assert_eq!(outcome(&isp, 2), Outcome::Rejected(RejectReason::BoundElsewhere));
    gate.bound_put(id(1), id(ALICE), None);
    assert_eq!(
        gate.bound(id(ALICE)),
        Some(bound.clone()),
        "it is not written down yet, so nobody released it"
    );
    gate.bound_put(id(1), id(ALICE), Some(bound.clone()));
    assert_eq!(login(&client, "00-00-5E-00-53-01").code(), Code::AccessAccept);
    assert_eq!(gate.release(id(ALICE)), Some(bound));
    assert_eq!(login(&client, "00-00-5E-00-53-02").code(), Code::AccessAccept);
    let silent = client.pap(true, "alice@demo", PASSWORD);
    assert_eq!(client.ask_auth(&silent).code(), Code::AccessReject);
    assert_eq!(outcome(&isp, 5), Outcome::Rejected(RejectReason::BindingNotSent));
}

#[test]
fn a_list_lets_in_from_there_only() {
    let isp = isp(PlanRules::default());
    let (here, there) = (isp.nas(10, "127.31.1.9"), isp.nas(11, "127.31.1.10"));
    let allowed = |kind, nas, value: &str| Allowed {
        kind,
        nas,
        value: value.into(),
    };
    let only = |allowed: Vec<Allowed>| {
        let rules = SubscriberRules {
            allowed: allowed.into(),
            ..SubscriberRules::default()
        };
        isp.plane.directory().rules_put(id(1), id(ALICE), Some(rules));
    };
    let check = |client: &Client, expect: Code| assert_eq!(login(client, "00-00-5E-00-53-01").code(), expect);
    only(vec![allowed(AllowedKind::Nas, Some(id(10)), "")]);
    check(&here, Code::AccessAccept);
    check(&there, Code::AccessReject);
    only(vec![
        allowed(AllowedKind::Nas, Some(id(10)), ""),
        allowed(AllowedKind::Nas, Some(id(11)), ""),
        allowed(AllowedKind::Vlan, None, "100"),
        allowed(AllowedKind::Mac, None, "00:00:5e:00:53:01"),
    ]);
    check(&there, Code::AccessAccept);
    only(vec![allowed(AllowedKind::Port, Some(id(10)), "ge-0/0/2:100")]);
    check(&here, Code::AccessReject);
    assert_eq!(outcome(&isp, 4), Outcome::Rejected(RejectReason::NotAllowedHere));
    isp.plane.directory().rules_put(id(1), id(ALICE), None);
    check(&here, Code::AccessAccept);
}

#[test]
fn his_own_number_wins_over_the_plans() {
    let isp = isp(rules(Some(1), Collision::Reject));
    let client = isp.nas(10, "127.31.1.11");
    let own = SubscriberRules {
        simultaneous: NonZeroU16::new(2),
        ..SubscriberRules::default()
    };
    isp.plane.directory().rules_put(id(1), id(ALICE), Some(own));
    // Put again, as by a change of his password: the rules stay.
    put(&isp, rules(Some(1), Collision::Reject));
    let codes = ["a", "b", "c"].map(|device| login(&client, device).code());
    assert_eq!(
        codes,
        [Code::AccessAccept, Code::AccessAccept, Code::AccessReject]
    );
}

#[test]
fn an_address_of_the_pool_goes_with_the_accept_and_comes_back_with_the_stop() {
    let isp = isp(PlanRules::default());
    let pooled = pool(&isp, "10.9.0.1");
    put(
        &isp,
        PlanRules {
            simultaneous: NonZeroU16::new(2),
            ..pooled
        },
    );
    let client = isp.nas(10, "127.31.1.12");
    let accept = login(&client, "a");
    assert_eq!(address(&accept), "10.9.0.1".parse::<IpAddr>().expect("one"));
    assert!(found(&isp, 1).contains(&"gets 10.9.0.1 of pool home".to_owned()));
    assert_eq!(login(&client, "b").code(), Code::AccessReject);
    assert_eq!(outcome(&isp, 2), Outcome::Rejected(RejectReason::PoolExhausted));
    record(&client, START, "s1", &accept);
    record(&client, STOP, "s1", &accept);
    assert_eq!(isp.plane.directory().gate().pools()[0].1.usage().live, 0);
    assert_eq!(
        address(&login(&client, "a")),
        "10.9.0.1".parse::<IpAddr>().expect("one")
    );
    assert!(found(&isp, 3).contains(&"gets 10.9.0.1 of pool home, as before".to_owned()));
}

#[test]
fn a_device_that_comes_again_keeps_the_address_of_the_place_it_takes() {
    let isp = isp(PlanRules::default());
    let pooled = pool(&isp, "10.9.0.1-10.9.0.9");
    put(
        &isp,
        PlanRules {
            simultaneous: NonZeroU16::new(1),
            ..pooled
        },
    );
    let client = isp.nas(10, "127.31.1.13");
    let older = login(&client, "a");
    record(&client, START, "s1", &older);
    let newer = login(&client, "a");
    assert_eq!(address(&newer), address(&older));
    record(&client, STOP, "s1", &older);
    let gate = isp.plane.directory().gate();
    assert_eq!(
        gate.pools()[0].1.usage().live,
        1,
        "the Stop of the older one does not free it"
    );
    record(&client, START, "s2", &newer);
    record(&client, STOP, "s2", &newer);
    assert_eq!(gate.pools()[0].1.usage().live, 0);
}

#[test]
fn what_is_his_for_good_is_his_once() {
    let isp = isp(PlanRules::default());
    let client = isp.nas(10, "127.31.1.14");
    let rules = SubscriberRules {
        addresses: vec![StaticAddress {
            kind: PoolKind::Ipv4,
            net: "192.0.2.7/32".parse().expect("an address"),
        }]
        .into(),
        ..SubscriberRules::default()
    };
    isp.plane.directory().rules_put(id(1), id(ALICE), Some(rules));
    assert_eq!(
        address(&login(&client, "a")),
        "192.0.2.7".parse::<IpAddr>().expect("one")
    );
    assert_eq!(login(&client, "b").code(), Code::AccessReject);
    assert_eq!(outcome(&isp, 2), Outcome::Rejected(RejectReason::AddressInUse));
}

#[test]
fn a_reply_that_does_not_fit_takes_no_place() {
    let isp = isp(PlanRules::default());
    let client = isp.nas(10, "127.31.1.15");
    let full: Vec<u8> = std::iter::repeat_n([&[kind::REPLY_MESSAGE, 255][..], &[b'x'; 253]].concat(), 16)
        .flatten()
        .collect();
    let spec = alice(rules(Some(1), Collision::Reject));
    let large = Arc::new(Plan::new("large", full.into(), None, None).with_admission(*spec.plan.admission()));
    let directory = isp.plane.directory();
    directory
        .subscriber_put(id(1), SubscriberSpec { plan: large, ..spec })
        .expect("taken");
    assert_eq!(login(&client, "a").code(), Code::AccessReject);
    assert_eq!(directory.gate().places(id(ALICE)), (0, 0));
}

#[test]
fn places_survive_a_restart_with_the_sessions() {
    let dir = tempfile::tempdir().expect("a directory");
    let start = || {
        let plane = prepare(dir.path(), |_| {});
        let directory = plane.directory();
        directory.nas_put(nas(10, "127.31.1.16")).expect("taken");
        directory
            .subscriber_put(id(1), alice(rules(Some(1), Collision::Reject)))
            .expect("taken");
        plane.replay(0).expect("replayed");
        plane.listen().expect("listens");
        Isp {
            plane,
            dir: tempfile::tempdir().expect("a directory"),
        }
    };
    let isp = start();
    let client = isp.client("127.31.1.16");
    let accept = login(&client, "a");
    record(&client, START, "s1", &accept);
    drop(isp);
    let isp = start();
    let client = isp.client("127.31.1.16");
    assert_eq!(
        login(&client, "b").code(),
        Code::AccessReject,
        "at the first request"
    );
    let whose: SubscriberId = id(ALICE);
    assert_eq!(isp.plane.directory().gate().places(whose), (1, 0));
}

#[test]
fn the_pool_of_a_site_wins_over_the_plans_also_for_a_session_that_is_found_open() {
    let isp = isp(PlanRules::default());
    let of_plan = pool(&isp, "10.9.0.1");
    let of_site = id(77);
    let gate = isp.plane.directory().gate();
    let mut specs: Vec<PoolSpec> = gate.pools().iter().map(|(_, pool)| pool.spec().clone()).collect();
    let site = PoolSpec {
        id: of_site,
        name: "roof".into(),
        ranges: vec!["10.9.7.1".parse().expect("a range")],
        ..specs[0].clone()
    };
    specs.push(site);
    assert_eq!(gate.pools_put(id(1), specs, &[]), []);
    put(&isp, of_plan);
    let rules = SubscriberRules {
        pools: [Some(of_site), None, None],
        ..SubscriberRules::default()
    };
    isp.plane.directory().rules_put(id(1), id(ALICE), Some(rules));
    let client = isp.nas(10, "127.31.1.41");
    let accept = login(&client, "a");
    assert_eq!(address(&accept), "10.9.7.1".parse::<IpAddr>().expect("one"));
    assert!(found(&isp, 1).contains(&"gets 10.9.7.1 of pool roof".to_owned()));
    record(&client, START, "s1", &accept);
    assert_eq!(gate.pool(of_site).expect("there").usage().live, 1);
    record(&client, STOP, "s1", &accept);
    assert_eq!(gate.pool(of_site).expect("there").usage().live, 0);
    // At no site any more: what the plan says.
    isp.plane.directory().rules_put(id(1), id(ALICE), None);
    assert_eq!(
        address(&login(&client, "a")),
        "10.9.0.1".parse::<IpAddr>().expect("one")
    );
}
