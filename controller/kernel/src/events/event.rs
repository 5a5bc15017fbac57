//! One thing that happened: as an act tells it, and as the log has it.
//! Never keeps a secret or more than a bounded piece of data.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::kind::Kind;
use crate::audit::entry::{cut, scrub};
use crate::id::{EventId, PartnerId, RequestId};

/// The most data an event carries, in octets of JSON; who wants more fetches the object.
pub const DATA_OCTETS_MAX: usize = 16 * 1024;

/// What an act tells; who acted and when come from the operation.
#[derive(Debug, Clone)]
pub struct Event {
    /// What happened.
    pub(super) kind: &'static Kind,
    /// To which thing.
    pub(super) subject_id: String,
    /// How people call it.
    pub(super) subject_label: String,
    /// What changed.
    pub(super) data: Value,
}

impl Event {
    /// That `kind` happened to the thing with this id, which people call `label`.
    pub fn new(kind: &'static Kind, id: impl std::fmt::Display, label: impl Into<String>) -> Self {
        Self {
            kind,
            subject_id: cut(id.to_string()),
            subject_label: cut(label.into()),
            data: json!({}),
        }
    }

    /// What is to be known of it. What stands under a key that names a secret is hidden; what is too large is left out.
    #[must_use]
    pub fn data(self, data: Value) -> Self {
        let data = scrub(data);
        let octets = data.to_string().len();
        let data = if octets > DATA_OCTETS_MAX {
            json!({ "omitted": format!("{octets} octets, more than an event carries; fetch the object") })
        } else {
            data
        };
        Self { data, ..self }
    }

    /// What of an object is different now: `before` and `after` of the members that changed. `None` when none did.
    #[must_use]
    pub fn changed(self, before: &Value, after: &Value) -> Option<Self> {
        let data = difference(before, after)?;
        Some(self.data(data))
    }
}

/// The members of two objects that differ.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Option<Value> {
    let none = Map::new();
    let (old, new) = (
        before.as_object().unwrap_or(&none),
        after.as_object().unwrap_or(&none),
    );
    let pick = |from: &Map<String, Value>, other: &Map<String, Value>| -> Map<String, Value> {
        from.iter()
            .filter(|(key, value)| other.get(*key).unwrap_or(&Value::Null) != *value)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let (was, is) = (pick(old, new), pick(new, old));
    (!was.is_empty() || !is.is_empty()).then(|| json!({ "before": was, "after": is }))
}

/// An event as the log has it.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its place in the log; the later the larger, with gaps.
    pub position: i64,
    /// Its own id, the same however often it is told.
    pub id: EventId,
    /// Whose; `None`: the platform's own.
    pub partner: Option<PartnerId>,
    /// What happened.
    pub kind: String,
    /// To what kind of thing.
    pub subject_kind: String,
    /// To which.
    pub subject_id: String,
    /// How people called it then.
    pub subject_label: String,
    /// When.
    pub at: OffsetDateTime,
    /// `user`, `api_key`, `system` or `anonymous`.
    pub actor_kind: String,
    /// The person's or key's id.
    pub actor_id: Option<Uuid>,
    /// As he was called then.
    pub actor_name: String,
    /// In which request.
    pub request_id: RequestId,
    /// What changed.
    pub data: Value,
}

impl Logged {
    /// The event as streams and webhooks tell it.
    #[must_use]
    pub fn told(&self) -> Value {
        let at = self.at.format(&time::format_description::well_known::Rfc3339);
        json!({
            "id": self.id,
            "position": self.position,
            "kind": self.kind,
            "at": at.unwrap_or_default(),
            "partner_id": self.partner,
            "subject": { "kind": self.subject_kind, "id": self.subject_id, "label": self.subject_label },
            "actor": { "kind": self.actor_kind, "id": self.actor_id, "name": self.actor_name },
            "request_id": self.request_id,
            "data": self.data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::kinds::CLIENT_UPDATED;

    #[test]
    fn only_what_differs_is_told_and_secrets_are_not() {
        let before = json!({ "name": "a", "status": "active", "gone": 1 });
        let after = json!({ "name": "b", "status": "active", "password": "changed", "new": null });
        let event = Event::new(&CLIENT_UPDATED, 7, "a").changed(&before, &after);
        let expected = json!({
            "before": { "name": "a", "gone": 1 },
            "after": { "name": "b", "password": "REDACTED" },
        });
        assert_eq!(event.map(|event| event.data), Some(expected));
    }

    #[test]
    fn where_nothing_differs_nothing_happened() {
        let same = json!({ "name": "a" });
        assert!(
            Event::new(&CLIENT_UPDATED, 7, "a")
                .changed(&same, &same)
                .is_none()
        );
    }

    #[test]
    fn data_has_a_bound() {
        let large = json!({ "text": "x".repeat(DATA_OCTETS_MAX) });
        let event = Event::new(&CLIENT_UPDATED, 7, "a").data(large);
        assert!(event.data["omitted"].is_string() && event.data.to_string().len() < 200);
    }
}
