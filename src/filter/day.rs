//! A day of the calendar, for rules that expire.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A day, counted from 1970-01-01 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// Today.
    pub fn today() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        Self(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX))
    }

    /// Reads `2027-06-30`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no day; write year, month and day such as 2027-06-30");
        let shape = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
        let mut parts = text.split('-').map(str::parse::<i64>);
        let mut next = || parts.next()?.ok();
        let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else {
            return Err(wrong());
        };
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if !shape || !(1970..=9999).contains(&year) || !(1..=days).contains(&day) {
            return Err(wrong());
        }
        // Days from the civil calendar, the year taken to begin in March.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let of_year = (153 * month + 2) / 5 + day - 1;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
        Ok(Self(days - 719_468))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 {
            (0, month + 3)
        } else {
            (1, month - 9)
        };
        let year = year + year_of_era + era * 400;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_and_shown() {
        assert_eq!(Day::parse("1970-01-01"), Ok(Day(0)));
        assert_eq!(Day::parse("2000-03-01"), Ok(Day(11_017)));
        for day in ["1999-12-31", "2024-02-29", "2026-11-23", "2100-03-01"] {
            assert_eq!(Day::parse(day).map(|day| day.to_string()), Ok(day.into()));
        }
        for wrong in [
            "2023-02-29",
            "2026-13-01",
            "2026-1-1",
            "soon",
            "2026-11-00",
            "",
            "12345-1-1",
        ] {
            assert!(Day::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Day::today() > Day::parse("2026-01-01").expect("a day"));
    }
}
