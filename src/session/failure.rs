//! Failures that end a session: their cause, and their texts and labels for client, log and metrics.

use std::fmt;
use std::io;
use std::time::Duration;

use super::refusal::Refusal;
use crate::net::tls_error::{Peer, Plain};
use crate::pop3::line::printable;
use crate::upstream::DialError;

/// Why a session ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The client disconnected, or its connection broke.
    ClientGone(Option<io::Error>),
    /// The client does not read.
    ClientStalled(Duration),
    /// popgate refuses this client or its request.
    Refused(Refusal),
    /// No connection to this upstream, or none that can be trusted.
    Dial(String, DialError),
    /// The upstream closed while a response was pending.
    UpstreamClosed,
    /// The upstream's connection broke.
    UpstreamBroke(io::Error),
    /// The upstream sends nothing while a response is pending.
    UpstreamStalled(Duration),
    /// The upstream sent more after what its silence had marked as a message's end.
    UpstreamContinued,
    /// It cannot be told where a message ends, because answers to later commands are owed, too.
    UnclearEnd,
    /// A line of a response is too long.
    UpstreamFlood(usize),
    /// A response is longer than `limits.response`.
    AnswerTooLong(u64),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure {
    /// The text for the client.
    ///
    /// Inside a multi-line response none can be sent: it would be read as part of the message, and an added
    /// final dot would make a partial message look complete. RFC 3206 section 4: SYS/TEMP tells the client that
    /// its password is not the problem.
    pub(super) fn wire(&self, inside_answer: bool) -> Option<String> {
        let said = match self {
            _ if inside_answer => return None,
            Self::ClientGone(_) | Self::ClientStalled(_) => return None,
            Self::Refused(refusal) => return Some(refusal.line()).filter(|it| !it.is_empty()),
            Self::Dial(_, error) => format!("popgate cannot reach the mail server: {error}"),
            Self::UpstreamClosed => "the mail server closed the connection".to_owned(),
            Self::UpstreamBroke(error) => {
                let why = Plain(error, Peer::Server);
                format!("the connection to the mail server broke: {why}")
            }
            Self::UpstreamStalled(limit) => format!("the mail server sent nothing for {limit:?}"),
            Self::UpstreamContinued => {
                "the mail server sent more after the end of a message".to_owned()
            }
            Self::UnclearEnd => {
                "it is unclear where a message of the mail server ends; fetch it again".to_owned()
            }
            Self::UpstreamFlood(_) => "the mail server sent a line without an end".to_owned(),
            Self::AnswerTooLong(_) => "the mail server's response is too long".to_owned(),
        };
        let said = printable(said.as_bytes(), 400);
        Some(format!("-ERR [SYS/TEMP] {said}\r\n"))
    }

    /// Every label of an upstream failure after the greeting; for those before it see [`DialError::LABELS`].
    pub const UPSTREAM_KINDS: &[&str] = &[
        "closed",
        "io_error",
        "timeout",
        "message_continued",
        "unclear_end",
        "line_too_long",
        "response_too_long",
    ];

    /// The value of the label `kind` for failures of the upstream.
    pub(super) fn upstream_kind(&self) -> Option<&'static str> {
        match self {
            Self::ClientGone(_) | Self::ClientStalled(_) | Self::Refused(_) => None,
            Self::Dial(_, error) => Some(error.label()),
            Self::UpstreamClosed => Some("closed"),
            Self::UpstreamBroke(_) => Some("io_error"),
            Self::UpstreamStalled(_) => Some("timeout"),
            Self::UpstreamContinued => Some("message_continued"),
            Self::UnclearEnd => Some("unclear_end"),
            Self::UpstreamFlood(_) => Some("line_too_long"),
            Self::AnswerTooLong(_) => Some("response_too_long"),
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientGone(None) => f.write_str("the client left"),
            Self::ClientGone(Some(error)) => {
                let why = Plain(error, Peer::Client);
                write!(f, "the client's connection broke: {why}")
            }
            Self::ClientStalled(limit) => write!(f, "the client took nothing for {limit:?}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Dial(_, error) => error.fmt(f),
            Self::UpstreamClosed => f.write_str("the upstream closed while a response was pending"),
            Self::UpstreamBroke(error) => {
                let why = Plain(error, Peer::Server);
                write!(f, "the upstream's connection broke: {why}")
            }
            Self::UpstreamStalled(limit) => write!(f, "the upstream sent nothing for {limit:?}"),
            Self::UpstreamContinued => f.write_str(
                "the upstream ends messages in bare LF, and sent more after one had ended",
            ),
            Self::UnclearEnd => f.write_str(
                "a message of the upstream may end in bare LF, but several answers are owed; \
                 this mailbox's next session sends one command at a time",
            ),
            Self::UpstreamFlood(octets) => {
                write!(f, "a line of the upstream has no end after {octets} octets")
            }
            Self::AnswerTooLong(octets) => {
                write!(f, "an answer of the upstream has more than {octets} octets")
            }
        }
    }
}
