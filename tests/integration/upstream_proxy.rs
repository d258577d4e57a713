//! A SOCKS5 or HTTP proxy on the way to an upstream, played by small proxies of these tests.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use crate::support::authority::authority;
use crate::support::{Peer, Proxy, Settings, shown};
use base64::Engine as _;
use popgate::config::{Config, Flags, TlsMode};
use popgate::upstream::{DialLimits, Dialler, LoopDetection, OnBehalf, Tunnel};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy of the tests does.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Connects,
    Refuses(u8),
    /// A server of another kind.
    Foreign,
}

async fn octets<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut octets = [0; N];
    stream.read_exact(&mut octets).await.unwrap();
    octets
}

async fn text(stream: &mut TcpStream) -> String {
    let [length] = octets::<1>(stream).await;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Serves one connection as RFC 1928 and RFC 1929 say; `login` is wanted if given. Returns what was asked for.
async fn socks5(
    listener: TcpListener,
    login: Option<(&str, &str)>,
    answer: Answer,
    server: u16,
) -> String {
    let mut client = listener.accept().await.unwrap().0;
    let [version, methods] = octets::<2>(&mut client).await;
    assert_eq!(version, 5);
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await.unwrap();
    if answer == Answer::Foreign {
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        return String::new();
    }
    match login {
        Some(_) if !offered.contains(&2) => {
            client.write_all(&[5, 0xff]).await.unwrap();
            return String::new();
        }
        Some(login) => {
            client.write_all(&[5, 2]).await.unwrap();
            assert_eq!(octets(&mut client).await, [1]);
            let given = (text(&mut client).await, text(&mut client).await);
            let fits = (given.0.as_str(), given.1.as_str()) == login;
            client.write_all(&[1, u8::from(!fits)]).await.unwrap();
            if !fits {
                return String::new();
            }
        }
        None => client.write_all(&[5, 0]).await.unwrap(),
    }
    let [version, command, _, kind] = octets::<4>(&mut client).await;
    assert_eq!((version, command), (5, 1));
    let host = match kind {
        1 => std::net::Ipv4Addr::from(octets::<4>(&mut client).await).to_string(),
        3 => text(&mut client).await,
        other => panic!("address type {other}"),
    };
    let asked = format!("{host}:{}", u16::from_be_bytes(octets(&mut client).await));
    let code = match answer {
        Answer::Refuses(code) => code,
        _ => 0,
    };
    let reply = [5, code, 0, 1, 127, 0, 0, 1, 0, 0];
    client.write_all(&reply).await.unwrap();
    if code == 0 {
        relay(client, server).await;
    }
    asked
}

async fn relay(mut client: TcpStream, server: u16) {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
}

/// Serves one CONNECT; returns the head of the request. The server's greeting comes with the answer.
async fn http(listener: TcpListener, answer: Answer, server: u16) -> String {
    let mut client = listener.accept().await.unwrap().0;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    match answer {
        Answer::Connects => {
            let mut upstream = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let mut both = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
            // A plain POP3 server speaks first.
            let mut greeting = vec![0; 512];
            let early = tokio::select! {
                read = upstream.read(&mut greeting) => read.unwrap(),
                () = tokio::task::yield_now() => 0,
            };
            both.extend_from_slice(&greeting[..early]);
            client.write_all(&both).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
        }
        Answer::Refuses(code) => {
            let line = format!(
                "HTTP/1.1 {} No\r\nContent-Length: 0\r\n\r\n",
                400 + u16::from(code)
            );
            client.write_all(line.as_bytes()).await.unwrap();
        }
        Answer::Foreign => client.write_all(b"+OK pop3 ready\r\n").await.unwrap(),
    }
    String::from_utf8(head).unwrap()
}

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
            true => socks5(listener, wanted, answer, 0).await,
            false => http(listener, answer, 0).await,
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
            "it does not allow connections to pop.example.net, port 110",
        ),
        (
            "socks5",
            None,
            Answer::Refuses(4),
            "it cannot reach pop.example.net, port 110: the host is unreachable, or its name is not known",
        ),
        (
            "socks5",
            None,
            Answer::Refuses(5),
            "it cannot reach pop.example.net, port 110: the connection is refused",
        ),
        (
            "socks5",
            wrong,
            Answer::Connects,
            "it does not accept the user name and password",
        ),
        (
            "socks5",
            none,
            Answer::Connects,
            "it wants a user name and password; write USER@ before its host, and proxy_password_file",
        ),
        (
            "socks5",
            None,
            Answer::Foreign,
            "its answer is not that of a SOCKS5 proxy",
        ),
        (
            "http",
            None,
            Answer::Refuses(3),
            "it does not allow connections to pop.example.net, port 110 (403)",
        ),
        (
            "http",
            wrong,
            Answer::Refuses(7),
            "it wants a user name and password, or others than these (407)",
        ),
        (
            "http",
            None,
            Answer::Refuses(102),
            "it cannot reach pop.example.net, port 110 (502)",
        ),
        (
            "http",
            None,
            Answer::Foreign,
            "its answer is not that of an HTTP proxy",
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
    let asked = match scheme {
        "http" => tokio::spawn(http(listener, Answer::Connects, port)),
        _ => tokio::spawn(socks5(
            listener,
            Some(("ann", "right: one")),
            Answer::Connects,
            port,
        )),
    };
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
