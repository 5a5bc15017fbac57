//! When something is done again and again: the five fields of cron, in UTC.
//! Never knows what is done, and never reads a clock.

use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime, Time};

/// How far ahead a moment is looked for; an expression that has none until then has none (30 February).
const DAYS_MAX: usize = 366 * 8;

/// `minute hour day-of-month month day-of-week`: numbers, `*`, ranges `1-5`, steps `*/15` or `0-30/10`, lists of these. Sunday is
/// 0 or 7. As in cron, a day is meant when either of its two fields says so, if both are restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    /// Minutes, a bit each.
    minutes: u64,
    /// Hours.
    hours: u64,
    /// Days of the month.
    days: u64,
    /// Months.
    months: u64,
    /// Days of the week, Sunday 0.
    weekdays: u64,
    /// Whether both kinds of day are restricted.
    either: bool,
}

/// The text is no such expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is no field of five such as \"*/15 3 * * 1-5\" (minute hour day month weekday)")]
pub struct CronError {
    /// The field that is wrong, or all of the text.
    pub field: String,
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(CronError {
                field: text.to_owned(),
            });
        };
        let mut week = bits(weekdays, 0, 7)?;
        week |= week >> 7 & 1;
        Ok(Self {
            minutes: bits(minutes, 0, 59)?,
            hours: bits(hours, 0, 23)?,
            days: bits(days, 1, 31)?,
            months: bits(months, 1, 12)?,
            weekdays: week & 0x7f,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }
}

impl Cron {
    /// The next moment after this one; `None` when there is none for years.
    #[must_use]
    pub fn next_after(&self, after: OffsetDateTime) -> Option<OffsetDateTime> {
        let after = after.to_offset(time::UtcOffset::UTC);
        let first = after.replace_second(0).ok()?.replace_nanosecond(0).ok()? + Duration::minutes(1);
        let mut date = first.date();
        let mut from = (first.hour(), first.minute());
        for _ in 0..DAYS_MAX {
            if self.has_day(date)
                && let Some(time) = self.time_from(from)
            {
                return Some(date.with_time(time).assume_utc());
            }
            date = date.next_day()?;
            from = (0, 0);
        }
        None
    }

    /// Whether a day is one of its days.
    fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().number_days_from_sunday());
        let meant = if self.either {
            day || weekday
        } else {
            day && weekday
        };
        meant && has(self.months, u8::from(date.month()))
    }

    /// The first of its times of day at or after this one.
    fn time_from(&self, (hour, minute): (u8, u8)) -> Option<Time> {
        (hour..24).filter(|at| has(self.hours, *at)).find_map(|at| {
            let from = if at == hour { minute } else { 0 };
            let minute = (from..60).find(|minute| has(self.minutes, *minute))?;
            Time::from_hms(at, minute, 0).ok()
        })
    }
}

/// Whether a number's bit is set.
fn has(bits: u64, number: u8) -> bool {
    bits >> number & 1 == 1
}

/// The numbers of a field as bits.
fn bits(field: &str, low: u8, high: u8) -> Result<u64, CronError> {
    let wrong = || CronError {
        field: field.to_owned(),
    };
    let number = |text: &str| -> Result<u8, CronError> {
        let found = text.parse::<u8>().map_err(|_| wrong())?;
        if (low..=high).contains(&found) {
            Ok(found)
        } else {
            Err(wrong())
        }
    };
    let mut all = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                Some(
                    step.parse::<u8>()
                        .ok()
                        .filter(|step| *step > 0)
                        .ok_or_else(wrong)?,
                ),
            ),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/10` means from 5 on.
            None if step.is_some() => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(wrong());
        }
        (from..=to)
            .step_by(usize::from(step.unwrap_or(1)))
            .for_each(|number| all |= 1 << number);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check(text: &str, after: OffsetDateTime, expected: OffsetDateTime) {
        let cron: Cron = text.parse().expect("an expression");
        assert_eq!(cron.next_after(after), Some(expected), "{text}");
    }

    #[test]
    fn the_next_moment() {
        let now = datetime!(2026-11-22 01:59:30 UTC); // a Sunday
        check("* * * * *", now, datetime!(2026-11-22 02:00 UTC));
        check("*/15 * * * *", now, datetime!(2026-11-22 02:00 UTC));
        check("7 1 * * *", now, datetime!(2026-11-23 01:07 UTC));
        check("0 3 1 * *", now, datetime!(2026-12-01 03:00 UTC));
        check("0 0 29 2 *", now, datetime!(2028-02-29 00:00 UTC));
        check("30 4 * * 1-5", now, datetime!(2026-11-23 04:30 UTC));
        check("30 4 * * 7", now, datetime!(2026-11-22 04:30 UTC));
        check("0 12 13 * 5", now, datetime!(2026-11-27 12:00 UTC)); // a Friday or a thirteenth
        check("5,10-12,50/5 2 * * *", now, datetime!(2026-11-22 02:05 UTC));
    }

    #[test]
    fn a_moment_itself_is_not_after_it() {
        let now = datetime!(2026-11-22 02:00 UTC);
        check("0 2 * * *", now, datetime!(2026-11-23 02:00 UTC));
    }

    #[test]
    fn what_never_comes_has_no_next() {
        let cron: Cron = "0 0 30 2 *".parse().expect("an expression");
        assert_eq!(cron.next_after(datetime!(2026-11-22 02:00 UTC)), None);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }

    proptest! {
        /// Whatever is written is read or refused, and a moment that is found is later and has no seconds.
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9*/,-]{1,8}( [0-9*/,-]{1,6}){4}", seconds in 0i64..4_000_000_000) {
            if let Ok(cron) = text.parse::<Cron>() {
                let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| TestCaseError::fail(error.to_string()))?;
                if let Some(next) = cron.next_after(now) {
                    prop_assert!(next > now && next.second() == 0);
                }
            }
        }
    }
}
