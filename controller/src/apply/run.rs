//! Sends the requests of a plan, one after the other.
//! Never goes on after a failure: it says what failed and how far it came, and a second run continues from there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::desired::Kind;
use super::plan::{Change, Plan, Segment, Verb};
use crate::client::{Api, ClientError};
use crate::failure::{Exit, Failure};

/// Ids of the objects this run has made, by partner, kind and name.
type Made = BTreeMap<(String, Kind, String), String>;

/// Makes the plan true.
///
/// # Errors
/// The first request that fails, with what it was for and how many changes are done.
pub async fn execute(api: &Api, plan: &Plan) -> Result<(), Failure> {
    let mut made = Made::new();
    for (done, change) in plan.changes.iter().enumerate() {
        if let Err(failure) = one(api, change, &mut made).await {
            let title = format!(
                "cannot {} {}: {}",
                change.shown.op.word(),
                change.shown.object(),
                failure.title
            );
            let progress = format!(
                "{done} of {} changes are done; mend the cause and run the same again",
                plan.changes.len()
            );
            return Err(Failure { title, ..failure }.next(progress));
        }
    }
    Ok(())
}

/// Sends the requests of one change.
async fn one(api: &Api, change: &Change, made: &mut Made) -> Result<(), Failure> {
    for request in &change.requests {
        let path = path(&change.shown.partner, &request.path, made)?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let body = Value::Object(request.body.clone());
        match request.verb {
            Verb::Post => {
                let object = api.post(&path, &body).await?;
                let id = object["id"].as_str().unwrap_or_default().to_owned();
                made.insert(
                    (
                        change.shown.partner.clone(),
                        change.shown.kind,
                        change.shown.name.clone(),
                    ),
                    id,
                );
            }
            Verb::Patch => drop(api.patch(&path, &body).await?),
            Verb::Put => drop(api.put(&path, &body).await?),
            Verb::Delete => match api.delete(&path, &[]).await {
                // Somebody else was faster; it is gone, as the file wants.
                Err(ClientError::Problem(problem)) if problem.status == 404 => {}
                other => other?,
            },
        }
    }
    Ok(())
}

/// The path with the ids that are known by now.
fn path(partner: &str, segments: &[Segment], made: &Made) -> Result<Vec<String>, Failure> {
    segments
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => Ok(text.clone()),
            Segment::IdOf(kind, name) => {
                let id = made
                    .get(&(partner.to_owned(), *kind, name.clone()))
                    .filter(|id| !id.is_empty());
                id.cloned().ok_or_else(|| {
                    Failure::new(
                        Exit::Failed,
                        format!("the server gave no id for the new {} {name}", kind.word()),
                    )
                })
            }
        })
        .collect()
}
