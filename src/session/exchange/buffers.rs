//! The memory of the exchange's buffers: what is needed, what is there, and what can be given back.

use std::time::Instant;

use bytes::BytesMut;

use super::action::MemoryNeed;
use super::pending::Response;
use super::state::{Exchange, FLUSH};

/// Octets of a session that do not count towards the octets that all sessions may hold.
pub const UNCOUNTED: usize = 32 << 10;

impl Exchange<'_> {
    /// What reading from the upstream needs.
    pub(super) fn memory_need(&self) -> MemoryNeed {
        let buffered = self.upstream.as_ref().map_or(0, |it| it.buffer.len());
        let is_paused = self.ahead_is_paused();
        let is_held = matches!(self.response, Response::Held(_)) && !is_paused;
        let wanted = match &self.response {
            _ if is_paused => 0,
            Response::Held(_) if buffered < UNCOUNTED => 0,
            // One more short read.
            Response::Held(_) if buffered < FLUSH => 2 * FLUSH,
            Response::Held(_) => FLUSH + self.config.hold.bytes,
            Response::Lines(_) | Response::Discarded(_) => 4 * FLUSH + self.copied_octets(),
            _ => 0,
        };
        MemoryNeed {
            buffered,
            wanted,
            is_held,
            kept: self.kept_octets(),
        }
    }

    /// Reserves buffer space for a long response; short ones are read through the driver's scratch buffer.
    pub fn make_room(&mut self) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        let buffer = &mut upstream.buffer;
        let room = match &self.response {
            // Reserved at once: growing by doubling would need twice as much.
            Response::Held(_) if buffer.len() >= FLUSH => self.config.hold.bytes + FLUSH,
            Response::Lines(_) | Response::Discarded(_) => 4 * FLUSH,
            _ => return,
        };
        let more = room.saturating_sub(buffer.len()).max(FLUSH);
        if buffer.capacity() - buffer.len() < more {
            buffer.reserve(more);
            self.detach_status();
        }
    }

    /// No memory is left for the held message: it is decided by what is there, if that includes its header.
    pub fn hold_no_longer(&mut self, now: Instant) {
        if let Response::Held(held) = &mut self.response {
            held.hold.end_early(now);
        }
    }

    /// Octets that are in memory: read from the upstream, or not written to the client yet.
    pub fn octets_in_memory(&self) -> usize {
        let buffered = self.upstream.as_ref().map_or(0, |it| it.buffer.len());
        self.output.len() + buffered + self.kept_octets()
    }

    /// Octets that the session keeps beside its buffers.
    fn kept_octets(&self) -> usize {
        self.recalled_octets() + self.copied_octets()
    }

    /// Whether no response is pending.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Moves what is buffered of the upstream to a buffer of its size.
    pub fn shrink_upstream_buffer(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            upstream.buffer = BytesMut::from(&upstream.buffer[..]);
        }
    }

    /// Makes the upstream's buffer one for a piece: growing by itself, it would take a multiple.
    pub fn read_in_pieces(&mut self) {
        if let Some(upstream) = &mut self.upstream {
            let buffer = &mut upstream.buffer;
            let is_right = (UNCOUNTED..=2 * UNCOUNTED).contains(&buffer.capacity());
            if buffer.len() < UNCOUNTED && !is_right {
                let mut piece = BytesMut::with_capacity(UNCOUNTED);
                piece.extend_from_slice(buffer);
                *buffer = piece;
                self.detach_status();
            }
        }
    }

    /// The status line of the held message no longer keeps the buffer that it came in.
    fn detach_status(&mut self) {
        if let Response::Held(held) = &mut self.response {
            held.status.detach();
        }
    }

    /// Idle sessions keep no empty buffers.
    pub(super) fn release_buffers(&mut self) {
        let upstream = self.upstream.as_mut().map(|upstream| &mut upstream.buffer);
        for buffer in [Some(&mut self.client.buffer), upstream]
            .into_iter()
            .flatten()
        {
            if buffer.is_empty() && buffer.capacity() > 0 {
                *buffer = BytesMut::new();
            }
        }
    }
}
