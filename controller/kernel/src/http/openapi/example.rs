//! An example of everything in the document, made of its schema and of what things are called.
//! Never drawn at random: the same document has the same examples.

use serde_json::{Map, Value, json};

/// How deep an example may nest; a schema that refers to itself ends there.
const DEPTH_MAX: usize = 8;

/// What members are called, and what then stands in them when their type allows it.
const BY_NAME: &[(&str, &str)] = &[
    ("address", "192.0.2.1"),
    ("calling_station", "00:1a:2b:3c:4d:5e"),
    ("circuit_id", "olt-7/1/3:12"),
    ("client", "acme"),
    ("client_id", "018f2f6e-0000-7000-8000-000000000002"),
    ("code", "492039"),
    ("contact_email", "noc@isp.example"),
    ("email", "noc@isp.example"),
    ("framed_ip", "198.51.100.7"),
    ("identified_by", "mac=00:1a:2b:3c:4d:5e"),
    ("key", "label_overrides"),
    ("mac", "00:1a:2b:3c:4d:5e"),
    ("nas", "bng-1"),
    ("nas_port", "eth 0/1"),
    (
        "next",
        "/api/public/v1/partners/isp-west/subscribers?page=2&per_page=50",
    ),
    ("partner_id", "018f2f6e-0000-7000-8000-000000000001"),
    ("password", "correct horse battery"),
    ("permissions", "radius:subscribers:read"),
    ("plan", "home-100"),
    ("q", "alice"),
    ("reason", "asked for by the subscriber"),
    ("roles", "noc-engineer"),
    (
        "self",
        "/api/public/v1/partners/isp-west/subscribers?page=1&per_page=50",
    ),
    ("shortname", "bng-1"),
    ("site", "main-street-1"),
    ("slug", "home-100"),
    ("status", "active"),
    ("url", "https://hooks.isp.example/headend"),
    ("username", "alice@isp.example"),
];

/// An example of a schema; `name` is what it is called where it stands.
pub(super) fn of(schema: &Value, name: &str, components: &Value) -> Value {
    made(schema, name, components, 0)
}

/// The same, so deep already.
fn made(schema: &Value, name: &str, components: &Value, depth: usize) -> Value {
    for stated in ["example", "const", "default"] {
        if let Some(value) = schema.get(stated) {
            return value.clone();
        }
    }
    if let Some(value) = schema["examples"].get(0).or_else(|| schema["enum"].get(0)) {
        return value.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference.rsplit('/').next().unwrap_or_default();
        return made(&components["schemas"][target], name, components, depth);
    }
    for of in ["oneOf", "anyOf"] {
        if let Some(first) = schema[of]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["type"] != "null"))
        {
            return made(first, name, components, depth);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return all_of(parts, name, components, depth);
    }
    match type_of(schema) {
        "object" if depth < DEPTH_MAX => object(schema, components, depth),
        "object" => json!({}),
        "array" if depth < DEPTH_MAX => json!([made(&schema["items"], name, components, depth + 1)]),
        "array" => json!([]),
        "integer" | "number" => number(schema, name),
        "boolean" => json!(true),
        "string" => json!(text(schema, name)),
        _ => json!({}),
    }
}

/// The one type of a schema that is not null.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(one) => one,
        Value::Array(several) => {
            let mut others = several
                .iter()
                .filter_map(Value::as_str)
                .filter(|one| *one != "null");
            others.next().unwrap_or_default()
        }
        _ if schema["properties"].is_object() => "object",
        _ => "",
    }
}

/// An object with all its members.
fn object(schema: &Value, components: &Value, depth: usize) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    let member =
        |(name, member): (&String, &Value)| (name.clone(), made(member, name, components, depth + 1));
    Value::Object(members.map(member).collect())
}

/// One object of several parts.
fn all_of(parts: &[Value], name: &str, components: &Value, depth: usize) -> Value {
    let mut whole = Map::new();
    for part in parts {
        match made(part, name, components, depth) {
            Value::Object(members) => whole.extend(members),
            other => return other,
        }
    }
    Value::Object(whole)
}

/// A number within its bounds.
fn number(schema: &Value, name: &str) -> Value {
    let least = schema["minimum"].as_i64();
    match name {
        "status" => json!(200),
        "page" => json!(1),
        "per_page" => json!(50),
        _ => json!(least.unwrap_or(1).max(1)),
    }
}

/// A text of its format, else what its name says.
fn text(schema: &Value, name: &str) -> String {
    let by_format = match schema["format"].as_str().unwrap_or_default() {
        "date-time" => Some("2026-01-15T12:00:00Z"),
        "date" => Some("2026-01-15"),
        "uuid" => Some("018f2f6e-0000-7000-8000-000000000000"),
        _ => None,
    };
    let by_name = || {
        BY_NAME
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    };
    let fallback = if name.is_empty() { "text" } else { name };
    by_format.or_else(by_name).unwrap_or(fallback).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: Value, name: &str, expect: Value) {
        let components = json!({"schemas": {
            "Node": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Node"}}},
            "Word": {"type": "string", "enum": ["open", "closed"]},
        }});
        assert_eq!(of(&schema, name, &components), expect, "{schema}");
    }

    #[test]
    fn of_type_and_name() {
        check(
            json!({"type": "string", "format": "uuid"}),
            "q",
            json!("018f2f6e-0000-7000-8000-000000000000"),
        );
        check(
            json!({"type": ["string", "null"]}),
            "username",
            json!("alice@isp.example"),
        );
        check(json!({"type": "integer", "minimum": 60}), "x", json!(60));
        check(
            json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Word"}]}),
            "x",
            json!("open"),
        );
        check(
            json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "boolean"}}}}),
            "",
            json!({"a": [true]}),
        );
    }

    #[test]
    fn of_what_refers_to_itself_ends() {
        let components = json!({"schemas": {
            "Node": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Node"}}},
        }});
        let made = of(&json!({"$ref": "#/components/schemas/Node"}), "", &components);
        assert!(made["child"]["child"].is_object());
    }
}
