//! What the client is owed, in the order in which it asked, and how far the answer to the first of it is.

use bytes::Bytes;

use super::action::QuarantineRequest;
use super::hold::Hold;
use super::input::{ClientLine, FromUpstream};
use super::mailbox_view::Listing;
use super::retrieval_state::{Decided, Retrieval};
use super::verdicts::Judged;
use crate::metrics::Fetch;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::{Command, UpstreamNumber};

/// Rejected commands until the client is sent away.
pub(super) const MOST_REJECTED: u32 = 20;

/// One thing that the client is owed.
#[derive(Debug)]
pub(super) enum Pending {
    /// The upstream's answer to this command.
    Upstream(Command<UpstreamNumber>),
    /// A line of our own.
    Own(Bytes),
    /// The start of TLS.
    StartTls,
    /// The end of a login that popgate makes for the client.
    Login,
}

/// How far the answer to the first pending command is.
#[derive(Debug)]
pub(super) enum Response {
    /// Its status line is next.
    Status,
    /// A challenge of AUTH was passed on; the client's line is next.
    Challenge,
    /// The client was told to begin TLS.
    StartTls,
    /// The lines pass as they are, up to the final dot.
    Lines(Lines),
    /// Each line is rewritten: LIST or UIDL of all messages.
    Listing(Listing),
    /// Each line is a capability.
    Capabilities,
    /// Each line is a SASL mechanism: the answer to AUTH alone.
    Mechanisms,
    /// A message is held until it can be judged.
    Held(Box<Held>),
    /// The filter has it.
    Judging(Box<Decided>),
    /// The quarantine has it.
    Quarantining(Box<Quarantining>),
    /// A message is read and discarded, because a notice takes its place.
    Discarded(Box<Discarded>),
}

/// Lines that pass.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) end: EndOfAnswer,
    /// Whether they are a message.
    pub(super) fetch: Option<Fetch>,
}

/// A message that is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) retrieval: Retrieval,
    /// The upstream's `+OK` line, not passed on yet.
    pub(super) status: FromUpstream,
    pub(super) hold: Hold,
    /// Octets of the header that is being judged.
    pub(super) header: usize,
}

/// A message that is put into quarantine.
#[derive(Debug)]
pub(super) struct Quarantining {
    pub(super) decided: Decided,
    pub(super) judged: Judged,
    /// Not asked yet.
    pub(super) request: Option<QuarantineRequest>,
}

/// A message that is replaced.
#[derive(Debug)]
pub(super) struct Discarded {
    pub(super) fetch: Fetch,
    pub(super) end: EndOfAnswer,
    pub(super) notice: Bytes,
}

impl Response {
    /// Whether part of it has gone to the client, so that nothing else can be said.
    pub(super) fn is_partly_sent(&self) -> bool {
        match self {
            Self::Status
            | Self::Challenge
            | Self::StartTls
            | Self::Held(_)
            | Self::Judging(_)
            | Self::Quarantining(_)
            | Self::Discarded(_) => false,
            Self::Lines(_) | Self::Listing(_) | Self::Capabilities | Self::Mechanisms => true,
        }
    }

    /// Whether octets of the upstream were consumed that are neither passed on nor discarded yet.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(
            self,
            Self::Held(_) | Self::Judging(_) | Self::Quarantining(_)
        )
    }
}

/// A line that goes up once the quotas admit the login.
#[derive(Debug)]
pub(super) enum Deferred {
    /// A command that proves who the user is.
    Command(Command, ClientLine),
    /// The response to a challenge.
    Response(ClientLine),
}
