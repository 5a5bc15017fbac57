//! Roles against routes: what `docs/permissions.md` says, and whether the running API does it.
//! Never knows a route or a role by name: it walks both tables, so one added tomorrow is asked tomorrow.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use uuid::Uuid;

use super::{Answer, Case, names, partner, send, sign_in};
use crate::authz::role::matrix;
use crate::authz::{BUILT_IN, BuiltInRole};
use crate::http::api::{Access, RouteInfo};
use crate::http::guard::{Surface, is_write};
use crate::http::serve::Api;
use crate::id::{PartnerId, RequestId, UserId};
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The page for reviewers: roles times permissions, and which permission each route needs.
pub fn permissions_page(api: &Api) -> String {
    let mut routes: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for route in &api.routes {
        let needs = match route.access {
            Access::Public(why) => format!("anybody: {why}"),
            Access::SignedIn => "whoever is signed in".to_owned(),
            Access::Needs(permission) => format!("`{permission}`"),
            Access::PlatformNeeds(permission) => format!("`{permission}` on the platform"),
        };
        routes.insert((&route.path, route.method.as_str()), needs);
    }
    let routes: String = routes
        .iter()
        .map(|((path, method), needs)| format!("| {method} `{path}` | {needs} |\n"))
        .collect();
    format!(
        "# Who may do what\n\n\
         Made by a test, of the code and of the routes of the running program (`controller/tests/it/isolation.rs`), which\n\
         asks every route as every role and fails when this page says anything else. Somebody who changes a role or adds a\n\
         route runs it once with `UPDATE_PERMISSIONS=1` and has the difference reviewed.\n\n\
         A role held within a partner counts there and nowhere else; another partner is answered as if it did not exist. A\n\
         role held on the platform counts in every partner. *critical*: what changes something wants a recent proof of who\n\
         holds the session, and a refusal is in the audit also for reading.\n\n\
         ## Roles\n\n{}\n## Routes\n\nBelow `/api/v1` and `/api/public/v1`.\n\n| route | needs |\n| --- | --- |\n{routes}",
        matrix(),
    )
}

/// Asks every route that needs a permission as every built-in role, held in a partner and on the platform, in that partner
/// and in a foreign one; panics with the list of all that is not as the roles say, the audit of what was refused included.
/// Answers how many requests that took. Needs the roles synced ([`Kernel::start`]).
pub async fn assert_matrix(kernel: &Kernel, api: &Api) -> usize {
    let (own, foreign) = (partner(kernel).await, partner(kernel).await);
    let mut walk = Walk {
        api,
        asked: 0,
        refused: BTreeMap::new(),
        wrong: Vec::new(),
    };
    for role in BUILT_IN {
        let within = holder(kernel, role, Some(own.id)).await;
        let above = holder(kernel, role, None).await;
        for route in &api.routes {
            match route.access {
                Access::Public(_) | Access::SignedIn => {}
                Access::Needs(permission) => {
                    let holds = role.permissions.partner_part().contains(permission);
                    let expect = if holds { Expect::Passes } else { Expect::Refused };
                    walk.ask(role, route, &own.slug, &within, expect).await;
                    walk.ask(role, route, &foreign.slug, &within, Expect::NoPartner)
                        .await;
                    walk.ask(role, route, &foreign.slug, &above, expect).await;
                }
                Access::PlatformNeeds(permission) => {
                    let holds = role.permissions.contains(permission);
                    let expect = if holds { Expect::Passes } else { Expect::Refused };
                    walk.ask(role, route, &own.slug, &above, expect).await;
                    walk.ask(role, route, &own.slug, &within, Expect::Refused).await;
                }
            }
        }
    }
    walk.check_audit(kernel).await;
    let Walk { asked, wrong, .. } = walk;
    assert!(
        wrong.is_empty(),
        "{asked} requests, {} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    asked
}

/// What the matrix says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// The guard lets it pass; what the handler makes of it is another matter.
    Passes,
    /// 403 with the permission's name.
    Refused,
    /// 404, as for a partner that is not there.
    NoPartner,
}

/// What the questions share.
struct Walk<'a> {
    /// What is asked.
    api: &'a Api,
    /// How many were.
    asked: usize,
    /// Refusals that must be in the audit, with what was asked.
    refused: BTreeMap<Uuid, String>,
    /// What is not as the roles say.
    wrong: Vec<String>,
}

impl Walk<'_> {
    /// Asks one route as one role.
    async fn ask(
        &mut self,
        role: &BuiltInRole,
        route: &RouteInfo,
        partner: &str,
        token: &str,
        expect: Expect,
    ) {
        let case = Case {
            route,
            surface: Surface::Public,
        };
        let (id, request) = case.request(&case.uri(partner), Some(token));
        let answer = send(&self.api.router, request).await;
        self.asked += 1;
        let what = format!(
            "{} as {}: {} {}",
            route.operation, role.slug, route.method, route.path
        );
        if verdict(route, &answer) != expect || answer.status.is_server_error() {
            self.wrong.push(format!(
                "{what}: expected {expect:?}, got {} {}",
                answer.status, answer.body
            ));
        }
        let critical = route
            .access
            .permission()
            .is_some_and(|permission| permission.critical());
        let audited = is_write(&route.method) || (critical && expect == Expect::Refused);
        if expect != Expect::Passes && audited {
            self.refused.insert(RequestId::as_uuid(id), what);
        }
    }

    /// Every refusal of an act left exactly one line.
    async fn check_audit(&mut self, kernel: &Kernel) {
        let asked: Vec<Uuid> = self.refused.keys().copied().collect();
        let op = OpContext::system("test");
        let mut tx = kernel.db.begin(&op).await.expect("begins");
        let lines = sqlx::query_scalar!(
            r#"SELECT request_id AS "request_id!" FROM kernel.audit
               WHERE request_id = ANY ($1) AND outcome = 'refused' AND actor_kind = 'user'"#,
            &asked,
        )
        .fetch_all(&mut *tx)
        .await
        .expect("the audit");
        let found: BTreeSet<Uuid> = lines.iter().copied().collect();
        if found.len() != lines.len() {
            self.wrong.push("a refusal is in the audit twice".to_owned());
        }
        for (id, what) in &self.refused {
            if !found.contains(id) {
                self.wrong
                    .push(format!("{what}: the refusal is not in the audit"));
            }
        }
    }
}

/// What the guard made of a request.
fn verdict(route: &RouteInfo, answer: &Answer) -> Expect {
    let by_the_guard = route
        .access
        .permission()
        .is_some_and(|permission| names(answer, permission));
    match answer.status {
        StatusCode::FORBIDDEN if by_the_guard => Expect::Refused,
        StatusCode::NOT_FOUND if answer.body["detail"] == "there is no such partner" => Expect::NoPartner,
        StatusCode::UNAUTHORIZED => Expect::Refused,
        _ => Expect::Passes,
    }
}

/// Signs in somebody new who holds a built-in role.
async fn holder(kernel: &Kernel, role: &BuiltInRole, partner: Option<PartnerId>) -> String {
    let op = OpContext::system("test");
    let user = UserId::new();
    let email = format!("{}-{}@isp.example", role.slug, user.as_uuid().simple());
    let mut tx = kernel.db.begin(&op).await.expect("begins");
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
                role.id().as_uuid(),
            )
            .execute(&mut *tx)
            .await
        }
        None => {
            sqlx::query!(
                "INSERT INTO kernel.msp_users (user_id, role_id) VALUES ($1, $2)",
                user.as_uuid(),
                role.id().as_uuid(),
            )
            .execute(&mut *tx)
            .await
        }
    }
    .expect("a grant");
    tx.commit().await.expect("commits");
    sign_in(kernel, user, &email).await
}
