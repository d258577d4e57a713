//! The changes of a batch, within one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Result};

use super::super::records::{Change, HeldState};
use super::{history, lessons, mailboxes, messages, quarantine, senders};
use crate::mailbox_id::MailboxId;

pub(super) fn apply_all(connection: &Connection, changes: &[Change]) -> Result<()> {
    let mut numbers = Numbers::default();
    let mut each = changes.iter();
    each.try_for_each(|change| apply(connection, &mut numbers, change))
}

/// The numbers that the batch has needed: what sessions hand over is about few mailboxes.
#[derive(Debug, Default)]
struct Numbers {
    mailboxes: HashMap<MailboxId, i64>,
    version: Option<(Arc<str>, i64)>,
}

impl Numbers {
    fn mailbox(&mut self, connection: &Connection, mailbox: &MailboxId) -> Result<i64> {
        if let Some(number) = self.mailboxes.get(mailbox) {
            return Ok(*number);
        }
        let number = mailboxes::number(connection, mailbox)?;
        self.mailboxes.insert(mailbox.clone(), number);
        Ok(number)
    }

    fn version(&mut self, connection: &Connection, version: &Arc<str>) -> Result<i64> {
        match &self.version {
            Some((last, number)) if last == version => Ok(*number),
            _ => {
                let number = messages::version_number(connection, version)?;
                self.version = Some((Arc::clone(version), number));
                Ok(number)
            }
        }
    }
}

fn apply(connection: &Connection, numbers: &mut Numbers, change: &Change) -> Result<()> {
    match change {
        Change::Judged {
            mailbox,
            uidl,
            record,
            replaces,
            as_taught,
        } => {
            let key = (numbers.mailbox(connection, mailbox)?, uidl);
            let version = numbers.version(connection, &record.filter_version)?;
            messages::judged(connection, key, record, version, *replaces, *as_taught)
        }
        Change::Delivered { mailbox, uidl, at } => {
            messages::delivered(connection, mailbox, uidl, *at)
        }
        Change::Held { entry, hidden } => {
            quarantine::add(connection, entry)?;
            match (&entry.mailbox, &entry.uidl) {
                (Some(mailbox), Some(uidl)) => {
                    messages::held(connection, mailbox, uidl, *hidden, entry.held_at)
                }
                _ => Ok(()),
            }
        }
        Change::Released { id, .. } => {
            let left = quarantine::leave(connection, id, HeldState::Released)?.flatten();
            left.map_or(Ok(()), |(mailbox, uidl)| {
                messages::released(connection, mailbox, &uidl, id)
            })
        }
        Change::ReleaseTakenBack { id, hidden } => {
            mailboxes::remove_own_entries_of(connection, id)?;
            let held = quarantine::hold_again(connection, id)?.flatten();
            held.map_or(Ok(()), |(mailbox, uidl)| {
                messages::held_again(connection, mailbox, &uidl, *hidden)
            })
        }
        Change::QuarantineDeleted { id, discards, .. } => {
            mailboxes::remove_own_entries_of(connection, id)?;
            let left = quarantine::leave(connection, id, HeldState::Deleted)?.flatten();
            left.map_or(Ok(()), |(mailbox, uidl)| match discards {
                true => messages::discarded(connection, mailbox, &uidl, id),
                false => messages::original_gone(connection, mailbox, &uidl, id),
            })
        }
        Change::Corrected {
            mailbox,
            uidl,
            correction,
        } => messages::corrected(connection, mailbox, uidl, *correction),
        Change::DeletedByClient { mailbox, uidls, at } => {
            messages::listed(connection, mailbox, uidls, *at, true)
        }
        Change::StillListed { mailbox, uidls, at } => {
            messages::listed(connection, mailbox, uidls, *at, false)
        }
        Change::SenderSeen(seen) => {
            let mailbox = numbers.mailbox(connection, &seen.mailbox)?;
            senders::seen(connection, mailbox, seen)
        }
        Change::Recorded(row) => {
            let mailbox = numbers.mailbox(connection, &row.mailbox)?;
            history::add(connection, mailbox, row)
        }
        Change::Learned(lesson) => lessons::add(connection, lesson),
        Change::MailboxForgotten { mailbox } => {
            // Its name is free for another number.
            numbers.mailboxes.remove(mailbox);
            mailboxes::forget(connection, mailbox)
        }
        of_mailbox => apply_to_mailbox(connection, of_mailbox),
    }
}

fn apply_to_mailbox(connection: &Connection, change: &Change) -> Result<()> {
    match change {
        Change::OwnEntryAdded {
            mailbox,
            entry,
            text,
        } => mailboxes::add_own_entry(connection, mailbox, entry, text.as_ref()),
        Change::OwnEntryRemoved { mailbox, uidl } => {
            mailboxes::remove_own_entry(connection, mailbox, uidl)
        }
        Change::ListEntryAdded(entry) => mailboxes::add_to_list(connection, entry),
        Change::ListEntryRemoved {
            list,
            mailbox,
            pattern,
        } => mailboxes::remove_from_list(connection, *list, mailbox.as_ref(), pattern),
        Change::SettingChanged {
            mailbox,
            key,
            value,
        } => mailboxes::set(connection, mailbox, key, value.as_deref()),
        Change::SenderChecked { mailbox, observed } => {
            mailboxes::sender_checked(connection, mailbox, observed)
        }
        Change::DigestMade { mailbox, at } => mailboxes::digest_made(connection, mailbox, *at),
        _ => Ok(()), // those of messages
    }
}
