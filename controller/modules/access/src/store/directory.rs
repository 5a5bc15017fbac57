//! What the access plane must know, read in bulk: partners, NAS, plans, subscribers with credential and replies.
//! Never reads one subscriber at a time, and never opens a sealed value; [`crate::feeder`] does.
//!
//! All take a platform transaction: the access plane serves every partner.

use futures_util::Stream;
use ipnet::IpNet;
use kernel::Error;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tx;
use crate::credential;

/// A partner.
#[derive(Debug, Clone)]
pub struct PartnerEntry {
    /// Its id.
    pub id: Uuid,
    /// What people read.
    pub name: String,
    /// Neither suspended nor deleted.
    pub active: bool,
    /// Deleted: its NAS and subscribers go.
    pub deleted: bool,
    /// Whether the case of user names does not count.
    pub fold_case: bool,
    /// For which reasons somebody without service is let into its garden; `None`: it has none.
    pub garden_reasons: Option<Vec<String>>,
    /// What is given there.
    pub garden_terms: Option<Value>,
}

/// A NAS with its sealed secrets.
#[derive(Debug, Clone)]
pub struct NasEntry {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// Where its packets come from.
    pub address: IpNet,
    /// How people call it.
    pub name: String,
    /// Its make.
    pub make: String,
    /// Sealed, or clear when a FreeRADIUS tool wrote it.
    pub secret: String,
    /// Likewise; `None`: the same as `secret`.
    pub coa_secret: Option<String>,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: i32,
    /// `no`, `yes` or `auto`.
    pub require_message_authenticator: String,
    /// Whether it has shown that it signs its requests.
    pub message_authenticator_seen: bool,
    /// `no`, `yes` or `auto`.
    pub limit_proxy_state: String,
    /// `limited` or `needed`, once it is known.
    pub proxy_state_shown: Option<String>,
    /// The secret it had before, sealed.
    pub older_secret: Option<String>,
    /// Until when that is good.
    pub older_secret_until: Option<OffsetDateTime>,
    /// Access-Requests a second.
    pub request_rate: Option<i32>,
    /// Access-Requests at once.
    pub request_burst: Option<i32>,
    /// What its certificate must carry when somebody else's authority issued it.
    pub tls_name: Option<String>,
    /// By what its subscribers are recognised, in order.
    pub identify: Vec<String>,
}

/// A plan with its rate.
#[derive(Debug, Clone)]
pub struct PlanEntry {
    /// Its id.
    pub id: Uuid,
    /// What people read.
    pub name: String,
    /// Towards the subscriber, bit/s.
    pub download_bps: Option<i64>,
    /// From the subscriber, bit/s.
    pub upload_bps: Option<i64>,
    /// Session-Timeout, seconds.
    pub session_timeout_s: Option<i32>,
    /// Idle-Timeout, seconds.
    pub idle_timeout_s: Option<i32>,
    /// Acct-Interim-Interval, seconds.
    pub interim_interval_s: i32,
    /// Framed-Pool.
    pub framed_pool: Option<String>,
    /// What else it gives.
    pub terms: Value,
    /// What happens to whoever used up its quota; `None`: it has none.
    pub on_used_up: Option<String>,
    /// Terms in its place then.
    pub throttle: Option<Value>,
}

/// A subscriber with his stored credential.
#[derive(Debug, Clone)]
pub struct SubscriberEntry {
    /// His id.
    pub id: Uuid,
    /// Whose.
    pub tenant: Uuid,
    /// The name he logs in with.
    pub username: String,
    /// His plan.
    pub plan: Uuid,
    /// `active`, `suspended` or `terminated`.
    pub status: String,
    /// Why.
    pub status_reason: Option<String>,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// Hidden everywhere; the plane must forget him.
    pub deleted: bool,
    /// What is stored of his password: FreeRADIUS's attribute.
    pub password_attribute: Option<String>,
    /// Its value: sealed, or clear when a FreeRADIUS tool wrote it.
    pub password: Option<String>,
    /// What he has in place of his plan; `None`: nothing.
    pub terms: Option<Value>,
}

/// One thing that a subscriber is recognised by.
#[derive(Debug, Clone)]
pub struct MarkEntry {
    /// Whose.
    pub tenant: Uuid,
    /// His.
    pub subscriber: Uuid,
    /// What kind.
    pub kind: String,
    /// On which NAS only.
    pub nas: Option<Uuid>,
    /// In its normal form.
    pub value: String,
}

/// One reply attribute, FreeRADIUS's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyEntry {
    /// Whose.
    pub tenant: Uuid,
    /// For whom.
    pub username: String,
    /// Through which group; `None`: his own.
    pub group: Option<String>,
    /// The dictionary name.
    pub attribute: String,
    /// `=`, `:=` or `+=`.
    pub op: String,
    /// As text.
    pub value: String,
}

/// Partners with these ids.
pub async fn partner_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<PartnerEntry>, Error> {
    Ok(sqlx::query_as!(
        PartnerEntry,
        r#"SELECT t.id, t.name, t.status = 'active' AND t.deleted_at IS NULL AS "active!",
                  t.deleted_at IS NOT NULL AS "deleted!",
                  coalesce(p.username_case = 'fold', false) AS "fold_case!",
                  g.reasons AS "garden_reasons?", g.terms AS "garden_terms?"
             FROM kernel.tenants t LEFT JOIN access.identity_policies p ON p.tenant_id = t.id
             LEFT JOIN access.gardens g ON g.tenant_id = t.id
            WHERE t.id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What a NAS, or else its partner, gives when nobody says otherwise.
#[derive(Debug, Clone)]
pub struct DefaultsEntry {
    /// Whose.
    pub tenant: Uuid,
    /// Which NAS; `None`: all of the partner's.
    pub nas: Option<Uuid>,
    /// What is given.
    pub terms: Value,
}

/// The defaults of these partners and of their NAS.
pub async fn defaults_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<DefaultsEntry>, Error> {
    Ok(sqlx::query_as!(
        DefaultsEntry,
        "SELECT tenant_id AS tenant, nas_id AS nas, terms FROM access.service_defaults WHERE tenant_id = ANY($1)",
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of all partners.
pub async fn partner_ids(tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM kernel.tenants WHERE deleted_at IS NULL")
            .fetch_all(&mut **tx)
            .await?,
    )
}

/// NAS with these ids.
pub async fn nas_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<NasEntry>, Error> {
    Ok(sqlx::query_as!(
        NasEntry,
        r#"SELECT n.id, n.tenant_id AS tenant, n.address AS "address: IpNet", n.shortname AS name, n.type AS make, n.secret,
                  n.coa_secret, n.coa_port, n.require_message_authenticator,
                  n.message_authenticator_seen_at IS NOT NULL AS "message_authenticator_seen!", n.limit_proxy_state,
                  n.proxy_state_shown, n.older_secret, n.older_secret_until, n.request_rate, n.request_burst,
                  n.tls_name,
                  coalesce(n.identify, p.identify, '{user_name}') AS "identify!"
             FROM access.nas n LEFT JOIN access.identity_policies p ON p.tenant_id = n.tenant_id
            WHERE n.id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of the NAS of these partners.
pub async fn nas_ids_by_partners(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(
        sqlx::query_scalar!("SELECT id FROM access.nas WHERE tenant_id = ANY($1)", tenants)
            .fetch_all(&mut **tx)
            .await?,
    )
}

/// Plans with these ids.
pub async fn plan_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<PlanEntry>, Error> {
    Ok(sqlx::query_as!(
        PlanEntry,
        r#"SELECT p.id, p.name, b.download_bps AS "download_bps?", b.upload_bps AS "upload_bps?", p.session_timeout_s,
                  p.idle_timeout_s, p.interim_interval_s, p.framed_pool, p.terms,
                  q.on_used_up AS "on_used_up?", q.throttle AS "throttle?"
             FROM access.plans p
             LEFT JOIN access.radius_bandwidth_profiles b
                    ON b.tenant_id = p.tenant_id AND b.id = p.bandwidth_profile_id
             LEFT JOIN access.plan_quotas q ON q.tenant_id = p.tenant_id AND q.plan_id = p.id
            WHERE p.id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of all plans.
pub async fn plan_ids(tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!("SELECT id FROM access.plans")
        .fetch_all(&mut **tx)
        .await?)
}

/// The ids of the plans that use these bandwidth profiles.
pub async fn plan_ids_by_profiles(tx: &mut Tx, profiles: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM access.plans WHERE bandwidth_profile_id = ANY($1)",
        profiles
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Subscribers with these ids, deleted ones included.
///
/// A service that ends in a year of five digits, or at infinity, does not end: the driver knows no such times.
pub async fn subscriber_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<SubscriberEntry>, Error> {
    Ok(sqlx::query_as!(
        SubscriberEntry,
        r#"SELECT u.id, u.tenant_id AS tenant, u.username, coalesce(u.plan_id, $2) AS "plan!", u.status, u.status_reason,
                  CASE WHEN u.expires_at < '9999-01-01Z' THEN greatest(u.expires_at, 'epoch') END AS expires_at,
                  u.deleted_at IS NOT NULL AS "deleted!",
                  k.attribute AS "password_attribute?", k.value AS "password?", nullif(u.terms, '{}') AS terms
             FROM access.subscribers u
             LEFT JOIN LATERAL (SELECT k.attribute, k.value FROM access.radcheck k
                                 WHERE k.tenant_id = u.tenant_id AND k.username = u.username AND k.attribute = ANY ($3)
                                 ORDER BY array_position($3::text[], k.attribute), k.id DESC LIMIT 1) k ON true
            WHERE u.id = ANY($1)"#,
        ids,
        Uuid::nil(), // a deleted one may have no plan any more, and needs none to be removed
        &credential::attributes()
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Which of the things that few have any of some subscribers has.
#[derive(Debug, Clone, Copy)]
pub struct Extras {
    /// Reply attributes of his own.
    pub replies: bool,
    /// A group.
    pub groups: bool,
    /// Something but his name that he is recognised by.
    pub marks: bool,
    /// Rules of admission, addresses or a binding of his own.
    pub rules: bool,
    /// A quota that is used up.
    pub used_up: bool,
}

/// What of these subscribers is worth a question of its own.
pub async fn subscriber_extras(tx: &mut Tx, ids: &[Uuid]) -> Result<Extras, Error> {
    Ok(sqlx::query_as!(
        Extras,
        r#"SELECT coalesce(bool_or(EXISTS (SELECT FROM access.radreply x
                                            WHERE x.tenant_id = u.tenant_id AND x.username = u.username)), false) AS "replies!",
                  coalesce(bool_or(EXISTS (SELECT FROM access.radusergroup x
                                            WHERE x.tenant_id = u.tenant_id AND x.username = u.username)), false) AS "groups!",
                  coalesce(bool_or(EXISTS (SELECT FROM access.subscriber_marks x
                                            WHERE x.tenant_id = u.tenant_id AND x.subscriber_id = u.id)), false) AS "marks!",
                  coalesce(bool_or(EXISTS (SELECT FROM access.subscriber_admission x
                                            WHERE x.tenant_id = u.tenant_id AND x.subscriber_id = u.id)
                                OR EXISTS (SELECT FROM access.subscriber_addresses x
                                            WHERE x.tenant_id = u.tenant_id AND x.subscriber_id = u.id)
                                OR EXISTS (SELECT FROM access.subscriber_bindings x
                                            WHERE x.tenant_id = u.tenant_id AND x.subscriber_id = u.id)
                                OR EXISTS (SELECT FROM access.site_pools x
                                            WHERE x.tenant_id = u.tenant_id AND x.site_id = u.site_id)), false) AS "rules!",
                  coalesce(bool_or(EXISTS (SELECT FROM access.quota_states x
                                            WHERE x.tenant_id = u.tenant_id AND x.subscriber_id = u.id
                                              AND x.used_up_at IS NOT NULL)), false) AS "used_up!"
             FROM access.subscribers u WHERE u.id = ANY($1)"#,
        ids
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// The ids of the living subscribers of these partners.
pub async fn subscriber_ids_by_partners(tx: &mut Tx, tenants: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM access.subscribers WHERE tenant_id = ANY($1) AND deleted_at IS NULL",
        tenants
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of the living subscribers on these plans.
pub async fn subscriber_ids_by_plans(tx: &mut Tx, plans: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT u.id FROM access.subscribers u JOIN access.plans p ON p.tenant_id = u.tenant_id AND p.id = u.plan_id
          WHERE p.id = ANY($1) AND u.deleted_at IS NULL",
        plans
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of the living subscribers with these user names; `tenants[i]` belongs to `names[i]`.
pub async fn subscriber_ids_by_names(
    tx: &mut Tx,
    tenants: &[Uuid],
    names: &[String],
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT u.id FROM UNNEST($1::uuid[], $2::text[]) AS w (tenant_id, username)
           JOIN access.subscribers u ON u.tenant_id = w.tenant_id AND u.username = w.username
          WHERE u.deleted_at IS NULL",
        tenants,
        names
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The ids of the living subscribers in these groups; `tenants[i]` belongs to `groups[i]`.
pub async fn subscriber_ids_by_groups(
    tx: &mut Tx,
    tenants: &[Uuid],
    groups: &[String],
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT DISTINCT u.id FROM UNNEST($1::uuid[], $2::text[]) AS w (tenant_id, groupname)
           JOIN access.radusergroup g ON g.tenant_id = w.tenant_id AND g.groupname = w.groupname
           JOIN access.subscribers u ON u.tenant_id = g.tenant_id AND u.username = g.username
          WHERE u.deleted_at IS NULL",
        tenants,
        groups
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What these subscribers are recognised by.
pub async fn mark_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<MarkEntry>, Error> {
    Ok(sqlx::query_as!(
        MarkEntry,
        "SELECT m.tenant_id AS tenant, m.subscriber_id AS subscriber, m.kind, m.nas_id AS nas, m.value
           FROM access.subscribers u
           JOIN access.subscriber_marks m ON m.tenant_id = u.tenant_id AND m.subscriber_id = u.id
          WHERE u.id = ANY($1) AND u.deleted_at IS NULL ORDER BY m.id",
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What every living subscriber is recognised by, as a stream, those of one together.
pub fn mark_stream(tx: &mut Tx) -> impl Stream<Item = Result<MarkEntry, sqlx::Error>> + '_ {
    sqlx::query_as!(
        MarkEntry,
        "SELECT m.tenant_id AS tenant, m.subscriber_id AS subscriber, m.kind, m.nas_id AS nas, m.value
           FROM access.subscriber_marks m ORDER BY m.tenant_id, m.subscriber_id, m.id"
    )
    .fetch(&mut **tx)
}

/// What radreply says about these subscribers, in the order of its rows.
pub async fn reply_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<ReplyEntry>, Error> {
    Ok(sqlx::query_as!(
        ReplyEntry,
        "SELECT r.tenant_id AS tenant, r.username, NULL::text AS group, r.attribute, r.op, r.value
           FROM access.subscribers u
           JOIN access.radreply r ON r.tenant_id = u.tenant_id AND r.username = u.username
          WHERE u.id = ANY($1) AND u.deleted_at IS NULL ORDER BY r.id",
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What their groups say about these subscribers: groups by priority, then the order of the rows.
pub async fn group_reply_entries(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<ReplyEntry>, Error> {
    Ok(sqlx::query_as!(
        ReplyEntry,
        r#"SELECT g.tenant_id AS tenant, g.username, g.groupname AS "group?", r.attribute, r.op, r.value
           FROM access.subscribers u
           JOIN access.radusergroup g ON g.tenant_id = u.tenant_id AND g.username = u.username
           JOIN access.radgroupreply r ON r.tenant_id = g.tenant_id AND r.groupname = g.groupname
          WHERE u.id = ANY($1) AND u.deleted_at IS NULL ORDER BY g.priority, g.id, r.id"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// What every group says, in the order of its rows; nobody's user name is in them.
pub async fn group_reply_list(tx: &mut Tx) -> Result<Vec<ReplyEntry>, Error> {
    Ok(sqlx::query_as!(
        ReplyEntry,
        r#"SELECT tenant_id AS tenant, '' AS "username!", groupname AS "group?", attribute, op, value
             FROM access.radgroupreply ORDER BY id"#
    )
    .fetch_all(&mut **tx)
    .await?)
}
