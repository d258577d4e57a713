//! Messages that popgate deletes at the upstream by itself: a person has deleted them from quarantine, or they were hidden
//! for as long as `data.hide_delete_after` says.
//!
//! In: the client's QUIT; out: a DELE for each of them before it. They are hidden, so the client has no number for them. As
//! with the client's own deletions, nothing takes effect without QUIT (RFC 1939 section 6).

use super::event::Event;
use super::pending::Pending;
use super::phase::Phase;
use super::recall_state::DiscardReason;
use super::state::Exchange;
use crate::pop3::Command;

impl Exchange<'_> {
    /// Whether the command has to wait for deletions.
    pub(super) fn must_discard_before(&self, command: &Command) -> bool {
        let transaction = self.phase.transaction();
        *command == Command::Quit && transaction.is_some_and(|it| it.discards.has_next())
    }

    /// Deletes what is to be deleted if the client's next command is QUIT, and its turn has come.
    pub(super) fn discard_before_quit(&mut self) {
        let is_settled = self.fetching == 0 && self.output.is_empty() && self.ending.is_none();
        if !is_settled || !self.client.buffer.contains(&b'\n') {
            return;
        }
        if !self.must_discard_before(&Command::parse(self.client.first_line())) {
            return;
        }
        while self.pending.is_empty() || self.may_pipeline() {
            let next = match &mut self.phase {
                Phase::Transaction(transaction) => transaction.discards.next(),
                Phase::Authorization { .. } => None,
            };
            let Some((number, reason)) = next else {
                return;
            };
            self.push_up(format!("DELE {}", number.0).as_bytes());
            self.push_pending(Pending::Discard(reason));
        }
    }

    /// The upstream has answered.
    pub(super) fn discard_answered(&mut self, reason: DiscardReason, is_accepted: bool) {
        if let Phase::Transaction(transaction) = &mut self.phase
            && is_accepted
        {
            transaction.discards.note(reason);
        }
        self.answered();
    }

    /// The upstream has accepted QUIT: tells the driver how many messages are gone.
    pub(super) fn report_discards(&mut self) {
        for reason in [DiscardReason::Person, DiscardReason::Age] {
            let transaction = self.phase.transaction();
            let marked = transaction.map_or(0, |it| it.discards.marked(reason));
            if marked > 0 {
                self.event(Event::Discarded(reason, marked));
            }
        }
    }
}
