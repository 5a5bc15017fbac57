//! What was published stays as it is: `docs/openapi.json` against the routes of today.
//! A client written against the committed document must go on working, so a change may add and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Where the published document stands.
const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
/// The methods of a path.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The published document.
fn published() -> Value {
    let text = std::fs::read_to_string(PUBLISHED).unwrap_or_else(|error| panic!("{PUBLISHED}: {error}"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn no_published_path_changes_its_shape() {
    let update = std::env::var("UPDATE_OPENAPI").unwrap_or_default();
    let now = headend::openapi::document();
    if update != "break" {
        let broken = breaks(&published(), &now);
        assert!(
            broken.is_empty(),
            "a client written against docs/openapi.json would break:\n{}\nIf that is meant, say so in DECISIONS.md and run \
             once with UPDATE_OPENAPI=break",
            broken.join("\n")
        );
    }
    let text = headend::openapi::text().unwrap() + "\n";
    if !update.is_empty() {
        std::fs::write(PUBLISHED, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(PUBLISHED).unwrap() == text,
        "the API has more than docs/openapi.json says: run once with UPDATE_OPENAPI=1 and review the change"
    );
}

#[test]
fn no_type_hides_another_of_the_same_name() {
    assert_eq!(headend::openapi::collisions(), Vec::<String>::new());
}

#[test]
fn a_collection_for_postman_has_every_operation_once() {
    let document = headend::openapi::document();
    let collection = headend::openapi::postman::collection(&document);
    let folders = collection["item"].as_array().unwrap();
    let requests: Vec<&Value> = (folders.iter())
        .flat_map(|folder| folder["item"].as_array().unwrap())
        .collect();
    assert_eq!(requests.len(), operations(&document).len());
    for item in requests {
        let request = &item["request"];
        let raw = request["url"]["raw"].as_str().unwrap();
        assert!(
            raw.starts_with("{{baseUrl}}/") && !raw.contains("{partner_id}"),
            "{raw}"
        );
        let variables = request["url"]["variable"].as_array().unwrap();
        let named = request["url"]["path"].as_array().unwrap().iter();
        let named = named
            .filter(|part| part.as_str().unwrap().starts_with(':'))
            .count();
        assert_eq!(variables.len(), named, "{raw}");
        if let Some(body) = request["body"]["raw"].as_str() {
            serde_json::from_str::<Value>(body).unwrap();
        }
    }
}

#[test]
fn everything_has_words_and_an_example() {
    let document = headend::openapi::document();
    for (name, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{name} has no summary");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(&document, parameter);
            assert!(
                !parameter["example"].is_null(),
                "{name}: {parameter} has no example"
            );
        }
        let bodies = std::iter::once(&operation["requestBody"])
            .chain(operation["responses"].as_object().unwrap().values())
            .map(|holder| resolve(&document, holder));
        for body in bodies {
            for (media, body) in body["content"].as_object().into_iter().flatten() {
                assert!(!body["schema"].is_null(), "{name}: {media} has no schema");
            }
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolve(&document, response);
            assert!(
                response["description"].is_string(),
                "{name}: {status} has no description"
            );
        }
    }
}

/// A change of a document, and its name.
type Planted = (&'static str, fn(&mut Value));

#[test]
fn a_planted_break_is_found() {
    const CLIENTS: &str = "/partners/{partner_id}/clients";
    let planted: [Planted; 12] = [
        ("a path is gone", |now| {
            drop(now["paths"].as_object_mut().unwrap().remove(CLIENTS))
        }),
        ("a method is gone", |now| {
            drop(now["paths"][CLIENTS].as_object_mut().unwrap().remove("post"))
        }),
        ("a filter is gone", |now| {
            now["paths"]["/audit"]["get"]["parameters"]
                .as_array_mut()
                .unwrap()
                .remove(0);
        }),
        ("a filter is wanted", |now| {
            now["paths"]["/audit"]["get"]["parameters"][0]["required"] = json!(true)
        }),
        ("a new filter is wanted", |now| {
            let new = json!({"name": "why", "in": "query", "required": true, "schema": {"type": "string"}});
            now["paths"]["/audit"]["get"]["parameters"]
                .as_array_mut()
                .unwrap()
                .push(new);
        }),
        ("a member of an answer is gone", |now| {
            let members = &mut now["components"]["schemas"]["ClientView"]["properties"];
            members.as_object_mut().unwrap().remove("slug");
        }),
        ("a member of an answer may be missing", |now| {
            now["components"]["schemas"]["ClientView"]["required"] = json!(["id"]);
        }),
        ("a member of an answer has another type", |now| {
            now["components"]["schemas"]["ClientView"]["properties"]["name"]["type"] = json!("integer");
        }),
        ("a member of a body is not taken any more", |now| {
            let members = &mut now["components"]["schemas"]["ClientBody"]["properties"];
            members.as_object_mut().unwrap().remove("contact_email");
        }),
        ("a member of a body is wanted", |now| {
            now["components"]["schemas"]["ClientBody"]["required"] = json!(["slug", "name", "contact_email"]);
        }),
        ("a word is not taken any more", |now| {
            now["components"]["schemas"]["Status"]["enum"] = json!(["active"]);
        }),
        ("another permission is needed", |now| {
            now["paths"][CLIENTS]["get"]["x-permission"] = json!("users:manage");
        }),
    ];
    let before = headend::openapi::document();
    assert_eq!(breaks(&before, &before), Vec::<String>::new());
    for (name, plant) in planted {
        let mut now = before.clone();
        plant(&mut now);
        assert_ne!(now, before, "{name} was not planted");
        assert!(!breaks(&before, &now).is_empty(), "{name}, and nobody noticed");
    }
}

#[test]
fn what_is_added_breaks_nobody() {
    let before = headend::openapi::document();
    let mut now = before.clone();
    now["paths"]["/new"] = now["paths"]["/audit"].clone();
    let optional = json!({"name": "why", "in": "query", "required": false, "schema": {"type": "string"}});
    now["paths"]["/audit"]["get"]["parameters"]
        .as_array_mut()
        .unwrap()
        .push(optional);
    for (schema, wanted) in [("ClientView", true), ("ClientBody", false)] {
        now["components"]["schemas"][schema]["properties"]["colour"] = json!({"type": "string"});
        if wanted {
            now["components"]["schemas"][schema]["required"]
                .as_array_mut()
                .unwrap()
                .push(json!("colour"));
        }
    }
    now["components"]["schemas"]["Status"]["enum"]
        .as_array_mut()
        .unwrap()
        .push(json!("new"));
    assert_eq!(breaks(&before, &now), Vec::<String>::new());
}

/// The operations of a document with their names.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            METHODS
                .into_iter()
                .filter(|method| item[*method].is_object())
                .map(move |method| (format!("{} {path}", method.to_uppercase()), &item[method]))
        })
        .collect()
}

/// What a reference points at.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|at| at.strip_prefix('#')) {
        Some(at) => document
            .pointer(at)
            .unwrap_or_else(|| panic!("{at} points nowhere")),
        None => value,
    }
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the client: what was taken must be taken still.
    In,
    /// To the client: what was given must be given still.
    Out,
}

/// Two documents side by side, and what a client of the first would trip over in the second.
struct Comparison<'a> {
    /// What was published.
    was: &'a Value,
    /// What is.
    now: &'a Value,
    /// Pairs of references that are being compared, so that a type in itself ends.
    open: BTreeSet<(String, String)>,
    /// What was found.
    found: Vec<String>,
}

/// All that would break a client.
fn breaks(was: &Value, now: &Value) -> Vec<String> {
    let mut comparison = Comparison {
        was,
        now,
        open: BTreeSet::new(),
        found: Vec::new(),
    };
    for (path, item) in was["paths"].as_object().unwrap() {
        for method in METHODS {
            let (before, after) = (&item[method], &now["paths"][path][method]);
            let name = format!("{} {path}", method.to_uppercase());
            match (before.is_object(), after.is_object()) {
                (true, true) => comparison.operation(&name, before, after),
                (true, false) => comparison.found.push(format!("{name} is gone")),
                (false, _) => {}
            }
        }
    }
    comparison.found
}

impl Comparison<'_> {
    /// Compares one operation.
    fn operation(&mut self, name: &str, was: &Value, now: &Value) {
        for what in ["x-permission", "x-access", "operationId"] {
            if was[what] != now[what] {
                self.found
                    .push(format!("{name}: {what} was {} and is {}", was[what], now[what]));
            }
        }
        self.parameters(name, was, now);
        let (before, after) = (&was["requestBody"], &now["requestBody"]);
        match (before.is_object(), after.is_object()) {
            (true, false) => self.found.push(format!("{name}: takes no body any more")),
            (false, true) if after["required"] == true => self.found.push(format!("{name}: wants a body")),
            _ => {}
        }
        for (media, body) in before["content"].as_object().into_iter().flatten() {
            let at = format!("{name} body");
            self.schema(&at, Way::In, &body["schema"], &after["content"][media]["schema"]);
        }
        for (status, response) in was["responses"].as_object().unwrap() {
            if !status.starts_with('2') {
                continue;
            }
            let after = &now["responses"][status];
            if after.is_null() {
                self.found
                    .push(format!("{name}: does not answer {status} any more"));
            }
            for (media, body) in response["content"].as_object().into_iter().flatten() {
                let at = format!("{name} {status}");
                self.schema(&at, Way::Out, &body["schema"], &after["content"][media]["schema"]);
            }
        }
    }

    /// Compares what is asked beside the body.
    fn parameters(&mut self, name: &str, was: &Value, now: &Value) {
        let list = |document: &Value, operation: &Value| -> Vec<Value> {
            let all = operation["parameters"].as_array().into_iter().flatten();
            all.map(|parameter| resolve(document, parameter).clone())
                .collect()
        };
        let (before, after) = (list(self.was, was), list(self.now, now));
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for parameter in &before {
            let at = format!("{name} {}", parameter["name"]);
            match after.iter().find(|other| same(parameter, other)) {
                None => self.found.push(format!("{at} is gone")),
                Some(other) => {
                    if other["required"] == true && parameter["required"] != true {
                        self.found.push(format!("{at} is wanted now"));
                    }
                    self.schema(&at, Way::In, &parameter["schema"], &other["schema"]);
                }
            }
        }
        for parameter in &after {
            let known = before.iter().any(|other| same(parameter, other));
            if !known && parameter["required"] == true {
                self.found
                    .push(format!("{name} {} is new and wanted", parameter["name"]));
            }
        }
    }

    /// Compares two types.
    fn schema(&mut self, at: &str, way: Way, was: &Value, now: &Value) {
        if let (Some(one), Some(other)) = (was["$ref"].as_str(), now["$ref"].as_str()) {
            let pair = (format!("{}{one}", way == Way::In), other.to_owned());
            if !self.open.insert(pair) {
                return;
            }
        }
        let (document_was, document_now) = (self.was, self.now);
        let (was, now) = (resolve(document_was, was), resolve(document_now, now));
        if was.is_null() {
            return;
        }
        let (before, after) = (types(was), types(now));
        let kept = match way {
            Way::In => before.is_subset(&after),
            Way::Out => after.is_subset(&before),
        };
        if !kept {
            self.found.push(format!("{at} was {before:?} and is {after:?}"));
            return;
        }
        if let (Way::In, Some(words), Some(still)) = (way, was["enum"].as_array(), now["enum"].as_array()) {
            for word in words.iter().filter(|word| !still.contains(word)) {
                self.found.push(format!("{at} does not take {word} any more"));
            }
        }
        if was["format"] != now["format"] {
            self.found.push(format!(
                "{at} was of format {} and is {}",
                was["format"], now["format"]
            ));
        }
        self.members(at, way, was, now);
        if was["items"].is_object() {
            self.schema(&format!("{at}[]"), way, &was["items"], &now["items"]);
        }
        for of in ["oneOf", "anyOf", "allOf"] {
            let (before, after) = (was[of].as_array(), now[of].as_array());
            for (n, part) in before.into_iter().flatten().enumerate() {
                let part_now = after.and_then(|after| after.get(n)).unwrap_or(&Value::Null);
                self.schema(&format!("{at}|{n}"), way, part, part_now);
            }
        }
    }

    /// Compares the members of two objects.
    fn members(&mut self, at: &str, way: Way, was: &Value, now: &Value) {
        let wanted = |schema: &Value| -> BTreeSet<String> {
            let names = schema["required"].as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (before, after) = (wanted(was), wanted(now));
        let (lost, message) = match way {
            Way::In => (after.difference(&before), "is wanted now"),
            Way::Out => (before.difference(&after), "may be missing now"),
        };
        for member in lost {
            self.found.push(format!("{at}/{member} {message}"));
        }
        for (member, schema) in was["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}/{member}");
            match &now["properties"][member] {
                Value::Null => self.found.push(format!("{at} is gone")),
                schema_now => self.schema(&at, way, schema, schema_now),
            }
        }
    }
}

/// The types a schema allows.
fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.clone()]),
        Value::Array(several) => several
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => BTreeSet::new(),
    }
}
