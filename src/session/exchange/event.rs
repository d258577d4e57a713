//! What happened in the exchange, for metrics and the log. The exchange itself writes neither.

use std::sync::Arc;
use std::time::Duration;

use super::action::Unscanned;
use super::mechanism::Mechanism;
use crate::metrics::Fetch;
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The client sent a command with this label.
    Command(&'static str),
    /// A login was not tried, or a client is sent away.
    Refused(Refusal),
    /// The upstream has answered a login.
    Login {
        /// By which way.
        mechanism: Mechanism,
        /// Whether the user is logged in.
        accepted: bool,
        /// The user's name as far as it is known.
        user: Option<Arc<str>>,
    },
    /// The upstream failed during a login that popgate made for the client.
    LoginFailed(Mechanism, Failure),
    /// The answer to RETR or TOP begins to go out, so long after its turn came.
    Released(Delivery, Fetch, Duration),
    /// The whole of it is with the client's connection, so long after its turn came.
    Delivered(Fetch, Duration),
    /// A message has no verdict.
    Unscanned(Unscanned),
    /// Octets that the client gets but the upstream did not send, and the other way round.
    Edited {
        /// Ours.
        added: usize,
        /// The upstream's that do not reach the client.
        removed: usize,
    },
    /// The upstream sent octets that answer no command; reported once a session.
    Unsolicited(usize),
    /// The upstream ends its lines in bare LF; they are sent on as CRLF.
    BareLf,
}

/// How a message was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As it came, except for header fields that were asked for.
    Pass,
    /// Marked as spam.
    Tag,
    /// A notice went out in its place.
    Drop,
    /// As it came, for want of a verdict.
    Unscanned,
}

impl Delivery {
    /// The value of the label `action`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Tag => "tag",
            Self::Drop => "drop",
            Self::Unscanned => "unscanned",
        }
    }
}
