//! What a database must do for popgate: the trait that each implements.
//!
//! In: look-ups, and batches of changes; out: records, or an error. Every method blocks: it is called by threads of
//! their own, never by an event loop.

use std::fmt;

use bytes::Bytes;

use super::records::{
    Change, HeldState, HistoryRow, Lesson, ListEntry, MailboxContents, MailboxMemory,
    MailboxSettings, MailboxSummary, MessageRecord, NamedSender, PopgateId, Quarantined,
    SenderHistory, Timestamp,
};
use super::store_error::StoreError;
use crate::filter::Action;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// Which messages of the quarantine.
#[derive(Debug, Clone, Default)]
pub struct QuarantineQuery {
    /// Of this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Held at this time or later.
    pub since: Option<Timestamp>,
    /// Held before this time.
    pub before: Option<Timestamp>,
    /// In this state, or in one before it: held, released, deleted.
    pub up_to: HeldState,
    /// Older than this message of the previous page.
    pub after: Option<(Timestamp, PopgateId)>,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// Which rows of the history.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// Of this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Of this message.
    pub uidl: Option<Uidl>,
    /// Judged at this time or later.
    pub since: Option<Timestamp>,
    /// Judged before this time.
    pub before: Option<Timestamp>,
    /// What the verdict said.
    pub action: Option<Action>,
    /// Of at least this score.
    pub least_score: Option<f64>,
    /// Of a score below this.
    pub score_below: Option<f64>,
    /// Hit by the rule of this id.
    pub rule: Option<String>,
    /// With this text in the sender or the subject; whether ASCII letters are upper or lower case does not matter.
    pub text: Option<String>,
    /// Only those whose verdict a person has corrected, or has not.
    pub corrected: Option<bool>,
    /// Older than this row of the previous page.
    pub after: Option<(Timestamp, PopgateId)>,
    /// At most so many, the newest first.
    pub limit: usize,
}

impl HistoryQuery {
    /// A pattern of LIKE for [`Self::text`], in which a backslash takes the meaning from the sign after it.
    pub(super) fn like(&self) -> Option<String> {
        let text = self.text.as_deref()?;
        let mut pattern = String::from("%");
        for letter in text.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        Some(pattern)
    }
}

/// Numbers of messages in the history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryCounts {
    /// All that were judged.
    pub arrived: u64,
    /// Those that were tagged.
    pub tagged: u64,
    /// Those that were held back.
    pub held: u64,
    /// Those whose verdict a person corrected meanwhile.
    pub corrected: u64,
}

/// What is older than this is deleted; `None` = kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Rows of the history that are older.
    pub history: Option<Timestamp>,
    /// Messages that were held earlier; those that keep no body keep their row until the file is deleted.
    pub quarantine: Option<Timestamp>,
    /// Records of messages that no server has listed since.
    pub messages: Option<Timestamp>,
}

/// What one step of [`Store::expire`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Rows that were deleted.
    pub rows: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// A lesson, and its place in the order in which the store got them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedLesson {
    /// From 1.
    pub number: u64,
    /// What was taught.
    pub lesson: Lesson,
}

/// Where the lessons of a store end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonsPlace {
    /// Which lessons they are: another store has others.
    pub sequence: String,
    /// The number of the last one that is there; 0 = there is none.
    pub last: u64,
    /// The highest number that was ever given, also to one that was forgotten or is being added.
    pub given: u64,
}

/// See the module. Every method fails with the database's error.
#[allow(clippy::missing_errors_doc)] // it would be the same sentence each time
pub trait Store: fmt::Debug + Send + Sync {
    /// All that a session needs to know of a mailbox, whose server lists these messages. It reads no edits.
    fn recall(&self, mailbox: &MailboxId, uidls: &[Uidl]) -> Result<MailboxMemory, StoreError>;

    /// What is known of a sender, whose address is in lower case.
    fn sender(&self, mailbox: &MailboxId, address: &str) -> Result<SenderHistory, StoreError>;

    /// The addresses and domains that wrote to a mailbox, by name, those that wrote last; so many at most.
    fn senders(&self, mailbox: &MailboxId, limit: usize) -> Result<Vec<NamedSender>, StoreError>;

    /// What is known of a message, by its UIDL.
    fn message(
        &self,
        mailbox: &MailboxId,
        uidl: &Uidl,
    ) -> Result<Option<MessageRecord>, StoreError>;

    /// The text of one of popgate's own messages, if it is stored.
    fn own_text(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<Bytes>, StoreError>;

    /// A row of the history.
    fn history_row(&self, id: &PopgateId) -> Result<Option<HistoryRow>, StoreError>;

    /// Rows of the history, the newest first.
    fn history(&self, query: &HistoryQuery) -> Result<Vec<HistoryRow>, StoreError>;

    /// How many rows the history of a mailbox has since this time; `None` = that of all.
    fn history_counts(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<HistoryCounts, StoreError>;

    /// A message of the quarantine, in whatever state, with its body if the store keeps bodies.
    fn quarantined(&self, id: &PopgateId) -> Result<Option<Quarantined>, StoreError>;

    /// The id under which a message is held, if it is.
    fn held_as(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<PopgateId>, StoreError>;

    /// Messages of the quarantine without their bodies, the newest first.
    fn quarantine(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>, StoreError>;

    /// The lists of a mailbox and those for everybody; `None` = all that there are.
    fn lists(&self, mailbox: Option<&MailboxId>) -> Result<Vec<ListEntry>, StoreError>;

    /// The settings of a mailbox.
    fn settings(&self, mailbox: &MailboxId) -> Result<MailboxSettings, StoreError>;

    /// How much there is about a mailbox.
    fn contents(&self, mailbox: &MailboxId) -> Result<MailboxContents, StoreError>;

    /// Every mailbox, by name.
    fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError>;

    /// At most so many lessons that came after this number.
    fn lessons(&self, after: u64, limit: usize) -> Result<Vec<NumberedLesson>, StoreError>;

    /// Where the lessons end.
    fn lessons_place(&self) -> Result<LessonsPlace, StoreError>;

    /// Applies a batch in one transaction: all of it or nothing. After an error, which may be that the outcome is
    /// unknown, the same batch may be applied again.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Deletes some of what is too old: a short transaction, to be repeated while there is more.
    fn expire(&self, retention: &Retention) -> Result<Expired, StoreError>;

    /// Moves what is written from the write-ahead log into the database file, unless other connections are in the way.
    /// For a clean stop.
    fn checkpoint(&self) -> Result<(), StoreError>;
}
