//! What was decided about each message of a session, so that TOP, RETR and a second RETR agree.
//!
//! By upstream number, for the session; a store that outlives it would be asked and told here.

use std::collections::HashMap;

use bytes::Bytes;

use crate::filter::Verdict;
use crate::metrics::UnscannedReason;
use crate::pop3::MessageNumber;

/// What happens to a message whenever it is fetched.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    /// It goes out as it came.
    Pass,
    /// It is marked, with the same fields each time.
    Mark(Box<Marked>),
    /// It lies in quarantine, and this notice goes out.
    Notice(Bytes),
}

/// What a marked message carries.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) id: String,
    pub(super) finding: Finding,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    Spam(Verdict),
    Ham(Verdict),
    Unscanned(UnscannedReason),
}

/// The session's memory.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    known: HashMap<MessageNumber, Decision>,
}

impl Verdicts {
    pub(super) fn recall(&self, message: MessageNumber) -> Option<&Decision> {
        self.known.get(&message)
    }

    pub(super) fn remember(&mut self, message: MessageNumber, decision: Decision) {
        self.known.insert(message, decision);
    }
}
