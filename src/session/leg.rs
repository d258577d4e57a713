//! One side of a session: its stream, what it sent and was not looked at, what it is owed.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Failure, Service};
use crate::metrics::{Flow, UpstreamMeter};
use crate::net::Stream;
use crate::pop3::line::LfToCrlf;

/// A connection with its incoming bytes.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stream: Stream,
    /// What came and was not taken yet.
    pub(super) buffer: BytesMut,
    /// Whether the peer will send no more.
    pub(super) ended: bool,
    /// For a server that ends its lines in bare LF.
    translate: Option<LfToCrlf>,
    /// Counts an upstream's octets.
    meter: Option<UpstreamMeter>,
}

/// What one read brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    /// Octets over the wire; 0 at the end of the stream.
    pub(super) read: usize,
    /// Octets that mending line ends added.
    pub(super) added: usize,
}

impl Leg {
    pub(super) fn new(stream: Stream, buffer: BytesMut) -> Self {
        Self {
            stream,
            buffer,
            ended: false,
            translate: None,
            meter: None,
        }
    }

    /// Counted from here on, what is in the buffer already and the octets before it included.
    pub(super) fn metered(self, meter: UpstreamMeter, before: usize) -> Self {
        meter.received(before + self.buffer.len());
        Self {
            meter: Some(meter),
            ..self
        }
    }

    /// From here on bare LF becomes CRLF, what is in the buffer already included; how many octets
    /// that added.
    pub(super) fn translate_lf(&mut self) -> usize {
        let mut translate = LfToCrlf::default();
        let added = translate.translate(&mut self.buffer, 0);
        self.translate = Some(translate);
        added
    }

    /// Reads once.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Filled>> {
        let from = self.buffer.len();
        let read = ready!(self.stream.poll_fill(cx, &mut self.buffer))?;
        if read == 0 {
            self.ended = true;
        }
        if let Some(meter) = &self.meter {
            meter.received(read);
        }
        let added = match &mut self.translate {
            Some(translate) => translate.translate(&mut self.buffer, from),
            None => 0,
        };
        Poll::Ready(Ok(Filled { read, added }))
    }

    /// Reads once from a client; how many octets came, 0 at the end.
    pub(super) async fn fill(&mut self, service: &Service) -> Result<usize, Failure> {
        let filled = poll_fn(|cx| self.poll_fill(cx)).await;
        let filled = filled.map_err(|error| Failure::ClientGone(Some(error)))?;
        service.metrics.bytes(Flow::ClientIn, filled.read);
        Ok(filled.read)
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(meter) = &self.meter {
            meter.sent(bytes.len());
        }
        self.stream.write_all(bytes).await?;
        // TLS keeps a record that the socket did not take until it is flushed.
        self.stream.flush().await
    }

    /// Says something of popgate's own to a client.
    pub(super) async fn say(&mut self, service: &Service, text: &[u8]) -> Result<(), Failure> {
        service.metrics.edited(text.len(), 0);
        self.pass(service, text).await
    }

    /// Passes something on to a client.
    pub(super) async fn pass(&mut self, service: &Service, text: &[u8]) -> Result<(), Failure> {
        let limit = service.timeouts.client_write;
        let sent = tokio::time::timeout(limit, self.send(text)).await;
        service.metrics.bytes(Flow::ClientOut, text.len());
        sent.map_err(|_| Failure::ClientStalled(limit))?
            .map_err(|error| Failure::ClientGone(Some(error)))
    }

    /// Gives the memory of an empty buffer back: an idle session keeps none.
    pub(super) fn release_buffer(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.buffer = BytesMut::new();
        }
    }
}

/// What is to be written, in pieces that are never joined: message bytes are not copied.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes as much as the stream takes now; ready when nothing is left.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
    ) -> Poll<io::Result<()>> {
        /// Pieces that one system call takes; a tagged message has about five.
        const SLICES: usize = 32;
        while !self.is_empty() {
            let written = match self.pieces.len() {
                1 => ready!(Pin::new(&mut *stream).poll_write(cx, &self.pieces[0]))?,
                _ => {
                    let mut slices = [IoSlice::new(&[]); SLICES];
                    let used = self.pieces.len().min(SLICES);
                    for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                        *slice = IoSlice::new(piece);
                    }
                    ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..used]))?
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        // TLS may hold a record back; for plain TCP this does nothing.
        Pin::new(stream).poll_flush(cx)
    }

    fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some(first) = self.pieces.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
    }
}
