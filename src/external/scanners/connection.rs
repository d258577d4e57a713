//! Connections to scanners, and those that are kept for the next message.
//!
//! In: an address; out: a stream of octets. TCP and Unix sockets are the same from here on.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::error::ScannerError;
use crate::config::ScannerAddress;
use crate::upstream::{ChosenBy, Resolver};

/// Octets in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug {}

impl Duplex for TcpStream {}

pub(super) type Connection = Box<dyn Duplex>;

/// clamd closes a connection that is idle for 30 s, rspamd one that is for 60.
const KEPT: Duration = Duration::from_secs(20);

/// A new connection.
pub(super) async fn connect(address: &ScannerAddress) -> Result<Connection, ScannerError> {
    let failed = |error: io::Error| ScannerError::of_io(&error);
    let (host, port) = match address {
        ScannerAddress::Unix(path) => return connect_local(path).await.map_err(failed),
        ScannerAddress::Tcp { host, port } => (host, *port),
    };
    let found = Resolver::of_system().lookup(host, port, ChosenBy::Administrator);
    let found = found
        .await
        .map_err(|error| ScannerError::Resolve(error.to_string()))?;
    let mut last = ScannerError::Resolve("the name has no address".to_owned());
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A question is written in pieces.
                stream.set_nodelay(true).map_err(failed)?;
                return Ok(Box::new(stream));
            }
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

/// What is ready for another question.
#[derive(Debug)]
pub(super) struct Kept<T> {
    most: usize,
    kept: Mutex<Vec<(T, Instant)>>,
}

impl<T> Kept<T> {
    pub(super) fn new(most: usize) -> Self {
        let kept = Mutex::default();
        Self { most, kept }
    }

    /// The one that was used last; those that the scanner is about to close are dropped.
    pub(super) fn take(&self) -> Option<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.retain(|(_, since)| now.duration_since(*since) < KEPT);
        kept.pop().map(|(it, _)| it)
    }

    pub(super) fn keep(&self, it: T) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.most {
            kept.push((it, Instant::now()));
        }
    }
}

/// An answer, and whether its question was sent whole.
pub(super) struct Answered<T> {
    pub(super) answer: T,
    pub(super) is_sent: bool,
}

/// Sends a question while its answer is read: a scanner may answer, and close, before it has read everything.
pub(super) async fn converse<T>(
    question: impl Future<Output = io::Result<()>>,
    answer: impl Future<Output = Result<T, ScannerError>>,
) -> Result<Answered<T>, ScannerError> {
    let (mut question, mut answer) = (pin!(question), pin!(answer));
    tokio::select! {
        biased;
        answer = &mut answer => answer.map(|answer| Answered { answer, is_sent: false }),
        sent = &mut question => match (sent, answer.await) {
            (sent, Ok(answer)) => Ok(Answered { answer, is_sent: sent.is_ok() }),
            // Why it was not sent says more than that there is no answer.
            (Err(error), Err(ScannerError::Closed)) => Err(ScannerError::of_io(&error)),
            (_, Err(error)) => Err(error),
        },
    }
}

/// Reads up to this octet, without it, or to the end of the stream; `Closed` if there is nothing at all.
pub(super) async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    end: Option<u8>,
    most: usize,
) -> Result<Vec<u8>, ScannerError> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = match stream.read(&mut piece).await {
            Ok(count) => count,
            Err(error) if read.is_empty() => return Err(ScannerError::of_io(&error)),
            // It has not read all of the question, and its answer is what counts.
            Err(_) => 0,
        };
        let new = &piece[..count];
        let found = end.and_then(|end| memchr::memchr(end, new));
        read.extend_from_slice(&new[..found.unwrap_or(count)]);
        if read.len() > most {
            return Err(ScannerError::AnswerTooLong(most));
        }
        match (count, found) {
            (0, _) if read.is_empty() => return Err(ScannerError::Closed),
            (0, _) if end.is_some() => return Err(ScannerError::protocol("complete", &read)),
            (0, _) => return Ok(read),
            // Nothing comes behind an answer: there is one question at a time.
            (_, Some(at)) if at + 1 < count => {
                return Err(ScannerError::protocol("all that it says", &read));
            }
            (_, Some(_)) => return Ok(read),
            (_, None) => {}
        }
    }
}

#[cfg(unix)]
impl Duplex for tokio::net::UnixStream {}

#[cfg(unix)]
async fn connect_local(path: &Path) -> io::Result<Connection> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

/// Unix sockets are refused in the configuration there.
#[cfg(windows)]
async fn connect_local(_: &Path) -> io::Result<Connection> {
    Err(io::ErrorKind::Unsupported.into())
}
