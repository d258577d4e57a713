//! Indexes the history, one chunk at a time.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::super::history_index::{IndexedChunk, RowToIndex, chunk_of, first_of, index};
use super::history::json;

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Index a chunk.
    Index(i64, IndexedChunk),
    /// Delete what the index has of chunks before this one, which have no rows any more.
    DeleteBefore(i64),
}

/// The next step, if there is one. No row is added to the chunks before that of the newest row.
pub(super) fn next(connection: &Connection) -> Result<Option<Step>> {
    let ends = connection.query_row(
        "SELECT (SELECT min(number) FROM history), (SELECT max(number) FROM history),
           (SELECT min(chunk) FROM history_terms), EXISTS (SELECT 1 FROM mailboxes WHERE forgotten = 1)",
        [],
        |row| {
            let first_row: Option<i64> = row.get(0)?;
            let last_row: Option<i64> = row.get(1)?;
            Ok((first_row.zip(last_row), row.get(2)?, row.get(3)?))
        },
    )?;
    let (rows, oldest, is_forgetting): (Option<(i64, i64)>, Option<i64>, bool) = ends;
    let chunks = rows.map_or((i64::MAX, i64::MAX), |(first, last)| {
        (chunk_of(first), chunk_of(last))
    });
    if oldest.is_some_and(|oldest| oldest < chunks.0) {
        return Ok(Some(Step::DeleteBefore(chunks.0)));
    }
    // Rows that are about to be deleted are not indexed.
    if rows.is_none() || is_forgetting {
        return Ok(None);
    }
    let mut statement = connection
        .prepare_cached("SELECT chunk FROM history_chunks WHERE chunk BETWEEN ?1 AND ?2")?;
    let indexed = statement.query_map([chunks.0, chunks.1], |row| row.get(0))?;
    let indexed: HashSet<i64> = indexed.collect::<Result<_>>()?;
    let newest = (chunks.0..chunks.1)
        .rev()
        .find(|chunk| !indexed.contains(chunk));
    newest
        .map(|chunk| Ok(Step::Index(chunk, read(connection, chunk)?)))
        .transpose()
}

fn read(connection: &Connection, chunk: i64) -> Result<IndexedChunk> {
    let mut indexer = index(chunk);
    let mut statement = connection.prepare_cached(
        "SELECT number, mailbox, time, sender, subject, score, action, hits FROM history
         WHERE number >= ?1 AND number < ?2",
    )?;
    let mut rows = statement.query([first_of(chunk), first_of(chunk + 1)])?;
    while let Some(row) = rows.next()? {
        let hits: Vec<(String, f64)> = json(row, 7)?;
        let rules: Vec<String> = hits.into_iter().map(|(rule, _)| rule).collect();
        indexer.add(&RowToIndex {
            number: row.get(0)?,
            mailbox: row.get(1)?,
            time: row.get(2)?,
            sender: row.get_ref(3)?.as_str_or_null()?,
            subject: row.get_ref(4)?.as_str_or_null()?,
            score: row.get(5)?,
            action: row.get(6)?,
            rules: &rules,
        });
    }
    Ok(indexer.finish())
}

/// Does it.
pub(super) fn apply(transaction: &Transaction<'_>, step: &Step) -> Result<()> {
    let (chunk, made) = match step {
        Step::Index(chunk, made) => (*chunk, made),
        Step::DeleteBefore(chunk) => return delete_before(transaction, *chunk),
    };
    // Rows were deleted meanwhile: it is read again.
    let rows: i64 = transaction.query_row(
        "SELECT count(*) FROM history WHERE number >= ?1 AND number < ?2",
        [first_of(chunk), first_of(chunk + 1)],
        |row| row.get(0),
    )?;
    if rows != made.rows {
        return Ok(());
    }
    transaction.execute("DELETE FROM history_terms WHERE chunk = ?1", [chunk])?;
    let mut insert = transaction
        .prepare_cached("INSERT INTO history_terms (chunk, term, places) VALUES (?1, ?2, ?3)")?;
    for (term, places) in &made.terms {
        insert.execute(params![chunk, term, places])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO history_rules (term, rule) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for (term, rule) in &made.rules {
        insert.execute(params![term, rule])?;
    }
    let indexed = "INSERT INTO history_chunks (chunk) VALUES (?1) ON CONFLICT DO NOTHING";
    transaction.execute(indexed, [chunk]).map(drop)
}

/// Of one of them: a chunk has some ten thousand terms.
fn delete_before(transaction: &Transaction<'_>, chunk: i64) -> Result<()> {
    transaction.execute("DELETE FROM history_chunks WHERE chunk < ?1", [chunk])?;
    let oldest = transaction
        .query_row("SELECT min(chunk) FROM history_terms", [], |row| row.get(0))
        .optional()?
        .flatten();
    if let Some(oldest) = oldest.filter(|oldest: &i64| *oldest < chunk) {
        transaction.execute("DELETE FROM history_terms WHERE chunk = ?1", [oldest])?;
    }
    Ok(())
}

/// Rows of a mailbox are deleted from the middle of chunks: those are indexed anew, without them.
pub(super) fn forget_rows(transaction: &Transaction<'_>, mailbox: i64, rows: i64) -> Result<()> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM history_chunks WHERE chunk IN
           (SELECT number / 4096 FROM history WHERE mailbox = ?1 LIMIT ?2)",
    )?;
    statement.execute([mailbox, rows]).map(drop)
}
