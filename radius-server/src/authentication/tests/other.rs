//! Retransmissions, Status-Server, rubbish.

use super::*;

#[test]
fn a_retransmission_gets_the_same_octets_and_no_second_decision() {
    let mut desk = Desk::new();
    let request = plain(1).pap("alice@demo", PASSWORD);
    let first = desk.ask(&request);
    desk.directory.subscriber_remove(partner(), alice().id);
    let again = desk.ask(&request);
    assert_eq!(again.reply, first.reply);
    assert!(again.decision.is_none());
    assert_eq!(desk.counters.get(Event::AuthDuplicate), 1);
    desk.now.monotonic += crate::duplicates::DUPLICATE_WINDOW;
    assert!(
        desk.ask(&request).decision.is_some(),
        "it is a new request when the old one is forgotten"
    );
}

#[test]
fn a_retransmission_of_what_was_dropped_is_dropped_again_without_a_second_decision() {
    let mut desk = Desk::new();
    let request = Ask {
        secret: b"another secret",
        ..signed(1)
    }
    .pap("alice@demo", PASSWORD);
    assert!(desk.ask(&request).decision.is_some());
    let again = desk.ask(&request);
    assert!(again.reply.is_none() && again.decision.is_none());
}

#[test]
fn status_server_is_answered_when_signed_and_makes_no_decision() {
    let mut desk = Desk::new();
    let build = |signed: bool, secret: &[u8]| {
        let mut octets = [0; 64];
        let mut writer = RequestWriter::status_server(&mut octets, 5, [9; 16]).expect("room");
        if signed {
            writer.reserve_message_authenticator().expect("room");
        }
        writer.finish(&SharedSecret::new(secret)).to_vec()
    };
    let request = build(true, SECRET);
    let answered = desk.ask(&request);
    assert_eq!(answered.verified(&request).code(), Code::AccessAccept);
    assert!(answered.decision.is_none());
    assert!(desk.ask(&build(false, SECRET)).reply.is_none());
    assert!(desk.ask(&build(true, b"another secret")).reply.is_none());
    assert_eq!(desk.counters.get(Event::AuthStatusServerRefused), 2);
    desk.check(&plain(6).pap("alice@demo", PASSWORD), Outcome::Accepted, "active");
}

#[test]
fn rubbish_and_other_codes_are_counted_and_not_answered() {
    let mut desk = Desk::new();
    assert!(desk.ask(b"GET / HTTP/1.1").reply.is_none());
    assert!(desk.ask(&[]).reply.is_none());
    let mut accounting = [0; 64];
    let writer = RequestWriter::signed(&mut accounting, Code::AccountingRequest, 1).expect("room");
    let accounting = writer.finish(&SharedSecret::new(SECRET)).to_vec();
    assert!(desk.ask(&accounting).reply.is_none());
    assert_eq!(desk.counters.get(Event::AuthMalformed), 2);
    assert_eq!(desk.counters.get(Event::AuthWrongCode), 1);
}

proptest::proptest! {
    #[test]
    fn no_datagram_makes_it_panic(octets: Vec<u8>, good: bool, at: usize, with: u8) {
        let mut desk = Desk::new();
        let mut datagram = octets;
        if good {
            // A good packet with one octet changed reaches deeper than random octets do.
            datagram = signed(1).eap(&identity(10), Some(&[1; 16]));
            let at = at % datagram.len();
            datagram[at] = with;
        }
        desk.ask(&datagram);
    }
}
