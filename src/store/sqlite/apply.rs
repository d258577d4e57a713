//! One change, within the transaction of its batch.

use rusqlite::{Connection, Result};

use super::super::records::{Change, HeldState};
use super::{history, lessons, mailboxes, messages, quarantine, senders};

pub(super) fn apply(connection: &Connection, change: &Change) -> Result<()> {
    match change {
        Change::Judged {
            mailbox,
            uidl,
            record,
            replaces,
        } => messages::judged(connection, mailbox, uidl, record, *replaces),
        Change::Delivered {
            mailbox,
            uidl,
            octets_upstream,
            octets_sent,
            edit,
            at,
        } => {
            let delivery = messages::Delivery {
                octets_upstream: *octets_upstream,
                octets_sent: *octets_sent,
                edit: edit.as_ref(),
                at: *at,
            };
            messages::delivered(connection, mailbox, uidl, delivery)
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
        Change::SenderSeen(seen) => senders::seen(connection, seen),
        Change::Recorded(row) => history::add(connection, row),
        Change::Learned(lesson) => lessons::add(connection, lesson),
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
        Change::DigestMade { mailbox, at } => mailboxes::digest_made(connection, mailbox, *at),
        Change::MailboxForgotten { mailbox } => mailboxes::forget(connection, mailbox),
        _ => Ok(()), // those of messages
    }
}
