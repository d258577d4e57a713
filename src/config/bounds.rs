//! Values within bounds, and files that must exist: what is wrong becomes a problem, and the default is used.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::units;
use crate::schema::Section;

pub(super) fn count(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: i64,
    bounds: RangeInclusive<i64>,
) -> usize {
    let value = bounded(section.integer(key), default, bounds.clone(), |value| {
        section.problem(
            key,
            format!(
                "{value} is out of range; write {} to {}",
                bounds.start(),
                bounds.end()
            ),
        );
    });
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn octets(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: u64,
    bounds: RangeInclusive<u64>,
) -> usize {
    let value = bounded(
        section.parsed(key, units::size),
        default,
        bounds.clone(),
        |value| {
            section.problem(
                key,
                format!(
                    "{value} bytes is out of range; write \"{}B\" to \"{}B\"",
                    bounds.start(),
                    bounds.end()
                ),
            );
        },
    );
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub(super) fn number(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: f64,
    bounds: RangeInclusive<f64>,
) -> f64 {
    bounded(section.number(key), default, bounds.clone(), |value| {
        let message = format!(
            "{value} is out of range; write {} to {}",
            bounds.start(),
            bounds.end()
        );
        section.problem(key, message);
    })
}

pub(super) fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: Duration,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    bounded(
        section.parsed(key, units::duration),
        default,
        bounds.clone(),
        |value| {
            section.problem(
                key,
                format!(
                    "{value:?} is out of range; write \"{:?}\" to \"{:?}\"",
                    bounds.start(),
                    bounds.end()
                ),
            );
        },
    )
}

pub(super) fn bounded<T: PartialOrd + Copy>(
    value: Option<T>,
    default: T,
    bounds: RangeInclusive<T>,
    complain: impl FnOnce(T),
) -> T {
    match value {
        Some(value) if bounds.contains(&value) => value,
        Some(value) => {
            complain(value);
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
        let file = folder.join(file);
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
