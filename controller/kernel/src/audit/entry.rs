//! What one line of the audit says, as far as the caller has to say it; who and when come from the operation.
//! Never keeps a secret: see `scrub`.

use serde_json::Value;

/// The longest reason, label or id kept, in characters; what comes from outside is cut, never refused here.
pub const TEXT_CHARS_MAX: usize = 500;
/// What stands where a secret stood.
pub const REDACTED: &str = "REDACTED";
/// A key that contains one of these names a secret.
const SECRET_WORDS: [&str; 5] = ["password", "secret", "token", "credential", "key_material"];

/// What came of the act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The actor may not do it.
    Refused,
    /// It was allowed and did not work.
    Failed,
}

impl Outcome {
    /// The spelling in `kernel.audit.outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// One line to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// A verb such as `session.disconnect`, or the permission that was lacking.
    pub(super) action: String,
    /// What kind of thing it was done to.
    pub(super) object_kind: &'static str,
    /// Which one.
    pub(super) object_id: Option<String>,
    /// How people call it.
    pub(super) object_label: Option<String>,
    /// What came of it.
    pub(super) outcome: Outcome,
    /// What the actor gave as reason, or why it was refused.
    pub(super) reason: Option<String>,
    /// The object before, without secrets.
    pub(super) before: Option<Value>,
    /// The object after, without secrets.
    pub(super) after: Option<Value>,
}

impl Entry {
    /// An act that was done; `action` is `<object>.<verb>`.
    pub fn ok(action: impl Into<String>, object_kind: &'static str) -> Self {
        Self::new(action, object_kind, Outcome::Ok)
    }

    /// An act that was not allowed.
    pub fn refused(action: impl Into<String>, object_kind: &'static str) -> Self {
        Self::new(action, object_kind, Outcome::Refused)
    }

    /// An act that was allowed and did not work.
    pub fn failed(action: impl Into<String>, object_kind: &'static str) -> Self {
        Self::new(action, object_kind, Outcome::Failed)
    }

    /// A line with nothing but what every line has.
    fn new(action: impl Into<String>, object_kind: &'static str, outcome: Outcome) -> Self {
        Self {
            action: cut(action.into()),
            object_kind,
            object_id: None,
            object_label: None,
            outcome,
            reason: None,
            before: None,
            after: None,
        }
    }

    /// Names the object by its id and by what people call it.
    #[must_use]
    pub fn object(self, id: impl std::fmt::Display, label: impl Into<String>) -> Self {
        Self {
            object_id: Some(cut(id.to_string())),
            object_label: Some(cut(label.into())),
            ..self
        }
    }

    /// Says why: what the actor gave, or why it was refused.
    #[must_use]
    pub fn reason(self, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(cut(reason.into())),
            ..self
        }
    }

    /// Shows the object before the act.
    #[must_use]
    pub fn before(self, before: Value) -> Self {
        Self {
            before: Some(scrub(before)),
            ..self
        }
    }

    /// Shows the object after the act.
    #[must_use]
    pub fn after(self, after: Value) -> Self {
        Self {
            after: Some(scrub(after)),
            ..self
        }
    }
}

/// Keeps text within its bound and free of the one character PostgreSQL refuses.
pub(crate) fn cut(text: String) -> String {
    text.chars()
        .filter(|character| *character != '\0')
        .take(TEXT_CHARS_MAX)
        .collect()
}

/// Replaces what stands under a key that names a secret, at any depth, and NUL characters anywhere.
///
/// A safety net under callers who leave secrets out by themselves; it errs on the side of hiding.
pub(crate) fn scrub(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, value)| {
                    let hidden = names_secret(&key) && !value.is_null();
                    let value = if hidden {
                        Value::String(REDACTED.to_owned())
                    } else {
                        scrub(value)
                    };
                    (key.replace('\0', ""), value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(scrub).collect()),
        Value::String(text) => Value::String(text.replace('\0', "")),
        other => other,
    }
}

/// Whether a key names something that must not be read.
fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_replaced_at_any_depth() {
        let entry = Entry::ok("nas.create", "nas").after(json!({
            "name": "bras-1",
            "secret": "s3cret",
            "coa": [{ "CoA_Secret": "x", "port": 3799 }],
            "password": null,
        }));
        assert_eq!(
            entry.after,
            Some(json!({
                "name": "bras-1",
                "secret": "REDACTED",
                "coa": [{ "CoA_Secret": "REDACTED", "port": 3799 }],
                "password": null,
            }))
        );
    }

    #[test]
    fn text_from_outside_is_cut_and_freed_of_nul() {
        let entry = Entry::refused("x", "route").reason("a\0b".to_owned() + &"é".repeat(TEXT_CHARS_MAX));
        let reason = entry.reason.unwrap_or_default();
        assert!(reason.starts_with("abé"));
        assert_eq!(reason.chars().count(), TEXT_CHARS_MAX);
    }
}
