//! Realms of a partner and the home servers behind them: where a login is decided that is not decided here.
//! Never sends anything; `crate::proxy` does. A partner's realms are replaced as a whole by a change, home servers keep their
//! numbers and their health.

use super::home_tls::HomeTls;
use super::name::Name;
use crate::id::{HomeServerId, PartnerId, RealmId};
use crate::proxy::transport::Route;
use parking_lot::Mutex;
use radius::hop::Pass;
use radius::nai::{Nai, REALM_LEN_MAX};
use radius::secret::SharedSecret;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

/// Home servers one partner may have.
pub const HOME_SERVERS_MAX: usize = 256;
/// Realms one partner may have.
pub const REALMS_MAX: usize = 4_096;
/// Home servers one realm may have.
pub const REALM_SERVERS_MAX: usize = 16;

/// The name of the realm that stands for every realm without a line of its own.
pub const ANY_REALM: &str = "*";

/// Where a login of a realm is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Here, by the partner's own subscribers.
    Here,
    /// Nowhere: it is rejected.
    Nowhere,
    /// By the realm's home servers.
    ByHomeServers,
}

/// How requests are shared out among the home servers of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The first that lives; the others are for when it does not.
    FailOver,
    /// By user and station, so that the same one always goes to the same server.
    Spread,
}

/// A home server as the feeder hands it over.
#[derive(Clone, Debug)]
pub struct HomeServerSpec {
    /// Which one.
    pub id: HomeServerId,
    /// What people call it.
    pub name: Name,
    /// Where it takes Access-Requests.
    pub auth: Option<SocketAddr>,
    /// Where it takes Accounting-Requests.
    pub accounting: Option<SocketAddr>,
    /// Shared with it.
    pub secret: SharedSecret,
    /// Whether its replies to Access-Requests must carry a Message-Authenticator (CVE-2024-3596).
    pub require_message_authenticator: bool,
    /// Whether it answers Status-Server, by which it is found alive again.
    pub status_server: bool,
    /// Whether it gets a copy of every accounting record of the partner.
    pub copy_accounting: bool,
    /// How it is reached by TLS; `None`: by UDP.
    pub tls: Option<Arc<HomeTls>>,
}

/// A realm as the feeder hands it over.
#[derive(Clone, Debug)]
pub struct RealmSpec {
    /// Which one.
    pub id: RealmId,
    /// The realm, or [`ANY_REALM`].
    pub name: Name,
    /// Where its logins are decided.
    pub decided: Decided,
    /// Whether the realm is taken off the user name before it is looked up or sent on.
    pub strip: bool,
    /// Its home servers, in order.
    pub servers: Vec<HomeServerId>,
    /// How they share the work.
    pub balance: Balance,
    /// What of their replies a NAS gets.
    pub pass: Pass,
    /// Whether its accounting records are sent on, too.
    pub accounting: bool,
}

/// Everything of one partner that is about other servers.
#[derive(Clone, Debug, Default)]
pub struct RealmsSpec {
    /// Its home servers.
    pub servers: Vec<HomeServerSpec>,
    /// Its realms.
    pub realms: Vec<RealmSpec>,
}

/// A home server in the directory.
#[derive(Debug)]
pub struct HomeServer {
    /// As it was put.
    pub spec: HomeServerSpec,
    /// Whose it is.
    pub partner: PartnerId,
    /// What it did since the start.
    pub stats: Arc<HomeServerStats>,
}

/// Which port of a home server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HomePort {
    /// Access-Requests.
    Auth,
    /// Accounting-Requests.
    Accounting,
}

impl HomePort {
    /// The word in metrics and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Accounting => "accounting",
        }
    }
}

impl HomeServerSpec {
    /// Whether its replies to Access-Requests must be signed. Over TLS they need not: nobody on the way can change them.
    #[must_use]
    pub const fn wants_signed_replies(&self) -> bool {
        self.require_message_authenticator && self.tls.is_none()
    }
}

/// How a home server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It answers, or nobody has found out otherwise.
    Alive,
    /// It has not answered for a while; others are asked first.
    Zombie,
    /// It has not answered for long; it is asked nothing until it shows that it lives.
    Dead,
}

impl Health {
    /// The word in metrics and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Zombie => "zombie",
            Self::Dead => "dead",
        }
    }
}

/// What a home server did since the process started, a port at a time. Plain counts; nothing is decided by them.
#[derive(Debug, Default)]
pub struct HomeServerStats {
    /// Where it takes Access-Requests.
    auth: PortStats,
    /// Where it takes Accounting-Requests.
    accounting: PortStats,
}

impl HomeServerStats {
    /// What one port did.
    #[must_use]
    pub const fn port(&self, port: HomePort) -> &PortStats {
        match port {
            HomePort::Auth => &self.auth,
            HomePort::Accounting => &self.accounting,
        }
    }
}

/// What one port of a home server did.
#[derive(Debug, Default)]
pub struct PortStats {
    /// [`Health`], as a number.
    health: AtomicU8,
    /// Requests sent to it, each once.
    pub requests: AtomicU64,
    /// Requests sent again.
    pub retransmissions: AtomicU64,
    /// Verified replies.
    pub replies: AtomicU64,
    /// Requests it never answered.
    pub silences: AtomicU64,
    /// Replies that could not be verified.
    pub unverified: AtomicU64,
    /// Microseconds from requests to replies, all together.
    pub rtt_us: AtomicU64,
    /// Status-Servers sent.
    pub probes: AtomicU64,
    /// Unix milliseconds of its last verified reply; 0: none yet.
    pub last_reply_unix_ms: AtomicI64,
    /// TLS connections to it that are open.
    pub links_open: AtomicU64,
    /// TLS connections to it that came about.
    pub links_opened: AtomicU64,
    /// TLS connections to it that did not come about, or were lost.
    pub links_lost: AtomicU64,
    /// Why the last of those was.
    link_trouble: Mutex<Option<Box<str>>>,
}

impl PortStats {
    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            0 => Health::Alive,
            1 => Health::Zombie,
            _ => Health::Dead,
        }
    }

    /// Why the last TLS connection to it did not come about or was lost; `None` when it is open again, or always was.
    #[must_use]
    pub fn link_trouble(&self) -> Option<Box<str>> {
        self.link_trouble.lock().clone()
    }

    /// Notes why there is no TLS connection, or that there is one.
    pub(crate) fn link_trouble_is(&self, why: Option<&str>) {
        *self.link_trouble.lock() = why.map(Into::into);
    }

    /// Notes how it is.
    pub(crate) fn health_is(&self, health: Health) {
        self.health.store(health as u8, Ordering::Relaxed);
    }
}

impl HomeServer {
    /// Where it takes requests of this kind.
    #[must_use]
    pub const fn addr(&self, port: HomePort) -> Option<SocketAddr> {
        match port {
            HomePort::Auth => self.spec.auth,
            HomePort::Accounting => self.spec.accounting,
        }
    }

    /// By which way it takes requests of this kind.
    #[must_use]
    pub(crate) fn route(&self, port: HomePort) -> Option<Route> {
        let addr = self.addr(port)?;
        Some(match self.spec.tls {
            Some(_) => Route::Tls(self.spec.id),
            None => Route::Udp(addr),
        })
    }
}

/// A realm in the directory.
#[derive(Debug)]
pub struct Realm {
    /// Which one.
    pub id: RealmId,
    /// The realm, or [`ANY_REALM`].
    pub name: Name,
    /// Where its logins are decided.
    pub decided: Decided,
    /// Whether the realm is taken off the user name.
    pub strip: bool,
    /// Its home servers, in order.
    pub servers: Vec<Arc<HomeServer>>,
    /// How they share the work.
    pub balance: Balance,
    /// What of their replies a NAS gets.
    pub pass: Pass,
    /// Whether its accounting records are sent on, too.
    pub accounting: bool,
}

/// The realms of one partner.
#[derive(Debug, Default)]
pub struct Realms {
    /// By name, ASCII letters in lower case.
    by_name: HashMap<Box<str>, Arc<Realm>>,
    /// For every other realm.
    any: Option<Arc<Realm>>,
    /// All home servers, by id.
    servers: Vec<Arc<HomeServer>>,
}

/// The realm a user name belongs to.
#[derive(Debug)]
pub struct InRealm<'n> {
    /// The realm.
    pub realm: Arc<Realm>,
    /// The user name in its parts.
    pub nai: Nai<'n>,
}

impl<'n> InRealm<'n> {
    /// The user name as it is looked up here or sent on.
    #[must_use]
    pub fn name(&self, whole: &'n str) -> &'n str {
        if self.realm.strip { self.nai.user } else { whole }
    }
}

impl Realms {
    /// Puts realms together; home servers that were there keep their numbers. Realms and servers beyond their bounds, and
    /// servers a realm names that are not there, are left out.
    pub(super) fn new(partner: PartnerId, spec: RealmsSpec, older: Option<&Self>) -> Self {
        let stats = |id: HomeServerId| {
            let held = older.and_then(|older| older.servers.iter().find(|server| server.spec.id == id));
            held.map(|server| Arc::clone(&server.stats)).unwrap_or_default()
        };
        let servers: Vec<_> = spec
            .servers
            .into_iter()
            .take(HOME_SERVERS_MAX)
            .map(|spec| {
                let stats = stats(spec.id);
                Arc::new(HomeServer { spec, partner, stats })
            })
            .collect();
        let by_id = |id: &HomeServerId| servers.iter().find(|server| server.spec.id == *id).cloned();
        let mut realms = Self::default();
        for spec in spec.realms.into_iter().take(REALMS_MAX) {
            let realm = Arc::new(Realm {
                id: spec.id,
                decided: spec.decided,
                strip: spec.strip,
                servers: spec
                    .servers
                    .iter()
                    .take(REALM_SERVERS_MAX)
                    .filter_map(by_id)
                    .collect(),
                balance: spec.balance,
                pass: spec.pass,
                accounting: spec.accounting,
                name: spec.name,
            });
            if realm.name == ANY_REALM {
                realms.any = Some(realm);
            } else {
                let key = realm.name.to_ascii_lowercase().into_boxed_str();
                realms.by_name.insert(key, realm);
            }
        }
        realms.servers = servers;
        realms
    }

    /// The realm of a user name; `None` when it names none, or one that nobody told us anything about.
    #[must_use]
    pub fn of<'n>(&self, user_name: &'n str) -> Option<InRealm<'n>> {
        let nai = Nai::split(user_name)?;
        let realm = self.by_name(nai.realm).or(self.any.as_ref())?;
        Some(InRealm {
            realm: Arc::clone(realm),
            nai,
        })
    }

    /// A realm by its name; allocates nothing.
    fn by_name(&self, name: &str) -> Option<&Arc<Realm>> {
        let mut room = [0; REALM_LEN_MAX];
        let lower = room.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        self.by_name.get(std::str::from_utf8(lower).ok()?)
    }

    /// All home servers.
    #[must_use]
    pub fn servers(&self) -> &[Arc<HomeServer>] {
        &self.servers
    }

    /// All realms, the one for every other last, in the order of names.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Realm>> {
        let mut all: Vec<_> = self.by_name.values().map(Arc::clone).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all.extend(self.any.clone());
        all
    }

    /// Whether there is nothing to know.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.any.is_none() && self.servers.is_empty()
    }

    /// What it was put together from.
    #[must_use]
    pub fn spec(&self) -> RealmsSpec {
        RealmsSpec {
            servers: self.servers.iter().map(|server| server.spec.clone()).collect(),
            realms: self
                .list()
                .iter()
                .map(|realm| RealmSpec {
                    id: realm.id,
                    name: realm.name.clone(),
                    decided: realm.decided,
                    strip: realm.strip,
                    servers: realm.servers.iter().map(|server| server.spec.id).collect(),
                    balance: realm.balance,
                    pass: realm.pass,
                    accounting: realm.accounting,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn realm(name: &str, decided: Decided, strip: bool) -> RealmSpec {
        RealmSpec {
            id: Uuid::from_u128(u128::from(name.len() as u64)).into(),
            name: name.into(),
            decided,
            strip,
            servers: Vec::new(),
            balance: Balance::FailOver,
            pass: Pass::All,
            accounting: true,
        }
    }

    fn realms(all: Vec<RealmSpec>) -> Realms {
        let spec = RealmsSpec {
            servers: Vec::new(),
            realms: all,
        };
        Realms::new(Uuid::nil().into(), spec, None)
    }

    #[test]
    fn a_realm_is_found_in_any_spelling_and_case() {
        let realms = realms(vec![realm("ISP.example", Decided::Here, true)]);
        for name in ["alice@isp.EXAMPLE", "isp.example\\alice", "alice%Isp.Example"] {
            let found = realms.of(name).expect("a realm");
            assert_eq!((&*found.realm.name, found.name(name)), ("ISP.example", "alice"));
        }
        assert!(realms.of("alice").is_none());
        assert!(realms.of("alice@other.example").is_none());
        assert!(realms.of(&format!("a@{}", "x".repeat(300))).is_none());
    }

    #[test]
    fn an_unknown_realm_is_the_one_for_all_others_where_there_is_one() {
        let realms = realms(vec![
            realm("isp", Decided::Here, false),
            realm(ANY_REALM, Decided::Nowhere, false),
        ]);
        let decided = |name: &str| realms.of(name).map(|found| found.realm.decided);
        assert_eq!(decided("alice@isp"), Some(Decided::Here));
        assert_eq!(decided("alice@elsewhere"), Some(Decided::Nowhere));
        assert_eq!(decided("alice@"), Some(Decided::Nowhere));
        assert_eq!(decided("alice"), None);
    }
}
