//! Asks every route as everybody who must not pass, for the tests of the kernel and of the whole program.
//! Never knows a single route: it walks the table, so a route added tomorrow is asked tomorrow. [`matrix`] does the same
//! with the built-in roles.

pub mod matrix;

use std::collections::HashMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use parking_lot::Mutex;
use serde_json::Value;
use time::OffsetDateTime;
use tower::ServiceExt as _;
use uuid::Uuid;

use super::api::{Access, RouteInfo};
use super::edge::REQUEST_ID;
use super::guard::{Surface, is_write};
use super::problem::PROBLEM_JSON;
use super::serve::Api;
use crate::authz::{Permission, PermissionSet};
use crate::id::{PartnerId, RequestId, RoleId, UserId};
use crate::identity::api_key::NewApiKey;
use crate::identity::session::How;
use crate::identity::user::User;
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::tenancy::{NewPartner, Partner};

/// The largest answer a test reads, in octets.
const ANSWER_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null when it is empty or no JSON.
    pub body: Value,
}

impl Answer {
    /// The `code` of a problem document.
    pub fn code(&self) -> Option<&str> {
        self.body["code"].as_str()
    }

    /// Whether it is a problem document with its request's id, in the body and in the header.
    pub fn is_problem(&self) -> bool {
        let media = self.headers.get(header::CONTENT_TYPE);
        let id = self.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        media.is_some_and(|media| media == PROBLEM_JSON)
            && id.is_some()
            && self.body["request_id"].as_str() == id
            && self.code().is_some()
            && self.body["status"] == self.status.as_u16()
    }
}

/// Sends a request through the router.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router
        .clone()
        .oneshot(request)
        .await
        .expect("a router never fails");
    let (parts, body) = response.into_parts();
    let octets = to_bytes(body, ANSWER_OCTETS_MAX).await.expect("a body");
    let body = serde_json::from_slice(&octets).unwrap_or(Value::Null);
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// A request with a bearer token and a JSON body, when given.
pub fn request(method: &Method, uri: &str, token: Option<&str>, body: Option<&Value>) -> Request<Body> {
    let mut request = Request::builder().method(method.clone()).uri(uri);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    request.body(body).expect("a request")
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// His address.
    pub email: String,
    /// His session.
    pub token: String,
}

/// Makes somebody with exactly these permissions, in a partner or on the platform, and signs him in.
pub async fn person(kernel: &Kernel, partner: Option<PartnerId>, permissions: PermissionSet) -> Person {
    let op = OpContext::system("test");
    let (role, user, email) = (
        RoleId::new(),
        UserId::new(),
        format!("u{}@isp.example", Uuid::now_v7().simple()),
    );
    let mut tx = kernel.db.begin(&op).await.expect("begins");
    sqlx::query!(
        "INSERT INTO kernel.roles (id, tenant_id, slug, name) VALUES ($1, $2, $3, 'made by a test')",
        role.as_uuid(),
        partner.map(PartnerId::as_uuid),
        format!("test-{}", role.as_uuid().simple()),
    )
    .execute(&mut *tx)
    .await
    .expect("a role");
    sqlx::query!(
        "INSERT INTO kernel.role_permissions (role_id, permission) SELECT $1, name FROM unnest($2::text[]) AS name",
        role.as_uuid(),
        &permissions.names(),
    )
    .execute(&mut *tx)
    .await
    .expect("its permissions");
    sqlx::query!(
        "INSERT INTO kernel.users (id, email, name, password_hash) VALUES ($1, $2, 'made by a test', 'no password')",
        user.as_uuid(),
        email,
    )
    .execute(&mut *tx)
    .await
    .expect("a user");
    match partner {
        Some(partner) => {
            sqlx::query!(
                "INSERT INTO kernel.tenant_users (tenant_id, user_id, role_id) VALUES ($1, $2, $3)",
                partner.as_uuid(),
                user.as_uuid(),
                role.as_uuid(),
            )
            .execute(&mut *tx)
            .await
        }
        None => {
            sqlx::query!(
                "INSERT INTO kernel.msp_users (user_id, role_id) VALUES ($1, $2)",
                user.as_uuid(),
                role.as_uuid(),
            )
            .execute(&mut *tx)
            .await
        }
    }
    .expect("a grant");
    tx.commit().await.expect("commits");
    Person {
        id: user,
        token: sign_in(kernel, user, &email).await,
        email,
    }
}

/// Signs somebody in without his password.
pub async fn sign_in(kernel: &Kernel, user: UserId, email: &str) -> String {
    let now = OffsetDateTime::now_utc();
    let user = User {
        id: user,
        email: email.to_owned(),
        name: email.to_owned(),
        status: "active".to_owned(),
        roles: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let begun = kernel
        .identity
        .session_begin(&OpContext::system("test"), user, None, How::Password)
        .await;
    begun.expect("a session").token.reveal().to_owned()
}

/// Makes a key with exactly these permissions.
pub async fn api_key(kernel: &Kernel, partner: PartnerId, permissions: PermissionSet) -> String {
    let op = OpContext::system("test").in_partner(partner);
    let new = NewApiKey {
        name: "made by a test".to_owned(),
        permissions: permissions.names(),
        expires_at: None,
    };
    let (_, token) = kernel.identity.api_key_create(&op, &new).await.expect("a key");
    token.reveal().to_owned()
}

/// Makes a partner with a name nobody else has.
pub async fn partner(kernel: &Kernel) -> Partner {
    let slug = format!("p{}", Uuid::now_v7().simple());
    let new = NewPartner {
        slug: slug.clone(),
        name: slug,
    };
    kernel
        .tenancy
        .partner_create(&OpContext::system("test"), &new)
        .await
        .expect("a partner")
}

/// Asks every route, under both mounts, as everybody who must not pass, and as somebody who may; panics with the list
/// of all that went wrong. Needs the roles synced ([`Kernel::start`]).
pub async fn assert_guarded(kernel: &Kernel, api: &Api) {
    assert!(!api.routes.is_empty(), "the table shows routes");
    let (own, foreign) = (partner(kernel).await, partner(kernel).await);
    let walk = Walk {
        kernel,
        router: &api.router,
        own,
        foreign,
        tokens: Mutex::default(),
    };
    let mut wrong = Vec::new();
    for route in &api.routes {
        for surface in Surface::ALL {
            walk.route(&Case { route, surface }, &mut wrong).await;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} routes, {} wrong:\n{}",
        api.routes.len(),
        wrong.len(),
        wrong.join("\n")
    );
}

/// One route under one mount.
struct Case<'a> {
    /// The route.
    route: &'a RouteInfo,
    /// The mount.
    surface: Surface,
}

impl Case<'_> {
    /// The URI, with this partner and ids of things that do not exist.
    fn uri(&self, partner: &str) -> String {
        let fill = |part: &str| match part {
            "{partner_id}" => partner.to_owned(),
            part if part.starts_with('{') => Uuid::now_v7().to_string(),
            part => part.to_owned(),
        };
        let path: Vec<String> = self.route.path.split('/').map(fill).collect();
        format!("{}{}", self.surface.prefix(), path.join("/"))
    }

    /// A request with an id to find its traces by.
    fn request(&self, uri: &str, token: Option<&str>) -> (RequestId, Request<Body>) {
        let id = RequestId::new();
        let body = is_write(&self.route.method).then(|| Value::Object(serde_json::Map::new()));
        let mut request = request(&self.route.method, uri, token, body.as_ref());
        request
            .headers_mut()
            .insert(REQUEST_ID, id.to_string().parse().expect("a header"));
        (id, request)
    }
}

/// What all cases share.
struct Walk<'a> {
    /// To make people and read the audit.
    kernel: &'a Kernel,
    /// What is asked.
    router: &'a Router,
    /// The partner people work for.
    own: Partner,
    /// A partner they are nothing to.
    foreign: Partner,
    /// Tokens of people and keys made so far; making one costs three transactions.
    tokens: Mutex<HashMap<Who, String>>,
}

/// A kind of somebody that several routes are asked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    /// A person with these permissions in his partner.
    InPartner(PermissionSet),
    /// A person with these permissions on the platform.
    OnPlatform(PermissionSet),
    /// A key of the partner with these permissions.
    Key(PermissionSet),
}

impl Walk<'_> {
    /// Asks one route as everybody.
    async fn route(&self, case: &Case<'_>, wrong: &mut Vec<String>) {
        let in_partner = case.route.path.contains("{partner_id}");
        if matches!(case.route.access, Access::Needs(_)) != in_partner {
            wrong.push(self.says(
                case,
                "Needs goes with {partner_id} in the path, and nothing else does",
            ));
        }
        match case.route.access {
            Access::Public(_) => self.public(case, wrong).await,
            Access::SignedIn => self.signed_in(case, wrong).await,
            Access::Needs(permission) => {
                self.signed_in(case, wrong).await;
                self.needs(case, permission, wrong).await;
                self.foreign(case, wrong).await;
            }
            Access::PlatformNeeds(permission) => {
                self.signed_in(case, wrong).await;
                self.platform_needs(case, permission, wrong).await;
            }
        }
    }

    /// The token of somebody of this kind.
    async fn token(&self, who: Who) -> String {
        let known = self.tokens.lock().get(&who).cloned();
        if let Some(token) = known {
            return token;
        }
        let token = match who {
            Who::InPartner(permissions) => person(self.kernel, Some(self.own.id), permissions).await.token,
            Who::OnPlatform(permissions) => person(self.kernel, None, permissions).await.token,
            Who::Key(permissions) => api_key(self.kernel, self.own.id, permissions).await,
        };
        self.tokens.lock().insert(who, token.clone());
        token
    }

    /// A public route asks nobody who he is.
    async fn public(&self, case: &Case<'_>, wrong: &mut Vec<String>) {
        let (_, request) = case.request(&case.uri(&self.own.slug), None);
        let answer = send(self.router, request).await;
        if answer.status == StatusCode::UNAUTHORIZED || answer.status.is_server_error() {
            wrong.push(self.says(case, &format!("public, yet {}", answer.status)));
        }
    }

    /// Without a valid credential there is 401; with one there is something else.
    async fn signed_in(&self, case: &Case<'_>, wrong: &mut Vec<String>) {
        let uri = case.uri(&self.own.slug);
        let junk = format!("hes_{}", "A".repeat(43));
        for (who, token) in [
            ("nobody", None),
            ("an unknown token", Some(junk.as_str())),
            ("junk", Some("junk")),
        ] {
            let (_, request) = case.request(&uri, token);
            self.expect(
                case,
                who,
                StatusCode::UNAUTHORIZED,
                send(self.router, request).await,
                wrong,
            );
        }
        // One of his own for each route: signing out is one of them.
        let everything = person(self.kernel, None, PermissionSet::all()).await;
        let (_, request) = case.request(&uri, Some(&everything.token));
        let answer = send(self.router, request).await;
        let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if refused || answer.status.is_server_error() {
            wrong.push(self.says(
                case,
                &format!("somebody with every permission got {}", answer.status),
            ));
        }
    }

    /// Everything but the permission is not enough, and the permission alone is.
    async fn needs(&self, case: &Case<'_>, permission: Permission, wrong: &mut Vec<String>) {
        let only = PermissionSet::of(&[permission]);
        let others = PermissionSet::all_of_a_partner().without(only);
        let uri = case.uri(&self.own.id.to_string());
        let lacking = self.token(Who::InPartner(others)).await;
        self.refused(case, &uri, &lacking, Some(self.own.id), permission, wrong)
            .await;
        let lacking = self.token(Who::Key(others)).await;
        self.refused(case, &uri, &lacking, Some(self.own.id), permission, wrong)
            .await;
        let holding = self.token(Who::InPartner(only)).await;
        let (_, request) = case.request(&uri, Some(&holding));
        let answer = send(self.router, request).await;
        // A handler may ask for more than its route does, and then says so by another name.
        let refused = answer.status == StatusCode::FORBIDDEN && names(&answer, permission);
        if refused || answer.status == StatusCode::UNAUTHORIZED || answer.status.is_server_error() {
            wrong.push(self.says(case, &format!("somebody with {permission} got {}", answer.status)));
        }
    }

    /// Everything in a partner, and everything else on the platform, is not enough.
    async fn platform_needs(&self, case: &Case<'_>, permission: Permission, wrong: &mut Vec<String>) {
        let uri = case.uri(&self.own.slug);
        let in_partner = self.token(Who::InPartner(PermissionSet::all())).await;
        self.refused(case, &uri, &in_partner, None, permission, wrong)
            .await;
        let others = PermissionSet::all().without(PermissionSet::of(&[permission]));
        let on_platform = self.token(Who::OnPlatform(others)).await;
        self.refused(case, &uri, &on_platform, None, permission, wrong)
            .await;
        let key = self.token(Who::Key(PermissionSet::all_of_a_partner())).await;
        self.refused(case, &uri, &key, None, permission, wrong).await;
    }

    /// A foreign partner is answered exactly like one that does not exist, by id and by slug.
    async fn foreign(&self, case: &Case<'_>, wrong: &mut Vec<String>) {
        let admin = self.token(Who::InPartner(PermissionSet::all())).await;
        let key = self.token(Who::Key(PermissionSet::all_of_a_partner())).await;
        let nobody = (
            Uuid::now_v7().to_string(),
            format!("n{}", Uuid::now_v7().simple()),
        );
        for token in [&admin, &key] {
            for (foreign, none) in [
                (self.foreign.id.to_string(), &nobody.0),
                (self.foreign.slug.clone(), &nobody.1),
            ] {
                let mut bodies = Vec::new();
                for partner in [&foreign, none] {
                    let (_, request) = case.request(&case.uri(partner), Some(token));
                    let mut answer = send(self.router, request).await;
                    if let Some(body) = answer.body.as_object_mut() {
                        let id = body.insert("request_id".to_owned(), Value::Null);
                        if id.is_none() {
                            wrong.push(self.says(case, "a problem without request_id"));
                        }
                    }
                    bodies.push((answer.status, answer.body));
                }
                if bodies[0] != bodies[1] || bodies[0].0 != StatusCode::NOT_FOUND {
                    wrong.push(self.says(case, &format!("a foreign partner shows: {bodies:?}")));
                }
            }
        }
    }

    /// 403 with the permission's name, and an audit line where the act would have changed something or is critical.
    async fn refused(
        &self,
        case: &Case<'_>,
        uri: &str,
        token: &str,
        partner: Option<PartnerId>,
        permission: Permission,
        wrong: &mut Vec<String>,
    ) {
        let (id, request) = case.request(uri, Some(token));
        let answer = send(self.router, request).await;
        if !names(&answer, permission) {
            wrong.push(self.says(
                case,
                &format!("the refusal does not name {permission}: {}", answer.body),
            ));
        }
        self.expect(
            case,
            "somebody who lacks the permission",
            StatusCode::FORBIDDEN,
            answer,
            wrong,
        );
        let mut tx = self
            .kernel
            .db
            .begin(&OpContext::system("test"))
            .await
            .expect("begins");
        let lines = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM kernel.audit
               WHERE request_id = $1 AND outcome = 'refused' AND action = $2 AND tenant_id IS NOT DISTINCT FROM $3
                 AND actor_kind IN ('user', 'api_key') AND actor_id IS NOT NULL"#,
            id.as_uuid(),
            permission.as_str(),
            partner.map(PartnerId::as_uuid),
        )
        .fetch_one(&mut *tx)
        .await
        .expect("the audit");
        let expected = i64::from(is_write(&case.route.method) || permission.critical());
        if lines != expected {
            wrong.push(self.says(
                case,
                &format!("the refusal left {lines} audit lines, not {expected}"),
            ));
        }
    }

    /// Notes an answer of another status, or one that is no problem document.
    fn expect(
        &self,
        case: &Case<'_>,
        who: &str,
        status: StatusCode,
        answer: Answer,
        wrong: &mut Vec<String>,
    ) {
        if answer.status != status || !answer.is_problem() {
            wrong.push(self.says(
                case,
                &format!("{who}: expected {status}, got {} {}", answer.status, answer.body),
            ));
        }
    }

    /// A line of the report.
    fn says(&self, case: &Case<'_>, what: &str) -> String {
        format!(
            "{} {}{}: {what}",
            case.route.method,
            case.surface.prefix(),
            case.route.path
        )
    }
}

/// Whether a refusal names the permission.
fn names(answer: &Answer, permission: Permission) -> bool {
    answer.body["detail"]
        .as_str()
        .is_some_and(|detail| detail.contains(permission.as_str()))
}
