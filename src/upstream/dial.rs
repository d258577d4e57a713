//! Dialling: TCP, the PROXY header and TLS where they are configured. The rest is in greeting.rs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::loop_detection::{LoopDetection, OwnConnection};
use super::{ChosenBy, DialError, Resolver, Tunnel, happy_eyeballs};
use crate::config::{ProxyHeader, Timeouts, TlsMode, Upstream};
use crate::net::proxy_protocol::{self, Addressed};
use crate::net::quota::counted;
use crate::net::{KeyedTurns, Stream};
use crate::pop3::line::{printable, trim_end};

/// A connection on which the server has greeted.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: Stream,
    /// The unchanged greeting, line end included: APOP's timestamp must reach the client unchanged (RFC 1939
    /// section 7).
    pub greeting: BytesMut,
    /// Bytes that came after it.
    pub rest: BytesMut,
    /// Registers the connection as popgate's own; `None` if popgate did not make it.
    pub own: Option<OwnConnection>,
}

/// A connection on which the server has not greeted.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub stream: Stream,
    /// Registers it as popgate's own.
    pub own: OwnConnection,
    /// What the server has sent already: a proxy passes it on with its own answer.
    pub early: BytesMut,
}

/// The client that a connection is made for.
#[derive(Debug, Clone, Copy)]
pub struct OnBehalf {
    /// The addresses for the PROXY header.
    pub addressed: Addressed,
    /// Whether to connect from the client's address (TPROXY).
    pub as_client: bool,
}

/// The connections that are being made, by destination: a server that does not answer delays no other. Client addresses
/// take turns: at a slow server many clients of one address delay each other.
pub type Dials = KeyedTurns<(String, u16)>;

/// How long a lookup may take that finds loops through a proxy.
const LOOKUP: Duration = Duration::from_secs(1);

/// Limits of dialling.
#[derive(Debug, Clone)]
pub struct DialLimits {
    /// Those of all upstreams, which an upstream may override.
    pub timeouts: Timeouts,
    /// Connections to one server that are being made at a time.
    pub at_a_time: usize,
    /// Those connections; kept across reloads.
    pub dials: Arc<Dials>,
}

/// Connects to one upstream.
#[derive(Debug, Clone)]
pub struct Dialler {
    pub(super) upstream: Upstream,
    /// Its address, if no lookup of the host is needed.
    at: Option<SocketAddr>,
    host_chosen_by: ChosenBy,
    tls: Option<Arc<ClientConfig>>,
    tunnel: Option<Tunnel>,
    /// Those of this upstream.
    pub(super) timeouts: Timeouts,
    limits: DialLimits,
    loops: Arc<LoopDetection>,
}

impl Dialler {
    /// `tls` is needed unless the upstream's mode is off.
    pub fn new(
        upstream: Upstream,
        tls: Option<Arc<ClientConfig>>,
        limits: DialLimits,
        loops: Arc<LoopDetection>,
    ) -> Self {
        Self {
            timeouts: upstream.timeouts.over(&limits.timeouts),
            upstream,
            at: None,
            host_chosen_by: ChosenBy::Administrator,
            tls,
            tunnel: None,
            limits,
            loops,
        }
    }

    /// The same upstream at a known address.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.at = Some(address);
        self
    }

    /// The same upstream behind a proxy.
    pub fn through(mut self, tunnel: Option<Tunnel>) -> Self {
        self.tunnel = tunnel;
        self
    }

    /// The same upstream, whose host a client has named.
    pub fn named_by_client(mut self) -> Self {
        self.host_chosen_by = ChosenBy::Client;
        self
    }

    /// The same upstream with another TLS mode.
    pub fn protected_by(mut self, tls: TlsMode) -> Self {
        self.upstream.tls = tls;
        self
    }

    /// The upstream that this dials.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The timeouts of sessions with it.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Connects and waits for the greeting, within the time limits.
    ///
    /// # Errors
    /// What went wrong; nothing is open then.
    pub async fn dial(&self, client: OnBehalf) -> Result<Dialled, DialError> {
        let at_a_time = self.limits.at_a_time;
        let address = counted(client.addressed.client.ip());
        let dials = &self.limits.dials;
        let turn = dials.take(self.destination(), address, at_a_time);
        let _turn = tokio::time::timeout(self.timeouts.connect, turn)
            .await
            .map_err(|_| DialError::TooManyDials(at_a_time))?;
        let dialled = self.dial_now(client).await;
        dialled.map_err(|error| match (&self.tunnel, error) {
            (Some(_), error @ (DialError::Proxy(_) | DialError::Loop(_))) => error,
            // The proxy may be what closes the connection, or sends a page.
            (Some(tunnel), error) => DialError::Through(tunnel.to_string(), Box::new(error)),
            (None, error) => error,
        })
    }

    async fn dial_now(&self, client: OnBehalf) -> Result<Dialled, DialError> {
        let Connected { stream, own, early } = self.connect(client).await?;
        let (greeted, own) = match self.greeted(stream, early).await {
            // Servers that end the session at an unknown command are reached without one.
            Err(DialError::ClosedAtStls) if self.upstream.tls == TlsMode::Opportunistic => {
                drop(own);
                let Connected { stream, own, early } = self.connect(client).await?;
                (self.greeted_in_plain_text(stream, early).await?, own)
            }
            greeted => (greeted?, own),
        };
        Ok(Dialled {
            own: Some(own),
            ..greeted
        })
    }

    /// What limits count by.
    fn destination(&self) -> (String, u16) {
        match self.at {
            Some(address) => (address.ip().to_string(), address.port()),
            None => (self.upstream.host.to_ascii_lowercase(), self.upstream.port),
        }
    }

    /// TCP, the PROXY header and implicit TLS, without POP3.
    ///
    /// # Errors
    /// What went wrong; nothing is open then.
    pub async fn connect(&self, client: OnBehalf) -> Result<Connected, DialError> {
        let by = Instant::now() + self.timeouts.connect;
        let (tcp, early) = match &self.tunnel {
            Some(tunnel) => self.tunnelled(tunnel, by).await?,
            None => (self.direct(client, by).await?, BytesMut::new()),
        };
        let peer = tcp.peer_addr().map_err(DialError::Connect)?;
        let local = tcp.local_addr().map_err(DialError::Connect)?;
        let own = self.loops.register(local, peer);
        let mut stream = Stream::plain(tcp).map_err(DialError::Connect)?;
        let header = match self.upstream.proxy_header {
            ProxyHeader::Off => Vec::new(),
            ProxyHeader::V1 => proxy_protocol::v1(client.addressed),
            ProxyHeader::V2 => proxy_protocol::v2(client.addressed).map_err(DialError::Connect)?,
        };
        if !header.is_empty() {
            stream
                .write_all(&header)
                .await
                .map_err(DialError::Connect)?;
        }
        if self.upstream.tls == TlsMode::Implicit {
            if !early.is_empty() {
                return Err(DialError::NotPop3(shown(&early)));
            }
            stream = self.encrypt(stream).await?;
        }
        Ok(Connected { stream, own, early })
    }

    async fn direct(&self, client: OnBehalf, by: Instant) -> Result<TcpStream, DialError> {
        let addresses = self.addresses(by).await?;
        let limit = self.timeouts.connect;
        timeout_at(by, self.tcp(addresses, client))
            .await
            .unwrap_or(Err(DialError::ConnectTimedOut(limit)))
    }

    /// Through a proxy, which resolves the name.
    async fn tunnelled(
        &self,
        tunnel: &Tunnel,
        by: Instant,
    ) -> Result<(TcpStream, BytesMut), DialError> {
        let Upstream { host, port, .. } = &self.upstream;
        let (host, port) = match self.at {
            Some(address) => (&address.ip().to_string(), address.port()),
            None => (host, *port),
        };
        // The proxy could lead back to popgate: where the port is one of its own, the address decides. Behind a proxy
        // there may be no name server that answers.
        if self.loops.has_port(port)
            && let Ok(addresses) = self.addresses(by.min(Instant::now() + LOOKUP)).await
            && let Some(own) = addresses.iter().find(|it| self.loops.is_self(**it))
        {
            return Err(DialError::Loop(*own));
        }
        let limit = self.timeouts.connect;
        let connected = timeout_at(by, tunnel.connect(host, port, &self.loops)).await;
        connected
            .unwrap_or_else(|_| {
                let kind = tunnel.kind();
                Err(format!("{tunnel}: no connection within {limit:?}; is it {kind}, and does it reach the server?"))
            })
            .map_err(DialError::Proxy)
    }

    async fn addresses(&self, by: Instant) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(address) = self.at {
            return Ok(vec![address]);
        }
        let Upstream { host, port, .. } = &self.upstream;
        let lookup = Resolver::of_system().lookup(host, *port, self.host_chosen_by);
        let found = timeout_at(by, lookup).await.unwrap_or_else(|_| {
            let text = format!("no name server answers within {:?}", self.timeouts.connect);
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        });
        found.map_err(|error| DialError::Resolve(host.clone(), error))
    }

    async fn tcp(
        &self,
        addresses: Vec<SocketAddr>,
        client: OnBehalf,
    ) -> Result<TcpStream, DialError> {
        if let Some(own) = addresses.iter().find(|it| self.loops.is_self(**it)) {
            return Err(DialError::Loop(*own));
        }
        let from: Option<IpAddr> = client.as_client.then(|| client.addressed.client.ip());
        happy_eyeballs::connect(addresses, from)
            .await
            .map_err(DialError::Connect)
    }

    pub(super) async fn encrypt(&self, stream: Stream) -> Result<Stream, DialError> {
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
        let limit = self.timeouts.greeting;
        let connected = TlsConnector::from(config).connect(name, tcp);
        let tls = tokio::time::timeout(limit, connected)
            .await
            .map_err(|_| DialError::TlsTimedOut(limit))?
            .map_err(DialError::Tls)?;
        Ok(Stream::tls(tls))
    }
}

fn shown(line: &[u8]) -> String {
    printable(trim_end(line), 120)
}
