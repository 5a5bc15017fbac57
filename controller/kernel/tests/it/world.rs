//! A kernel over a database of its own, and the few verbs with which tests talk to it.

use axum::body::Body;
use axum::http::{Method, Request, header};
use kernel::authz::PermissionSet;
use kernel::http::testing::{Answer, Person, person, request, send};
use kernel::http::{Api, serve_router};
use kernel::identity::{Settings, Token};
use kernel::secrets::Sealer;
use kernel::tenancy::Partner;
use kernel::testing::TestDatabase;
use kernel::{Kernel, OpContext};
use serde_json::{Value, json};

/// A password that keeps the rules.
pub const PASSWORD: &str = "correct horse battery";

/// Everything a test needs.
pub struct World {
    /// Dropped last: its database goes with it.
    pub test: TestDatabase,
    /// The kernel.
    pub kernel: Kernel,
    /// Its API.
    pub api: Api,
    /// The set-up link's token, from the first start.
    pub setup: Option<Token>,
}

impl World {
    /// A kernel at its first start.
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// The same with other settings.
    pub async fn with(settings: Settings) -> Self {
        let test = TestDatabase::new().await;
        let kernel =
            Kernel::new(test.database().clone(), Sealer::from_key([7; 32]), settings).expect("a kernel");
        let setup = kernel.start().await.expect("starts");
        let api = serve_router(kernel.clone(), Vec::new());
        Self {
            test,
            kernel,
            api,
            setup,
        }
    }

    /// Sends a request as built.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.api.router, request).await
    }

    /// Calls `/api/v1` with a bearer token.
    pub async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.send(request(
            &method,
            &format!("/api/v1{path}"),
            Some(token),
            body.as_ref(),
        ))
        .await
    }

    /// `GET`.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, token, None).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, token, Some(body)).await
    }

    /// `PATCH`.
    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, token, Some(body)).await
    }

    /// Signs in with a password, seen from an address.
    pub async fn login_from(&self, address: &str, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        let mut request = request(&Method::POST, "/api/v1/login", None, Some(&body));
        let peer: std::net::SocketAddr = format!("{address}:50000").parse().expect("an address");
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        self.send(request).await
    }

    /// Signs in with a password.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.login_from("192.0.2.1", email, password).await
    }

    /// A partner with a name nobody else has.
    pub async fn partner(&self) -> Partner {
        kernel::http::testing::partner(&self.kernel).await
    }

    /// Somebody with everything on the platform.
    pub async fn platform_admin(&self) -> Person {
        person(&self.kernel, None, PermissionSet::all()).await
    }

    /// Somebody with everything in a partner.
    pub async fn partner_admin(&self, partner: &Partner) -> Person {
        person(&self.kernel, Some(partner.id), PermissionSet::all_of_a_partner()).await
    }

    /// Creates somebody with a password and roles over the API; answers his id.
    pub async fn user(&self, partner: &Partner, by: &Person, email: &str, roles: &[&str]) -> String {
        let body = json!({ "email": email, "name": "Somebody", "password": PASSWORD, "roles": roles });
        let answer = self
            .post(&format!("/partners/{}/users", partner.slug), &by.token, body)
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["data"]["id"].as_str().expect("an id").to_owned()
    }

    /// The audit lines of an action, oldest first, as the platform sees them.
    pub async fn audit(&self, action: &str) -> Vec<kernel::audit::Line> {
        let filter = kernel::audit::Filter {
            action: Some(action.to_owned()),
            ..Default::default()
        };
        let op = OpContext::system("test");
        let (mut lines, total) = kernel::audit::list(&self.kernel.db, &op, &filter, 200, 0)
            .await
            .expect("the audit");
        assert_eq!(usize::try_from(total).ok(), Some(lines.len()));
        lines.reverse();
        lines
    }
}

/// The cookie a login set, as a browser sends it back.
pub fn cookie(answer: &Answer) -> String {
    let set = answer
        .headers
        .get(header::SET_COOKIE)
        .and_then(|value| value.to_str().ok())
        .expect("a cookie");
    set.split(';').next().expect("a pair").to_owned()
}
