//! Reading what subscribers used. Never writes; the drain does, by the statements of `merge`.

use kernel::id::SubscriberId;
use kernel::{Error, OpContext};
use time::OffsetDateTime;

use super::Tx;

/// What was used in one hour or one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Its beginning.
    pub begins_at: OffsetDateTime,
    /// From the subscriber.
    pub octets_in: i64,
    /// To the subscriber.
    pub octets_out: i64,
    /// From the subscriber over IPv6, where the NAS tells.
    pub octets_in6: i64,
    /// To the subscriber over IPv6, where the NAS tells.
    pub octets_out6: i64,
}

/// What a subscriber used from `since` to before `until`, by `unit` (`hour` or `day`, in UTC), in order; what is not there
/// was not used.
pub async fn usage_list(
    tx: &mut Tx,
    op: &OpContext,
    subscriber: SubscriberId,
    unit: &str,
    since: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Vec<Used>, Error> {
    let used = sqlx::query_as!(
        Used,
        r#"SELECT date_trunc($3, hour, 'UTC') AS "begins_at!", sum(octets_in)::bigint AS "octets_in!",
                  sum(octets_out)::bigint AS "octets_out!", sum(octets_in6)::bigint AS "octets_in6!",
                  sum(octets_out6)::bigint AS "octets_out6!"
             FROM access.usage_so_far
            WHERE tenant_id = $1 AND subscriber_id = $2 AND hour >= date_trunc('hour', $4::timestamptz, 'UTC') AND hour < $5
            GROUP BY 1 ORDER BY 1"#,
        op.require_partner()?.as_uuid(),
        subscriber.as_uuid(),
        unit,
        since,
        until
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(used)
}
