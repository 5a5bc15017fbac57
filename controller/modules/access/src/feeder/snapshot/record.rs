//! One record of a snapshot as octets: a partner, a NAS, a plan, whose subscribers follow, a subscriber.
//! Never reads or writes a file, and takes any octets whatsoever: what is no record is `None`.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use ipnet::IpNet;
use radius::hop::Pass;
use radius::mschap::NtHash;
use radius::secret::SharedSecret;
use radius_server::admission::{BindBy, Collision, PlanRules};
use radius_server::authorization::Terms;
use radius_server::authorization::defaults::Defaults;
use radius_server::authorization::garden::{Garden, GardenReason};
use radius_server::directory::{
    Balance, CoaTarget, Credential, Decided, HomeIdentity, HomeServerSpec, HomeTls, Identify, IdentifyBy,
    MARKS_MAX, Mark, MarkKind, NasGuard, NasSpec, OlderSecret, OnUsedUp, Partner, Plan, ProxyState,
    RealmSpec, RequestRate, Require, Secret, ServiceState, SubscriberSpec,
};
use radius_server::password_hash::PasswordHash;
use radius_server::{PartnerId, SubscriberId};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Origin;
use crate::store::change::{ChangeCursor, DatabaseId};

/// Which record follows.
mod tag {
    pub const PARTNER: u8 = 1;
    pub const NAS: u8 = 2;
    pub const PLAN: u8 = 3;
    pub const SUBSCRIBERS_OF: u8 = 4;
    pub const SUBSCRIBER: u8 = 5;
    pub const HOME_SERVER: u8 = 6;
    pub const REALM: u8 = 7;
    pub const MARKS: u8 = 8;
}

/// A record read back.
#[derive(Debug)]
pub enum Record {
    /// A partner.
    Partner {
        /// Which one.
        id: PartnerId,
        /// Its name.
        name: String,
        /// Whether it is served.
        active: bool,
        /// Whether the case of user names does not count.
        fold_case: bool,
        /// Its garden.
        garden: Option<Box<Garden>>,
        /// Its defaults and those of its NAS.
        defaults: Box<Defaults>,
    },
    /// A NAS.
    Nas(Box<NasSpec>),
    /// A home server of a partner.
    HomeServer(PartnerId, Box<HomeServerSpec>),
    /// A realm of a partner; it names home servers.
    Realm(PartnerId, Box<RealmSpec>),
    /// A plan; subscribers name it by its place among the plans.
    Plan {
        /// Which one.
        id: Uuid,
        /// What it gives.
        plan: Arc<Plan>,
    },
    /// The subscribers that follow in this chunk are this partner's.
    SubscribersOf(PartnerId),
    /// A subscriber.
    Subscriber(SubscriberSpec),
    /// What the subscriber before it is recognised by.
    Marks(Vec<Mark>),
}

/// Appends what the first chunk says.
pub fn put_origin(origin: &Origin, out: &mut Vec<u8>) {
    out.extend_from_slice(origin.node.as_bytes());
    out.extend_from_slice(&origin.database.system.to_be_bytes());
    out.extend_from_slice(&origin.database.timeline.to_be_bytes());
    out.extend_from_slice(&origin.database.log.to_be_bytes());
    out.extend_from_slice(&origin.cursor.xid.to_be_bytes());
    out.extend_from_slice(&origin.cursor.version.to_be_bytes());
    out.extend_from_slice(&origin.version.to_be_bytes());
    out.extend_from_slice(&origin.at_unix_s.to_be_bytes());
    out.extend_from_slice(&origin.dictionary.to_be_bytes());
}

/// The first chunk read back.
pub fn origin(octets: &[u8]) -> Option<Origin> {
    let mut rest = Rest(octets);
    let origin = Origin {
        node: rest.uuid()?,
        database: DatabaseId {
            system: rest.i64()?,
            timeline: rest.i64()?,
            log: rest.i64()?,
        },
        cursor: ChangeCursor {
            xid: rest.i64()?,
            version: rest.i64()?,
        },
        version: u64::from_be_bytes(rest.take()?),
        at_unix_s: rest.i64()?,
        dictionary: u64::from_be_bytes(rest.take()?),
    };
    rest.0.is_empty().then_some(origin)
}

/// Appends a partner.
pub fn put_partner(partner: &Partner, out: &mut Vec<u8>) {
    out.push(tag::PARTNER);
    out.extend_from_slice(partner.id().as_bytes());
    out.push(u8::from(partner.active()));
    out.push(u8::from(partner.folds_case()));
    put(partner.name().as_bytes(), out);
    let garden = partner.garden();
    let reasons = garden.iter().flat_map(|garden| garden.reasons());
    put(&reasons.map(|reason| reason as u8).collect::<Vec<_>>(), out);
    put_terms(garden.as_ref().map(|garden| garden.plan().terms()), out);
    let defaults = partner.defaults();
    let all: Vec<_> = defaults.iter().flat_map(|defaults| defaults.all()).collect();
    out.extend_from_slice(&u32::try_from(all.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (nas, terms) in all {
        out.push(u8::from(nas.is_some()));
        out.extend_from_slice(nas.map_or(Uuid::nil(), |nas| nas.as_uuid()).as_bytes());
        put_terms(Some(terms), out);
    }
}

/// Appends a NAS.
pub fn put_nas(nas: &NasSpec, out: &mut Vec<u8>) {
    out.push(tag::NAS);
    out.extend_from_slice(nas.id.as_bytes());
    out.extend_from_slice(nas.partner.as_bytes());
    put(nas.network.to_string().as_bytes(), out);
    put(nas.name.as_bytes(), out);
    put(nas.make.as_bytes(), out);
    put(nas.secret.octets(), out);
    out.extend_from_slice(&nas.coa.port.to_be_bytes());
    put(nas.coa.secret.octets(), out);
    out.push(require(nas.message_authenticator));
    out.push(u8::from(nas.message_authenticator_seen));
    out.push(require(nas.guard.limit_proxy_state));
    out.push(match nas.guard.proxy_state_known {
        None => 0,
        Some(ProxyState::Limited) => 1,
        Some(ProxyState::Needed) => 2,
    });
    out.push(u8::from(nas.guard.older_secret.is_some()));
    if let Some(older) = &nas.guard.older_secret {
        out.extend_from_slice(&older.until_unix_s.to_be_bytes());
        put(older.secret.octets(), out);
    }
    let rate = nas
        .guard
        .request_rate
        .map(|rate| (rate.per_s.get(), rate.burst.get()));
    let (per_s, burst) = rate.unwrap_or_default();
    out.extend_from_slice(&per_s.to_be_bytes());
    out.extend_from_slice(&burst.to_be_bytes());
    let name = nas.guard.certificate_name.as_ref().map(ToString::to_string);
    put(name.unwrap_or_default().as_bytes(), out);
    let rules: Vec<u8> = nas.identify.rules().map(|rule| rule as u8).collect();
    put(&rules, out);
}

/// The octet of a word.
const fn require(word: Require) -> u8 {
    match word {
        Require::No => 0,
        Require::Yes => 1,
        Require::Auto => 2,
    }
}

/// Appends a home server.
pub fn put_home_server(partner: PartnerId, server: &HomeServerSpec, out: &mut Vec<u8>) {
    out.push(tag::HOME_SERVER);
    out.extend_from_slice(partner.as_bytes());
    out.extend_from_slice(server.id.as_bytes());
    put(server.name.as_bytes(), out);
    for addr in [server.auth, server.accounting] {
        put(
            addr.map(|addr| addr.to_string()).unwrap_or_default().as_bytes(),
            out,
        );
    }
    put(server.secret.octets(), out);
    out.push(u8::from(server.require_message_authenticator));
    out.push(u8::from(server.status_server));
    out.push(u8::from(server.copy_accounting));
    out.push(u8::from(server.tls.is_some()));
    if let Some(tls) = &server.tls {
        put(tls.name.as_bytes(), out);
        // Nothing there is the same as nothing given.
        put(tls.authorities.as_deref().unwrap_or_default().as_bytes(), out);
        let identity = tls.identity.as_ref();
        let (certificate, key) = identity
            .map(|identity| (&*identity.certificate, &**identity.key))
            .unwrap_or_default();
        put(certificate.as_bytes(), out);
        put(key.as_bytes(), out);
    }
}

/// Appends a realm.
pub fn put_realm(partner: PartnerId, realm: &RealmSpec, out: &mut Vec<u8>) {
    out.push(tag::REALM);
    out.extend_from_slice(partner.as_bytes());
    out.extend_from_slice(realm.id.as_bytes());
    put(realm.name.as_bytes(), out);
    out.push(match realm.decided {
        Decided::Here => 0,
        Decided::Nowhere => 1,
        Decided::ByHomeServers => 2,
    });
    out.push(u8::from(realm.balance == Balance::Spread));
    out.push(u8::from(realm.pass == Pass::Roaming));
    out.push(u8::from(realm.strip));
    out.push(u8::from(realm.accounting));
    // REALM_SERVERS_MAX are far fewer.
    let servers = realm
        .servers
        .get(..usize::from(u8::MAX))
        .unwrap_or(&realm.servers);
    out.push(u8::try_from(servers.len()).unwrap_or(u8::MAX));
    for server in servers {
        out.extend_from_slice(server.as_bytes());
    }
}

/// Appends a plan.
pub fn put_plan(id: Uuid, plan: &Plan, out: &mut Vec<u8>) {
    out.push(tag::PLAN);
    out.extend_from_slice(id.as_bytes());
    put(plan.name().as_bytes(), out);
    put_terms(Some(plan.terms()), out);
    put_plan_rules(plan.admission(), out);
    put_on_used_up(plan.on_used_up().as_ref(), out);
}

/// Appends what happens to whoever used up the plan's quota.
fn put_on_used_up(on_used_up: Option<&OnUsedUp>, out: &mut Vec<u8>) {
    match on_used_up {
        None => out.push(0),
        Some(OnUsedUp::Garden) => out.push(1),
        Some(OnUsedUp::Reject) => out.push(2),
        Some(OnUsedUp::Throttle(terms)) => {
            out.push(3);
            put_terms(Some(terms), out);
        }
    }
}

/// Appends what a plan asks of admission.
fn put_plan_rules(rules: &PlanRules, out: &mut Vec<u8>) {
    out.extend_from_slice(&rules.simultaneous.map_or(0, NonZeroU16::get).to_be_bytes());
    out.push(rules.collision as u8);
    out.push(rules.bind.map_or(0, |by| by as u8 + 1));
    for pool in rules.pools {
        out.push(u8::from(pool.is_some()));
        out.extend_from_slice(pool.map_or(Uuid::nil(), |pool| pool.as_uuid()).as_bytes());
    }
}

/// Appends terms as they are stored in the database; nothing for none.
fn put_terms(terms: Option<&Terms>, out: &mut Vec<u8>) {
    // Numbers, texts and lists of them: always JSON.
    let json = terms.map(serde_json::to_vec).and_then(Result::ok);
    put(&json.unwrap_or_default(), out);
}

/// Appends whose subscribers follow.
pub fn put_subscribers_of(partner: PartnerId, out: &mut Vec<u8>) {
    out.push(tag::SUBSCRIBERS_OF);
    out.extend_from_slice(partner.as_bytes());
}

/// Appends a subscriber, whose plan is the one at this place.
pub fn put_subscriber(subscriber: &SubscriberSpec, plan: u32, out: &mut Vec<u8>) {
    out.push(tag::SUBSCRIBER);
    out.extend_from_slice(subscriber.id.as_bytes());
    out.extend_from_slice(&plan.to_be_bytes());
    out.push(u8::from(subscriber.expires_at_unix_s.is_some()));
    out.extend_from_slice(&subscriber.expires_at_unix_s.unwrap_or_default().to_be_bytes());
    put(subscriber.username.as_bytes(), out);
    match &subscriber.credential {
        Credential::None => out.push(0),
        Credential::Clear(secret) => {
            out.push(1);
            put(secret.expose(), out);
        }
        Credential::NtHash(hash) => {
            out.push(2);
            out.extend_from_slice(hash.octets());
        }
        Credential::Hash(hash) => {
            out.push(3);
            put(hash.expose().as_bytes(), out);
        }
    }
    put(&subscriber.reply, out);
    put_terms(subscriber.plan.as_service().map(|service| &service.terms), out);
    match &subscriber.state {
        ServiceState::Active => out.push(0),
        ServiceState::Suspended { reason } => {
            out.push(1);
            put(reason.as_bytes(), out);
        }
        ServiceState::Terminated => out.push(2),
    }
}

/// Appends what the subscriber before is recognised by, if by anything.
pub fn put_marks(marks: &[Mark], out: &mut Vec<u8>) {
    let marks = marks.get(..MARKS_MAX).unwrap_or(marks);
    if marks.is_empty() {
        return;
    }
    out.push(tag::MARKS);
    out.push(u8::try_from(marks.len()).unwrap_or(u8::MAX));
    for mark in marks {
        out.push(mark.kind as u8);
        out.push(u8::from(mark.nas.is_some()));
        out.extend_from_slice(mark.nas.map_or(Uuid::nil(), |nas| nas.as_uuid()).as_bytes());
        put(&mark.value, out);
    }
}

/// Takes the next record off the front; `plans` are those read before it.
pub fn record(octets: &mut &[u8], plans: &[(Uuid, Arc<Plan>)]) -> Option<Record> {
    let mut rest = Rest(octets);
    let record = match rest.u8()? {
        tag::PARTNER => Record::Partner {
            id: rest.uuid()?.into(),
            active: rest.bool()?,
            fold_case: rest.bool()?,
            name: rest.text()?.to_owned(),
            garden: garden(&mut rest)?.map(Box::new),
            defaults: Box::new(defaults(&mut rest)?),
        },
        tag::NAS => Record::Nas(Box::new(nas(&mut rest)?)),
        tag::HOME_SERVER => {
            let partner = rest.uuid()?.into();
            Record::HomeServer(partner, Box::new(home_server(&mut rest)?))
        }
        tag::REALM => {
            let partner = rest.uuid()?.into();
            Record::Realm(partner, Box::new(realm(&mut rest)?))
        }
        tag::PLAN => {
            let id = rest.uuid()?;
            let name = rest.text()?;
            let plan = Plan::of(name, rest.terms()?.unwrap_or_default());
            let plan = plan.with_admission(plan_rules(&mut rest)?);
            let plan = plan.with_quota(on_used_up(&mut rest)?);
            Record::Plan {
                id,
                plan: Arc::new(plan),
            }
        }
        tag::SUBSCRIBERS_OF => Record::SubscribersOf(rest.uuid()?.into()),
        tag::SUBSCRIBER => Record::Subscriber(subscriber(&mut rest, plans)?),
        tag::MARKS => Record::Marks(marks(&mut rest)?),
        _ => return None,
    };
    *octets = rest.0;
    Some(record)
}

/// What a plan asks of admission.
fn plan_rules(rest: &mut Rest<'_>) -> Option<PlanRules> {
    let simultaneous = NonZeroU16::new(u16::from_be_bytes(rest.take()?));
    let (collision, bind) = (usize::from(rest.u8()?), usize::from(rest.u8()?));
    let mut pools = [None; 3];
    for pool in &mut pools {
        let (there, id) = (rest.bool()?, rest.uuid()?);
        *pool = there.then_some(id.into());
    }
    Some(PlanRules {
        simultaneous,
        collision: *Collision::ALL.get(collision)?,
        bind: match bind {
            0 => None,
            place => Some(*BindBy::ALL.get(place - 1)?),
        },
        pools,
    })
}

/// What happens to whoever used up a plan's quota, if it has one.
fn on_used_up(rest: &mut Rest<'_>) -> Option<Option<OnUsedUp>> {
    Some(match rest.u8()? {
        0 => None,
        1 => Some(OnUsedUp::Garden),
        2 => Some(OnUsedUp::Reject),
        3 => Some(OnUsedUp::Throttle(rest.terms()??)),
        _ => return None,
    })
}

/// The rest of a partner: its garden, if it has one.
fn garden(rest: &mut Rest<'_>) -> Option<Option<Garden>> {
    let reason = |octet: &u8| {
        GardenReason::ALL
            .into_iter()
            .find(|reason| *reason as u8 == *octet)
    };
    let reasons: Vec<GardenReason> = rest.octets()?.iter().map(reason).collect::<Option<_>>()?;
    Some(rest.terms()?.map(|terms| Garden::new(&reasons, terms)))
}

/// The rest of a partner: its defaults and those of its NAS.
fn defaults(rest: &mut Rest<'_>) -> Option<Defaults> {
    let count = u32::from_be_bytes(rest.take()?);
    let mut all = Vec::new();
    // One at a time: a count that lies ends with the octets.
    for _ in 0..count {
        let (there, nas) = (rest.bool()?, rest.uuid()?);
        all.push((there.then_some(nas.into()), rest.terms()??));
    }
    Some(Defaults::new(all))
}

/// The rest of a NAS.
fn nas(rest: &mut Rest<'_>) -> Option<NasSpec> {
    Some(NasSpec {
        id: rest.uuid()?.into(),
        partner: rest.uuid()?.into(),
        network: rest.text()?.parse::<IpNet>().ok()?,
        name: rest.text()?.into(),
        make: rest.text()?.into(),
        secret: SharedSecret::new(rest.octets()?),
        coa: CoaTarget {
            port: u16::from_be_bytes(rest.take()?),
            secret: SharedSecret::new(rest.octets()?),
        },
        message_authenticator: rest.require()?,
        message_authenticator_seen: rest.bool()?,
        guard: NasGuard {
            limit_proxy_state: rest.require()?,
            proxy_state_known: match rest.u8()? {
                0 => None,
                1 => Some(ProxyState::Limited),
                2 => Some(ProxyState::Needed),
                _ => return None,
            },
            older_secret: match rest.bool()? {
                false => None,
                true => Some(OlderSecret {
                    until_unix_s: rest.i64()?,
                    secret: SharedSecret::new(rest.octets()?),
                }),
            },
            request_rate: {
                let (per_s, burst) = (u32::from_be_bytes(rest.take()?), u32::from_be_bytes(rest.take()?));
                let rate = NonZeroU32::new(per_s).zip(NonZeroU32::new(burst));
                rate.map(|(per_s, burst)| RequestRate { per_s, burst })
            },
            certificate_name: match rest.text()? {
                "" => None,
                name => Some(name.parse().ok()?),
            },
        },
        identify: {
            let rule = |octet: &u8| IdentifyBy::ALL.into_iter().find(|rule| *rule as u8 == *octet);
            let rules: Option<Vec<_>> = rest.octets()?.iter().map(rule).collect();
            Identify::new(&rules?)?
        },
    })
}

/// The rest of a home server.
fn home_server(rest: &mut Rest<'_>) -> Option<HomeServerSpec> {
    Some(HomeServerSpec {
        id: rest.uuid()?.into(),
        name: rest.text()?.into(),
        auth: rest.addr()?,
        accounting: rest.addr()?,
        secret: SharedSecret::new(rest.octets()?),
        require_message_authenticator: rest.bool()?,
        status_server: rest.bool()?,
        copy_accounting: rest.bool()?,
        tls: match rest.bool()? {
            false => None,
            true => Some(Arc::new(home_tls(rest)?)),
        },
    })
}

/// The rest of how a home server is reached by TLS.
fn home_tls(rest: &mut Rest<'_>) -> Option<HomeTls> {
    let given = |text: &str| (!text.is_empty()).then(|| text.into());
    let (name, authorities) = (rest.text()?, rest.text()?);
    let (certificate, key) = (rest.text()?, rest.text()?);
    Some(HomeTls {
        name: name.into(),
        authorities: given(authorities),
        identity: given(certificate).map(|certificate| HomeIdentity {
            certificate,
            key: Zeroizing::new(key.into()),
        }),
    })
}

/// The rest of a realm.
fn realm(rest: &mut Rest<'_>) -> Option<RealmSpec> {
    Some(RealmSpec {
        id: rest.uuid()?.into(),
        name: rest.text()?.into(),
        decided: match rest.u8()? {
            0 => Decided::Here,
            1 => Decided::Nowhere,
            2 => Decided::ByHomeServers,
            _ => return None,
        },
        balance: match rest.bool()? {
            false => Balance::FailOver,
            true => Balance::Spread,
        },
        pass: match rest.bool()? {
            false => Pass::All,
            true => Pass::Roaming,
        },
        strip: rest.bool()?,
        accounting: rest.bool()?,
        servers: {
            let count = rest.u8()?;
            let ids = (0..count).map(|_| Some(rest.uuid()?.into()));
            ids.collect::<Option<_>>()?
        },
    })
}

/// The rest of what somebody is recognised by.
fn marks(rest: &mut Rest<'_>) -> Option<Vec<Mark>> {
    let count = usize::from(rest.u8()?);
    if count > MARKS_MAX {
        return None;
    }
    let mut marks = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = rest.u8()?;
        let (there, nas) = (rest.bool()?, rest.uuid()?);
        marks.push(Mark {
            kind: MarkKind::ALL.into_iter().find(|known| *known as u8 == kind)?,
            nas: there.then_some(nas.into()),
            value: rest.octets()?.into(),
        });
    }
    Some(marks)
}

/// The rest of a subscriber.
fn subscriber(rest: &mut Rest<'_>, plans: &[(Uuid, Arc<Plan>)]) -> Option<SubscriberSpec> {
    let id: SubscriberId = rest.uuid()?.into();
    let (_, plan) = plans.get(usize::try_from(u32::from_be_bytes(rest.take()?)).ok()?)?;
    let (ends, at_unix_s) = (rest.bool()?, rest.i64()?);
    let mut spec = SubscriberSpec {
        id,
        plan: Arc::clone(plan),
        expires_at_unix_s: ends.then_some(at_unix_s),
        username: rest.text()?.into(),
        credential: match rest.u8()? {
            0 => Credential::None,
            1 => Credential::Clear(Secret::new(rest.octets()?)),
            2 => Credential::NtHash(NtHash::from_octets(rest.take()?)),
            3 => Credential::Hash(PasswordHash::parse(rest.text()?).ok()?),
            _ => return None,
        },
        reply: rest.octets()?.into(),
        state: ServiceState::Active,
    };
    if let Some(terms) = rest.terms()? {
        spec.plan = Arc::new(Plan::service(plan, terms));
    }
    Some(SubscriberSpec {
        state: match rest.u8()? {
            0 => ServiceState::Active,
            1 => ServiceState::Suspended {
                reason: rest.text()?.into(),
            },
            2 => ServiceState::Terminated,
            _ => return None,
        },
        ..spec
    })
}

/// Appends octets behind their length. The database's bounds are far below 64 KiB.
fn put(octets: &[u8], out: &mut Vec<u8>) {
    let octets = octets.get(..usize::from(u16::MAX)).unwrap_or(octets);
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(octets);
}

/// What has not been read yet.
struct Rest<'o>(&'o [u8]);

impl<'o> Rest<'o> {
    /// So many octets.
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, behind) = self.0.split_first_chunk::<N>()?;
        self.0 = behind;
        Some(*taken)
    }

    /// One octet.
    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[octet]| octet)
    }

    /// Yes or no.
    fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// `no`, `yes` or `auto`.
    fn require(&mut self) -> Option<Require> {
        match self.u8()? {
            0 => Some(Require::No),
            1 => Some(Require::Yes),
            2 => Some(Require::Auto),
            _ => None,
        }
    }

    /// A number.
    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// Terms, if there are any.
    fn terms(&mut self) -> Option<Option<Terms>> {
        match self.octets()? {
            [] => Some(None),
            json => serde_json::from_slice(json).ok().map(Some),
        }
    }

    /// An id.
    fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    /// Octets behind their length.
    fn octets(&mut self) -> Option<&'o [u8]> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let (octets, behind) = self.0.split_at_checked(length)?;
        self.0 = behind;
        Some(octets)
    }

    /// An address with a port, if there is one.
    fn addr(&mut self) -> Option<Option<SocketAddr>> {
        match self.text()? {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    /// Text behind its length.
    fn text(&mut self) -> Option<&'o str> {
        std::str::from_utf8(self.octets()?).ok()
    }
}
