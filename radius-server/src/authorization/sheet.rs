//! The terms of one plan as the attributes of one make, written once and copied into every reply.
//! Never cuts anything off in silence: what does not fit is a [`Problem`], what the make has no words for is [`Unsaid`].

use super::make::Make;
use super::terms::{Policy, Term, Terms};

/// Vendor-Specific (RFC 2865 section 5.26).
const VENDOR_SPECIFIC: u8 = 26;
/// Octets of a value of an attribute at most.
const VALUE_OCTETS_MAX: usize = 253;
/// Octets of a value inside Vendor-Specific at most: four for the vendor and two for its own head are gone.
const VENDOR_VALUE_OCTETS_MAX: usize = VALUE_OCTETS_MAX - 6;

/// Attributes, and what each stands for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The attributes, encoded.
    octets: Box<[u8]>,
    /// What each of them stands for, in their order.
    terms: Box<[Term]>,
}

/// A sheet with all that is to be said about it to people.
#[derive(Debug, Default)]
pub struct Explained {
    /// The attributes.
    pub sheet: Sheet,
    /// What each of them means, in their order.
    pub words: Vec<String>,
    /// What the make cannot be told.
    pub unsaid: Vec<Unsaid>,
    /// What does not fit.
    pub problems: Vec<Problem>,
}

/// A term for which a make has no words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// Which term.
    pub term: Term,
    /// What to do about it.
    pub why: &'static str,
}

/// A term that a make has words for, but not for this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which term.
    pub term: Term,
    /// What is wrong, with what was found and what is allowed.
    pub why: String,
}

impl Sheet {
    /// The terms for a make; `raw` are attributes that were given as such, for any make.
    #[must_use]
    pub fn new(terms: &Terms, make: Make, raw: &[u8]) -> Self {
        Self::explained(terms, make, raw).sheet
    }

    /// The same with everything that is to be said about it.
    #[must_use]
    pub fn explained(terms: &Terms, make: Make, raw: &[u8]) -> Explained {
        let mut writer = Writer::default();
        for attribute in radius::Attributes::new(raw) {
            writer.attribute(
                Term::Raw,
                attribute.kind,
                attribute.value,
                "given as such".to_owned(),
            );
        }
        make.write(terms, &mut writer);
        Explained {
            sheet: Self {
                octets: writer.octets.into(),
                terms: writer.terms.into(),
            },
            words: writer.words,
            unsaid: writer.unsaid,
            problems: writer.problems,
        }
    }

    /// The attributes, encoded.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// What each attribute stands for, in their order.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

/// Writes a sheet.
#[derive(Default)]
pub(super) struct Writer {
    /// The attributes so far.
    octets: Vec<u8>,
    /// What they stand for.
    terms: Vec<Term>,
    /// What they mean.
    words: Vec<String>,
    /// What cannot be said.
    unsaid: Vec<Unsaid>,
    /// What does not fit.
    problems: Vec<Problem>,
}

impl Writer {
    /// Adds an attribute.
    pub(super) fn attribute(&mut self, term: Term, kind: u8, value: &[u8], words: String) {
        let length = u8::try_from(value.len() + 2)
            .ok()
            .filter(|_| value.len() <= VALUE_OCTETS_MAX);
        let Some(length) = length else {
            return self.too_long(term, value.len(), VALUE_OCTETS_MAX);
        };
        self.octets.extend_from_slice(&[kind, length]);
        self.octets.extend_from_slice(value);
        self.terms.push(term);
        self.words.push(words);
    }

    /// Adds an attribute of a vendor, in the usual 1/1 form.
    pub(super) fn vendor(&mut self, term: Term, vendor: u32, kind: u8, value: &[u8], words: String) {
        let inner = u8::try_from(value.len() + 2)
            .ok()
            .filter(|_| value.len() <= VENDOR_VALUE_OCTETS_MAX);
        let Some(inner) = inner else {
            return self.too_long(term, value.len(), VENDOR_VALUE_OCTETS_MAX);
        };
        self.octets.extend_from_slice(&[VENDOR_SPECIFIC, inner + 6]);
        self.octets.extend_from_slice(&vendor.to_be_bytes());
        self.octets.extend_from_slice(&[kind, inner]);
        self.octets.extend_from_slice(value);
        self.terms.push(term);
        self.words.push(words);
    }

    /// Adds a number of bit/s, or of whatever it was turned into; one that is too large is said as the largest there is.
    pub(super) fn vendor_number(&mut self, term: Term, vendor: u32, kind: u8, number: Number, words: String) {
        let value = match u32::try_from(number.value)
            .ok()
            .filter(|value| *value <= number.most)
        {
            Some(value) => value,
            None => {
                self.problems.push(Problem {
                    term,
                    why: format!(
                        "{} {}; at most {} can be said",
                        number.value, number.unit, number.most
                    ),
                });
                number.most
            }
        };
        self.vendor(term, vendor, kind, &value.to_be_bytes(), words);
    }

    /// Adds a text of a vendor that must not be longer than so many octets.
    pub(super) fn vendor_text(
        &mut self,
        term: Term,
        vendor: u32,
        kind: u8,
        text: &str,
        most: usize,
        words: String,
    ) {
        if text.len() > most {
            return self.too_long(term, text.len(), most);
        }
        self.vendor(term, vendor, kind, text.as_bytes(), words);
    }

    /// Notes that the make has no words for a term, if the terms say it.
    pub(super) fn unsaid(&mut self, terms: &Terms, term: Term, why: &'static str) {
        if terms.says(term) {
            self.unsaid.push(Unsaid { term, why });
        }
    }

    /// Notes that a name of a policy cannot be said.
    pub(super) fn unsaid_policy(&mut self, name: Option<&str>, why: &'static str) {
        if name.is_some() {
            let term = Term::Policy;
            self.unsaid.push(Unsaid { term, why });
        }
    }

    /// Notes that something does not fit.
    pub(super) fn problem(&mut self, term: Term, why: String) {
        self.problems.push(Problem { term, why });
    }

    /// Notes that a text is too long.
    fn too_long(&mut self, term: Term, octets: usize, most: usize) {
        self.problem(term, format!("takes {octets} octets; at most {most} can be said"));
    }
}

/// One attribute of a vendor by itself, in the usual 1/1 form; a value that is too long is cut, who calls has looked.
pub(super) fn vendor(vendor: u32, kind: u8, value: &[u8]) -> Vec<u8> {
    let value = value.get(..VENDOR_VALUE_OCTETS_MAX).unwrap_or(value);
    let inner = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
    let mut octets = vec![VENDOR_SPECIFIC, inner + 6];
    octets.extend_from_slice(&vendor.to_be_bytes());
    octets.extend_from_slice(&[kind, inner]);
    octets.extend_from_slice(value);
    octets
}

/// A number that may not fit.
pub(super) struct Number {
    /// It.
    pub(super) value: u64,
    /// The largest that can be said.
    pub(super) most: u32,
    /// What it counts.
    pub(super) unit: &'static str,
}

impl Number {
    /// Bit/s in 32 bits without sign.
    pub(super) fn bps(value: u64) -> Self {
        Self {
            value,
            most: u32::MAX,
            unit: "bit/s",
        }
    }
}

/// The policy of a make, if the terms name one, with the speeds filled in.
pub(super) fn policy(terms: &Terms, make: Make) -> Policy {
    let fill = |name: &Option<Box<str>>| name.as_deref().map(|name| filled(name, terms).into());
    terms
        .policies
        .get(&make)
        .map_or_else(Policy::default, |policy| Policy {
            name: fill(&policy.name),
            down: fill(&policy.down),
            up: fill(&policy.up),
        })
}

/// A name with the speeds in place of `{down}` and its like; where there is no speed, 0.
fn filled(name: &str, terms: &Terms) -> String {
    let (down, up) = (terms.download_bps.unwrap_or(0), terms.upload_bps.unwrap_or(0));
    name.replace("{down}", &down.to_string())
        .replace("{up}", &up.to_string())
        .replace("{down_k}", &kbps(down).to_string())
        .replace("{up_k}", &kbps(up).to_string())
}

/// Whole kbit/s, rounded down but never to nothing.
pub(super) fn kbps(bps: u64) -> u64 {
    match bps {
        0 => 0,
        bps => (bps / 1_000).max(1),
    }
}

/// A speed as people write it: 100 Mbit/s.
pub(super) fn speed(bps: u64) -> String {
    for (unit, name) in [
        (1_000_000_000, "Gbit/s"),
        (1_000_000, "Mbit/s"),
        (1_000, "kbit/s"),
    ] {
        if bps >= unit && bps.is_multiple_of(unit / 10) {
            let (whole, tenth) = (bps / unit, bps % unit / (unit / 10));
            return match tenth {
                0 => format!("{whole} {name}"),
                tenth => format!("{whole}.{tenth} {name}"),
            };
        }
    }
    format!("{bps} bit/s")
}
