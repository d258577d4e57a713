//! Dialling: TCP, TLS where it is asked for, the greeting.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::{TlsMode, Upstream};
use crate::net::Stream;
use crate::pop3::Status;
use crate::pop3::line::{printable, take_line, trim_end};

/// A greeting or an answer to STLS is one line; RFC 2449 section 4 allows 512 octets, servers in
/// the field send more.
const LINE: usize = 8 << 10;

/// Why there is no connection to the upstream.
#[derive(Debug)]
pub enum DialError {
    /// No TCP connection.
    Connect(io::Error),
    /// The host's address is this proxy's own.
    Loop(SocketAddr),
    /// The certificate, or TLS itself, did not hold.
    Tls(io::Error),
    /// The server offers no STLS, and plain text was not asked for.
    NoStls(String),
    /// More bytes came with the plain answer to STLS than that answer: somebody's injection.
    Injected,
    /// The server ended the connection before its greeting.
    Closed,
    /// The greeting was `-ERR`.
    Refused(String),
    /// What came is no greeting of POP3.
    NotPop3(String),
    /// All this took too long.
    TimedOut(Duration),
}

impl DialError {
    /// The value of the label `kind`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Loop(_) => "loop",
            Self::Tls(_) => "tls",
            Self::NoStls(_) | Self::Injected => "stls",
            Self::Closed => "closed",
            Self::Refused(_) => "refused",
            Self::NotPop3(_) => "not_pop3",
            Self::TimedOut(_) => "connect_timeout",
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Loop(address) => write!(
                f,
                "{address} is this proxy itself; set upstream to the provider's server"
            ),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::NoStls(said) => write!(f, "the server refused STLS: {said}"),
            Self::Injected => f.write_str("plain text came behind the answer to STLS"),
            Self::Closed => f.write_str("the server closed the connection without a greeting"),
            Self::Refused(said) => write!(f, "the server refuses sessions: {said}"),
            Self::NotPop3(said) => write!(f, "no POP3 greeting but: {said}"),
            Self::TimedOut(limit) => write!(f, "no greeting within {limit:?}"),
        }
    }
}

impl std::error::Error for DialError {}

/// A connection on which the server has greeted.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: Stream,
    /// The greeting as it came, line end included: APOP's stamp must reach the client untouched
    /// (RFC 1939 section 7).
    pub greeting: BytesMut,
    /// What came behind it.
    pub rest: BytesMut,
}

/// Connects to one upstream.
#[derive(Debug, Clone)]
pub struct Dialler {
    upstream: Upstream,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
    own: Arc<[SocketAddr]>,
}

impl Dialler {
    /// `tls` is needed unless the upstream's mode is off; `own` are the addresses that popgate
    /// itself listens on.
    pub fn new(
        upstream: Upstream,
        tls: Option<Arc<ClientConfig>>,
        limit: Duration,
        own: Arc<[SocketAddr]>,
    ) -> Self {
        Self {
            upstream,
            tls,
            limit,
            own,
        }
    }

    /// Whom this dials.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Connects and waits for the greeting, all within the time limit.
    ///
    /// # Errors
    /// What went wrong; nothing is open then.
    pub async fn dial(&self) -> Result<Dialled, DialError> {
        tokio::time::timeout(self.limit, self.connect())
            .await
            .unwrap_or(Err(DialError::TimedOut(self.limit)))
    }

    async fn connect(&self) -> Result<Dialled, DialError> {
        let Upstream {
            host, port, tls, ..
        } = &self.upstream;
        let tcp = self.connect_any(host, *port).await?;
        let peer = tcp.peer_addr().map_err(DialError::Connect)?;
        let local = tcp.local_addr().map_err(DialError::Connect)?;
        if self.own.iter().any(|own| is_ourselves(*own, local, peer)) {
            return Err(DialError::Loop(peer));
        }
        let mut stream = Stream::plain(tcp).map_err(DialError::Connect)?;
        let mut rest = BytesMut::new();
        if *tls == TlsMode::Implicit {
            stream = self.encrypt(stream).await?;
        }
        let greeting = read_line(&mut stream, &mut rest).await?;
        match Status::of(&greeting) {
            Status::Ok => {}
            Status::Err => return Err(DialError::Refused(shown(&greeting))),
            _ => return Err(DialError::NotPop3(shown(&greeting))),
        }
        if *tls == TlsMode::Starttls {
            stream
                .write_all(b"STLS\r\n")
                .await
                .map_err(DialError::Connect)?;
            let answer = read_line(&mut stream, &mut rest).await?;
            if Status::of(&answer) != Status::Ok {
                return Err(DialError::NoStls(shown(&answer)));
            }
            // RFC 2595 section 4: nothing from before TLS may be believed after it.
            if !rest.is_empty() {
                return Err(DialError::Injected);
            }
            stream = self.encrypt(stream).await?;
        }
        Ok(Dialled {
            stream,
            greeting,
            rest,
        })
    }

    /// Connects to the first address that answers. Each gets its share of the time, so that one that
    /// leads nowhere does not hide the others.
    async fn connect_any(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let begun = Instant::now();
        let addresses = lookup_host((host, port))
            .await
            .map_err(DialError::Connect)?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        let mut failed = DialError::Connect(io::Error::other("the name has no address"));
        for (number, address) in addresses.iter().enumerate() {
            let left = self.limit.saturating_sub(begun.elapsed());
            let share = left / u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => failed = DialError::Connect(error),
                Err(_) => failed = DialError::TimedOut(self.limit),
            }
        }
        Err(failed)
    }

    async fn encrypt(&self, stream: Stream) -> Result<Stream, DialError> {
        let unusable = |why: &str| DialError::Tls(io::Error::other(why.to_owned()));
        let config = self
            .tls
            .clone()
            .ok_or_else(|| unusable("no certificates to trust"))?;
        let name = ServerName::try_from(self.upstream.host.clone())
            .map_err(|_| unusable("the host's name cannot stand in a certificate"))?;
        let tcp = stream
            .into_plain()
            .ok_or_else(|| unusable("TLS within TLS"))?;
        let tls = TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(DialError::Tls)?;
        Ok(Stream::tls(tls))
    }
}

/// Whether a connection from `local` to `peer` reaches a listener on `own`, which may be on all of
/// this machine's addresses: what one of them reaches is on the same machine if both ends are alike.
fn is_ourselves(own: SocketAddr, local: SocketAddr, peer: SocketAddr) -> bool {
    let here = peer.ip().is_loopback() || local.ip() == peer.ip();
    own.port() == peer.port() && (own.ip() == peer.ip() || own.ip().is_unspecified() && here)
}

async fn read_line(stream: &mut Stream, buffer: &mut BytesMut) -> Result<BytesMut, DialError> {
    loop {
        if let Some(line) = take_line(buffer) {
            return Ok(line);
        }
        if buffer.len() > LINE {
            return Err(DialError::NotPop3(shown(buffer)));
        }
        let read = std::future::poll_fn(|cx| stream.poll_fill(cx, buffer)).await;
        if read.map_err(DialError::Connect)? == 0 {
            return match buffer.is_empty() {
                true => Err(DialError::Closed),
                false => Err(DialError::NotPop3(shown(buffer))),
            };
        }
    }
}

fn shown(line: &[u8]) -> String {
    printable(trim_end(line), 120)
}
