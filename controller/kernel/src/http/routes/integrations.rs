//! Systems of others over HTTP: how a partner works with each, what is shown there, and whether it works. A secret goes in
//! here and never comes out.

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::authz::Permission;
use crate::error::Error;
use crate::http::{Access, ApiRoutes, Data, Path, Problem, Valid, nullable, routes};
use crate::integration::{Integration, IntegrationChange, NewSecret, Probed, SecretShown, System};
use crate::kernel::Kernel;
use crate::op::OpContext;
use crate::secrets::Redacted;
use crate::vault::Freshness;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    let (read, manage) = (
        Access::Needs(Permission::IntegrationsRead),
        Access::Needs(Permission::IntegrationsManage),
    );
    ApiRoutes::new("integrations")
        .add(read, routes!(integration_list))
        .add(read, routes!(integration_fetch))
        .add(manage, routes!(integration_change))
        .add(manage, routes!(integration_remove))
        .add(manage, routes!(integration_test))
        .add(manage, routes!(integration_secret_set))
        .add(manage, routes!(integration_secret_remove))
        .add(read, routes!(secret_report))
}

/// A system of others, as a partner works with it.
#[derive(Serialize, ToSchema)]
struct IntegrationView {
    /// `voltha`, `netbox`, `genieacs`, `awx`, `radius` or `vault`.
    system: &'static str,
    /// Whether it is used.
    enabled: bool,
    /// Where it is; for `radius` a host name or address.
    url: String,
    /// Its port beside the URL: gRPC of `voltha`, Disconnect-Requests of `radius`.
    port: Option<u16>,
    /// Who the partner is there: VOLTHA's tenant, NetBox's tenant, AWX's organization.
    external_id: Option<String>,
    /// The only certificate authorities believed there, in PEM; null: those of the machine.
    authority: Option<String>,
    /// What only this system has; of `vault`: `mount`, `namespace`, `auth` (`token` or `approle`), `role_id`.
    options: Value,
    /// How long a look at its health may take, in milliseconds.
    health_ms: i32,
    /// How long a question may take, in milliseconds.
    read_ms: i32,
    /// How long a change may take, in milliseconds.
    write_ms: i32,
    /// Calls at a time.
    in_flight_max: i32,
    /// Calls a second; null: no bound of ours.
    per_second_max: Option<i32>,
    /// The secrets it can be shown.
    secret_names: &'static [&'static str],
    /// Those that are set; never their values.
    secrets: Vec<IntegrationSecretView>,
    /// When it was changed last.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

/// A secret that is set.
#[derive(Serialize, ToSchema)]
struct IntegrationSecretView {
    /// The system's word for it.
    name: String,
    /// Where it is read at use; null: it is kept here, sealed.
    reference: Option<String>,
    /// Since when it is what it is here.
    #[serde(with = "time::serde::rfc3339")]
    set_at: OffsetDateTime,
}

impl From<SecretShown> for IntegrationSecretView {
    fn from(secret: SecretShown) -> Self {
        Self {
            name: secret.name,
            reference: secret.reference,
            set_at: secret.set_at,
        }
    }
}

impl From<Integration> for IntegrationView {
    fn from(one: Integration) -> Self {
        Self {
            system: one.system.as_str(),
            enabled: one.enabled,
            url: one.url,
            port: one.port,
            external_id: one.external_id,
            authority: one.authority,
            options: one.options,
            health_ms: one.health_ms,
            read_ms: one.read_ms,
            write_ms: one.write_ms,
            in_flight_max: one.in_flight_max,
            per_second_max: one.per_second_max,
            secret_names: one.system.secrets(),
            secrets: one.secrets.into_iter().map(Into::into).collect(),
            updated_at: one.updated_at,
        }
    }
}

/// Changes an integration, or begins one; what is absent stays. The first one needs a URL.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct IntegrationPatch {
    /// Whether it is used.
    enabled: Option<bool>,
    /// Where it is; for `radius` a host name or address. At most 255 characters, without a password.
    url: Option<String>,
    /// Its port beside the URL; null: the usual one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    port: Option<Option<u16>>,
    /// Who the partner is there.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    /// The only certificate authorities believed there, in PEM; null: those of the machine.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    authority: Option<Option<String>>,
    /// What only this system has; replaces all of it.
    options: Option<Value>,
    /// How long a look at its health may take, in milliseconds, 100 to 600000.
    health_ms: Option<i32>,
    /// How long a question may take, in milliseconds, 100 to 600000.
    read_ms: Option<i32>,
    /// How long a change may take, in milliseconds, 100 to 600000.
    write_ms: Option<i32>,
    /// Calls at a time, 1 to 200.
    in_flight_max: Option<i32>,
    /// Calls a second, 1 to 10000; null: no bound of ours.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i32>)]
    per_second_max: Option<Option<i32>>,
}

/// Sets a secret: `value` to seal and keep it here, or `reference` to read it at use.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct IntegrationSecretBody {
    /// The secret itself; it is never shown again.
    #[schema(value_type = Option<String>)]
    value: Option<Redacted<String>>,
    /// Where it is, such as `vault:tenants/isp-west/netbox/token#value`.
    reference: Option<String>,
}

/// What a try has shown.
#[derive(Serialize, ToSchema)]
struct IntegrationTestView {
    /// `works`: it answered and took what was shown; `connects`: its port takes connections; `has_address`: its name has
    /// addresses and nothing was sent; `fails`.
    verdict: &'static str,
    /// What exactly, in a word from a closed list.
    word: &'static str,
    /// The same for people.
    detail: String,
    /// The server's version, where it says one.
    version: Option<String>,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// Secrets that were read as they were before, because the vault is away.
    stale_secrets: Vec<StaleSecretView>,
}

/// A secret that was served although the vault is away.
#[derive(Serialize, ToSchema)]
struct StaleSecretView {
    /// The system's word for it.
    name: String,
    /// How long ago it was read, in seconds.
    age_s: u64,
    /// Why it was not read again.
    why: &'static str,
}

impl From<Probed> for IntegrationTestView {
    fn from(probed: Probed) -> Self {
        let stale = |(name, freshness)| match freshness {
            Freshness::Fresh => None,
            Freshness::Stale { age, why } => Some(StaleSecretView {
                name,
                age_s: age.as_secs(),
                why,
            }),
        };
        Self {
            verdict: probed.verdict.as_str(),
            word: probed.word,
            detail: probed.said,
            version: probed.version,
            took_ms: u64::try_from(probed.took.as_millis()).unwrap_or(u64::MAX),
            stale_secrets: probed.freshness.into_iter().filter_map(stale).collect(),
        }
    }
}

/// How old a secret is.
#[derive(Serialize, ToSchema)]
struct SecretAgeView {
    /// The system it is shown to.
    system: &'static str,
    /// The system's word for it.
    name: String,
    /// Where it is read at use; null: it is kept here, sealed.
    reference: Option<String>,
    /// Since when it is what it is here.
    #[serde(with = "time::serde::rfc3339")]
    set_at: OffsetDateTime,
    /// How many days that is.
    age_days: i64,
}

/// Which system.
#[derive(Deserialize)]
struct SystemPath {
    /// Its word.
    system: String,
}

/// Which secret of which system.
#[derive(Deserialize)]
struct SecretPath {
    /// The system's word.
    system: String,
    /// The secret's.
    name: String,
}

/// A system on the list.
fn system(word: &str) -> Result<System, Error> {
    word.parse().map_err(|_| Error::not_found("system", word))
}

/// Lists the systems a partner works with.
#[utoipa::path(get, path = "/partners/{partner_id}/integrations", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<Vec<IntegrationView>>)))]
async fn integration_list(
    State(kernel): State<Kernel>,
    op: OpContext,
) -> Result<Data<Vec<IntegrationView>>, Problem> {
    let list = kernel.integrations.integration_list(&op).await?;
    Ok(Data::one(&op, list.into_iter().map(Into::into).collect()))
}

/// Shows one of them.
#[utoipa::path(get, path = "/partners/{partner_id}/integrations/{system}",
    params(("partner_id" = String, Path), ("system" = String, Path)),
    responses((status = 200, body = Data<IntegrationView>)))]
async fn integration_fetch(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SystemPath>,
) -> Result<Data<IntegrationView>, Problem> {
    let system = system(&path.system)?;
    let one = kernel.integrations.integration_fetch(&op, system).await?;
    Ok(Data::one(&op, one.into()))
}

/// Changes how a partner works with a system, or begins it.
#[utoipa::path(patch, path = "/partners/{partner_id}/integrations/{system}",
    params(("partner_id" = String, Path), ("system" = String, Path)),
    request_body = IntegrationPatch, responses((status = 200, body = Data<IntegrationView>)))]
async fn integration_change(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SystemPath>,
    Valid(body): Valid<IntegrationPatch>,
) -> Result<Data<IntegrationView>, Problem> {
    let system = system(&path.system)?;
    let change = IntegrationChange {
        enabled: body.enabled,
        url: body.url,
        port: body.port,
        external_id: body.external_id,
        authority: body.authority,
        options: body.options,
        health_ms: body.health_ms,
        read_ms: body.read_ms,
        write_ms: body.write_ms,
        in_flight_max: body.in_flight_max,
        per_second_max: body.per_second_max,
    };
    let changed = kernel
        .integrations
        .integration_change(&op, system, change)
        .await?;
    Ok(Data::one(&op, changed.into()))
}

/// Removes a system with its secrets.
#[utoipa::path(delete, path = "/partners/{partner_id}/integrations/{system}",
    params(("partner_id" = String, Path), ("system" = String, Path)), responses((status = 204)))]
async fn integration_remove(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SystemPath>,
) -> Result<StatusCode, Problem> {
    let system = system(&path.system)?;
    kernel.integrations.integration_remove(&op, system).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tries a system as it is configured, enabled or not.
#[utoipa::path(post, path = "/partners/{partner_id}/integrations/{system}/test",
    params(("partner_id" = String, Path), ("system" = String, Path)),
    responses((status = 200, body = Data<IntegrationTestView>)))]
async fn integration_test(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SystemPath>,
) -> Result<Data<IntegrationTestView>, Problem> {
    let system = system(&path.system)?;
    let probed = kernel.integrations.integration_test(&op, system).await?;
    Ok(Data::one(&op, probed.into()))
}

/// Sets a secret that is shown to a system.
#[utoipa::path(put, path = "/partners/{partner_id}/integrations/{system}/secrets/{name}",
    params(("partner_id" = String, Path), ("system" = String, Path), ("name" = String, Path)),
    request_body = IntegrationSecretBody, responses((status = 200, body = Data<IntegrationSecretView>)))]
async fn integration_secret_set(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SecretPath>,
    Valid(body): Valid<IntegrationSecretBody>,
) -> Result<Data<IntegrationSecretView>, Problem> {
    let system = system(&path.system)?;
    let new = match (body.value, body.reference) {
        (Some(value), None) => NewSecret::Value(Redacted::new(Zeroizing::new(value.into_revealed()))),
        (None, Some(reference)) => NewSecret::Reference(reference),
        _ => return Err(Error::invalid("", "send value or reference, one of them").into()),
    };
    let set = kernel
        .integrations
        .secret_put(&op, system, &path.name, new)
        .await?;
    Ok(Data::one(&op, set.into()))
}

/// Removes a secret.
#[utoipa::path(delete, path = "/partners/{partner_id}/integrations/{system}/secrets/{name}",
    params(("partner_id" = String, Path), ("system" = String, Path), ("name" = String, Path)),
    responses((status = 204)))]
async fn integration_secret_remove(
    State(kernel): State<Kernel>,
    op: OpContext,
    Path(path): Path<SecretPath>,
) -> Result<StatusCode, Problem> {
    let system = system(&path.system)?;
    kernel.integrations.secret_remove(&op, system, &path.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the secrets that are shown to systems of others, the oldest first.
#[utoipa::path(get, path = "/partners/{partner_id}/secrets", params(("partner_id" = String, Path)),
    responses((status = 200, body = Data<Vec<SecretAgeView>>)))]
async fn secret_report(
    State(kernel): State<Kernel>,
    op: OpContext,
) -> Result<Data<Vec<SecretAgeView>>, Problem> {
    let ages = kernel.integrations.secret_ages(&op).await?;
    let now = OffsetDateTime::now_utc();
    let view = |age: crate::integration::SecretAge| SecretAgeView {
        system: age.system.as_str(),
        name: age.secret.name,
        reference: age.secret.reference,
        set_at: age.secret.set_at,
        age_days: (now - age.secret.set_at).whole_days(),
    };
    Ok(Data::one(&op, ages.into_iter().map(view).collect()))
}
