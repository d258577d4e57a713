//! What the upstream's answers tell for reading ahead: how many messages there are, and how long.
//!
//! In: answers to STAT, LIST and UIDL on their way to the client, and popgate's own; out: notes in `ahead_state`.

use super::mailbox_view::Listing;
use super::pending::{Pending, Response};
use super::state::Exchange;
use crate::pop3::{Command, UpstreamNumber};

impl Exchange<'_> {
    /// What the answer that comes lists.
    fn listed(&self) -> Option<Listing> {
        match (&self.response, self.pending.front()?) {
            (Response::Sizes, _) => Some(Listing::List),
            (Response::ListingAhead(listing), _) => Some(*listing),
            (Response::Rows(_) | Response::Listing(_), Pending::Upstream(command)) => match command
            {
                Command::List(None) => Some(Listing::List),
                Command::Uidl(None) => Some(Listing::Uidl),
                _ => None,
            },
            _ => None,
        }
    }

    /// A piece of an answer that is relayed as it comes.
    pub(super) fn note_rows(&mut self, piece: &[u8]) {
        if let Some(listing) = self.listed()
            && let Some(ahead) = self.ahead_mut()
        {
            ahead.note_rows(piece, listing);
        }
    }

    /// A line of an answer that is read by lines.
    pub(super) fn note_row(&mut self, row: &[u8]) {
        if let Some(listing) = self.listed()
            && let Some(ahead) = self.ahead_mut()
        {
            ahead.note_row(row, listing);
        }
    }

    /// The upstream's `+OK` line to a command that it answers with one line.
    pub(super) fn note_single_line(&mut self, command: &Command<UpstreamNumber>, line: &[u8]) {
        let Some(ahead) = self.ahead_mut() else {
            return;
        };
        let row = line.get(4..).unwrap_or_default().trim_ascii_start();
        match command {
            Command::Stat => {
                let text = std::str::from_utf8(row).unwrap_or_default();
                let mut words = text.split_ascii_whitespace();
                let messages = words.next().and_then(|it| it.parse().ok());
                let octets = words.next().and_then(|it| it.parse().ok());
                if let Some((messages, octets)) = messages.zip(octets) {
                    ahead.note_totals(messages, octets);
                }
            }
            Command::List(Some(_)) => ahead.note_row(row, Listing::List),
            _ => {}
        }
    }
}
