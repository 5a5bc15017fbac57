//! What the module's tables need now and then: next month's partitions, old change lines, refused records, old
//! steps of quotas and replaced secrets removed.
//! Never removes history.

use std::time::Duration;

use kernel::{Database, Error, OpContext};
use time::{Date, OffsetDateTime};
use tokio::sync::watch;
use tracing::{debug, error};

use crate::causes::Causes;
use crate::store;

/// How often; a month's partition is made at least this long before it is needed.
const EVERY_S: u64 = 24 * 3_600;
/// How soon again after a failure.
const RETRY_S: u64 = 300;
/// Months for which partitions exist: the last, this one, and two ahead.
const MONTHS: i32 = 4;
/// Days a change line is kept; a feeder that was away longer loads everything anyway.
pub const CHANGE_DAYS: i32 = 7;

/// Days that are kept of what was told and done about quotas.
const QUOTA_STEP_DAYS: i32 = 400;
/// Days a refused journal record is kept for somebody to look at.
const REFUSED_DAYS: i32 = 90;

/// Does the upkeep daily until told to stop.
pub async fn upkeep(db: Database, mut shutdown: watch::Receiver<bool>) {
    loop {
        let wait_s = match once(&db).await {
            Ok(()) => EVERY_S,
            Err(error) => {
                error!(error = %Causes(&error), "upkeep failed; rows without a partition of their own go to the default one meanwhile");
                RETRY_S
            }
        };
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(Duration::from_secs(wait_s)) => {}
        }
    }
}

/// Does it once.
///
/// # Errors
/// The database's.
pub async fn once(db: &Database) -> Result<(), Error> {
    let op = OpContext::system("access-upkeep");
    let mut tx = db.begin(&op).await?;
    store::partition::partition_ensure(&mut tx, last_month(OffsetDateTime::now_utc().date()), MONTHS).await?;
    tx.commit().await?;
    let mut tx = db.begin(&op).await?;
    let trimmed = store::change::change_trim(&mut tx, CHANGE_DAYS).await?;
    tx.commit().await?;
    let mut tx = db.begin(&op).await?;
    let refused_trimmed = store::refused::refused_trim(&mut tx, REFUSED_DAYS).await?;
    tx.commit().await?;
    let mut tx = db.begin(&op).await?;
    let quota_steps_trimmed = store::quota::step_trim(&mut tx, QUOTA_STEP_DAYS).await?;
    tx.commit().await?;
    let mut tx = db.begin(&op).await?;
    let secrets_trimmed = store::nas::nas_older_secrets_trim(&mut tx).await?;
    tx.commit().await?;
    debug!(
        trimmed,
        refused_trimmed, quota_steps_trimmed, secrets_trimmed, "upkeep done"
    );
    Ok(())
}

/// The first day of the month before.
fn last_month(today: Date) -> Date {
    let first = today.replace_day(1).unwrap_or(today);
    first
        .previous_day()
        .and_then(|day| day.replace_day(1).ok())
        .unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month;

    #[test]
    fn the_month_before_january_is_december() {
        let day = |year, month, day| Date::from_calendar_date(year, month, day).expect("a day");
        assert_eq!(
            last_month(day(2027, Month::January, 31)),
            day(2026, Month::December, 1)
        );
        assert_eq!(
            last_month(day(2026, Month::March, 1)),
            day(2026, Month::February, 1)
        );
    }
}
