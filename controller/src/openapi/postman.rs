//! A Postman collection (format 2.1) of the document: a folder for each heading, a request for each operation.
//! Never holds a credential: `token` and `baseUrl` are variables of the collection, to be filled in by whoever imports it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The format of the collection.
const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// The methods of a path, as the document spells them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The collection.
#[must_use]
pub fn collection(document: &Value) -> Value {
    let mut folders: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let operation = &item[method];
            if operation.is_object() {
                let heading = operation["tags"][0].as_str().unwrap_or("other");
                folders
                    .entry(heading)
                    .or_default()
                    .push(request(document, path, method, operation));
            }
        }
    }
    let folder = |(name, items): (&str, Vec<Value>)| json!({"name": name, "item": items});
    json!({
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:8080/api/public/v1"},
            {"key": "token", "value": ""},
        ],
        "item": folders.into_iter().map(folder).collect::<Vec<_>>(),
    })
}

/// One request.
fn request(document: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let parameters: Vec<&Value> = (operation["parameters"].as_array().into_iter().flatten())
        .map(|parameter| resolved(document, parameter))
        .collect();
    let placed = |place: &'static str| {
        let there = parameters
            .iter()
            .filter(move |parameter| parameter["in"] == place);
        there.map(|parameter| {
            let required = parameter["required"] == true;
            json!({
                "key": parameter["name"],
                "value": words(&parameter["example"]),
                "description": parameter["description"],
                // What may be left out is left out until somebody ticks it.
                "disabled": !required,
            })
        })
    };
    let segments: Vec<String> = (path.split('/').filter(|part| !part.is_empty()))
        .map(|part| part.replace('{', ":").replace('}', ""))
        .collect();
    let query: Vec<Value> = placed("query").collect();
    let mut headers: Vec<Value> = placed("header").collect();
    let mut request = json!({
        "method": method.to_uppercase(),
        "description": operation["description"].as_str().or(operation["summary"].as_str()),
        "url": {
            "raw": format!("{{{{baseUrl}}}}/{}", segments.join("/")),
            "host": ["{{baseUrl}}"],
            "path": segments,
            "query": query,
            "variable": placed("path").map(|mut one| { one["disabled"] = json!(false); one }).collect::<Vec<_>>(),
        },
    });
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    if !body.is_null() {
        headers.push(json!({"key": "Content-Type", "value": "application/json"}));
        request["body"] = json!({"mode": "raw", "raw": format!("{body:#}"),
                                 "options": {"raw": {"language": "json"}}});
    }
    if operation["x-access"] == "public" {
        request["auth"] = json!({"type": "noauth"});
    }
    request["header"] = Value::Array(headers);
    json!({"name": operation["summary"], "request": request})
}

/// What a reference points at.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
    target.and_then(|at| document.pointer(at)).unwrap_or(value)
}

/// A value as it stands in a URL or a header.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
