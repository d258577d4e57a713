//! `limits.held_bytes`: octets count until their client has read them, and those who do not read slow nobody down.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use popgate::session::exchange::LoginBy;
use tokio::time::{Instant, timeout};

use crate::support::exchange::{PLAIN, driven};
use crate::support::{PIPE, Peer, ServerInMemory, Settings, shown};

const HELD: usize = 1 << 20;
/// Octets of each session that are not counted.
const UNCOUNTED: usize = 32 << 10;
/// Longer than any message's hold time.
const LONG: Duration = Duration::from_secs(60);
const HOLDING: &str = "popgate_holding_bytes";

fn server() -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.hold_bytes = 256 << 10;
        it.limits.held_bytes = HELD;
        it.timeouts.client_write = Duration::from_secs(36_000);
        it.timeouts.idle = Duration::from_secs(36_000);
    })
}

fn message(subject: &str, octets: usize) -> Vec<u8> {
    let line = b"some line of a long message, nothing special at all\r\n";
    let mut wire = format!("Subject: {subject}\r\n\r\n").into_bytes();
    wire.extend(line.repeat(octets / line.len()));
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Fetches a message that the client does not read; returns how much of the answer the proxy took.
async fn unread(client: &mut Peer, upstream: &mut Peer, answer: &[u8]) -> usize {
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    let mut taken = 0;
    for piece in answer.chunks(1 << 10) {
        match timeout(LONG, upstream.try_send(piece)).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => break,
        }
        taken += piece.len();
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn octets_count_until_the_client_has_read_them() {
    let server = server();
    let (mut client, mut upstream) = server.logged_in().await;
    let answer = [b"+OK\r\n", &message("a", 200 << 10)[..]].concat();
    let all = unread(&mut client, &mut upstream, &answer).await;
    assert_eq!(all, answer.len());
    tokio::time::sleep(LONG).await;
    let held = server.proxy.metric(HOLDING) as usize;
    assert!(held >= answer.len() - UNCOUNTED - PIPE, "{held}");
    client.expect(&answer).await;
    // The next command is answered after the last octets are written.
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    assert_eq!(server.proxy.metric(HOLDING), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_gives_its_memory_back() {
    let mut server = server();
    let (mut client, mut upstream) = server.logged_in().await;
    let answer = [b"+OK\r\n", &message("a", 200 << 10)[..]].concat();
    unread(&mut client, &mut upstream, &answer).await;
    assert!(server.proxy.metric(HOLDING) > 0.0);
    tokio::time::sleep(Duration::from_secs(36_001)).await;
    server.proxy.session_end().await;
    assert_eq!(server.proxy.metric(HOLDING), 0.0);
}

/// This many clients that do not read, each of which was sent 595 kB.
async fn with_stalled(server: &ServerInMemory, count: usize) -> (Vec<(Peer, Peer)>, usize) {
    let answer = [b"+OK\r\n", &message("a", 595_000)[..]].concat();
    let (mut stalled, mut taken) = (Vec::new(), 0);
    for _ in 0..count {
        let (mut client, mut upstream) = server.logged_in().await;
        taken += unread(&mut client, &mut upstream, &answer).await;
        stalled.push((client, upstream));
    }
    (stalled, taken)
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_read_hold_no_more_than_the_limit() {
    const SESSIONS: usize = 60;
    let server = server();
    let (stalled, taken) = with_stalled(&server, SESSIONS).await;
    // What is in the pipes is not in the proxy.
    let pipes = 2 * PIPE * SESSIONS;
    let most = HELD + (UNCOUNTED + (1 << 10)) * SESSIONS;
    assert!(taken <= most + pipes, "{} > {most}", taken - pipes);
    assert!(server.proxy.metric(HOLDING) as usize <= HELD + (64 << 10));
    drop(stalled);
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_read_slow_nobody_down() {
    let server = server();
    let (_stalled, _) = with_stalled(&server, 40).await;
    let (mut client, mut upstream) = server.logged_in().await;
    // Small enough for what each session has to itself: judged whole, at once.
    let mut small = message("a", 20 << 10);
    small.splice(small.len() - 3.., *b"zzspamzz\r\n.\r\n");
    for number in 1..=20 {
        let began = Instant::now();
        client.send(format!("RETR {number}\r\n").as_bytes()).await;
        upstream.line().await;
        upstream.send(&[b"+OK\r\n", &small[..]].concat()).await;
        let got = shown(&client.answer().await);
        assert!(got.contains("X-Spam-Flag: YES"), "{}", &got[..200]);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
    // A larger one is judged by its beginning, and relayed.
    for number in 21..=40 {
        let large = message("zzsubjectzz", 400_000);
        let began = Instant::now();
        client.send(format!("RETR {number}\r\n").as_bytes()).await;
        upstream.line().await;
        let answer = [b"+OK\r\n", &large[..]].concat();
        let ((), got) = tokio::join!(upstream.send(&answer), client.answer());
        assert!(shown(&got[..2000]).contains("X-Spam-Flag: YES"));
        let body = b"some line";
        let at = |text: &[u8]| text.windows(9).position(|it| it == body).unwrap();
        assert!(got[at(&got)..] == large[at(&large)..]);
        assert!(
            began.elapsed() <= Duration::from_millis(60),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_waits_for_memory_that_others_give_back() {
    let server = server();
    let mut busy = Vec::new();
    // Three messages that are still being received take most of the memory.
    for _ in 0..3 {
        let (mut client, mut upstream) = server.logged_in().await;
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        upstream.send(b"+OK\r\n").await;
        upstream.send(&message("a", 150 << 10)[..100 << 10]).await;
        busy.push((client, upstream));
    }
    let (mut client, mut upstream) = server.logged_in().await;
    let mut late = message("a", 100 << 10);
    late.splice(late.len() - 3.., *b"zzspamzz\r\n.\r\n");
    let answer = [b"+OK\r\n", &late[..]].concat();
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    let ends = async {
        for (busy, upstream) in &mut busy {
            tokio::time::sleep(Duration::from_millis(30)).await;
            upstream.send(b"\r\n.\r\n").await;
            busy.answer().await;
        }
    };
    let (got, (), ()) = tokio::join!(client.answer(), ends, upstream.send(&answer));
    // The word is at its end.
    assert!(shown(&got[..2000]).contains("X-Spam-Flag: YES"));
    assert_eq!(server.proxy.metric("popgate_memory_waits_total"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn while_memory_is_short_a_slow_client_holds_only_what_is_left_for_it() {
    let server = server();
    let (mut slow, mut upstream) = server.logged_in().await;
    let answer = [b"+OK\r\n", &message("a", 240 << 10)[..]].concat();
    unread(&mut slow, &mut upstream, &answer).await;
    let (stalled, _) = with_stalled(&server, 40).await;
    let full = server.proxy.metric(HOLDING);
    slow.expect(&answer[..150 << 10]).await;
    tokio::time::sleep(LONG).await;
    let less = full - server.proxy.metric(HOLDING);
    assert!(less >= f64::from(100 << 10), "{less}");
    slow.expect(&answer[150 << 10..]).await;
    drop(stalled);
}

/// A message whose lines end in bare LF ends when the server is silent: time in which nothing is read from it is not its
/// silence, although what was read ends like a message.
#[tokio::test(start_paused = true)]
async fn a_slow_client_is_not_the_servers_silence() {
    let server = ServerInMemory::new(|it| {
        it.hold_bytes = 10;
        it.timeouts.client_write = 10 * LONG;
    });
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    // The pipe to the client is nearly full; then it is, and what was read last looks like an end.
    let (most, last) = (b"a line\n".repeat(PIPE / 7), b"a line\n".repeat(2000));
    let first = [b"+OK\r\n", &most[..], &last, b".\r\n"].concat();
    let (most, last) = first.split_at(PIPE - (1 << 10));
    upstream.send(most).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    upstream.send(last).await;
    tokio::time::sleep(LONG).await;
    upstream.send(b"the rest\n.\r\n").await;
    let got = client.take(first.len() + b"the rest\r\n.\r\n".len()).await;
    let all = [&first[..], b"the rest\r\n.\r\n"].concat();
    assert!(got == all, "{}", shown(&got[got.len() - 40..]));
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
}

/// The same while there is no memory for more.
#[test]
fn a_wait_for_memory_is_not_the_servers_silence() {
    let settings = Settings::new(([127, 0, 0, 1], 110).into());
    let mut driven = driven(&settings, LoginBy::Client, PLAIN);
    driven.upstream_sends(b"+OK ready\r\n");
    for command in [&b"USER a\r\n"[..], b"PASS b\r\n", b"RETR 1\r\n"] {
        driven.client_sends(command);
        driven.upstream_sends(b"+OK\r\n");
    }
    driven.to_client.clear();
    driven.upstream_sends(b"A: b\n\nx\n.\r\n");
    for _ in 0..100 {
        driven.pass_time_unread(Duration::from_millis(50));
    }
    assert_eq!(shown(&driven.to_client), "");
    driven.upstream_sends(b"y\n.\r\n");
    assert!(driven.pass_silence());
    let got = shown(&driven.to_client);
    assert_eq!(got, "+OK\\r\\nA: b\\n\\nx\\n.\\r\\ny\\r\\n.\\r\\n");
}
