//! When a period begins and ends, by the clock of a place. Never reads a clock: it is handed Unix seconds.
//!
//! A day lasts from one midnight to the next, however many hours that is; where the clock is put forward at midnight, it begins
//! when that day's clock does. A week begins on its reset day, a month on its, or on the last day where the month has no such.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// How often a quota begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// At each midnight.
    Day,
    /// On this day of the week, 1 is Monday.
    Week(i8),
    /// On this day of the month.
    Month(i8),
}

/// A time from one reset to the next, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first second.
    pub began_unix_s: i64,
    /// The first second of the next.
    pub ends_unix_s: i64,
}

impl Every {
    /// As it is stored.
    #[must_use]
    pub fn of(period: &str, reset_day: i32) -> Option<Self> {
        let day = i8::try_from(reset_day).ok()?;
        match (period, day) {
            ("day", 1) => Some(Self::Day),
            ("week", 1..=7) => Some(Self::Week(day)),
            ("month", 1..=31) => Some(Self::Month(day)),
            _ => None,
        }
    }

    /// The period that holds at a moment; `None` for years no calendar has.
    #[must_use]
    pub fn at(self, zone: &TimeZone, unix_s: i64) -> Option<Period> {
        let now = Timestamp::from_second(unix_s).ok()?;
        let today = zone.to_datetime(now).date();
        let (first, next) = self.around(today)?;
        let begins = |date: Date| Some(zone.to_zoned_begin(date)?.as_second());
        Some(Period {
            began_unix_s: begins(first)?,
            ends_unix_s: begins(next)?,
        })
    }

    /// The first day of the period that a day belongs to, and of the next one.
    fn around(self, today: Date) -> Option<(Date, Date)> {
        match self {
            Self::Day => Some((today, today.tomorrow().ok()?)),
            Self::Week(day) => {
                let since = (today.weekday().to_monday_one_offset() - day).rem_euclid(7);
                let first = today.checked_sub(since.days()).ok()?;
                Some((first, first.checked_add(7.days()).ok()?))
            }
            Self::Month(day) => {
                let this = reset_in(today, day)?;
                let (before, after) = (
                    today.first_of_month().checked_sub(1.month()),
                    today.first_of_month().checked_add(1.month()),
                );
                if today < this {
                    Some((reset_in(before.ok()?, day)?, this))
                } else {
                    Some((this, reset_in(after.ok()?, day)?))
                }
            }
        }
    }
}

/// The day in the month of another one on which it begins anew.
fn reset_in(month: Date, day: i8) -> Option<Date> {
    Date::new(month.year(), month.month(), day.min(month.days_in_month())).ok()
}

/// When a day begins somewhere.
trait Begin {
    /// The first moment of a day.
    fn to_zoned_begin(&self, date: Date) -> Option<Timestamp>;
}

impl Begin for TimeZone {
    fn to_zoned_begin(&self, date: Date) -> Option<Timestamp> {
        // Midnight; where the clock jumps over it, as much later as it jumps; where it comes twice, the first.
        let midnight = self.to_ambiguous_zoned(date.to_datetime(jiff::civil::Time::midnight()));
        midnight.compatible().ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Unix seconds of an instant.
    fn at(instant: &str) -> i64 {
        instant.parse::<Timestamp>().expect("an instant").as_second()
    }

    /// Asserts when the period around an instant begins and ends.
    #[track_caller]
    fn check(every: Every, zone: &str, instant: &str, began: &str, ends: &str) {
        let zone = TimeZone::get(zone).expect("a zone");
        let expected = Period {
            began_unix_s: at(began),
            ends_unix_s: at(ends),
        };
        assert_eq!(every.at(&zone, at(instant)), Some(expected), "{instant}");
    }

    #[test]
    fn a_period_is_that_of_the_place_also_when_its_clock_is_changed() {
        let (day, month) = (Every::Day, Every::Month(1));
        // A day of 23 hours and one of 25 in Berlin.
        check(
            day,
            "Europe/Berlin",
            "2026-03-29T10:00:00Z",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        );
        check(
            day,
            "Europe/Berlin",
            "2026-10-25T00:30:00Z",
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        );
        // The hour that comes twice belongs to one day.
        check(
            day,
            "Europe/Berlin",
            "2026-10-25T01:30:00Z",
            "2026-10-24T22:00:00Z",
            "2026-10-25T23:00:00Z",
        );
        // In Santiago de Chile and Beirut the clock goes from midnight to one: there is no midnight on those days.
        check(
            day,
            "America/Santiago",
            "2026-09-06T12:00:00Z",
            "2026-09-06T04:00:00Z",
            "2026-09-07T03:00:00Z",
        );
        check(
            day,
            "Asia/Beirut",
            "2026-03-29T12:00:00Z",
            "2026-03-28T22:00:00Z",
            "2026-03-29T21:00:00Z",
        );
        // In Santiago it also goes from midnight back to eleven, and in Havana from one to midnight.
        check(
            day,
            "America/Santiago",
            "2026-04-05T03:30:00Z",
            "2026-04-04T03:00:00Z",
            "2026-04-05T04:00:00Z",
        );
        check(
            day,
            "America/Havana",
            "2026-11-01T04:30:00Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
        );
        check(
            day,
            "America/Havana",
            "2026-11-01T05:30:00Z",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
        );
        // Half an hour, three quarters, and the far side of the date line.
        check(
            day,
            "Asia/Kolkata",
            "2026-11-22T18:30:00Z",
            "2026-11-22T18:30:00Z",
            "2026-11-23T18:30:00Z",
        );
        check(
            day,
            "Asia/Kathmandu",
            "2026-11-22T18:14:59Z",
            "2026-11-21T18:15:00Z",
            "2026-11-22T18:15:00Z",
        );
        check(
            day,
            "Pacific/Kiritimati",
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00Z",
            "2026-11-23T10:00:00Z",
        );
        // Samoa had no 30 December 2011.
        check(
            day,
            "Pacific/Apia",
            "2011-12-30T09:59:59Z",
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
        );
        check(
            day,
            "Pacific/Apia",
            "2011-12-30T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z",
        );
        // A month of which one half is summer time.
        check(
            month,
            "Europe/Berlin",
            "2026-03-31T21:59:59Z",
            "2026-02-28T23:00:00Z",
            "2026-03-31T22:00:00Z",
        );
        check(
            month,
            "UTC",
            "2026-12-31T23:59:59Z",
            "2026-12-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        );
    }

    #[test]
    fn a_week_begins_on_its_day_and_a_month_on_its_or_its_last() {
        // 22 November 2026 is a Sunday.
        check(
            Every::Week(1),
            "UTC",
            "2026-11-22T12:00:00Z",
            "2026-11-16T00:00:00Z",
            "2026-11-23T00:00:00Z",
        );
        check(
            Every::Week(7),
            "UTC",
            "2026-11-22T00:00:00Z",
            "2026-11-22T00:00:00Z",
            "2026-11-29T00:00:00Z",
        );
        check(
            Every::Week(7),
            "UTC",
            "2026-11-21T23:59:59Z",
            "2026-11-15T00:00:00Z",
            "2026-11-22T00:00:00Z",
        );
        check(
            Every::Month(15),
            "UTC",
            "2026-11-14T23:59:59Z",
            "2026-10-15T00:00:00Z",
            "2026-11-15T00:00:00Z",
        );
        check(
            Every::Month(31),
            "UTC",
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00Z",
            "2026-03-31T00:00:00Z",
        );
        check(
            Every::Month(31),
            "UTC",
            "2028-02-28T00:00:00Z",
            "2028-01-31T00:00:00Z",
            "2028-02-29T00:00:00Z",
        );
        check(
            Every::Month(30),
            "UTC",
            "2026-03-01T00:00:00Z",
            "2026-02-28T00:00:00Z",
            "2026-03-30T00:00:00Z",
        );
    }

    #[test]
    fn only_what_can_be_stored_is_a_period() {
        for (period, day) in [
            ("day", 2),
            ("week", 0),
            ("week", 8),
            ("month", 32),
            ("year", 1),
            ("month", 400),
        ] {
            assert_eq!(Every::of(period, day), None, "{period} {day}");
        }
        assert_eq!(Every::of("month", 31), Some(Every::Month(31)));
    }

    proptest! {
        #[test]
        fn every_moment_is_in_one_period_and_none_is_left_out(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Santiago", "America/Havana", "Asia/Kathmandu",
                "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran", "Asia/Gaza"]),
            // 1990 to 2090: also zones that changed their minds.
            unix_s in 631_152_000_i64..3_786_912_000,
            every in prop_oneof![Just(Every::Day), (1..=7_i8).prop_map(Every::Week), (1..=31_i8).prop_map(Every::Month)],
        ) {
            let zone = TimeZone::get(zone).expect("a zone");
            let now = every.at(&zone, unix_s).expect("a period");
            prop_assert!(now.began_unix_s <= unix_s && unix_s < now.ends_unix_s, "{:?}", now);
            let next = every.at(&zone, now.ends_unix_s).expect("a period");
            prop_assert_eq!(next.began_unix_s, now.ends_unix_s);
            for inside in [now.began_unix_s, now.ends_unix_s - 1] {
                prop_assert_eq!(every.at(&zone, inside), Some(now));
            }
        }
    }
}
