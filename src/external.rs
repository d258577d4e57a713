//! What others say of a message: name servers and scanners are asked while it arrives, within one budget of time.
//!
//! In: what a header says of sender and hosts, later the whole message; out: [`Findings`], which the filter judges with. No
//! failure keeps a message: each is a sentence among the findings, a count in the metrics, and adds nothing to a score.
//! A message waits for `network.budget` at most once it is complete, and no other session waits for it.
//!
//! It never asks about a message whose header decides ([`NotAsked`](crate::filter::NotAsked)), and changes no message.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::config::NetworkConfig;
use crate::filter::{Findings, Subject};
use crate::metrics::Metrics;

/// Hosts of links that are asked about.
pub const LINKS: usize = 20;

/// What the tasks of a message may take beyond the time at which they should have ended.
const GRACE: Duration = Duration::from_millis(10);

/// Who is asked, and how. Shared by all sessions.
#[derive(Debug)]
pub struct ExternalChecks {
    settings: NetworkConfig,
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

/// A message that is complete, as far as it is held.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Its octets as they came, without dot-stuffing.
    pub message: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// The hosts of its links, if they were [asked for](ExternalChecks::wants_links).
    pub hosts_of_links: Vec<String>,
    /// The name of the mailbox, if it is known.
    pub recipient: Option<String>,
}

/// What was asked about a message whose header is known. Dropping it ends the questions.
#[derive(Debug)]
pub struct Pending {
    checks: Arc<ExternalChecks>,
    subject: Arc<Subject>,
    /// A hash of the header and its length: the message may not be the one that is completed.
    header: (usize, u64),
    of_header: Task<Findings>,
}

/// A task that ends when nobody waits for it.
#[derive(Debug)]
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ExternalChecks {
    /// As configured; `None` if nobody is to be asked.
    pub fn new(settings: &NetworkConfig, metrics: &Arc<Metrics>) -> Option<Arc<Self>> {
        settings.asks().then(|| {
            Arc::new(Self {
                settings: settings.clone(),
                hasher: RandomState::new(),
                metrics: Arc::clone(metrics),
            })
        })
    }

    /// How long a message waits at most once it is complete.
    pub fn budget(&self) -> Duration {
        self.settings.budget
    }

    /// Whether others are also asked about senders for whom the receiving server vouches.
    pub fn asks_of_authenticated(&self) -> bool {
        self.settings.ask_authenticated
    }

    /// Whether anybody is asked about links.
    pub fn wants_links(&self) -> bool {
        false
    }

    /// Asks about a message whose header this is, as it is on the wire.
    pub fn start(self: &Arc<Self>, subject: Subject, header: &[u8]) -> Pending {
        let subject = Arc::new(subject);
        let by = Instant::now() + self.settings.budget;
        let of_header = {
            let (checks, subject) = (Arc::clone(self), Arc::clone(&subject));
            tokio::spawn(async move { checks.of_header(&subject, by).await })
        };
        Pending {
            checks: Arc::clone(self),
            subject,
            header: (header.len(), self.hasher.hash_one(header)),
            of_header: Task(of_header),
        }
    }

    async fn of_header(&self, _subject: &Subject, _by: Instant) -> Findings {
        Findings::default()
    }

    /// What is asked once all of the message is there. Each question ends by itself at `by`.
    async fn of_message(&self, _subject: &Subject, _complete: &Complete, _by: Instant) -> Findings {
        Findings::default()
    }
}

impl Pending {
    /// Whether it is about the message that begins so, as it is on the wire.
    pub fn is_of(&self, wire: &[u8]) -> bool {
        let (length, hash) = self.header;
        let header = wire.get(..length);
        header.is_some_and(|header| self.checks.hasher.hash_one(header) == hash)
    }

    /// What was found by this deadline, and within the budget.
    pub async fn results(mut self, complete: &Complete, deadline: Instant) -> Findings {
        let began = Instant::now();
        let by = deadline.min(began + self.checks.settings.budget);
        let of_message = self.checks.of_message(&self.subject, complete, by);
        let of_header = timeout_at(by + GRACE, &mut self.of_header.0);
        let (of_message, of_header) = tokio::join!(of_message, of_header);
        let mut findings = of_message;
        // A task that panics, or that is late, has found nothing.
        if let Ok(Ok(of_header)) = of_header {
            findings.add(of_header);
        }
        self.checks.metrics.asked_others(began.elapsed());
        findings
    }
}
