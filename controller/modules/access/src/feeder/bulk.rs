//! All subscribers at once: one stream out of the database, several threads that open passwords and fill the directory.
//! Never holds more than a few batches between the two; when the threads are behind, the database waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::Error;
use radius_server::Directory;
use radius_server::directory::{Plan, Subscriber};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::clerk::Clerk;
use crate::credential::ATTRIBUTES;
use crate::store::Tx;
use crate::store::directory::{ReplyEntry, SubscriberEntry};
use crate::store::roll::{self, RollBroken, RollRow, Says};

/// Threads at most; beyond, the database is the slower side.
const THREADS_MAX: usize = 4;
/// Batches that wait for a thread, for each thread.
const WAITING_MAX: usize = 2;

/// Reply attributes of a group, in the order of their rows; keyed by partner and group.
pub type GroupReplies = HashMap<(Uuid, String), Vec<ReplyEntry>>;

/// What the threads share.
pub struct Bulk {
    /// Makes entries.
    pub clerk: Clerk,
    /// Where they go.
    pub directory: Arc<Directory>,
    /// Every plan.
    pub plans: HashMap<Uuid, Arc<Plan>>,
    /// Every group's attributes.
    pub groups: GroupReplies,
    /// Whether the ids of all that were put are wanted in the end.
    pub remember: bool,
}

impl Bulk {
    /// Puts every living subscriber into the directory; their ids in order, when they are wanted.
    ///
    /// Whoever has a plan or a partner that came after those were read is left out: his change is still to be followed.
    pub async fn read(self, tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX));
        let (sender, receiver) = mpsc::channel(threads * WAITING_MAX);
        let (shared, batches) = (Arc::new(self), Arc::new(Mutex::new(receiver)));
        let mut working = JoinSet::new();
        for _ in 0..threads {
            let (shared, batches) = (Arc::clone(&shared), Arc::clone(&batches));
            working.spawn_blocking(move || shared.work(&batches));
        }
        drop(batches);
        let read = roll::roll_read(tx, sender).await;
        let mut seen = Vec::new();
        while let Some(ended) = working.join_next().await {
            seen.append(&mut ended.map_err(defect)?.map_err(defect)?);
        }
        read?;
        seen.sort_unstable();
        Ok(seen)
    }

    /// Takes batches until there are no more.
    fn work(&self, batches: &Mutex<mpsc::Receiver<Vec<u8>>>) -> Result<Vec<Uuid>, RollBroken> {
        let mut seen = Vec::new();
        loop {
            let batch = batches
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            match batch {
                Some(batch) => self.put(&batch, &mut seen)?,
                None => return Ok(seen),
            }
        }
    }

    /// Puts the subscribers of one batch into the directory.
    fn put(&self, batch: &[u8], seen: &mut Vec<Uuid>) -> Result<(), RollBroken> {
        let mut about = None::<About>;
        for row in roll::roll_rows(batch) {
            let row = row?;
            let same = about.as_ref().is_some_and(|about| about.is_about(&row));
            if !same && let Some(whole) = about.replace(About::of(&row)) {
                self.put_one(whole, seen);
            }
            if let Some(about) = &mut about {
                about.add(&row);
            }
        }
        if let Some(whole) = about {
            self.put_one(whole, seen);
        }
        Ok(())
    }

    /// Puts one subscriber into the directory, if the name is one's.
    fn put_one(&self, about: About, seen: &mut Vec<Uuid>) {
        let Some((tenant, id, subscriber)) = self.entry(about) else {
            return;
        };
        // A partner that is not there came later, or is deleted: nothing of it is served.
        let put = self.directory.subscriber_put_all(tenant.into(), [subscriber]);
        if put.is_ok() && self.remember {
            seen.push(id);
        }
    }

    /// The entry of a subscriber.
    fn entry(&self, mut about: About) -> Option<(Uuid, Uuid, Arc<Subscriber>)> {
        let mut entry = about.subscriber.take()?;
        let plan = self.plans.get(&entry.plan)?;
        if let Some((attribute, _, stored)) = about.password.take() {
            entry.password_attribute = Some(attribute);
            entry.password = Some(stored);
        }
        about.replies.sort_unstable_by_key(|(place, _)| *place);
        about.groups.sort_unstable();
        let of_groups = about.groups.into_iter().filter_map(|(_, _, group)| {
            let replies = self.groups.get(&(entry.tenant, group))?;
            Some(replies.iter())
        });
        let rows = about
            .replies
            .iter()
            .map(|(_, row)| row)
            .chain(of_groups.flatten());
        let subscriber = self.clerk.subscriber(&entry, plan, rows);
        Some((entry.tenant, entry.id, subscriber))
    }
}

/// Everything that is said about one user name.
struct About {
    /// Whose.
    tenant: Uuid,
    /// The name.
    username: String,
    /// Whose it is, if anybody's.
    subscriber: Option<SubscriberEntry>,
    /// The password that counts so far: its attribute, its row, itself.
    password: Option<(String, i64, String)>,
    /// His own attributes by row.
    replies: Vec<(i64, ReplyEntry)>,
    /// His groups by priority and row.
    groups: Vec<(i32, i64, String)>,
}

impl About {
    /// Nothing is said yet about the name of this row.
    fn of(row: &RollRow<'_>) -> Self {
        Self {
            tenant: row.tenant,
            username: row.username.to_owned(),
            subscriber: None,
            password: None,
            replies: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Whether a row is about the same name.
    fn is_about(&self, row: &RollRow<'_>) -> bool {
        self.tenant == row.tenant && self.username == row.username
    }

    /// Adds what a row says.
    fn add(&mut self, row: &RollRow<'_>) {
        match row.says {
            Says::Subscriber {
                id,
                plan,
                status,
                reason,
                expires_at,
                terms,
            } => {
                self.subscriber = Some(SubscriberEntry {
                    id,
                    tenant: row.tenant,
                    username: row.username.to_owned(),
                    plan: plan.unwrap_or_default(),
                    status: status.to_owned(),
                    status_reason: reason.map(str::to_owned),
                    expires_at,
                    deleted: false,
                    password_attribute: None,
                    password: None,
                    terms: terms.and_then(|terms| serde_json::from_str(terms).ok()),
                });
            }
            Says::Password { attribute, stored } => {
                // The attribute that counts most, and the newest row of it.
                let rank = |name: &str| ATTRIBUTES.iter().position(|known| *known == name);
                let better = self.password.as_ref().is_none_or(|(name, place, _)| {
                    (rank(attribute), std::cmp::Reverse(row.place)) < (rank(name), std::cmp::Reverse(*place))
                });
                if better {
                    self.password = Some((attribute.to_owned(), row.place, stored.to_owned()));
                }
            }
            Says::Reply { attribute, op, value } => self.replies.push((
                row.place,
                ReplyEntry {
                    tenant: row.tenant,
                    username: row.username.to_owned(),
                    group: None,
                    attribute: attribute.to_owned(),
                    op: op.to_owned(),
                    value: value.to_owned(),
                },
            )),
            Says::Group { group, priority } => self.groups.push((priority, row.place, group.to_owned())),
        }
    }
}

/// What can only be our mistake.
fn defect(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("loading all subscribers", error)
}
