//! How long the exchange waits, and for whom.

use std::time::{Duration, Instant};

use super::action::{End, Wait};
use super::pending::Response;
use super::phase::Phase;
use super::state::{Exchange, FLUSH};
use crate::session::failure::Failure;

/// While popgate stops, a client that fetches may go on to its QUIT: cut off between two messages it would
/// call the fetch failed. One that is owed nothing and says nothing for so long has gone to sleep.
pub(in crate::session) const DRAIN_SILENCE: Duration = Duration::from_secs(2);

impl Exchange<'_> {
    /// When the client's silence has lasted too long.
    fn silence_ends(&self) -> Instant {
        let timeouts = self.config.timeouts;
        let mut ends = self.client.heard + timeouts.idle;
        if let Phase::Authorization { deadline, .. } = self.phase {
            ends = ends.min(deadline);
        }
        if let Some(since) = self.client.line_since {
            ends = ends.min(since + timeouts.command_line);
        }
        if let Some(since) = self.draining {
            ends = ends.min(self.client.heard.max(since) + DRAIN_SILENCE);
        }
        ends
    }

    /// When the upstream's silence has lasted too long, while it owes something.
    fn upstream_ends(&self) -> Option<Instant> {
        let owes = !self.pending.is_empty() && !matches!(self.response, Response::Challenge);
        let upstream = self.upstream.as_ref().filter(|_| owes)?;
        Some(upstream.heard + self.config.timeouts.upstream_read)
    }

    /// Whether a deadline has passed; then there is something to do.
    pub(super) fn deadline_passed(&mut self) -> Result<bool, Failure> {
        match self.upstream_ends() {
            Some(ends) if self.now >= ends => {
                Err(Failure::UpstreamStalled(self.config.timeouts.upstream_read))
            }
            Some(_) => Ok(false),
            None if self.now >= self.silence_ends() => {
                self.ending = Some(match self.draining {
                    Some(_) => End::Drained,
                    None => End::IdleTimeout,
                });
                self.pending.clear();
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What to wait for.
    pub(super) fn wait(&mut self) -> Wait {
        let mut deadline = self.upstream_ends().unwrap_or_else(|| self.silence_ends());
        if let Response::Held(held) = &self.response {
            deadline = deadline.min(held.hold.until());
        }
        let challenged = matches!(self.response, Response::Challenge);
        let upstream = self.upstream.as_ref();
        let buffered = upstream.map_or(0, |upstream| upstream.buffer.len());
        // While the client's response to a challenge is awaited, nothing is taken out of the buffer.
        let full = challenged && buffered > FLUSH;
        let held_octets = match &self.response {
            Response::Held(_) if buffered < FLUSH => FLUSH,
            Response::Held(_) => FLUSH + self.config.hold.bytes,
            _ => 0,
        };
        Wait {
            deadline,
            read_client: !self.client.ended
                && self.client.buffer.len() <= self.config.limits.auth_line,
            read_upstream: upstream.is_some_and(|upstream| !upstream.ended) && !full,
            held_octets,
        }
    }

    /// Makes room to read a long answer into, where it stays; a short one comes through the driver's
    /// scratch.
    pub fn make_room(&mut self) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        let buffer = &mut upstream.buffer;
        let room = match &self.response {
            // All that will be held, in one piece: growing by doubling would need twice of it.
            Response::Held(_) if buffer.len() >= FLUSH => self.config.hold.bytes + FLUSH,
            Response::Lines(_) | Response::Discarded(_) => 4 * FLUSH,
            _ => return,
        };
        buffer.reserve(room.saturating_sub(buffer.len()).max(FLUSH));
    }
}
