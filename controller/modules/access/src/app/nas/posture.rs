//! How safely a NAS asks (CVE-2024-3596): does it still send unsigned requests, and may it be held to signing?
//! Says what was seen; tightens on request only, and only what nothing speaks against.

use kernel::audit::{self, Entry};
use kernel::id::NasId;
use kernel::{Error, OpContext};
use time::{Duration, OffsetDateTime};

use super::{App, NasHealth, NasWritten, nas_found, shown};
use crate::store;
use crate::store::nas::{Nas, NasRow, SealedSecrets};

/// Days without an unsigned request after which a NAS that signs may be held to it.
pub const UNSIGNED_QUIET_DAYS: i64 = 7;

/// How safely a NAS asks, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It must sign, and must not send Proxy-State unsigned.
    Tight,
    /// It signs, and sent nothing unsigned for [`UNSIGNED_QUIET_DAYS`]: it can be tightened.
    Ready,
    /// It sent something unsigned within that time.
    Unsigned,
    /// Nothing that tells has come: no Access-Request but perhaps EAP, which is always signed.
    Unheard,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tight => "tight",
            Self::Ready => "ready",
            Self::Unsigned => "unsigned",
            Self::Unheard => "unheard",
        }
    }
}

/// What is known of how a NAS asks, from this run and from earlier ones.
#[derive(Debug, Clone)]
pub struct NasPosture {
    /// In one word.
    pub verdict: Verdict,
    /// Whether it has shown that it signs its Access-Requests.
    pub signs: bool,
    /// Unsigned Access-Requests that came.
    pub unsigned: u64,
    /// Those of them with Proxy-State.
    pub unsigned_proxied: u64,
    /// When the first came.
    pub unsigned_since: Option<OffsetDateTime>,
    /// When the last came.
    pub unsigned_last: Option<OffsetDateTime>,
    /// When the last request came that was made with the secret it had before.
    pub older_secret_last: Option<OffsetDateTime>,
}

impl NasPosture {
    /// Puts together what the database and memory know; memory may be half a minute ahead.
    pub(super) fn of(nas: &Nas, health: Option<&NasHealth>, now: OffsetDateTime) -> Self {
        let last = health.and_then(|health| health.last_unsigned_at);
        let unsigned_last = nas.unsigned_last_at.max(last);
        let signs = nas.message_authenticator_seen_at.is_some()
            || health.is_some_and(|health| health.message_authenticator_seen);
        let lately = unsigned_last.is_some_and(|last| now - last < Duration::days(UNSIGNED_QUIET_DAYS));
        let tight = nas.require_message_authenticator == "yes" && nas.limit_proxy_state == "yes";
        let written = u64::try_from(nas.unsigned_count).unwrap_or_default();
        let older = health.and_then(|health| health.last_older_secret_at);
        Self {
            verdict: match (tight, lately, signs) {
                (true, ..) => Verdict::Tight,
                (false, true, _) => Verdict::Unsigned,
                (false, false, true) => Verdict::Ready,
                (false, false, false) => Verdict::Unheard,
            },
            signs,
            unsigned: written.max(health.map_or(0, |health| health.unsigned)),
            unsigned_proxied: u64::try_from(nas.unsigned_proxied_count).unwrap_or_default(),
            unsigned_since: nas.unsigned_first_at.or(last),
            unsigned_last,
            older_secret_last: nas.older_secret_last_at.max(older),
        }
    }
}

/// What may be set to `yes`, and what speaks against the rest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tightening {
    /// `require_message_authenticator`.
    require: bool,
    /// `limit_proxy_state`.
    limit: bool,
    /// What stays, and why.
    stays: Vec<String>,
}

impl Tightening {
    /// What nothing speaks against.
    fn of(nas: &Nas, posture: &NasPosture) -> Self {
        let mut tightening = Self::default();
        match posture.verdict {
            Verdict::Tight | Verdict::Ready => {
                tightening.require = true;
                tightening.limit = true;
                return tightening;
            }
            Verdict::Unsigned => {
                let last = posture.unsigned_last.map(|last| last.to_string()).unwrap_or_default();
                tightening.stays.push(format!(
                    "require_message_authenticator stays {}: {} unsigned requests came, the last at {last}; {UNSIGNED_QUIET_DAYS} days \
                     without one are needed",
                    nas.require_message_authenticator, posture.unsigned
                ));
            }
            Verdict::Unheard => tightening.stays.push(format!(
                "require_message_authenticator stays {}: the NAS has not shown yet that it signs requests without EAP",
                nas.require_message_authenticator
            )),
        }
        let limited = nas.proxy_state_shown.as_deref() == Some("limited");
        tightening.limit = limited && posture.unsigned_proxied == 0;
        if !tightening.limit && nas.limit_proxy_state != "yes" {
            tightening.stays.push(format!(
                "limit_proxy_state stays {}: {}",
                nas.limit_proxy_state,
                if limited || posture.unsigned_proxied > 0 {
                    "unsigned requests with Proxy-State came"
                } else {
                    "the NAS has not shown yet that it can do without"
                }
            ));
        }
        tightening
    }
}

impl App {
    /// Holds a NAS to what it does anyway: `require_message_authenticator` and `limit_proxy_state` become `yes` where
    /// nothing speaks against it; the warnings say what stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn nas_tighten(&self, op: &OpContext, id: NasId) -> Result<NasWritten, Error> {
        let mut tx = self.db.begin(op).await?;
        store::nas::nas_lock(&mut tx, op, id).await?;
        let before = nas_found(&mut tx, op, id).await?;
        let Tightening {
            require,
            limit,
            stays,
        } = Tightening::of(&before, &self.nas_report(before.clone()).posture);
        let mut row = NasRow::from(&before);
        let yes = || "yes".to_owned();
        if require {
            row.require_message_authenticator = yes();
        }
        if limit {
            row.limit_proxy_state = yes();
        }
        store::nas::nas_update(&mut tx, op, id, &row, &SealedSecrets::default()).await?;
        let after = nas_found(&mut tx, op, id).await?;
        let entry = Entry::ok("nas.tighten", "nas")
            .object(id, &after.name)
            .before(shown(&before))
            .after(shown(&after));
        audit::record(&mut tx, op, entry).await?;
        tx.commit().await?;
        Ok(NasWritten {
            report: self.nas_report(after),
            warnings: stays,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// Noon of some day.
    const NOON: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    /// A NAS nobody has heard.
    fn nas() -> Nas {
        Nas {
            id: Uuid::from_u128(1).into(),
            name: "bras-1".into(),
            address: "192.0.2.1/32".parse().expect("a network"),
            make: "mikrotik".into(),
            coa_port: 3799,
            coa_secret_set: false,
            require_message_authenticator: "auto".into(),
            message_authenticator_seen_at: None,
            limit_proxy_state: "auto".into(),
            proxy_state_shown: None,
            unsigned_first_at: None,
            unsigned_last_at: None,
            unsigned_count: 0,
            unsigned_proxied_count: 0,
            older_secret_until: None,
            older_secret_last_at: None,
            request_rate: None,
            request_burst: None,
            identify: None,
            tls_name: None,
            description: None,
            created_at: NOON,
            updated_at: NOON,
        }
    }

    /// The word for a NAS, and what can be tightened.
    fn judged(nas: &Nas, health: Option<&NasHealth>) -> (Verdict, bool, bool) {
        let posture = NasPosture::of(nas, health, NOON);
        let tightening = Tightening::of(nas, &posture);
        assert_eq!(
            tightening.stays.len(),
            usize::from(!tightening.require)
                + usize::from(!tightening.limit && nas.limit_proxy_state != "yes"),
            "{tightening:?}"
        );
        (posture.verdict, tightening.require, tightening.limit)
    }

    #[test]
    fn a_nas_is_tightened_only_by_what_it_has_shown() {
        assert_eq!(judged(&nas(), None), (Verdict::Unheard, false, false));
        let signs = Nas {
            message_authenticator_seen_at: Some(NOON - Duration::days(30)),
            ..nas()
        };
        assert_eq!(judged(&signs, None), (Verdict::Ready, true, true));
        let unsigned = |days| Nas {
            unsigned_count: 5,
            unsigned_first_at: Some(NOON - Duration::days(30)),
            unsigned_last_at: Some(NOON - Duration::days(days)),
            proxy_state_shown: Some("limited".into()),
            ..signs.clone()
        };
        assert_eq!(judged(&unsigned(1), None), (Verdict::Unsigned, false, true));
        assert_eq!(judged(&unsigned(8), None), (Verdict::Ready, true, true));
        let proxy = Nas {
            proxy_state_shown: Some("needed".into()),
            unsigned_proxied_count: 5,
            ..unsigned(1)
        };
        assert_eq!(judged(&proxy, None), (Verdict::Unsigned, false, false));
        let tight = Nas {
            require_message_authenticator: "yes".into(),
            limit_proxy_state: "yes".into(),
            ..unsigned(1)
        };
        assert_eq!(judged(&tight, None), (Verdict::Tight, true, true));
    }

    #[test]
    fn memory_knows_of_what_is_not_written_down_yet() {
        let health = NasHealth {
            unsigned: 3,
            last_unsigned_at: Some(NOON),
            message_authenticator_seen: true,
            ..NasHealth::default()
        };
        let posture = NasPosture::of(&nas(), Some(&health), NOON);
        assert_eq!((posture.verdict, posture.unsigned), (Verdict::Unsigned, 3));
        assert_eq!(
            (posture.unsigned_since, posture.unsigned_last),
            (Some(NOON), Some(NOON))
        );
    }
}
