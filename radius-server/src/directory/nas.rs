//! A NAS as the packet path needs it: whose it is, its secret, what it must sign, and what it did so far.
//! Its numbers and what was learned about it outlive a change of its settings. How one is found: `source`.

use super::certificate_name::CertificateName;
use super::guard::{NasGuard, OlderSecret, ProxyState, RequestRate, SecretAge};
use super::identify::Identify;
use super::name::Name;
use super::partner::Partner;
use crate::authorization::Make;
use crate::id::{NasId, PartnerId};
use ipnet::IpNet;
use radius::secret::SharedSecret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

/// Whether a NAS must sign its Access-Requests (CVE-2024-3596 is why it should).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// It need not: an old NAS that cannot be upgraded.
    No,
    /// It must, always.
    Yes,
    /// It need not until it has shown that it can; from then on it must.
    Auto,
}

/// Where Disconnect- and CoA-Requests for a NAS go, beside its address.
#[derive(Clone, Debug)]
pub struct CoaTarget {
    /// UDP port; 3799 unless the make thinks otherwise.
    pub port: u16,
    /// Shared secret for that direction.
    pub secret: SharedSecret,
}

/// How requests of a NAS come to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// As datagrams, with its shared secret as the only proof.
    #[default]
    Udp,
    /// Over TLS, which proves who sent them; digests prove nothing more.
    Tls,
}

/// A NAS as the feeder hands it over.
#[derive(Clone, Debug)]
pub struct NasSpec {
    /// Which one.
    pub id: NasId,
    /// Whose it is; the partner must be in the directory already.
    pub partner: PartnerId,
    /// Where its packets come from: one address, or a network of which the most specific wins.
    pub network: IpNet,
    /// What people call it.
    pub name: Name,
    /// Its make (FreeRADIUS's `nas.type`): `mikrotik`, `cisco`, `hostapd`, ...
    pub make: Name,
    /// Shared secret of its requests.
    pub secret: SharedSecret,
    /// Where to reach it for Disconnect and CoA.
    pub coa: CoaTarget,
    /// Whether it must sign.
    pub message_authenticator: Require,
    /// Whether it is known from earlier to sign; only ever adds to what was learned since the start.
    pub message_authenticator_seen: bool,
    /// What else it is held to.
    pub guard: NasGuard,
    /// By what its subscribers are recognised.
    pub identify: Identify,
}

/// A NAS in the directory; its settings never change, a newer one takes its place and inherits its `stats`.
#[derive(Debug)]
pub struct Nas {
    /// Which one.
    pub id: NasId,
    /// Whose it is; the only partner whose subscribers its requests can reach.
    pub partner: Arc<Partner>,
    /// Where its packets come from.
    pub network: IpNet,
    /// What people call it.
    pub name: Name,
    /// Its make as given.
    pub make: Name,
    /// In whose attributes it is told what somebody gets.
    pub dialect: Make,
    /// Shared secret of its requests.
    pub secret: SharedSecret,
    /// Where to reach it for Disconnect and CoA.
    pub coa: CoaTarget,
    /// Whether it must sign.
    pub message_authenticator: Require,
    /// Whether it may send Proxy-State unsigned.
    pub limit_proxy_state: Require,
    /// The secret it had before, if it may still use it; boxed, because hardly any has one.
    pub older_secret: Option<Box<OlderSecret>>,
    /// How many Access-Requests a second are taken from it.
    pub request_rate: Option<RequestRate>,
    /// What its certificate must carry when it is none of our own authority's; boxed, because hardly any must.
    pub certificate_name: Option<Box<CertificateName>>,
    /// How these requests of it come.
    pub transport: Transport,
    /// By what its subscribers are recognised.
    pub identify: Identify,
    /// What it did since the start.
    pub stats: Arc<NasStats>,
}

impl Nas {
    /// Puts a NAS together with its partner and with the numbers it had before.
    pub(super) fn new(spec: NasSpec, partner: Arc<Partner>, stats: Arc<NasStats>) -> Self {
        if spec.message_authenticator_seen {
            stats.message_authenticator_seen_before();
        }
        let NasGuard {
            limit_proxy_state,
            proxy_state_known,
            older_secret,
            request_rate,
            certificate_name,
        } = spec.guard;
        if let Some(known) = proxy_state_known {
            stats.proxy_state_learn(known);
        }
        Self {
            id: spec.id,
            partner,
            network: spec.network,
            dialect: Make::of_type(&spec.make),
            name: spec.name,
            make: spec.make,
            secret: spec.secret,
            coa: spec.coa,
            message_authenticator: spec.message_authenticator,
            limit_proxy_state,
            older_secret: older_secret.map(Box::new),
            request_rate,
            certificate_name: certificate_name.map(Box::new),
            transport: Transport::Udp,
            identify: spec.identify,
            stats,
        }
    }

    /// One of its secrets; the current one when there is no other.
    #[must_use]
    pub fn secret_of(&self, age: SecretAge) -> &SharedSecret {
        match (age, &self.older_secret) {
            (SecretAge::Older, Some(older)) => &older.secret,
            _ => &self.secret,
        }
    }

    /// The secret with which a request to it is signed. While its shared secret is being replaced that is the one it has
    /// used last: until somebody has entered the new one there, it knows the older one only.
    #[must_use]
    pub fn coa_secret_at(&self, unix_s: i64) -> &SharedSecret {
        let shared = self.coa.secret == self.secret;
        match self.older_secret_at(unix_s) {
            Some(older) if shared && self.stats.secret_used_last() == SecretAge::Older => older,
            _ => &self.coa.secret,
        }
    }

    /// The secret it had before, while that is good.
    #[must_use]
    pub fn older_secret_at(&self, unix_s: i64) -> Option<&SharedSecret> {
        let older = self.older_secret.as_deref()?;
        (unix_s < older.until_unix_s).then_some(&older.secret)
    }

    /// The same NAS as it is on a TLS connection: with the secret that everybody has there, and with nothing to prove.
    pub(crate) fn over_tls(&self, secret: &SharedSecret) -> Self {
        Self {
            id: self.id,
            partner: Arc::clone(&self.partner),
            network: self.network,
            name: self.name.clone(),
            make: self.make.clone(),
            dialect: self.dialect,
            secret: secret.clone(),
            coa: self.coa.clone(),
            message_authenticator: Require::No,
            limit_proxy_state: Require::No,
            older_secret: None,
            request_rate: self.request_rate,
            certificate_name: None,
            transport: Transport::Tls,
            identify: self.identify,
            stats: Arc::clone(&self.stats),
        }
    }
}

/// What a NAS did since the process started. Plain counts; relaxed order is enough, nothing is decided by them except
/// that a NAS once seen to sign must go on signing.
#[derive(Debug, Default)]
pub struct NasStats {
    /// Unix milliseconds of its last datagram that parsed; 0: none yet.
    pub last_packet_unix_ms: AtomicI64,
    /// Datagrams from it, good or bad.
    pub requests: AtomicU64,
    /// Access-Accepts sent to it.
    pub accepts: AtomicU64,
    /// Access-Rejects sent to it.
    pub rejects: AtomicU64,
    /// Accounting-Requests from it that reached the disk.
    pub accounting: AtomicU64,
    /// Requests that prove that its shared secret differs from the one stored here.
    pub secret_differs: AtomicU64,
    /// Datagrams that are not RADIUS.
    pub malformed: AtomicU64,
    /// Access-Requests without Message-Authenticator, allowed or not.
    pub unsigned: AtomicU64,
    /// Unix milliseconds of its last Access-Request without Message-Authenticator; 0: none yet.
    pub unsigned_unix_ms: AtomicI64,
    /// Unix milliseconds of its first one since the start; 0: none yet.
    pub unsigned_first_unix_ms: AtomicI64,
    /// Those of them that carried Proxy-State.
    pub unsigned_proxied: AtomicU64,
    /// What its first Access-Request that tells has shown about Proxy-State: 0 nothing yet, 1 limited, 2 needed.
    proxy_state: AtomicU8,
    /// Requests that were proven to be made with the older of its secrets.
    pub older_secret_used: AtomicU64,
    /// Unix milliseconds of the last of them; 0: none yet.
    pub older_secret_unix_ms: AtomicI64,
    /// Unix milliseconds of the last one proven to be made with the current secret while there was an older one; 0: none yet.
    pub newer_secret_unix_ms: AtomicI64,
    /// Access-Requests dropped because it sent more a second than it may.
    pub rate_limited: AtomicU64,
    /// When the requests taken from it so far are worked off at its rate, in Unix nanoseconds.
    pub(crate) rate_owed_ns: AtomicU64,
    /// Unix seconds at which it answered by UDP a request of ours that it had not answered on its own connection; 0: never.
    pub connection_deaf_unix_s: AtomicI64,
    /// Unix milliseconds of its first well-signed Access-Request; 0: none yet; -1: known from an earlier run.
    pub message_authenticator_seen_unix_ms: AtomicI64,
}

impl NasStats {
    /// Whether this NAS has shown that it can sign.
    #[must_use]
    pub fn message_authenticator_seen(&self) -> bool {
        self.message_authenticator_seen_unix_ms.load(Ordering::Relaxed) != 0
    }

    /// Notes a well-signed Access-Request; the first one counts.
    pub(crate) fn message_authenticator_learn(&self, now_unix_ms: i64) {
        if !self.message_authenticator_seen() {
            self.message_authenticator_seen_unix_ms
                .store(now_unix_ms.max(1), Ordering::Relaxed);
        }
    }

    /// What it has shown about Proxy-State; `None` until an Access-Request told.
    #[must_use]
    pub fn proxy_state(&self) -> Option<ProxyState> {
        match self.proxy_state.load(Ordering::Relaxed) {
            1 => Some(ProxyState::Limited),
            2 => Some(ProxyState::Needed),
            _ => None,
        }
    }

    /// Notes what it has shown about Proxy-State; the first time counts.
    pub(crate) fn proxy_state_learn(&self, shown: ProxyState) {
        if self.proxy_state.load(Ordering::Relaxed) != 0 {
            return;
        }
        let number = match shown {
            ProxyState::Limited => 1,
            ProxyState::Needed => 2,
        };
        // Another worker may be first; then its word counts.
        let _first = self
            .proxy_state
            .compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes an Access-Request without Message-Authenticator.
    pub(crate) fn unsigned_note(&self, now_unix_ms: i64, proxied: bool) {
        bump(&self.unsigned);
        if proxied {
            bump(&self.unsigned_proxied);
        }
        self.unsigned_unix_ms.store(now_unix_ms, Ordering::Relaxed);
        if self.unsigned_first_unix_ms.load(Ordering::Relaxed) == 0 {
            self.unsigned_first_unix_ms.store(now_unix_ms, Ordering::Relaxed);
        }
    }

    /// Notes which secret a request proves, while there are two.
    pub(crate) fn secret_used(&self, age: SecretAge, now_unix_ms: i64) {
        match age {
            SecretAge::Current => self.newer_secret_unix_ms.store(now_unix_ms, Ordering::Relaxed),
            SecretAge::Older => {
                bump(&self.older_secret_used);
                self.older_secret_unix_ms.store(now_unix_ms, Ordering::Relaxed);
            }
        }
    }

    /// Which secret it used last, as far as a request proved one.
    #[must_use]
    pub fn secret_used_last(&self) -> SecretAge {
        let (older, newer) = (
            self.older_secret_unix_ms.load(Ordering::Relaxed),
            self.newer_secret_unix_ms.load(Ordering::Relaxed),
        );
        if older > newer {
            SecretAge::Older
        } else {
            SecretAge::Current
        }
    }

    /// Notes that an earlier run has seen it sign.
    fn message_authenticator_seen_before(&self) {
        if !self.message_authenticator_seen() {
            self.message_authenticator_seen_unix_ms
                .store(-1, Ordering::Relaxed);
        }
    }
}

/// Counts one more.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
