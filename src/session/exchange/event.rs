//! What happened in the exchange, for metrics and the log. The exchange itself writes neither.

use std::sync::Arc;
use std::time::Duration;

use super::mechanism::Mechanism;
use crate::metrics::{Fetch, MessageAction, UnscannedReason};
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The client sent a command with this label.
    Command(&'static str),
    /// A login was not tried, or a client is sent away.
    Refused(Box<Refusal>),
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
    LoginFailed(Mechanism, Box<Failure>),
    /// The answer to RETR or TOP begins to go out, so long after its turn came.
    Released(MessageAction, Fetch, Duration),
    /// The whole of it is with the client's connection, so long after its turn came.
    Delivered(Fetch, Duration),
    /// A message has no verdict.
    Unscanned(UnscannedReason),
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
