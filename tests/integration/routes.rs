//! Selection of the upstream: by the domain of the user name, by a server in the user name, by
//! fallback; and popgate's login there.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;

use std::time::Duration;

use crate::support::authority::{self, authority};
use crate::support::{Peer, Proxy, Settings, shown};
use popgate::config::{AllowedHost, HostPattern, ListenTls, Routes, TlsMode, Upstream, UserNames};
use tokio::net::TcpListener;

const GREETING: &[u8] = b"+OK popgate is ready\r\n";

/// A proxy with two upstreams: users of `second.example` belong to the second.
async fn two_upstreams(change: impl FnOnce(&mut Settings)) -> (Proxy, TcpListener, TcpListener) {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = second.local_addr().unwrap().port();
    let mut settings = Settings::new(first.local_addr().unwrap());
    let upstream = Upstream::new("second", "127.0.0.1", port, TlsMode::Off);
    settings.others = vec![(upstream, None)];
    settings.routes.domains = vec![(HostPattern::parse("second.example").unwrap(), 1)];
    change(&mut settings);
    (Proxy::start(settings).await, first, second)
}

/// The second upstream is selected by its address in the user name only.
fn allow_second_in_user_names(settings: &mut Settings) {
    let port = settings.others[0].0.port;
    settings.routes = Routes {
        user_names: UserNames {
            hosts: vec![AllowedHost::parse(&format!("127.0.0.1:{port}")).unwrap()],
            tls: TlsMode::Off,
            ..UserNames::default()
        },
        ..Routes::default()
    };
}

async fn connect(proxy: &Proxy) -> Peer {
    let mut client = Peer::connect(proxy.address).await;
    client.expect(GREETING).await;
    client
}

/// Accepts a connection, sends the greeting, announces nothing and plays a dialogue of commands and responses.
async fn serve(listener: &TcpListener, dialogue: &[(&[u8], &[u8])]) -> Peer {
    let mut server = serve_relayed(listener).await;
    server.expect(b"CAPA\r\n").await;
    server.send(b"-ERR what?\r\n").await;
    for (asked, answer) in dialogue {
        server.expect(asked).await;
        server.send(answer).await;
    }
    server
}

/// The same without a login by popgate.
async fn serve_relayed(listener: &TcpListener) -> Peer {
    let mut server = Peer::accept(listener).await;
    server.send(b"+OK <stamp@example>\r\n").await;
    server
}

/// A command that popgate answers itself.
async fn exchange(client: &mut Peer, command: &str, answer: &str) {
    client.send(format!("{command}\r\n").as_bytes()).await;
    client.expect(format!("{answer}\r\n").as_bytes()).await;
}

async fn after_login(client: &mut Peer, server: &mut Peer) {
    client.send(b"STAT\r\n").await;
    server.expect(b"STAT\r\n").await;
    server.send(b"+OK 2 320\r\n").await;
    client.expect(b"+OK 2 320\r\n").await;
}

#[tokio::test]
async fn the_domain_of_the_user_name_selects_the_upstream() {
    for (user, second_is_meant) in [
        ("ann@second.example", true),
        ("ann@SECOND.example", true),
        ("ann@first.example", false),
        ("ann", false),
    ] {
        let (proxy, first, second) = two_upstreams(|_| {}).await;
        let mut client = connect(&proxy).await;
        exchange(&mut client, &format!("USER {user}"), "+OK").await;
        client.send(b"PASS open  sesame \r\n").await;
        let listener = if second_is_meant { &second } else { &first };
        let named = format!("USER {user}\r\n");
        let dialogue: &[(&[u8], &[u8])] = &[
            (named.as_bytes(), b"+OK\r\n"),
            (b"PASS open  sesame \r\n", b"+OK welcome\r\n"),
        ];
        let mut server = serve(listener, dialogue).await;
        client.expect(b"+OK welcome\r\n").await;
        after_login(&mut client, &mut server).await;
        let upstream = if second_is_meant { "second" } else { "test" };
        let counted = format!(
            "popgate_logins_total{{mechanism=\"userpass\",outcome=\"ok\",upstream=\"{upstream}\"}}"
        );
        assert_eq!(proxy.metric(&counted), 1.0);
    }
}

#[tokio::test]
async fn commands_pipelined_after_a_login_are_kept() {
    let (mut proxy, _first, second) = two_upstreams(|_| {}).await;
    let mut client = connect(&proxy).await;
    client
        .send(b"USER ann@second.example\r\nPASS x\r\nSTAT\r\nQUIT\r\n")
        .await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
        (b"STAT\r\n", b"+OK 0 0\r\n"),
        (b"QUIT\r\n", b"+OK bye\r\n"),
    ];
    serve(&second, dialogue).await;
    client.expect(b"+OK\r\n+OK\r\n+OK 0 0\r\n+OK bye\r\n").await;
    proxy.session_end().await;
    // The octets add up for logins by popgate, too: sent to the client = received from the server + added
    // - removed.
    let count = |line: &str| proxy.metric(line);
    let edited = |kind: &str| count(&format!("popgate_edited_bytes_total{{kind=\"{kind}\"}}"));
    assert_eq!(
        count("popgate_bytes_total{direction=\"out\",leg=\"client\"}"),
        count("popgate_bytes_total{direction=\"in\",leg=\"upstream\"}") + edited("added")
            - edited("removed")
    );
}

#[tokio::test]
async fn a_denied_login_can_be_retried_with_another_upstream() {
    let (proxy, first, second) = two_upstreams(|_| {}).await;
    let mut client = connect(&proxy).await;
    exchange(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS wrong\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS wrong\r\n", b"-ERR [AUTH] no such luck\r\n"),
    ];
    serve(&second, dialogue).await;
    client.expect(b"-ERR [AUTH] no such luck\r\n").await;
    exchange(&mut client, "PASS again", "-ERR USER comes first").await;
    exchange(&mut client, "USER bob", "+OK").await;
    client.send(b"PASS y\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER bob\r\n", b"+OK\r\n"), (b"PASS y\r\n", b"+OK\r\n")];
    let mut server = serve(&first, dialogue).await;
    client.expect(b"+OK\r\n").await;
    after_login(&mut client, &mut server).await;
}

#[tokio::test]
async fn auth_plain_and_login_become_user_and_pass() {
    let logins: &[&[(&str, &str)]] = &[
        &[("AUTH PLAIN AGFubkBzZWNvbmQuZXhhbXBsZQBzZWNyZXQ=", "")],
        &[
            ("AUTH PLAIN", "+ "),
            ("AGFubkBzZWNvbmQuZXhhbXBsZQBzZWNyZXQ=", ""),
        ],
        &[
            ("AUTH LOGIN", "+ VXNlcm5hbWU6"),
            ("YW5uQHNlY29uZC5leGFtcGxl", "+ UGFzc3dvcmQ6"),
            ("c2VjcmV0", ""),
        ],
    ];
    for lines in logins {
        let (proxy, _first, second) = two_upstreams(|_| {}).await;
        let mut client = connect(&proxy).await;
        for (line, challenge) in *lines {
            client.send(format!("{line}\r\n").as_bytes()).await;
            if !challenge.is_empty() {
                client.expect(format!("{challenge}\r\n").as_bytes()).await;
            }
        }
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"USER ann@second.example\r\n", b"+OK\r\n"),
            (b"PASS secret\r\n", b"+OK in\r\n"),
        ];
        let mut server = serve(&second, dialogue).await;
        client.expect(b"+OK in\r\n").await;
        after_login(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn trap_30_tokens_of_any_length_are_sent_in_two_steps() {
    use base64::Engine as _;
    let token = "t".repeat(48 << 10);
    let text = format!("user=ann@second.example\x01auth=Bearer {token}\x01\x01");
    let blob = base64::engine::general_purpose::STANDARD.encode(text);
    assert!(blob.len() > 64 << 10);
    for together in [true, false] {
        let (proxy, _first, second) = two_upstreams(|_| {}).await;
        let mut client = connect(&proxy).await;
        match together {
            true => {
                client
                    .send(format!("AUTH XOAUTH2 {blob}\r\n").as_bytes())
                    .await;
            }
            false => {
                exchange(&mut client, "AUTH XOAUTH2", "+ ").await;
                client.send(format!("{blob}\r\n").as_bytes()).await;
            }
        }
        let line = format!("{blob}\r\n");
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"AUTH XOAUTH2\r\n", b"+ \r\n"),
            (line.as_bytes(), b"+OK in\r\n"),
        ];
        let mut server = serve(&second, dialogue).await;
        client.expect(b"+OK in\r\n").await;
        after_login(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn a_token_error_challenge_is_relayed_and_acknowledged() {
    let (proxy, _first, second) = two_upstreams(|_| {}).await;
    let mut client = connect(&proxy).await;
    // "user=ann@second.example\1auth=Bearer x\1\1"
    let blob = "dXNlcj1hbm5Ac2Vjb25kLmV4YW1wbGUBYXV0aD1CZWFyZXIgeAEB";
    client
        .send(format!("AUTH XOAUTH2 {blob}\r\n").as_bytes())
        .await;
    let line = format!("{blob}\r\n");
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"AUTH XOAUTH2\r\n", b"+\r\n"),
        (line.as_bytes(), b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
    ];
    let mut server = serve(&second, dialogue).await;
    client.expect(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n").await;
    client.send(b"\r\n").await;
    server.expect(b"\r\n").await;
    server.send(b"-ERR [AUTH] expired\r\n").await;
    client.expect(b"-ERR [AUTH] expired\r\n").await;
    exchange(&mut client, "NOOP", "-ERR log in first").await;
}

/// With a single upstream the client's own login is relayed, in two steps as well.
#[tokio::test]
async fn a_relayed_token_is_sent_in_two_steps() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(Settings::new(listener.local_addr().unwrap())).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut server = serve_relayed(&listener).await;
    client.expect(b"+OK <stamp@example>\r\n").await;
    client.send(b"AUTH XOAUTH2 dXNlcj1h\r\n").await;
    server.expect(b"AUTH XOAUTH2\r\n").await;
    server.send(b"+ \r\n").await;
    server.expect(b"dXNlcj1h\r\n").await;
    server.send(b"+ eyJ9\r\n").await;
    client.expect(b"+ eyJ9\r\n").await;
    client.send(b"\r\n").await;
    server.expect(b"\r\n").await;
    server.send(b"-ERR no\r\n").await;
    client.expect(b"-ERR no\r\n").await;
    // If the mechanism is refused at once, the token is discarded, not sent later.
    client.send(b"AUTH XOAUTH2 dXNlcj1h\r\n").await;
    server.expect(b"AUTH XOAUTH2\r\n").await;
    server.send(b"-ERR unknown\r\n").await;
    client.expect(b"-ERR unknown\r\n").await;
    client.send(b"AUTH PLAIN\r\n").await;
    server.expect(b"AUTH PLAIN\r\n").await;
    server.send(b"+ \r\n").await;
    client.expect(b"+ \r\n").await;
}

#[tokio::test]
async fn popgate_answers_commands_itself_before_the_upstream_is_known() {
    let (mut proxy, _first, _second) = two_upstreams(|_| {}).await;
    let mut client = connect(&proxy).await;
    client.send(b"CAPA\r\n").await;
    let list = String::from_utf8(client.answer().await).unwrap();
    assert!(
        list.contains("\r\nUSER\r\nSASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n"),
        "{list}"
    );
    assert!(!list.contains("STLS"), "{list}");
    client.send(b"AUTH\r\n").await;
    assert!(client.answer().await.ends_with(b"OAUTHBEARER\r\n.\r\n"));
    client.send(b"APOP ann 0123456789abcdef\r\n").await;
    let received = shown(&client.line().await);
    assert!(
        received.starts_with("-ERR APOP does not work here"),
        "{received}"
    );
    exchange(&mut client, "STLS", "-ERR STLS is not offered here").await;
    exchange(&mut client, "RETR 1", "-ERR log in first").await;
    exchange(&mut client, "USER", "-ERR USER needs a name").await;
    exchange(
        &mut client,
        "AUTH CRAM-MD5",
        "-ERR this mechanism is not offered",
    )
    .await;
    exchange(
        &mut client,
        "AUTH PLAIN =",
        "-ERR invalid response for this mechanism",
    )
    .await;
    exchange(&mut client, "AUTH PLAIN", "+ ").await;
    exchange(&mut client, "*", "-ERR cancelled").await;
    let long = format!("USER {}", "a".repeat(600));
    exchange(&mut client, &long, "-ERR the user name is too long").await;
    exchange(&mut client, "QUIT", "+OK bye").await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_session() {
    let (_proxy, _first, _second) = two_upstreams(|_| {}).await;
    let mut client = connect(&_proxy).await;
    client.send(&[b'x'; 5000]).await;
    client.expect(b"-ERR the line is too long\r\n").await;
    client.rest().await;
}

#[tokio::test]
async fn garbage_and_silence_before_the_login_end_the_session() {
    let (mut proxy, _first, _second) = two_upstreams(|settings| {
        settings.timeouts.login = Duration::from_millis(300);
    })
    .await;
    let mut client = connect(&proxy).await;
    client.send(&b"\x01\r\n".repeat(30)).await;
    let received = client.rest().await;
    assert_eq!(received.iter().filter(|byte| **byte == b'\n').count(), 20);
    proxy.session_end().await;
    let mut client = connect(&proxy).await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn a_server_in_the_user_name_is_used_if_allowed() {
    let (proxy, first, second) = two_upstreams(allow_second_in_user_names).await;
    let port = second.local_addr().unwrap().port();
    for name in [
        format!("127.0.0.1:{port}:ann"),
        "127.0.0.1:ann".to_owned(),
        format!("ann@127.0.0.1:{port}"),
        format!("ann#127.0.0.1:{port}"),
    ] {
        let mut client = connect(&proxy).await;
        exchange(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS x\r\n").await;
        let dialogue: &[(&[u8], &[u8])] =
            &[(b"USER ann\r\n", b"+OK\r\n"), (b"PASS x\r\n", b"+OK\r\n")];
        let mut server = serve(&second, dialogue).await;
        client.expect(b"+OK\r\n").await;
        after_login(&mut client, &mut server).await;
    }
    // A name without an allowed server belongs to the first upstream.
    let mut client = connect(&proxy).await;
    exchange(&mut client, "USER ann@home.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER ann@home.example\r\n", b"+OK\r\n")];
    serve(&first, dialogue).await;
    // Other servers are refused.
    let other = first.local_addr().unwrap().port();
    for name in [
        format!("127.0.0.1:{other}:ann"),
        format!("ann#127.0.0.1:{other}"),
        "pop.evil.example:995:ann".to_owned(),
    ] {
        let mut client = connect(&proxy).await;
        exchange(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS x\r\n").await;
        let received = shown(&client.rest().await);
        assert!(received.contains("which is not allowed here"), "{received}");
    }
    assert_eq!(
        proxy.metric("popgate_refused_total{reason=\"user_name\"}"),
        3.0
    );
}

#[tokio::test]
async fn a_user_name_that_names_popgate_itself_is_refused() {
    let (proxy, _first, _second) = two_upstreams(|settings| {
        settings.routes.user_names.hosts = vec![AllowedHost::parse("127.0.0.1:1").unwrap()];
    })
    .await;
    // Its port is known only now, so a second proxy is configured with it.
    let SocketAddr::V4(own) = proxy.address else {
        panic!()
    };
    let (looping, _first, _second) = two_upstreams(|settings| {
        let host = format!("127.0.0.1:{}", own.port());
        settings.routes.user_names.hosts = vec![AllowedHost::parse(&host).unwrap()];
        settings.routes.user_names.tls = TlsMode::Off;
        settings.also_own = vec![proxy.address];
    })
    .await;
    let mut client = connect(&looping).await;
    exchange(
        &mut client,
        &format!("USER 127.0.0.1:{}:ann", own.port()),
        "+OK",
    )
    .await;
    client.send(b"PASS x\r\n").await;
    let received = shown(&client.rest().await);
    assert!(received.contains("is this proxy itself"), "{received}");
    let counted = "popgate_upstream_errors_total{kind=\"loop\",upstream=\"user_name\"}";
    assert_eq!(looping.metric(counted), 1.0);
}

#[tokio::test]
async fn the_fallback_is_used_when_the_upstream_is_unreachable() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(gone);
    let port = second.local_addr().unwrap().port();
    settings.change = |upstream| upstream.fallback = Some(1);
    let mut fallback = Upstream::new("second", "127.0.0.1", port, TlsMode::Off);
    // A cycle of fallbacks is not followed.
    fallback.fallback = Some(0);
    settings.others = vec![(fallback, None)];
    let proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut server = serve_relayed(&second).await;
    client.expect(b"+OK <stamp@example>\r\n").await;
    client.send(b"USER a\r\n").await;
    server.expect(b"USER a\r\n").await;
    let counted = "popgate_upstream_errors_total{kind=\"connect\",upstream=\"test\"}";
    assert_eq!(proxy.metric(counted), 1.0);
    drop(second);
    let mut client = Peer::connect(proxy.address).await;
    let received = shown(&client.rest().await);
    assert!(
        received.starts_with("-ERR [SYS/TEMP] popgate cannot reach"),
        "{received}"
    );
    let counted = "popgate_upstream_errors_total{kind=\"connect\",upstream=\"second\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn stls_works_before_the_upstream_is_known() {
    let authority = authority("pop.example.org");
    let (proxy, _first, second) = two_upstreams(|settings| {
        settings.listen.tls = ListenTls::Starttls;
        settings.tls_server = Some(authority::server(&authority.pair("pop.example.org")));
    })
    .await;
    let mut client = connect(&proxy).await;
    client.send(b"CAPA\r\n").await;
    let list = client.answer().await;
    assert!(shown(&list).contains("STLS"));
    exchange(&mut client, "USER mallory", "+OK").await;
    client.send(b"STLS\r\nPASS injected\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    // RFC 2595 section 4: what was sent before TLS is discarded.
    exchange(&mut client, "PASS x", "-ERR USER comes first").await;
    exchange(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
    ];
    let mut server = serve(&second, dialogue).await;
    client.expect(b"+OK\r\n").await;
    after_login(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_server_that_closes_during_the_login_is_reported() {
    let (proxy, _first, second) = two_upstreams(|_| {}).await;
    let mut client = connect(&proxy).await;
    exchange(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER ann@second.example\r\n", b"+OK\r\n")];
    let mut server = serve(&second, dialogue).await;
    server.expect(b"PASS x\r\n").await;
    drop(server);
    let received = shown(&client.line().await);
    assert!(
        received.contains("-ERR [SYS/TEMP] the mail server closed"),
        "{received}"
    );
    let counted =
        "popgate_logins_total{mechanism=\"userpass\",outcome=\"error\",upstream=\"second\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn too_many_failed_logins_are_throttled() {
    let (mut proxy, _first, second) = two_upstreams(|settings| {
        settings.limits.login_failures = Some(2);
    })
    .await;
    let mut client = connect(&proxy).await;
    for _ in 0..2 {
        exchange(&mut client, "USER ann@second.example", "+OK").await;
        client.send(b"PASS wrong\r\n").await;
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"USER ann@second.example\r\n", b"+OK\r\n"),
            (b"PASS wrong\r\n", b"-ERR no\r\n"),
        ];
        serve(&second, dialogue).await;
        client.expect(b"-ERR no\r\n").await;
    }
    exchange(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS right\r\n").await;
    let received = shown(&client.rest().await);
    assert!(
        received.starts_with("-ERR [SYS/TEMP] too many failed logins; try again in"),
        "{received}"
    );
    proxy.session_end().await;
    // Another user from the same address is not throttled.
    let mut client = connect(&proxy).await;
    exchange(&mut client, "USER bob@second.example", "+OK").await;
    client.send(b"PASS right\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER bob@second.example\r\n", b"+OK\r\n"),
        (b"PASS right\r\n", b"+OK\r\n"),
    ];
    serve(&second, dialogue).await;
    client.expect(b"+OK\r\n").await;
}

#[tokio::test]
async fn sessions_per_mailbox_are_limited() {
    let (mut proxy, _first, second) = two_upstreams(|settings| {
        settings.limits.sessions_per_mailbox = Some(1);
    })
    .await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
    ];
    for round in 0..2 {
        let mut client = connect(&proxy).await;
        exchange(&mut client, "USER ann@second.example", "+OK").await;
        client.send(b"PASS x\r\n").await;
        let mut server = serve(&second, dialogue).await;
        client.expect(b"+OK\r\n").await;
        let mut other = connect(&proxy).await;
        exchange(&mut other, "USER Ann@second.example", "+OK").await;
        other.send(b"PASS x\r\n").await;
        let received = shown(&other.rest().await);
        assert!(
            received.starts_with("-ERR [IN-USE] 1 sessions of this mailbox"),
            "{received}"
        );
        proxy.session_end().await;
        client.send(b"QUIT\r\n").await;
        server.expect(b"QUIT\r\n").await;
        server.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        proxy.session_end().await;
        let counted = "popgate_refused_total{reason=\"sessions_per_mailbox\"}";
        assert_eq!(proxy.metric(counted), f64::from(round + 1));
    }
}

#[tokio::test]
async fn a_listener_can_have_its_own_upstream() {
    let (proxy, _first, second) =
        two_upstreams(|settings| settings.listen.upstream = Some(1)).await;
    let mut client = Peer::connect(proxy.address).await;
    // The upstream is known, so greeting and timestamp are the server's.
    let mut server = serve_relayed(&second).await;
    client.expect(b"+OK <stamp@example>\r\n").await;
    client.send(b"APOP ann 0123\r\n").await;
    server.expect(b"APOP ann 0123\r\n").await;
}

#[tokio::test]
async fn all_spellings_of_a_mailbox_share_its_login_failures() {
    let (mut proxy, _first, second) = two_upstreams(|settings| {
        settings.limits.login_failures = Some(2);
        allow_second_in_user_names(settings);
    })
    .await;
    let port = second.local_addr().unwrap().port();
    for name in [format!("127.0.0.1:{port}:ann"), "127.0.0.1:ann".to_owned()] {
        let mut client = connect(&proxy).await;
        exchange(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS wrong\r\n").await;
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"USER ann\r\n", b"+OK\r\n"),
            (b"PASS wrong\r\n", b"-ERR no\r\n"),
        ];
        serve(&second, dialogue).await;
        client.expect(b"-ERR no\r\n").await;
        drop(client);
        proxy.session_end().await;
    }
    let mut client = connect(&proxy).await;
    exchange(&mut client, &format!("USER ann@127.0.0.1:{port}"), "+OK").await;
    client.send(b"PASS wrong\r\n").await;
    let received = shown(&client.rest().await);
    assert!(received.contains("too many failed logins"), "{received}");
}

#[tokio::test]
async fn no_greeting_is_awaited_for_a_client_that_left_during_its_first_login() {
    let (mut proxy, first, _second) = two_upstreams(|settings| {
        settings.timeouts.greeting = Duration::from_secs(3600);
    })
    .await;
    let mut client = connect(&proxy).await;
    client
        .send(b"USER ann\r\nPASS x\r\nUSER bob@second.example\r\nPASS y\r\n")
        .await;
    let mut server = serve(&first, &[(b"USER ann\r\n", b"+OK\r\n")]).await;
    server.expect(b"PASS x\r\n").await;
    client.half_close().await;
    server.send(b"-ERR no\r\n").await;
    // The second server never greets.
    proxy.session_end().await;
}
