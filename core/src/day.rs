//! UTC days, as keys of objects and columns of tables name them: `YYYY-MM-DD`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use crate::ids::IdError;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const EPOCH: Date = date(1970, 1, 1);

/// A day of the years 0000 to 9999, ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    const FIRST: Date = date(0, 1, 1);
    const LAST: Date = date(9999, 12, 31);

    /// The day of a moment in Unix milliseconds; of moments beyond the years 0000 to 9999 the first or last day.
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        Self(EPOCH).plus(ms.div_euclid(DAY_MS))
    }

    /// Its first moment, in Unix milliseconds.
    #[must_use]
    pub fn start_ms(self) -> i64 {
        self.since(Self(EPOCH)) * DAY_MS
    }

    /// The day so many days later; the first or last one where there is none.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        let [first, last] = [Self::FIRST, Self::LAST].map(|date| Self(date).since(Self(EPOCH)));
        let day = self.since(Self(EPOCH)).saturating_add(days).clamp(first, last);
        Self(EPOCH.saturating_add(SignedDuration::from_hours(24 * day)))
    }

    /// How many days later than `earlier` it is.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.duration_since(earlier.0).as_hours() / 24
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl FromStr for Day {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse(text).map(Self).ok_or_else(|| IdError {
            what: "day",
            found: text.chars().take(64).collect(),
            expected: "YYYY-MM-DD, a day that there is",
        })
    }
}

/// The one form that a day has. The library's parser knows all others too, which are a twentieth of the Worker.
fn parse(text: &str) -> Option<Date> {
    let digits = |range| {
        let digits: &str = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
    };
    let is_form = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    is_form.then(|| Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok())?
}

impl TryFrom<String> for Day {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_of_moments() {
        for (ms, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (DAY_MS - 1, "1970-01-01"),
            (DAY_MS, "1970-01-02"),
            (951_782_400_000, "2000-02-29"),
            (951_868_800_000, "2000-03-01"),
            (1_700_000_000_000, "2023-11-14"),
            (4_107_542_400_000, "2100-03-01"),
            (i64::MAX, "9999-12-31"),
            (i64::MIN, "0000-01-01"),
        ] {
            assert_eq!(Day::of_ms(ms).to_string(), expected, "{ms}");
        }
        assert_eq!("2000-02-29".parse::<Day>().expect("a day").start_ms(), 951_782_400_000);
    }

    #[test]
    fn what_is_no_day() {
        for text in [
            "",
            "2023-02-29",
            "2100-02-29",
            "2023-00-01",
            "2023-13-01",
            "2023-01-00",
            "2023-01-32",
            "2023-1-01",
            "2023/01/01",
            "2023-01-01T00:00",
            "+023-01-01",
            "-023-01-01",
            "20230101",
            "2023-01-0é",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_then_parsed(days in -719_528_i64..=2_932_896) {
            let day = Day(EPOCH).plus(days);
            prop_assert_eq!(day.since(Day(EPOCH)), days);
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
            prop_assert_eq!(Day::of_ms(day.start_ms()), day);
            prop_assert_eq!(Day::of_ms(day.start_ms() + DAY_MS - 1), day);
        }

        #[test]
        fn ordered_as_written(a in -719_528_i64..=2_932_896, b in -719_528_i64..=2_932_896) {
            let (a, b) = (Day(EPOCH).plus(a), Day(EPOCH).plus(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(b.plus(a.since(b)), a);
            prop_assert!(Day::of_ms(a.start_ms()) == a);
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in ".{0,20}") {
            let _ = text.parse::<Day>();
        }
    }
}
