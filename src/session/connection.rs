//! One connection of a session: its stream, and the count of its octets.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use zeroize::Zeroize;

use super::exchange::ClientOutput;
use crate::metrics::UpstreamMeter;
use crate::net::Stream;
use crate::pop3::secret;

/// To a client or to an upstream.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    /// Counts an upstream's octets.
    meter: Option<UpstreamMeter>,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            meter: None,
        }
    }

    /// Counts from now on; this many octets were received before.
    pub(super) fn metered(self, meter: UpstreamMeter, received: usize) -> Self {
        meter.received(received);
        Self {
            meter: Some(meter),
            ..self
        }
    }

    /// Reads once, to the buffer's end and at most this many octets; 0 octets are the end of the stream.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let read = ready!(self.stream.poll_fill(cx, buffer, most))?;
        if let Some(meter) = &self.meter {
            meter.received(read);
        }
        Poll::Ready(Ok(read))
    }

    /// Reads a piece that may have a password in it, and leaves no copy behind.
    pub(super) fn poll_read_secret(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        /// Enough for any command; the rest of a token follows.
        const PIECE: usize = 2 << 10;
        let mut piece = [0; PIECE];
        let read = ready!(self.stream.poll_piece(cx, &mut piece))?;
        secret::append(buffer, &piece[..read]);
        piece[..read].zeroize();
        Poll::Ready(Ok(read))
    }

    /// Reads once, to the buffer's end; 0 octets are the end of the stream.
    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer, usize::MAX)).await
    }

    /// Sends all of it.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(meter) = &self.meter {
            meter.sent(bytes.len());
        }
        self.stream.write_all(bytes).await?;
        // TLS buffers a record that the socket did not accept until it is flushed.
        self.stream.flush().await
    }

    /// Writes as much as the stream accepts; ready when nothing is left.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut ClientOutput,
    ) -> Poll<io::Result<()>> {
        /// Pieces per system call; a tagged message has about five.
        const SLICES: usize = 32;
        while !output.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let written = match output.only_piece() {
                Some(piece) => ready!(stream.poll_write(cx, piece))?,
                None => {
                    let mut slices = [IoSlice::new(&[]); SLICES];
                    let used = output.fill_slices(&mut slices);
                    ready!(stream.poll_write_vectored(cx, &slices[..used]))?
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            output.advance(written);
        }
        // TLS may hold a record back; for plain TCP this does nothing.
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
