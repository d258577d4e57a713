//! A SOCKS5 or HTTP proxy on the way to an upstream, played by small proxies of these tests.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use crate::support::authority::authority;
use crate::support::played_proxy::{Answer, http, socks5};
use crate::support::{Peer, Proxy, Settings, shown};
use base64::Engine as _;
use popgate::config::{Config, Flags, TlsMode};
use popgate::upstream::{DialLimits, Dialler, LoopDetection, OnBehalf, Tunnel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A configuration with this proxy and password, in a folder of its own.
fn config(proxy: &str, password: Option<&str>) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!("[[upstream]]\nhost = \"pop.example.net\"\nproxy = \"{proxy}\"\n");
    if let Some(password) = password {
        let file = folder.path().join("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        text.push_str("proxy_password_file = \"password\"\n");
    }
    let file = folder.path().join("popgate.toml");
    std::fs::write(&file, text).unwrap();
    let (config, problems) = Config::load(Some(&file), &Flags::default());
    assert_eq!(problems, []);
    (folder, config)
}

/// A dialler of a server without TLS behind that proxy.
fn dialler(config: &Config) -> Dialler {
    let mut upstream = config.upstreams[0].clone();
    upstream.tls = TlsMode::Off;
    upstream.port = 110;
    let tunnel = Tunnel::new(upstream.proxy.clone().unwrap()).unwrap();
    let limits = DialLimits {
        timeouts: config.timeouts,
        at_a_time: 4,
        dials: std::sync::Arc::default(),
    };
    Dialler::new(upstream, None, limits, LoopDetection::new(Vec::new())).through(Some(tunnel))
}

fn nobody() -> OnBehalf {
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    OnBehalf {
        addressed: popgate::net::proxy_protocol::Addressed {
            client: here,
            original_dst: here,
        },
        as_client: false,
    }
}

/// Why a dial through a proxy fails that does this.
async fn failure(scheme: &str, login: Option<(&str, &str)>, answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let is_socks = scheme.starts_with("socks");
    let wanted = login.map(|_| ("ann", "right"));
    let (url, password) = match login {
        Some((user, password)) if !user.is_empty() => {
            (format!("{scheme}://{user}@{address}"), Some(password))
        }
        _ => (format!("{scheme}://{address}"), None),
    };
    let (_folder, config) = config(&url, password);
    let proxy = async {
        match is_socks {
            true => socks5(&listener, wanted, answer, 0).await,
            false => http(&listener, answer, 0).await,
        }
    };
    let dialler = dialler(&config);
    let (result, _) = tokio::join!(dialler.dial(nobody()), proxy);
    let error = result.unwrap_err();
    assert_eq!(error.label(), "proxy");
    let text = error.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text.replace(&address.port().to_string(), "1080")
}

#[tokio::test]
async fn a_proxy_that_makes_no_connection_is_named_with_its_reason() {
    const BEGIN: &str = "the proxy 127.0.0.1, port 1080: ";
    let wrong = Some(("ann", "hunter2"));
    let none = Some(("", ""));
    for (scheme, login, answer, expected) in [
        (
            "socks5",
            None,
            Answer::Refuses(2),
            "it does not allow connections to pop.example.net, port 110; allow them in its configuration",
        ),
        (
            "socks5",
            None,
            Answer::Refuses(4),
            "it cannot reach pop.example.net, port 110: the host is unreachable from there, or its name is not known; is host right?",
        ),
        (
            "socks5",
            None,
            Answer::Refuses(5),
            "it cannot reach pop.example.net, port 110: the connection is refused; are host and port right?",
        ),
        (
            "socks5",
            wrong,
            Answer::Connects,
            "it does not accept the user name and password; correct them in proxy and proxy_password_file",
        ),
        (
            "socks5",
            none,
            Answer::Connects,
            "it wants a user name and password; write USER@ before its host in proxy, and proxy_password_file",
        ),
        (
            "socks5",
            None,
            Answer::Foreign,
            "its answer is not that of a SOCKS5 proxy; for an HTTP proxy write http:// in proxy",
        ),
        (
            "http",
            None,
            Answer::Refuses(3),
            "it does not allow connections to pop.example.net, port 110 (403); allow them in its configuration",
        ),
        (
            "http",
            wrong,
            Answer::Refuses(7),
            "it does not accept the user name and password; correct them in proxy and proxy_password_file (407)",
        ),
        (
            "http",
            None,
            Answer::Refuses(102),
            "it cannot reach pop.example.net, port 110 (502); are host and port right, and is the name known there?",
        ),
        (
            "http",
            None,
            Answer::Foreign,
            "its answer is not that of an HTTP proxy; for a SOCKS5 proxy write socks5:// in proxy",
        ),
    ] {
        let text = failure(scheme, login, answer).await;
        assert_eq!(text, format!("{BEGIN}{expected}"));
    }
}

/// A session through a proxy, with TLS to the server.
async fn session_through(scheme: &str) {
    let authority = authority("localhost");
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://ann@{}", listener.local_addr().unwrap());
    let (_folder, config) = config(&url, Some("right: one"));
    let tunnel = config.upstreams[0].proxy.clone();
    let mut settings = Settings::new(server.local_addr().unwrap());
    settings.host = "localhost".to_owned();
    settings.tls = TlsMode::Implicit;
    settings.client_config = Some(authority.trusted());
    settings.proxy = tunnel;
    let is_http = scheme == "http";
    let asked = tokio::spawn(async move {
        match is_http {
            true => http(&listener, Answer::Connects, port).await,
            false => {
                let login = Some(("ann", "right: one"));
                socks5(&listener, login, Answer::Connects, port).await
            }
        }
    });
    let popgate = Proxy::start(settings).await;
    let mut client = Peer::connect(popgate.address).await;
    let upstream = Peer::accept(&server).await;
    let mut upstream = upstream.accepted(&authority.acceptor).await.unwrap();
    upstream.send(b"+OK through\r\n").await;
    client.expect(b"+OK through\r\n").await;
    client.send(b"QUIT\r\n").await;
    upstream.expect(b"QUIT\r\n").await;
    upstream.send(b"+OK bye\r\n").await;
    client.expect(b"+OK bye\r\n").await;
    let asked = asked.await.unwrap();
    match scheme {
        "http" => {
            assert!(
                asked.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")),
                "{asked}"
            );
            let login = base64::engine::general_purpose::STANDARD.encode("ann:right: one");
            let line = format!("proxy-authorization: basic {login}\r\n").to_lowercase();
            assert!(asked.to_lowercase().contains(&line), "{asked}");
        }
        // The name goes to the proxy, which resolves it.
        _ => assert_eq!(asked, format!("localhost:{port}")),
    }
}

#[tokio::test]
async fn sessions_go_through_a_socks5_proxy() {
    session_through("socks5").await;
}

#[tokio::test]
async fn sessions_go_through_an_http_proxy() {
    session_through("http").await;
}

#[tokio::test]
async fn a_greeting_that_comes_with_the_proxys_answer_is_not_lost() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, config) = config(&format!("http://{}", listener.local_addr().unwrap()), None);
    let proxy = async {
        let mut client = listener.accept().await.unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.0 200 OK\r\nVia: x\r\n\r\n+OK early\r\n";
        client.write_all(answer).await.unwrap();
        client
    };
    let dialler = dialler(&config);
    let (dialled, _client) = tokio::join!(dialler.dial(nobody()), proxy);
    assert_eq!(shown(&dialled.unwrap().greeting), shown(b"+OK early\r\n"));
    drop((server, port));
}

/// What goes wrong behind a proxy names it, too: the proxy may be what sends a page.
#[tokio::test]
async fn a_page_in_place_of_the_server_is_reported_with_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_folder, config) = config(&format!("http://{address}"), None);
    let proxy = async {
        let mut peer = Peer::accept(&listener).await;
        while peer.line().await != b"\r\n" {}
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n<html>log in\r\n").await;
        peer
    };
    let dialler = dialler(&config);
    let (dialled, _peer) = tokio::join!(dialler.dial(nobody()), proxy);
    let error = dialled.unwrap_err();
    let expected = format!(
        "not a POP3 greeting: <html>log in; that is a web server (through the proxy 127.0.0.1, port {})",
        address.port()
    );
    assert_eq!((error.label(), error.to_string()), ("not_pop3", expected));
}

/// A proxy whose header never ends is read up to a limit.
#[tokio::test]
async fn an_endless_header_of_a_proxy_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_folder, config) = config(&format!("http://{}", listener.local_addr().unwrap()), None);
    let proxy = async {
        let mut peer = Peer::accept(&listener).await;
        while peer.line().await != b"\r\n" {}
        peer.send(b"HTTP/1.1 200 OK\r\n").await;
        let mut octets = 0;
        while peer
            .try_send(&[b"X: ", &[b'x'; 1000][..], b"\r\n"].concat())
            .await
            .is_ok()
        {
            octets += 1005;
        }
        octets
    };
    let dialler = dialler(&config);
    let (dialled, _octets) = tokio::join!(dialler.dial(nobody()), proxy);
    let error = dialled.unwrap_err();
    assert_eq!(error.label(), "proxy");
    let error = error.to_string();
    assert!(
        error.contains("its answer has a header of more than 16384 octets"),
        "{error}"
    );
}

#[test]
fn a_password_that_others_can_read_is_refused() {
    let (folder, config) = config("http://ann@127.0.0.1", Some("hunter2"));
    let file = folder.path().join("password");
    let tunnel = || Tunnel::new(config.upstreams[0].proxy.clone().unwrap());
    let shown = format!("{:?}", tunnel().unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = tunnel().unwrap_err().to_string();
    assert!(
        error.contains("everybody on this machine may read this password"),
        "{error}"
    );
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "\n").unwrap();
    let error = tunnel().unwrap_err().to_string();
    assert!(error.contains("contains no password"), "{error}");
}
