//! What the fuzzer drives and the tests replay: every way to read a datagram, its attributes, and a dictionary file.
//!
//! Compiled into the test program and into each target in `fuzz/fuzz_targets/`; see `fuzz/README.md`. Panics when two
//! readings contradict each other: that is what the fuzzer looks for.

use radius::{
    Accounting, Authenticator, DecodeError, HEADER_LEN, Line, Mac, PACKET_LEN_MAX, SharedSecret, View, Vlans,
    attribute::Attributes, attribute::Tree, dictionary, dictionary::Dictionary, dictionary::STANDARD, eap,
    frames::Frames, hop, kind, mschap, nai, password, salt, v11,
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
    read_line(&view);
    check_secrets(&view);
    check_mschap(&view);
    read_accounting(&view);
    let mut message = Vec::new();
    view.concat(kind::EAP_MESSAGE, &mut message);
    read_eap(&message);
    Ok(())
}

/// Reads a text as everything that names a subscriber without a user name; what is read has one normal form, which reads
/// back. Whether it was anything.
pub fn identity(text: &[u8]) -> bool {
    let mac = Mac::parse(text);
    if let Some(mac) = mac {
        assert_eq!(
            Mac::parse(&mac.text()),
            Some(mac),
            "an address is another one when read back"
        );
        assert!(text.len() >= 12, "an address out of too few octets");
    }
    let vlans = Vlans::parse(text);
    for vlans in [vlans, Vlans::at_end_of(text)].into_iter().flatten() {
        assert_eq!(
            Vlans::parse(vlans.to_string().as_bytes()),
            Some(vlans),
            "tags are others when read back"
        );
        assert_eq!(
            Vlans::from_octets(vlans.octets()),
            vlans,
            "tags are others as octets"
        );
        let inner = vlans.inner.to_string();
        assert!(text.ends_with(inner.as_bytes()), "a tag that is not in the text");
    }
    mac.is_some() || vlans.is_some() || Vlans::at_end_of(text).is_some()
}

/// Takes octets apart as the attributes of a packet, as far as they are attributes; how many octets that were.
pub fn attributes(octets: &[u8]) -> usize {
    let lens = Attributes::new(octets).map(|attribute| 2 + attribute.value.len());
    let octets = &octets[..lens.sum()];
    tree_of(octets, &STANDARD);
    octets.len()
}

/// Carries a RADIUS/1.1 packet over to RADIUS/1.0 and back; whether it could be carried. What came back once comes back the
/// same again.
pub fn v11(packet: &[u8]) -> bool {
    let secret = SharedSecret::new(b"radsec");
    let (mut inside, mut outside) = ([0; PACKET_LEN_MAX], [0; PACKET_LEN_MAX]);
    let asked = v11::request_in(
        &[12, 0, 0, 20, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        3,
        [9; 16],
        &secret,
        &mut inside,
    );
    let asked = asked.expect("a Status-Server").to_vec();
    let asked = View::parse(&asked).expect("a Status-Server");
    let mut there_and_back = |packet: &[u8]| {
        let token = v11::token(packet)?;
        if let Ok(request) = v11::request_in(packet, 3, [9; 16], &secret, &mut inside) {
            let request = View::parse(request).expect("what was written can be read");
            return Some(
                v11::request_out(&request, token, &secret, &mut outside)
                    .ok()?
                    .to_vec(),
            );
        }
        let reply = v11::reply_in(packet, &asked, &secret, 1, &mut inside).ok()?;
        let reply = View::parse(reply).expect("what was written can be read");
        assert!(secret.check_reply_authenticator(&reply, asked.authenticator()));
        Some(
            v11::reply_out(&reply, asked.authenticator(), token, &secret, &mut outside)
                .ok()?
                .to_vec(),
        )
    };
    let Some(once) = there_and_back(packet) else {
        return false;
    };
    View::parse(&once).expect("what goes out is a packet");
    if let Some(twice) = there_and_back(&once) {
        assert_eq!(once, twice);
    }
    if let Ok(foreign) = View::parse(packet) {
        // As somebody sends it who hides with another secret: revealed or refused.
        let _reply = v11::reply_out(&foreign, &[1; 16], 7, &secret, &mut outside);
        let _request = v11::request_out(&foreign, 7, &secret, &mut outside);
    }
    true
}

/// Cuts a stream into packets; the first octet says in pieces of how many octets it comes.
pub fn stream(octets: &[u8]) -> usize {
    let Some((piece, mut rest)) = octets.split_first() else {
        return 0;
    };
    let (mut frames, mut packets) = (Frames::default(), 0);
    while !rest.is_empty() {
        let room = frames.room();
        let count = (usize::from(*piece) * 33 + 1).min(room.len()).min(rest.len());
        assert!(count > 0, "there is room for the rest of a packet");
        room[..count].copy_from_slice(&rest[..count]);
        frames.filled(count);
        rest = &rest[count..];
        loop {
            match frames.peek() {
                Ok(Some(packet)) => assert!((HEADER_LEN..=PACKET_LEN_MAX).contains(&packet.len())),
                Ok(None) => break,
                Err(_) => return packets,
            }
            frames.take();
            packets += 1;
        }
    }
    packets
}

/// Reads a dictionary file and puts what it says to use. A line `%%` begins another file, which the first can include by
/// its number, from 1.
///
/// # Errors
/// The reader's, so that a test can tell the good samples from the others.
pub fn dictionary(text: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(text);
    let mut files = text.split("%%\n");
    let first = files.next().unwrap_or_default().to_owned();
    let others: Vec<&str> = files.collect();
    let mut include = |_: &str, wanted: &str| {
        let number: usize = wanted.parse().map_err(|_| format!("no file {wanted}"))?;
        let other = others.get(number.wrapping_sub(1));
        other
            .map(|text| (wanted.to_owned(), (*text).to_owned()))
            .ok_or_else(|| format!("no file {wanted}"))
    };
    // Alone first, because our own tables take longer to lay under it than most files to refuse.
    let file = ("fuzz".to_owned(), first);
    let own = dictionary::source::Source::default();
    dictionary::source::read_all([file.clone()], &own, &mut include).map_err(|error| error.to_string())?;
    let dictionary = Dictionary::with([file], &mut include).map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    for definition in dictionary.added() {
        assert_eq!(
            dictionary.by_oid(&definition.oid),
            Some(definition),
            "not found by number"
        );
        let by_name = dictionary
            .by_name(&definition.name)
            .expect("a name that was listed is found");
        assert!(
            by_name.name.eq_ignore_ascii_case(&definition.name),
            "another name is found"
        );
        for value in &*definition.values {
            assert!(
                definition.value_name(value.number).is_some(),
                "a value without a name"
            );
        }
        for text in ["1", "0x0102", "192.0.2.1", "2001:db8::/32", "02:00:5e:00:00:01"] {
            let before = octets.len();
            match dictionary.encode(definition, text, &mut octets) {
                Ok(()) => assert!(attributes_are_whole(&octets[before..]), "a wrong length octet"),
                Err(_) => assert_eq!(octets.len(), before, "a failed encode left octets behind"),
            }
        }
    }
    tree_of(&octets, &dictionary);
    Ok(())
}

/// Splits a user name. The two parts and the separator must be the whole, and a realm that is taken must be one.
pub fn nai(text: &[u8]) {
    let Ok(name) = std::str::from_utf8(text) else {
        return;
    };
    let Some(split) = nai::Nai::split(name) else {
        assert_eq!(nai::Nai::parse(name), Ok(None), "a realm out of nothing");
        return;
    };
    let whole = match split.spelling {
        nai::Spelling::Suffix => format!("{}@{}", split.user, split.realm),
        nai::Spelling::Prefix => format!("{}\\{}", split.realm, split.user),
        nai::Spelling::Percent => format!("{}%{}", split.user, split.realm),
    };
    assert_eq!(whole, name, "the parts are not the whole");
    let taken = nai::check_realm(split.realm).map(|()| Some(split));
    assert_eq!(nai::Nai::parse(name), taken, "two readings of one name");
}

/// Takes octets as the attributes of a request and of its reply through one hop of a proxy. What comes out must be a
/// packet that the other side can verify.
pub fn hop(octets: &[u8]) {
    let lens = Attributes::new(octets).map(|attribute| 2 + attribute.value.len());
    let attributes = &octets[..lens.sum()];
    let (nas, home) = (
        SharedSecret::new(b"of the NAS"),
        SharedSecret::new(b"of the home server"),
    );
    let (ours, theirs): (Authenticator, Authenticator) = ([1; 16], [2; 16]);
    let (mut asked, mut on, mut answered, mut out) = (
        [0; PACKET_LEN_MAX],
        [0; PACKET_LEN_MAX],
        [0; PACKET_LEN_MAX],
        [0; PACKET_LEN_MAX],
    );
    let fill = |octets: &mut [u8; PACKET_LEN_MAX], code: u8, authenticator: &Authenticator| -> usize {
        let len = (HEADER_LEN + attributes.len()).min(PACKET_LEN_MAX);
        octets[0] = code;
        octets[2..4].copy_from_slice(&u16::try_from(len).expect("fits").to_be_bytes());
        octets[4..HEADER_LEN].copy_from_slice(authenticator);
        octets[HEADER_LEN..len].copy_from_slice(&attributes[..len - HEADER_LEN]);
        len
    };
    let len = fill(&mut asked, 1, &ours);
    let Ok(request) = View::parse(&asked[..len]) else {
        return;
    };
    let onward = hop::Onward {
        secret: &home,
        identifier: 7,
        authenticator: theirs,
        mark: b"0123456789abcdef",
        user_name: None,
    };
    let Ok(sent) = hop::onward_access(&request, &nas, &onward, &mut on) else {
        return;
    };
    let sent = View::parse(sent).expect("what goes on is a packet");
    assert_eq!(
        home.check_message_authenticator(&sent, None),
        radius::MessageAuthenticator::Valid,
        "what goes on is not signed"
    );
    assert_eq!(hop::hops(&sent), hop::hops(&request) + 1, "marks are lost");
    let len = fill(&mut answered, 2, &theirs);
    let Ok(reply) = View::parse(&answered[..len]) else {
        return;
    };
    let side = hop::Side {
        secret: &home,
        authenticator: &theirs,
    };
    for pass in [hop::Pass::All, hop::Pass::Roaming] {
        let Ok(back) = hop::back(&reply, side, &request, &nas, pass, &mut out) else {
            continue;
        };
        let back = View::parse(back).expect("what comes back is a packet");
        assert!(
            nas.check_reply_authenticator(&back, &ours),
            "what comes back is not signed"
        );
        assert_eq!(hop::hops(&back), hop::hops(&request), "marks are lost or added");
    }
    let len = fill(&mut asked, 4, &ours);
    let request = View::parse(&asked[..len]).expect("it was one before");
    if let Ok(sent) = hop::onward_accounting(&request, &onward, 9, &mut on) {
        let sent = View::parse(sent).expect("what goes on is a packet");
        assert!(
            home.check_request_authenticator(&sent),
            "accounting is not signed"
        );
    }
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
    tree_of(&view.octets()[HEADER_LEN..], &STANDARD);
}

/// Where the subscriber is attached: nothing that is not in the packet.
fn read_line(view: &View<'_>) {
    let line = Line::of(view);
    for value in [line.circuit_id, line.remote_id, line.port_id]
        .into_iter()
        .flatten()
    {
        assert!(!value.is_empty(), "an empty name of a line");
        assert!(
            view.octets().windows(value.len()).any(|there| there == value),
            "a name out of nowhere"
        );
        identity(value);
    }
    assert!(line.vlans.is_none() || line.port_id.is_some(), "tags of no port");
}

/// Takes attributes apart with a dictionary; together they must be the same again, and each must be shown.
fn tree_of(octets: &[u8], dictionary: &Dictionary) {
    let tree = Tree::decode(octets, dictionary);
    assert_eq!(
        tree.encode(dictionary),
        octets,
        "taken apart, it is not what it was"
    );
    let shown = tree.show(dictionary);
    assert_eq!(shown.is_empty(), octets.is_empty(), "something is not shown");
    assert!(
        shown.iter().all(|line| !line.contains(['\n', '\r', '\0'])),
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

/// Reads an EAP packet, and what every method of ours makes of its data.
pub fn eap(octets: &[u8]) -> bool {
    read_eap(octets);
    let Ok(packet) = eap::EapView::parse(octets) else {
        return false;
    };
    if let Some(said) = eap::mschapv2::Said::parse(packet.data()) {
        let is_response = matches!(said, eap::mschapv2::Said::Response { .. });
        assert_eq!(said.response().is_some(), is_response, "a response is one");
    }
    // With a header or without, what is inside PEAP is read or refused.
    let _ = eap::peap::Inner::parse(octets);
    let _ = eap::peap::Inner::parse(packet.data());
    if let (eap::EapCode::Response, Some(method)) = (packet.code(), packet.method()) {
        let mut again = Vec::new();
        eap::write_response(packet.identifier(), method, &[packet.data()], &mut again);
        assert_eq!(again, octets[..again.len()], "written as it was read");
    }
    true
}

/// Takes octets as the fragments of TLS flights, each with one octet of length before it; how many flights became whole.
pub fn fragments(mut octets: &[u8]) -> usize {
    let mut reassembly = eap::tls::Reassembly::new(0);
    let (mut whole, mut taken) = (0, 0);
    while let Some((len, rest)) = octets.split_first() {
        let (fragment, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        octets = rest;
        taken += fragment.len();
        match reassembly.push(fragment) {
            Ok(eap::tls::Arrived::Part) => {}
            Ok(eap::tls::Arrived::Whole(flight)) => {
                assert!(
                    flight.len() <= taken.min(eap::tls::MESSAGE_LEN_MAX),
                    "no more than came"
                );
                taken = 0;
                whole += 1;
                again_in_pieces(&flight);
            }
            Err(_) => return whole,
        }
    }
    whole
}

/// A flight cut into pieces and put together is the same again.
fn again_in_pieces(flight: &[u8]) {
    let mut fragments = eap::tls::Fragments::new(flight.to_vec(), 0, eap::tls::FRAGMENT_LEN_MIN);
    let mut reassembly = eap::tls::Reassembly::new(0);
    while !fragments.is_done() {
        let mut octets = Vec::new();
        fragments.next(&mut octets);
        match reassembly.push(&octets) {
            Ok(eap::tls::Arrived::Part) => assert!(!fragments.is_done(), "the last piece says so"),
            Ok(eap::tls::Arrived::Whole(again)) => assert_eq!(*again, flight, "the same flight"),
            Err(error) => panic!("our own piece is refused: {error}"),
        }
    }
}

/// Reads pairs of EAP-TTLS; whether all of them are, and if so, that they are the same when written again.
pub fn avps(octets: &[u8]) -> bool {
    let read: Result<Vec<_>, _> = eap::avp::Avps::new(octets).collect();
    let Ok(pairs) = read else { return false };
    let mut again = Vec::new();
    for pair in &pairs {
        eap::avp::write(pair, &mut again);
    }
    let reread: Result<Vec<_>, _> = eap::avp::Avps::new(&again).collect();
    assert_eq!(reread.as_ref(), Ok(&pairs), "the same pairs");
    true
}
