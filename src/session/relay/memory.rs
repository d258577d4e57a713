//! The relay's memory: how much of the upstream may be read, and what waits for the client.
//!
//! In: what the exchange needs; out: a limit for the next read, and the session's count of
//! [held octets](crate::session::held_octets), which has the rule.

use crate::net::Stream;
use crate::session::exchange::{Exchange, MemoryNeed, UNCOUNTED};
use crate::session::held_octets::HeldOctets;

/// What TLS buffers of records that the client's socket does not accept, while memory is not short.
const TLS_BUFFER: usize = 64 << 10;
/// The same while it is: one record (RFC 8446 section 5.1).
const TLS_RECORD: usize = 16 << 10;

/// The most octets that may be read from the upstream next; 0 while there is no memory for more.
pub(super) fn room(
    held: &mut HeldOctets<'_>,
    exchange: &mut Exchange<'_>,
    need: MemoryNeed,
) -> usize {
    let MemoryNeed {
        buffered,
        wanted,
        is_held,
        kept,
    } = need;
    exchange.set_memory_is_plentiful(held.is_plentiful());
    if wanted > 0 && held.reserve(wanted) {
        exchange.make_room();
        return usize::MAX;
    }
    let is_short = wanted > 0 || held.is_short();
    // The buffer of the last message is kept for the next one, unless others need the memory.
    if held.octets() > 0 && (is_short || exchange.is_idle()) {
        exchange.shrink_upstream_buffer();
        held.shrink(buffered + kept);
    }
    held.charge(buffered + kept);
    let room = match (is_short, is_held) {
        (false, _) => usize::MAX,
        (true, true) => UNCOUNTED.saturating_sub(buffered),
        // These are consumed as they come; a line may be as long as limits.response_line.
        (true, false) => UNCOUNTED,
    };
    if room > 0 {
        held.waits_no_more();
    }
    if is_short && (wanted > 0 || is_held) {
        exchange.read_in_pieces();
    }
    room
}

/// TLS keeps what the client's socket does not accept: little while memory is short.
pub(super) fn limit_tls_buffer(held: &HeldOctets<'_>, stream: &mut Stream) {
    if stream.is_tls() {
        stream.limit_tls_buffer(match held.is_short() {
            true => TLS_RECORD,
            false => TLS_BUFFER,
        });
    }
}

/// The memory of output that waits for the client.
pub(super) struct Waiting {
    /// Octets of the buffers that the output and what follows it are in.
    allocated: usize,
    is_counted: bool,
}

impl Waiting {
    /// Before any of the output is written.
    pub(super) fn new(exchange: &Exchange<'_>) -> Self {
        Self {
            allocated: exchange.octets_in_memory(),
            is_counted: false,
        }
    }

    /// The client does not accept all of the output: it is counted until it does. While others need the memory, what is
    /// left is copied into a smaller buffer each time half of it is written.
    pub(super) fn wait(
        &mut self,
        held: &mut HeldOctets<'_>,
        exchange: &mut Exchange<'_>,
        is_tls: bool,
    ) {
        let left = exchange.octets_in_memory();
        if 2 * left <= self.allocated && held.is_short() {
            exchange.shrink_upstream_buffer();
            exchange.client_output().shrink();
            self.allocated = left;
            held.shrink(left);
        }
        if !self.is_counted {
            self.is_counted = true;
            let tls = match is_tls && !held.is_short() {
                true => TLS_BUFFER,
                false => 0,
            };
            held.charge(self.allocated + tls);
        }
    }
}
