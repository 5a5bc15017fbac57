//! What is given, in words that belong to no vendor. Directions are the subscriber's: *down* is towards him.
//! Never says how a NAS is told; a term that a make has no words for is *unsaid* there, and the preview says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::make::Make;
use super::window::{Window, WindowError, Zone};

/// DNS servers at most, of both families together.
pub const DNS_MAX: usize = 4;
/// Windows of a plan at most.
pub const WINDOWS_MAX: usize = 16;
/// Octets of a name at most; makes may take fewer, and one attribute holds no more.
pub const NAME_OCTETS_MAX: usize = 240;
/// The fastest rate that is taken for meant: 1 Tbit/s.
pub const RATE_BPS_MAX: u64 = 1_000_000_000_000;
/// Acct-Interim-Interval at least (RFC 2869 section 5.16).
pub const INTERIM_INTERVAL_S_MIN: u32 = 60;

/// What a plan, or a subscriber in place of his plan, says. What is absent is left to whoever comes next: the service to
/// the plan, the plan to the NAS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terms {
    /// Towards the subscriber, bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_bps: Option<u64>,
    /// From the subscriber, bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_bps: Option<u64>,
    /// What he may have for a moment beyond that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// 1, the first to be served, to 8, the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Session-Timeout, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_timeout_s: Option<u32>,
    /// Idle-Timeout, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_s: Option<u32>,
    /// What the NAS does when the time is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_action: Option<TerminationAction>,
    /// Acct-Interim-Interval, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interim_interval_s: Option<u32>,
    /// So many seconds at most are added to the interval, for each subscriber others, so that not all report at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interim_spread_s: Option<u32>,
    /// The pool of IPv4 addresses, by its name on the NAS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Box<str>>,
    /// The pool of IPv6 prefixes of the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_pool: Option<Box<str>>,
    /// The pool of IPv6 prefixes that are delegated to him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_pool: Option<Box<str>>,
    /// His DNS servers, the first first; of each family the first two are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// The VLAN he is put into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The routing instance he is put into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vrf: Option<Box<str>>,
    /// A filter of the NAS, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Box<str>>,
    /// A list or group that the NAS puts him on, and on which its own rules act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_list: Option<Box<str>>,
    /// Where his first web page leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<Box<str>>,
    /// Policies of the NAS, by their names, for each make others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<Make, Policy>,
    /// Whose clock windows go by; UTC unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// When other speeds hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

/// More than the rate, for a moment, while the average stays below a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// Towards the subscriber, bit/s.
    pub download_bps: u64,
    /// From the subscriber, bit/s.
    pub upload_bps: u64,
    /// While the average towards him is below this, bit/s; the rate itself unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_threshold_bps: Option<u64>,
    /// Likewise from him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_threshold_bps: Option<u64>,
    /// Over which time the average is taken.
    pub seconds: u16,
}

/// Names of policies on a NAS. In each, `{down}` and `{up}` stand for the rate in bit/s, `{down_k}` and `{up_k}` in kbit/s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// One for both directions: a service, a profile, a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// One for what goes to the subscriber.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<Box<str>>,
    /// One for what comes from him.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<Box<str>>,
}

/// What the NAS does when Session-Timeout is over (RFC 2865 section 5.29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminationAction {
    /// It ends the session.
    End,
    /// It asks again and goes on with what it is told then; 802.1X and IPoE do, PPP cannot.
    Ask,
}

/// What an attribute stands for; which field of [`Terms`] it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// The speeds, with burst and priority where the make says them in one.
    Rate,
    /// See [`Terms::burst`].
    Burst,
    /// See [`Terms::priority`].
    Priority,
    /// See [`Terms::session_timeout_s`].
    SessionTimeout,
    /// See [`Terms::idle_timeout_s`].
    IdleTimeout,
    /// See [`Terms::termination_action`].
    TerminationAction,
    /// See [`Terms::interim_interval_s`].
    Interim,
    /// See [`Terms::pool`].
    Pool,
    /// See [`Terms::ipv6_pool`].
    Ipv6Pool,
    /// See [`Terms::delegated_pool`].
    DelegatedPool,
    /// See [`Terms::dns`].
    Dns,
    /// See [`Terms::vlan`].
    Vlan,
    /// See [`Terms::vrf`].
    Vrf,
    /// See [`Terms::filter`].
    Filter,
    /// See [`Terms::address_list`].
    AddressList,
    /// See [`Terms::redirect_url`].
    RedirectUrl,
    /// See [`Terms::policies`].
    Policy,
    /// Attributes that were given as such.
    Raw,
}

impl Term {
    /// Every term.
    pub const ALL: [Self; 18] = [
        Self::Rate,
        Self::Burst,
        Self::Priority,
        Self::SessionTimeout,
        Self::IdleTimeout,
        Self::TerminationAction,
        Self::Interim,
        Self::Pool,
        Self::Ipv6Pool,
        Self::DelegatedPool,
        Self::Dns,
        Self::Vlan,
        Self::Vrf,
        Self::Filter,
        Self::AddressList,
        Self::RedirectUrl,
        Self::Policy,
        Self::Raw,
    ];

    /// The term of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|term| term.as_str() == word)
    }

    /// The field, as the API calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Burst => "burst",
            Self::Priority => "priority",
            Self::SessionTimeout => "session_timeout_s",
            Self::IdleTimeout => "idle_timeout_s",
            Self::TerminationAction => "termination_action",
            Self::Interim => "interim_interval_s",
            Self::Pool => "pool",
            Self::Ipv6Pool => "ipv6_pool",
            Self::DelegatedPool => "delegated_pool",
            Self::Dns => "dns",
            Self::Vlan => "vlan",
            Self::Vrf => "vrf",
            Self::Filter => "filter",
            Self::AddressList => "address_list",
            Self::RedirectUrl => "redirect_url",
            Self::Policy => "policies",
            Self::Raw => "attributes",
        }
    }
}

/// What is wrong with terms, whoever is to be told them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct TermsError {
    /// Where, as a JSON pointer into the terms.
    pub field: String,
    /// What.
    pub why: String,
}

impl TermsError {
    /// One about a field.
    fn at(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }
}

impl Terms {
    /// These terms where they say something, and others where they do not.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let own = self.clone();
        let base = base.clone();
        // The rate is one thing: half of it from each would be nobody's.
        let rate = own.says(Term::Rate);
        Self {
            download_bps: if rate { own.download_bps } else { base.download_bps },
            upload_bps: if rate { own.upload_bps } else { base.upload_bps },
            // A burst belongs to the rate it goes beyond, and so do the hours at which the rate is another.
            burst: if rate { own.burst } else { own.burst.or(base.burst) },
            windows: if rate || !own.windows.is_empty() {
                own.windows
            } else {
                base.windows
            },
            priority: own.priority.or(base.priority),
            session_timeout_s: own.session_timeout_s.or(base.session_timeout_s),
            idle_timeout_s: own.idle_timeout_s.or(base.idle_timeout_s),
            termination_action: own.termination_action.or(base.termination_action),
            interim_interval_s: own.interim_interval_s.or(base.interim_interval_s),
            interim_spread_s: own.interim_spread_s.or(base.interim_spread_s),
            pool: own.pool.or(base.pool),
            ipv6_pool: own.ipv6_pool.or(base.ipv6_pool),
            delegated_pool: own.delegated_pool.or(base.delegated_pool),
            dns: if own.dns.is_empty() { base.dns } else { own.dns },
            vlan: own.vlan.or(base.vlan),
            vrf: own.vrf.or(base.vrf),
            filter: own.filter.or(base.filter),
            address_list: own.address_list.or(base.address_list),
            redirect_url: own.redirect_url.or(base.redirect_url),
            policies: {
                let mut policies = base.policies;
                policies.extend(own.policies);
                policies
            },
            zone: own.zone.or(base.zone),
        }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether these terms say what an attribute stands for.
    #[must_use]
    pub fn says(&self, term: Term) -> bool {
        match term {
            Term::Rate => self.download_bps.is_some() || self.upload_bps.is_some(),
            Term::Burst => self.burst.is_some(),
            Term::Priority => self.priority.is_some(),
            Term::SessionTimeout => self.session_timeout_s.is_some(),
            Term::IdleTimeout => self.idle_timeout_s.is_some(),
            Term::TerminationAction => self.termination_action.is_some(),
            Term::Interim => self.interim_interval_s.is_some() || self.interim_spread_s.is_some(),
            Term::Pool => self.pool.is_some(),
            Term::Ipv6Pool => self.ipv6_pool.is_some(),
            Term::DelegatedPool => self.delegated_pool.is_some(),
            Term::Dns => !self.dns.is_empty(),
            Term::Vlan => self.vlan.is_some(),
            Term::Vrf => self.vrf.is_some(),
            Term::Filter => self.filter.is_some(),
            Term::AddressList => self.address_list.is_some(),
            Term::RedirectUrl => self.redirect_url.is_some(),
            Term::Policy => !self.policies.is_empty(),
            Term::Raw => false,
        }
    }

    /// The same with the speeds of a window.
    #[must_use]
    pub fn in_window(&self, window: &Window) -> Self {
        Self {
            download_bps: Some(window.download_bps),
            upload_bps: Some(window.upload_bps),
            burst: None,
            ..self.clone()
        }
    }

    /// Whether they make sense for anybody; what a make cannot take is a [`super::Problem`] of its sheet.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), TermsError> {
        self.rate_check()?;
        if self.priority.is_some_and(|priority| !(1..=8).contains(&priority)) {
            return Err(TermsError::at("/priority", "must be 1 (first) to 8 (last)"));
        }
        let seconds = [
            ("/session_timeout_s", self.session_timeout_s),
            ("/idle_timeout_s", self.idle_timeout_s),
        ];
        for (field, value) in seconds {
            if value == Some(0) {
                return Err(TermsError::at(field, "must be at least 1 second"));
            }
        }
        if self
            .interim_interval_s
            .is_some_and(|seconds| seconds < INTERIM_INTERVAL_S_MIN)
        {
            let why = format!("must be at least {INTERIM_INTERVAL_S_MIN} s (RFC 2869 section 5.16)");
            return Err(TermsError::at("/interim_interval_s", why));
        }
        if self.interim_spread_s.is_some_and(|seconds| seconds > 86_400) {
            return Err(TermsError::at("/interim_spread_s", "must be at most a day"));
        }
        if self.dns.len() > DNS_MAX {
            return Err(TermsError::at(
                "/dns",
                format!("must be at most {DNS_MAX} servers"),
            ));
        }
        if self.vlan.is_some_and(|vlan| !(1..=4094).contains(&vlan)) {
            return Err(TermsError::at("/vlan", "must be 1 to 4094"));
        }
        self.names_check()?;
        self.windows_check()
    }

    /// Speeds: both directions or none, and a burst beyond them.
    fn rate_check(&self) -> Result<(), TermsError> {
        let (down, up) = match (self.download_bps, self.upload_bps) {
            (None, None) => (None, None),
            (Some(down), Some(up)) => (Some(down), Some(up)),
            (None, Some(_)) => {
                return Err(TermsError::at(
                    "/download_bps",
                    "must be given when upload_bps is",
                ));
            }
            (Some(_), None) => {
                return Err(TermsError::at(
                    "/upload_bps",
                    "must be given when download_bps is",
                ));
            }
        };
        for (field, bps) in [("/download_bps", down), ("/upload_bps", up)] {
            bps.map_or(Ok(()), |bps| bps_check(field, bps))?;
        }
        let Some(burst) = self.burst else { return Ok(()) };
        let (Some(down), Some(up)) = (down, up) else {
            return Err(TermsError::at("/burst", "needs a rate to go beyond"));
        };
        let directions = [
            ("download", down, burst.download_bps, burst.download_threshold_bps),
            ("upload", up, burst.upload_bps, burst.upload_threshold_bps),
        ];
        for (direction, rate, most, threshold) in directions {
            bps_check(&format!("/burst/{direction}_bps"), most)?;
            if most < rate {
                return Err(TermsError::at(
                    format!("/burst/{direction}_bps"),
                    format!("must not be slower than the rate, {rate} bit/s"),
                ));
            }
            if threshold.is_some_and(|threshold| threshold == 0 || threshold > most) {
                return Err(TermsError::at(
                    format!("/burst/{direction}_threshold_bps"),
                    format!("must be between 1 and the burst, {most} bit/s"),
                ));
            }
        }
        if !(1..=3_600).contains(&burst.seconds) {
            return Err(TermsError::at("/burst/seconds", "must be 1 to 3600"));
        }
        Ok(())
    }

    /// Names: not empty, not too long, nothing that is no text.
    fn names_check(&self) -> Result<(), TermsError> {
        let fixed = [
            ("/pool", &self.pool),
            ("/ipv6_pool", &self.ipv6_pool),
            ("/delegated_pool", &self.delegated_pool),
            ("/vrf", &self.vrf),
            ("/filter", &self.filter),
            ("/address_list", &self.address_list),
            ("/redirect_url", &self.redirect_url),
        ];
        for (field, name) in fixed {
            name_check(field, name.as_deref())?;
        }
        if let Some(url) = &self.redirect_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(TermsError::at(
                "/redirect_url",
                "must begin with http:// or https://",
            ));
        }
        for (make, policy) in &self.policies {
            let names = [("name", &policy.name), ("down", &policy.down), ("up", &policy.up)];
            for (which, name) in names {
                name_check(&format!("/policies/{}/{which}", make.as_str()), name.as_deref())?;
            }
        }
        Ok(())
    }

    /// Windows: few, and never two at once.
    fn windows_check(&self) -> Result<(), TermsError> {
        if self.windows.is_empty() {
            return Ok(());
        }
        if self.windows.len() > WINDOWS_MAX {
            return Err(TermsError::at(
                "/windows",
                format!("must be at most {WINDOWS_MAX}"),
            ));
        }
        if !self.says(Term::Rate) {
            return Err(TermsError::at(
                "/windows",
                "need a rate that holds outside of them",
            ));
        }
        for (place, window) in self.windows.iter().enumerate() {
            for (field, bps) in [
                ("download_bps", window.download_bps),
                ("upload_bps", window.upload_bps),
            ] {
                bps_check(&format!("/windows/{place}/{field}"), bps)?;
            }
        }
        super::window::check(&self.windows).map_err(|error| match error {
            WindowError::Empty { place } => {
                TermsError::at(format!("/windows/{place}/days"), "must name a day")
            }
            WindowError::Overlap { place, other } => TermsError::at(
                format!("/windows/{place}"),
                format!("must not overlap with window {other}"),
            ),
        })
    }
}

/// A speed that can be meant.
fn bps_check(field: &str, bps: u64) -> Result<(), TermsError> {
    if (1..=RATE_BPS_MAX).contains(&bps) {
        return Ok(());
    }
    Err(TermsError::at(
        field,
        format!("must be 1 to {RATE_BPS_MAX} bit/s"),
    ))
}

/// A name that a NAS can be told.
fn name_check(field: &str, name: Option<&str>) -> Result<(), TermsError> {
    let Some(name) = name else { return Ok(()) };
    if name.is_empty() || name.len() > NAME_OCTETS_MAX {
        return Err(TermsError::at(
            field,
            format!("must have 1 to {NAME_OCTETS_MAX} octets"),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(TermsError::at(field, "must have no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terms out of JSON, as they are stored.
    fn terms(json: &str) -> Terms {
        serde_json::from_str(json).expect("terms")
    }

    /// Asserts which field is refused.
    #[track_caller]
    fn refused(json: &str, field: &str) {
        assert_eq!(terms(json).check().expect_err("refused").field, field);
    }

    #[test]
    fn what_makes_no_sense_for_anybody_is_refused_by_name() {
        refused(r#"{"download_bps": 5}"#, "/upload_bps");
        refused(r#"{"download_bps": 5, "upload_bps": 0}"#, "/upload_bps");
        refused(
            r#"{"burst": {"download_bps": 9, "upload_bps": 9, "seconds": 8}}"#,
            "/burst",
        );
        let slow = r#"{"download_bps": 10, "upload_bps": 5, "burst": {"download_bps": 9, "upload_bps": 9, "seconds": 8}}"#;
        refused(slow, "/burst/download_bps");
        refused(r#"{"priority": 9}"#, "/priority");
        refused(r#"{"interim_interval_s": 59}"#, "/interim_interval_s");
        refused(r#"{"vlan": 4095}"#, "/vlan");
        refused(r#"{"pool": ""}"#, "/pool");
        refused(r#"{"redirect_url": "portal"}"#, "/redirect_url");
        refused(
            r#"{"policies": {"cisco": {"down": "a\nb"}}}"#,
            "/policies/cisco/down",
        );
    }

    #[test]
    fn a_service_wins_over_its_plan_and_leaves_the_rest() {
        let plan = terms(
            r#"{"download_bps": 10, "upload_bps": 5, "pool": "p1", "dns": ["192.0.2.1"],
                "burst": {"download_bps": 20, "upload_bps": 10, "seconds": 8},
                "policies": {"cisco": {"down": "A"}, "juniper": {"name": "B"}}}"#,
        );
        let own = terms(r#"{"download_bps": 99, "upload_bps": 9, "policies": {"cisco": {"down": "C"}}}"#);
        let both = own.over(&plan);
        assert_eq!((both.download_bps, both.pool.as_deref()), (Some(99), Some("p1")));
        assert_eq!(
            both.burst, None,
            "the plan's burst goes beyond the plan's rate, not beyond this one"
        );
        assert_eq!(both.policies[&Make::Cisco].down.as_deref(), Some("C"));
        assert_eq!(both.policies[&Make::Juniper].name.as_deref(), Some("B"));
        assert_eq!(Terms::default().over(&plan), plan);
    }

    #[test]
    fn terms_are_read_back_as_they_were_written() {
        let json = r#"{"download_bps":10,"upload_bps":5,"priority":3,"dns":["2001:db8::1"],"vlan":7,"zone":"Europe/Berlin","windows":[{"days":["mon","sun"],"from":"22:00","to":"06:00","download_bps":20,"upload_bps":20}]}"#;
        let read = terms(json);
        assert_eq!(read.check(), Ok(()));
        assert_eq!(serde_json::to_string(&read).expect("JSON"), json);
        assert!(serde_json::from_str::<Terms>(r#"{"speed": 1}"#).is_err());
    }
}
