//! What a partner wants done when a session does not change as it goes on. Unless he says otherwise it is ended: who pays for more
//! is not to wait for it, and who has no service is not to keep it.

use coa::IfRefused;
use kernel::audit::{self, Entry};
use kernel::{Error, OpContext};
use serde_json::json;

use crate::app::App;
use crate::store::Tx;
use crate::store::capability as rows;

/// It is ended.
pub const DISCONNECT: &str = "disconnect";
/// It goes on, and somebody looks at it.
pub const OPERATOR: &str = "operator";

/// A word as it is meant.
pub(super) fn read(word: &str) -> IfRefused {
    if word == OPERATOR {
        IfRefused::Operator
    } else {
        IfRefused::Disconnect
    }
}

/// What the partner of an operation wants, as a word.
pub(super) async fn if_refused(tx: &mut Tx, op: &OpContext) -> Result<&'static str, Error> {
    let said = rows::session_policy_fetch(tx, op).await?;
    Ok(if said.as_deref() == Some(OPERATOR) {
        OPERATOR
    } else {
        DISCONNECT
    })
}

impl App {
    /// What this partner wants done when a session does not change.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_policy_get(&self, op: &OpContext) -> Result<&'static str, Error> {
        let mut tx = self.db.begin(op).await?;
        let said = if_refused(&mut tx, op).await?;
        tx.commit().await?;
        Ok(said)
    }

    /// Sets it, for what is wanted from now on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another word than `disconnect` and `operator`.
    pub async fn session_policy_put(&self, op: &OpContext, word: &str) -> Result<&'static str, Error> {
        if ![DISCONNECT, OPERATOR].contains(&word) {
            return Err(Error::invalid("/if_refused", "must be disconnect or operator"));
        }
        let mut tx = self.db.begin(op).await?;
        let before = if_refused(&mut tx, op).await?;
        rows::session_policy_put(&mut tx, op, word).await?;
        let entry = Entry::ok("session_policy.update", "partner")
            .object(op.require_partner()?, "session policy")
            .before(json!({ "if_refused": before }))
            .after(json!({ "if_refused": word }));
        audit::record(&mut tx, op, entry).await?;
        let said = if_refused(&mut tx, op).await?;
        tx.commit().await?;
        Ok(said)
    }
}
