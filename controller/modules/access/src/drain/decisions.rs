//! A batch of journalled decisions into `access.radpostauth`.
//! Never moves the cursor; [`super`] does, in the same transaction.

use kernel::Error;
use radius_server::class;
use radius_server::decision::{Decision, Outcome};
use radius_server::journal::OwnedRecord;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::row::clean;
use super::{Aside, causes_text};
use crate::store::Tx;
use crate::store::decision::{self, DecisionRow, DecisionRows};

/// What a batch asks for.
#[derive(Debug, Default)]
pub struct Plan {
    /// The rows.
    rows: DecisionRows,
    /// Records that nobody can read.
    pub unreadable: Vec<Aside>,
}

/// What a batch asks for.
pub fn plan(records: &[OwnedRecord]) -> Plan {
    let mut plan = Plan::default();
    for record in records {
        match read(&record.payload) {
            Ok(row) => plan.rows.add(&row),
            Err(error) => plan.unreadable.push(Aside::of(record, causes_text(&*error))),
        }
    }
    plan
}

/// Carries a batch into the database.
pub async fn carry(tx: &mut Tx, plan: &Plan) -> Result<(), Error> {
    match plan.rows.count() {
        0 => Ok(()),
        _ => decision::decision_insert(tx, &plan.rows).await,
    }
}

/// Reads one journalled decision.
fn read(payload: &[u8]) -> Result<DecisionRow, Box<dyn std::error::Error + 'static>> {
    let decision = Decision::decode(payload)?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(decision.at_unix_us) * 1_000)?;
    let class = || class::head(decision.id).to_vec();
    Ok(DecisionRow {
        id: decision.id.as_uuid(),
        tenant: decision.partner.as_uuid(),
        username: clean(&decision.username).into_owned(),
        reply: decision.outcome.reply_name(),
        at,
        class: (decision.outcome == Outcome::Accepted).then(class),
        called_station: said(&decision.called_station),
        calling_station: said(&decision.calling_station),
        nas: decision.nas.as_uuid(),
        subscriber: decision.subscriber.map(|subscriber| subscriber.as_uuid()),
        reason: decision.outcome.as_str(),
        steps: steps(&decision).to_string(),
        duration_us: i32::try_from(decision.duration_us).unwrap_or(i32::MAX),
    })
}

/// The explanation as it is stored and shown.
#[must_use]
pub fn steps(decision: &Decision) -> Value {
    let steps = decision.steps.iter().map(
        |step| json!({ "step": step.step.as_str(), "found": clean(&step.found.words()), "ok": step.ok }),
    );
    Value::Array(steps.collect())
}

/// Text that was sent; an empty one was not.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| clean(text).into_owned())
}
