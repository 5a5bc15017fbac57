//! Finding by names and numbers. Never reads a whole table: words are a range of `kernel.search_terms`, numbers are looked up.

use std::net::IpAddr;

use ipnet::IpNet;
use kernel::{Error, OpContext};
use uuid::Uuid;

use super::Tx;

/// Something that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// `subscriber`, `client`, `site`, `nas` or `plan`.
    pub kind: String,
    /// Which.
    pub id: Uuid,
    /// What people call it.
    pub title: String,
    /// What tells it from others of the same name.
    pub detail: Option<String>,
}

/// What has a word that begins so, of these kinds; the shortest words first.
pub async fn found_by_word(
    tx: &mut Tx,
    op: &OpContext,
    word: &str,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<Found>, Error> {
    // Behind everything that begins with the word and before anything else, in the order of octets.
    let end = format!("{word}\u{10ffff}");
    let found = sqlx::query_as!(
        Found,
        r#"WITH hit AS (
             SELECT kind, object_id, min(term) AS term FROM (
                SELECT kind, object_id, term FROM kernel.search_terms
                 WHERE tenant_id = $1 AND term >= $2 AND term < $3 AND kind = ANY ($4) ORDER BY term LIMIT $5::bigint * 4) AS range
              GROUP BY kind, object_id ORDER BY min(term), object_id LIMIT $5::bigint)
           SELECT hit.kind AS "kind!", hit.object_id AS "id!", coalesce(u.username, c.name, s.name) AS "title!",
                  CASE hit.kind WHEN 'subscriber' THEN concat_ws(', ', nullif(u.name, ''), u.status)
                                WHEN 'client' THEN c.slug
                                ELSE concat_ws(', ', o.slug || '/' || s.slug, s.address) END AS detail
             FROM hit
             LEFT JOIN access.subscribers u ON hit.kind = 'subscriber' AND u.tenant_id = $1 AND u.id = hit.object_id
             LEFT JOIN kernel.clients c ON hit.kind = 'client' AND c.tenant_id = $1 AND c.id = hit.object_id
             LEFT JOIN kernel.sites s ON hit.kind = 'site' AND s.tenant_id = $1 AND s.id = hit.object_id
             LEFT JOIN kernel.clients o ON o.tenant_id = s.tenant_id AND o.id = s.client_id
            WHERE coalesce(u.id, c.id, s.id) IS NOT NULL
            ORDER BY hit.term, hit.object_id"#,
        op.require_partner()?.as_uuid(),
        word,
        end,
        kinds,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// The subscribers that are recognised by exactly this: a MAC, a line, a port.
pub async fn found_by_mark(
    tx: &mut Tx,
    op: &OpContext,
    value: &str,
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT 'subscriber' AS "kind!", u.id, u.username AS title, m.kind || '=' || m.value AS detail
             FROM access.subscriber_marks m
             JOIN access.subscribers u ON u.tenant_id = m.tenant_id AND u.id = m.subscriber_id AND u.deleted_at IS NULL
            WHERE m.tenant_id = $1 AND m.kind IN ('mac', 'circuit_id', 'remote_id', 'port_id', 'vlan') AND m.value = $2
            ORDER BY m.id LIMIT $3"#,
        op.require_partner()?.as_uuid(),
        value,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// The subscriber to whom an address is assigned.
pub async fn found_by_assigned(tx: &mut Tx, op: &OpContext, address: IpAddr) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"SELECT 'subscriber' AS "kind!", u.id, u.username AS title, a.kind || ' ' || a.address AS detail
             FROM access.subscriber_addresses a
             JOIN access.subscribers u ON u.tenant_id = a.tenant_id AND u.id = a.subscriber_id AND u.deleted_at IS NULL
            WHERE a.tenant_id = $1 AND a.address = $2"#,
        op.require_partner()?.as_uuid(),
        IpNet::from(address) as IpNet
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}

/// The NAS with this piece in their name or address, and the plans with it in theirs; both are few.
pub async fn found_by_piece(
    tx: &mut Tx,
    op: &OpContext,
    piece: &str,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let found = sqlx::query_as!(
        Found,
        r#"(SELECT 'nas' AS "kind!", id AS "id!", shortname AS "title!", concat_ws(', ', nasname, description) AS detail
              FROM access.nas WHERE tenant_id = $1 AND 'nas' = ANY ($3)
               AND (position($2 IN lower(shortname)) > 0 OR starts_with(nasname, $2)) ORDER BY shortname LIMIT $4)
           UNION ALL
           (SELECT 'plan', id, slug, name FROM access.plans WHERE tenant_id = $1 AND 'plan' = ANY ($3)
               AND (position($2 IN slug) > 0 OR position($2 IN lower(name)) > 0) ORDER BY slug LIMIT $4)"#,
        op.require_partner()?.as_uuid(),
        piece,
        kinds,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(found)
}
