//! Reply attributes: rows of radreply and of the groups to octets a reply can copy, and rows of plans to their terms.
//! Never decides who gets in; an attribute that cannot be encoded is left out and reported, the subscriber still logs in.
//!
//! Rows follow FreeRADIUS: a user's own rows first, then his groups by priority; `=` adds what is not there yet, `:=`
//! replaces, `+=` appends; a further group counts only when the one before says `Fall-Through = Yes`. Rows of
//! radgroupcheck are not evaluated.

use radius::attribute::kind;
use radius::dictionary::{Dictionary, Oid};
use radius_server::authorization::Terms;

use crate::store::directory::{PlanEntry, ReplyEntry};

/// Octets of own and group attributes at most; a reply of 4096 must also carry the plan's and ours.
pub const REPLY_OCTETS_MAX: usize = 2_048;

/// FreeRADIUS's word for "look at the next group too"; it never goes on the wire.
const FALL_THROUGH: &str = "Fall-Through";

/// Attributes that belong to the server: a row must not set them, whatever an operator's file calls them.
const RESERVED: [u8; 7] = [
    kind::USER_PASSWORD,
    kind::CHAP_PASSWORD,
    kind::CHAP_CHALLENGE,
    kind::STATE,
    kind::PROXY_STATE,
    kind::EAP_MESSAGE,
    kind::MESSAGE_AUTHENTICATOR,
];

/// An attribute that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The attribute as the row names it.
    pub attribute: String,
    /// What is wrong with it.
    pub why: String,
}

/// Encodes what rows say about one subscriber: his own, then his groups' in the order of their priority.
#[must_use]
pub fn encode_rows<'r>(
    rows: impl Iterator<Item = &'r ReplyEntry>,
    dictionary: &Dictionary,
) -> (Box<[u8]>, Vec<LeftOut>) {
    let mut chosen: Vec<(Oid, Vec<u8>)> = Vec::new();
    let mut left_out = Vec::new();
    let (mut group, mut falls_through) = (None::<&str>, true);
    for row in rows {
        if row.group.as_deref() != group {
            if group.is_some() && !falls_through {
                break;
            }
            (group, falls_through) = (row.group.as_deref(), false);
        }
        if row.attribute.eq_ignore_ascii_case(FALL_THROUGH) {
            falls_through = row.value.eq_ignore_ascii_case("yes") || row.value == "1";
        } else if let Err(why) = choose(row, dictionary, &mut chosen) {
            left_out.push(LeftOut {
                attribute: row.attribute.clone(),
                why,
            });
        }
    }
    (
        chosen.into_iter().flat_map(|(_, octets)| octets).collect(),
        left_out,
    )
}

/// Encodes one row and puts it beside, instead of, or behind what is there.
fn choose(row: &ReplyEntry, dictionary: &Dictionary, chosen: &mut Vec<(Oid, Vec<u8>)>) -> Result<(), String> {
    let definition = dictionary
        .by_name(&row.attribute)
        .ok_or("the dictionary does not know it")?;
    if matches!(*definition.oid.as_slice(), [number] if RESERVED.iter().any(|kind| u32::from(*kind) == number))
    {
        return Err("only the server itself may send it".to_owned());
    }
    let mut octets = Vec::new();
    dictionary
        .encode(definition, &row.value, &mut octets)
        .map_err(|error| error.to_string())?;
    let there = chosen.iter().any(|(oid, _)| *oid == definition.oid);
    match row.op.as_str() {
        "=" if there => return Ok(()),
        "=" | "+=" => {}
        ":=" => chosen.retain(|(oid, _)| *oid != definition.oid),
        other => return Err(format!("the operator {other} means nothing in a reply")),
    }
    let used: usize = chosen.iter().map(|(_, octets)| octets.len()).sum();
    if used + octets.len() > REPLY_OCTETS_MAX {
        return Err(format!(
            "the attributes before it already fill {used} of {REPLY_OCTETS_MAX} octets"
        ));
    }
    chosen.push((definition.oid, octets));
    Ok(())
}

/// The terms of a plan: what has a column of its own, and what else there is.
#[must_use]
pub fn plan_terms(entry: &PlanEntry, other: Terms) -> Terms {
    let positive = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let rate = |bps: Option<i64>| bps.and_then(|bps| u64::try_from(bps).ok());
    Terms {
        download_bps: rate(entry.download_bps),
        upload_bps: rate(entry.upload_bps),
        session_timeout_s: positive(entry.session_timeout_s),
        idle_timeout_s: positive(entry.idle_timeout_s),
        interim_interval_s: positive(Some(entry.interim_interval_s)),
        pool: entry.framed_pool.as_deref().map(Into::into),
        ..other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radius::dictionary::STANDARD;
    use radius_server::authorization::Make;
    use radius_server::directory::Plan;
    use uuid::Uuid;

    /// A row of radreply, or of a group.
    fn row(group: Option<&str>, attribute: &str, op: &str, value: &str) -> ReplyEntry {
        ReplyEntry {
            tenant: Uuid::nil(),
            username: "alice".to_owned(),
            group: group.map(str::to_owned),
            attribute: attribute.to_owned(),
            op: op.to_owned(),
            value: value.to_owned(),
        }
    }

    /// Asserts the octets that rows become.
    #[track_caller]
    fn check(rows: &[ReplyEntry], expect: &[u8]) {
        let (octets, left_out) = encode_rows(rows.iter(), &STANDARD);
        assert_eq!(left_out, []);
        assert_eq!(&*octets, expect);
    }

    #[test]
    fn an_own_row_wins_over_the_group_unless_the_group_insists() {
        let own = row(None, "Session-Timeout", "=", "60");
        check(
            &[own.clone(), row(Some("g"), "Session-Timeout", "=", "90")],
            &[27, 6, 0, 0, 0, 60],
        );
        check(
            &[own, row(Some("g"), "Session-Timeout", ":=", "90")],
            &[27, 6, 0, 0, 0, 90],
        );
    }

    #[test]
    fn plus_appends_in_order() {
        check(
            &[
                row(None, "Framed-Route", "=", "a"),
                row(None, "Framed-Route", "+=", "b"),
            ],
            &[22, 3, b'a', 22, 3, b'b'],
        );
    }

    #[test]
    fn a_second_group_counts_only_when_the_first_falls_through() {
        let (first, second) = (
            row(Some("a"), "Idle-Timeout", "=", "5"),
            row(Some("b"), "Session-Timeout", "=", "9"),
        );
        check(&[first.clone(), second.clone()], &[28, 6, 0, 0, 0, 5]);
        let through = row(Some("a"), "Fall-Through", "=", "Yes");
        check(&[first, through, second], &[28, 6, 0, 0, 0, 5, 27, 6, 0, 0, 0, 9]);
    }

    #[test]
    fn what_cannot_be_sent_is_left_out_and_named() {
        let rows = [
            row(None, "No-Such-Attribute", "=", "1"),
            row(None, "message-authenticator", "=", "0x00"),
            row(None, "Session-Timeout", "==", "1"),
            row(None, "Session-Timeout", "=", "soon"),
            row(None, "Idle-Timeout", "=", "7"),
        ];
        let (octets, left_out) = encode_rows(rows.iter(), &STANDARD);
        assert_eq!(&*octets, [28, 6, 0, 0, 0, 7]);
        let names: Vec<_> = left_out.iter().map(|left| left.attribute.as_str()).collect();
        assert_eq!(
            names,
            [
                "No-Such-Attribute",
                "message-authenticator",
                "Session-Timeout",
                "Session-Timeout"
            ]
        );
    }

    #[test]
    fn rows_stop_at_the_bound() {
        let long = "x".repeat(200);
        let rows: Vec<_> = (0..20).map(|_| row(None, "Framed-Route", "+=", &long)).collect();
        let (octets, left_out) = encode_rows(rows.iter(), &STANDARD);
        assert!(octets.len() <= REPLY_OCTETS_MAX);
        assert_eq!(left_out.len(), 20 - octets.len() / 202);
    }

    #[test]
    fn a_plan_carries_timeouts_interim_and_pool() {
        let entry = PlanEntry {
            id: Uuid::nil(),
            name: "Home".to_owned(),
            download_bps: Some(100_000_000),
            upload_bps: Some(20_000_000),
            session_timeout_s: Some(86_400),
            idle_timeout_s: None,
            interim_interval_s: 300,
            framed_pool: Some("p1".to_owned()),
            terms: serde_json::json!({}),
            on_used_up: None,
            throttle: None,
        };
        let plan = Plan::of("Home", plan_terms(&entry, Terms::default()));
        let sheet = plan.sheet(Make::Cisco, None);
        assert_eq!(
            sheet.octets(),
            [27, 6, 0, 1, 0x51, 0x80, 85, 6, 0, 0, 1, 44, 88, 4, b'p', b'1']
        );
        assert_eq!(plan.rate().download_bps, Some(100_000_000));
    }
}
