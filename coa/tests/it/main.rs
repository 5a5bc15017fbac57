//! The driver with real sockets: a NAS on 127.0.0.0/8 that answers, one that does not.
//! Under a clock that is a number, and with a NAS that may do anything: `twin`.

mod twin;

use std::net::SocketAddr;
use std::time::Duration;

use coa::{Answer, Coa, Request, Target, Timing, Verb, Way};
use radius::attribute::kind;
use radius::{Code, PACKET_LEN_MAX, ReplyWriter, SharedSecret, View};
use tokio::net::UdpSocket;

const SECRET: &[u8] = b"a-secret-of-the-coa-tests";

/// Short enough for a test, long enough for a loaded machine.
fn timing() -> Timing {
    Timing {
        initial: Duration::from_millis(50),
        longest: Duration::from_millis(100),
        attempts_max: 3,
        give_up: Duration::from_secs(2),
        connection_give_up: Duration::from_secs(1),
    }
}

fn request(addr: SocketAddr) -> Request {
    let target = Target {
        way: Way::Udp(addr),
        secret: SharedSecret::new(SECRET),
    };
    Request {
        target,
        verb: Verb::Disconnect,
        attributes: vec![kind::ACCT_SESSION_ID, 4, b's', b'1'],
    }
}

/// Answers `count` Disconnect-Requests after having ignored the first `deaf` datagrams.
async fn nas(socket: UdpSocket, deaf: usize, code: Code) {
    let mut buf = [0; PACKET_LEN_MAX];
    let mut heard = 0;
    loop {
        let (len, src) = socket.recv_from(&mut buf).await.expect("a request");
        heard += 1;
        if heard <= deaf {
            continue;
        }
        let view = View::parse(&buf[..len]).expect("a packet");
        let mut out = [0; PACKET_LEN_MAX];
        let reply = ReplyWriter::new(&mut out, code, &view)
            .expect("fits")
            .finish(&SharedSecret::new(SECRET));
        socket.send_to(reply, src).await.expect("sent");
    }
}

#[tokio::test]
async fn a_nas_that_answers_the_second_datagram_is_heard() {
    let socket = UdpSocket::bind("127.44.1.1:0").await.expect("a socket");
    let addr = socket.local_addr().expect("bound");
    tokio::spawn(nas(socket, 1, Code::DisconnectAck));
    let coa = Coa::start(timing()).await.expect("starts");
    let outcome = coa.send(request(addr)).await.expect("an outcome");
    assert_eq!((outcome.answer, outcome.attempts), (Answer::Ack, 2));
    assert!(
        outcome.rtt.is_some_and(|rtt| rtt >= Duration::from_millis(45)),
        "it counts from the first datagram"
    );
}

#[tokio::test]
async fn a_nas_without_a_listener_is_silent_and_the_next_one_is_still_asked() {
    let gone = UdpSocket::bind("127.44.1.2:0")
        .await
        .expect("a socket")
        .local_addr()
        .expect("bound");
    let coa = Coa::start(timing()).await.expect("starts");
    let outcome = coa.send(request(gone)).await.expect("an outcome");
    assert_eq!(
        (outcome.answer, outcome.attempts, outcome.rtt),
        (Answer::Silent, 3, None)
    );

    let socket = UdpSocket::bind("127.44.1.3:0").await.expect("a socket");
    let addr = socket.local_addr().expect("bound");
    tokio::spawn(nas(socket, 0, Code::DisconnectNak));
    let outcome = coa.send(request(addr)).await.expect("an outcome");
    assert_eq!(outcome.answer, Answer::Nak { error_cause: None });
    assert_eq!(coa.counters().await.expect("counted").forged, 0);
}
