//! Changes on their way into the store: sessions hand them over and go on.
//!
//! In: changes from any thread, without waiting; out: batches, applied by one thread of its own. The queue is bounded in
//! number and octets: what does not fit is dropped and counted. A batch that fails in passing (locked, full, gone) is
//! tried again, more and more rarely, while the queue fills; one that is refused is applied change by change, so that
//! it costs only the change that is wrong.

mod event;
mod queue;
mod retries;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::contract::Store;
use super::records::Change;
use super::store_error::{StoreError, StoreErrorKind};
use crate::mailbox_id::MailboxId;
pub use event::{Dropped, Observe, WriterEvent};
use queue::Queue;
pub use queue::QueueLimits;
use retries::Retries;

/// See the module. Dropping it ends the thread once its batch is applied.
pub struct Writer {
    queue: Arc<Queue>,
    observe: Observe,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start(
        store: Arc<dyn Store>,
        limits: QueueLimits,
        observe: Observe,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::new(limits, Arc::clone(&observe)));
        let work = Work {
            queue: Arc::clone(&queue),
            store,
            observe: Arc::clone(&observe),
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || work.run()).map_err(|error| {
            let message = format!("no thread can be started for the store: {error}");
            StoreError::new(StoreErrorKind::Unreachable, message)
        })?;
        Ok(Self {
            queue,
            observe,
            thread: Some(thread),
        })
    }

    /// Hands a change over. It never waits; a change that does not fit is lost.
    pub fn record(&self, change: Change) {
        self.record_all(vec![change]);
    }

    /// Hands changes over that belong together: all fit or none, but for rows of the history, which yield first: their
    /// features, and then the rows.
    pub fn record_all(&self, changes: Vec<Change>) {
        let count = changes.len();
        let (changes, why) = match self.queue.push(changes) {
            Ok(left_out) => {
                if left_out.features > 0 {
                    (self.observe)(WriterEvent::FeaturesLeftOut(left_out.features));
                }
                (left_out.rows, Dropped::QueueFull)
            }
            Err(why) => (count, why),
        };
        if changes > 0 {
            (self.observe)(WriterEvent::Dropped { changes, why });
        }
    }

    /// Waits until what was handed over so far is applied, or this time has passed. Blocks.
    #[cfg(test)]
    pub fn caught_up(&self, limit: Duration) -> bool {
        self.queue.caught_up(self.queue.last(), limit)
    }

    /// Waits until what was handed over so far and may concern this mailbox is applied, or this time has passed: a session
    /// reads what the one before wrote. A store that fails or hangs delays one of those who wait, and not each. Blocks.
    pub fn caught_up_with(&self, mailbox: &MailboxId, limit: Duration) -> bool {
        let last = self.queue.last_of(mailbox);
        self.queue.caught_up_unless_stalled(last, limit)
    }

    /// Ends: waits until everything is applied, or this time has passed; what is left is lost. Blocks. Changes that are
    /// handed over afterwards are lost, too.
    pub fn finish(&self, limit: Duration) -> bool {
        let last = self.queue.close();
        let done = self.queue.caught_up(last, limit);
        let changes = self.queue.abandon();
        if changes > 0 {
            (self.observe)(WriterEvent::Dropped {
                changes,
                why: Dropped::Stopped,
            });
        }
        done
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        self.queue.abandon();
        // The thread may be inside of a database that hangs.
        drop(self.thread.take());
    }
}

/// What the thread has.
struct Work {
    queue: Arc<Queue>,
    store: Arc<dyn Store>,
    observe: Observe,
}

impl Work {
    fn run(&self) {
        while let Some((batch, count)) = self.queue.next() {
            let octets = batch.iter().map(Change::octets).sum();
            self.apply(&batch);
            drop(batch);
            self.queue.applied(count, octets);
        }
    }

    /// Applies a batch, however long it takes; returns when that is done or cannot be done.
    fn apply(&self, batch: &[Change]) {
        let mut retries = Retries::new();
        loop {
            let Err(error) = self.try_once(batch) else {
                retries.report_success();
                return;
            };
            if !error.kind().is_passing() {
                return self.apply_each(batch, &error);
            }
            retries.report(&error);
            if !self.queue.pause(retries.next_delay()) {
                return self.drop_changes(batch.len(), Dropped::Stopped);
            }
        }
    }

    fn try_once(&self, batch: &[Change]) -> Result<(), StoreError> {
        let begun = Instant::now();
        let applied = self.store.apply(batch);
        (self.observe)(match &applied {
            Ok(()) => WriterEvent::Applied {
                changes: batch.len(),
                took: begun.elapsed(),
            },
            Err(error) => WriterEvent::Failed(error.kind()),
        });
        applied
    }

    /// Only what the store refuses is lost.
    fn apply_each(&self, batch: &[Change], error: &StoreError) {
        if error.kind() != StoreErrorKind::Refused || batch.len() == 1 {
            tracing::error!(
                changes = batch.len(),
                "the store cannot keep what it was given, which is lost: {error}"
            );
            return self.drop_changes(batch.len(), Dropped::Refused);
        }
        for change in batch {
            self.apply(std::slice::from_ref(change));
        }
    }

    fn drop_changes(&self, changes: usize, why: Dropped) {
        (self.observe)(WriterEvent::Dropped { changes, why });
    }
}

#[cfg(test)]
mod tests;
