//! Other scanners, asked about messages: rspamd, SpamAssassin's spamd, ClamAV's clamd.
//!
//! In: a whole message as its sender wrote it, and until when an answer counts; out: one finding of each scanner, an answer or
//! why there is none. A scanner has a limit of time, of messages at a time, and of failures in a row, after which it is not
//! asked for a while. It decides nothing: what an answer is worth is in the settings, and the filter adds it up.

mod answer;
mod clamd;
mod connection;
mod error;
mod points;
mod rspamd;
mod spamd;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::join_all;
use ring::digest::{SHA256, digest};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

pub use answer::{Envelope, ScannerAnswer, ScannerScore, ScannerSymbol};
pub use error::ScannerError;

use self::connection::Kept;
use super::breaker::{Breaker, Changed};
use super::complete::Complete;
use super::replay::Replay;
use super::whom::Whom;
use crate::config::{Scanner as Settings, ScannerKind};
use crate::filter::findings::CheckFailure;
use crate::filter::{Findings, Subject};
use crate::metrics::{CheckMeter, Metrics};

/// So many failures in a row are no accident.
const FAILURES: u32 = 5;

/// This part of the budget spam scanners wait for the answers of name servers, by which it may be decided what is done.
pub(super) const FIRST: u32 = 4;

/// This part of a scanner's time may go by before it is asked without being called too little.
const HAND_OVER: u32 = 8;

/// A scanner that is asked for its version may take as long; somebody waits for it.
const VERSION: Duration = Duration::from_secs(5);

/// All scanners.
#[derive(Debug)]
pub struct Scanners {
    scanners: Vec<(Scanner, CheckMeter)>,
    replay: Option<Arc<Replay>>,
}

/// What answers may add to a score, together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Points {
    /// At least; 0 or less.
    pub least: f64,
    /// At most; 0 or more.
    pub most: f64,
}

/// One of them.
#[derive(Debug)]
pub struct Scanner {
    settings: Settings,
    client: Client,
    at_a_time: Semaphore,
    breaker: Breaker,
    /// Whether it did not answer the last time.
    fails: AtomicBool,
    /// Whether it needs more of a message's time than it has after name servers.
    is_in_haste: AtomicBool,
}

/// What keeps its connections.
#[derive(Debug)]
enum Client {
    Rspamd(Kept<rspamd::Requests>),
    Spamd,
    Clamd(Kept<clamd::Session>),
}

impl Scanners {
    /// Those that are configured; `None` if there are none. What `replay` knows is not asked.
    pub fn new(
        configured: &[Settings],
        metrics: &Metrics,
        replay: Option<Arc<Replay>>,
    ) -> Option<Self> {
        let scanners = configured.iter().cloned().map(|settings| {
            let meter = metrics.check(&settings.name);
            (Scanner::new(settings), meter)
        });
        let scanners = scanners.collect();
        (!configured.is_empty()).then_some(Self { scanners, replay })
    }

    /// The names under which their hits are among the rules.
    pub fn rules(&self) -> Vec<String> {
        let scanners = self.scanners.iter();
        scanners
            .map(|(scanner, _)| scanner.settings.rule())
            .collect()
    }

    /// Whether one of them looks for viruses.
    pub fn looks_for_viruses(&self) -> bool {
        let mut scanners = self.scanners.iter();
        scanners.any(|(scanner, _)| scanner.looks_for_viruses())
    }

    /// The least and the most that spam scanners add to a score; `None` if there are none.
    pub(super) fn points(&self) -> Option<Points> {
        let worths = self.scanners.iter();
        let mut worths = worths
            .filter_map(|(scanner, _)| match &scanner.settings.kind {
                ScannerKind::Rspamd { worth, .. } | ScannerKind::Spamd { worth } => Some(worth),
                ScannerKind::Clamd { .. } => None,
            })
            .peekable();
        worths.peek()?;
        let mut points = Points::default();
        for worth in worths {
            points.least += worth.least;
            points.most += worth.most;
        }
        Some(points)
    }

    /// The names of those that are not asked for viruses.
    pub(super) fn names_for_spam(&self) -> Vec<String> {
        let scanners = self.scanners.iter().map(|(scanner, _)| scanner);
        let scanners = scanners.filter(|it| !it.looks_for_viruses());
        scanners.map(|it| it.settings.name.clone()).collect()
    }

    /// Whether one for spam has not answered, the last time, in what it has of a message's time after name servers. It is to
    /// have all of the next one's, by which it is also found out whether it hangs.
    pub(super) fn is_in_haste(&self) -> bool {
        let mut scanners = self.scanners.iter().map(|(scanner, _)| scanner);
        scanners.any(|it| !it.looks_for_viruses() && it.is_in_haste.load(Ordering::Relaxed))
    }

    /// Asks these at once about a message that has waited since `began`: each has an answer, or a reason, by then.
    pub(super) async fn scan(
        &self,
        whom: Whom,
        subject: &Subject,
        complete: &Complete,
        time: (Instant, Instant),
    ) -> Findings {
        let envelope = Envelope {
            client: subject.boundary,
            helo: subject.helo.clone(),
            sender: subject.return_path.clone(),
        };
        let scanners = self.scanners.iter();
        let scanners =
            scanners.filter(|(scanner, _)| whom.has_scanner(scanner.looks_for_viruses()));
        let asked = scanners.map(async |(scanner, meter)| {
            let begun = Instant::now();
            let answer = match complete.is_whole {
                true => {
                    self.replayed(scanner, &complete.message, &envelope, time)
                        .await
                }
                false => Err(ScannerError::InPart),
            };
            scanner.finding(answer, meter, begun.elapsed())
        });
        let mut all = Findings::default();
        for findings in join_all(asked).await {
            all.add(findings);
        }
        all
    }

    /// What it said before about this message, or says now. Failures are not recorded.
    async fn replayed(
        &self,
        scanner: &Scanner,
        message: &Bytes,
        envelope: &Envelope,
        time: (Instant, Instant),
    ) -> Result<ScannerAnswer, ScannerError> {
        let Some(replay) = &self.replay else {
            return scanner.scan(message, envelope, time).await;
        };
        let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, message));
        let question = format!("scanner {} {digest}", scanner.settings.name);
        if let Some(answer) = replay.answer(&question) {
            return Ok(answer);
        }
        let answer = scanner.scan(message, envelope, time).await?;
        replay.record(&question, &answer);
        Ok(answer)
    }
}

impl Scanner {
    /// It is not asked anything yet.
    pub fn new(settings: Settings) -> Self {
        let most = settings.at_a_time;
        Self {
            client: match &settings.kind {
                ScannerKind::Rspamd { .. } => Client::Rspamd(Kept::new(most)),
                ScannerKind::Spamd { .. } => Client::Spamd,
                ScannerKind::Clamd { .. } => Client::Clamd(Kept::new(most)),
            },
            at_a_time: Semaphore::new(most),
            breaker: Breaker::new(FAILURES),
            fails: AtomicBool::new(false),
            is_in_haste: AtomicBool::new(false),
            settings,
        }
    }

    /// Whether it looks for viruses, which have nothing to do with who sends them.
    fn looks_for_viruses(&self) -> bool {
        matches!(self.settings.kind, ScannerKind::Clamd { .. })
    }

    /// What it says by then of a whole message, which is not dot-stuffed, and has waited since `began`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn scan(
        &self,
        message: &Bytes,
        envelope: &Envelope,
        (began, by): (Instant, Instant),
    ) -> Result<ScannerAnswer, ScannerError> {
        let (octets, most) = (message.len(), self.settings.max_size);
        if octets > most {
            return Err(ScannerError::TooLarge(octets, most));
        }
        let Settings {
            at_a_time, timeout, ..
        } = self.settings;
        // What a message has for this scanner, if it waits for nothing else.
        let most = by.saturating_duration_since(began);
        let whole = timeout.min(most);
        let Ok(Ok(_permit)) = timeout_at(by, self.at_a_time.acquire()).await else {
            return Err(ScannerError::Busy(at_a_time));
        };
        let asked = Instant::now();
        if asked >= by {
            return Err(ScannerError::Busy(at_a_time));
        }
        if !self.breaker.admits(asked) {
            return Err(ScannerError::Paused);
        }
        let limit = by.min(asked + timeout);
        let answer = timeout_at(limit, self.ask(message, envelope)).await;
        let time = limit.saturating_duration_since(asked);
        let answer = answer.unwrap_or(Err(match time < timeout {
            true => ScannerError::OutOfBudget(time),
            false => ScannerError::Timeout(time),
        }));
        let is_cut = matches!(answer, Err(ScannerError::OutOfBudget(_)));
        let is_in_haste = is_cut || asked.elapsed() >= most - most / FIRST;
        self.is_in_haste.store(is_in_haste, Ordering::Relaxed);
        match &answer {
            // Others have used up its time: name servers, or messages before. To hand over takes a little of it, too.
            Err(ScannerError::OutOfBudget(time)) if *time < whole - whole / HAND_OVER => {}
            Err(error) if error.is_the_scanners() => self.failed(error),
            _ => self.succeeded(),
        }
        answer
    }

    /// What an answer, or its absence, is for the filter and the metrics.
    fn finding(
        &self,
        answer: Result<ScannerAnswer, ScannerError>,
        meter: &CheckMeter,
        took: Duration,
    ) -> Findings {
        let mut findings = Findings::default();
        match answer {
            Ok(answer) => {
                meter.answered(took);
                let hit = points::hit(&self.settings, &answer);
                if hit.is_some() {
                    meter.hit();
                }
                findings.hits.extend(hit);
            }
            Err(error) => {
                meter.failed(error.kind());
                findings.failures.push(CheckFailure {
                    check: self.settings.name.clone(),
                    kind: error.kind(),
                    sentence: error.to_string(),
                });
            }
        }
        meter.breaker_open(self.breaker.is_open());
        findings
    }

    async fn ask(
        &self,
        message: &Bytes,
        envelope: &Envelope,
    ) -> Result<ScannerAnswer, ScannerError> {
        let address = &self.settings.address;
        match (&self.client, &self.settings.kind) {
            (Client::Rspamd(kept), kind) => {
                let password = match kind {
                    ScannerKind::Rspamd { password, .. } => password.as_ref(),
                    _ => None,
                };
                let score = rspamd::scan(address, kept, password, envelope, message);
                score.await.map(ScannerAnswer::Score)
            }
            (Client::Spamd, _) => {
                let score = spamd::scan(address, message);
                score.await.map(ScannerAnswer::Score)
            }
            (Client::Clamd(kept), _) => {
                let name = clamd::scan(address, kept, message).await?;
                Ok(name.map_or(ScannerAnswer::Clean, |name| ScannerAnswer::Virus { name }))
            }
        }
    }

    /// What runs there.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn version(&self) -> Result<String, ScannerError> {
        let address = &self.settings.address;
        let version = async {
            match self.client {
                Client::Rspamd(_) => rspamd::version(address).await,
                Client::Spamd => spamd::version(address).await,
                Client::Clamd(_) => clamd::version(address).await,
            }
        };
        let answer = timeout_at(Instant::now() + VERSION, version).await;
        answer.unwrap_or(Err(ScannerError::Timeout(VERSION)))
    }

    // One line when it begins to fail, when it is paused, and when it works again: not one for each message.

    fn failed(&self, error: &ScannerError) {
        let (scanner, address) = (&*self.settings.name, &self.settings.address);
        let to_do = error.to_do();
        if self.breaker.failed(Instant::now()) == Changed::Opened {
            tracing::warn!(
                scanner,
                %address,
                "this scanner is not asked for a while, since it failed again and again: {error}; {to_do}"
            );
        } else if !self.fails.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                scanner,
                %address,
                "mail is judged without this scanner: {error}; {to_do}"
            );
        }
    }

    fn succeeded(&self) {
        self.breaker.succeeded();
        if self.fails.swap(false, Ordering::Relaxed) {
            let (scanner, address) = (&*self.settings.name, &self.settings.address);
            tracing::info!(scanner, %address, "this scanner answers again");
        }
    }
}
