//! Threads that sessions run on, each with its own event loop.
//!
//! In: connections; out: a session on the thread with the fewest sessions. A session's two sockets,
//! its buffers and its wake-ups stay on one core: moving them between threads, as a work-stealing
//! runtime does, costs more than relaying a message.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::thread_priority::Priority;

/// A session.
pub type Session = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A session that is about to run: created on its own thread, so that its sockets belong there.
pub type Job = Box<dyn FnOnce() -> Session + Send>;

/// The worker threads.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    jobs: UnboundedSender<Job>,
    running: Arc<AtomicUsize>,
    handle: Handle,
}

impl Workers {
    /// Starts `count` threads of this name and priority.
    ///
    /// # Errors
    /// The system's.
    pub fn start(count: usize, name: &str, priority: Priority) -> io::Result<Self> {
        let numbers = 0..count.max(1);
        let workers = numbers.map(|number| start(format!("{name}-{number}"), priority));
        Ok(Self {
            workers: workers.collect::<io::Result<_>>()?,
        })
    }

    /// Runs a session on the thread with the fewest sessions.
    pub fn run(&self, job: Job) {
        let least = self
            .workers
            .iter()
            .min_by_key(|worker| worker.running.load(Ordering::Relaxed));
        if let Some(worker) = least {
            worker.running.fetch_add(1, Ordering::Relaxed);
            // If the thread has ended, the connection closes with the job.
            let _ = worker.jobs.send(job);
        }
    }

    /// The event loop of one of the threads, by any number.
    pub fn event_loop(&self, number: usize) -> Option<&Handle> {
        let place = number % self.workers.len().max(1);
        self.workers.get(place).map(|worker| &worker.handle)
    }
}

fn start(name: String, priority: Priority) -> io::Result<Worker> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (jobs, queue) = unbounded_channel();
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    thread::Builder::new().name(name).spawn(move || {
        if let Err(error) = priority.apply() {
            tracing::warn!(%error, "clients that are not logged in have the same priority as others");
        }
        runtime.block_on(serve(queue, count));
    })?;
    Ok(Worker {
        jobs,
        running,
        handle,
    })
}

async fn serve(mut queue: UnboundedReceiver<Job>, running: Arc<AtomicUsize>) {
    /// Counts down even when the session panics.
    struct Running(Arc<AtomicUsize>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    while let Some(job) = queue.recv().await {
        let running = Running(Arc::clone(&running));
        tokio::spawn(async move {
            let _running = running;
            job().await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_panic_ends_only_its_session() {
        let workers = Workers::start(1, "test", Priority::Normal).unwrap();
        let (told, hear) = channel();
        for number in 0..4 {
            let told = told.clone();
            workers.run(Box::new(move || {
                Box::pin(async move {
                    assert!(number % 2 == 0, "a test's panic");
                    told.send(number).unwrap();
                })
            }));
        }
        let patience = Duration::from_secs(20);
        assert_eq!(hear.recv_timeout(patience), Ok(0));
        assert_eq!(hear.recv_timeout(patience), Ok(2));
    }
}
