//! Faults of each party and their outcome: a message is delivered completely, or not at all with a
//! visible error; nothing undelivered is deleted; other sessions are unaffected.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Mutex;
use std::time::Duration;

use crate::support::{Peer, Proxy, Settings, announce_pipelining, session, session_in_memory};
use popgate::session::Engine;
use tokio::net::TcpListener;

/// Long enough for the exchange that precedes it, even on a busy machine.
const SHORT: Duration = Duration::from_millis(300);
const DROP: &[u8] = b"+OK\r\nSubject: a\r\n\r\nzzdropzz\r\n.\r\n";

/// A dot-stuffed message of about this many octets, without the final dot line.
fn long_message(octets: usize) -> Vec<u8> {
    let mut message = b"Subject: long\r\n\r\n".to_vec();
    let mut number = 0;
    while message.len() < octets {
        message.extend_from_slice(
            format!("line {number} of a long message, nothing special\r\n").as_bytes(),
        );
        number += 1;
    }
    message
}

async fn fetch(client: &mut Peer, upstream: &mut Peer, answer: &[u8]) {
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(answer).await;
}

// --- the upstream --------------------------------------------------------------------------------

#[tokio::test]
async fn upstream_refuses_the_connection() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut proxy = Proxy::start(Settings::new(free)).await;
    let mut client = Peer::connect(proxy.address).await;
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(
        received.starts_with("-ERR [SYS/TEMP] popgate cannot reach the mail server"),
        "{received}"
    );
    proxy.session_end().await;
    let line = "popgate_upstream_errors_total{kind=\"connect\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test]
async fn upstream_is_the_proxy_itself() {
    let mut proxy = Proxy::start(Settings::new("127.0.0.1:0".parse().unwrap())).await;
    let mut client = Peer::connect(proxy.address).await;
    let received = String::from_utf8(client.rest().await).unwrap();
    assert!(received.contains("is this proxy itself"), "{received}");
    let line = "popgate_upstream_errors_total{kind=\"loop\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
    proxy.session_end().await;
    // Only the client was accepted: a connection to itself would have caused another one.
    let text = String::from_utf8(proxy.metrics.text()).unwrap();
    let accepted = text.lines().filter(|line| line.contains("\"accepted\""));
    let accepted: Vec<_> = accepted.collect();
    assert!(
        accepted.iter().all(|line| line.ends_with(" 1")),
        "{accepted:?}"
    );
    assert_eq!(accepted.len(), 1);
}

async fn greeted_with(greeting: &[u8]) -> (String, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut proxy = Proxy::start(Settings::new(listener.local_addr().unwrap())).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = Peer::accept(&listener).await;
    let _ = upstream.try_send(greeting).await;
    drop(upstream);
    let received = String::from_utf8(client.rest().await).unwrap();
    proxy.session_end().await;
    (received, proxy)
}

#[tokio::test]
async fn upstream_closes_before_its_greeting() {
    let (received, _) = greeted_with(b"").await;
    assert!(
        received.contains("closed the connection without a greeting"),
        "{received}"
    );
}

#[tokio::test]
async fn upstream_refuses_sessions_and_its_text_is_relayed() {
    let (received, _) = greeted_with(b"-ERR [SYS/TEMP] too many sessions\r\n").await;
    assert!(received.starts_with("-ERR "), "{received}");
    assert!(received.contains("too many sessions"), "{received}");
}

#[tokio::test]
async fn upstream_speaks_another_protocol() {
    for greeting in [
        "* OK IMAP4rev1 ready\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        "220 smtp\r\n",
    ] {
        let (received, proxy) = greeted_with(greeting.as_bytes()).await;
        assert!(received.contains("not a POP3 greeting"), "{received}");
        let line = "popgate_upstream_errors_total{kind=\"not_pop3\",upstream=\"test\"}";
        assert_eq!(proxy.metric(line), 1.0);
    }
}

#[tokio::test]
async fn upstream_sends_an_endless_greeting() {
    let (received, _) = greeted_with(&vec![b'x'; 100_000]).await;
    assert!(received.contains("not a POP3 greeting"), "{received}");
    assert!(
        received.len() < 1000,
        "{} octets of it were relayed",
        received.len()
    );
}

#[tokio::test]
async fn upstream_sends_an_endless_status_line() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    client.send(b"STAT\r\n").await;
    upstream.expect(b"STAT\r\n").await;
    // The proxy may close before it has read all of it.
    let _ = upstream.try_send(&vec![b'+'; 200_000]).await;
    let received = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(
        received,
        "-ERR [SYS/TEMP] the mail server sent a line without an end\r\n"
    );
    proxy.session_end().await;
    let line = "popgate_upstream_errors_total{kind=\"line_too_long\",upstream=\"test\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

#[tokio::test(start_paused = true)]
async fn upstream_stalls_while_a_message_is_held() {
    let (mut proxy, mut client, mut upstream) =
        session_in_memory(|it| it.timeouts.upstream_read = SHORT).await;
    fetch(&mut client, &mut upstream, b"+OK\r\nSubject: a\r\n\r\nhalf").await;
    let received = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(
        received,
        "-ERR [SYS/TEMP] the mail server sent nothing for 300ms\r\n"
    );
    proxy.session_end().await;
    // Without QUIT the upstream removes nothing.
    assert_eq!(upstream.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn upstream_stalls_while_a_message_is_streamed() {
    let (mut proxy, mut client, mut upstream) = session_in_memory(|it| {
        it.timeouts.upstream_read = SHORT;
        it.hold_bytes = 16;
    })
    .await;
    fetch(&mut client, &mut upstream, b"+OK\r\nSubject: a\r\n\r\nhalf").await;
    assert_eq!(client.rest().await, b"+OK\r\nSubject: a\r\n\r\nhalf");
    proxy.session_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_message_is_released_after_hold_seconds() {
    let (_proxy, mut client, mut upstream) = session_in_memory(|it| it.hold_time = SHORT).await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK\r\nSubject: a\r\n\r\nfirst\r\n",
    )
    .await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nfirst\r\n").await;
    upstream.send(b"zzspamzz came too late\r\n.\r\n").await;
    client.expect(b"zzspamzz came too late\r\n.\r\n").await;
}

#[tokio::test]
async fn wrong_sizes_from_the_upstream_are_relayed() {
    let (_proxy, mut client, mut upstream) = session(|_| {}).await;
    client.send(b"LIST\r\n").await;
    upstream.expect(b"LIST\r\n").await;
    upstream
        .send(b"+OK\r\n1 999999999999\r\n2 0\r\n.\r\n")
        .await;
    client
        .expect(b"+OK\r\n1 999999999999\r\n2 0\r\n.\r\n")
        .await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK 7 octets\r\nSubject: a\r\n\r\nmore than seven\r\n.\r\n",
    )
    .await;
    client
        .expect(b"+OK 7 octets\r\nSubject: a\r\n\r\nmore than seven\r\n.\r\n")
        .await;
}

#[tokio::test]
async fn upstream_closes_between_responses() {
    let (mut proxy, mut client, upstream) = session(|_| {}).await;
    drop(upstream);
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test]
async fn upstream_sends_bare_lf_and_every_octet_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut proxy = Proxy::start(Settings::new(listener.local_addr().unwrap())).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = Peer::accept(&listener).await;
    upstream.send(b"+OK ready\n").await;
    client.expect(b"+OK ready\r\n").await;
    fetch(&mut client, &mut upstream, b"+OK\nSubject: a\n\nb\n.\n").await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nb\r\n.\r\n").await;
    drop(upstream);
    assert_eq!(client.rest().await, b"");
    proxy.session_end().await;
    let bytes = |leg, direction| {
        proxy.metric(&format!(
            "popgate_bytes_total{{direction=\"{direction}\",leg=\"{leg}\"}}"
        ))
    };
    let added = proxy.metric("popgate_edited_bytes_total{kind=\"added\"}");
    assert_eq!(added, 6.0);
    assert_eq!(bytes("upstream", "in") + added, bytes("client", "out"));
}

// --- the client ----------------------------------------------------------------------------------

#[tokio::test]
async fn client_disconnects_while_a_message_is_sent() {
    let (mut proxy, mut client, mut upstream) = session(|it| it.hold_bytes = 16).await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK\r\nSubject: a\r\n\r\nfirst\r\n",
    )
    .await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nfirst\r\n").await;
    client.send(b"DELE 1\r\nQUIT\r\n").await;
    client.reset();
    proxy.session_end().await;
    // Neither the deletion nor QUIT may follow a message that was not delivered.
    assert_eq!(upstream.rest().await, b"");
    assert_eq!(
        proxy.metric("popgate_client_aborts_total{state=\"response\"}"),
        1.0
    );
}

#[tokio::test]
async fn client_disconnects_while_a_message_is_held() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    fetch(&mut client, &mut upstream, b"+OK\r\nSubject: a\r\n\r\n").await;
    client.reset();
    proxy.session_end().await;
    assert_eq!(upstream.rest().await, b"");
    // The reset may arrive before the first bytes of the message.
    let states = ["held", "transaction"]
        .map(|state| proxy.metric(&format!("popgate_client_aborts_total{{state=\"{state}\"}}")));
    assert_eq!(states.iter().sum::<f64>(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn client_never_reads() {
    let (mut proxy, mut client, mut upstream) =
        session_in_memory(|it| it.timeouts.client_write = SHORT).await;
    fetch(&mut client, &mut upstream, b"+OK\r\n").await;
    let message = long_message(1 << 20);
    // More than all buffers hold: the proxy must close the session instead of buffering.
    for _ in 0..64 {
        if upstream.try_send(&message).await.is_err() {
            break;
        }
    }
    proxy.session_end().await;
    assert_eq!(
        proxy.metric("popgate_client_aborts_total{state=\"response\"}"),
        1.0
    );
    drop(client);
}

#[tokio::test]
async fn client_sends_an_endless_line() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    let _ = client.try_send(&vec![b'x'; 400_000]).await;
    proxy.session_end().await;
    assert_eq!(upstream.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn client_idles_for_too_long() {
    let (mut proxy, mut client, mut upstream) =
        session_in_memory(|it| it.timeouts.idle = SHORT).await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    proxy.session_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_response_does_not_count_as_client_idle_time() {
    let (_proxy, mut client, mut upstream) = session_in_memory(|it| {
        it.timeouts.idle = SHORT * 5;
        it.hold_bytes = 16;
    })
    .await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK\r\nSubject: a\r\n\r\nfirst\r\n",
    )
    .await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nfirst\r\n").await;
    // The response takes longer than the idle timeout.
    tokio::time::sleep(SHORT * 7).await;
    upstream.send(b".\r\n").await;
    client.expect(b".\r\n").await;
    client.send(b"NOOP\r\n").await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

#[tokio::test]
async fn client_quits_and_disconnects_without_reading() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    announce_pipelining(&mut client, &mut upstream).await;
    client.send(b"DELE 1\r\nQUIT\r\n").await;
    upstream.expect(b"DELE 1\r\nQUIT\r\n").await;
    client.reset();
    // The upstream connection stays open until QUIT is answered.
    upstream.send(b"+OK deleted\r\n").await;
    upstream.send(b"+OK bye\r\n").await;
    drop(upstream);
    proxy.session_end().await;
}

// --- the filter ----------------------------------------------------------------------------------

async fn unscanned(engine: Engine, reason: &str, limit: Duration) {
    let (proxy, mut client, mut upstream) = session(|it| {
        it.engine = Some(engine);
        it.timeouts.filter = limit;
    })
    .await;
    for _ in 0..2 {
        fetch(
            &mut client,
            &mut upstream,
            b"+OK\r\nSubject: a\r\n\r\nzzspamzz\r\n.\r\n",
        )
        .await;
        let status = client.line().await;
        assert!(
            status.starts_with(b"+OK"),
            "{}",
            crate::support::shown(&status)
        );
        assert!(client.line().await.starts_with(b"X-Popgate-Id: "));
        let mark = format!("X-Spam-Status: No, unscanned={reason} version=popgate/0.1\r\n");
        client.expect(mark.as_bytes()).await;
        client.expect(b"Subject: a\r\n\r\nzzspamzz\r\n.\r\n").await;
    }
    assert_eq!(
        proxy.metric(&format!("popgate_unscanned_total{{reason=\"{reason}\"}}")),
        2.0
    );
    let line = "popgate_messages_total{action=\"unscanned\",command=\"retr\"}";
    assert_eq!(proxy.metric(line), 2.0);
}

#[tokio::test]
async fn a_panic_in_the_filter_delivers_the_original() {
    // Printing the panic can take long.
    let limit = crate::support::PATIENCE;
    unscanned(Engine::Broken(|| panic!("a test's filter")), "panic", limit).await;
}

#[test]
fn a_filter_timeout_delivers_the_original() {
    static HANGS: Mutex<()> = Mutex::new(());
    fn hang() -> popgate::filter::Verdict {
        drop(HANGS.lock());
        panic!("this verdict is no longer awaited");
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    // Dropped before the runtime, which joins its threads.
    let _hangs = HANGS.lock().unwrap();
    runtime.block_on(unscanned(Engine::Broken(hang), "timeout", SHORT));
}

// --- the quarantine ------------------------------------------------------------------------------

#[tokio::test]
async fn quarantine_stores_the_original() {
    let data = tempfile::tempdir().unwrap();
    let (proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
    })
    .await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK\r\n..Odd: a\r\n\r\nzzdropzz\r\n..\r\n.\r\n",
    )
    .await;
    client.line().await;
    let id = String::from_utf8(client.line().await).unwrap();
    client.answer().await;
    let id = id.trim_end().strip_prefix("X-Popgate-Id: ").unwrap();
    let kept = data.path().join(format!("quarantine/new/{id}.popgate"));
    assert_eq!(
        std::fs::read(kept).unwrap(),
        b".Odd: a\r\n\r\nzzdropzz\r\n.\r\n"
    );
    assert_eq!(
        proxy.metric("popgate_messages_total{action=\"drop\",command=\"retr\"}"),
        1.0
    );
}

/// The notice has a From and a Subject even if the message has neither.
#[tokio::test]
async fn a_message_without_a_header_is_dropped_like_any_other() {
    for answer in [
        "+OK\r\n\r\nzzdropzz\r\n.\r\n",
        "+OK\r\nno field\r\n\r\nzzdropzz\r\n.\r\n",
        "+OK\r\n: \r\n\r\nzzdropzz\r\n.\r\n",
        "+OK\r\nFrom:\r\nSubject:\r\n\r\nzzdropzz\r\n.\r\n",
    ] {
        let data = tempfile::tempdir().unwrap();
        let (proxy, mut client, mut upstream) = session(|it| {
            it.drop_at = Some(10.0);
            it.data_dir = Some(data.path().to_owned());
        })
        .await;
        fetch(&mut client, &mut upstream, answer.as_bytes()).await;
        let notice = String::from_utf8(client.answer().await).unwrap();
        assert!(notice.contains("    From:    "), "{answer:?}: {notice}");
        assert_eq!(proxy.metric("popgate_quarantine_failures_total"), 0.0);
        let dropped = "popgate_messages_total{action=\"drop\",command=\"retr\"}";
        assert_eq!(proxy.metric(dropped), 1.0);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_quarantined_is_tagged_instead_of_dropped() {
    let data = tempfile::tempdir().unwrap();
    let (proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
    })
    .await;
    // Removed after the start: writing to it fails.
    std::fs::remove_dir_all(data.path().join("quarantine")).unwrap();
    fetch(&mut client, &mut upstream, DROP).await;
    client.line().await;
    assert_eq!(proxy.metric("popgate_quarantine_failures_total"), 1.0);
    let answer = client.answer().await;
    let text = String::from_utf8(answer).unwrap();
    assert!(text.contains("X-Spam-Flag: YES\r\n"), "{text}");
    assert!(
        text.ends_with("Subject: [SPAM] a\r\n\r\nzzdropzz\r\n.\r\n"),
        "{text}"
    );
    assert_eq!(
        proxy.metric("popgate_messages_total{action=\"tag\",command=\"retr\"}"),
        1.0
    );
}

/// A file system of 64 KiB, unmounted when dropped; `None` where this process may not mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(folder)),
            refused => {
                eprintln!("skipped: this process may not mount a file system: {refused:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
    }
}

#[tokio::test]
async fn a_message_is_tagged_instead_of_dropped_when_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(disk.0.path().to_owned());
    })
    .await;
    let body = [b"zzdropzz\r\n".as_slice(), &long_message(100_000)].concat();
    let answer = [b"+OK\r\nSubject: a\r\n\r\n", body.as_slice(), b".\r\n"].concat();
    fetch(&mut client, &mut upstream, &answer).await;
    client.line().await;
    let text = String::from_utf8(client.answer().await).unwrap();
    assert!(text.contains("X-Spam-Flag: YES\r\n"), "{}", &text[..300]);
    assert!(text.ends_with(&String::from_utf8([&body[..], b".\r\n"].concat()).unwrap()));
    assert_eq!(
        proxy.metric("popgate_messages_total{action=\"tag\",command=\"retr\"}"),
        1.0
    );
    // A partial message in quarantine would be mistaken for a complete one.
    for part in ["tmp", "new"] {
        let left = disk.0.path().join("quarantine").join(part);
        assert_eq!(std::fs::read_dir(left).unwrap().count(), 0, "{part}");
    }
}

#[tokio::test]
async fn a_partly_judged_message_is_tagged_and_never_dropped() {
    let data = tempfile::tempdir().unwrap();
    let (_proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.hold_bytes = 40;
        it.data_dir = Some(data.path().to_owned());
    })
    .await;
    let mut message = b"Subject: a\r\n\r\nzzdropzz\r\n".to_vec();
    message.extend_from_slice(&long_message(100_000));
    fetch(
        &mut client,
        &mut upstream,
        &[b"+OK\r\n", &message[..], b".\r\n"].concat(),
    )
    .await;
    client.line().await;
    let text = String::from_utf8(client.answer().await).unwrap();
    assert!(text.contains("Subject: [SPAM] a\r\n"), "{}", &text[..600]);
    assert!(text.ends_with(&String::from_utf8([&message[14..], b".\r\n"].concat()).unwrap()));
    assert_eq!(
        std::fs::read_dir(data.path().join("quarantine/new"))
            .unwrap()
            .count(),
        0
    );
}

// --- stopping ------------------------------------------------------------------------------------

#[tokio::test]
async fn draining_completes_the_response_in_progress() {
    let (mut proxy, mut client, mut upstream) = session(|it| it.hold_bytes = 16).await;
    fetch(
        &mut client,
        &mut upstream,
        b"+OK\r\nSubject: a\r\n\r\nfirst\r\n",
    )
    .await;
    client.expect(b"+OK\r\nSubject: a\r\n\r\nfirst\r\n").await;
    proxy.signal.stop();
    upstream.send(b"second\r\n.\r\n").await;
    assert_eq!(client.rest().await, b"second\r\n.\r\n");
    proxy.session_end().await;
    assert_eq!(upstream.rest().await, b"");
}

#[tokio::test]
async fn a_fetching_client_may_continue_to_quit_during_a_drain() {
    let (mut proxy, mut client, mut upstream) = session(|_| {}).await;
    proxy.signal.stop();
    for _ in 0..3 {
        let message = b"+OK\r\nSubject: a\r\n\r\ntext\r\n.\r\n";
        fetch(&mut client, &mut upstream, message).await;
        client.expect(message).await;
    }
    client.send(b"QUIT\r\n").await;
    upstream.expect(b"QUIT\r\n").await;
    upstream.send(b"+OK bye\r\n").await;
    client.expect(b"+OK bye\r\n").await;
    proxy.session_end().await;
}
