//! The relay's memory: how much of the upstream may be read, and what waits for the client.
//!
//! In: what the exchange needs; out: a limit for the next read, and the session's count of
//! [held octets](crate::session::held_octets), which has the rule.

use crate::net::Stream;
use crate::session::exchange::{Exchange, FLUSH, MemoryNeed, UNCOUNTED};
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
    } = need;
    if wanted > 0 && held.reserve(wanted) {
        exchange.make_room();
        return usize::MAX;
    }
    let is_short = wanted > 0 || held.is_short();
    // The buffer of the last message is kept for the next one, unless others need the memory.
    if held.octets() > 0 && (is_short || exchange.is_idle()) {
        exchange.shrink_upstream_buffer();
        held.shrink(buffered);
    }
    held.charge(buffered);
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

/// The client does not accept all of the output: it is counted until it does.
pub(super) fn charge_waiting(held: &mut HeldOctets<'_>, exchange: &mut Exchange<'_>, is_tls: bool) {
    let tls = match is_tls && !held.is_short() {
        true => TLS_BUFFER,
        false => 0,
    };
    held.charge(exchange.octets_in_memory() + tls);
}

/// A client that accepts output slowly keeps no more memory than what is left of it, if others need it.
pub(super) fn shrink_waiting(held: &mut HeldOctets<'_>, exchange: &mut Exchange<'_>) {
    let left = exchange.octets_in_memory();
    // Each octet is copied once at most: half of them are gone each time.
    if held.octets() > 2 * left + FLUSH && held.is_short() {
        exchange.shrink_upstream_buffer();
        exchange.client_output().shrink();
        held.shrink(left);
    }
}
