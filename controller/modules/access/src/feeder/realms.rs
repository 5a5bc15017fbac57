//! Rows about realms and home servers to what the directory holds of a partner; read as a whole, they are few.
//! Never decides about a login.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use kernel::Error;
use radius::hop::Pass;
use radius::secret::SharedSecret;
use radius_server::directory::{
    Balance, Decided, HomeIdentity, HomeServerSpec, HomeTls, RealmSpec, RealmsSpec,
};
use radius_server::radsec;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::clerk::Clerk;
use crate::sealing;
use crate::store::Tx;
use crate::store::realm::{self as rows, HomeServerEntry, RealmEntry};

/// Everything of these partners, those included that have nothing.
pub(super) async fn read(
    tx: &mut Tx,
    clerk: &Clerk,
    tenants: &[Uuid],
) -> Result<BTreeMap<Uuid, RealmsSpec>, Error> {
    let mut specs: BTreeMap<Uuid, RealmsSpec> =
        tenants.iter().map(|id| (*id, RealmsSpec::default())).collect();
    for entry in rows::home_server_entries(tx, tenants).await? {
        if let Some(server) = home_server(clerk, &entry) {
            specs.entry(entry.tenant).or_default().servers.push(server);
        }
    }
    for entry in rows::realm_entries(tx, tenants).await? {
        specs.entry(entry.tenant).or_default().realms.push(realm(entry));
    }
    Ok(specs)
}

/// A home server; `None` when a secret of it does not open.
fn home_server(clerk: &Clerk, entry: &HomeServerEntry) -> Option<HomeServerSpec> {
    let open = |context: String, sealed: &str| clerk.home_server_secret(entry.id, &context, sealed);
    let tls = match &entry.tls_name {
        Some(name) => Some(tls(entry, name, &open)?),
        None => None,
    };
    let secret = match &entry.secret {
        Some(sealed) => open(sealing::home_server_secret(entry.tenant, entry.id), sealed)?,
        // The schema lets it be absent over TLS only.
        None => Zeroizing::new(radsec::SECRET.to_vec()),
    };
    // The schema keeps ports within 1 to 65535.
    let at = |port: Option<i32>| {
        let port = u16::try_from(port?).ok()?;
        Some(SocketAddr::new(entry.address.addr(), port))
    };
    Some(HomeServerSpec {
        id: entry.id.into(),
        name: entry.name.as_str().into(),
        auth: at(entry.auth_port),
        accounting: at(entry.accounting_port),
        secret: SharedSecret::new(&secret),
        require_message_authenticator: entry.require_message_authenticator,
        status_server: entry.status_server,
        copy_accounting: entry.copy_accounting,
        tls: tls.map(Arc::new),
    })
}

/// How a home server is reached by TLS; `None` when the key does not open.
fn tls(
    entry: &HomeServerEntry,
    name: &str,
    open: &impl Fn(String, &str) -> Option<Zeroizing<Vec<u8>>>,
) -> Option<HomeTls> {
    let identity = match (&entry.tls_certificate, &entry.tls_key) {
        (Some(certificate), Some(sealed)) => {
            let key = open(sealing::home_server_tls_key(entry.tenant, entry.id), sealed)?;
            Some(HomeIdentity {
                certificate: certificate.as_str().into(),
                key: Zeroizing::new(std::str::from_utf8(&key).ok()?.into()),
            })
        }
        _ => None,
    };
    Some(HomeTls {
        name: name.into(),
        authorities: entry.tls_ca.as_deref().map(Into::into),
        identity,
    })
}

/// A realm.
fn realm(entry: RealmEntry) -> RealmSpec {
    RealmSpec {
        id: entry.id.into(),
        name: entry.name.as_str().into(),
        decided: match entry.decided.as_str() {
            "here" => Decided::Here,
            "by_home_servers" => Decided::ByHomeServers,
            _ => Decided::Nowhere,
        },
        strip: entry.strip,
        servers: entry.home_servers.into_iter().map(Into::into).collect(),
        balance: match entry.balance.as_str() {
            "spread" => Balance::Spread,
            _ => Balance::FailOver,
        },
        pass: match entry.pass.as_str() {
            "all" => Pass::All,
            _ => Pass::Roaming,
        },
        accounting: entry.accounting,
    }
}
