//! `access.radcheck`: the credential of a subscriber, in FreeRADIUS's own table.
//! Never sees a clear password from us: the value is sealed. A FreeRADIUS tool may have written a clear one; the feeder
//! honours it, and the next change through the API replaces it with a sealed one.

use kernel::id::SubscriberId;
use kernel::{Error, OpContext};

use super::Tx;

/// The attribute that carries the password, FreeRADIUS's name.
pub const CLEARTEXT_PASSWORD: &str = "Cleartext-Password";

/// Replaces the password of a user name.
pub async fn radcheck_password_put(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    username: &str,
    sealed: &str,
) -> Result<(), Error> {
    radcheck_password_delete(tx, op, username).await?;
    sqlx::query!(
        "INSERT INTO access.radcheck (tenant_id, subscriber_id, username, attribute, op, value)
         VALUES ($1, $2, $3, $4, ':=', $5)",
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        username,
        CLEARTEXT_PASSWORD,
        sealed
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes the password of a user name.
pub async fn radcheck_password_delete(tx: &mut Tx, op: &OpContext, username: &str) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM access.radcheck WHERE tenant_id = $1 AND username = $2
            AND attribute IN ('Cleartext-Password', 'User-Password')",
        op.require_partner()?.as_uuid(),
        username
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
