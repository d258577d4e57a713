//! What is kept of a message that is relayed before it is judged: as much as would have been held of it.

use bytes::Bytes;

use super::input::FromUpstream;
use super::retrieval_state::{Decided, Retrieval};
use crate::filter::HeaderStage;
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::LineEnds;

/// See the module.
#[derive(Debug)]
pub(super) struct EarlyCopy {
    /// What the header rules have found.
    header: Option<HeaderStage>,
    /// The upstream's `+OK` line, which was relayed.
    status: FromUpstream,
    /// The first octets, this many at most.
    wire: Vec<u8>,
    most: usize,
    /// All that were relayed.
    octets: u64,
}

/// A message that the client gets before it is judged.
#[derive(Debug)]
pub(super) struct Relayed {
    /// What the header rules have found, until the driver is asked.
    pub(super) header: Option<HeaderStage>,
    /// What is judged.
    pub(super) decided: Decided,
    /// Whether the driver was asked.
    pub(super) is_asked: bool,
}

impl EarlyCopy {
    pub(super) fn new(header: Option<HeaderStage>, mut status: FromUpstream, most: usize) -> Self {
        // It would keep the buffer that it came in.
        status.detach();
        Self {
            header,
            status,
            wire: Vec::new(),
            most,
            octets: 0,
        }
    }

    /// These octets were relayed.
    pub(super) fn add(&mut self, relayed: &[u8]) {
        self.octets += relayed.len() as u64;
        let wanted = &relayed[..relayed.len().min(self.most - self.wire.len())];
        let needed = self.wire.len() + wanted.len();
        if needed > self.wire.capacity() {
            let room = needed.max(2 * self.wire.capacity()).min(self.most);
            self.wire.reserve_exact(room - self.wire.len());
        }
        self.wire.extend_from_slice(wanted);
    }

    /// Octets in memory.
    pub(super) fn octets_in_memory(&self) -> usize {
        self.wire.capacity()
    }

    /// All octets of the message that were relayed, its final dot line included.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// The message has ended: what is judged of it is what would have been held.
    pub(super) fn finish(self, retrieval: Retrieval) -> Relayed {
        let is_whole = self.octets <= self.most as u64;
        let kept = match is_whole {
            true => 0,
            // What may be the end of a message in bare LF is not judged as text.
            false => {
                let ends = LineEnds::after_status(ends_in_bare_lf(self.status.bytes()));
                ends.may_be_end(&self.wire)
            }
        };
        let mut wire = self.wire;
        wire.truncate(wire.len() - kept);
        wire.shrink_to_fit();
        Relayed {
            header: self.header,
            is_asked: false,
            decided: Decided {
                retrieval,
                status: self.status,
                rest: (!is_whole).then(EndOfAnswer::new),
                wire: FromUpstream::kept(Bytes::from(wire)),
                replaces: false,
            },
        }
    }
}

impl Relayed {
    /// Octets in memory.
    pub(super) fn octets_in_memory(&self) -> usize {
        self.decided.wire.len()
    }
}
