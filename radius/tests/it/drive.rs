//! What the fuzzer drives and the tests replay: every way to read a datagram.
//!
//! Compiled into two programs, `tests/it` and `fuzz/fuzz_targets/packet.rs`; see `fuzz/README.md`. Panics when two
//! readings contradict each other: that is what the fuzzer looks for.

use radius::{
    Accounting, Authenticator, DecodeError, HEADER_LEN, PACKET_LEN_MAX, SharedSecret, View,
    attribute::Attributes, attribute::Tree, dictionary::STANDARD, eap, kind, mschap, password, salt,
};

/// Reads a datagram in every way the crate can.
///
/// # Errors
/// The decoder's, so that a test can tell the well-formed samples from the others.
pub fn packet(datagram: &[u8]) -> Result<(), DecodeError> {
    let view = View::parse(datagram)?;
    check_shape(datagram, &view);
    read_values(&view);
    read_tree(&view);
    check_secrets(&view);
    check_mschap(&view);
    read_accounting(&view);
    let mut message = Vec::new();
    view.concat(kind::EAP_MESSAGE, &mut message);
    read_eap(&message);
    Ok(())
}

/// Header and attributes must account for every octet.
fn check_shape(datagram: &[u8], view: &View<'_>) {
    let octets = view.octets();
    assert!(
        datagram.starts_with(octets),
        "the view is not the start of the datagram"
    );
    assert!(
        (HEADER_LEN..=PACKET_LEN_MAX).contains(&octets.len()),
        "length out of range"
    );
    assert_eq!(
        octets[..2],
        [view.code() as u8, view.identifier()],
        "header misread"
    );
    assert_eq!(
        octets[4..HEADER_LEN],
        view.authenticator()[..],
        "authenticator misread"
    );
    let mut encoded = octets[..HEADER_LEN].to_vec();
    for attribute in view.attributes() {
        encoded.extend([
            attribute.kind,
            u8::try_from(attribute.value.len() + 2).expect("value fits"),
        ]);
        encoded.extend(attribute.value);
    }
    assert_eq!(encoded, octets, "attributes lost or invented");
    assert_eq!(
        View::parse(octets).expect("parses again").octets(),
        octets,
        "parsing twice differs"
    );
}

/// Every accessor, and every attribute as text and back.
fn read_values(view: &View<'_>) {
    for attribute in view.attributes() {
        let kind = attribute.kind;
        let first = view.first(kind).expect("an attribute that was listed is found");
        assert_eq!(
            view.u32(kind).is_some(),
            first.len() == 4,
            "number of wrong length"
        );
        assert_eq!(
            view.u32(kind).map(u32::to_be_bytes),
            view.ipv4(kind).map(|ip| ip.octets())
        );
        assert!(
            view.text(kind).is_none_or(|text| text.as_bytes() == first),
            "text differs"
        );
        show_and_encode(0, kind, attribute.value);
        let Some((vendor, inside)) = attribute.vendor() else {
            continue;
        };
        for inside in inside {
            assert!(
                view.vendor(vendor, inside.kind).is_some(),
                "a sub-attribute that was listed is not found"
            );
            show_and_encode(vendor, inside.kind, inside.value);
        }
    }
}

/// The whole picture, put together again.
fn read_tree(view: &View<'_>) {
    let octets = &view.octets()[HEADER_LEN..];
    let tree = Tree::decode(octets, &STANDARD);
    assert_eq!(
        tree.encode(&STANDARD),
        octets,
        "taken apart, it is not what it was"
    );
    assert!(
        tree.show(&STANDARD)
            .iter()
            .all(|line| !line.contains(['\n', '\r', '\0'])),
        "a line would break"
    );
}

/// What is shown stays on its line; what can be written from it is a whole attribute.
fn show_and_encode(vendor: u32, kind: u8, value: &[u8]) {
    let shown = STANDARD.show(vendor, kind, value);
    assert!(
        !shown.contains(['\n', '\r', '\0']),
        "{shown} would break a log line"
    );
    let (_, text) = shown.split_once(" = ").expect("a name and a value");
    let Some(definition) = STANDARD.by_number(vendor, kind) else {
        return;
    };
    let mut encoded = Vec::new();
    match STANDARD.encode(definition, text, &mut encoded) {
        Ok(()) => assert!(attributes_are_whole(&encoded), "a wrong length octet"),
        Err(_) => assert!(encoded.is_empty(), "a failed encode left octets behind"),
    }
}

/// Whether octets are attributes and nothing else.
fn attributes_are_whole(encoded: &[u8]) -> bool {
    let lens = Attributes::new(encoded).map(|attribute| 2 + attribute.value.len());
    lens.sum::<usize>() == encoded.len()
}

/// Digests over anything, right or wrong.
fn check_secrets(view: &View<'_>) {
    let secret = SharedSecret::new(b"xyzzy5461");
    let request: Authenticator = [0x5a; 16];
    secret.check_message_authenticator(view, None);
    secret.check_message_authenticator(view, Some(&request));
    secret.check_request_authenticator(view);
    secret.check_reply_authenticator(view, &request);
    if let Some(hidden) = view.first(kind::USER_PASSWORD) {
        password::check_pap(&secret, view.authenticator(), hidden, b"arctangent");
    }
    if let Some(chap) = view.first(kind::CHAP_PASSWORD) {
        let challenge = view.first(kind::CHAP_CHALLENGE).unwrap_or(view.authenticator());
        password::check_chap(chap, challenge, b"arctangent");
    }
}

/// Microsoft's attributes, whether they belong into such a packet or not.
fn check_mschap(view: &View<'_>) {
    use kind::microsoft;
    let of = |kind: u8| view.vendor(kind::vendor::MICROSOFT, kind);
    let hash = mschap::NtHash::of("arctangent");
    if let Some(value) = of(microsoft::CHAP_RESPONSE)
        && let Some(response) = mschap::Response::parse(value)
    {
        assert_eq!(value.len(), 50, "a response of another length");
        if let (Some(challenge), Some(nt)) = (mschap::response::challenge(view), response.nt_response) {
            mschap::v1::check(challenge, nt, &hash);
        }
    }
    if let Some(value) = of(microsoft::CHAP2_RESPONSE)
        && let Some(response) = mschap::Response2::parse(value)
    {
        assert_eq!(value.len(), 50, "a response of another length");
        let name = view.first(kind::USER_NAME).unwrap_or_default();
        if let Some(challenge) = mschap::response::challenge(view)
            && let Some(proof) = mschap::v2::check(challenge, &response, name, &hash)
        {
            assert!(proof.success().starts_with(b"S="), "a proof of another shape");
            mschap::SessionKeys::derive(&proof);
        }
    }
    let secret = SharedSecret::new(b"xyzzy5461");
    for hidden in [of(microsoft::MPPE_SEND_KEY), of(microsoft::MPPE_RECV_KEY)] {
        let mut room = [0; salt::HIDDEN_LEN_MAX];
        let clear = hidden.and_then(|hidden| salt::reveal(&secret, view.authenticator(), hidden, &mut room));
        assert!(
            clear.is_none_or(|clear| clear.len() < hidden.unwrap_or_default().len()),
            "more came out than went in"
        );
    }
}

/// The typed reading agrees with the plain one.
fn read_accounting(view: &View<'_>) {
    let accounting = Accounting::read(view);
    assert_eq!(
        accounting.as_ref().map(|a| a.status.number()),
        view.u32(kind::ACCT_STATUS_TYPE)
    );
    let Some(accounting) = accounting else { return };
    assert_eq!(accounting.session_id, view.first(kind::ACCT_SESSION_ID));
    assert_eq!(accounting.user_name, view.text(kind::USER_NAME));
    assert_eq!(accounting.framed_ip, view.ipv4(kind::FRAMED_IP_ADDRESS));
    let received = 1_800_000_000;
    let skewed = accounting.event_time_skewed(received);
    assert!(
        !skewed || accounting.event_time(received) == received,
        "a skewed time was believed"
    );
}

/// An EAP packet, well-formed or not.
fn read_eap(message: &[u8]) {
    let Ok(eap) = eap::EapView::parse(message) else {
        return;
    };
    assert!(
        eap.identity().is_none_or(|name| name == eap.data()),
        "identity differs from data"
    );
    if eap.method() == Some(eap::method::MD5_CHALLENGE) {
        // Malformed data are an answer too.
        let _ = eap::md5::check_response(eap.data(), eap.identifier(), &[0x5a; 16], b"arctangent");
    }
}
