//! One of those who are asked: whether to ask now, by what became of the questions before.
//!
//! In: answers and failures; out: leave to ask, series for metrics, lines for the log. A list or a scanner fails for everybody;
//! a check of popgate's own asks the name servers of senders, of whom each fails for itself.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Changed};
use super::record::Failure;
use crate::filter::findings::FailureKind;
use crate::message::url::registrable;
use crate::metrics::{CheckMeter, Metrics};

/// A complaint about the same check is repeated after this time.
const REPEATED: Duration = Duration::from_secs(600);

/// One list, scanner or check of popgate's own: its breaker, its series, and when it was last complained about.
#[derive(Debug)]
pub struct Check {
    name: String,
    breaker: Breaker,
    /// Whether it asks the name servers of senders.
    is_own: bool,
    /// Whose failures were counted.
    failing: Mutex<Failing>,
    meter: CheckMeter,
    complained: Mutex<Option<Instant>>,
}

/// What has failed since there was an answer: at most one failure of a message counts, and of a check of popgate's own one of
/// a domain's name servers. Else one sender could end a check for everybody.
#[derive(Debug, Default)]
struct Failing {
    domains: Vec<String>,
    /// When the questions of messages end of which one was counted: no two messages have that in common.
    messages: VecDeque<Instant>,
}

impl Failing {
    fn counts(&mut self, domain: Option<&str>, by: Instant) -> bool {
        let is_known = domain.is_some_and(|it| self.domains.iter().any(|known| known == it));
        if is_known || self.messages.contains(&by) {
            return false;
        }
        // Many are asked about at the same time.
        if self.messages.len() == MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(by);
        if let Some(domain) = domain
            && self.domains.len() < DOMAINS as usize
        {
            self.domains.push(domain.to_owned());
        }
        true
    }
}

/// Failures in a row, each of another domain, after which a check of popgate's own pauses.
const DOMAINS: u32 = 20;

/// Messages of which it is known that a failure was counted.
const MESSAGES: usize = 64;

impl Check {
    /// A check of popgate's own: it asks the name servers of senders, and one of those that fails is no reason to pause.
    pub(super) fn own(name: &str, metrics: &Metrics) -> Self {
        Self {
            is_own: true,
            ..Self::new(name, DOMAINS, metrics)
        }
    }

    /// So many failures in a row open the breaker.
    pub fn new(name: &str, limit: u32, metrics: &Metrics) -> Self {
        Self {
            name: name.to_owned(),
            breaker: Breaker::new(limit),
            is_own: false,
            failing: Mutex::default(),
            meter: metrics.check(name),
            complained: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its series.
    pub fn meter(&self) -> &CheckMeter {
        &self.meter
    }

    /// Whether it may be asked now.
    ///
    /// # Errors
    /// While its breaker is open.
    pub fn admit(&self) -> Result<(), Failure> {
        if self.breaker.admits(Instant::now()) {
            return Ok(());
        }
        let kind = FailureKind::BreakerOpen;
        self.meter.failed(kind);
        let sentence = "is not asked for a while, since it has failed again and again";
        Err(Failure::new(kind, sentence))
    }

    /// Whether it counts as the fault of who is asked that there is no answer about this name for a message whose questions
    /// end by then.
    pub(super) fn is_at_fault(&self, failure: &Failure, name: &str, by: Instant) -> bool {
        // No server of a sender is reached but by the one that is asked.
        if self.is_own && failure.kind == FailureKind::Unreachable {
            return true;
        }
        let domain = self.is_own.then(|| registrable(name).unwrap_or(name));
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.counts(domain, by)
    }

    /// It has answered.
    pub fn succeeded(&self) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.domains.clear();
        drop(failing);
        if self.breaker.succeeded() == Changed::Closed {
            self.meter.breaker_open(false);
            tracing::info!(check = self.name, "answers again");
        }
    }

    /// It has not. Whether that is its own fault decides whether it will be asked again soon.
    pub fn failed(&self, failure: &Failure, is_its_fault: bool) {
        self.meter.failed(failure.kind);
        if is_its_fault && self.breaker.failed(Instant::now()) == Changed::Opened {
            self.meter.breaker_open(true);
            let sentence = &failure.sentence;
            tracing::warn!(
                check = self.name,
                "is not asked for a while, since it has failed again and again: {sentence}"
            );
        }
    }

    /// Writes a line into the log, unless there was one a short while ago.
    pub fn complain(&self, failure: &Failure) {
        let now = Instant::now();
        let mut last = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= REPEATED) {
            *last = Some(now);
            tracing::warn!(check = self.name, "{}", failure.sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of these failures that opens the breaker: of a name, and of a message.
    fn opened(check: &Check, failures: &[(FailureKind, String, u64)]) -> Option<usize> {
        let begin = Instant::now();
        failures.iter().position(|(kind, name, message)| {
            let failure = Failure::new(*kind, "for a test");
            let by = begin + Duration::from_secs(*message);
            check.failed(&failure, check.is_at_fault(&failure, name, by));
            check.breaker.is_open()
        })
    }

    /// It may have 20 links, and the list be slow once.
    #[test]
    fn one_message_pauses_no_list() {
        let list = || Check::new("list", 5, &Metrics::new());
        let one = |at: u64| {
            let message = at % 4;
            (FailureKind::Timeout, format!("d{at}.list.example"), message)
        };
        let all: Vec<_> = (0..80).map(one).collect();
        assert_eq!(opened(&list(), &all), None);
        let many = |at| (FailureKind::Timeout, "a.list.example".to_owned(), at);
        let all: Vec<_> = (0..80).map(many).collect();
        assert_eq!(opened(&list(), &all), Some(4));
    }

    #[test]
    fn the_name_server_of_one_sender_ends_no_check_of_popgates_own() {
        use FailureKind::{ServerFailure, Timeout, Unreachable};
        let own = || Check::own("dkim", &Metrics::new());
        let one = |at| (Timeout, format!("a{at}._domainkey.example.net"), at);
        let all: Vec<_> = (0..100).map(one).collect();
        assert_eq!(opened(&own(), &all), None);
        let of_one_message = |at| (Timeout, format!("a._domainkey.d{at}.com"), 0);
        let all: Vec<_> = (0..100).map(of_one_message).collect();
        assert_eq!(opened(&own(), &all), None);
        // Many senders, each in a message of its own: that is the resolver.
        let many = |at| (ServerFailure, format!("a._domainkey.d{at}.com"), at);
        let all: Vec<_> = (0..100).map(many).collect();
        assert_eq!(opened(&own(), &all), Some(19));
        let nobody = |_| (Unreachable, "example.net".to_owned(), 0);
        let all: Vec<_> = (0..100).map(nobody).collect();
        assert_eq!(opened(&own(), &all), Some(19));
        let interrupted = own();
        assert_eq!(opened(&interrupted, &all[..15]), None);
        interrupted.succeeded();
        assert_eq!(opened(&interrupted, &all[..15]), None);
    }
}
