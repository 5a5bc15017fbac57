//! Batches on their way to the API: filled, sent when full, and what became of each thing in them put into the report.
//! Never sends a thing twice; a batch that fails ends the import, and the next run finds what has arrived.

use serde_json::{Map, Value, json};

use super::report::{Kind, Report};
use crate::client::Api;
use crate::failure::{Exit, Failure};

/// Things a batch may hold; the API takes no more.
const BATCH_ITEMS_MAX: usize = 1_000;
/// Rows of one table that one thing may have; the API refuses a batch in which one has more.
const ROWS_MAX: usize = 128;
/// See [`ROWS_MAX`].
const GROUPS_MAX: usize = 64;
/// Octets of JSON in a batch; the API takes a mebibyte with what stands around them.
const BATCH_OCTETS_MAX: usize = 900 * 1_024;

/// Where an import goes.
pub struct Target<'a> {
    /// The API.
    pub api: &'a Api,
    /// The partner.
    pub partner: &'a str,
    /// The import; `None`: a trial.
    pub import: Option<&'a str>,
}

/// Batches of one kind.
pub struct Batches<'a> {
    /// Where they go.
    target: &'a Target<'a>,
    /// Of which kind.
    kind: Kind,
    /// The last part of the path.
    path: &'static str,
    /// What each batch says beside its things.
    beside: Map<String, Value>,
    /// The things of the next one.
    items: Vec<Value>,
    /// Where each stands in the source, and how people call it.
    names: Vec<(String, String)>,
    /// Octets they have.
    octets: usize,
}

impl<'a> Batches<'a> {
    /// Batches of a kind, each with what is `beside`.
    pub fn new(target: &'a Target<'a>, kind: Kind, path: &'static str, beside: Map<String, Value>) -> Self {
        Self {
            target,
            kind,
            path,
            beside,
            items: Vec::new(),
            names: Vec::new(),
            octets: 0,
        }
    }

    /// Adds a thing; sends what is full.
    ///
    /// # Errors
    /// The API's.
    pub async fn push(
        &mut self,
        item: Value,
        place: String,
        name: &str,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let octets = item.to_string().len() + 1;
        report.tally(self.kind).read += 1;
        let rows = |field: &str| item[field].as_array().map_or(0, Vec::len);
        let many = ["check", "reply"].into_iter().any(|field| rows(field) > ROWS_MAX)
            || ["groups", "identified_by"]
                .into_iter()
                .any(|field| rows(field) > GROUPS_MAX);
        if octets > BATCH_OCTETS_MAX || many {
            report.refuse(self.kind, place, name, "it has too many rows");
            return Ok(());
        }
        if self.items.len() == BATCH_ITEMS_MAX || self.octets + octets > BATCH_OCTETS_MAX {
            self.send(report).await?;
        }
        self.items.push(item);
        self.names.push((place, name.to_owned()));
        self.octets += octets;
        Ok(())
    }

    /// Sends what there is.
    ///
    /// # Errors
    /// The API's; and when its answer does not account for everything.
    pub async fn send(&mut self, report: &mut Report) -> Result<(), Failure> {
        if self.items.is_empty() {
            return Ok(());
        }
        let count = self.items.len() as u64;
        let mut body = self.beside.clone();
        if let Some(import) = self.target.import {
            body.insert("import_id".to_owned(), json!(import));
        }
        body.insert("items".to_owned(), Value::Array(std::mem::take(&mut self.items)));
        self.octets = 0;
        let path = ["partners", self.target.partner, "import", self.path];
        let outcome = self.target.api.post(&path, &Value::Object(body)).await;
        let outcome = outcome.map_err(|error| {
            Failure::from(error)
                .detail(format!(
                    "a batch of {count} {}s was not taken; what came before it is in",
                    self.kind.word()
                ))
                .next("import again: what is there stays as it is")
        })?;
        let figure = |name: &str| outcome[name].as_u64().unwrap_or(0);
        let tally = report.tally(self.kind);
        tally.imported += figure("imported");
        tally.updated += figure("updated");
        tally.unchanged += figure("unchanged");
        let refused = outcome["refused"].as_array().map_or(&[][..], Vec::as_slice);
        let sum = figure("imported") + figure("updated") + figure("unchanged") + refused.len() as u64;
        let names = std::mem::take(&mut self.names);
        for remark in refused {
            let at = remark["index"]
                .as_u64()
                .and_then(|index| usize::try_from(index).ok());
            let (place, name) = at.and_then(|at| names.get(at)).cloned().unwrap_or_default();
            report.refuse(
                self.kind,
                place,
                &name,
                remark["says"].as_str().unwrap_or_default(),
            );
        }
        if sum == count {
            return Ok(());
        }
        let message = format!("the server accounted for {sum} of {count} {}s", self.kind.word());
        Err(Failure::new(Exit::Failed, message))
    }
}
