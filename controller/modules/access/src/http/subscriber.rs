//! Subscribers over HTTP. Passwords come in and never go out.
//! Never holds a rule; see [`crate::app::subscriber`].

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Query, Valid, nullable};
use kernel::id::{ClientId, PlanId, SiteId, SubscriberId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::change::present_moment;
use super::terms::TermsShape;
use super::window;
use crate::app::subscriber::{
    NewPassword, PasswordStore, SiteRef, SubscriberDraft, SubscriberPatch, SubscriberShown,
};
use crate::app::{App, Change};
use crate::credential::Described;
use crate::store::subscriber::{Subscriber, SubscriberFilter};

/// Whether the service is given.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is.
    #[default]
    Active,
    /// Not now.
    Suspended,
    /// Not any more.
    Terminated,
}

impl Status {
    /// The word in the database.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
        }
    }
}

/// How a password is stored.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// Sealed: good for every method.
    Reversible,
    /// As an Argon2id hash: good for PAP and for what else carries the password itself.
    Argon2id,
}

impl From<Store> for PasswordStore {
    fn from(store: Store) -> Self {
        match store {
            Store::Reversible => Self::Reversible,
            Store::Argon2id => Self::Argon2id,
        }
    }
}

/// A subscriber to make.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberCreate {
    /// The name he logs in with; it never changes.
    username: String,
    /// His password; without one only what he is recognised by can let him in. Never shown again.
    #[schema(write_only)]
    password: Option<String>,
    /// How it is stored; absent: as the partner's identity policy says.
    password_store: Option<Store>,
    /// A hash in place of the password: `$argon2id$`, `$2b$`, `$6$`, `$5$`, `$1$`, or `{SSHA}`, `{SMD5}`, `{SHA}`, `{MD5}`,
    /// `{NT}` and what follows.
    #[garde(length(bytes, max = 330))]
    #[schema(write_only)]
    password_hash: Option<String>,
    /// What he is recognised by beside his user name: `mac=...`, `circuit_id=...`, `remote_id=...`, `port_id=...`,
    /// `vlan=...`; the last two also of one NAS, `port_id@nas=...`.
    #[serde(default)]
    identified_by: Vec<String>,
    /// His site by id, or by `client` and `site`.
    site_id: Option<SiteId>,
    /// The slug of the client the site belongs to.
    #[garde(length(chars, min = 1, max = 63))]
    client: Option<String>,
    /// The slug of the site.
    #[garde(length(chars, min = 1, max = 63))]
    site: Option<String>,
    /// His plan's slug.
    #[garde(length(chars, min = 1, max = 63))]
    plan: String,
    /// What people call the service.
    #[serde(default)]
    #[garde(length(chars, max = 100))]
    name: String,
    /// Whether the service is given.
    #[serde(default)]
    status: Status,
    /// Why.
    #[garde(length(chars, max = 200))]
    status_reason: Option<String>,
    /// When the service ends by itself.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// What he has in place of his plan.
    #[serde(default)]
    #[schema(value_type = TermsShape)]
    terms: Map<String, Value>,
}

/// A change of a subscriber; what is absent stays, `null` empties.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberChange {
    /// A new password; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, write_only)]
    password: Change<String>,
    /// How it is stored; without a new password the one that is stored is stored anew.
    password_store: Option<Store>,
    /// A hash in place of the password, as when he is made.
    #[garde(length(bytes, max = 330))]
    #[schema(write_only)]
    password_hash: Option<String>,
    /// What he is recognised by beside his user name; takes the place of what there is.
    identified_by: Option<Vec<String>>,
    /// Another site by id, or by `client` and `site`.
    site_id: Option<SiteId>,
    /// The slug of the client the site belongs to.
    #[garde(length(chars, min = 1, max = 63))]
    client: Option<String>,
    /// The slug of the site.
    #[garde(length(chars, min = 1, max = 63))]
    site: Option<String>,
    /// Another plan's slug.
    #[garde(length(chars, min = 1, max = 63))]
    plan: Option<String>,
    /// What people call the service.
    #[garde(length(chars, max = 100))]
    name: Option<String>,
    /// Whether the service is given.
    status: Option<Status>,
    /// Why; another status without a reason forgets the old one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[garde(inner(length(chars, max = 200)))]
    status_reason: Change<String>,
    /// When the service ends by itself; `null`: never.
    #[serde(default, deserialize_with = "present_moment")]
    #[schema(value_type = Option<OffsetDateTime>)]
    expires_at: Change<OffsetDateTime>,
    /// What he has in place of his plan: what is named takes the place of what there is, `null` takes it away.
    #[schema(value_type = Option<TermsShape>)]
    terms: Option<Map<String, Value>>,
}

/// A subscriber.
#[derive(Serialize, ToSchema)]
pub struct SubscriberView {
    /// His id.
    id: SubscriberId,
    /// The name he logs in with.
    username: String,
    /// What people call the service.
    name: String,
    /// His client.
    client_id: ClientId,
    /// The client's slug.
    client: String,
    /// His site.
    site_id: SiteId,
    /// The site's slug.
    site: String,
    /// His plan.
    plan_id: PlanId,
    /// The plan's slug.
    plan: String,
    /// `active`, `suspended` or `terminated`.
    status: String,
    /// Why.
    status_reason: Option<String>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    status_since: OffsetDateTime,
    /// When the service ends by itself.
    #[serde(with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// Whether a password is stored, or a hash of one.
    password_set: bool,
    /// How: `reversible`, `nt_hash`, `argon2id`, `bcrypt`, ...; `null` also when what is stored cannot be used, and in lists.
    password_store: Option<&'static str>,
    /// The authentication methods that work with it; `null` in lists.
    password_methods: Option<Vec<&'static str>>,
    /// What a check of it costs, in words.
    password_check_cost: Option<String>,
    /// What he is recognised by beside his user name.
    identified_by: Vec<String>,
    /// What he has in place of his plan.
    #[schema(value_type = TermsShape)]
    terms: Value,
    /// When he was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When he was last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// Which subscriber.
#[derive(Deserialize)]
pub struct SubscriberPath {
    /// His id.
    pub(super) subscriber_id: SubscriberId,
}

/// Which subscribers.
#[derive(Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct SubscriberQuery {
    /// Exactly this user name.
    #[garde(length(chars, max = 64))]
    username: Option<String>,
    /// Exactly this status.
    status: Option<Status>,
    /// A piece of the user name or the name.
    #[garde(length(chars, min = 1, max = 100))]
    q: Option<String>,
}

/// Lists the subscribers of a partner.
#[utoipa::path(get, path = "/partners/{partner_id}/subscribers",
    params(("partner_id" = String, Path), SubscriberQuery, Page),
    responses((status = 200, body = Data<Vec<SubscriberView>>)))]
pub async fn subscriber_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
    Query(query): Query<SubscriberQuery>,
) -> Result<Data<Vec<SubscriberView>>, Problem> {
    let listed = app.subscriber_list(&op, &query.into(), window(&page)).await?;
    Ok(Data::list(
        &op,
        &page,
        listed.total,
        listed.rows.into_iter().map(SubscriberView::from).collect(),
    ))
}

/// Makes a subscriber; he can log in within a second.
#[utoipa::path(post, path = "/partners/{partner_id}/subscribers", params(("partner_id" = String, Path)),
    request_body = SubscriberCreate, responses((status = 201, body = Data<SubscriberView>)))]
pub async fn subscriber_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<SubscriberCreate>,
) -> Result<Data<SubscriberView>, Problem> {
    let made = app
        .subscriber_create(&op, SubscriberDraft::try_from(body)?)
        .await?;
    Ok(Data::one(&op, made.into()).created())
}

/// Shows one subscriber.
#[utoipa::path(get, path = "/partners/{partner_id}/subscribers/{subscriber_id}",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)),
    responses((status = 200, body = Data<SubscriberView>)))]
pub async fn subscriber_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
) -> Result<Data<SubscriberView>, Problem> {
    Ok(Data::one(
        &op,
        app.subscriber_get(&op, path.subscriber_id).await?.into(),
    ))
}

/// Changes a subscriber; his next login meets the new state.
#[utoipa::path(patch, path = "/partners/{partner_id}/subscribers/{subscriber_id}",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)), request_body = SubscriberChange,
    responses((status = 200, body = Data<SubscriberView>)))]
pub async fn subscriber_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
    Valid(body): Valid<SubscriberChange>,
) -> Result<Data<SubscriberView>, Problem> {
    let patch = SubscriberPatch::try_from(body)?;
    Ok(Data::one(
        &op,
        app.subscriber_update(&op, path.subscriber_id, patch)
            .await?
            .into(),
    ))
}

/// Deletes a subscriber; his history stays.
#[utoipa::path(delete, path = "/partners/{partner_id}/subscribers/{subscriber_id}",
    params(("partner_id" = String, Path), ("subscriber_id" = SubscriberId, Path)), responses((status = 204)))]
pub async fn subscriber_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<SubscriberPath>,
) -> Result<StatusCode, Problem> {
    app.subscriber_delete(&op, path.subscriber_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which site the fields of a body mean; `None`: none of them is there.
fn site_ref(
    id: Option<SiteId>,
    client: Option<String>,
    site: Option<String>,
) -> Result<Option<SiteRef>, kernel::Error> {
    match (id, client, site) {
        (None, None, None) => Ok(None),
        (Some(id), None, None) => Ok(Some(SiteRef::Id(id))),
        (None, Some(client), Some(site)) => Ok(Some(SiteRef::Slugs { client, site })),
        _ => Err(kernel::Error::invalid(
            "/site_id",
            "give either site_id, or client and site",
        )),
    }
}

/// The password that the fields of a body mean; `None`: none of them is there.
fn new_password(
    clear: Option<String>,
    store: Option<Store>,
    hash: Option<String>,
) -> Result<Option<NewPassword>, kernel::Error> {
    match (clear, store, hash) {
        (None, _, None) => Ok(None),
        (Some(clear), store, None) => Ok(Some(NewPassword::Clear(
            Zeroizing::new(clear),
            store.map(PasswordStore::from),
        ))),
        (None, None, Some(hash)) => Ok(Some(NewPassword::Hashed(Zeroizing::new(hash)))),
        _ => Err(kernel::Error::invalid(
            "/password_hash",
            "stands for itself: give neither password nor password_store with it",
        )),
    }
}

impl TryFrom<SubscriberCreate> for SubscriberDraft {
    type Error = kernel::Error;

    fn try_from(body: SubscriberCreate) -> Result<Self, kernel::Error> {
        let site = site_ref(body.site_id, body.client, body.site)?;
        let site = site
            .ok_or_else(|| kernel::Error::invalid("/site_id", "give either site_id, or client and site"))?;
        Ok(Self {
            username: body.username,
            password: new_password(body.password, body.password_store, body.password_hash)?,
            identified_by: body.identified_by,
            site,
            plan: body.plan,
            name: body.name,
            status: body.status.as_str().to_owned(),
            status_reason: body.status_reason,
            expires_at: body.expires_at,
            terms: body.terms,
        })
    }
}

impl TryFrom<SubscriberChange> for SubscriberPatch {
    type Error = kernel::Error;

    fn try_from(body: SubscriberChange) -> Result<Self, kernel::Error> {
        let password = match body.password {
            Some(None) if body.password_hash.is_none() => Some(None),
            change => new_password(change.flatten(), body.password_store, body.password_hash)?.map(Some),
        };
        Ok(Self {
            password,
            password_store: body.password_store.map(PasswordStore::from),
            identified_by: body.identified_by,
            site: site_ref(body.site_id, body.client, body.site)?,
            plan: body.plan,
            name: body.name,
            status: body.status.map(|status| status.as_str().to_owned()),
            status_reason: body.status_reason,
            expires_at: body.expires_at,
            terms: body.terms,
        })
    }
}

impl From<SubscriberQuery> for SubscriberFilter {
    fn from(query: SubscriberQuery) -> Self {
        Self {
            username: query.username,
            status: query.status.map(|status| status.as_str().to_owned()),
            q: query.q,
        }
    }
}

impl From<SubscriberShown> for SubscriberView {
    fn from(shown: SubscriberShown) -> Self {
        let known = |of: fn(&Described) -> &'static str| shown.password.as_ref().map(of);
        let store = known(|password| password.store);
        let (methods, cost) = shown
            .password
            .map(|password| (password.methods, password.check_cost))
            .unzip();
        Self {
            password_store: store,
            password_methods: methods,
            password_check_cost: cost,
            ..shown.subscriber.into()
        }
    }
}

impl From<Subscriber> for SubscriberView {
    fn from(subscriber: Subscriber) -> Self {
        Self {
            id: subscriber.id,
            username: subscriber.username,
            name: subscriber.name,
            client_id: subscriber.client_id,
            client: subscriber.client,
            site_id: subscriber.site_id,
            site: subscriber.site,
            plan_id: subscriber.plan_id,
            plan: subscriber.plan,
            status: subscriber.status,
            status_reason: subscriber.status_reason,
            status_since: subscriber.status_since,
            expires_at: subscriber.expires_at,
            password_set: subscriber.password_attribute.is_some(),
            password_store: None,
            password_methods: None,
            password_check_cost: None,
            identified_by: subscriber.identified_by,
            terms: subscriber.terms,
            created_at: subscriber.created_at,
            updated_at: subscriber.updated_at,
        }
    }
}
