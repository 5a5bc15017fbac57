//! Realms and home servers: which logins are decided by whom.
//! Never gives a secret back: it goes in sealed and is opened only by the feeder.

use std::net::SocketAddr;

use ipnet::IpNet;
use kernel::audit::{self, Entry};
use kernel::id::{HomeServerId, RealmId};
use kernel::{Error, OnConstraint, OpContext};
use radius_server::directory::{
    ANY_REALM, HOME_SERVERS_MAX, HomePort, REALM_SERVERS_MAX, REALMS_MAX, Realms,
};
use radius_server::onward::TargetId;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::home_tls::{TLS_PORT, TlsPatch};
use super::nas::secret_check;
use super::{App, Change, changed, plane_partner};
use crate::sealing;
use crate::store::realm::{self as rows, HomeServer, HomeServerRow, Realm, RealmRow};
use crate::store::{Listed, Tx, Window};

/// A home server and how its ports are doing.
#[derive(Debug)]
pub struct HomeServerReport {
    /// The server.
    pub server: HomeServer,
    /// Its ports, as far as the access plane knows them.
    pub ports: Vec<PortReport>,
    /// What of accounting goes there, and how far it is.
    pub forwarding: Vec<ForwardingReport>,
}

/// How far accounting is that goes to a home server. Counts are since this node started.
#[derive(Debug)]
pub struct ForwardingReport {
    /// The realm whose users it is about; `None`: a copy of everything.
    pub realm: Option<String>,
    /// Octets of the journal that the target does not have yet.
    pub behind_bytes: u64,
    /// When the oldest record was received that waits; `None`: nothing does.
    pub behind_since: Option<OffsetDateTime>,
    /// Records that it acknowledged.
    pub delivered: u64,
    /// Records passed over because they waited too long, or too many did.
    pub skipped: u64,
    /// Records that cannot be sent on.
    pub unsendable: u64,
    /// How often the disk was full and records went before the target had them.
    pub gaps: u64,
}

/// How one port of a home server is doing since this node started.
#[derive(Debug)]
pub struct PortReport {
    /// Which.
    pub port: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// `alive`, `zombie` or `dead`.
    pub health: &'static str,
    /// Requests sent to it, each once.
    pub requests: u64,
    /// Verified replies.
    pub replies: u64,
    /// Requests it never answered.
    pub silences: u64,
    /// Replies that could not be verified.
    pub unverified: u64,
    /// Microseconds from a request to its reply, on average; `None` before the first.
    pub rtt_us: Option<u64>,
    /// TLS connections to it that are open.
    pub tls_connections: u64,
    /// Why there is none, when the last one did not come about or was lost.
    pub tls_trouble: Option<String>,
}

/// A change of a home server; what is absent stays.
#[derive(Debug, Default)]
pub struct HomeServerPatch {
    /// How people call it.
    pub name: Option<String>,
    /// Where it is.
    pub address: Option<IpNet>,
    /// Where it takes logins.
    pub auth_port: Change<i32>,
    /// Where it takes accounting.
    pub accounting_port: Change<i32>,
    /// Shared with it.
    pub secret: Option<Zeroizing<String>>,
    /// Whether its replies to logins must be signed.
    pub require_message_authenticator: Option<bool>,
    /// Whether it answers Status-Server.
    pub status_server: Option<bool>,
    /// How it is reached.
    pub tls: TlsPatch,
    /// Whether it gets a copy of every accounting record.
    pub copy_accounting: Option<bool>,
}

/// A change of a realm; what is absent stays.
#[derive(Debug, Default)]
pub struct RealmPatch {
    /// Where its logins are decided.
    pub decided: Option<String>,
    /// Whether the realm is taken off the user name.
    pub strip: Option<bool>,
    /// How its home servers share the work.
    pub balance: Option<String>,
    /// What of their replies a NAS gets.
    pub pass: Option<String>,
    /// Its home servers by name, in order.
    pub home_servers: Option<Vec<String>>,
    /// Whether accounting of its users goes to them.
    pub accounting: Option<bool>,
}

impl App {
    /// Lists a partner's home servers by name.
    pub async fn home_server_list(
        &self,
        op: &OpContext,
        window: Window,
    ) -> Result<Listed<HomeServerReport>, Error> {
        let mut tx = self.db.begin(op).await?;
        let Listed { rows, total } = rows::home_server_list(&mut tx, op, window).await?;
        tx.commit().await?;
        let rows = rows.into_iter().map(|server| self.home_server_report(op, server));
        Ok(Listed {
            rows: rows.collect(),
            total,
        })
    }

    /// One home server.
    pub async fn home_server_get(&self, op: &OpContext, id: HomeServerId) -> Result<HomeServerReport, Error> {
        let mut tx = self.db.begin(op).await?;
        let server = home_server_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(self.home_server_report(op, server))
    }

    /// Adds a home server.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken or there are too many, [`Error::Invalid`] for its fields.
    pub async fn home_server_create(
        &self,
        op: &OpContext,
        mut row: HomeServerRow,
        secret: Option<Zeroizing<String>>,
        tls: TlsPatch,
    ) -> Result<(HomeServerReport, Vec<String>), Error> {
        let mut warnings = Vec::new();
        let id = HomeServerId::new();
        row.tls = self.home_tls_settle(op, id, None, &row.address.addr().to_string(), tls)?;
        if row.tls.transport == "tls" && row.auth_port.is_none() && row.accounting_port.is_none() {
            (row.auth_port, row.accounting_port) = (Some(TLS_PORT), Some(TLS_PORT));
        }
        ports_check(&row)?;
        let sealed = self.home_server_secret(op, id, &row, false, secret, &mut warnings)?;
        let mut tx = self.db.begin(op).await?;
        let listed = rows::home_server_list(&mut tx, op, Window { limit: 1, offset: 0 }).await?;
        room("home servers", listed.total, HOME_SERVERS_MAX)?;
        home_server_taken(
            rows::home_server_insert(&mut tx, op, id, &row, sealed.as_deref()).await,
            &row,
        )?;
        let server = home_server_found(&mut tx, op, id).await?;
        let entry = Entry::ok("home_server.create", "home_server").object(id, &server.name);
        audit::record(&mut tx, op, entry.after(server_shown(&server))).await?;
        tx.commit().await?;
        Ok((self.home_server_report(op, server), warnings))
    }

    /// Changes a home server; the next request meets the new settings.
    ///
    /// # Errors
    /// As [`Self::home_server_create`], and [`Error::NotFound`].
    pub async fn home_server_update(
        &self,
        op: &OpContext,
        id: HomeServerId,
        patch: HomeServerPatch,
    ) -> Result<(HomeServerReport, Vec<String>), Error> {
        let mut warnings = Vec::new();
        let mut tx = self.db.begin(op).await?;
        let before = home_server_found(&mut tx, op, id).await?;
        let address = patch.address.unwrap_or(before.address);
        let tls = self.home_tls_settle(op, id, Some(&before), &address.addr().to_string(), patch.tls)?;
        let row = HomeServerRow {
            name: patch.name.unwrap_or_else(|| before.name.clone()),
            address,
            auth_port: changed(before.auth_port, patch.auth_port),
            accounting_port: changed(before.accounting_port, patch.accounting_port),
            require_message_authenticator: patch
                .require_message_authenticator
                .unwrap_or(before.require_message_authenticator),
            status_server: patch.status_server.unwrap_or(before.status_server),
            tls,
            copy_accounting: patch.copy_accounting.unwrap_or(before.copy_accounting),
        };
        ports_check(&row)?;
        let sealed = self.home_server_secret(op, id, &row, before.secret_set, patch.secret, &mut warnings)?;
        let updated = rows::home_server_update(&mut tx, op, id, &row, sealed.as_deref()).await;
        home_server_taken(updated, &row)?;
        let after = home_server_found(&mut tx, op, id).await?;
        let mut now = server_shown(&after);
        if sealed.is_some() {
            now["secret"] = json!("changed");
        }
        if row.tls.key.is_some() {
            now["tls_key"] = json!("changed");
        }
        let entry = Entry::ok("home_server.update", "home_server").object(id, &after.name);
        audit::record(&mut tx, op, entry.before(server_shown(&before)).after(now)).await?;
        tx.commit().await?;
        Ok((self.home_server_report(op, after), warnings))
    }

    /// Removes a home server.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a realm names it.
    pub async fn home_server_delete(&self, op: &OpContext, id: HomeServerId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let server = home_server_found(&mut tx, op, id).await?;
        rows::home_server_delete(&mut tx, op, id)
            .await
            .on_constraint("realm_servers_home_server", || {
                let name = &server.name;
                Error::conflict(
                    "home_server",
                    format!("a realm names home server {name}; change the realm first"),
                )
            })?;
        let entry = Entry::ok("home_server.delete", "home_server").object(id, &server.name);
        audit::record(&mut tx, op, entry.before(server_shown(&server))).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lists a partner's realms by name.
    pub async fn realm_list(&self, op: &OpContext, window: Window) -> Result<Listed<Realm>, Error> {
        let mut tx = self.db.begin(op).await?;
        let listed = rows::realm_list(&mut tx, op, window).await?;
        tx.commit().await?;
        Ok(listed)
    }

    /// One realm.
    pub async fn realm_get(&self, op: &OpContext, id: RealmId) -> Result<Realm, Error> {
        let mut tx = self.db.begin(op).await?;
        let realm = realm_found(&mut tx, op, id).await?;
        tx.commit().await?;
        Ok(realm)
    }

    /// Adds a realm.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there is one of this name or too many, [`Error::Invalid`] for its fields.
    pub async fn realm_create(
        &self,
        op: &OpContext,
        row: RealmRow,
        home_servers: Vec<String>,
    ) -> Result<Realm, Error> {
        let row = RealmRow {
            name: row.name.to_ascii_lowercase(),
            ..row
        };
        if row.name != ANY_REALM {
            radius::nai::check_realm(&row.name).map_err(|why| Error::invalid("/name", why.to_string()))?;
        }
        let id = RealmId::new();
        let mut tx = self.db.begin(op).await?;
        let listed = rows::realm_list(&mut tx, op, Window { limit: 1, offset: 0 }).await?;
        room("realms", listed.total, REALMS_MAX)?;
        rows::realm_insert(&mut tx, op, id, &row)
            .await
            .on_constraint("realms_tenant_id_name_key", || {
                Error::conflict("realm", format!("there is already a realm {}", row.name))
            })?;
        servers_put(&mut tx, op, id, &row.decided, &home_servers).await?;
        let realm = realm_found(&mut tx, op, id).await?;
        let entry = Entry::ok("realm.create", "realm").object(id, &realm.name);
        audit::record(&mut tx, op, entry.after(realm_shown(&realm))).await?;
        tx.commit().await?;
        Ok(realm)
    }

    /// Changes a realm; the next login meets the new settings.
    ///
    /// # Errors
    /// As [`Self::realm_create`], and [`Error::NotFound`].
    pub async fn realm_update(&self, op: &OpContext, id: RealmId, patch: RealmPatch) -> Result<Realm, Error> {
        let mut tx = self.db.begin(op).await?;
        let before = realm_found(&mut tx, op, id).await?;
        let row = RealmRow {
            name: before.name.clone(),
            decided: patch.decided.unwrap_or_else(|| before.decided.clone()),
            strip: patch.strip.unwrap_or(before.strip),
            balance: patch.balance.unwrap_or_else(|| before.balance.clone()),
            pass: patch.pass.unwrap_or_else(|| before.pass.clone()),
            accounting: patch.accounting.unwrap_or(before.accounting),
        };
        rows::realm_update(&mut tx, op, id, &row).await?;
        let home_servers = patch.home_servers.unwrap_or_else(|| before.home_servers.clone());
        servers_put(&mut tx, op, id, &row.decided, &home_servers).await?;
        let after = realm_found(&mut tx, op, id).await?;
        let entry = Entry::ok("realm.update", "realm").object(id, &after.name);
        let entry = entry.before(realm_shown(&before)).after(realm_shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a realm: its names are the partner's own again, or those of `*`.
    pub async fn realm_delete(&self, op: &OpContext, id: RealmId) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let realm = realm_found(&mut tx, op, id).await?;
        rows::realm_delete(&mut tx, op, id).await?;
        let entry = Entry::ok("realm.delete", "realm").object(id, &realm.name);
        audit::record(&mut tx, op, entry.before(realm_shown(&realm))).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds what the access plane saw of a home server.
    fn home_server_report(&self, op: &OpContext, server: HomeServer) -> HomeServerReport {
        let partner = op
            .partner
            .and_then(|partner| self.plane.directory.partner(plane_partner(partner)));
        let realms = partner.and_then(|partner| partner.realms());
        let id = server.id.as_uuid().into();
        let held = realms.as_ref().and_then(|realms| {
            let mut all = realms.servers().iter();
            all.find(|held| held.spec.id == id)
        });
        let ports = held.into_iter().flat_map(|held| {
            let report = |port: HomePort| {
                let (address, stats) = (held.addr(port)?, held.stats.port(port));
                let replies = stats.replies.load(Ordering::Relaxed);
                Some(PortReport {
                    port: port.as_str(),
                    address,
                    health: stats.health().as_str(),
                    requests: stats.requests.load(Ordering::Relaxed),
                    replies,
                    silences: stats.silences.load(Ordering::Relaxed),
                    unverified: stats.unverified.load(Ordering::Relaxed),
                    rtt_us: stats.rtt_us.load(Ordering::Relaxed).checked_div(replies),
                    tls_connections: stats.links_open.load(Ordering::Relaxed),
                    tls_trouble: stats.link_trouble().map(String::from),
                })
            };
            [HomePort::Auth, HomePort::Accounting]
                .into_iter()
                .filter_map(report)
        });
        let forwarding = realms
            .iter()
            .flat_map(|realms| self.forwarding(realms, id))
            .collect();
        HomeServerReport {
            ports: ports.collect(),
            forwarding,
            server,
        }
    }

    /// How far accounting is that goes to a home server: copies first, then realms by name.
    fn forwarding(&self, realms: &Realms, id: radius_server::HomeServerId) -> Vec<ForwardingReport> {
        let report = |target, realm| {
            let told = self.plane.onward.report(target)?;
            Some(ForwardingReport {
                realm,
                behind_bytes: told.behind_octets,
                behind_since: told.since_unix_us.and_then(moment),
                delivered: told.delivered,
                skipped: told.skipped,
                unsendable: told.unsendable,
                gaps: told.gaps,
            })
        };
        let copy = report(TargetId::Copy(id), None);
        let list = realms.list();
        let named = list
            .iter()
            .filter(|realm| realm.servers.iter().any(|server| server.spec.id == id));
        let named = named.filter_map(|realm| report(TargetId::Realm(realm.id), Some(realm.name.to_string())));
        copy.into_iter().chain(named).collect()
    }

    /// Seals the secret of a home server, when there is a new one; over UDP there must be one, over TLS there is none.
    fn home_server_secret(
        &self,
        op: &OpContext,
        id: HomeServerId,
        row: &HomeServerRow,
        stored: bool,
        secret: Option<Zeroizing<String>>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<String>, Error> {
        match secret {
            Some(_) if row.tls.transport == "tls" => Err(Error::invalid(
                "/secret",
                "must be absent: over TLS it is always radsec",
            )),
            Some(secret) => {
                secret_check("/secret", &secret, warnings)?;
                let context = sealing::home_server_secret(op.require_partner()?.as_uuid(), id.as_uuid());
                Ok(Some(self.sealer.seal(&context, secret.as_bytes())?))
            }
            None if stored || row.tls.transport == "tls" => Ok(None),
            None => Err(Error::invalid("/secret", "must be there for transport udp")),
        }
    }
}

/// A moment of the access plane, as people see it.
fn moment(unix_us: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_us) * 1_000).ok()
}

/// Gives a realm its home servers, or says which cannot be.
async fn servers_put(
    tx: &mut Tx,
    op: &OpContext,
    id: RealmId,
    decided: &str,
    names: &[String],
) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::invalid("/home_servers", message));
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != names.len() {
        return wrong("must not name a home server twice".to_owned());
    }
    if names.len() > REALM_SERVERS_MAX {
        return wrong(format!("must name at most {REALM_SERVERS_MAX} home servers"));
    }
    if names.is_empty() == (decided == "by_home_servers") {
        return wrong("must be there when home servers decide, and only then".to_owned());
    }
    let put = rows::realm_servers_put(tx, op, id, names).await?;
    if usize::try_from(put).unwrap_or(usize::MAX) == names.len() {
        Ok(())
    } else {
        wrong("must name home servers of this partner (headend home-server list)".to_owned())
    }
}

/// Refuses one more when there are as many as there may be.
fn room(what: &str, there: i64, max: usize) -> Result<(), Error> {
    if usize::try_from(there).is_ok_and(|there| there >= max) {
        let message = format!("a partner has at most {max} {what}");
        return Err(Error::conflict("realm", message));
    }
    Ok(())
}

/// A home server takes something, or it is none.
fn ports_check(row: &HomeServerRow) -> Result<(), Error> {
    if row.auth_port.is_none() && row.accounting_port.is_none() {
        return Err(Error::invalid(
            "/auth_port",
            "must be there when accounting_port is not",
        ));
    }
    if row.copy_accounting && row.accounting_port.is_none() {
        let message = "needs accounting_port: that is where copies go";
        return Err(Error::invalid("/copy_accounting", message));
    }
    Ok(())
}

/// Says what a violated constraint means.
fn home_server_taken(result: Result<(), sqlx::Error>, row: &HomeServerRow) -> Result<(), Error> {
    result.on_constraint("home_servers_tenant_id_name_key", || {
        let message = format!("there is already a home server named {}", row.name);
        Error::conflict("home_server", message)
    })
}

/// A home server of this partner, or not found.
async fn home_server_found(tx: &mut Tx, op: &OpContext, id: HomeServerId) -> Result<HomeServer, Error> {
    rows::home_server_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("home server", id))
}

/// A realm of this partner, or not found.
async fn realm_found(tx: &mut Tx, op: &OpContext, id: RealmId) -> Result<Realm, Error> {
    rows::realm_fetch(tx, op, id)
        .await?
        .ok_or_else(|| Error::not_found("realm", id))
}

/// A home server as the audit keeps it.
fn server_shown(server: &HomeServer) -> Value {
    json!({
        "name": server.name,
        "address": server.address.addr(),
        "auth_port": server.auth_port,
        "accounting_port": server.accounting_port,
        "require_message_authenticator": server.require_message_authenticator,
        "status_server": server.status_server,
        "transport": server.tls.transport,
        "tls_name": server.tls.name,
        "tls_ca": server.tls.ca,
        "tls_certificate": server.tls.certificate,
        "copy_accounting": server.copy_accounting,
    })
}

/// A realm as the audit keeps it.
fn realm_shown(realm: &Realm) -> Value {
    json!({
        "name": realm.name,
        "decided": realm.decided,
        "strip": realm.strip,
        "balance": realm.balance,
        "pass": realm.pass,
        "accounting": realm.accounting,
        "home_servers": realm.home_servers,
    })
}
