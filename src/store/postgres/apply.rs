//! A batch of changes as statements, in one transaction.
//!
//! No statement needs what another one has read: so all are sent at once, and a batch costs some round trips, not some
//! thousand.

use std::collections::HashSet;

use deadpool_postgres::Object;

use super::super::records::{Change, MessageState, PopgateId, Quarantined};
use super::columns::small;
use super::failure::Failure;
use super::statements::{Bound, bound, execute_all};
use super::{history, lessons, mailboxes, messages, quarantine, senders};
use crate::mailbox_id::MailboxId;

pub(super) async fn apply(client: &mut Object, changes: &[Change]) -> Result<(), Failure> {
    let mut batch = Batch::default();
    for change in changes {
        batch.add(change);
    }
    let transaction = client.transaction().await?;
    execute_all(&transaction, &batch.statements).await?;
    transaction.commit().await?;
    Ok(())
}

/// The statements of a batch.
#[derive(Default)]
struct Batch<'c> {
    statements: Vec<Bound<'c>>,
    /// Those that are there from here on.
    mailboxes: HashSet<&'c MailboxId>,
    versions: HashSet<&'c str>,
    teaches: bool,
}

impl<'c> Batch<'c> {
    fn push(&mut self, statement: Bound<'c>) {
        self.statements.push(statement);
    }

    /// Creates a mailbox, if it is missing.
    fn need(&mut self, mailbox: &'c MailboxId) {
        if self.mailboxes.insert(mailbox) {
            self.push(mailboxes::create(mailbox));
        }
    }

    fn add(&mut self, change: &'c Change) {
        match change {
            Change::Judged {
                mailbox,
                uidl,
                record,
                replaces,
                as_taught,
            } => {
                self.need(mailbox);
                self.statements
                    .extend(messages::remove_other(mailbox, uidl, record));
                if self.versions.insert(&record.filter_version) {
                    self.push(messages::create_version(&record.filter_version));
                }
                self.push(messages::judged(
                    mailbox, uidl, record, *replaces, *as_taught,
                ));
            }
            Change::Delivered { mailbox, uidl, at } => {
                self.push(messages::delivered(mailbox, uidl, *at));
            }
            Change::Held { entry, hidden } => self.hold(entry, *hidden),
            Change::Released { id, .. } => self.push(release(id)),
            Change::ReleaseTakenBack { id, hidden } => {
                self.push(mailboxes::remove_own_entries_of(id));
                self.push(hold_again(id, *hidden));
            }
            Change::QuarantineDeleted { id, discards, .. } => {
                self.push(mailboxes::remove_own_entries_of(id));
                self.push(match discards {
                    true => discard(id),
                    false => purge(id),
                });
            }
            Change::Corrected {
                mailbox,
                uidl,
                correction,
            } => self.push(messages::corrected(mailbox, uidl, *correction)),
            Change::DeletedByClient { mailbox, uidls, at } => {
                self.push(messages::listed(mailbox, uidls, *at, true));
            }
            Change::StillListed { mailbox, uidls, at } => {
                self.push(messages::listed(mailbox, uidls, *at, false));
            }
            Change::SenderSeen(seen) => {
                self.statements.extend(senders::seen(seen));
            }
            Change::Recorded(row) => {
                self.need(&row.mailbox);
                self.push(history::add(row));
            }
            Change::Learned(lesson) => {
                if let Some(mailbox) = &lesson.mailbox {
                    self.need(mailbox);
                }
                if !std::mem::replace(&mut self.teaches, true) {
                    self.statements.extend(lessons::announce());
                }
                self.push(lessons::add(lesson));
            }
            of_mailbox => self.add_of_mailbox(of_mailbox),
        }
    }

    fn add_of_mailbox(&mut self, change: &'c Change) {
        match change {
            Change::OwnEntryAdded {
                mailbox,
                entry,
                text,
            } => {
                self.need(mailbox);
                self.push(mailboxes::add_own_entry(mailbox, entry, text.as_ref()));
            }
            Change::OwnEntryRemoved { mailbox, uidl } => {
                self.push(mailboxes::remove_own_entry(mailbox, uidl));
            }
            Change::ListEntryAdded(entry) => {
                if let Some(mailbox) = &entry.mailbox {
                    self.need(mailbox);
                }
                self.push(mailboxes::add_to_list(entry));
            }
            Change::ListEntryRemoved {
                list,
                mailbox,
                pattern,
            } => self.push(mailboxes::remove_from_list(
                *list,
                mailbox.as_ref(),
                pattern,
            )),
            Change::SettingChanged {
                mailbox,
                key,
                value,
            } => {
                self.need(mailbox);
                self.push(mailboxes::set(mailbox, key, value.as_deref()));
            }
            Change::SenderChecked { mailbox, observed } => {
                self.push(mailboxes::sender_checked(mailbox, observed));
            }
            Change::DigestMade { mailbox, at } => {
                self.need(mailbox);
                self.push(mailboxes::digest_made(mailbox, *at));
            }
            Change::MailboxForgotten { mailbox } => {
                self.mailboxes.remove(mailbox);
                self.push(mailboxes::forget(mailbox));
            }
            _ => {} // those of messages
        }
    }

    fn hold(&mut self, entry: &'c Quarantined, hidden: bool) {
        if let Some(mailbox) = &entry.mailbox {
            self.need(mailbox);
        }
        self.statements.extend(quarantine::adopt(entry));
        self.push(quarantine::add(entry));
        if let (Some(mailbox), Some(uidl)) = (&entry.mailbox, &entry.uidl) {
            self.push(messages::held(mailbox, uidl, hidden, entry.held_at));
        }
    }
}

/// A released message that is deleted is deleted; a deleted one cannot be released.
fn release(id: &PopgateId) -> Bound<'_> {
    bound!(
        "WITH gone AS (
           UPDATE quarantine SET state = 1 WHERE id = $1 AND state < 1 RETURNING mailbox, uidl
         )
         UPDATE messages SET state = 4, octets_sent = NULL, grown = 0, delivered_at = NULL,
           edit_flags = NULL, edit_block = NULL
         FROM gone WHERE messages.mailbox = gone.mailbox AND messages.uidl = gone.uidl
           AND messages.id = $1",
        id.as_str()
    )
}

/// A released message is held again, unless it is held under another id.
fn hold_again(id: &PopgateId, hidden: bool) -> Bound<'_> {
    let state = match hidden {
        true => MessageState::Hidden,
        false => MessageState::Held,
    };
    bound!(
        "WITH held AS (
           UPDATE quarantine SET state = 0 WHERE id = $1 AND state = 1 AND NOT EXISTS
             (SELECT 1 FROM quarantine AS other WHERE other.mailbox = quarantine.mailbox
                AND other.uidl = quarantine.uidl AND other.state = 0)
           RETURNING mailbox, uidl
         )
         UPDATE messages SET state = $2, corrected_at = NULL
         FROM held WHERE messages.mailbox = held.mailbox AND messages.uidl = held.uidl
           AND messages.state = 4",
        id.as_str(),
        small(state),
    )
}

/// A person does not want the message at all.
fn discard(id: &PopgateId) -> Bound<'_> {
    bound!(
        "WITH gone AS (
           UPDATE quarantine SET state = 2, body = NULL WHERE id = $1 AND state < 2
           RETURNING mailbox, uidl
         )
         UPDATE messages SET state = 6
         FROM gone WHERE messages.mailbox = gone.mailbox AND messages.uidl = gone.uidl
           AND messages.id = $1 AND messages.state IN (0, 2, 3)",
        id.as_str()
    )
}

/// The original is gone: its notice is not sent again, and a message is not hidden without it. It is judged anew.
fn purge(id: &PopgateId) -> Bound<'_> {
    bound!(
        "WITH gone AS (
           UPDATE quarantine SET state = 2, body = NULL WHERE id = $1 AND state < 2
           RETURNING mailbox, uidl
         )
         UPDATE messages SET state = 0, digest = NULL, grown = 0, edit_flags = NULL, edit_block = NULL
         FROM gone WHERE messages.mailbox = gone.mailbox AND messages.uidl = gone.uidl
           AND messages.id = $1 AND messages.state IN (2, 3)",
        id.as_str()
    )
}
