//! Rows to directory entries, in bulk, for everything or for what changed.
//! Never reads one subscriber at a time. A row that cannot be taken is counted and named in the log; the rest goes in.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use kernel::Error;
use kernel::secrets::Sealer;
use radius::dictionary::Dictionary;
use radius::secret::SharedSecret;
use radius_server::Directory;
use radius_server::authorization::Make;
use radius_server::directory::{
    CertificateName, CoaTarget, Counts, DirectoryError, Identify, IdentifyBy, NasGuard, NasSpec, OlderSecret,
    Plan, ProxyState, RequestRate, Require, Subscriber, SubscriberSpec,
};
use uuid::Uuid;

use super::FeederCounters;
use super::bulk::{Bulk, GroupReplies};
use super::changes::Touched;
use super::clerk::Clerk;
use super::realms;
use crate::sealing;
use crate::store::Tx;
use crate::store::admission::rules_entries;
use crate::store::change::Change;
use crate::store::directory::{self as rows, MarkEntry, NasEntry, ReplyEntry};

/// Subscribers looked at again at a time.
const SUBSCRIBERS_MAX: usize = 10_000;

/// Turns rows into directory entries.
pub struct Loader {
    /// Makes entries.
    pub(super) clerk: Clerk,
    /// Where entries go.
    directory: Arc<Directory>,
    /// Plans as they are in the directory; subscribers share them.
    plans: HashMap<Uuid, Arc<Plan>>,
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
    pub fn new(
        sealer: Sealer,
        directory: Arc<Directory>,
        dictionary: Arc<Dictionary>,
        counters: Arc<FeederCounters>,
    ) -> Self {
        Self {
            clerk: Clerk::new(sealer, dictionary, counters),
            directory,
            plans: HashMap::new(),
        }
    }

    /// The directory it fills.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The plans that subscribers share.
    pub fn plans(&self) -> Vec<(Uuid, Arc<Plan>)> {
        self.plans
            .iter()
            .map(|(id, plan)| (*id, Arc::clone(plan)))
            .collect()
    }

    /// Takes over the plans that the directory's subscribers share already.
    pub fn plans_known(&mut self, plans: Vec<(Uuid, Arc<Plan>)>) {
        self.plans = plans.into_iter().collect();
    }

    /// Reads everything there is, and takes out what the directory has and the database has not.
    pub async fn everything(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let empty = self.directory.counts() == Counts::default();
        let partners = rows::partner_ids(tx).await?;
        self.partners(tx, &partners).await?;
        let nas = rows::nas_ids_by_partners(tx, &partners).await?;
        if !empty {
            self.partners_retain(&partners.into_iter().collect());
            self.nas_retain(&nas.iter().copied().collect());
        }
        self.nas(tx, &nas).await?;
        let plans = rows::plan_ids(tx).await?;
        self.plans.clear();
        self.plans_look(tx, &plans).await?;
        let bulk = Bulk {
            clerk: self.clerk.clone(),
            directory: Arc::clone(&self.directory),
            plans: self.plans.clone(),
            groups: group_replies(tx).await?,
            remember: !empty,
        };
        let seen = bulk.read(tx).await?;
        if !empty {
            self.subscribers_retain(&seen);
        }
        self.marks(tx).await?;
        self.admission(tx).await?;
        self.all_used_up(tx).await
    }

    /// Puts what all subscribers are recognised by, and takes out what they are not any more.
    async fn marks(&self, tx: &mut Tx) -> Result<(), Error> {
        let mut held: BTreeSet<(Uuid, Uuid)> = BTreeSet::new();
        for partner in self.directory.partners() {
            let marked = partner.marked();
            held.extend(
                marked
                    .into_iter()
                    .map(|id| (partner.id().as_uuid(), id.as_uuid())),
            );
        }
        let mut rows: Vec<MarkEntry> = Vec::new();
        let mut stream = std::pin::pin!(rows::mark_stream(tx));
        loop {
            let row = stream.try_next().await?;
            let same = rows
                .first()
                .zip(row.as_ref())
                .is_some_and(|(one, other)| one.subscriber == other.subscriber);
            if !same && let Some(first) = rows.first() {
                let whose = (first.tenant, first.subscriber);
                held.remove(&whose);
                let marks = self.clerk.marks(rows.iter());
                self.directory.marks_put(whose.0.into(), whose.1.into(), &marks);
                rows.clear();
            }
            match row {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        for (partner, id) in held {
            self.directory.marks_put(partner.into(), id.into(), &[]);
        }
        Ok(())
    }

    /// Takes out the partners that are not among these.
    fn partners_retain(&self, present: &BTreeSet<Uuid>) {
        for partner in self.directory.partners() {
            if !present.contains(&partner.id().as_uuid()) {
                self.directory.partner_remove(partner.id());
            }
        }
    }

    /// Takes out the NAS that are not among these.
    fn nas_retain(&self, present: &BTreeSet<Uuid>) {
        for nas in self.directory.nas_list() {
            if !present.contains(&nas.id.as_uuid()) {
                self.directory.nas_remove(nas.id);
            }
        }
    }

    /// Takes out the subscribers that are not among these, which are in order.
    fn subscribers_retain(&self, present: &[Uuid]) {
        for partner in self.directory.partners() {
            for piece in partner.subscriber_pieces() {
                for gone in piece
                    .iter()
                    .filter(|held| present.binary_search(&held.id.as_uuid()).is_err())
                {
                    self.directory.subscriber_remove(partner.id(), gone.id);
                }
            }
        }
    }

    /// Looks again at everything these changes touch.
    pub async fn changed(&mut self, tx: &mut Tx, changes: &[Change]) -> Result<(), Error> {
        let touched = Touched::by(changes);
        let returned = self.partners(tx, &listed(&touched.partners)).await?;

        // What touches nothing asks nothing: a change of one subscriber is two questions, not ten.
        let mut nas = touched.nas.clone();
        if !returned.is_empty() {
            nas.extend(rows::nas_ids_by_partners(tx, &returned).await?);
        }
        self.nas(tx, &listed(&nas)).await?;

        let mut plans = touched.plans.clone();
        if !touched.profiles.is_empty() {
            plans.extend(rows::plan_ids_by_profiles(tx, &listed(&touched.profiles)).await?);
        }
        let unknown = self.plans_look(tx, &listed(&plans)).await?;

        let mut subscribers: BTreeSet<Uuid> = touched.subscribers.iter().map(|(_, id)| *id).collect();
        if !returned.is_empty() {
            subscribers.extend(rows::subscriber_ids_by_partners(tx, &returned).await?);
        }
        if !unknown.is_empty() {
            subscribers.extend(rows::subscriber_ids_by_plans(tx, &unknown).await?);
        }
        if !touched.usernames.is_empty() {
            let (partners, names): (Vec<_>, Vec<_>) = touched.usernames.iter().cloned().unzip();
            subscribers.extend(rows::subscriber_ids_by_names(tx, &partners, &names).await?);
        }
        if !touched.groups.is_empty() {
            let (partners, groups): (Vec<_>, Vec<_>) = touched.groups.iter().cloned().unzip();
            subscribers.extend(rows::subscriber_ids_by_groups(tx, &partners, &groups).await?);
        }

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
        let defaults = rows::defaults_entries(tx, ids).await?;
        let mut returned = Vec::new();
        for id in ids {
            match entries.iter().find(|entry| entry.id == *id && !entry.deleted) {
                Some(entry) => {
                    if self.directory.partner((*id).into()).is_none() {
                        returned.push(*id);
                    }
                    self.directory
                        .partner_put((*id).into(), &entry.name, entry.active);
                    self.directory.partner_fold_case((*id).into(), entry.fold_case);
                    self.directory
                        .partner_garden((*id).into(), self.clerk.garden(entry));
                    let its = defaults.iter().filter(|row| row.tenant == *id);
                    self.directory
                        .partner_defaults((*id).into(), self.clerk.defaults(its));
                }
                None => self.directory.partner_remove((*id).into()),
            }
        }
        self.pools(tx, ids).await?;
        for (partner, realms) in realms::read(tx, &self.clerk, ids).await? {
            match self.directory.realms_put(partner.into(), realms) {
                // A deleted one has none to serve.
                Ok(()) | Err(DirectoryError::UnknownPartner { .. }) => {}
                Err(error) => self.clerk.refuse("realms", partner, &error),
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
            self.clerk.refuse("nas", nas.as_uuid(), &error);
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
        let open = |context: String, stored: &str| {
            let clear = self.clerk.nas_secret(entry.id, &context, stored)?;
            Some(SharedSecret::new(&clear))
        };
        let secret = open(sealing::nas_secret(entry.tenant, entry.id), &entry.secret)?;
        self.clerk.secret_look(entry, &secret);
        let coa_secret = match &entry.coa_secret {
            Some(stored) => open(sealing::nas_coa_secret(entry.tenant, entry.id), stored)?,
            None => secret.clone(),
        };
        // Sealed for the same place: it was moved there when it was replaced. One that does not open is no longer good.
        let older = entry.older_secret.as_ref().zip(entry.older_secret_until);
        let older_secret = older.and_then(|(stored, until)| {
            Some(OlderSecret {
                secret: open(sealing::nas_secret(entry.tenant, entry.id), stored)?,
                until_unix_s: until.unix_timestamp(),
            })
        });
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
            message_authenticator: require(&entry.require_message_authenticator),
            message_authenticator_seen: entry.message_authenticator_seen,
            guard: NasGuard {
                limit_proxy_state: require(&entry.limit_proxy_state),
                proxy_state_known: match entry.proxy_state_shown.as_deref() {
                    Some("limited") => Some(ProxyState::Limited),
                    Some("needed") => Some(ProxyState::Needed),
                    _ => None,
                },
                older_secret,
                request_rate: request_rate(entry),
                certificate_name: entry.tls_name.as_deref().map(certificate_name),
            },
            identify: identify(&entry.identify),
        })
    }

    /// Looks again at these plans; which of them are new here, so that whoever has one of those must be put again.
    ///
    /// Whoever has one that was here gets it at once, out of memory: a plan may have all subscribers of a partner, and
    /// reading them would hold up every other change.
    async fn plans_look(&mut self, tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let mut unknown = Vec::new();
        if ids.is_empty() {
            return Ok(unknown);
        }
        let entries = rows::plan_entries(tx, ids).await?;
        let rules = Self::plan_rules(tx, ids).await?;
        for id in ids
            .iter()
            .filter(|id| !entries.iter().any(|entry| entry.id == **id))
        {
            self.plans.remove(id);
        }
        let makes: BTreeSet<Make> = self.directory.nas_list().iter().map(|nas| nas.dialect).collect();
        let mut replaced = Vec::new();
        for entry in entries {
            let rules = rules.get(&entry.id).copied().unwrap_or_default();
            let newer = self.clerk.plan(&entry).with_admission(rules);
            let newer = Arc::new(newer.with_quota(self.clerk.on_used_up(&entry)));
            self.clerk.plan_look(&newer, &makes);
            match self.plans.get_mut(&entry.id) {
                Some(held) if *held == newer => {}
                Some(held) => replaced.push((std::mem::replace(held, Arc::clone(&newer)), newer)),
                None => {
                    unknown.push(entry.id);
                    self.plans.insert(entry.id, newer);
                }
            }
        }
        self.subscribers_replan(&replaced);
        Ok(unknown)
    }

    /// Gives everybody who has the first of a pair the second.
    fn subscribers_replan(&self, replaced: &[(Arc<Plan>, Arc<Plan>)]) {
        if replaced.is_empty() {
            return;
        }
        let newer_of = |held: &Arc<Plan>| {
            let pair = replaced.iter().find(|(older, _)| Arc::ptr_eq(older, held));
            pair.map(|(_, newer)| Arc::clone(newer))
        };
        for partner in self.directory.partners() {
            for piece in partner.subscriber_pieces() {
                let changed = piece.iter().filter_map(|held| {
                    let newer = newer_of(held.plan.base())?;
                    let plan = match held.plan.as_service() {
                        None => newer,
                        Some(own) => Arc::new(Plan::service(&newer, own.terms.clone())),
                    };
                    Some(Subscriber::new(&SubscriberSpec { plan, ..held.spec() }))
                });
                // A partner that is gone by now has taken them along.
                drop(self.directory.subscriber_put_all(partner.id(), changed));
            }
        }
    }

    /// Looks again at these subscribers; the partner of each that is in the directory now.
    async fn subscribers(&mut self, tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, Error> {
        let entries = rows::subscriber_entries(tx, ids).await?;
        let extras = rows::subscriber_extras(tx, ids).await?;
        let own = match extras.replies {
            true => rows::reply_entries(tx, ids).await?,
            false => Vec::new(),
        };
        let groups = match extras.groups {
            true => rows::group_reply_entries(tx, ids).await?,
            false => Vec::new(),
        };
        let mut marks: HashMap<Uuid, Vec<MarkEntry>> = HashMap::new();
        if extras.marks {
            for row in rows::mark_entries(tx, ids).await? {
                marks.entry(row.subscriber).or_default().push(row);
            }
        }
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
        self.plans_look(tx, &listed(&unknown)).await?;

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
            let Some(plan) = self.plans.get(&entry.plan) else {
                continue;
            };
            let subscriber = self.clerk.subscriber(entry, plan, rows.iter().copied());
            match self
                .directory
                .subscriber_put_all(entry.tenant.into(), [subscriber])
            {
                Ok(()) => {
                    let his = marks.get(&entry.id).map_or(&[][..], Vec::as_slice);
                    let his = self.clerk.marks(his.iter());
                    self.directory
                        .marks_put(entry.tenant.into(), entry.id.into(), &his);
                    present.insert(entry.id, entry.tenant);
                }
                // His partner is deleted: nothing of it is served.
                Err(DirectoryError::UnknownPartner { .. }) => {}
                Err(error) => self.clerk.refuse("subscriber", entry.id, &error),
            }
        }
        let rules = match extras.rules {
            true => rules_entries(tx, ids, false).await?,
            false => Vec::new(),
        };
        self.rules(&rules, &present);
        self.used_up(tx, ids, extras.used_up, &present).await?;
        Ok(present)
    }
}

/// The rules of a NAS; rules of a later schema are left out, and without any it goes by user name.
fn identify(words: &[String]) -> Identify {
    let rules: Vec<IdentifyBy> = words.iter().filter_map(|word| word.parse().ok()).collect();
    Identify::new(&rules).unwrap_or_default()
}

/// What every group says, in the order of its rows.
async fn group_replies(tx: &mut Tx) -> Result<GroupReplies, Error> {
    let mut groups = GroupReplies::new();
    for row in rows::group_reply_list(tx).await? {
        let group = row.group.clone().unwrap_or_default();
        groups.entry((row.tenant, group)).or_default().push(row);
    }
    Ok(groups)
}

/// A set as SQL takes it.
fn listed(ids: &BTreeSet<Uuid>) -> Vec<Uuid> {
    ids.iter().copied().collect()
}

/// `no`, `yes` or `auto`, as the schema has it.
fn require(word: &str) -> Require {
    match word {
        "no" => Require::No,
        "yes" => Require::Yes,
        _ => Require::Auto,
    }
}

/// What the certificate of a NAS must carry. The API takes nothing else; what cannot be read is carried by none.
fn certificate_name(text: &str) -> CertificateName {
    text.parse().unwrap_or(CertificateName::Dns(Box::default()))
}

/// How many requests a second are taken from a NAS; without a burst those of a second may come at once.
fn request_rate(entry: &NasEntry) -> Option<RequestRate> {
    let positive = |number: Option<i32>| NonZeroU32::new(u32::try_from(number?).ok()?);
    let per_s = positive(entry.request_rate)?;
    Some(RequestRate {
        per_s,
        burst: positive(entry.request_burst).unwrap_or(per_s),
    })
}
