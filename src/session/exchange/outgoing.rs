//! A message on its way to the client: as it came, marked, or replaced by a notice.
//!
//! In: a message that was decided; out: pieces of it, and of popgate's own, in the output.

use bytes::Bytes;

use super::event::Event;
use super::input::FromUpstream;
use super::pending::{Lines, Response, Streamed};
use super::phase::Phase;
use super::retrieval_state::{DOT, Decided, Retrieval};
use super::state::{Delivered, Exchange};
use super::verdicts::{Finding, Judged, Stored};
use crate::message::header::header_end;
use crate::metrics::{Fetch, MessageAction};
use crate::pop3::dot;
use crate::pop3::reply::restated;
use crate::rewrite::{Mark, MarkText, Piece, Plan};

impl Exchange<'_> {
    /// Sends a message with the mark of its verdict.
    pub(super) fn send_marked(&mut self, decided: Decided, judged: Judged) {
        let (mark, action) = match &judged.finding {
            Finding::Spam(verdict) => (Mark::Spam(verdict), MessageAction::Tag),
            Finding::Ham(verdict) => (Mark::Ham(verdict), MessageAction::Pass),
            Finding::Unscanned(reason) => {
                (Mark::Unscanned(reason.label()), MessageAction::Unscanned)
            }
        };
        let text = MarkText::new(&mark, &judged.id.to_string(), self.config.style);
        let is_judged = !matches!(judged.finding, Finding::Unscanned(_));
        let plan = plan(&decided, &text);
        if decided.retrieval.lines.is_none()
            && is_judged
            && let Phase::Transaction(transaction) = &mut self.phase
            && let Some(message) = decided.retrieval.message
        {
            let grown = plan.added() as i64 - plan.removed() as i64;
            transaction.view.grow(message, grown);
            let id = judged.id.to_string().into();
            let stored = Stored::Mark(text, action);
            self.remember(&decided, id, judged.finding, stored, grown);
        }
        self.send_edited(decided, action, &plan);
    }

    /// Sends a message with the mark that it had in an earlier session.
    pub(super) fn send_with_mark(
        &mut self,
        decided: Decided,
        action: MessageAction,
        text: &MarkText,
    ) {
        let plan = plan(&decided, text);
        self.send_edited(decided, action, &plan);
    }

    fn send_edited(&mut self, decided: Decided, action: MessageAction, plan: &Plan) {
        let wire = decided.wire.bytes();
        let mut pieces = vec![match restated_for(&decided, plan) {
            Some(status) => Outgoing::Own(Bytes::from(status + "\r\n")),
            None => Outgoing::Line(decided.status.clone()),
        }];
        pieces.extend(plan.apply(wire.len()).into_iter().map(|piece| match piece {
            Piece::Original(range) => Outgoing::Relayed(decided.wire.slice(range)),
            Piece::Inserted(bytes) => Outgoing::Own(bytes),
        }));
        self.send(decided, action, pieces);
    }

    /// Sends a message as it came.
    pub(super) fn send_unchanged(&mut self, decided: Decided) {
        let status = Outgoing::Line(decided.status.clone());
        let wire = Outgoing::Relayed(decided.wire.clone());
        self.send(decided, MessageAction::Pass, vec![status, wire]);
    }

    /// Sends the pieces; the rest is relayed unchanged.
    pub(super) fn send(&mut self, decided: Decided, action: MessageAction, pieces: Vec<Outgoing>) {
        let retrieval = decided.retrieval;
        if retrieval.is_for_listing() {
            return self.keep_prefetched(decided, action != MessageAction::Unscanned);
        }
        self.release(retrieval.fetch, action);
        for piece in pieces {
            match piece {
                Outgoing::Relayed(bytes) => self.output.relay(bytes),
                Outgoing::Line(line) => self.relay_line(line),
                Outgoing::Own(bytes) => self.output.add(bytes),
            }
        }
        match decided.rest {
            Some(end) => {
                let mut message = Streamed::new(retrieval, &decided.status);
                message.ends.see(decided.wire.bytes());
                self.response = Response::Lines(Lines::of_message(end, message));
            }
            None => {
                self.delivered(retrieval);
                self.answered();
            }
        }
    }

    /// All of an answer is in the output.
    pub(super) fn delivered(&mut self, retrieval: Retrieval) {
        let whole = retrieval.message.filter(|_| retrieval.lines.is_none());
        let (mut decided, mut is_first) = (None, false);
        if let Phase::Transaction(transaction) = &mut self.phase {
            decided = transaction.decided.take();
            is_first = whole.is_some_and(|it| transaction.verdicts.delivered(it));
        }
        self.delivered.push(Delivered {
            fetch: retrieval.fetch,
            first: match is_first && decided.is_none() {
                true => self.uidl(whole),
                false => None,
            },
            decided,
            turn: self.turn,
        });
    }

    /// Sends a notice in place of a response that was read completely.
    pub(super) fn send_notice(&mut self, retrieval: Retrieval, notice: Bytes) {
        self.release(retrieval.fetch, MessageAction::Drop);
        let status = format!("+OK {} octets\r\n", dot::unstuff(&notice).len());
        self.output.add(Bytes::from(status));
        self.output.add(notice);
        self.output.add(Bytes::from_static(DOT));
        self.delivered(retrieval);
        self.answered();
    }

    pub(super) fn release(&mut self, fetch: Fetch, action: MessageAction) {
        let waited = self.now.saturating_duration_since(self.turn);
        self.event(Event::Released(action, fetch, waited));
    }
}

fn plan(decided: &Decided, text: &MarkText) -> Plan {
    let wire = decided.wire.bytes();
    let has_header = decided.is_whole() || header_end(wire).is_some();
    Plan::new(wire, has_header, text)
}

/// The status line for a message with edits; `None` if the upstream's may stay, which states the original's size.
fn restated_for(decided: &Decided, plan: &Plan) -> Option<String> {
    if plan.is_empty() {
        return None;
    }
    if decided.is_whole() {
        let octets = dot::unstuff(&decided.text()).len() + plan.added() - plan.removed();
        return Some(format!("+OK {octets} octets"));
    }
    // What TOP states may be the size of the whole message.
    let change = plan.added() as i64 - plan.removed() as i64;
    let is_retr = decided.retrieval.lines.is_none();
    restated(decided.status.bytes(), is_retr.then_some(change))
}

/// A piece of a response, by its origin.
pub(super) enum Outgoing {
    /// The status line.
    Line(FromUpstream),
    Relayed(FromUpstream),
    Own(Bytes),
}
