//! Hide mode: what is held back is not listed, what is listed has its right size, and nothing is fetched twice. Whatever is
//! wrong with the server, the store or the quarantine, no mail is lost, and nothing is hidden whose original is not kept.

use std::path::Path;
use std::time::Duration;

use popgate::config::DropMode;
use popgate::store::quarantine::{self, Kept};
use popgate::store::records::{MessageState, PopgateId};
use popgate::store::sqlite::Sqlite;
use popgate::store::{QuarantineQuery, Store};

use crate::support::mailbox::{Ended, Messages, Session};
use crate::support::{Peer, ServerInMemory, Settings, shown, until};

const HAM: &[u8] = b"From: a@example.org\r\nSubject: hello\r\n\r\n.x\r\n";
const SPAM: &[u8] = b"From: b@example.org\r\nSubject: zzsubjectzz\r\n\r\ny\r\n";
const HELD: &[u8] = b"From: c@example.org\r\nSubject: a\r\n\r\n.zzdropzz\r\n..\r\n";

fn mailbox() -> Messages {
    let messages = [("one", HELD), ("two", HAM), ("three", HELD), ("four", SPAM)];
    messages.map(|(uidl, text)| (uidl, text.to_vec())).to_vec()
}

fn hiding_with(data: &Path, change: impl FnOnce(&mut Settings)) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.drop_at = Some(10.0);
        it.drop_mode = DropMode::Hide;
        it.data_dir = Some(data.to_owned());
        it.store = true;
        change(it);
    })
}

fn hiding(data: &Path) -> ServerInMemory {
    hiding_with(data, |_| {})
}

fn kept(data: &Path) -> Vec<Kept> {
    quarantine::kept(data).unwrap()
}

fn fetches(ended: &Ended) -> Vec<&str> {
    let commands = ended.commands.iter().map(String::as_str);
    let is_fetch = |it: &&str| it.starts_with("RETR") || it.starts_with("TOP");
    commands.filter(is_fetch).collect()
}

/// The states that the store has of what is in quarantine, once there are so many of these.
fn wait_for(data: &Path, state: MessageState, messages: usize) {
    let store = Sqlite::open_unchecked(data).unwrap();
    let query = QuarantineQuery {
        limit: 100,
        ..QuarantineQuery::default()
    };
    until("the store knows what is hidden", || {
        let rows = store.quarantine(&query).unwrap().into_iter();
        let state_of = |mailbox, uidl| store.message(&mailbox, &uidl).unwrap().map(|it| it.state);
        let states = rows.filter_map(|row| state_of(row.mailbox?, row.uidl?));
        states.filter(|it| *it == state).count() == messages
    });
}

#[tokio::test]
async fn what_is_held_back_is_not_listed_and_stays_on_the_server() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    let sizes = session.rows("LIST").await;
    let total: usize = sizes.iter().map(|it| it.parse::<usize>().unwrap()).sum();
    assert_eq!(session.ask("STAT").await, format!("+OK 2 {total}"));
    assert_eq!(session.retr(1).await, HAM);
    let spam = session.retr(2).await;
    assert!(shown(&spam).contains("X-Spam-Flag: YES") && spam.ends_with(b"y\r\n"));
    assert!(session.ask("RETR 3").await.starts_with("-ERR"));
    // What the server would say is about popgate's own commands.
    assert!(session.ask("LAST").await.starts_with("-ERR"));
    let ended = session.quit(&mut server).await;
    assert_eq!(ended.left.len(), 4);
    let once = ["RETR 4", "RETR 3", "RETR 2", "RETR 1", "RETR 5"];
    assert_eq!(fetches(&ended), once, "the newest first, and each once");
    let texts = kept(data.path())
        .into_iter()
        .map(|it| it.message().unwrap());
    assert_eq!(texts.collect::<Vec<_>>(), [HELD, HELD]);

    // Another device sees the same, and popgate fetches nothing.
    wait_for(data.path(), MessageState::Hidden, 2);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("LIST").await, sizes);
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    assert_eq!(session.retr(2).await, spam);
    let ended = session.quit(&mut server).await;
    assert_eq!(fetches(&ended), ["RETR 4"]);
    let metric = |line: &str| server.proxy.metric(line);
    assert_eq!(
        metric("popgate_prefetched_messages_total{outcome=\"hidden\"}"),
        2.0
    );
    assert_eq!(
        metric("popgate_prefetched_messages_total{outcome=\"judged\"}"),
        2.0
    );
    let octets = 2 * HELD.len() + HAM.len() + SPAM.len();
    assert_eq!(metric("popgate_prefetched_bytes_total"), octets as f64);
    assert_eq!(metric("popgate_holding_bytes"), 0.0);
}

#[tokio::test]
async fn a_released_message_is_listed_again_and_hidden_again_when_that_is_undone() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await.len(), 2);
    session.quit(&mut server).await;
    wait_for(data.path(), MessageState::Hidden, 2);
    let store = Sqlite::open_unchecked(data.path()).unwrap();
    let all = kept(data.path());
    let of_one = all.into_iter().find(|it| {
        let row = store.quarantined(&PopgateId::new(&it.id).unwrap()).unwrap();
        row.unwrap().uidl.unwrap().to_string() == "one"
    });
    let held = of_one.unwrap();
    quarantine::release(&store, &held, held.message().unwrap()).unwrap();

    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two", "four"]);
    assert_eq!(session.retr(1).await, HELD);
    session.quit(&mut server).await;
    quarantine::take_back(&store, &held).unwrap();
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    let ended = session.quit(&mut server).await;
    assert_eq!(fetches(&ended), [""; 0]);
}

#[tokio::test]
async fn beyond_the_octets_messages_are_listed_and_get_a_notice() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding_with(data.path(), |it| it.hide_bytes = HELD.len() + SPAM.len());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two", "four"]);
    let status = session.ask("RETR 1").await;
    assert!(status.starts_with("+OK"));
    let notice = shown(&session.client.answer().await);
    assert!(notice.contains("[held back as spam]"), "{notice}");
    session.quit(&mut server).await;
    let skipped = "popgate_prefetched_messages_total{outcome=\"over_bytes\"}";
    assert_eq!(server.proxy.metric(skipped), 2.0);
    assert_eq!(kept(data.path()).len(), 2);

    // The client knows it: it stays, with its notice.
    wait_for(data.path(), MessageState::Held, 1);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two", "four"]);
    assert_eq!(shown(&session.retr(1).await) + ".\\r\\n", notice);
    session.quit(&mut server).await;
}

#[tokio::test]
async fn a_session_that_is_cut_commits_nothing_and_what_was_judged_is_not_fetched_again() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    session.ask("DELE 1").await;
    let ended = session.cut(&mut server).await;
    assert_eq!(ended.left.len(), 4);
    wait_for(data.path(), MessageState::Hidden, 2);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    assert_eq!(session.retr(1).await, HAM);
    session.ask("DELE 1").await;
    let ended = session.quit(&mut server).await;
    assert_eq!(fetches(&ended), ["RETR 2"]);
    let left: Vec<_> = ended.left.iter().map(|(uidl, _)| *uidl).collect();
    assert_eq!(
        left,
        ["one", "three", "four"],
        "only what the client has deleted"
    );
}

#[tokio::test]
async fn what_was_hidden_for_long_enough_is_deleted_with_the_clients_quit() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding_with(data.path(), |it| {
        it.hide_delete_after = Some(Duration::ZERO);
    });
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    let ended = session.quit(&mut server).await;
    assert_eq!(ended.left.len(), 4, "not in the session that hides it");
    wait_for(data.path(), MessageState::Hidden, 2);

    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["two", "four"]);
    let ended = session.cut(&mut server).await;
    assert!(!ended.commands.iter().any(|it| it.starts_with("DELE")));
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.ask("STAT").await.split(' ').nth(1), Some("2"));
    session.ask("DELE 1").await;
    assert_eq!(session.ask("RSET").await, "+OK");
    let ended = session.quit(&mut server).await;
    let left: Vec<_> = ended.left.iter().map(|(uidl, _)| *uidl).collect();
    assert_eq!(left, ["two", "four"]);
    let end = &ended.commands[ended.commands.len() - 3..];
    assert_eq!(end, ["DELE 1", "DELE 3", "QUIT"]);
    assert_eq!(server.proxy.metric("popgate_hidden_deleted_total"), 2.0);
    assert_eq!(kept(data.path()).len(), 2, "the quarantine has them still");
}

#[tokio::test]
async fn what_cannot_be_put_into_quarantine_is_listed_and_tagged() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("quarantine"), "in the way").unwrap();
    let mut server = hiding(data.path());
    for _ in 0..2 {
        let mut session = Session::new(&server, "a", &mailbox()).await;
        assert_eq!(session.rows("UIDL").await.len(), 4);
        let text = session.retr(1).await;
        assert!(shown(&text).contains("X-Spam-Flag: YES") && text.ends_with(HELD.split_at(40).1));
        session.quit(&mut server).await;
    }
}

#[tokio::test]
async fn without_a_store_that_answers_messages_are_listed_and_get_a_notice() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding_with(data.path(), |it| it.store = false);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await.len(), 4);
    session.ask("RETR 1").await;
    let notice = shown(&session.client.answer().await);
    assert!(notice.contains("[held back as spam]"), "{notice}");
    let ended = session.quit(&mut server).await;
    assert_eq!(fetches(&ended), ["RETR 1"]);
}

/// Messages that are too large for memory wait in a file, and come out of it as they were.
#[tokio::test]
async fn what_memory_does_not_take_waits_in_a_file() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding_with(data.path(), |it| it.limits.held_bytes = 2 << 20);
    let large = |letter: char| {
        let line = format!("{}\r\n", letter.to_string().repeat(70));
        format!("Subject: {letter}\r\n\r\n.\r\n{}", line.repeat(1500)).into_bytes()
    };
    let names = ["a", "b", "c", "d"];
    let messages: Messages = names
        .into_iter()
        .map(|name| (name, large(name.chars().next().unwrap())))
        .collect();
    let mut session = Session::new(&server, "a", &messages).await;
    assert_eq!(session.rows("UIDL").await, names);
    assert!(server.proxy.metric("popgate_spooled_bytes") > 300_000.0);
    assert!(session.ask("TOP 1 1").await.starts_with("+OK"));
    let top = shown(&session.client.answer().await);
    assert_eq!(top, "Subject: a\\r\\n\\r\\n..\\r\\n.\\r\\n");
    for (place, (_, text)) in messages.iter().enumerate().rev() {
        assert!(session.retr(place + 1).await == *text, "{place}");
    }
    let ended = session.quit(&mut server).await;
    assert_eq!(fetches(&ended).len(), 4);
    assert_eq!(server.proxy.metric("popgate_spooled_bytes"), 0.0);
    let names = std::fs::read_dir(data.path()).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    assert!(!names.into_iter().any(|it| it.starts_with(".tmp")));
}

/// popgate's own commands before the first message is asked for.
async fn asked(upstream: &mut Peer, ids: &str, sizes: &str, capabilities: &str) {
    upstream.expect(b"UIDL\r\n").await;
    upstream.send(format!("+OK\r\n{ids}.\r\n").as_bytes()).await;
    upstream.expect(b"LIST\r\n").await;
    upstream
        .send(format!("+OK\r\n{sizes}.\r\n").as_bytes())
        .await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(capabilities.as_bytes()).await;
}

fn wire(text: &[u8]) -> Vec<u8> {
    [b"+OK\r\n", text, b".\r\n"].concat()
}

const PLAIN_HAM: &[u8] = b"Subject: hello\r\n\r\nx\r\n";

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_listed_and_judged_when_it_is_fetched() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\nRETR 2\r\nNOOP\r\n").await;
    let sizes = "1 21\r\n2 21\r\n3 21\r\n";
    asked(
        &mut upstream,
        "1 a\r\n2 b\r\n3 c\r\n",
        sizes,
        "-ERR what\r\n",
    )
    .await;
    upstream.expect(b"RETR 3\r\n").await;
    upstream.send(&wire(PLAIN_HAM)).await;
    upstream.expect(b"RETR 2\r\n").await;
    // The client waits for no more than that.
    tokio::time::advance(Duration::from_secs(13)).await;
    upstream.send(&wire(PLAIN_HAM)).await;
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 3 63\r\n").await;
    client.expect(b"+OK 3 63\r\n").await;
    client.expect(&wire(PLAIN_HAM)).await;
    upstream.expect(b"NOOP\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    for (outcome, messages) in [("judged", 1.0), ("unjudged", 1.0), ("no_time", 1.0)] {
        let line = format!("popgate_prefetched_messages_total{{outcome=\"{outcome}\"}}");
        assert_eq!(server.proxy.metric(&line), messages, "{outcome}");
    }
    client.send(b"QUIT\r\n").await;
    upstream.expect(b"QUIT\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    server.proxy.session_end().await;
}

#[tokio::test]
async fn a_server_that_pipelines_gets_many_commands_at_once() {
    let data = tempfile::tempdir().unwrap();
    let server = hiding(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    let sizes = "1 21\r\n2 21\r\n3 21\r\n4 21\r\n";
    let ids = "1 a\r\n2 b\r\n3 c\r\n4 d\r\n";
    asked(&mut upstream, ids, sizes, "+OK\r\nPIPELINING\r\n.\r\n").await;
    // While it is unknown how its messages end, one comes alone.
    upstream.expect(b"RETR 4\r\n").await;
    upstream.send(&wire(PLAIN_HAM)).await;
    upstream.expect(b"RETR 3\r\nRETR 2\r\nRETR 1\r\n").await;
    for _ in 0..3 {
        upstream.send(&wire(PLAIN_HAM)).await;
    }
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 4 84\r\n").await;
    client.expect(b"+OK 4 84\r\n").await;
}

#[tokio::test]
async fn a_server_that_deletes_what_was_fetched_is_asked_for_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = hiding(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    let capabilities = "+OK\r\nTOP\r\nEXPIRE 0\r\n.\r\n";
    asked(&mut upstream, "1 a\r\n", "1 21\r\n", capabilities).await;
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 1 21\r\n").await;
    client.expect(b"+OK 1 21\r\n").await;
}

#[tokio::test]
async fn a_server_that_fails_meanwhile_ends_the_session_and_nothing_is_hidden() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    asked(
        &mut upstream,
        "1 a\r\n2 b\r\n",
        "1 21\r\n2 55\r\n",
        "-ERR\r\n",
    )
    .await;
    upstream.expect(b"RETR 2\r\n").await;
    upstream
        .send(b"+OK\r\nSubject: x\r\n\r\nzzdropzz\r\n")
        .await;
    drop(upstream);
    let line = shown(&client.line().await);
    assert!(line.starts_with("-ERR"), "{line}");
    server.proxy.session_end().await;
    assert_eq!(kept(data.path()).len(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_is_not_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let mut server = hiding(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    asked(
        &mut upstream,
        "1 a\r\n2 b\r\n",
        "1 21\r\n2 21\r\n",
        "-ERR\r\n",
    )
    .await;
    upstream.expect(b"RETR 2\r\n").await;
    drop(client);
    // What is on its way is read to its end, and nothing else is asked for.
    tokio::task::yield_now().await;
    upstream
        .try_send(&wire(PLAIN_HAM))
        .await
        .unwrap_or_default();
    let line = shown(&upstream.line().await);
    assert!(line.is_empty() || line == "STAT\\r\\n", "{line}");
    drop(upstream);
    server.proxy.session_end().await;
}
