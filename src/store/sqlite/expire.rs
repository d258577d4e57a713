//! Deletes what is too old, in steps that lock the database for milliseconds.

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::super::contract::{Expired, Retention};
use super::{history_indexing, messages};

/// Rows that one step deletes of each table.
const ROWS: i64 = 500;

/// Messages that one step looks at, without a lock: only their last day is compared.
const LOOKED_AT: usize = 5000;

/// How far the walk over all messages has come: the last message that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk(Option<(i64, Vec<u8>)>);

/// Messages to delete, and whether the walk goes on.
#[derive(Debug, Default)]
pub(super) struct OldMessages {
    keys: Vec<(i64, Vec<u8>)>,
    more: bool,
}

/// Walks on. There is no index by day: it would cost as much as a third of the table.
pub(super) fn old_messages(
    connection: &Connection,
    walk: &mut Walk,
    retention: &Retention,
) -> Result<OldMessages> {
    let Some(limit) = retention.messages else {
        return Ok(OldMessages::default());
    };
    let limit = messages::day(limit);
    let (mailbox, uidl) = walk.0.take().unwrap_or((i64::MIN, Vec::new()));
    let mut statement = connection.prepare_cached(
        "SELECT mailbox, uidl, last_listed FROM messages
         WHERE (mailbox, uidl) > (?1, ?2) ORDER BY mailbox, uidl LIMIT ?3",
    )?;
    let mut rows = statement.query(params![mailbox, uidl, LOOKED_AT as i64])?;
    let mut old = OldMessages::default();
    let mut seen = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        seen += 1;
        let is_old = row.get::<_, i64>(2)? < limit;
        let is_last = seen == LOOKED_AT || (is_old && old.keys.len() as i64 + 1 == ROWS);
        if is_old || is_last {
            let key = (row.get(0)?, row.get(1)?);
            if is_last {
                last = Some((key.0, Vec::clone(&key.1)));
            }
            if is_old {
                old.keys.push(key);
            }
        }
        if is_last {
            break;
        }
    }
    old.more = last.is_some();
    walk.0 = last;
    Ok(old)
}

pub(super) fn expire(
    transaction: &Transaction<'_>,
    retention: &Retention,
    old: &OldMessages,
) -> Result<Expired> {
    let mut deleted = vec![delete_messages(transaction, old)?];
    if let Some(limit) = retention.history {
        deleted.push(delete(
            transaction,
            "DELETE FROM history WHERE number IN
               (SELECT number FROM history WHERE time < ?1 ORDER BY time LIMIT ?2)",
            limit.seconds(),
        )?);
    }
    if let Some(limit) = retention.quarantine {
        deleted.push(delete(
            transaction,
            "DELETE FROM quarantine WHERE number IN
               (SELECT number FROM quarantine WHERE held_at < ?1 AND state > 0
                  AND id NOT IN
                    (SELECT quarantined FROM own_entries WHERE quarantined IS NOT NULL)
                ORDER BY held_at LIMIT ?2)",
            limit.seconds(),
        )?);
        // Digests, which list what is in quarantine no longer.
        deleted.push(delete(
            transaction,
            "DELETE FROM own_entries WHERE (mailbox, uidl) IN
               (SELECT mailbox, uidl FROM own_entries
                WHERE created < ?1 AND quarantined IS NULL LIMIT ?2)",
            limit.seconds(),
        )?);
    }
    let forgotten = delete_forgotten(transaction)?;
    let rows = deleted.iter().sum::<usize>() + forgotten.unwrap_or(0);
    Ok(Expired {
        rows: rows as u64,
        more: old.more || forgotten.is_some() || deleted.iter().any(|rows| *rows as i64 >= ROWS),
    })
}

fn delete(transaction: &Transaction<'_>, sql: &str, limit: i64) -> Result<usize> {
    transaction.prepare_cached(sql)?.execute([limit, ROWS])
}

fn delete_messages(transaction: &Transaction<'_>, old: &OldMessages) -> Result<usize> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM messages WHERE mailbox = ?1 AND uidl = ?2")?;
    let mut deleted = 0;
    for (mailbox, uidl) in &old.keys {
        deleted += statement.execute(params![mailbox, uidl])?;
    }
    Ok(deleted)
}

/// Deletes some rows of a mailbox that is to be forgotten, and the mailbox itself when it has none; `None` if there is no
/// such mailbox.
fn delete_forgotten(transaction: &Transaction<'_>) -> Result<Option<usize>> {
    let mut statement =
        transaction.prepare_cached("SELECT id FROM mailboxes WHERE forgotten = 1 LIMIT 1")?;
    let found: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    let Some(mailbox) = found else {
        return Ok(None);
    };
    history_indexing::forget_rows(transaction, mailbox, ROWS)?;
    let mut deleted = 0;
    for (table, key) in [
        ("messages", "uidl"),
        ("history", "number"),
        ("senders", "name"),
        ("lists", "number"),
        ("settings", "key"),
        ("own_entries", "uidl"),
        ("lessons", "number"),
        ("quarantine", "number"),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE mailbox = ?1 AND {key} IN
               (SELECT {key} FROM {table} WHERE mailbox = ?1 LIMIT ?2)"
        );
        deleted += transaction.prepare_cached(&sql)?.execute([mailbox, ROWS])?;
    }
    if deleted == 0 {
        transaction.execute("DELETE FROM mailboxes WHERE id = ?1", [mailbox])?;
    }
    Ok(Some(deleted))
}
