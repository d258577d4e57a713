//! The history: a row a message, in the form that the configuration says; teaching from it, as training would and back;
//! and what is known of senders at the next login.

use std::path::Path;
use std::sync::Arc;

use popgate::config::{HeaderMode, HistoryMode};
use popgate::filter::classifier::{LearnedState, WeightsOwner};
use popgate::filter::receiving_server::{CheckedBy, ReceivingServer};
use popgate::filter::{Action, Filter, RuleSet, Thresholds};
use popgate::learn::trainer::Trainer;
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::pop3::Uidl;
use popgate::session::Engine;
use popgate::store::records::{
    Change, Label, MessageRecord, MessageState, PopgateId, SenderSeen, Timestamp,
};
use popgate::store::sqlite::{FILE, Sqlite};
use popgate::store::{Knowledge, Store};
use serde_json::Value;

use crate::support::{Peer, ServerInMemory, Settings};

const MESSAGE: &str = "Authentication-Results: mx.example.com; dmarc=pass header.from=example.org\r\n\
     From: Bob <Bob@example.org>\r\nSubject: a secret\r\nMessage-ID: <1@example.org>\r\n\
     Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\nThe meeting is on Monday.\r\n";

fn stock() -> Filter {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    Filter::new(RuleSet::stock().unwrap(), thresholds).unwrap()
}

fn mailbox() -> MailboxId {
    MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap()
}

fn server(data: &Path, change: impl FnOnce(&mut Settings)) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.data_dir = Some(data.to_owned());
        it.store = true;
        let filter = stock().with_learned(Arc::new(LearnedState::default()));
        it.engine = Some(Engine::Rules(Arc::new(filter)));
        change(it);
    })
}

/// Fetches the messages of a mailbox, each with its UIDL.
async fn fetch(server: &mut ServerInMemory, messages: &[(&str, &str)]) -> Vec<String> {
    let (mut client, mut upstream) = server.logged_in().await;
    let mut got = Vec::new();
    for (place, (_, message)) in messages.iter().enumerate() {
        let command = format!("RETR {}\r\n", place + 1);
        client.send(command.as_bytes()).await;
        if place == 0 {
            answer_uidl(&mut upstream, messages).await;
        }
        upstream.expect(command.as_bytes()).await;
        let answer = format!("+OK\r\n{message}.\r\n");
        upstream.send(answer.as_bytes()).await;
        client.line().await;
        got.push(String::from_utf8(client.answer().await).unwrap());
    }
    client.send(b"QUIT\r\n").await;
    upstream.expect(b"QUIT\r\n").await;
    upstream.send(b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    server.proxy.session_end().await;
    got
}

async fn answer_uidl(upstream: &mut Peer, messages: &[(&str, &str)]) {
    upstream.expect(b"UIDL\r\n").await;
    let rows = messages.iter().enumerate();
    let rows = rows.map(|(place, (uidl, _))| format!("{} {uidl}\r\n", place + 1));
    let rows: String = rows.collect();
    upstream
        .send(format!("+OK\r\n{rows}.\r\n").as_bytes())
        .await;
}

fn popgate(data: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = crate::support::program::popgate();
    let output = command
        .args(words)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// The rows, once there are so many: a thread writes them.
fn rows(data: &Path, count: usize) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    crate::support::until("the rows are written", || {
        let (code, printed) = popgate(data, &["history", "--json"]);
        assert_eq!(code, Some(0), "{printed}");
        rows = printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        rows.len() >= count
    });
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

/// Ham, spam and authenticated messages of a sender.
fn counts(data: &Path, address: &str) -> Option<(u64, u64, u64)> {
    let store = Sqlite::open(data).unwrap();
    let known = store.sender(&mailbox(), address).unwrap().address;
    known.map(|it| (it.ham, it.spam, it.authenticated))
}

fn learned(data: &Path) -> LearnedState {
    Knowledge::read(data).unwrap().1
}

#[tokio::test]
async fn a_delivered_message_is_taught_as_training_would_and_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = server(data, |_| ());
    let other = MESSAGE.replace("secret", "plan").replace("<1@", "<2@");
    let messages = [("one", MESSAGE), ("two", &*other)];
    for _ in 0..2 {
        assert_eq!(
            fetch(&mut server, &messages).await[0],
            format!("{MESSAGE}.\r\n")
        );
    }
    let rows = rows(data, 2);
    let row = rows
        .iter()
        .find(|row| row["subject"] == "a secret")
        .unwrap();
    assert_eq!(row["from"], "Bob <Bob@example.org>");
    assert_eq!(
        (&row["action"], &row["mailbox"]),
        (&"pass".into(), &"a@127.0.0.1".into())
    );
    assert_eq!(counts(data, "bob@example.org"), Some((2, 0, 2)));
    let id = row["id"].as_str().unwrap();
    let teach = |how: &str| {
        let (code, printed) = popgate(data, &["teach", id, how]);
        assert_eq!(code, Some(0), "{printed}");
        printed
    };

    let trained = tempfile::tempdir().unwrap();
    let owner = WeightsOwner::Mailbox(mailbox());
    let mut trainer = Trainer::open(stock(), trained.path(), Some(owner.clone())).unwrap();
    trainer.teach(MESSAGE.as_bytes(), true).unwrap();
    trainer.save().unwrap();
    for said in ["learned as spam", "is known as spam"] {
        assert!(teach("--spam").contains(said));
        let (taught, trained) = (learned(data), learned(trained.path()));
        assert!(
            Knowledge::pack(&taught) == Knowledge::pack(&trained),
            "as training does"
        );
        assert_eq!(counts(data, "bob@example.org"), Some((1, 1, 2)));
    }
    let judge = |memory: LearnedState| {
        let filter = stock().with_learned(Arc::new(memory));
        let verdict = filter.judge_for(Some(&owner), MESSAGE.as_bytes());
        (verdict.action, verdict.score)
    };
    assert_eq!(judge(learned(data)).0, Action::Tag);
    assert!(teach("--ham").contains("learned as ham"));
    assert_eq!(counts(data, "bob@example.org"), Some((2, 0, 2)));
    teach("--spam");
    assert!(teach("--undo").contains("taken back"));
    assert_eq!(judge(learned(data)), judge(LearnedState::default()));
    assert_eq!(counts(data, "bob@example.org"), Some((2, 0, 2)));
    assert!(teach("--undo").contains("was not taught"));

    let (code, printed) = popgate(data, &["teach", "none", "--spam"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("no message none in the history"),
        "{printed}"
    );
    assert_eq!(popgate(data, &["teach", id]).0, Some(64));
    assert_eq!(popgate(data, &["teach", id, "--ham", "--spam"]).0, Some(64));
}

/// Another device, and the next fetch of a message that was taught.
#[tokio::test]
async fn what_is_taught_as_ham_passes_at_the_next_login() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = server(data, |it| {
        it.engine = None;
        it.rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    });
    let spam = MESSAGE.replace("Monday", "zzspamzz");
    let messages = [("one", &*spam)];
    assert!(fetch(&mut server, &messages).await[0].contains("X-Spam-Flag: YES"));
    let row = rows(data, 1).remove(0);
    // Nothing is learned without the learned filter, and nothing is corrected by half.
    let (code, printed) = popgate(data, &["teach", row["id"].as_str().unwrap(), "--ham"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("nothing is kept that could be learned"),
        "{printed}"
    );
    drop(server);
    let mut server = self::server(data, |_| ());
    let lure = "From: x@example.net\r\nSubject: Viagra, free money\r\n\r\nhttp://192.0.2.1/ free viagra\r\n";
    let messages = [("two", lure)];
    assert!(fetch(&mut server, &messages).await[0].contains("X-Spam-Flag: YES"));
    let rows = rows(data, 2);
    let row = rows
        .iter()
        .find(|row| row["action"] == "tag" && row["from"] == "x@example.net");
    let id = row.unwrap()["id"].as_str().unwrap();
    let (code, printed) = popgate(data, &["teach", id, "--ham"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(
        fetch(&mut server, &messages).await[0],
        format!("{lure}.\r\n")
    );
}

/// As where more mail came than features are recorded of: nothing is half done.
#[tokio::test]
async fn a_message_without_features_is_not_taught_and_the_way_to_do_it_is_said() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = server(data, |_| ());
    fetch(&mut server, &[("one", MESSAGE)]).await;
    let id = rows(data, 1).remove(0)["id"].as_str().unwrap().to_owned();
    let store = Sqlite::open(data).unwrap();
    let found = store.history_row(&PopgateId::new(&id).unwrap()).unwrap();
    let mut row = found.unwrap();
    assert!(row.leave_features_out());
    assert!(!row.leave_features_out());
    let database = rusqlite::Connection::open(data.join(FILE)).unwrap();
    let changed = database.execute(
        "UPDATE history SET features = ?1 WHERE id = ?2",
        rusqlite::params![&*row.features, id],
    );
    assert_eq!(changed.unwrap(), 1);
    let record = || store.message(&mailbox(), &Uidl::new(b"one").unwrap());
    let before = record().unwrap();
    for (how, option) in [
        ("--spam", "--spam"),
        ("--ham", "--ham"),
        ("--undo", "--forget"),
    ] {
        let (code, printed) = popgate(data, &["teach", &id, how]);
        assert_eq!(code, Some(1), "{printed}");
        let train = format!("`popgate train --account a {option} FILE`");
        assert!(printed.contains(&train), "{printed}");
    }
    assert_eq!(record().unwrap(), before);
    assert_eq!(counts(data, "bob@example.org"), Some((1, 0, 1)));
    assert!(Knowledge::pack(&learned(data)) == Knowledge::pack(&LearnedState::default()));
}

/// Every later fetch agrees with the first one after the correction; taken back, the message is what it was.
#[tokio::test]
async fn what_is_taught_as_spam_is_tagged_alike_until_that_is_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let started = || {
        server(data, |it| {
            let filter = stock().with_learned(Arc::new(learned(data)));
            it.engine = Some(Engine::Rules(Arc::new(filter)));
        })
    };
    let messages = [("one", MESSAGE)];
    let original = format!("{MESSAGE}.\r\n");
    let mut server = started();
    assert_eq!(fetch(&mut server, &messages).await[0], original);
    let row = rows(data, 1).remove(0);
    drop(server);
    let id = row["id"].as_str().unwrap();
    let taught = |word| {
        let (code, printed) = popgate(data, &["teach", id, word]);
        assert_eq!(code, Some(0), "{printed}");
    };
    taught("--spam");
    let mut server = started();
    let first = fetch(&mut server, &messages).await.remove(0);
    assert!(first.contains("CORRECTED"), "{first}");
    let store = Sqlite::open(data).unwrap();
    crate::support::until("the verdict is written", || {
        let record = store.message(&mailbox(), &Uidl::new(b"one").unwrap());
        record.unwrap().is_some_and(|it| it.action == Action::Tag)
    });
    for _ in 0..2 {
        assert_eq!(fetch(&mut server, &messages).await[0], first);
    }
    drop(server);
    assert_eq!(fetch(&mut started(), &messages).await[0], first);
    taught("--undo");
    let mut server = started();
    for _ in 0..2 {
        assert_eq!(fetch(&mut server, &messages).await[0], original);
    }
}

#[tokio::test]
async fn the_history_keeps_what_the_configuration_says() {
    for mode in [
        HistoryMode::NoSubjects,
        HistoryMode::Hashed,
        HistoryMode::Off,
    ] {
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        let mut server = server(data, |it| it.history = mode);
        let other = MESSAGE.replace("<1@", "<2@");
        fetch(&mut server, &[("one", MESSAGE), ("two", &*other)]).await;
        let expected = if mode == HistoryMode::Off { 0 } else { 2 };
        let rows = rows(data, expected);
        let store = Sqlite::open(data).unwrap();
        let all = store.senders(&mailbox(), 9).unwrap();
        assert_eq!(all.len(), expected);
        drop(store);
        let file = std::fs::read(data.join(FILE)).unwrap();
        let log = std::fs::read(data.join(format!("{FILE}-wal"))).unwrap_or_default();
        let has = |word: &str| {
            let word = word.as_bytes();
            let found = |text: &[u8]| {
                text.windows(word.len())
                    .any(|it| it.eq_ignore_ascii_case(word))
            };
            found(&file) || found(&log)
        };
        assert!(!has("a secret"), "{mode:?}");
        assert_eq!(has("bob@example.org"), mode == HistoryMode::NoSubjects);
        match mode {
            HistoryMode::NoSubjects => assert_eq!(rows[0]["subject"], Value::Null),
            HistoryMode::Hashed => {
                assert_eq!(rows[0]["from"], rows[1]["from"]);
                let from = rows[0]["from"].as_str().unwrap();
                assert!(all.iter().any(|it| &*it.name == from), "{all:?}");
                assert!(data.join("history.key").exists());
                let id = rows[0]["id"].as_str().unwrap();
                let (code, printed) = popgate(data, &["teach", id, "--spam"]);
                assert_eq!(code, Some(0), "{printed}");
            }
            _ => {}
        }
    }
}

/// Messages of a sender that came so many days ago.
fn seen(data: &Path, address: &str, count: usize, days: i64, label: Label) {
    let at = Timestamp::from_seconds(Timestamp::now().seconds() - days * 86_400);
    let store = Sqlite::open(data).unwrap();
    for number in 0..count {
        let uidl = Uidl::new(format!("{address}-{number}").as_bytes()).unwrap();
        let record = MessageRecord {
            id: PopgateId::new(&format!("x-{number}")).unwrap(),
            state: MessageState::Delivered,
            action: Action::Pass,
            score: Some(0.0),
            probability: None,
            filter_version: "1".into(),
            digest: None,
            octets_upstream: None,
            octets_sent: None,
            grown: 0,
            edit: None,
            first_seen: at,
            delivered_at: Some(at),
            held_at: None,
            correction: None,
        };
        let judged = Change::Judged {
            mailbox: mailbox(),
            uidl: uidl.clone(),
            record: Box::new(record),
            replaces: false,
            as_taught: None,
        };
        let sender = Change::SenderSeen(SenderSeen {
            mailbox: mailbox(),
            uidl,
            address: address.into(),
            authenticated: true,
            label: Some(label),
            at,
        });
        store.apply(&[judged, sender]).unwrap();
    }
}

#[tokio::test]
async fn a_known_sender_counts_if_authenticated_and_a_forged_one_is_named() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    seen(data, "bob@example.org", 3, 30, Label::Ham);
    seen(data, "eve@example.net", 2, 3, Label::Spam);
    let mut server = server(data, |it| it.headers = HeaderMode::Always);
    let forged = MESSAGE
        .replace("dmarc=pass", "dmarc=fail")
        .replace("<1@", "<2@");
    let unwanted = MESSAGE
        .replace("example.org", "example.net")
        .replace("Bob@", "eve@");
    let stranger = MESSAGE.replace("Bob@", "ann@").replace("<1@", "<3@");
    let messages = [
        ("one", MESSAGE),
        ("two", &*forged),
        ("three", &*unwanted),
        ("four", &*stranger),
    ];
    let got = fetch(&mut server, &messages).await;
    let names = ["KNOWN_SENDER", "KNOWN_SENDER_FORGED", "UNWANTED_SENDER"];
    for (place, expected) in [Some(0), Some(1), Some(2), None].iter().enumerate() {
        let header = got[place].split("\r\nAuth").next().unwrap();
        let tests = header.split("tests=").nth(1).unwrap().replace("\r\n", "");
        let tests: Vec<_> = tests.split([',', ' ', '\t']).collect();
        let found: Vec<_> = names.iter().filter(|name| tests.contains(name)).collect();
        let expected: Vec<_> = expected.map(|it: usize| &names[it]).into_iter().collect();
        assert_eq!(found, expected, "{header}");
    }
}

#[tokio::test]
async fn a_mailbox_whose_server_checks_nobody_trusts_no_field() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = server(data, |_| ());
    let hop = "Received: from a.example.org by mx.example.com; Sat, 28 Nov 2026 10:00:00 +0000\r\n";
    let (_, unchecked) = MESSAGE.split_once("\r\n").unwrap();
    let plain: Vec<_> = (0..12)
        .map(|number| {
            let id = format!("<p{number}@");
            (
                format!("p{number}"),
                hop.to_owned() + &unchecked.replace("<1@", &id),
            )
        })
        .collect();
    let plain: Vec<_> = plain
        .iter()
        .map(|(uidl, text)| (&**uidl, &**text))
        .collect();
    fetch(&mut server, &plain).await;
    rows(data, plain.len());
    assert_eq!(counts(data, "bob@example.org"), Some((12, 0, 0)));
    let store = Sqlite::open(data).unwrap();
    let known = || store.recall(&mailbox(), &[]).unwrap().receiving_server;
    assert_eq!(known(), Some(ReceivingServer::new(CheckedBy::Nobody, 12)));
    let claimed = hop.to_owned() + MESSAGE;
    let mut messages = plain.clone();
    messages[11] = ("claimed", &*claimed);
    fetch(&mut server, &messages).await;
    rows(data, plain.len() + 1);
    assert_eq!(counts(data, "bob@example.org"), Some((13, 0, 0)));
    assert_eq!(known(), Some(ReceivingServer::new(CheckedBy::Nobody, 7)));
}
