//! What a server sends while it owes nothing: debug output, a second answer, the goodbye before it closes an idle
//! connection.
//!
//! It is logged and discarded: a client would take it for the response to its next command, or hang on it after a
//! message. Only after an unknown command that was accepted it is relayed, as further lines of the response.

use super::event::Event;
use super::input::FromUpstream;
use super::state::Exchange;
use crate::pop3::line::{printable, trim_end};
use crate::session::failure::Failure;

/// The most unsolicited octets that are accepted in a session.
const MOST_UNSOLICITED: u32 = 64 << 10;
/// The most lines that are reported of a session, and the most octets of each.
const MOST_REPORTED: u8 = 3;
const MOST_SHOWN: usize = 200;

impl Exchange<'_> {
    /// Octets were received although nothing is owed.
    pub(super) fn take_unsolicited(&mut self) -> Result<(), Failure> {
        let (buffered, ended) = match &self.upstream {
            Some(upstream) => (upstream.buffer.len(), upstream.ended),
            None => (0, false),
        };
        if buffered > 0 {
            let bytes = self.consume(buffered);
            if self.after_unknown {
                self.output.relay(bytes);
                return Ok(());
            }
            self.unsolicited(&bytes)?;
            if !ended {
                self.check_nothing_came()?;
            }
        }
        if ended {
            self.report_unsolicited();
        }
        Ok(())
    }

    /// Discards octets that answer nothing.
    pub(super) fn unsolicited(&mut self, bytes: &FromUpstream) -> Result<(), Failure> {
        for part in bytes.bytes().split_inclusive(|byte| *byte == b'\n') {
            let room = MOST_SHOWN.saturating_sub(self.unsolicited.line.len());
            let shown = &part[..part.len().min(room)];
            self.unsolicited.line.extend_from_slice(shown);
            if part.ends_with(b"\n") {
                self.report_unsolicited();
            }
        }
        let octets = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.unsolicited.octets = self.unsolicited.octets.saturating_add(octets);
        // It does not count as progress of a response.
        if let Some(upstream) = &mut self.upstream {
            upstream.heard = upstream.heard_before;
        }
        match self.unsolicited.octets > MOST_UNSOLICITED {
            true => Err(Failure::UpstreamFlood(self.unsolicited.octets as usize)),
            false => Ok(()),
        }
    }

    /// Reports the line that was received so far.
    pub(super) fn report_unsolicited(&mut self) {
        let line = std::mem::take(&mut self.unsolicited.line);
        let text = trim_end(&line);
        if text.is_empty() || self.unsolicited.reported >= MOST_REPORTED {
            return;
        }
        self.unsolicited.reported += 1;
        self.event(Event::Unsolicited(printable(text, MOST_SHOWN)));
    }
}
