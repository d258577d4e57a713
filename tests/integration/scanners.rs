//! Whole sessions with a scanner beside popgate: what it finds is in the message, and whatever it does, the message comes.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use popgate::config::{Config, Flags, OnVirus};
use popgate::filter::{Filter, RuleSet, Thresholds};
use popgate::server::diagnosis::{Finding, diagnose};
use popgate::session::Engine;
use tokio::time::Instant;

use crate::support::played_scanner::{Answer, LIMIT, PlayedScanner};
use crate::support::{Peer, Proxy, ServerInMemory, Settings};

const HAM: &[u8] = b"+OK\r\nFrom: a@example.net\r\nSubject: hello\r\n\r\n..nothing in it\r\n.\r\n";
const INFECTED: &[u8] = b"+OK\r\nFrom: a@example.net\r\nSubject: hello\r\n\r\nzzvirus\r\n.\r\n";

async fn session(change: impl FnOnce(&mut Settings)) -> (Proxy, Peer, Peer) {
    crate::support::session_in_memory(change).await
}

async fn fetch(client: &mut Peer, upstream: &mut Peer, number: u8, answer: &[u8]) -> String {
    let command = format!("RETR {number}\r\n");
    client.send(command.as_bytes()).await;
    upstream.expect(command.as_bytes()).await;
    upstream.send(answer).await;
    String::from_utf8(client.answer().await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_virus_is_named_in_subject_and_report() {
    let scanner = PlayedScanner::new(Answer::Proper);
    let settings = scanner.settings(OnVirus::Tag);
    let (proxy, mut client, mut upstream) = session(|it| it.scanners = vec![settings]).await;
    let got = fetch(&mut client, &mut upstream, 1, HAM).await;
    assert_eq!(got.as_bytes(), HAM);
    let got = fetch(&mut client, &mut upstream, 2, INFECTED).await;
    assert!(
        got.contains("\r\nSubject: [VIRUS Test.Virus-1] hello\r\n"),
        "{got}"
    );
    assert!(got.contains("X-Spam-Flag: YES\r\n"), "{got}");
    let report = got.replace("\r\n\t", " ");
    assert!(
        report.contains("clamd has found the virus Test.Virus-1"),
        "{got}"
    );
    assert!(got.contains("score=5.0 required=5.0"), "{got}");
    assert!(got.ends_with("\r\n\r\nzzvirus\r\n.\r\n"), "{got}");
    assert_eq!(scanner.connections(), 1, "both on one connection");
    assert_eq!(
        proxy.metric("popgate_external_hits_total{check=\"clamd\"}"),
        1.0
    );
}

/// The quarantine writes on threads, which paused time does not affect.
#[tokio::test]
async fn a_virus_is_held_back() {
    let scanner = PlayedScanner::new(Answer::Proper);
    let mut settings = scanner.settings(OnVirus::Drop);
    // This clock is not paused.
    settings.timeout = Duration::from_secs(60);
    let data = tempfile::tempdir().unwrap();
    let server = ServerInMemory::new(|it| {
        it.scanners = vec![settings];
        let mut network = Config::load(None, &Flags::default()).0.network;
        network.budget = Duration::from_secs(60);
        it.network = Some(network);
        it.drop_at = Some(1000.0);
        it.data_dir = Some(data.path().to_owned());
    });
    let (mut client, mut upstream) = server.logged_in().await;
    let got = fetch(&mut client, &mut upstream, 1, INFECTED).await;
    assert!(got.contains("popgate held a message back"), "{got}");
    assert!(
        got.contains("clamd has found the virus Test.Virus-1"),
        "{got}"
    );
    assert!(!got.contains("zzvirus"), "{got}");
}

/// Each fault: the original, within the budget, a typed count, and no other session waits.
#[tokio::test(start_paused = true)]
async fn whatever_a_scanner_does_the_message_comes_in_time() {
    for (answer, kind, takes) in [
        (Answer::Hangs, "timeout", LIMIT),
        (Answer::Closes, "closed", Duration::ZERO),
        (
            Answer::Says(b"HTTP/1.1 400 Bad request\r\n\r\n"),
            "nonsense",
            Duration::ZERO,
        ),
        (
            Answer::Says(b"7: stream: Other.Virus FOUND\0"),
            "nonsense",
            Duration::ZERO,
        ),
        (Answer::Says(b"1: stream: Not"), "nonsense", Duration::ZERO),
        (
            Answer::Says(b"1: stream: Out of memory ERROR\0"),
            "server_failure",
            Duration::ZERO,
        ),
        (
            Answer::Says(b"INSTREAM size limit exceeded. ERROR\0"),
            "too_large",
            Duration::ZERO,
        ),
    ] {
        let scanner = PlayedScanner::new(answer);
        let settings = scanner.settings(OnVirus::Tag);
        let server = ServerInMemory::new(|it| it.scanners = vec![settings]);
        let (mut client, mut upstream) = server.logged_in().await;
        let (mut other, mut others) = server.logged_in().await;
        let begun = Instant::now();
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        upstream.send(INFECTED).await;
        // Meanwhile somebody else is served.
        other.send(b"NOOP\r\n").await;
        others.expect(b"NOOP\r\n").await;
        others.send(b"+OK\r\n").await;
        other.expect(b"+OK\r\n").await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "{answer:?}");
        client.expect(INFECTED).await;
        assert_eq!(begun.elapsed(), takes, "{answer:?}");
        let line = format!("popgate_external_errors_total{{check=\"clamd\",kind=\"{kind}\"}}");
        assert_eq!(server.proxy.metric(&line), 1.0, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_longer_than_what_is_held_is_not_sent() {
    let scanner = PlayedScanner::new(Answer::Proper);
    let settings = scanner.settings(OnVirus::Tag);
    let (proxy, mut client, mut upstream) = session(|it| {
        it.scanners = vec![settings];
        it.hold_bytes = 4 << 10;
    })
    .await;
    let body = "zzvirus is in a long message\r\n".repeat(1000);
    let message = format!("+OK\r\nFrom: a@example.net\r\nSubject: long\r\n\r\n{body}.\r\n");
    let got = fetch(&mut client, &mut upstream, 1, message.as_bytes()).await;
    assert_eq!(got, message);
    assert_eq!(scanner.connections(), 0);
    let line = "popgate_external_errors_total{check=\"clamd\",kind=\"in_part\"}";
    assert_eq!(proxy.metric(line), 1.0);
}

/// A filter with words of 1, 6 and 12 points.
fn words() -> Engine {
    let rule = |word: &str, score: u8| {
        let id = word.to_uppercase();
        format!(
            "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nscore = {score}\nwhere = \"body\"\nwords = [\"{word}\"]\n"
        )
    };
    let text = [rule("zzone", 1), rule("zzsix", 6), rule("zztwelve", 12)].concat();
    let rules = RuleSet::parse([("rules.toml".to_owned(), text)]).unwrap();
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    Engine::Rules(Arc::new(Filter::new(rules, thresholds).unwrap()))
}

/// clamd is asked about every message, and who looks for spam where its points may change what is done.
#[tokio::test(start_paused = true)]
async fn spam_scanners_are_asked_about_what_is_not_decided_yet() {
    const SPAM: &[u8] =
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: True ; 10.0 / 5.0\r\n\r\nA\n";
    let spamd = PlayedScanner::new(Answer::Says(SPAM));
    let clamd = PlayedScanner::new(Answer::Proper);
    let settings = vec![spamd.settings_for_spam(), clamd.settings(OnVirus::Tag)];
    let (proxy, mut client, mut upstream) = session(|it| {
        it.engine = Some(words());
        it.scanners = settings;
    })
    .await;
    let decided = "popgate_external_not_asked_total{reason=\"decided\"}";
    for (number, (word, asked, score)) in [
        ("nothing", 0, None),
        ("zzone", 1, Some("score=5.0")),
        ("zzsix", 1, Some("score=6.0")),
        ("zztwelve zzvirus", 1, Some("score=12.0")),
    ]
    .into_iter()
    .enumerate()
    {
        let message =
            format!("+OK\r\nFrom: a@example.net\r\nSubject: hello\r\n\r\n{word}\r\n.\r\n");
        let at = u8::try_from(number).unwrap() + 1;
        let got = fetch(&mut client, &mut upstream, at, message.as_bytes()).await;
        match score {
            Some(score) => assert!(got.contains(score), "{got}"),
            None => assert_eq!(got, message),
        }
        assert_eq!(spamd.connections(), asked, "{word}");
        let report = got.replace("\r\n\t", " ").replace("*     ", "");
        let words = "not asked: spamd: its points would have changed nothing";
        assert_eq!(report.contains(words), number > 1, "{got}");
        assert_eq!(report.contains("[VIRUS"), number == 3, "{got}");
    }
    assert_eq!(proxy.metric(decided), 3.0);
    assert_eq!(clamd.connections(), 1);
    let line = "popgate_external_seconds_count{check=\"clamd\"}";
    assert_eq!(proxy.metric(line), 4.0);
}

/// A message with a line that begins with a dot is copied without dot-stuffing.
#[tokio::test(start_paused = true)]
async fn the_copy_that_a_scanner_gets_is_counted_while_it_is_asked() {
    let line = "..a line that begins with a dot\r\n";
    let message = format!("+OK\r\nSubject: dots\r\n\r\n{}.\r\n", line.repeat(4000));
    let octets = message.len() as f64;
    let holding = |proxy: &Proxy| proxy.metric("popgate_holding_bytes");
    let scanner = PlayedScanner::new(Answer::Hangs);
    // Without memory for the copy nothing is sent, and the message comes at once.
    for (held_bytes, is_asked) in [(1 << 20, true), (200 << 10, false)] {
        let settings = scanner.settings(OnVirus::Tag);
        let (proxy, mut client, mut upstream) = session(|it| {
            it.scanners = vec![settings];
            it.limits.held_bytes = held_bytes;
        })
        .await;
        let before = scanner.connections();
        client.send(b"RETR 1\r\n").await;
        upstream.expect(b"RETR 1\r\n").await;
        upstream.send(message.as_bytes()).await;
        if is_asked {
            tokio::time::sleep(LIMIT / 2).await;
            assert!(holding(&proxy) > 1.6 * octets, "{}", holding(&proxy));
        }
        assert_eq!(client.answer().await, message.as_bytes());
        assert!(holding(&proxy) < octets, "{}", holding(&proxy));
        assert_eq!(scanner.connections() > before, is_asked);
        let error = "popgate_external_errors_total{check=\"clamd\",kind=\"in_part\"}";
        assert_eq!(proxy.metric(error), f64::from(u8::from(!is_asked)));
    }
}

#[tokio::test(start_paused = true)]
async fn doctor_says_what_answers_and_what_to_do() {
    let (mut config, _) = Config::load(None, &Flags::default());
    let says = PlayedScanner::new(Answer::Says(b"ClamAV 1.4.6/27000/Mon\0"));
    let other = PlayedScanner::new(Answer::Says(b"SPAMD/1.0 76 Bad header line\r\n"));
    let gone = PlayedScanner::new(Answer::Closes);
    std::fs::remove_file(gone.path()).unwrap();
    for (name, played) in [("good", &says), ("other", &other), ("gone", &gone)] {
        let mut settings = played.settings(OnVirus::Tag);
        settings.name = name.to_owned();
        config.scanners.push(settings);
    }
    let mut found = Vec::new();
    diagnose(&config, &mut |finding| match finding {
        Finding::Fine { what, found: it } if what.starts_with("scanner") => {
            found.push(format!("{what}: {it}"));
        }
        Finding::Wrong {
            what,
            found: it,
            to_do,
        } if what.starts_with("scanner") => {
            found.push(format!("{what}: {it} | {to_do}"));
        }
        _ => {}
    })
    .await;
    let [good, wrong, missing] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(
        good.starts_with("scanner good: ClamAV 1.4.6/27000/Mon at unix:/"),
        "{good}"
    );
    assert!(
        wrong.contains("`SPAMD/1.0 76 Bad header line` | do kind and address belong"),
        "{wrong}"
    );
    assert!(
        missing.contains("there is no such socket | is it running"),
        "{missing}"
    );
}
