//! TLS with the client: from the first byte, or after STLS (RFC 2595 section 4).
//!
//! A signature with an RSA key takes a millisecond of a core, which a client has for one packet: handshakes are
//! computed in turns, a few at a time, and other work of the event loop comes in between.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::pin;
use std::task::Poll;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::{Error as TlsError, PeerIncompatible};

use super::client::Client;
use super::connection::Connection;
use super::failure::Failure;
use super::refusal::Refusal;
use super::service::Service;
use crate::net::Stream;
use crate::net::client_offer::ClientOffer;
use crate::net::quota::counted;
use crate::net::tls_error::of_tls;
use crate::net::turns::{Join, QueueFull};

/// TLS after STLS, before this deadline. All earlier responses are sent already.
pub(super) async fn start_tls(
    service: &Service,
    client: &mut Client<'_>,
    connection: &mut Connection,
    deadline: Instant,
) -> Result<(), Failure> {
    let Some(tcp) = connection.stream.take_plain() else {
        return Err(Failure::ClientGone(None));
    };
    let deadline = deadline.min(Instant::now() + service.timeouts.handshake);
    let stream = accept_tls(service, client, tcp, deadline).await?;
    connection.stream = stream.with_read_limit(service.read_limit);
    Ok(())
}

/// TLS with the client, with the certificate for its SNI.
pub(super) async fn accept_tls(
    service: &Service,
    client: &mut Client<'_>,
    tcp: TcpStream,
    by: Instant,
) -> Result<Stream, Failure> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let refused = |error| Failure::from(Refusal::Handshake(error));
    let Some(config) = client.listener.tls.clone() else {
        return Err(refused(io::Error::other("no certificate")));
    };
    let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp);
    let hello = timeout_at(by, hello)
        .await
        .map_err(late)
        .flatten()
        .map_err(refused)?;
    let sni = hello.client_hello().server_name().map(str::to_owned);
    let offer = ClientOffer::of(&hello.client_hello());
    let handshake = async {
        // It may have waited: nothing is computed for a client that has left meanwhile.
        match SockRef::from(&hello.io).peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => hello.into_stream(config).await,
        }
    };
    let handshake = in_turns(service, client.address().ip(), handshake);
    let tls = match timeout_at(by, handshake).await {
        Ok(tls) => tls?,
        Err(elapsed) => Err(late(elapsed)),
    };
    match tls {
        Ok(tls) => {
            client.sni = sni;
            Ok(Stream::tls(tls))
        }
        Err(error) => Err(match sni {
            // The library says the same for a client without any cipher in common.
            Some(name) if error.to_string().contains("no server certificate") => {
                Refusal::UnknownSni(name).into()
            }
            _ => match (of_tls(&error), offer.sentence()) {
                // A hello that is too old as a whole is told as that.
                (
                    Some(TlsError::PeerIncompatible(
                        PeerIncompatible::Tls12NotOffered
                        | PeerIncompatible::Tls12NotOfferedOrEnabled,
                    )),
                    _,
                ) => refused(error),
                (Some(TlsError::PeerIncompatible(_)), Some(why)) => refused(io::Error::other(why)),
                _ => refused(error),
            },
        }),
    }
}

/// Handshakes that may wait, for each that is computed: all clients of an office may come at once, as after a restart.
/// With 1 ms each the last one waits for a second, and for longer while running sessions need the cores. Addresses
/// take turns, so that a flood delays nobody else, and `limits.pending_sessions` bounds the memory of all that wait.
const WAITING: usize = 1024;

/// Does a handshake, each step in a turn of its own.
async fn in_turns<T>(
    service: &Service,
    address: IpAddr,
    handshake: impl Future<Output = T>,
) -> Result<T, Failure> {
    let at_a_time = service.limits.handshakes;
    let most = at_a_time * WAITING;
    let mut join = Join::End(most);
    let mut handshake = pin!(handshake);
    loop {
        let waiting = service.metrics.handshake_waits();
        let turns = &service.quotas.handshakes;
        let turn = turns.take(counted(address), at_a_time, join).await;
        let turn = turn.map_err(|QueueFull| Refusal::Handshakes(most))?;
        join = Join::Front;
        drop(waiting);
        let step = poll_fn(|cx| Poll::Ready(handshake.as_mut().poll(cx))).await;
        // Only once the other tasks of this event loop have had their turn.
        tokio::spawn(async {
            tokio::task::yield_now().await;
            drop(turn);
        });
        if let Poll::Ready(done) = step {
            return Ok(done);
        }
        let mut is_woken = false;
        poll_fn(|_| match std::mem::replace(&mut is_woken, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}
