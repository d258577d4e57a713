//! TLS to the upstream: it is established and verified as configured, or the session is refused.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use crate::support::authority::{Authority, authority, server as authority_server};
use crate::support::{PATIENCE, Peer, Proxy, Settings};
use popgate::config::TlsMode;
use popgate::net::Stream;
use popgate::upstream::client_config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

/// A proxy that trusts this authority, its client, and the listener of its upstream.
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

/// Serves one message over an established TLS connection.
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
async fn stls_completes_before_the_client_is_greeted() {
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
async fn trap_36_plain_text_after_the_stls_response_is_refused() {
    let authority = authority("localhost");
    let (proxy, mut client, listener) = proxy(TlsMode::Starttls, &authority).await;
    let mut tcp = accept(&listener).await;
    tcp.write_all(b"+OK\r\n").await.unwrap();
    assert_eq!(line(&mut tcp).await, "STLS\r\n");
    tcp.write_all(b"+OK go on\r\n+OK injected\r\n")
        .await
        .unwrap();
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(
        received.contains("plain text followed the response to STLS"),
        "{received}"
    );
    assert!(!received.contains("injected"), "{received}");
    let line = "popgate_upstream_errors_total{kind=\"stls\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test]
async fn there_is_no_plaintext_fallback_for_a_server_without_stls() {
    let authority = authority("localhost");
    let (_proxy, mut client, listener) = proxy(TlsMode::Starttls, &authority).await;
    let mut tcp = accept(&listener).await;
    tcp.write_all(b"+OK\r\n").await.unwrap();
    assert_eq!(line(&mut tcp).await, "STLS\r\n");
    tcp.write_all(b"-ERR unknown command\r\n").await.unwrap();
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(received.contains("the server refused STLS"), "{received}");
    let mut rest = Vec::new();
    let _ = tcp.read_to_end(&mut rest).await;
    assert_eq!(rest, b"", "nothing may be sent in plain text");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (trusted, other) = (authority("localhost"), authority("localhost"));
    let (proxy, mut client, listener) = proxy(TlsMode::Implicit, &trusted).await;
    let tcp = accept(&listener).await;
    assert!(other.acceptor.accept(tcp).await.is_err());
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(received.starts_with("-ERR [SYS/TEMP] "), "{received}");
    assert!(
        received.contains("TLS failed: its certificate"),
        "{received}"
    );
    let line = "popgate_upstream_errors_total{kind=\"certificate\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = authority("elsewhere.example");
    let (_proxy, mut client, listener) = proxy(TlsMode::Implicit, &authority).await;
    let tcp = accept(&listener).await;
    assert!(authority.acceptor.accept(tcp).await.is_err());
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(
        received.contains("TLS failed: its certificate"),
        "{received}"
    );
}

/// What was decrypted already and what comes later arrive after the first event loop has ended.
#[test]
fn a_tls_stream_continues_on_another_event_loop() {
    let event_loop = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let certified = authority("pop.example.org");
    let acceptor =
        tokio_rustls::TlsAcceptor::from(authority_server(&certified.pair("pop.example.org")));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (address, trusted) = (listener.local_addr().unwrap(), certified.trusted());
    let (tell, told) = std::sync::mpsc::channel();
    let client = std::thread::spawn(move || {
        event_loop().block_on(async {
            let client = Peer::connect(address).await;
            let mut client = client.encrypted("pop.example.org", trusted).await.unwrap();
            client.send(b"one two").await;
            told.recv().unwrap();
            client.send(b" three").await;
        });
    });
    let (first, second) = (event_loop(), event_loop());
    let mut stream = first.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        let mut stream = Stream::tls(acceptor.accept(accept(&listener).await).await.unwrap());
        let mut begin = [0; 3];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"one");
        stream
    });
    second.block_on(async { stream.move_to_this_event_loop().unwrap() });
    drop(first);
    tell.send(()).unwrap();
    second.block_on(async {
        let mut rest = [0; 10];
        let read = stream.read_exact(&mut rest);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        assert_eq!(&rest, b" two three");
    });
    client.join().unwrap();
}
