//! Accounting that goes on: to the home servers of a realm, to who gets copies, across restarts and silences; against sockets of
//! our own and FreeRADIUS.

use crate::isp::{Client, Isp, PASSWORD, id, prepare, until};
use crate::proxy::{Freeradius, HOME_SECRET, realm, server};
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, RequestWriter, SharedSecret, View, kind};
use radius_server::Plane;
use radius_server::directory::{
    Decided, Health, HomePort, HomeServerSpec, Mark, MarkKind, RealmSpec, RealmsSpec,
};
use radius_server::onward::{Report, TargetId};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Somebody who takes accounting: a socket, and what came into it.
struct Taker {
    socket: UdpSocket,
    secret: SharedSecret,
}

/// An Accounting-Request that came to a taker.
struct Came {
    octets: Vec<u8>,
    from: SocketAddr,
}

impl Came {
    fn view(&self) -> View<'_> {
        View::parse(&self.octets).expect("a packet")
    }

    fn session(&self) -> String {
        self.view()
            .text(kind::ACCT_SESSION_ID)
            .unwrap_or_default()
            .to_owned()
    }
}

impl Taker {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        Self {
            socket,
            secret: SharedSecret::new(HOME_SECRET),
        }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// The next request that comes, verified.
    #[track_caller]
    fn next(&self) -> Came {
        let mut room = [0; PACKET_LEN_MAX];
        let (len, from) = self.socket.recv_from(&mut room).expect("a request in time");
        let came = Came {
            octets: room[..len].to_vec(),
            from,
        };
        if came.view().code() == Code::AccountingRequest {
            assert!(self.secret.check_request_authenticator(&came.view()));
        }
        came
    }

    /// Acknowledges one.
    fn take(&self, came: &Came) {
        let mut room = [0; PACKET_LEN_MAX];
        let code = match came.view().code() {
            Code::StatusServer => Code::AccessAccept,
            _ => Code::AccountingResponse,
        };
        let mut reply = ReplyWriter::new(&mut room, code, &came.view()).expect("room");
        if code == Code::AccessAccept {
            reply.reserve_message_authenticator().expect("room");
        }
        reply.proxy_states(&came.view()).expect("room");
        self.socket
            .send_to(reply.finish(&self.secret), came.from)
            .expect("sent");
    }

    /// Acknowledges what comes until these sessions were there.
    #[track_caller]
    fn take_all<'s>(&self, sessions: impl IntoIterator<Item = &'s str>) {
        let mut open: BTreeSet<String> = sessions.into_iter().map(str::to_owned).collect();
        while !open.is_empty() {
            let came = self.next();
            self.take(&came);
            open.remove(&came.session());
        }
    }
}

/// A home server that takes accounting only.
fn taker(number: u128, accounting: SocketAddr) -> HomeServerSpec {
    HomeServerSpec {
        auth: None,
        accounting: Some(accounting),
        ..server(number, accounting)
    }
}

/// The same, with a copy of everything.
fn copier(number: u128, accounting: SocketAddr) -> HomeServerSpec {
    HomeServerSpec {
        copy_accounting: true,
        ..taker(number, accounting)
    }
}

/// Gives partner 1 these.
fn put(plane: &Plane, servers: Vec<HomeServerSpec>, realms: Vec<RealmSpec>) {
    let spec = RealmsSpec { servers, realms };
    plane.directory().realms_put(id(1), spec).expect("taken");
}

/// Waits until a target is served, and gives how it is doing.
#[track_caller]
fn report(plane: &Plane, target: TargetId) -> Report {
    until("the target is served", || plane.onward().report(target).is_some());
    plane.onward().report(target).expect("served")
}

/// Waits until a target has taken all there is.
#[track_caller]
fn settled(plane: &Plane, target: TargetId) -> Report {
    until("everything was taken", || {
        let report = plane.onward().report(target);
        report.is_some_and(|report| report.position == plane.accounting_journal().committed_seq())
    });
    report(plane, target)
}

fn copy(number: u128) -> TargetId {
    TargetId::Copy(id(number))
}

fn of_realm(number: u128) -> TargetId {
    TargetId::Realm(id(number))
}

/// A record about a user.
fn of(client: &Client, user_name: &str, session: &str, fill: impl FnOnce(&mut RequestWriter<'_>)) -> Vec<u8> {
    let mut room = [0; 512];
    let identifier = session.bytes().fold(0, u8::wrapping_add);
    let mut writer = RequestWriter::signed(&mut room, Code::AccountingRequest, identifier).expect("room");
    writer.u32(kind::ACCT_STATUS_TYPE, 3).expect("room");
    writer.text(kind::ACCT_SESSION_ID, session).expect("room");
    writer.text(kind::USER_NAME, user_name).expect("room");
    fill(&mut writer);
    writer.finish(&client.secret).to_vec()
}

#[test]
fn a_copy_is_what_the_nas_sent_and_our_mark() {
    let (isp, shaper) = (Isp::start(), Taker::new());
    let client = isp.nas(10, "127.22.1.1");
    put(&isp.plane, vec![copier(1, shaper.addr())], Vec::new());
    report(&isp.plane, copy(1));
    let sent = of(&client, "alice@demo", "s1", |writer| {
        writer.u32(kind::ACCT_DELAY_TIME, 7).expect("room");
        writer.attribute(kind::CLASS, b"of the login").expect("room");
        writer.vendor(14_988, 200, b"of a newer firmware").expect("room");
        writer
            .attribute(kind::PROXY_STATE, b"of a proxy before us")
            .expect("room");
    });
    assert_eq!(client.ask_accounting(&sent).code(), Code::AccountingResponse);
    let came = shaper.next();
    let kinds = |octets: &[u8]| -> Vec<(u8, Vec<u8>)> {
        let view = View::parse(octets).expect("a packet");
        view.attributes()
            .map(|one| (one.kind, one.value.to_vec()))
            .collect()
    };
    let mut wanted = kinds(&sent);
    wanted.retain(|(kind, _)| *kind != kind::ACCT_DELAY_TIME);
    let mut got = kinds(&came.octets);
    let (mark, delay) = (got.pop().expect("a mark"), got.pop().expect("a delay"));
    assert_eq!(got, wanted);
    assert_eq!(
        (delay.0, mark.0, mark.1.len()),
        (kind::ACCT_DELAY_TIME, kind::PROXY_STATE, 16)
    );
    assert!(came.view().u32(kind::ACCT_DELAY_TIME) >= Some(7));
    assert_eq!(report(&isp.plane, copy(1)).delivered, 0, "only an answer counts");
    shaper.take(&came);
    let report = settled(&isp.plane, copy(1));
    assert_eq!(
        (report.delivered, report.waiting, report.since_unix_us),
        (1, 0, None)
    );
    // What is about the NAS goes to copies, too.
    client.ask_accounting(&client.accounting(7, None, 0));
    assert_eq!(shaper.next().view().u32(kind::ACCT_STATUS_TYPE), Some(7));
}

#[test]
fn a_forged_answer_takes_nothing() {
    let (isp, mut shaper) = (Isp::start(), Taker::new());
    let client = isp.nas(10, "127.22.1.2");
    put(&isp.plane, vec![copier(1, shaper.addr())], Vec::new());
    report(&isp.plane, copy(1));
    client.ask_accounting(&client.accounting(1, Some("s1"), 1));
    let came = shaper.next();
    shaper.secret = SharedSecret::new(b"of somebody else");
    shaper.take(&came);
    let realms = isp
        .plane
        .directory()
        .partner(id(1))
        .and_then(|partner| partner.realms());
    let held = realms.expect("realms").servers()[0].stats.clone();
    let unverified = &held.port(HomePort::Accounting).unverified;
    until("it is counted", || {
        unverified.load(std::sync::atomic::Ordering::Relaxed) == 1
    });
    assert_eq!(report(&isp.plane, copy(1)).delivered, 0);
    shaper.secret = SharedSecret::new(HOME_SECRET);
    shaper.take(&came);
    assert_eq!(settled(&isp.plane, copy(1)).delivered, 1);
}

#[test]
fn a_realm_gets_its_users_by_the_name_it_knows_and_nobody_elses() {
    let (isp, home) = (Isp::start(), Taker::new());
    let client = isp.nas_with(10, "127.22.1.3", |nas| {
        use radius_server::directory::{Identify, IdentifyBy};
        nas.identify = Identify::new(&[IdentifyBy::Line, IdentifyBy::UserName]).expect("rules");
    });
    isp.subscriber(1, 100, "bob", PASSWORD);
    isp.subscriber(1, 101, "carol@away", PASSWORD);
    let mark = Mark {
        kind: MarkKind::PortId,
        nas: None,
        value: b"eth 7"[..].into(),
    };
    isp.plane.directory().marks_put(id(1), id(100), &[mark]);
    let realms = vec![
        realm(50, "away", Decided::ByHomeServers, &[1]),
        realm(51, "here", Decided::Here, &[]),
    ];
    put(&isp.plane, vec![taker(1, home.addr())], realms);
    report(&isp.plane, of_realm(50));
    for (user_name, session) in [
        ("bob@here", "ours"),
        ("bob", "ours too"),
        ("AWAY\\alice", "theirs"),
    ] {
        client.ask_accounting(&of(&client, user_name, session, |_writer| {}));
    }
    // Known by his line: let in by us, whatever the name says.
    client.ask_accounting(&of(&client, "bob@away", "by line", |writer| {
        writer.text(kind::NAS_PORT_ID, "eth 7").expect("room");
    }));
    // Somebody of ours has such a name, but the realm is not ours.
    client.ask_accounting(&of(&client, "carol@away", "theirs too", |_writer| {}));
    for (user, session) in [("alice", "theirs"), ("carol", "theirs too")] {
        let came = home.next();
        assert_eq!(
            (came.view().text(kind::USER_NAME), came.session()),
            (Some(user), session.to_owned())
        );
        home.take(&came);
    }
    let report = settled(&isp.plane, of_realm(50));
    assert_eq!((report.delivered, report.unsendable), (2, 0));
    // The realm is taken off the names of our own, in accounting as at the login.
    let open = isp.plane.sessions().list();
    let bob = open
        .iter()
        .filter(|session| session.subscriber == Some(id(100)))
        .count();
    assert_eq!((open.len(), bob), (5, 3));
}

#[test]
fn a_target_that_is_away_delays_nobody_and_gets_everything_when_it_is_back() {
    let (isp, shaper) = (Isp::start(), Taker::new());
    let client = isp.nas(10, "127.22.1.4");
    put(&isp.plane, vec![copier(1, shaper.addr())], Vec::new());
    report(&isp.plane, copy(1));
    let sessions: Vec<String> = (0..400).map(|number| format!("s{number}")).collect();
    for session in &sessions {
        // Each is acknowledged at once; the shaper says nothing.
        client.ask_accounting(&client.accounting(1, Some(session), 1));
    }
    let report = report(&isp.plane, copy(1));
    assert_eq!(report.delivered, 0);
    assert!(
        report.since_unix_us.is_some() && report.behind_octets > 10_000,
        "{report:?}"
    );
    shaper.take_all(sessions.iter().map(String::as_str));
    let report = settled(&isp.plane, copy(1));
    assert_eq!(
        (report.delivered, report.skipped, report.behind_octets),
        (400, 0, 0)
    );
}

#[test]
fn positions_outlive_the_server_and_the_journal_waits_for_them() {
    let shaper = Taker::new();
    let dir = tempfile::tempdir().expect("a directory");
    let small = |config: &mut radius_server::Config| {
        config.accounting_journal.segment_len = 4_096;
        config.accounting_journal.keep = Duration::ZERO;
    };
    let start = || {
        let plane = prepare(dir.path(), small);
        put(&plane, vec![copier(1, shaper.addr())], Vec::new());
        plane.listen().expect("listens");
        Isp {
            plane,
            dir: tempfile::tempdir().expect("a directory"),
        }
    };
    let isp = start();
    let client = isp.nas(10, "127.22.1.5");
    client.ask_accounting(&client.accounting(1, Some("taken"), 1));
    shaper.take_all(["taken"]);
    settled(&isp.plane, copy(1));
    let sessions: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    for session in &sessions {
        client.ask_accounting(&client.accounting(1, Some(session), 1));
    }
    // The database has all of it, and nothing is kept for its own sake.
    let reader = isp.plane.accounting_journal();
    assert!(reader.release(reader.committed_seq()).expect("released") > 2);
    drop((reader, isp));

    let isp = start();
    let reader = isp.plane.accounting_journal();
    reader.release(reader.committed_seq()).expect("released");
    shaper.take_all(sessions.iter().map(String::as_str));
    assert_eq!(
        settled(&isp.plane, copy(1)).delivered,
        100,
        "and what was taken is not sent again"
    );
    until("the journal goes", || {
        reader.release(reader.committed_seq()).expect("released");
        reader.kept_bytes() == 0
    });
}

#[test]
fn what_comes_back_is_dropped_and_a_target_that_goes_has_no_claim() {
    let (isp, shaper) = (Isp::start(), Taker::new());
    let client = isp.nas(10, "127.22.1.6");
    put(&isp.plane, vec![copier(1, shaper.addr())], Vec::new());
    report(&isp.plane, copy(1));
    client.ask_accounting(&client.accounting(1, Some("s1"), 1));
    let came = shaper.next();
    shaper.take(&came);
    let mark = came.view().attributes().last().expect("a mark").value.to_vec();
    client.ask_accounting(&of(&client, "alice", "in a circle", |writer| {
        writer.attribute(kind::PROXY_STATE, &mark).expect("room");
    }));
    let done = settled(&isp.plane, copy(1));
    assert_eq!((done.delivered, done.unsendable), (1, 1));

    put(&isp.plane, Vec::new(), Vec::new());
    until("it is served no more", || {
        isp.plane.onward().report(copy(1)).is_none()
    });
    client.ask_accounting(&client.accounting(1, Some("unseen"), 1));
    // Another one, that is served from a look at the directory on that came after that record.
    let other = Taker::new();
    put(&isp.plane, vec![copier(2, other.addr())], Vec::new());
    report(&isp.plane, copy(2));
    put(&isp.plane, Vec::new(), Vec::new());
    until("it is served no more", || {
        isp.plane.onward().report(copy(2)).is_none()
    });
    put(&isp.plane, vec![copier(1, shaper.addr())], Vec::new());
    report(&isp.plane, copy(1));
    client.ask_accounting(&client.accounting(1, Some("seen"), 1));
    assert_eq!(shaper.next().session(), "seen");
}

// -- FreeRADIUS -----------------------------------------------------------------------------------------------------

#[test]
fn freeradius_writes_down_every_record_across_its_own_death() {
    let Some(mut freeradius) = Freeradius::start() else {
        return;
    };
    let isp = Isp::start();
    let client = isp.nas(10, "127.22.1.7");
    let realms = vec![realm(50, "away", Decided::ByHomeServers, &[1])];
    put(&isp.plane, vec![taker(1, freeradius.accounting)], realms);
    report(&isp.plane, of_realm(50));
    let send = |range: std::ops::Range<u32>| {
        for number in range {
            client.ask_accounting(&of(&client, "alice@away", &format!("fr-{number}."), |_writer| {}));
        }
    };
    send(0..50);
    settled(&isp.plane, of_realm(50));
    freeradius.while_away(|| {
        send(50..100);
        let realms = isp
            .plane
            .directory()
            .partner(id(1))
            .and_then(|partner| partner.realms());
        let stats = realms.expect("realms").servers()[0].stats.clone();
        until("its silence is noticed", || {
            stats.port(HomePort::Accounting).health() != Health::Alive
        });
    });
    send(100..150);
    settled_slowly(&isp.plane, of_realm(50));
    let detail = freeradius.detail();
    for number in 0..150 {
        let line = format!("Acct-Session-Id = \"fr-{number}.\"");
        assert_eq!(detail.matches(&line).count(), 1, "{line}");
    }
    assert_eq!(detail.matches("User-Name = \"alice\"").count(), 150);
    assert!(detail.matches("Acct-Delay-Time = ").count() >= 150);
}

/// The same for a server that has to be found alive first.
#[track_caller]
fn settled_slowly(plane: &Plane, target: TargetId) {
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    let there = || plane.onward().report(target).expect("served").position;
    while there() != plane.accounting_journal().committed_seq() {
        assert!(
            std::time::Instant::now() < deadline,
            "{:?}",
            plane.onward().report(target)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
