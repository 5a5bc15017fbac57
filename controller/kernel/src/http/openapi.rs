//! The OpenAPI 3.1 document, written from the same list the router is built from.
//! Never edited by hand: what it says about access is what [`super::guard`] enforces. `complete` adds what all operations
//! have in common, `example` an example of everything.

mod complete;
mod example;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, ResponseBuilder, Server,
};
use utoipa::{PartialSchema, ToSchema};

use super::api::{Access, ApiRoutes};
use super::problem::{PROBLEM_JSON, ProblemBody};

/// The names of the two ways to present a credential.
const BEARER: &str = "bearer";
/// The console's cookie; only under `/api/v1`.
const COOKIE: &str = "cookie";

/// Writes into an operation who may call it and how its errors look.
pub(super) fn declare(operation: &mut Operation, tag: &str, access: Access) {
    operation.tags = Some(vec![tag.to_owned()]);
    let mut extensions = BTreeMap::new();
    let kind = match access {
        Access::Public(_) => "public",
        Access::SignedIn => "signed-in",
        Access::Needs(_) => "partner",
        Access::PlatformNeeds(_) => "platform",
    };
    extensions.insert("x-access", json!(kind));
    if let Some(permission) = access.permission() {
        extensions.insert("x-permission", json!(permission.as_str()));
        extensions.insert("x-critical", json!(permission.critical()));
    }
    operation
        .extensions
        .get_or_insert_default()
        .merge(extensions.into_iter().collect::<Extensions>());
    operation.security = Some(match access {
        Access::Public(_) => Vec::new(),
        _ => [BEARER, COOKIE]
            .map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()))
            .to_vec(),
    });
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ProblemBody::name())))
        .build();
    let failed = ResponseBuilder::new()
        .description("A problem document")
        .content(PROBLEM_JSON, problem)
        .build();
    operation
        .responses
        .responses
        .entry("default".to_owned())
        .or_insert_with(|| failed.into());
}

/// A document as indented JSON. Members are sorted by name: utoipa keeps extensions in a map whose order is another at
/// every start, and a document that changes by itself cannot be compared.
///
/// # Errors
/// What serde says; a document that cannot be written is a defect.
pub fn text(document: &Value) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(document)
}

/// Schemas of one name that are not the same: the document can keep only one of them.
pub(super) fn collisions(routes: &ApiRoutes) -> Vec<String> {
    let mut known = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (name, schema) in &routes.schemas {
        let shape = serde_json::to_value(schema).unwrap_or_default();
        if *known.entry(name).or_insert_with(|| shape.clone()) != shape {
            found.insert(name.clone());
        }
    }
    found.into_iter().collect()
}

/// The whole document.
pub(super) fn document(routes: &ApiRoutes) -> Value {
    let mut document = serde_json::to_value(described(routes)).unwrap_or_else(|error| {
        tracing::error!(%error, "the description of the API cannot be written; this is a defect");
        Value::Null
    });
    complete::complete(&mut document);
    document
}

/// What the handlers say.
fn described(routes: &ApiRoutes) -> OpenApi {
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    schemas.extend(routes.schemas.iter().cloned());
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key (hek_…) or a session token (hes_…)"))
        .build();
    let cookie = ApiKeyValue::with_description(
        super::guard::COOKIE_NAME,
        "The console's session; only under /api/v1, and writes also need X-Requested-With",
    );
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)))
        .build();
    let mut info = Info::new("Headend", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "One envelope (data, meta, links), problem documents (RFC 9457) with a stable code, \
         lists with ?page and ?per_page. Every operation names the permission it needs in x-permission. Writes are done once \
         for one Idempotency-Key, and only to the version in If-Match. Compatible changes add: a client passes over members \
         and words it does not know."
            .to_owned(),
    );
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/api/public/v1"), Server::new("/api/v1")]))
        .paths(routes.paths.clone())
        .components(Some(components))
        .build()
}
