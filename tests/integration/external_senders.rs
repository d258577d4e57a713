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
