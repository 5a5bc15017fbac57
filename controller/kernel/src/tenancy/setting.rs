//! Settings of a partner. A closed list: a key we do not know is a mistake, not a place to keep things.

use serde_json::{Value, json};

use super::{Tenancy, store};
use crate::audit::{self, Entry};
use crate::error::Error;
use crate::input::Input;
use crate::op::OpContext;

/// The words a partner may call otherwise in its own console; it never changes the API or the database.
const RELABELLED: [&str; 6] = ["partner", "client", "site", "subscriber", "agent", "plan"];
/// The longest word of one's own, in characters.
const LABEL_CHARS_MAX: usize = 50;

/// The rule of one setting: notes what is wrong with a value.
type Rule = fn(&mut Input, &Value);

/// The keys there are, each with its rule.
const KEYS: [(&str, Rule); 1] = [("label_overrides", check_label_overrides)];

impl Tenancy {
    /// All settings that are set, as one object.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn setting_list(&self, op: &OpContext) -> Result<serde_json::Map<String, Value>, Error> {
        let mut tx = self.db.begin(op).await?;
        Ok(store::setting::setting_list_in_tx(&mut tx, op)
            .await?
            .into_iter()
            .collect())
    }

    /// Sets one setting.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key that is not on the list; [`Error::Invalid`] for a value that breaks its rule.
    pub async fn setting_put(&self, op: &OpContext, key: &str, value: &Value) -> Result<(), Error> {
        let (key, check) = KEYS
            .iter()
            .find(|(known, _)| *known == key)
            .ok_or_else(|| Error::not_found("setting", key))?;
        let mut input = Input::new();
        check(&mut input, value);
        input.finish()?;
        let mut tx = self.db.begin(op).await?;
        let before = store::setting::setting_fetch_in_tx(&mut tx, op, key).await?;
        store::setting::setting_put_in_tx(&mut tx, op, key, value).await?;
        let entry = Entry::ok("setting.put", "setting")
            .object(key, *key)
            .before(json!({ "value": before }))
            .after(json!({ "value": value }));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// `{"client": "Account"}`: a known word on the left, a short label on the right.
fn check_label_overrides(input: &mut Input, value: &Value) {
    let Some(labels) = value.as_object() else {
        input.wrong(
            "/value",
            "use an object of labels, for example {\"client\": \"Account\"}",
        );
        return;
    };
    for (word, label) in labels {
        let pointer = format!("/value/{}", word.replace('~', "~0").replace('/', "~1"));
        if !RELABELLED.contains(&word.as_str()) {
            input.wrong(
                &pointer,
                format!("only these can be renamed: {}", RELABELLED.join(", ")),
            );
        }
        let good = label.as_str().is_some_and(|label| {
            (1..=LABEL_CHARS_MAX).contains(&label.chars().count()) && !label.chars().any(char::is_control)
        });
        if !good {
            input.wrong(&pointer, format!("use text of 1 to {LABEL_CHARS_MAX} characters"));
        }
    }
}
