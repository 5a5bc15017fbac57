//! What every operation has in common, written into the document once: headers, problems, words and examples.
//! Never says anything that is not so for all of them; what is particular stands beside the handler.

use serde_json::{Map, Value, json};

use super::example;
use crate::http::problem::PROBLEM_JSON;

/// The methods of a path, as the document spells them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// What a status means where a handler says nothing about it.
const STATUS_WORDS: [(&str, &str); 5] = [
    ("200", "Done"),
    ("201", "Made"),
    ("202", "Accepted; it is not done yet"),
    ("204", "Done; there is nothing to say"),
    ("304", "The caller has this version already"),
];

/// Completes the document.
pub(super) fn complete(document: &mut Value) {
    refer(&mut document["components"]["schemas"]);
    let components = document["components"].clone();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            let read = &item["get"];
            let readable = read["responses"]["200"]["content"]["application/json"].is_object();
            let versioned = readable && !is_list(read, &components);
            for method in METHODS {
                if let Some(operation) = item.get_mut(method) {
                    operation_complete(operation, path, method, versioned, &components);
                }
            }
        }
    }
    document["components"]["responses"] = problems();
    document["components"]["parameters"] = parameters();
    document["components"]["headers"] = headers();
}

/// Lets envelopes refer to what is in them, where it has a name; they are written with a copy of it.
fn refer(schemas: &mut Value) {
    let named = schemas.clone();
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        let Some(inner) = name.strip_prefix("Data_") else {
            continue;
        };
        let (inner, list) = match inner.strip_prefix("Vec_") {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let data = &mut schema["properties"]["data"];
        let copy = if list { &mut data["items"] } else { data };
        if copy.is_object() && *copy == named[inner] {
            *copy = json!({"$ref": format!("#/components/schemas/{inner}")});
        }
    }
}

/// Completes one operation.
fn operation_complete(operation: &mut Value, path: &str, method: &str, versioned: bool, components: &Value) {
    let write = method != "get";
    let public = operation["x-access"] == "public";
    let asked = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in asked.into_iter().flatten() {
        // What is not in a query is not null either.
        never_null(&mut parameter["schema"]);
        if parameter["in"] == "path" && parameter["name"] == "partner_id" {
            parameter["description"] = json!("The partner, by id or slug");
        }
        if parameter.get("example").is_none() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            parameter["example"] = example::of(&parameter["schema"], &name, components);
        }
    }
    let mut shared = Vec::new();
    if write && !public {
        shared.push("IdempotencyKey");
    }
    if write && versioned && !public {
        shared.push("IfMatch");
    }
    let single = versioned && !write;
    if single {
        shared.push("IfNoneMatch");
    }
    if !shared.is_empty() {
        let parameters = entry(operation, "parameters", json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            let reference = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
            parameters.extend(shared.into_iter().map(reference));
        }
    }
    for body in operation.get_mut("requestBody").into_iter().flat_map(media) {
        let found = example::of(&body["schema"], "", components);
        body["example"] = found;
    }
    let has_body = operation["requestBody"].is_object();
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    if single {
        responses.insert("304".to_owned(), json!({}));
    }
    for (status, response) in &mut *responses {
        let words = STATUS_WORDS.iter().find(|(known, _)| known == status);
        if let Some((_, words)) = words
            && response["description"].as_str().unwrap_or_default().is_empty()
        {
            response["description"] = json!(words);
        }
        if status.starts_with('2') || status == "304" {
            response["headers"] = answer_headers(public, single);
        }
        for body in media(response) {
            let found = example::of(&body["schema"], "", components);
            body["example"] = found;
        }
    }
    let may = [
        ("400", "BadRequest", true),
        ("401", "Unauthenticated", !public),
        ("403", "Forbidden", !public),
        ("404", "NotFound", path.contains('{')),
        ("409", "Conflict", write),
        ("412", "PreconditionFailed", write && !public),
        ("413", "BodyTooLarge", has_body),
        ("415", "UnsupportedMediaType", has_body),
        ("422", "Invalid", true),
        ("429", "TooManyRequests", true),
        ("503", "Unavailable", true),
    ];
    for (status, name, _) in may.into_iter().filter(|(.., may)| *may) {
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        responses.entry(status.to_owned()).or_insert(reference);
    }
}

/// A member, made when it is not there.
fn entry<'a>(object: &'a mut Value, name: &str, empty: Value) -> &'a mut Value {
    if object.get(name).is_none() {
        object[name] = empty;
    }
    &mut object[name]
}

/// The media types of a body.
fn media(holder: &mut Value) -> impl Iterator<Item = &mut Value> {
    let content = holder
        .as_object_mut()
        .and_then(|holder| holder.get_mut("content"));
    content
        .and_then(Value::as_object_mut)
        .map(Map::values_mut)
        .into_iter()
        .flatten()
        .filter(|media| media.is_object())
}

/// Takes null out of a type.
fn never_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let others: Vec<Value> = types.iter().filter(|one| **one != "null").cloned().collect();
        if let [only] = others.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(of) = schema["oneOf"].as_array() {
        let others: Vec<Value> = of.iter().filter(|one| one["type"] != "null").cloned().collect();
        match others.as_slice() {
            [only] => *schema = only.clone(),
            _ => schema["oneOf"] = Value::Array(others),
        }
    }
}

/// Whether an operation answers a page of a list.
fn is_list(operation: &Value, components: &Value) -> bool {
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let named = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next());
    let resolved = named.map_or(schema, |name| &components["schemas"][name]);
    resolved["properties"]["data"]["type"] == "array"
}

/// The headers of an answer.
fn answer_headers(public: bool, single: bool) -> Value {
    let mut headers = json!({"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}});
    if !public {
        for name in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
            headers[name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
    }
    if single {
        headers["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    headers
}

/// The problems that many operations have.
fn problems() -> Value {
    let words = [
        ("BadRequest", 400, "bad_json", "The request is not well formed"),
        (
            "Unauthenticated",
            401,
            "unauthenticated",
            "No credential, or none that is valid",
        ),
        (
            "Forbidden",
            403,
            "forbidden",
            "The permission in x-permission is lacking, or a recent proof of who asks",
        ),
        (
            "NotFound",
            404,
            "not_found",
            "There is no such object, or it is another partner's",
        ),
        (
            "Conflict",
            409,
            "conflict",
            "It does not fit what is there already, or the Idempotency-Key is in use",
        ),
        (
            "PreconditionFailed",
            412,
            "precondition_failed",
            "The object is not the version in If-Match any more",
        ),
        (
            "BodyTooLarge",
            413,
            "body_too_large",
            "The body is larger than 1 MiB",
        ),
        (
            "UnsupportedMediaType",
            415,
            "unsupported_media_type",
            "The body is not application/json",
        ),
        (
            "Invalid",
            422,
            "invalid",
            "The input breaks a rule; errors points at each field",
        ),
        (
            "TooManyRequests",
            429,
            "too_many_requests",
            "Asked too often; Retry-After says how long to wait",
        ),
        (
            "Unavailable",
            503,
            "unavailable",
            "Something this needs is away; Retry-After says when to ask again",
        ),
    ];
    let problem = |(name, status, code, description): (&str, u16, &str, &str)| {
        let example = json!({
            "type": format!("urn:headend:problem:{code}"),
            "title": axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
            "status": status,
            "code": code,
            "detail": description,
            "request_id": "018f2f6e-0000-7000-8000-000000000000",
        });
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        let content = json!({PROBLEM_JSON: {"schema": schema, "example": example}});
        (
            name.to_owned(),
            json!({"description": description, "content": content}),
        )
    };
    Value::Object(words.into_iter().map(problem).collect())
}

/// The headers that many operations read.
fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false, "example": "order-17",
            "description": "Done once, however often it is sent with this key within a day; the first answer is given again \
                            with Idempotency-Replayed: true",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false, "example": "\"9nTZx1cW0v7y2aQ4mK8eLg\"",
            "description": "Done only when the object still is this version (ETag), or any for *",
            "schema": {"type": "string", "pattern": "^[ -~]*$"},
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "required": false, "example": "\"9nTZx1cW0v7y2aQ4mK8eLg\"",
            "description": "Answered 304 when the object still is this version",
            "schema": {"type": "string", "pattern": "^[ -~]*$"},
        },
    })
}

/// The headers that many answers have.
fn headers() -> Value {
    let number = json!({"type": "integer", "minimum": 0});
    json!({
        "X-Request-Id": {"description": "The id of the request, also in the log and the audit",
                         "schema": {"type": "string", "format": "uuid"}},
        "ETag": {"description": "The version of the object, for If-Match and If-None-Match", "schema": {"type": "string"}},
        "RateLimit-Limit": {"description": "How many requests fit into the caller's bucket", "schema": number},
        "RateLimit-Remaining": {"description": "How many are left", "schema": number},
        "RateLimit-Reset": {"description": "In how many seconds it is full again", "schema": number},
    })
}
