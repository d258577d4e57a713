//! Who has written to a mailbox.
//!
//! The row of a message says how it is counted for its sender. So each message counts once, however often it is
//! reported, and can be counted differently later.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::super::records::{Label, NamedSender, SenderHistory, SenderRecord, SenderSeen};
use super::columns;
use super::mailboxes;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// A bit of the column `counted`.
const AUTHENTICATED: i64 = 4;

pub(super) fn read(
    connection: &Connection,
    mailbox: &MailboxId,
    address: &str,
) -> Result<SenderHistory> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(SenderHistory::default());
    };
    let mut statement = connection.prepare_cached(
        "SELECT first_seen, last_seen, authenticated, ham, spam FROM senders
         WHERE mailbox = ?1 AND name = ?2",
    )?;
    let mut one = |name: &str| {
        let found = statement.query_row(params![mailbox, name], |row| record(row, 0));
        found.optional()
    };
    Ok(SenderHistory {
        address: one(address)?,
        domain: domain(address).map(&mut one).transpose()?.flatten(),
    })
}

/// Those that wrote last, by name.
pub(super) fn page(
    connection: &Connection,
    mailbox: &MailboxId,
    limit: usize,
) -> Result<Vec<NamedSender>> {
    let Some(mailbox) = mailboxes::known(connection, mailbox)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT name, first_seen, last_seen, authenticated, ham, spam FROM senders
         WHERE mailbox = ?1 ORDER BY last_seen DESC, name LIMIT ?2",
    )?;
    let sender = |row: &Row<'_>| {
        Ok(NamedSender {
            name: columns::text(row, 0)?,
            record: record(row, 1)?,
        })
    };
    let range = params![mailbox, columns::octets(limit as u64)];
    statement.query_map(range, sender)?.collect()
}

fn record(row: &Row<'_>, first: usize) -> Result<SenderRecord> {
    Ok(SenderRecord {
        first_seen: columns::time(row, first)?,
        last_seen: columns::time(row, first + 1)?,
        authenticated: columns::count(row, first + 2)?,
        ham: columns::count(row, first + 3)?,
        spam: columns::count(row, first + 4)?,
    })
}

/// The domain with its `@`.
fn domain(address: &str) -> Option<&str> {
    address.rfind('@').map(|at| &address[at..])
}

pub(super) fn seen(connection: &Connection, mailbox: i64, seen: &SenderSeen) -> Result<()> {
    let now = match seen.label {
        None => 0,
        Some(Label::Ham) => 1 | authenticated(seen),
        Some(Label::Spam) => 2 | authenticated(seen),
    };
    let Some(before) = count(connection, (mailbox, &seen.uidl), now)? else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO senders (mailbox, name, first_seen, last_seen, authenticated, ham, spam)
         VALUES (?1, ?2, ?3, ?3, max(?4, 0), max(?5, 0), max(?6, 0))
         ON CONFLICT (mailbox, name) DO UPDATE SET
           first_seen = min(first_seen, excluded.first_seen),
           last_seen = max(last_seen, excluded.last_seen),
           authenticated = max(authenticated + ?4, 0),
           ham = max(ham + ?5, 0),
           spam = max(spam + ?6, 0)",
    )?;
    let more = |bits: i64, of: i64| i64::from(now & bits == of) - i64::from(before & bits == of);
    for name in [Some(&*seen.address), domain(&seen.address)]
        .into_iter()
        .flatten()
    {
        let values = params![
            mailbox,
            name,
            seen.at.seconds(),
            more(AUTHENTICATED, AUTHENTICATED),
            more(3, 1),
            more(3, 2)
        ];
        statement.execute(values)?;
    }
    if before == 0 {
        return Ok(());
    }
    // A sender of whom nothing is left was not known.
    let mut statement = connection.prepare_cached(
        "DELETE FROM senders WHERE mailbox = ?1 AND name IN (?2, ?3) AND ham + spam = 0",
    )?;
    let domain = domain(&seen.address);
    statement
        .execute(params![mailbox, &*seen.address, domain])
        .map(drop)
}

/// Sets how a message is counted; returns how it was, unless that is the same, or the message is not remembered: it would be
/// counted each time.
fn count(connection: &Connection, key: (i64, &Uidl), now: i64) -> Result<Option<i64>> {
    let (mailbox, uidl) = (key.0, key.1.octets());
    // Nearly all messages are new.
    if now != 0 {
        let mut statement = connection.prepare_cached(
            "UPDATE messages SET counted = ?3 WHERE mailbox = ?1 AND uidl = ?2 AND counted = 0",
        )?;
        if statement.execute(params![mailbox, uidl, now])? > 0 {
            return Ok(Some(0));
        }
    }
    let mut statement = connection
        .prepare_cached("SELECT counted FROM messages WHERE mailbox = ?1 AND uidl = ?2")?;
    let before: Option<i64> = statement
        .query_row(params![mailbox, uidl], |row| row.get(0))
        .optional()?;
    let Some(before) = before.filter(|before| *before != now) else {
        return Ok(None);
    };
    let mut statement = connection
        .prepare_cached("UPDATE messages SET counted = ?3 WHERE mailbox = ?1 AND uidl = ?2")?;
    statement.execute(params![mailbox, uidl, now])?;
    Ok(Some(before))
}

fn authenticated(seen: &SenderSeen) -> i64 {
    if seen.authenticated { AUTHENTICATED } else { 0 }
}
