//! Realms and home servers over HTTP. Secrets come in and never go out.
//! Never holds a rule; see [`crate::app::realm`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use garde::Validate;
use ipnet::IpNet;
use kernel::OpContext;
use kernel::http::{Data, Page, Path, Problem, Valid, nullable};
use kernel::id::{HomeServerId, RealmId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::noted::Noted;
use super::window;
use crate::app::home_tls::TlsPatch;
use crate::app::realm::{ForwardingReport, HomeServerPatch, HomeServerReport, PortReport, RealmPatch};
use crate::app::{App, Change};
use crate::store::realm::{HomeServerRow, Realm, RealmRow, TlsRow};

/// Declares a word of a closed set: its name in JSON is that in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$word_doc])* $word,)+ }

        impl $name {
            /// The word in the database.
            fn text(self) -> String {
                match self { $(Self::$word => $text.to_owned(),)+ }
            }
        }
    };
}

words! {
    /// Where the logins of a realm are decided.
    RealmDecided {
        /// Here, by the partner's own subscribers.
        Here = "here",
        /// Nowhere: they are rejected.
        Nowhere = "nowhere",
        /// By its home servers.
        ByHomeServers = "by_home_servers",
    }
}

words! {
    /// How home servers share the work.
    RealmBalance {
        /// The first that lives.
        FailOver = "fail_over",
        /// By user and station.
        Spread = "spread",
    }
}

words! {
    /// What of a home server's reply a NAS gets.
    RealmPass {
        /// Everything.
        All = "all",
        /// What a guest needs: no addresses, tunnels, filters, speeds.
        Roaming = "roaming",
    }
}

words! {
    /// How a home server is reached.
    #[derive(Default)]
    HomeServerTransport {
        /// By datagrams.
        #[default]
        Udp = "udp",
        /// By RADIUS over TLS.
        Tls = "tls",
    }
}

/// A home server to add.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct HomeServerCreate {
    /// How people call it.
    #[garde(pattern(r"^[A-Za-z0-9._-]{1,63}$"))]
    name: String,
    /// Its address.
    #[schema(value_type = String)]
    address: IpAddr,
    /// Where it takes logins.
    #[garde(inner(range(min = 1)))]
    auth_port: Option<u16>,
    /// Where it takes accounting.
    #[garde(inner(range(min = 1)))]
    accounting_port: Option<u16>,
    /// The shared secret; never shown again. Over TLS there is none.
    #[schema(write_only)]
    secret: Option<String>,
    /// Whether its replies to logins must carry a Message-Authenticator.
    #[serde(default = "yes")]
    require_message_authenticator: bool,
    /// Whether it answers Status-Server.
    #[serde(default = "yes")]
    status_server: bool,
    /// How it is reached; both ports are 2083 over TLS when neither is given.
    #[serde(default)]
    transport: HomeServerTransport,
    /// Over TLS: what its certificate must be for, a DNS name or an address; its address when absent.
    #[garde(length(bytes, min = 1, max = 253))]
    tls_name: Option<String>,
    /// Over TLS: the certificates of its authorities as PEM; those of our own authority when absent.
    tls_ca: Option<String>,
    /// Over TLS: the certificate that we show, with its chain, as PEM; one of our own authority when absent.
    tls_certificate: Option<String>,
    /// The key of `tls_certificate` as PEM; never shown again.
    #[schema(write_only)]
    tls_key: Option<String>,
    /// Whether it gets a copy of every accounting record of the partner.
    #[serde(default)]
    copy_accounting: bool,
}

/// A change of a home server; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct HomeServerChange {
    /// How people call it.
    #[garde(inner(pattern(r"^[A-Za-z0-9._-]{1,63}$")))]
    name: Option<String>,
    /// Its address.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// Where it takes logins; `null`: it takes none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    auth_port: Change<u16>,
    /// Where it takes accounting; `null`: it takes none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    accounting_port: Change<u16>,
    /// A new shared secret.
    #[schema(write_only)]
    secret: Option<String>,
    /// Whether its replies to logins must carry a Message-Authenticator.
    require_message_authenticator: Option<bool>,
    /// Whether it answers Status-Server.
    status_server: Option<bool>,
    /// How it is reached; `udp` forgets what is said about TLS.
    transport: Option<HomeServerTransport>,
    /// Over TLS: what its certificate must be for; `null`: its address.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[garde(inner(length(bytes, min = 1, max = 253)))]
    tls_name: Change<String>,
    /// Over TLS: the certificates of its authorities as PEM; `null`: those of our own authority.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    tls_ca: Change<String>,
    /// Over TLS: the certificate that we show, as PEM; `null`: one of our own authority.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    tls_certificate: Change<String>,
    /// The key of a new `tls_certificate` as PEM.
    #[schema(write_only)]
    tls_key: Option<String>,
    /// Whether it gets a copy of every accounting record of the partner.
    copy_accounting: Option<bool>,
}

/// A home server.
#[derive(Serialize, ToSchema)]
pub struct HomeServerView {
    /// Its id.
    id: HomeServerId,
    /// How people call it.
    name: String,
    /// Its address.
    address: String,
    /// Where it takes logins.
    auth_port: Option<i32>,
    /// Where it takes accounting.
    accounting_port: Option<i32>,
    /// Whether its replies to logins must carry a Message-Authenticator.
    require_message_authenticator: bool,
    /// Whether it answers Status-Server.
    status_server: bool,
    /// `udp` or `tls`.
    transport: String,
    /// Over TLS: what its certificate must be for.
    tls_name: Option<String>,
    /// Over TLS: the certificates of its authorities as PEM; `null`: those of our own authority.
    tls_ca: Option<String>,
    /// Over TLS: the certificate that we show, as PEM; `null`: one of our own authority.
    tls_certificate: Option<String>,
    /// Whether it gets a copy of every accounting record of the partner.
    copy_accounting: bool,
    /// How its ports are doing since this node started.
    ports: Vec<HomeServerPortView>,
    /// What of accounting goes there, and how far it is.
    forwarding: Vec<HomeServerForwardingView>,
}

/// How far accounting is that goes to a home server; counts are since this node started.
#[derive(Serialize, ToSchema)]
pub struct HomeServerForwardingView {
    /// The realm whose users it is about; `null`: a copy of everything of the partner.
    realm: Option<String>,
    /// Octets of the journal that were not delivered or looked through for it yet.
    behind_bytes: u64,
    /// When the oldest record was received that waits for an answer; `null`: none does.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    behind_since: Option<OffsetDateTime>,
    /// Records that it acknowledged.
    delivered: u64,
    /// Records passed over because they waited for a day, or more than 1 GiB of journal did.
    skipped: u64,
    /// Records that cannot be sent on: they went in a circle, or have no room for what a proxy adds.
    unsendable: u64,
    /// How often the disk was full and records went before the target had them.
    gaps: u64,
}

/// How one port of a home server is doing.
#[derive(Serialize, ToSchema)]
pub struct HomeServerPortView {
    /// `auth` or `accounting`.
    port: &'static str,
    /// Where it is.
    address: String,
    /// `alive`, `zombie` or `dead`.
    health: &'static str,
    /// Requests sent to it, each once.
    requests: u64,
    /// Verified replies.
    replies: u64,
    /// Requests it never answered.
    silences: u64,
    /// Replies that could not be verified.
    unverified: u64,
    /// Microseconds from a request to its reply, on average.
    rtt_us: Option<u64>,
    /// TLS connections to it that are open.
    tls_connections: u64,
    /// Why there is none, when the last one did not come about or was lost.
    tls_trouble: Option<String>,
}

/// A realm to add.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct RealmCreate {
    /// The realm, such as isp.example; `*` is every realm without a line of its own.
    #[garde(length(bytes, min = 1, max = 253))]
    name: String,
    /// Where its logins are decided.
    decided: RealmDecided,
    /// Whether the realm is taken off the user name before it is looked up or sent on.
    #[serde(default)]
    strip: bool,
    /// How its home servers share the work.
    #[serde(default = "fail_over")]
    balance: RealmBalance,
    /// What of their replies a NAS gets.
    #[serde(default = "all")]
    pass: RealmPass,
    /// Its home servers by name, in order.
    #[serde(default)]
    #[garde(length(max = 16))]
    home_servers: Vec<String>,
    /// Whether accounting of its users goes to those of them that take accounting.
    #[serde(default = "yes")]
    accounting: bool,
}

/// A change of a realm; what is absent stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct RealmChange {
    /// Where its logins are decided.
    decided: Option<RealmDecided>,
    /// Whether the realm is taken off the user name.
    strip: Option<bool>,
    /// How its home servers share the work.
    balance: Option<RealmBalance>,
    /// What of their replies a NAS gets.
    pass: Option<RealmPass>,
    /// Its home servers by name, in order.
    #[garde(inner(length(max = 16)))]
    home_servers: Option<Vec<String>>,
    /// Whether accounting of its users goes to those of them that take accounting.
    accounting: Option<bool>,
}

/// A realm.
#[derive(Serialize, ToSchema)]
pub struct RealmView {
    /// Its id.
    id: RealmId,
    /// The realm in lower case; `*` is every realm without a line of its own.
    name: String,
    /// `here`, `nowhere` or `by_home_servers`.
    decided: String,
    /// Whether the realm is taken off the user name.
    strip: bool,
    /// `fail_over` or `spread`.
    balance: String,
    /// `all` or `roaming`.
    pass: String,
    /// Its home servers by name, in order.
    home_servers: Vec<String>,
    /// Whether accounting of its users goes to those of them that take accounting.
    accounting: bool,
}

/// Which home server.
#[derive(Deserialize)]
pub struct HomeServerPath {
    /// Its id.
    home_server_id: HomeServerId,
}

/// Which realm.
#[derive(Deserialize)]
pub struct RealmPath {
    /// Its id.
    realm_id: RealmId,
}

/// Lists the home servers of a partner.
#[utoipa::path(get, path = "/partners/{partner_id}/home-servers", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<HomeServerView>>)))]
pub async fn home_server_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<HomeServerView>>, Problem> {
    let listed = app.home_server_list(&op, window(&page)).await?;
    let rows = listed.rows.into_iter().map(HomeServerView::from).collect();
    Ok(Data::list(&op, &page, listed.total, rows))
}

/// Adds a home server.
#[utoipa::path(post, path = "/partners/{partner_id}/home-servers", params(("partner_id" = String, Path)),
    request_body = HomeServerCreate, responses((status = 201, body = Data<HomeServerView>)))]
pub async fn home_server_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<HomeServerCreate>,
) -> Result<Noted, Problem> {
    let row = HomeServerRow {
        name: body.name,
        address: IpNet::from(body.address.to_canonical()),
        auth_port: body.auth_port.map(i32::from),
        accounting_port: body.accounting_port.map(i32::from),
        require_message_authenticator: body.require_message_authenticator,
        status_server: body.status_server,
        tls: TlsRow::default(),
        copy_accounting: body.copy_accounting,
    };
    let given = |value: Option<String>| value.map(Some);
    let tls = TlsPatch {
        transport: Some(body.transport.text()),
        name: given(body.tls_name),
        ca: given(body.tls_ca),
        certificate: given(body.tls_certificate),
        key: body.tls_key.map(|key| Some(Zeroizing::new(key))),
    };
    let secret = body.secret.map(Zeroizing::new);
    let written = app.home_server_create(&op, row, secret, tls).await?;
    answered(StatusCode::CREATED, &op, written)
}

/// Shows one home server and how it is doing.
#[utoipa::path(get, path = "/partners/{partner_id}/home-servers/{home_server_id}",
    params(("partner_id" = String, Path), ("home_server_id" = HomeServerId, Path)),
    responses((status = 200, body = Data<HomeServerView>)))]
pub async fn home_server_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<HomeServerPath>,
) -> Result<Data<HomeServerView>, Problem> {
    let report = app.home_server_get(&op, path.home_server_id).await?;
    Ok(Data::one(&op, report.into()))
}

/// Changes a home server.
#[utoipa::path(patch, path = "/partners/{partner_id}/home-servers/{home_server_id}",
    params(("partner_id" = String, Path), ("home_server_id" = HomeServerId, Path)), request_body = HomeServerChange,
    responses((status = 200, body = Data<HomeServerView>)))]
pub async fn home_server_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<HomeServerPath>,
    Valid(body): Valid<HomeServerChange>,
) -> Result<Noted, Problem> {
    let patch = HomeServerPatch {
        name: body.name,
        address: body.address.map(|address| IpNet::from(address.to_canonical())),
        auth_port: body.auth_port.map(|change| change.map(i32::from)),
        accounting_port: body.accounting_port.map(|change| change.map(i32::from)),
        secret: body.secret.map(Zeroizing::new),
        require_message_authenticator: body.require_message_authenticator,
        status_server: body.status_server,
        tls: TlsPatch {
            transport: body.transport.map(HomeServerTransport::text),
            name: body.tls_name,
            ca: body.tls_ca,
            certificate: body.tls_certificate,
            key: body.tls_key.map(|key| Some(Zeroizing::new(key))),
        },
        copy_accounting: body.copy_accounting,
    };
    let written = app.home_server_update(&op, path.home_server_id, patch).await?;
    answered(StatusCode::OK, &op, written)
}

/// Removes a home server that no realm names.
#[utoipa::path(delete, path = "/partners/{partner_id}/home-servers/{home_server_id}",
    params(("partner_id" = String, Path), ("home_server_id" = HomeServerId, Path)), responses((status = 204)))]
pub async fn home_server_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<HomeServerPath>,
) -> Result<StatusCode, Problem> {
    app.home_server_delete(&op, path.home_server_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the realms of a partner.
#[utoipa::path(get, path = "/partners/{partner_id}/realms", params(("partner_id" = String, Path), Page),
    responses((status = 200, body = Data<Vec<RealmView>>)))]
pub async fn realm_list(
    State(app): State<Arc<App>>,
    op: OpContext,
    page: Page,
) -> Result<Data<Vec<RealmView>>, Problem> {
    let listed = app.realm_list(&op, window(&page)).await?;
    let rows = listed.rows.into_iter().map(RealmView::from).collect();
    Ok(Data::list(&op, &page, listed.total, rows))
}

/// Adds a realm.
#[utoipa::path(post, path = "/partners/{partner_id}/realms", params(("partner_id" = String, Path)),
    request_body = RealmCreate, responses((status = 201, body = Data<RealmView>)))]
pub async fn realm_create(
    State(app): State<Arc<App>>,
    op: OpContext,
    Valid(body): Valid<RealmCreate>,
) -> Result<Noted, Problem> {
    let row = RealmRow {
        name: body.name,
        decided: body.decided.text(),
        strip: body.strip,
        balance: body.balance.text(),
        pass: body.pass.text(),
        accounting: body.accounting,
    };
    let realm = app.realm_create(&op, row, body.home_servers).await?;
    Noted::new(StatusCode::CREATED, &Data::one(&op, RealmView::from(realm)), None)
}

/// Shows one realm.
#[utoipa::path(get, path = "/partners/{partner_id}/realms/{realm_id}",
    params(("partner_id" = String, Path), ("realm_id" = RealmId, Path)),
    responses((status = 200, body = Data<RealmView>)))]
pub async fn realm_get(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<RealmPath>,
) -> Result<Data<RealmView>, Problem> {
    Ok(Data::one(&op, app.realm_get(&op, path.realm_id).await?.into()))
}

/// Changes a realm.
#[utoipa::path(patch, path = "/partners/{partner_id}/realms/{realm_id}",
    params(("partner_id" = String, Path), ("realm_id" = RealmId, Path)), request_body = RealmChange,
    responses((status = 200, body = Data<RealmView>)))]
pub async fn realm_update(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<RealmPath>,
    Valid(body): Valid<RealmChange>,
) -> Result<Data<RealmView>, Problem> {
    let patch = RealmPatch {
        decided: body.decided.map(RealmDecided::text),
        strip: body.strip,
        balance: body.balance.map(RealmBalance::text),
        pass: body.pass.map(RealmPass::text),
        home_servers: body.home_servers,
        accounting: body.accounting,
    };
    Ok(Data::one(
        &op,
        app.realm_update(&op, path.realm_id, patch).await?.into(),
    ))
}

/// Removes a realm.
#[utoipa::path(delete, path = "/partners/{partner_id}/realms/{realm_id}",
    params(("partner_id" = String, Path), ("realm_id" = RealmId, Path)), responses((status = 204)))]
pub async fn realm_delete(
    State(app): State<Arc<App>>,
    op: OpContext,
    Path(path): Path<RealmPath>,
) -> Result<StatusCode, Problem> {
    app.realm_delete(&op, path.realm_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A home server that was written, with the warnings in the envelope's meta.
fn answered(
    status: StatusCode,
    op: &OpContext,
    (report, warnings): (HomeServerReport, Vec<String>),
) -> Result<Noted, Problem> {
    let warnings = (!warnings.is_empty()).then(|| ("warnings", json!(warnings)));
    Noted::new(status, &Data::one(op, HomeServerView::from(report)), warnings)
}

/// The usual.
const fn yes() -> bool {
    true
}

/// The usual.
const fn fail_over() -> RealmBalance {
    RealmBalance::FailOver
}

/// The usual.
const fn all() -> RealmPass {
    RealmPass::All
}

impl From<HomeServerReport> for HomeServerView {
    fn from(report: HomeServerReport) -> Self {
        let HomeServerReport {
            server,
            ports,
            forwarding,
        } = report;
        Self {
            id: server.id,
            name: server.name,
            address: server.address.addr().to_string(),
            auth_port: server.auth_port,
            accounting_port: server.accounting_port,
            require_message_authenticator: server.require_message_authenticator,
            status_server: server.status_server,
            transport: server.tls.transport,
            tls_name: server.tls.name,
            tls_ca: server.tls.ca,
            tls_certificate: server.tls.certificate,
            copy_accounting: server.copy_accounting,
            forwarding: forwarding
                .into_iter()
                .map(HomeServerForwardingView::from)
                .collect(),
            ports: ports.into_iter().map(HomeServerPortView::from).collect(),
        }
    }
}

impl From<ForwardingReport> for HomeServerForwardingView {
    fn from(report: ForwardingReport) -> Self {
        Self {
            realm: report.realm,
            behind_bytes: report.behind_bytes,
            behind_since: report.behind_since,
            delivered: report.delivered,
            skipped: report.skipped,
            unsendable: report.unsendable,
            gaps: report.gaps,
        }
    }
}

impl From<PortReport> for HomeServerPortView {
    fn from(report: PortReport) -> Self {
        Self {
            port: report.port,
            address: report.address.to_string(),
            health: report.health,
            requests: report.requests,
            replies: report.replies,
            silences: report.silences,
            unverified: report.unverified,
            rtt_us: report.rtt_us,
            tls_connections: report.tls_connections,
            tls_trouble: report.tls_trouble,
        }
    }
}

impl From<Realm> for RealmView {
    fn from(realm: Realm) -> Self {
        Self {
            id: realm.id,
            name: realm.name,
            decided: realm.decided,
            strip: realm.strip,
            balance: realm.balance,
            pass: realm.pass,
            home_servers: realm.home_servers,
            accounting: realm.accounting,
        }
    }
}
