//! A user with his rows as the API takes a subscriber.
//! Never takes somebody in whom nobody could tell from others: who needs no password for FreeRADIUS is refused here.
//!
//! `Expiration` becomes the end of service and `Auth-Type := Reject`, his own or a group's, a suspension; everything else that
//! is checked stays a row, and what is not looked at here is told.

use std::collections::BTreeMap;

use access::credential;
use serde_json::{Value, json};
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use super::collected::{Group, Person, Said};
use super::group::{self, Fate};
use super::moment;

/// Who is put where.
pub struct Place<'a> {
    /// Client and site, by slug.
    pub site: (&'a str, &'a str),
    /// What becomes of groups.
    pub fates: &'a BTreeMap<String, Fate>,
    /// The groups.
    pub groups: &'a BTreeMap<String, Group>,
    /// The plan of who has no group with one.
    pub plan: &'a str,
    /// The offset of moments without one.
    pub offset: UtcOffset,
}

/// Attributes that are looked at although they stay rows.
const LOOKED_AT: [&str; 2] = ["Simultaneous-Use", "Fall-Through"];

/// Somebody as he is sent, with what people should know about him; `Err` says why he is not.
pub fn of(name: &str, person: &Person, place: &Place<'_>) -> Result<(Value, Vec<String>), String> {
    let mut notes = Vec::new();
    let mut expires = None;
    let mut suspended = group::refuses(&person.check).then(|| "Auth-Type := Reject".to_owned());
    let (mut check, mut unusable) = (Vec::new(), None);
    let mut has_password = false;
    for said in &person.check {
        if said.is("Expiration") {
            expires = Some(moment::expiration(&said.value, place.offset)?);
        } else if said.is("Auth-Type") && said.sets() && said.value.eq_ignore_ascii_case("accept") {
            return Err(
                "Auth-Type := Accept lets anybody in under this name; give him a password first".to_owned(),
            );
        } else if said.is("Auth-Type") && group::refuses(std::slice::from_ref(said)) {
            // His status says so from now on.
        } else if let Some(attribute) = password(said) {
            has_password = true;
            check.push(row(attribute, said));
        } else if is_password(said) {
            unusable = Some(said.attribute.as_str());
        } else {
            if !LOOKED_AT.iter().any(|known| said.is(known)) {
                notes.push(format!(
                    "{} {} is kept and not looked at",
                    said.attribute, said.op
                ));
            }
            check.push(row(&said.attribute, said));
        }
    }
    let groups = || {
        person
            .groups
            .iter()
            .filter_map(|(name, _)| Some((name, place.groups.get(name)?)))
    };
    if let Some((group, _)) = groups().find(|(_, group)| group::refuses(&group.check)) {
        suspended.get_or_insert_with(|| format!("group {group}: Auth-Type := Reject"));
    }
    let of_groups = || groups().flat_map(|(_, group)| &group.check);
    if expires.is_none()
        && let Some(said) = of_groups().find(|said| said.is("Expiration"))
    {
        expires = Some(moment::expiration(&said.value, place.offset)?);
    }
    if !has_password && let Some(said) = of_groups().find(|said| password(said).is_some()) {
        let attribute = password(said).unwrap_or_default();
        has_password = true;
        check.push(row(attribute, said));
        notes.push("the password of a group became his own".to_owned());
    }
    match (has_password, unusable) {
        (false, Some(attribute)) => {
            return Err(format!(
                "{attribute} cannot be used here; give him another password"
            ));
        }
        (true, Some(attribute)) => notes.push(format!("{attribute} is left out; another password counts")),
        (false, None) if suspended.is_none() => {
            notes.push("he has no password and cannot log in by his name".to_owned());
        }
        _ => {}
    }
    let plan = person
        .groups
        .iter()
        .find_map(|(group, _)| place.fates.get(group)?.plan.as_ref())
        .map_or(place.plan, |plan| plan.slug.as_str());
    let (client, site) = place.site;
    let body = json!({
        "username": name,
        "plan": plan,
        "client": client,
        "site": site,
        "status": if suspended.is_some() { "suspended" } else { "active" },
        "status_reason": suspended,
        "expires_at": expires.and_then(|end| end.format(&Rfc3339).ok()),
        "check": check,
        "reply": person.reply.iter().map(|said| row(&said.attribute, said)).collect::<Vec<_>>(),
        "groups": person.groups.iter()
            .map(|(group, priority)| json!({ "group": group, "priority": priority }))
            .collect::<Vec<_>>(),
    });
    Ok((body, notes))
}

/// A row as it is sent.
pub fn row(attribute: &str, said: &Said) -> Value {
    json!({ "attribute": attribute, "op": said.op, "value": said.value })
}

/// The name under which a row's password is stored here, if it is one that can be.
fn password(said: &Said) -> Option<&'static str> {
    credential::ATTRIBUTES.into_iter().find(|known| said.is(known))
}

/// Whether a row says something about a password, of whatever kind.
fn is_password(said: &Said) -> bool {
    said.attribute.to_ascii_lowercase().ends_with("-password")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Somebody with these rows of radcheck, in these groups.
    fn sent(check: &[(&str, &str, &str)], groups: &[(&str, Group)]) -> Result<(Value, Vec<String>), String> {
        let said = |(attribute, op, value): &(&str, &str, &str)| Said {
            attribute: (*attribute).to_owned(),
            op: (*op).to_owned(),
            value: (*value).to_owned(),
        };
        let person = Person {
            check: check.iter().map(said).collect(),
            groups: groups.iter().map(|(name, _)| ((*name).to_owned(), 0)).collect(),
            ..Person::default()
        };
        let groups: BTreeMap<String, Group> = groups
            .iter()
            .map(|(name, group)| {
                let check = group.check.clone();
                let group = Group {
                    check,
                    ..Group::default()
                };
                ((*name).to_owned(), group)
            })
            .collect();
        let place = Place {
            site: ("homes", "main"),
            fates: &BTreeMap::new(),
            groups: &groups,
            plan: "imported",
            offset: UtcOffset::UTC,
        };
        of("bob", &person, &place)
    }

    #[test]
    fn what_a_subscriber_can_say_is_not_a_row_any_more() {
        let rows = [
            ("cleartext-password", ":=", "x"),
            ("Expiration", ":=", "31 Jan 2027"),
            ("Auth-Type", ":=", "Reject"),
            ("Simultaneous-Use", ":=", "1"),
            ("Calling-Station-Id", "==", "00-11"),
        ];
        let (body, notes) = sent(&rows, &[]).expect("sent");
        assert_eq!(body["expires_at"], "2027-01-31T00:00:00Z");
        assert_eq!(
            (&body["status"], &body["status_reason"]),
            (&json!("suspended"), &json!("Auth-Type := Reject"))
        );
        let kept: Vec<&str> = body["check"]
            .as_array()
            .expect("rows")
            .iter()
            .filter_map(|row| row["attribute"].as_str())
            .collect();
        assert_eq!(
            kept,
            ["Cleartext-Password", "Simultaneous-Use", "Calling-Station-Id"]
        );
        assert_eq!(notes, ["Calling-Station-Id == is kept and not looked at"]);
    }

    #[test]
    fn a_group_that_refuses_suspends() {
        let check = vec![Said {
            attribute: "Auth-Type".to_owned(),
            op: ":=".to_owned(),
            value: "Reject".to_owned(),
        }];
        let disabled = Group {
            check,
            ..Group::default()
        };
        let (body, _) = sent(&[("Cleartext-Password", ":=", "x")], &[("disabled", disabled)]).expect("sent");
        assert_eq!(body["status_reason"], "group disabled: Auth-Type := Reject");
    }

    #[test]
    fn who_cannot_be_told_from_others_is_refused() {
        for rows in [
            &[("Auth-Type", ":=", "Accept")][..],
            &[("SHA2-Password", ":=", "00")],
            &[("Cleartext-Password", ":=", "x"), ("Expiration", ":=", "never")],
        ] {
            let why = sent(rows, &[]).expect_err("refused");
            assert!(!why.is_empty() && !why.contains("00"), "{why}");
        }
        let (_, notes) = sent(&[], &[]).expect("sent");
        assert_eq!(notes, ["he has no password and cannot log in by his name"]);
    }
}
