//! Mailboxes, and what is said of them: settings, lists, popgate's own messages, digests.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::records::{
    ListEntry, ListKind, ListPattern, MailboxContents, MailboxSettings, MailboxSummary, OwnBody,
    OwnEntry, PopgateId, Timestamp,
};
use super::columns::{self, Coded, CodedColumn, octets};
use crate::filter::receiving_server::{CheckedBy, Observed, ReceivingServer};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// The number of a mailbox, if there is anything about it.
pub(super) fn known(connection: &Connection, mailbox: &MailboxId) -> Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM mailboxes WHERE upstream = ?1 AND user = ?2")?;
    let key = params![mailbox.upstream().as_str(), &**mailbox.user()];
    statement.query_row(key, |row| row.get(0)).optional()
}

/// The number of a mailbox, which is new if there is nothing about it.
pub(super) fn number(connection: &Connection, mailbox: &MailboxId) -> Result<i64> {
    if let Some(number) = known(connection, mailbox)? {
        return Ok(number);
    }
    let mut statement =
        connection.prepare_cached("INSERT INTO mailboxes (upstream, user) VALUES (?1, ?2)")?;
    statement.insert(params![mailbox.upstream().as_str(), &**mailbox.user()])
}

/// As [`number`]; none for everybody.
pub(super) fn number_or_all(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
) -> Result<Option<i64>> {
    mailbox.map(|it| number(connection, it)).transpose()
}

pub(super) fn settings(connection: &Connection, mailbox: i64) -> Result<MailboxSettings> {
    let mut statement =
        connection.prepare_cached("SELECT key, value FROM settings WHERE mailbox = ?1")?;
    let pair = |row: &Row<'_>| Ok((columns::text(row, 0)?, columns::text(row, 1)?));
    statement.query_map([mailbox], pair)?.collect()
}

pub(super) fn set(
    connection: &Connection,
    mailbox: &MailboxId,
    key: &str,
    value: Option<&str>,
) -> Result<()> {
    let mailbox = number(connection, mailbox)?;
    let Some(value) = value else {
        let mut statement =
            connection.prepare_cached("DELETE FROM settings WHERE mailbox = ?1 AND key = ?2")?;
        return statement.execute(params![mailbox, key]).map(drop);
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO settings (mailbox, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (mailbox, key) DO UPDATE SET value = excluded.value",
    )?;
    statement.execute(params![mailbox, key, value]).map(drop)
}

/// The lists of a mailbox and of everybody, or all.
pub(super) fn lists(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
) -> Result<Vec<ListEntry>> {
    // With a mailbox, only its part of the index is read. There is no mailbox 0: that is everybody.
    let (condition, number) = match mailbox {
        Some(mailbox) => (
            "ifnull(lists.mailbox, 0) IN (0, ?1)",
            known(connection, mailbox)?.unwrap_or(0),
        ),
        None => ("?1 = 0", 0),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT list, upstream, user, pattern, trusts_unauthenticated, added
         FROM lists LEFT JOIN mailboxes ON mailboxes.id = lists.mailbox
         WHERE {condition} ORDER BY list, pattern, lists.mailbox"
    ))?;
    let entry = |row: &Row<'_>| {
        let pattern = columns::text(row, 3)?;
        let pattern = ListPattern::parse(&pattern);
        let pattern = pattern.ok_or_else(|| {
            columns::damaged(3, rusqlite::types::Type::Text, "neither address nor domain")
        })?;
        Ok(ListEntry {
            list: ListKind::read(row, 0)?,
            mailbox: columns::optional_mailbox(row, 1)?,
            pattern,
            trusts_unauthenticated: row.get(4)?,
            added: columns::time(row, 5)?,
        })
    };
    statement.query_map([number], entry)?.collect()
}

pub(super) fn add_to_list(connection: &Connection, entry: &ListEntry) -> Result<()> {
    let mailbox = number_or_all(connection, entry.mailbox.as_ref())?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO lists (list, mailbox, pattern, trusts_unauthenticated, added)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (ifnull(mailbox, 0), list, pattern)
         DO UPDATE SET trusts_unauthenticated = excluded.trusts_unauthenticated",
    )?;
    let values = params![
        entry.list.code(),
        mailbox,
        entry.pattern.as_str(),
        entry.trusts_unauthenticated,
        entry.added.seconds()
    ];
    statement.execute(values).map(drop)
}

pub(super) fn remove_from_list(
    connection: &Connection,
    list: ListKind,
    mailbox: Option<&MailboxId>,
    pattern: &ListPattern,
) -> Result<()> {
    let mailbox = number_or_all(connection, mailbox)?;
    let mut statement = connection.prepare_cached(
        "DELETE FROM lists WHERE ifnull(mailbox, 0) = ifnull(?1, 0) AND list = ?2 AND pattern = ?3",
    )?;
    let key = params![mailbox, list.code(), pattern.as_str()];
    statement.execute(key).map(drop)
}

pub(super) fn own_entries(connection: &Connection, mailbox: i64) -> Result<Vec<OwnEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT uidl, octets, quarantined, created, unless_listed FROM own_entries
         WHERE mailbox = ?1 ORDER BY created, uidl",
    )?;
    let entry = |row: &Row<'_>| {
        Ok(OwnEntry {
            uidl: columns::uidl(row, 0)?,
            octets: columns::count(row, 1)?,
            body: match columns::optional_text(row, 2)? {
                Some(_) => OwnBody::Quarantined(columns::id(row, 2)?),
                None => OwnBody::Stored,
            },
            created: columns::time(row, 3)?,
            unless_listed: columns::optional_uidl(row, 4)?,
        })
    };
    statement.query_map([mailbox], entry)?.collect()
}

pub(super) fn own_text(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<Bytes>> {
    let Some(mailbox) = known(connection, mailbox)? else {
        return Ok(None);
    };
    let mut statement = connection
        .prepare_cached("SELECT text FROM own_entries WHERE mailbox = ?1 AND uidl = ?2")?;
    let text = statement.query_row(params![mailbox, uidl.octets()], |row| {
        columns::optional_bytes(row, 0)
    });
    text.optional().map(Option::flatten)
}

pub(super) fn add_own_entry(
    connection: &Connection,
    mailbox: &MailboxId,
    entry: &OwnEntry,
    text: Option<&Bytes>,
) -> Result<()> {
    let mailbox = number(connection, mailbox)?;
    let quarantined = match &entry.body {
        OwnBody::Stored => None,
        OwnBody::Quarantined(id) => Some(id.as_str()),
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO own_entries (mailbox, uidl, octets, quarantined, created, text, unless_listed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (mailbox, uidl) DO NOTHING",
    )?;
    let values = params![
        mailbox,
        entry.uidl.octets(),
        octets(entry.octets),
        quarantined,
        entry.created.seconds(),
        text.map(|text| &**text),
        entry.unless_listed.as_ref().map(Uidl::octets)
    ];
    statement.execute(values).map(drop)
}

pub(super) fn remove_own_entry(
    connection: &Connection,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<()> {
    let Some(mailbox) = known(connection, mailbox)? else {
        return Ok(());
    };
    let mut statement =
        connection.prepare_cached("DELETE FROM own_entries WHERE mailbox = ?1 AND uidl = ?2")?;
    statement.execute(params![mailbox, uidl.octets()]).map(drop)
}

/// Removes the entries whose text is this message.
pub(super) fn remove_own_entries_of(connection: &Connection, id: &PopgateId) -> Result<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM own_entries WHERE quarantined = ?1")?;
    statement.execute([id.as_str()]).map(drop)
}

pub(super) fn last_digest(connection: &Connection, mailbox: i64) -> Result<Option<Timestamp>> {
    let mut statement =
        connection.prepare_cached("SELECT last_digest FROM mailboxes WHERE id = ?1")?;
    statement.query_row([mailbox], |row| columns::optional_time(row, 0))
}

pub(super) fn digest_made(
    connection: &Connection,
    mailbox: &MailboxId,
    at: Timestamp,
) -> Result<()> {
    let mailbox = number(connection, mailbox)?;
    let mut statement = connection.prepare_cached(
        "UPDATE mailboxes SET last_digest = max(ifnull(last_digest, 0), ?2) WHERE id = ?1",
    )?;
    statement.execute(params![mailbox, at.seconds()]).map(drop)
}

/// As far as its messages say it.
pub(super) fn receiving_server(
    connection: &Connection,
    mailbox: i64,
) -> Result<Option<ReceivingServer>> {
    let mut statement = connection
        .prepare_cached("SELECT checked_by, checked_by_weight FROM mailboxes WHERE id = ?1")?;
    statement.query_row([mailbox], |row| {
        let by: Option<String> = row.get(0)?;
        let by = by.as_deref().and_then(CheckedBy::read);
        Ok(by
            .zip(row.get(1)?)
            .map(|(by, weight)| ReceivingServer::new(by, weight)))
    })
}

pub(super) fn sender_checked(
    connection: &Connection,
    mailbox: &MailboxId,
    observed: &Observed,
) -> Result<()> {
    let Some(mailbox) = known(connection, mailbox)? else {
        return Ok(());
    };
    // A majority vote: see `filter::receiving_server`.
    let mut statement = connection.prepare_cached(
        "UPDATE mailboxes SET
           checked_by_weight = CASE
             WHEN checked_by = ?2 THEN min(checked_by_weight + 1, ?4)
             WHEN checked_by_weight > ?3 THEN checked_by_weight - ?3
             ELSE 1 END,
           checked_by = CASE
             WHEN checked_by = ?2 OR checked_by_weight > ?3 THEN checked_by
             ELSE ?2 END
         WHERE id = ?1",
    )?;
    let (by, weight) = (observed.by.text(), observed.weight());
    statement
        .execute(params![mailbox, by, weight, ReceivingServer::MOST])
        .map(drop)
}

pub(super) fn names(connection: &Connection) -> Result<Vec<MailboxId>> {
    let mut statement = connection.prepare_cached(
        "SELECT upstream, user FROM mailboxes WHERE forgotten = 0 ORDER BY user, upstream",
    )?;
    let names = statement.query_map([], |row| columns::mailbox(row, 0))?;
    names.collect()
}

/// When the newest row was judged.
pub(super) fn last_judged(
    connection: &Connection,
    mailbox: Option<&MailboxId>,
) -> Result<Option<Timestamp>> {
    let (condition, number) = match mailbox {
        Some(mailbox) => match known(connection, mailbox)? {
            Some(number) => ("mailbox = ?1", number),
            None => return Ok(None),
        },
        None => (
            "?1 = 0 AND mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten = 1)",
            0,
        ),
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT time FROM history WHERE {condition} ORDER BY number DESC LIMIT 1"
    ))?;
    let time = statement.query_row([number], |row| columns::time(row, 0));
    time.optional()
}

pub(super) fn summaries(
    connection: &Connection,
    mailboxes: &[MailboxId],
    most: u64,
) -> Result<Vec<MailboxSummary>> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM quarantine WHERE mailbox = ?1 AND state = 0),
           (SELECT count(*) FROM (SELECT 1 FROM history WHERE mailbox = ?1 LIMIT ?2)),
           (SELECT time FROM history WHERE mailbox = ?1 ORDER BY number DESC LIMIT 1)",
    )?;
    let mut all = Vec::new();
    for mailbox in mailboxes {
        let Some(number) = known(connection, mailbox)? else {
            continue;
        };
        all.push(statement.query_row([number, octets(most)], |row| {
            Ok(MailboxSummary {
                mailbox: mailbox.clone(),
                settings: settings(connection, number)?,
                held: columns::count(row, 0)?,
                history: columns::count(row, 1)?,
                last_judged: columns::optional_time(row, 2)?,
            })
        })?);
    }
    Ok(all)
}

pub(super) fn contents(connection: &Connection, mailbox: &MailboxId) -> Result<MailboxContents> {
    let Some(number) = known(connection, mailbox)? else {
        return Ok(MailboxContents::default());
    };
    let count = |table: &str| -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {table} WHERE mailbox = ?1");
        connection.query_row(&sql, [number], |row| columns::count(row, 0))
    };
    Ok(MailboxContents {
        messages: count("messages")?,
        history: count("history")?,
        senders: count("senders")?,
        lists: count("lists")?,
        settings: count("settings")?,
        own_entries: count("own_entries")?,
        lessons: count("lessons")?,
        quarantine: count("quarantine")?,
    })
}

/// Gives the rows of a mailbox to one without a name, whose rows are deleted step by step. What is held stays.
pub(super) fn forget(connection: &Connection, mailbox: &MailboxId) -> Result<()> {
    let Some(old) = known(connection, mailbox)? else {
        return Ok(());
    };
    // No server has an empty name.
    connection.execute(
        "UPDATE mailboxes SET upstream = '', user = id, forgotten = 1, last_digest = NULL WHERE id = ?1",
        [old],
    )?;
    let held: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM quarantine WHERE mailbox = ?1 AND state = 0)",
        [old],
        |row| row.get(0),
    )?;
    if held {
        let new = number(connection, mailbox)?;
        let moved = "UPDATE quarantine SET mailbox = ?2 WHERE mailbox = ?1 AND state = 0";
        connection.execute(moved, [old, new])?;
    }
    Ok(())
}
