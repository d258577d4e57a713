//! What came from each side and is not consumed yet.
//!
//! The driver reads straight into these buffers, and a held message stays in the upstream's until it is
//! decided on: it is never copied.

use std::io;
use std::ops::Range;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use crate::pop3::line::{LfToCrlf, take_line};

/// How the client's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSecurity {
    /// Whether TLS protects it.
    pub tls: bool,
    /// Whether the listener offers STLS.
    pub starttls: bool,
    /// Whether passwords may be sent without TLS: nobody can listen, or the administrator says so.
    pub plaintext_logins: bool,
}

/// The client's side.
#[derive(Debug)]
pub(super) struct ClientInput {
    pub(super) buffer: BytesMut,
    /// Whether it will send no more.
    pub(super) ended: bool,
    pub(super) security: ClientSecurity,
    /// When it last sent something, or was last owed something.
    pub(super) heard: Instant,
    /// Since when its last line lacks its end.
    pub(super) line_since: Option<Instant>,
}

impl ClientInput {
    /// Whether a password on this connection could be read on the way.
    pub(super) fn exposes_passwords(&self) -> bool {
        !self.security.tls && !self.security.plaintext_logins
    }

    /// Whether STLS can be done now.
    pub(super) fn offers_starttls(&self) -> bool {
        self.security.starttls && !self.security.tls
    }

    /// The first line, its end included, or all there is of it.
    pub(super) fn first_line(&self) -> &[u8] {
        let end = memchr(b'\n', &self.buffer).map_or(self.buffer.len(), |at| at + 1);
        &self.buffer[..end]
    }
}

/// A line of the client, which may hold a password: it is overwritten when it is dropped.
#[derive(Debug)]
pub(super) struct ClientLine(pub(super) BytesMut);

impl Drop for ClientLine {
    fn drop(&mut self) {
        self.0.fill(0);
    }
}

/// The upstream's side.
#[derive(Debug)]
pub(super) struct UpstreamInput {
    pub(super) buffer: BytesMut,
    pub(super) ended: bool,
    /// What broke the connection, if anything did.
    pub(super) error: Option<io::Error>,
    /// When it last sent something that belongs to an answer, or was first owed one.
    pub(super) heard: Instant,
    /// What `heard` was before the last read.
    pub(super) heard_before: Instant,
    /// For a server that ends its lines in bare LF.
    pub(super) translate: Option<LfToCrlf>,
}

impl UpstreamInput {
    pub(super) fn new(buffer: BytesMut, now: Instant) -> Self {
        Self {
            buffer,
            ended: false,
            error: None,
            heard: now,
            heard_before: now,
            translate: None,
        }
    }

    /// Makes CRLF of bare LF from this place on; how many octets that added.
    pub(super) fn translate_from(&mut self, from: usize) -> usize {
        let buffer = &mut self.buffer;
        let translate = self.translate.as_mut();
        translate.map_or(0, |translate| translate.translate(buffer, from))
    }

    /// Consumes so many octets.
    pub(super) fn take(&mut self, octets: usize) -> FromUpstream {
        FromUpstream(self.buffer.split_to(octets).freeze())
    }

    /// Consumes a line, its end included, if it is there.
    pub(super) fn take_line(&mut self) -> Option<FromUpstream> {
        take_line(&mut self.buffer).map(|line| FromUpstream(line.freeze()))
    }
}

/// Octets that the upstream sent. Only they can be passed on to the client as the upstream's; all else
/// that the client gets is ours, and counted as such.
#[derive(Debug, Clone, Default)]
pub(super) struct FromUpstream(Bytes);

impl FromUpstream {
    /// A part of them.
    pub(super) fn slice(&self, range: Range<usize>) -> Self {
        Self(self.0.slice(range))
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}
