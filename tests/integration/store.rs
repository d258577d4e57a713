//! The store behind a running server: what is held has a row, and a store that cannot be used costs no session.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;

use popgate::config::{Config, Flags};
use popgate::server::{self, Overrides, Root};
use popgate::store::records::PopgateId;
use popgate::store::sqlite::{FILE, Sqlite};
use popgate::store::{QuarantineQuery, Store};
use serde_json::Value;

use crate::support::{Peer, session};

const SPAM: &[u8] = b"+OK\r\nFrom: Bob <bob@example.org>\r\nSubject: a\r\n\r\nzzdropzz\r\n.\r\n";

/// The client's first command about messages, before which popgate asks for their ids.
async fn unique_ids(client: &mut Peer, upstream: &mut Peer) {
    client.send(b"STAT\r\n").await;
    upstream.expect(b"UIDL\r\n").await;
    upstream.send(b"+OK\r\n1 one\r\n.\r\n").await;
    upstream.expect(b"STAT\r\n").await;
    upstream.send(b"+OK 1 50\r\n").await;
    client.line().await;
}

async fn fetch(client: &mut Peer, upstream: &mut Peer, number: u32) -> String {
    let command = format!("RETR {number}\r\n");
    client.send(command.as_bytes()).await;
    upstream.expect(command.as_bytes()).await;
    upstream.send(SPAM).await;
    client.line().await;
    String::from_utf8(client.answer().await).unwrap()
}

fn popgate(data: &Path, verb: &[&str]) -> (Option<i32>, String) {
    let mut command = crate::support::program::popgate();
    let output = command
        .args(verb)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// Waits for what the writer does.
fn rows(data: &Path, count: usize) -> Vec<popgate::store::records::Quarantined> {
    let store = Sqlite::open(data).unwrap();
    let query = QuarantineQuery {
        limit: 9,
        ..QuarantineQuery::default()
    };
    let mut rows = Vec::new();
    crate::support::until("the rows are written", || {
        rows = store.quarantine(&query).unwrap();
        rows.len() == count
    });
    rows
}

#[tokio::test]
async fn held_messages_are_listed_with_mailbox_sender_and_score() {
    let data = tempfile::tempdir().unwrap();
    let (_proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
        it.store = true;
    })
    .await;
    unique_ids(&mut client, &mut upstream).await;
    let notice = fetch(&mut client, &mut upstream, 1).await;
    assert!(!notice.contains("zzdropzz"), "{notice}");
    let row = rows(data.path(), 1).remove(0);
    assert_eq!((&*row.from, &*row.subject), ("Bob <bob@example.org>", "a"));
    let mailbox = row.mailbox.unwrap().to_string();
    assert!(mailbox.starts_with("a@127.0.0.1:"), "{mailbox}");
    assert!(row.score.unwrap() >= 10.0);
    assert!(!row.reasons.is_empty());
    assert!(notice.contains(row.id.as_str()), "{notice}");

    let (code, printed) = popgate(data.path(), &["quarantine", "list", "--json"]);
    assert_eq!(code, Some(0), "{printed}");
    let object: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(object["id"], row.id.as_str());
    assert_eq!(object["mailbox"], mailbox);
    assert_eq!(object["from"], "Bob <bob@example.org>");
    assert_eq!(object["subject"], "a");
    assert_eq!(object["score"].as_f64(), row.score);
    assert_eq!(object["bytes"], row.octets);
    assert!(object["held_at"].as_str().unwrap().ends_with('Z'));
    let count = |more: &[&str]| {
        let (code, printed) = popgate(data.path(), &[&["quarantine", "list"], more].concat());
        assert_eq!(code, Some(0), "{printed}");
        printed.lines().last().unwrap().to_owned()
    };
    assert_eq!(count(&["--mailbox", "a"]), "1 in quarantine");
    assert_eq!(count(&["--mailbox", "v"]), "0 in quarantine");
    assert_eq!(count(&["--since", "1h"]), "1 in quarantine");
    let (code, _) = popgate(data.path(), &["quarantine", "list", "--since", "soon"]);
    assert_eq!(code, Some(64));

    let (code, printed) = popgate(data.path(), &["quarantine", "delete", row.id.as_str()]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(rows(data.path(), 0), []);
    assert_eq!(count(&[]), "0 in quarantine");
    let (code, _) = popgate(data.path(), &["quarantine", "delete", row.id.as_str()]);
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_costs_no_session() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join(FILE)).unwrap();
    let (proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
        it.store = true;
    })
    .await;
    assert_eq!(proxy.metric("popgate_store_up{operation=\"lookup\"}"), 0.0);
    // It is found out with the first question.
    unique_ids(&mut client, &mut upstream).await;
    let notice = fetch(&mut client, &mut upstream, 1).await;
    assert!(!notice.contains("zzdropzz"), "{notice}");
    let (code, printed) = popgate(data.path(), &["quarantine", "list"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("bob@example.org"), "{printed}");
    assert!(printed.contains("is not a file"), "{printed}");
    assert!(printed.ends_with("1 in quarantine\n"), "{printed}");
}

fn config(data: &Path, more: &str) -> Config {
    let text = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[upstream]]\nhost = \"127.0.0.1\"\n[admin]\naddress = \"\"\n[data]\ndir = \"{}\"\n{more}",
        data.display()
    );
    let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
    assert_eq!(problems, []);
    config
}

fn built(config: &Config) -> Result<server::Server, String> {
    let overrides = Overrides {
        root: Root::Kept,
        ..Overrides::default()
    };
    server::build(config, Vec::new(), overrides).map_err(|error| error.to_string())
}

#[test]
fn a_store_that_is_required_and_cannot_be_opened_stops_the_start() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join(FILE);
    std::fs::create_dir(&path).unwrap();
    let error = built(&config(data.path(), "require_store = true\n")).unwrap_err();
    assert!(error.contains("data.require_store"), "{error}");
    assert!(error.contains("is not a file; move it away"), "{error}");
    assert!(built(&config(data.path(), "")).is_ok());
    assert!(built(&config(data.path(), "store = \"off\"\n")).is_ok());
}

#[test]
fn a_reload_opens_the_store_that_could_not_be_opened() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join(FILE);
    std::fs::create_dir(&path).unwrap();
    let config = config(data.path(), "");
    let server = built(&config).unwrap();
    assert!(!server.metrics().is_store_up());
    std::fs::remove_dir(&path).unwrap();
    server.reloader().reload(&config, Vec::new()).unwrap();
    assert!(server.metrics().is_store_up());
    assert!(path.is_file());
}

#[test]
fn without_a_store_no_file_is_made() {
    let data = tempfile::tempdir().unwrap();
    let server = built(&config(data.path(), "store = \"off\"\n")).unwrap();
    assert!(server.metrics().is_store_up());
    assert!(!data.path().join(FILE).exists());
}

#[test]
fn a_backup_is_made_and_restored() {
    let data = tempfile::tempdir().unwrap();
    let backup = data.path().join("store.backup");
    let backup = backup.to_str().unwrap();
    let (code, printed) = popgate(data.path(), &["backup", backup]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains(FILE), "{printed}");
    let server = built(&config(data.path(), "")).unwrap();
    let (code, printed) = popgate(data.path(), &["backup", backup]);
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = popgate(data.path(), &["restore", backup]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("stop it first"), "{printed}");
    drop(server);
    crate::support::until("the server's threads have ended", || {
        popgate(data.path(), &["restore", backup]).0 == Some(0)
    });
    let store = Sqlite::open(data.path()).unwrap();
    let none = store.quarantined(&PopgateId::new("a").unwrap()).unwrap();
    assert_eq!(none, None);
}
