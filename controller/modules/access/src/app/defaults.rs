//! What a NAS, or else its partner, gives when neither a subscriber nor his plan says otherwise.
//! Never hours or spread reports: those are a plan's.

use kernel::audit::{self, Entry};
use kernel::id::NasId;
use kernel::{Error, OpContext};
use serde_json::{Map, Value, json};

use super::{App, terms};
use crate::store::{self, Tx, defaults as rows};

impl App {
    /// The defaults of the partner, or of one of its NAS.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a NAS that is not there.
    pub async fn defaults_get(&self, op: &OpContext, nas: Option<NasId>) -> Result<Value, Error> {
        let mut tx = self.db.begin(op).await?;
        whose(&mut tx, op, nas).await?;
        let stored = rows::defaults_fetch(&mut tx, op, nas).await?;
        tx.commit().await?;
        Ok(stored.unwrap_or_else(|| json!({})))
    }

    /// Changes the defaults: what is named takes the place of what there is, `null` takes it away.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what makes no sense, or a NAS of the partner could not be told.
    pub async fn defaults_update(
        &self,
        op: &OpContext,
        nas: Option<NasId>,
        change: &Map<String, Value>,
    ) -> Result<Value, Error> {
        let mut tx = self.db.begin(op).await?;
        let name = whose(&mut tx, op, nas).await?;
        let before = rows::defaults_fetch(&mut tx, op, nas)
            .await?
            .unwrap_or_else(|| json!({}));
        let after = terms::merged(&before, Some(change));
        let read = terms::read("/terms", &after)?;
        if !read.windows.is_empty() || read.interim_spread_s.is_some() {
            return Err(Error::invalid(
                "/terms",
                "windows and interim_spread_s are a plan's",
            ));
        }
        terms::check(&read, false, &terms::makes_in_use(&mut tx, op).await?)?;
        if read.is_empty() {
            rows::defaults_delete(&mut tx, op, nas).await?;
        } else {
            rows::defaults_put(&mut tx, op, nas, &after).await?;
        }
        let entry = match nas {
            None => Entry::ok("defaults.update", "partner").object(op.require_partner()?, &name),
            Some(nas) => Entry::ok("defaults.update", "nas").object(nas, &name),
        };
        audit::record(&mut tx, op, entry.before(before).after(after.clone())).await?;
        tx.commit().await?;
        Ok(after)
    }
}

/// The name of whose defaults they are.
async fn whose(tx: &mut Tx, op: &OpContext, nas: Option<NasId>) -> Result<String, Error> {
    let Some(id) = nas else {
        return Ok("defaults".to_owned());
    };
    let found = store::nas::nas_fetch(tx, op, id).await?;
    found
        .map(|nas| nas.name)
        .ok_or_else(|| Error::not_found("nas", id))
}
