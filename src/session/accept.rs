//! From an accepted connection to a client that popgate can talk to: its address (PROXY header, the
//! firewall's redirect), whether it is admitted, and TLS where the listener begins with it.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::client::Client;
use super::client_tls::accept_tls;
use super::connection::Connection;
use super::failure::Failure;
use super::listener::Listener;
use super::refusal::Refusal;
use super::service::Service;
use crate::config::ListenTls;
use crate::metrics::ConnectionOutcome;
use crate::net::Stream;
use crate::net::places::Place;
use crate::net::proxy_protocol::{self, Addressed, HeaderError};
use crate::net::quota::counted;
use crate::platform::transparent_sockets::original_destination;

/// Why the session is refused, and the stream if the client can be sent an error.
pub(super) type Rejected = (Failure, Option<Stream>);

/// An accepted connection.
pub(super) enum Accepted<'s> {
    /// A POP3 client.
    Client(Client<'s>, Connection),
    /// A client whose TLS is passed through to the server that it connected to.
    Passthrough(Client<'s>, TcpStream),
}

/// Accepts a connection before this deadline.
pub(super) async fn accept<'s>(
    service: &'s Service,
    listener: &'s Listener,
    mut tcp: TcpStream,
    by: Instant,
    place: &Place,
) -> Result<Accepted<'s>, Rejected> {
    let gone = |error| (Failure::ClientGone(Some(error)), None);
    // Nagle's algorithm and the peer's delayed acknowledgement would hold the end of an answer, and of
    // a handshake, back for 40 ms.
    tcp.set_nodelay(true).map_err(gone)?;
    let by = by.min(Instant::now() + service.timeouts.handshake);
    let from = tcp.peer_addr().map_err(gone)?;
    let addressed = match addressed(listener, &mut tcp, from, by).await {
        Ok(addressed) => addressed,
        Err(failure) => return Err((failure, plain_stream(listener, tcp))),
    };
    if listener.proxy_header {
        place.is_of(counted(addressed.client.ip()));
    }
    let conntrack_dst = match listener.proxy_header {
        true => addressed.original_dst,
        false => original(&tcp).unwrap_or(addressed.original_dst),
    };
    let loops = service.router.loop_detection();
    if loops.is_own_connection(addressed.client, conntrack_dst) {
        return Err((Refusal::Loop.into(), plain_stream(listener, tcp)));
    }
    let slot = match service
        .quotas
        .admit_address(&service.limits, addressed.client.ip())
    {
        Ok(slot) => slot,
        Err(refusal) => return Err((refusal.into(), plain_stream(listener, tcp))),
    };
    let mut client = Client {
        listener,
        addressed,
        conntrack_dst,
        sni: None,
        _slot: slot,
    };
    // Keepalive: a client whose machine has disappeared must not keep its session.
    if let Err(error) = SockRef::from(&tcp).set_keepalive(true) {
        tracing::debug!(%error, "no keep-alive");
    }
    let stream = match (listener.protection, &listener.tls) {
        (ListenTls::Passthrough, _) => return Ok(Accepted::Passthrough(client, tcp)),
        (ListenTls::Implicit, Some(_)) => accept_tls(service, &mut client, tcp, by)
            .await
            .map_err(|it| (it, None))?,
        _ => Stream::plain(tcp).map_err(gone)?,
    };
    service
        .metrics
        .connection(&listener.name, ConnectionOutcome::Accepted);
    let connection = Connection::new(stream.with_read_limit(service.read_limit));
    Ok(Accepted::Client(client, connection))
}

/// The stream to send an error to a refused client; `None` where TLS comes first and a line of text could not
/// be read.
fn plain_stream(listener: &Listener, tcp: TcpStream) -> Option<Stream> {
    match listener.protection {
        ListenTls::Off | ListenTls::Starttls => Stream::plain(tcp).ok(),
        ListenTls::Implicit | ListenTls::Passthrough => None,
    }
}

/// The client's address, and the one that it connected to.
async fn addressed(
    listener: &Listener,
    tcp: &mut TcpStream,
    from: SocketAddr,
    by: Instant,
) -> Result<Addressed, Failure> {
    let local = tcp
        .local_addr()
        .map_err(|error| Failure::ClientGone(Some(error)))?;
    let direct = Addressed {
        client: from,
        original_dst: local,
    };
    if listener.proxy_header {
        if !listener.trusts(from.ip()) {
            return Err(Refusal::ProxyUntrusted.into());
        }
        let late = || HeaderError::Io(io::ErrorKind::TimedOut.into());
        let header = timeout_at(by, proxy_protocol::read(tcp)).await;
        let header = header.unwrap_or_else(|_| Err(late()));
        return match header {
            Ok(header) => Ok(header.unwrap_or(direct)),
            Err(error) => Err(Refusal::ProxyHeader(error).into()),
        };
    }
    if !listener.transparent {
        return Ok(direct);
    }
    if listener.tproxy {
        // TPROXY leaves the original destination on the socket; an address of this machine means that popgate
        // itself was the destination.
        return match UdpSocket::bind((local.ip(), 0)) {
            Ok(_) => Err(Refusal::NotRedirected.into()),
            Err(_) => Ok(direct),
        };
    }
    // REDIRECT keeps the original destination in connection tracking; a client without one connected to popgate
    // itself.
    match original(tcp) {
        Some(meant) if meant != local => Ok(Addressed {
            client: from,
            original_dst: meant,
        }),
        _ => Err(Refusal::NotRedirected.into()),
    }
}

fn original(tcp: &TcpStream) -> Option<SocketAddr> {
    original_destination(&SockRef::from(tcp), tcp.local_addr().ok()?)
}
