//! What subscribers used, for people. Never decides anything by it.

use kernel::id::SubscriberId;
use kernel::{Error, OpContext};
use time::{Duration, OffsetDateTime};

use super::App;
use crate::store;
use crate::store::usage::Used;

/// In what pieces usage is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// By the hour.
    Hour,
    /// By the day, in UTC.
    Day,
}

impl Unit {
    /// PostgreSQL's word.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Days that are told at once at most.
    const fn days_max(self) -> i64 {
        match self {
            Self::Hour => 31,
            Self::Day => 366,
        }
    }
}

impl App {
    /// What a subscriber used from `since` to before `until`; what is not there was not used.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a subscriber this partner has not, [`Error::Invalid`] for too long a time.
    pub async fn usage_list(
        &self,
        op: &OpContext,
        id: SubscriberId,
        unit: Unit,
        since: Option<OffsetDateTime>,
        until: Option<OffsetDateTime>,
    ) -> Result<Vec<Used>, Error> {
        let days = unit.days_max();
        let until = until.unwrap_or_else(OffsetDateTime::now_utc);
        let since = since
            .or_else(|| until.checked_sub(Duration::days(days)))
            .unwrap_or(until);
        if until - since > Duration::days(days) {
            return Err(Error::invalid(
                "since",
                format!("not more than {days} days before until"),
            ));
        }
        self.subscriber_get(op, id).await?;
        let mut tx = self.db.begin(op).await?;
        let used = store::usage::usage_list(&mut tx, op, id, unit.as_str(), since, until).await?;
        tx.commit().await?;
        Ok(used)
    }
}
