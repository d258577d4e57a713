//! The messages on upstreams: their verdicts, and how they were sent.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(super) use super::super::coded::day;
use super::super::records::{
    Correction, Edit, Label, MessageRecord, MessageState, PopgateId, RememberedMessage, Timestamp,
};
use super::columns::{self, Coded, CodedColumn};
use super::mailboxes;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;
use crate::message::MessageDigest;
use crate::pop3::Uidl;

/// The columns that [`read`] reads.
const COLUMNS: &str = "id, state, action, score, probability, filter_version, digest,
    octets_upstream, octets_sent, grown, first_seen, delivered_at, held_at, corrected,
    corrected_at, edited";

/// The columns that [`read_remembered`] reads.
pub(super) const REMEMBERED: &str = "state, filter_version, digest, octets_upstream, grown, edited,
    held_at, corrected, corrected_at";

/// Reads a row of [`COLUMNS`], without its edit, and whether there is one. `version` is the text of the filter's version
/// by its number.
fn read(
    row: &Row<'_>,
    version: impl FnOnce(i64) -> Result<Arc<str>>,
) -> Result<(MessageRecord, bool)> {
    let record = MessageRecord {
        id: columns::id(row, 0)?,
        state: MessageState::read(row, 1)?,
        action: Action::read(row, 2)?,
        score: columns::from_thousandths(row, 3)?,
        probability: columns::from_thousandths(row, 4)?,
        filter_version: version(row.get(5)?)?,
        digest: columns::optional_digest(row, 6)?,
        octets_upstream: columns::optional_octets(row, 7)?,
        octets_sent: columns::optional_octets(row, 8)?,
        grown: row.get(9)?,
        edit: None,
        first_seen: columns::time(row, 10)?,
        delivered_at: columns::optional_time(row, 11)?,
        held_at: columns::optional_time(row, 12)?,
        correction: correction(row, 13)?,
    };
    Ok((record, row.get(15)?))
}

/// Reads a row of [`REMEMBERED`] that begins at this column.
pub(super) fn read_remembered(
    row: &Row<'_>,
    first: usize,
    version: impl FnOnce(i64) -> Result<Arc<str>>,
) -> Result<RememberedMessage> {
    Ok(RememberedMessage {
        state: MessageState::read(row, first)?,
        filter_version: version(row.get(first + 1)?)?,
        digest: columns::optional_digest(row, first + 2)?,
        octets_upstream: columns::optional_octets(row, first + 3)?,
        grown: row.get(first + 4)?,
        is_edited: row.get(first + 5)?,
        held_at: columns::optional_time(row, first + 6)?,
        correction: correction(row, first + 7)?,
    })
}

/// A label without a time was taken back.
fn correction(row: &Row<'_>, column: usize) -> Result<Option<Correction>> {
    let label = Label::read_optional(row, column)?;
    let at = columns::optional_time(row, column + 1)?;
    Ok(label.zip(at).map(|(label, at)| Correction { label, at }))
}

pub(super) fn version(connection: &Connection, number: i64) -> Result<Arc<str>> {
    let mut statement =
        connection.prepare_cached("SELECT version FROM filter_versions WHERE id = ?1")?;
    statement.query_row([number], |row| columns::text(row, 0))
}

fn edit(connection: &Connection, mailbox: i64, uidl: &Uidl) -> Result<Option<Edit>> {
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
    match mailboxes::known(connection, mailbox)? {
        Some(mailbox) => of_mailbox(connection, mailbox, uidl),
        None => Ok(None),
    }
}

pub(super) fn some(
    connection: &Connection,
    mailbox: &MailboxId,
    uidls: &[Uidl],
) -> Result<Vec<(Uidl, MessageRecord)>> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::with_capacity(uidls.len());
    for uidl in uidls {
        if let Some(record) = of_mailbox(connection, mailbox, uidl)? {
            found.push((uidl.clone(), record));
        }
    }
    Ok(found)
}

fn of_mailbox(connection: &Connection, mailbox: i64, uidl: &Uidl) -> Result<Option<MessageRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE mailbox = ?1 AND uidl = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row(params![mailbox, uidl.octets()], |row| {
        read(row, |number| version(connection, number))
    });
    let Some((mut record, edited)) = found.optional()? else {
        return Ok(None);
    };
    if edited {
        record.edit = edit(connection, mailbox, uidl)?;
    }
    Ok(Some(record))
}

/// A new row, and one that is there already.
const INSERT: &str = "INSERT INTO messages (mailbox, uidl, id, state, action, score, probability,
    filter_version, digest, octets_upstream, octets_sent, grown, first_seen, delivered_at,
    held_at, last_listed, corrected, corrected_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
  ON CONFLICT (mailbox, uidl) DO ";
const REPLACE: &str = "UPDATE SET
    id = excluded.id, state = excluded.state, action = excluded.action,
    score = excluded.score, probability = excluded.probability,
    filter_version = excluded.filter_version, digest = excluded.digest,
    octets_upstream = ifnull(excluded.octets_upstream, octets_upstream),
    octets_sent = excluded.octets_sent, grown = excluded.grown,
    delivered_at = excluded.delivered_at, held_at = excluded.held_at,
    last_listed = max(last_listed, excluded.last_listed),
    corrected = ifnull(corrected, excluded.corrected),
    corrected_at = ifnull(corrected_at, excluded.corrected_at)
  WHERE (state = 0 OR (?19 AND state NOT IN (4, 6)))
    AND (?20 IS NULL OR corrected_at IS NOT NULL OR corrected IS NOT ?20)";

/// See [`super::super::records::Change::Judged`].
pub(super) fn judged(
    connection: &Connection,
    (mailbox, uidl): (i64, &Uidl),
    record: &MessageRecord,
    version: i64,
    replaces: bool,
    as_taught: Option<Label>,
) -> Result<()> {
    let uidl = uidl.octets();
    let digest = record.digest.map(MessageDigest::to_octets);
    let values = params![
        mailbox,
        uidl,
        record.id.as_str(),
        record.state.code(),
        record.action.code(),
        columns::optional_thousandths(record.score),
        columns::optional_thousandths(record.probability),
        version,
        digest,
        record.octets_upstream.map(columns::octets),
        record.octets_sent.map(columns::octets),
        record.grown,
        record.first_seen.seconds(),
        record.delivered_at.map(Timestamp::seconds),
        record.held_at.map(Timestamp::seconds),
        day(record.first_seen),
        record.correction.map(|it| it.label.code()),
        record.correction.map(|it| it.at.seconds()),
    ];
    // Nearly all messages are new.
    let insert = connection.prepare_cached(&format!("{INSERT} NOTHING"));
    if insert?.execute(values)? > 0 {
        return match &record.edit {
            Some(_) => put_edit(connection, mailbox, uidl, record.edit.as_ref()),
            None => Ok(()),
        };
    }
    // Nothing of another message is true of this one.
    connection
        .prepare_cached("DELETE FROM messages WHERE mailbox = ?1 AND uidl = ?2 AND digest != ?3")?
        .execute(params![mailbox, uidl, digest])?;
    let replace = connection.prepare_cached(&format!("{INSERT} {REPLACE}"));
    let as_taught = as_taught.map(|label| label.code());
    let values = [values, params![replaces, as_taught]].concat();
    match replace?.execute(&values[..])? {
        0 => Ok(()), // it was delivered meanwhile, or what it follows was taken back
        _ => put_edit(connection, mailbox, uidl, record.edit.as_ref()),
    }
}

pub(super) fn version_number(connection: &Connection, version: &str) -> Result<i64> {
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

/// Of a message that a client got for the first time.
pub(super) fn delivered(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    at: Timestamp,
) -> Result<()> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET
           state = CASE state WHEN 0 THEN 1 ELSE state END, delivered_at = ?3,
           last_listed = max(last_listed, ?4)
         WHERE mailbox = ?1 AND uidl = ?2 AND delivered_at IS NULL AND state != 5",
    )?;
    let values = params![mailbox, uidl.octets(), at.seconds(), day(at)];
    statement.execute(values).map(drop)
}

/// Of a message that was not delivered as it is.
pub(super) fn held(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    hidden: bool,
    at: Timestamp,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    let state = if hidden {
        MessageState::Hidden
    } else {
        MessageState::Held
    };
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = ?3, held_at = ifnull(held_at, ?4)
         WHERE mailbox = ?1 AND uidl = ?2 AND state IN (0, 2, 3)",
    )?;
    let values = params![mailbox, uidl.octets(), state.code(), at.seconds()];
    statement.execute(values).map(drop)
}

/// Of a message that was held: it is sent as it is from now on.
pub(super) fn released(
    connection: &Connection,
    mailbox: i64,
    uidl: &[u8],
    id: &PopgateId,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = 4, octets_sent = NULL, grown = 0, delivered_at = NULL
         WHERE mailbox = ?1 AND uidl = ?2 AND id = ?3",
    )?;
    match statement.execute(params![mailbox, uidl, id.as_str()])? {
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
        "UPDATE messages SET state = ?3, corrected_at = NULL
         WHERE mailbox = ?1 AND uidl = ?2 AND state = 4",
    )?;
    let values = params![mailbox, uidl, state.code()];
    statement.execute(values).map(drop)
}

/// Of a message that a person does not want at all.
pub(super) fn discarded(
    connection: &Connection,
    mailbox: i64,
    uidl: &[u8],
    id: &PopgateId,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = 6
         WHERE mailbox = ?1 AND uidl = ?2 AND id = ?3 AND state IN (0, 2, 3)",
    )?;
    let values = params![mailbox, uidl, id.as_str()];
    statement.execute(values).map(drop)
}

/// Of a message whose original is in quarantine no longer: its notice is not sent again, and a hidden one is not hidden
/// without it. It is judged anew.
pub(super) fn original_gone(
    connection: &Connection,
    mailbox: i64,
    uidl: &[u8],
    id: &PopgateId,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET state = 0, digest = NULL, grown = 0
         WHERE mailbox = ?1 AND uidl = ?2 AND id = ?3 AND state IN (2, 3)",
    )?;
    match statement.execute(params![mailbox, uidl, id.as_str()])? {
        0 => Ok(()),
        _ => put_edit(connection, mailbox, uidl, None),
    }
}

/// A decision that was made as a person said is not valid any more once that is taken back. A label without a time is one
/// that was taken back.
pub(super) fn corrected(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
    correction: Option<Correction>,
) -> Result<()> {
    let mailbox = mailboxes::number(connection, mailbox)?;
    if correction.is_none() {
        let mut statement = connection.prepare_cached(
            "UPDATE messages SET state = 0, digest = NULL, grown = 0
             WHERE mailbox = ?1 AND uidl = ?2 AND state IN (0, 1, 2)
               AND ifnull(delivered_at, first_seen) >= corrected_at",
        )?;
        if statement.execute(params![mailbox, uidl.octets()])? > 0 {
            put_edit(connection, mailbox, uidl.octets(), None)?;
        }
    }
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET corrected = ifnull(?3, corrected), corrected_at = ?4
         WHERE mailbox = ?1 AND uidl = ?2",
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
