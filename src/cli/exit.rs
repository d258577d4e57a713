//! How a verb ends: its exit code, and the error that a person reads on stderr.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::learn::corpus::CorpusError;
use crate::schema::Problem;
use crate::server::BuildError;
use crate::store::{KnowledgeError, TokensError};
use crate::upstream::TokenError;

use super::terminal::{harmless, harmless_lines};

/// The exit codes of every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success.
    Fine = 0,
    /// A negative result: spam found, a sample not as expected.
    Negative = 1,
    /// Something failed.
    Failure = 2,
    /// Wrong usage or configuration (EX_USAGE of sysexits).
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a verb returns.
pub(super) type Ended = Result<Exit, Error>;

/// Why a verb could not do its work.
#[derive(Debug)]
#[non_exhaustive]
pub(super) enum Error {
    /// The configuration, or what it names, is wrong.
    Invalid(Vec<Problem>),
    /// What a person names is not there.
    NotFound(String),
    /// Wrong usage that the command line's declaration does not find.
    Usage(String),
    /// Other programs have the ports, and may be about to exit: a service manager starts popgate again after a
    /// failure, but not after wrong usage.
    PortsInUse(Vec<Problem>),
    /// Input or output.
    Io(io::Error),
    /// Anything else.
    Failed(String),
}

impl Error {
    /// A failure with its own message.
    pub(super) fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// Reports it on stderr.
    pub(super) fn report(&self) -> Exit {
        match self {
            // A reader that closes the pipe, such as `head`, is not an error.
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Fine,
            Self::Invalid(problems) | Self::PortsInUse(problems) => report_problems(problems),
            Self::NotFound(_) | Self::Usage(_) | Self::Io(_) | Self::Failed(_) => {
                eprintln!("popgate: {}", harmless_lines(&self.to_string()));
            }
        }
        match self {
            Self::Invalid(_) | Self::Usage(_) => Exit::Usage,
            Self::NotFound(_) => Exit::Negative,
            Self::PortsInUse(_) | Self::Io(_) | Self::Failed(_) => Exit::Failure,
        }
    }
}

fn report_problems(problems: &[Problem]) {
    for problem in problems {
        eprintln!("{}", harmless_lines(&problem.to_string()));
    }
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    eprintln!("popgate: {count} problem{plural} to fix");
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) | Self::PortsInUse(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Io(error) => write!(f, "{error}"),
            Self::NotFound(message) | Self::Usage(message) | Self::Failed(message) => {
                f.write_str(message)
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::PortsInUse(problems) => Self::PortsInUse(problems),
            error => Self::Invalid(error.into_problems()),
        }
    }
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(problems)
    }
}

impl From<CorpusError> for Error {
    fn from(error: CorpusError) -> Self {
        Self::Failed(harmless(&error.to_string()))
    }
}

impl From<KnowledgeError> for Error {
    fn from(error: KnowledgeError) -> Self {
        Self::failed(error)
    }
}

impl From<TokensError> for Error {
    fn from(error: TokensError) -> Self {
        Self::failed(error)
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::failed(error)
    }
}
