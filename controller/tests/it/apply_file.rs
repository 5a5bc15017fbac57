//! The apply file: what is accepted, and that every mistake is told with its table and key before anything is sent.

use std::path::Path;

use headend::apply::desired::{Desired, Kind};
use headend::apply::file::parse;

/// The mistakes of a file, one a line.
fn mistakes(text: &str) -> Vec<String> {
    parse(text, Path::new("/srv/isp.toml"))
        .map(|_| ())
        .map_err(|failure| failure.details)
        .unwrap_err()
}

/// A file without mistakes.
fn accepted(text: &str) -> Desired {
    parse(text, Path::new("/srv/isp.toml"))
        .map_err(|failure| failure.to_string())
        .unwrap()
}

/// A partner with one of each.
const WHOLE: &str = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    [[partner.client]]
    slug = "homes"
    name = "Homes"
    [[partner.site]]
    client = "homes"
    slug = "main"
    name = "Main Street"
    [[partner.plan]]
    slug = "fiber-100"
    download_bps = "100M"
    upload_bps = 20_000_000
    [[partner.nas]]
    name = "bras-1"
    address = "10.0.0.1"
    secret = "a long shared secret"
    [[partner.user]]
    email = "NOC@isp.example"
    name = "NOC"
    roles = ["noc-engineer"]
    password = "correct horse battery"
    [[partner.subscriber]]
    username = "alice"
    password = "wonderland"
    plan = "fiber-100"
    site = "homes/main"
    expires_at = 2027-01-01T00:00:00Z
"#;

#[test]
fn a_whole_file_becomes_objects_in_the_order_they_are_made() {
    let desired = accepted(WHOLE);
    let kinds: Vec<Kind> = desired.partners[0]
        .objects
        .iter()
        .map(|object| object.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Kind::Client,
            Kind::Site,
            Kind::Plan,
            Kind::Nas,
            Kind::User,
            Kind::Subscriber
        ]
    );
    let names: Vec<&str> = desired.partners[0]
        .objects
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "homes",
            "homes/main",
            "fiber-100",
            "bras-1",
            "noc@isp.example",
            "alice"
        ]
    );
}

#[test]
fn rates_and_instants_arrive_as_the_api_wants_them() {
    let objects = &accepted(WHOLE).partners[0].objects;
    assert_eq!(objects[2].fields["download_bps"], 100_000_000);
    assert_eq!(objects[5].fields["expires_at"], "2027-01-01T00:00:00Z");
    assert_eq!(
        (&objects[5].fields["client"], &objects[5].fields["site"]),
        (&"homes".into(), &"main".into())
    );
}

#[test]
fn a_secret_is_kept_out_of_what_is_compared_and_shown() {
    let desired = accepted(WHOLE);
    let shown = format!("{desired:?}");
    assert!(
        !shown.contains("wonderland") && !shown.contains("a long shared secret"),
        "{shown}"
    );
    assert!(
        desired.partners[0]
            .objects
            .iter()
            .all(|object| !object.fields.contains_key("password"))
    );
}

#[test]
fn every_mistake_is_told_at_once_with_its_table_and_key() {
    let text = r#"
        [[partner]]
        slug = "ISP West"
        name = "ISP West"
        status = "gone"
        [[partner.plan]]
        slug = "fast"
        download_bps = "quick"
        [[partner.nas]]
        name = "bras-1"
        address = "10.0.0.300"
        secret = { env = "HEADEND_TEST_NOT_SET" }
        [[partner.subscriber]]
        username = "alice"
        password = { file = "nowhere/at-all" }
        plan = "fast"
        site = "main"
        expires_at = "tomorrow"
    "#;
    let found = mistakes(text);
    let expected = [
        r#"partner "ISP West": slug: found "ISP West", allowed: 1 to 63 of a-z, 0-9 and -"#,
        r#"partner "ISP West": status: found "gone", allowed: active, suspended"#,
        r#"partner "ISP West", plan "fast": download_bps, upload_bps: give both rates or none"#,
        r#"partner "ISP West", plan "fast": download_bps: "quick" is no rate: "#,
        r#"partner "ISP West", nas "bras-1": address: found "10.0.0.300", allowed: an IP address, "#,
        r#"partner "ISP West", nas "bras-1": secret: environment variable HEADEND_TEST_NOT_SET is not set"#,
        r#"partner "ISP West", subscriber "alice": site: found "main", allowed: client/site"#,
        r#"partner "ISP West", subscriber "alice": expires_at: "tomorrow" is no date"#,
        r#"partner "ISP West", subscriber "alice": password: cannot read /srv/nowhere/at-all: "#,
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (line, start) in found.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}\nshould start with\n{start}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_known_ones() {
    let text =
        "[[partner]]\nslug = \"a\"\nname = \"A\"\n[[partner.nas]]\nname = \"n\"\naddres = \"10.0.0.1\"\n";
    let told = mistakes(text).join("\n");
    assert!(
        told.contains("line 6") && told.contains("unknown field `addres`") && told.contains("`address`"),
        "{told}"
    );
}

#[test]
fn a_wrong_type_is_refused_with_what_is_allowed() {
    let text = "[[partner]]\nslug = \"a\"\nname = \"A\"\n[[partner.nas]]\nname = \"n\"\naddress = \"10.0.0.1\"\n\
                secret = 5\n";
    let told = mistakes(text).join("\n");
    assert!(
        told.contains("line 7") && told.contains("{ env = \"VARIABLE\" }"),
        "{told}"
    );
}

#[test]
fn names_must_not_come_twice() {
    let text = format!(
        "{WHOLE}[[partner.subscriber]]\nusername = \"alice\"\npassword = \"x\"\nplan = \"fiber-100\"\nsite = \"homes/main\"\n"
    );
    assert_eq!(
        mistakes(&text),
        [r#"partner "isp-west": subscriber "alice" is there twice"#]
    );
    assert!(
        mistakes(&format!("{WHOLE}{WHOLE}")).contains(&r#"partner "isp-west" is there twice"#.to_owned())
    );
}

#[test]
fn one_address_belongs_to_one_nas_of_one_partner() {
    let east = WHOLE
        .replace("isp-west", "isp-east")
        .replace("10.0.0.1", "10.0.0.1/32")
        .replace("bras-1", "bras-2");
    let told = mistakes(&format!("{WHOLE}{east}"));
    assert_eq!(
        told,
        ["nas isp-east/bras-2: address: 10.0.0.1/32 is also that of nas isp-west/bras-1"]
    );
}

#[test]
fn a_file_without_partners_is_a_mistake() {
    assert_eq!(mistakes(""), ["the file has no [[partner]]"]);
}

#[test]
fn what_is_said_of_others_servers_is_checked_and_they_come_before_their_realms() {
    let partner = "[[partner]]\nslug = \"isp-west\"\nname = \"ISP West\"\n";
    let desired = accepted(&format!(
        "{partner}[[partner.realm]]\nname = \"Away.example\"\nhome_servers = [\"home\"]\n[[partner.home_server]]\n\
         name = \"home\"\naddress = \"192.0.2.9\"\nauth_port = 1812\naccounting_port = 0\nsecret = \"between us\"\n\
         [partner.identity]\nidentify = [\"line\"]\n"
    ));
    let objects = &desired.partners[0].objects;
    let kinds: Vec<Kind> = objects.iter().map(|object| object.kind).collect();
    assert_eq!(kinds, [Kind::Identity, Kind::HomeServer, Kind::Realm]);
    assert!(objects[1].fields["accounting_port"].is_null());
    assert_eq!(
        (objects[2].name.as_str(), objects[2].fields["decided"].as_str()),
        ("away.example", Some("by_home_servers"))
    );
    let wrong = mistakes(&format!(
        "{partner}[partner.identity]\nidentify = [\"name\"]\npassword_store = \"clear\"\n[[partner.home_server]]\n\
         name = \"home\"\naddress = \"home.example\"\ncopy_accounting = true\nsecret = \"between us\"\n\
         [[partner.realm]]\nname = \"a b\"\ndecided = \"by_home_servers\"\n\
         [[partner.subscriber]]\nusername = \"alice\"\nplan = \"p\"\nsite = \"c/s\"\npassword_store = \"argon2id\"\n\
         identified_by = [\"mac=00:1a:2b:3c:4d:5e\"]\n"
    ));
    let at = |place: &str, key: &str| {
        let begin = format!("partner \"isp-west\", {place}: {key}: ");
        assert!(
            wrong.iter().any(|line| line.starts_with(&begin)),
            "{begin} in {wrong:#?}"
        );
    };
    at("identity \"isp-west\"", "identify");
    at("identity \"isp-west\"", "password_store");
    for key in ["address", "auth_port, accounting_port", "copy_accounting"] {
        at("home_server \"home\"", key);
    }
    let of = |more: &str| {
        mistakes(&format!(
            "{partner}[[partner.home_server]]\nname = \"home\"\naddress = \"192.0.2.9\"\nauth_port = 1\n{more}\n"
        ))
        .join(" | ")
    };
    assert!(of("").contains("secret: needed, unless transport is tls"));
    assert!(of("secret = \"between us\"\ntransport = \"tls\"").contains("secret: has no place over TLS"));
    accepted(&format!(
        "{partner}[[partner.home_server]]\nname = \"home\"\naddress = \"192.0.2.9\"\ntransport = \"tls\"\n\
         tls_name = \"home.example\"\ntls_ca = \"-----BEGIN CERTIFICATE-----\"\n"
    ));
    at("realm \"a b\"", "name");
    at("realm \"a b\"", "home_servers");
    at("subscriber \"alice\"", "password_store");
    assert_eq!(wrong.len(), 8, "{wrong:#?}");
}

/// Addresses and admission, as far as a file can say them.
const ADDRESSES: &str = r#"
    [[partner]]
    slug = "isp-west"
    name = "ISP West"
    defaults = { dns = ["192.0.2.53"] }
    [partner.garden]
    reasons = ["suspended"]
    terms = { address_list = "unpaid" }
    [[partner.pool]]
    name = "homes"
    ranges = ["10.0.0.0/22"]
    [[partner.client]]
    slug = "homes"
    name = "Homes"
    [[partner.site]]
    client = "homes"
    slug = "roof"
    name = "Roof"
    pools = { ipv4_pool = "homes" }
    [[partner.plan]]
    slug = "fiber-100"
    [partner.plan.admission]
    simultaneous = 1
    ipv4_pool = "homes"
    [[partner.nas]]
    name = "bras-1"
    address = "10.0.0.1"
    secret = "a long shared secret"
    defaults = { vrf = "home" }
    [[partner.subscriber]]
    username = "alice"
    password = "wonderland"
    plan = "fiber-100"
    site = "homes/roof"
    [partner.subscriber.admission]
    allow = ["nas:bras-1", "vlan:100.200"]
    addresses = ["192.0.2.7", "delegated:2001:db8:0:100::/56"]
"#;

#[test]
fn what_is_a_part_of_something_comes_behind_it_and_says_all_of_it() {
    let objects = &accepted(ADDRESSES).partners[0].objects;
    let kinds: Vec<Kind> = objects.iter().map(|object| object.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Client,
            Kind::Site,
            Kind::Pool,
            Kind::SitePools,
            Kind::Plan,
            Kind::PlanAdmission,
            Kind::Nas,
            Kind::NasDefaults,
            Kind::Defaults,
            Kind::Garden,
            Kind::Subscriber,
            Kind::SubscriberAdmission,
        ]
    );
    let of = |kind| objects.iter().find(|object| object.kind == kind).unwrap();
    let admission = of(Kind::PlanAdmission);
    assert_eq!(admission.name, "fiber-100");
    assert_eq!(admission.fields["on_collision"], "same_device");
    assert!(
        admission.fields["prefix_pool"].is_null(),
        "what is not named is taken away"
    );
    let alice = &of(Kind::SubscriberAdmission).fields;
    assert_eq!(alice["allowed"][1]["value"], "100.200");
    assert_eq!(alice["addresses"][0]["address"], "192.0.2.7/32");
}

#[test]
fn mistakes_in_addresses_are_told_with_their_place() {
    let wrong = ADDRESSES
        .replace("10.0.0.0/22", "10.0.0.0/222")
        .replace("simultaneous = 1", "on_collision = \"never\"")
        .replace("vlan:100.200", "planet:mars")
        .replace("reasons = [\"suspended\"]", "reasons = []");
    let told = mistakes(&wrong);
    for (place, key) in [
        ("pool \"homes\"", "ranges"),
        ("plan admission \"fiber-100\"", "on_collision"),
        ("subscriber admission \"alice\"", "allow"),
        ("garden \"isp-west\"", "terms"),
    ] {
        let found = told
            .iter()
            .any(|line| line.contains(&format!("{place}: {key}: ")));
        assert!(found, "{place}, {key}: {told:#?}");
    }
    assert_eq!(told.len(), 4, "{told:#?}");
}
