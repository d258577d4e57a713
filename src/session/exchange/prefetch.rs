//! Hide mode: messages without a verdict are fetched and judged before the client is told any number, so that those that are
//! held back are not listed, and the sizes of the others are right.
//!
//! In: the messages of a mailbox that have no verdict; out: popgate's own RETR for each of them, the newest first, and for
//! each message one of two ends: it is in quarantine and hidden, or it is kept for the client (`spooled`) and listed. The
//! limits of `prefetch_state` bound the time and the octets; what is beyond them is listed, and is judged when the client
//! fetches it.
//!
//! A message is hidden only after its original is in quarantine, and it stays at the server. A server that deletes what
//! was fetched (EXPIRE 0, RFC 2449 section 6.7) is asked for nothing. The client's commands wait meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::SpoolRequest;
use super::event::Event;
use super::input::FromUpstream;
use super::pending::{Discarded, Pending, Response, Spooling};
use super::phase::Phase;
use super::prefetch_state::{Candidate, Next, Prefetch};
use super::recall_state::{Listed, Recall};
use super::retrieval_state::{AskedFor, Decided, Retrieval};
use super::state::Exchange;
use super::verdicts::{Judged, Stored};
use crate::filter::Action as FilterAction;
use crate::metrics::PrefetchOutcome;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::LineEnds;

/// What judges or stores may take so long after the limit.
const GRACE: Duration = Duration::from_secs(1);

/// A message that has begun is read to its end.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(60 * 60);

impl Exchange<'_> {
    /// Begins, if there is anything to fetch.
    pub(super) fn begin_prefetch(&mut self, listed: Listed) {
        let longest = self.config.hold.bytes;
        let limits = *self.config.prefetch;
        let recall = match listed.candidates.is_empty() {
            true => Recall::Done(Box::new(listed.ids)),
            false => Recall::Prefetching(Box::new(Prefetch::new(
                listed.ids,
                listed.candidates,
                longest,
                limits,
                listed.began,
            ))),
        };
        self.set_recall(recall);
    }

    fn prefetching(&mut self) -> Option<&mut Prefetch> {
        match &mut self.phase {
            Phase::Transaction(transaction) => match &mut transaction.recall {
                Recall::Prefetching(prefetch) => Some(prefetch),
                _ => None,
            },
            Phase::Authorization { .. } => None,
        }
    }

    /// Asks for the next messages.
    pub(super) fn prefetch(&mut self) {
        let now = self.now;
        let is_unwanted = self.client.ended || self.draining.is_some() || self.ending.is_some();
        while self.pending.is_empty() || self.may_pipeline() {
            // After a silent end the server must be looked at first.
            if self.must_look() {
                return;
            }
            let is_capability = |it: &Pending| matches!(it, Pending::Capabilities);
            let asks = self.pending.iter().any(is_capability);
            let Some(prefetch) = self.prefetching() else {
                return;
            };
            if is_unwanted {
                prefetch.stop();
            }
            match prefetch.next(asks, now) {
                Next::Capabilities => {
                    self.push_up(b"CAPA");
                    self.push_pending(Pending::Capabilities);
                }
                Next::Fetch(candidate) => {
                    self.push_up(format!("RETR {}", candidate.message.0).as_bytes());
                    self.push_pending(Pending::Prefetch(candidate));
                    self.fetching += 1;
                }
                Next::Wait => return,
                Next::End => return self.end_prefetch(),
            }
        }
    }

    /// A line of the upstream's capabilities.
    pub(super) fn note_expiry(&mut self, line: &[u8]) {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|it| !it.is_empty());
        let is_expire = words
            .next()
            .is_some_and(|it| it.eq_ignore_ascii_case(b"EXPIRE"));
        if !is_expire || words.next() != Some(b"0") {
            return;
        }
        if let Some(prefetch) = self.prefetching() {
            prefetch.expires();
        }
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.ahead.expires = Some(true);
        }
    }

    /// Nothing more is fetched: the client's commands go on.
    pub(super) fn end_prefetch(&mut self) {
        let now = self.now;
        let Phase::Transaction(transaction) = &mut self.phase else {
            return;
        };
        if let Recall::Prefetching(_) = &transaction.recall
            && let Recall::Prefetching(prefetch) = std::mem::take(&mut transaction.recall)
        {
            let (ids, report) = prefetch.finish(now);
            transaction.recall = Recall::Done(Box::new(ids));
            self.event(Event::Prefetched(Box::new(report)));
        }
    }

    /// The upstream answered `+OK`; the message follows.
    pub(super) fn begin_prefetched(&mut self, candidate: Candidate, status: FromUpstream) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.spooled.has_fetched = true;
        }
        let retrieval = Retrieval::own(candidate.message, AskedFor::Listing);
        self.response = self.hold(retrieval, status, None);
        if let Response::Held(held) = &mut self.response {
            held.hold.extend(LONGEST_HOLD);
        }
    }

    /// The upstream does not give the message: the client may ask for it.
    pub(super) fn prefetch_refused(&mut self) {
        self.prefetched(PrefetchOutcome::Refused);
    }

    /// The message in progress is longer than what is held of one: it is not kept.
    pub(super) fn skip_prefetched(&mut self) {
        let Response::Held(held) = std::mem::replace(&mut self.response, Response::Status) else {
            return;
        };
        let ends = LineEnds::after_status(ends_in_bare_lf(held.status.bytes()));
        self.response = Response::Discarded(Box::new(Discarded {
            retrieval: held.retrieval,
            end: EndOfAnswer::new(),
            ends,
            is_complete: false,
            notice: None,
        }));
    }

    /// All of such a message was read.
    pub(super) fn prefetched_too_long(&mut self) {
        self.prefetched(PrefetchOutcome::TooLong);
    }

    fn prefetched(&mut self, outcome: PrefetchOutcome) {
        if let Some(prefetch) = self.prefetching() {
            prefetch.fetched(outcome);
        }
        self.answered();
    }

    /// Whether there is no time left to judge messages before the client asks for them.
    pub(super) fn is_past_prefetch(&mut self) -> bool {
        let now = self.now;
        self.prefetching().is_none_or(|it| now >= it.until())
    }

    /// The deadline for a verdict, or for the quarantine.
    pub(super) fn prefetch_due(&mut self) -> Option<Instant> {
        self.prefetching().map(|it| it.until() + GRACE)
    }

    /// A message that was fetched is listed: it is kept until the client asks for it.
    pub(super) fn keep_prefetched(&mut self, decided: Decided, is_judged: bool) {
        let deadline = self.prefetch_due().unwrap_or(self.now);
        let octets = self.listed_octets();
        let Phase::Transaction(transaction) = &mut self.phase else {
            return self.prefetched(PrefetchOutcome::Unjudged);
        };
        let Some(message) = decided.retrieval.message else {
            return self.prefetched(PrefetchOutcome::Unjudged);
        };
        let mut at_delivery = None;
        if let Some(mut it) = transaction.decided.take() {
            it.octets_upstream = octets.or(it.octets_upstream);
            // What could not be held back is judged anew in the next session, unless a client has got it.
            match it.verdict.action {
                FilterAction::Drop => at_delivery = Some(it),
                _ => {
                    transaction.verdicts.not_delivered_yet([message]);
                    self.event(Event::JudgedAhead(it));
                }
            }
        }
        let mut status = decided.status;
        status.detach();
        let wire = decided.wire.into_bytes();
        self.response = Response::Spooling(Box::new(Spooling {
            message,
            status,
            octets: wire.len(),
            is_judged,
            decided: at_delivery,
            request: Some(SpoolRequest {
                message,
                wire,
                deadline,
            }),
        }));
    }

    /// The size of the first message on its way, as the server lists it.
    fn listed_octets(&mut self) -> Option<u64> {
        let first = self.prefetching()?.first()?;
        Some(first.octets)
    }

    /// The driver keeps the message, or cannot: it is fetched again then.
    pub fn spooled(&mut self, is_kept: bool, now: Instant) {
        self.resume(now);
        let Response::Spooling(spooling) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        let outcome = match spooling.is_judged {
            true => PrefetchOutcome::Judged,
            false => PrefetchOutcome::Unjudged,
        };
        if is_kept && let Phase::Transaction(transaction) = &mut self.phase {
            transaction.spooled.insert(*spooling);
        }
        self.prefetched(outcome);
    }

    /// The original of a message that was fetched is in quarantine: the client does not see it.
    pub(super) fn hide_prefetched(&mut self, decided: &Decided, id: Arc<str>, judged: Judged) {
        let octets = self.listed_octets();
        let (Some(message), Some(octets)) = (decided.retrieval.message, octets) else {
            return self.prefetched(PrefetchOutcome::Unjudged);
        };
        self.remember(decided, id, judged.finding, Stored::Unchanged, 0);
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.view.hide(message, octets);
            if let Some(mut it) = transaction.decided.take() {
                it.octets_upstream = Some(octets);
                self.event(Event::Hidden(it));
            }
        }
        self.prefetched(PrefetchOutcome::Hidden);
    }
}
