//! Who gets which accounting records: the home servers of a realm those of its users, and whoever takes copies all of a
//! partner's. Read from the directory; never changes it.
//!
//! Of a realm's records only those go on that are about nobody here: a session that was let in by its line or its device is
//! ours, whatever the user name says. Accounting-On and -Off are about a NAS and go to copies only.

use super::sheet::Entry;
use crate::directory::{Balance, Decided, Directory, HomeServer, Partner, Realm, Realms};
use crate::id::{HomeServerId, PartnerId, RealmId};
use radius::hop::Pass;
use std::sync::Arc;

/// Names a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetId {
    /// A home server that gets a copy of everything of its partner.
    Copy(HomeServerId),
    /// The home servers of a realm.
    Realm(RealmId),
}

/// A target as the directory has it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Which one.
    pub id: TargetId,
    /// Whose.
    pub partner: PartnerId,
    /// Whom to ask, and how they share the work.
    pub realm: Arc<Realm>,
}

impl Target {
    /// Whether a record is for it.
    pub fn takes(&self, entry: &Entry) -> bool {
        self.partner == entry.partner
            && match self.id {
                TargetId::Copy(_) => true,
                TargetId::Realm(realm) => entry.realm == Some(realm),
            }
    }

    /// What stands in place of User-Name; a copy has what the NAS sent.
    pub fn user_name(&self, entry: &Entry) -> Option<Box<str>> {
        match self.id {
            TargetId::Copy(_) => None,
            TargetId::Realm(_) => entry.user_name.clone(),
        }
    }
}

/// All targets, in the order of partners.
pub(super) fn all(directory: &Directory) -> impl Iterator<Item = Target> {
    directory.partners().into_iter().flat_map(|partner| {
        let realms = partner.realms();
        realms.map(|realms| of(&partner, &realms)).unwrap_or_default()
    })
}

/// The targets of one partner.
fn of(partner: &Partner, realms: &Realms) -> Vec<Target> {
    let target = |id, realm| Target {
        id,
        partner: partner.id(),
        realm,
    };
    let copies = realms.servers().iter().filter(|server| takes_copies(server));
    let copies = copies.map(|server| target(TargetId::Copy(server.spec.id), alone(server)));
    let list = realms.list();
    let away = list.into_iter().filter(|realm| sends_accounting(realm));
    let away = away.map(|realm| target(TargetId::Realm(realm.id), realm));
    copies.chain(away).collect()
}

/// Whether a home server gets copies.
fn takes_copies(server: &HomeServer) -> bool {
    server.spec.copy_accounting && server.spec.accounting.is_some()
}

/// Whether records of a realm go to its home servers.
pub(super) fn sends_accounting(realm: &Realm) -> bool {
    realm.decided == Decided::ByHomeServers
        && realm.accounting
        && realm
            .servers
            .iter()
            .any(|server| server.spec.accounting.is_some())
}

/// A server that stands for itself, as the engine wants to see it.
fn alone(server: &Arc<HomeServer>) -> Arc<Realm> {
    Arc::new(Realm {
        id: RealmId::from(server.spec.id.as_uuid()),
        name: server.spec.name.clone(),
        decided: Decided::ByHomeServers,
        strip: false,
        servers: vec![Arc::clone(server)],
        balance: Balance::FailOver,
        pass: Pass::All,
        accounting: true,
    })
}
