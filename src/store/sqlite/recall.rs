//! One look-up for all messages of a session.
//!
//! The rows of a mailbox are in the order of their UIDLs. Those that are asked for are put into the same order, and both
//! are walked side by side: neighbours are read by stepping, gaps are jumped over. So a hundred thousand messages of a
//! hundred thousand cost one pass, and three of ten million cost three look-ups.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Result, Row, Rows, params};

use super::super::records::{MailboxMemory, Timestamp};
use super::{mailboxes, messages};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// Rows that are stepped over before a jump: about what a jump costs.
const STEPS: usize = 8;

/// A message of which the store has not heard for so many days is reported as stale.
const STALE_DAYS: i64 = 14;

pub(super) fn recall(
    connection: &Connection,
    mailbox: &MailboxId,
    uidls: &[Uidl],
) -> Result<MailboxMemory> {
    let mut memory = MailboxMemory {
        messages: Vec::new(),
        lists: mailboxes::lists(connection, Some(mailbox))?,
        ..MailboxMemory::default()
    };
    memory.messages.resize_with(uidls.len(), || None);
    let Some(number) = mailboxes::known(connection, mailbox)? else {
        return Ok(memory);
    };
    memory.settings = mailboxes::settings(connection, number)?;
    memory.receiving_server = mailboxes::receiving_server(connection, number)?;
    memory.own_entries = mailboxes::own_entries(connection, number)?;
    memory.last_digest = mailboxes::last_digest(connection, number)?;
    recall_messages(connection, number, uidls, &mut memory)?;
    Ok(memory)
}

fn recall_messages(
    connection: &Connection,
    mailbox: i64,
    uidls: &[Uidl],
    memory: &mut MailboxMemory,
) -> Result<()> {
    let mut order: Vec<usize> = (0..uidls.len()).collect();
    order.sort_by(|a, b| uidls[*a].cmp(&uidls[*b]));
    let sql = format!(
        "SELECT uidl, last_listed, {} FROM messages WHERE mailbox = ?1 AND uidl >= ?2 ORDER BY uidl",
        messages::REMEMBERED
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = Found::new(connection, memory);
    let mut wanted = order.into_iter().peekable();
    while let Some(first) = wanted.peek() {
        let mut rows = statement.query(params![mailbox, uidls[*first].octets()])?;
        let is_end = walk(&mut rows, uidls, &mut wanted, &mut found)?;
        if is_end {
            break;
        }
    }
    Ok(())
}

/// Walks until there are no rows or no wanted messages left (`true`), or a jump is cheaper.
fn walk(
    rows: &mut Rows<'_>,
    uidls: &[Uidl],
    wanted: &mut std::iter::Peekable<std::vec::IntoIter<usize>>,
    found: &mut Found<'_>,
) -> Result<bool> {
    let mut stepped = 0;
    while let Some(row) = rows.next()? {
        let octets = row.get_ref(0)?.as_blob()?;
        loop {
            let Some(place) = wanted.peek().copied() else {
                return Ok(true);
            };
            match octets.cmp(uidls[place].octets()) {
                // No row has the wanted UIDL, or a server that lists one twice wants it again.
                Ordering::Greater => {
                    wanted.next();
                    stepped = 0;
                }
                Ordering::Equal => {
                    found.add(row, place, &uidls[place])?;
                    wanted.next();
                    stepped = 0;
                }
                Ordering::Less => {
                    stepped += 1;
                    break;
                }
            }
        }
        if stepped > STEPS {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What was found so far.
struct Found<'c> {
    connection: &'c Connection,
    memory: &'c mut MailboxMemory,
    versions: HashMap<i64, Arc<str>>,
    stale_before: i64,
}

impl<'c> Found<'c> {
    fn new(connection: &'c Connection, memory: &'c mut MailboxMemory) -> Self {
        Self {
            connection,
            memory,
            versions: HashMap::new(),
            stale_before: messages::day(Timestamp::now()) - STALE_DAYS,
        }
    }

    fn add(&mut self, row: &Row<'_>, place: usize, uidl: &Uidl) -> Result<()> {
        let last_listed: i64 = row.get(1)?;
        if last_listed < self.stale_before {
            self.memory.stale.push(uidl.clone());
        }
        let (versions, connection) = (&mut self.versions, self.connection);
        let message = messages::read_remembered(row, 2, |number| {
            if let Some(version) = versions.get(&number) {
                return Ok(Arc::clone(version));
            }
            let version = messages::version(connection, number)?;
            versions.insert(number, Arc::clone(&version));
            Ok(version)
        });
        self.memory.messages[place] = Some(message?);
        Ok(())
    }
}
