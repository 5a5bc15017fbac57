//! A chain handed out as lines of JSON (NDJSON), page by page. Never leaves anything out: what the chain knows and the table
//! does not have, and the other way round, is in the export under its own name.
//!
//! Format 1. First `{"audit":{"format":1,"chain":…,"after":SEQ,"after_hash":…}}`; then for every place of the chain
//! `{"hash":"…","line":{…}}`, or `{"missing":{"seq":…,"id":…,"hash":…}}` where the line is gone; on the last page
//! `{"loose":{"id":…,"why":…}}` for every line that is in no chain; at the end
//! `{"end":{"seq":…,"hash":…,"more":…}}`. The octets between `"line":` and the last `}` are what the hash is of.

use serde_json::json;
use uuid::Uuid;

use super::chain::{self, Hash, Row};
use super::seal::{seal, stored};
use super::{Entry, record_alone};
use crate::database::{Database, Tx};
use crate::error::Error;
use crate::id::PartnerId;
use crate::op::OpContext;

/// The format's number; another one is another way to compute hashes.
pub const FORMAT: u32 = 1;
/// Places read at once.
const PLACES_AT_ONCE: i64 = 100;
/// A page ends with the reading that passes this size, in octets.
const PAGE_OCTETS_MAX: usize = 2 * 1024 * 1024;
/// Lines in no chain that are named; more are as bad.
const LOOSE_MAX: i64 = 100;

/// The chain of the operation's partner (or the platform's own) after a place, as a page of the export, and whether there
/// is more. Chains what waits first, and is itself written down.
///
/// # Errors
/// [`Error::Unavailable`] when the database does not answer.
pub async fn page(db: &Database, op: &OpContext, after: i64) -> Result<String, Error> {
    seal(db).await?;
    let mut tx = db.begin(op).await?;
    let partner = op.partner.map(PartnerId::as_uuid);
    let name = chain::name(op.partner);
    let mut place = after.max(0);
    let mut previous = hash_fetch_in_tx(&mut tx, partner, place).await?;
    let first =
        json!({ "format": FORMAT, "chain": name, "after": place, "after_hash": previous.to_string() });
    let mut page = format!("{{\"audit\":{first}}}\n");
    let more = loop {
        let places = places_fetch_in_tx(&mut tx, partner, place).await?;
        for Place { seq, id, hash, row } in &places {
            match row {
                Some(row) => {
                    let text = chain::text(&name, *seq, previous, row)?;
                    page.push_str(&format!("{{\"hash\":\"{hash}\",\"line\":{text}}}\n"));
                }
                None => {
                    let missing = json!({ "seq": seq, "id": id, "hash": hash.to_string() });
                    page.push_str(&format!("{{\"missing\":{missing}}}\n"));
                }
            }
            (place, previous) = (*seq, *hash);
        }
        if places.len() < usize::try_from(PLACES_AT_ONCE).unwrap_or_default() {
            break false;
        }
        if page.len() >= PAGE_OCTETS_MAX {
            break true;
        }
    };
    if !more {
        for (id, why) in loose_fetch_in_tx(&mut tx, partner).await? {
            page.push_str(&format!("{{\"loose\":{}}}\n", json!({ "id": id, "why": why })));
        }
    }
    tx.commit().await?;
    let end = json!({ "seq": place, "hash": previous.to_string(), "more": more });
    page.push_str(&format!("{{\"end\":{end}}}\n"));
    let entry = Entry::ok("audit.export", "audit")
        .object(&name, "audit")
        .after(json!({ "after": after, "to": place }));
    record_alone(db, op, entry).await?;
    Ok(page)
}

/// A place of a chain with the line that belongs there.
struct Place {
    /// Which.
    seq: i64,
    /// The line's id.
    id: Uuid,
    /// The hash as it was chained.
    hash: Hash,
    /// The line as it is now; `None`: it is gone.
    row: Option<Row>,
}

/// The next places after one.
async fn places_fetch_in_tx(tx: &mut Tx, partner: Option<Uuid>, after: i64) -> Result<Vec<Place>, Error> {
    let rows = sqlx::query!(
        r#"SELECT place.seq, place.audit_id, place.hash, line.id AS "id?", line.tenant_id, at AS "at?",
               actor_kind AS "actor_kind?", actor_id, actor_name AS "actor_name?", action AS "action?",
               object_kind AS "object_kind?", object_id, object_label, outcome AS "outcome?", reason,
               before::text, after::text, source_ip::text, request_id
           FROM kernel.audit_chain place LEFT JOIN kernel.audit line ON line.id = place.audit_id
           WHERE coalesce(place.tenant_id, '00000000-0000-0000-0000-000000000000') = $1 AND place.seq > $2
           ORDER BY place.seq LIMIT $3"#,
        partner.unwrap_or_default(),
        after,
        PLACES_AT_ONCE,
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Place {
                seq: row.seq,
                id: row.audit_id,
                hash: stored(&row.hash)?,
                row: row.id.zip(row.at).map(|(id, at)| Row {
                    id,
                    tenant_id: row.tenant_id,
                    at,
                    actor_kind: row.actor_kind.unwrap_or_default(),
                    actor_id: row.actor_id,
                    actor_name: row.actor_name.unwrap_or_default(),
                    action: row.action.unwrap_or_default(),
                    object_kind: row.object_kind.unwrap_or_default(),
                    object_id: row.object_id,
                    object_label: row.object_label,
                    outcome: row.outcome.unwrap_or_default(),
                    reason: row.reason,
                    before: row.before,
                    after: row.after,
                    source_ip: row.source_ip,
                    request_id: row.request_id,
                }),
            })
        })
        .collect()
}

/// The hash at a place, as far as the chain has one there.
async fn hash_fetch_in_tx(tx: &mut Tx, partner: Option<Uuid>, seq: i64) -> Result<Hash, Error> {
    let found = sqlx::query_scalar!(
        "SELECT hash FROM kernel.audit_chain
         WHERE coalesce(tenant_id, '00000000-0000-0000-0000-000000000000') = $1 AND seq = $2",
        partner.unwrap_or_default(),
        seq,
    )
    .fetch_optional(&mut **tx)
    .await?;
    found.map_or(Ok(Hash::GENESIS), |octets| stored(&octets))
}

/// Lines that are in no chain and do not wait for it, and such as waited and are gone.
async fn loose_fetch_in_tx(tx: &mut Tx, partner: Option<Uuid>) -> Result<Vec<(Uuid, &'static str)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", here AS "here!" FROM (
               SELECT line.id, true AS here FROM kernel.audit line
               WHERE line.tenant_id IS NOT DISTINCT FROM $1
                 AND NOT EXISTS (SELECT FROM kernel.audit_chain WHERE audit_id = line.id)
                 AND NOT EXISTS (SELECT FROM kernel.audit_unsealed waiting WHERE waiting.id = line.id)
               UNION ALL
               SELECT waiting.id, false FROM kernel.audit_unsealed waiting
               WHERE waiting.tenant_id IS NOT DISTINCT FROM $1
                 AND NOT EXISTS (SELECT FROM kernel.audit line WHERE line.id = waiting.id)) AS loose
           ORDER BY id LIMIT $2"#,
        partner,
        LOOSE_MAX,
    )
    .fetch_all(&mut **tx)
    .await?;
    let why = |here| {
        if here {
            "it was never written through the program"
        } else {
            "it was removed before it was chained"
        }
    };
    Ok(rows.into_iter().map(|row| (row.id, why(row.here))).collect())
}
