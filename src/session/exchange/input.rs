//! Received octets of each side that are not consumed yet.
//!
//! The driver reads straight into these buffers, and a held message stays in the upstream's buffer until it is
//! decided: it is never copied.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use zeroize::Zeroize;

use crate::pop3::announced::{Announced, Capability};
use crate::pop3::line::{LfToCrlf, take_line};
use crate::pop3::line_ends::LooseEnd;
use crate::pop3::secret;

/// How the client's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSecurity {
    /// Whether TLS protects it.
    pub tls: bool,
    /// Whether the listener offers STLS.
    pub starttls: bool,
    /// Whether passwords may be sent without TLS: the connection is local, or the configuration allows it.
    pub plaintext_logins: bool,
}

/// The client's side.
#[derive(Debug)]
pub(super) struct ClientInput {
    pub(super) buffer: BytesMut,
    /// Whether it has closed its sending side.
    pub(super) ended: bool,
    pub(super) security: ClientSecurity,
    /// When it last sent something, or last had a pending response.
    pub(super) heard: Instant,
    /// Since when its last line is incomplete.
    pub(super) line_since: Option<Instant>,
}

impl ClientInput {
    /// Whether a password on this connection could be read on the network.
    pub(super) fn exposes_passwords(&self) -> bool {
        !self.security.tls && !self.security.plaintext_logins
    }

    /// Whether STLS can be done now.
    pub(super) fn offers_starttls(&self) -> bool {
        self.security.starttls && !self.security.tls
    }

    /// The first line including its end, or all that was received of it.
    pub(super) fn first_line(&self) -> &[u8] {
        let end = memchr(b'\n', &self.buffer).map_or(self.buffer.len(), |at| at + 1);
        &self.buffer[..end]
    }
}

impl Drop for ClientInput {
    fn drop(&mut self) {
        secret::wipe(&mut self.buffer);
    }
}

/// A line of the client, which may hold a password: it is overwritten when it is dropped.
#[derive(Debug)]
pub(super) struct ClientLine(pub(super) BytesMut);

impl Drop for ClientLine {
    fn drop(&mut self) {
        self.0[..].zeroize();
    }
}

/// The upstream's side.
#[derive(Debug)]
pub(super) struct UpstreamInput {
    pub(super) buffer: BytesMut,
    pub(super) ended: bool,
    /// The error that broke the connection, if any.
    pub(super) error: Option<io::Error>,
    /// When it last sent part of a response, or the first response became pending.
    pub(super) heard: Instant,
    /// What `heard` was before the last read.
    pub(super) heard_before: Instant,
    /// What it announced, if it was asked and knows CAPA.
    pub(super) announced: Option<Announced>,
    /// Set for a server that ends its lines in bare LF.
    pub(super) translate: Option<LfToCrlf>,
    pub(super) pipelining: Pipelining,
    pub(super) framing: Framing,
    /// How long it has sent nothing while it was read from, in milliseconds.
    silent: u32,
    /// Since when it is read from without result.
    pub(super) read_since: Option<Instant>,
    /// Whether it must be read from once more before a command is sent.
    pub(super) must_look: bool,
}

impl UpstreamInput {
    pub(super) fn new(buffer: BytesMut, now: Instant) -> Self {
        Self {
            buffer,
            ended: false,
            error: None,
            heard: now,
            heard_before: now,
            announced: None,
            translate: None,
            pipelining: Pipelining::default(),
            framing: Framing::default(),
            silent: 0,
            read_since: None,
            must_look: false,
        }
    }

    /// The time until now was not the upstream's: it owes something only from now on.
    pub(super) fn owes_since(&mut self, now: Instant) {
        self.heard = now;
        self.heard_before = now;
    }

    /// Converts bare LF to CRLF from this offset on; returns the octets added.
    pub(super) fn translate_from(&mut self, from: usize) -> usize {
        let buffer = &mut self.buffer;
        let translate = self.translate.as_mut();
        translate.map_or(0, |translate| translate.translate(buffer, from))
    }

    /// Whether it has announced PIPELINING, to the client or to popgate's own login.
    pub(super) fn pipelining(&self) -> Pipelining {
        match (self.pipelining, self.announced) {
            (Pipelining::Unknown, Some(announced)) => match announced.has(Capability::Pipelining) {
                true => Pipelining::Announced,
                false => Pipelining::NotAnnounced,
            },
            (known, _) => known,
        }
    }

    /// Adds the time for which it was read from.
    pub(super) fn note_silence(&mut self, now: Instant) {
        if let Some(since) = self.read_since.take() {
            let more = now.saturating_duration_since(since).as_millis();
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.silent = self.silent.saturating_add(more);
            self.must_look = false;
        }
    }

    /// How long it has sent nothing while it was read from.
    pub(super) fn silent(&self) -> Duration {
        Duration::from_millis(self.silent.into())
    }

    /// It has sent something.
    pub(super) fn break_silence(&mut self) {
        self.silent = 0;
        self.read_since = None;
    }

    /// A message has ended in CRLF, dot, CRLF.
    pub(super) fn note_strict_end(&mut self) {
        if self.framing == Framing::Unknown {
            self.framing = Framing::Strict;
        }
    }

    /// Gives the message in the buffer CRLF, dot, CRLF for the end that it has; returns the octets added.
    pub(super) fn end_in_crlf(&mut self, end: LooseEnd) -> usize {
        let before = self.buffer.len();
        let (kept, new): (_, &[u8]) = match (end, before.saturating_sub(end.octets())) {
            // The dot itself may have been relayed already.
            (LooseEnd::CrlfDotLf, _) => (before - 1, b"\r\n"),
            (_, 0) => (0, b".\r\n"),
            (_, text) => (text - 1, b"\r\n.\r\n"),
        };
        self.buffer.truncate(kept);
        self.buffer.extend_from_slice(new);
        self.buffer.len() - before
    }

    /// Adds the end that the last line lacks; returns the octets added.
    pub(super) fn end_last_line(&mut self) -> usize {
        let end: &[u8] = match self.buffer.last() {
            None | Some(b'\n') => b"",
            Some(b'\r') => b"\n",
            Some(_) => b"\r\n",
        };
        self.buffer.extend_from_slice(end);
        end.len()
    }

    /// Consumes this many octets.
    pub(super) fn take(&mut self, octets: usize) -> FromUpstream {
        FromUpstream(self.buffer.split_to(octets).freeze())
    }

    /// Consumes a line including its end, if it is complete.
    pub(super) fn take_line(&mut self) -> Option<FromUpstream> {
        take_line(&mut self.buffer).map(|line| FromUpstream(line.freeze()))
    }
}

/// What was received of the server without being owed.
#[derive(Debug, Default)]
pub(super) struct Unsolicited {
    pub(super) octets: u32,
    pub(super) reported: u8,
    /// The line that has begun and is not reported yet.
    pub(super) line: Vec<u8>,
}

impl Unsolicited {
    /// Whether a status line has begun: what comes up to its end belongs to it, even if something is owed by then.
    pub(super) fn is_inside_status(&self) -> bool {
        matches!(self.line.first(), Some(b'+' | b'-'))
    }
}

/// Whether the upstream has announced PIPELINING.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pipelining {
    /// Its capabilities were not asked for in this session.
    #[default]
    Unknown,
    Announced,
    NotAnnounced,
}

/// How the upstream ends messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Framing {
    /// No message has ended yet.
    #[default]
    Unknown,
    /// In CRLF, dot, CRLF.
    Strict,
    /// Otherwise; only its silence tells the end.
    Silent {
        /// Whether it has answered a command since.
        confirmed: bool,
    },
}

/// Octets that the upstream sent. Only these can be relayed as the upstream's; everything else sent to the
/// client is counted as added.
#[derive(Debug, Clone, Default)]
pub(super) struct FromUpstream(Bytes);

impl FromUpstream {
    /// Octets of the upstream that the driver has kept, or a copy of some.
    pub(super) fn kept(bytes: Bytes) -> Self {
        Self(bytes)
    }

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

    /// Copies them out of the buffer that they were read into, which they would keep.
    pub(super) fn detach(&mut self) {
        self.0 = Bytes::copy_from_slice(&self.0);
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}
