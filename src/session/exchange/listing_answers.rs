//! Answers to STAT, LIST and UIDL that have come before the client has asked for them.
//!
//! In: their lines; out: a whole answer, once.

use super::mailbox_view::Listing;
use crate::pop3::{Command, UpstreamNumber};

/// The most octets that an answer may have to be kept: those of a mailbox of 50,000 messages and more. Others are asked for
/// again when the client wants them.
const MOST_OCTETS: usize = 1 << 20;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListingCommand {
    /// STAT.
    Stat,
    /// LIST or UIDL of all messages.
    Rows(Listing),
}

/// What is asked for whatever the client asks for first.
pub(super) const ALWAYS: [ListingCommand; 2] =
    [ListingCommand::Stat, ListingCommand::Rows(Listing::List)];

impl ListingCommand {
    /// What the command asks for, if it is about the whole mailbox.
    pub(super) fn of<N>(command: &Command<N>) -> Option<Self> {
        match command {
            Command::Stat => Some(Self::Stat),
            Command::List(None) => Some(Self::Rows(Listing::List)),
            Command::Uidl(None) => Some(Self::Rows(Listing::Uidl)),
            _ => None,
        }
    }

    pub(super) fn command(self) -> Command<UpstreamNumber> {
        match self {
            Self::Stat => Command::Stat,
            Self::Rows(Listing::List) => Command::List(None),
            Self::Rows(Listing::Uidl) => Command::Uidl(None),
        }
    }

    pub(super) fn line(self) -> &'static [u8] {
        match self {
            Self::Stat => b"STAT",
            Self::Rows(Listing::List) => b"LIST",
            Self::Rows(Listing::Uidl) => b"UIDL",
        }
    }
}

/// The answers that have come and that the client has not asked for yet.
#[derive(Debug, Default)]
pub(super) struct ListingAnswers {
    /// Whether the server was asked, or is not to be asked any more.
    pub(super) is_over: bool,
    /// Whether the mailbox may have changed since: what still comes is not kept.
    is_ended: bool,
    /// Each with CRLF at its line ends and without its final dot.
    kept: Vec<(ListingCommand, Vec<u8>)>,
}

impl ListingAnswers {
    /// Octets in memory.
    pub(super) fn octets(&self) -> usize {
        self.kept.iter().map(|(_, text)| text.capacity()).sum()
    }

    /// The mailbox changes: what was kept is not true any more, and nothing is asked for again.
    pub(super) fn end(&mut self) {
        *self = Self {
            is_over: true,
            is_ended: true,
            kept: Vec::new(),
        };
    }

    /// An answer begins with this status line, without its end.
    pub(super) fn begin(&mut self, command: ListingCommand, status: &[u8]) {
        self.kept.retain(|(it, _)| *it != command);
        if self.is_ended {
            return;
        }
        self.kept.push((command, Vec::new()));
        self.add(command, status);
    }

    /// A line of an answer that has begun, without its end.
    pub(super) fn add(&mut self, command: ListingCommand, line: &[u8]) {
        let Some(place) = self.kept.iter().position(|(it, _)| *it == command) else {
            return;
        };
        let (_, text) = &mut self.kept[place];
        if text.len() + line.len() > MOST_OCTETS {
            self.kept.swap_remove(place);
            return;
        }
        text.extend_from_slice(line);
        text.extend_from_slice(b"\r\n");
    }

    pub(super) fn take(&mut self, command: ListingCommand) -> Option<Vec<u8>> {
        let place = self.kept.iter().position(|(it, _)| *it == command)?;
        Some(self.kept.swap_remove(place).1)
    }
}
