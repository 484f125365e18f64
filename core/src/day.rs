//! UTC days, as keys of objects and columns of tables name them: `YYYY-MM-DD`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A day of the years 0000 to 9999, ordered by time.
// Two short functions in place of a calendar library, which would be a tenth of the Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    /// Since 1970-01-01.
    days: i64,
}

impl Day {
    const FIRST: i64 = -719_528;
    const LAST: i64 = 2_932_896;

    /// The day of a moment in Unix milliseconds; of moments beyond the years 0000 to 9999 the first or last day.
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        Self { days: ms.div_euclid(DAY_MS).clamp(Self::FIRST, Self::LAST) }
    }

    /// Its first moment, in Unix milliseconds.
    #[must_use]
    pub fn start_ms(self) -> i64 {
        self.days * DAY_MS
    }

    /// The day so many days later; the last one at most.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self { days: self.days.saturating_add(days).clamp(Self::FIRST, Self::LAST) }
    }

    /// How many days later than `earlier` it is.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.days - earlier.days
    }

    /// Year, month and day of month: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
    fn civil(self) -> (i64, i64, i64) {
        let shifted = self.days - Self::FIRST - 60;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months count from March.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// The inverse of `civil`, for any numbers: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
    fn of_civil(year: i64, month: i64, day: i64) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self { days: era * 146_097 + day_of_era + Self::FIRST + 60 }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            what: "day",
            found: text.chars().take(64).collect(),
            expected: "YYYY-MM-DD, a day that there is",
        };
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<i64>().ok()).ok_or_else(wrong)
        };
        let day = Self::of_civil(number(0..4)?, number(5..7)?, number(8..10)?);
        // A 30th of February, another separator, or more behind it is written otherwise.
        if (Self::FIRST..=Self::LAST).contains(&day.days) && day.to_string() == text {
            Ok(day)
        } else {
            Err(wrong())
        }
    }
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
        fn written_then_parsed(days in Day::FIRST..=Day::LAST) {
            let day = Day { days };
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
            prop_assert_eq!(Day::of_ms(day.start_ms()), day);
            prop_assert_eq!(Day::of_ms(day.start_ms() + DAY_MS - 1), day);
        }

        #[test]
        fn ordered_as_written(a in Day::FIRST..=Day::LAST, b in Day::FIRST..=Day::LAST) {
            let (a, b) = (Day { days: a }, Day { days: b });
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(b.plus(a.since(b)), a);
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in ".{0,20}") {
            let _ = text.parse::<Day>();
        }
    }
}
