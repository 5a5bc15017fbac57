//! The cases that prove directions and units, make by make. What is asked is always the same home: 100 Mbit/s to the
//! subscriber, 20 Mbit/s from him. Lines read as people would write the attributes; names are the dictionary's.
//!
//! Where the facts come from: the vendors' dictionaries as FreeRADIUS has them give numbers and types; what else is said stands
//! beside the case. *Seen in documents only* means that no device of that make was at hand.

use super::{Make, Sheet, Term, Terms};
use radius::attribute::Tree;
use radius::dictionary::STANDARD;

/// Terms out of JSON, as an operator writes them.
fn terms(json: &str) -> Terms {
    let terms: Terms = serde_json::from_str(json).expect("terms");
    assert_eq!(terms.check(), Ok(()), "{json}");
    terms
}

/// A sheet as people read it, without the quotes around texts.
fn shown(sheet: &Sheet) -> Vec<String> {
    let lines = Tree::decode(sheet.octets(), &STANDARD).show(&STANDARD);
    lines.iter().map(|line| line.replace('"', "")).collect()
}

/// Asserts what a make is told.
#[track_caller]
fn told(make: Make, json: &str, lines: &[&str]) {
    let explained = Sheet::explained(&terms(json), make, &[]);
    assert_eq!(explained.problems, []);
    let shown = shown(&explained.sheet);
    assert_eq!(shown, lines, "{make:?}");
    assert_eq!(explained.words.len(), explained.sheet.terms().len());
}

/// Asserts what a make cannot be told.
#[track_caller]
fn unsaid(make: Make, json: &str, expect: &[Term]) {
    let explained = Sheet::explained(&terms(json), make, &[]);
    let found: Vec<Term> = explained.unsaid.iter().map(|unsaid| unsaid.term).collect();
    assert_eq!(found, expect, "{make:?}: {:?}", explained.unsaid);
}

/// Asserts that a value does not fit, what is said about it, and what is sent nevertheless.
#[track_caller]
fn too_much(make: Make, json: &str, why: &str, lines: &[&str]) {
    let explained = Sheet::explained(&terms(json), make, &[]);
    let found: Vec<&str> = explained.problems.iter().map(|problem| &*problem.why).collect();
    assert_eq!(found, [why], "{make:?}");
    let shown = shown(&explained.sheet);
    assert_eq!(shown, lines, "{make:?}");
}

/// The home.
const HOME: &str = r#"{"download_bps": 100000000, "upload_bps": 20000000}"#;
/// The home with a burst and a priority.
const BURST: &str = r#"{"download_bps": 100000000, "upload_bps": 20000000, "priority": 3,
    "burst": {"download_bps": 200000000, "upload_bps": 40000000,
              "download_threshold_bps": 75000000, "upload_threshold_bps": 15000000, "seconds": 8}}"#;
/// Everything that is no speed.
const NETWORK: &str = r#"{"session_timeout_s": 86400, "idle_timeout_s": 600, "termination_action": "ask",
    "interim_interval_s": 300, "pool": "p4", "ipv6_pool": "p6", "delegated_pool": "pd",
    "dns": ["192.0.2.53", "2001:db8::53", "192.0.2.54"], "vrf": "retail"}"#;

/// What [`NETWORK`] begins with, whoever is told.
const SESSION: [&str; 5] = [
    "Session-Timeout = 86400",
    "Idle-Timeout = 600",
    "Termination-Action = RADIUS-Request",
    "Acct-Interim-Interval = 300",
    "Framed-Pool = p4",
];

/// [`SESSION`] and what follows.
#[track_caller]
fn network(make: Make, rest: &[&str]) {
    told(make, NETWORK, &[&SESSION, rest].concat());
}

/// `rx/tx burst threshold time priority`, rx first, and rx is what the router receives: the upload. MikroTik's manual,
/// *RADIUS Client*; `k` and `M` are decimal there.
#[test]
fn mikrotik_hears_the_upload_first() {
    told(Make::Mikrotik, HOME, &["Mikrotik-Rate-Limit = 20M/100M"]);
    told(
        Make::Mikrotik,
        r#"{"download_bps": 1536000, "upload_bps": 128001}"#,
        &["Mikrotik-Rate-Limit = 128001/1536k"],
    );
    told(
        Make::Mikrotik,
        BURST,
        &["Mikrotik-Rate-Limit = 20M/100M 40M/200M 15M/75M 8/8 3"],
    );
    told(
        Make::Mikrotik,
        r#"{"download_bps": 100000000, "upload_bps": 20000000, "priority": 3}"#,
        &["Mikrotik-Rate-Limit = 20M/100M 0/0 0/0 0/0 3"],
    );
    network(
        Make::Mikrotik,
        &[
            "Framed-IPv6-Pool = p6",
            "Mikrotik-Delegated-IPv6-Pool = pd",
            "DNS-Server-IPv6-Address = 2001:db8::53",
        ],
    );
    unsaid(Make::Mikrotik, NETWORK, &[Term::Dns, Term::Vrf]);
    told(
        Make::Mikrotik,
        r#"{"address_list": "unpaid", "policies": {"mikrotik": {"name": "garden"}, "cisco": {"name": "OTHER"}}}"#,
        &["Mikrotik-Address-List = unpaid", "Mikrotik-Group = garden"],
    );
}

/// WISPr 1.0, appendix: bit/s in 32 bits, up from the subscriber. EdgeOS and most access points hear these.
#[test]
fn any_other_make_hears_wispr_and_the_rfcs() {
    told(
        Make::Generic,
        HOME,
        &[
            "WISPr-Bandwidth-Max-Up = 20000000",
            "WISPr-Bandwidth-Max-Down = 100000000",
        ],
    );
    unsaid(Make::Generic, BURST, &[Term::Burst, Term::Priority]);
    network(
        Make::Generic,
        &[
            "Framed-IPv6-Pool = p6",
            "Delegated-IPv6-Prefix-Pool = pd",
            "MS-Primary-DNS-Server = 192.0.2.53",
            "MS-Secondary-DNS-Server = 192.0.2.54",
            "DNS-Server-IPv6-Address = 2001:db8::53",
        ],
    );
    // RFC 3580 section 3.31.
    told(
        Make::Generic,
        r#"{"vlan": 77}"#,
        &[
            "Tunnel-Type = VLAN",
            "Tunnel-Medium-Type = IEEE-802",
            "Tunnel-Private-Group-Id = 77",
        ],
    );
    too_much(
        Make::Generic,
        r#"{"download_bps": 10000000000, "upload_bps": 1}"#,
        "10000000000 bit/s; at most 4294967295 can be said",
        &[
            "WISPr-Bandwidth-Max-Up = 1",
            "WISPr-Bandwidth-Max-Down = 4294967295",
        ],
    );
}

/// Cisco, *ISG RADIUS interface*: in is from the subscriber; a service of Account-Info begins with `A`. Seen in documents only.
#[test]
fn cisco_hears_policies_by_name() {
    unsaid(Make::Cisco, HOME, &[Term::Rate]);
    told(Make::Cisco, HOME, &[]);
    let policy = r#"{"download_bps": 100000000, "upload_bps": 20000000,
        "policies": {"cisco": {"up": "UP-{up_k}", "down": "DOWN-{down_k}", "name": "INTERNET"}}}"#;
    told(
        Make::Cisco,
        policy,
        &[
            "Cisco-AVPair = ip:sub-qos-policy-in=UP-20000",
            "Cisco-AVPair = ip:sub-qos-policy-out=DOWN-100000",
            "Cisco-Account-Info = AINTERNET",
        ],
    );
    unsaid(Make::Cisco, policy, &[]);
    network(
        Make::Cisco,
        &[
            "Framed-IPv6-Pool = p6",
            "Delegated-IPv6-Prefix-Pool = pd",
            "Cisco-AVPair = ip:dns-servers=192.0.2.53 192.0.2.54",
            "DNS-Server-IPv6-Address = 2001:db8::53",
            "Cisco-AVPair = ip:vrf-id=retail",
        ],
    );
}

/// Juniper, *Configuring User-Defined CoS Variables* (attribute 108, tag 2 is the shaping rate, bit/s; shaping is egress) and
/// *VSAs supported by AAA* (65 is tagged). Seen in documents only.
#[test]
fn juniper_hears_services_and_one_number() {
    told(Make::Juniper, HOME, &["ERX-CoS-Shaping-Pmt-Type = T02 100000000"]);
    unsaid(Make::Juniper, HOME, &[Term::Rate]);
    let service = r#"{"download_bps": 100000000, "upload_bps": 20000000,
        "policies": {"juniper": {"name": "limit({down},{up})"}}}"#;
    told(
        Make::Juniper,
        service,
        &["ERX-Service-Activate:1 = limit(100000000,20000000)"],
    );
    unsaid(Make::Juniper, service, &[]);
    told(
        Make::Juniper,
        r#"{"policies": {"juniper": {"up": "in20", "down": "out100"}}}"#,
        &[
            "ERX-Ingress-Policy-Name = in20",
            "ERX-Egress-Policy-Name = out100",
        ],
    );
    network(
        Make::Juniper,
        &[
            "ERX-IPv6-NdRa-Pool-Name = p6",
            "ERX-IPv6-Delegated-Pool-Name = pd",
            "ERX-Primary-Dns = 192.0.2.53",
            "ERX-Secondary-Dns = 192.0.2.54",
            "ERX-Ipv6-Primary-Dns = 2001:db8::53",
            "ERX-Virtual-Router-Name = retail",
        ],
    );
}

/// Huawei, *RADIUS attributes* of ME60: rates in bit/s, input is the upload, peak at least the average. Seen in documents only.
#[test]
fn huawei_hears_bits_with_the_upload_as_input() {
    told(
        Make::Huawei,
        HOME,
        &[
            "Huawei-Input-Average-Rate = 20000000",
            "Huawei-Input-Peak-Rate = 20000000",
            "Huawei-Output-Average-Rate = 100000000",
            "Huawei-Output-Peak-Rate = 100000000",
        ],
    );
    told(
        Make::Huawei,
        BURST,
        &[
            "Huawei-Input-Average-Rate = 20000000",
            "Huawei-Input-Peak-Rate = 40000000",
            "Huawei-Output-Average-Rate = 100000000",
            "Huawei-Output-Peak-Rate = 200000000",
        ],
    );
    network(
        Make::Huawei,
        &[
            "Framed-IPv6-Pool = p6",
            "Huawei-Delegated-IPv6-Prefix-Pool = pd",
            "Huawei-Primary-DNS = 192.0.2.53",
            "Huawei-Secondary-DNS = 192.0.2.54",
            "Huawei-DNS-Server-IPv6-address = 2001:db8::53",
            "Huawei-VPN-Instance = retail",
        ],
    );
    told(
        Make::Huawei,
        r#"{"redirect_url": "http://pay.example/", "policies": {"huawei": {"name": "gold", "down": "gold-d"}}}"#,
        &[
            "Huawei-HTTP-Redirect-URL = http://pay.example/",
            "Huawei-Qos-Profile-Name = gold",
            "Huawei-Down-QOS-Profile-Name = gold-d",
        ],
    );
}

/// H3C, comware's *RADIUS attributes*: as Huawei's, peak first in number. Seen in documents only.
#[test]
fn h3c_hears_what_huawei_hears_under_other_numbers() {
    told(
        Make::H3c,
        BURST,
        &[
            "H3C-Input-Average-Rate = 20000000",
            "H3C-Input-Peak-Rate = 40000000",
            "H3C-Output-Average-Rate = 100000000",
            "H3C-Output-Peak-Rate = 200000000",
        ],
    );
    told(Make::H3c, r#"{"vrf": "retail"}"#, &["H3C-VPN-Instance = retail"]);
}

/// Nokia, *7750 SR RADIUS Attributes Reference Guide*, 26.6527.126: direction i or e, kbit/s; 12 and 13 hold 16 characters,
/// pools 32. Seen in documents only.
#[test]
fn nokia_hears_kilobits_of_a_queue() {
    told(
        Make::Nokia,
        HOME,
        &[
            "Alc-Subscriber-QoS-Override = i:q:1:pir=20000",
            "Alc-Subscriber-QoS-Override = e:q:1:pir=100000",
        ],
    );
    told(
        Make::Nokia,
        r#"{"policies": {"nokia": {"name": "residential/gold"}}}"#,
        &["Alc-Subsc-Prof-Str = residential", "Alc-SLA-Prof-Str = gold"],
    );
    too_much(
        Make::Nokia,
        r#"{"policies": {"nokia": {"name": "seventeen-letters"}}}"#,
        "takes 17 octets; at most 16 can be said",
        &[],
    );
    network(
        Make::Nokia,
        &[
            "Alc-SLAAC-IPv6-Pool = p6",
            "Alc-Delegated-IPv6-Pool = pd",
            "Alc-Primary-Dns = 192.0.2.53",
            "Alc-Secondary-Dns = 192.0.2.54",
            "Alc-Ipv6-Primary-Dns = 2001:db8::53",
        ],
    );
}

/// accel-ppp, `accel-pppd/shaper/` and `accel-pppd/radius/`: `down/up` in kbit/s in Filter-Id unless set otherwise.
#[test]
fn accel_hears_kilobits_with_down_first() {
    told(Make::Accel, HOME, &["Filter-Id = 100000/20000"]);
    network(
        Make::Accel,
        &[
            "Stateful-IPv6-Address-Pool = p6",
            "Delegated-IPv6-Prefix-Pool = pd",
            "MS-Primary-DNS-Server = 192.0.2.53",
            "MS-Secondary-DNS-Server = 192.0.2.54",
            "DNS-Server-IPv6-Address = 2001:db8::53",
            "Accel-VRF-Name = retail",
        ],
    );
    unsaid(
        Make::Accel,
        r#"{"download_bps": 100000000, "upload_bps": 20000000, "filter": "f"}"#,
        &[Term::Filter],
    );
}

/// ZTE's dictionary: SCR is the sustained rate, bit/s, down and up as the subscriber sees them. Seen in documents only.
#[test]
fn zte_hears_bits_each_way() {
    told(
        Make::Zte,
        HOME,
        &[
            "ZTE-Rate-Ctrl-SCR-Down = 100000000",
            "ZTE-Rate-Ctrl-SCR-Up = 20000000",
        ],
    );
    told(
        Make::Zte,
        r#"{"policies": {"zte": {"name": "gold", "up": "gold-u"}}}"#,
        &["ZTE-QoS-Profile-Down = gold", "ZTE-QOS-Profile-Up = gold-u"],
    );
}

/// toughradius sends kbit/s (of 1024) times 8192 in 32 bits with sign, and so clamps above 256 Mbit/s. Seen there only.
#[test]
fn ikuai_is_never_told_a_negative_speed() {
    let explained = Sheet::explained(&terms(HOME), Make::Ikuai, &[]);
    let up = [26, 12, 0, 0, 0x27, 0x47, 1, 6, 0x09, 0x89, 0x68, 0x00];
    let down = [26, 12, 0, 0, 0x27, 0x47, 2, 6, 0x2f, 0xaf, 0x08, 0x00];
    assert_eq!(explained.sheet.octets(), [up, down].concat());
    let fast = terms(r#"{"download_bps": 300000000, "upload_bps": 20000000}"#);
    let explained = Sheet::explained(&fast, Make::Ikuai, &[]);
    assert_eq!(
        explained.problems[0].why,
        "2400000000 eighths of bit/s; at most 2147483647 can be said"
    );
    assert_eq!(
        &explained.sheet.octets()[20..],
        [0x7f, 0xff, 0xff, 0xff],
        "the fastest, not a negative one"
    );
}

/// A name that fits nobody's attribute is refused before; one that fits some is a problem for the others only.
#[test]
fn a_spread_interval_stands_in_no_sheet() {
    told(
        Make::Generic,
        r#"{"interim_interval_s": 300, "interim_spread_s": 60}"#,
        &[],
    );
}

/// Whatever is asked, each make either says it or says that it cannot: nothing is passed over in silence.
#[test]
fn nothing_is_passed_over_in_silence() {
    let cases: [(&str, Term); 17] = [
        (HOME, Term::Rate),
        (BURST, Term::Burst),
        (
            r#"{"download_bps": 9, "upload_bps": 9, "priority": 3}"#,
            Term::Priority,
        ),
        (r#"{"session_timeout_s": 9}"#, Term::SessionTimeout),
        (r#"{"idle_timeout_s": 9}"#, Term::IdleTimeout),
        (r#"{"termination_action": "end"}"#, Term::TerminationAction),
        (r#"{"interim_interval_s": 300}"#, Term::Interim),
        (r#"{"pool": "x"}"#, Term::Pool),
        (r#"{"ipv6_pool": "x"}"#, Term::Ipv6Pool),
        (r#"{"delegated_pool": "x"}"#, Term::DelegatedPool),
        (r#"{"dns": ["192.0.2.53"]}"#, Term::Dns),
        (r#"{"dns": ["2001:db8::53"]}"#, Term::Dns),
        (r#"{"vlan": 7}"#, Term::Vlan),
        (r#"{"vrf": "x"}"#, Term::Vrf),
        (r#"{"filter": "x"}"#, Term::Filter),
        (r#"{"address_list": "x"}"#, Term::AddressList),
        (r#"{"redirect_url": "http://x/"}"#, Term::RedirectUrl),
    ];
    for make in Make::ALL {
        for (json, term) in cases {
            let explained = Sheet::explained(&terms(json), make, &[]);
            let said = explained.sheet.terms().contains(&term)
                // Burst and priority stand in the rate where the make says them in one.
                || (matches!(term, Term::Burst | Term::Priority) && explained.sheet.terms().contains(&Term::Rate));
            let unsaid = explained.unsaid.iter().any(|unsaid| unsaid.term == term);
            assert!(said || unsaid, "{make:?} says nothing about {term:?}");
        }
        for which in ["name", "up", "down"] {
            let json = format!(r#"{{"policies": {{"{}": {{"{which}": "x"}}}}}}"#, make.as_str());
            let explained = Sheet::explained(&terms(&json), make, &[]);
            let said = explained.sheet.terms().contains(&Term::Policy);
            let unsaid = explained.unsaid.iter().any(|unsaid| unsaid.term == Term::Policy);
            assert!(said || unsaid, "{make:?} says nothing about {which}");
        }
    }
}
