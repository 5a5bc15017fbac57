//! What the database says about one subscriber to his directory entry: opens the password, encodes the attributes.
//! Never reads a row and never puts an entry anywhere, so that several can work at the same time. What cannot be taken is
//! counted and named in the log.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::secrets::Sealer;
use radius::dictionary::Dictionary;
use radius::secret::SharedSecret;
use radius_server::authorization::defaults::Defaults;
use radius_server::authorization::garden::{Garden, GardenReason};
use radius_server::authorization::{Make, Sheet, Terms};
use radius_server::directory::{
    Credential, MARKS_MAX, Mark, MarkKind, OnUsedUp, Plan, ServiceState, Subscriber, SubscriberSpec,
};
use serde::Deserialize as _;
use serde_json::Value;
use tracing::{debug, warn};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{FeederCounters, reply};
use crate::app::nas::SECRET_CHARS_ADVISED;
use crate::causes::Causes;
use crate::credential;
use crate::sealing;
use crate::store::directory::{
    DefaultsEntry, MarkEntry, NasEntry, PartnerEntry, PlanEntry, ReplyEntry, SubscriberEntry,
};

/// Rows that cannot be taken get a line each until there are so many: with another master key, none of a million opens.
const REFUSED_LINES_MAX: u64 = 100;
/// NAS with short secrets get a line each until there are so many.
const SHORT_SECRET_LINES_MAX: u64 = 100;

/// A word of a closed set that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is a word of a later version")]
struct UnknownWord(String);

/// Turns what is said about a subscriber into his entry. Clones work for the same directory.
#[derive(Debug, Clone)]
pub struct Clerk {
    /// Opens stored secrets.
    sealer: Sealer,
    /// What the names in reply rows mean.
    dictionary: Arc<Dictionary>,
    /// What could not be taken is counted here.
    counters: Arc<FeederCounters>,
    /// How often a secret was shorter than advised.
    short_secrets: Arc<AtomicU64>,
}

impl Clerk {
    /// A clerk with the master key.
    pub fn new(sealer: Sealer, dictionary: Arc<Dictionary>, counters: Arc<FeederCounters>) -> Self {
        Self {
            sealer,
            dictionary,
            counters,
            short_secrets: Arc::default(),
        }
    }

    /// A subscriber as the access plane wants him.
    pub fn subscriber<'r>(
        &self,
        entry: &SubscriberEntry,
        plan: &Arc<Plan>,
        rows: impl Iterator<Item = &'r ReplyEntry>,
    ) -> Arc<Subscriber> {
        let plan = match &entry.terms {
            None => Arc::clone(plan),
            Some(terms) => Arc::new(Plan::service(plan, self.terms("subscriber", entry.id, terms))),
        };
        let (reply, left_out) = reply::encode_rows(rows, &self.dictionary);
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
        Subscriber::new(&SubscriberSpec {
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

    /// A plan as the access plane wants it.
    pub fn plan(&self, entry: &PlanEntry) -> Plan {
        let other = self.terms("plan", entry.id, &entry.terms);
        Plan::of(entry.name.as_str(), reply::plan_terms(entry, other))
    }

    /// What happens to whoever used up the quota of a plan, if it has one. A word of a later schema turns nobody away.
    pub fn on_used_up(&self, entry: &PlanEntry) -> Option<OnUsedUp> {
        match entry.on_used_up.as_deref()? {
            "throttle" => {
                let throttle = entry.throttle.as_ref()?;
                Some(OnUsedUp::Throttle(self.terms("quota", entry.id, throttle)))
            }
            "garden" => Some(OnUsedUp::Garden),
            "reject" => Some(OnUsedUp::Reject),
            other => {
                let error = UnknownWord(other.to_owned());
                self.refuse("quota", entry.id, &error);
                None
            }
        }
    }

    /// The garden of a partner, if it has one.
    pub fn garden(&self, entry: &PartnerEntry) -> Option<Garden> {
        let (words, terms) = entry.garden_reasons.as_ref().zip(entry.garden_terms.as_ref())?;
        let reasons: Vec<GardenReason> = words.iter().filter_map(|word| word.parse().ok()).collect();
        Some(Garden::new(&reasons, self.terms("garden", entry.id, terms)))
    }

    /// The defaults of one partner and of its NAS.
    pub fn defaults<'r>(&self, rows: impl Iterator<Item = &'r DefaultsEntry>) -> Defaults {
        Defaults::new(rows.map(|row| {
            let terms = self.terms("defaults", row.nas.unwrap_or(row.tenant), &row.terms);
            (row.nas.map(Into::into), terms)
        }))
    }

    /// Stored terms; those of a later schema are counted and named, and say nothing.
    fn terms(&self, kind: &'static str, id: Uuid, stored: &Value) -> Terms {
        Terms::deserialize(stored).unwrap_or_else(|error| {
            self.refuse(kind, id, &error);
            Terms::default()
        })
    }

    /// Says what of a plan does not fit the makes that are in use; it was fed before they came.
    pub fn plan_look(&self, plan: &Plan, makes: &BTreeSet<Make>) {
        for make in makes {
            plan.prepare(*make);
            let explained = Sheet::explained(plan.terms(), *make, plan.raw());
            for problem in explained.problems {
                self.counters.attributes_left_out.fetch_add(1, Ordering::Relaxed);
                warn!(
                    plan = plan.name().as_str(),
                    make = make.as_str(),
                    term = problem.term.as_str(),
                    why = problem.why,
                    "a plan says something that does not fit a make of NAS in use"
                );
            }
        }
    }

    /// A secret of a NAS in the clear; `None` when it does not open.
    pub fn nas_secret(&self, nas: Uuid, context: &str, stored: &str) -> Option<Zeroizing<Vec<u8>>> {
        match sealing::reveal(&self.sealer, context, stored) {
            Ok(clear) => Some(clear),
            Err(error) => {
                self.refuse("nas", nas, &error);
                None
            }
        }
    }

    /// Says which NAS have a secret that is shorter than advised; the secret itself is never said.
    pub fn secret_look(&self, entry: &NasEntry, secret: &SharedSecret) {
        let chars = String::from_utf8_lossy(secret.octets()).chars().count();
        if chars >= SECRET_CHARS_ADVISED {
            return;
        }
        match self.short_secrets.fetch_add(1, Ordering::Relaxed) {
            ..SHORT_SECRET_LINES_MAX => warn!(
                nas = entry.name,
                nas_id = %entry.id,
                advised = SECRET_CHARS_ADVISED,
                "the shared secret of a NAS is shorter than advised; `headend nas secret rotate` replaces it"
            ),
            SHORT_SECRET_LINES_MAX => warn!(
                lines = SHORT_SECRET_LINES_MAX,
                "further NAS with short secrets are not named"
            ),
            _ => {}
        }
    }

    /// The secret shared with a home server in the clear; `None` when it does not open.
    pub fn home_server_secret(&self, id: Uuid, context: &str, stored: &str) -> Option<Zeroizing<Vec<u8>>> {
        match sealing::reveal(&self.sealer, context, stored) {
            Ok(clear) => Some(clear),
            Err(error) => {
                self.refuse("home server", id, &error);
                None
            }
        }
    }

    /// Counts and names a row that cannot be taken as it is.
    pub fn refuse(&self, kind: &'static str, id: Uuid, error: &(dyn std::error::Error + 'static)) {
        match self.counters.refused.fetch_add(1, Ordering::Relaxed) {
            ..REFUSED_LINES_MAX => {
                warn!(kind, %id, error = %Causes(error), "the directory cannot take a row as it is");
            }
            REFUSED_LINES_MAX => warn!(
                lines = REFUSED_LINES_MAX,
                "further rows that the directory cannot take are named at debug level only; access_feeder_refused_total counts them"
            ),
            _ => debug!(kind, %id, error = %Causes(error), "the directory cannot take a row as it is"),
        }
    }

    /// What he is recognised by; a row of a later schema, or that is none, is counted and named.
    pub fn marks<'r>(&self, rows: impl Iterator<Item = &'r MarkEntry>) -> Vec<Mark> {
        let read = |row: &MarkEntry| {
            let kind: MarkKind = row.kind.parse().ok()?;
            Some(Mark {
                kind,
                nas: row.nas.map(Into::into),
                value: kind.read(&row.value)?,
            })
        };
        let marks = rows.filter_map(|row| {
            let mark = read(row);
            if mark.is_none() {
                self.refuse("subscriber", row.subscriber, &MarkUnreadable);
            }
            mark
        });
        marks.take(MARKS_MAX).collect()
    }

    /// What he proves himself with; a password that does not open, or a hash that cannot be used, counts as none, so that
    /// he is rejected with a reason.
    fn credential(&self, entry: &SubscriberEntry) -> Credential {
        let (Some(attribute), Some(stored)) = (&entry.password_attribute, &entry.password) else {
            return Credential::None;
        };
        let context = sealing::credential(entry.tenant, &entry.username, attribute);
        match sealing::reveal(&self.sealer, &context, stored) {
            Ok(clear) => credential::read(attribute, &clear).unwrap_or_else(|error| {
                self.refuse("subscriber", entry.id, &error);
                Credential::None
            }),
            // What the seal says names its context, and that names the user.
            Err(error) => {
                debug!(%error, "a stored password does not open");
                self.refuse("subscriber", entry.id, &PasswordShut);
                Credential::None
            }
        }
    }
}

/// A stored mark is of no use; whose, the log line says by the subscriber's id.
#[derive(Debug, thiserror::Error)]
#[error("something that he is recognised by cannot be read")]
struct MarkUnreadable;

/// A stored password is of no use; which, the log line says by the subscriber's id.
#[derive(Debug, thiserror::Error)]
#[error(
    "his stored password does not open: another master key sealed it, or it was changed or moved here from another row"
)]
struct PasswordShut;
