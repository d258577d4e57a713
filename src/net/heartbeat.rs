//! Whether event loops run: each loop has a timer of its own, and others look when it last fired.
//!
//! In: a loop's timer, once a second; out: how late it was, and which loop stands still. It knows nothing of what the
//! loops do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Between two beats.
const EVERY: Duration = Duration::from_secs(1);

/// The loops of a process.
#[derive(Debug, Default)]
pub struct Heartbeats(Mutex<Vec<Arc<Heartbeat>>>);

/// A loop, and when it last ran.
#[derive(Debug)]
pub struct Heartbeat {
    name: String,
    began: Instant,
    /// In milliseconds from then.
    last: AtomicU64,
}

/// A loop that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// The loop's name.
    pub name: String,
    /// How long it has not run.
    pub lasts: Duration,
}

impl Heartbeats {
    /// One more loop; it is expected to beat from now on, for as long as the process runs.
    pub fn add(&self, name: &str) -> Arc<Heartbeat> {
        let heartbeat = Arc::new(Heartbeat {
            name: name.to_owned(),
            began: Instant::now(),
            last: AtomicU64::new(0),
        });
        self.loops().push(Arc::clone(&heartbeat));
        heartbeat
    }

    /// The first loop that has not run for this long, if there is one; it takes at least two missed beats to tell.
    pub fn standstill(&self, limit: Duration) -> Option<Standstill> {
        let limit = limit.max(2 * EVERY);
        self.loops().iter().find_map(|it| {
            let last = Duration::from_millis(it.last.load(Ordering::Relaxed));
            let lasts = it.began.elapsed().saturating_sub(last);
            (lasts >= limit).then(|| Standstill {
                name: it.name.clone(),
                lasts,
            })
        })
    }

    fn loops(&self) -> MutexGuard<'_, Vec<Arc<Heartbeat>>> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heartbeat {
    /// Beats on the loop that runs this, and tells `late` each time how late it was; never ends.
    pub async fn run(self: Arc<Self>, late: impl Fn(Duration)) {
        let mut timer = interval_at(Instant::now() + EVERY, EVERY);
        // After a standstill one beat is late, not many.
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = timer.tick().await;
            late(due.elapsed());
            let since = u64::try_from(self.began.elapsed().as_millis());
            self.last
                .store(since.unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_run_is_found() {
        let limit = Duration::from_secs(10);
        let loops = Heartbeats::default();
        let runs = tokio::spawn(loops.add("runs").run(|_| {}));
        let stands = loops.add("stands");
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!(loops.standstill(limit), None);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let found = loops.standstill(limit).unwrap();
        assert_eq!(
            (&*found.name, found.lasts),
            ("stands", Duration::from_secs(11))
        );
        tokio::spawn(stands.run(|_| {}));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(loops.standstill(limit), None);
        runs.abort();
        tokio::time::sleep(limit).await;
        assert_eq!(loops.standstill(limit).unwrap().name, "runs");
    }

    #[tokio::test(start_paused = true)]
    async fn lag_is_measured() {
        let late = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&late);
        let beat = move |lag| seen.lock().unwrap().push(lag);
        tokio::spawn(Heartbeats::default().add("a").run(beat));
        tokio::task::yield_now().await;
        // The loop is busy for 1.5 seconds.
        tokio::time::advance(Duration::from_millis(1500)).await;
        tokio::task::yield_now().await;
        assert_eq!(*late.lock().unwrap(), [Duration::from_millis(500)]);
    }
}
