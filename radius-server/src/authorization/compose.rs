//! What one login gets, attribute by attribute, in the order of who wins: the throttle of a quota that is used up, the
//! subscriber's own attributes, what his service
//! says in place of the plan, the plan, the NAS's defaults, the partner's. Both the reply and the preview are made by this walk, so they cannot differ.
//! Most logins need no walk at all: [`Login::whole`].

use super::defaults::Defaults;
use super::make::Make;
use super::nokia;
use super::preview::Origin;
use super::sheet::{Sheet, Unsaid};
use super::terms::{Term, Terms};
use super::window::{Holds, Window};
use crate::addresses::PoolKind;
use crate::directory::{Nas, Plan, Rate, Subscriber, Throttle};
use crate::id::NasId;
use radius::{Attribute, Attributes, kind};

/// Cisco's enterprise number and `Cisco-AVPair`, as they begin the value of Vendor-Specific.
const CISCO_AV_PAIR: [u8; 5] = [0, 0, 0, 9, 1];
/// Octets of a vendor's number and its sub-type.
const VENDOR_AND_TYPE: usize = 5;
/// Octets before the text in the value of Vendor-Specific.
const VENDOR_HEAD: usize = 6;

/// Somebody who is let in.
#[derive(Clone, Copy)]
pub(crate) struct Login<'l> {
    /// Who.
    subscriber: &'l Subscriber,
    /// What he gets: his plan, or a garden's.
    plan: &'l Plan,
    /// Attributes that win over it.
    own: &'l [u8],
    /// When his quota is used up: what is said in place of the plan, and wins over his own.
    throttle: Option<&'l Throttle>,
    /// For whom it is said.
    make: Make,
    /// Through which NAS.
    nas: NasId,
    /// What is given when nothing of that says it.
    defaults: Option<&'l Defaults>,
    /// Which of the plan's windows holds.
    holds: Option<Holds>,
    /// When it must end: with the service, or with the window.
    ends_in_s: Option<u32>,
    /// Of which kinds it gets an address from here: no pool of the NAS is named for those.
    central: [bool; PoolKind::ALL.len()],
}

/// One attribute of a reply.
pub(crate) struct Part<'p> {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// Its place in the sheet, when it stands there.
    pub(crate) place: Option<usize>,
    /// Whose sheet that is, when it is not the plan's.
    pub(crate) of: Option<&'p Plan>,
    /// Itself.
    pub(crate) attribute: Attribute<'p>,
}

impl<'l> Login<'l> {
    /// A login of somebody with service, which ends after so many seconds if it ends by itself.
    pub(crate) fn new(subscriber: &'l Subscriber, nas: &Nas, now_unix_s: i64, left_s: Option<u32>) -> Self {
        Self::with_plan(subscriber, &subscriber.plan, nas, now_unix_s, left_s)
    }

    /// A login of somebody who used up his quota and goes on with what his plan says for that, until the next period.
    pub(crate) fn throttled(
        subscriber: &'l Subscriber,
        throttle: &'l Throttle,
        nas: &Nas,
        now_unix_s: i64,
        left_s: u32,
    ) -> Self {
        Self {
            throttle: Some(throttle),
            ..Self::with_plan(subscriber, &throttle.plan, nas, now_unix_s, Some(left_s))
        }
    }

    /// A login with service of this plan.
    fn with_plan(
        subscriber: &'l Subscriber,
        plan: &'l Plan,
        nas: &Nas,
        now_unix_s: i64,
        left_s: Option<u32>,
    ) -> Self {
        let holds = plan.holds(now_unix_s);
        let window_s = holds.map(|holds| holds.for_s);
        Self {
            subscriber,
            plan,
            own: subscriber.reply(),
            throttle: None,
            make: nas.dialect,
            nas: nas.id,
            defaults: None,
            holds,
            ends_in_s: [left_s, window_s].into_iter().flatten().min(),
            central: Default::default(),
        }
    }

    /// The same with the defaults of the NAS and its partner.
    pub(crate) fn with_defaults(self, defaults: Option<&'l Defaults>) -> Self {
        Self { defaults, ..self }
    }

    /// The same when addresses of these kinds come from here: one authority says which, so the NAS is not asked for another.
    pub(crate) fn with_central(self, central: [bool; PoolKind::ALL.len()]) -> Self {
        Self { central, ..self }
    }

    /// A login into a garden: nothing of what is the subscriber's own goes there, for it could lead out.
    pub(crate) fn garden(subscriber: &'l Subscriber, plan: &'l Plan, nas: &Nas) -> Self {
        Self {
            subscriber,
            plan,
            own: &[],
            throttle: None,
            make: nas.dialect,
            nas: nas.id,
            defaults: None,
            holds: None,
            ends_in_s: None,
            central: Default::default(),
        }
    }

    /// The same, ending after so many seconds.
    pub(crate) fn ending_in(self, ends_in_s: Option<u32>) -> Self {
        Self { ends_in_s, ..self }
    }

    /// The plan's attributes, when they are all there is to say.
    pub(crate) fn whole(&self) -> Option<&'l [u8]> {
        let alone = self
            .defaults
            .is_none_or(|defaults| defaults.of(self.nas).next().is_none());
        let plain = alone
            && self.own.is_empty()
            && self.ends_in_s.is_none()
            && self.make != Make::Nokia
            && !self.silences(self.sheet());
        (plain && self.plan.terms().interim_spread_s.is_none()).then(|| self.sheet().octets())
    }

    /// What people call what he gets.
    pub(crate) fn plan_name(&self) -> &'l str {
        self.plan.name().as_str()
    }

    /// The speeds that hold.
    pub(crate) fn rate(&self) -> Rate {
        let window = self.holds.and_then(|holds| holds.window);
        self.plan.rate_in(window)
    }

    /// What the plan says to the make now.
    pub(crate) fn sheet(&self) -> &'l Sheet {
        let window = self.holds.and_then(|holds| holds.window);
        self.plan.sheet(self.make, window)
    }

    /// The terms that hold, and attributes that were given as such; for whoever explains the sheet.
    pub(super) fn said(&self) -> (Terms, &'l [u8]) {
        let window = self.holds.and_then(|holds| holds.window);
        (self.plan.terms_in(window), self.plan.raw())
    }

    /// For whom it is said.
    pub(super) fn make(&self) -> Make {
        self.make
    }

    /// The window that holds, in words.
    pub(super) fn window_words(&self) -> Option<String> {
        let window = self.holds.and_then(|holds| holds.window)?;
        self.plan.terms().windows.get(window).map(Window::words)
    }

    /// Hands over every attribute in its turn.
    pub(crate) fn walk<E>(&self, mut put: impl FnMut(Part<'_>) -> Result<(), E>) -> Result<(), E> {
        let (own, sheet) = (self.own, self.sheet());
        let timed =
            |attribute: &Attribute<'_>| self.ends_in_s.is_some() && attribute.kind == kind::SESSION_TIMEOUT;
        let replaced = |attribute: &Attribute<'_>| Attributes::new(own).any(|own| same_type(&own, attribute));
        for (place, attribute) in Attributes::new(sheet.octets()).enumerate() {
            let decided = self.is_throttled(sheet.terms().get(place));
            let silent = self.is_silent(sheet.terms().get(place), &attribute);
            if !timed(&attribute) && !silent && (decided || !replaced(&attribute)) {
                put(Part {
                    origin: self.origin(sheet.terms().get(place)),
                    place: Some(place),
                    of: None,
                    attribute,
                })?;
            }
        }
        if let Some(seconds) = self.interim_s() {
            let value = seconds.to_be_bytes();
            let attribute = Attribute {
                kind: kind::ACCT_INTERIM_INTERVAL,
                value: &value,
            };
            if !replaced(&attribute) {
                put(Part {
                    origin: self.origin(Some(&Term::Interim)),
                    place: None,
                    of: None,
                    attribute,
                })?;
            }
        }
        self.walk_subscriber_id(&replaced, &mut put)?;
        for attribute in
            Attributes::new(own).filter(|attribute| !timed(attribute) && !self.is_beaten(sheet, attribute))
        {
            put(Part {
                origin: Origin::Subscriber,
                place: None,
                of: None,
                attribute,
            })?;
        }
        self.walk_defaults(sheet, &mut put)?;
        self.walk_timeout(sheet, put)
    }

    /// What the NAS, then the partner, gives of what was not said yet.
    fn walk_defaults<E>(
        &self,
        sheet: &Sheet,
        put: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(defaults) = self.defaults else {
            return Ok(());
        };
        let mut nas: &[u8] = &[];
        for (origin, plan) in defaults.of(self.nas) {
            let said = plan.sheet(self.make, None);
            let given = said.octets();
            for (place, attribute) in Attributes::new(given).enumerate() {
                if self.is_silent(said.terms().get(place), &attribute) {
                    continue;
                }
                let before = [self.own, sheet.octets(), nas];
                let mut before = before.iter().flat_map(|octets| Attributes::new(octets));
                let timed = self.ends_in_s.is_some() && attribute.kind == kind::SESSION_TIMEOUT;
                let spread = self.interim_s().is_some() && attribute.kind == kind::ACCT_INTERIM_INTERVAL;
                if !timed && !spread && !before.any(|before| same_type(&before, &attribute)) {
                    put(Part {
                        origin,
                        place: Some(place),
                        of: Some(plan),
                        attribute,
                    })?;
                }
            }
            nas = given;
        }
        Ok(())
    }

    /// Whether an attribute names a pool of the NAS though the address comes from here.
    fn is_silent(&self, term: Option<&Term>, attribute: &Attribute<'_>) -> bool {
        let kind = match (term, attribute.kind) {
            (Some(Term::Pool), _) | (_, kind::FRAMED_POOL) => PoolKind::Ipv4,
            (Some(Term::Ipv6Pool), _) | (_, kind::FRAMED_IPV6_POOL) => PoolKind::Prefix,
            (Some(Term::DelegatedPool), _) | (_, kind::DELEGATED_IPV6_PREFIX_POOL) => PoolKind::Delegated,
            _ => return false,
        };
        self.central[kind as usize]
    }

    /// Whether anything of a sheet is.
    fn silences(&self, sheet: &Sheet) -> bool {
        self.central.contains(&true)
            && Attributes::new(sheet.octets())
                .zip(sheet.terms())
                .any(|(attribute, term)| self.is_silent(Some(term), &attribute))
    }

    /// What of the plan is not said because the address comes from here.
    pub(super) fn silenced(&self) -> Vec<Unsaid> {
        let terms = self.plan.terms();
        let pools = [
            (PoolKind::Ipv4, Term::Pool),
            (PoolKind::Prefix, Term::Ipv6Pool),
            (PoolKind::Delegated, Term::DelegatedPool),
        ];
        let silent = pools
            .into_iter()
            .filter(|(kind, term)| self.central[*kind as usize] && terms.says(*term));
        let why = "a central pool, or an address of his own, gives it; the NAS's pool is not named beside it";
        silent.map(|(_, term)| Unsaid { term, why }).collect()
    }

    /// The name under which a Nokia SR makes a subscriber: without one it makes none.
    fn walk_subscriber_id<E>(
        &self,
        replaced: &impl Fn(&Attribute<'_>) -> bool,
        put: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.make != Make::Nokia {
            return Ok(());
        }
        let mut value = [0; VENDOR_HEAD + nokia::SUBSC_ID_OCTETS_MAX];
        let username = self.subscriber.username().as_bytes();
        let mut hex = [0; nokia::SUBSC_ID_OCTETS_MAX];
        let text: &[u8] = if username.len() <= nokia::SUBSC_ID_OCTETS_MAX {
            username
        } else {
            // Cut off it might be another's; the id is nobody else's.
            self.subscriber
                .id
                .as_uuid()
                .simple()
                .encode_lower(&mut hex)
                .as_bytes()
        };
        let len = VENDOR_HEAD + text.len();
        value[..4].copy_from_slice(&nokia::NOKIA.to_be_bytes());
        value[4] = nokia::SUBSC_ID_STR;
        value[5] = u8::try_from(text.len() + 2).unwrap_or(u8::MAX);
        value[VENDOR_HEAD..len].copy_from_slice(text);
        let attribute = Attribute {
            kind: kind::VENDOR_SPECIFIC,
            value: &value[..len],
        };
        if replaced(&attribute) {
            return Ok(());
        }
        put(Part {
            origin: Origin::Login,
            place: None,
            of: None,
            attribute,
        })
    }

    /// The time after which the session must end, when service or window end before what else is set.
    fn walk_timeout<E>(
        &self,
        sheet: &Sheet,
        mut put: impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(ends_in_s) = self.ends_in_s else {
            return Ok(());
        };
        let by_plan =
            session_timeout(sheet.octets()).map(|set| (set, self.origin(Some(&Term::SessionTimeout))));
        let by_default = || {
            let mut defaults = self
                .defaults
                .into_iter()
                .flat_map(|defaults| defaults.of(self.nas));
            defaults.find_map(|(origin, plan)| Some((plan.terms().session_timeout_s?, origin)))
        };
        let own = session_timeout(self.own).map(|set| (set, Origin::Subscriber));
        let set = own.or(by_plan).or_else(by_default);
        let (seconds, origin) = match set {
            Some((set, origin)) if set < ends_in_s => (set, origin),
            _ => (ends_in_s, Origin::Login),
        };
        put(Part {
            origin,
            place: None,
            of: None,
            attribute: Attribute {
                kind: kind::SESSION_TIMEOUT,
                value: &seconds.to_be_bytes(),
            },
        })
    }

    /// When the plan spreads reports: how often this subscriber's sessions report.
    fn interim_s(&self) -> Option<u32> {
        let terms = self.plan.terms();
        let spread = terms.interim_spread_s.filter(|spread| *spread > 0)?;
        let interval = terms.interim_interval_s?;
        // The end of a UUIDv7 is its random part: every subscriber's is the same at every login, and others'.
        let [.., a, b, c, d] = *self.subscriber.id.as_bytes();
        let more = u32::from_be_bytes([a, b, c, d]) % spread.saturating_add(1);
        Some(interval.saturating_add(more))
    }

    /// Whether the throttle of a quota that is used up decides about a term.
    fn is_throttled(&self, term: Option<&Term>) -> bool {
        self.throttle
            .zip(term)
            .is_some_and(|(throttle, term)| throttle.decides(*term))
    }

    /// Whether an attribute of the subscriber's own gives way to that throttle.
    fn is_beaten(&self, sheet: &Sheet, own: &Attribute<'_>) -> bool {
        let mut said = Attributes::new(sheet.octets()).enumerate();
        self.throttle.is_some()
            && said.any(|(place, attribute)| {
                self.is_throttled(sheet.terms().get(place)) && same_type(&attribute, own)
            })
    }

    /// Whether the plan or what stands in its place says a term.
    fn origin(&self, term: Option<&Term>) -> Origin {
        match term {
            term if self.is_throttled(term) => Origin::Quota,
            Some(term) if self.plan.service_says(*term) => Origin::Service,
            _ => Origin::Plan,
        }
    }
}

/// Whether two attributes say the same kind of thing. Of Vendor-Specific ones vendor and first sub-type count, and of Cisco's
/// pairs the name before the equals sign, too.
fn same_type(one: &Attribute<'_>, other: &Attribute<'_>) -> bool {
    if one.kind != other.kind || one.kind != kind::VENDOR_SPECIFIC {
        return one.kind == other.kind;
    }
    let head = one.value.get(..VENDOR_AND_TYPE);
    head == other.value.get(..VENDOR_AND_TYPE)
        && (head != Some(&CISCO_AV_PAIR[..]) || pair_name(one.value) == pair_name(other.value))
}

/// The name of a Cisco pair.
fn pair_name(value: &[u8]) -> Option<&[u8]> {
    let text = value.get(VENDOR_HEAD..)?;
    text.split(|octet| *octet == b'=').next()
}

/// The Session-Timeout among encoded attributes, in seconds.
fn session_timeout(encoded: &[u8]) -> Option<u32> {
    let found = Attributes::new(encoded).find(|attribute| attribute.kind == kind::SESSION_TIMEOUT)?;
    Some(u32::from_be_bytes(found.value.try_into().ok()?))
}
