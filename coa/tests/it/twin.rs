//! A NAS that may do anything NAS do, a node that may die at any moment, and a clock that is a number: whatever happens, every
//! intent ends in a state that is true of the NAS, none is lost, and nothing older is done after something newer.
//!
//! The node below is the controller's loop in small: it stores a standing after every step and has nothing else after a crash.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use coa::exchange::{ExchangeId, Exchanges};
use coa::turns::Turn;
use coa::{
    Act, Answer, Heard, IfRefused, Pace, Request, Rung, Standing, State, Target, Timing, Turns, Verb, Way,
};
use radius::attribute::kind;
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View};

const SECRET: &[u8] = b"a-secret-of-the-coa-tests";
const NAS: ([u8; 4], u16) = ([127, 0, 0, 9], 3799);
/// Runs, each another world.
const SEEDS: u64 = 4_000;
/// Sessions of the NAS.
const SESSIONS: u8 = 3;
/// How often sessions report.
const INTERIM: Duration = Duration::from_secs(300);
/// How long a Stop, or a record that shows a change, is waited for.
const END_PROOF: Duration = Duration::from_secs(60);
/// See [`END_PROOF`].
const CHANGE_PROOF: Duration = Duration::from_secs(700);
/// How soon after an answer a record is too young to say anything about it.
const GRACE: Duration = Duration::from_secs(5);
/// How often the node looks at what it watches.
const SWEEP: Duration = Duration::from_secs(5);
/// Within this everything that happens by itself has begun; the rest of the run is for it to end.
const BUSY: Duration = Duration::from_secs(1_800);
/// How long a world goes on.
const RUN: Duration = Duration::from_secs(5_400);

/// Seeded chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.roll() % most.max(1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn within(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(most.as_millis()).expect("short")))
    }
}

// -- The NAS --------------------------------------------------------------------------------------------------------

/// What a NAS makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It does it and says so.
    Does,
    /// It says so.
    Lies,
    /// It refuses.
    Refuses(u32),
    /// It says nothing.
    Ignores,
}

impl Manner {
    fn roll(dice: &mut Dice) -> Self {
        const CAUSES: [u32; 17] = [
            201, 202, 401, 402, 403, 404, 405, 406, 407, 501, 502, 503, 504, 505, 506, 507, 508,
        ];
        match dice.below(10) {
            0..=4 => Self::Does,
            5 | 6 => Self::Lies,
            7 | 8 => Self::Refuses(CAUSES[usize::try_from(dice.below(17)).expect("few")]),
            _ => Self::Ignores,
        }
    }
}

/// A session as the NAS has it.
#[derive(Clone, Debug)]
struct Live {
    up: bool,
    /// The newest change that holds.
    version: u8,
}

/// A NAS, with its habits.
struct Twin {
    change: Manner,
    disconnect: Manner,
    /// It repeats the Class that a change brought.
    echoes: bool,
    /// How long it takes to answer.
    slow: Duration,
    loss_percent: u64,
    doubles: bool,
    /// It answers in somebody else's name first.
    forged: bool,
    sessions: BTreeMap<u8, Live>,
    /// What it has answered: a request that is sent again gets the same octets.
    answered: HashMap<[u8; 16], Option<Vec<u8>>>,
    /// Everything it did and said, for the judge: (session, code, error cause).
    said: Vec<(u8, Code, Option<u32>)>,
}

/// Accounting on its way to us; it is sent until it is stored.
struct Record {
    session: u8,
    ended: bool,
    version: u8,
}

impl Twin {
    fn roll(dice: &mut Dice) -> Self {
        let slow = [
            Duration::from_millis(3),
            Duration::from_secs(3),
            Duration::from_secs(20),
        ];
        Self {
            change: Manner::roll(dice),
            disconnect: Manner::roll(dice),
            echoes: dice.percent(60),
            slow: slow[usize::try_from(dice.below(3)).expect("few")],
            loss_percent: [0, 0, 20, 60][usize::try_from(dice.below(4)).expect("few")],
            doubles: dice.percent(25),
            forged: dice.percent(25),
            sessions: (0..SESSIONS)
                .map(|id| (id, Live { up: true, version: 0 }))
                .collect(),
            answered: HashMap::new(),
            said: Vec::new(),
        }
    }

    /// A request has come; the answer, and what accounting says of it.
    fn hear(&mut self, octets: &[u8]) -> (Option<Vec<u8>>, Option<Record>) {
        let view = View::parse(octets).expect("a packet");
        assert!(SharedSecret::new(SECRET).check_request_authenticator(&view));
        let mut authenticator = [0; 16];
        authenticator.copy_from_slice(&octets[4..20]);
        if let Some(answer) = self.answered.get(&authenticator) {
            return (answer.clone(), None);
        }
        let session = view.first(kind::ACCT_SESSION_ID).expect("named")[0];
        let version = view.first(kind::CLASS).map(|class| class[0]);
        let live = self.sessions.get_mut(&session).expect("its own");
        let changes = view.code() == Code::CoaRequest;
        let (ack, nak) = match changes {
            true => (Code::CoaAck, Code::CoaNak),
            false => (Code::DisconnectAck, Code::DisconnectNak),
        };
        let manner = if changes { self.change } else { self.disconnect };
        let mut record = None;
        let (code, cause) = match manner {
            _ if !live.up => (nak, Some(503)),
            Manner::Ignores => {
                self.answered.insert(authenticator, None);
                return (None, None);
            }
            Manner::Refuses(cause) => (nak, Some(cause)),
            Manner::Lies => (ack, None),
            Manner::Does => {
                match version {
                    Some(version) => {
                        assert!(
                            live.version <= version,
                            "something older came after something newer"
                        );
                        live.version = version;
                    }
                    None => {
                        live.up = false;
                        record = Some(Record {
                            session,
                            ended: true,
                            version: live.version,
                        });
                    }
                }
                (ack, None)
            }
        };
        self.said.push((session, code, cause));
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = ReplyWriter::new(&mut buf, code, &view).expect("fits");
        if let Some(cause) = cause {
            writer.u32(kind::ERROR_CAUSE, cause).expect("fits");
        }
        let answer = Some(writer.finish(&SharedSecret::new(SECRET)).to_vec());
        self.answered.insert(authenticator, answer.clone());
        (answer, record)
    }
}

// -- The node -------------------------------------------------------------------------------------------------------

/// An intent as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    session: u8,
    /// What the change brings; `None`: the session is to end.
    version: Option<u8>,
    standing: Standing,
    replaced: bool,
    answered_at: Option<Instant>,
}

/// What is durable of a session: accounting that was acknowledged.
#[derive(Clone, Debug, Default)]
struct Accounted {
    ended: bool,
    version: u8,
    heard_at: Option<Instant>,
}

/// What a crash takes away.
struct Node {
    exchanges: Exchanges,
    turns: Turns<u8, usize>,
    asking: HashMap<ExchangeId, usize>,
}

/// What happens at a moment.
enum Event {
    ToNas(Box<[u8]>),
    ToNode(Vec<u8>),
    Account(Record),
    Report,
    /// Something is wanted of a session: that it changes, or ends.
    Want(u8, bool),
    Crash,
    Start,
    Reboot,
    Sweep,
}

struct World {
    dice: Dice,
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Event>,
    count: u64,
    twin: Twin,
    policy: IfRefused,
    store: Vec<Stored>,
    accounted: BTreeMap<u8, Accounted>,
    node: Option<Node>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let twin = Twin::roll(&mut dice);
        let policy = if dice.percent(50) {
            IfRefused::Disconnect
        } else {
            IfRefused::Operator
        };
        let mut world = Self {
            twin,
            policy,
            now: Instant::now(),
            agenda: BTreeMap::new(),
            count: 0,
            store: Vec::new(),
            accounted: (0..SESSIONS).map(|id| (id, Accounted::default())).collect(),
            node: None,
            dice,
        };
        world.begin();
        for _ in 0..2 + world.dice.below(8) {
            let at = world.dice.within(BUSY);
            let session = u8::try_from(world.dice.below(SESSIONS.into())).expect("few");
            let changes = world.dice.percent(70);
            world.after(at, Event::Want(session, changes));
        }
        for _ in 0..world.dice.below(4) {
            let at = world.dice.within(BUSY);
            let down = Duration::from_secs(1) + world.dice.within(Duration::from_secs(120));
            world.after(at, Event::Crash);
            world.after(at + down, Event::Start);
        }
        if world.dice.percent(20) {
            let at = world.dice.within(BUSY);
            world.after(at, Event::Reboot);
        }
        world.after(INTERIM, Event::Report);
        world.after(SWEEP, Event::Sweep);
        world
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.count += 1;
        self.agenda.insert((self.now + wait, self.count), event);
    }

    /// Runs until nothing can happen any more.
    fn run(&mut self) {
        let end = self.now + RUN;
        loop {
            let deadline = self
                .node
                .as_ref()
                .and_then(|node| node.exchanges.poll_timeout())
                .map(|(at, _)| at);
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let at = deadline.into_iter().chain(next).min().expect("it sweeps");
            if at > end {
                return;
            }
            self.now = self.now.max(at);
            if deadline == Some(at) {
                if let Some(node) = &mut self.node {
                    node.exchanges.handle_timeout(at);
                }
            } else if let Some((_, event)) = self.agenda.pop_first() {
                self.happen(event);
            }
            self.drain();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToNas(octets) => {
                let (answer, record) = self.twin.hear(&octets);
                let slow = self.twin.slow;
                if let Some(answer) = answer {
                    if self.twin.forged {
                        let mut wrong = answer.clone();
                        wrong[7] ^= 1;
                        self.after(slow, Event::ToNode(wrong));
                    }
                    let times = if self.twin.doubles { 2 } else { 1 };
                    for _ in 0..times {
                        if !self.dice.percent(self.twin.loss_percent) {
                            self.after(slow, Event::ToNode(answer.clone()));
                        }
                    }
                }
                if let Some(record) = record {
                    let wait = self.dice.within(Duration::from_secs(20));
                    self.after(wait, Event::Account(record));
                }
            }
            Event::ToNode(octets) => {
                if let Some(node) = &mut self.node {
                    node.exchanges
                        .handle_datagram(SocketAddr::from(NAS), &octets, self.now);
                }
            }
            Event::Account(record) => self.account(&record),
            Event::Report => {
                let records: Vec<Record> = self
                    .twin
                    .sessions
                    .iter()
                    .filter(|(_, live)| live.up)
                    .map(|(session, live)| Record {
                        session: *session,
                        ended: false,
                        version: if self.twin.echoes { live.version } else { 0 },
                    })
                    .collect();
                for record in records {
                    self.account(&record);
                }
                self.after(INTERIM, Event::Report);
            }
            Event::Want(session, changes) => self.want(session, changes),
            Event::Crash => self.node = None,
            Event::Start => self.begin(),
            Event::Reboot => {
                let ended: Vec<Record> = self
                    .twin
                    .sessions
                    .iter_mut()
                    .filter(|(_, live)| live.up)
                    .map(|(session, live)| {
                        live.up = false;
                        Record {
                            session: *session,
                            ended: true,
                            version: live.version,
                        }
                    })
                    .collect();
                // Accounting-On, once it is up again.
                for record in ended {
                    self.after(Duration::from_secs(90), Event::Account(record));
                }
            }
            Event::Sweep => {
                self.sweep();
                self.after(SWEEP, Event::Sweep);
            }
        }
    }

    /// A record is acknowledged: it is durable, whatever becomes of the node.
    fn account(&mut self, record: &Record) {
        let known = self.accounted.get_mut(&record.session).expect("known");
        if known.ended {
            return;
        }
        known.ended = record.ended;
        known.version = record.version;
        known.heard_at = Some(self.now);
    }

    /// Somebody wants something: stored first; the newest is what holds.
    fn want(&mut self, session: u8, changes: bool) {
        if self.accounted[&session].ended {
            return;
        }
        for older in self
            .store
            .iter_mut()
            .filter(|one| one.session == session && !one.standing.over)
        {
            older.replaced = true;
        }
        let version = changes.then(|| u8::try_from(self.store.len() + 1).expect("few"));
        let rung = if changes { Rung::Change } else { Rung::Disconnect };
        self.store.push(Stored {
            session,
            version,
            standing: Standing::begun(rung),
            replaced: false,
            answered_at: None,
        });
        self.ask(self.store.len() - 1);
    }

    /// The node begins, with nothing but what is stored.
    fn begin(&mut self) {
        self.node = Some(Node {
            exchanges: Exchanges::new(self.dice.roll(), Timing::default(), Pace::default()),
            turns: Turns::default(),
            asking: HashMap::new(),
        });
        for intent in 0..self.store.len() {
            self.ask(intent);
        }
    }

    /// Asks, when its turn has come.
    fn ask(&mut self, intent: usize) {
        let session = self.store[intent].session;
        let Some(node) = &mut self.node else { return };
        let asked = |one: &Stored| one.standing.state == State::Asked && !one.standing.over && !one.replaced;
        if !asked(&self.store[intent]) {
            return;
        }
        if let Turn::Now(intent) = node.turns.begin(session, intent) {
            self.send(intent);
        }
    }

    fn send(&mut self, intent: usize) {
        let Some(node) = &mut self.node else { return };
        let one = &self.store[intent];
        let mut attributes = vec![kind::ACCT_SESSION_ID, 3, one.session];
        let verb = match (one.standing.rung, one.version) {
            (Rung::Change, Some(version)) => {
                attributes.extend([kind::CLASS, 3, version]);
                Verb::Change
            }
            _ => Verb::Disconnect,
        };
        let target = Target {
            way: Way::Udp(NAS.into()),
            secret: SharedSecret::new(SECRET),
        };
        let request = Request {
            target,
            verb,
            attributes,
        };
        let id = node.exchanges.start(request, self.now, 0).expect("it fits");
        node.asking.insert(id, intent);
    }

    /// Lets out what the node has to send, and hears what exchanges came to.
    fn drain(&mut self) {
        loop {
            let Some(node) = &mut self.node else { return };
            if let Some(transmit) = node.exchanges.poll_transmit() {
                if !self.dice.percent(self.twin.loss_percent) {
                    self.after(Duration::from_millis(1), Event::ToNas(transmit.octets));
                }
                continue;
            }
            let Some(event) = node.exchanges.poll_event() else {
                return;
            };
            let intent = node.asking.remove(&event.id).expect("ours");
            let session = self.store[intent].session;
            if !self.store[intent].replaced {
                self.store[intent].answered_at = Some(self.now);
                self.hear(intent, Heard::Answer(event.outcome.answer));
            }
            self.turn_over(session);
        }
    }

    /// The next one about a session, unless something newer came or a proof was faster.
    fn turn_over(&mut self, session: u8) {
        while let Some(node) = &mut self.node {
            let Some(next) = node.turns.over(&session) else {
                return;
            };
            let one = &self.store[next];
            if one.standing.state == State::Asked && !one.standing.over && !one.replaced {
                return self.send(next);
            }
        }
    }

    fn hear(&mut self, intent: usize, heard: Heard) {
        let one = &mut self.store[intent];
        if one.standing.hear(heard, self.policy) == Act::Ask {
            one.answered_at = None;
            self.ask(intent);
        }
    }

    /// Looks at what accounting says of everything that is not settled.
    fn sweep(&mut self) {
        if self.node.is_none() {
            return;
        }
        for intent in 0..self.store.len() {
            let one = &self.store[intent];
            let known = &self.accounted[&one.session];
            if one.replaced || one.standing.state == State::Proven {
                continue;
            }
            let changes = one.standing.rung == Rung::Change;
            let since = one
                .answered_at
                .filter(|_| one.standing.state == State::Acknowledged);
            let later = since
                .zip(known.heard_at)
                .is_some_and(|(since, heard)| heard > since + GRACE);
            let patience = if changes { CHANGE_PROOF } else { END_PROOF };
            let heard = if known.ended {
                Heard::Ended
            } else if one.version == Some(known.version) {
                Heard::Shown
            } else if later && (!changes || self.twin.echoes) {
                Heard::Unchanged
            } else if since.is_some_and(|since| self.now > since + patience) {
                Heard::NoWord
            } else {
                continue;
            };
            self.hear(intent, heard);
        }
    }

    /// Whether what is stored is true of the NAS.
    fn judge(&self, seed: u64) {
        let said = |session: u8, wanted: &dyn Fn(Code, Option<u32>) -> bool| {
            self.twin
                .said
                .iter()
                .any(|(of, code, cause)| *of == session && wanted(*code, *cause))
        };
        for (number, one) in self.store.iter().enumerate().filter(|(_, one)| !one.replaced) {
            let live = &self.twin.sessions[&one.session];
            let words = format!("seed {seed}, intent {number}: {one:?}, the NAS has {live:?}");
            assert!(one.standing.over, "lost: {words}");
            let newest = self
                .store
                .iter()
                .skip(number + 1)
                .all(|later| later.session != one.session);
            match one.standing.state {
                State::Asked => panic!("forgotten: {words}"),
                State::Proven => {
                    assert!(
                        !live.up || one.version.is_some_and(|version| live.version >= version),
                        "{words}"
                    );
                }
                // Who does not repeat the Class may have changed before it was asked to end, and nobody can know.
                State::Contradicted if newest && (one.version.is_none() || self.twin.echoes) => assert!(
                    live.up && one.version.is_none_or(|version| live.version != version),
                    "{words}"
                ),
                State::Contradicted => {}
                State::Acknowledged => assert!(
                    said(one.session, &|code, _| matches!(
                        code,
                        Code::CoaAck | Code::DisconnectAck
                    )),
                    "{words}"
                ),
                State::Refused => assert!(
                    said(one.session, &|code, _| matches!(
                        code,
                        Code::CoaNak | Code::DisconnectNak
                    )),
                    "{words}"
                ),
                // An answer can be lost; then it may have been done all the same, and accounting would have said so.
                State::Silent => assert!(live.up || !newest, "{words}"),
            }
            let looked_at = match one.standing.state {
                State::Contradicted | State::Silent => true,
                State::Refused => !said(one.session, &|_, cause| cause == Some(503)),
                _ => false,
            };
            assert!(
                !looked_at || one.standing.rung == Rung::Operator,
                "what is not done is for somebody to look at: {words}"
            );
        }
    }
}

#[test]
fn whatever_a_nas_does_and_whenever_a_node_dies_every_intent_ends_in_a_true_state() {
    let mut met: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut replaced = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.run();
        world.judge(seed);
        for one in &world.store {
            match one.replaced {
                true => replaced += 1,
                false => {
                    *met.entry((one.standing.state.as_str(), one.standing.rung.as_str()))
                        .or_default() += 1;
                }
            }
        }
    }
    // Every way to end was met: a run that meets none of one proves nothing about it.
    for state in ["acknowledged", "proven", "contradicted", "refused", "silent"] {
        assert!(
            met.keys().any(|(met, _)| *met == state),
            "{state} was never met: {met:?}"
        );
    }
    assert!(replaced > 0);
}

/// The unused end of a queue is not a fact about it: requests that wait when the node dies are asked again from the store.
#[test]
fn requests_that_wait_for_their_turn_when_the_node_dies_are_asked_after_it_is_up() {
    let mut world = World::new(7);
    world.agenda.clear();
    world.store.clear();
    world.twin.change = Manner::Does;
    world.twin.disconnect = Manner::Does;
    world.twin.loss_percent = 0;
    world.after(Duration::ZERO, Event::Want(1, true));
    world.after(Duration::from_millis(1), Event::Want(1, true));
    world.after(Duration::from_millis(2), Event::Want(1, false));
    world.after(Duration::from_millis(2), Event::Crash);
    world.after(Duration::from_secs(5), Event::Start);
    world.after(SWEEP, Event::Sweep);
    world.run();
    let states: VecDeque<_> = world
        .store
        .iter()
        .map(|one| (one.replaced, one.standing.state))
        .collect();
    assert_eq!(
        states,
        [(true, State::Asked), (true, State::Asked), (false, State::Proven)]
    );
    assert!(!world.twin.sessions[&1].up);
    assert!(matches!(
        world.store[2]
            .standing
            .hear(Heard::Answer(Answer::Silent), world.policy),
        Act::Nothing
    ));
}
