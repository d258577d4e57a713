//! A day of the calendar, for rules that expire.

use std::fmt;

use time::{Date, Month, OffsetDateTime};

use crate::filter::rule_error::RuleError;

/// A day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day of a Unix time in seconds.
    pub fn of_unix(seconds: u64) -> Self {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let time = OffsetDateTime::from_unix_timestamp(seconds);
        Self(time.map_or(Date::MAX, OffsetDateTime::date))
    }

    /// Parses `2027-06-30`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let wrong = || RuleError::NotADate(text.to_owned());
        let shape = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
        let mut parts = text.split('-').map(str::parse::<u16>);
        let mut next = || parts.next()?.ok();
        let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else {
            return Err(wrong());
        };
        if !shape || year < 1970 {
            return Err(wrong());
        }
        let month = u8::try_from(month).map(Month::try_from);
        let (Ok(Ok(month)), Ok(day)) = (month, u8::try_from(day)) else {
            return Err(wrong());
        };
        Date::from_calendar_date(year.into(), month, day)
            .map(Self)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        assert_eq!(Day::parse("1970-01-01"), Ok(Day::of_unix(0)));
        assert_eq!(Day::parse("2000-03-01"), Ok(Day::of_unix(11_017 * 86_400)));
        assert!(Day::of_unix(u64::MAX) > Day::of_unix(0));
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
    }
}
