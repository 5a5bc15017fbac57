//! Who asks, for which partner, and is he allowed to. Every route passes here before its handler runs.
//! Never says whether a partner exists to somebody who is nothing to it.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::Access;
use super::approval;
use super::conditional::{self, Reader, Turns};
use super::idempotent;
use super::peer::source_ip;
use super::problem::Problem;
use super::rate::{Limits, Standing};
use crate::audit::{self, Entry};
use crate::authz::{Permission, PermissionSet};
use crate::error::Error;
use crate::id::{ApprovalId, PartnerId, RequestId};
use crate::idempotency::Keys;
use crate::identity::Principal;
use crate::identity::principal::Credential;
use crate::identity::token::{TokenKind, digest_of};
use crate::kernel::Kernel;
use crate::op::{Actor, ActorKind, OpContext};
use crate::tenancy::Key;

/// The console's cookie.
pub const COOKIE_NAME: &str = "headend_session";
/// What the console sends with every write; a foreign site cannot, without a preflight that we never answer.
const CONSOLE_HEADER: &str = "x-requested-with";
/// The path parameter that names the partner.
const PARTNER_PARAMETER: &str = "partner_id";

/// Where a route is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// `/api/v1`: the console, by cookie or bearer.
    Console,
    /// `/api/public/v1`: machines, by bearer only.
    Public,
}

impl Surface {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Console, Self::Public];

    /// Where it is mounted.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Console => "/api/v1",
            Self::Public => "/api/public/v1",
        }
    }
}

/// What the guard of one route knows.
#[derive(Clone)]
pub(super) struct Guard {
    /// To authenticate, to resolve partners, to write the audit.
    pub kernel: Kernel,
    /// Who may pass.
    pub access: Access,
    /// Where the route is mounted.
    pub surface: Surface,
    /// The route's path below the mount, for the audit.
    pub path: Arc<str>,
    /// How often somebody may ask.
    pub limits: Limits,
    /// Writes that are done once.
    pub keys: Keys,
    /// Changes of what the caller has seen.
    pub turns: Turns,
    /// What reads the object at this path, where something does.
    pub reader: Option<Reader>,
}

/// Lets a request pass with its operation, or refuses it.
pub(super) async fn guard(
    State(guard): State<Guard>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    // Taken apart because a body cannot be shared across an await, and nothing here looks at it.
    let (mut parts, body) = request.into_parts();
    // A path that is no text names no partner; that is said after the credential was looked at, like everything else.
    let named = |params: &RawPathParams| {
        params
            .iter()
            .find(|(name, _)| *name == PARTNER_PARAMETER)
            .map(|(_, value)| value.to_owned())
    };
    let partner = params.as_ref().ok().and_then(named);
    let mut standing = None;
    let mut response = match guard.admit(partner.as_deref(), &parts, &mut standing).await {
        Ok(Admitted { op, principal }) => {
            let asked = parts.clone();
            let extensions = &mut parts.extensions;
            extensions.insert(guard.surface);
            extensions.insert(op.clone());
            if let Some(principal) = principal {
                extensions.insert(principal);
            }
            let request = Request::from_parts(parts, body);
            let response = guard.perform(&op, &asked, request, next).await;
            guard.note_refusal(&op, &asked, response).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}

/// What a request that passes carries.
struct Admitted {
    /// The operation.
    op: OpContext,
    /// Who asks; `None` on public routes.
    principal: Option<Principal>,
}

impl Guard {
    /// Decides about a request; also says where its caller stands with the number of his requests.
    async fn admit(
        &self,
        partner: Option<&str>,
        request: &Parts,
        standing: &mut Option<Standing>,
    ) -> Result<Admitted, Problem> {
        let op = self.anonymous(request);
        if let Access::Public(_) = self.access {
            return Ok(Admitted { op, principal: None });
        }
        let (token, by_cookie) = self.credential(&request.headers)?;
        let principal = self.authenticate(&token).await?;
        // Counted before anything is looked at, so that being refused is not free.
        if let Some(caller) = principal.actor.id {
            self.limits.count_caller(caller, standing)?;
        }
        if by_cookie && is_write(&request.method) {
            self.check_same_site(&request.headers)?;
        }
        let op = OpContext {
            actor: principal.actor.clone(),
            ..op
        };
        let op = match self.access {
            Access::Public(_) | Access::SignedIn => OpContext {
                permissions: principal.on_platform(),
                ..op
            },
            Access::PlatformNeeds(permission) => {
                let op = OpContext {
                    permissions: principal.on_platform(),
                    ..op
                };
                self.check(&op, permission, request).await?;
                self.check_proof(&op, &principal, permission, request).await?;
                op
            }
            Access::Needs(permission) => {
                let (partner, permissions) = self.resolve(&op, &principal, partner, request).await?;
                self.limits.count_partner(partner, standing)?;
                let op = OpContext {
                    partner: Some(partner),
                    permissions,
                    ..op
                };
                self.check(&op, permission, request).await?;
                self.check_proof(&op, &principal, permission, request).await?;
                op
            }
        };
        Ok(Admitted {
            op: OpContext {
                yields: is_write(&request.method),
                ..op
            },
            principal: Some(principal),
        })
    }

    /// Lets a critical write pass where the partner demands no second person, or with one; answers the approval it uses up.
    async fn approve(
        &self,
        op: &OpContext,
        asked: &Parts,
        request: Request,
    ) -> Result<(Request, Option<ApprovalId>), Box<Response>> {
        match self.access {
            Access::Needs(permission) if permission.critical() => {
                approval::pass(&self.kernel.identity, op, permission, asked, request).await
            }
            _ => Ok((request, None)),
        }
    }

    /// Lets the handler do it: once, when the request has a key; only to what the caller has seen, when he says what.
    async fn perform(&self, op: &OpContext, asked: &Parts, request: Request, next: Next) -> Response {
        if !is_write(&asked.method) {
            return conditional::spare(&asked.headers, next.run(request).await);
        }
        let run = async |request: Request| {
            let (request, approval) = match self.approve(op, asked, request).await {
                Ok(passed) => passed,
                Err(refused) => return *refused,
            };
            let conditional = request.headers().contains_key(header::IF_MATCH);
            let mut response = if conditional {
                let (db, reader) = (&self.kernel.db, self.reader.as_ref());
                let changed = self.turns.change(db, op, reader, request, next).await;
                changed.unwrap_or_else(IntoResponse::into_response)
            } else {
                next.run(request).await
            };
            // What a change answers is not always what reading shows, and its version must be that of what is read.
            response.headers_mut().remove(header::ETAG);
            if let Some(approval) = approval {
                approval::give_back(&self.kernel.identity, op, approval, response.status()).await;
            }
            response
        };
        if !asked.headers.contains_key(idempotent::KEY) {
            return run(request).await;
        }
        let caller = op.actor.id.filter(|_| op.actor.kind != ActorKind::Anonymous);
        let once = idempotent::once(&self.keys, op, caller, request, run).await;
        once.unwrap_or_else(IntoResponse::into_response)
    }

    /// The operation before anybody is known.
    fn anonymous(&self, request: &Parts) -> OpContext {
        let trusted = &self.kernel.identity.settings().trusted_proxies;
        OpContext {
            partner: None,
            actor: Actor {
                kind: ActorKind::Anonymous,
                id: None,
                name: "anonymous".to_owned(),
            },
            request_id: request
                .extensions
                .get::<RequestId>()
                .copied()
                .unwrap_or_else(RequestId::new),
            source_ip: source_ip(&request.extensions, &request.headers, trusted),
            permissions: PermissionSet::empty(),
            yields: false,
        }
    }

    /// The presented token, and whether a browser sent it by itself.
    fn credential(&self, headers: &HeaderMap) -> Result<(String, bool), Error> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let bearer = value.to_str().ok().and_then(|value| value.split_once(' '));
            return match bearer {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                    Ok((token.trim().to_owned(), false))
                }
                _ => Err(Error::Unauthenticated),
            };
        }
        let cookie = (self.surface == Surface::Console)
            .then(|| session_cookie(headers))
            .flatten();
        cookie
            .map(|token| (token.to_owned(), true))
            .ok_or(Error::Unauthenticated)
    }

    /// Who holds the token.
    async fn authenticate(&self, token: &str) -> Result<Principal, Error> {
        match digest_of(token) {
            Some((TokenKind::Session, digest)) => self.kernel.identity.session_authenticate(&digest).await,
            Some((TokenKind::ApiKey, digest)) => self.kernel.identity.api_key_authenticate(&digest).await,
            Some((TokenKind::Setup, _)) | None => Err(Error::Unauthenticated),
        }
    }

    /// Refuses a write that a foreign site made the browser send.
    fn check_same_site(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let by_console = text(CONSOLE_HEADER).is_some_and(|value| !value.is_empty());
        let origin = text("origin").map(str::to_ascii_lowercase);
        let public_url = self.kernel.identity.settings().public_url.to_ascii_lowercase();
        let ours = origin.is_some_and(|origin| origin_of(&public_url) == Some(origin.as_str()));
        if by_console || ours {
            return Ok(());
        }
        let detail = "a write with the session cookie needs the header X-Requested-With, or our own Origin";
        Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail))
    }

    /// The partner in the path and what the principal may do there. One that is not there and one that is not his
    /// are the same.
    async fn resolve(
        &self,
        op: &OpContext,
        principal: &Principal,
        segment: Option<&str>,
        request: &Parts,
    ) -> Result<(PartnerId, PermissionSet), Problem> {
        let partner = match segment.and_then(Key::read) {
            Some(key) => {
                self.kernel
                    .tenancy
                    .partner_resolve(&OpContext::system("routing"), &key)
                    .await?
            }
            None => None,
        };
        let found = partner.and_then(|partner| Some((partner, principal.in_partner(partner)?)));
        match found {
            Some(found) => Ok(found),
            None => {
                if is_write(&request.method) {
                    let entry = self
                        .refused("partner", request)
                        .reason("no such partner, or nothing to it");
                    audit::record_alone(&self.kernel.db, op, entry).await?;
                }
                let problem = Problem::of_status(StatusCode::NOT_FOUND);
                Err(problem.with_detail("there is no such partner"))
            }
        }
    }

    /// Refuses who lacks the permission, and writes down that he tried.
    async fn check(&self, op: &OpContext, permission: Permission, request: &Parts) -> Result<(), Problem> {
        if op.permissions.contains(permission) {
            return Ok(());
        }
        if is_write(&request.method) || permission.critical() {
            let entry = self
                .refused(permission.as_str(), request)
                .reason(format!("lacks {permission}"));
            audit::record_alone(&self.kernel.db, op, entry).await?;
        }
        Err(Error::Forbidden { permission }.into())
    }

    /// Refuses a critical act of a person who has not proven himself for a while. Programs cannot; their keys are
    /// given single permissions instead.
    async fn check_proof(
        &self,
        op: &OpContext,
        principal: &Principal,
        permission: Permission,
        request: &Parts,
    ) -> Result<(), Problem> {
        let identity = &self.kernel.identity;
        let window = identity.settings().step_up;
        let Credential::Session { proved_at, .. } = principal.credential else {
            return Ok(());
        };
        let recent = window.is_zero() || identity.clock().now() - proved_at < window;
        if recent || !permission.critical() || !is_write(&request.method) {
            return Ok(());
        }
        let entry = self
            .refused(permission.as_str(), request)
            .reason("wants a recent proof of who holds the session");
        audit::record_alone(&self.kernel.db, op, entry).await?;
        let detail = format!(
            "{permission} is critical: prove within {} minutes before it that it is you (POST /me/prove)",
            window.as_secs().div_ceil(60)
        );
        Err(Problem::new(StatusCode::FORBIDDEN, "proof_required", detail))
    }

    /// Writes down what the handler itself refused: a role, a key or a change that needs more than the route does.
    async fn note_refusal(&self, op: &OpContext, request: &Parts, response: Response) -> Response {
        let lacking = response.extensions().get::<Problem>().and_then(Problem::lacking);
        let Some(permission) = lacking.filter(|_| is_write(&request.method)) else {
            return response;
        };
        let entry = self
            .refused(permission.as_str(), request)
            .reason(format!("lacks {permission}"));
        match audit::record_alone(&self.kernel.db, op, entry).await {
            Ok(_) => response,
            Err(error) => Problem::from(error).into_response(),
        }
    }

    /// The audit line of a refusal.
    fn refused(&self, action: &str, request: &Parts) -> Entry {
        Entry::refused(action, "route")
            .object(request.uri.path(), format!("{} {}", request.method, self.path))
    }
}

/// Whether a method may change anything.
pub(super) fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The session in the cookie header.
fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, COOKIE_NAME)
}

/// A cookie by its name.
pub(super) fn cookie_of<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Scheme and authority of a URL, without a path.
fn origin_of(url: &str) -> Option<&str> {
    let authority = url.find("://")? + "://".len();
    let end = url[authority..].find('/').map_or(url.len(), |at| authority + at);
    Some(&url[..end])
}

/// What the guard has put beside a request; without it the request did not come through the guard, which is a defect.
fn carried<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    parts.extensions.get().cloned().ok_or_else(Problem::internal)
}

impl<S: Send + Sync> FromRequestParts<S> for OpContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        carried(parts)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        carried(parts)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Surface {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        carried(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_and_authority() {
        assert_eq!(
            origin_of("https://oss.isp.example/console/"),
            Some("https://oss.isp.example")
        );
        assert_eq!(origin_of("http://127.0.0.1:8080"), Some("http://127.0.0.1:8080"));
        assert_eq!(origin_of("not a url"), None);
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        let cookies = "theme=dark; headend_session=hes_x; xheadend_session=hes_y";
        headers.insert(header::COOKIE, header::HeaderValue::from_static(cookies));
        assert_eq!(session_cookie(&headers), Some("hes_x"));
    }
}
