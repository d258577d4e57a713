//! The store, as sessions use it: never in their way.
//!
//! In: a session's question; out: the answer, or nothing after a second: the session goes on as without a store then. A
//! store that has failed is not asked by each session anew, but by one after a while. Changes are handed to the writer,
//! which never waits.

mod breaker;
mod late_mailboxes;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use self::breaker::{Breaker, Turn};
use self::late_mailboxes::LateMailboxes;
use crate::mailbox_id::MailboxId;
use crate::metrics::{LookupOutcome, Metrics, StoreOperation};
use crate::pop3::Uidl;
use crate::store::records::{Change, MailboxMemory, SenderHistory};
use crate::store::writer::Writer;
use crate::store::{Store, StoreError};
use crate::thread_pool::ThreadPool;

/// How long a session waits for an answer. Without one, what is released is not listed, and what is held is judged anew:
/// on a busy machine that is worse than the wait, and with a store that is gone few sessions wait before it is given up.
const BUDGET: Duration = Duration::from_secs(1);

/// How long one waits that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of it is spent on waiting for the changes of sessions before.
const CATCH_UP: Duration = Duration::from_millis(500);

/// See the module.
pub struct StoreAccess {
    store: Arc<dyn Store>,
    writer: Arc<Writer>,
    threads: Arc<ThreadPool>,
    metrics: Arc<Metrics>,
    breakers: Mutex<Breakers>,
}

/// Whether the store is asked.
#[derive(Debug, Default)]
struct Breakers {
    store: Breaker,
    late: LateMailboxes,
}

impl Breakers {
    fn turn(&mut self, mailbox: &MailboxId, now: Instant) -> Turn {
        match self.late.turn(mailbox, now) {
            Turn::Ask => self.store.turn(now),
            Turn::Wait => Turn::Wait,
        }
    }
}

impl fmt::Debug for StoreAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreAccess")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl StoreAccess {
    /// A store, the writer of its changes, and the threads that wait for its answers.
    pub fn new(
        store: Arc<dyn Store>,
        writer: Arc<Writer>,
        threads: Arc<ThreadPool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            writer,
            threads,
            metrics,
            breakers: Mutex::default(),
        }
    }

    /// The store, for threads that may wait.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The writer of changes.
    pub fn writer(&self) -> &Arc<Writer> {
        &self.writer
    }

    /// Hands changes over that belong together; see [`Writer::record_all`].
    pub fn record(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.writer.record_all(changes);
        }
    }

    /// What is remembered of a mailbox with these messages; `None` if the store does not say it in time.
    pub async fn recall(&self, mailbox: &MailboxId, uidls: Arc<[Uidl]>) -> Option<MailboxMemory> {
        let of = mailbox.clone();
        self.look_up(mailbox, move |store| store.recall(&of, &uidls))
            .await
    }

    /// What is known of a sender, whose address is in lower case; `None` if the store does not say it in time.
    pub async fn sender(&self, mailbox: &MailboxId, address: Arc<str>) -> Option<SenderHistory> {
        let of = mailbox.clone();
        self.look_up(mailbox, move |store| store.sender(&of, &address))
            .await
    }

    /// The answer to any question about a mailbox; `None` if the store does not give it in time.
    pub async fn look_up<T: Send + 'static>(
        &self,
        mailbox: &MailboxId,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        self.look_up_within(BUDGET, mailbox, question).await
    }

    /// As [`Self::look_up`], for questions without whose answer there is nothing to show.
    pub async fn look_up_patiently<T: Send + 'static>(
        &self,
        mailbox: &MailboxId,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        self.look_up_within(PATIENCE, mailbox, question).await
    }

    async fn look_up_within<T: Send + 'static>(
        &self,
        budget: Duration,
        mailbox: &MailboxId,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let begun = Instant::now();
        if self.breakers().turn(mailbox, begun) == Turn::Wait {
            self.metrics.store_lookup(LookupOutcome::Skipped, 0.0);
            return None;
        }
        let (store, writer) = (Arc::clone(&self.store), Arc::clone(&self.writer));
        let of = mailbox.clone();
        let work = self.threads.run(lane(mailbox), move || {
            writer.caught_up_with(&of, CATCH_UP);
            question(&*store)
        });
        let answer = timeout(budget, work).await;
        let seconds = begun.elapsed().as_secs_f64();
        match answer {
            Ok(Ok(Ok(answer))) => {
                self.answered(mailbox, seconds);
                return Some(answer);
            }
            Ok(Ok(Err(error))) => {
                let kind = error.kind().label();
                self.metrics.store_error(StoreOperation::Lookup, kind);
                self.failed(LookupOutcome::Failed, seconds, &error.to_string());
            }
            Ok(Err(why)) => self.failed(LookupOutcome::Failed, seconds, &why.to_string()),
            Err(_) => self.late(mailbox, budget, seconds),
        }
        None
    }

    /// Whether a question about a mailbox would be asked now.
    pub(super) fn may_be_asked(&self, mailbox: &MailboxId) -> bool {
        let (breakers, now) = (self.breakers(), Instant::now());
        !breakers.store.is_waiting(now) && !breakers.late.is_waiting(mailbox, now)
    }

    fn breakers(&self) -> std::sync::MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, mailbox: &MailboxId, seconds: f64) {
        self.metrics.store_lookup(LookupOutcome::Ok, seconds);
        self.metrics.store_up(StoreOperation::Lookup, true);
        let mut breakers = self.breakers();
        breakers.late.answered(mailbox);
        if breakers.store.answered() {
            tracing::info!("the store answers again");
        }
    }

    fn late(&self, mailbox: &MailboxId, budget: Duration, seconds: f64) {
        self.metrics.store_lookup(LookupOutcome::Late, seconds);
        let mut breakers = self.breakers();
        let now = Instant::now();
        let is_store = breakers.late.failed(mailbox, now) || breakers.store.is_open();
        if is_store {
            self.store_failed(&mut breakers, &format!("no answer within {budget:?}"));
        }
    }

    fn failed(&self, outcome: LookupOutcome, seconds: f64, why: &str) {
        self.metrics.store_lookup(outcome, seconds);
        self.store_failed(&mut self.breakers(), why);
    }

    fn store_failed(&self, breakers: &mut Breakers, why: &str) {
        self.metrics.store_up(StoreOperation::Lookup, false);
        if breakers.store.failed(Instant::now()) {
            tracing::error!("the store cannot be asked, and sessions are served without it: {why}");
        }
    }
}

/// Questions of one mailbox do not delay those of others.
fn lane(mailbox: &MailboxId) -> u64 {
    let mut hasher = DefaultHasher::new();
    mailbox.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
