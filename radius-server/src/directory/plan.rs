//! A plan in memory: its terms, and what they are in the attributes of each make that somebody uses.
//! A sheet is written once, when the plan is fed or at the first login through another make; a reply copies octets.
//! What terms are, and how they are said: [`crate::authorization`].

use std::sync::{Arc, OnceLock};

use super::name::Name;
use super::quota::{AtQuota, OnUsedUp, Throttle};
use super::rate::Rate;
use crate::admission::PlanRules;
use crate::authorization::window::{self, Holds};
use crate::authorization::{Make, Sheet, Term, Terms};

/// A sheet for each make that was asked for.
type Sheets = [OnceLock<Box<Sheet>>; Make::ALL.len()];

/// A plan as the packet path needs it, or what one subscriber has in place of it.
#[derive(Debug)]
pub struct Plan {
    /// What people call it; it appears in explanations.
    name: Name,
    /// Attributes for any NAS that were given as such, encoded.
    raw: Box<[u8]>,
    /// What it gives.
    terms: Terms,
    /// When it is one subscriber's: what he has in place of which plan.
    service: Option<Box<Service>>,
    /// What it is outside of its windows.
    sheets: Sheets,
    /// What it is in each of its windows.
    windows: Box<[Sheets]>,
    /// How many may be in at once, what they are bound to, where their addresses come from.
    admission: PlanRules,
    /// What happens to whoever used up its quota, when it has one.
    at_quota: Option<Box<AtQuota>>,
}

/// What a subscriber has in place of his plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The plan.
    pub plan: Arc<Plan>,
    /// What wins over it.
    pub terms: Terms,
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        // Sheets are made of these.
        (&self.name, &self.raw, &self.terms, &self.service)
            == (&other.name, &other.raw, &other.terms, &other.service)
            && (&self.admission, &self.at_quota) == (&other.admission, &other.at_quota)
    }
}

impl Eq for Plan {}

impl Plan {
    /// A plan of encoded attributes and speeds in bit/s; `None` leaves the rate to the NAS.
    #[must_use]
    pub fn new(
        name: impl Into<Name>,
        raw: Box<[u8]>,
        download_bps: Option<u64>,
        upload_bps: Option<u64>,
    ) -> Self {
        let terms = Terms {
            download_bps,
            upload_bps,
            ..Terms::default()
        };
        Self {
            raw,
            ..Self::of(name, terms)
        }
    }

    /// A plan of terms.
    #[must_use]
    pub fn of(name: impl Into<Name>, terms: Terms) -> Self {
        Self {
            name: name.into(),
            raw: Box::default(),
            windows: terms.windows.iter().map(|_| Sheets::default()).collect(),
            terms,
            service: None,
            sheets: Sheets::default(),
            admission: PlanRules::default(),
            at_quota: None,
        }
    }

    /// What one subscriber has in place of a plan.
    #[must_use]
    pub fn service(plan: &Arc<Self>, terms: Terms) -> Self {
        let service = Self {
            raw: plan.raw.clone(),
            admission: plan.admission,
            service: Some(Box::new(Service {
                plan: Arc::clone(plan),
                terms: terms.clone(),
            })),
            ..Self::of(plan.name.clone(), terms.over(&plan.terms))
        };
        service.with_quota(plan.on_used_up())
    }

    /// The same plan with rules about who may be in at once.
    #[must_use]
    pub fn with_admission(self, admission: PlanRules) -> Self {
        Self { admission, ..self }
    }

    /// The same plan with a quota: what happens to whoever used it up. To be said last: a throttle is made of all the rest.
    #[must_use]
    pub fn with_quota(self, on_used_up: Option<OnUsedUp>) -> Self {
        let at_quota = on_used_up.map(|what| {
            Box::new(match what {
                OnUsedUp::Garden => AtQuota::Garden,
                OnUsedUp::Reject => AtQuota::Reject,
                OnUsedUp::Throttle(terms) => AtQuota::Throttle(Throttle {
                    plan: Self {
                        raw: self.raw.clone(),
                        admission: self.admission,
                        service: self.service.clone(),
                        ..Self::of(self.name.clone(), terms.over(&self.terms))
                    },
                    terms,
                }),
            })
        });
        Self { at_quota, ..self }
    }

    /// What happens to whoever used up its quota; `None`: it has none.
    #[must_use]
    pub fn at_quota(&self) -> Option<&AtQuota> {
        self.at_quota.as_deref()
    }

    /// The same as it was said.
    #[must_use]
    pub fn on_used_up(&self) -> Option<OnUsedUp> {
        Some(match self.at_quota()? {
            AtQuota::Throttle(throttle) => OnUsedUp::Throttle(throttle.terms.clone()),
            AtQuota::Garden => OnUsedUp::Garden,
            AtQuota::Reject => OnUsedUp::Reject,
        })
    }

    /// What it asks of admission.
    #[must_use]
    pub fn admission(&self) -> &PlanRules {
        &self.admission
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Attributes for any NAS that were given as such, encoded.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What it gives.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// When it is one subscriber's: what he has in place of which plan.
    #[must_use]
    pub fn as_service(&self) -> Option<&Service> {
        self.service.as_deref()
    }

    /// The plan that a subscriber was put on: this one, or the one that he has something in place of.
    #[must_use]
    pub fn base(self: &Arc<Self>) -> &Arc<Self> {
        self.service.as_deref().map_or(self, |service| &service.plan)
    }

    /// Whether a subscriber has a term in place of the plan's.
    #[must_use]
    pub fn service_says(&self, term: Term) -> bool {
        self.service
            .as_deref()
            .is_some_and(|service| service.terms.says(term))
    }

    /// Its speeds outside of its windows.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate_in(None)
    }

    /// Its speeds in a window.
    #[must_use]
    pub fn rate_in(&self, window: Option<usize>) -> Rate {
        match window.and_then(|place| self.terms.windows.get(place)) {
            Some(window) => Rate {
                download_bps: Some(window.download_bps),
                upload_bps: Some(window.upload_bps),
            },
            None => Rate {
                download_bps: self.terms.download_bps,
                upload_bps: self.terms.upload_bps,
            },
        }
    }

    /// Its terms in a window.
    #[must_use]
    pub fn terms_in(&self, window: Option<usize>) -> Terms {
        match window.and_then(|place| self.terms.windows.get(place)) {
            Some(window) => self.terms.in_window(window),
            None => self.terms.clone(),
        }
    }

    /// Which of its windows holds at a moment, and for how long; `None` when it has none.
    #[must_use]
    pub fn holds(&self, unix_s: i64) -> Option<Holds> {
        if self.terms.windows.is_empty() {
            return None;
        }
        window::holds(&self.terms.windows, self.terms.zone.as_ref(), unix_s)
    }

    /// What it is for a make, in a window or outside of them.
    #[must_use]
    pub fn sheet(&self, make: Make, window: Option<usize>) -> &Sheet {
        let sheets = window
            .and_then(|place| self.windows.get(place))
            .unwrap_or(&self.sheets);
        sheets[make as usize].get_or_init(|| Box::new(Sheet::new(&self.terms_in(window), make, &self.raw)))
    }

    /// Writes the sheets of a make, so that no login waits for them.
    pub fn prepare(&self, make: Make) {
        let windows = (0..self.windows.len()).map(Some);
        for window in windows.chain([None]) {
            let _written = self.sheet(make, window);
        }
        if let Some(AtQuota::Throttle(throttle)) = self.at_quota() {
            throttle.plan.prepare(make);
        }
    }
}
