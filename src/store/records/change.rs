//! A change of the store. Each says what is true from now on, not what to add: to apply it twice is to apply it once.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Correction, Edit, HistoryRow, Label, Lesson, ListEntry, ListKind, ListPattern, MessageRecord,
    MessageState, OwnEntry, PopgateId, Quarantined, SenderSeen, Timestamp,
};
use crate::filter::receiving_server::Observed;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A message has a verdict. It replaces one of a message in the state `Judged`, and one about other octets: the
    /// server uses the UIDL for another message. What a person said about the same octets stays.
    Judged {
        /// Whose message.
        mailbox: MailboxId,
        /// Which one.
        uidl: Uidl,
        /// The verdict.
        record: Box<MessageRecord>,
        /// Whether it replaces one of a message in any state but `Released` and `Discarded`: a person has corrected the
        /// verdict, or the original of a notice is gone.
        replaces: bool,
        /// What a person had said that the verdict follows. If that was taken back meanwhile, nothing changes: a verdict that
        /// is written late, or that is of a filter which has not read of it yet, does not outlive the correction.
        as_taught: Option<Label>,
    },
    /// A client got a message that was judged before, as that says. The first delivery counts.
    Delivered {
        /// Whose message.
        mailbox: MailboxId,
        /// Which one.
        uidl: Uidl,
        /// When.
        at: Timestamp,
    },
    /// A message is in quarantine. Its record, if it is known, is held or hidden; one that is released stays so.
    Held {
        /// What is held. Of a message that is held already, nothing changes.
        entry: Box<Quarantined>,
        /// Whether it is not listed.
        hidden: bool,
    },
    /// A person released a message from quarantine.
    Released {
        /// Which one.
        id: PopgateId,
        /// When.
        at: Timestamp,
    },
    /// A person took a release back: the message is held again, and no longer corrected.
    ReleaseTakenBack {
        /// Which one.
        id: PopgateId,
        /// Whether it is not listed.
        hidden: bool,
    },
    /// A message was deleted from quarantine, and with it popgate's own message whose text it is. Its record is discarded
    /// if a person wants it to be gone, and else one that is judged anew.
    QuarantineDeleted {
        /// Which one.
        id: PopgateId,
        /// Whether popgate deletes it at the upstream, too: a person said so.
        discards: bool,
        /// When.
        at: Timestamp,
    },
    /// A person said what a message is, or took that back.
    Corrected {
        /// Whose message.
        mailbox: MailboxId,
        /// Which one.
        uidl: Uidl,
        /// What it is; `None` = what the filter says.
        correction: Option<Correction>,
    },
    /// A client deleted messages.
    DeletedByClient {
        /// Whose messages.
        mailbox: MailboxId,
        /// Which ones.
        uidls: Vec<Uidl>,
        /// When.
        at: Timestamp,
    },
    /// The server still lists messages; see [`super::MailboxMemory::stale`].
    StillListed {
        /// Whose messages.
        mailbox: MailboxId,
        /// Which ones.
        uidls: Vec<Uidl>,
        /// When.
        at: Timestamp,
    },
    /// popgate's own message is in a mailbox.
    OwnEntryAdded {
        /// Whose mailbox.
        mailbox: MailboxId,
        /// Which message.
        entry: OwnEntry,
        /// Its text, unless it is in quarantine.
        text: Option<Bytes>,
    },
    /// popgate's own message is gone from a mailbox.
    OwnEntryRemoved {
        /// Whose mailbox.
        mailbox: MailboxId,
        /// Which message.
        uidl: Uidl,
    },
    /// An entry is on a list.
    ListEntryAdded(ListEntry),
    /// An entry is on a list no longer.
    ListEntryRemoved {
        /// Which list.
        list: ListKind,
        /// Whose list; `None` = everybody's.
        mailbox: Option<MailboxId>,
        /// Whom it is about.
        pattern: ListPattern,
    },
    /// A setting of a mailbox has a value, or its default.
    SettingChanged {
        /// Whose setting.
        mailbox: MailboxId,
        /// Which one.
        key: Arc<str>,
        /// The value; `None` = the default.
        value: Option<Arc<str>>,
    },
    /// A sender has written.
    SenderSeen(SenderSeen),
    /// A message says who checks the senders of a mailbox, which is known.
    SenderChecked {
        /// Whose message.
        mailbox: MailboxId,
        /// What it says.
        observed: Observed,
    },
    /// A message was judged, for the history: a message that has a row keeps it.
    Recorded(Box<HistoryRow>),
    /// A message was learned or unlearned.
    Learned(Box<Lesson>),
    /// A digest was made.
    DigestMade {
        /// For whom.
        mailbox: MailboxId,
        /// When.
        at: Timestamp,
    },
    /// Everything about a mailbox is forgotten but what is held.
    MailboxForgotten {
        /// Which one.
        mailbox: MailboxId,
    },
}

impl Change {
    /// The changes that put an entry on its list. The last word counts: it leaves the other list.
    pub fn list_entry_added(entry: ListEntry) -> [Self; 2] {
        let other = match entry.list {
            ListKind::Allow => ListKind::Block,
            ListKind::Block => ListKind::Allow,
        };
        let left = Self::ListEntryRemoved {
            list: other,
            mailbox: entry.mailbox.clone(),
            pattern: entry.pattern.clone(),
        };
        [left, Self::ListEntryAdded(entry)]
    }

    /// The change that takes an entry from its list.
    pub fn list_entry_removed(entry: &ListEntry) -> Self {
        Self::ListEntryRemoved {
            list: entry.list,
            mailbox: entry.mailbox.clone(),
            pattern: entry.pattern.clone(),
        }
    }

    /// The only mailbox that it is about, if it says so.
    pub fn mailbox(&self) -> Option<&MailboxId> {
        match self {
            Self::Judged { mailbox, .. }
            | Self::Delivered { mailbox, .. }
            | Self::Corrected { mailbox, .. }
            | Self::DeletedByClient { mailbox, .. }
            | Self::StillListed { mailbox, .. }
            | Self::OwnEntryAdded { mailbox, .. }
            | Self::OwnEntryRemoved { mailbox, .. }
            | Self::SettingChanged { mailbox, .. }
            | Self::DigestMade { mailbox, .. }
            | Self::SenderChecked { mailbox, .. }
            | Self::MailboxForgotten { mailbox } => Some(mailbox),
            Self::Held { entry, .. } => entry.mailbox.as_ref(),
            Self::ListEntryAdded(entry) => entry.mailbox.as_ref(),
            Self::ListEntryRemoved { mailbox, .. } => mailbox.as_ref(),
            Self::SenderSeen(seen) => Some(&seen.mailbox),
            Self::Recorded(row) => Some(&row.mailbox),
            Self::Learned(lesson) => lesson.mailbox.as_ref(),
            Self::Released { .. }
            | Self::ReleaseTakenBack { .. }
            | Self::QuarantineDeleted { .. } => None,
        }
    }

    /// Whether nobody notices if it is written a moment later, with others: what is known of mail that was delivered. A
    /// person's word, and what is held back, is written at once.
    pub fn may_wait(&self) -> bool {
        match self {
            Self::Judged { record, .. } => matches!(
                record.state,
                MessageState::Judged | MessageState::Delivered | MessageState::Deleted
            ),
            Self::Delivered { .. }
            | Self::DeletedByClient { .. }
            | Self::StillListed { .. }
            | Self::SenderSeen(_)
            | Self::SenderChecked { .. }
            | Self::Recorded(_) => true,
            _ => false,
        }
    }

    /// About how many octets it takes in memory, for the bounds of a queue.
    pub fn octets(&self) -> usize {
        let edit = |edit: &Option<Edit>| edit.as_ref().map_or(0, |it| it.block.len());
        let list = |uidls: &[Uidl]| uidls.iter().map(|it| it.octets().len() + 32).sum();
        let more: usize = match self {
            Self::Judged { record, .. } => size_of::<MessageRecord>() + edit(&record.edit),
            Self::Held { entry, .. } => {
                let text = entry.from.len() + entry.subject.len();
                let reasons = entry.reasons.iter().map(|it| 64 + it.description.len());
                let body = entry.body.as_ref().map_or(0, Bytes::len);
                size_of::<Quarantined>() + text + reasons.sum::<usize>() + body
            }
            Self::DeletedByClient { uidls, .. } | Self::StillListed { uidls, .. } => list(uidls),
            Self::OwnEntryAdded { text, .. } => text.as_ref().map_or(0, Bytes::len),
            Self::Recorded(row) => {
                let texts = [&row.from, &row.subject].into_iter().flatten();
                let texts: usize = texts.map(|text| text.len()).sum();
                size_of::<HistoryRow>() + texts + row.hits.len() * 48 + row.features.len()
            }
            Self::Learned(lesson) => size_of::<Lesson>() + lesson.features.len(),
            Self::Delivered { .. }
            | Self::Released { .. }
            | Self::ReleaseTakenBack { .. }
            | Self::QuarantineDeleted { .. }
            | Self::Corrected { .. }
            | Self::OwnEntryRemoved { .. }
            | Self::ListEntryAdded(_)
            | Self::ListEntryRemoved { .. }
            | Self::SettingChanged { .. }
            | Self::SenderSeen(_)
            | Self::SenderChecked { .. }
            | Self::DigestMade { .. }
            | Self::MailboxForgotten { .. } => 0,
        };
        // The ids, addresses and keys behind the pointers of a change.
        size_of::<Self>() + 128 + more
    }
}
