//! How many commands may be on their way to the upstream.
//!
//! A client may always pipeline to popgate, which queues its commands. They go up before the former's response only
//! to a server that has announced PIPELINING in this session (RFC 2449 section 6.6): others lose commands that come
//! too early (wildduck issue 950). An unknown server gets one at a time; if the client has several messages to fetch
//! waiting, popgate asks for the capabilities first.
//!
//! To a server that announced it, the first fetch of a session goes alone nevertheless: while it is unknown whether its
//! messages end in CRLF, dot, CRLF, no further response may be on its way (see `silent_end`).

use memchr::memchr_iter;

use super::input::{Framing, Pipelining};
use super::pending::Pending;
use super::phase::Phase;
use super::state::Exchange;
use crate::pop3::Command;

/// So many fetches must wait in the client's buffer before popgate asks for capabilities itself.
const WORTH_ASKING: usize = 4;

impl Exchange<'_> {
    /// Each command goes up when the former's response is complete, whatever the upstream has announced.
    pub fn send_one_at_a_time(&mut self) {
        self.one_at_a_time = true;
    }

    /// Whether the next command may be sent although a response is pending.
    pub(super) fn may_pipeline(&self) -> bool {
        let Some(upstream) = &self.upstream else {
            return false;
        };
        upstream.pipelining() == Pipelining::Announced
            && !self.one_at_a_time
            && match upstream.framing {
                Framing::Strict => true,
                Framing::Unknown => self.fetching == 0,
                Framing::Silent { .. } => false,
            }
    }

    /// Whether a response of the upstream is pending.
    pub(super) fn is_response_pending(&self) -> bool {
        self.pending.iter().any(Pending::is_of_upstream)
    }

    /// Asks for the upstream's capabilities if that is worth a round trip.
    pub(super) fn ask_capabilities(&mut self) {
        let is_unknown = self.upstream.as_ref().is_some_and(|upstream| {
            upstream.pipelining() == Pipelining::Unknown && upstream.framing == Framing::Strict
        });
        if is_unknown
            && self.pending.is_empty()
            && matches!(self.phase, Phase::Transaction(_))
            && self.has_fetches(WORTH_ASKING)
        {
            self.push_up(b"CAPA");
            self.push_pending(Pending::Capabilities);
        }
    }

    /// Whether the next commands of the client are at least so many fetches.
    fn has_fetches(&self, least: usize) -> bool {
        let buffer = &self.client.buffer;
        let mut begin = 0;
        let lines = memchr_iter(b'\n', buffer).map(|end| {
            let line = &buffer[begin..=end];
            begin = end + 1;
            line
        });
        lines
            .take(least)
            .filter(|line| Command::parse(line).fetches())
            .count()
            == least
    }

    /// A response to CAPA begins; no capability is known yet.
    pub(super) fn begin_capabilities(&mut self) {
        self.set_pipelining(Pipelining::NotAnnounced);
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.ahead.expires = Some(false);
        }
    }

    /// A line of the upstream's capabilities.
    pub(super) fn note_capability(&mut self, line: &[u8]) {
        if line.trim_ascii().eq_ignore_ascii_case(b"PIPELINING") {
            self.set_pipelining(Pipelining::Announced);
        }
    }

    fn set_pipelining(&mut self, pipelining: Pipelining) {
        if let Some(upstream) = &mut self.upstream {
            upstream.pipelining = pipelining;
        }
    }
}
