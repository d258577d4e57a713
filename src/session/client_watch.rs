//! Watches the client while something else is awaited: a server that is dialled, or the turn of a login.
//!
//! In: the client's connection and what is awaited; out: its result, or that the client has left. What the client
//! sends meanwhile is kept in the exchange's buffer.

use std::future::{Future, poll_fn};
use std::pin::pin;

use memchr::memchr;
use tokio::time::Instant;

use super::connection::Connection;
use super::exchange::Exchange;
use super::failure::Failure;
use super::long_line::poll_client;
use super::service::Service;
use crate::metrics::Flow;
use crate::pop3::Command;

/// Awaits this unless the client leaves.
pub(super) async fn watch_client<T>(
    service: &Service,
    connection: &mut Connection,
    exchange: &mut Exchange<'_>,
    awaited: impl Future<Output = T>,
) -> Result<T, Failure> {
    let mut awaited = pin!(awaited);
    loop {
        // A client may send its commands early, and even half-close; they are answered.
        let is_watched = !exchange.client_has_ended()
            && exchange.client_buffer().len() <= service.limits.command_line;
        tokio::select! {
            biased;
            read = poll_fn(|cx| poll_client(connection, exchange, cx)), if is_watched => {
                let read = read.map_err(|error| Failure::ClientGone(Some(error)))?;
                service.metrics.bytes(Flow::ClientIn, read);
                exchange.client_received(read, Instant::now().into_std());
                if read == 0 && !awaits_answer(exchange.client_buffer()) {
                    return Err(Failure::ClientGone(None));
                }
            }
            done = &mut awaited => return Ok(done),
        }
    }
}

/// Whether a client that has sent this and half-closed expects a response.
pub(super) fn awaits_answer(sent: &[u8]) -> bool {
    let Some(end) = memchr(b'\n', sent) else {
        return false;
    };
    !matches!(
        Command::parse(&sent[..=end]),
        Command::Refused(_) | Command::Foreign | Command::Unknown
    )
}
