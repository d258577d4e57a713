//! Why a scanner has not answered, with a sentence for people.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::filter::FailureKind;
use crate::pop3::line::printable;

/// Why a scanner has not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScannerError {
    /// Its name cannot be resolved.
    Resolve(String),
    /// Nobody listens on its port or its socket.
    Refused,
    /// There is no such socket.
    NoSocket,
    /// Popgate may not use its socket.
    Permission,
    /// It cannot be reached for another reason.
    Unreachable(String),
    /// It has not answered within this time, which is its timeout.
    Timeout(Duration),
    /// It has not answered within this time, which is what was left of the message's.
    OutOfBudget(Duration),
    /// It has closed the connection before its answer was complete.
    Closed,
    /// This is not the answer of such a scanner.
    Protocol {
        /// What was expected.
        expected: &'static str,
        /// What came.
        line: String,
    },
    /// Its answer has more than this many octets.
    AnswerTooLong(usize),
    /// The message has this many octets, more than the second number.
    TooLarge(usize, usize),
    /// The message has more octets than the scanner takes.
    RefusedSize(String),
    /// It says that it has failed.
    Failed(String),
    /// So many messages are with it already.
    Busy(usize),
    /// Only a part of the message is there.
    InPart,
    /// It has failed again and again just now.
    Paused,
}

/// What is shown of a wrong answer.
const SHOWN: usize = 80;

impl ScannerError {
    /// An answer that is not as it should be; its first line is shown.
    pub(super) fn protocol(expected: &'static str, answer: &[u8]) -> Self {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        let line = answer.split(is_end).next().unwrap_or_default();
        Self::Protocol {
            expected,
            line: printable(line, SHOWN),
        }
    }

    /// It says that it has failed, in these words.
    pub(super) fn failed(words: &[u8]) -> Self {
        Self::Failed(printable(words, SHOWN))
    }

    /// What went wrong with a connection.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::NotFound => Self::NoSocket,
            io::ErrorKind::PermissionDenied => Self::Permission,
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// The kind, for metrics.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Resolve(_) | Self::Refused | Self::NoSocket | Self::Unreachable(_) => {
                FailureKind::Unreachable
            }
            Self::Permission => FailureKind::Permission,
            Self::Timeout(_) | Self::OutOfBudget(_) => FailureKind::Timeout,
            Self::Closed => FailureKind::Closed,
            Self::Protocol { .. } | Self::AnswerTooLong(_) => FailureKind::Nonsense,
            Self::TooLarge(..) | Self::RefusedSize(_) => FailureKind::TooLarge,
            Self::InPart => FailureKind::InPart,
            Self::Failed(_) => FailureKind::ServerFailure,
            Self::Busy(_) => FailureKind::Busy,
            Self::Paused => FailureKind::BreakerOpen,
        }
    }

    /// Whether it says something about the scanner, rather than about the message or about popgate's own limits.
    pub(super) fn is_the_scanners(&self) -> bool {
        !matches!(
            self,
            Self::InPart | Self::TooLarge(..) | Self::RefusedSize(_) | Self::Busy(_) | Self::Paused
        )
    }

    /// What to do about it; empty where the sentence says it.
    pub fn to_do(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "is the name in address right?",
            Self::Refused => "is it running, and does it listen on this address?",
            Self::NoSocket => "is it running, and is this the path of its socket?",
            Self::Permission => {
                "let popgate's user into the group of the socket, such as by `adduser popgate clamav`, and restart popgate"
            }
            Self::Unreachable(_) => "is address right, and does a firewall let it through?",
            Self::Timeout(_) => "is it busy or stopped? else write a longer timeout",
            Self::OutOfBudget(_) => {
                "is it busy or stopped? else write a longer network.budget, which is for all of a message's answers"
            }
            Self::Protocol { .. } => "do kind and address belong together?",
            Self::RefusedSize(_) => "write a max_size that is not above the scanner's own limit",
            Self::Closed | Self::Failed(_) => "its own log says why",
            Self::AnswerTooLong(_)
            | Self::InPart
            | Self::TooLarge(..)
            | Self::Busy(_)
            | Self::Paused => "",
        }
    }
}

impl fmt::Display for ScannerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "cannot resolve its name: {error}"),
            Self::Refused => f.write_str("nobody listens there: connection refused"),
            Self::NoSocket => f.write_str("there is no such socket"),
            Self::Permission => f.write_str("popgate's user may not use its socket"),
            Self::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Self::Timeout(limit) => write!(f, "no answer within {}", in_milliseconds(*limit)),
            Self::OutOfBudget(limit) => write!(
                f,
                "no answer within {}, which is what was left of the time for this message",
                in_milliseconds(*limit)
            ),
            Self::Closed => f.write_str("it closed the connection before its answer was complete"),
            Self::Protocol { expected, line } => {
                write!(f, "its answer is not {expected}: `{line}`")
            }
            Self::AnswerTooLong(limit) => write!(f, "its answer has more than {limit} octets"),
            Self::TooLarge(octets, limit) => {
                write!(
                    f,
                    "not asked: the message has {octets} octets, more than max_size ({limit})"
                )
            }
            Self::RefusedSize(words) => write!(f, "the message is larger than it takes: `{words}`"),
            Self::Failed(words) => write!(f, "it failed: `{words}`"),
            Self::Busy(most) => write!(f, "not asked: {most} messages are with it already"),
            Self::InPart => f.write_str(
                "not asked: only a part of the message was there (filter.hold_bytes, filter.hold_seconds, limits.held_bytes, or TOP)",
            ),
            Self::Paused => f.write_str("not asked for a while: it failed again and again"),
        }
    }
}

impl std::error::Error for ScannerError {}

/// Nobody wants to read nanoseconds.
fn in_milliseconds(time: Duration) -> String {
    format!("{} ms", (time.as_secs_f64() * 1e3).round())
}
