//! Reads the client, and limits the memory of long lines before the login.
//!
//! Tokens of OAuth and Kerberos have many kilobytes, and anybody may begin such a line: [`FREE`] octets cost nothing,
//! and all long lines together have [`MOST`]. A client is refused that finds nothing left. Once logged in, a client
//! is limited by `limits.command_line` and `limits.auth_line` alone.

use std::io;
use std::task::{Context, Poll};

use super::connection::Connection;
use super::exchange::Exchange;
use super::held_budget::HeldBudget;
use super::refusal::Refusal;

/// Octets of each client that are not counted: Microsoft's tokens have up to 5 KiB.
const FREE: usize = 8 << 10;

/// Octets that long lines may have together.
const MOST: usize = 8 << 20;

/// What one client's line has of them.
#[derive(Debug)]
pub(super) struct LongLine<'s> {
    of: &'s HeldBudget,
    octets: usize,
}

impl<'s> LongLine<'s> {
    /// Nothing yet.
    pub(super) fn new(of: &'s HeldBudget) -> Self {
        Self { of, octets: 0 }
    }

    /// Counts what the client has sent; if that is too much, it is refused.
    pub(super) fn admits(&mut self, exchange: &mut Exchange<'_>) -> bool {
        let wanted = match exchange.is_logged_in() {
            true => 0,
            false => exchange.client_octets().saturating_sub(FREE),
        };
        if wanted < self.octets {
            self.of.give_back(self.octets - wanted);
            self.octets = wanted;
        } else if wanted > self.octets {
            if !self.of.take(wanted - self.octets, MOST) {
                exchange.line_refused(Refusal::LongLines);
                return false;
            }
            self.octets = wanted;
        }
        true
    }
}

impl Drop for LongLine<'_> {
    fn drop(&mut self) {
        if self.octets > 0 {
            self.of.give_back(self.octets);
        }
    }
}

/// Reads the client once into the exchange's buffer. Before the login it may send a password.
pub(super) fn poll_client(
    connection: &mut Connection,
    exchange: &mut Exchange<'_>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    match exchange.is_logged_in() {
        true => connection.poll_read(cx, exchange.client_buffer(), usize::MAX),
        false => connection.poll_read_secret(cx, exchange.client_buffer()),
    }
}
