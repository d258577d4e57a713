//! The ends of reading ahead: what there is no room for, what the client does not ask for, QUIT, and a connection that
//! breaks.
//!
//! In: full memory, commands that break the order, the end of the upstream; out: messages on their way that are not read for
//! now, or read and discarded. Messages that are kept are still the client's after the connection has ended.

use memchr::memchr;

use super::action::End;
use super::ahead_state::{Asked, MOST_DRAINED, MOST_OCTETS};
use super::buffers::UNCOUNTED;
use super::event::Event;
use super::pending::{Discarded, Pending, Response};
use super::phase::Phase;
use super::recall_state::DiscardReason;
use super::state::Exchange;
use crate::metrics::ReadAheadOutcome;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::LineEnds;
use crate::pop3::{Command, UpstreamNumber, secret};

impl Exchange<'_> {
    /// Whether nothing is pending but messages that the client has not asked for.
    pub(super) fn owes_nothing(&self) -> bool {
        self.pending.iter().all(Pending::is_ahead)
    }

    /// Whether the client waits for nothing: what is pending popgate has asked for to read ahead.
    pub(super) fn owes_client_nothing(&self) -> bool {
        let is_own = |it: &Pending| {
            it.is_ahead() || matches!(it, Pending::Capabilities | Pending::ListingAhead(_))
        };
        let is_listing = |it: &Pending| matches!(it, Pending::ListingAhead(_));
        let reads_ahead = self.ahead().is_some_and(|it| it.next().is_some());
        let lists_ahead = self.pending.iter().any(is_listing);
        let asks = (reads_ahead || lists_ahead) && !self.asks_for_itself();
        let has_line = memchr(b'\n', &self.client.buffer).is_some();
        self.owes_nothing() || asks && !has_line && self.pending.iter().all(is_own)
    }

    /// Whether something waits behind messages that the client has not asked for.
    pub(super) fn is_waited_behind_ahead(&self) -> bool {
        !self.owes_nothing() || memchr(b'\n', &self.client.buffer).is_some()
    }

    /// Whether there is no room for more of the message that arrives.
    fn ahead_is_full(&self) -> bool {
        let buffered = self.upstream.as_ref().map_or(0, |it| it.buffer.len());
        let is_long = match &self.response {
            Response::Held(held) => held.hold.is_at_limit(self.now),
            _ => false,
        };
        let most = match self.memory_is_plentiful {
            true => MOST_OCTETS,
            false => UNCOUNTED,
        };
        is_long
            || self
                .ahead()
                .is_some_and(|it| it.octets() + buffered >= most)
    }

    /// Whether the message that comes next is not read for now.
    pub(super) fn ahead_is_paused(&self) -> bool {
        let is_wanted = match self.pending.front() {
            Some(Pending::Ahead(asked)) => asked.is_wanted,
            _ => false,
        };
        is_wanted
            && matches!(self.response, Response::Status | Response::Held(_))
            && !self.is_waited_behind_ahead()
            && self.ahead_is_full()
    }

    /// There is no room for the message that arrives, but something is waited for behind it: it is discarded, and will come
    /// twice. Sizes are not known in advance here, so it is the last one.
    pub(super) fn check_read_ahead(&mut self) {
        if self.is_waited_behind_ahead() && self.ahead_is_full() {
            if let Some(Pending::Ahead(asked)) = self.pending.front_mut()
                && std::mem::replace(&mut asked.is_wanted, false)
            {
                self.unused(1);
            }
            if let Some(ahead) = self.ahead_mut() {
                ahead.end();
            }
            self.discard_read_ahead();
        }
    }

    /// The rest of the message that arrives is read and discarded, if it is one that was asked for ahead.
    pub(super) fn discard_read_ahead(&mut self) {
        match &self.response {
            Response::Held(held) if held.retrieval.is_read_ahead() => {}
            _ => return,
        }
        let Response::Held(held) = std::mem::replace(&mut self.response, Response::Status) else {
            return;
        };
        if let Some(ahead) = self.ahead_mut() {
            ahead.take_octets(held.status.len());
        }
        self.response = Response::Discarded(Box::new(Discarded {
            retrieval: held.retrieval,
            end: EndOfAnswer::new(),
            ends: LineEnds::after_status(ends_in_bare_lf(held.status.bytes())),
            is_complete: false,
            notice: None,
        }));
    }

    /// The client will not ask for this message, or not get what was read ahead of it.
    pub(super) fn throw_away(&mut self, message: UpstreamNumber) {
        let Some(ahead) = self.ahead_mut() else {
            return;
        };
        let kept = ahead.take(message);
        if let Some(ready) = &kept {
            ahead.give_back(ready);
        }
        let under_way = self.unwant(|asked| asked.message == message);
        self.unused(usize::from(kept.is_some()) + under_way);
    }

    /// The client will ask for nothing of what was read ahead.
    pub(super) fn abandon_read_ahead(&mut self) {
        let Some(ahead) = self.ahead_mut() else {
            return;
        };
        ahead.end();
        let kept = ahead.clear();
        let under_way = self.unwant(|_| true);
        self.unused(kept + under_way);
    }

    /// Messages on their way that are not kept when they come; returns how many.
    pub(super) fn unwant(&mut self, which: impl Fn(&Asked) -> bool) -> usize {
        let mut unwanted = 0;
        for pending in &mut self.pending {
            if let Pending::Ahead(asked) = pending
                && asked.is_wanted
                && which(asked)
            {
                asked.is_wanted = false;
                unwanted += 1;
            }
        }
        self.discard_unwanted();
        unwanted
    }

    /// The message that arrives is not kept, if it is not wanted any more.
    pub(super) fn discard_unwanted(&mut self) {
        if let Some(Pending::Ahead(asked)) = self.pending.front()
            && !asked.is_wanted
        {
            self.discard_read_ahead();
        }
    }

    pub(super) fn unused(&mut self, messages: usize) {
        if messages > 0 {
            self.event(Event::ReadAhead(ReadAheadOutcome::Unused, messages));
        }
    }

    /// The client says QUIT next: nothing more is judged or kept.
    pub(super) fn abandon_before_quit(&mut self) {
        let quits = |line: &[u8]| line.ends_with(b"\n") && Command::parse(line) == Command::Quit;
        if self.ahead().is_none() || !self.owes_nothing() || !quits(self.client.first_line()) {
            return;
        }
        self.abandon_read_ahead();
        let is_under_way = !self.pending.is_empty();
        if let Some(ahead) = self.ahead_mut()
            && is_under_way
        {
            ahead.drained.get_or_insert(0);
        }
    }

    /// So many octets of a message that nobody wants were discarded. If the client waits for the end of the session, and
    /// nothing depends on the server's part of it (RFC 1939 section 6: only deletions do), that is now.
    pub(super) fn drained(&mut self, octets: usize) {
        let Phase::Transaction(transaction) = &mut self.phase else {
            return;
        };
        let Some(drained) = &mut transaction.ahead.drained else {
            return;
        };
        *drained += octets;
        if *drained <= MOST_DRAINED || self.has_deleted() {
            return;
        }
        self.pending.clear();
        self.response = Response::Status;
        let buffered = self.upstream.as_ref().map_or(0, |it| it.buffer.len());
        let _ = self.consume(buffered);
        if !self.client.buffer.is_empty() {
            self.event(Event::Command(Command::<UpstreamNumber>::Quit.label()));
            secret::wipe(&mut self.client.buffer);
        }
        self.quit_without_upstream();
    }

    /// Whether QUIT deletes messages at the server, or may.
    fn has_deleted(&self) -> bool {
        self.phase.transaction().is_some_and(|transaction| {
            let discards = &transaction.discards;
            let by_reason = [DiscardReason::Person, DiscardReason::Age];
            let deletes = |it: &Pending| {
                matches!(
                    it,
                    Pending::Discard(_) | Pending::Upstream(Command::Dele(_))
                )
            };
            transaction.ahead.is_unclear
                || self.pending.iter().any(deletes)
                || transaction.view.deleted().next().is_some()
                || discards.has_next()
                || by_reason.iter().any(|it| discards.marked(*it) > 0)
        })
    }

    /// The client's QUIT is answered, if the server is gone that the client has not waited for, and nothing depends on it.
    pub(super) fn quits_cut_off(&mut self) -> bool {
        let is_cut_off = self.ahead().is_some_and(|it| it.is_cut_off);
        let quits = is_cut_off && !self.has_deleted();
        if quits {
            self.quit_without_upstream();
        }
        quits
    }

    /// The same, if QUIT has gone up behind messages that nobody wants.
    pub(super) fn answers_lost_quit(&mut self) -> bool {
        let has_ended = self.upstream.as_ref().is_some_and(|it| it.ended);
        let before = self.pending.len().saturating_sub(1);
        let is_behind = before > 0 && self.pending.iter().take(before).all(Pending::is_ahead);
        let quits = self.awaits_quit() && is_behind && has_ended && !self.has_deleted();
        if quits {
            self.lose_ahead();
            self.pending.clear();
            self.quit_without_upstream();
        }
        quits
    }

    fn quit_without_upstream(&mut self) {
        self.report_own_deletions();
        self.answer(b"+OK\r\n");
        self.ending = Some(End::Quit);
    }

    /// The connection to the server has ended: what is on its way is lost, and a command that waits behind it goes on.
    /// Returns whether anything was on its way.
    pub(super) fn cut_off_ahead(&mut self) -> bool {
        if self.upstream.as_ref().is_none_or(|it| !it.ended) {
            return false;
        }
        // What has come of a message that there is no room for may be all of it.
        let is_paused = self.ahead_is_paused();
        let has_lost = !is_paused && self.lose_ahead();
        if let Some(ahead) = self.ahead_mut() {
            ahead.is_cut_off |= is_paused || has_lost || ahead.has_kept();
        }
        has_lost
    }

    /// Whether that is so, and the client does not wait for the server: it gets what is kept, and its next other command
    /// fails.
    pub(super) fn is_cut_off(&self) -> bool {
        let goes_on = !self.client.ended && self.ending.is_none() && self.owes_nothing();
        goes_on && self.ahead().is_some_and(|it| it.is_cut_off)
    }

    /// What is on its way does not come any more; whether anything was.
    pub(super) fn lose_ahead(&mut self) -> bool {
        let before = self.pending.len();
        let is_first = self.pending.front().is_some_and(Pending::is_ahead);
        let unused = self.unwant(|_| true);
        self.unused(unused);
        self.pending.retain(|it| !it.is_ahead());
        if is_first {
            self.response = Response::Status;
            let buffered = self.upstream.as_ref().map_or(0, |it| it.buffer.len());
            let _ = self.consume(buffered);
        }
        self.pending.len() < before
    }

    /// The session ends: nothing of what was read ahead is relayed.
    pub(super) fn forget_ahead(&mut self) {
        self.abandon_read_ahead();
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.suspended = None;
            transaction.ahead.forget();
        }
    }
}
