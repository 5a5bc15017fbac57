//! The monthly partitions of `access.radacct` and `access.radpostauth`.
//! Never drops one: retention is not decided here.

use kernel::Error;
use time::Date;

use super::Tx;

/// Makes the partitions of `months` months from `since` on; safe to call again and from several nodes.
pub async fn partition_ensure(tx: &mut Tx, since: Date, months: i32) -> Result<(), Error> {
    sqlx::query!("CALL access.ensure_partitions($1, $2)", since, months)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
