//! The versions of the tables: `PRAGMA user_version`.
//!
//! In: a connection that may write; out: tables of the newest version, or an error. Each step is a transaction.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::super::store_error::{StoreError, StoreErrorKind};

/// Says that a file is popgate's: `popg` (SQLite's file format, "application ID").
pub(super) const APPLICATION_ID: i32 = 0x706f_7067;

/// The step to each version, from 1.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// The version that this program reads and writes.
pub(super) fn newest() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// Why tables are not as this program needs them.
#[derive(Debug)]
pub(super) enum Unfit {
    /// SQLite's.
    Failed(rusqlite::Error),
    /// They are another program's, or a newer popgate's.
    Foreign(StoreError),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// The version of a file: 0 = it is new.
pub(super) fn version(connection: &Connection) -> Result<i32, Unfit> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let foreign = |message: String| {
        let error = StoreError::new(StoreErrorKind::Incompatible, message);
        Err(Unfit::Foreign(error))
    };
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, version) if (1..=newest()).contains(&version) => Ok(version),
        (APPLICATION_ID, version) => foreign(format!(
            "its tables have version {version}, and this popgate ({}) knows versions up to {}: use the newer popgate that wrote it, or restore a backup of before",
            env!("CARGO_PKG_VERSION"),
            newest()
        )),
        _ => foreign("it is a database of another program; name another data.dir".to_owned()),
    }
}

/// Brings the tables to the newest version; returns the version that they had.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<i32, Unfit> {
    let before = version(connection)?;
    if before == newest() {
        return Ok(before);
    }
    if before > 0 {
        let octets = std::fs::metadata(path).map_or(0, |about| about.len());
        tracing::info!(
            "{}: its tables are brought from version {before} to {}: some seconds for each GiB, it has {} MiB",
            path.display(),
            newest(),
            octets >> 20
        );
    }
    // Another process may do the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let now = version(&transaction)?;
    let done = usize::try_from(now).unwrap_or(0);
    for step in &STEPS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", newest())?;
    transaction.commit()?;
    Ok(before)
}
