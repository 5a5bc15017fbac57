//! What is written reads back; what is anything else is refused, whatever it is.

use std::num::{NonZeroU16, NonZeroU32};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, LazyLock};

use kernel::secrets::Sealer;
use proptest::prelude::*;
use radius::mschap::NtHash;
use radius::secret::SharedSecret;
use radius_server::admission::{BindBy, Collision, PlanRules};
use radius_server::authorization::Terms;
use radius_server::authorization::defaults::Defaults;
use radius_server::authorization::garden::{Garden, GardenReason};
use radius_server::directory::{
    CoaTarget, Counts, Credential, Identify, NasGuard, NasSpec, OlderSecret, OnUsedUp, Plan, ProxyState,
    RequestRate, Require, Service, ServiceState, SubscriberSpec,
};
use radius_server::{Directory, PartnerId};
use tempfile::TempDir;

use super::record::Record;
use super::*;

/// The node of these tests.
const NODE: Uuid = Uuid::from_u128(99);

/// Where the snapshots of these tests end.
const ORIGIN: Origin = Origin {
    node: NODE,
    database: DatabaseId {
        system: -7,
        timeline: 3,
        log: 16_933,
    },
    cursor: ChangeCursor {
        xid: 1_234,
        version: i64::MAX,
    },
    version: 42,
    at_unix_s: 1_790_000_000,
    dictionary: 0x0102_0304_0506_0708,
};

/// The master key of these tests.
fn sealer() -> Sealer {
    Sealer::from_key([7; 32])
}

/// A partner.
fn partner(number: u128) -> PartnerId {
    Uuid::from_u128(number).into()
}

/// A directory with two partners, a NAS and so many subscribers of the first, and its plans.
fn populated(subscribers: u128) -> (Directory, Vec<(Uuid, Arc<Plan>)>) {
    let directory = Directory::new();
    directory.partner_put(partner(1), "West", true);
    directory.partner_put(partner(2), "East", false);
    let nas = NasSpec {
        id: Uuid::from_u128(5).into(),
        partner: partner(1),
        network: "10.1.0.0/16".parse().expect("a network"),
        name: "bras-1".into(),
        make: "mikrotik".into(),
        secret: SharedSecret::new(b"a secret of a NAS"),
        coa: CoaTarget {
            port: 3_799,
            secret: SharedSecret::new(b"another"),
        },
        message_authenticator: Require::Auto,
        message_authenticator_seen: true,
        guard: NasGuard {
            limit_proxy_state: Require::Yes,
            proxy_state_known: Some(ProxyState::Needed),
            older_secret: Some(OlderSecret {
                secret: SharedSecret::new(b"the one before"),
                until_unix_s: 1_700_000_000,
            }),
            request_rate: Some(RequestRate {
                per_s: NonZeroU32::new(1_000).expect("not zero"),
                burst: NonZeroU32::new(2_000).expect("not zero"),
            }),
            certificate_name: Some("dns:bng.example".parse().expect("a name")),
        },
        identify: Identify::default(),
    };
    directory.nas_put(nas).expect("taken");
    let garden = Garden::new(&[GardenReason::Expired], terms(r#"{"pool": "garden"}"#));
    directory.partner_garden(partner(1), Some(garden));
    directory.partner_defaults(partner(1), defaults());
    let plans: Vec<_> = ["home", "office"]
        .map(|name| {
            let plan = Plan::of(
                name,
                terms(r#"{"download_bps": 100, "upload_bps": 9, "session_timeout_s": 9}"#),
            );
            let plan = plan.with_admission(PlanRules {
                simultaneous: NonZeroU16::new(3),
                collision: Collision::Replace,
                bind: Some(BindBy::Line),
                pools: [None, Some(Uuid::from_u128(9).into()), None],
            });
            let slow = terms(r#"{"download_bps": 10, "upload_bps": 1}"#);
            let plan = plan.with_quota(Some(OnUsedUp::Throttle(slow)));
            (Uuid::from_u128(8), Arc::new(plan))
        })
        .into();
    for number in 0..subscribers {
        let spec = SubscriberSpec {
            id: Uuid::from_u128(1_000 + number).into(),
            username: format!("user{number}@isp").into(),
            state: match number % 3 {
                0 => ServiceState::Active,
                1 => ServiceState::Suspended {
                    reason: "unpaid".into(),
                },
                _ => ServiceState::Terminated,
            },
            expires_at_unix_s: (number % 2 == 0).then_some(77),
            credential: match number % 5 {
                0 => Credential::None,
                1 => Credential::NtHash(NtHash::of("open sesame")),
                _ => Credential::Clear(format!("secret-{number}").as_str().into()),
            },
            plan: match (number % 7, &plans[usize::from(number % 2 == 1)].1) {
                (0, plan) => Arc::new(Plan::service(plan, terms(r#"{"vrf": "retail"}"#))),
                (_, plan) => Arc::clone(plan),
            },
            reply: vec![8, 6, 10, 0, 0, 1].into(),
        };
        directory.subscriber_put(partner(1), spec).expect("taken");
    }
    (directory, plans)
}

/// Defaults of a partner and of its NAS.
fn defaults() -> Defaults {
    let nas = Uuid::from_u128(5).into();
    Defaults::new([
        (None, terms(r#"{"pool": "p"}"#)),
        (Some(nas), terms(r#"{"pool": "q"}"#)),
    ])
}

/// Terms out of JSON.
fn terms(json: &str) -> Terms {
    serde_json::from_str(json).expect("terms")
}

/// A data directory with a snapshot of [`populated`].
fn written(subscribers: u128) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let (directory, plans) = populated(subscribers);
    let written = write(dir.path(), &sealer(), &ORIGIN, &directory, &plans).expect("writes");
    assert_eq!(u128::from(written.subscribers), subscribers);
    dir
}

/// The octets of the snapshot in a data directory.
fn octets(dir: &TempDir) -> Vec<u8> {
    std::fs::read(dir.path().join(FILE)).expect("reads")
}

/// Reads octets as a snapshot.
fn read_octets(octets: &[u8], directory: &Directory) -> Result<Restored, SnapshotError> {
    read::read_from(octets, &sealer(), NODE, directory)
}

#[test]
fn what_is_written_reads_back() {
    // Several chunks.
    let dir = written(10_000);
    let directory = Directory::new();
    let restored = read(dir.path(), &sealer(), NODE, &directory)
        .expect("sound")
        .expect("there");
    assert_eq!(restored.origin, ORIGIN);
    assert_eq!(restored.plans.len(), 2);
    let counts = Counts {
        partners: 2,
        nas: 1,
        subscribers: 10_000,
    };
    assert_eq!(directory.counts(), counts);
    let (before, _) = populated(10_000);
    for number in 0..10_000 {
        let name = format!("user{number}@isp");
        let one = directory.subscriber(partner(1), &name).expect("there");
        let other = before.subscriber(partner(1), &name).expect("there");
        assert_eq!(one.id, other.id);
        assert_eq!(one.service(), other.service());
        assert_eq!(one.password(), other.password());
        assert_eq!(one.nt_hash(), other.nt_hash());
        assert_eq!(one.expires_at_unix_s(), other.expires_at_unix_s());
        assert_eq!(one.reply(), other.reply());
        assert_eq!(one.plan, other.plan);
    }
    assert!(directory.subscriber(partner(2), "user0@isp").is_none());
    let east = directory.partner(partner(2)).expect("there");
    assert_eq!((east.name().as_str(), east.active()), ("East", false));
    let west = directory.partner(partner(1)).expect("there");
    let garden = west.garden().expect("kept");
    assert!(garden.reasons().eq([GardenReason::Expired]));
    assert_eq!(garden.plan().terms(), &terms(r#"{"pool": "garden"}"#));
    assert!(east.garden().is_none());
    assert_eq!(west.defaults().as_deref(), Some(&defaults()));
    assert!(east.defaults().is_none());
    let nas = directory
        .nas_by_source("10.1.2.3".parse().expect("an address"))
        .expect("there");
    assert_eq!(nas.secret.octets(), b"a secret of a NAS");
    assert_eq!(nas.coa.secret.octets(), b"another");
    assert!(nas.stats.message_authenticator_seen());
    assert_eq!(nas.limit_proxy_state, Require::Yes);
    assert_eq!(nas.stats.proxy_state(), Some(ProxyState::Needed));
    let older = nas.older_secret.as_deref().expect("kept");
    assert_eq!(
        (older.secret.octets(), older.until_unix_s),
        (&b"the one before"[..], 1_700_000_000)
    );
    let rate = nas.request_rate.expect("kept");
    assert_eq!((rate.per_s.get(), rate.burst.get()), (1_000, 2_000));
}

#[test]
fn an_empty_directory_reads_back_and_no_file_is_no_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let directory = Directory::new();
    assert!(
        read(dir.path(), &sealer(), NODE, &directory)
            .expect("no error")
            .is_none()
    );
    write(dir.path(), &sealer(), &ORIGIN, &directory, &[]).expect("writes");
    let restored = read(dir.path(), &sealer(), NODE, &directory).expect("sound");
    assert_eq!(restored.expect("there").origin, ORIGIN);
}

#[test]
fn only_its_owner_can_read_it_and_nothing_in_it_is_clear() {
    let dir = written(50);
    let mode = std::fs::metadata(dir.path().join(FILE))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let octets = octets(&dir);
    for clear in ["secret-1", "a secret of a NAS", "user1@isp", "West"] {
        assert!(
            !octets
                .windows(clear.len())
                .any(|window| window == clear.as_bytes()),
            "{clear}"
        );
    }
    let left = std::fs::read_dir(dir.path()).expect("reads").count();
    assert_eq!(left, 1, "nothing unfinished is left");
}

#[test]
fn another_key_node_or_format_is_refused_and_leaves_the_directory_empty() {
    let dir = written(50);
    let directory = Directory::new();
    let other = Sealer::from_key([8; 32]);
    let refused = read(dir.path(), &other, NODE, &directory).expect_err("another key");
    assert!(matches!(refused, SnapshotError::Shut(_)), "{refused:?}");
    let refused = read(dir.path(), &sealer(), Uuid::nil(), &directory).expect_err("another node");
    assert!(
        matches!(refused, SnapshotError::OtherNode { node: NODE }),
        "{refused:?}"
    );
    let mut later = octets(&dir);
    later[9] += 1;
    let refused = read_octets(&later, &directory).expect_err("another format");
    assert!(matches!(refused, SnapshotError::OtherFormat), "{refused:?}");
    assert_eq!(directory.counts(), Counts::default());
}

#[test]
fn one_that_breaks_off_leaves_the_directory_empty() {
    let dir = written(10_000);
    let whole = octets(&dir);
    let cut = whole.len() - 100_000;
    std::fs::write(dir.path().join(FILE), &whole[..cut]).expect("writes");
    let directory = Directory::new();
    assert!(read(dir.path(), &sealer(), NODE, &directory).is_err());
    assert_eq!(directory.counts(), Counts::default());
}

#[test]
fn chunks_of_two_snapshots_do_not_mix_and_do_not_change_places() {
    let (one, other) = (octets(&written(10_000)), octets(&written(10_000)));
    let (a, b) = (chunks(&one), chunks(&other));
    assert!(a.len() >= 5, "{} chunks", a.len());
    let head = &one[..a[0].start];
    let with = |order: &[(&[u8], &std::ops::Range<usize>)]| {
        let mut file = head.to_vec();
        order
            .iter()
            .for_each(|(from, range)| file.extend_from_slice(&from[(*range).clone()]));
        file
    };
    let own: Vec<_> = a.iter().map(|range| (&one[..], range)).collect();
    assert!(read_octets(&with(&own), &Directory::new()).is_ok());
    let mut mixed = own.clone();
    mixed[3] = (&other[..], &b[3]);
    assert!(read_octets(&with(&mixed), &Directory::new()).is_err(), "mixed");
    let mut swapped = own.clone();
    swapped.swap(2, 3);
    assert!(
        read_octets(&with(&swapped), &Directory::new()).is_err(),
        "swapped"
    );
    let mut shorter = own.clone();
    shorter.remove(3);
    assert!(
        read_octets(&with(&shorter), &Directory::new()).is_err(),
        "one left out"
    );
    let mut longer = own.clone();
    longer.push(own[3]);
    assert!(
        read_octets(&with(&longer), &Directory::new()).is_err(),
        "one too many"
    );
}

/// Where the chunks of a file stand.
fn chunks(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = 12 + usize::from(u16::from_be_bytes([file[10], file[11]]));
    let mut found = Vec::new();
    while at < file.len() {
        let octets = u32::from_be_bytes(file[at..at + 4].try_into().expect("four"));
        let end = at + 5 + usize::try_from(octets).expect("fits");
        found.push(at..end);
        at = end;
    }
    found
}

#[test]
fn a_plan_that_is_not_among_them_stops_the_writing_and_keeps_the_old_file() {
    let dir = written(50);
    let before = octets(&dir);
    let (directory, plans) = populated(50);
    let refused = write(dir.path(), &sealer(), &ORIGIN, &directory, &plans[..1]).expect_err("overtaken");
    assert!(matches!(refused, SnapshotError::Overtaken), "{refused:?}");
    assert_eq!(octets(&dir), before);
}

/// A small snapshot, made once.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| octets(&written(200)));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_changed_octet_anywhere_is_refused(at in 0_usize..20_000, by in 1_u8..) {
        let mut file = SMALL.clone();
        let at = at % file.len();
        file[at] ^= by;
        prop_assert!(read_octets(&file, &Directory::new()).is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(at in 0_usize..20_000) {
        prop_assert!(read_octets(&SMALL[..at % SMALL.len()], &Directory::new()).is_err());
    }

    #[test]
    fn any_octets_are_a_record_or_none(octets in prop::collection::vec(any::<u8>(), 0..200), tag in 0_u8..7) {
        let plans = [(Uuid::nil(), Arc::new(Plan::new("home", Box::default(), None, None)))];
        let octets = [&[tag][..], &octets].concat();
        let mut rest = &octets[..];
        if let Some(Record::Subscriber(spec)) = record::record(&mut rest, &plans) {
            let mut again = Vec::new();
            record::put_subscriber(&spec, 0, &mut again);
            prop_assert_eq!(again.len(), octets.len() - rest.len());
        }
        prop_assert!(rest.len() <= octets.len());
        let _whatever = record::origin(&octets);
    }
}

#[test]
fn a_suspended_subscriber_stays_suspended() {
    let dir = written(3);
    let directory = Directory::new();
    read(dir.path(), &sealer(), NODE, &directory).expect("sound");
    let held = directory.subscriber(partner(1), "user1@isp").expect("there");
    assert_eq!(held.service(), Service::Suspended { reason: "unpaid" });
}
