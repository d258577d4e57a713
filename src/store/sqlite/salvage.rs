//! A damaged database is put aside, and what can be read of it goes into a new one.
//!
//! In: a data directory whose database is damaged, and that no process uses; out: a sound database in its place, and the
//! path of the damaged one, which is kept. Rows are copied one by one from both ends of a table, so that a damaged page
//! costs the rows that lie on it and behind it, not the table. A file that is no database at all yields an empty one.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::super::store_error::StoreError;
use super::super::temporary;
use super::backup::{beside, durable_rename, named, put_aside};
use super::connection::{self, FILE};
use super::lock::Lock;
use super::migrations::{self, Unfit};
use super::{Sqlite, failure};
use crate::store::store_error::StoreErrorKind;

/// What became of a damaged database.
#[derive(Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the damaged file is now.
    pub kept: PathBuf,
    /// Rows that are in the new one.
    pub rows: u64,
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, rows } = self;
        let kept = kept.display();
        write!(
            f,
            "the store was damaged: {rows} rows of it could be read and are used, the damaged file is kept as {kept}"
        )
    }
}

impl Sqlite {
    /// Opens the database of a data directory; one that is damaged is replaced by what can be read of it.
    ///
    /// # Errors
    /// As [`Sqlite::open`], and if the damaged file cannot be replaced.
    pub fn open_or_salvage(data_dir: &Path) -> Result<(Self, Option<Salvaged>), StoreError> {
        let damaged = match Self::open(data_dir) {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => error,
            opened => return opened.map(|opened| (opened, None)),
        };
        tracing::error!("{damaged}");
        let salvaged = salvage(data_dir)?;
        Ok((Self::open(data_dir)?, Some(salvaged)))
    }
}

/// See the module.
///
/// # Errors
/// If another process uses the database, or the new one cannot be written. The damaged file is in its place then.
fn salvage(data_dir: &Path) -> Result<Salvaged, StoreError> {
    let path = data_dir.join(FILE);
    let _lock = Lock::alone(data_dir)?;
    let new = beside(&path);
    let made = temporary::create_for_sqlite(&new).map_err(|error| named(&new, &error));
    let salvaged = made.and_then(|file| {
        let rows = copy(&path, &new).map_err(|unfit| match unfit {
            Unfit::Failed(error) => failure::of(&new, &error),
            Unfit::Foreign(error) => error,
        })?;
        let missing = || named(&path, &std::io::ErrorKind::NotFound.into());
        let kept = put_aside(&path, "damaged")?.ok_or_else(missing)?;
        durable_rename(&file, &new, &path)?;
        Ok(Salvaged { kept, rows })
    });
    salvaged.inspect_err(|_| {
        let _ = std::fs::remove_file(&new);
    })
}

/// Copies what can be read; returns how many rows that are.
fn copy(from: &Path, to: &Path) -> Result<u64, Unfit> {
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.pragma_update(None, "journal_mode", "memory")?;
    migrations::migrate(&mut target, to)?;
    target.pragma_update(None, "foreign_keys", false)?;
    let Ok(source) = connection::reader(from) else {
        return Ok(0);
    };
    // Of an older version are tables that would have to be migrated first.
    let version = source.pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0));
    if version != Ok(migrations::newest()) {
        return Ok(0);
    }
    let transaction = target.transaction()?;
    let tables = tables(&transaction)?;
    for table in &tables {
        copy_table(&source, &transaction, table)?;
    }
    while delete_orphans(&transaction, &tables)? > 0 {}
    // What is indexed may have lost a part: all is indexed anew.
    transaction.execute_batch("DELETE FROM history_chunks; DELETE FROM history_terms")?;
    let rows = tables.iter().try_fold(0, |sum, table| {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows = transaction.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        Ok::<_, rusqlite::Error>(sum + rows.unsigned_abs())
    })?;
    transaction.commit()?;
    Ok(rows)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
    )?;
    let names = select.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Copies the rows of a table from its beginning, and from its end if something is damaged between. Only an error of
/// the target is one.
fn copy_table(source: &Connection, target: &Connection, table: &str) -> rusqlite::Result<()> {
    let key = target.query_row(
        "SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk)",
        [table],
        |row| row.get::<_, String>(0),
    )?;
    for direction in ["ASC", "DESC"] {
        let order = key
            .split(',')
            .map(|column| format!("{column} {direction}"))
            .collect::<Vec<_>>()
            .join(",");
        if copy_rows(source, target, table, &order)? == Copied::All {
            break;
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Copied {
    All,
    InPart,
}

fn copy_rows(
    source: &Connection,
    target: &Connection,
    table: &str,
    order: &str,
) -> rusqlite::Result<Copied> {
    let Ok(mut select) = source.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")) else {
        return Ok(Copied::InPart);
    };
    let columns = select.column_count();
    let places = vec!["?"; columns].join(",");
    let mut insert = target.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES ({places})"))?;
    let Ok(mut rows) = select.query([]) else {
        return Ok(Copied::InPart);
    };
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Copied::All),
            Err(_) => return Ok(Copied::InPart),
        };
        let values: rusqlite::Result<Vec<Value>> =
            (0..columns).map(|column| row.get(column)).collect();
        // What a column must not have was damaged.
        if let Ok(values) = values
            && let Err(error) = insert.execute(params_from_iter(values))
            && error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation)
        {
            return Err(error);
        }
    }
}

/// Deletes rows that name a row which could not be read; returns how many.
fn delete_orphans(connection: &Connection, tables: &[String]) -> rusqlite::Result<usize> {
    let mut deleted = 0;
    for table in tables {
        for key in foreign_keys(connection, table)? {
            deleted += connection.execute(&key.delete_orphans(table), [])?;
        }
    }
    // Without its edit, a message would be relayed unchanged.
    deleted += connection.execute(
        "DELETE FROM messages WHERE edited = 1 AND NOT EXISTS
           (SELECT 1 FROM edits WHERE edits.mailbox = messages.mailbox AND edits.uidl = messages.uidl)",
        [],
    )?;
    Ok(deleted)
}

/// A foreign key: the table that it names, and pairs of columns, first that of the key.
#[derive(Debug)]
struct ForeignKey {
    parent: String,
    columns: Vec<(String, String)>,
}

impl ForeignKey {
    fn delete_orphans(&self, table: &str) -> String {
        let set = self.columns.iter();
        let set: Vec<_> = set
            .map(|(from, _)| format!("{table}.{from} IS NOT NULL"))
            .collect();
        let equal = self.columns.iter();
        let equal: Vec<_> = equal
            .map(|(from, to)| format!("parent.{to} = {table}.{from}"))
            .collect();
        format!(
            "DELETE FROM {table} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS parent WHERE {})",
            set.join(" AND "),
            self.parent,
            equal.join(" AND ")
        )
    }
}

fn foreign_keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut select = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = select.query([table])?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, parent, from): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if found.last().is_none_or(|(last, _)| *last != id) {
            let columns = Vec::new();
            found.push((id, ForeignKey { parent, columns }));
        }
        if let Some((_, key)) = found.last_mut() {
            let to = match row.get::<_, Option<String>>(3)? {
                Some(to) => to,
                // The column of the parent's primary key at the same place.
                None => connection.query_row(
                    "SELECT name FROM pragma_table_info(?1) WHERE pk = ?2",
                    (&key.parent, key.columns.len() as i64 + 1),
                    |row| row.get(0),
                )?,
            };
            key.columns.push((from, to));
        }
    }
    Ok(found.into_iter().map(|(_, key)| key).collect())
}
