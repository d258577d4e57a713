//! What a mailbox remembers: the same octets in every session, without a second judgement unless a message is held, and
//! one copy in quarantine. Whatever is wrong with the store, sessions go on as without it.

use popgate::pop3::Uidl;
use popgate::pop3::dot::unstuff;
use popgate::store::Store;
use popgate::store::records::{Change, MessageRecord, MessageState, Timestamp};
use popgate::store::sqlite::{FILE, Sqlite};

use crate::support::mailbox::{Messages, Session};
use crate::support::{Peer, ServerInMemory, shown};

const HAM: &[u8] = b"From: a@example.org\r\nSubject: hello\r\n\r\nx\r\n";
const SPAM: &[u8] = b"From: b@example.org\r\nSubject: zzsubjectzz\r\n\r\n..y\r\n";
const HELD: &[u8] = b"From: c@example.org\r\nSubject: a\r\n\r\nzzdropzz\r\n";
const MAILBOX: [&[u8]; 3] = [HAM, SPAM, HELD];

fn remembering(data: &std::path::Path) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.to_owned());
        it.store = true;
    })
}

/// popgate asks for the unique-ids.
async fn ids(upstream: &mut Peer) {
    upstream.expect(b"UIDL\r\n").await;
    upstream
        .send(b"+OK\r\n1 one\r\n2 two\r\n3 three\r\n.\r\n")
        .await;
}

/// The client's LIST.
async fn list(client: &mut Peer, upstream: &mut Peer) -> String {
    upstream.expect(b"LIST\r\n").await;
    let size = |place: usize| unstuff(MAILBOX[place]).len();
    let rows = format!("1 {}\r\n2 {}\r\n3 {}\r\n", size(0), size(1), size(2));
    upstream
        .send(format!("+OK\r\n{rows}.\r\n").as_bytes())
        .await;
    client.expect(b"+OK\r\n").await;
    String::from_utf8(client.answer().await).unwrap()
}

/// The answer to RETR, and its status line.
async fn fetch(client: &mut Peer, upstream: &mut Peer, number: usize) -> (String, String) {
    let command = format!("RETR {number}\r\n");
    client.send(command.as_bytes()).await;
    upstream.expect(command.as_bytes()).await;
    let message = MAILBOX[number - 1];
    upstream.send(b"+OK the message follows\r\n").await;
    upstream.send(&[message, b".\r\n"].concat()).await;
    let status = shown(&client.line().await);
    (status, shown(&client.answer().await))
}

fn held(data: &std::path::Path) -> usize {
    std::fs::read_dir(data.join("quarantine/new")).map_or(0, Iterator::count)
}

/// What the store has of a message of the only mailbox.
fn record(data: &std::path::Path, of: &str) -> Option<MessageRecord> {
    let store = Sqlite::open(data).unwrap();
    let known = store.mailboxes().unwrap();
    let uidl = Uidl::new(of.as_bytes()).unwrap();
    store.message(&known.first()?.mailbox, &uidl).unwrap()
}

#[tokio::test]
async fn every_session_gets_the_same_octets_and_sizes() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"LIST\r\n").await;
    ids(&mut upstream).await;
    let first_list = list(&mut client, &mut upstream).await;
    assert!(first_list.starts_with(&format!("1 {}\r\n2 {}\r\n", HAM.len(), SPAM.len() - 1)));
    let mut first = Vec::new();
    for number in 1..=3 {
        first.push(fetch(&mut client, &mut upstream, number).await);
    }
    assert!(first[1].1.contains("X-Spam-Flag: YES"), "{:?}", first[1]);
    assert!(!first[2].1.contains("zzdropzz"), "{:?}", first[2]);
    let after = {
        client.send(b"LIST\r\n").await;
        list(&mut client, &mut upstream).await
    };
    server.quit(client, upstream).await;
    assert_eq!(held(data.path()), 1);
    let judged = |server: &ServerInMemory| server.proxy.metric("popgate_score_count");
    let before = judged(&server);

    // Another device, and another process.
    crate::support::until("the store has all records", || {
        record(data.path(), "three").is_some()
    });
    drop(server);
    let mut server = remembering(data.path());
    assert_eq!(judged(&server), 0.0);
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"LIST\r\n").await;
    ids(&mut upstream).await;
    let rows = list(&mut client, &mut upstream).await;
    let two = |rows: &str| rows.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(two(&rows), two(&after));
    for number in [2, 3, 1, 2] {
        let (status, message) = fetch(&mut client, &mut upstream, number).await;
        assert_eq!(message, first[number - 1].1, "message {number}");
        let row = rows.lines().nth(number - 1).unwrap();
        if number == 2 {
            // The size in the status line is that of the listing.
            let octets = row.split(' ').nth(1).unwrap();
            assert_eq!(status, format!("+OK {octets} octets\\r\\n"));
        }
    }
    server.quit(client, upstream).await;
    assert_eq!((judged(&server), before), (0.0, 3.0));
    assert_eq!(held(data.path()), 1);
}

#[tokio::test]
async fn a_message_that_no_client_received_is_judged_again() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"RETR 2\r\n").await;
    ids(&mut upstream).await;
    upstream.expect(b"RETR 2\r\n").await;
    upstream
        .send(b"+OK\r\nSubject: zzsubjectzz\r\n\r\nhalf a mes")
        .await;
    drop(upstream);
    client.answer().await;
    server.proxy.session_end().await;

    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    ids(&mut upstream).await;
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 3 120\r\n").await;
    client.expect(b"+OK 3 120\r\n").await;
    let (_, message) = fetch(&mut client, &mut upstream, 2).await;
    assert!(message.contains("X-Spam-Flag: YES"), "{message}");
    assert_eq!(server.proxy.metric("popgate_score_count"), 1.0);
}

#[tokio::test]
async fn a_server_without_uidl_has_no_memory_beyond_the_session() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    for is_first in [true, false] {
        let (mut client, mut upstream) = server.logged_in().await;
        client.send(b"NOOP\r\nRETR 2\r\n").await;
        upstream.expect(b"NOOP\r\n").await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        if is_first {
            upstream.expect(b"UIDL\r\n").await;
            upstream.send(b"-ERR what is that\r\n").await;
        }
        upstream.expect(b"RETR 2\r\n").await;
        upstream.send(&[b"+OK\r\n", SPAM, b".\r\n"].concat()).await;
        client.line().await;
        let message = shown(&client.answer().await);
        assert!(message.contains("X-Spam-Flag: YES"), "{message}");
        server.quit(client, upstream).await;
    }
    assert_eq!(server.proxy.metric("popgate_score_count"), 2.0);
}

#[tokio::test]
async fn a_store_that_goes_away_costs_no_session() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    for round in 0..3 {
        let (mut client, mut upstream) = server.logged_in().await;
        client.send(b"RETR 2\r\n").await;
        ids(&mut upstream).await;
        upstream.expect(b"RETR 2\r\n").await;
        upstream.send(&[b"+OK\r\n", SPAM, b".\r\n"].concat()).await;
        client.line().await;
        let message = shown(&client.answer().await);
        assert!(message.contains("X-Spam-Flag: YES"), "{message}");
        assert!(message.contains("[SPAM] zzsubjectzz"), "{message}");
        server.quit(client, upstream).await;
        let file = data.path().join(FILE);
        match round {
            0 => std::fs::write(&file, "not a database").unwrap(),
            _ => std::fs::remove_file(&file).unwrap_or_default(),
        }
    }
}

fn messages(uidls: &[(&'static str, &[u8])]) -> Messages {
    let messages = uidls.iter().map(|(uidl, text)| (*uidl, text.to_vec()));
    messages.collect()
}

/// What the client gets of each message in a session of its own, and what the server was asked.
async fn fetch_all(
    server: &mut ServerInMemory,
    user: &str,
    messages: &Messages,
) -> (Vec<String>, Vec<String>) {
    let mut session = Session::new(server, user, messages).await;
    let mut texts = Vec::new();
    for number in 1..=messages.len() {
        texts.push(shown(&session.retr(number).await));
    }
    let ended = session.quit(server).await;
    (texts, ended.commands)
}

fn judged(server: &ServerInMemory) -> f64 {
    server.proxy.metric("popgate_score_count")
}

#[tokio::test]
async fn a_unique_id_that_names_another_message_gets_no_decision_of_the_first() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let held = b"From: c@example.org\r\nSubject: other\r\n\r\nzzdropzz\r\n";
    for (before, after) in [
        (HELD, HAM),
        (SPAM, HAM),
        (HAM, SPAM),
        (HAM, HELD),
        (HELD, held),
    ] {
        let alone = fetch_all(&mut server, "alone", &messages(&[("a", after)]))
            .await
            .0;
        fetch_all(&mut server, "ann", &messages(&[("one", before)])).await;
        let (texts, _) = fetch_all(&mut server, "ann", &messages(&[("one", after)])).await;
        let words = |text: &str| {
            let is_word = |line: &&str| !line.contains("-Id:") && !line.contains("message-id");
            text.split("\\r\\n").filter(is_word).count()
        };
        assert_eq!(
            words(&texts[0]),
            words(&alone[0]),
            "{} {}",
            texts[0],
            alone[0]
        );
        assert!(!texts[0].contains("zzdropzz"), "{}", texts[0]);
        assert_eq!(
            texts[0].contains("X-Spam-Flag"),
            after != HAM,
            "{}",
            texts[0]
        );
        // From now on it is the other message.
        let count = judged(&server);
        let again = fetch_all(&mut server, "ann", &messages(&[("one", after)]))
            .await
            .0;
        assert_eq!((again, judged(&server)), (texts, count));
    }
}

#[tokio::test]
async fn what_a_server_writes_into_a_message_makes_it_no_other() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    for (user, original) in [("ann", HAM), ("bob", SPAM), ("eve", HELD)] {
        let (first, _) = fetch_all(&mut server, user, &messages(&[("one", original)])).await;
        let count = judged(&server);
        let read = [b"Status: RO\r\n", original].concat();
        let (second, _) = fetch_all(&mut server, user, &messages(&[("one", &read)])).await;
        assert_eq!(judged(&server), count, "{second:?}");
        assert_eq!(second[0].replace("Status: RO\\r\\n", ""), first[0]);
    }
    assert_eq!(held(data.path()), 1);
}

#[tokio::test]
async fn a_notice_without_its_original_is_not_sent() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let mailbox = messages(&[("one", HELD)]);
    let (first, _) = fetch_all(&mut server, "ann", &mailbox).await;
    let folder = data.path().join("quarantine/new");
    let file = || std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let before = file().file_name();
    std::fs::remove_file(file().path()).unwrap();
    let (second, _) = fetch_all(&mut server, "ann", &mailbox).await;
    assert_ne!(first, second);
    let id = file().file_name().into_string().unwrap();
    assert_ne!(id, before.into_string().unwrap());
    let id = id.strip_suffix(".popgate").unwrap();
    assert!(second[0].contains(id), "{id}: {second:?}");
    // The new notice is remembered.
    let count = judged(&server);
    let (third, _) = fetch_all(&mut server, "ann", &mailbox).await;
    assert_eq!((third, judged(&server)), (second, count));
}

#[tokio::test]
async fn two_devices_get_the_same_octets_by_top_and_retr() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let mailbox = messages(&[("one", SPAM), ("two", HELD)]);
    let mut first = Session::new(&server, "ann", &mailbox).await;
    let mut second = Session::new(&server, "ann", &mailbox).await;
    let texts = [first.retr(1).await, first.retr(2).await];
    first.quit(&mut server).await;
    // The second session has not asked what is remembered yet.
    for number in [1, 2, 1] {
        assert_eq!(second.retr(number).await, texts[number - 1]);
    }
    second.quit(&mut server).await;
    assert_eq!((judged(&server), held(data.path())), (2.0, 1));
}

#[tokio::test]
async fn what_the_client_deleted_is_recorded_once_quit_took_effect() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let mailbox = messages(&[("one", HAM), ("two", SPAM)]);
    let state = |of: &str| record(data.path(), of).map(|it| it.state);
    for (quits, wanted) in [
        (false, [MessageState::Delivered; 2]),
        (true, [MessageState::Deleted, MessageState::Delivered]),
    ] {
        let mut session = Session::new(&server, "ann", &mailbox).await;
        session.retr(1).await;
        session.retr(2).await;
        assert!(session.ask("DELE 1").await.starts_with("+OK"));
        match quits {
            true => drop(session.quit(&mut server).await),
            false => drop(session.cut(&mut server).await),
        }
        crate::support::until("the store has the records", || {
            [state("one"), state("two")] == wanted.map(Some)
        });
    }
}

#[tokio::test]
async fn a_server_that_closes_at_uidl_is_asked_once() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    upstream.expect(b"UIDL\r\n").await;
    drop(upstream);
    client.answer().await;
    server.proxy.session_end().await;
    let (mut client, mut upstream) = server.logged_in().await;
    client.send(b"STAT\r\n").await;
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 3 120\r\n").await;
    client.expect(b"+OK 3 120\r\n").await;
}

#[tokio::test]
async fn a_server_that_writes_unique_ids_into_messages_is_asked_only_when_the_client_asks() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let written = [b"X-UIDL: one\r\n", SPAM].concat();
    let mailbox = messages(&[("one", &written), ("two", HELD)]);
    let (first, commands) = fetch_all(&mut server, "ann", &mailbox).await;
    assert!(commands.contains(&"UIDL".to_owned()), "{commands:?}");
    let (again, commands) = fetch_all(&mut server, "ann", &mailbox).await;
    assert!(!commands.contains(&"UIDL".to_owned()), "{commands:?}");
    assert_ne!(again, first);
    // A client that asks may have everything; one that has been told sizes gets those, and the same octets.
    for numbers_first in [false, true] {
        let count = judged(&server);
        let mut session = Session::new(&server, "ann", &mailbox).await;
        if numbers_first {
            let octets = written.len() + HELD.len();
            assert_eq!(session.ask("STAT").await, format!("+OK 2 {octets}"));
        }
        assert_eq!(session.rows("UIDL").await, ["one", "two"]);
        let stat = session.ask("STAT").await;
        let is_upstreams = stat == format!("+OK 2 {}", written.len() + HELD.len());
        assert_eq!(is_upstreams, numbers_first, "{stat}");
        for number in [1, 2] {
            session
                .client
                .send(format!("RETR {number}\r\n").as_bytes())
                .await;
            session.client.line().await;
            let wire = session.client.answer().await;
            let text = unstuff(wire.strip_suffix(b".\r\n").unwrap());
            assert_eq!(shown(&text), first[number - 1]);
        }
        session.quit(&mut server).await;
        assert_eq!(judged(&server), count);
    }
}

#[tokio::test]
async fn a_name_that_the_server_refused_has_no_memory() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    fetch_all(&mut server, "ann", &messages(&[("one", HELD)])).await;
    let (mut client, mut upstream) = server.unconnected();
    upstream.send(b"+OK ready\r\n").await;
    client.expect(b"+OK ready\r\n").await;
    for (command, answer) in [
        (&b"USER bob\r\n"[..], &b"+OK\r\n"[..]),
        (b"USER ann\r\n", b"-ERR no\r\n"),
        (b"PASS b\r\n", b"+OK in\r\n"),
    ] {
        client.send(command).await;
        upstream.expect(command).await;
        upstream.send(answer).await;
        client.expect(answer).await;
    }
    client.send(b"STAT\r\n").await;
    // Nobody's: it is not asked for unique-ids.
    upstream.expect(b"STAT\r\n").await;
}

#[tokio::test]
async fn what_a_person_deletes_from_quarantine_is_deleted_at_the_server_with_the_next_quit() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let mailbox = messages(&[("one", HAM), ("two", HELD), ("three", SPAM)]);
    fetch_all(&mut server, "ann", &mailbox).await;
    crate::support::until("the store has the record", || {
        record(data.path(), "three").is_some()
    });
    let id = record(data.path(), "two").unwrap().id;
    let discard = Change::QuarantineDeleted {
        id,
        discards: true,
        at: Timestamp::now(),
    };
    let store = Sqlite::open_unchecked(data.path()).unwrap();
    store.apply(&[discard]).unwrap();
    // A session that is cut deletes nothing.
    let mut session = Session::new(&server, "ann", &mailbox).await;
    assert_eq!(session.rows("UIDL").await, ["one", "three"]);
    let ended = session.cut(&mut server).await;
    assert_eq!(ended.left.len(), 3);
    let mut session = Session::new(&server, "ann", &mailbox).await;
    assert_eq!(session.rows("UIDL").await, ["one", "three"]);
    session.retr(2).await;
    assert!(session.ask("DELE 1").await.starts_with("+OK"));
    let ended = session.quit(&mut server).await;
    let commands = &ended.commands[ended.commands.len() - 3..];
    assert_eq!(commands, ["DELE 1", "DELE 2", "QUIT"]);
    let left: Vec<_> = ended.left.iter().map(|(uidl, _)| *uidl).collect();
    assert_eq!(left, ["three"]);
    let count = || server.proxy.metric("popgate_discarded_messages_total");
    assert_eq!(count(), 1.0);
    // Another message of the same unique-id, and of another size, is none of it.
    let other = messages(&[("two", HAM)]);
    let mut session = Session::new(&server, "ann", &other).await;
    assert_eq!(session.retr(1).await, HAM);
    let ended = session.quit(&mut server).await;
    assert_eq!(ended.left.len(), 1);
}

#[tokio::test]
async fn decisions_on_marked_messages_are_read_together_in_their_order_and_one_by_one_otherwise() {
    let data = tempfile::tempdir().unwrap();
    let mut server = remembering(data.path());
    let mailbox = messages(&[
        ("one", SPAM),
        ("two", HAM),
        ("three", SPAM),
        ("four", HELD),
        ("five", SPAM),
    ]);
    let mut session = Session::new(&server, "ann", &mailbox).await;
    let mut first = Vec::new();
    for number in 1..=5 {
        first.push(session.retr(number).await);
    }
    session.quit(&mut server).await;
    crate::support::until("the store has all records", || {
        record(data.path(), "five").is_some()
    });
    // A notice is read alone, since its original must be there: that is two questions for the four, or three if a second passes
    // meanwhile.
    for (order, questions) in [([1, 2, 3, 4, 5], 2..4), ([5, 4, 3, 2, 1], 4..5)] {
        let count = || {
            let name = r#"popgate_store_lookups_total{outcome="ok"}"#;
            server.proxy.metric(name)
        };
        let mut session = Session::new(&server, "ann", &mailbox).await;
        session.rows("UIDL").await;
        let before = count();
        for number in order {
            assert_eq!(session.retr(number).await, first[number - 1], "{number}");
        }
        let asked = (count() - before) as u32;
        assert!(
            questions.contains(&asked),
            "{asked} questions for {order:?}"
        );
        session.quit(&mut server).await;
    }
}
