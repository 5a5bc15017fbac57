//! What becomes of groups: a plan each, made of what a plan can say, and rows of whatever else they reply.
//! Never changes what a member is answered: where moving a row into a plan could, it stays a row.
//!
//! FreeRADIUS takes the first group whose checks match, and further ones only behind `Fall-Through = Yes`. A plan has none of
//! this, so rows move only when no group of the source has a condition or falls through. A row with `:=` wins over a user's
//! own, a plan does not, so it moves only when no user has a row of that attribute. Rates move when the plan's rate becomes
//! the same attribute on every NAS of the source.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::collected::{Collected, Group, Said};

/// Characters of a slug.
const SLUG_CHARS_MAX: usize = 63;
/// Characters of a plan's name.
const NAME_CHARS_MAX: usize = 100;
/// Characters of a pool's name.
const POOL_CHARS_MAX: usize = 63;
/// The shortest interval of interims that is allowed (RFC 2869 section 5.16).
const INTERIM_INTERVAL_S_MIN: i32 = 60;

/// A plan that a group, or everybody without one, is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its slug.
    pub slug: String,
    /// What to make when it is not there; `None`: it has to be there.
    pub make: Option<Value>,
    /// Whence, for the report.
    pub place: String,
}

/// What becomes of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// The plan of its members; `None`: it refuses them.
    pub plan: Option<Plan>,
    /// Places of the rows of radgroupreply that the plan has taken over.
    pub moved: BTreeSet<usize>,
}

/// How groups become plans.
#[derive(Debug, Default)]
pub struct Rules {
    /// Plans that are there, by group.
    pub plan_for: BTreeMap<String, String>,
    /// Whether all rows stay rows.
    pub keep_rows: bool,
}

/// In which attributes all NAS of the source are told a plan's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RateWords {
    /// In Mikrotik-Rate-Limit.
    Mikrotik,
    /// In WISPr-Bandwidth-Max-Up and -Down.
    Wispr,
    /// In both, or there is none.
    Either,
}

/// What becomes of each group.
pub fn fates(collected: &Collected, makes: &[String], rules: &Rules) -> BTreeMap<String, Fate> {
    let groups = &collected.groups;
    let plain = !rules.keep_rows && !groups.values().any(is_conditional);
    let own: BTreeSet<String> = collected
        .people
        .values()
        .flat_map(|person| &person.reply)
        .map(|said| said.attribute.to_ascii_lowercase())
        .collect();
    let words = rate_words(makes);
    let mut slugs: BTreeSet<String> = rules.plan_for.values().cloned().collect();
    let fate = |(name, group): (&String, &Group)| {
        let fate = if refuses(&group.check) {
            Fate {
                plan: None,
                moved: BTreeSet::new(),
            }
        } else if let Some(slug) = rules.plan_for.get(name) {
            Fate {
                plan: Some(Plan {
                    slug: slug.clone(),
                    make: None,
                    place: format!("--plan-for {name}"),
                }),
                moved: BTreeSet::new(),
            }
        } else {
            let (mut make, moved) = match plain {
                true => understood(&group.reply, &own, words),
                false => Default::default(),
            };
            let slug = slug_of(name, &mut slugs);
            make.insert("slug".to_owned(), json!(slug));
            make.insert(
                "name".to_owned(),
                json!(name.chars().take(NAME_CHARS_MAX).collect::<String>()),
            );
            Fate {
                plan: Some(Plan {
                    slug,
                    make: Some(Value::Object(make)),
                    place: group.place.clone(),
                }),
                moved,
            }
        };
        (name.clone(), fate)
    };
    groups.iter().map(fate).collect()
}

/// Whether rows say that nobody gets in.
pub fn refuses(check: &[Said]) -> bool {
    check
        .iter()
        .any(|said| said.is("Auth-Type") && said.sets() && said.value.eq_ignore_ascii_case("reject"))
}

/// Whether it hangs on the request, or on a group before it, what a group replies.
fn is_conditional(group: &Group) -> bool {
    let falls = group
        .reply
        .iter()
        .chain(&group.check)
        .any(|said| said.is("Fall-Through"));
    falls || group.check.iter().any(|said| !said.sets())
}

/// In which attributes the NAS of these makes are told a rate.
fn rate_words(makes: &[String]) -> RateWords {
    let mikrotik =
        |make: &String| make.eq_ignore_ascii_case("mikrotik") || make.eq_ignore_ascii_case("routeros");
    match makes.iter().filter(|make| mikrotik(make)).count() {
        _ if makes.is_empty() => RateWords::Either,
        count if count == makes.len() => RateWords::Mikrotik,
        0 => RateWords::Wispr,
        _ => RateWords::Either,
    }
}

/// What a plan can say of a group's reply, and which rows that were.
fn understood(
    reply: &[Said],
    own: &BTreeSet<String>,
    words: RateWords,
) -> (Map<String, Value>, BTreeSet<usize>) {
    let (mut make, mut moved) = (Map::new(), BTreeSet::new());
    let only = |attribute: &str| {
        let mut rows = reply.iter().enumerate().filter(|(_, said)| said.is(attribute));
        let (at, said) = rows.next()?;
        let movable = match said.op.as_str() {
            "=" => true,
            ":=" => !own.contains(&attribute.to_ascii_lowercase()),
            _ => false,
        };
        (movable && rows.next().is_none()).then_some((at, said.value.trim()))
    };
    let mut take = |field: &str, at: usize, value: Value| {
        make.insert(field.to_owned(), value);
        moved.insert(at);
    };
    for (attribute, field, least) in [
        ("Session-Timeout", "session_timeout_s", 1),
        ("Idle-Timeout", "idle_timeout_s", 1),
        (
            "Acct-Interim-Interval",
            "interim_interval_s",
            INTERIM_INTERVAL_S_MIN,
        ),
    ] {
        if let Some((at, value)) = only(attribute)
            && let Some(seconds) = value.parse::<i32>().ok().filter(|seconds| *seconds >= least)
        {
            take(field, at, json!(seconds));
        }
    }
    if let Some((at, pool)) = only("Framed-Pool")
        && (1..=POOL_CHARS_MAX).contains(&pool.chars().count())
    {
        take("framed_pool", at, json!(pool));
    }
    if words == RateWords::Mikrotik
        && let Some((at, text)) = only("Mikrotik-Rate-Limit")
        && let Some((upload, download)) = mikrotik_rate(text)
    {
        take("upload_bps", at, json!(upload));
        take("download_bps", at, json!(download));
    }
    if words == RateWords::Wispr
        && let Some((up_at, up)) = only("WISPr-Bandwidth-Max-Up")
        && let Some((down_at, down)) = only("WISPr-Bandwidth-Max-Down")
        && let (Some(upload), Some(download)) = (bps(up), bps(down))
    {
        take("upload_bps", up_at, json!(upload));
        take("download_bps", down_at, json!(download));
    }
    (make, moved)
}

/// `10M/50M` as upload and download, when that is how we would write it: what more a rate can say stays as it is.
fn mikrotik_rate(text: &str) -> Option<(u32, u32)> {
    let (upload, download) = text.split_once('/')?;
    Some((mikrotik_speed(upload)?, mikrotik_speed(download)?))
}

/// One speed in the form that is written for it.
fn mikrotik_speed(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix('M') {
        Some(digits) => (digits, 1_000_000),
        None => text.strip_suffix('k').map_or((text, 1), |digits| (digits, 1_000)),
    };
    let speed = bps(digits)?.checked_mul(unit)?;
    let written = match speed {
        speed if speed.is_multiple_of(1_000_000) => format!("{}M", speed / 1_000_000),
        speed if speed.is_multiple_of(1_000) => format!("{}k", speed / 1_000),
        speed => speed.to_string(),
    };
    (written == text).then_some(speed)
}

/// A rate that is one.
fn bps(text: &str) -> Option<u32> {
    text.parse().ok().filter(|rate| *rate > 0)
}

/// A slug for a group that nobody else has.
fn slug_of(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == SLUG_CHARS_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    let base = if slug.is_empty() { "group" } else { slug };
    let numbered = |number: u32| {
        let tail = format!("-{number}");
        let room = SLUG_CHARS_MAX - tail.len();
        format!("{}{tail}", &base[..base.len().min(room)])
    };
    let slug = std::iter::once(base.to_owned())
        .chain((2..).map(numbered))
        .find(|slug| !taken.contains(slug))
        .unwrap_or_default();
    taken.insert(slug.clone());
    slug
}

#[cfg(test)]
mod tests {
    use super::super::collected::Person;
    use super::*;

    /// A row.
    fn said(attribute: &str, op: &str, value: &str) -> Said {
        Said {
            attribute: attribute.to_owned(),
            op: op.to_owned(),
            value: value.to_owned(),
        }
    }

    /// A source with one group that replies this, and a user with an Idle-Timeout of his own.
    fn source(reply: Vec<Said>) -> Collected {
        let group = Group {
            reply,
            ..Group::default()
        };
        let person = Person {
            reply: vec![said("Idle-Timeout", "=", "5")],
            ..Person::default()
        };
        let mut collected = Collected::default();
        collected.groups.insert("Gold 100".to_owned(), group);
        collected.people.insert("bob".to_owned(), person);
        collected
    }

    /// What its group becomes.
    fn fate(source: &Collected, makes: &[&str]) -> (Value, Vec<usize>) {
        let makes: Vec<String> = makes.iter().map(|make| (*make).to_owned()).collect();
        let mut fates = fates(source, &makes, &Rules::default());
        let fate = fates.remove("Gold 100").expect("a fate");
        let make = fate.plan.and_then(|plan| plan.make).expect("a plan");
        (make, fate.moved.into_iter().collect())
    }

    #[test]
    fn a_plan_takes_over_what_it_can_say() {
        let source = source(vec![
            said("Session-Timeout", ":=", "3600"),
            said("Acct-Interim-Interval", "=", "30"),
            said("Framed-Pool", "=", "pool-a"),
            said("Mikrotik-Rate-Limit", "=", "10M/50M"),
            said("Idle-Timeout", ":=", "60"),
            said("Filter-Id", "=", "x"),
        ]);
        let expect = json!({ "slug": "gold-100", "name": "Gold 100", "session_timeout_s": 3600,
            "framed_pool": "pool-a", "upload_bps": 10_000_000, "download_bps": 50_000_000 });
        assert_eq!(fate(&source, &["mikrotik"]), (expect, vec![0, 2, 3]));
        let without_rate = json!({ "slug": "gold-100", "name": "Gold 100", "session_timeout_s": 3600,
            "framed_pool": "pool-a" });
        assert_eq!(fate(&source, &["mikrotik", "other"]), (without_rate, vec![0, 2]));
    }

    #[test]
    fn where_groups_have_conditions_all_rows_stay() {
        let nothing = (json!({ "slug": "gold-100", "name": "Gold 100" }), Vec::new());
        let timeout = said("Session-Timeout", "=", "3600");
        let falls = source(vec![timeout.clone(), said("Fall-Through", "=", "Yes")]);
        assert_eq!(fate(&falls, &[]), nothing);
        let mut conditional = source(vec![timeout]);
        let check = vec![said("NAS-IP-Address", "==", "10.0.0.1")];
        conditional.groups.insert(
            "other".to_owned(),
            Group {
                check,
                ..Group::default()
            },
        );
        assert_eq!(fate(&conditional, &[]), nothing);
    }

    #[test]
    fn a_rate_is_understood_only_as_we_write_it() {
        assert_eq!(mikrotik_rate("10M/50M"), Some((10_000_000, 50_000_000)));
        assert_eq!(mikrotik_rate("512k/1500k"), Some((512_000, 1_500_000)));
        for other in [
            "10M",
            "1000k/1000k",
            "10M/50M 20M/100M",
            "0/0",
            "5000M/5000M",
            "a/b",
        ] {
            assert_eq!(mikrotik_rate(other), None, "{other}");
        }
    }

    #[test]
    fn every_group_has_a_slug_of_its_own() {
        let mut taken = BTreeSet::new();
        let slugs =
            ["Gold", "gold", " gold!", "***", "x".repeat(80).as_str()].map(|name| slug_of(name, &mut taken));
        assert_eq!(slugs[..4], ["gold", "gold-2", "gold-3", "group"]);
        assert_eq!(slugs[4].len(), SLUG_CHARS_MAX);
    }
}
