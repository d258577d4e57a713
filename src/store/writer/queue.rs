//! The queue between those who hand changes over and the thread that applies them.
//!
//! A transaction costs about as much as a hundred changes. What nobody waits for is therefore collected for a moment.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::records::Change;
use super::event::{Dropped, Observe, WriterEvent};
use crate::mailbox_id::MailboxId;

/// The most changes of a batch: what a transaction applies in some ten milliseconds.
const BATCH: usize = 1000;

/// How long the first change of a batch waits for more.
const COLLECTED: Duration = Duration::from_millis(100);

/// So much of the queue is not filled while they wait.
const SHARE: usize = 4;

/// The bounds of the queue, the batch that is being applied included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Changes.
    pub changes: usize,
    /// Their octets in memory.
    pub octets: usize,
    /// How long a change that may wait is waited with for more.
    pub collected: Duration,
}

impl Default for QueueLimits {
    /// 16 MiB: what a thousand sessions with some messages each leave behind.
    fn default() -> Self {
        Self {
            changes: 50_000,
            octets: 16 << 20,
            collected: COLLECTED,
        }
    }
}

/// What did not fit of changes that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LeftOut {
    /// Rows of the history.
    pub(super) rows: usize,
    /// Rows that are kept without their features.
    pub(super) features: usize,
}

/// How many changes were handed over up to some moment.
pub(super) type Ticket = u64;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Change>,
    /// Of those that wait and those that are being applied.
    count: usize,
    octets: usize,
    pushed: Ticket,
    applied: Ticket,
    /// The last change of each mailbox that is not applied yet, and the last one that may be about any.
    last_of: HashMap<MailboxId, Ticket>,
    last_of_any: Ticket,
    /// Somebody waits for what is waiting, or it is urgent by itself.
    is_urgent: bool,
    /// Who is to be woken.
    sleep: Sleep,
    /// So many wait for progress.
    waiters: usize,
    /// Somebody has waited in vain while nothing was applied, and nothing was since.
    is_stalled: bool,
    is_closed: bool,
    /// What is not applied yet is not wanted any more.
    is_abandoned: bool,
}

/// What the thread that applies changes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Sleep {
    /// It works, or will look again by itself.
    #[default]
    Awake,
    /// It waits for a change.
    UntilAny,
    /// It waits for so many that a batch is worth it.
    UntilMany,
}

/// See the module.
pub(super) struct Queue {
    limits: QueueLimits,
    observe: Observe,
    state: Mutex<State>,
    more: Condvar,
    progress: Condvar,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits, observe: Observe) -> Self {
        Self {
            limits,
            observe,
            state: Mutex::default(),
            more: Condvar::new(),
            progress: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of them or none; but while many wait, rows of the history yield: see [`LeftOut`].
    pub(super) fn push(&self, mut changes: Vec<Change>) -> Result<LeftOut, Dropped> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Dropped::Stopped);
        }
        let left_out = self.make_smaller(&state, &mut changes);
        let octets: usize = changes.iter().map(Change::octets).sum();
        let count = state.count + changes.len();
        if count > self.limits.changes || state.octets + octets > self.limits.octets {
            return Err(Dropped::QueueFull);
        }
        state.count = count;
        state.octets += octets;
        for change in changes {
            state.pushed += 1;
            let ticket = state.pushed;
            match change.mailbox() {
                Some(mailbox) => match state.last_of.get_mut(mailbox) {
                    Some(last) => *last = ticket,
                    None => {
                        state.last_of.insert(mailbox.clone(), ticket);
                    }
                },
                None => state.last_of_any = ticket,
            }
            state.is_urgent |= !change.may_wait();
            state.waiting.push_back(change);
        }
        self.report(&state);
        self.wake(&mut state);
        Ok(left_out)
    }

    /// What is largest and least needed is left out first: features from half of the queue on, rows from three quarters on.
    fn make_smaller(&self, state: &State, changes: &mut Vec<Change>) -> LeftOut {
        let is_beyond = |share: fn(usize) -> usize| {
            state.count > share(self.limits.changes) || state.octets > share(self.limits.octets)
        };
        let mut left_out = LeftOut::default();
        if is_beyond(|all| all - all / 4) {
            let given = changes.len();
            changes.retain(|change| !matches!(change, Change::Recorded(_)));
            left_out.rows = given - changes.len();
        } else if is_beyond(|all| all / 2) {
            for change in changes {
                if let Change::Recorded(row) = change {
                    left_out.features += usize::from(row.leave_features_out());
                }
            }
        }
        left_out
    }

    /// Wakes the thread that applies changes, if there is something to do for it.
    fn wake(&self, state: &mut State) {
        let is_due = match state.sleep {
            Sleep::Awake => false,
            Sleep::UntilAny => !state.waiting.is_empty(),
            Sleep::UntilMany => self.is_due(state),
        };
        if is_due {
            state.sleep = Sleep::Awake;
            self.more.notify_one();
        }
    }

    /// Whether what waits is applied without waiting for more.
    fn is_due(&self, state: &State) -> bool {
        state.is_urgent
            || state.is_closed
            || state.waiting.len() >= BATCH.min(self.limits.changes / SHARE)
            || state.octets >= self.limits.octets / SHARE
    }

    /// Waits for changes; `None` when there are none and will be none.
    pub(super) fn next(&self) -> Option<(Vec<Change>, Ticket)> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.is_closed {
                return None;
            }
            state.sleep = Sleep::UntilAny;
            let woken = self.more.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + self.limits.collected;
        while !self.is_due(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.sleep = Sleep::UntilMany;
            let woken = self.more.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.sleep = Sleep::Awake;
        let count = state.waiting.len().min(BATCH);
        let batch: Vec<_> = state.waiting.drain(..count).collect();
        state.is_urgent &= !state.waiting.is_empty();
        Some((batch, count as Ticket))
    }

    /// So many of the oldest are applied, or lost.
    pub(super) fn applied(&self, count: Ticket, octets: usize) {
        let mut state = self.lock();
        state.applied += count;
        state.is_stalled = false;
        let applied = state.applied;
        state.last_of.retain(|_, last| *last > applied);
        state.count = state
            .count
            .saturating_sub(usize::try_from(count).unwrap_or(0));
        state.octets = state.octets.saturating_sub(octets);
        self.report(&state);
        if state.waiters > 0 {
            self.progress.notify_all();
        }
    }

    /// The change that was handed over last.
    #[cfg(test)]
    pub(super) fn last(&self) -> Ticket {
        self.lock().pushed
    }

    /// The change that was handed over last and may be about this mailbox.
    pub(super) fn last_of(&self, mailbox: &MailboxId) -> Ticket {
        let state = self.lock();
        let own = state.last_of.get(mailbox).copied().unwrap_or(0);
        own.max(state.last_of_any)
    }

    /// Waits until that change is applied or lost.
    pub(super) fn caught_up(&self, last: Ticket, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        if state.applied >= last {
            return true;
        }
        // Unless it is being applied already.
        state.is_urgent |= state.pushed - (state.waiting.len() as Ticket) < last;
        self.wake(&mut state);
        state.waiters += 1;
        while state.applied < last {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.progress.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiters -= 1;
        state.applied >= last
    }

    /// The same; but once somebody has waited in vain while nothing was applied, nobody waits until something is.
    pub(super) fn caught_up_unless_stalled(&self, last: Ticket, limit: Duration) -> bool {
        let before = {
            let state = self.lock();
            if state.is_stalled {
                return state.applied >= last;
            }
            state.applied
        };
        let done = self.caught_up(last, limit);
        if !done {
            let mut state = self.lock();
            state.is_stalled |= state.applied == before;
        }
        done
    }

    /// Waits before a batch is tried again; `false` if it is not wanted any more.
    pub(super) fn pause(&self, delay: Duration) -> bool {
        let until = Instant::now() + delay;
        let mut state = self.lock();
        while !state.is_abandoned {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.more.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Takes no more changes; returns the last one.
    pub(super) fn close(&self) -> Ticket {
        let mut state = self.lock();
        state.is_closed = true;
        self.more.notify_all();
        state.pushed
    }

    /// Forgets what is waiting, and gives up the batch that is tried again; returns how many changes are forgotten.
    pub(super) fn abandon(&self) -> usize {
        let mut state = self.lock();
        state.is_abandoned = true;
        let forgotten = state.waiting.len();
        state.waiting.clear();
        self.more.notify_all();
        forgotten
    }

    /// While the state is locked: what is said last is true.
    fn report(&self, state: &State) {
        (self.observe)(WriterEvent::Waiting {
            changes: state.count,
            octets: state.octets,
        });
    }
}
