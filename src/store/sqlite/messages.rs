//! The messages on upstreams: their verdicts, and how they were sent.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(super) use super::super::coded::day;
use super::super::records::{Correction, Edit, Label, MessageRecord, MessageState, Timestamp};
use super::columns::{self, Coded, CodedColumn};
use super::mailboxes;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// The columns that [`read`] reads, after the first.
pub(super) const COLUMNS: &str =
    "last_listed, id, state, action, score, probability, filter_version,
    octets_upstream, octets_sent, first_seen, delivered_at, corrected, corrected_at, edited";

/// Reads a row of [`COLUMNS`] that begin at this one, without its edit, and whether there is one. `version` is the text
/// of the filter's version by its number.
pub(super) fn read(
    row: &Row<'_>,
    first: usize,
    version: impl FnOnce(i64) -> Result<Arc<str>>,
) -> Result<(MessageRecord, bool)> {
    let corrected = Label::read_optional(row, first + 11)?;
    let corrected_at = columns::optional_time(row, first + 12)?;
    let record = MessageRecord {
        id: columns::id(row, first + 1)?,
        state: MessageState::read(row, first + 2)?,
        action: Action::read(row, first + 3)?,
        score: columns::from_thousandths(row, first + 4)?,
        probability: columns::from_thousandths(row, first + 5)?,
        filter_version: version(row.get(first + 6)?)?,
        octets_upstream: columns::optional_octets(row, first + 7)?,
        octets_sent: columns::optional_octets(row, first + 8)?,
        edit: None,
        first_seen: columns::time(row, first + 9)?,
        delivered_at: columns::optional_time(row, first + 10)?,
        correction: corrected
            .zip(corrected_at)
            .map(|(label, at)| Correction { label, at }),
    };
    Ok((record, row.get(first + 13)?))
}

pub(super) fn version(connection: &Connection, number: i64) -> Result<Arc<str>> {
    let mut statement =
        connection.prepare_cached("SELECT version FROM filter_versions WHERE id = ?1")?;
    statement.query_row([number], |row| columns::text(row, 0))
}

pub(super) fn edit(connection: &Connection, mailbox: i64, uidl: &Uidl) -> Result<Option<Edit>> {
    let mut statement = connection
        .prepare_cached("SELECT flags, block FROM edits WHERE mailbox = ?1 AND uidl = ?2")?;
    let edit = statement.query_row(params![mailbox, uidl.octets()], |row| {
        Ok(Edit {
            flags: row.get(0)?,
            block: columns::bytes(row, 1)?,
        })
    });
    edit.optional()
}

pub(super) fn one(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<MessageRecord>> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(None);
    };
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE mailbox = ?1 AND uidl = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(params![mailbox, uidl.octets()], |row| {
        read(row, 0, |number| version(connection, number))
    });
    let Some((mut record, edited)) = found.optional()? else {
        return Ok(None);
    };
    if edited {
        record.edit = edit(connection, mailbox, uidl)?;
    }
    Ok(Some(record))
}

pub(super) fn judged(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    record: &MessageRecord,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    let version = version_number(connection, &record.filter_version)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO messages (mailbox, uidl, id, state, action, score, probability,
           filter_version, octets_upstream, octets_sent, first_seen, delivered_at, last_listed,
           corrected, corrected_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (mailbox, uidl) DO UPDATE SET
           id = excluded.id, state = excluded.state, action = excluded.action,
           score = excluded.score, probability = excluded.probability,
           filter_version = excluded.filter_version,
           octets_upstream = ifnull(excluded.octets_upstream, octets_upstream),
           octets_sent = excluded.octets_sent, delivered_at = excluded.delivered_at,
           last_listed = max(last_listed, excluded.last_listed),
           corrected = ifnull(corrected, excluded.corrected),
           corrected_at = ifnull(corrected_at, excluded.corrected_at)
         WHERE state = 0",
    )?;
    let values = params![
        mailbox,
        uidl.octets(),
        record.id.as_str(),
        record.state.code(),
        record.action.code(),
        columns::optional_thousandths(record.score),
        columns::optional_thousandths(record.probability),
        version,
        record.octets_upstream.map(columns::octets),
        record.octets_sent.map(columns::octets),
        record.first_seen.seconds(),
        record.delivered_at.map(Timestamp::seconds),
        day(record.first_seen),
        record.correction.map(|it| it.label.code()),
        record.correction.map(|it| it.at.seconds())
    ];
    match statement.execute(values)? {
        0 => Ok(()), // it was delivered meanwhile
        _ => put_edit(connection, mailbox, uidl.octets(), record.edit.as_ref()),
    }
}

fn version_number(connection: &Connection, version: &str) -> Result<i64> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM filter_versions WHERE version = ?1")?;
    if let Some(number) = statement
        .query_row([version], |row| row.get(0))
        .optional()?
    {
        return Ok(number);
    }
    let mut statement =
        connection.prepare_cached("INSERT INTO filter_versions (version) VALUES (?1)")?;
    statement.insert([version])
}

fn put_edit(connection: &Connection, mailbox: i64, uidl: &[u8], edit: Option<&Edit>) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET edited = ?3 WHERE mailbox = ?1 AND uidl = ?2 AND edited != ?3",
    )?;
    let changed = statement.execute(params![mailbox, uidl, edit.is_some()])?;
    let Some(edit) = edit else {
        if changed > 0 {
            let mut statement =
                connection.prepare_cached("DELETE FROM edits WHERE mailbox = ?1 AND uidl = ?2")?;
            statement.execute(params![mailbox, uidl])?;
        }
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO edits (mailbox, uidl, flags, block) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (mailbox, uidl)
         DO UPDATE SET flags = excluded.flags, block = excluded.block",
    )?;
    let values = params![mailbox, uidl, edit.flags, &*edit.block];
    statement.execute(values).map(drop)
}

/// How a message was sent the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery<'c> {
    pub(super) octets_upstream: Option<u64>,
    pub(super) octets_sent: u64,
    pub(super) edit: Option<&'c Edit>,
    pub(super) at: Timestamp,
}

pub(super) fn delivered(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    delivery: Delivery<'_>,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET
           state = CASE state WHEN 0 THEN 1 ELSE state END,
           octets_upstream = ifnull(?3, octets_upstream), octets_sent = ?4, delivered_at = ?5,
           last_listed = max(last_listed, ?6)
         WHERE mailbox = ?1 AND uidl = ?2 AND delivered_at IS NULL AND state != 5",
    )?;
    let values = params![
        mailbox,
        uidl.octets(),
        delivery.octets_upstream.map(columns::octets),
        columns::octets(delivery.octets_sent),
        delivery.at.seconds(),
        day(delivery.at)
    ];
    match statement.execute(values)? {
        0 => Ok(()),
        _ => put_edit(connection, mailbox, uidl.octets(), delivery.edit),
    }
}

/// Of a message that was not delivered as it is.
pub(super) fn held(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    hidden: bool,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    let state = if hidden {
        MessageState::Hidden
    } else {
        MessageState::Held
    };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = ?3 WHERE mailbox = ?1 AND uidl = ?2 AND state IN (0, 2, 3)",
    )?;
    let values = params![mailbox, uidl.octets(), state.code()];
    statement.execute(values).map(drop)
}

/// Of a message that was held: it is sent as it is from now on.
pub(super) fn released(connection: &Connection, mailbox: i64, uidl: &[u8]) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = 4, octets_sent = NULL, delivered_at = NULL
         WHERE mailbox = ?1 AND uidl = ?2",
    )?;
    match statement.execute(params![mailbox, uidl])? {
        0 => Ok(()),
        _ => put_edit(connection, mailbox, uidl, None),
    }
}

/// Of a message whose release a person took back.
pub(super) fn held_again(
    connection: &Connection,
    mailbox: i64,
    uidl: &[u8],
    hidden: bool,
) -> Result<()> {
    let state = if hidden {
        MessageState::Hidden
    } else {
        MessageState::Held
    };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = ?3, corrected = NULL, corrected_at = NULL
         WHERE mailbox = ?1 AND uidl = ?2 AND state = 4",
    )?;
    let values = params![mailbox, uidl, state.code()];
    statement.execute(values).map(drop)
}

/// Of a message whose original a person deleted.
pub(super) fn deleted_from_quarantine(
    connection: &Connection,
    mailbox: i64,
    uidl: &[u8],
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = 5 WHERE mailbox = ?1 AND uidl = ?2 AND state IN (2, 3)",
    )?;
    statement.execute(params![mailbox, uidl]).map(drop)
}

pub(super) fn corrected(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    correction: Option<Correction>,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET corrected = ?3, corrected_at = ?4 WHERE mailbox = ?1 AND uidl = ?2",
    )?;
    let values = params![
        mailbox,
        uidl.octets(),
        correction.map(|it| it.label.code()),
        correction.map(|it| it.at.seconds())
    ];
    statement.execute(values).map(drop)
}

/// The server lists these messages still, or a client deleted them.
pub(super) fn listed(
    connection: &Connection,
    mailbox: &MailboxId,
    uidls: &[Uidl],
    at: Timestamp,
    deleted: bool,
) -> Result<()> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET last_listed = max(last_listed, ?3),
           state = CASE ?4 WHEN 1 THEN 5 ELSE state END
         WHERE mailbox = ?1 AND uidl = ?2",
    )?;
    for uidl in uidls {
        statement.execute(params![mailbox, uidl.octets(), day(at), deleted])?;
    }
    Ok(())
}
