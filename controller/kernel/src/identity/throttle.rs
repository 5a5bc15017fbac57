//! Slows down guessing of passwords, per (account, address) and per address.
//! Never locks an account: an attacker at one address cannot keep the real user out at another. Knows no clock and no
//! network; whoever calls brings `now`.
//!
//! An attempt counts as failed when it begins and is forgiven when it succeeds, so that a thousand attempts sent at
//! once are not a thousand free ones. IPv6 addresses count by their /64, which is what one subscriber gets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::email::EmailAddress;

/// Attempts on one account from one address before any wait.
const FREE_ATTEMPTS_ACCOUNT: u32 = 5;
/// Attempts from one address on any accounts before any wait; an office behind one address signs in every morning.
const FREE_ATTEMPTS_ADDRESS: u32 = 50;
/// The first wait; each further failure doubles it.
const WAIT_FIRST: Duration = Duration::from_secs(2);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// After this long without an attempt, all is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// Most counters kept; beyond it the forgotten and then the oldest go.
const COUNTERS_MAX: usize = 65_536;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// One account from one address.
    Account(String, IpAddr),
    /// One address.
    Address(IpAddr),
}

/// Attempts that did not succeed, so far.
#[derive(Debug, Clone, Copy)]
struct Failures {
    /// How many in a row.
    count: u32,
    /// When the last one began.
    last: Instant,
}

impl Failures {
    /// When the next attempt is allowed.
    fn open_at(self, free: u32) -> Instant {
        if self.count < free {
            return self.last;
        }
        let doublings = (self.count - free).min(16);
        self.last + (WAIT_FIRST * 2u32.pow(doublings)).min(WAIT_MAX)
    }
}

/// Counters of failed attempts.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Bounded by [`COUNTERS_MAX`].
    counters: HashMap<Key, Failures>,
}

impl Throttle {
    /// Begins an attempt, or says how long to wait. Call [`Throttle::succeeded`] when the password was right.
    ///
    /// # Errors
    /// The time to wait; the attempt must then not touch the password.
    pub fn begin(&mut self, now: Instant, account: &EmailAddress, address: IpAddr) -> Result<(), Duration> {
        let address = subscriber_part(address);
        let keys = [
            (
                Key::Account(account.as_str().to_owned(), address),
                FREE_ATTEMPTS_ACCOUNT,
            ),
            (Key::Address(address), FREE_ATTEMPTS_ADDRESS),
        ];
        let wait = keys
            .iter()
            .filter_map(|(key, free)| self.wait(now, key, *free))
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        for (key, _) in keys {
            self.count(now, key);
        }
        Ok(())
    }

    /// Forgives the account at this address, and this one attempt of the address.
    pub fn succeeded(&mut self, account: &EmailAddress, address: IpAddr) {
        let address = subscriber_part(address);
        self.counters
            .remove(&Key::Account(account.as_str().to_owned(), address));
        self.succeeded_address(address);
    }

    /// Begins an attempt that names no account; counts for the address alone.
    ///
    /// # Errors
    /// The time to wait; the attempt must then not be looked at.
    pub fn begin_address(&mut self, now: Instant, address: IpAddr) -> Result<(), Duration> {
        let key = Key::Address(subscriber_part(address));
        match self.wait(now, &key, FREE_ATTEMPTS_ADDRESS) {
            Some(wait) => Err(wait),
            None => {
                self.count(now, key);
                Ok(())
            }
        }
    }

    /// Forgives one attempt of the address.
    pub fn succeeded_address(&mut self, address: IpAddr) {
        if let Some(failures) = self.counters.get_mut(&Key::Address(subscriber_part(address))) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    /// Counts one attempt.
    fn count(&mut self, now: Instant, key: Key) {
        self.make_room(now);
        let failures = self
            .counters
            .entry(key)
            .or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) >= FORGET_AFTER {
            failures.count = 0;
        }
        *failures = Failures {
            count: failures.count.saturating_add(1),
            last: now,
        };
    }

    /// How long `key` has to wait, if at all.
    fn wait(&self, now: Instant, key: &Key, free: u32) -> Option<Duration> {
        let failures = self.counters.get(key)?;
        let wait = failures.open_at(free).checked_duration_since(now)?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Keeps the table within its bound.
    fn make_room(&mut self, now: Instant) {
        if self.counters.len() < COUNTERS_MAX {
            return;
        }
        self.counters
            .retain(|_, failures| now.saturating_duration_since(failures.last) < FORGET_AFTER);
        if self.counters.len() < COUNTERS_MAX {
            return;
        }
        let mut ages: Vec<Instant> = self.counters.values().map(|failures| failures.last).collect();
        let middle = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(middle);
        let median = *median;
        self.counters.retain(|_, failures| failures.last > median);
    }
}

/// The part of an address that belongs to one subscriber: all of IPv4, the /64 of IPv6.
fn subscriber_part(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> EmailAddress {
        format!("{name}@isp.example").parse().expect("an address")
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn waits_double_up_to_a_bound_once_the_free_attempts_are_used_up() {
        let mut throttle = Throttle::default();
        let (start, noc) = (Instant::now(), account("noc"));
        for _ in 0..FREE_ATTEMPTS_ACCOUNT {
            assert_eq!(throttle.begin(start, &noc, address(1)), Ok(()));
        }
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = throttle.begin(now, &noc, address(1)).expect_err("too soon");
            waits.push(wait.as_secs());
            assert!(
                throttle
                    .begin(now + wait - Duration::from_millis(1), &noc, address(1))
                    .is_err()
            );
            now += wait;
            assert_eq!(throttle.begin(now, &noc, address(1)), Ok(()));
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    }

    #[test]
    fn guessing_from_one_address_does_not_keep_the_user_out_at_another() {
        let mut throttle = Throttle::default();
        let (now, noc) = (Instant::now(), account("noc"));
        while throttle.begin(now, &noc, address(1)).is_ok() {}
        assert_eq!(throttle.begin(now, &noc, address(2)), Ok(()));
    }

    #[test]
    fn one_address_cannot_try_many_accounts() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        let tried = (0..1000).take_while(|n| {
            throttle
                .begin(now, &account(&format!("u{n}")), address(1))
                .is_ok()
        });
        assert_eq!(tried.count(), FREE_ATTEMPTS_ADDRESS as usize);
        assert_eq!(throttle.begin(now, &account("u1"), address(2)), Ok(()));
    }

    #[test]
    fn success_forgives() {
        let mut throttle = Throttle::default();
        let (now, noc) = (Instant::now(), account("noc"));
        for _ in 0..1000 {
            assert_eq!(throttle.begin(now, &noc, address(1)), Ok(()));
            throttle.succeeded(&noc, address(1));
        }
    }

    #[test]
    fn an_hour_without_attempts_forgets() {
        let mut throttle = Throttle::default();
        let (now, noc) = (Instant::now(), account("noc"));
        while throttle.begin(now, &noc, address(1)).is_ok() {}
        let later = now + FORGET_AFTER;
        for _ in 0..FREE_ATTEMPTS_ACCOUNT {
            assert_eq!(throttle.begin(later, &noc, address(1)), Ok(()));
        }
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_count_together() {
        let mut throttle = Throttle::default();
        let (now, noc) = (Instant::now(), account("noc"));
        let host = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        let tried = (0..1000).take_while(|n| throttle.begin(now, &noc, host(*n)).is_ok());
        assert_eq!(tried.count(), FREE_ATTEMPTS_ACCOUNT as usize);
    }

    #[test]
    fn the_table_stays_within_its_bound() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        for n in 0..(COUNTERS_MAX as u32) {
            let now = start + Duration::from_micros(u64::from(n));
            let _ = throttle.begin(now, &account("noc"), IpAddr::from(n.to_be_bytes()));
        }
        assert!(throttle.counters.len() <= COUNTERS_MAX);
    }
}
