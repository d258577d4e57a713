//! STAT, LIST and UIDL asked for together: a client that asks one after the other waits for the server once instead of at
//! each of them.
//!
//! In: the client's first command that lists the mailbox, where messages are read ahead (`prefetch`); out: the three
//! commands at once to a server that has announced PIPELINING (RFC 2449 section 6.6), and each answer to the client when it asks
//! for it, with the changes of the [mailbox view](super::mailbox_view). The mailbox does not change within a session
//! (RFC 1939 section 3), except by DELE: from then on nothing is answered from here.
//!
//! UIDL is asked for only if the client does or popgate reads it for its store: some servers write unique-ids into messages
//! once they are asked for.

use bytes::Bytes;
use memchr::memchr;

use super::input::{FromUpstream, Pipelining, UpstreamInput};
use super::listing_answers::{ALWAYS, ListingAnswers, ListingCommand};
use super::mailbox_view::Listing;
use super::pending::{Pending, Response};
use super::phase::Phase;
use super::recall_state::{Asks, Recall};
use super::state::Exchange;
use crate::pop3::Command;
use crate::pop3::line::trim_end;

impl Exchange<'_> {
    fn listing_answers(&mut self) -> Option<&mut ListingAnswers> {
        match &mut self.phase {
            Phase::Transaction(transaction) => Some(&mut transaction.listing_answers),
            Phase::Authorization { .. } => None,
        }
    }

    /// Asks for all of them if the client's next command is the first that asks for one.
    pub(super) fn ask_listings(&mut self) {
        let Some(wanted) = self.first_listing() else {
            return;
        };
        let is_announced = |it: &UpstreamInput| it.pipelining() == Pipelining::Announced;
        if !self.upstream.as_ref().is_some_and(is_announced) || !self.may_pipeline() {
            return;
        }
        if let Some(answers) = self.listing_answers() {
            answers.is_over = true;
        }
        // popgate needs it for its store before the client gets any answer.
        self.ask_unique_ids();
        let is_asked = self.pending.front().is_some();
        let others = ALWAYS.into_iter().filter(|it| *it != wanted);
        let first = (!is_asked || wanted != ListingCommand::Rows(Listing::Uidl)).then_some(wanted);
        for command in first.into_iter().chain(others) {
            self.push_up(command.line());
            self.push_pending(Pending::ListingAhead(command));
        }
        // Reading ahead needs them next.
        if self.ahead().is_some_and(|ahead| ahead.expires.is_none()) {
            self.push_up(b"CAPA");
            self.push_pending(Pending::Capabilities);
        }
    }

    /// What the client's next command asks for, if nothing of it was asked for before and nothing is on its way.
    fn first_listing(&self) -> Option<ListingCommand> {
        let transaction = self.phase.transaction()?;
        let is_over = transaction.listing_answers.is_over || self.ahead().is_none();
        let is_busy = !self.pending.is_empty() || self.ending.is_some() || self.after_unknown;
        if is_over || is_busy || memchr(b'\n', &self.client.buffer).is_none() {
            return None;
        }
        // It asks for unique-ids only together with the client.
        let is_usual = matches!(
            transaction.recall,
            Recall::Off | Recall::Unasked(Asks::First) | Recall::Done(_)
        );
        ListingCommand::of(&Command::parse(self.client.first_line())).filter(|_| is_usual)
    }

    /// Whether the command waits for an answer that is on its way.
    pub(super) fn must_list_before(&self, command: &Command) -> bool {
        let wanted = ListingCommand::of(command);
        self.pending
            .iter()
            .any(|it| matches!(it, Pending::ListingAhead(asked) if Some(*asked) == wanted))
    }

    /// Answers a command by what has come before; whether there is nothing to be sent for it. After a command that may
    /// change the mailbox nothing is.
    pub(super) fn takes_listing(&mut self, command: &Command) -> bool {
        match command {
            Command::Stat | Command::List(_) | Command::Uidl(_) => {}
            Command::Retr(_) | Command::Top(..) | Command::Noop | Command::Capa => return false,
            _ => {
                if let Some(answers) = self.listing_answers() {
                    answers.end();
                }
                return false;
            }
        }
        let listing = ListingCommand::of(command);
        let answer = listing.and_then(|it| self.listing_answers()?.take(it));
        let Some((listing, answer)) = listing.zip(answer) else {
            return false;
        };
        // Behind messages that are on their way, sizes may be others when its turn comes.
        let is_own = |it: &Pending| matches!(it, Pending::ListingAhead(_) | Pending::Capabilities);
        if !self.pending.iter().all(is_own) {
            return false;
        }
        self.note_numbers_told(command);
        let text = self.shown_listing(listing, answer);
        // The client need not wait for the others, of which it gets nothing yet.
        self.output.add(text);
        self.client.heard = self.now;
        true
    }

    /// An answer as the client gets it.
    fn shown_listing(&self, command: ListingCommand, answer: Vec<u8>) -> Bytes {
        let view = self.phase.transaction().map(|it| &it.view);
        let mut text = match (command, view.filter(|view| !view.is_transparent())) {
            (_, None) => answer,
            (command, Some(view)) => {
                let mut text = Vec::with_capacity(answer.len());
                for (place, line) in answer.split_inclusive(|it| *it == b'\n').enumerate() {
                    let line = trim_end(line);
                    let shown = match (command, place) {
                        (ListingCommand::Stat, 0) => view.status_line(&Command::Stat, line),
                        (ListingCommand::Rows(listing), 1..) => match view.line(line, listing) {
                            None => continue,
                            shown => shown,
                        },
                        _ => None,
                    };
                    text.extend_from_slice(shown.as_deref().unwrap_or(line));
                    text.extend_from_slice(b"\r\n");
                }
                text
            }
        };
        if let ListingCommand::Rows(listing) = command {
            for row in self.own_rows(listing) {
                text.extend_from_slice(row.as_bytes());
            }
            text.extend_from_slice(b".\r\n");
        }
        Bytes::from(text)
    }

    /// The status line of an answer that popgate has asked for.
    pub(super) fn begin_listing_ahead(
        &mut self,
        command: ListingCommand,
        accepted: bool,
        line: &FromUpstream,
    ) {
        let text = trim_end(line.bytes());
        if accepted {
            self.note_single_line(&command.command(), text);
            if let Some(answers) = self.listing_answers() {
                answers.begin(command, text);
            }
        }
        match command {
            ListingCommand::Rows(listing) if accepted => {
                self.response = Response::ListingAhead(listing);
            }
            // What is refused is asked for again, so that the client gets the server's words.
            _ => self.answered(),
        }
    }

    /// The status line of the answer to UIDL that popgate reads for its store.
    pub(super) fn begin_unique_ids(&mut self, line: &FromUpstream) {
        if self.ahead().is_some()
            && let Some(answers) = self.listing_answers()
        {
            answers.begin(ListingCommand::Rows(Listing::Uidl), trim_end(line.bytes()));
        }
        self.response = Response::UniqueIds;
    }

    /// A row of an answer that popgate has asked for.
    pub(super) fn note_listing_row(&mut self, row: &[u8]) {
        let listing = match self.response {
            Response::ListingAhead(listing) => listing,
            Response::UniqueIds => Listing::Uidl,
            _ => return,
        };
        if let Some(answers) = self.listing_answers() {
            answers.add(ListingCommand::Rows(listing), row);
        }
    }
}
