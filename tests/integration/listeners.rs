//! TLS towards mail clients, PROXY headers, and which logins are accepted without TLS.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::authority::{self, Authority, Pair, authority};
use crate::support::{Peer, Proxy, Settings};
use popgate::config::{HostPattern, ListenTls, Sni};
use popgate::net::proxy_protocol::{self, Addressed};
use popgate::net::tls::{Certificate, CertificateError, CertificateResolver, server_config};
use tokio::net::TcpListener;

/// A proxy with a listener of this TLS mode; the test acts as the upstream.
async fn proxy(
    protection: ListenTls,
    certified: &Authority,
    change: impl FnOnce(&mut Settings),
) -> (Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.listen.tls = protection;
    settings.listen.name = protection.label().to_owned();
    settings.tls_server = Some(authority::server(&certified.pair("pop.example.org")));
    change(&mut settings);
    (Proxy::start(settings).await, listener)
}

/// Sends the upstream's greeting and expects it at the client.
async fn greeted(client: &mut Peer, listener: &TcpListener) -> Peer {
    let mut upstream = Peer::accept(listener).await;
    upstream.send(b"+OK <1.2@example.org>\r\n").await;
    client.expect(b"+OK <1.2@example.org>\r\n").await;
    upstream
}

/// Sends a command and its response through the proxy.
async fn relayed(client: &mut Peer, upstream: &mut Peer, command: &[u8], answer: &[u8]) {
    client.send(command).await;
    upstream.expect(command).await;
    upstream.send(answer).await;
    client.expect(answer).await;
}

/// Lets a test act as a client on another machine: PROXY headers are trusted over loopback.
fn trust_proxy_headers_from_loopback(settings: &mut Settings) {
    settings.listen.proxy_header = true;
    settings.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

fn remote_client_header() -> Vec<u8> {
    proxy_protocol::v1(Addressed {
        client: "192.0.2.7:4000".parse().unwrap(),
        original_dst: "198.51.100.1:110".parse().unwrap(),
    })
}

async fn connect_as_remote_client(address: SocketAddr) -> Peer {
    let mut client = Peer::connect(address).await;
    client.send(&remote_client_header()).await;
    client
}

#[tokio::test]
async fn a_session_over_implicit_tls_is_relayed() {
    let authority = authority("pop.example.org");
    let (mut proxy, listener) = proxy(ListenTls::Implicit, &authority, |_| {}).await;
    let client = Peer::connect(proxy.address).await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    let mut upstream = greeted(&mut client, &listener).await;
    relayed(&mut client, &mut upstream, b"USER a\r\n", b"+OK\r\n").await;
    relayed(&mut client, &mut upstream, b"PASS b\r\n", b"+OK in\r\n").await;
    client.send(b"CAPA\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(b"+OK\r\nSTLS\r\nTOP\r\n.\r\n").await;
    client.expect(b"+OK\r\nTOP\r\n.\r\n").await;
    relayed(&mut client, &mut upstream, b"QUIT\r\n", b"+OK\r\n").await;
    proxy.session_end().await;
    let counted = "popgate_connections_total{listener=\"pop3s\",outcome=\"accepted\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn stls_is_offered_until_tls_is_active() {
    let authority = authority("pop.example.org");
    let (mut proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    for (tls, shown) in [
        (false, &b"+OK\r\nTOP\r\nUSER\r\nSTLS\r\n.\r\n"[..]),
        (true, b"+OK\r\nTOP\r\nUSER\r\n.\r\n"),
    ] {
        if tls {
            client.send(b"STLS\r\n").await;
            client.expect(b"+OK begin TLS\r\n").await;
            client = client
                .encrypted("pop.example.org", authority.trusted())
                .await
                .unwrap();
        }
        client.send(b"CAPA\r\n").await;
        upstream.expect(b"CAPA\r\n").await;
        // The upstream's STLS is for its own connection and not offered to the client.
        upstream.send(b"+OK\r\nTOP\r\nUSER\r\nSTLS\r\n.\r\n").await;
        client.expect(shown).await;
    }
    client.send(b"STLS\r\n").await;
    client.expect(b"-ERR STLS is not offered here\r\n").await;
    relayed(&mut client, &mut upstream, b"USER a\r\n", b"+OK\r\n").await;
    relayed(&mut client, &mut upstream, b"PASS b\r\n", b"+OK in\r\n").await;
    relayed(&mut client, &mut upstream, b"QUIT\r\n", b"+OK\r\n").await;
    proxy.session_end().await;
}

#[tokio::test]
async fn a_server_without_capa_does_not_hide_stls() {
    let authority = authority("pop.example.org");
    let (_proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(_proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    client.send(b"CAPA\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(b"-ERR what?\r\n").await;
    let list = String::from_utf8(client.answer().await).unwrap();
    assert!(list.contains("\r\nSTLS\r\n"), "{list}");
    client.send(b"STLS\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    client.send(b"CAPA\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(b"-ERR what?\r\n").await;
    client.expect(b"+OK\r\nTOP\r\nUIDL\r\nUSER\r\n.\r\n").await;
    relayed(&mut client, &mut upstream, b"USER a\r\n", b"+OK\r\n").await;
    relayed(&mut client, &mut upstream, b"PASS b\r\n", b"+OK in\r\n").await;
    // After the login the server's response is relayed.
    relayed(&mut client, &mut upstream, b"CAPA\r\n", b"-ERR what?\r\n").await;
}

#[tokio::test]
async fn stls_after_user_is_refused() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    relayed(&mut client, &mut upstream, b"USER mallory\r\n", b"+OK\r\n").await;
    client.send(b"STLS\r\n").await;
    client.expect(b"-ERR STLS comes before any login\r\n").await;
}

#[tokio::test]
async fn trap_36_commands_pipelined_after_stls_are_discarded() {
    let authority = authority("pop.example.org");
    let (_proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(_proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    client.send(b"STLS\r\nUSER mallory\r\nPASS x\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    relayed(&mut client, &mut upstream, b"USER ann\r\n", b"+OK\r\n").await;
}

#[tokio::test]
async fn pending_responses_are_sent_before_tls() {
    let authority = authority("pop.example.org");
    let (_proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(_proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    client.send(b"CAPA\r\nNOOP\r\nSTLS\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(b"+OK\r\nTOP\r\n.\r\n").await;
    client.expect(b"+OK\r\nTOP\r\nSTLS\r\n.\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"-ERR not now\r\n").await;
    client.expect(b"-ERR not now\r\n+OK begin TLS\r\n").await;
    let tls = client.encrypted("pop.example.org", authority.trusted());
    assert!(tls.await.is_ok());
}

#[tokio::test]
async fn remote_plaintext_logins_are_refused() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(
        ListenTls::Starttls,
        &authority,
        trust_proxy_headers_from_loopback,
    )
    .await;
    let mut client = connect_as_remote_client(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    client.send(b"CAPA\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream
        .send(b"+OK\r\nUSER\r\nSASL PLAIN CRAM-MD5\r\n.\r\n")
        .await;
    client
        .expect(b"+OK\r\nSASL CRAM-MD5\r\nSTLS\r\n.\r\n")
        .await;
    for command in ["USER ann", "PASS x", "AUTH PLAIN AGEAYg==", "AUTH XOAUTH2"] {
        client.send(format!("{command}\r\n").as_bytes()).await;
        let received = String::from_utf8(client.line().await).unwrap();
        assert!(
            received.starts_with("-ERR [AUTH] passwords are not accepted"),
            "{received}"
        );
    }
    // Mechanisms that do not expose the password are relayed.
    relayed(
        &mut client,
        &mut upstream,
        b"APOP ann 0123\r\n",
        b"-ERR no\r\n",
    )
    .await;
    let counted = "popgate_refused_total{reason=\"plaintext\"}";
    assert_eq!(proxy.metric(counted), 4.0);
    // Under TLS the login is accepted.
    client.send(b"STLS\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    relayed(&mut client, &mut upstream, b"USER ann\r\n", b"+OK\r\n").await;
}

#[tokio::test]
async fn remote_plaintext_logins_are_accepted_with_allow_plaintext() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Off, &authority, |settings| {
        trust_proxy_headers_from_loopback(settings);
        settings.listen.allow_plaintext = true;
    })
    .await;
    let mut client = connect_as_remote_client(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    relayed(&mut client, &mut upstream, b"USER ann\r\n", b"+OK\r\n").await;
}

#[tokio::test]
async fn proxy_headers_are_read_before_the_tls_handshake() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(
        ListenTls::Implicit,
        &authority,
        trust_proxy_headers_from_loopback,
    )
    .await;
    let client = connect_as_remote_client(proxy.address).await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    greeted(&mut client, &listener).await;
}

#[tokio::test]
async fn untrusted_proxies_and_missing_proxy_headers_are_rejected() {
    let authority = authority("pop.example.org");
    let (untrusting, _listener) = proxy(ListenTls::Off, &authority, |settings| {
        trust_proxy_headers_from_loopback(settings);
        settings.listen.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    })
    .await;
    let mut client = Peer::connect(untrusting.address).await;
    assert_eq!(client.rest().await, b"");
    let counted = "popgate_refused_total{reason=\"proxy_untrusted\"}";
    assert_eq!(untrusting.metric(counted), 1.0);
    let (headless, _listener) = proxy(
        ListenTls::Off,
        &authority,
        trust_proxy_headers_from_loopback,
    )
    .await;
    let mut client = Peer::connect(headless.address).await;
    client.send(b"USER ann\r\n").await;
    assert_eq!(client.rest().await, b"");
    let counted = "popgate_refused_total{reason=\"proxy_header\"}";
    assert_eq!(headless.metric(counted), 1.0);
    let counted = "popgate_connections_total{listener=\"pop3\",outcome=\"refused\"}";
    assert_eq!(headless.metric(counted), 1.0);
}

#[tokio::test]
async fn sni_selects_certificate_and_upstream() {
    let authority = authority("pop.example.org");
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let named = authority.pair("other.example.org");
    let (certificate, key) = (named.certificate.clone(), named.key.clone());
    let default = authority.pair("pop.example.org");
    let (proxy, first) = proxy(ListenTls::Implicit, &authority, |settings| {
        let pattern = HostPattern::parse("other.example.org").unwrap();
        let fits = pattern.clone();
        settings.listen.sni = vec![Sni {
            name: pattern,
            pair: None,
            upstream: Some(1),
        }];
        let upstream = popgate::config::Upstream::new(
            "second",
            "127.0.0.1",
            port,
            popgate::config::TlsMode::Off,
        );
        settings.others = vec![(upstream, None)];
        let read = |pair: &Pair| Arc::new(Certificate::read(&pair.certificate, &pair.key).unwrap());
        let choice = CertificateResolver {
            named: vec![(Box::new(move |name| fits.matches(name)), read(&named))],
            default: Some(read(&default)),
        };
        settings.tls_server = Some(server_config(choice).unwrap());
    })
    .await;
    let mut proofs = Vec::new();
    for (name, listener) in [("pop.example.org", &first), ("other.example.org", &other)] {
        let client = Peer::connect(proxy.address).await;
        let mut client = client.encrypted(name, authority.trusted()).await.unwrap();
        proofs.push(client.proof());
        greeted(&mut client, listener).await;
    }
    assert_ne!(proofs[0], proofs[1]);
    assert!(certificate.exists() && key.exists());
}

#[tokio::test]
async fn an_sni_without_a_certificate_is_refused() {
    let authority = authority("pop.example.org");
    let (mut proxy, _listener) = proxy(ListenTls::Implicit, &authority, |settings| {
        let choice = CertificateResolver {
            named: Vec::new(),
            default: None,
        };
        settings.tls_server = Some(server_config(choice).unwrap());
    })
    .await;
    let client = Peer::connect(proxy.address).await;
    let tls = client.encrypted("unknown.example.org", authority.trusted());
    assert!(tls.await.is_err());
    proxy.session_end().await;
    let counted = "popgate_refused_total{reason=\"unknown_sni\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn a_renewed_certificate_is_applied_and_an_invalid_one_is_not() {
    let authority = authority("renewed.example.org");
    let pair = authority.pair("renewed.example.org");
    let certificate = Arc::new(Certificate::read(&pair.certificate, &pair.key).unwrap());
    let choice = CertificateResolver {
        named: Vec::new(),
        default: Some(Arc::clone(&certificate)),
    };
    let server = server_config(choice).unwrap();
    let (proxy, listener) = proxy(ListenTls::Implicit, &authority, |settings| {
        settings.tls_server = Some(server);
    })
    .await;
    let mut seen = Vec::new();
    for round in 0..3 {
        match round {
            0 => assert!(!certificate.refresh().unwrap()),
            1 => {
                authority.pair("renewed.example.org");
                assert!(certificate.refresh().unwrap());
            }
            _ => {
                std::fs::write(&pair.certificate, "half a fi").unwrap();
                let error = certificate.refresh().unwrap_err();
                assert!(
                    matches!(error, CertificateError::NoCertificate(_)),
                    "{error}"
                );
                // The same broken file is not read again.
                assert!(!certificate.refresh().unwrap());
            }
        }
        let client = Peer::connect(proxy.address).await;
        let mut client = client
            .encrypted("renewed.example.org", authority.trusted())
            .await
            .unwrap();
        seen.push(client.proof());
        greeted(&mut client, &listener).await;
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
}

#[test]
fn certificates_and_keys_are_checked_when_read() {
    let authority = authority("pop.example.org");
    let (one, other) = (
        authority.pair("one.example"),
        authority.pair("other.example"),
    );
    let error = |certificate: &std::path::Path, key: &std::path::Path| {
        Certificate::read(certificate, key).unwrap_err().to_string()
    };
    assert!(error(&one.certificate, &other.key).contains("does not belong to the certificate"));
    assert!(error(&one.key, &one.key).contains("contains no certificate"));
    assert!(error(&one.certificate, &one.certificate).contains("chmod 600"));
    assert!(
        error(&one.certificate, &one.certificate).contains("everybody on this machine may read")
    );
    authority::write_key(&other.key, "no key");
    assert!(error(&one.certificate, &other.key).contains("contains no private key"));
    assert!(error(&one.certificate, std::path::Path::new("/nowhere")).contains("/nowhere"));
}

/// After the `chmod` that the error asks for, the key is accepted without other changes.
#[test]
fn a_key_is_checked_again_when_its_mode_changes() {
    use std::os::unix::fs::PermissionsExt;
    let authority = authority("pop.example.org");
    let (one, other) = (
        authority.pair("one.example"),
        authority.pair("other.example"),
    );
    let certificate = Certificate::read(&one.certificate, &one.key).unwrap();
    assert!(certificate.is_still(&one.certificate, &one.key));
    std::fs::copy(&other.certificate, &one.certificate).unwrap();
    std::fs::copy(&other.key, &one.key).unwrap();
    std::fs::set_permissions(&one.key, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(!certificate.is_still(&one.certificate, &one.key));
    let received = certificate.refresh().unwrap_err().to_string();
    assert!(received.contains("chmod 600"), "{received}");
    assert!(
        !certificate.refresh().unwrap(),
        "the error is reported once"
    );
    std::fs::set_permissions(&one.key, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(certificate.refresh().unwrap());
    assert!(certificate.is_still(&one.certificate, &one.key));
}

#[tokio::test]
async fn a_client_that_does_not_log_in_is_disconnected() {
    let authority = authority("pop.example.org");
    let (mut proxy, listener) = proxy(ListenTls::Off, &authority, |settings| {
        settings.timeouts.login = std::time::Duration::from_millis(200);
    })
    .await;
    let mut client = Peer::connect(proxy.address).await;
    let _upstream = greeted(&mut client, &listener).await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn a_partial_command_line_times_out() {
    let authority = authority("pop.example.org");
    let (mut proxy, listener) = proxy(ListenTls::Off, &authority, |settings| {
        settings.timeouts.command_line = std::time::Duration::from_millis(200);
    })
    .await;
    let mut client = Peer::connect(proxy.address).await;
    let _upstream = greeted(&mut client, &listener).await;
    client.send(b"USER an").await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn the_client_address_is_sent_to_the_server_by_proxy_header() {
    use popgate::config::{ProxyHeader, Upstream};
    for (header, change) in [
        (
            ProxyHeader::V1,
            (|it| it.proxy_header = ProxyHeader::V1) as fn(&mut Upstream),
        ),
        (ProxyHeader::V2, |it| it.proxy_header = ProxyHeader::V2),
    ] {
        let authority = authority("pop.example.org");
        let (proxy, listener) = proxy(ListenTls::Off, &authority, |settings| {
            trust_proxy_headers_from_loopback(settings);
            settings.change = change;
        })
        .await;
        let mut client = connect_as_remote_client(proxy.address).await;
        let mut upstream = Peer::accept(&listener).await;
        let expected = match header {
            ProxyHeader::V1 => remote_client_header(),
            _ => proxy_protocol::v2(Addressed {
                client: "192.0.2.7:4000".parse().unwrap(),
                original_dst: "198.51.100.1:110".parse().unwrap(),
            })
            .unwrap(),
        };
        upstream.expect(&expected).await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
    }
}

/// The system reuses local ports for connections to different addresses: a mail program on this machine may
/// have the same address and port as popgate's end of an outgoing connection.
#[tokio::test]
async fn a_client_with_the_address_of_an_outgoing_connection_is_not_a_loop() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(
        ListenTls::Off,
        &authority,
        trust_proxy_headers_from_loopback,
    )
    .await;
    let _first = connect_as_remote_client(proxy.address).await;
    let (_server, local_address) = listener.accept().await.unwrap();
    let mut second = Peer::connect(proxy.address).await;
    let header = proxy_protocol::v1(Addressed {
        client: local_address,
        original_dst: proxy.address,
    });
    second.send(&header).await;
    greeted(&mut second, &listener).await;
}
