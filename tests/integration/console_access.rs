//! Who reaches the console, and how: the names that requests may be for, TLS, and cookies that need it.

use popgate::admin::OneTimeToken;
use popgate::config::{ConsoleConfig, HostPattern, ListenTls};

use crate::console::{address, settings};
use crate::support::authority::{authority, server};
use crate::support::browser::Browser;
use crate::support::{Peer, Proxy};

fn console(tls: bool) -> ConsoleConfig {
    ConsoleConfig {
        hosts: vec![HostPattern::parse("mail.example.net").unwrap()],
        tls,
        ..ConsoleConfig::default()
    }
}

#[tokio::test]
async fn requests_are_for_a_name_that_is_the_consoles() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path()).await;
    settings.console = console(false);
    let proxy = Proxy::start(settings).await;
    for (host, status) in [
        ("mail.example.net", 200),
        ("MAIL.example.net:9110", 200),
        ("localhost", 200),
        ("192.0.2.1:80", 200),
        ("evil.example", 421),
        ("mail.example.net.evil.example", 421),
    ] {
        let mut browser = Browser::for_host(address(&proxy), host);
        assert_eq!(browser.get("/login").await.status, status, "{host}");
        assert_eq!(browser.get("/metrics").await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_login_through_tls_makes_a_cookie_for_tls() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path()).await;
    settings.console = console(false);
    let proxy = Proxy::start(settings).await;
    let shared = &proxy.admin.as_ref().unwrap().1;
    for (scheme, is_secure) in [("https", true), ("http", false)] {
        let OneTimeToken(token) = shared.new_token().unwrap();
        let mut browser = Browser::for_host(address(&proxy), "mail.example.net");
        let head = format!(
            "Origin: {scheme}://mail.example.net\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        );
        let body = format!("as=token&token={token}");
        let answer = browser.send("POST", "/login", &head, &body).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("Set-Cookie").unwrap();
        assert_eq!(cookie.ends_with("; Secure"), is_secure, "{cookie}");
    }
}

#[tokio::test]
async fn the_admin_port_speaks_tls_with_a_listeners_certificate() {
    let data = tempfile::tempdir().unwrap();
    let authority = authority("mail.example.net");
    let mut settings = settings(data.path()).await;
    settings.console = console(true);
    settings.listen.tls = ListenTls::Implicit;
    settings.tls_server = Some(server(&authority.pair("mail.example.net")));
    let proxy = Proxy::start(settings).await;
    let request = b"GET /login HTTP/1.1\r\nHost: mail.example.net\r\nConnection: close\r\n\r\n";
    let peer = Peer::connect(address(&proxy)).await;
    let mut peer = peer
        .encrypted("mail.example.net", authority.trusted())
        .await
        .unwrap();
    peer.send(request).await;
    let answer = String::from_utf8(peer.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let shared = &proxy.admin.as_ref().unwrap().1;
    let link = shared.address(address(&proxy));
    assert_eq!(link, format!("https://{}", address(&proxy)));
    // Programs read what they did before; no page is without TLS.
    let mut browser = Browser::for_host(address(&proxy), "mail.example.net");
    assert_eq!(browser.get("/healthz").await.status, 200);
    let answer = browser.get("/login").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("https://"), "{answer:?}");
}

#[tokio::test]
async fn without_a_certificate_there_is_no_page() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path()).await;
    settings.console = console(true);
    let proxy = Proxy::start(settings).await;
    let mut browser = Browser::new(address(&proxy));
    assert_eq!(browser.get("/login").await.status, 403);
    let authority = authority("mail.example.net");
    let peer = Peer::connect(address(&proxy)).await;
    let tls = peer.encrypted("mail.example.net", authority.trusted());
    assert!(tls.await.is_err());
}
