//! Why a Perl regex could not be converted.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// A construct that popgate's regexes do not have, or a syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum RegexError {
    /// Look-around that cannot be rewritten.
    LookAround,
    /// Look-around within look-around.
    NestedLookAround,
    BackReference,
    /// An atomic group that is not equivalent to an ordinary group.
    AtomicGroup,
    UnicodeProperty,
    /// Anything else.
    Other(Cow<'static, str>),
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookAround => "look-around",
            Self::NestedLookAround => "nested look-around",
            Self::BackReference => "back-reference",
            Self::AtomicGroup => "atomic group",
            Self::UnicodeProperty => "Unicode property",
            Self::Other(what) => what,
        })
    }
}

impl Error for RegexError {}

impl From<&'static str> for RegexError {
    fn from(what: &'static str) -> Self {
        Self::Other(what.into())
    }
}

impl From<String> for RegexError {
    fn from(what: String) -> Self {
        Self::Other(what.into())
    }
}
