//! Webhooks: a partner's own server is told of events, signed, again and again until it has taken them.
//! Never tells more than the webhook's maker could read, never connects to where a partner may not make us connect, never
//! follows a redirect, never reads an answer, and never shows a secret twice.
//!
//! - [`webhook`] is where a partner wants to be told, and its rules;
//! - [`teller`] makes a delivery and its job of each event, in the transaction that moves the log's position;
//! - [`deliverer`] sends it: [`signature`] signs, [`crate::outbound::target`] says where it may go;
//! - [`delivery`] is the log of what was told, and replay.
//!
//! Messages follow the Standard Webhooks convention (headers `webhook-id`, `webhook-timestamp`, `webhook-signature`), so that
//! receivers find a library. One may come twice, with the same id. Of one subject they come in order, until one is given up.

pub mod deliverer;
pub mod delivery;
pub mod signature;
pub mod teller;
pub mod webhook;

pub use deliverer::Deliverer;
pub use delivery::Delivery;
pub use teller::Teller;
pub use webhook::{NewWebhook, Webhook, WebhookChange};

use crate::database::Database;
use crate::events::Catalogue;
use crate::id::{PartnerId, WebhookId};
use crate::jobs::Jobs;
use crate::kernel::Kernel;
use crate::outbound::Reach;
use crate::secrets::Sealer;

/// Which of a webhook's two secrets; a sealed one opens in its own place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The one that is shown at its making.
    Current,
    /// The one before it, while the receiver takes the new one.
    Older,
}

/// The webhooks of all partners.
#[derive(Clone)]
pub struct Webhooks {
    /// Where they are kept.
    db: Database,
    /// Seals their secrets.
    sealer: Sealer,
    /// What can happen.
    catalogue: Catalogue,
    /// Does the deliveries.
    jobs: Jobs,
    /// Where they may lead.
    reach: Reach,
}

impl Webhooks {
    /// Those of this kernel.
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        Self {
            db: kernel.db.clone(),
            sealer: kernel.sealer.clone(),
            catalogue: kernel.events.catalogue().clone(),
            jobs: kernel.jobs.clone(),
            reach: kernel.reach.clone(),
        }
    }
}

/// What a secret is sealed for.
fn context(partner: PartnerId, webhook: WebhookId, place: Place) -> String {
    let place = match place {
        Place::Current => "secret",
        Place::Older => "older_secret",
    };
    format!("webhook:{partner}:{webhook}:{place}")
}
