//! Would a subscriber get in now, on that NAS, and with what? Asked of the access plane's memory, by the code that answers
//! packets. Changes nothing and needs no packet.

use kernel::id::{NasId, SubscriberId};
use kernel::{Error, OpContext};
use radius::attribute::Tree;
use radius::dictionary::STANDARD;
use radius_server::authentication::{Question, SimulationError, simulate};
use radius_server::clock::Now;
use serde_json::Value;

use super::App;
use super::subscriber::subscriber_found;
use crate::drain::decisions::steps;
use crate::store;

/// Whose login, where.
#[derive(Debug)]
pub struct Simulate {
    /// Whose.
    pub subscriber: SubscriberId,
    /// On which NAS.
    pub nas: NasId,
    /// Calling-Station-Id.
    pub calling_station: Option<String>,
    /// NAS-Port-Id.
    pub port_id: Option<String>,
}

/// What would come of it.
#[derive(Debug)]
pub struct Answered {
    /// `Access-Accept` or `Access-Reject`.
    pub outcome: &'static str,
    /// The typed outcome.
    pub reason: &'static str,
    /// The same in a sentence.
    pub words: &'static str,
    /// `[{step, found, ok}]`.
    pub steps: Value,
    /// The attributes of the reply, one a line.
    pub attributes: Vec<String>,
}

impl App {
    /// Answers it from what the access plane knows now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subscriber or a NAS that the partner has not, [`Error::Conflict`] for one that has not
    /// reached the access plane.
    pub async fn radius_simulate(&self, op: &OpContext, ask: Simulate) -> Result<Answered, Error> {
        let mut tx = self.db.begin(op).await?;
        subscriber_found(&mut tx, op, ask.subscriber).await?;
        let nas = store::nas::nas_fetch(&mut tx, op, ask.nas).await?;
        tx.commit().await?;
        nas.ok_or_else(|| Error::not_found("nas", ask.nas))?;
        let question = Question {
            nas: ask.nas.as_uuid().into(),
            subscriber: ask.subscriber.as_uuid().into(),
            calling_station: ask.calling_station.as_deref(),
            port_id: ask.port_id.as_deref(),
            now: Now::read(),
        };
        let simulated = simulate(&self.plane.directory, &question).map_err(|why| match why {
            SimulationError::TooLong => Error::invalid("", why.to_string()),
            not_there => Error::conflict("simulation", not_there.to_string()),
        })?;
        let outcome = simulated.decision.outcome;
        Ok(Answered {
            outcome: outcome.reply_name(),
            reason: outcome.as_str(),
            words: outcome.words(),
            steps: steps(&simulated.decision),
            attributes: Tree::decode(&simulated.attributes, &STANDARD).show(&STANDARD),
        })
    }
}
