//! What others say of messages: DNS lists and signatures, with a name server that answers, and with one that does not.
//!
//! The name server has real sockets, so that time is real, too: what answers does so at once, and what does not is waited
//! for as long as the budget of a test.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use popgate::config::{Config, Flags, NetworkConfig};
use popgate::filter::{Filter, ListKind, ListPattern, RuleSet, Thresholds};
use popgate::mailbox_id::{MailboxId, UpstreamId};
use popgate::session::Engine;
use popgate::store::Store;
use popgate::store::records::{Change, ListEntry, Timestamp};
use popgate::store::sqlite::Sqlite;

use crate::support::mailbox::{Messages, Session};
use crate::support::name_server::{NameServer, Reply};
use crate::support::{ServerInMemory, Settings};

/// Nothing is as late as that.
pub(crate) const LONG: &str = "15s";
pub(crate) const SHORT: &str = "100ms";

pub(crate) const LISTED: &str = "1.2.0.192.list.example";

pub(crate) const MESSAGE: &str = "Received: from mail.example.net (mail.example.net [192.0.2.1]) by mx.example.com; \
                       Mon, 2 Nov 2026 10:00:00 +0000\r\n\
                       From: Ann <ann@example.net>\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\n\
                       See http://www.shop.example.org/x and more.\r\n";

pub(crate) const LISTS: &str = "\
[[dns_list]]
name = \"hosts\"
zone = \"list.example\"
kind = \"address\"
[dns_list.codes]
\"127.0.0.2\" = { fact = \"HOST_LISTED\", score = 6.0, text = \"The host is on a list\" }

[[dns_list]]
name = \"domains\"
zone = \"domains.example\"
kind = \"domain\"
of = [\"from\", \"links\"]
[dns_list.codes]
\"127.0.1.2\" = { fact = \"DOMAIN_LISTED\", score = 2.5, text = \"A domain is on a list\" }
";

fn network(server: &NameServer, budget: &str, more: &str) -> NetworkConfig {
    let address = server.address;
    let text = format!("[network]\ndns = [\"{address}\"]\nbudget = \"{budget}\"\n{more}");
    // The bounds of a budget are for people.
    let (mut config, problems) = Config::parse(
        "popgate.toml",
        &text.replace(LONG, "10s"),
        &Flags::default(),
    );
    assert_eq!(problems, []);
    if budget == LONG {
        config.network.budget = Duration::from_secs(15);
    }
    config.network
}

pub(crate) fn proxy(
    server: &NameServer,
    budget: &str,
    more: &str,
    change: impl FnOnce(&mut Settings),
) -> ServerInMemory {
    let network = network(server, budget, more);
    ServerInMemory::new(|it| {
        it.network = Some(network);
        change(it);
    })
}

/// What the client gets of one message.
pub(crate) async fn fetched(proxy: &mut ServerInMemory, message: &[u8]) -> String {
    let messages: Messages = vec![("one", message.to_vec())];
    let mut session = Session::new(proxy, "a", &messages).await;
    let status = session.ask("RETR 1").await;
    assert!(status.starts_with("+OK"), "{status}");
    let got = session.client.answer().await;
    let left = session.quit(proxy).await.left;
    assert_eq!(left, messages);
    String::from_utf8(got).unwrap()
}

pub(crate) fn unchanged(message: &str) -> String {
    format!("{message}.\r\n")
}

#[tokio::test]
async fn what_lists_say_is_added_to_the_score_and_named() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
    server.set(
        "example.org.domains.example",
        Reply::A(vec![[127, 0, 1, 2]]),
    );
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
    assert!(got.contains("score=8.5"), "{got}");
    assert!(
        got.contains("HOST_LISTED") && got.contains("DOMAIN_LISTED"),
        "{got}"
    );
    assert_eq!(
        server.take_asked(),
        [
            // What no list has is asked for, too, where a list has something.
            "1.0.0.127.list.example",
            LISTED,
            "example.net.domains.example",
            "example.org.domains.example",
            "invalid.domains.example",
        ]
    );
    let metric = |line: &str| proxy.proxy.metric(line);
    assert_eq!(metric("popgate_external_hits_total{check=\"hosts\"}"), 1.0);
    assert_eq!(
        metric("popgate_external_hits_total{check=\"domains\"}"),
        1.0
    );
    assert_eq!(metric("popgate_external_asked_total"), 1.0);
    assert_eq!(metric("popgate_rule_hits_total{rule=\"HOST_LISTED\"}"), 1.0);
}

#[tokio::test]
async fn answers_are_kept_and_asked_for_once() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    fetched(&mut proxy, MESSAGE.as_bytes()).await;
    server.take_asked();
    let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
    assert!(got.contains("HOST_LISTED"), "{got}");
    assert!(!server.take_asked().contains(&LISTED.to_owned()));
}

/// A mailbox with an entry for the sender.
fn listing(data: &Path, list: ListKind) {
    let mailbox = MailboxId::new(UpstreamId::new("127.0.0.1", 110), "a").unwrap();
    let entry = ListEntry {
        list,
        mailbox: Some(mailbox),
        pattern: ListPattern::parse("example.net").unwrap(),
        trusts_unauthenticated: true,
        added: Timestamp::now(),
    };
    let store = Sqlite::open(data).unwrap();
    store.apply(&[Change::ListEntryAdded(entry)]).unwrap();
}

#[tokio::test]
async fn nobody_is_asked_about_senders_on_lists_of_the_mailbox() {
    for list in [ListKind::Allow, ListKind::Block] {
        let server = NameServer::start().await;
        server.otherwise(Reply::A(vec![[127, 0, 0, 2]]));
        let data = tempfile::tempdir().unwrap();
        listing(data.path(), list);
        let mut proxy = proxy(&server, LONG, LISTS, |it| {
            it.data_dir = Some(data.path().to_owned());
            it.store = true;
        });
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got == unchanged(MESSAGE), list == ListKind::Allow, "{got}");
        assert!(server.take_asked().is_empty());
        let line = "popgate_external_not_asked_total{reason=\"settled\"}";
        assert_eq!(proxy.proxy.metric(line), 1.0);
    }
}

/// Read in one piece or in many, held or looked at with its header, the message is the same to others.
#[tokio::test]
async fn what_is_asked_does_not_depend_on_how_a_message_arrives() {
    let mut all = Vec::new();
    for piece in [usize::MAX, 300, 7] {
        let server = NameServer::start().await;
        server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
        let mut proxy = proxy(&server, LONG, LISTS, |it| it.piece = piece);
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(got.contains("HOST_LISTED"), "{piece}: {got}");
        all.push(server.take_asked());
    }
    assert!(all.iter().all(|it| *it == all[0]), "{all:?}");
}

/// What lists may add counts when it is reckoned whether a header settles what happens.
#[tokio::test]
async fn lists_count_where_there_are_no_rules_or_few() {
    let rule = "[[rule]]\nid = \"HELLO\"\ndescription = \"d\"\nscore = 1.0\nwhere = \"subject\"\nwords = [\"hello\"]\n";
    for (rules, score) in [(None, "score=6.0"), (Some(rule), "score=7.0")] {
        let folder = tempfile::tempdir().unwrap();
        for listed in [true, false] {
            let server = NameServer::start().await;
            if listed {
                server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
            }
            let mut proxy = proxy(&server, LONG, LISTS, |it| {
                // An empty folder means no rules.
                it.rules = folder.path().to_owned();
                it.engine = rules.map(few);
            });
            let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
            assert_eq!(got.contains(score), listed, "{got}");
            assert_eq!(got == unchanged(MESSAGE), !listed, "{got}");
        }
    }
}

/// A filter with these rules alone, as it is made where lists may add so much.
fn few(rules: &str) -> Engine {
    let rules = RuleSet::parse([("rules.toml".to_owned(), rules.to_owned())]).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let filter = Filter::new(rules, thresholds).unwrap();
    Engine::Rules(Arc::new(filter.expecting_external(8.5)))
}

pub(crate) fn signed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim");
    std::fs::read(folder.join(format!("{name}.eml"))).unwrap()
}

pub(crate) fn publish_keys(server: &NameServer) {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim/keys.txt");
    for line in std::fs::read_to_string(keys).unwrap().lines() {
        let (name, text) = line.split_once(' ').unwrap();
        server.set(name, Reply::Txt(text.to_owned()));
    }
}
#[tokio::test]
async fn nothing_is_asked_where_nothing_is_configured() {
    let server = NameServer::start().await;
    let mut proxy = proxy(&server, LONG, "", |_| {});
    let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
    assert_eq!(got, unchanged(MESSAGE));
    assert!(server.take_asked().is_empty());
    assert_eq!(proxy.proxy.metric("popgate_external_asked_total"), 0.0);
}

/// What the built program prints, while the name server of the test goes on answering.
async fn run(arguments: &[&str], folder: &Path) -> (i32, String) {
    let mut command = crate::support::program::popgate();
    command.args(arguments).current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap_or(-1);
    (code, String::from_utf8(said).unwrap())
}

fn write_configuration(folder: &Path, server: &NameServer, more: &str) {
    let address = server.address;
    let text = format!(
        "[[upstream]]\nhost = \"127.0.0.1\"\nport = 9\n[data]\nstore = \"off\"\n[network]\ndns = [\"{address}\"]\nbudget = \"10s\"\n{more}"
    );
    std::fs::write(folder.join("popgate.toml"), text).unwrap();
}

#[tokio::test]
async fn a_scan_with_recorded_answers_asks_nobody_and_judges_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let server = NameServer::start().await;
    publish_keys(&server);
    server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
    write_configuration(folder.path(), &server, &format!("dkim = true\n{LISTS}"));
    // A file has the line ends of the system.
    let message = String::from_utf8(signed("rsa2048-rr"))
        .unwrap()
        .replace("\r\n", "\n");
    std::fs::write(folder.path().join("mail"), message).unwrap();
    let arguments = [
        "scan",
        "--json",
        "--replay",
        "answers",
        "--config",
        "popgate.toml",
        "mail",
    ];
    let without_time = |said: &str| {
        let line = said.lines().find(|line| line.starts_with('{')).unwrap();
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["micros"] = 0.into();
        line
    };
    let (_, first) = run(&arguments, folder.path()).await;
    assert!(
        first.contains("HOST_LISTED") && first.contains("0 recorded answers used"),
        "{first}"
    );
    let asked = server.take_asked();
    assert!(
        asked.contains(&"rsa2048._domainkey.example.net".to_owned()),
        "{asked:?}"
    );
    // Whatever would be answered now.
    server.otherwise(Reply::Error(2));
    server.set(LISTED, Reply::Error(3));
    let (_, second) = run(&arguments, folder.path()).await;
    assert_eq!(without_time(&first), without_time(&second));
    assert!(
        server.take_asked().is_empty() && second.contains("0 new ones"),
        "{second}"
    );
    // Without a folder nobody is asked, either.
    let (_, third) = run(
        &["scan", "--json", "--config", "popgate.toml", "mail"],
        folder.path(),
    )
    .await;
    assert!(
        !third.contains("HOST_LISTED") && server.take_asked().is_empty(),
        "{third}"
    );
}

#[tokio::test]
async fn doctor_asks_each_list_at_its_test_point_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let server = NameServer::start().await;
    let point = "2.0.0.127.list.example";
    let lists = LISTS.split("\n\n").next().unwrap();
    write_configuration(folder.path(), &server, lists);
    for (listed, unlisted, words) in [
        (
            Reply::A(vec![[127, 0, 0, 2]]),
            Reply::Error(3),
            "answers at its test point",
        ),
        (
            Reply::Error(3),
            Reply::Error(3),
            "does not have its test point",
        ),
        (
            Reply::A(vec![[127, 0, 0, 2]]),
            Reply::A(vec![[127, 0, 0, 2]]),
            "lists what no list has",
        ),
        (
            Reply::A(vec![[127, 255, 255, 254]]),
            Reply::Error(3),
            "refuses queries from a public resolver",
        ),
        (Reply::Error(2), Reply::Error(2), "SERVFAIL"),
    ] {
        server.set(point, listed);
        server.set("1.0.0.127.list.example", unlisted);
        let (_, said) = run(&["doctor", "--config", "popgate.toml"], folder.path()).await;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{words}: {said}");
        assert!(server.take_asked().contains(&point.to_owned()));
    }
}
