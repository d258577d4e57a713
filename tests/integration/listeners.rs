//! TLS towards mail clients, PROXY headers, and what may be said without TLS.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::authority::{self, Authority, Pair, authority};
use crate::support::{Peer, Proxy, Settings};
use popgate::config::{HostPattern, ListenTls, Sni};
use popgate::net::proxy_protocol::{self, Addressed};
use popgate::net::tls::{Certificate, CertificateError, CertificateResolver, server_config};
use tokio::net::TcpListener;

/// A proxy with a listener of this kind, before an upstream that the test plays.
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

/// The upstream greets, and the client hears it.
async fn greeted(client: &mut Peer, listener: &TcpListener) -> Peer {
    let mut upstream = Peer::accept(listener).await;
    upstream.send(b"+OK <1.2@example.org>\r\n").await;
    client.expect(b"+OK <1.2@example.org>\r\n").await;
    upstream
}

/// A command goes up, and its answer comes down.
async fn relayed(client: &mut Peer, upstream: &mut Peer, command: &[u8], answer: &[u8]) {
    client.send(command).await;
    upstream.expect(command).await;
    upstream.send(answer).await;
    client.expect(answer).await;
}

/// Makes a listener believe every PROXY header that comes over loopback, so that a test can come from
/// another machine.
fn behind_a_proxy(settings: &mut Settings) {
    settings.listen.proxy_header = true;
    settings.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

fn from_afar() -> Vec<u8> {
    proxy_protocol::v1(Addressed {
        client: "192.0.2.7:4000".parse().unwrap(),
        original_dst: "198.51.100.1:110".parse().unwrap(),
    })
}

async fn from_afar_to(address: SocketAddr) -> Peer {
    let mut client = Peer::connect(address).await;
    client.send(&from_afar()).await;
    client
}

#[tokio::test]
async fn a_session_over_implicit_tls() {
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
async fn stls_is_offered_until_it_is_done() {
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
        // What the upstream offers for its own leg is nothing to the client.
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
    // Logged in, the server speaks for itself.
    relayed(&mut client, &mut upstream, b"CAPA\r\n", b"-ERR what?\r\n").await;
}

#[tokio::test]
async fn a_name_from_before_tls_is_not_taken_into_it() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    relayed(&mut client, &mut upstream, b"USER mallory\r\n", b"+OK\r\n").await;
    client.send(b"STLS\r\n").await;
    client.expect(b"-ERR STLS comes before any login\r\n").await;
}

#[tokio::test]
async fn trap_36_what_is_said_before_tls_is_forgotten() {
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
async fn answers_that_are_owed_come_before_tls() {
    let authority = authority("pop.example.org");
    let (_proxy, listener) = proxy(ListenTls::Starttls, &authority, |_| {}).await;
    let mut client = Peer::connect(_proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    client.send(b"CAPA\r\nNOOP\r\nSTLS\r\n").await;
    upstream.expect(b"CAPA\r\nNOOP\r\n").await;
    upstream.send(b"+OK\r\nTOP\r\n.\r\n").await;
    client.expect(b"+OK\r\nTOP\r\nSTLS\r\n.\r\n").await;
    upstream.send(b"-ERR not now\r\n").await;
    client.expect(b"-ERR not now\r\n+OK begin TLS\r\n").await;
    let tls = client.encrypted("pop.example.org", authority.trusted());
    assert!(tls.await.is_ok());
}

#[tokio::test]
async fn passwords_from_afar_are_not_taken_in_plain_text() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Starttls, &authority, behind_a_proxy).await;
    let mut client = from_afar_to(proxy.address).await;
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
        let said = String::from_utf8(client.line().await).unwrap();
        assert!(
            said.starts_with("-ERR [AUTH] passwords are not taken"),
            "{said}"
        );
    }
    // What hides the password may pass.
    relayed(
        &mut client,
        &mut upstream,
        b"APOP ann 0123\r\n",
        b"-ERR no\r\n",
    )
    .await;
    let counted = "popgate_refused_total{reason=\"plaintext\"}";
    assert_eq!(proxy.metric(counted), 4.0);
    // In TLS all is well.
    client.send(b"STLS\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    relayed(&mut client, &mut upstream, b"USER ann\r\n", b"+OK\r\n").await;
}

#[tokio::test]
async fn passwords_from_afar_are_taken_if_the_administrator_wants_it() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Off, &authority, |settings| {
        behind_a_proxy(settings);
        settings.listen.allow_plaintext = true;
    })
    .await;
    let mut client = from_afar_to(proxy.address).await;
    let mut upstream = greeted(&mut client, &listener).await;
    relayed(&mut client, &mut upstream, b"USER ann\r\n", b"+OK\r\n").await;
}

#[tokio::test]
async fn proxy_headers_come_in_front_of_tls() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Implicit, &authority, behind_a_proxy).await;
    let client = from_afar_to(proxy.address).await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    greeted(&mut client, &listener).await;
}

#[tokio::test]
async fn strangers_and_those_without_a_header_are_turned_away() {
    let authority = authority("pop.example.org");
    let (stranger, _listener) = proxy(ListenTls::Off, &authority, |settings| {
        behind_a_proxy(settings);
        settings.listen.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    })
    .await;
    let mut client = Peer::connect(stranger.address).await;
    assert_eq!(client.rest().await, b"");
    let counted = "popgate_refused_total{reason=\"proxy_untrusted\"}";
    assert_eq!(stranger.metric(counted), 1.0);
    let (headless, _listener) = proxy(ListenTls::Off, &authority, behind_a_proxy).await;
    let mut client = Peer::connect(headless.address).await;
    client.send(b"USER ann\r\n").await;
    assert_eq!(client.rest().await, b"");
    let counted = "popgate_refused_total{reason=\"proxy_header\"}";
    assert_eq!(headless.metric(counted), 1.0);
    let counted = "popgate_connections_total{listener=\"pop3\",outcome=\"refused\"}";
    assert_eq!(headless.metric(counted), 1.0);
}

#[tokio::test]
async fn each_name_has_its_certificate_and_its_upstream() {
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
async fn a_name_without_a_certificate_is_refused() {
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
async fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
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
                // It is not tried again and again.
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
fn keys_are_looked_at_before_they_are_used() {
    let authority = authority("pop.example.org");
    let (one, other) = (
        authority.pair("one.example"),
        authority.pair("other.example"),
    );
    let said = |certificate: &std::path::Path, key: &std::path::Path| {
        Certificate::read(certificate, key).unwrap_err().to_string()
    };
    assert!(said(&one.certificate, &other.key).contains("does not belong to the certificate"));
    assert!(said(&one.key, &one.key).contains("contains no certificate"));
    assert!(said(&one.certificate, &one.certificate).contains("chmod 600"));
    assert!(
        said(&one.certificate, &one.certificate).contains("everybody on this machine may read")
    );
    authority::write_key(&other.key, "no key");
    assert!(said(&one.certificate, &other.key).contains("contains no private key"));
    assert!(said(&one.certificate, std::path::Path::new("/nowhere")).contains("/nowhere"));
}

/// What the error asks for is seen when it is done.
#[test]
fn a_key_is_looked_at_again_when_its_mode_changes() {
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
    let said = certificate.refresh().unwrap_err().to_string();
    assert!(said.contains("chmod 600"), "{said}");
    assert!(!certificate.refresh().unwrap(), "it is said once");
    std::fs::set_permissions(&one.key, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(certificate.refresh().unwrap());
    assert!(certificate.is_still(&one.certificate, &one.key));
}

#[tokio::test]
async fn a_client_that_does_not_log_in_is_sent_away() {
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
async fn a_command_that_has_begun_must_end() {
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
async fn the_server_is_told_the_clients_address() {
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
            behind_a_proxy(settings);
            settings.change = change;
        })
        .await;
        let mut client = from_afar_to(proxy.address).await;
        let mut upstream = Peer::accept(&listener).await;
        let expected = match header {
            ProxyHeader::V1 => from_afar(),
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

/// The system gives one local port to several connections: a mail program on this machine may have the
/// same address as the near end of a connection that popgate made, and is not popgate for that.
#[tokio::test]
async fn a_client_with_the_port_of_an_outgoing_connection_is_no_loop() {
    let authority = authority("pop.example.org");
    let (proxy, listener) = proxy(ListenTls::Off, &authority, behind_a_proxy).await;
    let _first = from_afar_to(proxy.address).await;
    let (_server, near_end) = listener.accept().await.unwrap();
    let mut second = Peer::connect(proxy.address).await;
    let header = proxy_protocol::v1(Addressed {
        client: near_end,
        original_dst: proxy.address,
    });
    second.send(&header).await;
    greeted(&mut second, &listener).await;
}
