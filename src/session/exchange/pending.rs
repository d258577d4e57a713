//! The pending responses in the order of their commands, and the progress of the first one.

use bytes::Bytes;

use super::action::{QuarantineRequest, SpoolRequest};
use super::ahead_state::{Asked, Ready};
use super::early_copy::EarlyCopy;
use super::event::DecidedMessage;
use super::hold::Hold;
use super::input::{ClientLine, FromUpstream};
use super::listing_answers::ListingCommand;
use super::mailbox_view::{Listing, OwnNumber};
use super::prefetch_state::Candidate;
use super::recall_state::DiscardReason;
use super::retrieval_state::{Decided, Retrieval};
use super::verdicts::{Judged, Stored};
use crate::message::MessageDigest;
use crate::metrics::Fetch;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::LineEnds;
use crate::pop3::listing_end::EndOfListing;
use crate::pop3::reply::stated_octets;
use crate::pop3::{Command, Uidl, UidlListing, UpstreamNumber};

/// Invalid commands until the client is rejected.
pub(super) const MOST_REJECTED: u32 = 20;

/// A pending response.
#[derive(Debug)]
pub(super) enum Pending {
    /// The upstream's answer to this command.
    Upstream(Command<UpstreamNumber>),
    /// A line of popgate's own.
    Own(Bytes),
    /// The start of TLS.
    StartTls,
    /// The end of a login that popgate makes for the client.
    Login,
    /// The upstream's answer to CAPA, which popgate has asked for itself.
    Capabilities,
    /// The upstream's answer to UIDL, which popgate has asked for itself; as far as it was read.
    UniqueIds(UidlListing),
    /// The upstream's answer to LIST, which popgate has asked for itself.
    HiddenSizes,
    /// The upstream's answer to STAT, LIST or UIDL that the client will probably ask for.
    ListingAhead(ListingCommand),
    /// The upstream's answer to popgate's own RETR, before the client is told any number.
    Prefetch(Candidate),
    /// The upstream's answer to popgate's own RETR of a message that the client will probably ask for.
    Ahead(Asked),
    /// The upstream's answer to popgate's own DELE.
    Discard(DiscardReason),
    /// popgate's answer to RETR or TOP of a message that it has fetched before, when its turn has come.
    Spooled(Command<UpstreamNumber>),
    /// The answer to RETR of a message that was read ahead, until its turn has come.
    Ready(Option<Box<Ready>>),
    /// popgate's answer about an entry of its own, when its turn has come: other commands before it count.
    OwnEntry(Command<OwnNumber>),
}

impl Pending {
    /// Whether it is an answer of the upstream's.
    pub(super) fn is_of_upstream(&self) -> bool {
        matches!(
            self,
            Self::Upstream(_)
                | Self::Capabilities
                | Self::UniqueIds(_)
                | Self::HiddenSizes
                | Self::ListingAhead(_)
                | Self::Prefetch(_)
                | Self::Ahead(_)
                | Self::Discard(_)
        )
    }

    /// Whether the client has not asked for it, and nothing waits for it.
    pub(super) fn is_ahead(&self) -> bool {
        matches!(self, Self::Ahead(_))
    }

    /// The message, if popgate has asked for it ahead of the client.
    pub(super) fn asked_ahead(&self) -> Option<Asked> {
        match self {
            Self::Ahead(asked) => Some(*asked),
            _ => None,
        }
    }

    /// Whether the client waits for it.
    pub(super) fn is_for_client(&self) -> bool {
        match self {
            Self::Upstream(_) => true,
            _ => !self.is_of_upstream(),
        }
    }

    /// Whether popgate answers it by itself.
    pub(super) fn is_own(&self) -> bool {
        matches!(
            self,
            Self::Own(_) | Self::OwnEntry(_) | Self::Spooled(_) | Self::Ready(_) | Self::StartTls
        )
    }

    /// Whether it is a message, or a part of one.
    pub(super) fn fetches(&self) -> bool {
        match self {
            Self::Upstream(command) | Self::Spooled(command) => command.fetches(),
            Self::Prefetch(_) | Self::Ready(_) => true,
            Self::OwnEntry(command) => command.fetches(),
            _ => false,
        }
    }
}

/// The progress of the response to the first pending command.
#[derive(Debug)]
pub(super) enum Response {
    /// Its status line is next.
    Status,
    /// An AUTH challenge was relayed; the client's response is next.
    Challenge,
    /// The client was sent `+OK` to STLS.
    StartTls,
    /// The lines are relayed unchanged, up to the final dot.
    Lines(Lines),
    /// The lines are a listing, and relayed with CRLF at their ends.
    Rows(EndOfListing),
    /// Each line is rewritten: LIST or UIDL of all messages.
    Listing(Listing),
    /// Each line is a capability.
    Capabilities,
    /// The same, for popgate itself.
    OwnCapabilities,
    /// Each line is a number and a unique-id, for popgate itself.
    UniqueIds,
    /// Each line is a number and a size, for popgate itself.
    Sizes,
    /// Each line is kept until the client asks for the listing.
    ListingAhead(Listing),
    /// The driver looks up what is remembered of the messages with these ids, unless it was not asked yet.
    Recalling(Option<Box<UidlListing>>),
    /// The driver reads an earlier decision on the message that comes.
    Loading(Box<Loading>),
    /// The driver reads an entry of popgate's own, unless it was not asked yet.
    OwnMessage(Box<OwnMessage>),
    /// Each line is a SASL mechanism: the answer to AUTH alone.
    Mechanisms,
    /// A message is held until it can be judged.
    Held(Box<Held>),
    /// The filter is judging it.
    Judging(Box<Decided>),
    /// It is being quarantined.
    Quarantining(Box<Quarantining>),
    /// The driver keeps a message until the client asks for it.
    Spooling(Box<Spooling>),
    /// The driver reads a message that it keeps.
    Rereading(Box<Rereading>),
    /// It has read the message, which is about to be decided.
    Reread(Box<Decided>),
    /// A message is read and discarded, because a notice takes its place.
    Discarded(Box<Discarded>),
}

/// Lines that are relayed.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) end: EndOfAnswer,
    /// Whether all of the buffer belongs to them.
    pub(super) is_complete: bool,
    /// What else is known if they are a message.
    pub(super) message: Option<Box<Streamed>>,
}

/// A message that is relayed while it arrives.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) retrieval: Retrieval,
    /// What was seen of the lines that are relayed.
    pub(super) ends: LineEnds,
    /// Its octets, as the upstream states them.
    pub(super) stated: Option<u64>,
    /// What is kept of it, if it is judged once the client has it.
    pub(super) copy: Option<Box<EarlyCopy>>,
}

impl Lines {
    /// Of a message, up to this end of it.
    pub(super) fn of_message(end: EndOfAnswer, message: Streamed) -> Self {
        Self {
            end,
            is_complete: false,
            message: Some(Box::new(message)),
        }
    }
}

impl Streamed {
    /// With this status line, before any line of it is relayed.
    pub(super) fn new(retrieval: Retrieval, status: &FromUpstream) -> Self {
        Self {
            retrieval,
            ends: LineEnds::after_status(ends_in_bare_lf(status.bytes())),
            stated: stated_octets(status.bytes()),
            copy: None,
        }
    }
}

/// A message on whose decision the driver is asked.
#[derive(Debug)]
pub(super) struct Loading {
    pub(super) retrieval: Retrieval,
    pub(super) message: UpstreamNumber,
    /// Of the message that the decision is about.
    pub(super) digest: MessageDigest,
    /// The upstream's `+OK` line, not relayed yet.
    pub(super) status: FromUpstream,
    /// Not asked yet.
    pub(super) request: Option<Uidl>,
}

/// An entry of popgate's own that is being fetched.
#[derive(Debug)]
pub(super) struct OwnMessage {
    pub(super) fetch: Fetch,
    /// TOP's count, if it shows less than the whole message.
    pub(super) lines: Option<crate::pop3::Lines>,
    /// Not asked yet.
    pub(super) request: Option<Uidl>,
}

/// What an earlier session has decided, if this is the message that it was about.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) digest: MessageDigest,
    pub(super) decision: Stored,
}

/// A message that is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) expected: Option<Box<Expected>>,
    pub(super) retrieval: Retrieval,
    /// The upstream's `+OK` line, not relayed yet.
    pub(super) status: FromUpstream,
    pub(super) hold: Hold,
    /// Octets of the header that is being judged.
    pub(super) header: usize,
}

impl Held {
    /// Whether enough of it is there to know that it is the message that was expected, and no more is needed.
    pub(super) fn is_verified(&self, buffer: &[u8]) -> bool {
        let Some(expected) = self
            .expected
            .as_ref()
            .filter(|_| self.retrieval.lines.is_none())
        else {
            return false;
        };
        let held = &buffer[..self.hold.seen().min(buffer.len())];
        let is_enough = expected.digest.needs().is_some_and(|it| held.len() >= it);
        is_enough && expected.digest.matches(held, false) == Some(true)
    }
}

/// A message that is put into quarantine.
#[derive(Debug)]
pub(super) struct Quarantining {
    pub(super) decided: Decided,
    pub(super) judged: Judged,
    /// Not asked yet.
    pub(super) request: Option<QuarantineRequest>,
}

/// A message that is kept until the client asks for it.
#[derive(Debug)]
pub(super) struct Spooling {
    pub(super) message: UpstreamNumber,
    /// The upstream's `+OK` line.
    pub(super) status: FromUpstream,
    /// Octets of its lines.
    pub(super) octets: usize,
    /// Whether it was judged.
    pub(super) is_judged: bool,
    /// The decision, if it counts only once the client has the message.
    pub(super) decided: Option<Box<DecidedMessage>>,
    /// Not asked yet.
    pub(super) request: Option<SpoolRequest>,
}

/// A message that is read from where it is kept.
#[derive(Debug)]
pub(super) struct Rereading {
    pub(super) command: Command<UpstreamNumber>,
    pub(super) message: UpstreamNumber,
    /// Whether the driver was asked.
    pub(super) is_asked: bool,
}

/// A message that is replaced, or that popgate has fetched for itself and does not need.
#[derive(Debug)]
pub(super) struct Discarded {
    pub(super) retrieval: Retrieval,
    pub(super) end: EndOfAnswer,
    /// What was seen of the lines that are discarded.
    pub(super) ends: LineEnds,
    /// Whether all of the buffer belongs to it.
    pub(super) is_complete: bool,
    /// What takes its place, if the client has asked for it.
    pub(super) notice: Option<Bytes>,
}

impl Response {
    /// Whether part of it has been sent to the client, so that no error can be sent instead.
    pub(super) fn is_partly_sent(&self) -> bool {
        match self {
            Self::Status
            | Self::Challenge
            | Self::StartTls
            | Self::Held(_)
            | Self::Judging(_)
            | Self::Quarantining(_)
            | Self::OwnCapabilities
            | Self::UniqueIds
            | Self::Sizes
            | Self::ListingAhead(_)
            | Self::Recalling(_)
            | Self::Loading(_)
            | Self::OwnMessage(_)
            | Self::Spooling(_)
            | Self::Rereading(_)
            | Self::Reread(_)
            | Self::Discarded(_) => false,
            Self::Lines(_)
            | Self::Rows(_)
            | Self::Listing(_)
            | Self::Capabilities
            | Self::Mechanisms => true,
        }
    }

    /// Whether consumed octets of the upstream are neither relayed nor discarded yet.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(
            self,
            Self::Held(_)
                | Self::Judging(_)
                | Self::Quarantining(_)
                | Self::Loading(_)
                | Self::Spooling(_)
                | Self::Reread(_)
        )
    }
}

/// A line to send upstream once the quotas admit the login.
#[derive(Debug)]
pub(super) enum Deferred {
    /// A command that carries a credential.
    Command(Command, ClientLine),
    /// The response to a challenge.
    Response(ClientLine),
}
