//! What a database must do for popgate: the trait that each implements.
//!
//! In: look-ups, and batches of changes; out: records, or an error. Every method blocks: it is called by threads of
//! their own, never by an event loop.

use std::fmt;
use std::iter::Sum;
use std::time::Duration;

use bytes::Bytes;

use super::history_statistics::{HourCounts, RuleStatistics};
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
    /// Each word of this text is in the sender or in the subject, or is a part of a word there; upper and lower case,
    /// letters with and without accents are the same.
    pub text: Option<String>,
    /// Only those whose verdict a person has corrected, or has not.
    pub corrected: Option<bool>,
    /// Older than this row of the previous page.
    pub after: Option<(Timestamp, PopgateId)>,
    /// Newer than what [`Store::history_end`] said.
    pub newer_than: Option<u64>,
    /// At most so many, the newest first.
    pub limit: usize,
}

/// Rows of the history, as far as was searched in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPage {
    /// The rows, the newest first.
    pub rows: Vec<HistoryRow>,
    /// Where the search was given up before it had so many rows as were asked for: it goes on after this row.
    pub searched_to: Option<(Timestamp, PopgateId)>,
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
    /// How many verdicts a person corrected in this time.
    pub corrected: u64,
}

impl HistoryCounts {
    /// All of these hours.
    pub fn of(hours: &[HourCounts]) -> Self {
        let each = hours.iter().map(|hour| Self {
            arrived: hour.arrived,
            tagged: hour.tagged,
            held: hour.held,
            corrected: hour.corrected,
        });
        each.sum()
    }
}

impl Sum for HistoryCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            arrived: sum.arrived + it.arrived,
            tagged: sum.tagged + it.tagged,
            held: sum.held + it.held,
            corrected: sum.corrected + it.corrected,
        })
    }
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

    /// What is known of these messages; those of which nothing is known are left out.
    fn messages(
        &self,
        mailbox: &MailboxId,
        uidls: &[Uidl],
    ) -> Result<Vec<(Uidl, MessageRecord)>, StoreError>;

    /// The text of one of popgate's own messages, if it is stored.
    fn own_text(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<Bytes>, StoreError>;

    /// A row of the history.
    fn history_row(&self, id: &PopgateId) -> Result<Option<HistoryRow>, StoreError>;

    /// Rows of the history, the newest first: in the order in which the store got them, which is that of their times
    /// but for clocks that are set. It is given up after about this time, if there is one.
    fn history_page(
        &self,
        query: &HistoryQuery,
        limit: Option<Duration>,
    ) -> Result<HistoryPage, StoreError>;

    /// As [`Self::history_page`], however long it takes.
    fn history(&self, query: &HistoryQuery) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(self.history_page(query, None)?.rows)
    }

    /// Where the history ends: another number says that there are newer rows.
    fn history_end(&self) -> Result<u64, StoreError>;

    /// The messages of each hour in which there were any, from the hour of this time on; of a mailbox, or of all.
    fn history_hours(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<Vec<HourCounts>, StoreError>;

    /// How many those are.
    fn history_counts(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<HistoryCounts, StoreError> {
        let hours = self.history_hours(mailbox, since)?;
        Ok(HistoryCounts::of(&hours))
    }

    /// The rules that hit since the hour of this time, and how often a person corrected those verdicts since then.
    fn history_rules(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<RuleStatistics, StoreError>;

    /// Indexes some of the history for searching, if there is enough that is not; `true` = there may be more.
    fn index_history(&self) -> Result<bool, StoreError>;

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

    /// The names of all mailboxes, in their order.
    fn mailbox_names(&self) -> Result<Vec<MailboxId>, StoreError>;

    /// When the last message of a mailbox, or of all, was judged, if the history says so.
    fn last_judged(&self, mailbox: Option<&MailboxId>) -> Result<Option<Timestamp>, StoreError>;

    /// Every mailbox, by name, with what there is about it.
    fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError>;

    /// Those of these mailboxes that there are, by name. So many rows of a history are counted at most.
    fn summaries(
        &self,
        mailboxes: &[MailboxId],
        most: u64,
    ) -> Result<Vec<MailboxSummary>, StoreError>;

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
