//! The index of the quarantine. The messages are the Maildir's.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::contract::QuarantineQuery;
use super::super::records::{HeldState, PopgateId, Quarantined, Reason};
use super::columns::{self, Coded, CodedColumn};
use super::history::json;
use super::mailboxes;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

const COLUMNS: &str =
    "quarantine.id, upstream, user, uidl, sender, subject, score, reasons, held_at, octets, state
     FROM quarantine LEFT JOIN mailboxes ON mailboxes.id = quarantine.mailbox";

/// Adds a message, unless it is held already: under this id, or the same message under another one. A row that was made
/// from the message alone learns whose it is.
pub(super) fn add(connection: &Connection, entry: &Quarantined) -> Result<()> {
    let mailbox = mailboxes::number_or_all(connection, entry.mailbox.as_ref())?;
    let reasons: Vec<_> = entry
        .reasons
        .iter()
        .map(|it| (&*it.rule, it.score, &*it.description))
        .collect();
    let reasons = serde_json::to_string(&reasons).unwrap_or_else(|_| "[]".to_owned());
    let mut statement = connection.prepare_cached(
        "UPDATE OR IGNORE quarantine SET mailbox = ?2, uidl = ?3, score = ?4, reasons = ?5
         WHERE id = ?1 AND mailbox IS NULL AND ?2 IS NOT NULL",
    )?;
    let uidl = entry.uidl.as_ref().map(|uidl| uidl.octets());
    let score = columns::optional_thousandths(entry.score);
    statement.execute(params![entry.id.as_str(), mailbox, uidl, score, reasons])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO quarantine
           (id, mailbox, uidl, sender, subject, score, reasons, held_at, octets, state, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
    )?;
    let values = params![
        entry.id.as_str(),
        mailbox,
        uidl,
        &*entry.from,
        &*entry.subject,
        score,
        reasons,
        entry.held_at.seconds(),
        columns::octets(entry.octets),
        entry.state.code(),
        entry.body.as_deref()
    ];
    statement.execute(values).map(drop)
}

/// The message of an entry in the mailbox, if it is known.
pub(super) type Message = Option<(i64, Vec<u8>)>;

fn message(row: &Row<'_>) -> Result<Message> {
    let (mailbox, uidl): (Option<i64>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
    Ok(mailbox.zip(uidl))
}

/// Takes a message out of quarantine; its message, if it was held.
pub(super) fn leave(
    connection: &Connection,
    id: &PopgateId,
    state: HeldState,
) -> Result<Option<Message>> {
    // A released message that is deleted is deleted; a deleted one cannot be released.
    let mut statement = connection.prepare_cached(
        "UPDATE quarantine SET state = ?2, body = CASE ?2 WHEN 2 THEN NULL ELSE body END
         WHERE id = ?1 AND state < ?2 RETURNING mailbox, uidl",
    )?;
    statement
        .query_row(params![id.as_str(), state.code()], message)
        .optional()
}

/// Puts a released message back into quarantine; its message, if it was released, and is not held under another id.
pub(super) fn hold_again(connection: &Connection, id: &PopgateId) -> Result<Option<Message>> {
    let mut statement = connection.prepare_cached(
        "UPDATE OR IGNORE quarantine SET state = 0 WHERE id = ?1 AND state = 1
         RETURNING mailbox, uidl",
    )?;
    statement.query_row([id.as_str()], message).optional()
}

pub(super) fn one(connection: &Connection, id: &PopgateId) -> Result<Option<Quarantined>> {
    let sql = format!("SELECT body, {COLUMNS} WHERE quarantine.id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let entry = statement.query_row([id.as_str()], |row| {
        let mut entry = read(row, 1)?;
        entry.body = columns::optional_bytes(row, 0)?;
        Ok(entry)
    });
    entry.optional()
}

pub(super) fn held_as(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<PopgateId>> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(
        "SELECT id FROM quarantine WHERE mailbox = ?1 AND uidl = ?2 AND state = 0",
    )?;
    let key = params![mailbox, uidl.octets()];
    statement
        .query_row(key, |row| columns::id(row, 0))
        .optional()
}

pub(super) fn page(connection: &Connection, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
    let mut sql = format!(
        "SELECT {COLUMNS} WHERE (held_at, quarantine.id) < (?1, ?2) AND held_at >= ?3 AND held_at < ?4 AND state <= ?5"
    );
    let mailbox = match &query.mailbox {
        None => None,
        Some(mailbox) => {
            sql.push_str(" AND quarantine.mailbox = ?6");
            let Some(number) = mailboxes::known(connection, mailbox)? else {
                return Ok(Vec::new());
            };
            Some(number)
        }
    };
    if mailbox.is_none() {
        sql.push_str(" AND ?6 IS NULL");
    }
    sql.push_str(" ORDER BY held_at DESC, quarantine.id DESC LIMIT ?7");
    let (time, id) = match &query.after {
        Some((time, id)) => (time.seconds(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let values = params![
        time,
        id,
        query.since.map_or(i64::MIN, |it| it.seconds()),
        query.before.map_or(i64::MAX, |it| it.seconds()),
        query.up_to.code(),
        mailbox,
        columns::octets(query.limit as u64)
    ];
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(values, |row| read(row, 0))?.collect()
}

/// Without the body.
fn read(row: &Row<'_>, first: usize) -> Result<Quarantined> {
    let reasons: Vec<(String, f64, String)> = json(row, first + 7)?;
    let reason = |(rule, score, description): (String, f64, String)| Reason {
        rule: Arc::from(rule),
        score,
        description: Arc::from(description),
    };
    Ok(Quarantined {
        id: columns::id(row, first)?,
        mailbox: columns::optional_mailbox(row, first + 1)?,
        uidl: columns::optional_uidl(row, first + 3)?,
        from: columns::text(row, first + 4)?,
        subject: columns::text(row, first + 5)?,
        score: columns::from_thousandths(row, first + 6)?,
        reasons: reasons.into_iter().map(reason).collect(),
        held_at: columns::time(row, first + 8)?,
        octets: columns::count(row, first + 9)?,
        state: HeldState::read(row, first + 10)?,
        body: None,
    })
}
