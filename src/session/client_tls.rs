//! TLS with the client: from the first byte, or after STLS (RFC 2595 section 4).

use std::io;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;

use super::client::Client;
use super::connection::Connection;
use super::failure::Failure;
use super::refusal::Refusal;
use super::service::Service;
use crate::net::Stream;

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
    let stream = accept_tls(client, tcp, deadline).await?;
    connection.stream = stream.with_read_limit(service.read_limit);
    Ok(())
}

/// TLS with the client, with the certificate for its SNI.
pub(super) async fn accept_tls(
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
    let tls = timeout_at(by, hello.into_stream(config))
        .await
        .map_err(late)
        .flatten();
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
            _ => refused(error),
        }),
    }
}
