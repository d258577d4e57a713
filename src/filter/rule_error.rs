//! What can be wrong with a value in a rule file.

use std::error::Error;
use std::fmt;

use crate::filter::findings::SCANNER;

/// A value of a rule file that cannot be used. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// An id with other characters or another length than allowed.
    InvalidId(String),
    /// An id that hits of scanners have.
    ScannersId(String),
    /// A day that does not exist or is written in another way.
    NotADate(String),
    /// A place that does not exist.
    UnknownPlace {
        /// What was written.
        place: String,
        /// What could be written.
        known: &'static str,
    },
    /// A name that no header field can have.
    NotAFieldName(String),
    /// A fact that does not exist.
    UnknownFact {
        /// What was written.
        fact: String,
        /// What could be written.
        known: String,
    },
    /// A fact that is a number where one that is true or false is needed.
    NumericFact(String),
    /// A regex with a syntax error.
    InvalidRegex {
        /// What is wrong.
        reason: String,
        /// At which character.
        column: usize,
    },
    /// A regex that the engine refuses for another reason.
    RefusedRegex(String),
    /// A regex whose compiled form exceeds the limit.
    RegexTooBig,
    /// A regex that matches every text.
    MatchesEmptyText,
    /// Rules of one place that do not fit into one scanner.
    ScannerTooBig(String),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidId(id) => write!(
                f,
                "`{id}` is not a valid id; write 3 to 64 capital letters, digits and underscores, not beginning with a digit"
            ),
            Self::ScannersId(id) => write!(
                f,
                "`{id}` is a name for what scanners find, as are all that begin with {SCANNER}; choose another"
            ),
            Self::NotADate(text) => write!(
                f,
                "`{text}` is not a date; write year, month and day, such as 2027-06-30"
            ),
            Self::UnknownPlace { place, known } => {
                write!(f, "unknown place `{place}`; write one of {known}")
            }
            Self::NotAFieldName(name) => write!(
                f,
                "`{name}` is not a header field name; write it without colon and spaces, such as header:X-Mailer"
            ),
            Self::UnknownFact { fact, known } => {
                write!(f, "no fact is named `{fact}`; write one of {known}")
            }
            Self::NumericFact(fact) => write!(
                f,
                "`{fact}` is a number; write a rule of score 0 with fact, min and max, and name that"
            ),
            Self::InvalidRegex { reason, column } => {
                write!(f, "is not a valid regex: {reason} (at character {column})")
            }
            Self::RefusedRegex(reason) | Self::ScannerTooBig(reason) => f.write_str(reason),
            Self::RegexTooBig => f.write_str("is too big when compiled; repeat less"),
            Self::MatchesEmptyText => f.write_str(
                "matches the empty text, so every message; require at least one character",
            ),
        }
    }
}

impl Error for RuleError {}
