//! Values within bounds, and files that must exist: what is wrong becomes a problem, and the default is used.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::path::path_in;
use super::units;
use crate::schema::Section;

pub(super) fn count(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: i64,
    bounds: RangeInclusive<i64>,
) -> usize {
    let value = section.integer(key);
    let value = bounded(section, key, value, default, bounds, i64::to_string);
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn octets(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: u64,
    bounds: RangeInclusive<u64>,
) -> usize {
    let value = section.parsed(key, units::size);
    let shown = |size: &u64| format!("\"{}\"", units::size_text(*size));
    let value = bounded(section, key, value, default, bounds, shown);
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn number(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: f64,
    bounds: RangeInclusive<f64>,
) -> f64 {
    let value = section.number(key);
    bounded(section, key, value, default, bounds, f64::to_string)
}

pub(super) fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: Duration,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    let value = section.parsed(key, units::duration);
    let shown = |duration: &Duration| format!("\"{duration:?}\"");
    bounded(section, key, value, default, bounds, shown)
}

/// The value if it is within the bounds, else the default; `shown` writes it as a setting has it.
fn bounded<T: PartialOrd>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    value: Option<T>,
    default: T,
    bounds: RangeInclusive<T>,
    shown: impl Fn(&T) -> String,
) -> T {
    match value {
        Some(value) if bounds.contains(&value) => value,
        Some(value) => {
            let [value, least, most] = [&value, bounds.start(), bounds.end()].map(shown);
            section.problem(
                key,
                format!("{value} is out of range; write {least} to {most}"),
            );
            default
        }
        None => default,
    }
}

/// A file that must exist.
pub(super) fn existing_file(
    section: &mut Section<'_, '_>,
    key: &'static str,
    folder: &Path,
    wanted: &str,
) -> Option<PathBuf> {
    section.parsed(key, |file| {
        let file = path_in(folder, file)?;
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() => Ok(file),
            Ok(_) => Err(format!("{} is not a file; name {wanted}", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(format!(
                "{}: {error}; popgate's user must be able to enter its folders",
                file.display()
            )),
            Err(error) => Err(format!("{}: {error}; name {wanted}", file.display())),
        }
    })
}
