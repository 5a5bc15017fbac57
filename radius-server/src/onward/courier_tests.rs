//! One target, with the engine's answers made up.

use super::*;
use crate::directory::{Balance, Decided, Realm};
use crate::id::PartnerId;
use crate::onward::target::TargetId;
use radius::hop::Pass;
use uuid::Uuid;

const DAY_US: i64 = 86_400_000_000;
/// Nothing went.
const NONE: [u64; 0] = [];

/// A courier, what it sent, and the time.
struct World {
    courier: Courier,
    now: Now,
    engine: crate::proxy::Engine,
    /// By number: which exchange, and which session.
    sent: Vec<(u64, ExchangeId)>,
}

fn partner() -> PartnerId {
    Uuid::from_u128(1).into()
}

/// A record of a session, named by its number.
fn entry(seq: u64, session: u64) -> Entry {
    Entry {
        seq,
        received_unix_us: DAY_US,
        partner: partner(),
        realm: None,
        user_name: None,
        session,
        user: session,
        packet: packet(seq),
    }
}

/// An Accounting-Request that says its number.
fn packet(seq: u64) -> Arc<[u8]> {
    let mut room = [0; 64];
    let mut writer =
        radius::RequestWriter::signed(&mut room, radius::Code::AccountingRequest, 1).expect("room");
    writer
        .attribute(radius::kind::CLASS, &seq.to_be_bytes())
        .expect("room");
    writer.finish(&SharedSecret::new(b"s")).into()
}

/// The number a packet says.
fn seq_of(packet: &[u8]) -> u64 {
    let view = radius::View::parse(packet).expect("a packet");
    let class = view.first(radius::kind::CLASS).expect("a Class");
    u64::from_be_bytes(class.try_into().expect("eight octets"))
}

impl World {
    fn new() -> Self {
        let server = crate::directory::HomeServerSpec {
            id: Uuid::from_u128(9).into(),
            name: "shaper".into(),
            auth: None,
            accounting: Some("192.0.2.1:1813".parse().expect("an address")),
            secret: SharedSecret::new(b"s"),
            require_message_authenticator: true,
            status_server: true,
            copy_accounting: true,
            tls: None,
        };
        let directory = crate::Directory::new();
        directory.partner_put(partner(), "Demo ISP", true);
        let spec = crate::directory::RealmsSpec {
            servers: vec![server],
            realms: Vec::new(),
        };
        directory.realms_put(partner(), spec).expect("taken");
        let target = crate::onward::target::all(&directory).next().expect("a target");
        assert!(matches!(target.id, TargetId::Copy(_)));
        let now = Now {
            monotonic: Instant::now() + Duration::from_secs(3_600),
            unix_us: DAY_US,
        };
        Self {
            courier: Courier::new(target, 0),
            now,
            engine: crate::proxy::Engine::new(
                crate::directory::HomePort::Accounting,
                crate::proxy::Timing::ACCOUNTING,
                *b"the mark",
                8,
                |octets| {
                    octets.fill(7);
                    true
                },
            ),
            sent: Vec::new(),
        }
    }

    /// Hands over records of these sessions, numbered from where it has read to.
    fn take(&mut self, sessions: &[u64]) -> bool {
        let from = self.courier.read();
        let entries: Vec<_> = (from..)
            .zip(sessions)
            .map(|(seq, session)| entry(seq, *session))
            .collect();
        self.courier.take(&entries, from + sessions.len() as u64)
    }

    /// Sends what may be; the numbers that went.
    fn send(&mut self) -> Vec<u64> {
        self.send_with(0, None)
    }

    fn send_with(&mut self, behind: u64, refuse: Option<StartError>) -> Vec<u64> {
        let (mut went, engine, sent, now) = (Vec::new(), &mut self.engine, &mut self.sent, self.now);
        self.courier.send(now, behind, &mut |forward| {
            if let Some(error) = refuse {
                return Err(error);
            }
            let seq = seq_of(&forward.packet);
            let id = engine.start(forward, now)?;
            went.push(seq);
            sent.push((seq, id));
            Ok(id)
        });
        went
    }

    fn wait(&mut self, wait: Duration) {
        self.now.monotonic += wait;
        self.now.unix_us += i64::try_from(wait.as_micros()).expect("short");
    }

    /// The target acknowledges a record.
    fn taken(&mut self, seq: u64) {
        let at = self.sent.iter().position(|(sent, _)| *sent == seq).expect("sent");
        let (_, id) = self.sent.swap_remove(at);
        self.courier.taken(id);
    }

    /// It does not.
    fn silent(&mut self, seq: u64) {
        let at = self.sent.iter().position(|(sent, _)| *sent == seq).expect("sent");
        let (_, id) = self.sent.swap_remove(at);
        self.courier.silent(id, self.now);
    }
}

#[test]
fn what_is_sent_grows_with_what_is_taken_and_sessions_stay_in_order() {
    let mut world = World::new();
    world.take(&[1, 1, 2, 3, 4]);
    assert_eq!(world.send(), [0], "one, until it is known that somebody is there");
    assert_eq!(world.send(), NONE);
    world.taken(0);
    assert_eq!(world.send(), [1, 2]);
    world.taken(2);
    assert_eq!(world.courier.position(), 1, "the first that was not taken");
    assert_eq!(world.send(), [3, 4]);
    for seq in [4, 3, 1] {
        world.taken(seq);
    }
    assert_eq!((world.courier.position(), world.courier.waiting().0), (5, 0));
    world.take(&[7, 7]);
    assert_eq!(world.send(), [5], "the second of a session waits for the first");
    world.taken(5);
    assert_eq!(world.send(), [6]);
    assert_eq!(world.courier.counts.delivered, 6);
}

#[test]
fn a_silent_target_is_left_alone_longer_and_longer_and_loses_nothing() {
    let mut world = World::new();
    world.take(&[1, 2]);
    for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(world.send(), [0]);
        world.wait(Duration::from_secs(30));
        world.silent(0);
        let due = world.courier.due(world.now.monotonic);
        assert_eq!(due, Some(world.now.monotonic + Duration::from_secs(rest)));
        assert_eq!(world.send(), NONE);
        world.wait(Duration::from_secs(rest));
    }
    assert_eq!(world.send(), [0]);
    world.taken(0);
    assert_eq!(world.send(), [1]);
    world.silent(1);
    let due = world.courier.due(world.now.monotonic);
    assert_eq!(due, Some(world.now.monotonic + Duration::from_secs(1)));
}

#[test]
fn who_waits_too_long_or_for_too_much_is_passed_over_and_counted() {
    let mut world = World::new();
    world.take(&[1, 2, 3]);
    world.wait(AGE_MAX);
    assert_eq!(world.send(), [0]);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.send(), NONE);
    assert_eq!(
        (world.courier.counts.skipped, world.courier.position()),
        (2, 0),
        "what is under way is under way"
    );
    world.silent(0);
    assert_eq!(world.send(), NONE);
    assert_eq!((world.courier.counts.skipped, world.courier.position()), (3, 3));

    let mut world = World::new();
    world.take(&[1, 2, 3]);
    assert_eq!(world.send_with(OCTETS_MAX + 1, None), NONE);
    assert_eq!((world.courier.counts.skipped, world.courier.position()), (3, 3));
}

#[test]
fn what_cannot_be_sent_is_counted_and_what_cannot_be_sent_now_waits() {
    let mut world = World::new();
    world.take(&[1, 2, 3]);
    assert_eq!(world.send_with(0, Some(StartError::NoServer)), NONE);
    assert_eq!(world.send(), NONE);
    world.wait(DEAD_WAIT);
    assert_eq!(world.send_with(0, Some(StartError::Full)), NONE);
    world.wait(FULL_WAIT);
    assert_eq!(world.send_with(0, Some(StartError::Loop)), NONE);
    let counts = world.courier.counts;
    assert_eq!((counts.unsendable, counts.skipped, counts.delivered), (3, 0, 0));
    assert_eq!(world.courier.position(), 3);
}

#[test]
fn no_more_is_taken_than_there_is_room_for() {
    let mut world = World::new();
    let sessions: Vec<u64> = (0..=WAITING_MAX as u64).collect();
    assert!(!world.take(&sessions));
    assert_eq!(
        (world.courier.read(), world.courier.has_room()),
        (WAITING_MAX as u64, false)
    );
    let mut others = World::new();
    others.courier.target.partner = Uuid::from_u128(2).into();
    assert!(others.take(&sessions));
    assert_eq!(
        others.courier.position(),
        sessions.len() as u64,
        "of somebody else"
    );
}

#[test]
fn a_realm_gets_the_records_of_its_users_only() {
    let mut world = World::new();
    let realm = Realm {
        id: Uuid::from_u128(50).into(),
        name: "away".into(),
        decided: Decided::ByHomeServers,
        strip: true,
        servers: Vec::new(),
        balance: Balance::FailOver,
        pass: Pass::All,
        accounting: true,
    };
    world.courier.target.id = TargetId::Realm(realm.id);
    let mut theirs = entry(1, 1);
    (theirs.realm, theirs.user_name) = (Some(realm.id), Some("alice".into()));
    world.courier.take(&[entry(0, 1), theirs, entry(2, 1)], 3);
    assert_eq!((world.courier.position(), world.courier.read()), (1, 3));
    assert_eq!(world.courier.waiting[0].entry.user_name.as_deref(), Some("alice"));
}

mod any_run {
    use super::*;
    use proptest::prelude::*;

    /// What happens next.
    #[derive(Clone, Debug)]
    enum Step {
        Take(Vec<u64>),
        Send,
        Refuse(bool),
        Taken(usize),
        Silent(usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => prop::collection::vec(0_u64..4, 1..8).prop_map(Step::Take),
            3 => Just(Step::Send),
            1 => any::<bool>().prop_map(Step::Refuse),
            3 => any::<usize>().prop_map(Step::Taken),
            1 => any::<usize>().prop_map(Step::Silent),
            1 => (1_u64..5_000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn every_record_is_taken_once_and_those_of_a_session_in_order(steps in prop::collection::vec(step(), 1..80)) {
            let mut world = World::new();
            let (mut sessions, mut taken): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
            let drain = std::iter::repeat_n([Step::Wait(61_000), Step::Send, Step::Taken(0)], 500).flatten();
            for step in steps.into_iter().chain(drain) {
                match step {
                    Step::Take(more) if sessions.len() < 200 => {
                        world.take(&more);
                        sessions.extend(more);
                    }
                    Step::Take(_) => {}
                    Step::Send => {
                        for seq in world.send() {
                            let at = usize::try_from(seq).expect("small");
                            let earlier = (0..at).filter(|other| sessions[*other] == sessions[at]);
                            for other in earlier {
                                prop_assert!(taken.contains(&(other as u64)), "{other} is before {seq}");
                            }
                        }
                    }
                    Step::Refuse(dead) => {
                        let why = if dead { StartError::NoServer } else { StartError::Full };
                        world.send_with(0, Some(why));
                    }
                    Step::Taken(which) if !world.sent.is_empty() => {
                        let (seq, _) = world.sent[which % world.sent.len()];
                        world.taken(seq);
                        taken.push(seq);
                    }
                    Step::Silent(which) if !world.sent.is_empty() => {
                        let (seq, _) = world.sent[which % world.sent.len()];
                        world.silent(seq);
                    }
                    Step::Taken(_) | Step::Silent(_) => {}
                    Step::Wait(ms) => world.wait(Duration::from_millis(ms)),
                }
                let least = (0..sessions.len() as u64).find(|seq| !taken.contains(seq));
                prop_assert_eq!(world.courier.position(), least.unwrap_or(sessions.len() as u64));
            }
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..sessions.len() as u64).collect::<Vec<_>>());
        }
    }
}
