//! Puts the routes of all modules, their guards and the edge together.
//! Never adds a route of its own except the document that describes them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, header};
use axum::routing::get;
use axum::{Router, middleware};
use serde_json::Value;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use super::api::{Access, ApiRoutes, Group, RouteInfo};
use super::conditional::{Reader, Turns};
use super::edge::{BODY_OCTETS_MAX, Edge, edge, panicked};
use super::guard::{Guard, Surface, guard};
use super::problem::Problem;
use super::rate::Limits;
use super::{openapi, routes};
use crate::idempotency::Keys;
use crate::kernel::Kernel;

/// The path of the document below the mounts.
const DOCUMENT_PATH: &str = "/openapi.json";

/// The whole API.
pub struct Api {
    /// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that addresses are known.
    pub router: Router,
    /// Every route with who may call it; each is mounted once a [`Surface`].
    pub routes: Vec<RouteInfo>,
    /// The document.
    pub openapi: Value,
}

/// The document that [`serve_router`] would serve with these modules, without anything running.
pub fn document(modules: Vec<ApiRoutes>) -> Value {
    openapi::document(&described(modules))
}

/// Types of one name that are not the same, of which that document shows only one.
pub fn collisions(modules: Vec<ApiRoutes>) -> Vec<String> {
    openapi::collisions(&described(modules))
}

/// All routes without their handlers.
fn described(modules: Vec<ApiRoutes>) -> ApiRoutes {
    modules
        .into_iter()
        .fold(routes::routes().described(), ApiRoutes::merge)
}

/// Mounts the kernel's routes and those of the modules.
pub fn serve_router(kernel: Kernel, modules: Vec<ApiRoutes>) -> Api {
    let all = modules
        .into_iter()
        .fold(routes::routes().with_state(kernel.clone()), ApiRoutes::merge);
    let openapi = openapi::document(&all);
    let routes = all.table().to_vec();
    let https = kernel.identity.settings().public_url.starts_with("https://");
    let mut groups = all.groups;
    groups.push(document_group(&openapi));
    let limits = Limits::new(kernel.identity.settings());
    let keys = Keys::new(kernel.db.clone(), kernel.sealer.clone());
    let turns = Turns::default();
    // Groups of one path share no value: the reader is found among all of them.
    let readers: HashMap<&str, Reader> = (groups.iter())
        .filter(|group| group.methods.contains(&Method::GET))
        .map(|group| {
            let reader = Reader {
                access: group.access,
                handlers: group.router.clone(),
            };
            (group.path.as_str(), reader)
        })
        .collect();
    let mut router = Router::new();
    for surface in Surface::ALL {
        for Group {
            path,
            access,
            router: handlers,
            ..
        } in &groups
        {
            let guarded = Guard {
                kernel: kernel.clone(),
                access: *access,
                surface,
                path: Arc::from(path.as_str()),
                limits: limits.clone(),
                keys: keys.clone(),
                turns: turns.clone(),
                reader: readers.get(path.as_str()).cloned(),
            };
            let handlers = handlers
                .clone()
                .route_layer(middleware::from_fn_with_state(guarded, guard));
            router = router.route(&format!("{}{path}", surface.prefix()), handlers);
        }
    }
    let router = router
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Edge { https }, edge))
        // Of what is worth it, for who can read it; a stream of events stays as it is.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    Api {
        router,
        routes,
        openapi,
    }
}

/// The route of the document itself.
fn document_group(openapi: &Value) -> Group<()> {
    let text: Arc<str> = openapi::text(openapi).unwrap_or_default().into();
    let handler = move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }
    };
    Group {
        path: DOCUMENT_PATH.to_owned(),
        methods: vec![Method::GET],
        access: Access::Public("the description of the API is the same for everybody"),
        router: get(handler),
    }
}
