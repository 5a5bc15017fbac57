//! What a plan, a subscriber or a garden gives, as it comes in and before it is stored: read, checked, and tried on every make
//! of NAS that the partner has. A value that a make cannot take is refused here, not found out at a login.
//!
//! Stored it is JSON: [`Terms`] without what has a column of its own.

use std::collections::BTreeMap;

use kernel::{Error, OpContext};
use radius_server::authorization::{Make, Sheet, Term, Terms};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::store::{self, Tx};

/// What of a plan has a column of its own, and the field of the API that it is.
const PLAN_COLUMNS: [(&str, &str); 6] = [
    ("download_bps", "/download_bps"),
    ("upload_bps", "/upload_bps"),
    ("session_timeout_s", "/session_timeout_s"),
    ("idle_timeout_s", "/idle_timeout_s"),
    ("interim_interval_s", "/interim_interval_s"),
    ("pool", "/framed_pool"),
];

/// The makes that a partner has, each with the name of a NAS of it.
pub type MakesInUse = BTreeMap<Make, String>;

/// The makes that a partner has.
pub async fn makes_in_use(tx: &mut Tx, op: &OpContext) -> Result<MakesInUse, Error> {
    let types = store::nas::nas_types(tx, op).await?;
    Ok(types
        .into_iter()
        .map(|(word, nas)| (Make::of_type(&word), nas))
        .collect())
}

/// A change of stored terms: what it names takes the place of what there is, `null` takes it away (RFC 7396).
#[must_use]
pub fn merged(stored: &Value, change: Option<&Map<String, Value>>) -> Value {
    let mut merged = stored.clone();
    if let (Some(fields), Some(change)) = (merged.as_object_mut(), change) {
        merge(fields, change);
    }
    merged
}

/// One level of a change.
fn merge(fields: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (name, value) in change {
        match value {
            Value::Null => drop(fields.remove(name)),
            Value::Object(inner) => {
                let place = fields
                    .entry(name.clone())
                    .or_insert_with(|| Value::Object(Map::new()));
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                if let Some(place) = place.as_object_mut() {
                    merge(place, inner);
                    if place.is_empty() {
                        fields.remove(name);
                    }
                }
            }
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
}

/// Reads terms that came in at a field of the API.
///
/// # Errors
/// [`Error::Invalid`] for what is none.
pub fn read(pointer: &str, json: &Value) -> Result<Terms, Error> {
    Terms::deserialize(json).map_err(|error| Error::invalid(pointer, error.to_string()))
}

/// Reads the terms of a plan that have no column, and refuses those that have.
///
/// # Errors
/// [`Error::Invalid`].
pub fn read_of_plan(json: &Value) -> Result<Terms, Error> {
    for (name, field) in PLAN_COLUMNS {
        if json.get(name).is_some() {
            let message = format!("is {field} of the plan itself");
            return Err(Error::invalid(format!("/terms/{name}"), message));
        }
    }
    read("/terms", json)
}

/// Refuses terms that make no sense, or do not fit a make that the partner has.
///
/// # Errors
/// [`Error::Invalid`] at the field.
pub fn check(terms: &Terms, of_plan: bool, makes: &MakesInUse) -> Result<(), Error> {
    check_with(terms, makes, |field| pointer(field, of_plan))
}

/// The same for terms that stand at another field of the API.
///
/// # Errors
/// [`Error::Invalid`] at the field.
pub fn check_at(at: &str, terms: &Terms, makes: &MakesInUse) -> Result<(), Error> {
    check_with(terms, makes, |field| format!("{at}/{field}"))
}

/// Refuses terms; `pointer` says where a field of them stands.
fn check_with(terms: &Terms, makes: &MakesInUse, pointer: impl Fn(&str) -> String) -> Result<(), Error> {
    terms
        .check()
        .map_err(|error| Error::invalid(pointer(error.field.trim_start_matches('/')), error.why))?;
    let windows = terms.windows.iter().map(|window| terms.in_window(window));
    for terms in windows.chain([terms.clone()]) {
        for (make, nas) in makes {
            let explained = Sheet::explained(&terms, *make, &[]);
            if let Some(problem) = explained.problems.first() {
                let field = match problem.term {
                    Term::Rate => "download_bps",
                    term => term.as_str(),
                };
                let message = format!(
                    "does not fit NAS of the make {}, such as {nas}: {}",
                    make.as_str(),
                    problem.why
                );
                return Err(Error::invalid(pointer(field), message));
            }
        }
    }
    Ok(())
}

/// Where a field of the terms stands in the API.
fn pointer(field: &str, of_plan: bool) -> String {
    let column = PLAN_COLUMNS.iter().find(|(name, _)| of_plan && *name == field);
    column.map_or_else(|| format!("/terms/{field}"), |(_, pointer)| (*pointer).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The makes in use by name.
    fn makes(makes: &[Make]) -> MakesInUse {
        makes.iter().map(|make| (*make, "bras-1".to_owned())).collect()
    }

    #[test]
    fn a_change_names_what_changes_and_null_takes_it_away() {
        let stored = json!({"priority": 3, "vrf": "a", "policies": {"cisco": {"down": "A", "up": "B"}}});
        let change =
            json!({"vrf": null, "vlan": 7, "policies": {"cisco": {"down": "C"}, "juniper": {"name": "D"}}});
        let merged = merged(&stored, change.as_object());
        let expected = json!({"priority": 3, "vlan": 7,
            "policies": {"cisco": {"down": "C", "up": "B"}, "juniper": {"name": "D"}}});
        assert_eq!(merged, expected);
        let all_gone = json!({"policies": {"cisco": {"down": null, "up": null}}});
        assert_eq!(
            super::merged(
                &json!({"policies": {"cisco": {"down": "A", "up": "B"}}}),
                all_gone.as_object()
            ),
            json!({})
        );
    }

    #[test]
    fn what_does_not_fit_a_make_in_use_is_refused_at_its_field() {
        let fast = Terms {
            download_bps: Some(10_000_000_000),
            upload_bps: Some(1),
            ..Terms::default()
        };
        assert!(check(&fast, true, &makes(&[Make::Mikrotik, Make::Nokia])).is_ok());
        let error = check(&fast, true, &makes(&[Make::Huawei])).expect_err("too fast for 32 bits");
        let text = format!("{error:?}");
        assert!(
            text.contains("/download_bps") && text.contains("huawei") && text.contains("bras-1"),
            "{text}"
        );
    }

    #[test]
    fn what_a_plan_says_itself_is_not_said_twice() {
        assert!(read_of_plan(&json!({"pool": "x"})).is_err());
        assert!(read_of_plan(&json!({"speed": 1})).is_err());
        assert!(read_of_plan(&json!({"priority": 1})).is_ok());
    }
}
