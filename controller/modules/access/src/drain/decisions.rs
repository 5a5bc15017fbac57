//! A batch of journalled decisions into `access.radpostauth`.
//! Never moves the cursor; [`super`] does, in the same transaction.

use kernel::Error;
use radius_server::class;
use radius_server::decision::{Decision, Outcome};
use radius_server::journal::OwnedRecord;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tracing::warn;

use super::row::{clean, hex};
use crate::causes::Causes;
use crate::store::Tx;
use crate::store::decision::{self, DecisionRow};

/// Carries a batch into the database; how many records could not be read.
pub async fn carry(tx: &mut Tx, records: &[OwnedRecord]) -> Result<u64, Error> {
    let mut unreadable = 0;
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        match read(&record.payload) {
            Ok(row) => rows.push(row),
            Err(error) => {
                unreadable += 1;
                warn!(seq = record.seq, error = %Causes(&*error), "a decision record cannot be read and is passed over");
            }
        }
    }
    if !rows.is_empty() {
        decision::decision_insert(tx, &rows).await?;
    }
    Ok(unreadable)
}

/// Reads one journalled decision.
fn read(payload: &[u8]) -> Result<DecisionRow, Box<dyn std::error::Error + 'static>> {
    let decision = Decision::decode(payload)?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(decision.at_unix_us) * 1_000)?;
    let class = || hex(&class::head(decision.id));
    Ok(DecisionRow {
        id: decision.id.as_uuid(),
        tenant: decision.partner.as_uuid(),
        username: clean(&decision.username),
        reply: decision.outcome.reply_name().to_owned(),
        at,
        class: (decision.outcome == Outcome::Accepted).then(class),
        called_station: said(&decision.called_station),
        calling_station: said(&decision.calling_station),
        nas: decision.nas.as_uuid(),
        subscriber: decision.subscriber.map(|subscriber| subscriber.as_uuid()),
        reason: decision.outcome.as_str().to_owned(),
        steps: steps(&decision),
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
    (!text.is_empty()).then(|| clean(text))
}
