//! Who goes to which server: by the domain of the user name, by a server in the user name, by
//! fallback; and the login that popgate makes for it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;

use crate::support::authority::{self, authority};
use crate::support::{Peer, Proxy, Settings, shown};
use popgate::config::{AllowedHost, HostPattern, ListenTls, Routes, TlsMode, Upstream, UserNames};
use tokio::net::TcpListener;

const GREETING: &[u8] = b"+OK popgate is ready\r\n";

/// A proxy with two upstreams: the second has everybody of `second.example`.
async fn two(change: impl FnOnce(&mut Settings)) -> (Proxy, TcpListener, TcpListener) {
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

/// The second upstream is reached by its name in the user name, and in no other way.
fn second_may_be_named(settings: &mut Settings) {
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

async fn welcome(proxy: &Proxy) -> Peer {
    let mut client = Peer::connect(proxy.address).await;
    client.expect(GREETING).await;
    client
}

/// The server greets and is asked, line by line.
async fn served(listener: &TcpListener, dialogue: &[(&[u8], &[u8])]) -> Peer {
    let mut server = Peer::accept(listener).await;
    server.send(b"+OK <stamp@example>\r\n").await;
    for (asked, answer) in dialogue {
        server.expect(asked).await;
        server.send(answer).await;
    }
    server
}

/// A dialogue with popgate itself.
async fn say(client: &mut Peer, said: &str, answer: &str) {
    client.send(format!("{said}\r\n").as_bytes()).await;
    client.expect(format!("{answer}\r\n").as_bytes()).await;
}

async fn after_login(client: &mut Peer, server: &mut Peer) {
    client.send(b"STAT\r\n").await;
    server.expect(b"STAT\r\n").await;
    server.send(b"+OK 2 320\r\n").await;
    client.expect(b"+OK 2 320\r\n").await;
}

#[tokio::test]
async fn the_domain_of_the_user_name_chooses() {
    for (user, second_is_meant) in [
        ("ann@second.example", true),
        ("ann@SECOND.example", true),
        ("ann@first.example", false),
        ("ann", false),
    ] {
        let (proxy, first, second) = two(|_| {}).await;
        let mut client = welcome(&proxy).await;
        say(&mut client, &format!("USER {user}"), "+OK").await;
        client.send(b"PASS open  sesame \r\n").await;
        let listener = if second_is_meant { &second } else { &first };
        let named = format!("USER {user}\r\n");
        let dialogue: &[(&[u8], &[u8])] = &[
            (named.as_bytes(), b"+OK\r\n"),
            (b"PASS open  sesame \r\n", b"+OK welcome\r\n"),
        ];
        let mut server = served(listener, dialogue).await;
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
async fn commands_behind_a_pipelined_login_are_kept() {
    let (mut proxy, _first, second) = two(|_| {}).await;
    let mut client = welcome(&proxy).await;
    client
        .send(b"USER ann@second.example\r\nPASS x\r\nSTAT\r\nQUIT\r\n")
        .await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
        (b"STAT\r\nQUIT\r\n", b"+OK 0 0\r\n+OK bye\r\n"),
    ];
    served(&second, dialogue).await;
    client.expect(b"+OK\r\n+OK\r\n+OK 0 0\r\n+OK bye\r\n").await;
    proxy.session_end().await;
    // The octets add up along this way, too: what the client got is what the server sent and popgate
    // added, less what ended here.
    let count = |line: &str| proxy.metric(line);
    let edited = |kind: &str| count(&format!("popgate_edited_bytes_total{{kind=\"{kind}\"}}"));
    assert_eq!(
        count("popgate_bytes_total{direction=\"out\",leg=\"client\"}"),
        count("popgate_bytes_total{direction=\"in\",leg=\"upstream\"}") + edited("added")
            - edited("removed")
    );
}

#[tokio::test]
async fn a_login_that_is_denied_can_be_tried_again_elsewhere() {
    let (proxy, first, second) = two(|_| {}).await;
    let mut client = welcome(&proxy).await;
    say(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS wrong\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS wrong\r\n", b"-ERR [AUTH] no such luck\r\n"),
    ];
    served(&second, dialogue).await;
    client.expect(b"-ERR [AUTH] no such luck\r\n").await;
    say(&mut client, "PASS again", "-ERR USER comes first").await;
    say(&mut client, "USER bob", "+OK").await;
    client.send(b"PASS y\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER bob\r\n", b"+OK\r\n"), (b"PASS y\r\n", b"+OK\r\n")];
    let mut server = served(&first, dialogue).await;
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
        let (proxy, _first, second) = two(|_| {}).await;
        let mut client = welcome(&proxy).await;
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
        let mut server = served(&second, dialogue).await;
        client.expect(b"+OK in\r\n").await;
        after_login(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn trap_30_tokens_go_up_in_two_steps_however_long() {
    use base64::Engine as _;
    let token = "t".repeat(48 << 10);
    let text = format!("user=ann@second.example\x01auth=Bearer {token}\x01\x01");
    let blob = base64::engine::general_purpose::STANDARD.encode(text);
    assert!(blob.len() > 64 << 10);
    for together in [true, false] {
        let (proxy, _first, second) = two(|_| {}).await;
        let mut client = welcome(&proxy).await;
        match together {
            true => {
                client
                    .send(format!("AUTH XOAUTH2 {blob}\r\n").as_bytes())
                    .await;
            }
            false => {
                say(&mut client, "AUTH XOAUTH2", "+ ").await;
                client.send(format!("{blob}\r\n").as_bytes()).await;
            }
        }
        let line = format!("{blob}\r\n");
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"AUTH XOAUTH2\r\n", b"+ \r\n"),
            (line.as_bytes(), b"+OK in\r\n"),
        ];
        let mut server = served(&second, dialogue).await;
        client.expect(b"+OK in\r\n").await;
        after_login(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told_and_acknowledged() {
    let (proxy, _first, second) = two(|_| {}).await;
    let mut client = welcome(&proxy).await;
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
    let mut server = served(&second, dialogue).await;
    client.expect(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n").await;
    client.send(b"\r\n").await;
    server.expect(b"\r\n").await;
    server.send(b"-ERR [AUTH] expired\r\n").await;
    client.expect(b"-ERR [AUTH] expired\r\n").await;
    say(&mut client, "NOOP", "-ERR log in first").await;
}

/// With one upstream alone the client's own exchange is relayed, but in two steps as well.
#[tokio::test]
async fn a_relayed_token_goes_up_in_two_steps() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(Settings::new(listener.local_addr().unwrap())).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut server = served(&listener, &[]).await;
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
    // Refused at once, the response is not sent later to anybody.
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
async fn the_lobby_says_what_it_is() {
    let (mut proxy, _first, _second) = two(|_| {}).await;
    let mut client = welcome(&proxy).await;
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
    let said = shown(&client.line().await);
    assert!(said.starts_with("-ERR APOP does not work here"), "{said}");
    say(&mut client, "STLS", "-ERR STLS is not offered here").await;
    say(&mut client, "RETR 1", "-ERR log in first").await;
    say(&mut client, "USER", "-ERR USER needs a name").await;
    say(
        &mut client,
        "AUTH CRAM-MD5",
        "-ERR this mechanism is not offered",
    )
    .await;
    say(
        &mut client,
        "AUTH PLAIN =",
        "-ERR that is no response of this mechanism",
    )
    .await;
    say(&mut client, "AUTH PLAIN", "+ ").await;
    say(&mut client, "*", "-ERR cancelled").await;
    let long = format!("USER {}", "a".repeat(600));
    say(&mut client, &long, "-ERR the user name is too long").await;
    say(&mut client, "QUIT", "+OK bye").await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_session() {
    let (_proxy, _first, _second) = two(|_| {}).await;
    let mut client = welcome(&_proxy).await;
    client.send(&[b'x'; 5000]).await;
    client.expect(b"-ERR the line is too long\r\n").await;
    client.rest().await;
}

#[tokio::test]
async fn nonsense_and_silence_end_in_the_lobby() {
    let (mut proxy, _first, _second) = two(|settings| {
        settings.timeouts.login = std::time::Duration::from_millis(300);
    })
    .await;
    let mut client = welcome(&proxy).await;
    client.send(&b"\x01\r\n".repeat(30)).await;
    let said = client.rest().await;
    assert_eq!(said.iter().filter(|byte| **byte == b'\n').count(), 20);
    proxy.session_end().await;
    let mut client = welcome(&proxy).await;
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn a_server_in_the_user_name_is_reached_if_it_is_allowed() {
    let (proxy, first, second) = two(second_may_be_named).await;
    let port = second.local_addr().unwrap().port();
    for name in [
        format!("127.0.0.1:{port}:ann"),
        "127.0.0.1:ann".to_owned(),
        format!("ann@127.0.0.1:{port}"),
        format!("ann#127.0.0.1:{port}"),
    ] {
        let mut client = welcome(&proxy).await;
        say(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS x\r\n").await;
        let dialogue: &[(&[u8], &[u8])] =
            &[(b"USER ann\r\n", b"+OK\r\n"), (b"PASS x\r\n", b"+OK\r\n")];
        let mut server = served(&second, dialogue).await;
        client.expect(b"+OK\r\n").await;
        after_login(&mut client, &mut server).await;
    }
    // Its own name leads the user to the first upstream.
    let mut client = welcome(&proxy).await;
    say(&mut client, "USER ann@home.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER ann@home.example\r\n", b"+OK\r\n")];
    served(&first, dialogue).await;
    // Elsewhere nobody gets.
    let other = first.local_addr().unwrap().port();
    for name in [
        format!("127.0.0.1:{other}:ann"),
        format!("ann#127.0.0.1:{other}"),
        "pop.evil.example:995:ann".to_owned(),
    ] {
        let mut client = welcome(&proxy).await;
        say(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS x\r\n").await;
        let said = shown(&client.rest().await);
        assert!(said.contains("which is not allowed here"), "{said}");
    }
    assert_eq!(
        proxy.metric("popgate_refused_total{reason=\"user_name\"}"),
        3.0
    );
}

#[tokio::test]
async fn a_user_name_that_leads_to_popgate_itself_is_refused() {
    let (proxy, _first, _second) = two(|settings| {
        settings.routes.user_names.hosts = vec![AllowedHost::parse("127.0.0.1:1").unwrap()];
    })
    .await;
    // Only now its port is known, so another proxy is told of it.
    let SocketAddr::V4(own) = proxy.address else {
        panic!()
    };
    let (looping, _first, _second) = two(|settings| {
        let host = format!("127.0.0.1:{}", own.port());
        settings.routes.user_names.hosts = vec![AllowedHost::parse(&host).unwrap()];
        settings.routes.user_names.tls = TlsMode::Off;
        settings.also_own = vec![proxy.address];
    })
    .await;
    let mut client = welcome(&looping).await;
    say(
        &mut client,
        &format!("USER 127.0.0.1:{}:ann", own.port()),
        "+OK",
    )
    .await;
    client.send(b"PASS x\r\n").await;
    let said = shown(&client.rest().await);
    assert!(said.contains("is this proxy itself"), "{said}");
    let counted = "popgate_upstream_errors_total{kind=\"loop\",upstream=\"user_name\"}";
    assert_eq!(looping.metric(counted), 1.0);
}

#[tokio::test]
async fn the_reserve_steps_in() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(gone);
    let port = second.local_addr().unwrap().port();
    settings.change = |upstream| upstream.fallback = Some(1);
    let mut fallback = Upstream::new("second", "127.0.0.1", port, TlsMode::Off);
    // A circle is no way.
    fallback.fallback = Some(0);
    settings.others = vec![(fallback, None)];
    let proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut server = served(&second, &[]).await;
    client.expect(b"+OK <stamp@example>\r\n").await;
    client.send(b"USER a\r\n").await;
    server.expect(b"USER a\r\n").await;
    let counted = "popgate_upstream_errors_total{kind=\"connect\",upstream=\"test\"}";
    assert_eq!(proxy.metric(counted), 1.0);
    drop(second);
    let mut client = Peer::connect(proxy.address).await;
    let said = shown(&client.rest().await);
    assert!(
        said.starts_with("-ERR [SYS/TEMP] popgate cannot reach"),
        "{said}"
    );
    let counted = "popgate_upstream_errors_total{kind=\"connect\",upstream=\"second\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn stls_works_in_the_lobby() {
    let authority = authority("pop.example.org");
    let (proxy, _first, second) = two(|settings| {
        settings.listen.tls = ListenTls::Starttls;
        settings.tls_server = Some(authority::server(&authority.pair("pop.example.org")));
    })
    .await;
    let mut client = welcome(&proxy).await;
    client.send(b"CAPA\r\n").await;
    let list = client.answer().await;
    assert!(shown(&list).contains("STLS"));
    say(&mut client, "USER mallory", "+OK").await;
    client.send(b"STLS\r\nPASS injected\r\n").await;
    client.expect(b"+OK begin TLS\r\n").await;
    let mut client = client
        .encrypted("pop.example.org", authority.trusted())
        .await
        .unwrap();
    // RFC 2595 section 4: what was said before is forgotten.
    say(&mut client, "PASS x", "-ERR USER comes first").await;
    say(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
    ];
    let mut server = served(&second, dialogue).await;
    client.expect(b"+OK\r\n").await;
    after_login(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_server_that_fails_during_the_login_is_told_of() {
    let (proxy, _first, second) = two(|_| {}).await;
    let mut client = welcome(&proxy).await;
    say(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS x\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[(b"USER ann@second.example\r\n", b"+OK\r\n")];
    let mut server = served(&second, dialogue).await;
    server.expect(b"PASS x\r\n").await;
    drop(server);
    let said = shown(&client.line().await);
    assert!(
        said.contains("-ERR [SYS/TEMP] the mail server closed"),
        "{said}"
    );
    let counted =
        "popgate_logins_total{mechanism=\"userpass\",outcome=\"error\",upstream=\"second\"}";
    assert_eq!(proxy.metric(counted), 1.0);
}

#[tokio::test]
async fn too_many_failed_logins_make_a_pause() {
    let (mut proxy, _first, second) = two(|settings| {
        settings.limits.login_failures = Some(2);
    })
    .await;
    let mut client = welcome(&proxy).await;
    for _ in 0..2 {
        say(&mut client, "USER ann@second.example", "+OK").await;
        client.send(b"PASS wrong\r\n").await;
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"USER ann@second.example\r\n", b"+OK\r\n"),
            (b"PASS wrong\r\n", b"-ERR no\r\n"),
        ];
        served(&second, dialogue).await;
        client.expect(b"-ERR no\r\n").await;
    }
    say(&mut client, "USER ann@second.example", "+OK").await;
    client.send(b"PASS right\r\n").await;
    let said = shown(&client.rest().await);
    assert!(
        said.starts_with("-ERR [SYS/TEMP] too many failed logins; try again in"),
        "{said}"
    );
    proxy.session_end().await;
    // Somebody else is not kept out, though he has the same address.
    let mut client = welcome(&proxy).await;
    say(&mut client, "USER bob@second.example", "+OK").await;
    client.send(b"PASS right\r\n").await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER bob@second.example\r\n", b"+OK\r\n"),
        (b"PASS right\r\n", b"+OK\r\n"),
    ];
    served(&second, dialogue).await;
    client.expect(b"+OK\r\n").await;
}

#[tokio::test]
async fn an_account_has_so_many_sessions() {
    let (mut proxy, _first, second) = two(|settings| {
        settings.limits.sessions_per_mailbox = Some(1);
    })
    .await;
    let dialogue: &[(&[u8], &[u8])] = &[
        (b"USER ann@second.example\r\n", b"+OK\r\n"),
        (b"PASS x\r\n", b"+OK\r\n"),
    ];
    for round in 0..2 {
        let mut client = welcome(&proxy).await;
        say(&mut client, "USER ann@second.example", "+OK").await;
        client.send(b"PASS x\r\n").await;
        let mut server = served(&second, dialogue).await;
        client.expect(b"+OK\r\n").await;
        let mut other = welcome(&proxy).await;
        say(&mut other, "USER Ann@second.example", "+OK").await;
        other.send(b"PASS x\r\n").await;
        let said = shown(&other.rest().await);
        assert!(
            said.starts_with("-ERR [IN-USE] 1 sessions of this mailbox"),
            "{said}"
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
async fn a_listener_has_an_upstream_of_its_own() {
    let (proxy, _first, second) = two(|settings| settings.listen.upstream = Some(1)).await;
    let mut client = Peer::connect(proxy.address).await;
    // Nothing is left to be decided: greeting and stamp are the server's.
    let mut server = served(&second, &[]).await;
    client.expect(b"+OK <stamp@example>\r\n").await;
    client.send(b"APOP ann 0123\r\n").await;
    server.expect(b"APOP ann 0123\r\n").await;
}

/// However the server is spelt in a name, it is the same mailbox that is guessed at.
#[tokio::test]
async fn a_mailbox_is_one_however_it_is_spelt() {
    let (mut proxy, _first, second) = two(|settings| {
        settings.limits.login_failures = Some(2);
        second_may_be_named(settings);
    })
    .await;
    let port = second.local_addr().unwrap().port();
    for name in [format!("127.0.0.1:{port}:ann"), "127.0.0.1:ann".to_owned()] {
        let mut client = welcome(&proxy).await;
        say(&mut client, &format!("USER {name}"), "+OK").await;
        client.send(b"PASS wrong\r\n").await;
        let dialogue: &[(&[u8], &[u8])] = &[
            (b"USER ann\r\n", b"+OK\r\n"),
            (b"PASS wrong\r\n", b"-ERR no\r\n"),
        ];
        served(&second, dialogue).await;
        client.expect(b"-ERR no\r\n").await;
        drop(client);
        proxy.session_end().await;
    }
    let mut client = welcome(&proxy).await;
    say(&mut client, &format!("USER ann@127.0.0.1:{port}"), "+OK").await;
    client.send(b"PASS wrong\r\n").await;
    let said = shown(&client.rest().await);
    assert!(said.contains("too many failed logins"), "{said}");
}
