//! Runs what others' input may break: a panic is a failure of one check, and of nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::time::{Instant, timeout_at};

use super::dns::Failure;
use crate::filter::findings::FailureKind;
use crate::thread_pool::{NotDone, ThreadPool};

/// The result of work on input of others.
///
/// # Errors
/// If it panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    // The work owns what it changes, or nothing uses that again.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
}

/// The same on a thread of a pool, where lanes take turns.
///
/// # Errors
/// If it panics, if there is no thread for it, or if it is not done by then.
pub(super) async fn guarded_in<T: Send + 'static>(
    pool: &ThreadPool,
    lane: u64,
    by: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let (kind, why) = match timeout_at(by, pool.run(lane, work)).await {
        Ok(Ok(result)) => return Ok(result),
        Ok(Err(NotDone::Panicked)) => return Err(panicked()),
        Ok(Err(not_done)) => (FailureKind::Busy, not_done.to_string()),
        Err(_) => (FailureKind::Timeout, "there was no time".to_owned()),
    };
    Err(Failure::new(kind, why))
}

/// Work on input of others has panicked.
pub(super) fn panicked() -> Failure {
    let sentence = "popgate itself has failed, which is a defect of it";
    Failure::new(FailureKind::Panicked, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure() {
        assert_eq!(guarded(|| 1), Ok(1));
        let failed = guarded(|| -> u8 { panic!("for a test") }).unwrap_err();
        assert_eq!(failed.kind, FailureKind::Panicked);
    }

    #[tokio::test]
    async fn work_in_a_pool_is_done_or_is_a_failure_of_its_kind() {
        let pool = ThreadPool::new("test", 1, 1);
        let hour = std::time::Duration::from_secs(3600);
        let later = Instant::now() + hour;
        assert_eq!(guarded_in(&pool, 0, later, || 1).await, Ok(1));
        let failed = guarded_in(&pool, 0, later, || -> u8 { panic!("for a test") });
        assert_eq!(failed.await.unwrap_err().kind, FailureKind::Panicked);
        // The only thread is at work, until its sender is gone.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = std::sync::mpsc::channel();
        let occupied = pool.start(0, move || {
            let _ = begin.send(());
            let _ = ended.recv();
        });
        assert!(occupied.is_ok());
        begun.recv().unwrap();
        let now = Instant::now();
        let late = guarded_in(&pool, 0, now, || 1).await;
        assert_eq!(late.unwrap_err().kind, FailureKind::Timeout);
        // That one still waits in the queue, which is full with it.
        let full = guarded_in(&pool, 0, later, || 1).await;
        assert_eq!(full.unwrap_err().kind, FailureKind::Busy);
        drop(end);
    }
}
