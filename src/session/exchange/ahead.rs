//! Reading ahead: while a client that does not pipeline handles a message, the next ones are asked for, so that it need not
//! wait for the server at each of them.
//!
//! In: a client that fetches messages in the order of their numbers, one command at a time; out: popgate's own RETR for
//! the next ones, and each of them to the client once it asks for exactly that. What comes is judged at once, and kept as it
//! came, with the filter's result: whatever else a decision changes (sizes, the store, the quarantine) happens when the
//! client asks, as if the message had come then.
//!
//! A message is asked for only if the server has it, nobody has fetched it before as far as is known, and it fits into the
//! bounds of `ahead_state`. Nothing is asked for where the server deletes what is fetched (EXPIRE 0, RFC 2449 section 6.7),
//! where the client pipelines, or behind a command that popgate does not know. Several are asked for at a time only where
//! PIPELINING is announced (RFC 2449 section 6.6); elsewhere the next one, when nothing else is owed.
//!
//! The client's commands go up as always. Answers that need no server are given before messages on their way
//! ([`push_before_ahead`](Exchange::push_before_ahead)). What there is no room for is not read until the client asks for it,
//! or is discarded if the client asks for something else behind it. `ahead_end` has the ends of all that.

use memchr::memchr;

use super::action::Judgement;
use super::ahead_state::{Ahead, Asked, Ready};
use super::event::Event;
use super::input::{Framing, FromUpstream};
use super::mailbox_view::Entry;
use super::pending::{Pending, Response};
use super::phase::Phase;
use super::prefetch::LONGEST_HOLD;
use super::recall_state::Recall;
use super::retrieval_state::{AskedFor, Decided, Retrieval};
use super::state::Exchange;
use crate::metrics::ReadAheadOutcome;
use crate::pop3::{ClientNumber, Command, UpstreamNumber};

impl Exchange<'_> {
    /// So many messages may be read ahead of the client's commands.
    pub fn set_read_ahead(&mut self, messages: usize) {
        self.read_ahead = u32::try_from(messages).unwrap_or(u32::MAX);
    }

    /// Whether there is memory for more than the client has asked for.
    pub fn set_memory_is_plentiful(&mut self, is_plentiful: bool) {
        self.memory_is_plentiful = is_plentiful;
    }

    /// Whether filtering is paused, which counts when the client asks. It is asked only where messages are read ahead.
    pub fn set_filter_is_paused(&mut self, is_paused: impl FnOnce() -> bool) {
        self.filter_is_paused = self.read_ahead > 0 && is_paused();
    }

    pub(super) fn ahead(&self) -> Option<&Ahead> {
        let transaction = self.phase.transaction()?;
        (self.read_ahead > 0).then_some(&transaction.ahead)
    }

    pub(super) fn ahead_mut(&mut self) -> Option<&mut Ahead> {
        match &mut self.phase {
            Phase::Transaction(transaction) if self.read_ahead > 0 => Some(&mut transaction.ahead),
            _ => None,
        }
    }

    /// The client sent a command: whether it goes on fetching in order, or reading ahead was in vain.
    pub(super) fn note_order(&mut self, command: &Command) -> bool {
        let has_more = memchr(b'\n', &self.client.buffer).is_some() || !self.output.is_empty();
        let is_pipelined = has_more || self.pending.iter().any(Pending::is_for_client);
        let Some(ahead) = self.ahead_mut() else {
            return false;
        };
        if is_pipelined {
            ahead.end();
        }
        match command {
            Command::Retr(number) => ahead.fetched(*number),
            Command::Stat
            | Command::List(_)
            | Command::Uidl(_)
            | Command::Top(..)
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Capa => false,
            Command::Quit => true,
            // How the server reads any other is unknown.
            _ => {
                ahead.is_unclear = true;
                true
            }
        }
    }

    /// Asks for the next messages.
    pub(super) fn read_ahead(&mut self) {
        while let Some((number, message)) = self.next_to_read() {
            if self.is_response_pending() && !self.may_pipeline() {
                return;
            }
            let Phase::Transaction(transaction) = &mut self.phase else {
                return;
            };
            match transaction.ahead.expires {
                None => {
                    self.push_up(b"CAPA");
                    return self.push_pending(Pending::Capabilities);
                }
                Some(true) => return transaction.ahead.end(),
                Some(false) => {}
            }
            let asked = transaction.ahead.ask(number, message);
            transaction.spooled.has_fetched = true;
            self.push_up(format!("RETR {}", message.0).as_bytes());
            self.push_pending(Pending::Ahead(asked));
        }
    }

    /// The next message that may be asked for now, with the client's number.
    fn next_to_read(&mut self) -> Option<(ClientNumber, UpstreamNumber)> {
        let number = self.ahead()?.next()?;
        let is_ending = self.client.ended || self.draining.is_some() || self.ending.is_some();
        // A command that waits comes first.
        let has_line = memchr(b'\n', &self.client.buffer).is_some();
        if is_ending || has_line || self.after_unknown || !self.memory_is_plentiful {
            return None;
        }
        let upstream = self.upstream.as_ref()?;
        if upstream.ended || upstream.framing != Framing::Strict {
            return None;
        }
        let asks_capabilities =
            |it: &Pending| matches!(it, Pending::Capabilities | Pending::Upstream(Command::Capa));
        if self.pending.iter().any(asks_capabilities) {
            return None;
        }
        let most = self.read_ahead as usize;
        let longest = self.config.hold.bytes;
        let Phase::Transaction(transaction) = &mut self.phase else {
            return None;
        };
        if let Recall::Done(ids) = &transaction.recall {
            let messages = u32::try_from(ids.messages()).unwrap_or(u32::MAX);
            transaction.ahead.note_messages(messages);
        }
        let Some(Entry::Upstream(message)) = transaction.view.entry(number) else {
            return None;
        };
        let is_new = !transaction.verdicts.is_known(message)
            && !transaction.spooled.has(message)
            && !transaction.view.is_deleted(message);
        let ahead = &transaction.ahead;
        let under_way = self.pending.iter().filter_map(Pending::asked_ahead);
        let fits = ahead.may_ask(message, longest) && ahead.has_room(most, under_way, message);
        (is_new && fits).then_some((number, message))
    }

    /// The place of a message among the pending answers, if it was asked for ahead and is wanted.
    fn place_under_way(&self, message: UpstreamNumber) -> Option<usize> {
        let is_it = |it: Asked| it.message == message && it.is_wanted;
        let mut pending = self.pending.iter();
        pending.position(|it| it.asked_ahead().is_some_and(is_it))
    }

    /// The message that RETR names, if it is kept or on its way. What was decided on it since then counts.
    fn read_ahead_for(&self, command: &Command) -> Option<UpstreamNumber> {
        let (ahead, &Command::Retr(number)) = (self.ahead()?, command) else {
            return None;
        };
        let transaction = self.phase.transaction()?;
        match transaction.view.entry(number)? {
            Entry::Upstream(message) if !transaction.verdicts.is_known(message) => {
                let is_there = ahead.has(message) || self.place_under_way(message).is_some();
                is_there.then_some(message)
            }
            _ => None,
        }
    }

    /// Whether the client's next command is answered by what was read ahead, so that nothing is sent for it.
    pub(super) fn next_was_read_ahead(&self) -> bool {
        let line = self.client.first_line();
        self.ahead().is_some()
            && line.ends_with(b"\n")
            && self.read_ahead_for(&Command::parse(line)).is_some()
    }

    /// Whether the command waits: the message that it fetches is on its way, before answers that the client gets first.
    pub(super) fn must_read_before(&self, command: &Command) -> bool {
        let message = self.read_ahead_for(command);
        let place = message.and_then(|it| self.place_under_way(it));
        place.is_some_and(|place| !self.pending.iter().skip(place).all(Pending::is_ahead))
    }

    /// Takes what was read ahead for RETR; whether there is nothing to be sent for it.
    pub(super) fn takes_read_ahead(&mut self, command: &Command<UpstreamNumber>) -> bool {
        let message = match *command {
            Command::Retr(message) => message,
            Command::Dele(message) => {
                self.throw_away(message);
                return false;
            }
            _ => return false,
        };
        let transaction = self.phase.transaction();
        if transaction.is_none_or(|it| it.verdicts.is_known(message)) {
            self.throw_away(message);
            return false;
        }
        let place = self.place_under_way(message);
        let Some(ahead) = self.ahead_mut() else {
            return false;
        };
        if let Some(ready) = ahead.take(message) {
            self.fetching += 1;
            self.push_pending(Pending::Ready(Some(Box::new(ready))));
        } else if let Some(place) = place {
            self.take_under_way(place, message);
        } else {
            return false;
        }
        self.event(Event::ReadAhead(ReadAheadOutcome::Used, 1));
        true
    }

    /// The client asks for a message that is on its way.
    fn take_under_way(&mut self, place: usize, message: UpstreamNumber) {
        if self.owes_nothing() {
            self.turn = self.now;
            if let Some(upstream) = &mut self.upstream {
                upstream.owes_since(self.now);
            }
        }
        let is_first = self
            .pending
            .iter()
            .take(place)
            .all(|it| !it.is_of_upstream());
        self.pending[place] = Pending::Upstream(Command::Retr(message));
        self.fetching += 1;
        let now = self.now;
        let response = match (&mut self.phase, place) {
            _ if !is_first => return,
            (_, 0) => &mut self.response,
            (Phase::Transaction(transaction), _) => match &mut transaction.suspended {
                Some(response) => response,
                None => return,
            },
            _ => return,
        };
        if let Response::Held(held) = response {
            held.retrieval.asked = AskedFor::Client;
            held.hold.restart(now);
            let octets = held.status.len();
            if let Some(ahead) = self.ahead_mut() {
                ahead.take_octets(octets);
            }
        }
    }

    /// Queues an answer that needs no server: before messages that the client has not asked for, and behind all others.
    pub(super) fn push_before_ahead(&mut self, pending: Pending) {
        let after = self.pending.iter().rposition(|it| !it.is_ahead());
        let place = after.map_or(0, |last| last + 1);
        let is_between = place == 0 && !self.pending.is_empty();
        self.pending.insert(place, pending);
        if is_between
            && !matches!(self.response, Response::Status)
            && let Phase::Transaction(transaction) = &mut self.phase
        {
            let response = std::mem::replace(&mut self.response, Response::Status);
            transaction.suspended = Some(Box::new(response));
        }
    }

    /// The progress of the response that is the first now.
    pub(super) fn resumed_ahead(&mut self) -> Response {
        let is_next = self.pending.front().is_some_and(Pending::is_of_upstream);
        match &mut self.phase {
            Phase::Transaction(transaction) if is_next => {
                let suspended = transaction.suspended.take();
                suspended.map_or(Response::Status, |it| *it)
            }
            _ => Response::Status,
        }
    }

    /// The turn of a message that is kept has come.
    pub(super) fn send_ready(&mut self) {
        let Some(Pending::Ready(ready)) = self.pending.front_mut() else {
            return;
        };
        let (Some(ready), Phase::Transaction(transaction)) = (ready.take(), &mut self.phase) else {
            return self.answered();
        };
        transaction.ahead.give_back(&ready);
        let Ready {
            mut decided,
            judgement,
        } = *ready;
        decided.retrieval.asked = AskedFor::Client;
        let is_known = self.known(decided.retrieval.message).is_some();
        match judgement.filter(|_| !is_known && !self.filter_is_paused) {
            Some(judgement) => {
                self.response = Response::Judging(Box::new(decided));
                self.judged(judgement, self.now);
            }
            None => self.response = Response::Reread(Box::new(decided)),
        }
    }

    /// The upstream answered `+OK`; the message follows.
    pub(super) fn begin_read_ahead(&mut self, asked: Asked, status: FromUpstream) {
        let retrieval = Retrieval::own(asked.message, AskedFor::NextCommand);
        let octets = status.len();
        self.response = self.hold(retrieval, status, None);
        if let Response::Held(held) = &mut self.response {
            held.hold.restart(self.now + LONGEST_HOLD);
        }
        if let Some(ahead) = self.ahead_mut() {
            ahead.add_octets(octets);
        }
        match asked.is_wanted {
            true => self.check_read_ahead(),
            false => self.discard_read_ahead(),
        }
    }

    /// The message that arrives is judged: it is kept until the client asks for it.
    pub(super) fn keep_read_ahead(&mut self, decided: Decided, judgement: Judgement) {
        if let Some(message) = decided.retrieval.message
            && let Some(ahead) = self.ahead_mut()
        {
            let judgement = match judgement {
                // It is judged again once the client asks for it.
                Judgement::Unscanned(_) => None,
                judgement => Some(judgement),
            };
            ahead.keep(message, Ready { decided, judgement });
        }
        self.looks_at_client = true;
        self.read_ahead_answered();
    }

    /// The upstream does not give the message: what it says is the client's once it asks.
    pub(super) fn read_ahead_refused(&mut self, asked: Asked) {
        if let Some(ahead) = self.ahead_mut() {
            ahead.end();
        }
        if asked.is_wanted {
            self.event(Event::ReadAhead(ReadAheadOutcome::Refused, 1));
        }
        self.read_ahead_answered();
        // If it was a line that answers nothing, each of the others is the answer to the command before.
        let under_way = self.unwant(|_| true);
        self.unused(under_way);
    }

    /// All of the answer to popgate's own RETR was read.
    pub(super) fn read_ahead_answered(&mut self) {
        self.pending.pop_front();
        self.response = Response::Status;
        self.response_octets = 0;
        self.turn = self.now;
    }
}
