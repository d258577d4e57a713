//! The state of a message being fetched.

use bytes::Bytes;

use super::input::FromUpstream;
use crate::metrics::Fetch;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::{Command, Lines, Malformed, UpstreamNumber};

/// The final dot line.
pub(super) const DOT: &[u8] = b".\r\n";

/// The requested message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retrieval {
    /// `None` if popgate cannot read the number.
    pub(super) message: Option<UpstreamNumber>,
    /// TOP's count, if it shows less than the whole message.
    pub(super) lines: Option<Lines>,
    pub(super) fetch: Fetch,
    pub(super) asked: AskedFor,
}

/// Who a message is fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedFor {
    /// The client, which waits for it.
    Client,
    /// popgate: the client's listing waits for it, in hide mode.
    Listing,
    /// popgate: the client will probably ask for it.
    NextCommand,
}

impl Retrieval {
    /// Of popgate's own RETR.
    pub(super) fn own(message: UpstreamNumber, asked: AskedFor) -> Self {
        Self {
            message: Some(message),
            lines: None,
            fetch: Fetch::Retr,
            asked,
        }
    }

    /// Whether it is fetched in hide mode, before the client is told any number.
    pub(super) fn is_for_listing(&self) -> bool {
        self.asked == AskedFor::Listing
    }

    /// Whether it is read ahead of the client's command.
    pub(super) fn is_read_ahead(&self) -> bool {
        self.asked == AskedFor::NextCommand
    }

    pub(super) fn of(command: &Command<UpstreamNumber>) -> Option<Self> {
        match *command {
            Command::Retr(message) => Some(Self {
                message: Some(message),
                lines: None,
                fetch: Fetch::Retr,
                asked: AskedFor::Client,
            }),
            Command::Malformed(Malformed::Retr) => Some(Self {
                message: None,
                lines: None,
                fetch: Fetch::Retr,
                asked: AskedFor::Client,
            }),
            // How much a server shows without a count is up to it.
            Command::Malformed(Malformed::Top) => Some(Self {
                message: None,
                lines: Some(Lines(0)),
                fetch: Fetch::Top,
                asked: AskedFor::Client,
            }),
            Command::Top(message, lines) => Some(Self {
                message: Some(message),
                lines: (!lines.means_whole()).then_some(lines),
                fetch: Fetch::Top,
                asked: AskedFor::Client,
            }),
            _ => None,
        }
    }
}

/// A message that is about to be decided.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) retrieval: Retrieval,
    pub(super) status: FromUpstream,
    /// The search for the end of the rest; `None` if it is complete.
    pub(super) rest: Option<EndOfAnswer>,
    /// The message as it is on the wire, or the part of it that was held.
    pub(super) wire: FromUpstream,
    /// Whether what is decided replaces what earlier sessions have left.
    pub(super) replaces: bool,
}

impl Decided {
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// The lines without the final dot line, if any.
    pub(super) fn text(&self) -> Bytes {
        let end = self.wire.len() - if self.is_whole() { DOT.len() } else { 0 };
        self.wire.bytes().slice(..end)
    }
}
