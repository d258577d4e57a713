//! Deletes what is too old, in steps that lock rows for milliseconds. Of several nodes one does it at a time.

use deadpool_postgres::{Object, Transaction};

use super::super::contract::{Expired, Retention};
use super::super::records::Timestamp;
use super::columns::day;
use super::failure::Failure;

/// Rows that one step deletes of each table.
const ROWS: i64 = 500;

/// `popg`, and the third lock of it.
const LOCK: i64 = 0x706f_7067_0003;

pub(super) async fn expire(client: &mut Object, retention: &Retention) -> Result<Expired, Failure> {
    let transaction = client.transaction().await?;
    let lock = "SELECT pg_try_advisory_xact_lock($1)";
    let locked: bool = transaction.query_one(lock, &[&LOCK]).await?.try_get(0)?;
    if !locked {
        return Ok(Expired::default());
    }
    let mut deleted = Vec::new();
    if let Some(limit) = retention.messages {
        let sql = "DELETE FROM messages WHERE (mailbox, uidl) IN
             (SELECT mailbox, uidl FROM messages WHERE last_listed < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
        deleted.push(transaction.execute(sql, &[&day(limit), &ROWS]).await?);
    }
    if let Some(limit) = retention.history {
        let sql = "DELETE FROM history WHERE number IN
             (SELECT number FROM history WHERE time < $1 ORDER BY time LIMIT $2)";
        deleted.push(transaction.execute(sql, &[&limit.seconds(), &ROWS]).await?);
    }
    if let Some(limit) = retention.quarantine {
        deleted.push(delete_quarantined(&transaction, limit).await?);
        // Digests, which list what is in quarantine no longer.
        let sql = "DELETE FROM own_entries WHERE ctid = ANY (ARRAY
               (SELECT ctid FROM own_entries WHERE created < $1 AND quarantined IS NULL
                LIMIT $2 FOR UPDATE SKIP LOCKED))";
        deleted.push(transaction.execute(sql, &[&limit.seconds(), &ROWS]).await?);
    }
    let forgotten = delete_forgotten(&transaction).await?;
    transaction.commit().await?;
    let full = |rows: &u64| i64::try_from(*rows).is_ok_and(|rows| rows >= ROWS);
    Ok(Expired {
        rows: deleted.iter().sum::<u64>() + forgotten.unwrap_or(0),
        more: forgotten.is_some() || deleted.iter().any(full),
    })
}

/// Those that are held without their message are another node's to delete: it has the message. One that is hidden in a
/// mailbox stays as long as that.
async fn delete_quarantined(
    transaction: &Transaction<'_>,
    limit: Timestamp,
) -> Result<u64, Failure> {
    let sql = "WITH gone AS (
           DELETE FROM quarantine WHERE number IN
             (SELECT number FROM quarantine WHERE held_at < $1 AND (state > 0 OR body IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM own_entries WHERE quarantined = quarantine.id)
                AND (state > 0 OR NOT EXISTS
                  (SELECT 1 FROM messages
                   WHERE messages.mailbox = quarantine.mailbox AND messages.uidl = quarantine.uidl
                     AND messages.state = 3))
              ORDER BY held_at LIMIT $2)
           RETURNING id, mailbox, uidl, state
         ), purged AS (
           UPDATE messages SET state = 0, digest = NULL, grown = 0, edit_flags = NULL, edit_block = NULL
           FROM gone
           WHERE messages.mailbox = gone.mailbox AND messages.uidl = gone.uidl
             AND messages.id = gone.id AND gone.state = 0 AND messages.state = 2
         )
         SELECT count(*) FROM gone";
    let row = transaction
        .query_one(sql, &[&limit.seconds(), &ROWS])
        .await?;
    Ok(super::super::coded::count(row.try_get(0)?))
}

/// Deletes some rows of a mailbox that is to be forgotten, and the mailbox itself when it has none; `None` if there is no
/// such mailbox.
async fn delete_forgotten(transaction: &Transaction<'_>) -> Result<Option<u64>, Failure> {
    // Nobody adds rows to it while it is locked.
    let sql = "SELECT id FROM mailboxes WHERE forgotten LIMIT 1 FOR UPDATE";
    let Some(row) = transaction.query_opt(sql, &[]).await? else {
        return Ok(None);
    };
    let mailbox: i64 = row.try_get(0)?;
    // Rows are deleted from the middle of chunks: those are indexed anew, without them.
    let sql = "DELETE FROM history_chunks WHERE chunk IN
         (SELECT number / 4096 FROM history WHERE mailbox = $1)";
    transaction.execute(sql, &[&mailbox]).await?;
    let mut deleted = 0;
    for table in [
        "messages",
        "history",
        "senders",
        "lists",
        "settings",
        "own_entries",
        "lessons",
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY
               (SELECT ctid FROM {table} WHERE mailbox = $1 LIMIT $2 FOR UPDATE))"
        );
        deleted += transaction.execute(&sql, &[&mailbox, &ROWS]).await?;
    }
    let sql = "DELETE FROM quarantine WHERE mailbox = $1 AND state > 0";
    deleted += transaction.execute(sql, &[&mailbox]).await?;
    if deleted == 0 {
        // One that another node held while it was forgotten belongs to nobody.
        let orphan = "UPDATE quarantine SET mailbox = NULL, uidl = NULL WHERE mailbox = $1";
        transaction.execute(orphan, &[&mailbox]).await?;
        let gone = "DELETE FROM mailboxes WHERE id = $1";
        transaction.execute(gone, &[&mailbox]).await?;
    }
    Ok(Some(deleted))
}
