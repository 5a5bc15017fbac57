//! Live streams: the log read as it grows, for whoever holds a connection open.
//! Never buffers more than a page: a slow reader is read for more slowly, and misses nothing.
//!
//! A stream ends by itself after [`STREAM_TIME_MAX`], so that what somebody may see is asked again: its client comes back with
//! the last position it has seen, as browsers do.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Events;
use super::event::Logged;
use super::store::{Filter, event_list_after_in_tx, head_fetch_in_tx};
use crate::error::Error;
use crate::id::PartnerId;
use crate::op::OpContext;

/// Streams of one partner, or of the platform, that one server holds open.
pub const STREAMS_OF_PARTNER_MAX: usize = 20;
/// Streams that one server holds open.
pub const STREAMS_MAX: usize = 200;
/// How long a stream lasts.
pub const STREAM_TIME_MAX: Duration = Duration::from_secs(5 * 60);
/// Events read at once.
const PAGE: i64 = 100;
/// The shortest time between two looks, so that a flood is told by the page.
const LOOK_WAIT_MIN: Duration = Duration::from_millis(50);
/// The wait after a failed look.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// How many streams there are, by partner.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<HashMap<Option<PartnerId>, usize>>);

/// A stream's place among those that are open.
#[derive(Debug)]
struct Seat {
    /// All of them.
    open: Arc<Open>,
    /// Whose it is.
    partner: Option<PartnerId>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.open.0.lock();
        if let Some(count) = open.get_mut(&self.partner) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.partner);
            }
        }
    }
}

/// Takes a place.
fn seat(open: &Arc<Open>, partner: Option<PartnerId>) -> Result<Seat, Error> {
    let mut seats = open.0.lock();
    let (own, all) = (
        seats.get(&partner).copied().unwrap_or(0),
        seats.values().sum::<usize>(),
    );
    if own >= STREAMS_OF_PARTNER_MAX || all >= STREAMS_MAX {
        return Err(Error::TooManyRequests {
            retry_after: Duration::from_secs(30),
        });
    }
    *seats.entry(partner).or_default() += 1;
    drop(seats);
    Ok(Seat {
        open: Arc::clone(open),
        partner,
    })
}

/// A stream on its way.
struct Reading {
    /// The log.
    events: Events,
    /// As whom.
    op: OpContext,
    /// What of it.
    filter: Filter,
    /// Everything up to here was told.
    position: i64,
    /// Read and not told yet.
    page: VecDeque<Logged>,
    /// How far the log is.
    head: watch::Receiver<i64>,
    /// Whether the program stops.
    closing: watch::Receiver<bool>,
    /// When the stream ends.
    ends: Instant,
    /// Among those that are open.
    _seat: Seat,
}

impl Events {
    /// The events behind a position as they come, or those from now on.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when there are too many streams; [`Error::Unavailable`].
    pub async fn stream(
        &self,
        op: &OpContext,
        filter: Filter,
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Logged> + Send + use<>, Error> {
        let seat = seat(&self.open, op.partner)?;
        let position = match after {
            Some(after) => after,
            None => {
                let mut tx = self.db.begin(op).await?;
                head_fetch_in_tx(&mut tx).await?
            }
        };
        let reading = Reading {
            op: op.clone(),
            filter,
            position,
            page: VecDeque::new(),
            head: self.head(),
            closing: self.closing.subscribe(),
            ends: Instant::now() + STREAM_TIME_MAX,
            events: self.clone(),
            _seat: seat,
        };
        Ok(unfold(reading, |mut reading| async move {
            let event = reading.next().await?;
            Some((event, reading))
        }))
    }
}

impl Reading {
    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Logged> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Some(event);
            }
            if *self.closing.borrow() || Instant::now() >= self.ends {
                return None;
            }
            let head = *self.head.borrow_and_update();
            match self.look(head).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "a stream of events cannot be read now");
                    tokio::time::sleep(RETRY_WAIT).await;
                }
            }
            tokio::select! {
                _ = self.head.changed() => tokio::time::sleep(LOOK_WAIT_MIN).await,
                _ = self.closing.changed() => {}
                () = tokio::time::sleep_until(self.ends) => {}
            }
        }
    }

    /// Reads a page; whether something was in it.
    async fn look(&mut self, head: i64) -> Result<bool, Error> {
        let mut tx = self.events.db.begin(&self.op).await?;
        let page = event_list_after_in_tx(&mut tx, &self.op, self.position, &self.filter, PAGE).await?;
        tx.commit().await?;
        let full = i64::try_from(page.len()).is_ok_and(|count| count == PAGE);
        if let Some(last) = page.last() {
            self.position = last.position;
        }
        if !full {
            // What is not in the page is not for this reader.
            self.position = self.position.max(head);
        }
        self.page.extend(page);
        Ok(!self.page.is_empty())
    }
}
