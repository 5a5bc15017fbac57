//! What a subscriber would be sent now through a NAS: out of the access plane's memory, by the code that answers.
//! Never changes anything. The database is asked only whether an attribute is his own or his group's.

use kernel::{Error, OpContext};
use radius::Attributes;
use radius::attribute::Tree;
use radius::dictionary::Dictionary;
use radius_server::authorization::preview::{Expected, Origin, preview};
use radius_server::directory::Nas;
use uuid::Uuid;

use super::{App, plane_partner, unix_now_s};
use crate::feeder::reply;
use crate::store;

/// One attribute that would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `subscriber`, `group`, `service`, `plan`, `nas`, `partner` or `login`.
    pub origin: &'static str,
    /// The attribute as people write it: `Session-Timeout = 3600`.
    pub attribute: String,
    /// Its octets in hex.
    pub octets: String,
    /// What it means.
    pub words: String,
}

/// What would be sent.
#[derive(Debug)]
pub struct Previewed {
    /// Whose.
    pub username: String,
    /// Through which NAS.
    pub nas: String,
    /// Its make.
    pub make: &'static str,
    /// His plan, or the garden.
    pub plan: String,
    /// `accept`, `garden:...` or `reject:...`.
    pub outcome: String,
    /// What was found about his service.
    pub found: String,
    /// The hours that hold, when his plan has some.
    pub window: Option<String>,
    /// The attributes in their order.
    pub attributes: Vec<Sent>,
    /// What the plan says and this make cannot be told, and what does not fit it.
    pub unsaid: Vec<(String, String)>,
}

impl App {
    /// What a subscriber who proves himself would be sent through a NAS.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a NAS or a subscriber that the access plane does not know in this partner.
    pub async fn radius_preview(
        &self,
        op: &OpContext,
        username: &str,
        nas: &str,
    ) -> Result<Previewed, Error> {
        let dictionary = &*self.dictionary;
        let partner_id = plane_partner(op.require_partner()?);
        let directory = &self.plane.directory;
        let named = |held: &Nas| {
            held.partner.id() == partner_id
                && (held.name.as_str() == nas || nas.parse().is_ok_and(|id: Uuid| held.id.as_uuid() == id))
        };
        let held = directory.nas_list();
        let nas = held
            .iter()
            .find(|held| named(held))
            .ok_or_else(|| Error::not_found("nas", nas))?;
        let subscriber = nas
            .partner
            .subscriber(username)
            .ok_or_else(|| Error::not_found("subscriber", username))?;
        let preview = preview(nas, &subscriber, unix_now_s());
        let own = match preview.lines.iter().any(|line| line.origin == Origin::Subscriber) {
            true => self.own_reply(op, dictionary, subscriber.id.as_uuid()).await,
            false => None,
        };
        let is_own = |octets: &[u8]| {
            own.as_deref().is_none_or(|own| {
                Attributes::new(own).any(|attribute| {
                    octets.get(2..) == Some(attribute.value) && octets.first() == Some(&attribute.kind)
                })
            })
        };
        let attributes = preview.lines.iter().map(|line| Sent {
            origin: match line.origin {
                Origin::Subscriber if !is_own(&line.octets) => "group",
                origin => origin.as_str(),
            },
            attribute: Tree::decode(&line.octets, dictionary).show(dictionary).join(", "),
            octets: line.octets.iter().map(|octet| format!("{octet:02x}")).collect(),
            words: line.words.clone(),
        });
        let attributes = attributes.collect();
        let problems = preview
            .problems
            .into_iter()
            .map(|problem| (problem.term, problem.why));
        let unsaid = preview
            .unsaid
            .into_iter()
            .map(|unsaid| (unsaid.term, unsaid.why.to_owned()));
        Ok(Previewed {
            username: subscriber.username().to_owned(),
            nas: nas.name.to_string(),
            make: nas.dialect.as_str(),
            plan: match preview.expected {
                Expected::Garden(_) => "garden".to_owned(),
                _ => subscriber.plan.name().to_string(),
            },
            outcome: preview.expected.to_string(),
            found: preview.found,
            window: preview.window,
            attributes,
            unsaid: unsaid
                .chain(problems)
                .map(|(term, why)| (term.as_str().to_owned(), why))
                .collect(),
        })
    }

    /// What his own rows say, encoded; `None` when the database does not answer.
    async fn own_reply(&self, op: &OpContext, dictionary: &Dictionary, id: Uuid) -> Option<Box<[u8]>> {
        let mut tx = self.db.begin(op).await.ok()?;
        let rows = store::directory::reply_entries(&mut tx, &[id]).await.ok()?;
        tx.commit().await.ok()?;
        Some(reply::encode_rows(rows.iter(), dictionary).0)
    }
}
