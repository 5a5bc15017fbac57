//! The places of one subscriber: logins that were accepted and the sessions they became; and what he is bound to.
//! Pure: which sessions are open, and who takes addresses back, is handed in.

use super::given::GivenAddress;
use super::rules::{Bound, Collision};
use crate::class::Login;
use crate::id::{NasId, SessionId};
use std::time::Instant;

/// One login that is in, or is coming in.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Which login; Class carries it.
    pub(super) login: Login,
    /// What it became; `None`: no record of it has come yet.
    pub(super) session: Option<SessionId>,
    /// Where.
    pub(super) nas: NasId,
    /// A digest of the device; 0: it was not said.
    pub(super) device: u64,
    /// When it came in.
    pub(super) since: Instant,
    /// It has lost its place to another; what is left of it is to be taken down.
    pub(super) evicted: bool,
    /// Somebody was told to take it down.
    pub(super) told: bool,
    /// What it was given.
    pub(super) addresses: Vec<GivenAddress>,
}

/// See the module's words.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// Those who are in, oldest first.
    pub(super) places: Vec<Place>,
    /// What he is bound to.
    pub(super) bound: Option<Binding>,
}

/// What he is bound to, and whether that is written down.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// To what.
    pub(super) to: Bound,
    /// Whether the database has it.
    pub(super) saved: bool,
}

/// Who has to go for a login to come in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Making {
    /// Places that it takes, of those that are in.
    pub(super) evicts: Vec<Login>,
    /// Whether they are all its own device's.
    pub(super) same_device: bool,
    /// How many are in beside them.
    pub(super) others: u16,
}

/// Why there is no place: as many as may be are in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Sessions.
    pub(super) open: u16,
    /// Logins of which no Start has come yet.
    pub(super) waiting: u16,
}

impl Account {
    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.bound.is_none()
    }

    /// Takes out places that are none any more: `ended` says so of each and may free what it had.
    pub(super) fn settle(&mut self, mut ended: impl FnMut(&Place) -> bool) {
        self.places.retain(|place| !ended(place));
    }

    /// Those who count.
    pub(super) fn counted(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| !place.evicted)
    }

    /// The place of a login.
    pub(super) fn of_login(&mut self, login: Login) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.login == login)
    }

    /// Makes room for one more login of a device.
    pub(super) fn make_room(
        &self,
        limit: Option<u16>,
        collision: Collision,
        device: u64,
    ) -> Result<Making, Full> {
        let Some(limit) = limit.map(usize::from) else {
            return Ok(Making::default());
        };
        let own = |place: &&Place| device != 0 && place.device == device && collision != Collision::Reject;
        let mut evicts: Vec<Login> = self.counted().filter(own).map(|place| place.login).collect();
        let same_device = !evicts.is_empty();
        let others: Vec<&Place> = self.counted().filter(|place| !own(place)).collect();
        let over = (others.len() + 1).saturating_sub(limit);
        if over > 0 && collision != Collision::Replace {
            return Err(Full::of(self));
        }
        evicts.extend(others.iter().take(over).map(|place| place.login));
        Ok(Making {
            evicts,
            same_device: same_device && over == 0,
            others: u16::try_from(others.len() - over.min(others.len())).unwrap_or(u16::MAX),
        })
    }
}

impl Full {
    /// Counts who is in.
    fn of(account: &Account) -> Self {
        let count = |open: bool| {
            let of = account.counted().filter(|place| place.session.is_some() == open);
            u16::try_from(of.count()).unwrap_or(u16::MAX)
        };
        Self {
            open: count(true),
            waiting: count(false),
        }
    }
}
