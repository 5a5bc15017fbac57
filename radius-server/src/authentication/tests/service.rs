//! Who gets service, and what the Access-Accept says about it.

use super::*;

#[test]
fn only_an_active_service_of_an_active_partner_is_given() {
    let now = 1_700_000_000;
    let check = |state: ServiceState, expires: Option<i64>, outcome: Outcome, words: &str| {
        let mut desk = Desk::with(|_, subscriber| {
            subscriber.state = state;
            subscriber.expires_at_unix_s = expires;
        });
        desk.check(&plain(1).pap("alice@demo", PASSWORD), outcome, words);
    };
    let suspended = ServiceState::Suspended {
        reason: "invoice 42 unpaid".into(),
    };
    check(
        suspended,
        None,
        Outcome::Rejected(RejectReason::Suspended),
        "suspended: invoice 42 unpaid",
    );
    check(
        ServiceState::Terminated,
        None,
        Outcome::Rejected(RejectReason::Terminated),
        "terminated",
    );
    let expired = Outcome::Rejected(RejectReason::Expired);
    check(
        ServiceState::Active,
        Some(now - 7_200),
        expired,
        "expired 2 h 0 min ago",
    );
    check(ServiceState::Active, Some(now), expired, "expired 0 s ago");
    check(
        ServiceState::Active,
        Some(now + 60),
        Outcome::Accepted,
        "active; expires in 1 min 0 s",
    );

    let mut desk = Desk::new();
    desk.directory.partner_put(partner(), "Demo ISP", false);
    let refused = Outcome::Rejected(RejectReason::PartnerSuspended);
    desk.check(
        &plain(1).pap("alice@demo", PASSWORD),
        refused,
        "partner Demo ISP is not active",
    );
}

#[test]
fn whoever_does_not_know_the_password_does_not_learn_that_the_service_is_suspended() {
    let mut desk = Desk::with(|_, alice| alice.state = ServiceState::Suspended { reason: "".into() });
    let request = plain(1).pap("alice@demo", "guess");
    assert_eq!(
        desk.ask(&request).verified(&request).text(kind::REPLY_MESSAGE),
        Some("Login incorrect")
    );
}

#[test]
fn no_session_outlives_the_service() {
    for (left, expect) in [(60, 60), (7_200, 3_600)] {
        let mut desk = Desk::with(|_, alice| alice.expires_at_unix_s = Some(1_700_000_000 + left));
        let request = plain(1).pap("alice@demo", PASSWORD);
        let answered = desk.ask(&request);
        let reply = answered.verified(&request);
        assert_eq!(reply.u32(kind::SESSION_TIMEOUT), Some(expect));
        let timeouts = reply
            .attributes()
            .filter(|attribute| attribute.kind == kind::SESSION_TIMEOUT);
        assert_eq!(timeouts.count(), 1);
    }
}

#[test]
fn own_attributes_replace_those_of_the_plan_and_leave_the_rest() {
    let own = [
        kind::SESSION_TIMEOUT,
        6,
        0,
        0,
        0,
        60,
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
    let mut desk = Desk::with(|_, alice| alice.reply = own.into());
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.u32(kind::SESSION_TIMEOUT), Some(60));
    assert_eq!(reply.vendor(14_988, 8), Some(&b"1M/1"[..]));
    assert_eq!(
        reply
            .attributes()
            .filter(|attribute| attribute.kind == kind::VENDOR_SPECIFIC)
            .count(),
        1
    );
}

#[test]
fn another_make_hears_the_rate_in_its_own_words() {
    let mut desk = Desk::with(|nas, _| nas.make = "hostapd".into());
    let request = plain(1).pap("alice@demo", PASSWORD);
    let answered = desk.ask(&request);
    let reply = answered.verified(&request);
    assert_eq!(reply.vendor(14_122, 7), Some(&20_000_000_u32.to_be_bytes()[..]));
    assert_eq!(reply.vendor(14_122, 8), Some(&100_000_000_u32.to_be_bytes()[..]));
    assert_eq!(reply.vendor(14_988, 8), None);
}

#[test]
fn a_service_that_does_not_fit_into_a_packet_is_no_service() {
    let mut desk = Desk::with(|_, alice| {
        let one = [&[kind::FRAMED_ROUTE, 255][..], &[b'x'; 253]].concat();
        alice.reply = one.repeat(20).into();
    });
    let refused = Outcome::Rejected(RejectReason::ReplyTooLong);
    let request = plain(1).pap("alice@demo", PASSWORD);
    desk.check(
        &request,
        refused,
        "the attributes of plan and subscriber do not fit into one packet",
    );
}
