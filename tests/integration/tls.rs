//! TLS to the upstream: established as asked, verified, or no session at all.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use crate::support::authority::{Authority, authority};
use crate::support::{PATIENCE, Peer, Proxy, Settings};
use popgate::config::TlsMode;
use popgate::upstream::client_config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

/// A proxy that trusts `trusted`, its client, and the listener of its upstream.
async fn proxy(tls: TlsMode, trusted: &Authority) -> (Proxy, Peer, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.tls = tls;
    settings.host = "localhost".to_owned();
    settings.client_config = Some(client_config(Some(&trusted.pem()), &[]).unwrap());
    let proxy = Proxy::start(settings).await;
    let client = Peer::connect(proxy.address).await;
    (proxy, client, listener)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(PATIENCE, listener.accept())
        .await
        .unwrap()
        .unwrap()
        .0
}

async fn line(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}

/// Serves one message over TLS that stands already.
async fn serve(mut tls: TlsStream<TcpStream>) {
    assert_eq!(line(&mut tls).await, "RETR 1\r\n");
    tls.write_all(b"+OK\r\nSubject: a\r\n\r\nzzspamzz\r\n.\r\n")
        .await
        .unwrap();
    assert_eq!(line(&mut tls).await, "QUIT\r\n");
    tls.write_all(b"+OK bye\r\n").await.unwrap();
    tls.shutdown().await.unwrap();
}

async fn fetch(client: &mut Peer) {
    client.send(b"RETR 1\r\nQUIT\r\n").await;
    assert!(client.line().await.starts_with(b"+OK "));
    let message = String::from_utf8(client.answer().await).unwrap();
    assert!(
        message.ends_with("Subject: [SPAM] a\r\n\r\nzzspamzz\r\n.\r\n"),
        "{message}"
    );
    assert_eq!(client.rest().await, b"+OK bye\r\n");
}

#[tokio::test]
async fn implicit_tls_is_verified_and_relayed() {
    let authority = authority("localhost");
    let (mut proxy, mut client, listener) = proxy(TlsMode::Implicit, &authority).await;
    let tcp = accept(&listener).await;
    let mut tls = authority.acceptor.accept(tcp).await.unwrap();
    tls.write_all(b"+OK over tls\r\n").await.unwrap();
    client.expect(b"+OK over tls\r\n").await;
    tokio::join!(serve(tls), fetch(&mut client));
    proxy.session_end().await;
}

#[tokio::test]
async fn stls_is_established_before_the_client_hears_anything() {
    let authority = authority("localhost");
    let (_proxy, mut client, listener) = proxy(TlsMode::Starttls, &authority).await;
    let mut tcp = accept(&listener).await;
    tcp.write_all(b"+OK plain <1.2@example.org>\r\n")
        .await
        .unwrap();
    assert_eq!(line(&mut tcp).await, "STLS\r\n");
    tcp.write_all(b"+OK go on\r\n").await.unwrap();
    let tls = authority.acceptor.accept(tcp).await.unwrap();
    client.expect(b"+OK plain <1.2@example.org>\r\n").await;
    tokio::join!(serve(tls), fetch(&mut client));
}

#[tokio::test]
async fn trap_36_plain_text_behind_the_answer_to_stls_is_refused() {
    let authority = authority("localhost");
    let (proxy, mut client, listener) = proxy(TlsMode::Starttls, &authority).await;
    let mut tcp = accept(&listener).await;
    tcp.write_all(b"+OK\r\n").await.unwrap();
    assert_eq!(line(&mut tcp).await, "STLS\r\n");
    tcp.write_all(b"+OK go on\r\n+OK injected\r\n")
        .await
        .unwrap();
    let said = String::from_utf8(client.rest().await).unwrap();
    assert!(
        said.contains("plain text followed the response to STLS"),
        "{said}"
    );
    assert!(!said.contains("injected"), "{said}");
    let line = "popgate_upstream_errors_total{kind=\"stls\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test]
async fn a_server_without_stls_gets_no_plain_text_instead() {
    let authority = authority("localhost");
    let (_proxy, mut client, listener) = proxy(TlsMode::Starttls, &authority).await;
    let mut tcp = accept(&listener).await;
    tcp.write_all(b"+OK\r\n").await.unwrap();
    assert_eq!(line(&mut tcp).await, "STLS\r\n");
    tcp.write_all(b"-ERR unknown command\r\n").await.unwrap();
    let said = String::from_utf8(client.rest().await).unwrap();
    assert!(said.contains("the server refused STLS"), "{said}");
    let mut rest = Vec::new();
    let _ = tcp.read_to_end(&mut rest).await;
    assert_eq!(rest, b"", "nothing may be said in plain text");
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (trusted, other) = (authority("localhost"), authority("localhost"));
    let (proxy, mut client, listener) = proxy(TlsMode::Implicit, &trusted).await;
    let tcp = accept(&listener).await;
    assert!(other.acceptor.accept(tcp).await.is_err());
    let said = String::from_utf8(client.rest().await).unwrap();
    assert!(said.starts_with("-ERR [SYS/TEMP] "), "{said}");
    assert!(
        said.contains("TLS failed: invalid peer certificate"),
        "{said}"
    );
    let line = "popgate_upstream_errors_total{kind=\"certificate\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test]
async fn another_hosts_certificate_is_refused() {
    let authority = authority("elsewhere.example");
    let (_proxy, mut client, listener) = proxy(TlsMode::Implicit, &authority).await;
    let tcp = accept(&listener).await;
    assert!(authority.acceptor.accept(tcp).await.is_err());
    let said = String::from_utf8(client.rest().await).unwrap();
    assert!(
        said.contains("TLS failed: invalid peer certificate"),
        "{said}"
    );
}
