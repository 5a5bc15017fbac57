//! Replacing the shared secret of a NAS while it goes on working: for a time both are good.
//! Never shows either of them.

use std::ops::RangeInclusive;

use kernel::audit::{self, Entry};
use kernel::id::NasId;
use kernel::{Error, OpContext};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::input::secret_check;
use super::{App, NasWritten, nas_found, shown};
use crate::store;

/// How long both secrets may be good, in seconds: a minute to ninety days.
pub const OVERLAP_S: RangeInclusive<i64> = 60..=90 * 24 * 3_600;

/// A secret in place of the one that is set.
#[derive(Debug)]
pub struct SecretRotation {
    /// The new one.
    pub secret: Zeroizing<String>,
    /// How long the one that is set stays good, in seconds.
    pub overlap_s: i64,
}

impl App {
    /// Replaces the shared secret of a NAS; what it is set to now stays good for a time, so that somebody can enter the new
    /// one there.
    ///
    /// # Errors
    /// [`Error::Conflict`] while an earlier rotation has not ended: a third secret would cut off who still uses the first.
    pub async fn nas_secret_rotate(
        &self,
        op: &OpContext,
        id: NasId,
        rotation: SecretRotation,
    ) -> Result<NasWritten, Error> {
        let mut warnings = Vec::new();
        secret_check("/secret", &rotation.secret, &mut warnings)?;
        if !OVERLAP_S.contains(&rotation.overlap_s) {
            let (least, most) = (OVERLAP_S.start(), OVERLAP_S.end());
            let message = format!("must be {least} to {most} seconds");
            return Err(Error::invalid("/overlap_s", message));
        }
        let sealed = self.nas_seal(op, id, Some(&rotation.secret), None)?;
        let secret = sealed.secret.unwrap_or_default();
        let now = OffsetDateTime::now_utc();
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_lock(&mut tx, op, id).await?;
        let before = nas_found(&mut tx, op, id).await?;
        if let Some(until) = before.older_secret_until.filter(|until| *until > now) {
            return Err(Error::conflict(
                "nas",
                format!(
                    "the secret NAS {} had before is good until {until}; end that first (headend nas secret end {})",
                    before.name, before.name
                ),
            ));
        }
        let until = now + Duration::seconds(rotation.overlap_s);
        store::nas::nas_secret_rotate(&mut tx, op, id, &secret, until).await?;
        let after = nas_found(&mut tx, op, id).await?;
        let mut now_shown = shown(&after);
        now_shown["secret"] = json!("changed");
        let entry = Entry::ok("nas.secret_rotate", "nas")
            .object(id, &after.name)
            .before(shown(&before))
            .after(now_shown);
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(NasWritten {
            report: self.nas_report(after),
            warnings,
        })
    }

    /// Ends the time of the secret a NAS had before; the next request made with it is not answered.
    ///
    /// # Errors
    /// [`Error::NotFound`]; a NAS without an older secret is not an error.
    pub async fn nas_secret_end(&self, op: &OpContext, id: NasId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_lock(&mut tx, op, id).await?;
        let before = nas_found(&mut tx, op, id).await?;
        store::nas::nas_older_secret_forget(&mut tx, op, id).await?;
        let after = nas_found(&mut tx, op, id).await?;
        let entry = Entry::ok("nas.secret_end", "nas")
            .object(id, &after.name)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
