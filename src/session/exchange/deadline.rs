//! The deadlines of the exchange.

use std::time::{Duration, Instant};

use super::action::{End, Wait};
use super::pending::Response;
use super::phase::Phase;
use super::state::{Exchange, FLUSH};
use crate::session::failure::Failure;

/// While popgate is stopping, a client that is fetching may continue to its QUIT: closed between two messages
/// it would report a failure. A client without pending responses that sends nothing for this long is considered
/// idle.
pub(in crate::session) const DRAIN_SILENCE: Duration = Duration::from_secs(2);

impl Exchange<'_> {
    /// This upstream is given so long for the next byte of a pending response.
    pub fn set_upstream_read(&mut self, limit: Duration) {
        self.upstream_read = limit;
    }

    /// How long the upstream may be silent while a response is pending.
    pub fn upstream_read(&self) -> Duration {
        self.upstream_read
    }

    /// The upstream took this long to be connected, or to answer: it does not count as the client's time to
    /// log in.
    pub fn waited_for_upstream(&mut self, waited: Duration) {
        if let Phase::Authorization { deadline, .. } = &mut self.phase {
            *deadline += waited;
        }
    }

    /// When the client has been idle for too long.
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

    /// When the upstream has sent nothing for too long while a response is pending.
    fn upstream_ends(&self) -> Option<Instant> {
        let owes = !self.pending.is_empty() && self.is_waited_behind_ahead();
        let owes = owes && !matches!(self.response, Response::Challenge);
        let upstream = self.upstream.as_ref().filter(|_| owes)?;
        let patience = self.upstream_read;
        let patience = self.capa_patience().map_or(patience, |it| it.min(patience));
        Some(upstream.heard + patience)
    }

    /// Whether a deadline has passed, so that there is something to do.
    pub(super) fn deadline_passed(&mut self) -> Result<bool, Failure> {
        match self.upstream_ends() {
            Some(ends) if self.now >= ends => Err(Failure::UpstreamStalled(self.upstream_read)),
            Some(_) => Ok(false),
            None if self.now >= self.silence_ends() => {
                self.ending = Some(match self.draining {
                    Some(_) => End::Drained,
                    None => End::IdleTimeout,
                });
                // A message that nobody has asked for may have come in part.
                self.lose_ahead();
                self.pending.clear();
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What to wait for.
    pub(super) fn wait(&mut self) -> Wait {
        let mut deadline = self.upstream_ends().unwrap_or_else(|| self.silence_ends());
        if let Response::Held(held) = &self.response
            && !held.retrieval.is_read_ahead()
        {
            deadline = deadline.min(held.hold.until());
        }
        let is_paused = self.ahead_is_paused();
        if let Some(silence) = self.silence_needed().filter(|_| !is_paused) {
            deadline = deadline.min(self.now + silence);
        }
        if self.must_look() || std::mem::take(&mut self.looks_at_client) {
            deadline = self.now;
        }
        let challenged = matches!(self.response, Response::Challenge);
        let upstream = self.upstream.as_ref();
        let buffered = upstream.map_or(0, |upstream| upstream.buffer.len());
        // While the client's response to a challenge is pending, the upstream's buffer is not consumed.
        let full = challenged && buffered > FLUSH || is_paused;
        Wait {
            deadline,
            read_client: !self.client.ended
                && self.client.buffer.len() <= self.config.limits.auth_line,
            read_upstream: upstream.is_some_and(|upstream| !upstream.ended) && !full,
            memory: self.memory_need(),
        }
    }
}
