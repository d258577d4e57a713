//! Durations and sizes as settings have them: `"30s"`, `"8MiB"`.
//!
//! In: the text of a setting; out: a value, or a sentence that says what to write instead.

use std::time::Duration;

const DURATIONS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Reads a duration such as `"15s"`, `"250ms"` or `"10m"`.
///
/// # Errors
/// What to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse(text, DURATIONS)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a duration; write a whole number and ms, s, m or h, such as \"15s\""
            )
        })
}

/// Reads an age such as `"30d"` or `"36h"`.
pub(super) fn age(text: &str) -> Option<Duration> {
    let units = [("d", 24 * 60 * 60), ("h", 60 * 60)];
    parse(text, &units).map(Duration::from_secs)
}

/// Reads a size such as `"512KiB"`.
///
/// # Errors
/// What to write instead.
pub fn size(text: &str) -> Result<u64, String> {
    parse(text, SIZES).ok_or_else(|| {
        format!(
            "`{text}` is not a size; write a whole number and B, KiB, MiB or GiB, such as \"512KiB\""
        )
    })
}

/// A size in the largest binary unit that divides it: `512KiB`.
pub(super) fn size_text(octets: u64) -> String {
    let binary = SIZES[..4].iter().rev();
    let mut fitting =
        binary.filter(|(_, factor)| octets >= *factor && octets.is_multiple_of(*factor));
    let (unit, factor) = fitting.next().unwrap_or(&SIZES[0]);
    format!("{}{unit}", octets / factor)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        let texts = ["0B", "257B", "1025B", "4KiB", "1536KiB", "64MiB", "1GiB"];
        assert_eq!(texts.map(|text| size_text(size(text).unwrap())), texts);
    }

    #[test]
    fn units_are_parsed() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration("250 ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(size("512KiB"), Ok(524_288));
        assert_eq!(size("8 mib"), Ok(8 << 20));
        for wrong in [
            "",
            "15",
            "s",
            "1.5s",
            "-1s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
