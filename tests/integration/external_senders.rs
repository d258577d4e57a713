//! What popgate itself finds of senders: signatures, SPF, DMARC, through whole sessions.

use std::path::Path;

use crate::external::{LONG, SHORT, fetched, proxy, publish_keys, signed};
use crate::support::name_server::{NameServer, Reply};

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
        rule("AUTH_PROVEN_TEST", "auth-proven", 5.5),
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
    // What anybody may have written proves no more than it does where signatures are verified.
    let forged = b"Authentication-Results: mx.example.com; dkim=pass header.d=example.net\r\n";
    let mut long = [forged, &*signed("rsa2048-rr")].concat();
    long.extend_from_slice("more\r\n".repeat(2000).as_bytes());
    let mut small = proxy(&server, LONG, "dkim = true\n", |it| {
        it.rules = folder.path().to_owned();
        it.hold_bytes = 4096;
    });
    let got = fetched(&mut small, &long).await;
    assert!(!got.contains("OWN_"), "{got}");
    assert!(!got.contains("AUTH_PROVEN_TEST"), "{got}");
    server.set("rsa2048._domainkey.example.net", Reply::Silence);
    let mut proxy = proxy(&server, SHORT, "dkim = true\n", |it| {
        it.rules = folder.path().to_owned();
    });
    let message = [forged, &*signed("rsa2048-rr")].concat();
    let got = fetched(&mut proxy, &message).await;
    assert!(!got.contains("OWN_"), "{got}");
    assert!(!got.contains("AUTH_PROVEN_TEST"), "{got}");
    let line = "popgate_external_errors_total{check=\"dkim\",kind=\"timeout\"}";
    assert_eq!(proxy.proxy.metric(line), 1.0);
}

/// A message that the host at the boundary has handed over, with its envelope sender.
const SENT: &str = "Return-Path: <ann@example.net>\r\n\
                    Received: from mail.example.net (mail.example.net [192.0.2.1]) by mx.example.com; \
                    Mon, 2 Nov 2026 10:00:00 +0000\r\n\
                    From: Ann <ann@example.net>\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\nHello.\r\n";

/// Each has a score that tags, and one is named wherever it hits.
fn sender_rules(folder: &Path) {
    let facts = [
        "own-spf-passed",
        "own-spf-failed",
        "own-dmarc-passed",
        "own-dmarc-reject",
        "own-dmarc-quarantine",
        "auth-passed",
    ];
    let rule = |fact: &&str| {
        let id = fact.to_uppercase().replace('-', "_");
        format!("[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nscore = 6.0\nfact = \"{fact}\"\n")
    };
    let text: String = facts.iter().map(rule).collect();
    std::fs::write(folder.join("rules.toml"), text).unwrap();
}

#[tokio::test]
async fn spf_and_dmarc_are_found_out_by_the_boundary_and_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    sender_rules(folder.path());
    // It has no signature, either.
    let settings = "dkim = true\nspf = true\ndmarc = true\n";
    let policy = |policy: &str| Reply::Txt(format!("v=DMARC1; p={policy}"));
    let record = |text: &str| Reply::Txt(format!("v=spf1 {text}"));
    for (spf, dmarc, expected) in [
        (
            record("ip4:192.0.2.1 -all"),
            policy("reject"),
            &["OWN_SPF_PASSED", "OWN_DMARC_PASSED"][..],
        ),
        (
            record("ip4:192.0.2.9 -all"),
            policy("reject"),
            &["OWN_SPF_FAILED", "OWN_DMARC_REJECT"],
        ),
        (
            record("ip4:192.0.2.9 ~all"),
            policy("quarantine"),
            &["OWN_SPF_FAILED", "OWN_DMARC_QUARANTINE"],
        ),
        (record("ip4:192.0.2.9 ?all"), policy("none"), &[]),
        (Reply::Error(3), Reply::Error(3), &[]),
        // Who does not answer says nothing against the sender.
        (Reply::Error(2), policy("reject"), &[]),
        (record("-all"), Reply::Error(2), &["OWN_SPF_FAILED"]),
    ] {
        let server = NameServer::start().await;
        server.set("example.net", spf.clone());
        server.set("_dmarc.example.net", dmarc.clone());
        let mut proxy = proxy(&server, LONG, settings, |it| {
            it.rules = folder.path().to_owned();
        });
        let got = fetched(&mut proxy, SENT.as_bytes()).await;
        for rule in [
            "OWN_SPF_PASSED",
            "OWN_SPF_FAILED",
            "OWN_DMARC_PASSED",
            "OWN_DMARC_REJECT",
            "OWN_DMARC_QUARANTINE",
        ] {
            let is_expected = expected.contains(&rule);
            assert_eq!(got.contains(rule), is_expected, "{spf:?} {dmarc:?}: {got}");
        }
    }
}

/// The report of a tagged message says what could not be found out, and why; a forged claim takes its place nowhere.
#[tokio::test]
async fn a_check_that_could_not_be_made_is_in_the_report_without_points() {
    let folder = tempfile::tempdir().unwrap();
    sender_rules(folder.path());
    let server = NameServer::start().await;
    server.set("example.net", Reply::Txt("v=spf1 -all".to_owned()));
    server.set("_dmarc.example.net", Reply::Error(2));
    let claim = "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.net; dmarc=pass header.from=example.net\r\n";
    let settings = "dkim = true\nspf = true\ndmarc = true\n";
    let mut proxy = proxy(&server, LONG, settings, |it| {
        it.rules = folder.path().to_owned();
    });
    let message = format!("{claim}{SENT}");
    let got = fetched(&mut proxy, message.as_bytes()).await;
    assert!(!got.contains("AUTH_PASSED"), "{got}");
    assert!(got.contains("OWN_SPF_FAILED"), "{got}");
    let report = got.replace("\r\n\t", " ");
    assert!(
        report.contains("* not checked (server_failure): dmarc: "),
        "{got}"
    );
}
