//! Rows to directory entries, in bulk, for everything or for what changed.
//! Never reads one subscriber at a time. A row that cannot be taken is counted and named in the log; the rest goes in.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kernel::Error;
use kernel::secrets::Sealer;
use radius::secret::SharedSecret;
use radius_server::Directory;
use radius_server::directory::{
    CoaTarget, Credential, DirectoryError, NasSpec, Plan, Require, Secret, ServiceState, SubscriberSpec,
};
use tracing::{debug, warn};
use uuid::Uuid;

use super::FeederCounters;
use super::changes::Touched;
use super::reply;
use crate::causes::Causes;
use crate::sealing;
use crate::store::Tx;
use crate::store::change::Change;
use crate::store::directory::{self as rows, NasEntry, ReplyEntry, SubscriberEntry};

/// Subscribers read at a time.
const SUBSCRIBERS_MAX: usize = 10_000;
/// The same, as SQL wants it.
const SUBSCRIBERS_LIMIT: i64 = 10_000;

/// Turns rows into directory entries.
pub struct Loader {
    /// Opens stored secrets.
    sealer: Sealer,
    /// Where entries go.
    directory: Arc<Directory>,
    /// Plans as they are in the directory; subscribers share them.
    plans: HashMap<Uuid, Arc<Plan>>,
    /// What could not be taken is counted here.
    counters: Arc<FeederCounters>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader")
            .field("plans", &self.plans.len())
            .finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader for one directory.
    pub fn new(sealer: Sealer, directory: Arc<Directory>, counters: Arc<FeederCounters>) -> Self {
        Self {
            sealer,
            directory,
            plans: HashMap::new(),
            counters,
        }
    }

    /// The directory it fills.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Reads everything there is.
    pub async fn everything(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let partners = rows::partner_ids(tx).await?;
        self.partners(tx, &partners).await?;
        let nas = rows::nas_ids_by_partners(tx, &partners).await?;
        self.nas(tx, &nas).await?;
        let plans = rows::plan_ids(tx).await?;
        self.plans(tx, &plans).await?;
        let mut after = Uuid::nil();
        loop {
            let page = rows::subscriber_ids(tx, after, SUBSCRIBERS_LIMIT).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            self.subscribers(tx, &page).await?;
        }
    }

    /// Looks again at everything these changes touch.
    pub async fn changed(&mut self, tx: &mut Tx, changes: &[Change]) -> Result<(), Error> {
        let touched = Touched::by(changes);
        let returned = self.partners(tx, &listed(&touched.partners)).await?;

        let mut nas = touched.nas.clone();
        nas.extend(rows::nas_ids_by_partners(tx, &returned).await?);
        self.nas(tx, &listed(&nas)).await?;

        let mut plans = touched.plans.clone();
        plans.extend(rows::plan_ids_by_profiles(tx, &listed(&touched.profiles)).await?);
        self.plans(tx, &listed(&plans)).await?;

        let mut subscribers: BTreeSet<Uuid> = touched.subscribers.iter().map(|(_, id)| *id).collect();
        subscribers.extend(rows::subscriber_ids_by_partners(tx, &returned).await?);
        subscribers.extend(rows::subscriber_ids_by_plans(tx, &listed(&plans)).await?);
        let (partners, names): (Vec<_>, Vec<_>) = touched.usernames.iter().cloned().unzip();
        subscribers.extend(rows::subscriber_ids_by_names(tx, &partners, &names).await?);
        let (partners, groups): (Vec<_>, Vec<_>) = touched.groups.iter().cloned().unzip();
        subscribers.extend(rows::subscriber_ids_by_groups(tx, &partners, &groups).await?);

        let mut present = HashMap::new();
        for page in listed(&subscribers).chunks(SUBSCRIBERS_MAX) {
            present.extend(self.subscribers(tx, page).await?);
        }
        for (partner, id) in &touched.subscribers {
            if present.get(id) != Some(partner) {
                self.directory.subscriber_remove((*partner).into(), (*id).into());
            }
        }
        Ok(())
    }

    /// Looks again at these partners; which of them are new to the directory and need all that is theirs.
    async fn partners(&self, tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let entries = rows::partner_entries(tx, ids).await?;
        let mut returned = Vec::new();
        for id in ids {
            match entries.iter().find(|entry| entry.id == *id && !entry.deleted) {
                Some(entry) => {
                    if self.directory.partner((*id).into()).is_none() {
                        returned.push(*id);
                    }
                    self.directory
                        .partner_put((*id).into(), &entry.name, entry.active);
                }
                None => self.directory.partner_remove((*id).into()),
            }
        }
        Ok(returned)
    }

    /// Looks again at these NAS.
    async fn nas(&self, tx: &mut Tx, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let entries = rows::nas_entries(tx, ids).await?;
        let present: BTreeSet<Uuid> = entries.iter().map(|entry| entry.id).collect();
        for id in ids.iter().filter(|id| !present.contains(id)) {
            self.directory.nas_remove((*id).into());
        }
        self.partners_of(tx, entries.iter().map(|entry| entry.tenant))
            .await?;
        let specs: Vec<NasSpec> = entries.iter().filter_map(|entry| self.nas_spec(entry)).collect();
        let refused = self.directory.nas_put_all(specs.iter().cloned());
        // Addresses that changed hands within this batch clash with their old holders: those step aside first.
        let clashed: BTreeSet<_> = refused.into_iter().map(|(id, _)| id).collect();
        for id in &clashed {
            self.directory.nas_remove(*id);
        }
        for (nas, error) in self
            .directory
            .nas_put_all(specs.into_iter().filter(|spec| clashed.contains(&spec.id)))
        {
            self.refuse("nas", nas.as_uuid(), &error);
        }
        Ok(())
    }

    /// Makes sure that whatever comes next finds its partner, also when the partner's own line is still to come.
    async fn partners_of(&self, tx: &mut Tx, tenants: impl Iterator<Item = Uuid>) -> Result<(), Error> {
        let missing: BTreeSet<Uuid> = tenants
            .filter(|id| self.directory.partner((*id).into()).is_none())
            .collect();
        self.partners(tx, &listed(&missing)).await?;
        Ok(())
    }

    /// A NAS as the access plane wants it; `None` when a secret does not open.
    fn nas_spec(&self, entry: &NasEntry) -> Option<NasSpec> {
        let open = |context: String, stored: &str| match sealing::reveal(&self.sealer, &context, stored) {
            Ok(clear) => Some(SharedSecret::new(&clear)),
            Err(error) => {
                self.refuse("nas", entry.id, &error);
                None
            }
        };
        let secret = open(sealing::nas_secret(entry.tenant, entry.id), &entry.secret)?;
        let coa_secret = match &entry.coa_secret {
            Some(stored) => open(sealing::nas_coa_secret(entry.tenant, entry.id), stored)?,
            None => secret.clone(),
        };
        Some(NasSpec {
            id: entry.id.into(),
            partner: entry.tenant.into(),
            network: entry.address,
            name: entry.name.as_str().into(),
            make: entry.make.as_str().into(),
            secret,
            // The schema keeps the port within 1 to 65535.
            coa: CoaTarget {
                port: u16::try_from(entry.coa_port).unwrap_or(3799),
                secret: coa_secret,
            },
            message_authenticator: match entry.require_message_authenticator.as_str() {
                "no" => Require::No,
                "yes" => Require::Yes,
                _ => Require::Auto,
            },
            message_authenticator_seen: entry.message_authenticator_seen,
        })
    }

    /// Looks again at these plans; whoever has one of them must be put again.
    async fn plans(&mut self, tx: &mut Tx, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            self.plans.remove(id);
        }
        for entry in rows::plan_entries(tx, ids).await? {
            self.plans.insert(entry.id, Arc::new(reply::encode_plan(&entry)));
        }
        Ok(())
    }

    /// Looks again at these subscribers; the partner of each that is in the directory now.
    async fn subscribers(&mut self, tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, Error> {
        let entries = rows::subscriber_entries(tx, ids).await?;
        let own = rows::reply_entries(tx, ids).await?;
        let groups = rows::group_reply_entries(tx, ids).await?;
        let mut replies: HashMap<(Uuid, &str), Vec<&ReplyEntry>> = HashMap::new();
        for row in own.iter().chain(&groups) {
            replies.entry((row.tenant, &row.username)).or_default().push(row);
        }
        self.partners_of(tx, entries.iter().map(|entry| entry.tenant))
            .await?;
        let unknown: BTreeSet<Uuid> = entries
            .iter()
            .map(|entry| entry.plan)
            .filter(|plan| !self.plans.contains_key(plan))
            .collect();
        self.plans(tx, &listed(&unknown)).await?;

        let mut present = HashMap::with_capacity(entries.len());
        for entry in &entries {
            if entry.deleted {
                self.directory
                    .subscriber_remove(entry.tenant.into(), entry.id.into());
                continue;
            }
            let rows = replies
                .get(&(entry.tenant, entry.username.as_str()))
                .map_or(&[][..], Vec::as_slice);
            let Some(spec) = self.subscriber_spec(entry, rows) else {
                continue;
            };
            match self.directory.subscriber_put(entry.tenant.into(), spec) {
                Ok(()) => drop(present.insert(entry.id, entry.tenant)),
                // His partner is deleted: nothing of it is served.
                Err(DirectoryError::UnknownPartner { .. }) => {}
                Err(error) => self.refuse("subscriber", entry.id, &error),
            }
        }
        Ok(present)
    }

    /// A subscriber as the access plane wants him; `None` when his plan cannot be found.
    fn subscriber_spec(&self, entry: &SubscriberEntry, rows: &[&ReplyEntry]) -> Option<SubscriberSpec> {
        let plan = Arc::clone(self.plans.get(&entry.plan)?);
        let (reply, left_out) = reply::encode_rows(rows.iter().copied());
        for left in left_out {
            self.counters.attributes_left_out.fetch_add(1, Ordering::Relaxed);
            warn!(
                subscriber_id = %entry.id,
                tenant_id = %entry.tenant,
                attribute = left.attribute,
                why = left.why,
                "a reply attribute is left out"
            );
        }
        Some(SubscriberSpec {
            id: entry.id.into(),
            username: entry.username.as_str().into(),
            state: match entry.status.as_str() {
                "active" => ServiceState::Active,
                "suspended" => ServiceState::Suspended {
                    reason: entry.status_reason.as_deref().unwrap_or_default().into(),
                },
                _ => ServiceState::Terminated,
            },
            expires_at_unix_s: entry.expires_at.map(time::OffsetDateTime::unix_timestamp),
            credential: self.credential(entry),
            plan,
            reply,
        })
    }

    /// What he proves himself with; a password that does not open counts as none, so that he is rejected with a reason.
    fn credential(&self, entry: &SubscriberEntry) -> Credential {
        let Some(stored) = &entry.password else {
            return Credential::None;
        };
        match sealing::reveal(
            &self.sealer,
            &sealing::password(entry.tenant, &entry.username),
            stored,
        ) {
            Ok(clear) => Credential::Clear(Secret::new(&clear)),
            // What the seal says names its context, and that names the user.
            Err(error) => {
                debug!(%error, "a stored password does not open");
                self.refuse("subscriber", entry.id, &PasswordShut);
                Credential::None
            }
        }
    }

    /// Counts and names a row that cannot be taken as it is.
    fn refuse(&self, kind: &'static str, id: Uuid, error: &(dyn std::error::Error + 'static)) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        warn!(kind, %id, error = %Causes(error), "the directory cannot take a row as it is");
    }
}

/// A stored password is of no use; which, the log line says by the subscriber's id.
#[derive(Debug, thiserror::Error)]
#[error(
    "his stored password does not open: another master key sealed it, or it was changed or moved here from another row"
)]
struct PasswordShut;

/// A set as SQL takes it.
fn listed(ids: &BTreeSet<Uuid>) -> Vec<Uuid> {
    ids.iter().copied().collect()
}
