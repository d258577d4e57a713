//! The connections to the admin port: bounded in number, size and time.
//!
//! In: accepted connections; out: HTTP/1.1 over those that have a place. A scrape gets through while others hold
//! connections open: a newcomer gets the place of the oldest connection of the address that has most of them.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::net::places::{Bounds, Place, Places};
use crate::net::quota::counted;

/// Connections at a time.
const MOST: usize = 64;
/// How long a client may take to send a request, and a connection may be idle.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const STALLED: Duration = Duration::from_secs(10);
/// The most octets of a request's head.
const HEAD: usize = 16 << 10;

/// The places for connections.
#[derive(Debug, Default)]
pub(super) struct Connections(Arc<Places>);

impl Connections {
    /// A place for one more.
    pub(super) fn enter(&self, from: SocketAddr) -> Option<Place> {
        let bounds = Bounds {
            all: MOST,
            pending: MOST,
            grace: Duration::ZERO,
        };
        self.0.enter(counted(from.ip()), bounds).ok()
    }
}

/// Answers the requests of one connection until it ends, or its place goes to a newcomer.
pub(super) async fn serve<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    place: Place,
    service: S,
) where
    S: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(TimedWrites::new(stream)), service);
    tokio::select! {
        () = place.evicted() => tracing::debug!("a connection to the admin port is closed for a newer one"),
        // A broken connection is not popgate's problem.
        served = connection => if let Err(error) = served {
            tracing::debug!(%error, "a connection to the admin port broke");
        },
    }
}

/// A stream whose peer must take what is written in time.
#[derive(Debug)]
struct TimedWrites<S> {
    stream: S,
    /// When a write that cannot continue fails.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> TimedWrites<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            stalled: None,
        }
    }

    /// The result of a write, or a failure if the peer has taken nothing for too long.
    fn in_time<T>(
        stalled: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            *stalled = None;
            return write;
        }
        let due = stalled.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        due.as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, room)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, stalled } = &mut *self;
        let write = Pin::new(stream).poll_write(cx, bytes);
        Self::in_time(stalled, cx, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, stalled } = &mut *self;
        let write = Pin::new(stream).poll_write_vectored(cx, slices);
        Self::in_time(stalled, cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, stalled } = &mut *self;
        let flush = Pin::new(stream).poll_flush(cx);
        Self::in_time(stalled, cx, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use hyper::body::Bytes;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /// A connection in memory; each request is answered with this many octets.
    fn connect(connections: &Connections, from: [u8; 4], octets: usize) -> tokio::io::DuplexStream {
        let (near, far) = tokio::io::duplex(1024);
        let place = connections.enter((from, 4000).into()).unwrap();
        let answer = move |_: Request<Incoming>| async move {
            Ok(Response::new(Full::new(Bytes::from(vec![b'x'; octets]))))
        };
        tokio::spawn(async move { serve(far, place, service_fn(answer)).await });
        near
    }

    async fn seconds_to_the_end(stream: &mut tokio::io::DuplexStream) -> u64 {
        let begun = Instant::now();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_no_request_is_closed() {
        let mut idle = connect(&Connections::default(), [127, 0, 0, 1], 10);
        assert_eq!(seconds_to_the_end(&mut idle).await, REQUEST.as_secs());
        let mut slow = connect(&Connections::default(), [127, 0, 0, 1], 10);
        slow.write_all(&GET[..20]).await.unwrap();
        assert_eq!(seconds_to_the_end(&mut slow).await, REQUEST.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_closed() {
        let connections = Connections::default();
        let mut stalled = connect(&connections, [127, 0, 0, 1], 1 << 20);
        stalled.write_all(GET).await.unwrap();
        sleep(STALLED / 2).await;
        assert_eq!(connections.0.pending(), 1);
        sleep(STALLED).await;
        assert_eq!(connections.0.pending(), 0);
        let mut rest = Vec::new();
        stalled.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() < 10_000, "{}", rest.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_head_is_refused() {
        let mut long = connect(&Connections::default(), [127, 0, 0, 1], 10);
        long.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let line = b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
        let endless = async { while long.write_all(line).await.is_ok() {} };
        let begun = Instant::now();
        endless.await;
        assert!(begun.elapsed() < REQUEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_scrape_gets_through_thousands_of_slow_connections() {
        let connections = Connections::default();
        let mut slow = Vec::new();
        for number in 0..3000 {
            slow.push(connect(&connections, [192, 0, 2, (number % 3) as u8], 10));
            if number % 100 == 99 {
                let mut scrape = connect(&connections, [127, 0, 0, 1], 10);
                scrape.write_all(GET).await.unwrap();
                let mut answer = [0; 15];
                scrape.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"HTTP/1.1 200 OK");
                assert!(connections.0.pending() <= MOST);
            }
        }
        // The oldest were closed.
        assert_eq!(seconds_to_the_end(&mut slow[0]).await, 0);
        // And no more than necessary: the last scrape has left its place.
        assert_eq!(connections.0.pending(), MOST - 1);
    }
}
