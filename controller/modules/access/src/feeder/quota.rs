//! Who used up his quota, to what the directory holds. Never counts and never decides; [`crate::app::quota`] does.

use std::collections::{HashMap, HashSet};

use kernel::Error;
use radius_server::directory::UsedUp;
use uuid::Uuid;

use super::load::Loader;
use crate::store::Tx;
use crate::store::quota::{self as rows, UsedUpEntry};

impl Loader {
    /// Puts who of these subscribers, who are present with their partners, used up his quota; `any`: at least one did.
    pub(super) async fn used_up(
        &self,
        tx: &mut Tx,
        ids: &[Uuid],
        any: bool,
        present: &HashMap<Uuid, Uuid>,
    ) -> Result<(), Error> {
        let entries = match any {
            true => rows::used_up_entries(tx, ids, false).await?,
            false => Vec::new(),
        };
        let who: HashSet<Uuid> = entries.iter().map(|entry| entry.subscriber).collect();
        for (id, tenant) in present.iter().filter(|(id, _)| !who.contains(id)) {
            self.directory().used_up_put((*tenant).into(), (*id).into(), None);
        }
        entries.iter().for_each(|entry| self.used_up_put(entry));
        Ok(())
    }

    /// Puts who of all subscribers used up his quota: they are few.
    pub async fn all_used_up(&self, tx: &mut Tx) -> Result<(), Error> {
        let entries = rows::used_up_entries(tx, &[], true).await?;
        let who: HashSet<Uuid> = entries.iter().map(|entry| entry.subscriber).collect();
        for partner in self.directory().partners() {
            for id in partner.all_used_up() {
                if !who.contains(&id.as_uuid()) {
                    self.directory().used_up_put(partner.id(), id, None);
                }
            }
        }
        entries.iter().for_each(|entry| self.used_up_put(entry));
        Ok(())
    }

    /// Puts that one subscriber used up his quota.
    fn used_up_put(&self, entry: &UsedUpEntry) {
        let used_up = UsedUp {
            until_unix_s: entry.until.unix_timestamp(),
            allowed: u64::try_from(entry.allowed).unwrap_or_default(),
        };
        let (tenant, id) = (entry.tenant.into(), entry.subscriber.into());
        self.directory().used_up_put(tenant, id, Some(used_up));
    }
}
