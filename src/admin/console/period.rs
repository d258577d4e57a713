//! Spans of time that pages count and list: the last 24 hours in hours, the last days in days of UTC.

use time::{Date, Month, OffsetDateTime};

use crate::store::records::Timestamp;

pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;

/// The beginning of the last 24 hours, the one that is not over included.
pub(super) fn last_hours(now: Timestamp) -> Timestamp {
    let hour = now.seconds().div_euclid(HOUR);
    Timestamp::from_seconds((hour - 23) * HOUR)
}

/// The beginning of so many days, today included; of one, that of the last 24 hours.
pub(super) fn last_days(now: Timestamp, days: u32) -> Timestamp {
    if days <= 1 {
        return last_hours(now);
    }
    let today = now.seconds().div_euclid(DAY);
    Timestamp::from_seconds((today + 1).saturating_sub(i64::from(days)) * DAY)
}

/// The beginning of a day, as `2026-11-29`.
pub(super) fn day(text: &str) -> Option<Timestamp> {
    let mut parts = text.trim().splitn(3, '-');
    let mut next = || parts.next();
    let year = next()?.parse().ok()?;
    let month: u8 = next()?.parse().ok()?;
    let day = next()?.parse().ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let begun = date.midnight().assume_utc();
    Some(Timestamp::from_seconds(begun.unix_timestamp()))
}

/// The day of a time, as [`day`] reads it.
pub(super) fn date(time: Timestamp) -> String {
    match OffsetDateTime::from_unix_timestamp(time.seconds()) {
        Ok(it) => format!(
            "{:04}-{:02}-{:02}",
            it.year(),
            u8::from(it.month()),
            it.day()
        ),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_with_an_hour_or_a_day() {
        let now = Timestamp::from_seconds(day("2026-11-29").unwrap().seconds() + 12 * HOUR + 345);
        let begins = |days| super::super::shown::minute(last_days(now, days));
        assert_eq!(begins(1), "2026-11-28 13:00");
        assert_eq!(begins(2), "2026-11-28 00:00");
        assert_eq!(begins(30), "2026-10-31 00:00");
        assert_eq!(date(now), "2026-11-29");
        for wrong in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "x-1-1",
            "2026-1-1-1",
            "99999-1-1",
        ] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
