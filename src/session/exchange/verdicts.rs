//! The decision on each message of a session, so that TOP, RETR and a second RETR agree.

use std::collections::HashMap;

use bytes::Bytes;

use super::action::MessageId;
use crate::filter::Verdict;
use crate::metrics::UnscannedReason;
use crate::pop3::UpstreamNumber;

/// What happens to a message whenever it is fetched.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    /// It is relayed unchanged.
    Pass,
    /// It is marked, with the same fields each time.
    Mark(Box<Judged>),
    /// It is in quarantine, and this notice is sent.
    Notice(Bytes),
}

/// A message that carries a mark.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) id: MessageId,
    pub(super) finding: Finding,
}

/// The verdict.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    Spam(Verdict),
    Ham(Verdict),
    Unscanned(UnscannedReason),
}

/// The decisions of the session.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    known: HashMap<UpstreamNumber, Decision>,
}

impl Verdicts {
    pub(super) fn get(&self, message: UpstreamNumber) -> Option<&Decision> {
        self.known.get(&message)
    }

    pub(super) fn insert(&mut self, message: UpstreamNumber, decision: Decision) {
        self.known.insert(message, decision);
    }
}
