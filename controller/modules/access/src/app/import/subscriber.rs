//! Subscribers: user names with their passwords, what they are checked for and replied, their groups and their plan.
//! Never keeps a password in the clear, and never overwrites what is here unless it is told to.
//!
//! Of several passwords of one name the one that counts is kept ([`credential::ATTRIBUTES`]); everything else FreeRADIUS says
//! stays as rows in its order, and `Simultaneous-Use` is his limit of logins at once, too. Site, plan, name and status are given once: when somebody is here already they are his.

use std::collections::{BTreeMap, BTreeSet};

use kernel::id::{ImportId, SubscriberId};
use kernel::{Error, OnConstraint, OpContext};
use radius_server::directory::Credential;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{App, NAME_CHARS_MAX, Outcome, Said, batch_end, why};
use crate::app::mark;
use crate::app::subscriber::{PASSWORD_OCTETS_MAX, SiteRef, site_resolve, username_check};
use crate::credential;
use crate::sealing;
use crate::store;
use crate::store::identity_policy;
use crate::store::import::subscriber::{
    self as rows, KnownSubscriber, MemberRow, NameRow, NameRows, SubscriberNew,
};
use crate::store::mark::MarkRow;
use crate::store::{Tx, import};

/// Logins at once that a subscriber can be held to.
const SIMULTANEOUS_MAX: i32 = 1_024;

/// A subscriber of another system.
#[derive(Debug, Clone)]
pub struct SubscriberIn {
    /// The name he logs in with.
    pub username: String,
    /// His plan, by slug.
    pub plan: String,
    /// His client, by slug.
    pub client: String,
    /// His site, by slug.
    pub site: String,
    /// What people call the service.
    pub name: String,
    /// `active`, `suspended` or `terminated`.
    pub status: &'static str,
    /// Why.
    pub status_reason: Option<String>,
    /// When the service ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// radcheck: passwords and the rest.
    pub check: Vec<Said>,
    /// radreply.
    pub reply: Vec<Said>,
    /// radusergroup: group and priority.
    pub groups: Vec<(String, i32)>,
    /// What he is recognised by beside his user name.
    pub identified_by: Vec<String>,
}

/// How a batch is to be taken.
#[derive(Debug, Clone, Default)]
pub struct SubscriberRules {
    /// Whether passwords, rows and ends of those who are here become the source's.
    pub update: bool,
    /// Plans a trial takes as made.
    pub assumed_plans: Vec<String>,
}

/// What a batch finds here.
struct Found {
    /// Those of its names who are here.
    known: BTreeMap<String, KnownSubscriber>,
    /// What is said about them.
    said: NameRows,
    /// Names that are taken but for their case, folded; empty when the case counts.
    folded: BTreeMap<String, String>,
    /// Plans by slug; `None`: one that a trial takes as made.
    plans: BTreeMap<String, Option<Uuid>>,
    /// Sites by client and site; what is wrong with those that are none.
    sites: BTreeMap<(String, String), Result<Uuid, String>>,
    /// Marks of all who have one that the batch names.
    marks: Vec<(String, Option<Uuid>, String, Uuid)>,
}

/// A subscriber that may be stored.
struct Sound<'a> {
    /// As he came.
    given: &'a SubscriberIn,
    /// What he proves himself with.
    credential: Credential,
    /// What else is checked.
    check: Vec<&'a Said>,
    /// His site.
    site: Uuid,
    /// His plan; `None` in a trial.
    plan: Option<Uuid>,
}

impl App {
    /// Takes in a batch of subscribers.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Conflict`] for the import itself, or when a name was taken meanwhile.
    pub async fn import_subscribers(
        &self,
        op: &OpContext,
        import: Option<ImportId>,
        rules: &SubscriberRules,
        batch: &[SubscriberIn],
    ) -> Result<Outcome, Error> {
        let mut tx = self.batch_begin(op, import).await?;
        let (marks, mut outcome) = (marks_read(&mut tx, op, batch).await?, Outcome::default());
        let found = found(&mut tx, op, import, rules, batch, &marks).await?;
        let mut seen = Seen::default();
        let (mut fresh, mut stale) = (Vec::new(), Vec::new());
        for (index, given) in batch.iter().enumerate() {
            let sound = match sound(given, &found) {
                Ok(sound) => sound,
                Err(why) => {
                    outcome.refuse(index, why);
                    continue;
                }
            };
            let own = found.known.get(&given.username).map(|known| known.id);
            let taken = marks[index]
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|marks| seen.take(given, marks, own, &found));
            if let Err(why) = taken {
                outcome.refuse(index, why);
                continue;
            }
            let Some(known) = found.known.get(&given.username) else {
                outcome.imported += 1;
                fresh.push((SubscriberId::new(), sound));
                continue;
            };
            match self.differs(op, known, &found.said, &sound)?.as_slice() {
                [] => outcome.unchanged += 1,
                _ if rules.update => {
                    outcome.updated += 1;
                    stale.push((SubscriberId::from(known.id), sound));
                }
                differing => outcome.refuse(
                    index,
                    format!(
                        "he is here already, with another {}",
                        differing.join(", another ")
                    ),
                ),
            }
        }
        if import.is_some() {
            self.subscribers_put(&mut tx, op, &fresh, &stale).await?;
        }
        batch_end(tx, op, import, "subscriber", batch.len(), &outcome).await?;
        Ok(outcome)
    }

    /// What of a subscriber who is here is not as the source has it.
    fn differs(
        &self,
        op: &OpContext,
        known: &KnownSubscriber,
        said: &NameRows,
        sound: &Sound<'_>,
    ) -> Result<Vec<&'static str>, Error> {
        let name = known.username.as_str();
        let mut differing = Vec::new();
        let own: Vec<&NameRow> = said.check.iter().filter(|row| row.username == name).collect();
        if !same(&self.opened(op, &own)?, &sound.credential) {
            differing.push("password");
        }
        if known.expires_at != sound.given.expires_at {
            differing.push("end of service");
        }
        let rest = own
            .into_iter()
            .filter(|row| !credential::ATTRIBUTES.contains(&row.attribute.as_str()));
        if !rest.map(pair).eq(sound.check.iter().map(|said| triple(said))) {
            differing.push("check");
        }
        let reply = said.reply.iter().filter(|row| row.username == name);
        if !reply.map(pair).eq(sound.given.reply.iter().map(triple)) {
            differing.push("reply");
        }
        let groups = said.member.iter().filter(|row| row.username == name);
        let groups: Vec<(&str, i32)> = groups.map(|row| (row.groupname.as_str(), row.priority)).collect();
        let mut wanted: Vec<(&str, i32)> = sound
            .given
            .groups
            .iter()
            .map(|(group, priority)| (group.as_str(), *priority))
            .collect();
        wanted.sort_by_key(|(_, priority)| *priority);
        if groups != wanted {
            differing.push("group");
        }
        Ok(differing)
    }

    /// The credential among the rows of a name, opened; one that does not open is none.
    fn opened(&self, op: &OpContext, rows: &[&NameRow]) -> Result<Credential, Error> {
        let tenant = op.require_partner()?.as_uuid();
        let said = |attribute: &str| rows.iter().rev().find(|row| row.attribute == attribute);
        let Some(row) = credential::ATTRIBUTES.into_iter().find_map(said) else {
            return Ok(Credential::None);
        };
        let context = sealing::credential(tenant, &row.username, &row.attribute);
        let clear = sealing::reveal(&self.sealer, &context, &row.value).ok();
        Ok(clear
            .and_then(|clear| credential::read(&row.attribute, &clear).ok())
            .unwrap_or(Credential::None))
    }

    /// Stores subscribers who are new, and what is said about those who are here.
    async fn subscribers_put(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        fresh: &[(SubscriberId, Sound<'_>)],
        stale: &[(SubscriberId, Sound<'_>)],
    ) -> Result<(), Error> {
        let new: Vec<SubscriberNew<'_>> = fresh.iter().filter_map(|(id, sound)| new(*id, sound)).collect();
        rows::subscribers_insert(tx, op, &new)
            .await
            .on_constraint("subscribers_username", || {
                Error::conflict(
                    "subscriber",
                    "one of these user names was just taken; import again",
                )
            })?;
        let names: Vec<String> = stale
            .iter()
            .map(|(_, sound)| sound.given.username.clone())
            .collect();
        let ids: Vec<Uuid> = stale.iter().map(|(id, _)| id.as_uuid()).collect();
        let ends: Vec<Option<OffsetDateTime>> =
            stale.iter().map(|(_, sound)| sound.given.expires_at).collect();
        if !stale.is_empty() {
            rows::subscribers_expire(tx, op, &ids, &ends).await?;
            rows::name_rows_delete(tx, op, &names).await?;
        }
        let mut said = NameRows::default();
        for (id, sound) in fresh.iter().chain(stale) {
            self.say(op, *id, sound, &mut said)?;
        }
        rows::name_rows_insert(tx, op, &said).await?;
        let limited = fresh
            .iter()
            .chain(stale)
            .filter_map(|(id, sound)| Some((id.as_uuid(), simultaneous(&sound.check)?)));
        let (ids, numbers): (Vec<Uuid>, Vec<i32>) = limited.unzip();
        rows::subscribers_limit(tx, op, &ids, &numbers).await?;
        for (id, sound) in fresh.iter().chain(stale) {
            if !sound.given.identified_by.is_empty() {
                mark::put(tx, op, *id, &sound.given.identified_by).await?;
            }
        }
        Ok(())
    }

    /// What is said about a subscriber, his credential sealed.
    fn say(
        &self,
        op: &OpContext,
        id: SubscriberId,
        sound: &Sound<'_>,
        out: &mut NameRows,
    ) -> Result<(), Error> {
        let name = &sound.given.username;
        let row = |attribute: &str, op: &str, value: String| NameRow {
            subscriber_id: Some(id.as_uuid()),
            username: name.clone(),
            attribute: attribute.to_owned(),
            op: op.to_owned(),
            value,
        };
        if let Some((attribute, value)) = credential::write(&sound.credential) {
            let value = Zeroizing::new(value);
            let context = sealing::credential(op.require_partner()?.as_uuid(), name, attribute);
            out.check
                .push(row(attribute, ":=", self.sealer.seal(&context, &value)?));
        }
        let plain = |said: &Said| row(&said.attribute, &said.op, said.value.clone());
        out.check.extend(sound.check.iter().map(|said| plain(said)));
        out.reply.extend(sound.given.reply.iter().map(plain));
        out.member
            .extend(sound.given.groups.iter().map(|(group, priority)| MemberRow {
                username: name.clone(),
                groupname: group.clone(),
                priority: *priority,
            }));
        Ok(())
    }
}

/// Looks up, in a few statements, whatever the subscribers of a batch hang on.
async fn found(
    tx: &mut Tx,
    op: &OpContext,
    import: Option<ImportId>,
    rules: &SubscriberRules,
    batch: &[SubscriberIn],
    marks: &[Result<Vec<MarkRow>, String>],
) -> Result<Found, Error> {
    let names: Vec<String> = batch.iter().map(|given| given.username.clone()).collect();
    let known = rows::subscribers_known(tx, op, &names).await?;
    let here: Vec<String> = known.iter().map(|known| known.username.clone()).collect();
    let policy = identity_policy::identity_policy_fetch(tx, op).await?;
    let mut folded = BTreeMap::new();
    if policy.username_case == "fold" {
        let taken = rows::usernames_folded(tx, op, &names).await?;
        folded.extend(taken.into_iter().map(|name| (name.to_ascii_lowercase(), name)));
    }
    let slugs: BTreeSet<&String> = batch.iter().map(|given| &given.plan).collect();
    let slugs: Vec<String> = slugs.into_iter().cloned().collect();
    let mut plans = BTreeMap::new();
    if import.is_none() {
        plans.extend(rules.assumed_plans.iter().map(|slug| (slug.clone(), None)));
    }
    let stored = import::subscriber::plan_ids(tx, op, &slugs).await?;
    plans.extend(stored.into_iter().map(|(slug, id)| (slug, Some(id))));
    let mut sites = BTreeMap::new();
    for given in batch {
        let key = (given.client.clone(), given.site.clone());
        if sites.contains_key(&key) {
            continue;
        }
        let named = SiteRef::Slugs {
            client: key.0.clone(),
            site: key.1.clone(),
        };
        let site = match site_resolve(tx, op, &named).await {
            Ok(id) => Ok(id.as_uuid()),
            Err(error) => Err(why(error)?),
        };
        sites.insert(key, site);
    }
    let named = marks.iter().flatten().flatten();
    let (kinds, values): (Vec<String>, Vec<String>) = named
        .map(|mark| (mark.kind.to_owned(), mark.value.clone()))
        .unzip();
    Ok(Found {
        said: rows::name_rows(tx, op, &here).await?,
        known: known
            .into_iter()
            .map(|known| (known.username.clone(), known))
            .collect(),
        folded,
        plans,
        sites,
        marks: store::mark::marks_of_values(tx, op, &kinds, &values).await?,
    })
}

/// Reads the marks of a batch, or why one of them is none.
async fn marks_read(
    tx: &mut Tx,
    op: &OpContext,
    batch: &[SubscriberIn],
) -> Result<Vec<Result<Vec<MarkRow>, String>>, Error> {
    let mut all = Vec::with_capacity(batch.len());
    for given in batch {
        all.push(match mark::rows(tx, op, &given.identified_by).await {
            Ok(marks) => Ok(marks),
            Err(error) => Err(why(error)?),
        });
    }
    Ok(all)
}

/// A subscriber that may be stored, or why not.
fn sound<'a>(given: &'a SubscriberIn, found: &Found) -> Result<Sound<'a>, String> {
    username_check(&given.username).map_err(|error| error.to_string())?;
    for said in &given.reply {
        said.check()?;
    }
    for (group, _) in &given.groups {
        if !(1..=NAME_CHARS_MAX).contains(&group.chars().count()) {
            return Err(format!(
                "a group's name has more than {NAME_CHARS_MAX} characters, or none"
            ));
        }
    }
    let (passwords, check): (Vec<&Said>, Vec<&Said>) = given
        .check
        .iter()
        .partition(|said| credential::ATTRIBUTES.contains(&said.attribute.as_str()));
    check.iter().try_for_each(|said| said.check())?;
    let site = found
        .sites
        .get(&(given.client.clone(), given.site.clone()))
        .cloned()
        .unwrap_or_else(|| Err("it has no site".to_owned()))?;
    let plan = found
        .plans
        .get(&given.plan)
        .ok_or_else(|| format!("there is no plan {}", given.plan))?;
    Ok(Sound {
        given,
        credential: credential_of(&passwords)?,
        check,
        site,
        plan: *plan,
    })
}

/// The credential that counts of several: the kind that serves most methods, and of its rows the newest.
fn credential_of(passwords: &[&Said]) -> Result<Credential, String> {
    let said = |attribute: &str| passwords.iter().rev().find(|said| said.attribute == attribute);
    let Some(said) = credential::ATTRIBUTES.into_iter().find_map(said) else {
        return Ok(Credential::None);
    };
    let credential = credential::read(&said.attribute, said.value.as_bytes()).map_err(|error| {
        let inner = std::error::Error::source(&error).map(|inner| format!(": {inner}"));
        format!("{error}{}", inner.unwrap_or_default())
    })?;
    match &credential {
        Credential::Clear(clear) if !(1..=PASSWORD_OCTETS_MAX).contains(&clear.expose().len()) => {
            Err(format!(
                "{} has {} octets; 1 to {PASSWORD_OCTETS_MAX} can be sent",
                said.attribute,
                clear.expose().len()
            ))
        }
        _ => Ok(credential),
    }
}

/// How many logins at once `Simultaneous-Use` allows, when it is a number that can be.
fn simultaneous(check: &[&Said]) -> Option<i32> {
    let said = check
        .iter()
        .rev()
        .find(|said| said.attribute.eq_ignore_ascii_case("Simultaneous-Use"))?;
    said.value
        .trim()
        .parse()
        .ok()
        .filter(|number| (1..=SIMULTANEOUS_MAX).contains(number))
}

/// Names and marks that came before in this batch.
#[derive(Default)]
struct Seen<'a> {
    /// User names.
    names: BTreeSet<&'a str>,
    /// The same folded.
    folded: BTreeSet<String>,
    /// Marks: kind, NAS, value.
    marks: BTreeSet<(&'static str, Option<Uuid>, &'a str)>,
}

impl<'a> Seen<'a> {
    /// Takes a name and its marks, or says who has one of them.
    fn take(
        &mut self,
        given: &'a SubscriberIn,
        marks: &'a [MarkRow],
        own: Option<Uuid>,
        found: &Found,
    ) -> Result<(), String> {
        let folded = given.username.to_ascii_lowercase();
        if let Some(other) = found
            .folded
            .get(&folded)
            .filter(|other| **other != given.username)
        {
            return Err(format!(
                "there is already a subscriber {other}, and the case of user names does not count"
            ));
        }
        for mark in marks {
            let key = (mark.kind, mark.nas.map(|nas| nas.as_uuid()), mark.value.as_str());
            let elsewhere = found.marks.iter().any(|(kind, nas, value, whose)| {
                (kind.as_str(), *nas, value.as_str()) == key && Some(*whose) != own
            });
            if elsewhere || self.marks.contains(&key) {
                return Err(format!(
                    "another subscriber is recognised by {}={} already",
                    mark.kind, mark.value
                ));
            }
        }
        if !self.names.insert(&given.username) {
            return Err("he comes twice".to_owned());
        }
        self.marks.extend(
            marks
                .iter()
                .map(|mark| (mark.kind, mark.nas.map(|nas| nas.as_uuid()), mark.value.as_str())),
        );
        self.folded.insert(folded);
        Ok(())
    }
}

/// Whether two credentials are the same, in a time that does not tell where they differ.
fn same(one: &Credential, other: &Credential) -> bool {
    match (credential::write(one), credential::write(other)) {
        (None, None) => true,
        (Some((attribute, one)), Some((same, other))) => {
            let (one, other) = (Zeroizing::new(one), Zeroizing::new(other));
            attribute == same && bool::from(one.as_slice().ct_eq(other.as_slice()))
        }
        _ => false,
    }
}

/// A row as it is compared.
fn pair(row: &NameRow) -> (&str, &str, &str) {
    (&row.attribute, &row.op, &row.value)
}

/// What came, as it is compared.
fn triple(said: &Said) -> (&str, &str, &str) {
    (&said.attribute, &said.op, &said.value)
}

/// A subscriber as he is inserted; a trial has no plan for him and inserts nobody.
fn new<'a>(id: SubscriberId, sound: &'a Sound<'_>) -> Option<SubscriberNew<'a>> {
    Some(SubscriberNew {
        id: id.as_uuid(),
        site_id: sound.site,
        plan_id: sound.plan?,
        username: &sound.given.username,
        name: &sound.given.name,
        status: sound.given.status,
        status_reason: sound.given.status_reason.as_deref(),
        expires_at: sound.given.expires_at,
    })
}
