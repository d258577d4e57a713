//! What happened in the exchange, for metrics and the log. The exchange itself writes neither.

use std::sync::Arc;
use std::time::Duration;

use super::mechanism::Mechanism;
use super::prefetch_state::PrefetchReport;
use super::recall_state::DiscardReason;
use super::verdicts::Stored;
use crate::filter::Verdict;
use crate::message::MessageDigest;
use crate::metrics::{Fetch, MessageAction, ReadAheadOutcome, UnscannedReason};
use crate::pop3::{LoginAnswer, Uidl};
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

/// This session's decision on a whole message, which is remembered once a client has it.
#[derive(Debug)]
pub struct DecidedMessage {
    /// The message.
    pub uidl: Uidl,
    /// Its key in the history and in quarantine, and its X-Popgate-Id if it has one.
    pub id: Arc<str>,
    /// The verdict.
    pub verdict: Verdict,
    /// What the client gets whenever it fetches the message.
    pub decision: Stored,
    /// How many octets more than the upstream's that is.
    pub grown: i64,
    /// Which octets were judged.
    pub digest: MessageDigest,
    /// Its size as the upstream states it, or else as it came.
    pub octets_upstream: Option<u64>,
    /// Whether it replaces what earlier sessions have left.
    pub replaces: bool,
}

/// Why a server is not asked for unique-ids again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UidlTrouble {
    /// It has none.
    Refused,
    /// It took too long.
    Slow,
    /// It closed the connection.
    Closed,
    /// It wrote them into the messages.
    Written,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The client sent a command with this label.
    Command(&'static str),
    /// A login was not attempted, or a client was rejected.
    Refused(Box<Refusal>),
    /// The upstream has answered a login.
    Login {
        /// The mechanism.
        mechanism: Mechanism,
        /// What it said.
        answer: LoginAnswer,
        /// The user's name as far as it is known.
        user: Option<Arc<str>>,
    },
    /// The session ends without the upstream's answer to a login.
    LoginUnanswered(Mechanism),
    /// The upstream waits for the client's response to a challenge, which the quotas are asked for again.
    Challenged,
    /// The upstream failed during a login that popgate made for the client.
    LoginFailed(Mechanism, Box<Failure>),
    /// The response to RETR or TOP begins to be sent, this long after its turn came.
    Released(MessageAction, Fetch, Duration),
    /// A message begins to be sent before it is complete and judged: it passes whatever is in the rest.
    ReleasedEarly,
    /// All of such a message was relayed, so many octets.
    RelayedEarly(u64),
    /// A message that the client has got was judged then.
    JudgedAfter(Box<DecidedMessage>),
    /// All of it is written to the client, this long after its turn came; with the decision if that is to be remembered.
    Delivered(Fetch, Option<Box<DecidedMessage>>, Duration),
    /// A message was judged before a client has asked for it.
    JudgedAhead(Box<DecidedMessage>),
    /// A message is in quarantine, and the client does not see it.
    Hidden(Box<DecidedMessage>),
    /// The client is the first one that has got a message that was judged before.
    DeliveredFirst(Uidl),
    /// The messages without a verdict were fetched, as far as the limits allow, or the session ends before.
    Prefetched(Box<PrefetchReport>),
    /// Messages were read ahead of the client's commands, so many, and this became of them.
    ReadAhead(ReadAheadOutcome, usize),
    /// The client has deleted these entries of popgate's own, and said QUIT.
    OwnDeleted(Vec<Uidl>),
    /// The client has deleted these messages of the upstream's, and the upstream has accepted QUIT.
    UpstreamDeleted(Vec<Uidl>),
    /// The upstream has accepted QUIT after so many deletions of popgate's own.
    Discarded(DiscardReason, u32),
    /// The server has answered UIDL, which popgate asked for, in a way that it should not be asked again.
    UidlUnwanted(UidlTrouble),
    /// A message has no verdict.
    Unscanned(UnscannedReason),
    /// Octets sent to the client that the upstream did not send, and the reverse.
    Edited {
        /// Popgate's own octets.
        added: usize,
        /// The upstream's octets that are not relayed.
        removed: usize,
    },
    /// The upstream sent a line that answers no command: its text, printable; the first ones of a session.
    Unsolicited(String),
    /// The upstream ends its lines in bare LF; they are sent on as CRLF.
    BareLf,
    /// The upstream ends messages otherwise than in CRLF, dot, CRLF; only its silence tells their end.
    SilentEnd,
}
