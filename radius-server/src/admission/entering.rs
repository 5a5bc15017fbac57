//! The step in which a login comes in: where it may come from, what it is bound to, whether there is a place, which addresses
//! it gets. It runs under the lock of the account.

use super::account::{Account, Binding, Full, Place};
use super::gate::{Entry, Errand, Gate, Note, PLACES_MAX};
use super::given::{Admitted, GivenAddress};
use super::rules::{Bound, PlanRules, pool_of};
use crate::addresses::PoolKind;
use crate::class::Login;
use crate::decision::{Found, RejectReason};
use crate::id::PoolId;
use ipnet::IpNet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Gate {
    /// The step itself.
    pub(super) fn decide(
        &self,
        account: &mut Account,
        entry: &Entry<'_>,
        note: Note<'_>,
    ) -> Result<Admitted, RejectReason> {
        let now = entry.now.monotonic;
        account.settle(|place| self.is_over(place, now, !entry.only_look));
        let plan = entry.subscriber.plan.admission();
        check_allowed(entry, note)?;
        let binding = check_bound(account, plan, entry, note)?;
        let login = entry.going_on.unwrap_or(entry.login);
        if let Some(place) = account.of_login(login) {
            note(Found::SessionGoesOn, true);
            return Ok(Admitted {
                subscriber: entry.subscriber.id,
                login,
                addresses: place.addresses.clone(),
            });
        }
        let device = entry.from.device_digest();
        let limit = entry
            .rules
            .and_then(|rules| rules.simultaneous)
            .or(plan.simultaneous);
        let limit = limit.map(std::num::NonZeroU16::get);
        let collision = entry
            .rules
            .and_then(|rules| rules.collision)
            .unwrap_or(plan.collision);
        let full = |full: Full, note: Note<'_>| {
            self.full.fetch_add(1, Ordering::Relaxed);
            let found = Found::TooManySessions {
                limit: limit.unwrap_or(u16::MAX),
                open: full.open,
                waiting: full.waiting,
            };
            note(found, false);
            RejectReason::TooManySessions
        };
        if account.places.len() >= PLACES_MAX {
            let many = u16::try_from(account.places.len()).unwrap_or(u16::MAX);
            return Err(full(
                Full {
                    open: many,
                    waiting: 0,
                },
                note,
            ));
        }
        let making = match account.make_room(limit, collision, device) {
            Ok(making) => making,
            Err(none) => return Err(full(none, note)),
        };
        let leaving: Vec<&Place> = account
            .places
            .iter()
            .filter(|place| making.evicts.contains(&place.login))
            .collect();
        let addresses = self.addresses(account, &leaving, entry, login, device, note)?;
        if let Some(limit) = limit {
            let found = Found::PlaceTaken {
                place: making.others.saturating_add(1),
                limit,
                replaced: u16::try_from(making.evicts.len()).unwrap_or(u16::MAX),
                same_device: making.same_device,
            };
            note(found, true);
        }
        if let Some(to) = &binding {
            note(
                Found::BoundNow {
                    by: to.by,
                    value: &to.value,
                },
                true,
            );
        }
        if !entry.only_look {
            self.taken
                .fetch_add(making.evicts.len() as u64, Ordering::Relaxed);
            let kept: Vec<IpNet> = addresses.iter().map(|given| given.net).collect();
            for place in account
                .places
                .iter_mut()
                .filter(|place| making.evicts.contains(&place.login))
            {
                place.evicted = true;
                place.addresses.retain(|given| !kept.contains(&given.net));
                self.tell(entry.partner, place);
            }
            if let Some(to) = binding {
                self.errand(Errand::Bind {
                    partner: entry.partner,
                    subscriber: entry.subscriber.id,
                    bound: to.clone(),
                });
                account.bound = Some(Binding { to, saved: false });
            }
            if limit.is_some() || !addresses.is_empty() {
                account.places.push(Place {
                    login,
                    session: None,
                    nas: entry.from.nas,
                    device,
                    since: now,
                    evicted: false,
                    told: false,
                    addresses: addresses.clone(),
                });
            }
        }
        Ok(Admitted {
            subscriber: entry.subscriber.id,
            login,
            addresses,
        })
    }

    /// The addresses of a login: his own for good, what the place he takes over had, else one of the pool.
    fn addresses(
        &self,
        account: &Account,
        leaving: &[&Place],
        entry: &Entry<'_>,
        login: Login,
        device: u64,
        note: Note<'_>,
    ) -> Result<Vec<GivenAddress>, RejectReason> {
        let mut given: Vec<GivenAddress> = Vec::new();
        let statics = entry.rules.map_or(&[][..], |rules| &rules.addresses);
        for kind in PoolKind::ALL {
            if entry.own_addresses[kind as usize] {
                continue;
            }
            let mut in_use = None;
            let assigned = statics
                .iter()
                .filter(|assigned| assigned.kind == kind)
                .find(|assigned| {
                    let stays = |place: &&Place| !leaving.iter().any(|leaves| leaves.login == place.login);
                    let others = account.places.iter().filter(stays);
                    let taken = others
                        .flat_map(|place| &place.addresses)
                        .any(|held| held.net == assigned.net);
                    if taken {
                        in_use = Some(assigned.net);
                    }
                    !taken
                });
            let pool = pool_of(entry.subscriber.plan.admission(), entry.rules, kind);
            let found = if let Some(assigned) = assigned {
                Some((
                    GivenAddress {
                        kind,
                        net: assigned.net,
                        pool: None,
                    },
                    true,
                ))
            } else if let Some(pool) = pool {
                self.pool_take(pool, leaving, entry, login, device)
            } else {
                None
            };
            let refused = match (found, pool, in_use) {
                (Some((address, sticky)), ..) => {
                    let name = address
                        .pool
                        .and_then(|id| self.pool(id))
                        .map(|pool| pool.spec().name.clone());
                    let found = Found::Address {
                        pool: name.as_deref().unwrap_or_default(),
                        address: address.net.addr(),
                        len: address.net.prefix_len(),
                        sticky,
                    };
                    note(found, true);
                    given.push(address);
                    continue;
                }
                (None, Some(pool), _) => {
                    let pool = self.pool(pool);
                    let found = Found::PoolExhausted {
                        pool: pool.as_ref().map_or("", |pool| &*pool.spec().name),
                        total: pool.as_ref().map_or(0, |pool| pool.usage().total),
                    };
                    note(found, false);
                    RejectReason::PoolExhausted
                }
                (None, None, Some(net)) => {
                    let found = Found::AddressInUse {
                        address: net.addr(),
                        len: net.prefix_len(),
                    };
                    note(found, false);
                    RejectReason::AddressInUse
                }
                (None, None, None) => continue,
            };
            if !entry.only_look {
                for address in &given {
                    self.free(address, login, entry.now.monotonic, false);
                }
            }
            return Err(refused);
        }
        Ok(given)
    }

    /// An address of a pool; the one that the same device's older login has goes on to the newer.
    fn pool_take(
        &self,
        id: PoolId,
        leaving: &[&Place],
        entry: &Entry<'_>,
        login: Login,
        device: u64,
    ) -> Option<(GivenAddress, bool)> {
        let inherited = leaving
            .iter()
            .filter(|place| device != 0 && place.device == device);
        let held = |place: &&&Place| {
            place
                .addresses
                .iter()
                .copied()
                .find(|held| held.pool == Some(id))
                .map(|held| (held, place.login))
        };
        if let Some((held, from)) = inherited.filter_map(|place| held(&place)).next() {
            if !entry.only_look
                && let Some(pool) = self.pool(id)
            {
                pool.hand_over(held.net.addr(), from, login);
            }
            return Some((held, true));
        }
        let mut pool = self.pool(id)?;
        loop {
            let (who, now) = (entry.subscriber.id, entry.now.monotonic);
            if let Some(taken) = pool.take(who, device, login, now, entry.only_look) {
                let spec = pool.spec();
                let net = IpNet::new(taken.address, spec.unit_len).ok()?;
                let given = GivenAddress {
                    kind: spec.kind,
                    net,
                    pool: Some(id),
                };
                return Some((given, taken.sticky));
            }
            // None is left, unless it was changed just now.
            let newer = self.pool(id)?;
            if Arc::ptr_eq(&newer, &pool) {
                return None;
            }
            pool = newer;
        }
    }
}

/// May he come from here?
fn check_allowed(entry: &Entry<'_>, note: Note<'_>) -> Result<(), RejectReason> {
    let allowed = entry.rules.map_or(&[][..], |rules| &rules.allowed);
    for line in allowed {
        let mut of_kind = allowed.iter().filter(|other| other.kind == line.kind);
        if !of_kind.any(|line| entry.from.fits(line)) {
            let found = Found::NotAllowedHere {
                kind: line.kind,
                said: entry.from.said(line.kind),
            };
            note(found, false);
            return Err(RejectReason::NotAllowedHere);
        }
    }
    Ok(())
}

/// Is it what he is bound to? What he is to be bound to now, when it is his first login.
fn check_bound(
    account: &Account,
    plan: &PlanRules,
    entry: &Entry<'_>,
    note: Note<'_>,
) -> Result<Option<Bound>, RejectReason> {
    let Some(by) = plan.bind else { return Ok(None) };
    let Some(said) = entry.from.bound(by) else {
        note(Found::NothingToBind { by }, false);
        return Err(RejectReason::BindingNotSent);
    };
    match account
        .bound
        .as_ref()
        .map(|binding| &binding.to)
        .filter(|bound| bound.by == by)
    {
        Some(bound) if *bound == said => {
            note(
                Found::BoundHere {
                    by,
                    value: &said.value,
                },
                true,
            );
            Ok(None)
        }
        Some(bound) => {
            let found = Found::BoundElsewhere {
                by,
                bound: &*bound.value,
                said: &*said.value,
            };
            note(found, false);
            Err(RejectReason::BoundElsewhere)
        }
        None => Ok(Some(said)),
    }
}
