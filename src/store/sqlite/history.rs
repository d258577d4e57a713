//! The history: one row for each judged message.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::records::{HistoryRow, Label, PopgateId, RuleScore};
use super::columns::{self, Coded, CodedColumn};
use crate::filter::Action;

const COLUMNS: &str =
    "history.id, upstream, user, uidl, time, sender, subject, score, action, hits, features,
       (SELECT corrected FROM messages AS it
         WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl AND corrected_at IS NOT NULL)
     FROM history JOIN mailboxes ON mailboxes.id = history.mailbox";

pub(super) fn add(connection: &Connection, mailbox: i64, row: &HistoryRow) -> Result<()> {
    let hits: Vec<_> = row.hits.iter().map(|hit| (&*hit.rule, hit.score)).collect();
    let hits = serde_json::to_string(&hits).unwrap_or_else(|_| "[]".to_owned());
    let mut statement = connection.prepare_cached(
        "INSERT INTO history
           (id, mailbox, uidl, time, sender, subject, score, action, hits, features)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?;
    let values = params![
        row.id.as_str(),
        mailbox,
        row.uidl.as_ref().map(|uidl| uidl.octets()),
        row.time.seconds(),
        row.from.as_deref(),
        row.subject.as_deref(),
        columns::optional_thousandths(row.score),
        row.action.code(),
        hits,
        &*row.features
    ];
    statement.execute(values).map(drop)
}

pub(super) fn one(connection: &Connection, id: &PopgateId) -> Result<Option<HistoryRow>> {
    let sql = format!("SELECT {COLUMNS} WHERE history.id = ?1 AND forgotten = 0");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([id.as_str()], read).optional()
}

/// The number of the newest row.
pub(super) fn end(connection: &Connection) -> Result<u64> {
    let mut statement = connection.prepare_cached("SELECT max(number) FROM history")?;
    statement.query_row([], |row| columns::count(row, 0))
}

/// The row with this number, if it is there still.
pub(super) fn numbered(connection: &Connection, number: i64) -> Result<Option<HistoryRow>> {
    let sql = format!("SELECT {COLUMNS} WHERE history.number = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([number], read).optional()
}

fn read(row: &Row<'_>) -> Result<HistoryRow> {
    let hits: Vec<(String, f64)> = json(row, 9)?;
    Ok(HistoryRow {
        id: columns::id(row, 0)?,
        mailbox: columns::mailbox(row, 1)?,
        uidl: columns::optional_uidl(row, 3)?,
        time: columns::time(row, 4)?,
        from: columns::optional_text(row, 5)?,
        subject: columns::optional_text(row, 6)?,
        score: columns::from_thousandths(row, 7)?,
        action: Action::read(row, 8)?,
        hits: hits
            .into_iter()
            .map(|(rule, score)| RuleScore {
                rule: rule.into(),
                score,
            })
            .collect(),
        features: columns::bytes(row, 10)?,
        correction: Label::read_optional(row, 11)?,
    })
}

/// A column of JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|_| columns::damaged(column, Type::Text, "not the expected JSON"))
}
