//! From a connection to a server that has greeted, with STLS where it is configured.
//!
//! RFC 1939 section 4 (greeting), RFC 2595 section 4 (STLS, which CAPA announces), RFC 2449 section 5 (CAPA).
//! With `tls = "starttls"` STLS is sent, and whatever is not an agreement is an error. With `"opportunistic"`
//! CAPA is asked first: a command that a server does not know makes some of them close.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::DialError;
use super::dial::{Dialled, Dialler};
use crate::config::TlsMode;
use crate::net::Stream;
use crate::net::tls_error::of_tls;
use crate::pop3::Status;
use crate::pop3::line::{printable, take_line, trim_end};

/// A greeting or an answer to STLS is one line; RFC 2449 section 4 allows 512 octets, some servers send more.
const LINE: usize = 8 << 10;
/// Lines of an answer to CAPA.
const CAPABILITIES: usize = 200;
/// A server that does not answer CAPA is reached without TLS after this time.
const CAPA: Duration = Duration::from_secs(30);

/// Whether a server knows STLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stls {
    Announced,
    NotAnnounced,
    /// It does not know CAPA.
    Unknown,
}

impl Dialler {
    /// Waits for the greeting on a connection of which these octets are read already, and does STLS where configured.
    ///
    /// # Errors
    /// What went wrong; the connection is closed then.
    pub async fn greeted(&self, stream: Stream, early: BytesMut) -> Result<Dialled, DialError> {
        let greeted = self.greeted_in_plain_text(stream, early).await?;
        match self.upstream.tls {
            TlsMode::Off | TlsMode::Implicit => Ok(greeted),
            TlsMode::Starttls => self.stls(greeted, TlsMode::Starttls).await,
            TlsMode::Opportunistic => self.stls_if_announced(greeted).await,
        }
    }

    /// Waits for the greeting alone.
    ///
    /// # Errors
    /// What went wrong; the connection is closed then.
    pub(super) async fn greeted_in_plain_text(
        &self,
        mut stream: Stream,
        mut rest: BytesMut,
    ) -> Result<Dialled, DialError> {
        let greeting = self.said(&mut stream, &mut rest).await?;
        match Status::of(&greeting) {
            Status::Ok => Ok(Dialled {
                stream,
                greeting,
                rest,
                own: None,
            }),
            Status::Err => Err(DialError::Refused(shown(&greeting))),
            _ => Err(DialError::NotPop3(shown(&greeting))),
        }
    }

    async fn stls_if_announced(&self, mut greeted: Dialled) -> Result<Dialled, DialError> {
        let capabilities = self.capabilities(&mut greeted);
        let limit = CAPA.min(self.timeouts.greeting);
        match timeout(limit, capabilities).await {
            Err(_) => Err(DialError::ClosedAtStls),
            Ok(Ok(Stls::NotAnnounced)) => Ok(greeted),
            // As before there was CAPA: it may know STLS nevertheless.
            Ok(Ok(Stls::Announced | Stls::Unknown)) => {
                self.stls(greeted, TlsMode::Opportunistic).await
            }
            Ok(Err(error)) => Err(error),
        }
    }

    async fn stls(&self, mut greeted: Dialled, mode: TlsMode) -> Result<Dialled, DialError> {
        let answer = self.ask(&mut greeted, b"STLS\r\n").await?;
        match (Status::of(&answer), mode) {
            // RFC 2595 section 4: octets received before TLS must be discarded.
            (Status::Ok, _) if !greeted.rest.is_empty() => Err(DialError::Injected),
            (Status::Ok, _) => Ok(Dialled {
                stream: self.encrypt(greeted.stream).await?,
                ..greeted
            }),
            (_, TlsMode::Opportunistic) => Ok(greeted),
            _ => Err(DialError::NoStls(shown(&answer))),
        }
    }

    async fn capabilities(&self, greeted: &mut Dialled) -> Result<Stls, DialError> {
        let status = self.ask(greeted, b"CAPA\r\n").await?;
        if Status::of(&status) != Status::Ok {
            return Ok(Stls::Unknown);
        }
        let mut found = Stls::NotAnnounced;
        for _ in 0..CAPABILITIES {
            let line = self.said(&mut greeted.stream, &mut greeted.rest).await;
            let line = line.map_err(closed_at_stls)?;
            let line = trim_end(&line);
            if line == b"." {
                return Ok(found);
            }
            if line.trim_ascii().eq_ignore_ascii_case(b"STLS") {
                found = Stls::Announced;
            }
        }
        Err(DialError::NotPop3("CAPA without an end".to_owned()))
    }

    /// Sends a command that the server may not know, and reads the first line of its answer.
    pub(super) async fn ask(
        &self,
        greeted: &mut Dialled,
        command: &[u8],
    ) -> Result<BytesMut, DialError> {
        let sent = greeted.stream.write_all(command).await;
        let answer = match sent {
            Ok(()) => self.said(&mut greeted.stream, &mut greeted.rest).await,
            Err(error) => Err(DialError::Connect(error)),
        };
        answer.map_err(closed_at_stls)
    }

    /// The next line from the server, before the session begins.
    async fn said(
        &self,
        stream: &mut Stream,
        buffer: &mut BytesMut,
    ) -> Result<BytesMut, DialError> {
        let limit = self.timeouts.greeting;
        timeout(limit, read_line(stream, buffer))
            .await
            .unwrap_or(Err(DialError::GreetingTimedOut(limit)))
    }
}

/// The end of a connection on which the server has greeted.
fn closed_at_stls(error: DialError) -> DialError {
    match error {
        DialError::Closed | DialError::Connect(_) => DialError::ClosedAtStls,
        other => other,
    }
}

async fn read_line(stream: &mut Stream, buffer: &mut BytesMut) -> Result<BytesMut, DialError> {
    loop {
        if let Some(line) = take_line(buffer) {
            return Ok(line);
        }
        if buffer.len() > LINE {
            return Err(DialError::NotPop3(shown(buffer)));
        }
        let read = poll_fn(|cx| stream.poll_fill(cx, buffer, usize::MAX)).await;
        let read = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            // Servers of other protocols wait for the client to speak, or end at once: their certificate
            // is refused here, too, where TLS 1.3 has the client finish first.
            Err(error) if of_tls(&error).is_some() => return Err(DialError::Tls(error)),
            Err(error) => return Err(DialError::Connect(error)),
        };
        if read == 0 {
            // A server may close before it has ended its last line.
            return match buffer.is_empty() {
                true => Err(DialError::Closed),
                false => Ok(buffer.split()),
            };
        }
    }
}

fn shown(line: &[u8]) -> String {
    printable(trim_end(line), 120)
}
