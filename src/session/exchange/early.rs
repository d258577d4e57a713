//! Early release: a message that passes whatever follows its header is relayed as it comes.
//!
//! In: the driver's answer about the header; out: the message, relayed as one that is known to pass, and a copy of as much
//! of it as would have been held. The copy is judged once the client has all of the message, so that what is remembered,
//! recorded and counted is what it would have been, and the client waits for no verdict. If there is none, the message
//! is judged again when it is fetched again.
//!
//! Only RETR that the client waits for is released early: what is fetched before is kept as a whole anyway. With header
//! fields on all mail each message is changed, and with TOP there is little to wait for.

use std::time::Instant;

use bytes::Bytes;

use super::action::{Action, AsksOthers, JudgeRequest, Judgement};
use super::early_copy::{EarlyCopy, Relayed};
use super::event::Event;
use super::pending::{Lines, Response, Streamed};
use super::phase::Phase;
use super::retrieval_state::{AskedFor, Decided};
use super::retrieve::FIRST_BYTE;
use super::state::{Exchange, FLUSH};
use super::verdicts::Finding;
use crate::config::HeaderMode;
use crate::filter::{Action as FilterAction, HeaderStage};
use crate::metrics::{Fetch, MessageAction, UnscannedReason};
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::reply::stated_octets;

impl Exchange<'_> {
    /// The memory that it takes to release the message early whose header is judged; `None` if it is held in any case.
    pub fn early_need(&self) -> Option<usize> {
        let Response::Held(held) = &self.response else {
            return None;
        };
        let retrieval = held.retrieval;
        let may_be = retrieval.asked == AskedFor::Client
            && retrieval.fetch == Fetch::Retr
            && retrieval.message.is_some()
            && held.expected.is_none()
            && self.config.style.headers != HeaderMode::Always
            && self.phase.transaction().is_some();
        let most = self.config.hold.bytes;
        let stated = stated_octets(held.status.bytes());
        let stated = stated.and_then(|octets| usize::try_from(octets).ok());
        may_be.then(|| 4 * FLUSH + stated.map_or(most, |octets| octets.min(most)))
    }

    /// The result of the header rules, and whether the message passes whatever follows.
    pub fn header_judged(&mut self, stage: Option<HeaderStage>, passes: bool, now: Instant) {
        // The driver may have waited for what is known of the mailbox.
        self.resume(now);
        if passes && self.early_need().is_some() {
            self.release_early(stage);
        } else if let Response::Held(held) = &mut self.response {
            held.hold.header_judged(stage);
        }
    }

    fn release_early(&mut self, stage: Option<HeaderStage>) {
        let header = Bytes::copy_from_slice(self.held_header());
        let Response::Held(held) = std::mem::replace(&mut self.response, Response::Status) else {
            return;
        };
        let (retrieval, status) = (held.retrieval, held.status);
        self.note_written_id(retrieval.message, &header);
        self.release(retrieval.fetch, MessageAction::Pass);
        self.event(Event::ReleasedEarly);
        let copy = EarlyCopy::new(stage, status.clone(), self.config.hold.bytes);
        let message = Streamed {
            copy: Some(Box::new(copy)),
            ..Streamed::new(retrieval, &status)
        };
        self.relay_line(status);
        self.response = Response::Lines(Lines::of_message(EndOfAnswer::new(), message));
    }

    /// These octets of the message are relayed.
    pub(super) fn copy_relayed(&mut self, relayed: &[u8]) {
        if let Response::Lines(lines) = &mut self.response
            && let Some(message) = &mut lines.message
            && let Some(copy) = &mut message.copy
        {
            copy.add(relayed);
        }
    }

    /// All of the message is relayed.
    pub(super) fn end_relayed(&mut self) {
        let Response::Lines(lines) = &mut self.response else {
            return;
        };
        let Some(message) = &mut lines.message else {
            return;
        };
        let retrieval = message.retrieval;
        let Some(copy) = message.copy.take() else {
            return;
        };
        self.event(Event::RelayedEarly(copy.octets()));
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.relayed = Some(Box::new(copy.finish(retrieval)));
        }
    }

    /// Once the client has the message, it is judged before anything else is relayed.
    pub(super) fn judge_relayed(&mut self) -> Option<Action> {
        let deadline = self.now + FIRST_BYTE;
        let Phase::Transaction(transaction) = &mut self.phase else {
            return None;
        };
        let relayed = transaction.relayed.as_mut()?;
        if !self.output.is_empty() {
            return Some(Action::WriteClient);
        }
        relayed.is_asked = true;
        Some(Action::Judge(Box::new(JudgeRequest {
            header: relayed.header.take(),
            known: None,
            text: relayed.decided.text(),
            held: relayed.decided.wire.len(),
            asks: AsksOthers::No,
            deadline,
        })))
    }

    /// The message that the driver was asked to judge, if the client has it.
    pub(super) fn take_relayed(&mut self) -> Option<Decided> {
        let Phase::Transaction(transaction) = &mut self.phase else {
            return None;
        };
        let relayed = transaction.relayed.take_if(|it| it.is_asked)?;
        Some(relayed.decided)
    }

    /// The filter's result on a message that the client has.
    pub(super) fn relayed_judged(&mut self, decided: &Decided, judgement: Judgement) {
        match judgement {
            Judgement::Judged(verdict) if verdict.action == FilterAction::Pass => {
                self.note_passed(decided, Finding::Ham(verdict));
            }
            // The header alone has said that it passes: what was found of it got lost.
            Judgement::Judged(_) | Judgement::NotCorrected => {
                self.event(Event::Unscanned(UnscannedReason::Timeout));
            }
            Judgement::Unscanned(reason) => self.event(Event::Unscanned(reason)),
        }
        if let Phase::Transaction(transaction) = &mut self.phase
            && let Some(decided) = transaction.decided.take()
        {
            self.event(Event::JudgedAfter(decided));
        }
    }

    /// Octets of the message that is relayed, or was, until it is judged.
    pub(super) fn copied_octets(&self) -> usize {
        let copy = match &self.response {
            Response::Lines(lines) => {
                let message = lines.message.as_ref();
                let copy = message.and_then(|it| it.copy.as_ref());
                copy.map_or(0, |copy| copy.octets_in_memory())
            }
            _ => 0,
        };
        let transaction = self.phase.transaction();
        let relayed = transaction.and_then(|it| it.relayed.as_deref());
        copy + relayed.map_or(0, Relayed::octets_in_memory)
    }
}
