//! `access.radcheck`: the credential of a subscriber, in FreeRADIUS's own table.
//! Never sees a clear password from us: the value is sealed. A FreeRADIUS tool may have written a clear one; the feeder
//! honours it, and the next change through the API replaces it with a sealed one.

use kernel::id::SubscriberId;
use kernel::{Error, OpContext};

use super::Tx;
use crate::credential;

/// What is stored of a password; it never prints the value, which may be a clear one.
pub struct Stored {
    /// FreeRADIUS's attribute.
    pub attribute: String,
    /// Sealed, or clear when a FreeRADIUS tool wrote it.
    pub value: String,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stored({}, REDACTED)", self.attribute)
    }
}

/// What is stored of the password of a user name, if anything: what counts, of several.
pub async fn radcheck_password_fetch(
    tx: &mut Tx,
    op: &OpContext,
    username: &str,
) -> Result<Option<Stored>, Error> {
    let stored = sqlx::query_as!(
        Stored,
        "SELECT attribute, value FROM access.radcheck
          WHERE tenant_id = $1 AND username = $2 AND attribute = ANY ($3)
          ORDER BY array_position($3::text[], attribute), id DESC LIMIT 1",
        op.require_partner()?.as_uuid(),
        username,
        &credential::attributes()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(stored)
}

/// Replaces what is stored of the password of a user name.
pub async fn radcheck_password_put(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    username: &str,
    attribute: &str,
    sealed: &str,
) -> Result<(), Error> {
    radcheck_password_delete(tx, op, username).await?;
    sqlx::query!(
        "INSERT INTO access.radcheck (tenant_id, subscriber_id, username, attribute, op, value)
         VALUES ($1, $2, $3, $4, ':=', $5)",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        username,
        attribute,
        sealed
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes whatever is stored of the password of a user name.
pub async fn radcheck_password_delete(tx: &mut Tx, op: &OpContext, username: &str) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.radcheck WHERE tenant_id = $1 AND username = $2 AND attribute = ANY ($3)",
        op.require_partner()?.as_uuid(),
        username,
        &credential::attributes()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes everything FreeRADIUS's tables say about a user name: checks, replies and group memberships.
pub async fn radcheck_purge(tx: &mut Tx, op: &OpContext, username: &str) -> Result<(), Error> {
    let tenant = op.require_partner()?.as_uuid();
    sqlx::query!(
        "DELETE FROM access.radcheck WHERE tenant_id = $1 AND username = $2",
        tenant,
        username
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.radreply WHERE tenant_id = $1 AND username = $2",
        tenant,
        username
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "DELETE FROM access.radusergroup WHERE tenant_id = $1 AND username = $2",
        tenant,
        username
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
