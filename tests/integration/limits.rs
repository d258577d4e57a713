//! Each limit is enforced, and affects only the session that reaches it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use crate::support::{Peer, Proxy, Settings, announce_pipelining, logged_in, session, shown};
use tokio::net::TcpListener;

/// Waits until a line of /metrics has this value.
async fn until(proxy: &Proxy, line: &str, value: f64) {
    let reached = async {
        while proxy.metric(line) != value {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("{line} is {}, not {value}", proxy.metric(line)));
}

#[tokio::test]
async fn backpressure_applies_to_the_upstream_when_held_bytes_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    // Memory for one held message, not for two.
    settings.hold_bytes = 256 << 10;
    settings.limits.held_bytes = 400 << 10;
    let proxy = Proxy::start(settings).await;
    let (mut first, mut first_upstream) = logged_in(&proxy, &listener).await;
    let (mut second, mut second_upstream) = logged_in(&proxy, &listener).await;
    let message = [
        b"Subject: a\r\n\r\n".as_slice(),
        &b"text\r\n".repeat(30_000),
    ]
    .concat();
    first.send(b"RETR 1\r\n").await;
    first_upstream.expect(b"RETR 1\r\n").await;
    // Neither complete nor over the hold limit: it is held.
    first_upstream.send(b"+OK\r\n").await;
    first_upstream.send(&message[..100_000]).await;
    until(
        &proxy,
        "popgate_holding_bytes",
        f64::from(64 << 10) + f64::from(256 << 10),
    )
    .await;
    second.send(b"RETR 1\r\n").await;
    second_upstream.expect(b"RETR 1\r\n").await;
    second_upstream.send(b"+OK\r\n").await;
    let rest = [&message[..], b".\r\n"].concat();
    let (waited, ()) = tokio::join!(
        async {
            until(&proxy, "popgate_memory_waits_total", 1.0).await;
            proxy.metric("popgate_messages_total{action=\"pass\",command=\"retr\"}")
        },
        second_upstream.send(&rest[..150_000]),
    );
    assert_eq!(waited, 0.0);
    // The first message is completed and frees its memory.
    first_upstream
        .send(&[&message[100_000..], b".\r\n"].concat())
        .await;
    first.expect(&[b"+OK\r\n", &rest[..]].concat()).await;
    second_upstream.send(&rest[150_000..]).await;
    second.expect(&[b"+OK\r\n", &rest[..]].concat()).await;
    until(&proxy, "popgate_holding_bytes", 0.0).await;
}

#[tokio::test]
async fn a_message_that_waits_too_long_for_memory_is_delivered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.held_bytes = 0;
    settings.hold_time = Duration::from_millis(200);
    let proxy = Proxy::start(settings).await;
    let (mut client, mut upstream) = logged_in(&proxy, &listener).await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream
        .send(b"+OK\r\nSubject: a\r\n\r\ntext\r\n.\r\n")
        .await;
    let answer = shown(&client.answer().await);
    assert!(
        answer.ends_with("Subject: a\\r\\n\\r\\ntext\\r\\n.\\r\\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_response_over_limits_response_ends_the_session_without_a_final_dot() {
    let (mut proxy, mut client, mut upstream) = session(|settings| {
        settings.limits.response = Some(1000);
    })
    .await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(b"+OK\r\nSubject: a\r\n\r\n").await;
    upstream.send(&b"text\r\n".repeat(200)).await;
    upstream.send(b".\r\n").await;
    let received = shown(&client.rest().await);
    assert!(!received.contains("\\r\\n.\\r\\n"), "{received}");
    assert!(
        received.starts_with("-ERR [SYS/TEMP]") && received.contains("response is too long"),
        "{received}"
    );
    proxy.session_end().await;
    let counted = "popgate_upstream_errors_total{kind=\"response_too_long\",upstream=\"test\"}";
    assert_eq!(proxy.metric(counted), 1.0);
    // The limit is per response.
    let (_proxy, mut client, mut upstream) = session(|settings| {
        settings.limits.response = Some(1000);
    })
    .await;
    for _ in 0..3 {
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        let message = [
            b"+OK\r\n\r\n".as_slice(),
            &b"text\r\n".repeat(100),
            b".\r\n",
        ]
        .concat();
        upstream.send(&message).await;
        client.expect(&message).await;
    }
}

#[tokio::test]
async fn command_lines_are_limited_and_sasl_tokens_may_be_longer() {
    let (_proxy, mut client, mut upstream) = session(|settings| {
        settings.limits.command_line = 300;
    })
    .await;
    let fits = format!("XTRA {}\r\n", "a".repeat(290));
    client.send(fits.as_bytes()).await;
    upstream.expect(fits.as_bytes()).await;
    upstream.send(b"-ERR what?\r\n").await;
    client.expect(b"-ERR what?\r\n").await;
    let token = format!("AUTH SCRAM-SHA-1 {}\r\n", "a".repeat(70_000));
    client.send(token.as_bytes()).await;
    upstream.expect(token.as_bytes()).await;
    upstream.send(b"-ERR no\r\n").await;
    client.expect(b"-ERR no\r\n").await;
    client
        .send(format!("NOOP {}\r\n", "a".repeat(400)).as_bytes())
        .await;
    assert_eq!(
        shown(&client.rest().await),
        "-ERR the line is too long\\r\\n"
    );
}

#[tokio::test]
async fn closed_sessions_free_their_address_quota() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.listen.proxy_header = true;
    settings.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    settings.limits.sessions_per_address = Some(2);
    let mut proxy = Proxy::start(settings).await;
    let from = |last: u8| format!("PROXY TCP6 2001:db8::{last} 2001:db8:1::1 4000 110\r\n");
    let mut open = Vec::new();
    for round in 0..3u8 {
        // Addresses of one /64 share a quota; the third session exceeds it.
        let mut client = Peer::connect(proxy.address).await;
        client.send(from(round).as_bytes()).await;
        if round < 2 {
            let mut upstream = Peer::accept(&listener).await;
            upstream.send(b"+OK\r\n").await;
            client.expect(b"+OK\r\n").await;
            open.push((client, upstream));
        } else {
            let received = shown(&client.rest().await);
            assert!(
                received.contains("2 sessions from your address"),
                "{received}"
            );
            proxy.session_end().await;
        }
    }
    let (closed, _upstream) = open.pop().unwrap();
    drop(closed);
    proxy.session_end().await;
    let mut client = Peer::connect(proxy.address).await;
    client.send(from(9).as_bytes()).await;
    let mut upstream = Peer::accept(&listener).await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

/// A client before its login, and its upstream.
async fn greeted(proxy: &Proxy, listener: &TcpListener) -> (Peer, Peer) {
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = Peer::accept(listener).await;
    upstream.send(b"+OK ready\r\n").await;
    client.expect(b"+OK ready\r\n").await;
    (client, upstream)
}

/// Pipelined logins are sent upstream one by one: each failure is counted, for its own user name, before the
/// next one is sent.
#[tokio::test]
async fn pipelined_login_failures_are_counted_one_by_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.login_failures = Some(2);
    let mut proxy = Proxy::start(settings).await;
    let (mut client, mut upstream) = greeted(&proxy, &listener).await;
    announce_pipelining(&mut client, &mut upstream).await;
    client
        .send(b"USER ann\r\nPASS a\r\nUSER x\r\nUSER ann\r\nPASS b\r\nUSER y\r\nUSER ann\r\nPASS c\r\n")
        .await;
    for guess in [
        &b"USER ann\r\nPASS a\r\n"[..],
        b"USER x\r\nUSER ann\r\nPASS b\r\n",
    ] {
        upstream.expect(guess).await;
        let lines = guess.iter().filter(|octet| **octet == b'\n').count();
        let answers = [&b"+OK\r\n".repeat(lines - 1)[..], b"-ERR no\r\n"].concat();
        upstream.send(&answers).await;
        client.expect(&answers).await;
    }
    upstream.expect(b"USER y\r\nUSER ann\r\n").await;
    upstream.send(b"+OK\r\n+OK\r\n").await;
    client.expect(b"+OK\r\n+OK\r\n").await;
    let received = shown(&client.rest().await);
    assert!(received.contains("too many failed logins"), "{received}");
    proxy.session_end().await;
    assert_eq!(shown(&upstream.rest().await), "");
}

/// The slot is taken by the password, so that an unauthenticated client cannot lock out a user.
#[tokio::test]
async fn a_user_name_without_a_password_takes_no_session_slot() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.sessions_per_mailbox = Some(1);
    let proxy = Proxy::start(settings).await;
    let (mut client, mut upstream) = greeted(&proxy, &listener).await;
    // "a", as in logged_in.
    for (command, answer) in [
        (&b"USER a\r\n"[..], &b"+OK\r\n"[..]),
        (b"AUTH LOGIN\r\n", b"+ VXNlcm5hbWU6\r\n"),
        (b"YQ==\r\n", b"+ UGFzc3dvcmQ6\r\n"),
    ] {
        client.send(command).await;
        upstream.expect(command).await;
        upstream.send(answer).await;
        client.expect(answer).await;
    }
    let (first, first_upstream) = logged_in(&proxy, &listener).await;
    // With the password it would be the second session.
    client.send(b"eA==\r\n").await;
    let received = shown(&client.rest().await);
    assert!(received.contains("[IN-USE]"), "{received}");
    drop((first, first_upstream));
}

/// Clients that are not logged in have a part of the sessions; a newcomer gets the place of an idle one.
#[tokio::test]
async fn idle_clients_without_a_login_do_not_block_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.sessions = 3;
    settings.limits.pending_sessions = 2;
    let proxy = Proxy::start(settings).await;
    let (mut first, first_upstream) = logged_in(&proxy, &listener).await;
    until(&proxy, "popgate_sessions_pending{listener=\"pop3\"}", 0.0).await;
    let mut idle = greeted(&proxy, &listener).await;
    let asks = greeted(&proxy, &listener).await;
    // An answer of the server is pending: it is not idle.
    let (mut asking, mut asked) = asks;
    asking.send(b"CAPA\r\n").await;
    asked.expect(b"CAPA\r\n").await;
    // Both have just come.
    let full = "-ERR [SYS/TEMP] popgate has too many sessions; try again later\\r\\n";
    let mut early = Peer::connect(proxy.address).await;
    assert_eq!(shown(&early.rest().await), full);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    let (second, second_upstream) = logged_in(&proxy, &listener).await;
    let evicted = "-ERR [SYS/TEMP] too many clients have not logged in yet; try again later\\r\\n";
    // A line that answers nothing would be taken for the answer to its next command.
    assert_eq!(shown(&idle.0.rest().await), "");
    assert_eq!(shown(&idle.1.rest().await), "");
    // The next one gets the last place of a client without a login; then there are none.
    let (third, third_upstream) = logged_in(&proxy, &listener).await;
    assert_eq!(shown(&asking.rest().await), evicted);
    let mut late = Peer::connect(proxy.address).await;
    assert_eq!(shown(&late.rest().await), full);
    assert_eq!(
        proxy.metric("popgate_refused_total{reason=\"pending_sessions\"}"),
        2.0
    );
    assert_eq!(
        proxy.metric("popgate_refused_total{reason=\"sessions\"}"),
        2.0
    );
    // Logged in, it stays.
    let mut server = first_upstream;
    first.send(b"NOOP\r\n").await;
    server.expect(b"NOOP\r\n").await;
    server.send(b"+OK\r\n").await;
    first.expect(b"+OK\r\n").await;
    drop((second, second_upstream, third, third_upstream));
}

/// Guesses that the server has not answered count: no more reach it than may fail.
#[tokio::test]
async fn simultaneous_guesses_do_not_all_reach_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.login_failures = Some(3);
    let proxy = Proxy::start(settings).await;
    let mut sessions = Vec::new();
    for guess in 0..12 {
        let (mut client, mut upstream) = greeted(&proxy, &listener).await;
        client.send(b"USER ann\r\n").await;
        upstream.expect(b"USER ann\r\n").await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        client.send(format!("PASS {guess}\r\n").as_bytes()).await;
        if guess < 3 {
            upstream
                .expect(format!("PASS {guess}\r\n").as_bytes())
                .await;
        }
        sessions.push((client, upstream));
    }
    until(&proxy, "popgate_commands_total{verb=\"pass\"}", 12.0).await;
    let waiting = sessions.split_off(3);
    for (client, upstream) in &mut sessions {
        upstream.send(b"-ERR no\r\n").await;
        client.expect(b"-ERR no\r\n").await;
    }
    for (mut client, mut upstream) in waiting {
        let received = shown(&client.rest().await);
        assert!(received.contains("too many failed logins"), "{received}");
        assert_eq!(shown(&upstream.rest().await), "");
    }
}

/// Many sessions with the right password are served one after the other; none is refused.
#[tokio::test]
async fn simultaneous_logins_with_the_right_password_all_succeed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.login_failures = Some(2);
    let proxy = Proxy::start(settings).await;
    let mut sessions = Vec::new();
    for at in 1..=8 {
        let (mut client, mut upstream) = greeted(&proxy, &listener).await;
        client.send(b"USER ann\r\n").await;
        upstream.expect(b"USER ann\r\n").await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        client.send(b"PASS x\r\n").await;
        // Turns are given in this order.
        until(
            &proxy,
            "popgate_commands_total{verb=\"pass\"}",
            f64::from(at),
        )
        .await;
        sessions.push((client, upstream));
    }
    for (client, upstream) in &mut sessions {
        upstream.expect(b"PASS x\r\n").await;
        upstream.send(b"+OK in\r\n").await;
        client.expect(b"+OK in\r\n").await;
    }
}

/// RFC 2449 section 8.1: a mailbox in use says nothing about the password (github.com/horms/perdition/issues/4).
#[tokio::test]
async fn answers_that_say_nothing_about_the_password_are_not_login_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    settings.limits.login_failures = Some(1);
    let proxy = Proxy::start(settings).await;
    let answers = [
        &b"-ERR [IN-USE] mailbox already in use by pid 12345\r\n"[..],
        b"-ERR maildrop already locked\r\n",
        b"-err [sys/temp] later\r\n",
        b"-ERR [LOGIN-DELAY] wait\r\n",
    ];
    // "\0ann\0x"
    for login in [
        &b"PASS x\r\n"[..],
        b"AUTH PLAIN AGFubgB4\r\n",
        b"APOP ann 0123\r\n",
    ] {
        for answer in answers {
            let (mut client, mut upstream) = greeted(&proxy, &listener).await;
            announce_pipelining(&mut client, &mut upstream).await;
            let commands = match login.starts_with(b"PASS") {
                true => [&b"USER ann\r\n"[..], login].concat(),
                false => login.to_vec(),
            };
            client.send(&commands).await;
            upstream.expect(&commands).await;
            let answers = match login.starts_with(b"PASS") {
                true => [&b"+OK\r\n"[..], answer].concat(),
                false => answer.to_vec(),
            };
            upstream.send(&answers).await;
            client.expect(&answers).await;
        }
    }
    // Nor is a server that closes instead of answering.
    let (mut client, mut upstream) = greeted(&proxy, &listener).await;
    announce_pipelining(&mut client, &mut upstream).await;
    client.send(b"USER ann\r\nPASS x\r\n").await;
    upstream.expect(b"USER ann\r\nPASS x\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    drop(upstream);
    assert!(client.rest().await.starts_with(b"-ERR [SYS/TEMP]"));
    let count = |mechanism: &str, outcome: &str| {
        proxy.metric(&format!(
            "popgate_logins_total{{mechanism=\"{mechanism}\",outcome=\"{outcome}\",upstream=\"test\"}}"
        ))
    };
    assert_eq!(
        (count("userpass", "error"), count("userpass", "denied")),
        (5.0, 0.0)
    );
    assert_eq!(
        (count("plain", "error"), count("plain", "denied")),
        (4.0, 0.0)
    );
    assert_eq!(
        (count("apop", "error"), count("apop", "denied")),
        (4.0, 0.0)
    );
    let (mut client, mut upstream) = greeted(&proxy, &listener).await;
    announce_pipelining(&mut client, &mut upstream).await;
    client.send(b"USER ann\r\nPASS x\r\n").await;
    upstream.expect(b"USER ann\r\nPASS x\r\n").await;
    upstream.send(b"+OK\r\n+OK in\r\n").await;
    client.expect(b"+OK\r\n+OK in\r\n").await;
}
