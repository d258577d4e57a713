//! Times as verbs print and read them.

use std::time::Duration;

use time::OffsetDateTime;

use crate::store::records::Timestamp;

const DAY: u64 = 24 * 60 * 60;

/// An age in its largest unit.
pub(super) fn shown_age(age: Duration) -> String {
    let days = age.as_secs() / DAY;
    match (days, age.as_secs() / 3600) {
        (0, 0) => format!("{} min", age.as_secs() / 60),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} days"),
    }
}

/// In UTC, to the second; empty for a time that no calendar has.
pub(super) fn rfc_3339(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.seconds());
    let Ok(time) = time else {
        return String::new();
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Reads an age: `30d`, `12h`, `90m`; a number alone is days.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: Option<u64> = text[..digits].parse().ok();
    let seconds = match &text[digits..] {
        "" | "d" => Some(DAY),
        "w" => Some(7 * DAY),
        "h" => Some(3600),
        "m" | "min" => Some(60),
        "s" => Some(1),
        _ => None,
    };
    let age = number
        .zip(seconds)
        .and_then(|(number, each)| number.checked_mul(each));
    age.map(Duration::from_secs).ok_or_else(|| {
        format!("`{text}` is not an age; write a number and w, d, h or m, such as 30d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units_and_are_days_without() {
        let seconds = |text| age(text).map(|age| age.as_secs());
        assert_eq!(seconds("30"), Ok(30 * DAY));
        assert_eq!(seconds("30d"), seconds("30"));
        assert_eq!(seconds("2w"), seconds("14d"));
        assert_eq!(seconds("90m"), Ok(5400));
        for wrong in ["", "d", "-1d", "1y", "99999999999999999w", "1 d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_utc() {
        let time = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(rfc_3339(time), "2023-11-14T22:13:20Z");
    }
}
