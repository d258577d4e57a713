//! Every row of deploy/refusals.md is tested: the response to the client, the log line, the counter.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::authority::{self, authority};
use crate::support::provider::Provider;
use crate::support::{Peer, Proxy, Settings};
use popgate::config::{AllowedHost, ListenTls, TlsMode};
use popgate::net::proxy_protocol::{self, Addressed};
use popgate::net::tls::{CertificateResolver, server_config};
use popgate::pop3::Secret;
use popgate::session::{OAuthLogin, OAuthShared};
use popgate::store::{Grant, Tokens};
use popgate::upstream::{client_config, key_digest};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::CipherSuite as Suite;
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// A row: the label, the case, the response to the client, the log line.
struct Row {
    label: String,
    case: String,
    client: String,
    log: String,
}

/// The rows of the table whose first column has this name.
fn rows(first: &str) -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/refusals.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {first} |")))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let found: Vec<_> = table
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let plain = |cell: &str| cell.trim_matches('`').to_owned();
            Row {
                label: plain(cells[0]),
                case: cells[1].to_owned(),
                client: plain(cells[2]),
                log: plain(cells.last().unwrap()),
            }
        })
        .collect();
    assert!(found.len() > 10, "only {} rows of {first}", found.len());
    found
}

/// Whether a text contains a pattern in which `…` stands for any text.
fn contains_pattern(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

/// The log of this thread, on which the test's proxy runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// The result of a refused session.
struct Outcome {
    proxy: Proxy,
    client: Vec<u8>,
}

async fn upstream() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings::new(listener.local_addr().unwrap());
    (listener, settings)
}

/// Lets a test act as a client on another machine: PROXY headers are trusted over loopback.
fn accept_remote_clients(settings: &mut Settings) {
    settings.listen.proxy_header = true;
    settings.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

async fn connect_from(proxy: &Proxy, client: SocketAddr) -> Peer {
    let mut peer = Peer::connect(proxy.address).await;
    let original_dst = "198.51.100.1:110".parse().unwrap();
    peer.send(&proxy_protocol::v1(Addressed {
        client,
        original_dst,
    }))
    .await;
    peer
}

fn remote_client() -> SocketAddr {
    "192.0.2.7:4000".parse().unwrap()
}

/// The upstream depends on the user name, so popgate sends its own greeting.
fn route_by_user_name(settings: &mut Settings) {
    settings.routes.user_names.hosts = vec![AllowedHost::parse("pop.example.net").unwrap()];
}

/// Sends these lines and returns everything received.
async fn send_and_read(mut peer: Peer, lines: &str) -> Vec<u8> {
    peer.send(lines.as_bytes()).await;
    peer.rest().await
}

/// What a client that popgate has no TLS in common with begins with (RFC 5246 section 7.4.1.2).
fn first_octets(case: &str) -> Vec<u8> {
    let (version, suites): (u8, &[Suite]) = match case {
        "no TLS on a port with implicit TLS" => return b"USER ann\r\n".to_vec(),
        "only TLS 1.0 or 1.1, or SSL 3" => (1, &[Suite::TLS_RSA_WITH_AES_128_CBC_SHA]),
        "only RSA key exchange, DHE or CBC" => (3, &[Suite::TLS_RSA_WITH_AES_128_GCM_SHA256]),
        "Windows 7 or 8.1, and a certificate with an RSA key" => (
            3,
            &[
                Suite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
                Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            ],
        ),
        other => panic!("{other} is in the table but has no test"),
    };
    let suites: Vec<_> = suites.iter().flat_map(|it| it.to_array()).collect();
    // P-256, and ECDSA and RSA with SHA-256; TLS 1.0 has no such extension.
    let extensions: &[u8] = match version {
        3 => &[
            0, 20, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 8, 0, 6, 4, 3, 4, 1, 8, 4,
        ],
        _ => &[],
    };
    let length = |octets: usize| u8::try_from(octets).unwrap();
    let body = [
        &[3, version][..],
        &[7; 32],
        &[0, 0, length(suites.len())],
        &suites,
        &[1, 0],
        extensions,
    ]
    .concat();
    let header = [
        22,
        3,
        1,
        0,
        length(body.len() + 4),
        1,
        0,
        0,
        length(body.len()),
    ];
    [&header[..], &body].concat()
}

async fn refused(reason: &str, case: &str) -> Outcome {
    let (listener, mut settings) = upstream().await;
    let mut keep: Vec<Peer> = Vec::new();
    let certified = authority("pop.example.org");
    let tls = authority::server(&certified.pair("pop.example.org"));
    let (proxy, client) = match reason {
        "pending_sessions" => {
            settings.limits.pending_sessions = 1;
            let proxy = Proxy::start(settings).await;
            keep.push(Peer::connect(proxy.address).await);
            keep.push(Peer::accept(&listener).await);
            let client = Peer::connect(proxy.address).await;
            (proxy, send_and_read(client, "").await)
        }
        "sessions_per_address" => {
            accept_remote_clients(&mut settings);
            settings.limits.sessions_per_address = Some(1);
            let proxy = Proxy::start(settings).await;
            keep.push(connect_from(&proxy, remote_client()).await);
            keep.push(Peer::accept(&listener).await);
            let client = connect_from(&proxy, remote_client()).await;
            (proxy, send_and_read(client, "").await)
        }
        "sessions_per_mailbox" => {
            settings.limits.sessions_per_mailbox = Some(1);
            let proxy = Proxy::start(settings).await;
            let mut first = Peer::connect(proxy.address).await;
            let mut server = Peer::accept(&listener).await;
            server.send(b"+OK\r\n").await;
            first.send(b"USER ann\r\nPASS x\r\n").await;
            server.expect(b"USER ann\r\n").await;
            server.send(b"+OK\r\n").await;
            server.expect(b"PASS x\r\n").await;
            let mut second = Peer::connect(proxy.address).await;
            let mut other = Peer::accept(&listener).await;
            other.send(b"+OK\r\n").await;
            second.send(b"USER ann\r\n").await;
            other.expect(b"USER ann\r\n").await;
            other.send(b"+OK\r\n").await;
            second.expect(b"+OK\r\n+OK\r\n").await;
            let received = send_and_read(second, "PASS x\r\n").await;
            keep.extend([first, server, other]);
            (proxy, received)
        }
        "login_throttled" => {
            settings.limits.login_failures = Some(1);
            let proxy = Proxy::start(settings).await;
            let mut client = Peer::connect(proxy.address).await;
            let mut server = Peer::accept(&listener).await;
            server.send(b"+OK\r\n").await;
            client.send(b"USER ann\r\nPASS x\r\n").await;
            server.expect(b"USER ann\r\n").await;
            server.send(b"+OK\r\n").await;
            server.expect(b"PASS x\r\n").await;
            server.send(b"-ERR\r\n").await;
            client.expect(b"+OK\r\n+OK\r\n-ERR\r\n").await;
            (proxy, send_and_read(client, "PASS x\r\n").await)
        }
        "logins_in_flight" => {
            settings.limits.login_failures = Some(1);
            let proxy = Proxy::start(settings).await;
            let mut sessions = Vec::new();
            for _ in 0..2 {
                let mut client = Peer::connect(proxy.address).await;
                let mut server = Peer::accept(&listener).await;
                server.send(b"+OK\r\n").await;
                client.expect(b"+OK\r\n").await;
                client.send(b"USER ann\r\n").await;
                server.expect(b"USER ann\r\n").await;
                server.send(b"+OK\r\n").await;
                client.expect(b"+OK\r\n").await;
                client.send(b"PASS x\r\n").await;
                sessions.push((client, server));
                let sent = sessions.len() as f64;
                while proxy.metric("popgate_commands_total{verb=\"pass\"}") < sent {
                    tokio::task::yield_now().await;
                }
            }
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(51)).await;
            tokio::time::resume();
            let (mut second, mut unasked) = sessions.pop().unwrap();
            let received = second.rest().await;
            assert_eq!(unasked.rest().await, b"");
            (proxy, received)
        }
        "plaintext" => {
            accept_remote_clients(&mut settings);
            let proxy = Proxy::start(settings).await;
            let mut client = connect_from(&proxy, remote_client()).await;
            let mut server = Peer::accept(&listener).await;
            server.send(b"+OK\r\n").await;
            client.send(b"USER ann\r\n").await;
            client.expect(b"+OK\r\n").await;
            (proxy, client.line().await)
        }
        "user_name_too_long" | "apop" => {
            route_by_user_name(&mut settings);
            let proxy = Proxy::start(settings).await;
            let mut client = Peer::connect(proxy.address).await;
            client.line().await;
            let line = match reason {
                "apop" => "APOP ann 0123\r\n".to_owned(),
                _ => format!("USER {}\r\n", "a".repeat(600)),
            };
            client.send(line.as_bytes()).await;
            (proxy, client.line().await)
        }
        "line_too_long" => {
            route_by_user_name(&mut settings);
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            (proxy, send_and_read(client, &"a".repeat(2000)).await)
        }
        "long_lines" => {
            route_by_user_name(&mut settings);
            let proxy = Proxy::start(settings).await;
            let (free, most) = (8 << 10, 8 << 20);
            let counted = 100 << 10;
            let mut sent = 0;
            for octets in std::iter::repeat_n(free + counted, most / counted) {
                let mut client = Peer::connect(proxy.address).await;
                client.line().await;
                let line = [b"AUTH PLAIN ".as_slice(), &vec![b'A'; octets - 11]].concat();
                client.send(&line).await;
                keep.push(client);
                sent += octets;
                let read = "popgate_bytes_total{direction=\"in\",leg=\"client\"}";
                while proxy.metric(read) < sent as f64 {
                    tokio::task::yield_now().await;
                }
            }
            let mut client = Peer::connect(proxy.address).await;
            client.line().await;
            let line = [
                b"AUTH PLAIN ".as_slice(),
                &vec![b'A'; free + most % counted],
            ]
            .concat();
            (
                proxy,
                send_and_read(client, &String::from_utf8(line).unwrap()).await,
            )
        }
        "user_name" => {
            route_by_user_name(&mut settings);
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            let received = send_and_read(client, "USER pop.evil.example:ann\r\nPASS x\r\n").await;
            (proxy, received)
        }
        "proxy_untrusted" | "proxy_header" => {
            accept_remote_clients(&mut settings);
            if reason == "proxy_untrusted" {
                settings.listen.trusted_proxies.clear();
            }
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            (proxy, send_and_read(client, "USER ann\r\n").await)
        }
        "handshake" => {
            settings.listen.tls = ListenTls::Implicit;
            settings.tls_server = Some(match case {
                "Windows 7 or 8.1, and a certificate with an RSA key" => {
                    let shown = authority::certificate(&authority::old("rsa-2048.pem"));
                    let key = authority::old("rsa-2048.key");
                    Arc::clone(authority::acceptor(&TLS12, shown, &key).config())
                }
                _ => tls,
            });
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            let mut client = client;
            client.send(&first_octets(case)).await;
            // An alert, which is not text.
            let received = client.rest().await;
            assert_eq!((received[0], received.len()), (21, 7), "{received:?}");
            (proxy, Vec::new())
        }
        "handshakes" => {
            settings.listen.tls = ListenTls::Implicit;
            settings.tls_server = Some(tls);
            // None is computed, and none may wait.
            settings.limits.handshakes = 0;
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            let tls = client.encrypted("pop.example.org", certified.trusted());
            assert!(tls.await.is_err());
            (proxy, Vec::new())
        }
        "unknown_sni" => {
            settings.listen.tls = ListenTls::Implicit;
            let choice = CertificateResolver {
                named: Vec::new(),
                default: None,
            };
            settings.tls_server = Some(server_config(choice).unwrap());
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            let tls = client.encrypted("unknown.example", certified.trusted());
            assert!(tls.await.is_err());
            (proxy, Vec::new())
        }
        "no_sni" => {
            accept_remote_clients(&mut settings);
            settings.listen.tls = ListenTls::Implicit;
            settings.listen.transparent = true;
            let pair = certified.pair("127.0.0.1");
            settings.tls_server = Some(authority::server(&pair));
            let proxy = Proxy::start(settings).await;
            let client = connect_from(&proxy, remote_client()).await;
            // No SNI is sent for an address (RFC 6066 section 3).
            let client = client.encrypted("127.0.0.1", certified.trusted()).await;
            (proxy, send_and_read(client.unwrap(), "").await)
        }
        "not_redirected" => {
            settings.listen.transparent = true;
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            (proxy, send_and_read(client, "").await)
        }
        "loop" => {
            accept_remote_clients(&mut settings);
            let proxy = Proxy::start(settings).await;
            keep.push(connect_from(&proxy, remote_client()).await);
            let accepted = listener.accept().await.unwrap();
            let mut client = Peer::connect(proxy.address).await;
            let looped = Addressed {
                client: accepted.1,
                original_dst: listener.local_addr().unwrap(),
            };
            client.send(&proxy_protocol::v1(looped)).await;
            (proxy, send_and_read(client, "").await)
        }
        "no_upstream" => {
            settings.listen.upstream = Some(7);
            route_by_user_name(&mut settings);
            let proxy = Proxy::start(settings).await;
            let client = Peer::connect(proxy.address).await;
            (proxy, send_and_read(client, "USER ann\r\nPASS x\r\n").await)
        }
        "token" | "token_damaged" | "consent" | "password_checks" | "token_service" => {
            oauth_refused(reason, settings).await
        }
        other => panic!("{other} is in the table but has no test"),
    };
    drop(keep);
    Outcome { proxy, client }
}

/// A login by password to an upstream with OAuth.
async fn oauth_refused(reason: &str, mut settings: Settings) -> (Proxy, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    settings.oauth = vec![match reason {
        "password_checks" => {
            let service = provider.service(Duration::from_secs(20));
            // Nobody may wait.
            let shared = Arc::new(OAuthShared::new(1, 0));
            let login = OAuthLogin::new("test", service, tokens.clone(), shared);
            ("test".to_owned(), login)
        }
        _ => provider.oauth_login(&tokens, Duration::from_secs(20)),
    }];
    if reason != "token" {
        let grant = Grant::of_user(Secret::new(b"refresh-me"));
        tokens
            .put("test", "ann", &Secret::new(b"x"), &grant)
            .unwrap();
    }
    if reason == "token_damaged" {
        let mut files = std::fs::read_dir(folder.path().join("tokens")).unwrap();
        std::fs::write(files.next().unwrap().unwrap().path(), "{").unwrap();
    }
    let proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    client.line().await;
    client.send(b"USER ann\r\nPASS x\r\n").await;
    client.expect(b"+OK\r\n").await;
    let (status, json) = match reason {
        "token_service" => ("503 Later", "{}"),
        "consent" => ("400 Bad Request", r#"{"error":"invalid_grant"}"#),
        _ => return (proxy, client.line().await),
    };
    provider.next_request().await.respond(status, json).await;
    (proxy, client.line().await)
}

#[tokio::test]
async fn refusals_match_the_table() {
    let mut reasons = BTreeSet::new();
    for row in rows("reason") {
        reasons.insert(row.label.clone());
        // Tested in cli.rs: it is refused before a session starts.
        if row.label == "sessions" {
            continue;
        }
        let (log, guard) = Log::listen();
        let mut outcome = refused(&row.label, &row.case).await;
        if ![
            "plaintext",
            "user_name_too_long",
            "apop",
            "token",
            "token_damaged",
            "consent",
            "password_checks",
            "token_service",
        ]
        .contains(&row.label.as_str())
        {
            outcome.proxy.session_end().await;
        }
        drop(guard);
        let received = String::from_utf8_lossy(&outcome.client);
        match row.client.as_str() {
            "(closed)" | "(TLS alert)" => assert_eq!(received, "", "{}", row.label),
            text => {
                let last = received.lines().last().unwrap_or_default();
                assert!(
                    last.starts_with("-ERR") && contains_pattern(last, text),
                    "{}: {received}",
                    row.label
                );
            }
        }
        let log = log.text();
        assert!(
            contains_pattern(&log, &row.log),
            "{}: `{}` is not in\n{log}",
            row.label,
            row.log
        );
        let counted = format!("popgate_refused_total{{reason=\"{}\"}}", row.label);
        assert_eq!(outcome.proxy.metric(&counted), 1.0, "{counted}");
    }
    let known: BTreeSet<_> = popgate::session::Refusal::LABELS
        .iter()
        .map(|label| (*label).to_owned())
        .collect();
    assert_eq!(reasons, known, "reasons in the table");
}

/// A listener that cannot take a further connection: the system answers none.
struct FullListener {
    address: SocketAddr,
    _socket: socket2::Socket,
    _first: std::net::TcpStream,
}

impl FullListener {
    fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&anywhere.into()).unwrap();
        // One may wait.
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self {
            address,
            _first: std::net::TcpStream::connect(address).unwrap(),
            _socket: socket,
        }
    }
}

/// A session with an upstream that fails in the way of this row.
async fn upstream_failure(row: &Row) -> Outcome {
    let (listener, mut settings) = upstream().await;
    let certified = authority("localhost");
    let mut acceptor = certified.acceptor.clone();
    let mut says: &[u8] = b"";
    let mut full = None;
    settings.host = "localhost".to_owned();
    settings.timeouts.connect = Duration::from_secs(5);
    match (row.label.as_str(), row.case.as_str()) {
        ("resolve", _) => settings.host = "nowhere.invalid".to_owned(),
        ("connect", _) => drop(std::mem::replace(
            &mut settings.upstream,
            std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap(),
        )),
        ("proxy", _) => {
            settings.proxy = Some(popgate::config::UpstreamProxy {
                kind: popgate::config::ProxyKind::Socks5,
                host: "127.0.0.1".to_owned(),
                port: 1,
                user: None,
                password_file: None,
            });
        }
        ("connect_timeout", _) => {
            settings.host = "127.0.0.1".to_owned();
            settings.timeouts.connect = Duration::from_millis(100);
            settings.upstream = full.insert(FullListener::new()).address;
        }
        ("too_many_connects", _) => {
            settings.limits.upstream_connects = 1;
            settings.timeouts.connect = Duration::from_millis(200);
            settings.timeouts.greeting = Duration::from_secs(3600);
        }
        ("greeting_timeout", "no TLS within it") => {
            settings.tls = TlsMode::Implicit;
            settings.client_config = Some(certified.trusted());
            settings.timeouts.greeting = Duration::from_millis(100);
        }
        ("greeting_timeout", _) => settings.timeouts.greeting = Duration::from_millis(100),
        ("certificate", case) => {
            settings.tls = TlsMode::Implicit;
            let pair = match case {
                "expired" => certified.expired("localhost"),
                "for another host" => certified.pair("elsewhere.example"),
                _ => certified.pair("localhost"),
            };
            let old = match case {
                "X.509 v1, without a pin" => Some("x509-v1.pem"),
                "an RSA key of 1024 bits, also with a pin" => Some("rsa-1024.pem"),
                _ => None,
            };
            let old = old.map(|file| authority::certificate(&authority::old(file)));
            acceptor = match &old {
                // It is refused before the signature, so that any key does.
                Some(shown) => authority::acceptor(&TLS13, shown.clone(), &pair.key),
                None => TlsAcceptor::from(authority::server(&pair)),
            };
            settings.client_config = Some(match case {
                "expired" | "for another host" => certified.trusted(),
                "of an authority that is not trusted" => authority("localhost").trusted(),
                "another key than the one pinned" => client_config(None, &[[7; 32]]).unwrap(),
                "X.509 v1, without a pin" => certified.trusted(),
                "an RSA key of 1024 bits, also with a pin" => {
                    let pin = key_digest(&old.unwrap()).unwrap();
                    client_config(None, &[pin]).unwrap()
                }
                other => panic!("{other} is in the table but has no test"),
            });
        }
        ("tls", case) => {
            settings.tls = TlsMode::Implicit;
            settings.client_config = Some(certified.trusted());
            says = match case {
                "a port without TLS" => b"+OK plain text\r\n",
                // The alerts handshake_failure and protocol_version (RFC 5246 section 7.2).
                "only RSA key exchange, DHE or CBC" => &[21, 3, 3, 0, 2, 2, 40],
                "only TLS 1.0 or 1.1, or SSL 3" => &[21, 3, 1, 0, 2, 2, 70],
                other => panic!("{other} is in the table but has no test"),
            };
        }
        ("stls", case) => {
            settings.tls = TlsMode::Starttls;
            settings.client_config = Some(certified.trusted());
            says = match case {
                "it closes when it is sent STLS" => b"+OK\r\n",
                _ => b"+OK\r\n-ERR what?\r\n",
            };
        }
        ("closed", _) => {}
        ("refused", _) => says = b"-ERR busy\r\n",
        ("not_pop3", "IMAP") => says = b"* OK IMAP4 ready\r\n",
        ("not_pop3", _) => says = b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ("loop", _) => {
            settings.host = "127.0.0.1".to_owned();
            settings.upstream = SocketAddr::from(([127, 0, 0, 1], 0));
        }
        (other, _) => panic!("{other} is in the table but has no test"),
    }
    let proxy = Proxy::start(settings).await;
    let _silent = match row.label.as_str() {
        "too_many_connects" => {
            let client = Peer::connect(proxy.address).await;
            Some((client, Peer::accept(&listener).await))
        }
        _ => None,
    };
    let mut client = Peer::connect(proxy.address).await;
    let waits = row.label == "greeting_timeout";
    let serve = async {
        let unseen = [
            "proxy",
            "resolve",
            "connect",
            "connect_timeout",
            "loop",
            "too_many_connects",
        ];
        if unseen.contains(&row.label.as_str()) {
            return None;
        }
        let mut server = Peer::accept(&listener).await;
        if row.label == "certificate" {
            assert!(server.accepted(&acceptor).await.is_err());
            return None;
        }
        // The proxy may have closed already.
        let _ = server.try_send(says).await;
        if row.case.contains("closes when") {
            server.expect(b"STLS\r\n").await;
            return None;
        }
        (waits || !says.is_empty()).then_some(server)
    };
    let (_server, client) = tokio::join!(serve, client.rest());
    Outcome { proxy, client }
}

#[tokio::test]
async fn upstream_failures_match_the_table() {
    let mut kinds = BTreeSet::new();
    for row in rows("kind") {
        let (log, guard) = Log::listen();
        let mut outcome = upstream_failure(&row).await;
        outcome.proxy.session_end().await;
        drop(guard);
        let received = String::from_utf8_lossy(&outcome.client);
        let begins = "-ERR [SYS/TEMP] popgate cannot reach the mail server: ";
        assert!(
            received.starts_with(begins) && received.ends_with("\r\n"),
            "{}: {received}",
            row.case
        );
        assert_eq!(received.lines().count(), 1, "{received}");
        assert!(
            contains_pattern(&received, &row.client),
            "{}: {received}",
            row.case
        );
        let log = log.text();
        assert!(
            contains_pattern(&log, &row.log),
            "{}: `{}` is not in\n{log}",
            row.case,
            row.log
        );
        let family = "popgate_upstream_errors_total";
        let counted = format!("{family}{{kind=\"{}\",upstream=\"test\"}}", row.label);
        assert_eq!(outcome.proxy.metric(&counted), 1.0, "{counted}");
        kinds.insert(row.label);
    }
    let known: BTreeSet<_> = popgate::upstream::DialError::LABELS
        .iter()
        .map(|label| (*label).to_owned())
        .collect();
    assert_eq!(kinds, known, "kinds in the table");
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_by_its_pinned_key() {
    use base64::Engine as _;
    let certified = authority("elsewhere.example");
    let (listener, mut settings) = upstream().await;
    settings.host = "localhost".to_owned();
    settings.tls = TlsMode::Implicit;
    let pem = std::fs::read(certified.pair("elsewhere.example").certificate).unwrap();
    let der = tokio_rustls::rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap();
    let pin = popgate::upstream::pin_of(&der).unwrap();
    let digest = base64::engine::general_purpose::STANDARD
        .decode(pin.strip_prefix("sha256/").unwrap())
        .unwrap();
    settings.client_config = Some(client_config(None, &[digest.try_into().unwrap()]).unwrap());
    let pair = authority::Pair {
        certificate: certified.pem().with_file_name("elsewhere.example.pem"),
        key: certified.pem().with_file_name("elsewhere.example.key"),
    };
    let acceptor = TlsAcceptor::from(authority::server(&pair));
    let proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    let server = Peer::accept(&listener).await;
    let mut server = server.accepted(&acceptor).await.unwrap();
    server.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}
