//! A store that is opened again when it could not be opened, or was found damaged.
//!
//! In: how to open it; out: a [`Store`]. It tries at most once in five seconds: until then each question is answered
//! with the error of the last attempt, at once. A database that only does not answer stays open.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::contract::{
    Expired, HistoryPage, HistoryQuery, LessonsPlace, NumberedLesson, QuarantineQuery, Retention,
    Store,
};
use super::history_statistics::{HourCounts, RuleStatistics};
use super::records::{
    Change, HistoryRow, ListEntry, MailboxContents, MailboxMemory, MailboxSettings, MailboxSummary,
    MessageRecord, NamedSender, PopgateId, Quarantined, SenderHistory, Timestamp,
};
use super::store_error::{StoreError, StoreErrorKind};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(5);

/// Opens the store.
type Open = Box<dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync>;

/// See the module.
pub struct ReopenedStore {
    open: Open,
    state: Mutex<State>,
}

enum State {
    Open(Arc<dyn Store>),
    Closed { why: StoreError, since: Instant },
}

impl fmt::Debug for ReopenedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReopenedStore").finish_non_exhaustive()
    }
}

impl ReopenedStore {
    /// Opens it for the first time; whether that succeeded, [`Self::failure`] says.
    pub fn new(open: Open) -> Self {
        let state = Mutex::new(opened(&open));
        Self { open, state }
    }

    /// Tries to open it at once, if it is not open; returns why it cannot be.
    pub fn open_now(&self) -> Option<StoreError> {
        let mut state = self.state();
        if let State::Closed { .. } = &*state {
            *state = opened(&self.open);
        }
        match &*state {
            State::Open(_) => None,
            State::Closed { why, .. } => Some(why.clone()),
        }
    }

    /// Why it is not open, if it is not.
    pub fn failure(&self) -> Option<StoreError> {
        match &*self.state() {
            State::Open(_) => None,
            State::Closed { why, .. } => Some(why.clone()),
        }
    }

    /// As if the pause since the last attempt were over.
    #[cfg(test)]
    pub(super) fn pause_is_over(&self) {
        if let State::Closed { since, .. } = &mut *self.state() {
            *since = since.checked_sub(PAUSE).unwrap();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Result<Arc<dyn Store>, StoreError> {
        let mut state = self.state();
        if let State::Closed { since, .. } = &*state
            && since.elapsed() >= PAUSE
        {
            *state = opened(&self.open);
        }
        match &*state {
            State::Open(store) => Ok(Arc::clone(store)),
            State::Closed { why, .. } => Err(why.clone()),
        }
    }

    fn with<T>(
        &self,
        f: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let store = self.current()?;
        let done = f(&*store);
        if let Err(why) = &done
            && why.kind() == StoreErrorKind::Corrupt
        {
            self.close(&store, why);
        }
        done
    }

    /// Closes it, unless another thread has done so.
    fn close(&self, store: &Arc<dyn Store>, why: &StoreError) {
        let mut state = self.state();
        if matches!(&*state, State::Open(current) if Arc::ptr_eq(current, store)) {
            // The next question opens it.
            let since = Instant::now().checked_sub(PAUSE);
            *state = State::Closed {
                why: why.clone(),
                since: since.unwrap_or_else(Instant::now),
            };
        }
    }
}

fn opened(open: &Open) -> State {
    match open() {
        Ok(store) => State::Open(store),
        Err(why) => State::Closed {
            why,
            since: Instant::now(),
        },
    }
}

impl Store for ReopenedStore {
    fn recall(&self, mailbox: &MailboxId, uidls: &[Uidl]) -> Result<MailboxMemory, StoreError> {
        self.with(|store| store.recall(mailbox, uidls))
    }

    fn sender(&self, mailbox: &MailboxId, address: &str) -> Result<SenderHistory, StoreError> {
        self.with(|store| store.sender(mailbox, address))
    }

    fn senders(&self, mailbox: &MailboxId, limit: usize) -> Result<Vec<NamedSender>, StoreError> {
        self.with(|store| store.senders(mailbox, limit))
    }

    fn message(
        &self,
        mailbox: &MailboxId,
        uidl: &Uidl,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.with(|store| store.message(mailbox, uidl))
    }

    fn messages(
        &self,
        mailbox: &MailboxId,
        uidls: &[Uidl],
    ) -> Result<Vec<(Uidl, MessageRecord)>, StoreError> {
        self.with(|store| store.messages(mailbox, uidls))
    }

    fn own_text(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<Bytes>, StoreError> {
        self.with(|store| store.own_text(mailbox, uidl))
    }

    fn history_row(&self, id: &PopgateId) -> Result<Option<HistoryRow>, StoreError> {
        self.with(|store| store.history_row(id))
    }

    fn history_page(
        &self,
        query: &HistoryQuery,
        limit: Option<Duration>,
    ) -> Result<HistoryPage, StoreError> {
        self.with(|store| store.history_page(query, limit))
    }

    fn history_end(&self) -> Result<u64, StoreError> {
        self.with(|store| store.history_end())
    }

    fn history_hours(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<Vec<HourCounts>, StoreError> {
        self.with(|store| store.history_hours(mailbox, since))
    }

    fn history_rules(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<RuleStatistics, StoreError> {
        self.with(|store| store.history_rules(mailbox, since))
    }

    fn index_history(&self) -> Result<bool, StoreError> {
        self.with(|store| store.index_history())
    }

    fn quarantined(&self, id: &PopgateId) -> Result<Option<Quarantined>, StoreError> {
        self.with(|store| store.quarantined(id))
    }

    fn held_as(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<PopgateId>, StoreError> {
        self.with(|store| store.held_as(mailbox, uidl))
    }

    fn quarantine(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>, StoreError> {
        self.with(|store| store.quarantine(query))
    }

    fn lists(&self, mailbox: Option<&MailboxId>) -> Result<Vec<ListEntry>, StoreError> {
        self.with(|store| store.lists(mailbox))
    }

    fn settings(&self, mailbox: &MailboxId) -> Result<MailboxSettings, StoreError> {
        self.with(|store| store.settings(mailbox))
    }

    fn contents(&self, mailbox: &MailboxId) -> Result<MailboxContents, StoreError> {
        self.with(|store| store.contents(mailbox))
    }

    fn mailbox_names(&self) -> Result<Vec<MailboxId>, StoreError> {
        self.with(|store| store.mailbox_names())
    }

    fn last_judged(&self, mailbox: Option<&MailboxId>) -> Result<Option<Timestamp>, StoreError> {
        self.with(|store| store.last_judged(mailbox))
    }

    fn summaries(
        &self,
        mailboxes: &[MailboxId],
        most: u64,
    ) -> Result<Vec<MailboxSummary>, StoreError> {
        self.with(|store| store.summaries(mailboxes, most))
    }

    fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        self.with(|store| store.mailboxes())
    }

    fn lessons(&self, after: u64, limit: usize) -> Result<Vec<NumberedLesson>, StoreError> {
        self.with(|store| store.lessons(after, limit))
    }

    fn lessons_place(&self) -> Result<LessonsPlace, StoreError> {
        self.with(|store| store.lessons_place())
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.with(|store| store.apply(changes))
    }

    fn expire(&self, retention: &Retention) -> Result<Expired, StoreError> {
        self.with(|store| store.expire(retention))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        // One that is closed has nothing, and is not opened for this.
        match &*self.state() {
            State::Open(store) => store.checkpoint(),
            State::Closed { .. } => Ok(()),
        }
    }
}
