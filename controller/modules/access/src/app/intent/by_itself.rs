//! What sessions are asked for without anybody asking: when a subscriber gets another plan, other terms, loses his service or sees
//! it end, or his plan is changed, his sessions are to get what a login now would get.
//! Never asks a NAS: it stores intents in the transaction that notes the event as seen, and [`super::watch`] has them asked.
//!
//! That somebody has service again is seen by [`crate::app::garden`], in the act itself.

use std::collections::HashSet;
use std::sync::Arc;

use kernel::events::{Consumer, Handling, Logged};
use kernel::{OpContext, Tx};
use tracing::debug;
use uuid::Uuid;

use super::{Verb, Wanted};
use crate::app::bulk::{self, Selection};
use crate::app::{App, plane_partner};
use crate::events as happened;
use crate::store::bulk::subscriber_ids_of_plan;

/// Sessions of one event that are asked at once, at most; more are a bulk, at a bulk's rate.
const AT_ONCE_MAX: usize = 100;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// What of a subscriber, beside his plan and his status, makes something else of his sessions.
const SHAPING: [&str; 2] = ["terms", "expires_at"];

/// The consumer.
pub struct ByItself {
    /// Whose rules it goes by.
    app: Arc<App>,
}

impl ByItself {
    /// One that nothing was told yet.
    #[must_use]
    pub const fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Stores what an event asks for.
    async fn take(&self, tx: &mut Tx, op: &OpContext, event: &Logged) -> Result<(), kernel::Error> {
        let Ok(subject) = event.subject_id.parse::<Uuid>() else {
            return Ok(());
        };
        if event.kind == happened::SUBSCRIBER_UPDATED.name
            && !SHAPING.iter().any(|member| changes(event, member))
        {
            return Ok(());
        }
        let (partner, app) = (op.require_partner()?, &self.app);
        let whose: HashSet<Uuid> = match event.kind == happened::PLAN_UPDATED.name {
            true => subscriber_ids_of_plan(tx, op, subject)
                .await?
                .into_iter()
                .collect(),
            false => HashSet::from([subject]),
        };
        let mut sessions = app.plane.sessions.by_partner(plane_partner(partner));
        sessions.retain(|session| {
            let his = session
                .subscriber
                .is_some_and(|his| whose.contains(&his.as_uuid()));
            session.is_open() && his
        });
        let reason = format!("{}: {}", event.kind, event.subject_label);
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        if sessions.len() > AT_ONCE_MAX {
            let selection = Selection {
                plan: Some(event.subject_label.clone()),
                ..Selection::default()
            };
            sessions.truncate(bulk::SESSIONS_MAX);
            let per_s = bulk::PER_S_USUAL;
            app.bulk_store(tx, op, Verb::Reshape, &selection, &sessions, per_s, reason)
                .await?;
            return Ok(());
        }
        for session in sessions {
            let wanted = Wanted::just(Verb::Reshape);
            let begun = app
                .intent_begin_in_tx(
                    tx,
                    op,
                    &session,
                    &wanted,
                    format!("{}: {}", event.kind, event.subject_label),
                )
                .await;
            match begun {
                // Let go of at once: who watches takes it, when this is committed.
                Ok(begun) => drop(begun),
                Err(kernel::Error::Conflict { message, .. }) => {
                    debug!(session_id = %session.id, message, "a session is not asked to change");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether an event tells that a member is another now.
fn changes(event: &Logged, member: &str) -> bool {
    ["before", "after"]
        .iter()
        .any(|side| event.data[side].get(member).is_some())
}

impl Consumer for ByItself {
    fn name(&self) -> &'static str {
        "access.sessions"
    }

    fn wants(&self, kind: &str) -> bool {
        [
            &happened::SUBSCRIBER_UPDATED,
            &happened::SUBSCRIBER_PLAN_CHANGED,
            &happened::SUBSCRIBER_SUSPENDED,
            &happened::SUBSCRIBER_TERMINATED,
            &happened::SUBSCRIBER_EXPIRED,
            &happened::PLAN_UPDATED,
        ]
        .iter()
        .any(|wanted| wanted.name == kind)
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, op: &'a OpContext, event: &'a Logged) -> Handling<'a> {
        Box::pin(self.take(tx, op, event))
    }

    fn committed(&self) {
        self.app.woken.notify_one();
        self.app.bulks_woken.notify_one();
    }
}
