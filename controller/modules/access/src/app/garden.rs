//! The walled garden of a partner: who has no service is let in where he can read why.
//! Never half: a garden without the means to keep somebody in behind a NAS that the partner has is refused, and he is turned
//! away as before. Whoever has service again leaves: live where nothing of the garden stays, else his session ends and he logs in anew.

use std::sync::Arc;

use kernel::audit::{self, Entry};
use kernel::{Error, OpContext};
use radius::attribute::kind;
use radius_server::authorization::Make;
use radius_server::authorization::garden::{GardenReason, confines, wants};
use radius_server::class;
use radius_server::sessions::Session;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tracing::warn;

use super::intent::{Begun, Verb, Wanted};
use super::terms::{self, MakesInUse};
use super::{App, plane_partner};
use crate::causes::Causes;
use crate::store::Tx;
use crate::store::garden::{self as rows, Garden};
use crate::store::subscriber::Subscriber;

/// Sessions of one subscriber that leave when he has service again, at most.
const LEAVING_MAX: usize = 32;

/// A garden, and what the NAS of the partner make of it.
#[derive(Debug)]
pub struct GardenShown {
    /// The garden; `None`: there is none.
    pub garden: Option<Garden>,
    /// Each make in use: a NAS of it, and whether it keeps somebody in.
    pub makes: Vec<(Make, String, bool)>,
}

impl App {
    /// The partner's garden.
    pub async fn garden_get(&self, op: &OpContext) -> Result<GardenShown, Error> {
        let mut tx = self.db.begin(op).await?;
        let garden = rows::garden_fetch(&mut tx, op).await?;
        let makes = terms::makes_in_use(&mut tx, op).await?;
        tx.commit().await?;
        shown_with(garden, makes)
    }

    /// Opens the partner's garden, or changes it; the next login without service meets it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a NAS of the partner has nothing to keep somebody in; nothing is changed then.
    pub async fn garden_put(&self, op: &OpContext, garden: Garden) -> Result<GardenShown, Error> {
        let mut tx = self.db.begin(op).await?;
        let before = rows::garden_fetch(&mut tx, op).await?;
        let makes = terms::makes_in_use(&mut tx, op).await?;
        check(&garden, &makes)?;
        rows::garden_put(&mut tx, op, &garden).await?;
        let entry = Entry::ok("garden.update", "partner")
            .object(op.require_partner()?, "garden")
            .before(before.as_ref().map_or(Value::Null, shown))
            .after(shown(&garden));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        shown_with(Some(garden), makes)
    }

    /// Closes the partner's garden: who has no service is turned away. Sessions in it go on until their time is over.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn garden_delete(&self, op: &OpContext) -> Result<(), Error> {
        let mut tx = self.db.begin(op).await?;
        let partner = op.require_partner()?;
        let before = rows::garden_fetch(&mut tx, op).await?;
        let before = before.ok_or_else(|| Error::not_found("garden", partner))?;
        rows::garden_delete(&mut tx, op).await?;
        let entry = Entry::ok("garden.delete", "partner")
            .object(partner, "garden")
            .before(shown(&before));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// When a change gives somebody service again: stores that his sessions are to leave the garden, in the transaction of the
    /// change. They are asked by [`Leaving::go`].
    pub(super) async fn garden_leave(
        self: &Arc<Self>,
        tx: &mut Tx,
        op: &OpContext,
        before: &Subscriber,
        after: &Subscriber,
    ) -> Result<Leaving, Error> {
        let now = OffsetDateTime::now_utc();
        let partner = op.require_partner()?;
        let mut leaving = Leaving::default();
        let Some(since) =
            without_service_since(before, now).filter(|_| without_service_since(after, now).is_none())
        else {
            return Ok(leaving);
        };
        let his: radius_server::SubscriberId = after.id.as_uuid().into();
        let sessions = self.plane.sessions.by_partner(plane_partner(partner));
        let his = sessions.into_iter().filter(|session| {
            session.subscriber == Some(his) && session.is_open() && began_since(session, since)
        });
        let wanted = Wanted {
            in_garden: true,
            ..Wanted::just(Verb::Reshape)
        };
        for session in his.take(LEAVING_MAX) {
            let reason = "he has service again and leaves the walled garden".to_owned();
            match self.intent_begin_in_tx(tx, op, &session, &wanted, reason).await {
                Ok(begun) => leaving.begun.push(begun),
                Err(error @ Error::Conflict { .. }) => {
                    warn!(session_id = %session.id, error = %Causes(&error), "a session in the garden cannot be asked to leave it; it ends by itself");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(leaving)
    }
}

/// Sessions that are to leave the garden.
#[derive(Default)]
pub(super) struct Leaving {
    /// What is asked of them.
    begun: Vec<Begun>,
}

impl Leaving {
    /// Asks, once it is committed.
    pub(super) fn go(self, app: &Arc<App>) {
        for begun in self.begun {
            // It goes on by itself; the intent says how it stands.
            drop(begun.go(app));
        }
    }
}

/// Since when somebody has no service for a reason that a garden may be for.
fn without_service_since(subscriber: &Subscriber, now: OffsetDateTime) -> Option<OffsetDateTime> {
    match subscriber.status.as_str() {
        "suspended" => Some(subscriber.status_since),
        "active" => subscriber.expires_at.filter(|at| *at <= now),
        _ => None,
    }
}

/// Whether a session was let in after this moment, by our clock when the NAS sent our Class back. Somebody without service is
/// let into the garden only.
pub(super) fn began_since(session: &Session, since: OffsetDateTime) -> bool {
    match session.attribute(kind::CLASS).and_then(class::decided_unix_ms) {
        Some(decided_ms) => i128::from(decided_ms) * 1_000_000 >= since.unix_timestamp_nanos(),
        // The NAS's word, in whole seconds.
        None => session.started_unix_s >= since.unix_timestamp(),
    }
}

/// Refuses a garden that makes no sense, or that would be free service behind a NAS of the partner.
fn check(garden: &Garden, makes: &MakesInUse) -> Result<(), Error> {
    if garden.reasons.is_empty()
        || garden
            .reasons
            .iter()
            .any(|word| word.parse::<GardenReason>().is_err())
    {
        return Err(Error::invalid(
            "/reasons",
            "must be some of suspended, expired and quota",
        ));
    }
    let terms = terms::read("/terms", &garden.terms)?;
    if !terms.windows.is_empty() {
        return Err(Error::invalid(
            "/terms/windows",
            "a garden is the same at all hours",
        ));
    }
    terms::check(&terms, false, makes)?;
    let open = makes.iter().find(|(make, _)| !confines(&terms, **make));
    match open {
        None => Ok(()),
        Some((make, nas)) => {
            let message = format!(
                "has nothing that keeps somebody in behind NAS of the make {}, such as {nas}: give one of {}; until then \
                 whoever has no service is turned away",
                make.as_str(),
                wants(*make)
            );
            Err(Error::invalid("/terms", message))
        }
    }
}

/// A garden with what each make in use does with it.
fn shown_with(garden: Option<Garden>, makes: MakesInUse) -> Result<GardenShown, Error> {
    let terms = match &garden {
        Some(garden) => terms::read("/terms", &garden.terms)?,
        None => radius_server::authorization::Terms::default(),
    };
    Ok(GardenShown {
        makes: makes
            .into_iter()
            .map(|(make, nas)| (make, nas, confines(&terms, make)))
            .collect(),
        garden,
    })
}

/// A garden as the audit keeps it.
fn shown(garden: &Garden) -> Value {
    json!({ "reasons": garden.reasons, "terms": garden.terms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_garden_that_leaves_a_make_in_use_open_is_refused_and_says_what_is_missing() {
        let garden = Garden {
            reasons: vec!["suspended".to_owned()],
            terms: json!({"address_list": "unpaid"}),
        };
        let makes = |makes: &[Make]| -> MakesInUse {
            makes.iter().map(|make| (*make, "bras-1".to_owned())).collect()
        };
        assert!(check(&garden, &makes(&[Make::Mikrotik])).is_ok());
        let error = check(&garden, &makes(&[Make::Mikrotik, Make::Cisco])).expect_err("cisco knows no lists");
        let text = format!("{error:?}");
        assert!(
            text.contains("cisco") && text.contains("bras-1") && text.contains("ISG service"),
            "{text}"
        );
        let none = Garden {
            reasons: Vec::new(),
            ..garden
        };
        assert!(check(&none, &makes(&[])).is_err());
    }
}
