//! Indexes the history, one chunk at a time. Of several nodes one does it at a time.

use std::collections::HashSet;

use deadpool_postgres::{Object, Transaction};

use super::super::history_index::{self, IndexedChunk, RowToIndex, chunk_of, first_of};
use super::columns;
use super::failure::Failure;
use super::statements::{row, rows};

/// `popg`, and the fourth lock of it.
const LOCK: i64 = 0x706f_7067_0004;

/// Does the next step, if there is one; no row is added to the chunks before that of the newest row.
pub(super) async fn index(client: &mut Object) -> Result<bool, Failure> {
    let sql = "SELECT (SELECT min(number) FROM history), (SELECT max(number) FROM history),
         (SELECT min(chunk) FROM history_terms), EXISTS (SELECT 1 FROM mailboxes WHERE forgotten)";
    let Some(ends) = row(client, sql, &[]).await? else {
        return Ok(false);
    };
    let rows: (Option<i64>, Option<i64>) = (ends.try_get(0)?, ends.try_get(1)?);
    let rows = rows.0.zip(rows.1);
    let (oldest, is_forgetting): (Option<i64>, bool) = (ends.try_get(2)?, ends.try_get(3)?);
    let (first, last) = rows.map_or((i64::MAX, i64::MAX), |(first, last)| {
        (chunk_of(first), chunk_of(last))
    });
    if let Some(oldest) = oldest.filter(|oldest| *oldest < first) {
        return delete(client, oldest).await;
    }
    // Rows that are about to be deleted are not indexed.
    if rows.is_none() || is_forgetting {
        return Ok(false);
    }
    match next(client, first, last).await? {
        Some(chunk) => index_chunk(client, chunk).await,
        None => Ok(false),
    }
}

async fn next(client: &Object, first: i64, last: i64) -> Result<Option<i64>, Failure> {
    let sql = "SELECT chunk FROM history_chunks WHERE chunk BETWEEN $1 AND $2";
    let found = rows(client, sql, &[&first, &last]).await?;
    let indexed = found.iter().map(|row| row.try_get(0));
    let indexed: HashSet<i64> = indexed.collect::<Result<_, _>>()?;
    Ok((first..last).rev().find(|chunk| !indexed.contains(chunk)))
}

/// Of a chunk whose rows are gone.
async fn delete(client: &mut Object, chunk: i64) -> Result<bool, Failure> {
    let transaction = client.transaction().await?;
    for table in ["history_chunks", "history_terms"] {
        let sql = format!("DELETE FROM {table} WHERE chunk = $1");
        transaction.execute(&sql, &[&chunk]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

async fn index_chunk(client: &mut Object, chunk: i64) -> Result<bool, Failure> {
    // A number is given before its row can be seen. The lock waits for each transaction that was given one from
    // this chunk: it had the table locked meanwhile.
    let waited = client.transaction().await?;
    let wait = "LOCK TABLE history IN SHARE MODE";
    waited.batch_execute(wait).await?;
    waited.commit().await?;

    let transaction = client.transaction().await?;
    let lock = "SELECT pg_try_advisory_xact_lock($1)";
    let locked: bool = transaction.query_one(lock, &[&LOCK]).await?.try_get(0)?;
    if !locked {
        return Ok(false);
    }
    let made = read(&transaction, chunk).await?;
    let sql = "DELETE FROM history_terms WHERE chunk = $1";
    transaction.execute(sql, &[&chunk]).await?;
    let (terms, places): (Vec<i64>, Vec<Vec<u8>>) = made.terms.into_iter().unzip();
    let sql = "INSERT INTO history_terms (chunk, term, places)
         SELECT $1, term, places FROM unnest($2::bigint[], $3::bytea[]) AS made (term, places)";
    transaction.execute(sql, &[&chunk, &terms, &places]).await?;
    let (terms, rules): (Vec<i64>, Vec<String>) = made.rules.into_iter().unzip();
    let sql = "INSERT INTO history_rules (term, rule)
         SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT DO NOTHING";
    transaction.execute(sql, &[&terms, &rules]).await?;
    let sql = "INSERT INTO history_chunks (chunk) VALUES ($1) ON CONFLICT DO NOTHING";
    transaction.execute(sql, &[&chunk]).await?;
    // The rows of a mailbox that is forgotten meanwhile are about to be deleted.
    let sql = "SELECT EXISTS (SELECT 1 FROM mailboxes WHERE forgotten)";
    if transaction.query_one(sql, &[]).await?.try_get(0)? {
        return Ok(false);
    }
    transaction.commit().await?;
    Ok(true)
}

async fn read(transaction: &Transaction<'_>, chunk: i64) -> Result<IndexedChunk, Failure> {
    let mut indexer = history_index::index(chunk);
    let sql = "SELECT number, mailbox, time, sender, subject, score, action, hits FROM history
         WHERE number >= $1 AND number < $2 ORDER BY number";
    let found = transaction
        .query(sql, &[&first_of(chunk), &first_of(chunk + 1)])
        .await?;
    for row in &found {
        let hits: Vec<(String, f64)> = columns::json(row, 7)?;
        let rules: Vec<String> = hits.into_iter().map(|(rule, _)| rule).collect();
        indexer.add(&RowToIndex {
            number: row.try_get(0)?,
            mailbox: row.try_get(1)?,
            time: row.try_get(2)?,
            sender: row.try_get(3)?,
            subject: row.try_get(4)?,
            score: row.try_get(5)?,
            action: i64::from(row.try_get::<_, i16>(6)?),
            rules: &rules,
        });
    }
    Ok(indexer.finish())
}
