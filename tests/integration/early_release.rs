//! Early release: what passes whatever follows its header flows at once, and is recorded as if it had been held.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use popgate::config::{Config, DropMode, Flags, HeaderMode, OnVirus};
use popgate::filter::classifier::WeightsOwner;
use popgate::filter::{ListKind, ListPattern};
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::pop3::Uidl;
use popgate::store::Store;
use popgate::store::records::{Change, ListEntry, MessageRecord, MessageState, Timestamp};
use popgate::store::sqlite::Sqlite;
use tokio::time::timeout;

use crate::support::mailbox::{Messages, Session};
use crate::support::played_scanner::{Answer, PlayedScanner};
use crate::support::{self, Peer, ServerInMemory, Settings, shown};

const HEADER: &str = "Authentication-Results: mx.example.com; dkim=pass header.d=example.org; \
                      dmarc=pass header.from=example.org\r\n\
                      From: News <news@example.org>\r\nSubject: hello\r\n\r\n";
const EARLY: &str = "popgate_released_early_total";
const EARLY_OCTETS: &str = "popgate_released_early_bytes_total";
/// Far less than a message is held.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A list allows the sender, if he is authenticated.
fn allow(data: &Path) {
    let mailbox = MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap();
    let entry = ListEntry {
        list: ListKind::Allow,
        mailbox: Some(mailbox.clone()),
        pattern: ListPattern::parse("example.org").unwrap(),
        trusts_unauthenticated: false,
        added: Timestamp::now(),
    };
    let known = Change::SettingChanged {
        mailbox,
        key: "tag_at".into(),
        value: None,
    };
    let store = Sqlite::open(data).unwrap();
    store
        .apply(&[known, Change::ListEntryAdded(entry)])
        .unwrap();
}

fn server(data: &Path, change: impl FnOnce(&mut Settings)) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.data_dir = Some(data.to_owned());
        it.store = true;
        it.drop_at = Some(10.0);
        it.hold_bytes = 16 << 10;
        change(it);
    })
}

/// A server whose mailbox allows the sender, and its folder.
fn allowing(change: impl FnOnce(&mut Settings)) -> (tempfile::TempDir, ServerInMemory) {
    let data = tempfile::tempdir().unwrap();
    allow(data.path());
    let server = server(data.path(), change);
    (data, server)
}

/// The client asks for the first message, and the upstream begins to answer.
async fn begin(client: &mut Peer, upstream: &mut Peer, status: &[u8], first: &[u8]) {
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"UIDL\r\n").await;
    upstream.send(b"+OK\r\n1 one\r\n.\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(status).await;
    upstream.send(first).await;
}

/// What the store has of the message, once it has it.
fn record(data: &Path) -> MessageRecord {
    let mailbox = MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap();
    let uidl = Uidl::new(b"one").unwrap();
    let mut found = None;
    support::until("the store has the record", || {
        let store = Sqlite::open(data).unwrap();
        found = store.message(&mailbox, &uidl).unwrap();
        found.is_some()
    });
    found.unwrap()
}

/// The same row, but for its id and times.
fn without_time(record: MessageRecord) -> MessageRecord {
    let then = Timestamp::from_seconds(0);
    MessageRecord {
        id: popgate::store::records::PopgateId::new("id").unwrap(),
        first_seen: then,
        delivered_at: record.delivered_at.map(|_| then),
        ..record
    }
}

/// A message that stalls behind this part of it.
struct Stalls {
    status: &'static str,
    text: String,
    after: usize,
}

/// What the client gets of it, whether that is at once, the row, and counts.
async fn fetched(message: &Stalls, early: bool) -> (Vec<u8>, bool, MessageRecord, [f64; 3]) {
    let (data, mut server) = allowing(|it| it.early_release = early);
    let (mut client, mut upstream) = server.logged_in().await;
    let wire = message.text.as_bytes();
    let (first, rest) = wire.split_at(message.after);
    begin(&mut client, &mut upstream, message.status.as_bytes(), first).await;
    let known = message.status.len() + HEADER.len();
    let got = timeout(AT_ONCE, client.take(known)).await;
    let is_at_once = got.is_ok();
    let mut all = got.unwrap_or_default();
    upstream.send(rest).await;
    if all.is_empty() {
        all.extend(client.line().await);
    }
    all.extend(client.answer().await);
    let proxy = &server.proxy;
    let passed = "popgate_messages_total{action=\"pass\",command=\"retr\"}";
    assert_eq!(proxy.metric(passed), 1.0);
    // It is known from now on.
    client.send(b"RETR 1\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    upstream.send(message.status.as_bytes()).await;
    upstream.send(wire).await;
    let mut again = client.line().await;
    again.extend(client.answer().await);
    assert_eq!(shown(&again), shown(&all));
    let counts = ["popgate_score_count", EARLY, EARLY_OCTETS].map(|it| server.proxy.metric(it));
    server.quit(client, upstream).await;
    (all, is_at_once, without_time(record(data.path())), counts)
}

#[tokio::test(start_paused = true)]
async fn an_allowed_senders_mail_flows_at_once_and_is_recorded_as_if_it_had_been_held() {
    let line = "..some line of a newsletter, zzspamzz and so on\r\n";
    let whole = |lines: usize| format!("{HEADER}{}.\r\n", line.repeat(lines));
    let in_lf = whole(20).replace("\r\n", "\n");
    for (number, message) in [
        Stalls {
            status: "+OK\r\n",
            text: whole(3),
            after: HEADER.len() + 20,
        },
        // Longer than what is held.
        Stalls {
            status: "+OK 50000 octets\r\n",
            text: whole(1000),
            after: HEADER.len() + 20,
        },
        Stalls {
            status: "+OK\r\n",
            text: whole(1000),
            after: HEADER.len(),
        },
        // What is held ends inside the final dot line.
        Stalls {
            status: "+OK\r\n",
            text: format!(
                "{HEADER}{}\r\n.\r\n",
                "x".repeat((16 << 10) - HEADER.len() - 4)
            ),
            after: HEADER.len() + 20,
        },
        // It fits just so.
        Stalls {
            status: "+OK\r\n",
            text: format!(
                "{HEADER}{}\r\n.\r\n",
                "x".repeat((16 << 10) - HEADER.len() - 5)
            ),
            after: HEADER.len() + 20,
        },
    ]
    .into_iter()
    .enumerate()
    {
        let (early, at_once, early_row, counts) = fetched(&message, true).await;
        let (held, is_held, held_row, held_counts) = fetched(&message, false).await;
        assert!(at_once && !is_held, "{number}");
        assert_eq!(shown(&early), shown(&held), "{number}");
        let expected = [message.status.as_bytes(), message.text.as_bytes()].concat();
        assert_eq!(shown(&early), shown(&expected), "{number}");
        assert_eq!(early_row, held_row, "{number}");
        assert_eq!(early_row.state, MessageState::Delivered);
        assert_eq!(counts, [1.0, 1.0, message.text.len() as f64], "{number}");
        assert_eq!(held_counts, [1.0, 0.0, 0.0], "{number}");
    }
    // The end of a message in bare LF is known by the server's silence.
    let message = Stalls {
        status: "+OK\r\n",
        after: HEADER.replace("\r\n", "\n").len(),
        text: in_lf,
    };
    let known = |row: MessageRecord| (row.action, row.score, row.digest, row.octets_upstream);
    let (early, _, early_row, _) = fetched(&message, true).await;
    let (held, _, held_row, _) = fetched(&message, false).await;
    assert_eq!(shown(&early), shown(&held));
    assert_eq!(known(early_row), known(held_row));
}

#[tokio::test(start_paused = true)]
async fn others_mail_is_held() {
    let text = format!("{HEADER}zzspamzz\r\n.\r\n");
    let forged = text
        .replace("dmarc=pass", "dmarc=fail")
        .replace("dkim=pass", "dkim=fail");
    let (_data, mut server) = allowing(|_| {});
    let nobody = tempfile::tempdir().unwrap();
    let mut without_list = self::server(nobody.path(), |_| {});
    for (server, text) in [(&mut server, forged), (&mut without_list, text)] {
        let (mut client, mut upstream) = server.logged_in().await;
        let (first, rest) = text.as_bytes().split_at(HEADER.len() + 3);
        begin(&mut client, &mut upstream, b"+OK\r\n", first).await;
        assert!(timeout(AT_ONCE, client.take(1)).await.is_err());
        upstream.send(rest).await;
        client.line().await;
        let marked = shown(&client.answer().await);
        assert!(marked.contains("X-Spam-Flag: YES"), "{marked}");
        assert_eq!(server.proxy.metric(EARLY), 0.0);
        server.quit(client, upstream).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_closes_in_the_middle_ends_the_session_without_an_end_or_a_row() {
    let (data, mut server) = allowing(|_| {});
    let (mut client, mut upstream) = server.logged_in().await;
    let first = format!("{HEADER}a line\r\nand a pa");
    begin(&mut client, &mut upstream, b"+OK\r\n", first.as_bytes()).await;
    client.expect(format!("+OK\r\n{first}").as_bytes()).await;
    drop(upstream);
    assert_eq!(shown(&client.rest().await), "");
    server.proxy.session_end().await;
    assert_eq!(server.proxy.metric("popgate_score_count"), 0.0);
    assert_eq!(server.proxy.metric(EARLY), 1.0);
    drop(server);
    let mailbox = MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap();
    let store = Sqlite::open(data.path()).unwrap();
    let uidl = Uidl::new(b"one").unwrap();
    assert!(store.message(&mailbox, &uidl).unwrap().is_none());
}

/// The client pipelines: the next message is judged after the first was recorded, and the client's order is kept.
#[tokio::test(start_paused = true)]
async fn what_follows_in_the_pipeline_is_answered_in_order() {
    let (_data, mut server) = allowing(|_| {});
    let (mut client, mut upstream) = server.logged_in().await;
    support::announce_pipelining(&mut client, &mut upstream).await;
    client.send(b"RETR 1\r\nDELE 1\r\nRETR 2\r\n").await;
    upstream.expect(b"UIDL\r\n").await;
    upstream.send(b"+OK\r\n1 one\r\n2 two\r\n.\r\n").await;
    upstream.expect(b"RETR 1\r\n").await;
    let news = format!("+OK\r\n{HEADER}a\r\n");
    upstream.send(news.as_bytes()).await;
    client.expect(news.as_bytes()).await;
    upstream.send(b".\r\n").await;
    client.expect(b".\r\n").await;
    upstream.expect(b"DELE 1\r\nRETR 2\r\n").await;
    upstream
        .send(b"+OK gone\r\n+OK\r\nSubject: zzsubjectzz\r\n\r\nb\r\n.\r\n")
        .await;
    client.expect(b"+OK gone\r\n").await;
    client.line().await;
    let second = shown(&client.answer().await);
    assert!(second.contains("[SPAM] zzsubjectzz"), "{second}");
    assert_eq!(server.proxy.metric("popgate_score_count"), 2.0);
    server.quit(client, upstream).await;
}

#[tokio::test(start_paused = true)]
async fn with_fields_on_all_mail_nothing_is_released_early() {
    let (_data, mut server) = allowing(|it| it.headers = HeaderMode::Always);
    let (mut client, mut upstream) = server.logged_in().await;
    begin(&mut client, &mut upstream, b"+OK\r\n", HEADER.as_bytes()).await;
    assert!(timeout(AT_ONCE, client.take(1)).await.is_err());
    upstream.send(b"a\r\n.\r\n").await;
    client.line().await;
    let marked = shown(&client.answer().await);
    assert!(marked.contains("X-Spam-Status: No"), "{marked}");
    server.quit(client, upstream).await;
}

/// What a person said of the message itself outranks the list, and is known by all of it.
#[tokio::test(start_paused = true)]
async fn a_message_that_was_taught_as_spam_is_held() {
    let data = tempfile::tempdir().unwrap();
    allow(data.path());
    let text = format!("{HEADER}a\r\n");
    let owner = WeightsOwner::User("a".into());
    let filter = support::new_filter(&support::test_rules(), Some(10.0));
    let mut trainer =
        popgate::learn::trainer::Trainer::open(filter, data.path(), Some(owner)).unwrap();
    trainer.teach(text.as_bytes(), true).unwrap();
    drop(trainer);
    let mut server = server(data.path(), |it| it.classifier = true);
    let (mut client, mut upstream) = server.logged_in().await;
    begin(&mut client, &mut upstream, b"+OK\r\n", HEADER.as_bytes()).await;
    assert!(timeout(AT_ONCE, client.take(1)).await.is_err());
    upstream.send(b"a\r\n.\r\n").await;
    client.line().await;
    let marked = shown(&client.answer().await);
    assert!(marked.contains("X-Spam-Flag: YES"), "{marked}");
    assert_eq!(server.proxy.metric(EARLY), 0.0);
    server.quit(client, upstream).await;
}

/// What is released early is still recorded: that takes memory for a copy.
#[tokio::test(start_paused = true)]
async fn where_no_memory_is_left_for_a_copy_a_message_is_held() {
    let (data, mut server) = allowing(|it| {
        it.hold_bytes = 256 << 10;
        it.limits.held_bytes = 1 << 20;
    });
    let text = "a line of mail from somebody else\r\n".repeat(6 << 10);
    let long = format!("Subject: a\r\n\r\n{text}.\r\n");
    let mut others = Vec::new();
    for _ in 0..3 {
        let (mut client, mut upstream) = server.logged_in().await;
        begin(&mut client, &mut upstream, b"+OK\r\n", long.as_bytes()).await;
        others.push((client, upstream));
    }
    let (mut client, mut upstream) = server.logged_in().await;
    begin(&mut client, &mut upstream, b"+OK\r\n", HEADER.as_bytes()).await;
    assert!(timeout(AT_ONCE, client.take(1)).await.is_err());
    upstream.send(b"a\r\n.\r\n").await;
    client
        .expect(format!("+OK\r\n{HEADER}a\r\n.\r\n").as_bytes())
        .await;
    assert_eq!(server.proxy.metric(EARLY), 0.0);
    drop(others);
    for _ in 0..3 {
        server.proxy.session_end().await;
    }
    server.quit(client, upstream).await;
    assert_eq!(record(data.path()).state, MessageState::Delivered);
}

/// What popgate fetches before the first listing is kept as a whole, and the same mail is never hidden.
#[tokio::test]
async fn in_hide_mode_nothing_is_released_early_before_the_listing() {
    let (data, mut server) = allowing(|it| {
        it.drop_mode = DropMode::Hide;
        it.hold_bytes = 128 << 10;
    });
    let text = format!("{HEADER}zzdropzz\r\n").into_bytes();
    let mut messages: Messages = vec![("one", text.clone())];
    let long = format!("{HEADER}{}", "zzdropzz\r\n".repeat(32 << 10)).into_bytes();
    messages.push(("two", long.clone()));
    let mut session = Session::new(&server, "a", &messages).await;
    assert_eq!(session.rows("LIST").await.len(), 2);
    assert_eq!(shown(&session.retr(1).await), shown(&text));
    assert_eq!(server.proxy.metric(EARLY), 0.0);
    // Too long to be held back, and so to be fetched before.
    assert_eq!(shown(&session.retr(2).await), shown(&long));
    assert_eq!(server.proxy.metric(EARLY), 1.0);
    session.quit(&mut server).await;
    assert_eq!(record(data.path()).state, MessageState::Delivered);
}

/// A verdict on a part says so on mail that passes, but not where the rest makes no difference.
#[tokio::test]
async fn a_message_that_costs_too_much_gets_no_mark_either_way() {
    let links: String = (0..400_000).map(|at| format!("<b a{at}><i>")).collect();
    let text = format!(
        "{}{links}\r\n",
        HEADER.replace("\r\n\r\n", "\r\nContent-Type: text/html\r\n\r\n")
    );
    for early in [true, false] {
        let (_data, mut server) = allowing(|it| {
            it.early_release = early;
            it.hold_bytes = 16 << 20;
            it.rules = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules");
        });
        let messages: Messages = vec![("one", text.clone().into_bytes())];
        let mut session = Session::new(&server, "a", &messages).await;
        let got = session.retr(1).await;
        assert!(got == text.as_bytes(), "early: {early}");
        session.quit(&mut server).await;
    }
}

/// Viruses come from people whose mail is wanted, too.
#[tokio::test]
async fn where_viruses_are_looked_for_nothing_is_released_early() {
    let scanner = PlayedScanner::new(Answer::Proper);
    let mut settings = scanner.settings(OnVirus::Tag);
    // This clock is not paused.
    settings.timeout = Duration::from_secs(60);
    let (_data, server) = allowing(|it| {
        it.scanners = vec![settings];
        let mut network = Config::load(None, &Flags::default()).0.network;
        network.budget = Duration::from_secs(60);
        it.network = Some(network);
    });
    let (mut client, mut upstream) = server.logged_in().await;
    begin(&mut client, &mut upstream, b"+OK\r\n", HEADER.as_bytes()).await;
    upstream.send(b"zzvirus\r\n.\r\n").await;
    let got = shown(&client.answer().await);
    assert!(got.contains("Subject: [VIRUS Test.Virus-1] hello"), "{got}");
    assert_eq!(server.proxy.metric(EARLY), 0.0);
}
