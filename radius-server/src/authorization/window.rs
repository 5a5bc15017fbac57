//! Hours of the week at which other speeds hold, by the clock of a place.
//! Never reads a clock: it is handed Unix seconds, and answers which window it is and when that changes.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Minutes of a day.
const DAY_MIN: u16 = 24 * 60;
/// Minutes of a week.
const WEEK_MIN: u16 = 7 * DAY_MIN;
/// The days, the first first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A window: on these days, between two times of day, these speeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Days,
    /// When it begins.
    pub from: TimeOfDay,
    /// When it ends; not after `from` means on the next day.
    pub to: TimeOfDay,
    /// Towards the subscriber, bit/s.
    pub download_bps: u64,
    /// From the subscriber, bit/s.
    pub upload_bps: u64,
}

/// Days of the week; bit 0 is Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

/// Minutes since midnight, as `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(u16);

/// A time zone, by its IANA name.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// Why windows are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowError {
    /// One has no day.
    Empty {
        /// Which one.
        place: usize,
    },
    /// Two hold at once.
    Overlap {
        /// One.
        place: usize,
        /// The other.
        other: usize,
    },
}

/// What holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Which window; `None`: none.
    pub window: Option<usize>,
    /// For how many seconds, at least one.
    pub for_s: u32,
}

/// Which window holds at a moment, and until when. Without windows nothing ever changes.
///
/// When the clock of the place is put forward or back within the time that is left, the end is where that clock says it is.
#[must_use]
pub fn holds(windows: &[Window], zone: Option<&Zone>, unix_s: i64) -> Option<Holds> {
    let local = |unix_s: i64| {
        let offset = zone.map_or(0, |zone| zone.offset_s(unix_s));
        unix_s.saturating_add(offset)
    };
    let week_s = i64::from(WEEK_MIN) * 60;
    // 1 January 1970 was a Thursday.
    let since_monday = (local(unix_s) + 3 * i64::from(DAY_MIN) * 60).rem_euclid(week_s);
    let minute = u16::try_from(since_monday / 60).ok()?;
    let window = windows.iter().position(|window| window.contains(minute));
    let left_min = windows
        .iter()
        .filter_map(|window| window.next_edge(minute))
        .min()?;
    let left_s = i64::from(left_min) * 60 - since_monday % 60;
    // The edge is a time of the local clock: if that jumps before it, it comes so much earlier or later.
    let jump = local(unix_s + left_s) - local(unix_s) - left_s;
    Some(Holds {
        window,
        for_s: u32::try_from((left_s - jump).max(1)).unwrap_or(u32::MAX),
    })
}

/// Whether windows make sense together.
///
/// # Errors
/// [`WindowError`].
pub fn check(windows: &[Window]) -> Result<(), WindowError> {
    for (place, window) in windows.iter().enumerate() {
        if window.days.0 == 0 {
            return Err(WindowError::Empty { place });
        }
        let earlier = windows.iter().take(place);
        for (other, earlier) in earlier.enumerate() {
            let begins = window.begins().any(|minute| earlier.contains(minute));
            if begins || earlier.begins().any(|minute| window.contains(minute)) {
                return Err(WindowError::Overlap { place, other });
            }
        }
    }
    Ok(())
}

impl Window {
    /// How many minutes it lasts; a whole day when it ends when it begins.
    fn minutes(&self) -> u16 {
        match (self.to.0 + DAY_MIN - self.from.0) % DAY_MIN {
            0 => DAY_MIN,
            minutes => minutes,
        }
    }

    /// The minutes of the week at which it begins.
    fn begins(&self) -> impl Iterator<Item = u16> {
        let (days, from) = (self.days, self.from.0);
        (0..7)
            .filter(move |day| days.0 & (1 << day) != 0)
            .map(move |day| day * DAY_MIN + from)
    }

    /// Whether it holds at a minute of the week.
    fn contains(&self, minute: u16) -> bool {
        let minutes = self.minutes();
        self.begins().any(|begin| after(begin, minute) < minutes)
    }

    /// Minutes from a minute of the week until it begins or ends next.
    fn next_edge(&self, minute: u16) -> Option<u16> {
        let minutes = self.minutes();
        let edges = self
            .begins()
            .flat_map(|begin| [begin, (begin + minutes) % WEEK_MIN]);
        // An edge that is now has just been passed.
        edges
            .map(|edge| match after(minute, edge) {
                0 => WEEK_MIN,
                left => left,
            })
            .min()
    }

    /// In words: `mon,tue 18:00-23:00`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} {}-{}", self.days.words().join(","), self.from, self.to)
    }
}

/// Minutes from one minute of the week to another.
fn after(from: u16, to: u16) -> u16 {
    (to + WEEK_MIN - from) % WEEK_MIN
}

impl Days {
    /// Their names.
    fn words(self) -> Vec<&'static str> {
        let named = DAYS.iter().enumerate();
        named
            .filter(|(day, _)| self.0 & (1 << day) != 0)
            .map(|(_, name)| *name)
            .collect()
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let mut days = 0;
        for name in names {
            let day = DAYS.iter().position(|known| *known == name);
            let day = day.ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "{name:?} is no day: write mon, tue, wed, thu, fri, sat or sun"
                ))
            })?;
            days |= 1 << day;
        }
        Ok(Self(days))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = || {
            let (hours, minutes) = text.split_once(':')?;
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            // 24:00 is midnight, at the other end of the day.
            match (hours, minutes) {
                (24, 0) => Some(0),
                (..=23, ..=59) => Some(hours * 60 + minutes),
                _ => None,
            }
        };
        let minutes = read().ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is no time of day: write HH:MM, 00:00 to 24:00"))
        })?;
        Ok(Self(minutes))
    }
}

impl Zone {
    /// The zone of an IANA name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        // The tables are built in: what holds must not depend on the machine.
        TimeZone::get(name).ok().map(Self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// How many seconds its clock is ahead of UTC at a moment.
    fn offset_s(&self, unix_s: i64) -> i64 {
        let at = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.0.to_offset(at).seconds())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name()).finish()
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{name:?} is no time zone: write one such as Europe/Berlin"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Evenings of weekdays, and the nights of weekends.
    fn windows() -> Vec<Window> {
        serde_json::from_str(
            r#"[{"days": ["mon","tue","wed","thu","fri"], "from": "18:00", "to": "23:00", "download_bps": 1, "upload_bps": 1},
                {"days": ["fri","sat","sun"], "from": "23:30", "to": "06:00", "download_bps": 2, "upload_bps": 2}]"#,
        )
        .expect("windows")
    }

    /// Asserts what holds at an instant.
    #[track_caller]
    fn check_at(zone: &str, instant: &str, window: Option<usize>, for_s: u32) {
        let at: Timestamp = instant.parse().expect("an instant");
        let zone = Zone::named(zone).expect("a zone");
        assert_eq!(
            holds(&windows(), Some(&zone), at.as_second()),
            Some(Holds { window, for_s }),
            "{instant}"
        );
    }

    #[test]
    fn the_window_and_its_end_are_those_of_the_place() {
        // 17 November 2026 is a Tuesday.
        check_at("UTC", "2026-11-17T17:59:59Z", None, 1);
        check_at("UTC", "2026-11-17T18:00:00Z", Some(0), 5 * 3_600);
        check_at("Europe/Berlin", "2026-11-17T17:00:00Z", Some(0), 5 * 3_600);
        check_at("UTC", "2026-11-17T23:00:00Z", None, 19 * 3_600);
        // From Sunday's night into Monday, over the end of the week.
        check_at("UTC", "2026-11-23T05:59:00Z", Some(1), 60);
        check_at("UTC", "2026-11-22T23:30:00Z", Some(1), 6 * 3_600 + 1_800);
    }

    #[test]
    fn a_window_ends_by_the_clock_that_was_put_back_or_forward() {
        // 25 October 2026, a Sunday: the clock of Berlin goes from 3:00 back to 2:00. The night began at 23:30 on Saturday.
        check_at(
            "Europe/Berlin",
            "2026-10-24T21:30:00Z",
            Some(1),
            7 * 3_600 + 1_800,
        );
        // 28 March 2027, a Sunday: from 2:00 to 3:00.
        check_at(
            "Europe/Berlin",
            "2027-03-27T22:30:00Z",
            Some(1),
            5 * 3_600 + 1_800,
        );
    }

    #[test]
    fn windows_that_overlap_are_refused() {
        let mut windows = windows();
        assert_eq!(check(&windows), Ok(()));
        windows[1].from = TimeOfDay(22 * 60);
        assert_eq!(check(&windows), Err(WindowError::Overlap { place: 1, other: 0 }));
        windows[1].days = Days(0);
        assert_eq!(check(&windows), Err(WindowError::Empty { place: 1 }));
    }

    proptest! {
        /// Whatever holds now holds until the second before its end; there it changes, or another day's begins.
        #[test]
        fn what_holds_holds_until_its_end(days in 1_u8..128, from in 0_u16..1440, to in 0_u16..1440, at in 0_i64..4_000_000_000) {
            let window = Window { days: Days(days), from: TimeOfDay(from), to: TimeOfDay(to), download_bps: 1, upload_bps: 1 };
            let windows = [window];
            let now = holds(&windows, None, at).expect("a window");
            let end = at + i64::from(now.for_s);
            prop_assert_eq!(holds(&windows, None, end - 1).expect("a window").window, now.window);
            let whole_week = days == 127 && from == to;
            let back_to_back = from == to;
            if !whole_week && !back_to_back {
                prop_assert_ne!(holds(&windows, None, end).expect("a window").window, now.window);
            }
        }
    }
}
