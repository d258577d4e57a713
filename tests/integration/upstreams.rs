//! Dialling of upstreams: what one server does, or does not do, must not concern the others.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::support::authority::authority;
use crate::support::{Peer, Proxy, ServerInMemory, Settings, shown};
use popgate::config::{AllowedHost, Config, Flags, ProxyHeader, TlsMode, Upstream};
use popgate::net::proxy_protocol::Addressed;
use popgate::upstream::{DialLimits, Dialler, LoopDetection, OnBehalf};
use tokio::net::TcpListener;

const GREETING: &[u8] = b"+OK popgate is ready\r\n";
const HOUR: Duration = Duration::from_secs(3600);

/// While a connection to a slow server is being made, many clients of one address wait for the next, and after them one
/// of another address: it comes second.
#[tokio::test]
async fn clients_of_one_address_do_not_fill_the_queue_of_a_slow_server() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let mut upstream = Upstream::new("slow", "127.0.0.1", port, TlsMode::Off);
    // It tells whose connection it is.
    upstream.proxy_header = ProxyHeader::V1;
    let mut timeouts = Config::load(None, &Flags::default()).0.timeouts;
    (timeouts.connect, timeouts.greeting) = (HOUR, HOUR);
    let limits = DialLimits {
        timeouts,
        at_a_time: 1,
        dials: Arc::default(),
    };
    let dialler = Arc::new(Dialler::new(
        upstream,
        None,
        limits,
        LoopDetection::new(Vec::new()),
    ));
    let mut dials = Vec::new();
    for last in [1, 1, 1, 1, 1, 2] {
        let addressed = Addressed {
            client: ([192, 0, 2, last], 4000).into(),
            original_dst: ([198, 51, 100, 1], 110).into(),
        };
        let dialler = Arc::clone(&dialler);
        dials.push(tokio::spawn(async move {
            let client = OnBehalf {
                addressed,
                as_client: false,
            };
            dialler.dial(client).await.unwrap()
        }));
    }
    let mut order = Vec::new();
    for _ in 0..dials.len() {
        let mut upstream = Peer::accept(&server).await;
        let header = shown(&upstream.line().await);
        order.push(header.split(' ').nth(2).unwrap().replace("192.0.2.", ""));
        upstream.send(b"+OK\r\n").await;
    }
    assert_eq!(order, ["1", "1", "2", "1", "1", "1"]);
    for dial in dials {
        dial.await.unwrap();
    }
}

/// A client that names its server in the user name, and sends its password.
async fn log_in_at(proxy: &Proxy, server: &TcpListener) -> Peer {
    let port = server.local_addr().unwrap().port();
    let mut client = Peer::connect(proxy.address).await;
    client.expect(GREETING).await;
    let login = format!("USER ann@127.0.0.1:{port}\r\nPASS x\r\n");
    client.send(login.as_bytes()).await;
    client.expect(b"+OK\r\n").await;
    client
}

#[tokio::test]
async fn logins_at_a_silent_server_delay_no_other_server() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(([127, 0, 0, 1], 1).into());
    settings.limits.upstream_connects = 2;
    settings.timeouts.connect = HOUR;
    settings.timeouts.greeting = HOUR;
    let allowed = |server: &TcpListener| {
        let address = server.local_addr().unwrap().to_string();
        AllowedHost::parse(&address).unwrap()
    };
    settings.routes.user_names.hosts = vec![allowed(&silent), allowed(&second)];
    settings.routes.user_names.tls = TlsMode::Off;
    let proxy = Proxy::start(settings).await;
    let mut waiting = Vec::new();
    for number in 0..8 {
        let client = log_in_at(&proxy, &silent).await;
        // The others wait until one of these two has greeted.
        let server = match number {
            0 | 1 => Some(Peer::accept(&silent).await),
            _ => None,
        };
        waiting.push((client, server));
    }
    let mut client = log_in_at(&proxy, &second).await;
    let mut server = Peer::accept(&second).await;
    server.send(b"+OK\r\n").await;
    server.expect(b"CAPA\r\n").await;
    server.send(b"-ERR\r\n").await;
    server.expect(b"USER ann\r\n").await;
    server.send(b"+OK\r\n").await;
    server.expect(b"PASS x\r\n").await;
    server.send(b"+OK in\r\n").await;
    client.expect(b"+OK in\r\n").await;
    // One that greets makes room for the next.
    let (_, first) = &mut waiting[0];
    first.as_mut().unwrap().send(b"+OK\r\n").await;
    Peer::accept(&silent).await;
}

/// A session whose upstream takes this long for each answer, in paused time.
async fn slow(seconds: u64) {
    let pause = Duration::from_secs(seconds);
    let mut server = ServerInMemory::new(|_| {});
    let (mut client, mut upstream) = server.unconnected();
    tokio::time::sleep(pause).await;
    upstream.send(b"+OK ready\r\n").await;
    client.expect(b"+OK ready\r\n").await;
    for (command, answer) in [
        (&b"USER a\r\n"[..], &b"+OK\r\n"[..]),
        (b"PASS wrong\r\n", b"-ERR no\r\n"),
        (b"USER a\r\n", b"+OK\r\n"),
        (b"PASS b\r\n", b"+OK in\r\n"),
        (b"LIST\r\n", b"+OK\r\n1 20\r\n.\r\n"),
        (b"QUIT\r\n", b"+OK bye\r\n"),
    ] {
        client.send(command).await;
        upstream.expect(command).await;
        tokio::time::sleep(pause).await;
        upstream.send(answer).await;
        client.expect(answer).await;
    }
    server.proxy.session_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_given_as_much_time_as_mail_programs_give_it() {
    slow(11).await;
    slow(100).await;
    slow(299).await;
}

#[test]
fn an_upstream_may_have_timeouts_of_its_own_and_one_with_a_fallback_is_given_up_sooner() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("popgate.toml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let (config, problems) = Config::load(Some(&file), &Flags::default());
        assert_eq!(problems, [], "{text}");
        let upstreams = config.upstreams.iter();
        let own = upstreams.map(|it| it.timeouts.over(&config.timeouts));
        own.map(|it| [it.connect, it.greeting, it.upstream_read].map(|it| it.as_secs()))
            .collect::<Vec<_>>()
    };
    let first = "[[upstream]]\nname = \"a\"\nhost = \"a.example\"\n";
    let second = "[[upstream]]\nname = \"b\"\nhost = \"b.example\"\n";
    let fallback = format!("{first}fallback = \"b\"\n");
    assert_eq!(load(first), [[60, 300, 300]]);
    assert_eq!(
        load(&format!("{fallback}{second}")),
        [[10, 20, 300], [60, 300, 300]]
    );
    let general = "[timeouts]\nconnect = \"7s\"\nupstream_read = \"8s\"\n";
    assert_eq!(
        load(&format!("{fallback}{second}{general}")),
        [[7, 20, 8], [7, 300, 8]]
    );
    let own = "timeouts = { greeting = \"9s\", upstream_read = \"1h\" }\n";
    assert_eq!(
        load(&format!("{fallback}{own}{second}{general}")),
        [[7, 9, 3600], [7, 300, 8]]
    );
}

/// What a server with `tls = "opportunistic"` is asked, on each connection, and how it answers; `None` closes.
type Connections<'c> = &'c [&'c [(&'c [u8], Option<&'c [u8]>)]];

/// Plays these connections, and then a session in plain text or with TLS.
async fn opportunistic(connections: Connections<'_>, encrypts: bool) {
    let authority = authority("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.tls = TlsMode::Opportunistic;
    settings.host = "localhost".to_owned();
    settings.client_config = Some(authority.trusted());
    let proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut last = None;
    for connection in connections {
        let mut server = Peer::accept(&listener).await;
        server.send(b"+OK ready\r\n").await;
        last = Some(server);
        for (asked, answer) in *connection {
            let server = last.as_mut().unwrap();
            server.expect(asked).await;
            match answer {
                Some(answer) => server.send(answer).await,
                None => last = None,
            }
        }
    }
    let mut server = last.unwrap();
    if encrypts {
        server = server.accepted(&authority.acceptor).await.unwrap();
    }
    client.expect(b"+OK ready\r\n").await;
    client.send(b"USER a\r\n").await;
    server.expect(b"USER a\r\n").await;
}

#[tokio::test]
async fn opportunistic_tls_asks_first_and_reaches_servers_that_close_on_unknown_commands() {
    let (capa, stls) = (&b"CAPA\r\n"[..], &b"STLS\r\n"[..]);
    let announced = &b"+OK\r\nUIDL\r\nSTLS\r\n.\r\n"[..];
    let ok = &b"+OK\r\n"[..];
    let unknown = &b"-ERR unknown command\r\n"[..];
    opportunistic(&[&[(capa, Some(announced)), (stls, Some(ok))]], true).await;
    opportunistic(&[&[(capa, Some(b"+OK\r\nUIDL\r\n.\r\n"))]], false).await;
    opportunistic(&[&[(capa, Some(unknown)), (stls, Some(unknown))]], false).await;
    opportunistic(&[&[(capa, Some(unknown)), (stls, Some(ok))]], true).await;
    // Reported of fdm issue 140.
    opportunistic(&[&[(capa, None)], &[]], false).await;
    opportunistic(&[&[(capa, Some(unknown)), (stls, None)], &[]], false).await;
    opportunistic(&[&[(capa, Some(announced)), (stls, None)], &[]], false).await;
    opportunistic(&[&[(capa, Some(announced)), (stls, Some(unknown))]], false).await;
}
