//! Writes that are asked for again with the same key are not done again: the first answer is given once more.
//! Never guesses: a first attempt that was cut off is told as such. Knows no HTTP beyond the number of a status.
//!
//! `http` asks with [`Keys::claim`] before a write that carries a key, and says with [`Keys::settle`] what came of it.
//! `store` holds the SQL.

mod store;

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::database::Database;
use crate::error::Error;
use crate::op::OpContext;
use crate::secrets::{CLEAR_OCTETS_MAX, Sealer};

/// How long an answer is remembered.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many answers of one caller are remembered; beyond it the oldest are forgotten earlier.
pub const KEYS_PER_CALLER_MAX: i64 = 10_000;
/// The longest key, in octets.
pub const KEY_OCTETS_MAX: usize = 255;
/// How long a write may be under way; longer than any request may take.
const LEASE: Duration = Duration::from_secs(120);
/// How many forgotten answers a write carries out.
const SWEPT_MAX: i64 = 100;

/// What is known of a key.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: the write is to be done now.
    Ours(Place),
    /// It was done; this was the answer.
    Done(Answer),
    /// It was done, and its answer was too long to keep.
    AnswerLost {
        /// The status of the answer.
        status: u16,
    },
    /// It is being done by another request.
    UnderWay,
    /// It was begun and cut off; whether it took effect is not known.
    CutOff,
    /// The key stands for another request.
    Another,
}

/// The place of an answer that is still to come.
#[derive(Debug)]
pub struct Place {
    /// Who sent the key.
    caller: Uuid,
    /// The key.
    key: String,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// What came of a write.
#[derive(Debug)]
pub enum Outcome {
    /// It was done.
    Done(Answer),
    /// It was not done; asking again may.
    NotDone,
}

/// The keys of all callers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Where they are kept.
    db: Database,
    /// Seals answers.
    sealer: Sealer,
}

/// What a request is, so that the same key for another one is noticed.
pub fn fingerprint(method: &str, path_and_query: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), path_and_query.as_bytes(), body] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl Keys {
    /// Over this database.
    pub fn new(db: Database, sealer: Sealer) -> Self {
        Self { db, sealer }
    }

    /// Takes the key for a write, or says what is known of it.
    ///
    /// # Errors
    /// The database's; [`Error::Internal`] when a kept answer does not open.
    pub async fn claim(
        &self,
        op: &OpContext,
        caller: Uuid,
        key: &str,
        request: &[u8; 32],
    ) -> Result<Claim, Error> {
        let mut tx = self.db.begin(&OpContext::system("idempotency")).await?;
        store::sweep_in_tx(&mut tx, caller).await?;
        let ours = store::claim_in_tx(&mut tx, op, caller, key, request).await?;
        let known = match ours {
            true => None,
            false => store::fetch_in_tx(&mut tx, caller, key).await?,
        };
        tx.commit().await?;
        let place = Place {
            caller,
            key: key.to_owned(),
        };
        let Some(known) = known else {
            // A row that was in the way and is gone was forgotten this instant: asking again finds nothing in the way.
            return Ok(if ours { Claim::Ours(place) } else { Claim::UnderWay });
        };
        if known.request != request {
            return Ok(Claim::Another);
        }
        match known.status {
            Some(status) if known.answer_lost => Ok(Claim::AnswerLost { status }),
            Some(status) => Ok(Claim::Done(Answer {
                status,
                body: self.open(&place, known.answer.as_deref())?,
            })),
            None if known.under_way => Ok(Claim::UnderWay),
            None => Ok(Claim::CutOff),
        }
    }

    /// Keeps the answer of a write, or forgets its key.
    ///
    /// # Errors
    /// The database's; the write stands nevertheless, and its key says that it was cut off.
    pub async fn settle(&self, place: Place, outcome: Outcome) -> Result<(), Error> {
        let mut tx = self.db.begin(&OpContext::system("idempotency")).await?;
        match outcome {
            Outcome::NotDone => store::forget_in_tx(&mut tx, place.caller, &place.key).await?,
            Outcome::Done(answer) => {
                let lost = answer.body.len() > CLEAR_OCTETS_MAX;
                let sealed = (!lost && !answer.body.is_empty())
                    .then(|| self.sealer.seal(&place.context(), &answer.body))
                    .transpose()
                    .map_err(|source| Error::internal("sealing an answer", source))?;
                store::settle_in_tx(
                    &mut tx,
                    place.caller,
                    &place.key,
                    answer.status,
                    sealed.as_deref(),
                    lost,
                )
                .await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// A kept answer in the clear.
    fn open(&self, place: &Place, sealed: Option<&str>) -> Result<Vec<u8>, Error> {
        let Some(sealed) = sealed else {
            return Ok(Vec::new());
        };
        let clear = self
            .sealer
            .open(&place.context(), sealed)
            .map_err(|source| Error::internal("opening a kept answer", source))?;
        Ok(clear.to_vec())
    }
}

impl Place {
    /// Where its answer is sealed.
    fn context(&self) -> String {
        format!("kernel.idempotency_keys/{}/{}", self.caller, self.key)
    }
}
