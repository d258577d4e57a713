//! `[data]`: the data directory, and the store in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::bounds::count;
use super::client_secret::{self, ClientSecret};
use super::filter::DropMode;
use super::path::path_in;
use super::postgres_address::PostgresAddress;
use super::units;
use crate::schema::Section;

/// The environment variable with the password of the store.
const PASSWORD_VARIABLE: &str = "POPGATE_STORE_PASSWORD";

/// The longest suffix of a login to the quarantine.
const LONGEST_SUFFIX: usize = 32;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The store of mailboxes, senders, lists and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Which one.
    pub kind: StoreKind,
    /// What of a message the history keeps.
    pub history: HistoryMode,
    /// Whether popgate refuses to serve without it.
    pub required: bool,
    /// How long the history is kept; `None` = for ever.
    pub history_kept: Option<Duration>,
    /// How long messages stay in quarantine; `None` = for ever.
    pub quarantine_kept: Option<Duration>,
    /// How old a hidden message must be so that popgate deletes it at its server; `None` = never.
    pub hide_delete_after: Option<Duration>,
    /// When mailboxes get a list of what is held for them.
    pub digest: DigestWhen,
    /// What is behind the user's name in a login to the quarantine; empty = there are none.
    pub quarantine_login: String,
}

/// When mailboxes get a list of what is held for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestWhen {
    /// Where messages are hidden, once a day.
    Auto,
    /// Once a day.
    Daily,
    /// Never.
    Off,
}

impl DigestWhen {
    /// Whether they get one, where held messages are hidden or not.
    pub fn is_on(self, hides: bool) -> bool {
        match self {
            Self::Auto => hides,
            Self::Daily => true,
            Self::Off => false,
        }
    }
}

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// A file in the data directory.
    Sqlite,
    /// A database that several nodes share.
    Postgres(Box<PostgresAddress>),
    /// Nowhere: what popgate knows ends with a session.
    Off,
}

/// What of a message the history keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// Sender and subject.
    Full,
    /// The sender.
    NoSubjects,
    /// Sender and subject as keyed hashes.
    Hashed,
    /// Nothing: there is no history, and no known senders.
    Off,
}

pub(super) fn read(
    mut section: Section<'_, '_>,
    folder: &Path,
    drop_mode: DropMode,
) -> (Option<PathBuf>, StoreConfig) {
    let dir = section.parsed("dir", |dir| path_in(folder, dir));
    let kind = section.parsed("store", |text| store_kind(text, folder));
    let is_known = kind.is_some() || !section.has("store");
    let kind = kind.unwrap_or(StoreKind::Sqlite);
    let kind = with_password(kind, is_known, &mut section, folder);
    let required = section.boolean("require_store").unwrap_or(false);
    if required && kind == StoreKind::Off {
        section.problem(
            "require_store",
            "a store is required, and data.store = \"off\"; remove one of the two",
        );
    }
    if drop_mode == DropMode::Hide && kind == StoreKind::Off {
        section.problem(
            "store",
            "filter.drop_mode = \"hide\" needs a store, which remembers what is hidden; write \"sqlite\", or filter.drop_mode = \"notice\"",
        );
    }
    let digest = section
        .parsed("digest", digest_when)
        .unwrap_or(DigestWhen::Auto);
    let quarantine_login = section
        .parsed("quarantine_login", login_suffix)
        .unwrap_or_else(|| "+quarantine".to_owned());
    let store = StoreConfig {
        digest,
        quarantine_login,
        kind,
        required,
        history: section
            .parsed("history", history)
            .unwrap_or(HistoryMode::Full),
        history_kept: days(&mut section, "history_days", 30),
        quarantine_kept: days(&mut section, "quarantine_days", 90),
        hide_delete_after: section
            .parsed("hide_delete_after", hide_delete_after)
            .flatten(),
    };
    section.finish();
    (dir, store)
}

fn history(text: &str) -> Result<HistoryMode, String> {
    match text {
        "full" => Ok(HistoryMode::Full),
        "no_subjects" => Ok(HistoryMode::NoSubjects),
        "hashed" => Ok(HistoryMode::Hashed),
        "off" => Ok(HistoryMode::Off),
        _ => Err(format!(
            "`{text}` is not known; write \"full\", \"no_subjects\", \"hashed\" or \"off\""
        )),
    }
}

fn days(section: &mut Section<'_, '_>, key: &'static str, default: i64) -> Option<Duration> {
    let days = count(section, key, default, 0..=36_500);
    (days > 0).then(|| DAY * u32::try_from(days).unwrap_or(u32::MAX))
}

/// The least age of a hidden message that popgate deletes: a person must have the time to see a digest.
const LEAST_HIDDEN: Duration = DAY;

fn hide_delete_after(text: &str) -> Result<Option<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match units::age(text) {
        Some(age) if age >= LEAST_HIDDEN => Ok(Some(age)),
        Some(_) => Err(format!(
            "`{text}` is less than a day; write an age such as \"30d\", or \"\" for never"
        )),
        None => Err(format!(
            "`{text}` is not an age; write a whole number and d or h, such as \"30d\", or \"\" for never"
        )),
    }
}

pub(super) fn digest_when(text: &str) -> Result<DigestWhen, String> {
    match text {
        "auto" => Ok(DigestWhen::Auto),
        "daily" => Ok(DigestWhen::Daily),
        "off" => Ok(DigestWhen::Off),
        _ => Err(format!(
            "`{text}` is not known; write \"auto\", \"daily\" or \"off\""
        )),
    }
}

fn login_suffix(text: &str) -> Result<String, String> {
    let fits = text.len() <= LONGEST_SUFFIX
        && text
            .chars()
            .all(|letter| letter.is_ascii_graphic() && !"@\"\\,=".contains(letter));
    match (fits, text.len()) {
        (true, 0 | 2..) => Ok(text.to_owned()),
        _ => Err(format!(
            "is no suffix of a user name; write 2 to {LONGEST_SUFFIX} letters, digits or signs, such as \"+quarantine\", or \"\" for none"
        )),
    }
}

fn store_kind(text: &str, folder: &Path) -> Result<StoreKind, String> {
    let (scheme, _) = text.split_once("://").unwrap_or((text, ""));
    match scheme {
        "sqlite" if text == scheme => Ok(StoreKind::Sqlite),
        "off" if text == scheme => Ok(StoreKind::Off),
        "postgres" | "postgresql" => {
            let address = PostgresAddress::parse(text, folder)?;
            Ok(StoreKind::Postgres(Box::new(address)))
        }
        // The text may contain a password: it is not repeated.
        _ => Err(
            "is not known; write \"sqlite\", \"off\" or \"postgres://USER@HOST/DATABASE\""
                .to_owned(),
        ),
    }
}

/// The password of the database is in a file of its own, or in the environment.
fn with_password(
    kind: StoreKind,
    is_known: bool,
    section: &mut Section<'_, '_>,
    folder: &Path,
) -> StoreKind {
    const KEY: &str = "store_password_file";
    let has_file = section.has(KEY);
    let in_file = section.parsed(KEY, |file| {
        client_secret::in_file(&path_in(folder, file)?, "password of the store")
    });
    let StoreKind::Postgres(mut address) = kind else {
        if has_file && is_known {
            section.problem(KEY, "has no effect: data.store is no PostgreSQL database");
        }
        return kind;
    };
    address.password = in_file.or_else(|| {
        let text = Zeroizing::new(std::env::var(PASSWORD_VARIABLE).ok()?);
        match ClientSecret::new(&text) {
            Ok(password) => Some(password),
            Err(why) => {
                section.problem("store", format!("${PASSWORD_VARIABLE} {why}"));
                None
            }
        }
    });
    StoreKind::Postgres(address)
}
