//! The relay with misbehaving peers: mixed line ends, floods, unsolicited data, disconnects in the
//! middle of an exchange, and slow clients.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use crate::support::exchange::{PLAIN, driven};
use crate::support::{
    Peer, ServerInMemory, Settings, announce_pipelining, session, session_in_memory, shown,
};
use popgate::config::HeaderMode;
use popgate::pop3::dot::{EndOfAnswer, unstuff};
use popgate::session::exchange::LoginBy;
use tokio::time::timeout;

/// Longer than any step takes unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything the client receives for `RETR 1`, up to the response to the NOOP after it.
async fn fetched(client: &mut Peer, upstream: &mut Peer, wire: &[u8]) -> Vec<u8> {
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(wire).await;
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"+OK marker\r\n").await;
    let mut all = Vec::new();
    loop {
        let line = client.line().await;
        if line == b"+OK marker\r\n" || line.is_empty() {
            return all;
        }
        all.extend_from_slice(&line);
    }
}

/// Where a client finds the end of a multi-line response, and the length of all lines.
fn end_of(all: &[u8]) -> (Option<usize>, usize) {
    let status = all.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let lines = &all[status..];
    (EndOfAnswer::new().find(lines), lines.len())
}

#[tokio::test]
async fn removing_own_fields_neither_creates_nor_hides_the_final_dot() {
    for wire in [
        // LF, dot, CRLF does not end a message; CRLF, dot, CRLF would.
        &b"+OK\r\nSubject: zzsubjectzz\r\nX-Spam-Flag: NO\n.\r\n+OK injected\r\n\r\nbody\r\n.\r\n"
            [..],
        // The reverse.
        b"+OK\r\nSubject: zzsubjectzz\nX-Spam-Flag: NO\r\n.\r\n",
        // Two fields in a row.
        b"+OK\r\nSubject: zzsubjectzz\r\nX-Spam-Flag: NO\nX-Spam-Level: *\n.\r\n\r\nx\r\n.\r\n",
    ] {
        let (_proxy, mut client, mut upstream) = session(|_| {}).await;
        let all = fetched(&mut client, &mut upstream, wire).await;
        let (end, length) = end_of(&all);
        assert_eq!(end, Some(length), "{}", shown(&all));
        assert!(shown(&all).contains("[SPAM] "), "{}", shown(&all));
        assert!(
            !all.windows(14).any(|it| it == b"\r\nX-Spam-Flag: NO"),
            "{}",
            shown(&all)
        );
    }
}

#[tokio::test]
async fn removing_own_fields_keeps_the_dot_of_the_next_line() {
    let always = |settings: &mut Settings| settings.headers = HeaderMode::Always;
    let (_proxy, mut client, mut upstream) = session(always).await;
    let wire = b"+OK\r\nA: b\r\nX-Spam-Flag: NO\n.dotline\r\n\r\nbody\r\n.\r\n";
    let all = fetched(&mut client, &mut upstream, wire).await;
    let plain = unstuff(&all).into_owned();
    assert!(shown(&plain).contains(".dotline"), "{}", shown(&plain));
}

/// Exchanges AUTH and its challenge.
async fn challenged(client: &mut Peer, upstream: &mut Peer) {
    client.send(b"AUTH PLAIN\r\n").await;
    upstream.expect(b"AUTH PLAIN\r\n").await;
    upstream.send(b"+ \r\n").await;
    client.expect(b"+ \r\n").await;
}

#[tokio::test(start_paused = true)]
async fn an_upstream_flood_during_a_sasl_challenge_is_not_buffered() {
    let (_proxy, mut client, mut upstream) = session_in_memory(|_| {}).await;
    challenged(&mut client, &mut upstream).await;
    let piece = vec![b'x'; 1 << 20];
    let mut taken = 0;
    // The buffers in between hold a few MiB.
    while taken < 100 {
        match timeout(Duration::from_secs(1), upstream.try_send(&piece)).await {
            Ok(Ok(())) => taken += 1,
            _ => break,
        }
    }
    assert!(taken < 50, "the proxy took {taken} MiB");
}

#[tokio::test]
async fn a_client_that_disconnects_at_a_challenge_ends_the_session() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    challenged(&mut client, &mut upstream).await;
    drop(client);
    timeout(PATIENCE, proxy.session_end()).await.unwrap();
}

#[tokio::test]
async fn a_sasl_response_without_a_line_end_ends_the_session() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    challenged(&mut client, &mut upstream).await;
    client.send(&vec![b'A'; 200 << 10]).await;
    timeout(PATIENCE, proxy.session_end()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_does_not_use_up_the_next_messages_hold_time() {
    let hold = Duration::from_millis(500);
    let (proxy, mut client, mut upstream) = session_in_memory(|settings| {
        settings.hold_time = hold;
        settings.hold_bytes = 32 << 20;
    })
    .await;
    client.send(b"RETR 1\r\nRETR 2\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    // More than the buffers hold while the client does not read.
    let line = b"some line of a long message, nothing special at all\r\n";
    let mut wire = b"+OK\r\nSubject: a\r\n\r\n".to_vec();
    wire.extend(line.repeat((16 << 20) / line.len()));
    wire.extend_from_slice(b".\r\n");
    upstream.send(&wire).await;
    // It goes up before the client has taken the first message.
    upstream.expect(b"RETR 2\r\n").await;
    upstream.send(b"+OK\r\nSubject: second\r\n").await;
    upstream.send(b"\r\nzzspamzz\r\n.\r\n").await;
    // The client is slow: the second message is complete, and twice its hold time passes.
    tokio::time::sleep(2 * hold).await;
    let mut second = Vec::new();
    let mut answers = 0;
    while answers < 2 {
        let line = client.line().await;
        assert!(!line.is_empty(), "the session ended");
        answers += usize::from(line == b".\r\n");
        if answers == 1 {
            second.extend_from_slice(&line);
        }
    }
    assert!(
        shown(&second).contains("[SPAM] second"),
        "{}",
        shown(&second)
    );
    let unscanned = "popgate_messages_total{action=\"unscanned\",command=\"retr\"}";
    assert_eq!(proxy.metric(unscanned), 0.0);
}

/// Without rules, learned filter and store there is nothing to wait for: the first part comes before the rest is sent.
#[tokio::test(start_paused = true)]
async fn a_message_is_relayed_as_it_comes_where_nothing_is_judged() {
    let no_rules = tempfile::tempdir().unwrap();
    for headers in [HeaderMode::Spam, HeaderMode::Always] {
        let mut server = ServerInMemory::new(|it| {
            it.rules = no_rules.path().to_owned();
            it.headers = headers;
            it.early_release = false;
        });
        let (mut client, mut upstream) = server.logged_in().await;
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        let first = b"+OK\r\nSubject: a\r\n\r\ntext\r\n";
        upstream.send(first).await;
        let got = timeout(Duration::from_secs(1), client.take(first.len())).await;
        let is_held = headers == HeaderMode::Always;
        assert_eq!(got.is_err(), is_held, "{headers:?}");
        upstream.send(b"more\r\n.\r\n").await;
        let rest = client.answer().await;
        if !is_held {
            assert_eq!(shown(&got.unwrap()), shown(first));
            assert_eq!(shown(&rest), shown(b"more\r\n.\r\n"));
        }
        let passed = "popgate_messages_total{action=\"pass\",command=\"retr\"}";
        assert_eq!(server.proxy.metric(passed), 1.0);
        server.quit(client, upstream).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_its_hold_time_is_marked_unscanned_not_ham() {
    let hold = Duration::from_millis(300);
    let (proxy, mut client, mut upstream) =
        session_in_memory(|settings| settings.hold_time = hold).await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(b"+OK\r\nSubject: zzsubj").await;
    // The status line is sent when the hold time has passed.
    client.line().await;
    upstream.send(b"ectzz\r\n\r\nzzspamzz\r\n.\r\n").await;
    let first = client.answer().await;
    assert!(
        shown(&first).contains("unscanned=hold_timeout"),
        "{}",
        shown(&first)
    );
    let late = "popgate_unscanned_total{reason=\"hold_timeout\"}";
    assert_eq!(proxy.metric(late), 1.0);
    // It is judged when it is fetched again.
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream
        .send(b"+OK\r\nSubject: zzsubjectzz\r\n\r\nzzspamzz\r\n.\r\n")
        .await;
    client.line().await;
    let second = client.answer().await;
    assert!(shown(&second).contains("[SPAM]"), "{}", shown(&second));
}

#[tokio::test]
async fn unsolicited_data_after_a_message_is_discarded_after_an_unknown_command() {
    let (_proxy, mut client, mut upstream) = session(|_| {}).await;
    client.send(b"XFOO\r\n").await;
    upstream.expect(b"XFOO\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    let message = b"+OK\r\nSubject: a\r\n\r\nb\r\n.\r\n";
    upstream
        .send(&[&message[..], b"chatter\r\n"].concat())
        .await;
    client.expect(message).await;
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"+OK marker\r\n").await;
    client.expect(b"+OK marker\r\n").await;
}

#[tokio::test]
async fn a_flood_of_unsolicited_data_ends_the_session() {
    let (mut proxy, _client, mut upstream) = session(|_| {}).await;
    let flood = async { while upstream.try_send(&[b'\n'; 4096]).await.is_ok() {} };
    let ended = async { tokio::join!(flood, proxy.session_end()) };
    timeout(PATIENCE, ended)
        .await
        .expect("the session does not end");
    let flood = "popgate_upstream_errors_total{kind=\"line_too_long\",upstream=\"test\"}";
    assert_eq!(proxy.metric(flood), 1.0);
}

#[tokio::test(start_paused = true)]
async fn unsolicited_octets_with_a_command_after_a_rest_do_not_end_the_session() {
    let (_proxy, mut client, mut upstream) = session_in_memory(|_| {}).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    upstream.send(b"* chatter\r\n").await;
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

/// A server that changes its line ends between messages costs one session: the next one fetches one at a time.
#[tokio::test(start_paused = true)]
async fn after_an_unclear_end_commands_go_one_at_a_time() {
    let server = ServerInMemory::new(|_| {});
    let (mut client, mut upstream) = server.logged_in().await;
    announce_pipelining(&mut client, &mut upstream).await;
    client.send(b"RETR 1\r\nRETR 2\r\nRETR 3\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    let first = b"+OK\r\nA: 1\r\n\r\n.\r\n";
    upstream.send(first).await;
    client.expect(first).await;
    upstream.expect(b"RETR 2\r\nRETR 3\r\n").await;
    upstream.send(b"+OK\r\nA: 2\n\nx\n.\r\n").await;
    upstream.send(b"+OK\r\nA: 3\n\nx\n.\r\n").await;
    assert!(client.line().await.starts_with(b"-ERR [SYS/TEMP] "));
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");

    let (mut client, mut upstream) = server.logged_in().await;
    announce_pipelining(&mut client, &mut upstream).await;
    client
        .send(b"RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 2\r\n")
        .await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(first).await;
    client.expect(first).await;
    for number in [b'2', b'3'] {
        upstream
            .expect(&[b"RETR ", &[number][..], b"\r\n"].concat())
            .await;
        upstream
            .send(&[b"+OK\r\nA: ", &[number][..], b"\n\nx\n.\r\n"].concat())
            .await;
        let fetched = [b"+OK\r\nA: ", &[number][..], b"\n\nx\r\n.\r\n"].concat();
        client.expect(&fetched).await;
    }
    upstream.expect(b"DELE 2\r\n").await;
}

/// The same for a message that is relayed while it arrives: nothing of the next one is given as a part of it.
#[test]
fn an_unclear_end_of_a_long_message_gets_no_end() {
    for piece in [1, 2, 7, usize::MAX] {
        let mut settings = Settings::new(([127, 0, 0, 1], 110).into());
        settings.hold_bytes = 10;
        settings.piece = piece;
        let mut driven = driven(&settings, LoginBy::Client, PLAIN);
        driven.upstream_sends(b"+OK ready\r\n");
        driven.client_sends(b"CAPA\r\n");
        driven.upstream_sends(b"+OK\r\nPIPELINING\r\n.\r\n");
        for command in [&b"USER a\r\n"[..], b"PASS b\r\n"] {
            driven.client_sends(command);
            driven.upstream_sends(b"+OK\r\n");
        }
        driven.client_sends(b"RETR 1\r\nRETR 2\r\nRETR 3\r\n");
        driven.upstream_sends(b"+OK\r\nA: 1\r\n\r\n.\r\n");
        driven.to_client.clear();
        let second = b"+OK\r\nA: 2\n\nlonger than what is held\n.\r\n";
        driven.upstream_sends(second);
        driven.upstream_sends(b"+OK\r\nA: 3\n\n.\r\n");
        assert!(matches!(driven.ended, Some(Err(_))), "{piece}");
        let text = &second[..second.len() - b"\n.\r\n".len()];
        let got = &driven.to_client;
        assert!(text.starts_with(got), "{piece}: {}", shown(got));
    }
}
