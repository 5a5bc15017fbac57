//! The list of routes a module offers, each with who may call it.
//! There is no way in without an [`Access`]: a handler of unknown access cannot be mounted.
//!
//! ```compile_fail
//! async fn open_to_all() {}
//! let routes: kernel::http::ApiRoutes = kernel::http::ApiRoutes::new("x").add(axum::routing::get(open_to_all));
//! ```

use std::collections::BTreeMap;

use axum::http::Method;
use axum::routing::MethodRouter;
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::openapi;
use crate::authz::Permission;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a credential; says why that is right. The operation is anonymous.
    Public(&'static str),
    /// Whoever presents a valid credential. The operation names no partner: its transactions see the whole platform,
    /// so the handler itself narrows to what the principal may see.
    SignedIn,
    /// Whoever holds the permission in the partner named by `{partner_id}` in the path.
    Needs(Permission),
    /// Whoever holds the permission on the platform itself.
    PlatformNeeds(Permission),
}

impl Access {
    /// The permission, where one is needed.
    pub const fn permission(self) -> Option<Permission> {
        match self {
            Self::Needs(permission) | Self::PlatformNeeds(permission) => Some(permission),
            Self::Public(_) | Self::SignedIn => None,
        }
    }
}

/// One route as the table shows it.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    /// Its method.
    pub method: Method,
    /// Its path below the mounts, with parameters in braces.
    pub path: String,
    /// Who may call it.
    pub access: Access,
    /// The name of its operation in the OpenAPI document.
    pub operation: String,
}

/// Methods of one path that share an access.
pub(super) struct Group<S> {
    /// The path below the mounts.
    pub path: String,
    /// Who may call them.
    pub access: Access,
    /// What can be asked of it.
    pub methods: Vec<Method>,
    /// The handlers.
    pub router: MethodRouter<S>,
}

/// The routes of one module. `S` is the state its handlers take; gone once [`ApiRoutes::with_state`] applied it.
pub struct ApiRoutes<S = ()> {
    /// Under which heading the document lists them.
    tag: &'static str,
    /// What to mount.
    pub(super) groups: Vec<Group<S>>,
    /// What to show.
    table: Vec<RouteInfo>,
    /// Their part of the document.
    pub(super) paths: Paths,
    /// The schemas these refer to.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl<S: Clone + Send + Sync + 'static> ApiRoutes<S> {
    /// No routes yet; `tag` is their heading in the document.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            groups: Vec::new(),
            table: Vec::new(),
            paths: Paths::new(),
            schemas: Vec::new(),
        }
    }

    /// Adds the handlers of `routes!(…)`, which share a path, under one access.
    #[must_use]
    pub fn add(mut self, access: Access, (schemas, paths, router): UtoipaMethodRouter<S>) -> Self {
        for (path, mut item) in paths.paths {
            let mut methods = Vec::new();
            for (method, operation) in operations(&mut item) {
                openapi::declare(operation, self.tag, access);
                let operation = operation.operation_id.clone().unwrap_or_default();
                methods.push(method.clone());
                self.table.push(RouteInfo {
                    method,
                    path: path.clone(),
                    access,
                    operation,
                });
            }
            let mut described = Paths::new();
            described.paths.insert(path.clone(), item);
            self.paths.merge(described);
            self.groups.push(Group {
                path,
                access,
                methods,
                router: router.clone(),
            });
        }
        self.schemas.extend(schemas);
        self
    }

    /// Adds all routes of another list; each keeps its own heading.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.groups.extend(other.groups);
        self.table.extend(other.table);
        self.paths.merge(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> ApiRoutes<()> {
        let groups = self.groups.into_iter().map(|group| Group {
            path: group.path,
            access: group.access,
            methods: group.methods,
            router: group.router.with_state(state.clone()),
        });
        ApiRoutes {
            tag: self.tag,
            groups: groups.collect(),
            table: self.table,
            paths: self.paths,
            schemas: self.schemas,
        }
    }

    /// The same list without its handlers, for who wants to describe it and has nothing running.
    pub fn described(self) -> ApiRoutes<()> {
        ApiRoutes {
            tag: self.tag,
            groups: Vec::new(),
            table: self.table,
            paths: self.paths,
            schemas: self.schemas,
        }
    }

    /// Names under which two schemas were described that differ: the document would keep one of them and lie about the other.
    pub fn clashes(&self) -> Vec<&str> {
        let mut seen = BTreeMap::new();
        let clashing = self
            .schemas
            .iter()
            .filter(|(name, schema)| seen.insert(name, schema).is_some_and(|before| before != schema));
        clashing.map(|(name, _)| name.as_str()).collect()
    }

    /// All routes in the order they were added.
    pub fn table(&self) -> &[RouteInfo] {
        &self.table
    }
}

/// The operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, item.get.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}
