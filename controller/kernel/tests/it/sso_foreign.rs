//! Single sign-on against a provider that is not ours: `oidc-provider-mock` (Authlib, RS256, PKCE) from PyPI, in an environment
//! of its own. Without a network and without the package from an earlier run there is none, and the test says so.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::{Method, header};
use kernel::http::testing::request;
use kernel::identity::Settings;
use kernel::outbound::Reach;
use serde_json::json;

use crate::world::World;

/// The package, at the version the test was written with; the last one for the Python of Debian 12.
const PACKAGE: &str = "oidc-provider-mock==0.3.4";
/// How long it may take to answer on a busy machine.
const READY_WAIT_MAX: Duration = Duration::from_secs(120);

/// A running one.
struct Provider {
    /// The process.
    child: Child,
    /// Where it listens.
    address: SocketAddr,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // One that has ended already is as dead.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client that follows nothing.
fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

impl Provider {
    /// Starts one that knows these people; `None`, and a line that says why, when the package is not to be had.
    async fn start(people: &[&str]) -> Option<Self> {
        let program = match tokio::task::spawn_blocking(install).await.expect("ends") {
            Ok(program) => program,
            Err(why) => {
                eprintln!("skipped: no provider from PyPI ({PACKAGE}): {why}");
                return None;
            }
        };
        let began = Instant::now();
        loop {
            // Free now; whoever takes it in between makes the process end, and the next round takes another.
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let address = free.local_addr().expect("an address");
            drop(free);
            let mut command = Command::new(&program);
            command.args(["--port", &address.port().to_string(), "--require-nonce", "true"]);
            for person in people {
                command.args(["--user-claims", person]);
            }
            let child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts");
            let mut provider = Self { child, address };
            let url = format!("http://{address}/.well-known/openid-configuration");
            while matches!(provider.child.try_wait(), Ok(None)) {
                if client()
                    .get(&url)
                    .send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
                {
                    return Some(provider);
                }
                assert!(began.elapsed() < READY_WAIT_MAX, "the provider does not answer");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The program, installed when it is not there yet. Test processes that come together wait for the first.
fn install() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc-provider");
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    let lock = std::fs::File::create(dir.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let program = dir.join("venv/bin/oidc-provider-mock");
    let note = dir.join("installed");
    if std::fs::read_to_string(&note).is_ok_and(|version| version == PACKAGE) && program.is_file() {
        return Ok(program);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()
                .unwrap_or("it failed")
                .to_owned()),
        }
    };
    let venv = dir.join("venv");
    run(
        Path::new("python3"),
        &["-m", "venv", "--clear", &venv.display().to_string()],
    )?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ];
    run(&venv.join("bin/python"), &pip)?;
    std::fs::write(&note, PACKAGE).map_err(|error| error.to_string())?;
    match program.is_file() {
        true => Ok(program),
        false => Err("the package has no program oidc-provider-mock".to_owned()),
    }
}

#[tokio::test]
async fn a_provider_that_is_not_ours_signs_people_in() {
    let nora = r#"{"sub": "nora", "email": "nora@isp.example", "name": "Nora O.", "groups": ["noc"]}"#;
    let guest = r#"{"sub": "guest", "email": "guest@isp.example", "groups": ["guests"]}"#;
    let Some(provider) = Provider::start(&[nora, guest]).await else {
        return;
    };
    let world = World::with(Settings {
        reach: Reach::with(&["127.0.0.0/8".parse().expect("a network")]),
        ..Settings::default()
    })
    .await;
    let partner = world.partner().await;
    let admin = world.partner_admin(&partner).await;
    let body = json!({
        "issuer": format!("http://{}", provider.address), "client_id": "headend", "client_secret": "s3cret",
        "groups": { "noc": ["noc-engineer"] },
    });
    let path = format!("/partners/{}/sso", partner.slug);
    let put = world.call(Method::PUT, &path, &admin.token, Some(body)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    for (who, status) in [("nora", 303), ("guest", 403), ("nora", 303)] {
        let begun = world.get(&format!("/sso/{}/begin", partner.slug), "").await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        let text = |name| begun.headers[name].to_str().expect("text").to_owned();
        let cookie = text(header::SET_COOKIE)
            .split(';')
            .next()
            .expect("a pair")
            .to_owned();
        // What the person does there: chooses who he is.
        let form = client()
            .post(text(header::LOCATION))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("sub={who}"));
        let answer = form.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 302);
        let back = answer.headers()["location"].to_str().expect("text").to_owned();
        let back = back.strip_prefix("http://127.0.0.1:8080").expect("back to us");
        let mut request = request(&Method::GET, back, None, None);
        request
            .headers_mut()
            .insert(header::COOKIE, cookie.parse().expect("a cookie"));
        let answer = world.send(request).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
    }
    let lines = world.audit("session.login").await;
    let signed_in = |line: &&kernel::audit::Line| {
        line.outcome == "ok"
            && line
                .reason
                .as_deref()
                .is_some_and(|reason| reason.ends_with("by single sign-on"))
    };
    let names: Vec<_> = lines
        .iter()
        .filter(signed_in)
        .map(|line| line.object_label.as_deref())
        .collect();
    assert_eq!(names, [Some("nora@isp.example"); 2]);
}
