//! Home servers without sockets: the clock is moved by hand, and the test is the home servers.

use super::*;
use crate::directory::{Decided, HomeServerSpec, HomeServerStats};
use radius::hop::Pass;
use radius::{MessageAuthenticator, ReplyWriter};
use std::cell::Cell;
use std::net::SocketAddr;
use uuid::Uuid;

/// The way to an address.
fn route(address: &str) -> Route {
    Route::Udp(address.parse().expect("an address"))
}

const NAS_SECRET: &[u8] = b"between NAS and us";

thread_local! {
    static DRAWN: Cell<u8> = const { Cell::new(0) };
}

/// Octets that differ every time.
fn entropy(out: &mut [u8]) -> bool {
    let drawn = DRAWN.get().wrapping_add(1);
    DRAWN.set(drawn);
    out.fill(drawn);
    true
}

fn spec(number: u8) -> HomeServerSpec {
    HomeServerSpec {
        id: Uuid::from_u128(u128::from(number)).into(),
        name: format!("home-{number}").as_str().into(),
        auth: Some(SocketAddr::from(([192, 0, 2, number], 1812))),
        accounting: Some(SocketAddr::from(([192, 0, 2, number], 1813))),
        secret: SharedSecret::new(&[number; 12]),
        require_message_authenticator: true,
        status_server: true,
        copy_accounting: false,
        tls: None,
    }
}

struct World {
    engine: Engine,
    realm: Arc<Realm>,
    begin: Now,
    now: Now,
}

impl World {
    fn new(servers: u8, balance: Balance) -> Self {
        Self::with((1..=servers).map(spec).collect(), balance, HomePort::Auth)
    }

    fn with(servers: Vec<HomeServerSpec>, balance: Balance, port: HomePort) -> Self {
        let servers = servers.into_iter().map(|spec| {
            Arc::new(HomeServer {
                spec,
                partner: Uuid::nil().into(),
                stats: Arc::new(HomeServerStats::default()),
            })
        });
        let realm = Arc::new(Realm {
            id: Uuid::from_u128(77).into(),
            name: "isp.example".into(),
            decided: Decided::ByHomeServers,
            strip: false,
            servers: servers.collect(),
            balance,
            pass: Pass::All,
            accounting: true,
        });
        let timing = match port {
            HomePort::Auth => Timing::LOGIN,
            HomePort::Accounting => Timing::ACCOUNTING,
        };
        let now = Now::read();
        Self {
            engine: Engine::new(port, timing, *b"headend1", 2, entropy),
            realm,
            begin: now,
            now,
        }
    }

    /// Milliseconds since the beginning.
    fn at(&mut self, ms: u64) {
        self.now = Now {
            monotonic: self.begin.monotonic + Duration::from_millis(ms),
            unix_us: self.begin.unix_us + i64::try_from(ms * 1_000).expect("fits"),
        };
        self.engine.handle_timeout(self.now);
    }

    fn forward(&self, key: u64, state: Option<&[u8]>) -> Forward {
        let nas = SharedSecret::new(NAS_SECRET);
        let mut room = [0; PACKET_LEN_MAX];
        let mut writer = RequestWriter::access(&mut room, 1, [9; 16]).expect("room");
        writer.reserve_message_authenticator().expect("first");
        writer.text(kind::USER_NAME, "alice@isp.example").expect("room");
        if let Some(state) = state {
            writer.attribute(kind::STATE, state).expect("room");
        }
        Forward {
            packet: writer.finish(&nas).into(),
            nas,
            realm: Arc::clone(&self.realm),
            user_name: None,
            key,
            received_unix_us: self.now.unix_us,
        }
    }

    fn start(&mut self, key: u64) -> ExchangeId {
        let forward = self.forward(key, None);
        self.engine.start(forward, self.now).expect("started")
    }

    fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.engine.poll_transmit()).collect()
    }

    /// The numbers of the servers that a request was sent to; whether they live is asked beside that.
    fn asked(&mut self) -> Vec<u8> {
        let number = |transmit: &Transmit| match transmit.to {
            Route::Udp(SocketAddr::V4(addr)) => addr.ip().octets()[3],
            Route::Udp(SocketAddr::V6(_)) | Route::Tls(_) => 0,
        };
        let sent = self.sent();
        let requests = sent
            .iter()
            .filter(|transmit| transmit.octets[0] != Code::StatusServer as u8);
        requests.map(number).collect()
    }

    fn reply(&self, transmit: &Transmit, code: Code, secret: &SharedSecret, state: Option<&[u8]>) -> Vec<u8> {
        let mut room = [0; PACKET_LEN_MAX];
        let asked = View::parse(&transmit.octets).expect("a packet");
        let mut writer = ReplyWriter::new(&mut room, code, &asked).expect("a reply");
        writer.reserve_message_authenticator().expect("first");
        if let Some(state) = state {
            writer.attribute(kind::STATE, state).expect("room");
        }
        writer.finish(secret).to_vec()
    }

    /// The server answers what it was sent.
    fn answer(&mut self, transmit: &Transmit, code: Code) {
        let reply = self.reply(transmit, code, &transmit.server.spec.secret, None);
        self.engine
            .handle_datagram(transmit.to, transmit.lane, &reply, self.now);
    }

    fn ended(&mut self) -> Option<Event> {
        self.engine.poll_event()
    }

    fn health(&self, number: u8) -> Health {
        self.realm.servers[usize::from(number) - 1]
            .stats
            .port(HomePort::Auth)
            .health()
    }
}

#[test]
fn a_request_goes_to_the_first_server_and_its_verified_reply_ends_it() {
    let mut world = World::new(2, Balance::FailOver);
    let id = world.start(1);
    let sent = world.sent().remove(0);
    let view = View::parse(&sent.octets).expect("a packet");
    assert_eq!(sent.to, route("192.0.2.1:1812"));
    assert_eq!(
        sent.server.spec.secret.check_message_authenticator(&view, None),
        MessageAuthenticator::Valid
    );
    world.at(40);
    world.answer(&sent, Code::AccessAccept);
    let event = world.ended().expect("ended");
    assert_eq!((event.id, event.outcome.waited), (id, Duration::from_millis(40)));
    assert!(matches!(event.outcome.answer, Answer::Reply { .. }));
    assert_eq!(world.engine.in_flight(), 0);
    world.at(60_000);
    assert!(world.sent().is_empty(), "nothing is left to do");
}

#[test]
fn what_cannot_be_verified_ends_nothing() {
    let mut world = World::new(1, Balance::FailOver);
    world.start(1);
    let sent = world.sent().remove(0);
    let other = SharedSecret::new(b"another secret");
    let forged = world.reply(&sent, Code::AccessAccept, &other, None);
    let elsewhere = route("192.0.2.99:1812");
    let good = world.reply(&sent, Code::AccessAccept, &sent.server.spec.secret, None);
    let wrong_kind = world.reply(&sent, Code::AccountingResponse, &sent.server.spec.secret, None);
    let unsigned = {
        let mut room = [0; PACKET_LEN_MAX];
        let asked = View::parse(&sent.octets).expect("a packet");
        let writer = ReplyWriter::new(&mut room, Code::AccessAccept, &asked).expect("a reply");
        writer.finish(&sent.server.spec.secret).to_vec()
    };
    let now = world.now;
    let engine = &mut world.engine;
    engine.handle_datagram(sent.to, sent.lane, &forged, now);
    engine.handle_datagram(elsewhere, sent.lane, &good, now);
    engine.handle_datagram(sent.to, sent.lane + 1, &good, now);
    engine.handle_datagram(sent.to, sent.lane, &wrong_kind, now);
    engine.handle_datagram(sent.to, sent.lane, &unsigned, now);
    engine.handle_datagram(sent.to, sent.lane, b"no packet", now);
    assert!(world.ended().is_none());
    let unverified = &sent.server.stats.port(HomePort::Auth).unverified;
    assert_eq!(unverified.load(Ordering::Relaxed), 3);
    world.answer(&sent, Code::AccessReject);
    assert!(world.ended().is_some());
}

#[test]
fn a_silent_server_is_asked_again_with_the_same_octets_then_the_next_one_is_asked() {
    let mut world = World::new(2, Balance::FailOver);
    world.start(1);
    let first = world.sent().remove(0);
    world.at(1_499);
    assert!(world.sent().is_empty());
    world.at(1_500);
    let again = world.sent();
    assert_eq!((again.len(), &again[0].octets), (1, &first.octets));
    world.at(3_000);
    let next = world.sent().remove(0);
    assert_eq!(next.server.spec.name, "home-2");
    assert_ne!(next.octets, first.octets, "another authenticator, another secret");
    world.answer(&first, Code::AccessAccept);
    assert!(
        world.ended().is_none(),
        "the first one is not waited for any more"
    );
    world.answer(&next, Code::AccessAccept);
    let outcome = world.ended().expect("ended").outcome;
    assert_eq!((outcome.servers, outcome.attempts), (2, 3));
}

#[test]
fn when_all_are_silent_it_is_over_in_five_seconds() {
    let mut world = World::new(1, Balance::FailOver);
    world.start(1);
    for ms in (0..5_000).step_by(100) {
        world.at(ms);
    }
    assert_eq!(world.asked(), [1, 1, 1]);
    assert!(world.ended().is_none());
    world.at(5_000);
    assert!(matches!(
        world.ended().expect("ended").outcome.answer,
        Answer::Silent
    ));
}

#[test]
fn a_silent_server_becomes_a_zombie_then_dead_and_status_server_revives_it() {
    let mut world = World::new(2, Balance::FailOver);
    world.start(1);
    world.at(3_000); // asks the second
    world.start(2); // the first again: nobody is sure yet
    for ms in (3_000..9_000).step_by(500) {
        world.at(ms);
        for transmit in world.sent() {
            if transmit.server.spec.name == "home-2" {
                world.answer(&transmit, Code::AccessAccept);
            }
        }
    }
    assert_eq!(world.health(1), Health::Zombie);
    world.sent();
    world.start(3);
    assert_eq!(world.asked(), [2], "a zombie is asked last");
    for ms in (9_000..40_000).step_by(500) {
        world.at(ms);
        for transmit in world.sent() {
            if transmit.server.spec.name == "home-2" {
                world.answer(&transmit, Code::AccessAccept);
            }
        }
    }
    assert_eq!((world.health(1), world.health(2)), (Health::Dead, Health::Alive));
    // It comes back: three answers in a row.
    let mut answers = 0;
    for ms in (40_000..60_000).step_by(100) {
        world.at(ms);
        for transmit in world.sent() {
            assert_eq!(transmit.octets[0], Code::StatusServer as u8);
            assert_eq!(world.health(1), Health::Dead);
            world.answer(&transmit, Code::AccessAccept);
            answers += 1;
        }
    }
    assert_eq!((answers, world.health(1)), (3, Health::Alive));
    world.start(4);
    assert_eq!(world.asked(), [1]);
}

#[test]
fn a_server_without_status_server_is_tried_again_after_a_minute() {
    let mut only = spec(1);
    only.status_server = false;
    let mut world = World::with(vec![only], Balance::FailOver, HomePort::Auth);
    world.start(1);
    for ms in (0..40_000).step_by(500) {
        world.at(ms);
    }
    assert_eq!(world.health(1), Health::Dead);
    world.sent();
    let forward = world.forward(2, None);
    let refused = world.engine.start(forward, world.now).expect_err("dead");
    assert_eq!(refused, StartError::NoServer);
    world.at(90_000);
    assert_eq!(world.health(1), Health::Alive);
    assert!(world.sent().is_empty(), "it is never asked for a sign of life");
}

#[test]
fn work_is_spread_by_key_and_only_the_keys_of_a_lost_server_move() {
    let mut world = World::new(4, Balance::Spread);
    let choose = |world: &mut World| -> Vec<u8> {
        (0..200_u64)
            .map(|key| {
                world.start(key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let sent = world.sent().remove(0);
                world.answer(&sent, Code::AccessAccept);
                sent.server.spec.id.as_bytes()[15]
            })
            .collect()
    };
    let before = choose(&mut world);
    for server in 1..=4 {
        let share = before.iter().filter(|chosen| **chosen == server).count();
        assert!((25..=75).contains(&share), "server {server} has {share} of 200");
    }
    assert_eq!(before, choose(&mut world), "the same key, the same server");
    // Server 2 goes: found out by a request that stays unanswered.
    let key = before.iter().position(|chosen| *chosen == 2).expect("has some") as u64;
    world.start(key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for ms in (0..6_000).step_by(500) {
        world.at(ms);
    }
    world.sent();
    assert_eq!(world.health(2), Health::Zombie);
    for (was, is) in before.iter().zip(choose(&mut world)) {
        assert!(is == *was || *was == 2, "{was} became {is}");
    }
}

#[test]
fn a_conversation_stays_with_the_server_that_began_it() {
    let mut world = World::new(2, Balance::FailOver);
    // The first is out, so the second asks the question.
    world.start(1);
    world.at(3_000);
    let asked = world.sent().pop().expect("the second");
    let question = world.reply(
        &asked,
        Code::AccessChallenge,
        &asked.server.spec.secret,
        Some(b"round 1"),
    );
    world
        .engine
        .handle_datagram(asked.to, asked.lane, &question, world.now);
    assert!(world.ended().is_some());
    let forward = world.forward(1, Some(b"round 1"));
    world.engine.start(forward, world.now).expect("started");
    assert_eq!(world.asked(), [2], "though the first comes first");
    for ms in (3_000..8_000).step_by(500) {
        world.at(ms);
    }
    assert_eq!(world.asked(), [2, 2], "nobody else can answer it");
    let forward = world.forward(1, Some(b"of nobody here"));
    world.engine.start(forward, world.now).expect("started");
    assert_eq!(world.asked(), [1]);
}

#[test]
fn what_went_out_from_here_is_not_sent_on_again() {
    let mut world = World::new(1, Balance::FailOver);
    world.start(1);
    let mut forward = world.forward(1, None);
    forward.packet = world.sent().remove(0).octets.to_vec().into();
    let error = world.engine.start(forward, world.now).expect_err("a loop");
    assert_eq!(error, StartError::Loop);
    assert!(world.sent().is_empty());
}

#[test]
fn identifiers_end_and_come_back() {
    let mut world = World::new(1, Balance::FailOver);
    for key in 0..512 {
        world.start(key);
    }
    let sent = world.sent();
    let forward = world.forward(1, None);
    let error = world.engine.start(forward, world.now).expect_err("all in use");
    assert_eq!(error, StartError::Full);
    world.answer(&sent[7], Code::AccessAccept);
    world.start(1);
    let reused = world.sent().remove(0);
    assert_eq!((reused.lane, reused.octets[1]), (sent[7].lane, sent[7].octets[1]));
    world.answer(&sent[7], Code::AccessAccept);
    assert_eq!(
        world.engine.in_flight(),
        512,
        "a late answer to an earlier request ends nothing"
    );
}

#[test]
fn accounting_says_how_late_it_is() {
    let mut world = World::with(vec![spec(1)], Balance::FailOver, HomePort::Accounting);
    let nas = SharedSecret::new(b"");
    let mut room = [0; PACKET_LEN_MAX];
    let mut writer = RequestWriter::signed(&mut room, Code::AccountingRequest, 1).expect("room");
    writer.u32(kind::ACCT_STATUS_TYPE, 1).expect("room");
    let forward = Forward {
        packet: writer.finish(&nas).into(),
        received_unix_us: world.now.unix_us - 90_000_000,
        ..world.forward(1, None)
    };
    world.engine.start(forward, world.now).expect("started");
    let sent = world.sent().remove(0);
    let view = View::parse(&sent.octets).expect("a packet");
    assert_eq!(view.u32(kind::ACCT_DELAY_TIME), Some(90));
    assert!(sent.server.spec.secret.check_request_authenticator(&view));
    world.answer(&sent, Code::AccountingResponse);
    assert!(world.ended().is_some());
}

mod any_run {
    use super::*;
    use proptest::prelude::*;

    /// What happens next.
    #[derive(Clone, Debug)]
    enum Step {
        Start(u64),
        Wait(u64),
        Answer(usize),
        Garbage(Vec<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<u64>().prop_map(Step::Start),
            (1_u64..8_000).prop_map(Step::Wait),
            any::<usize>().prop_map(Step::Answer),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Step::Garbage),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn every_request_ends_once_and_no_timer_stands_still(steps in prop::collection::vec(step(), 1..60)) {
            let mut world = World::new(3, Balance::Spread);
            let (mut started, mut ended, mut ms) = (0, 0, 0);
            let mut sent = Vec::new();
            for step in steps {
                match step {
                    Step::Start(key) => {
                        let forward = world.forward(key, None);
                        started += usize::from(world.engine.start(forward, world.now).is_ok());
                    }
                    Step::Wait(more) => {
                        ms += more;
                        world.at(ms);
                    }
                    Step::Answer(which) if !sent.is_empty() => {
                        let transmit: Transmit = sent.swap_remove(which % sent.len());
                        world.answer(&transmit, Code::AccessAccept);
                    }
                    Step::Answer(_) => {}
                    Step::Garbage(octets) => {
                        let to = route("192.0.2.1:1812");
                        let now = world.now;
                        world.engine.handle_datagram(to, 0, &octets, now);
                    }
                }
                sent.extend(world.sent());
                ended += std::iter::from_fn(|| world.ended()).count();
                if let Some((at, why)) = world.engine.poll_timeout() {
                    prop_assert!(at > world.now.monotonic, "{why}: a deadline has passed and stays");
                }
                prop_assert_eq!(world.engine.in_flight(), started - ended);
            }
            world.at(ms + 10_000);
            ended += std::iter::from_fn(|| world.ended()).count();
            prop_assert_eq!(started, ended);
        }
    }
}
