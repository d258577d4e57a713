//! `[data]`: the data directory, and the store in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bounds::count;
use crate::schema::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The store of mailboxes, senders, lists and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Which one.
    pub kind: StoreKind,
    /// Whether popgate refuses to serve without it.
    pub required: bool,
    /// How long the history is kept; `None` = for ever.
    pub history_kept: Option<Duration>,
    /// How long messages stay in quarantine; `None` = for ever.
    pub quarantine_kept: Option<Duration>,
}

/// Where the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A file in the data directory.
    Sqlite,
    /// Nowhere: what popgate knows ends with a session.
    Off,
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path) -> (PathBuf, StoreConfig) {
    let dir = section.string("dir");
    let dir = dir.map_or_else(|| PathBuf::from("/var/lib/popgate"), |dir| folder.join(dir));
    let kind = section
        .parsed("store", store_kind)
        .unwrap_or(StoreKind::Sqlite);
    let required = section.boolean("require_store").unwrap_or(false);
    if required && kind == StoreKind::Off {
        section.problem(
            "require_store",
            "a store is required, and data.store = \"off\"; remove one of the two",
        );
    }
    let store = StoreConfig {
        kind,
        required,
        history_kept: days(&mut section, "history_days", 30),
        quarantine_kept: days(&mut section, "quarantine_days", 90),
    };
    section.finish();
    (dir, store)
}

fn days(section: &mut Section<'_, '_>, key: &'static str, default: i64) -> Option<Duration> {
    let days = count(section, key, default, 0..=36_500);
    (days > 0).then(|| DAY * u32::try_from(days).unwrap_or(u32::MAX))
}

fn store_kind(text: &str) -> Result<StoreKind, String> {
    let (scheme, _) = text.split_once("://").unwrap_or((text, ""));
    match scheme {
        "sqlite" if text == scheme => Ok(StoreKind::Sqlite),
        "off" if text == scheme => Ok(StoreKind::Off),
        // The text may contain a password: it is not repeated.
        "postgres" | "postgresql" => Err(
            "PostgreSQL is not available in this version of popgate; write \"sqlite\" or \"off\""
                .to_owned(),
        ),
        _ => Err("is not known; write \"sqlite\" or \"off\"".to_owned()),
    }
}
