//! Who is rejected again and again is held off for a while; who changed is looked at again at once.

use super::*;
use crate::directory::RejectRules;

/// A desk that holds off after three rejects within a minute, for half a minute.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.directory.rejects().set_rules(RejectRules {
        rejects: 3,
        window_s: 60,
        hold_s: 30,
    });
    desk
}

/// A login from a station.
fn login(identifier: u8, username: &str, password: &str, station: &str) -> Vec<u8> {
    signed(identifier).build(|writer, secret| {
        writer.text(kind::USER_NAME, username).expect("room");
        writer.password(password.as_bytes(), secret).expect("room");
        writer.text(kind::CALLING_STATION_ID, station).expect("room");
    })
}

impl Desk {
    /// The reply to a login, and whether it was recorded.
    fn tries(&mut self, identifier: u8, username: &str, password: &str, station: &str) -> (Code, bool) {
        let request = login(identifier, username, password, station);
        let answered = self.ask(&request);
        (answered.verified(&request).code(), answered.decision.is_some())
    }

    /// Lets seconds pass.
    fn wait(&mut self, seconds: u32) {
        self.now.monotonic += Duration::from_secs(u64::from(seconds));
        self.now.unix_us += i64::from(seconds) * 1_000_000;
    }
}

#[test]
fn the_right_password_is_not_looked_at_while_he_is_held_off() {
    let mut desk = desk();
    for identifier in 1..=3 {
        let rejected = desk.tries(identifier, "alice@demo", "wrong", "02-00");
        assert_eq!(rejected, (Code::AccessReject, true));
    }
    let words = "not looked at: too many rejects of this name from this station; attempt 1 since, the next is looked at in \
                 30 s or once the subscriber is changed";
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    desk.check(&login(4, "alice@demo", PASSWORD, "02-00"), wrong, words);
    assert_eq!(
        desk.tries(5, "alice@demo", PASSWORD, "02-00"),
        (Code::AccessReject, false)
    );
    assert_eq!(
        desk.tries(6, "alice@demo", PASSWORD, "02-01"),
        (Code::AccessAccept, true)
    );
    assert_eq!(desk.counters.get(Event::AuthRejectSuppressed), 2);
    assert_eq!(desk.counters.decisions(wrong), 5, "all of them are counted");
    desk.wait(30);
    assert_eq!(
        desk.tries(7, "alice@demo", PASSWORD, "02-00"),
        (Code::AccessAccept, true)
    );
}

#[test]
fn of_the_attempts_that_are_not_looked_at_one_in_a_hundred_is_recorded() {
    let mut desk = desk();
    for identifier in 1..=3 {
        desk.tries(identifier, "nobody", "wrong", "");
    }
    let recorded = (4..=254).filter(|identifier| desk.tries(*identifier, "nobody", "wrong", "").1);
    assert_eq!(recorded.collect::<Vec<_>>(), [4, 104, 204]);
}

#[test]
fn a_change_of_the_subscriber_ends_it_and_so_does_his_coming_and_the_partners() {
    let mut desk = desk();
    let reject = |desk: &mut Desk, from: u8, username: &str| {
        for identifier in from..from + 3 {
            desk.tries(identifier, username, "wrong", "02-00");
        }
        assert_eq!(
            desk.tries(from + 3, username, PASSWORD, "02-00").0,
            Code::AccessReject
        );
    };
    reject(&mut desk, 1, "alice@demo");
    desk.directory.subscriber_put(partner(), alice()).expect("taken");
    assert_eq!(
        desk.tries(5, "alice@demo", PASSWORD, "02-00").0,
        Code::AccessAccept
    );

    reject(&mut desk, 10, "bob@demo");
    let bob = SubscriberSpec {
        id: SubscriberId::from_uuid(Uuid::from_u128(4)),
        username: "bob@demo".into(),
        ..alice()
    };
    desk.directory.subscriber_put(partner(), bob).expect("taken");
    assert_eq!(
        desk.tries(14, "bob@demo", PASSWORD, "02-00").0,
        Code::AccessAccept
    );

    desk.directory.partner_put(partner(), "Demo ISP", false);
    reject(&mut desk, 20, "alice@demo");
    desk.directory.partner_put(partner(), "Demo ISP", true);
    assert_eq!(
        desk.tries(24, "alice@demo", PASSWORD, "02-00").0,
        Code::AccessAccept
    );
}

#[test]
fn mschap_and_eap_are_held_off_in_their_own_words() {
    let mut desk = desk();
    for identifier in 1..=3 {
        desk.tries(identifier, "alice@demo", "wrong", "02-00");
    }
    let request = signed(4).build(|writer, _| {
        writer.text(kind::USER_NAME, "alice@demo").expect("room");
        writer.text(kind::CALLING_STATION_ID, "02-00").expect("room");
        writer.long(kind::EAP_MESSAGE, &identity(9)).expect("room");
    });
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.code(), Code::AccessReject);
    let eap = eap_of(&reply);
    let failure = EapView::parse(&eap).expect("an EAP packet");
    assert_eq!((failure.code(), failure.identifier()), (EapCode::Failure, 9));
    assert!(desk.conversations.is_empty(), "nothing was begun for him");
}
