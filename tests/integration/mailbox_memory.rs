//! What a mailbox remembers: the same octets in every session, without a second judgement unless a message is held, and
//! one copy in quarantine. Whatever is wrong with the store, sessions go on as without it.

use popgate::pop3::dot::unstuff;
use popgate::store::sqlite::FILE;

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
        it.recalls = true;
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

async fn quit(server: &mut ServerInMemory, mut client: Peer, mut upstream: Peer) {
    client.send(b"QUIT\r\n").await;
    upstream.expect(b"QUIT\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    server.proxy.session_end().await;
}

fn held(data: &std::path::Path) -> usize {
    std::fs::read_dir(data.join("quarantine/new")).map_or(0, Iterator::count)
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
    quit(&mut server, client, upstream).await;
    assert_eq!(held(data.path()), 1);
    let judged = |server: &ServerInMemory| server.proxy.metric("popgate_score_count");
    let before = judged(&server);

    // Another device, and another process.
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
    quit(&mut server, client, upstream).await;
    // What is held is judged anew, so that no notice is without its original.
    assert_eq!((judged(&server), before), (1.0, 3.0));
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
    for _ in 0..2 {
        let (mut client, mut upstream) = server.logged_in().await;
        client.send(b"NOOP\r\nRETR 2\r\n").await;
        upstream.expect(b"NOOP\r\n").await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        upstream.expect(b"UIDL\r\n").await;
        upstream.send(b"-ERR what is that\r\n").await;
        upstream.expect(b"RETR 2\r\n").await;
        upstream.send(&[b"+OK\r\n", SPAM, b".\r\n"].concat()).await;
        client.line().await;
        let message = shown(&client.answer().await);
        assert!(message.contains("X-Spam-Flag: YES"), "{message}");
        quit(&mut server, client, upstream).await;
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
        quit(&mut server, client, upstream).await;
        let file = data.path().join(FILE);
        match round {
            0 => std::fs::write(&file, "not a database").unwrap(),
            _ => std::fs::remove_file(&file).unwrap_or_default(),
        }
    }
}
