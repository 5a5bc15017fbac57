//! Turns of changes within a partner: many side by side, or one alone.
//! Never locks a row, and never outlives its transaction: both are advisory locks of PostgreSQL.

use super::Tx;
use crate::error::Error;
use crate::id::PartnerId;

/// Tells these locks from those of others in the same database.
const CLASS: i32 = 0x4865_6164;
/// How long one waits for its turn, as PostgreSQL spells it.
const WAIT_MAX: &str = "5s";
/// What PostgreSQL says then.
const WAITED_TOO_LONG: &str = "55P03";

/// With whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Beside others.
    Shared,
    /// With nobody.
    Alone,
}

/// Waits for a turn in a partner, or on the platform; it ends with the transaction.
pub(super) async fn take(mut tx: Tx, partner: Option<PartnerId>, turn: Turn) -> Result<Tx, Error> {
    // The bound is the server's, so that a wait that was given up leaves a connection that can be used. PostgreSQL evaluates
    // from left to right: the bound holds for this one lock.
    let taken = sqlx::query(match turn {
        Turn::Shared => {
            "SELECT set_config('lock_timeout', $3, true), pg_advisory_xact_lock_shared($1, $2),
                    set_config('lock_timeout', '0', true)"
        }
        Turn::Alone => {
            "SELECT set_config('lock_timeout', $3, true), pg_advisory_xact_lock($1, $2),
                    set_config('lock_timeout', '0', true)"
        }
    })
    .bind(CLASS)
    .bind(place(partner))
    .bind(WAIT_MAX)
    .execute(&mut *tx)
    .await;
    match taken {
        Ok(_) => Ok(tx),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(WAITED_TOO_LONG) => {
            Err(Error::Unavailable {
                what: "others are changing this partner at the moment".to_owned(),
                source: error.into(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The number of a partner's lock. Two partners may share one, and then wait for each other; nothing worse.
fn place(partner: Option<PartnerId>) -> i32 {
    let Some(partner) = partner else { return 0 };
    let octets = *partner.as_uuid().as_bytes();
    let [.., a, b, c, d] = octets;
    i32::from_be_bytes([a, b, c, d])
}
