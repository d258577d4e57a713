//! A bounded pool of named threads for work that blocks or computes: one pool per kind of work, so that a
//! disk that hangs delays no lookup, and a costly message no login.
//!
//! In: closures, each for a lane (a session, a mailbox, a name); out: their results. Lanes share the threads' time:
//! the first job of a lane comes before those of lanes that have had more time, so that neither a hundred jobs of one
//! lane nor a hundred lanes with costly jobs delay it by more than the jobs that run; and a lane may be limited to some of
//! the threads. Threads start when there is work and end when there has been none for a while. Work that nobody waits
//! for any more is not begun. It never grows beyond its threads and its queue.

mod fair_queue;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use fair_queue::FairQueue;

use crate::thread_priority::Priority;

/// A thread without work for this long ends.
const IDLE: Duration = Duration::from_secs(10);

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotDone {
    /// The queue is full, or the lane's part of it.
    Full,
    /// The system gives no thread.
    NoThread,
    /// The work panicked.
    Panicked,
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too much work of this kind is waiting",
            Self::NoThread => "the system gives no more threads",
            Self::Panicked => "the work panicked",
        })
    }
}

impl std::error::Error for NotDone {}

/// What the threads share.
struct State {
    queue: FairQueue,
    threads: usize,
    is_closed: bool,
}

struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside of the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
pub struct ThreadPool {
    name: &'static str,
    threads: usize,
    queue: usize,
    priority: Priority,
    shared: Arc<Shared>,
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("name", &self.name)
            .field("threads", &self.threads)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// At most this many threads, called `NAME-worker`, and this many jobs that wait for one of them. With no threads,
    /// work is done at once by the thread that asks for it, as tests in paused time need it. No
    /// thread is started yet.
    pub fn new(name: &'static str, threads: usize, queue: usize) -> Self {
        Self {
            name,
            threads,
            queue,
            priority: Priority::Normal,
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    queue: FairQueue::new(),
                    threads: 0,
                    is_closed: false,
                }),
                more: Condvar::new(),
            }),
        }
    }

    /// Limits how many jobs of one lane run at a time, and how many wait.
    pub fn with_lane_limits(self, running: usize, waiting: usize) -> Self {
        self.shared.lock().queue.limit_lanes(running, waiting);
        self
    }

    /// Gives its threads a priority, as far as the system has priorities of threads.
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Runs work on a thread of the pool and waits for its result. If the wait is given up, work that has
    /// not begun is dropped; work that has begun ends by itself and keeps its thread until then.
    ///
    /// # Errors
    /// If it was not done.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        self.start(lane, work)?
            .await
            .unwrap_or(Err(NotDone::Panicked))
    }

    /// As [`ThreadPool::run`], and returns at once: the result arrives in the channel.
    ///
    /// # Errors
    /// If the queue, or the lane's part of it, is full, or there is no thread.
    pub fn start<T: Send + 'static>(
        &self,
        lane: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, NotDone>>, NotDone> {
        let (done, result) = oneshot::channel();
        let job = move || {
            if done.is_closed() {
                return;
            }
            // What a panic leaves half-changed is the closure's own, and is dropped with it.
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(|_| NotDone::Panicked);
            // The receiver may have been dropped meanwhile.
            let _ = done.send(result);
        };
        self.detach(lane, job)?;
        Ok(result)
    }

    /// Does work whose result nobody waits for.
    ///
    /// # Errors
    /// If the queue, or the lane's part of it, is full, or there is no thread.
    pub fn detach(&self, lane: u64, job: impl FnOnce() + Send + 'static) -> Result<(), NotDone> {
        if self.threads == 0 {
            // A panic is the job's end, as on a thread of the pool.
            let _ = catch_unwind(AssertUnwindSafe(job));
            return Ok(());
        }
        let mut state = self.shared.lock();
        let jobs = state.queue.jobs();
        if jobs >= self.threads + self.queue || !state.queue.push(lane, Box::new(job)) {
            return Err(NotDone::Full);
        }
        if state.threads < self.threads && state.threads <= jobs {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // Without any thread the job stays, and the next one that starts will do it.
                Err(error) if state.threads == 0 => {
                    tracing::error!(%error, pool = self.name, "no thread can be started");
                    return Err(NotDone::NoThread);
                }
                Err(_) => {}
            }
        }
        drop(state);
        self.shared.more.notify_one();
        Ok(())
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let name = format!("{}-worker", self.name);
        let thread = thread::Builder::new().name(name);
        let priority = self.priority;
        let run = move || {
            if let Err(error) = priority.apply() {
                tracing::debug!(%error, "a thread keeps its priority");
            }
            serve(&shared);
        };
        thread.spawn(run).map(drop)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.more.notify_all();
    }
}

/// One thread: jobs, until there have been none for [`IDLE`].
fn serve(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if let Some((lane, job)) = state.queue.begin() {
            drop(state);
            let begun = Instant::now();
            // A panic is one job's end, not its thread's.
            let _ = catch_unwind(AssertUnwindSafe(job));
            let took = begun.elapsed();
            state = shared.lock();
            state.queue.ended(lane, took);
            continue;
        }
        if state.is_closed {
            break;
        }
        let waited = shared.more.wait_timeout(state, IDLE);
        let (woken, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        state = woken;
        if timed_out.timed_out() && state.queue.is_empty() {
            break;
        }
    }
    state.threads -= 1;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Occupies the only thread of a pool until the sender is dropped. The result is kept: a job for which nobody waits
    /// would end.
    fn occupied(pool: &ThreadPool) -> (mpsc::Sender<()>, oneshot::Receiver<Result<(), NotDone>>) {
        let (release, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let first = pool.start(0, move || {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        has_begun.recv().unwrap();
        (release, first.unwrap())
    }

    #[tokio::test]
    async fn results_arrive_and_a_panic_is_one_jobs_end() {
        let pool = ThreadPool::new("test", 1, 8);
        assert_eq!(pool.run(1, || 6 * 7).await, Ok(42));
        let panics = pool.run(1, || assert_eq!(1, 2, "a test's panic")).await;
        assert_eq!(panics, Err(NotDone::Panicked));
        assert_eq!(pool.run(1, || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn lanes_take_turns_and_work_that_nobody_waits_for_is_not_begun() {
        let pool = ThreadPool::new("test", 1, 64);
        let (ran, order) = mpsc::channel();
        let (release, first) = occupied(&pool);
        let mut results = Vec::new();
        for (lane, number) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30)] {
            let ran = ran.clone();
            results.push(pool.start(lane, move || ran.send(number).unwrap()).unwrap());
        }
        let given_up = pool.start(4, move || ran.send(40).unwrap()).unwrap();
        drop(given_up);
        drop(release);
        first.await.unwrap().unwrap();
        for result in results {
            result.await.unwrap().unwrap();
        }
        assert_eq!(order.iter().collect::<Vec<_>>(), [10, 20, 30, 11, 12]);
    }

    /// The next job of a lane that has had much time comes after those of a lane that has had little.
    #[tokio::test]
    async fn lanes_share_the_time() {
        let pool = ThreadPool::new("test", 1, 64);
        let (ran, order) = mpsc::channel();
        let (release, first) = occupied(&pool);
        let mut results = Vec::new();
        for (lane, number) in [(1, 10), (1, 11), (2, 20), (2, 21), (2, 22)] {
            let ran = ran.clone();
            let job = move || {
                let begun = Instant::now();
                while number == 10 && begun.elapsed() < Duration::from_millis(300) {}
                ran.send(number).unwrap();
            };
            results.push(pool.start(lane, job).unwrap());
        }
        drop((ran, release));
        first.await.unwrap().unwrap();
        for result in results {
            result.await.unwrap().unwrap();
        }
        assert_eq!(order.iter().collect::<Vec<_>>(), [10, 20, 21, 22, 11]);
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_and_threads_are_bounded() {
        let pool = ThreadPool::new("test", 2, 3);
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut results = Vec::new();
        for number in 0..5 {
            let wait = Arc::clone(&wait);
            let work = move || {
                let _ = wait.lock().unwrap().recv();
            };
            results.push(pool.start(number, work).unwrap());
        }
        assert_eq!(pool.start(9, || ()).err(), Some(NotDone::Full));
        assert_eq!(pool.shared.lock().threads, 2);
        drop(release);
        for result in results {
            result.await.unwrap().unwrap();
        }
        assert_eq!(pool.run(9, || 9).await, Ok(9));
    }

    #[tokio::test]
    async fn a_lane_at_its_limit_leaves_threads_to_others() {
        let pool = ThreadPool::new("test", 3, 16).with_lane_limits(2, 2);
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut hung = Vec::new();
        let hang = || {
            let wait = Arc::clone(&wait);
            let work = move || {
                let _ = wait.lock().unwrap().recv();
            };
            pool.start(1, work)
        };
        for _ in 0..2 {
            hung.push(hang().unwrap());
        }
        while pool.shared.lock().queue.running < 2 {
            thread::yield_now();
        }
        for _ in 0..2 {
            hung.push(hang().unwrap());
        }
        assert_eq!(hang().err(), Some(NotDone::Full));
        for number in 0..9 {
            assert_eq!(pool.run(2, move || number).await, Ok(number));
        }
        drop(release);
        for result in hung {
            result.await.unwrap().unwrap();
        }
        assert_eq!(pool.run(1, || 1).await, Ok(1));
    }
}
