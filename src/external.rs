//! What others say of a message: name servers and scanners are asked while it arrives, within one budget of time.
//!
//! In: what a header says of sender and hosts, later the whole message; out: [`Findings`], which the filter judges with. No
//! failure keeps a message: each is a sentence among the findings, a count in the metrics, and adds nothing to a score.
//! A message waits for `network.budget` at most once it is complete, and no other session waits for it.
//!
//! It never asks about a message whose header decides ([`NotAsked`](crate::filter::NotAsked)), and changes no message.

mod breaker;
mod check;
mod complete;
mod dkim;
mod dkim_body;
mod dkim_tags;
mod dmarc;
mod dns;
mod guarded;
mod kept;
mod lists;
mod name_servers;
mod network;
mod record;
mod replay;
pub mod scanners;
mod spf;
mod udp_sockets;
mod whom;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::config::{DnsList, NetworkConfig, Scanner};
use crate::filter::findings::FailureKind;
use crate::filter::{Findings, NotAsked, Subject};
use crate::metrics::Metrics;
use crate::thread_pool::ThreadPool;
use guarded::{guarded, panicked};
use network::{Gathered, Network};
use scanners::{FIRST, Points, Scanners};
use whom::Whom;

pub use complete::Complete;
pub use dns::{Check, Failure};
pub use network::ZoneAnswer;
pub use replay::{Replay, ReplayCounts};

/// Hosts of links that are asked about.
pub const LINKS: usize = 20;

/// What the tasks of a message may take beyond the time at which they should have ended.
const GRACE: Duration = Duration::from_millis(10);

/// Who is asked, and how. Shared by all sessions.
#[derive(Debug)]
pub struct ExternalChecks {
    budget: Duration,
    ask_authenticated: bool,
    network: Option<Network>,
    scanners: Option<Scanners>,
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

/// What was asked about a message whose header is known. Dropping it ends the questions.
#[derive(Debug)]
pub struct Pending {
    checks: Arc<ExternalChecks>,
    whom: Whom,
    subject: Arc<Subject>,
    /// A hash of the header and its length: the message may not be the one that is completed.
    header: (usize, u64),
    of_header: Option<(Task<()>, Arc<Gathered>)>,
    /// Whether answers of name servers can make scanners needless.
    may_be_decided: bool,
}

/// Work that goes on by itself, and ends when nobody waits for it. What needs nobody, since all answers are kept, is done at
/// once: a task would cost more than that.
#[derive(Debug)]
enum Task<T> {
    Done(Option<T>),
    Running(JoinHandle<T>),
}

impl<T: Send + 'static> Task<T> {
    fn start(work: impl Future<Output = T> + Send + 'static) -> Self {
        let mut work = Box::pin(work);
        let mut nobody = Context::from_waker(Waker::noop());
        match guarded(|| work.as_mut().poll(&mut nobody)) {
            Ok(Poll::Ready(result)) => Self::Done(Some(result)),
            // It is polled again by its task, which is then what is woken.
            Ok(Poll::Pending) => Self::Running(tokio::spawn(work)),
            Err(_) => Self::Done(None),
        }
    }

    /// The result, if there is one by then.
    ///
    /// # Errors
    /// If the task is late, or panics.
    async fn result(&mut self, by: Instant) -> Result<T, Failure> {
        match self {
            Self::Done(result) => result.take().ok_or_else(panicked),
            Self::Running(task) => match timeout_at(by, task).await {
                Ok(result) => result.map_err(|_| panicked()),
                Err(_) => {
                    let sentence = "the message had no more time to wait";
                    Err(Failure::new(FailureKind::Timeout, sentence))
                }
            },
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Self::Running(task) = self {
            task.abort();
        }
    }
}

impl ExternalChecks {
    /// As configured; `None` if nobody is to be asked. What takes long is computed in this pool.
    ///
    /// # Errors
    /// If the system's name servers are not known, in words.
    pub fn new(
        settings: &NetworkConfig,
        scanners: &[Scanner],
        metrics: &Arc<Metrics>,
        pool: &Arc<ThreadPool>,
        replay: Option<Arc<Replay>>,
    ) -> Result<Option<Arc<Self>>, String> {
        let network = match settings.asks() || (replay.is_some() && settings.has_checks()) {
            true => Some(Network::new(
                settings,
                metrics,
                Arc::clone(pool),
                replay.clone(),
            )?),
            false => None,
        };
        let scanners = Scanners::new(scanners, metrics, replay);
        let is_any = network.is_some() || scanners.is_some();
        Ok(is_any.then(|| {
            Arc::new(Self {
                budget: settings.budget,
                ask_authenticated: settings.ask_authenticated,
                network,
                scanners,
                hasher: RandomState::new(),
                metrics: Arc::clone(metrics),
            })
        }))
    }

    /// How long a message waits at most once it is complete.
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// Whether others are also asked about senders for whom the receiving server vouches.
    pub fn asks_of_authenticated(&self) -> bool {
        self.ask_authenticated
    }

    /// Whether a scanner looks for viruses: it is asked about every message, also of senders whom nobody else is asked about.
    pub fn looks_for_viruses(&self) -> bool {
        let scanners = self.scanners.as_ref();
        scanners.is_some_and(Scanners::looks_for_viruses)
    }

    /// Asks the scanners that look for viruses about a message with this header, as it came.
    pub fn start_for_viruses(self: &Arc<Self>, wire: &[u8]) -> Pending {
        Pending {
            checks: Arc::clone(self),
            whom: Whom::VirusScanners,
            subject: Arc::default(),
            header: (wire.len(), self.hasher.hash_one(wire)),
            of_header: None,
            may_be_decided: false,
        }
    }

    /// Asks about a message with this header, without dot-stuffing. `wire` is the same as it came.
    pub fn start(self: &Arc<Self>, subject: Subject, header: &[u8], wire: &[u8]) -> Pending {
        let subject = Arc::new(subject);
        let by = Instant::now() + self.budget;
        let of_header = self.network.as_ref().map(|network| {
            let chosen = network.choose(header, subject.from_domain().as_deref());
            let gathered = Arc::new(network.gather(chosen));
            let (checks, subject) = (Arc::clone(self), Arc::clone(&subject));
            let known = Arc::clone(&gathered);
            let task = Task::start(async move {
                if let Some(network) = &checks.network {
                    network.of_header(&subject, &known, by).await;
                }
            });
            (task, gathered)
        });
        Pending {
            checks: Arc::clone(self),
            whom: Whom::Everybody,
            subject,
            header: (wire.len(), self.hasher.hash_one(wire)),
            of_header,
            may_be_decided: true,
        }
    }

    /// The names under which its hits are among the rules.
    pub fn rules(&self) -> Vec<String> {
        let of_network = self.network.as_ref().map_or(Vec::new(), Network::rules);
        let of_scanners = self.scanners.as_ref().map_or(Vec::new(), Scanners::rules);
        [of_network, of_scanners].concat()
    }

    /// How a list answers at its test points.
    pub async fn test_list(&self, list: &DnsList) -> ZoneAnswer {
        match &self.network {
            Some(network) => network.test(list, Instant::now() + self.budget).await,
            None => ZoneAnswer::HasNone,
        }
    }

    /// What scanners find, once all of the message is there. Each question ends by itself at `by`; the message has waited
    /// since `began`.
    async fn scanned(
        &self,
        whom: Whom,
        subject: &Subject,
        complete: &Complete,
        (began, by): (Instant, Instant),
    ) -> Findings {
        match &self.scanners {
            Some(scanners) => scanners.scan(whom, subject, complete, (began, by)).await,
            None => Findings::default(),
        }
    }
}

impl Pending {
    /// Whether it is about the message that begins so, as it is on the wire.
    pub fn is_of(&self, wire: &[u8]) -> bool {
        let (length, hash) = self.header;
        let header = wire.get(..length);
        header.is_some_and(|header| self.checks.hasher.hash_one(header) == hash)
    }

    /// Whether anybody is asked about links.
    pub fn wants_links(&self) -> bool {
        let network = self.checks.network.as_ref();
        self.whom == Whom::Everybody && network.is_some_and(Network::wants_links)
    }

    /// Whether the message itself is needed, not only what its header and its links say.
    pub fn wants_message(&self) -> bool {
        let network = self.checks.network.as_ref();
        self.checks.scanners.is_some() || network.is_some_and(Network::verifies_signatures)
    }

    /// Says that nothing that name servers say can decide what is done with the message: scanners need not wait for it.
    pub fn cannot_be_decided(&mut self) {
        self.may_be_decided = false;
    }

    /// What was found by this deadline, and within the budget. Spam scanners are not asked about a whole message of which
    /// `is_decided` says, by what name servers have said in a part of the budget, that so many points change nothing. Who
    /// looks for viruses is asked in any case, and at once.
    pub async fn results(
        mut self,
        complete: &Complete,
        deadline: Instant,
        mut is_decided: impl FnMut(&Findings, Points) -> bool,
    ) -> Findings {
        let began = Instant::now();
        let budget = self.checks.budget;
        let by = deadline.min(began + budget);
        let checks = Arc::clone(&self.checks);
        let subject = Arc::clone(&self.subject);
        let scanned = |whom| checks.scanned(whom, &subject, complete, (began, by));
        let others = async {
            if self.whom != Whom::Everybody {
                return Findings::default();
            }
            let scanners = checks.scanners.as_ref();
            let points = scanners.and_then(Scanners::points);
            let may_be_decided = complete.is_whole && self.may_be_decided;
            let mut by_network = std::pin::pin!(self.by_network(complete, by));
            let Some((scanners, points)) = scanners.zip(points) else {
                return by_network.await;
            };
            // What is known already is no reason to wait.
            let first = match scanners.is_in_haste() {
                true => began,
                false => by.min(began + budget / FIRST),
            };
            let early = match may_be_decided {
                true => timeout_at(first, &mut by_network).await.ok(),
                false => None,
            };
            match early {
                Some(mut found) if is_decided(&found, points) => {
                    checks.metrics.asked_nobody(NotAsked::Decided);
                    found.not_needed = scanners.names_for_spam();
                    found
                }
                Some(mut found) => {
                    found.add(scanned(Whom::SpamScanners).await);
                    found
                }
                // It is not waited for any longer, so that nobody who hangs hides what scanners say.
                None => {
                    let (mut found, by_scanners) =
                        tokio::join!(by_network, scanned(Whom::SpamScanners));
                    found.add(by_scanners);
                    found
                }
            }
        };
        let (mut findings, viruses) = tokio::join!(others, scanned(Whom::VirusScanners));
        findings.add(viruses);
        checks.metrics.asked_others(began.elapsed());
        findings
    }

    /// What name servers say: of the header, which was asked about before, and of links; and what follows for signatures.
    async fn by_network(&mut self, complete: &Complete, by: Instant) -> Findings {
        let Some(network) = &self.checks.network else {
            return Findings::default();
        };
        let of_links = network.of_links(&self.subject, complete, by);
        let of_header = async {
            let (task, gathered) = self.of_header.as_mut()?;
            let failed = task.result(by + GRACE).await.err();
            // If it has not failed, nothing is missing.
            let missing = failed.unwrap_or_else(panicked);
            Some(network.gathered(&self.subject, gathered, &missing))
        };
        let (mut findings, of_header) = tokio::join!(of_links, of_header);
        if let Some(of_header) = of_header {
            let from = self.subject.from_domain();
            let verified = network.verify(of_header, complete, from, by + GRACE);
            findings.add(verified.await);
        }
        findings
    }
}
