//! Hears of new lessons: the server tells those who listen when a transaction with lessons is committed.
//!
//! A connection of its own listens. While there is none, and when there is one again, waiting threads are woken to look
//! for themselves: notifications sent meanwhile are not repeated.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;

use super::connections::{Dialler, Watch};
use super::event_loop::EventLoop;
use super::lessons::CHANNEL;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection on which nothing is heard is tried so often: a network that is cut says nothing.
const TRIED_EVERY: Duration = Duration::from_secs(10);

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// See the module. It ends with the event loop.
#[derive(Debug)]
pub(super) struct Listener {
    news: Arc<News>,
}

/// How often there was something to look for.
#[derive(Debug, Default)]
struct News {
    count: Mutex<u64>,
    more: Condvar,
}

impl News {
    fn tell(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.more.notify_all();
    }
}

impl Listener {
    pub(super) fn start(event_loop: &EventLoop, dialler: &Dialler) -> Self {
        let news = Arc::new(News::default());
        event_loop.leave(listen(dialler.clone(), Arc::clone(&news)));
        Self { news }
    }

    /// How often something was told.
    pub(super) fn told(&self) -> u64 {
        *self
            .news
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until more was told than this, so long at most.
    pub(super) fn wait(&self, told: u64, limit: Duration) {
        let until = Instant::now() + limit;
        let mut count = self
            .news
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while *count == told {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.news.more.wait_timeout(count, left);
            count = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

async fn listen(dialler: Dialler, news: Arc<News>) {
    let tell = Arc::clone(&news);
    let watch: Watch = Arc::new(move |message| {
        if let AsyncMessage::Notification(_) = message {
            tell.tell();
        }
    });
    loop {
        // Why it cannot be reached is reported by the operations on the store.
        if let Ok((client, mut task)) = dialler.dial(Arc::clone(&watch)).await {
            let listening = client.batch_execute(&format!("LISTEN {CHANNEL}")).await;
            news.tell();
            while listening.is_ok() {
                let ended = timeout(TRIED_EVERY, &mut task).await.is_ok();
                if ended || !answers(&client).await {
                    break;
                }
            }
            task.abort();
        }
        sleep(PAUSE).await;
    }
}

async fn answers(client: &tokio_postgres::Client) -> bool {
    let answer = timeout(ANSWER, client.batch_execute("SELECT 1")).await;
    answer.is_ok_and(|it| it.is_ok())
}
