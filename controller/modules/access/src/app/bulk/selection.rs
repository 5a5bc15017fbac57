//! Which sessions are meant: those for which everything that is said holds.
//! Never means all sessions because nothing was said.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use kernel::id::SessionId;
use kernel::{Error, OpContext};
use radius_server::NasId;
use radius_server::sessions::Session;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SESSIONS_MAX;
use crate::app::{App, plane_partner};
use crate::store::Tx;
use crate::store::bulk as rows;
use crate::store::plan::plan_id_by_slug;

/// What has to hold for a session to be meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// It is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
    /// Its user name is this one, whatever the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Its subscriber is on this plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Its subscriber is at this site, `client/site`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Its subscriber has an address out of this pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// It is on this NAS, by name or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nas: Option<String>,
    /// All sessions of the partner, when nothing else is said.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl Selection {
    /// Whether it says nothing.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl App {
    /// The open sessions of this partner that are meant, those of all NAS in turn, so that none has to do all of it at once.
    pub(in crate::app) async fn selected(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        selection: &Selection,
    ) -> Result<Vec<Arc<Session>>, Error> {
        if selection.is_empty() {
            let why = "must say which sessions: sessions, username, plan, site, pool, nas, or all";
            return Err(Error::invalid("/selection", why));
        }
        let partner = op.require_partner()?;
        let subscribers = self.subscribers_meant(tx, op, selection).await?;
        let nas = match &selection.nas {
            Some(named) => {
                let id = self.nas_named(partner, named);
                Some(id.ok_or_else(|| Error::invalid("/selection/nas", format!("there is no NAS {named}")))?)
            }
            None => None,
        };
        let named: HashSet<Uuid> = selection.sessions.iter().map(|id| id.as_uuid()).collect();
        let own = plane_partner(partner);
        let mut sessions = match nas {
            Some(nas) => self.plane.sessions.by_nas(nas.as_uuid().into()),
            None if !named.is_empty() => {
                let ids = named
                    .iter()
                    .filter_map(|id| self.plane.sessions.get((*id).into()));
                ids.collect()
            }
            None => self.plane.sessions.by_partner(own),
        };
        sessions.retain(|session| {
            session.partner == own
                && session.is_open()
                && (named.is_empty() || named.contains(&session.id.as_uuid()))
                && selection.username.as_deref().is_none_or(|name| {
                    session
                        .username()
                        .is_some_and(|his| his.eq_ignore_ascii_case(name))
                })
                && subscribers.as_ref().is_none_or(|ids| {
                    session
                        .subscriber
                        .is_some_and(|whose| ids.contains(&whose.as_uuid()))
                })
        });
        if sessions.len() > SESSIONS_MAX {
            let why = format!(
                "means {} sessions; at most {SESSIONS_MAX} at once",
                sessions.len()
            );
            return Err(Error::invalid("/selection", why));
        }
        Ok(in_turn(sessions))
    }

    /// The subscribers that plan, site and pool mean together; `None`: nothing was said of them.
    async fn subscribers_meant(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        selection: &Selection,
    ) -> Result<Option<HashSet<Uuid>>, Error> {
        let mut meant: Option<HashSet<Uuid>> = None;
        let mut and = |ids: Vec<Uuid>| {
            let ids: HashSet<Uuid> = ids.into_iter().collect();
            meant = Some(match meant.take() {
                Some(before) => before.intersection(&ids).copied().collect(),
                None => ids,
            });
        };
        if let Some(slug) = &selection.plan {
            let plan = plan_id_by_slug(tx, op, slug).await?;
            let plan =
                plan.ok_or_else(|| Error::invalid("/selection/plan", format!("there is no plan {slug}")))?;
            and(rows::subscriber_ids_of_plan(tx, op, plan.as_uuid()).await?);
        }
        if let Some(path) = &selection.site {
            let none = || {
                Error::invalid(
                    "/selection/site",
                    format!("there is no site {path}; it is called client/site"),
                )
            };
            let (client, site) = path.split_once('/').ok_or_else(none)?;
            and(rows::subscriber_ids_of_site(tx, op, client, site)
                .await?
                .ok_or_else(none)?);
        }
        if let Some(pool) = &selection.pool {
            let ids = rows::subscriber_ids_of_pool(tx, op, pool).await?;
            and(ids.ok_or_else(|| Error::invalid("/selection/pool", format!("there is no pool {pool}")))?);
        }
        Ok(meant)
    }
}

/// Sessions of all NAS in turn, each NAS's oldest first.
fn in_turn(mut sessions: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
    sessions.sort_unstable_by_key(|session| (session.nas, session.started_unix_s, session.id));
    let mut lines: Vec<VecDeque<Arc<Session>>> = Vec::new();
    let mut places: HashMap<NasId, usize> = HashMap::new();
    for session in sessions {
        let place = *places.entry(session.nas).or_insert_with(|| {
            lines.push(VecDeque::new());
            lines.len() - 1
        });
        lines[place].push_back(session);
    }
    let mut turn = Vec::new();
    while !lines.is_empty() {
        turn.extend(lines.iter_mut().filter_map(VecDeque::pop_front));
        lines.retain(|line| !line.is_empty());
    }
    turn
}
