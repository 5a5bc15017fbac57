//! The sealer: chains lines that have been committed, within a second of that.
//! Never makes an act wait: a line is chained by this task, not in the transaction of its act, because a chain's head
//! would otherwise be one place where all acts of a partner queue, each with a commit's wait for the disk.
//!
//! What this leaves open: until it is chained (a second; longer while the database is away or no server runs) a line can be
//! changed by a superuser of the database without a trace. Afterwards he would have to write all later hashes anew, and
//! differ from every export and every `SEQ:HASH` that somebody keeps. Several servers take turns.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::chain::{self, Hash, Row};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::id::PartnerId;
use crate::op::OpContext;

/// How often the sealer looks for lines.
pub const SEAL_WAIT: Duration = Duration::from_secs(1);
/// Most lines chained in one transaction.
const LINES_MAX: i64 = 500;

/// Chains lines until told to stop; outlives the database being away.
pub async fn run(db: Database, mut stopping: watch::Receiver<bool>) {
    let mut failing = false;
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(SEAL_WAIT) => {}
        }
        match seal(&db).await {
            Ok(_) if failing => {
                tracing::info!("audit lines are chained again");
                failing = false;
            }
            Ok(_) => {}
            Err(error) if !failing => {
                tracing::warn!(%error, "audit lines cannot be chained now; they wait");
                failing = true;
            }
            Err(_) => {}
        }
    }
}

/// Chains all lines that wait; answers how many.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer; what waits goes on waiting.
pub async fn seal(db: &Database) -> Result<u64, Error> {
    let op = OpContext::system("audit");
    let mut sealed = 0;
    loop {
        let mut tx = db.begin(&op).await?;
        let some = seal_some_in_tx(&mut tx).await?;
        tx.commit().await?;
        sealed += some;
        if some < LINES_MAX.unsigned_abs() {
            return Ok(sealed);
        }
    }
}

/// Chains the oldest lines that wait.
async fn seal_some_in_tx(tx: &mut Tx) -> Result<u64, Error> {
    if !sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM kernel.audit_unsealed) AS "any!""#)
        .fetch_one(&mut **tx)
        .await?
    {
        return Ok(0);
    }
    // Several servers take turns; each then sees what the one before has chained.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('headend audit chain'))")
        .execute(&mut **tx)
        .await?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT line.id, line.tenant_id, at, actor_kind, actor_id, actor_name, action, object_kind, object_id,
               object_label, outcome, reason, before::text, after::text, source_ip::text, request_id
           FROM kernel.audit_unsealed waiting JOIN kernel.audit line ON line.id = waiting.id
           ORDER BY line.id LIMIT $1"#,
        LINES_MAX,
    )
    .fetch_all(&mut **tx)
    .await?;
    let (mut partners, mut places, mut ids, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut heads = BTreeMap::new();
    for row in &rows {
        let (place, previous) = match heads.get(&row.tenant_id) {
            Some(head) => *head,
            None => head_fetch_in_tx(tx, row.tenant_id).await?,
        };
        let chain = chain::name(row.tenant_id.map(PartnerId::from));
        let hash = Hash::of(&chain::text(&chain, place + 1, previous, row)?);
        heads.insert(row.tenant_id, (place + 1, hash));
        partners.push(row.tenant_id);
        places.push(place + 1);
        ids.push(row.id);
        hashes.push(hash.0.to_vec());
    }
    sqlx::query!(
        "INSERT INTO kernel.audit_chain (tenant_id, seq, audit_id, hash)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[])",
        &partners as &[Option<Uuid>],
        &places,
        &ids,
        &hashes,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!("DELETE FROM kernel.audit_unsealed WHERE id = ANY ($1)", &ids)
        .execute(&mut **tx)
        .await?;
    Ok(rows.len() as u64)
}

/// The last place of a chain and its hash.
async fn head_fetch_in_tx(tx: &mut Tx, partner: Option<Uuid>) -> Result<(i64, Hash), Error> {
    let head = sqlx::query!(
        "SELECT seq, hash FROM kernel.audit_chain
         WHERE coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') = $1 ORDER BY seq DESC LIMIT 1",
        partner.unwrap_or_default(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    match head {
        Some(head) => Ok((head.seq, stored(&head.hash)?)),
        None => Ok((0, Hash::GENESIS)),
    }
}

/// A hash as the database holds it; a constraint keeps its length.
pub(super) fn stored(octets: &[u8]) -> Result<Hash, Error> {
    octets
        .try_into()
        .map(Hash)
        .map_err(|source| Error::internal("reading a hash of the audit chain", source))
}
