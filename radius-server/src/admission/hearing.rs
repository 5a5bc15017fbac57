//! What becomes of places: sessions take them, and leave them; logins that never start lose them.
//! Records come here only when they are durable.

use super::account::{Account, Place};
use super::circumstances;
use super::gate::{Errand, Gate, PLACE_WAIT, PLACES_MAX, SWEEP_EVERY};
use super::given::GivenAddress;
use super::rules::{SubscriberRules, pool_of};
use crate::addresses::PoolKind;
use crate::class::{self, Login};
use crate::directory::{Directory, Subscriber};
use crate::sessions;
use ipnet::IpNet;
use radius::kind;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

impl Gate {
    /// Takes in what a durable accounting record did to a session of a subscriber whom this concerns.
    pub(crate) fn heard(
        &self,
        subscriber: &Subscriber,
        rules: Option<&SubscriberRules>,
        session: &sessions::Session,
        now: Instant,
    ) {
        let mut shard = self.shard(subscriber.id).lock();
        let (_, account) = shard
            .entry(subscriber.id)
            .or_insert_with(|| (session.partner, Account::default()));
        if session.is_open() {
            self.goes_on(account, (subscriber, rules), session, now);
        } else {
            let login = session.attribute(kind::CLASS).and_then(class::login);
            account.settle(|place| {
                let his = place.session == Some(session.id)
                    || (place.session.is_none() && Some(place.login) == login);
                if his {
                    self.free_all(place, now);
                }
                his
            });
        }
        if account.is_empty() {
            shard.remove(&subscriber.id);
        }
    }

    /// Finds the place of an open session, or makes it one: it is in, whatever the rules say.
    fn goes_on(
        &self,
        account: &mut Account,
        (subscriber, rules): (&Subscriber, Option<&SubscriberRules>),
        session: &sessions::Session,
        now: Instant,
    ) {
        if account
            .places
            .iter()
            .any(|place| place.session == Some(session.id))
        {
            return;
        }
        let login = session.attribute(kind::CLASS).and_then(class::login);
        let device = session
            .attribute(kind::CALLING_STATION_ID)
            .and_then(circumstances::device);
        let device = circumstances::digest(device.as_deref());
        let waiting = |place: &Place| match login {
            Some(login) => place.login == login,
            // A NAS that does not repeat Class: the login of this device there that waits.
            None => {
                place.session.is_none()
                    && !place.evicted
                    && place.nas == session.nas
                    && place.device == device
            }
        };
        if let Some(place) = account.places.iter_mut().find(|place| waiting(place)) {
            place.session = Some(session.id);
            self.tell(session.partner, place);
            return;
        }
        if account.places.len() >= PLACES_MAX {
            return;
        }
        // Without a Class of ours a name of its own, so that nothing else is taken for it.
        let login = login.unwrap_or_else(|| session.id.as_bytes().last_chunk().copied().unwrap_or_default());
        account.places.push(Place {
            login,
            session: Some(session.id),
            nas: session.nas,
            device,
            since: now,
            evicted: false,
            told: false,
            addresses: self.observed((subscriber, rules), session, device, login),
        });
    }

    /// The addresses that a session has, as far as they are of his pools; nobody else gets them.
    fn observed(
        &self,
        (subscriber, rules): (&Subscriber, Option<&SubscriberRules>),
        session: &sessions::Session,
        device: u64,
        login: Login,
    ) -> Vec<GivenAddress> {
        let known = PoolKind::ALL.into_iter().filter_map(|kind| {
            let id = pool_of(subscriber.plan.admission(), rules, kind)?;
            let pool = self.pool(id)?;
            let said = match kind {
                PoolKind::Ipv4 => session.framed_ip().map(IpAddr::V4),
                PoolKind::Prefix => session
                    .attribute(kind::FRAMED_IPV6_PREFIX)
                    .and_then(first_of_prefix),
                PoolKind::Delegated => session
                    .attribute(kind::DELEGATED_IPV6_PREFIX)
                    .and_then(first_of_prefix),
            };
            let address = said.or_else(|| pool.interrupted(subscriber.id))?;
            let net = IpNet::new(address, pool.spec().unit_len).ok()?;
            pool.claim(address, subscriber.id, device, login)
                .then_some(GivenAddress {
                    kind,
                    net,
                    pool: Some(id),
                })
        });
        known.collect()
    }

    /// Asks that all open sessions are looked at again, because a subscriber's places are counted that were not, or because
    /// sessions were put into the table that no record told of; done by [`Self::sweep`].
    pub fn recount_later(&self) {
        self.recount.store(true, Ordering::Release);
    }

    /// Gives every open session its place, if anybody's places are counted that were not.
    pub(crate) fn recount(&self, directory: &Directory) {
        if !self.recount.swap(false, Ordering::AcqRel) {
            return;
        }
        let Some(sessions) = self.sessions.get() else {
            return;
        };
        let now = Instant::now();
        for session in sessions.list() {
            let Some(partner) = directory.partner(session.partner) else {
                continue;
            };
            let subscriber = session.subscriber.and_then(|id| partner.subscriber_by_id(id));
            if let Some(subscriber) = subscriber.filter(|subscriber| subscriber.is_guarded()) {
                let rules = partner.rules_of(&subscriber);
                self.heard(&subscriber, rules.as_deref(), &session, now);
            }
        }
    }

    /// Frees the places of logins that never started and of sessions that ended, and leaves the errands again that had no
    /// room.
    pub fn sweep(&self, directory: &Directory, now: Instant) {
        self.recount(directory);
        for shard in &self.shards {
            shard.lock().retain(|id, (partner, account)| {
                account.settle(|place| self.is_over(place, now, true));
                for place in &mut account.places {
                    self.tell(*partner, place);
                }
                if let Some(binding) = account.bound.as_ref().filter(|binding| !binding.saved) {
                    self.errand(Errand::Bind {
                        partner: *partner,
                        subscriber: *id,
                        bound: binding.to.clone(),
                    });
                }
                !account.is_empty()
            });
        }
    }

    /// Whether a place is none any more; what it had is free again then.
    pub(super) fn is_over(&self, place: &Place, now: Instant, free: bool) -> bool {
        let over = match place.session {
            Some(session) => !self
                .sessions
                .get()
                .is_some_and(|sessions| sessions.is_open(session)),
            None => now.saturating_duration_since(place.since) > PLACE_WAIT,
        };
        if over && free {
            self.free_all(place, now);
        }
        over
    }
}

/// The first address of a prefix as RFC 3162 section 2.3 writes it.
fn first_of_prefix(octets: &[u8]) -> Option<IpAddr> {
    let mut address = [0; 16];
    let said = octets.get(2..)?;
    address.get_mut(..said.len())?.copy_from_slice(said);
    Some(IpAddr::V6(Ipv6Addr::from(address)))
}

/// Sweeps until `stop` is set.
pub(crate) fn run(directory: &Directory, stop: &AtomicBool) {
    /// How often it looks whether it is to stop.
    const TICK: Duration = Duration::from_millis(100);
    crate::priority::be_prompt(); // it holds locks that logins wait for
    let mut next = Instant::now() + SWEEP_EVERY;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let gate = directory.gate();
        if Instant::now() >= next {
            gate.sweep(directory, Instant::now());
            next = Instant::now() + SWEEP_EVERY;
        }
    }
}
