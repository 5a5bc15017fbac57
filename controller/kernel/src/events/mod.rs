//! Events: what happened, written in the transaction that made it happen, told in order to whoever wants to know.
//! Never holds a secret, never makes an act wait for a listener, and never tells of what was rolled back.
//!
//! The way of an event:
//! - [`kind`] is the closed list of what can happen, one a module ([`kinds`] is the kernel's own); [`event`] is one of it;
//! - [`emit`] writes it into the outbox, in the transaction of the act;
//! - [`sequence`] moves what is committed into the log and gives it its position there;
//! - [`consumer`] hands the log to parts of the program, each with a durable position of its own;
//! - [`stream`] is the log as it grows, for whoever holds a connection open;
//! - [`store`] reads the log for streams and pages, [`keep`] bounds it.
//!
//! Order: events of one subject stand in the log in the order of their acts, provided that the act had locked the subject's
//! row when it called [`emit`]; those of different subjects as they happened to be committed. Each event has an id, by which
//! whoever sees it twice knows that.

pub mod consumer;
pub mod event;
pub mod keep;
pub mod kind;
pub mod kinds;
pub mod sequence;
pub mod store;
pub mod stream;

use std::sync::Arc;

use tokio::sync::watch;

pub use consumer::{Consumer, Handling};
pub use event::{Event, Logged};
pub use kind::{Catalogue, Kind};
pub use store::{Filter, emit};

use crate::database::Database;

/// The log as it grows. Clones share it.
#[derive(Debug, Clone)]
pub struct Events {
    /// Where it is.
    db: Database,
    /// The last position this process knows of.
    head: watch::Sender<i64>,
    /// What can happen.
    catalogue: Arc<Catalogue>,
    /// Streams that are open.
    open: Arc<stream::Open>,
    /// True when streams shall end.
    closing: watch::Sender<bool>,
}

impl Events {
    /// The log of this database; nothing runs yet.
    #[must_use]
    pub fn new(db: Database) -> Self {
        Self {
            db,
            head: watch::Sender::new(0),
            catalogue: Arc::new(Catalogue::new(&[])),
            open: Arc::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// The same with the kinds of all modules.
    #[must_use]
    pub fn with_catalogue(self, catalogue: Catalogue) -> Self {
        let catalogue = Arc::new(catalogue);
        Self { catalogue, ..self }
    }

    /// What can happen.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The last position, as it moves; says nothing about what it holds.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// Moves events into the log, hands them to `consumers` and deletes old ones, until told to stop.
    pub async fn run(self, consumers: Vec<Arc<dyn Consumer>>, stopping: watch::Receiver<bool>) {
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(keep::run(self.db.clone(), stopping.clone()));
        for consumer in consumers {
            tasks.spawn(consumer::run(
                self.db.clone(),
                consumer,
                self.head(),
                stopping.clone(),
            ));
        }
        tasks.spawn(sequence::run(self.db, self.head, stopping.clone()));
        tasks.spawn(async move {
            let mut stopping = stopping;
            drop(stopping.wait_for(|stop| *stop).await);
            self.closing.send_replace(true);
        });
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the events ended; this is a defect");
            }
        }
    }
}
