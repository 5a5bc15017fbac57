//! What a subscriber would be sent now through a NAS, and where each attribute comes from: by the walk that makes replies.
//! Never sends anything and changes nothing. What belongs to one login only is left out: Class, keys, Message-Authenticator.

use std::fmt;

use super::compose::Login;
use super::garden::GardenReason;
use super::sheet::{Explained, Problem, Sheet, Unsaid};
use crate::authentication;
use crate::decision::RejectReason;
use crate::directory::{Nas, Subscriber};

/// Who says an attribute; the first of these who does wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The throttle of his plan, while his quota is used up.
    Quota,
    /// The subscriber's own attributes, or those of his groups.
    Subscriber,
    /// His service, in place of the plan.
    Service,
    /// His plan, or the garden's.
    Plan,
    /// The NAS's defaults.
    Nas,
    /// The partner's defaults.
    Partner,
    /// The login itself: who he is, when his service or a window ends.
    Login,
}

impl Origin {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Subscriber => "subscriber",
            Self::Service => "service",
            Self::Plan => "plan",
            Self::Nas => "nas",
            Self::Partner => "partner",
            Self::Login => "login",
        }
    }
}

/// How a login would end, for somebody who proves himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// He is let in.
    Accept,
    /// He is let into the garden.
    Garden(GardenReason),
    /// He is turned away.
    Reject(RejectReason),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Garden(reason) => write!(f, "garden:{}", reason.as_str()),
            Self::Reject(reason) => write!(f, "reject:{}", reason.as_str()),
        }
    }
}

/// One attribute that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who says it.
    pub origin: Origin,
    /// The attribute, encoded.
    pub octets: Vec<u8>,
    /// What it means.
    pub words: String,
}

/// What would be sent.
#[derive(Debug)]
pub struct Preview {
    /// How the login would end.
    pub expected: Expected,
    /// What was found about his service, in words.
    pub found: String,
    /// The attributes in their order; none when he is turned away.
    pub lines: Vec<Line>,
    /// The window that holds, in words.
    pub window: Option<String>,
    /// What the plan says and this make cannot be told.
    pub unsaid: Vec<Unsaid>,
    /// What does not fit for this make.
    pub problems: Vec<Problem>,
}

/// What a subscriber who proves himself would be sent through a NAS.
#[must_use]
pub fn preview(nas: &Nas, subscriber: &Subscriber, now_unix_s: i64) -> Preview {
    let (found, refused) = authentication::admit(nas, subscriber, now_unix_s);
    let make = nas.dialect;
    let mut preview = Preview {
        expected: Expected::Accept,
        found: found.words(),
        lines: Vec::new(),
        window: None,
        unsaid: Vec::new(),
        problems: Vec::new(),
    };
    let garden = nas.partner.garden();
    let defaults = nas.partner.defaults();
    let login = match refused {
        None => authentication::served(nas, subscriber, now_unix_s)
            .with_defaults(defaults.as_deref())
            .with_central(authentication::central(nas, subscriber)),
        Some(reason) => {
            let reason_taken = authentication::garden_asked(subscriber, reason);
            match garden
                .as_deref()
                .zip(reason_taken)
                .filter(|(garden, why)| garden.takes(*why, make))
            {
                Some((garden, why)) => {
                    preview.expected = Expected::Garden(why);
                    authentication::in_garden(nas, subscriber, garden.plan(), why, now_unix_s)
                }
                None => {
                    preview.expected = Expected::Reject(reason);
                    return preview;
                }
            }
        }
    };
    let explained = login.explained();
    let _all: Result<(), std::convert::Infallible> = login.walk(|part| {
        let mut octets = vec![
            part.attribute.kind,
            u8::try_from(part.attribute.value.len() + 2).unwrap_or(u8::MAX),
        ];
        octets.extend_from_slice(part.attribute.value);
        let words = match part.of {
            None => part.place.and_then(|place| explained.words.get(place).cloned()),
            Some(plan) => part.place.and_then(|place| {
                let explained = Sheet::explained(plan.terms(), make, &[]);
                explained.words.get(place).cloned()
            }),
        };
        preview.lines.push(Line {
            origin: part.origin,
            words: words.unwrap_or_else(|| of_login(&part)),
            octets,
        });
        Ok(())
    });
    preview.window = login.window_words();
    preview.unsaid = explained.unsaid;
    preview.unsaid.extend(login.silenced());
    preview.problems = explained.problems;
    preview
}

/// What an attribute means that stands in no sheet.
fn of_login(part: &super::compose::Part<'_>) -> String {
    use radius::kind;
    let number = |value: &[u8]| {
        <[u8; 4]>::try_from(value)
            .map(u32::from_be_bytes)
            .unwrap_or_default()
    };
    match (part.origin, part.attribute.kind) {
        (Origin::Login, kind::SESSION_TIMEOUT) => {
            let seconds = number(part.attribute.value);
            format!(
                "the session ends after {seconds} s, when his service ends, other hours begin or his quota begins anew"
            )
        }
        (_, kind::SESSION_TIMEOUT) => {
            format!("the session ends after {} s", number(part.attribute.value))
        }
        (Origin::Plan | Origin::Service, kind::ACCT_INTERIM_INTERVAL) => {
            let seconds = number(part.attribute.value);
            format!("the NAS reports what was used every {seconds} s; others' sessions have other intervals")
        }
        (Origin::Login, _) => "the name under which the router keeps him".to_owned(),
        _ => "given as such".to_owned(),
    }
}

impl Login<'_> {
    /// The sheet made again, with words.
    fn explained(&self) -> Explained {
        let (terms, raw) = self.said();
        Sheet::explained(&terms, self.make(), raw)
    }
}
