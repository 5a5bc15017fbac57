//! Exchanges against a NAS made of a function, under a clock made of a number.

use md5::{Digest, Md5};
use radius::ReplyWriter;

use super::*;

const SECRET: &[u8] = b"a-secret-of-the-coa-tests";
const NAS: ([u8; 4], u16) = ([127, 0, 0, 9], 3799);
const UNIX_S: u32 = 1_700_000_000;

/// The two ends and the clock.
struct Lab {
    exchanges: Exchanges,
    now: Instant,
    nas: SocketAddr,
    /// By which way requests go.
    way: Way,
}

impl Lab {
    fn new() -> Self {
        Self {
            exchanges: Exchanges::new(7, Timing::default(), Pace::default()),
            now: Instant::now(),
            nas: NAS.into(),
            way: Way::Udp(NAS.into()),
        }
    }

    /// Asks for the end of session "s1".
    fn disconnect(&mut self) -> ExchangeId {
        self.try_disconnect().expect("starts")
    }

    fn try_disconnect(&mut self) -> Result<ExchangeId, StartError> {
        let target = Target {
            way: self.way,
            secret: SharedSecret::new(SECRET),
        };
        let attributes = vec![kind::ACCT_SESSION_ID, 4, b's', b'1'];
        self.exchanges.start(
            Request {
                target,
                verb: Verb::Disconnect,
                attributes,
            },
            self.now,
            UNIX_S,
        )
    }

    /// The next datagram on the wire, which must go to the NAS.
    fn transmitted(&mut self) -> Box<[u8]> {
        let transmit = self.exchanges.poll_transmit().expect("a datagram waits");
        assert_eq!(transmit.to, self.way);
        transmit.octets
    }

    /// Advances the clock to the next deadline and lets it pass.
    fn pass_deadline(&mut self) {
        let (at, _why) = self.exchanges.poll_timeout().expect("a deadline is set");
        self.now = at;
        self.exchanges.handle_timeout(at);
    }

    /// A reply as the NAS would sign it with `secret`.
    fn reply(&self, request: &[u8], code: Code, secret: &[u8], error_cause: Option<u32>) -> Vec<u8> {
        let request = View::parse(request).expect("our own request");
        let mut buf = [0; PACKET_LEN_MAX];
        let mut writer = ReplyWriter::new(&mut buf, code, &request).expect("fits");
        writer.reserve_message_authenticator().expect("fits");
        if let Some(value) = error_cause {
            writer.u32(kind::ERROR_CAUSE, value).expect("fits");
        }
        writer.finish(&SharedSecret::new(secret)).to_vec()
    }

    fn deliver(&mut self, octets: &[u8]) {
        let nas = self.nas;
        self.exchanges.handle_datagram(nas, octets, self.now);
    }
}

#[test]
fn request_is_signed_and_names_the_session_and_the_time() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let view = View::parse(&octets).expect("a packet");
    let secret = SharedSecret::new(SECRET);
    assert_eq!(view.code(), Code::DisconnectRequest);
    assert!(secret.check_request_authenticator(&view));
    assert_eq!(
        secret.check_message_authenticator(&view, None),
        MessageAuthenticator::Valid
    );
    assert_eq!(
        view.attributes().next().map(|first| first.kind),
        Some(kind::MESSAGE_AUTHENTICATOR)
    );
    assert_eq!(view.u32(kind::EVENT_TIMESTAMP), Some(UNIX_S));
    assert_eq!(view.first(kind::ACCT_SESSION_ID), Some(&b"s1"[..]));
}

#[test]
fn ack_ends_the_exchange_with_its_round_trip() {
    let mut lab = Lab::new();
    let id = lab.disconnect();
    let octets = lab.transmitted();
    let ack = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    lab.now += Duration::from_millis(3);
    lab.deliver(&ack);
    let rtt = Duration::from_millis(3);
    let outcome = Outcome {
        answer: Answer::Ack,
        attempts: 1,
        rtt: Some(rtt),
        waited: rtt,
    };
    assert_eq!(lab.exchanges.poll_event(), Some(Event { id, outcome }));
    assert_eq!(lab.exchanges.poll_timeout(), None);
    assert_eq!(lab.exchanges.in_flight(), 0);
}

#[test]
fn nak_brings_its_error_cause() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let nak = lab.reply(&octets, Code::DisconnectNak, SECRET, Some(503));
    lab.deliver(&nak);
    let event = lab.exchanges.poll_event().expect("ended");
    assert_eq!(
        event.outcome.answer,
        Answer::Nak {
            error_cause: Some(503)
        }
    );
}

#[test]
fn retransmission_repeats_the_same_octets_and_then_gives_up() {
    let mut lab = Lab::new();
    let id = lab.disconnect();
    let begun = lab.now;
    let first = lab.transmitted();
    let mut sent = 1;
    let event = loop {
        lab.pass_deadline();
        if let Some(event) = lab.exchanges.poll_event() {
            break event;
        }
        assert_eq!(
            lab.transmitted(),
            first,
            "the same identifier, authenticator and Event-Timestamp"
        );
        sent += 1;
    };
    assert_eq!(event.id, id);
    assert_eq!(event.outcome.answer, Answer::Silent);
    assert_eq!((event.outcome.attempts, event.outcome.rtt), (sent, None));
    assert!(sent > 1 && sent <= Timing::default().attempts_max);
    assert!(lab.now.duration_since(begun) <= Timing::default().give_up);
}

#[test]
fn answer_to_a_retransmission_counts_from_the_first_datagram() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let begun = lab.now;
    lab.pass_deadline();
    let ack = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    lab.deliver(&ack);
    let outcome = lab.exchanges.poll_event().expect("ended").outcome;
    assert_eq!(
        (outcome.attempts, outcome.rtt),
        (2, Some(lab.now.duration_since(begun)))
    );
}

#[test]
fn reply_under_another_secret_is_forged_and_changes_nothing() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let forged = lab.reply(&octets, Code::DisconnectAck, b"somebody-elses-secret", None);
    lab.deliver(&forged);
    assert_eq!(lab.exchanges.poll_event(), None);
    assert_eq!(lab.exchanges.counters().forged, 1);
    assert_eq!(lab.exchanges.in_flight(), 1);
}

#[test]
fn reply_with_a_broken_message_authenticator_is_forged() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let mut reply = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    // The first attribute is the Message-Authenticator; one of its octets is turned, then the whole is signed anew, so
    // that only the inner signature is wrong.
    reply[22] ^= 1;
    let signed = [&reply[..4], &octets[4..20], &reply[20..], SECRET].concat();
    reply[4..20].copy_from_slice(&Md5::digest(&signed));
    lab.deliver(&reply);
    assert_eq!(lab.exchanges.poll_event(), None);
    assert_eq!(lab.exchanges.counters().forged, 1);
}

#[test]
fn reply_from_elsewhere_late_reply_and_noise_are_counted_and_dropped() {
    let mut lab = Lab::new();
    lab.disconnect();
    let octets = lab.transmitted();
    let ack = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    lab.exchanges
        .handle_datagram(SocketAddr::from(([127, 0, 0, 10], 3799)), &ack, lab.now);
    assert_eq!(lab.exchanges.counters().unsolicited, 1, "another source");
    lab.deliver(&[1, 2, 3]);
    assert_eq!(lab.exchanges.counters().malformed, 1);
    let other = lab.reply(&octets, Code::CoaAck, SECRET, None);
    lab.deliver(&other);
    assert_eq!(lab.exchanges.counters().unexpected_code, 1);
    assert_eq!(lab.exchanges.poll_event(), None);
    lab.deliver(&ack);
    assert!(lab.exchanges.poll_event().is_some());
    lab.deliver(&ack);
    let counters = lab.exchanges.counters();
    assert_eq!(
        (counters.late, counters.unsolicited),
        (1, 1),
        "the same answer again"
    );
    assert_eq!(lab.exchanges.poll_event(), None);
}

#[test]
fn a_nas_is_asked_so_much_at_once_and_so_often_and_others_do_not_wait_for_it() {
    let mut lab = Lab::new();
    let pace = Pace {
        in_flight_max: 2,
        per_s_max: 10,
    };
    lab.exchanges = Exchanges::new(7, Timing::default(), pace);
    let ids: Vec<ExchangeId> = (0..4).map(|_| lab.disconnect()).collect();
    assert_eq!((lab.exchanges.in_flight(), lab.exchanges.waiting()), (1, 3));
    lab.way = Way::Udp(SocketAddr::from(([127, 0, 0, 11], 3799)));
    lab.disconnect();
    assert_eq!(lab.exchanges.in_flight(), 2, "another NAS has a line of its own");
    lab.way = Way::Udp(NAS.into());

    let first = lab.transmitted();
    let began = lab.now;
    assert_eq!(
        lab.exchanges.poll_timeout().map(|(_, why)| why),
        Some("send a request that waits")
    );
    lab.pass_deadline();
    assert_eq!(lab.now - began, Duration::from_millis(100), "ten a second");
    assert_eq!((lab.exchanges.in_flight(), lab.exchanges.waiting()), (3, 2));
    let (at, why) = lab.exchanges.poll_timeout().expect("a deadline");
    assert_eq!(
        why, "send a request again",
        "two are under way: nobody's turn comes by time"
    );
    assert!(at > lab.now);

    // An answer makes room; the one after it waits for its tenth of a second.
    lab.now += Duration::from_secs(1);
    let ack = lab.reply(&first, Code::DisconnectAck, SECRET, None);
    lab.deliver(&ack);
    assert_eq!(
        lab.exchanges.poll_event().map(|event| event.id),
        ids.first().copied()
    );
    assert_eq!(lab.exchanges.waiting(), 1);
    let stamps: Vec<Option<u32>> = std::iter::from_fn(|| lab.exchanges.poll_transmit())
        .map(|transmit| {
            View::parse(&transmit.octets)
                .expect("ours")
                .u32(kind::EVENT_TIMESTAMP)
        })
        .collect();
    assert_eq!(
        stamps.last(),
        Some(&Some(UNIX_S + 1)),
        "stamped when it is sent, not when it was asked for"
    );
}

#[test]
fn no_more_wait_for_a_nas_than_may() {
    let mut lab = Lab::new();
    let pace = Pace {
        in_flight_max: 1,
        per_s_max: 1,
    };
    lab.exchanges = Exchanges::new(7, Timing::default(), pace);
    for _ in 0..=WAITING_MAX {
        lab.disconnect();
    }
    assert!(matches!(lab.try_disconnect(), Err(StartError::TooManyWaiting { way }) if way == lab.way));
}

#[test]
fn a_change_is_answered_by_a_coa_ack_alone() {
    let mut lab = Lab::new();
    let target = Target {
        way: lab.way,
        secret: SharedSecret::new(SECRET),
    };
    let request = Request {
        target,
        verb: Verb::Change,
        attributes: vec![
            kind::ACCT_SESSION_ID,
            4,
            b's',
            b'1',
            kind::SESSION_TIMEOUT,
            6,
            0,
            0,
            1,
            0,
        ],
    };
    let id = lab.exchanges.start(request, lab.now, UNIX_S).expect("starts");
    let octets = lab.transmitted();
    let view = View::parse(&octets).expect("a packet");
    assert_eq!(view.code(), Code::CoaRequest);
    assert_eq!(view.u32(kind::SESSION_TIMEOUT), Some(256));
    let wrong = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    lab.deliver(&wrong);
    assert_eq!(lab.exchanges.counters().unexpected_code, 1);
    let nak = lab.reply(&octets, Code::CoaNak, SECRET, Some(401));
    lab.deliver(&nak);
    let event = lab.exchanges.poll_event().expect("ended");
    assert_eq!(
        (event.id, event.outcome.answer),
        (
            id,
            Answer::Nak {
                error_cause: Some(401)
            }
        )
    );
}

#[test]
fn attributes_that_do_not_fit_are_refused_and_leave_nothing() {
    let mut lab = Lab::new();
    let target = Target {
        way: lab.way,
        secret: SharedSecret::new(SECRET),
    };
    let attributes = [kind::ACCT_SESSION_ID, 255]
        .iter()
        .copied()
        .chain([b'x'; 253])
        .collect::<Vec<u8>>()
        .repeat(17);
    let request = Request {
        target,
        verb: Verb::Disconnect,
        attributes,
    };
    assert!(matches!(
        lab.exchanges.start(request, lab.now, UNIX_S),
        Err(StartError::Write { .. })
    ));
    assert_eq!(lab.exchanges.poll_transmit(), None);
    assert_eq!(lab.exchanges.in_flight(), 0);
}

/// A NAS with connections, and where a session of it was seen.
fn connection(seen_from: u16) -> Way {
    Way::Connection {
        nas: NasKey([7; 16]),
        seen_from: SocketAddr::from(([192, 0, 2, 7], seen_from)),
    }
}

#[test]
fn what_goes_down_a_connection_is_answered_on_one_of_that_nas_only() {
    let mut lab = Lab::new();
    lab.way = connection(1);
    let id = lab.disconnect();
    let octets = lab.transmitted();
    let ack = lab.reply(&octets, Code::DisconnectAck, SECRET, None);
    lab.deliver(&ack);
    lab.exchanges.handle_carried(NasKey([8; 16]), &ack, lab.now);
    assert_eq!(lab.exchanges.counters().unsolicited, 2);
    lab.exchanges.handle_carried(NasKey([7; 16]), &ack, lab.now);
    let event = lab.exchanges.poll_event().expect("ended");
    assert_eq!((event.id, event.outcome.answer), (id, Answer::Ack));
}

#[test]
fn requests_down_all_connections_of_a_nas_share_identifiers() {
    let mut lab = Lab::new();
    let pace = Pace {
        in_flight_max: 1_000,
        per_s_max: u32::MAX,
    };
    lab.exchanges = Exchanges::new(7, Timing::default(), pace);
    for number in 0..300 {
        lab.way = connection(number);
        lab.disconnect();
        lab.now += Duration::from_micros(1);
        lab.exchanges.handle_timeout(lab.now);
    }
    let identifiers: std::collections::BTreeSet<u8> =
        std::iter::from_fn(|| lab.exchanges.poll_transmit().map(|transmit| transmit.octets[1])).collect();
    assert_eq!(identifiers.len(), 256);
    assert_eq!((lab.exchanges.in_flight(), lab.exchanges.waiting()), (256, 44));
}

#[test]
fn who_says_nothing_on_a_connection_is_given_up_sooner() {
    let waited = |way| {
        let mut lab = Lab::new();
        lab.way = way;
        let began = lab.now;
        lab.disconnect();
        while lab.exchanges.in_flight() > 0 {
            lab.pass_deadline();
        }
        lab.now - began
    };
    let timing = Timing::default();
    assert!(waited(connection(1)) <= timing.connection_give_up);
    assert!(waited(Way::Udp(NAS.into())) > timing.connection_give_up);
}
