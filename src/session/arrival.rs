//! From an accepted connection to a client that popgate can talk to: whose it is (PROXY header, the
//! firewall's redirect), whether it may come, and TLS where the listener begins with it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;

use super::caller::Caller;
use super::leg::Leg;
use super::port::Port;
use super::relay::LAST_WORDS;
use super::{Failure, Refusal, Service};
use crate::config::ListenTls;
use crate::metrics::ConnectionOutcome;
use crate::net::proxy::{self, Addressed, HeaderError};
use crate::net::{Drain, Stream};

/// Why it does not begin, and the stream if the client can be told.
pub(super) type Turned = (Failure, Option<Stream>);

/// Takes a connection in, by this time; nothing if it was carried through, and is over.
pub(super) async fn arrive<'s>(
    service: &'s Service,
    port: &'s Port,
    mut tcp: TcpStream,
    by: Instant,
    drain: &Drain,
) -> Result<Option<(Caller<'s>, Leg)>, Turned> {
    let gone = |error| (Failure::ClientGone(Some(error)), None);
    // Nagle's algorithm and the peer's delayed acknowledgement would hold the end of an answer, and of
    // a handshake, back for 40 ms.
    tcp.set_nodelay(true).map_err(gone)?;
    let by = by.min(Instant::now() + service.timeouts.handshake);
    let from = tcp.peer_addr().map_err(gone)?;
    let addressed = match addressed(port, &mut tcp, from, by).await {
        Ok(addressed) => addressed,
        Err(failure) => return Err((failure, voice(port, tcp))),
    };
    let before_firewall = match port.proxy_header {
        true => addressed.original_dst,
        false => original(&tcp).unwrap_or(addressed.original_dst),
    };
    let loops = service.router.loop_detection();
    if loops.is_own_connection(addressed.client, before_firewall) {
        return Err((Refusal::Loop.into(), voice(port, tcp)));
    }
    let slot = match service.guards.arrive(service, addressed.client.ip()) {
        Ok(slot) => slot,
        Err(refusal) => return Err((refusal.into(), voice(port, tcp))),
    };
    let mut caller = Caller {
        port,
        addressed,
        before_firewall,
        asked_for: None,
        _slot: slot,
    };
    // A client whose machine is gone must not stay for ever.
    if let Err(error) = SockRef::from(&tcp).set_keepalive(true) {
        tracing::debug!(%error, "no keep-alive");
    }
    let stream = match (port.protection, &port.tls) {
        (ListenTls::Passthrough, _) => {
            carry_through(service, &caller, tcp, drain).await?;
            return Ok(None);
        }
        (ListenTls::Implicit, Some(_)) => encrypt(&mut caller, tcp, by)
            .await
            .map_err(|it| (it, None))?,
        _ => Stream::plain(tcp).map_err(gone)?,
    };
    service
        .metrics
        .connection(&port.name, ConnectionOutcome::Accepted);
    let leg = Leg::new(stream.with_read_limit(service.piece), BytesMut::new());
    Ok(Some((caller, leg)))
}

/// The stream to tell a client why it is turned away; none where TLS comes first, in front of which a
/// line of text could not be read.
fn voice(port: &Port, tcp: TcpStream) -> Option<Stream> {
    match port.protection {
        ListenTls::Off | ListenTls::Starttls => Stream::plain(tcp).ok(),
        ListenTls::Implicit | ListenTls::Passthrough => None,
    }
}

/// Whose connection it is, and whom it meant.
async fn addressed(
    port: &Port,
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
    if port.proxy_header {
        if !port.trusts(from.ip()) {
            return Err(Refusal::Stranger.into());
        }
        let late = || HeaderError::Io(io::ErrorKind::TimedOut.into());
        let header = timeout_at(by, proxy::read(tcp)).await;
        let header = header.unwrap_or_else(|_| Err(late()));
        return match header {
            Ok(header) => Ok(header.unwrap_or(direct)),
            Err(error) => Err(Refusal::ProxyHeader(error).into()),
        };
    }
    if !port.transparent {
        return Ok(direct);
    }
    if port.tproxy {
        // TPROXY leaves the address that was meant on the socket; one of this machine's was not meant
        // for anybody else.
        return match UdpSocket::bind((local.ip(), 0)) {
            Ok(_) => Err(Refusal::NotRedirected.into()),
            Err(_) => Ok(direct),
        };
    }
    // REDIRECT keeps what was meant in the connection tracking; who came without it meant us.
    match original(tcp) {
        Some(meant) if meant != local => Ok(Addressed {
            client: from,
            original_dst: meant,
        }),
        _ => Err(Refusal::NotRedirected.into()),
    }
}

/// Where a connection was meant to go before a firewall's redirect; the kernel's connection tracking
/// knows, if there was one.
fn original(tcp: &TcpStream) -> Option<SocketAddr> {
    let socket = SockRef::from(tcp);
    let meant = match tcp.local_addr().ok()? {
        SocketAddr::V4(_) => socket.original_dst_v4(),
        SocketAddr::V6(_) => socket.original_dst_v6(),
    };
    meant.ok()?.as_socket()
}

/// TLS with the client, by the name that it asks for.
pub(super) async fn encrypt(
    caller: &mut Caller<'_>,
    tcp: TcpStream,
    by: Instant,
) -> Result<Stream, Failure> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let refused = |error| Failure::from(Refusal::Handshake(error));
    let Some(config) = caller.port.tls.clone() else {
        return Err(refused(io::Error::other("no certificate")));
    };
    let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp);
    let hello = timeout_at(by, hello)
        .await
        .map_err(late)
        .flatten()
        .map_err(refused)?;
    let asked_for = hello.client_hello().server_name().map(str::to_owned);
    let tls = timeout_at(by, hello.into_stream(config))
        .await
        .map_err(late)
        .flatten();
    match tls {
        Ok(tls) => {
            caller.asked_for = asked_for;
            Ok(Stream::tls(tls))
        }
        Err(error) => Err(match asked_for {
            // The library says the same for a client without any cipher in common.
            Some(name) if error.to_string().contains("no server certificate") => {
                Refusal::UnknownName(name).into()
            }
            _ => refused(error),
        }),
    }
}

/// Carries bytes between the client and the server that it meant, without a look at them.
async fn carry_through(
    service: &Service,
    caller: &Caller<'_>,
    tcp: TcpStream,
    drain: &Drain,
) -> Result<(), Turned> {
    let dialler = service.router.original(caller.addressed.original_dst, None);
    let connected = dialler.connect(caller.on_behalf()).await;
    let (upstream, _own) = match connected {
        Ok(connected) => connected,
        Err(error) => {
            let name = dialler.upstream().name.clone();
            return Err((Failure::Dial(name, error), None));
        }
    };
    if caller.is_ourselves(service.router.loop_detection()) {
        return Err((Refusal::Loop.into(), None));
    }
    service
        .metrics
        .connection(&caller.port.name, ConnectionOutcome::ProxiedAway);
    // However it ends, both sides see the same end.
    let carried = Carried {
        began: Instant::now(),
        moved: AtomicU64::new(0),
    };
    let (from_client, to_client) = tokio::io::split(tcp);
    let (from_upstream, to_upstream) = tokio::io::split(upstream);
    let both = async {
        tokio::try_join!(
            carried.one_way(from_client, to_upstream),
            carried.one_way(from_upstream, to_client)
        )
    };
    tokio::select! {
        _ = both => {}
        () = carried.rests(service.timeouts.idle) => {}
        () = async {
            drain.clone().stopping().await;
            tokio::time::sleep(LAST_WORDS).await;
            carried.rests(LAST_WORDS).await;
        } => {}
    }
    Ok(())
}

/// When octets last moved between two sides that nobody looks into.
struct Carried {
    began: Instant,
    /// In milliseconds from then.
    moved: AtomicU64,
}

impl Carried {
    async fn one_way(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut piece = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut piece).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&piece[..read]).await?;
            to.flush().await?;
            let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.moved.store(now, Ordering::Relaxed);
        }
    }

    /// Ready when nothing has moved for so long.
    async fn rests(&self, limit: Duration) {
        loop {
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let due = self.began + moved + limit;
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_carried_goes_on_while_it_moves_and_ends_when_it_rests() {
        let carried = Carried {
            began: Instant::now(),
            moved: AtomicU64::new(0),
        };
        let (mut near, from) = tokio::io::duplex(64);
        let (to, mut far) = tokio::io::duplex(64);
        let limit = Duration::from_millis(400);
        let talk = async {
            for number in 0..8u8 {
                tokio::time::sleep(limit / 4).await;
                near.write_all(&[number]).await.unwrap();
                assert_eq!(far.read_u8().await.unwrap(), number);
            }
            carried.began.elapsed()
        };
        let rests = async {
            carried.rests(limit).await;
            carried.began.elapsed()
        };
        tokio::select! {
            ended = carried.one_way(from, to) => panic!("{ended:?}"),
            (talked, rested) = async { tokio::join!(talk, rests) } => assert!(talked < rested),
        }
    }
}
