//! The history: one row for each judged message.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::optional_thousandths;
use super::super::records::{HistoryRow, PopgateId, RuleScore};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};

const COLUMNS: &str =
    "history.id, upstream, user_name, uidl, time, sender, subject, score, action, hits, features,
       (SELECT corrected FROM messages AS it
         WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl
           AND corrected_at IS NOT NULL) AS corrected
     FROM history JOIN mailboxes ON mailboxes.id = history.mailbox";

pub(super) fn add(row: &HistoryRow) -> Bound<'_> {
    let hits: Vec<_> = row
        .hits
        .iter()
        .map(|hit| serde_json::json!([storable(&hit.rule), hit.score]))
        .collect();
    bound!(
        concat!(
            "INSERT INTO history
               (mailbox, id, uidl, time, sender, subject, score, action, hits, features)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING"
        ),
        row.mailbox.upstream().as_str(),
        &**row.mailbox.user(),
        row.id.as_str(),
        row.uidl.as_ref().map(|uidl| uidl.octets()),
        row.time.seconds(),
        row.from.as_deref().map(storable),
        row.subject.as_deref().map(storable),
        optional_thousandths(row.score),
        small(row.action),
        serde_json::Value::Array(hits),
        &*row.features,
    )
}

pub(super) async fn one(client: &Object, id: &PopgateId) -> Result<Option<HistoryRow>, Failure> {
    let sql = format!("SELECT {COLUMNS} WHERE history.id = $1 AND NOT forgotten");
    let found = row(client, &sql, &[&id.as_str()]).await?;
    found.map(|row| read(&row)).transpose()
}

/// The number of the newest row.
pub(super) async fn end(client: &Object) -> Result<u64, Failure> {
    match row(client, "SELECT max(number) FROM history", &[]).await? {
        Some(row) => columns::count(&row, 0),
        None => Ok(0),
    }
}

/// The rows with these numbers that are there still, the newest first.
pub(super) async fn numbered(client: &Object, numbers: &[i64]) -> Result<Vec<HistoryRow>, Failure> {
    let sql = format!("SELECT {COLUMNS} WHERE history.number = ANY ($1) ORDER BY number DESC");
    let found = rows(client, &sql, &[&numbers]).await?;
    found.iter().map(read).collect()
}

fn read(row: &Row) -> Result<HistoryRow, Failure> {
    let hits: Vec<(String, f64)> = columns::json(row, 9)?;
    Ok(HistoryRow {
        id: columns::id(row, 0)?,
        mailbox: columns::mailbox(row, 1)?,
        uidl: columns::optional_uidl(row, 3)?,
        time: columns::time(row, 4)?,
        from: columns::optional_text(row, 5)?,
        subject: columns::optional_text(row, 6)?,
        score: columns::from_thousandths(row, 7)?,
        action: columns::decoded(row, 8)?,
        hits: hits
            .into_iter()
            .map(|(rule, score)| RuleScore {
                rule: rule.into(),
                score,
            })
            .collect(),
        features: columns::bytes(row, 10)?,
        correction: columns::optional_decoded(row, 11)?,
    })
}
