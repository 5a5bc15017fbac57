//! What the access plane leaves for others to do when it lets logins in: sessions to take down, bindings and leases to write
//! down. Never decides who comes in.
//!
//! A binding or a lease that a `kill -9` overtakes before it is written down (`FLUSH_EVERY_MS`, while the database
//! answers) is forgotten: the next login binds anew, or gets another address; an address that is in an open session is known
//! from that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use kernel::{Database, Error, OpContext};
use radius_server::addresses::LeaseRow;
use radius_server::admission::{Bound, ERRANDS_MAX, Errand, Gate};
use radius_server::{PartnerId, SessionId, SubscriberId};
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use crate::app::{App, system_op};
use crate::backoff::Backoff;
use crate::causes::Causes;
use crate::store::admission::binding_insert;
use crate::store::pool::{self, Lease};

/// How often what the access plane leaves is looked at.
const FLUSH_EVERY_MS: u64 = 100;
/// How often it is written down how full pools are.
const USAGE_EVERY: Duration = Duration::from_secs(60);
/// Leases written down at a time.
const LEASES_MAX: usize = 10_000;
/// Sessions that are being taken down at the same time, for having lost their place.
const DISCONNECTS_MAX: usize = 32;
/// Why, as the intent says it.
const REASON: &str = "another login of the subscriber took its place";

/// What became of errands.
#[derive(Debug, Default)]
pub struct ErrandCounters {
    /// Sessions that were asked to end.
    pub disconnects: AtomicU64,
    /// Those of them that could not be asked.
    pub disconnect_failures: AtomicU64,
    /// Bindings written down.
    pub bindings: AtomicU64,
    /// Leases written down.
    pub leases: AtomicU64,
}

/// What waits to be written down.
#[derive(Default)]
struct Unwritten {
    /// Bindings that could not be written down yet.
    bindings: Vec<(PartnerId, SubscriberId, Bound)>,
    /// When it was last written down how full pools are.
    usage: Option<Instant>,
}

/// Puts what is remembered of addresses into the pools; call after the directory is loaded, before anybody logs in.
///
/// # Errors
/// The database's.
pub async fn leases_restore(db: &Database, gate: &Gate) -> Result<(), Error> {
    let mut tx = db.begin(&OpContext::system("lease-restore")).await?;
    let leases = pool::lease_list(&mut tx).await?;
    tx.commit().await?;
    for lease in &leases {
        gate.lease_restore(&LeaseRow {
            pool: lease.pool_id.into(),
            address: lease.address.addr(),
            subscriber: lease.subscriber_id.into(),
            device: lease.device.cast_unsigned(),
            live: lease.live,
        });
    }
    if !leases.is_empty() {
        info!(leases = leases.len(), "leases restored");
    }
    Ok(())
}

/// Does errands until told to stop, and once more then.
pub async fn errands(app: Arc<App>, counters: Arc<ErrandCounters>, mut shutdown: watch::Receiver<bool>) {
    let (mut unwritten, mut backoff) = (Unwritten::default(), Backoff::default());
    let permits = Arc::new(Semaphore::new(DISCONNECTS_MAX));
    let mut wait = Duration::from_millis(FLUSH_EVERY_MS);
    loop {
        let stop = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(wait) => false,
        };
        for errand in app.plane.directory.gate().errands() {
            match errand {
                Errand::Disconnect { partner, session } => {
                    disconnect(&app, &counters, &permits, partner, session);
                }
                Errand::Bind {
                    partner,
                    subscriber,
                    bound,
                } if unwritten.bindings.len() < ERRANDS_MAX => {
                    unwritten.bindings.push((partner, subscriber, bound));
                }
                // Left again by the next sweep.
                Errand::Bind { .. } => {}
            }
        }
        wait = match write_down(&app, &counters, &mut unwritten).await {
            Ok(()) => {
                if backoff.succeeded() {
                    info!("bindings and leases are written down again");
                }
                Duration::from_millis(FLUSH_EVERY_MS)
            }
            Err(error) => {
                let wait = backoff.failed();
                if backoff.worth_a_line() {
                    warn!(error = %Causes(&error), "bindings and leases cannot be written down; they are kept in memory meanwhile");
                }
                wait
            }
        };
        if stop {
            return;
        }
    }
}

/// Has a session taken down, in a task of its own.
fn disconnect(
    app: &Arc<App>,
    counters: &Arc<ErrandCounters>,
    permits: &Arc<Semaphore>,
    partner: PartnerId,
    session: SessionId,
) {
    let (app, counters, permits) = (Arc::clone(app), Arc::clone(counters), Arc::clone(permits));
    tokio::spawn(async move {
        let Ok(_permit) = permits.acquire().await else {
            return;
        };
        let op = system_op(partner.as_uuid().into());
        counters.disconnects.fetch_add(1, Ordering::Relaxed);
        let asked = app
            .session_disconnect(&op, session.as_uuid().into(), REASON.to_owned())
            .await;
        // One that has ended meanwhile needs no asking.
        if let Err(error) = asked.as_ref()
            && !matches!(error, Error::Conflict { .. } | Error::NotFound { .. })
        {
            counters.disconnect_failures.fetch_add(1, Ordering::Relaxed);
            warn!(session_id = %session, error = %Causes(error), "a session that lost its place could not be asked to end");
        }
    });
}

/// Writes down bindings, leases and how full pools are.
async fn write_down(app: &App, counters: &ErrandCounters, unwritten: &mut Unwritten) -> Result<(), Error> {
    let gate = app.plane.directory.gate();
    if !unwritten.bindings.is_empty() {
        let mut tx = app.db.begin(&OpContext::system("bindings")).await?;
        for (partner, subscriber, bound) in &unwritten.bindings {
            let nas = bound.nas.map(|nas| nas.as_uuid());
            let (tenant, by) = (partner.as_uuid(), bound.by.as_str());
            binding_insert(&mut tx, tenant, subscriber.as_uuid(), by, nas, &bound.value).await?;
        }
        tx.commit().await?;
        let written = u64::try_from(unwritten.bindings.len()).unwrap_or(u64::MAX);
        counters.bindings.fetch_add(written, Ordering::Relaxed);
        unwritten.bindings.clear();
    }
    let pools = gate.pools();
    for (_, pool) in &pools {
        let rows = pool.dirty();
        for (at, chunk) in rows.chunks(LEASES_MAX).enumerate() {
            if let Err(error) = leases_write(app, chunk).await {
                pool.still_dirty(&rows[at * LEASES_MAX..]);
                return Err(error);
            }
            counters.leases.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    }
    if !pools.is_empty() && unwritten.usage.is_none_or(|last| last.elapsed() >= USAGE_EVERY) {
        let bounded = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let usage: Vec<_> = pools
            .iter()
            .map(|(_, pool)| {
                let usage = pool.usage();
                (
                    pool.spec().id.as_uuid(),
                    bounded(usage.live),
                    bounded(usage.total),
                )
            })
            .collect();
        let mut tx = app.db.begin(&OpContext::system("pool-usage")).await?;
        pool::usage_put_all(&mut tx, &usage).await?;
        tx.commit().await?;
        unwritten.usage = Some(Instant::now());
    }
    Ok(())
}

/// Writes down some leases.
async fn leases_write(app: &App, rows: &[LeaseRow]) -> Result<(), Error> {
    let leases: Vec<Lease> = rows
        .iter()
        .map(|row| Lease {
            pool_id: row.pool.as_uuid(),
            address: IpNet::from(row.address),
            subscriber_id: row.subscriber.as_uuid(),
            device: row.device.cast_signed(),
            live: row.live,
        })
        .collect();
    let mut tx = app.db.begin(&OpContext::system("leases")).await?;
    pool::lease_put_all(&mut tx, &leases).await?;
    tx.commit().await?;
    Ok(())
}
