//! Why a database could not do something.

use std::error::Error;
use std::fmt;

/// The kind of a failure: a label of metrics, and what decides whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Another process or transaction has it locked.
    Busy,
    /// The disk, or what may be used of it, is full.
    Full,
    /// It cannot be reached, opened, read or written.
    Unreachable,
    /// What is in the file is not what was written.
    Corrupt,
    /// It is from a newer popgate, or of no popgate at all.
    Incompatible,
    /// It cannot keep a record; trying again is of no use.
    Refused,
}

impl StoreErrorKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Busy,
        Self::Full,
        Self::Unreachable,
        Self::Corrupt,
        Self::Incompatible,
        Self::Refused,
    ];

    /// The value of the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "full",
            Self::Unreachable => "unreachable",
            Self::Corrupt => "corrupt",
            Self::Incompatible => "incompatible",
            Self::Refused => "refused",
        }
    }

    /// Whether the same may succeed later: a server replaces a damaged database by what can be read of it.
    pub fn is_passing(self) -> bool {
        match self {
            Self::Busy | Self::Full | Self::Unreachable | Self::Corrupt => true,
            Self::Incompatible | Self::Refused => false,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
}

impl StoreError {
    /// A failure, as a sentence that says what to do where something can be done.
    pub(super) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// It cannot even be tried to reach the store, for this reason.
    pub fn unreachable(why: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unreachable, why)
    }

    /// The kind.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {}
