//! The end of TLS connections: popgate sends close_notify on every way out, to both sides (RFC 8446
//! section 6.1), and forgives peers that do not.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use crate::support::authority::{self, authority};
use crate::support::{Peer, Proxy, Settings};
use popgate::config::{ListenTls, TlsMode};
use tokio::net::TcpListener;

/// A session that is logged in, with TLS on both sides; the popgate that serves it, its client, its upstream.
async fn encrypted(change: impl FnOnce(&mut Settings)) -> (Proxy, Peer, Peer) {
    let authority = authority("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.tls = TlsMode::Implicit;
    settings.host = "localhost".to_owned();
    settings.client_config = Some(authority.trusted());
    settings.listen.tls = ListenTls::Implicit;
    settings.tls_server = Some(authority::server(&authority.pair("localhost")));
    change(&mut settings);
    let proxy = Proxy::start(settings).await;
    let client = Peer::connect(proxy.address).await;
    let client = client.encrypted("localhost", authority.trusted());
    let upstream = async {
        let upstream = Peer::accept(&listener).await;
        upstream.accepted(&authority.acceptor).await
    };
    let (client, upstream) = tokio::join!(client, upstream);
    let (mut client, mut upstream) = (client.unwrap(), upstream.unwrap());
    upstream.send(b"+OK ready\r\n").await;
    client.expect(b"+OK ready\r\n").await;
    relayed(&mut client, &mut upstream, b"USER a\r\n", b"+OK\r\n").await;
    relayed(&mut client, &mut upstream, b"PASS b\r\n", b"+OK in\r\n").await;
    (proxy, client, upstream)
}

async fn relayed(client: &mut Peer, upstream: &mut Peer, command: &[u8], answer: &[u8]) {
    client.send(command).await;
    upstream.expect(command).await;
    upstream.send(answer).await;
    client.expect(answer).await;
}

/// Nothing more comes on either side, and TLS ends properly.
async fn both_end(mut proxy: Proxy, mut client: Peer, mut upstream: Peer) {
    proxy.session_end().await;
    assert_eq!(client.whole_rest().await.unwrap(), b"");
    assert_eq!(upstream.whole_rest().await.unwrap(), b"");
}

#[tokio::test]
async fn after_quit() {
    let (proxy, mut client, mut upstream) = encrypted(|_| {}).await;
    relayed(&mut client, &mut upstream, b"QUIT\r\n", b"+OK bye\r\n").await;
    both_end(proxy, client, upstream).await;
}

#[tokio::test]
async fn when_the_client_leaves_without_quit_and_without_close_notify() {
    let (mut proxy, client, mut upstream) = encrypted(|_| {}).await;
    client.cut();
    proxy.session_end().await;
    assert_eq!(upstream.whole_rest().await.unwrap(), b"");
}

#[tokio::test]
async fn when_the_upstream_leaves() {
    let (mut proxy, mut client, mut upstream) = encrypted(|_| {}).await;
    upstream.half_close().await;
    proxy.session_end().await;
    assert_eq!(client.whole_rest().await.unwrap(), b"");
    assert_eq!(upstream.whole_rest().await.unwrap(), b"");
}

#[tokio::test]
async fn inside_a_message() {
    let (mut proxy, mut client, mut upstream) = encrypted(|it| it.hold_bytes = 16).await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream
        .send(b"+OK\r\nSubject: a\r\n\r\nhalf a message")
        .await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nhalf").await;
    upstream.half_close().await;
    proxy.session_end().await;
    let rest = client.whole_rest().await.unwrap();
    assert!(!rest.ends_with(b".\r\n"));
    assert_eq!(upstream.whole_rest().await.unwrap(), b"");
}

#[tokio::test]
async fn when_popgate_stops() {
    let (proxy, client, upstream) = encrypted(|_| {}).await;
    proxy.signal.stop();
    both_end(proxy, client, upstream).await;
}

#[tokio::test]
async fn when_a_timeout_has_passed() {
    let short = std::time::Duration::from_millis(50);
    let (proxy, client, upstream) = encrypted(|it| it.timeouts.idle = short).await;
    both_end(proxy, client, upstream).await;
}

#[tokio::test]
async fn when_the_server_is_refused() {
    let authority = authority("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.listen.tls = ListenTls::Implicit;
    settings.tls_server = Some(authority::server(&authority.pair("localhost")));
    let proxy = Proxy::start(settings).await;
    let client = Peer::connect(proxy.address).await;
    let mut client = client
        .encrypted("localhost", authority.trusted())
        .await
        .unwrap();
    Peer::accept(&listener).await.send(b"-ERR busy\r\n").await;
    let rest = client.whole_rest().await.unwrap();
    assert!(rest.starts_with(b"-ERR [SYS/TEMP] "));
}

#[tokio::test]
async fn a_client_that_just_closes_has_ended_and_a_server_has_not() {
    let authority = authority("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for client_closes in [true, false] {
        let client = Peer::connect(listener.local_addr().unwrap()).await;
        let server = Peer::accept(&listener).await;
        let (client, server) = tokio::join!(
            client.encrypted("localhost", authority.trusted()),
            server.accepted(&authority.acceptor)
        );
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        // With it, what TLS 1.3 sends after the handshake is read.
        server.send(b"x").await;
        client.expect(b"x").await;
        if client_closes {
            client.cut();
            assert_eq!(server.whole_rest().await.unwrap(), b"");
        } else {
            server.cut();
            let error = client.whole_rest().await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        }
    }
}
