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
use tokio::time::Instant;

use crate::support::mailbox::{Messages, Session};
use crate::support::name_server::{NameServer, Reply};
use crate::support::{ServerInMemory, Settings};

/// Nothing is as late as that.
const LONG: &str = "15s";
const SHORT: &str = "100ms";

const LISTED: &str = "1.2.0.192.list.example";

const MESSAGE: &str = "Received: from mail.example.net (mail.example.net [192.0.2.1]) by mx.example.com; \
                       Mon, 2 Nov 2026 10:00:00 +0000\r\n\
                       From: Ann <ann@example.net>\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\n\
                       See http://www.shop.example.org/x and more.\r\n";

const LISTS: &str = "\
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

fn proxy(
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
async fn fetched(proxy: &mut ServerInMemory, message: &[u8]) -> String {
    let messages: Messages = vec![("one", message.to_vec())];
    let mut session = Session::new(proxy, "a", &messages).await;
    let status = session.ask("RETR 1").await;
    assert!(status.starts_with("+OK"), "{status}");
    let got = session.client.answer().await;
    let left = session.quit(proxy).await.left;
    assert_eq!(left, messages);
    String::from_utf8(got).unwrap()
}

fn unchanged(message: &str) -> String {
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
            LISTED,
            "example.net.domains.example",
            "example.org.domains.example"
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

/// What is not an answer of a list adds nothing, whatever it is, and the message comes as it is.
#[tokio::test]
async fn what_is_no_answer_of_a_list_is_an_error_with_a_name_and_changes_nothing() {
    for (reply, kind) in [
        (Reply::A(vec![[127, 255, 255, 254]]), "list_refuses"),
        (Reply::A(vec![[127, 0, 0, 99]]), "undeclared_answer"),
        (Reply::A(vec![[192, 0, 2, 80]]), "nonsense"),
        (
            Reply::A(vec![[127, 0, 0, 2], [127, 255, 255, 255]]),
            "list_refuses",
        ),
        (Reply::Error(2), "server_failure"),
        (Reply::Error(5), "refused"),
        (Reply::Error(4), "nonsense"),
    ] {
        let server = NameServer::start().await;
        server.set(LISTED, reply.clone());
        let mut proxy = proxy(&server, LONG, LISTS, |_| {});
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got, unchanged(MESSAGE), "{reply:?}");
        let error = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
        assert_eq!(proxy.proxy.metric(&error), 1.0, "{reply:?}");
        assert_eq!(
            proxy
                .proxy
                .metric("popgate_external_hits_total{check=\"hosts\"}"),
            0.0
        );
    }
}

/// A server that hangs, or whose answers are somebody else's, is waited for as long as the budget, at most; and what
/// another list says meanwhile counts.
#[tokio::test]
async fn what_does_not_answer_is_waited_for_within_the_budget_and_hides_no_other_answer() {
    for reply in [Reply::Silence, Reply::OtherId, Reply::Garbage] {
        let server = NameServer::start().await;
        server.set(LISTED, reply.clone());
        server.set(
            "example.net.domains.example",
            Reply::A(vec![[127, 0, 1, 2]]),
        );
        let lists = LISTS.replace("score = 2.5", "score = 5.5");
        let mut proxy = proxy(&server, SHORT, &lists, |_| {});
        let began = Instant::now();
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{reply:?}");
        assert!(
            got.contains("DOMAIN_LISTED") && !got.contains("HOST_LISTED"),
            "{reply:?}: {got}"
        );
        let asked = |kind| {
            let line = format!("popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}");
            proxy.proxy.metric(&line)
        };
        assert_eq!(asked("timeout") + asked("nonsense"), 1.0, "{reply:?}");
    }
}

#[tokio::test]
async fn who_fails_again_and_again_is_not_waited_for() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::Error(2));
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    for _ in 0..8 {
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert_eq!(got, unchanged(MESSAGE));
    }
    let metric = |line: &str| proxy.proxy.metric(line);
    let errors = |kind| {
        metric(&format!(
            "popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}"
        ))
    };
    assert_eq!(
        (errors("server_failure"), errors("breaker_open")),
        (5.0, 3.0)
    );
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"hosts\"}"),
        1.0
    );
    // The other list works.
    assert_eq!(
        metric("popgate_external_breaker_open{check=\"domains\"}"),
        0.0
    );
}

fn from_host(last: u8) -> String {
    MESSAGE.replace("192.0.2.1", &format!("192.0.2.{last}"))
}

/// It answers, but that is not what a list is asked for.
#[tokio::test]
async fn a_list_that_refuses_or_answers_nonsense_is_not_asked_for_a_while() {
    for (answer, kind) in [
        ([127, 255, 255, 254], "list_refuses"),
        ([192, 0, 2, 80], "nonsense"),
    ] {
        let server = NameServer::start().await;
        server.otherwise(Reply::A(vec![answer]));
        let mut proxy = proxy(&server, LONG, LISTS, |_| {});
        for last in 1..=8 {
            let message = from_host(last);
            assert_eq!(
                fetched(&mut proxy, message.as_bytes()).await,
                unchanged(&message)
            );
        }
        let metric = |line: &str| proxy.proxy.metric(line);
        let errors = |kind| {
            metric(&format!(
                "popgate_external_errors_total{{check=\"hosts\",kind=\"{kind}\"}}"
            ))
        };
        assert_eq!((errors(kind), errors("breaker_open")), (5.0, 3.0), "{kind}");
        let line = "popgate_external_breaker_open{check=\"hosts\"}";
        assert_eq!(metric(line), 1.0, "{kind}");
    }
}

/// An answer that was kept says nothing of the server.
#[tokio::test]
async fn kept_answers_make_no_failure_undone() {
    let server = NameServer::start().await;
    server.set(LISTED, Reply::A(vec![[127, 0, 0, 2]]));
    let mut proxy = proxy(&server, LONG, LISTS, |_| {});
    fetched(&mut proxy, MESSAGE.as_bytes()).await;
    server.otherwise(Reply::Error(2));
    for last in 2..=6 {
        fetched(&mut proxy, from_host(last).as_bytes()).await;
        let got = fetched(&mut proxy, MESSAGE.as_bytes()).await;
        assert!(got.contains("HOST_LISTED"), "{got}");
    }
    let line = "popgate_external_breaker_open{check=\"hosts\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
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

fn signed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim");
    std::fs::read(folder.join(format!("{name}.eml"))).unwrap()
}

fn publish_keys(server: &NameServer) {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim/keys.txt");
    for line in std::fs::read_to_string(keys).unwrap().lines() {
        let (name, text) = line.split_once(' ').unwrap();
        server.set(name, Reply::Txt(text.to_owned()));
    }
}

/// A rule that tells what is known of the sender.
fn rules(folder: &Path) {
    let rule = |id: &str, fact: &str, score: f64| {
        format!(
            "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nscore = {score:?}\nfact = \"{fact}\"\n"
        )
    };
    let text = [
        rule("OWN_ALIGNED", "own-dkim-aligned", 5.0),
        rule("OWN_FAILED", "own-dkim-failed", 6.0),
        rule("AUTH_PROVEN_TEST", "auth-proven", 0.5),
    ];
    std::fs::write(folder.join("rules.toml"), text.concat()).unwrap();
}

#[tokio::test]
async fn signatures_are_verified_on_the_octets_as_they_came() {
    let folder = tempfile::tempdir().unwrap();
    rules(folder.path());
    // There is a line with a leading dot in each message, and a claim that does not count above some.
    let claim = b"Authentication-Results: mx.example.com; dkim=fail; dmarc=fail\r\n";
    let forged = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.net\r\n";
    for (message, expected) in [
        (
            signed("rsa2048-rr"),
            &["OWN_ALIGNED", "AUTH_PROVEN_TEST"][..],
        ),
        (signed("ed-ss"), &["OWN_ALIGNED", "AUTH_PROVEN_TEST"]),
        (
            [claim, &*signed("rsa2048-rr")].concat(),
            &["OWN_ALIGNED", "AUTH_PROVEN_TEST"],
        ),
        (signed("body-changed"), &["OWN_FAILED"]),
        ([forged, &*signed("body-changed")].concat(), &["OWN_FAILED"]),
    ] {
        let server = NameServer::start().await;
        publish_keys(&server);
        let mut proxy = proxy(&server, LONG, "dkim = true\n", |it| {
            it.rules = folder.path().to_owned();
        });
        let got = fetched(&mut proxy, &message).await;
        for rule in ["OWN_ALIGNED", "OWN_FAILED", "AUTH_PROVEN_TEST"] {
            assert_eq!(
                got.contains(rule),
                expected.contains(&rule),
                "{rule}: {got}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_beyond_the_hold_limit_and_one_whose_key_is_not_told_are_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    rules(folder.path());
    let server = NameServer::start().await;
    publish_keys(&server);
    let mut long = signed("rsa2048-rr");
    long.extend_from_slice("more\r\n".repeat(2000).as_bytes());
    let mut small = proxy(&server, LONG, "dkim = true\n", |it| {
        it.rules = folder.path().to_owned();
        it.hold_bytes = 4096;
    });
    let got = fetched(&mut small, &long).await;
    assert!(!got.contains("OWN_"), "{got}");
    server.set("rsa2048._domainkey.example.net", Reply::Silence);
    let mut proxy = proxy(&server, SHORT, "dkim = true\n", |it| {
        it.rules = folder.path().to_owned();
    });
    let got = fetched(&mut proxy, &signed("rsa2048-rr")).await;
    assert!(!got.contains("OWN_"), "{got}");
    let line = "popgate_external_errors_total{check=\"dkim\",kind=\"timeout\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
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
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_popgate"));
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
