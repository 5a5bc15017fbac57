//! The supplicant of others: `eapol_test` (Debian's `eapoltest`, wpa_supplicant with a RADIUS client in it) logs in with every
//! method that is offered, with both versions of TLS, in pieces of three sizes, with right and wrong credentials, and compares
//! the keys it made with those the NAS was given. Skipped, and saying so, where it is not installed.

use crate::isp::{Isp, PASSWORD, SECRET, eventually, id, subscriber};
use radius_server::authentication::{EapMethod, EapOptions, TlsMin};
use radius_server::decision::{Decision, Outcome, RejectReason};
use radius_server::directory::{Credential, SubscriberSpec};
use radius_server::password_hash::PasswordHash;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Who logs in.
pub const NAME: &str = "alice@demo";
/// What is said around the tunnel.
const OUTER: &str = "anonymous@demo";
/// How long one login may take.
const LOGIN_WAIT_S: &str = "20";

/// Whether eapol_test is there; says so when not.
#[expect(
    clippy::print_stderr,
    reason = "who runs the tests should know which did not run"
)]
pub fn is_installed() -> bool {
    let run = Command::new("eapol_test")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let installed = run.is_ok();
    if !installed {
        eprintln!("skipped: eapol_test is not installed");
    }
    installed
}

// -- Certificates

/// A CA, a server's certificate and some clients', as files.
pub struct Papers {
    dir: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Papers {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        let name = format!("Demo ISP CA {}", uuid::Uuid::now_v7());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("ca.pem"), ca.pem()).expect("written");
        let papers = Self { dir, ca };
        papers.issue("server", ExtendedKeyUsagePurpose::ServerAuth, |params| {
            params.subject_alt_names = vec![SanType::DnsName("radius.demo".try_into().expect("a name"))];
        });
        papers
    }

    /// Issues `name.pem` and `name.key`.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.extended_key_usages = vec![usage];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.ca).expect("signed");
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).expect("written");
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("written");
    }

    /// Issues a client's certificate with this mail address.
    pub fn issue_client(&self, name: &str, mail: &str, change: impl FnOnce(&mut CertificateParams)) {
        self.issue(name, ExtendedKeyUsagePurpose::ClientAuth, |params| {
            params.subject_alt_names = vec![SanType::Rfc822Name(mail.try_into().expect("a name"))];
            change(params);
        });
    }

    /// Writes a revocation list with these serial numbers.
    fn revoke(&self, serials: &[u64]) {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.ca).expect("signed");
        fs::write(self.path("crl.pem"), list.pem().expect("PEM")).expect("written");
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// EAP with these certificates.
    pub fn options(&self) -> EapOptions {
        EapOptions {
            certificate: Some(self.path("server.pem")),
            key: Some(self.path("server.key")),
            client_ca: Some(self.path("ca.pem")),
            ..EapOptions::default()
        }
    }

    /// A server with these certificates, one NAS and alice.
    pub fn isp(&self, change: impl FnOnce(&mut EapOptions)) -> Isp {
        let mut options = self.options();
        change(&mut options);
        let isp = Isp::with(|config| config.eap = options);
        isp.nas(1, "127.0.0.1");
        isp.subscriber(1, 1, NAME, PASSWORD);
        isp
    }
}

// -- Logins

/// One login of eapol_test.
pub struct Login<'l> {
    papers: &'l Papers,
    /// Lines of wpa_supplicant's configuration.
    pub lines: Vec<String>,
    /// Whether keys come of it.
    keys: bool,
    /// The address of the device; `None`: eapol_test's own.
    station: Option<&'static str>,
}

impl<'l> Login<'l> {
    /// A method and, within it, another; with the right password.
    pub fn new(papers: &'l Papers, eap: &str, phase2: Option<&str>, tls: &str) -> Self {
        let mut lines = vec![format!("eap={eap}")];
        let disable = u8::from(tls != "1.3");
        lines.push(format!("phase1=\"peaplabel=0 tls_disable_tlsv1_3={disable}\""));
        if let Some(phase2) = phase2 {
            lines.push(format!("phase2=\"{phase2}\""));
            lines.push(format!("anonymous_identity=\"{OUTER}\""));
            lines.push(format!("ca_cert=\"{}\"", papers.path("ca.pem").display()));
        }
        Self {
            papers,
            lines,
            keys: eap != "MD5",
            station: None,
        }
    }

    /// EAP-TLS with a certificate of this name.
    pub fn with_certificate(papers: &'l Papers, name: &str, tls: &str) -> Self {
        let mut login = Self::new(papers, "TLS", None, tls);
        login.line(format!("ca_cert=\"{}\"", papers.path("ca.pem").display()));
        login.line(format!(
            "client_cert=\"{}\"",
            papers.path(&format!("{name}.pem")).display()
        ));
        login.line(format!(
            "private_key=\"{}\"",
            papers.path(&format!("{name}.key")).display()
        ));
        login
    }

    pub fn line(&mut self, line: String) -> &mut Self {
        self.lines.push(line);
        self
    }

    /// The same from this device.
    pub fn on(self, station: &'static str) -> Self {
        Self {
            station: Some(station),
            ..self
        }
    }

    /// Logs in; what eapol_test printed.
    pub fn run(&self, isp: &Isp, identity: &str, password: &str) -> String {
        self.run_at(isp.plane.auth_addrs()[0].port(), identity, password)
    }

    /// The same before whoever has this port.
    pub fn run_at(&self, port: u16, identity: &str, password: &str) -> String {
        let file = tempfile::NamedTempFile::new_in(self.papers.dir.path()).expect("a file");
        let lines = self.lines.join("\n  ");
        let text = format!(
            "network={{\n  key_mgmt=WPA-EAP\n  identity=\"{identity}\"\n  password=\"{password}\"\n  {lines}\n}}\n"
        );
        fs::write(file.path(), text).expect("written");
        let mut command = Command::new("eapol_test");
        command.arg("-c").arg(file.path());
        command.args(["-a", "127.0.0.1", "-r", "0", "-t", LOGIN_WAIT_S]);
        command.args(["-p", &port.to_string()]);
        command.args(["-s", std::str::from_utf8(SECRET).expect("text")]);
        if let Some(station) = self.station {
            command.args(["-M", station]);
        }
        if !self.keys {
            command.arg("-n");
        }
        let output = command.output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Asserts that a login succeeds and both sides have the same keys.
    #[track_caller]
    fn check_good(&self, isp: &Isp, what: &str) {
        let said = self.run(isp, NAME, PASSWORD);
        assert!(said.ends_with("SUCCESS\n"), "{what}:\n{}", tail(&said));
        if self.keys {
            let keys = "MPPE keys OK: 1  mismatch: 0";
            assert!(said.contains(keys), "{what}:\n{}", tail(&said));
        }
    }

    /// Asserts that a login fails for this reason.
    #[track_caller]
    fn check_bad(
        &self,
        isp: &Isp,
        identity: &str,
        password: &str,
        reason: RejectReason,
        what: &str,
    ) -> Decision {
        let said = self.run(isp, identity, password);
        assert!(said.ends_with("FAILURE\n"), "{what}:\n{}", tail(&said));
        check_last(isp, &[identity, OUTER], Outcome::Rejected(reason), what)
    }
}

/// Asserts that the last decision about one of these names is this one. A decision is recorded when its reply has left, so
/// it is waited for.
#[track_caller]
fn check_last(isp: &Isp, names: &[&str], outcome: Outcome, what: &str) -> Decision {
    let last = || {
        let recorded = names
            .iter()
            .flat_map(|name| isp.plane.decisions().recent(id(1), name));
        recorded.max_by_key(|decision| decision.at_unix_us)
    };
    let _shown_below = eventually(|| last().is_some_and(|last| last.outcome == outcome));
    let last = last().unwrap_or_else(|| panic!("{what}: no decision"));
    assert_eq!(last.outcome, outcome, "{what}: {last:#?}");
    Decision::clone(&last)
}

/// The last lines of what eapol_test printed.
pub fn tail(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Every method with a password inside TLS: EAP's name, what is inside.
pub const INSIDE: [(&str, &str); 10] = [
    ("TTLS", "auth=PAP"),
    ("TTLS", "auth=CHAP"),
    ("TTLS", "auth=MSCHAP"),
    ("TTLS", "auth=MSCHAPV2"),
    ("TTLS", "autheap=MD5"),
    ("TTLS", "autheap=GTC"),
    ("TTLS", "autheap=MSCHAPV2"),
    ("PEAP", "auth=MSCHAPV2"),
    ("PEAP", "auth=GTC"),
    ("PEAP", "auth=MD5"),
];
/// Both versions.
const TLS: [&str; 2] = ["1.2", "1.3"];

#[track_caller]
fn check_inside(fragment: u16) {
    if !is_installed() {
        return;
    }
    let papers = Papers::new();
    let isp = papers.isp(|options| options.fragment_octets = fragment);
    for tls in TLS {
        for (eap, phase2) in INSIDE {
            let what = format!("{eap} {phase2}, TLS {tls}, {fragment} octets");
            let mut login = Login::new(&papers, eap, Some(phase2), tls);
            login.line(format!("fragment_size={fragment}"));
            login.check_good(&isp, &what);
            check_last(&isp, &[NAME], Outcome::Accepted, &what);
            login.check_bad(&isp, NAME, "wrong", RejectReason::WrongPassword, &what);
            login.check_bad(
                &isp,
                "nobody@demo",
                "wrong",
                RejectReason::UnknownSubscriber,
                &what,
            );
        }
    }
}

#[test]
fn passwords_inside_tls_in_pieces_of_500_octets() {
    check_inside(500);
}

#[test]
fn passwords_inside_tls_in_pieces_of_1000_octets() {
    check_inside(1_000);
}

#[test]
fn passwords_inside_tls_in_pieces_of_1400_octets() {
    check_inside(1_400);
}

#[test]
fn methods_that_need_no_tls() {
    if !is_installed() {
        return;
    }
    let papers = Papers::new();
    let isp = papers.isp(|options| options.methods.push(EapMethod::Gtc));
    for eap in ["MD5", "MSCHAPV2", "GTC"] {
        let mut login = Login::new(&papers, eap, None, "1.2");
        login.keys = eap == "MSCHAPV2";
        login.check_good(&isp, eap);
        login.check_bad(&isp, NAME, "wrong", RejectReason::WrongPassword, eap);
    }
}

#[test]
fn a_password_of_which_only_a_hash_is_stored() {
    if !is_installed() {
        return;
    }
    let papers = Papers::new();
    let isp = papers.isp(|options| options.methods.push(EapMethod::Gtc));
    let hash = PasswordHash::argon2id(PASSWORD.as_bytes()).expect("random octets");
    let alice = SubscriberSpec {
        credential: Credential::Hash(hash),
        ..subscriber(1, NAME, "")
    };
    isp.plane.directory().subscriber_put(id(1), alice).expect("taken");
    let login = |eap: &str, phase2| Login::new(&papers, eap, phase2, "1.3");
    for (eap, phase2) in [
        ("TTLS", Some("auth=PAP")),
        ("TTLS", Some("autheap=GTC")),
        ("PEAP", Some("auth=GTC")),
        ("GTC", None),
    ] {
        let what = format!("{eap} {phase2:?}");
        let mut login = login(eap, phase2);
        login.keys = phase2.is_some();
        login.check_good(&isp, &what);
        let last = login.check_bad(&isp, NAME, "wrong", RejectReason::WrongPassword, &what);
        check_says(&last, "the password differs from the one stored as Argon2id");
    }
    for (eap, phase2, method) in [
        ("TTLS", Some("auth=CHAP"), "CHAP"),
        ("TTLS", Some("auth=MSCHAPV2"), "MS-CHAP"),
        ("TTLS", Some("autheap=MD5"), "EAP-MD5"),
        ("PEAP", Some("auth=MSCHAPV2"), "MS-CHAP"),
        ("MD5", None, "EAP-MD5"),
    ] {
        let what = format!("{eap} {phase2:?}");
        let unfit = RejectReason::CredentialUnfit;
        let last = login(eap, phase2).check_bad(&isp, NAME, PASSWORD, unfit, &what);
        let words = format!("{method} needs a reversible password; this one is stored as Argon2id");
        check_says(&last, &words);
    }
}

#[test]
fn certificates_of_subscribers() {
    if !is_installed() {
        return;
    }
    let (papers, strangers) = (Papers::new(), Papers::new());
    papers.issue_client("alice", NAME, |_params| {});
    papers.issue_client("nobody", "nobody@demo", |_params| {});
    papers.issue_client("late", NAME, |params| {
        params.not_before = OffsetDateTime::now_utc() - time::Duration::days(9);
        params.not_after = OffsetDateTime::now_utc() - time::Duration::days(1);
    });
    papers.issue_client("gone", NAME, |params| {
        params.serial_number = Some(SerialNumber::from(7_u64))
    });
    papers.revoke(&[7]);
    strangers.issue_client("alice", NAME, |_params| {});
    for (from, to) in [("alice.pem", "stranger.pem"), ("alice.key", "stranger.key")] {
        fs::copy(strangers.path(from), papers.path(to)).expect("copied");
    }
    for fragment in [500, 1_000, 1_400] {
        let isp = papers.isp(|options| {
            options.fragment_octets = fragment;
            options.crls = vec![papers.path("crl.pem")];
        });
        for tls in TLS {
            let what = format!("EAP-TLS, TLS {tls}, {fragment} octets");
            let mut login = Login::with_certificate(&papers, "alice", tls);
            login
                .line(format!("fragment_size={fragment}"))
                .check_good(&isp, &what);
            let refused = [
                (
                    "late",
                    RejectReason::CertificateRefused,
                    "TLS: the certificate of the peer has expired",
                ),
                (
                    "gone",
                    RejectReason::CertificateRefused,
                    "TLS: the certificate of the peer is revoked",
                ),
                (
                    "stranger",
                    RejectReason::CertificateRefused,
                    "TLS: the certificate of the peer is of no CA in eap.client_ca",
                ),
                (
                    "nobody",
                    RejectReason::UnknownSubscriber,
                    "EAP-TLS: the certificate is good and names no subscriber of this partner",
                ),
            ];
            for (name, reason, words) in refused {
                let login = Login::with_certificate(&papers, name, tls);
                let decision = login.check_bad(&isp, NAME, "", reason, &format!("{what}, {name}"));
                check_says(&decision, words);
            }
        }
    }
}

/// Asserts that a decision says this.
#[track_caller]
fn check_says(decision: &Decision, words: &str) {
    let said: Vec<_> = decision.steps.iter().map(|step| step.found.words()).collect();
    assert!(
        said.iter().any(|said| said == words),
        "{words:?} is not in {said:#?}"
    );
}

#[test]
fn a_peer_that_does_not_trust_us_says_so() {
    if !is_installed() {
        return;
    }
    let (papers, others) = (Papers::new(), Papers::new());
    let isp = papers.isp(|_options| {});
    for tls in TLS {
        let mut login = Login::new(&papers, "PEAP", Some("auth=MSCHAPV2"), tls);
        login.lines.retain(|line| !line.starts_with("ca_cert"));
        login.line(format!("ca_cert=\"{}\"", others.path("ca.pem").display()));
        let decision = login.check_bad(&isp, NAME, PASSWORD, RejectReason::TlsFailed, tls);
        check_says(&decision, "TLS alert unknown_ca from the peer");
    }
}

#[test]
fn who_speaks_only_an_older_tls_is_told_so() {
    if !is_installed() {
        return;
    }
    let papers = Papers::new();
    let isp = papers.isp(|options| options.tls_min = TlsMin::V1_3);
    let login = Login::new(&papers, "TTLS", Some("auth=PAP"), "1.2");
    let said = login.run(&isp, NAME, PASSWORD);
    assert!(said.ends_with("FAILURE\n"), "{}", tail(&said));
    // It says nothing more when it has our alert, so this is its last request.
    let words = "TLS: the peer offers no version of TLS that is spoken here";
    let recent = || isp.plane.decisions().recent(id(1), OUTER);
    let says = |decision: &Decision| decision.steps.iter().any(|step| step.found.words() == words);
    assert!(
        eventually(|| recent().first().is_some_and(|last| says(last))),
        "{words:?} is not in {:#?}",
        recent()
    );
    Login::new(&papers, "TTLS", Some("auth=PAP"), "1.3").check_good(&isp, "TLS 1.3");
}

#[test]
fn certificates_that_change_are_read_again_and_broken_ones_change_nothing() {
    if !is_installed() {
        return;
    }
    let (papers, others) = (Papers::new(), Papers::new());
    let isp = papers.isp(|_options| {});
    let login = Login::new(&papers, "PEAP", Some("auth=MSCHAPV2"), "1.3");
    login.check_good(&isp, "as it began");
    fs::write(papers.path("server.pem"), "no certificate").expect("written");
    login.check_good(&isp, "with a broken file");
    replace(&others, &papers);
    let newer = Login::new(&others, "PEAP", Some("auth=MSCHAPV2"), "1.3");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !newer.run(&isp, NAME, PASSWORD).ends_with("SUCCESS\n") {
        assert!(Instant::now() < deadline, "the new certificate was not read");
    }
}

/// Puts another CA's server certificate in place.
fn replace(from: &Papers, to: &Papers) {
    for file in ["server.key", "server.pem"] {
        let newer: &Path = &to.path(&format!("{file}.new"));
        fs::copy(from.path(file), newer).expect("copied");
        fs::rename(newer, to.path(file)).expect("renamed");
    }
}
