//! What sessions that go on are told, make by make. Names are the dictionary's.

use std::sync::Arc;

use radius::SharedSecret;
use radius::attribute::Tree;
use radius::dictionary::STANDARD;
use uuid::Uuid;

use super::*;
use crate::directory::{
    CoaTarget, Credential, Directory, Identify, NasGuard, NasSpec, Plan, Require, ServiceState,
    SubscriberSpec,
};
use crate::id::{NasId, PartnerId, SubscriberId};

const NOW: i64 = 1_700_000_000;

/// One subscriber, one NAS, and what the partner has.
struct World {
    make: &'static str,
    plan: &'static str,
    garden: Option<&'static str>,
    state: ServiceState,
    expires: Option<i64>,
    own: Vec<u8>,
    learned: Learned,
    in_garden: bool,
    towards: Towards,
}

fn world(make: &'static str, plan: &'static str) -> World {
    World {
        make,
        plan,
        garden: None,
        state: ServiceState::Active,
        expires: None,
        own: Vec::new(),
        learned: Learned::default(),
        in_garden: false,
        towards: Towards::Now,
    }
}

fn terms(json: &str) -> Terms {
    serde_json::from_str(json).expect("terms")
}

impl World {
    fn shape(self) -> Option<Shape> {
        let directory = Directory::new();
        let partner = PartnerId::from_uuid(Uuid::from_u128(1));
        directory.partner_put(partner, "Demo ISP", true);
        let secret = SharedSecret::new(b"a secret of the tests");
        let spec = NasSpec {
            id: NasId::from_uuid(Uuid::from_u128(2)),
            partner,
            network: "127.0.0.1/32".parse().expect("a network"),
            name: "core-bng".into(),
            make: self.make.into(),
            secret: secret.clone(),
            coa: CoaTarget { port: 3799, secret },
            message_authenticator: Require::Auto,
            message_authenticator_seen: false,
            guard: NasGuard::default(),
            identify: Identify::default(),
        };
        directory.nas_put(spec).expect("a NAS");
        directory.partner_garden(
            partner,
            self.garden
                .map(|json| Garden::new(&GardenReason::ALL, terms(json))),
        );
        let spec = SubscriberSpec {
            id: SubscriberId::from_uuid(Uuid::from_u128(3)),
            username: "alice@demo".into(),
            state: self.state,
            expires_at_unix_s: self.expires,
            credential: Credential::Clear("open sesame".into()),
            plan: Arc::new(Plan::of("home-100", terms(self.plan))),
            reply: self.own.into(),
        };
        directory.subscriber_put(partner, spec).expect("a subscriber");
        let nas = directory.nas(NasId::from_uuid(Uuid::from_u128(2))).expect("it");
        let alice = directory.subscriber(partner, "alice@demo").expect("her");
        shape(&nas, &alice, self.towards, self.in_garden, &self.learned, NOW)
    }

    #[track_caller]
    fn told(self, lines: &[&str], left_out: &[Term]) {
        match self.shape() {
            Some(Shape::Live(change)) => {
                assert_eq!(words(&change.octets), lines);
                assert_eq!(change.left_out, left_out);
            }
            other => panic!("it is {other:?}"),
        }
    }

    #[track_caller]
    fn anew(self, why: Anew) {
        assert_eq!(self.shape(), Some(Shape::Anew(why)));
    }
}

fn words(octets: &[u8]) -> Vec<String> {
    let lines = Tree::decode(octets, &STANDARD).show(&STANDARD);
    lines.iter().map(|line| line.replace('"', "")).collect()
}

const HOME: &str = r#"{"download_bps": 100000000, "upload_bps": 20000000}"#;
const WHOLE: &str = r#"{"download_bps": 100000000, "upload_bps": 20000000, "session_timeout_s": 3600, "pool": "p4",
    "dns": ["2001:db8::53"], "vlan": 7, "interim_interval_s": 300}"#;
const NETWORK: [Term; 4] = [Term::Interim, Term::Pool, Term::Dns, Term::Vlan];

#[test]
fn a_speed_and_a_time_are_told_as_a_login_would_be_and_a_network_is_not() {
    world("mikrotik", WHOLE).told(
        &["Session-Timeout = 3600", "Mikrotik-Rate-Limit = 20M/100M"],
        &NETWORK,
    );
    world("huawei", WHOLE).told(
        &[
            "Session-Timeout = 3600",
            "Huawei-Input-Average-Rate = 20000000",
            "Huawei-Input-Peak-Rate = 20000000",
            "Huawei-Output-Average-Rate = 100000000",
            "Huawei-Output-Peak-Rate = 100000000",
        ],
        &NETWORK,
    );
    // The name under which the router keeps him is no change.
    world("nokia", HOME).told(
        &[
            "Alc-Subscriber-QoS-Override = i:q:1:pir=20000",
            "Alc-Subscriber-QoS-Override = e:q:1:pir=100000",
        ],
        &[],
    );
    let mut soon = world("mikrotik", HOME);
    soon.expires = Some(NOW + 60);
    soon.told(&["Mikrotik-Rate-Limit = 20M/100M", "Session-Timeout = 60"], &[]);
}

#[test]
fn accel_ppp_takes_the_class_or_a_time_and_not_both() {
    let takes = |plan| match world("accel-ppp", plan).shape() {
        Some(Shape::Live(change)) => change.takes_class,
        other => panic!("it is {other:?}"),
    };
    assert!(takes(HOME));
    assert!(!takes(
        r#"{"download_bps": 1000, "upload_bps": 1000, "session_timeout_s": 60}"#
    ));
    let vrf = r#"{"download_bps": 1000000, "upload_bps": 1000000, "vrf": "retail"}"#;
    world("accel-ppp", vrf).told(&["Filter-Id = 1000/1000", "Accel-VRF-Name = retail"], &[]);
}

#[test]
fn services_are_started_by_command_where_a_login_names_them() {
    let cisco = r#"{"policies": {"cisco": {"name": "FAST", "down": "OUT"}}}"#;
    world("cisco", cisco).told(
        &[
            "Cisco-AVPair = ip:sub-qos-policy-out=OUT",
            "Cisco-Command-Code = \\u{b}FAST",
        ],
        &[],
    );
    let stop = service(Make::Cisco, "FAST", false).expect("it has services");
    assert_eq!(stop, [26, 13, 0, 0, 0, 9, 252, 7, 0x0c, b'F', b'A', b'S', b'T']);
    assert_eq!(
        words(&service(Make::Juniper, "video(5)", false).expect("it has services")),
        ["ERX-Service-Deactivate = video(5)"]
    );
    assert_eq!(service(Make::Mikrotik, "video", true), None);
}

#[test]
fn into_the_garden_goes_live_who_can_be_kept_there_live() {
    let garden = r#"{"address_list": "unpaid", "download_bps": 1000000, "upload_bps": 1000000}"#;
    let suspended = || ServiceState::Suspended {
        reason: "invoice 42".into(),
    };
    let mut alice = world("mikrotik", HOME);
    (alice.garden, alice.state) = (Some(garden), suspended());
    alice.told(
        &["Mikrotik-Rate-Limit = 1M/1M", "Mikrotik-Address-List = unpaid"],
        &[],
    );

    let mut by_pool = world("mikrotik", HOME);
    (by_pool.garden, by_pool.state) = (
        Some(r#"{"pool": "garden", "download_bps": 1000, "upload_bps": 1000}"#),
        suspended(),
    );
    by_pool.anew(Anew::GardenNeedsLogin(Make::Mikrotik));

    let mut none = world("mikrotik", HOME);
    none.state = suspended();
    none.anew(Anew::TurnedAway(RejectReason::Suspended));

    let mut by_hand = world("mikrotik", HOME);
    (by_hand.garden, by_hand.towards) = (Some(garden), Towards::Garden);
    by_hand.told(
        &["Mikrotik-Rate-Limit = 1M/1M", "Mikrotik-Address-List = unpaid"],
        &[],
    );
    let mut nowhere = world("mikrotik", HOME);
    nowhere.towards = Towards::Garden;
    assert_eq!(nowhere.shape(), None, "there is no garden to go into");
}

#[test]
fn out_of_the_garden_goes_live_only_who_keeps_nothing_of_it() {
    let leaves = |make, plan, garden| {
        let mut alice = world(make, plan);
        (alice.garden, alice.in_garden) = (Some(garden), true);
        alice
    };
    // A list of the router that is not named again stays.
    leaves("mikrotik", HOME, r#"{"address_list": "unpaid"}"#)
        .anew(Anew::CannotTakeBack(Make::Mikrotik, Term::AddressList));
    leaves(
        "mikrotik",
        r#"{"download_bps": 1000000, "upload_bps": 1000000, "address_list": "homes"}"#,
        r#"{"address_list": "unpaid"}"#,
    )
    .told(
        &["Mikrotik-Rate-Limit = 1M/1M", "Mikrotik-Address-List = homes"],
        &[],
    );
    let redirect = r#"{"policies": {"juniper": {"name": "portal"}}}"#;
    leaves("juniper", HOME, redirect).told(
        &[
            "ERX-Service-Deactivate = portal",
            "ERX-CoS-Shaping-Pmt-Type = T02 100000000",
        ],
        &[],
    );
}

#[test]
fn what_is_known_of_a_nas_wins_over_its_make() {
    let mut deaf = world("mikrotik", HOME);
    deaf.learned.changes = Some(false);
    deaf.anew(Anew::MakeChangesNothing(Make::Mikrotik));
    let mut no_rate = world("mikrotik", HOME);
    no_rate.learned.terms = vec![(Term::Rate, false)];
    no_rate.anew(Anew::NothingLive(Make::Mikrotik));
    let mut vlan = world("other", r#"{"vlan": 7}"#);
    vlan.learned.terms = vec![(Term::Vlan, true)];
    assert!(matches!(vlan.shape(), Some(Shape::Live(_))));
    world("other", r#"{"vlan": 7}"#).anew(Anew::NothingLive(Make::Generic));
}

#[test]
fn own_attributes_change_live_unless_they_say_where_he_is() {
    let mut alice = world("mikrotik", HOME);
    alice.own = vec![
        kind::FRAMED_IP_ADDRESS,
        6,
        192,
        0,
        2,
        1,
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
    alice.told(&["Mikrotik-Rate-Limit = 1M/1"], &[Term::Pool]);
}
