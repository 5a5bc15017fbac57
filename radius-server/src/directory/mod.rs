//! What the packet path knows: partners, their NAS and their subscribers, all in memory.
//! It reads no database; somebody feeds it and says up to which version. Changes work from the next datagram on.
//!
//! A request reaches a [`Subscriber`] only through its [`Nas`], and a NAS holds its own [`Partner`]: another partner's
//! subscriber cannot be reached by any spelling of a user name.

mod certificate_name;
mod credential;
mod guard;
mod home_tls;
mod identify;
mod index;
mod mark;
mod name;
mod nas;
mod partner;
mod plan;
mod quota;
mod rate;
mod realm;
mod rejected;
mod source;
mod subscriber;
#[cfg(test)]
mod tests;

pub use certificate_name::{CERTIFICATE_NAME_OCTETS_MAX, CertificateName, NoCertificateName};
pub(crate) use credential::CredentialKind;
pub use credential::{Credential, Secret};
pub use guard::{NasGuard, OlderSecret, ProxyState, RequestRate, SecretAge};
pub use home_tls::{HOME_PEM_OCTETS_MAX, HomeIdentity, HomeTls, HomeTlsError};
pub use identify::{Identify, IdentifyBy};
pub use mark::{MARK_OCTETS_MAX, MARKS_MAX, Mark, MarkKind};
pub use name::Name;
pub(crate) use nas::bump;
pub use nas::{CoaTarget, Nas, NasSpec, NasStats, Require, Transport};
pub use partner::Partner;
pub use plan::{Plan, Service as PlanService};
pub use quota::{AtQuota, OnUsedUp, Throttle, UsedUp};
pub use rate::Rate;
pub use realm::{
    ANY_REALM, Balance, Decided, HOME_SERVERS_MAX, Health, HomePort, HomeServer, HomeServerSpec,
    HomeServerStats, InRealm, PortStats, REALM_SERVERS_MAX, REALMS_MAX, Realm, RealmSpec, Realms, RealmsSpec,
};
pub(crate) use rejected::{HeldOff, RECORDED_ONE_IN};
pub use rejected::{RejectMemory, RejectRules};
pub use subscriber::{Service, ServiceState, Subscriber, SubscriberSpec};

use crate::admission::{Gate, SubscriberRules};
use crate::authorization::defaults::Defaults;
use crate::authorization::garden::Garden;
use crate::id::{NasId, PartnerId, SubscriberId};
use arc_swap::ArcSwap;
use ipnet::IpNet;
use parking_lot::{Mutex, RwLock};
use source::NasTable;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a change to the directory was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The partner was never put, or was removed.
    #[error("partner {partner} is not in the directory")]
    UnknownPartner {
        /// The partner asked for.
        partner: PartnerId,
    },
    /// Another NAS already sends from exactly this network.
    #[error("NAS {nas} cannot have network {network}: NAS {holder} has it")]
    AddressTaken {
        /// The NAS that was to be put.
        nas: NasId,
        /// The network both want.
        network: IpNet,
        /// The NAS that has it.
        holder: NasId,
    },
}

/// How much the directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Partners, active or not.
    pub partners: usize,
    /// NAS of all partners.
    pub nas: usize,
    /// Subscribers of all partners.
    pub subscribers: usize,
}

/// Everything the packet path knows. Shared between threads as `Arc<Directory>`; readers never wait for a writer longer
/// than one insertion into one shard of one map.
#[derive(Default)]
pub struct Directory {
    /// All NAS; read for every datagram, replaced as a whole by a change.
    nas: ArcSwap<NasTable>,
    /// One change of the NAS table at a time.
    nas_writer: Mutex<()>,
    /// All partners; the packet path finds its partner through the NAS, not here.
    partners: RwLock<HashMap<PartnerId, Arc<Partner>>>,
    /// Who was rejected again and again; here, because a change forgets it.
    rejects: Arc<RejectMemory>,
    /// Who is in; here, because rules about it come with the directory.
    gate: Arc<Gate>,
    /// The feeder's version of what is in here.
    version: AtomicU64,
}

impl Directory {
    /// An empty directory: every source is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a partner, or renames, stops or starts one; what belongs to it stays.
    pub fn partner_put(&self, id: PartnerId, name: &str, active: bool) {
        let mut partners = self.partners.write();
        match partners.get(&id) {
            Some(partner) => partner.change(name, active),
            None => {
                partners.insert(
                    id,
                    Arc::new(Partner::new(
                        id,
                        name,
                        active,
                        Arc::clone(&self.rejects),
                        Arc::clone(&self.gate),
                    )),
                );
            }
        }
    }

    /// Lets the case of a partner's user names count, or not; it does until this says otherwise. A partner that is not
    /// there is not an error.
    pub fn partner_fold_case(&self, id: PartnerId, fold: bool) {
        if let Some(partner) = self.partner(id) {
            partner.fold_case(fold);
        }
    }

    /// Opens, changes or closes the walled garden of a partner. A partner that is not there is not an error.
    pub fn partner_garden(&self, id: PartnerId, garden: Option<Garden>) {
        if let Some(partner) = self.partner(id) {
            partner.garden_put(garden);
        }
    }

    /// Replaces the defaults of a partner and of its NAS. A partner that is not there is not an error.
    pub fn partner_defaults(&self, id: PartnerId, defaults: Defaults) {
        if let Some(partner) = self.partner(id) {
            partner.defaults_put(defaults);
        }
    }

    /// Takes a partner out with its NAS and its subscribers.
    pub fn partner_remove(&self, id: PartnerId) {
        self.nas_table_change(|table| {
            // Inside the change, so that no NAS of his is put in between.
            self.partners.write().remove(&id);
            for nas in table.list().iter().filter(|nas| nas.partner.id() == id) {
                table.remove(nas.id);
            }
            Ok(())
        })
        .ok();
    }

    /// A partner by id.
    #[must_use]
    pub fn partner(&self, id: PartnerId) -> Option<Arc<Partner>> {
        self.partners.read().get(&id).map(Arc::clone)
    }

    /// Every partner, in the order of ids.
    #[must_use]
    pub fn partners(&self) -> Vec<Arc<Partner>> {
        let mut all: Vec<_> = self.partners.read().values().map(Arc::clone).collect();
        all.sort_unstable_by_key(|partner| partner.id());
        all
    }

    /// Replaces the realms and home servers of a partner; home servers keep their numbers.
    ///
    /// # Errors
    /// [`DirectoryError::UnknownPartner`].
    pub fn realms_put(&self, partner: PartnerId, spec: RealmsSpec) -> Result<(), DirectoryError> {
        let partner = self
            .partner(partner)
            .ok_or(DirectoryError::UnknownPartner { partner })?;
        partner.realms_put(spec);
        Ok(())
    }

    /// Adds a NAS or takes newer settings; its numbers and what it was seen to sign stay.
    ///
    /// # Errors
    /// [`DirectoryError::UnknownPartner`], or [`DirectoryError::AddressTaken`] when another NAS has exactly this network;
    /// the directory is as before then.
    pub fn nas_put(&self, spec: NasSpec) -> Result<(), DirectoryError> {
        self.nas_table_change(|table| self.nas_put_into(table, spec))
    }

    /// Adds many NAS at the cost of one change, and gives back those that were not taken with the reason.
    pub fn nas_put_all(&self, specs: impl IntoIterator<Item = NasSpec>) -> Vec<(NasId, DirectoryError)> {
        let mut refused = Vec::new();
        self.nas_table_change(|table| {
            for spec in specs {
                let id = spec.id;
                if let Err(error) = self.nas_put_into(table, spec) {
                    refused.push((id, error));
                }
            }
            Ok(())
        })
        .ok();
        refused
    }

    /// Takes a NAS out; its packets come from an unknown source from now on.
    pub fn nas_remove(&self, id: NasId) {
        self.nas_table_change(|table| {
            table.remove(id);
            Ok(())
        })
        .ok();
    }

    /// The NAS whose network holds this address; the longest prefix wins.
    #[must_use]
    pub fn nas_by_source(&self, source: IpAddr) -> Option<Arc<Nas>> {
        self.nas.load().by_source(source).map(Arc::clone)
    }

    /// A NAS by id.
    #[must_use]
    pub fn nas(&self, id: NasId) -> Option<Arc<Nas>> {
        self.nas.load().get(id).map(Arc::clone)
    }

    /// Every NAS, in the order of ids.
    #[must_use]
    pub fn nas_list(&self) -> Vec<Arc<Nas>> {
        self.nas.load().list()
    }

    /// Adds a subscriber of a partner, or takes a newer one in place of the one with the same id.
    ///
    /// # Errors
    /// [`DirectoryError::UnknownPartner`].
    pub fn subscriber_put(&self, partner: PartnerId, spec: SubscriberSpec) -> Result<(), DirectoryError> {
        self.subscriber_put_all(partner, [Subscriber::new(&spec)])
    }

    /// The same for many of one partner, made elsewhere: by several threads, when there are a million.
    ///
    /// # Errors
    /// [`DirectoryError::UnknownPartner`].
    pub fn subscriber_put_all(
        &self,
        partner: PartnerId,
        subscribers: impl IntoIterator<Item = Arc<Subscriber>>,
    ) -> Result<(), DirectoryError> {
        let partner = self
            .partner(partner)
            .ok_or(DirectoryError::UnknownPartner { partner })?;
        for subscriber in subscribers {
            partner.subscriber_put(subscriber);
        }
        Ok(())
    }

    /// Makes room for so many more subscribers of a partner, so that readers are not held up while tables grow.
    pub fn subscribers_reserve(&self, partner: PartnerId, more: usize) {
        if let Some(partner) = self.partner(partner) {
            partner.subscribers_reserve(more);
        }
    }

    /// Gives a subscriber these marks and no others; one that is not there has none, and is not an error.
    pub fn marks_put(&self, partner: PartnerId, id: SubscriberId, marks: &[Mark]) {
        if let Some(partner) = self.partner(partner) {
            partner.marks_put(id, marks);
        }
    }

    /// Gives a subscriber rules of his own, or none; he may come later.
    pub fn rules_put(&self, partner: PartnerId, id: SubscriberId, rules: Option<SubscriberRules>) {
        if let Some(partner) = self.partner(partner) {
            partner.rules_put(id, rules.filter(|rules| !rules.is_empty()));
        }
    }

    /// Says that a subscriber used up his quota, or that he has not; he may come later.
    pub fn used_up_put(&self, partner: PartnerId, id: SubscriberId, used_up: Option<UsedUp>) {
        if let Some(partner) = self.partner(partner) {
            partner.used_up_put(id, used_up);
        }
    }

    /// Who is in, and what they were given.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Takes a subscriber out; one that is not there is not an error.
    pub fn subscriber_remove(&self, partner: PartnerId, id: SubscriberId) {
        if let Some(partner) = self.partner(partner) {
            partner.subscriber_remove(id);
        }
    }

    /// The subscriber of this partner with this user name; see [`Partner::subscriber`].
    #[must_use]
    pub fn subscriber(&self, partner: PartnerId, username: &str) -> Option<Arc<Subscriber>> {
        self.partner(partner)?.subscriber(username)
    }

    /// How much it holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let partners = self.partners.read();
        Counts {
            partners: partners.len(),
            nas: self.nas.load().len(),
            subscribers: partners.values().map(|partner| partner.subscriber_count()).sum(),
        }
    }

    /// Who was rejected again and again.
    #[must_use]
    pub fn rejects(&self) -> &RejectMemory {
        &self.rejects
    }

    /// Says up to which of the feeder's versions the directory is.
    pub fn set_version(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }

    /// The feeder's version of what is in here; 0 until it said one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts one NAS into a table that is being made.
    fn nas_put_into(&self, table: &mut NasTable, spec: NasSpec) -> Result<(), DirectoryError> {
        let partner = spec.partner;
        let partner = self
            .partner(partner)
            .ok_or(DirectoryError::UnknownPartner { partner })?;
        let stats = table
            .get(spec.id)
            .map(|older| Arc::clone(&older.stats))
            .unwrap_or_default();
        table.put(Arc::new(Nas::new(spec, partner, stats)))
    }

    /// Makes a changed copy of the NAS table and puts it in place, unless the change fails.
    fn nas_table_change(
        &self,
        change: impl FnOnce(&mut NasTable) -> Result<(), DirectoryError>,
    ) -> Result<(), DirectoryError> {
        let _one_at_a_time = self.nas_writer.lock();
        let mut table = NasTable::clone(&self.nas.load());
        change(&mut table)?;
        self.nas.store(Arc::new(table));
        Ok(())
    }
}
