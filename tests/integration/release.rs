//! Messages that a person releases from quarantine appear in the mailbox again: under the server's UIDL where nobody has
//! seen them yet, and else as an entry of popgate's own, until a client has deleted it. Nothing is lost.

use std::path::Path;

use popgate::filter::Action;
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::message::MessageDigest;
use popgate::pop3::Uidl;
use popgate::pop3::dot::stuff;
use popgate::store::quarantine::{self, Kept};
use popgate::store::records::{
    Change, HeldState, MessageRecord, MessageState, PopgateId, Quarantined, Timestamp,
};
use popgate::store::sqlite::Sqlite;
use popgate::store::{Quarantine, Store};

use crate::support::mailbox::{Messages, Session};
use crate::support::{ServerInMemory, until};

const HAM: &[u8] = b"From: a@example.org\r\nSubject: hello\r\n\r\nx\r\n";
const HELD: &[u8] = b"From: c@example.org\r\nSubject: a\r\n\r\n.zzdropzz\r\n..\r\n";

fn mailbox() -> Messages {
    vec![("one", HAM.to_vec()), ("two", HELD.to_vec())]
}

fn remembering(data: &Path) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.to_owned());
        it.store = true;
    })
}

fn kept(data: &Path) -> Vec<Kept> {
    quarantine::kept(data).unwrap()
}

/// As the command line does, beside the server.
fn release(data: &Path) -> PopgateId {
    let store = Sqlite::open_unchecked(data).unwrap();
    let kept = kept(data).remove(0);
    let id = PopgateId::new(&kept.id).unwrap();
    // The writer tells the store last that a client has got the notice.
    until("the store knows it", || {
        let row = store.quarantined(&id).unwrap();
        row.is_some_and(|row| match (row.mailbox, row.uidl) {
            (Some(mailbox), Some(uidl)) => store.message(&mailbox, &uidl).unwrap().is_some(),
            // Taken from the folder before its row was written.
            _ => false,
        })
    });
    let message = kept.message().unwrap();
    let owner = quarantine::release(&store, &kept, message).unwrap();
    assert_eq!(owner.to_string(), "a@127.0.0.1");
    id
}

fn own(id: &PopgateId) -> String {
    id.own_uidl().to_string()
}

/// A session that gets a notice.
async fn held(server: &mut ServerInMemory) {
    let mut session = Session::new(server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two"]);
    let notice = session.retr(2).await;
    assert!(notice.starts_with(b"X-Popgate-Id: "));
    session.quit(server).await;
}

#[tokio::test]
async fn a_client_that_got_a_notice_gets_the_message_as_a_new_one() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    held(&mut server).await;
    let id = release(data);

    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two", &own(&id)]);
    let total = HAM.len() + 2 * HELD.len();
    assert_eq!(session.ask("STAT").await, format!("+OK 3 {total}"));
    for number in [3, 2, 3] {
        assert_eq!(session.retr(number).await, HELD, "{number}");
    }
    assert_eq!(
        session.ask("TOP 3 0").await,
        format!("+OK {} octets", HELD.len())
    );
    let top = session.client.answer().await;
    assert_eq!(top, b"From: c@example.org\r\nSubject: a\r\n\r\n.\r\n");
    // Neither DELE with RSET nor a session that is cut deletes it.
    session.ask("DELE 3").await;
    assert_eq!(session.ask("RSET").await, "+OK");
    session.quit(&mut server).await;
    let mut session = Session::new(&server, "a", &mailbox()).await;
    session.ask("DELE 3").await;
    session.cut(&mut server).await;
    assert_eq!(kept(data).len(), 1);

    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.retr(3).await, HELD);
    assert!(session.ask("DELE 3").await.starts_with("+OK"));
    assert!(session.ask("RETR 3").await.starts_with("-ERR"));
    let left = session.quit(&mut server).await.left;
    assert_eq!(left.len(), 2);
    until("the original is deleted", || kept(data).is_empty());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two"]);
    assert_eq!(session.retr(2).await, HELD);
    session.quit(&mut server).await;
    let store = Sqlite::open_unchecked(data).unwrap();
    until("the store knows it", || {
        let row = store.quarantined(&id).unwrap().unwrap();
        row.state == HeldState::Deleted
    });
    let count = |event| {
        let name = format!("popgate_own_messages_total{{event=\"{event}\",kind=\"released\"}}");
        server.proxy.metric(&name)
    };
    assert_eq!((count("fetched"), count("deleted")), (4.0, 1.0));
}

fn record(id: PopgateId) -> MessageRecord {
    MessageRecord {
        id,
        state: MessageState::Judged,
        action: Action::Drop,
        score: Some(12.0),
        probability: None,
        filter_version: "1".into(),
        digest: Some(MessageDigest::of(&stuff(HELD), true)),
        octets_upstream: None,
        octets_sent: None,
        grown: 0,
        edit: None,
        first_seen: Timestamp::now(),
        delivered_at: None,
        held_at: None,
        correction: None,
    }
}

/// A message that is in quarantine, and was not listed.
fn hidden(data: &Path, uidl: &str) {
    let store = Sqlite::open_unchecked(data).unwrap();
    let id = PopgateId::new("5-1").unwrap();
    Quarantine::new(data).open().unwrap();
    std::fs::write(data.join("quarantine/new/5-1.popgate"), HELD).unwrap();
    let mailbox = MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap();
    let uidl = Uidl::new(uidl.as_bytes()).unwrap();
    let entry = Quarantined {
        mailbox: Some(mailbox.clone()),
        uidl: Some(uidl.clone()),
        ..quarantine::entry_of(id.clone(), HELD)
    };
    let judged = Change::Judged {
        mailbox: mailbox.clone(),
        uidl: uidl.clone(),
        record: Box::new(record(id)),
        replaces: false,
        as_taught: None,
    };
    let held = Change::Held {
        entry: Box::new(entry),
        hidden: true,
    };
    store.apply(&[judged, held]).unwrap();
    let state = store.message(&mailbox, &uidl).unwrap().unwrap().state;
    assert_eq!(state, MessageState::Hidden);
}

#[tokio::test]
async fn a_message_that_nobody_has_seen_is_listed_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    hidden(data, "two");
    release(data);
    for _ in 0..2 {
        let mut session = Session::new(&server, "a", &mailbox()).await;
        assert_eq!(session.rows("UIDL").await, ["one", "two"]);
        assert_eq!(session.retr(2).await, HELD);
        session.quit(&mut server).await;
    }
    // Once it was listed, it is a message as any other: gone from the server, it does not come again.
    let without = mailbox()[..1].to_vec();
    let mut session = Session::new(&server, "a", &without).await;
    assert_eq!(session.rows("UIDL").await, ["one"]);
    session.quit(&mut server).await;
    assert_eq!(kept(data).len(), 1);
}

#[tokio::test]
async fn a_message_that_the_server_no_longer_has_is_an_entry() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    hidden(data, "gone");
    let id = release(data);
    let mut session = Session::new(&server, "a", &mailbox()[..1].to_vec()).await;
    assert_eq!(session.rows("UIDL").await, ["one", &own(&id)]);
    assert_eq!(session.retr(2).await, HELD);
    session.quit(&mut server).await;
}

#[tokio::test]
async fn a_release_that_is_taken_back_is_no_entry_any_more() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    held(&mut server).await;
    let id = release(data);
    let store = Sqlite::open_unchecked(data).unwrap();
    let only = kept(data).remove(0);
    quarantine::take_back(&store, &only).unwrap();
    assert!(quarantine::take_back(&store, &only).is_err());
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two"]);
    let notice = String::from_utf8(session.retr(2).await).unwrap();
    assert!(
        notice.starts_with(&format!("X-Popgate-Id: {id}\r\n")),
        "{notice}"
    );
    session.quit(&mut server).await;
    assert_eq!(kept(data).len(), 1);
    // Released again, it is there again.
    release(data);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two", &own(&id)]);
    session.quit(&mut server).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_not_shown() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    held(&mut server).await;
    release(data);
    let file = data
        .join("quarantine/new")
        .join(format!("{}.popgate", kept(data)[0].id));
    let aside = data.join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two"]);
    session.quit(&mut server).await;
    let name = "popgate_own_messages_total{event=\"unreadable\",kind=\"released\"}";
    assert_eq!(server.proxy.metric(name), 1.0);
    std::fs::rename(&aside, &file).unwrap();
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await.len(), 3);
    // It goes away while it is listed: an error, and no deletion.
    std::fs::rename(&file, &aside).unwrap();
    assert!(session.ask("RETR 3").await.starts_with("-ERR [SYS/TEMP]"));
    session.quit(&mut server).await;
}

/// The built program, on this data directory: its exit code, and what it prints.
fn popgate(data: &Path, verb: &[&str]) -> (i32, String) {
    let mut command = crate::support::program::popgate();
    let command = command.args(verb).arg("--data-dir").arg(data);
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn the_command_line_releases_and_takes_back() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = remembering(data);
    hidden(data, "two");
    let says = |verb: &[&str], code, words: &[&str]| {
        let (is, printed) = popgate(data, verb);
        assert_eq!(is, code, "{verb:?}: {printed}");
        for word in words {
            assert!(printed.contains(word), "{verb:?}: {printed}");
        }
    };
    let undo = ["quarantine", "release", "5-1", "--undo"];
    says(&undo, 2, &["not released"]);
    says(&["quarantine", "list", "--released"], 0, &["0 released"]);
    for _ in 0..2 {
        let words = ["released: ", "a@127.0.0.1", "learned as ham"];
        says(&["quarantine", "release", "5-1"], 0, &words);
        // For the mailbox that it was held for, and nobody else.
        let words = ["learned: 0 ham, 0 spam", "a@127.0.0.1: 1 ham, 0 spam"];
        says(&["model", "info"], 0, &words);
        says(&["quarantine", "list"], 0, &["0 in quarantine"]);
        let list = ["quarantine", "list", "--released"];
        says(&list, 0, &["5-1", "a@127.0.0.1", "1 released"]);
        let words = [
            "zzdropzz",
            "mailbox  a@127.0.0.1",
            "subject  a",
            "state    released",
        ];
        says(&["quarantine", "show", "5-1"], 0, &words);
    }
    says(
        &["quarantine", "purge"],
        0,
        &["0 deleted, 1 left", "1 of these"],
    );
    says(&undo, 0, &["held again", "no longer learned"]);
    says(&["quarantine", "list"], 0, &["5-1", "1 in quarantine"]);
    says(&undo, 2, &["not released"]);
    says(&["quarantine", "release", "5-1"], 0, &["learned as ham"]);
    let mut session = Session::new(&server, "a", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, ["one", "two"]);
    assert_eq!(session.retr(2).await, HELD);
    session.quit(&mut server).await;
    says(&["quarantine", "delete", "5-1"], 0, &["deleted"]);
    says(&["quarantine", "release", "5-1"], 2, &["no message 5-1"]);
    // Without a store only a file can be written.
    drop(server);
    std::fs::remove_file(data.join("popgate.sqlite")).unwrap();
    std::fs::write(data.join("quarantine/new/5-2.popgate"), HELD).unwrap();
    says(
        &["quarantine", "release", "5-2"],
        2,
        &["no store", "--to FILE"],
    );
    let file = data.join("5-2.eml");
    let to = [
        "quarantine",
        "release",
        "5-2",
        "--to",
        file.to_str().unwrap(),
    ];
    says(&to, 0, &["5-2.eml"]);
    assert_eq!(std::fs::read(file).unwrap(), HELD);
}
