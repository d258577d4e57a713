//! The history: one row for each judged message.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::contract::{HistoryCounts, HistoryQuery};
use super::super::records::{HistoryRow, Label, PopgateId, RuleScore, Timestamp};
use super::columns::{self, Coded, CodedColumn};
use super::mailboxes;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

const COLUMNS: &str =
    "history.id, upstream, user, uidl, time, sender, subject, score, action, hits, features,
       (SELECT corrected FROM messages AS it
         WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl)
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

pub(super) fn page(connection: &Connection, query: &HistoryQuery) -> Result<Vec<HistoryRow>> {
    let mut sql = format!("SELECT {COLUMNS} WHERE (time, history.id) < (?1, ?2) AND time >= ?5");
    let mut mailbox = 0;
    if let Some(of) = &query.mailbox {
        let Some(number) = mailboxes::known(connection, of)? else {
            return Ok(Vec::new());
        };
        mailbox = number;
        sql.push_str(" AND history.mailbox = ?3");
    } else {
        sql.push_str(" AND forgotten = ?3");
    }
    sql.push_str(match query.uidl {
        Some(_) => " AND uidl = ?6",
        None => " AND ?6 IS NULL",
    });
    sql.push_str(
        " AND time < ?7 AND (?8 IS NULL OR action = ?8) AND (?9 IS NULL OR score >= ?9)
          AND (?10 IS NULL OR score < ?10)
          AND (?11 IS NULL OR sender LIKE ?11 ESCAPE '\\' OR subject LIKE ?11 ESCAPE '\\')
          AND (?12 IS NULL OR instr(hits, ?12) > 0)
          AND (?13 IS NULL OR ?13 = EXISTS (SELECT 1 FROM messages AS it
            WHERE it.mailbox = history.mailbox AND it.uidl = history.uidl
              AND it.corrected IS NOT NULL))",
    );
    sql.push_str(" ORDER BY time DESC, history.id DESC LIMIT ?4");
    let (time, id) = match &query.after {
        Some((time, id)) => (time.seconds(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![
        time,
        id,
        mailbox,
        columns::octets(query.limit as u64),
        query.since.map_or(i64::MIN, Timestamp::seconds),
        query.uidl.as_ref().map(Uidl::octets),
        query.before.map_or(i64::MAX, Timestamp::seconds),
        query.action.map(|action| action.code()),
        columns::optional_thousandths(query.least_score),
        columns::optional_thousandths(query.score_below),
        query.like(),
        query.rule.as_deref().map(hit_of),
        query.corrected,
    ];
    statement.query_map(values, read)?.collect()
}

/// How the hit of a rule begins in the column of hits.
fn hit_of(rule: &str) -> String {
    let id = serde_json::to_string(rule).unwrap_or_default();
    format!("[{id},")
}

pub(super) fn counts(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
    since: Timestamp,
) -> Result<HistoryCounts> {
    let number = match mailbox {
        Some(of) => match mailboxes::known(connection, of)? {
            Some(number) => Some(number),
            None => return Ok(HistoryCounts::default()),
        },
        None => None,
    };
    let of = match number {
        Some(_) => "mailbox = ?2",
        None => "?2 IS NULL AND mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten = 1)",
    };
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE action = 1), count(*) FILTER (WHERE action = 2),
           (SELECT count(*) FROM messages WHERE corrected_at >= ?1 AND {of})
         FROM history WHERE time >= ?1 AND {of}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params![since.seconds(), number], |row| {
        Ok(HistoryCounts {
            arrived: columns::count(row, 0)?,
            tagged: columns::count(row, 1)?,
            held: columns::count(row, 2)?,
            corrected: columns::count(row, 3)?,
        })
    })
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
