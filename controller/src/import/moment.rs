//! Moments as FreeRADIUS's tables spell them.
//! Never guesses an offset: what has none is at the one that is given.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// Reads a moment of radacct: `2026-11-21 10:00:00`, with fractions and an offset or without. `None` when it says nothing.
///
/// # Errors
/// In words, when it is none.
pub fn stored(text: &str, offset: UtcOffset) -> Result<Option<OffsetDateTime>, String> {
    let text = text.trim();
    // MySQL's way to say nothing.
    if text.is_empty() || text.starts_with("0000-00-00") {
        return Ok(None);
    }
    iso(text, offset)
        .map(Some)
        .ok_or_else(|| format!("\"{text}\" is no moment"))
}

/// Reads the value of Expiration: `Jan 31 2027`, `31 Jan 2027 12:00`, `2027-01-31`, or seconds since 1970. A day alone ends
/// when it begins, as it does for FreeRADIUS.
///
/// # Errors
/// In words, when it is none.
pub fn expiration(text: &str, offset: UtcOffset) -> Result<OffsetDateTime, String> {
    let wrong = || format!("Expiration \"{text}\" is no moment");
    let text = text.trim().trim_matches('"');
    if let Ok(seconds) = text.parse::<i64>() {
        return OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| wrong());
    }
    if let Some(moment) = iso(text, offset) {
        return Ok(moment);
    }
    let (mut year, mut month, mut day, mut clock, mut offset) = (None, None, None, Time::MIDNIGHT, offset);
    for word in text.split([' ', '-', ',']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            clock = time_of(word).ok_or_else(wrong)?;
        } else if let Ok(number) = word.parse::<i32>() {
            match number {
                1..=31 if day.is_none() => day = u8::try_from(number).ok(),
                1970..=9999 if year.is_none() => year = Some(number),
                _ => return Err(wrong()),
            }
        } else if matches!(word, "UTC" | "GMT" | "Z") {
            offset = UtcOffset::UTC;
        } else if month.is_none() {
            month = Some(month_of(word).ok_or_else(wrong)?);
        } else {
            return Err(wrong());
        }
    }
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return Err(wrong());
    };
    let date = Date::from_calendar_date(year, month, day).map_err(|_| wrong())?;
    Ok(PrimitiveDateTime::new(date, clock).assume_offset(offset))
}

/// Reads an offset: `+02:00`, `-0330`, `+2`, `Z`.
///
/// # Errors
/// In words, when it is none.
pub fn offset(text: &str) -> Result<UtcOffset, String> {
    let wrong = || format!("\"{text}\" is no offset, such as +02:00");
    if matches!(text, "Z" | "z" | "UTC" | "0") {
        return Ok(UtcOffset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 4) => rest.split_at_checked(2).ok_or_else(wrong)?,
        (None, 1 | 2) => (rest, "0"),
        _ => return Err(wrong()),
    };
    let number = |text: &str| {
        text.parse::<i8>()
            .ok()
            .filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()))
    };
    let (hours, minutes) = (
        number(hours).ok_or_else(wrong)?,
        number(minutes).ok_or_else(wrong)?,
    );
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).map_err(|_| wrong())
}

/// `2026-11-21[( |T)10:00:00[.25][+02[:00]|Z]]`
fn iso(text: &str, usual: UtcOffset) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = Date::from_calendar_date(
        year.parse().ok()?,
        month.parse::<u8>().ok()?.try_into().ok()?,
        day.parse().ok()?,
    )
    .ok()?;
    if rest.is_empty() {
        return Some(date.midnight().assume_offset(usual));
    }
    let rest = rest.strip_prefix([' ', 'T'])?.trim();
    let clock_len = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(clock_len)?;
    let zone = if zone.is_empty() {
        usual
    } else {
        offset(zone).ok()?
    };
    Some(PrimitiveDateTime::new(date, time_of(clock.trim())?).assume_offset(zone))
}

/// `10:00[:00[.25]]`
fn time_of(text: &str) -> Option<Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse::<u32>().ok()?;
    Time::from_hms_nano(hour, minute, second, nanos).ok()
}

/// A month by the first three letters of its name.
fn month_of(word: &str) -> Option<Month> {
    const NAMES: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let short = word.get(..3)?.to_ascii_lowercase();
    let at = NAMES.iter().position(|name| *name == short)?;
    u8::try_from(at + 1).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn moments_of_both_databases_are_read() {
        let two = UtcOffset::from_hms(2, 0, 0).expect("an offset");
        for (text, moment) in [
            ("2026-11-21 10:00:00", datetime!(2026-11-21 8:00 UTC)),
            ("2026-11-21 10:00:00+00", datetime!(2026-11-21 10:00 UTC)),
            (
                "2026-11-21 10:00:00.25-03:30",
                datetime!(2026-11-21 13:30:00.25 UTC),
            ),
            ("2026-11-21T10:00:00Z", datetime!(2026-11-21 10:00 UTC)),
        ] {
            assert_eq!(stored(text, two), Ok(Some(moment)), "{text}");
        }
        assert_eq!(stored("0000-00-00 00:00:00", two), Ok(None));
        assert!(stored("yesterday", two).is_err() && stored("2026-13-01 00:00:00", two).is_err());
    }

    #[test]
    fn expirations_are_read_as_people_write_them() {
        for (text, moment) in [
            ("Jan 31 2027", datetime!(2027-01-31 0:00 UTC)),
            ("31 Jan 2027", datetime!(2027-01-31 0:00 UTC)),
            ("January 31 2027 12:30:05", datetime!(2027-01-31 12:30:05 UTC)),
            ("31 Jan 2027 12:30", datetime!(2027-01-31 12:30 UTC)),
            ("2027-01-31", datetime!(2027-01-31 0:00 UTC)),
            ("2027-01-31T12:00:00", datetime!(2027-01-31 12:00 UTC)),
            ("1801353600", datetime!(2027-01-31 0:00 UTC)),
        ] {
            assert_eq!(expiration(text, UtcOffset::UTC), Ok(moment), "{text}");
        }
        for wrong in ["", "never", "32 Jan 2027", "Jan 2027", "31 Jan 2027 25:00"] {
            assert!(expiration(wrong, UtcOffset::UTC).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_moment_or_none(text: String) {
            drop((stored(&text, UtcOffset::UTC), expiration(&text, UtcOffset::UTC), offset(&text)));
        }
    }
}
