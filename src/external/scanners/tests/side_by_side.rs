//! Several scanners, asked about the same message: each has a finding.

use tokio::net::UnixStream;

use super::*;
use crate::filter::Subject;
use crate::filter::findings::AtLeast;

fn complete() -> Complete {
    Complete {
        message: Bytes::from_static(MESSAGE),
        is_whole: true,
        hosts_of_links: Vec::new(),
        recipient: None,
    }
}

/// What was recorded is found again without the scanner; what failed is asked again.
#[tokio::test(start_paused = true)]
async fn answers_are_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let played = KINDS.map(|name| (name, Played::answering(name, good(name))));
    let mut configured = played
        .each_ref()
        .map(|(name, it)| settings(name, ScannerAddress::Unix(it.path())));
    let metrics = Metrics::new();
    let (subject, by) = (Subject::default(), Instant::now() + LIMIT);
    let mut found = Vec::new();
    for _ in 0..2 {
        let replay = Arc::new(Replay::open(folder.path()).unwrap());
        let scanners = Scanners::new(&configured, &metrics, Some(replay)).unwrap();
        found.push(
            scanners
                .scan(Whom::Everybody, &subject, &complete(), (Instant::now(), by))
                .await,
        );
        // Nobody is there the second time.
        for settings in &mut configured {
            settings.address = ScannerAddress::Unix(folder.path().join("nowhere"));
        }
    }
    assert_eq!((found[0].hits.len(), &found[0]), (3, &found[1]));
    let replay = Arc::new(Replay::open(folder.path()).unwrap());
    let scanners = Scanners::new(&configured, &metrics, Some(replay)).unwrap();
    let other = Complete {
        message: Bytes::from_static(b"another"),
        ..complete()
    };
    let failures = scanners
        .scan(Whom::Everybody, &subject, &other, (Instant::now(), by))
        .await
        .failures;
    assert!(
        failures
            .iter()
            .all(|it| it.kind == FailureKind::Unreachable)
    );
    assert_eq!(failures.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn all_are_asked_at_once_and_each_has_a_finding() {
    let hung = Played::new(|stream, _| async move {
        let _held: UnixStream = stream;
        std::future::pending::<()>().await;
    });
    let [rspamd, clamd] = ["rspamd", "clamd"].map(|name| Played::answering(name, good(name)));
    let metrics = Metrics::new();
    let configured = [
        settings("rspamd", ScannerAddress::Unix(rspamd.path())),
        settings("spamd", ScannerAddress::Unix(hung.path())),
        settings("clamd", ScannerAddress::Unix(clamd.path())),
    ];
    assert!(Scanners::new(&[], &metrics, None).is_none());
    let scanners = Scanners::new(&configured, &metrics, None).unwrap();
    assert_eq!(
        scanners.rules(),
        ["SCANNER_RSPAMD", "SCANNER_SPAMD", "VIRUS"]
    );
    let begun = Instant::now();
    let by = begun + LIMIT * 2;
    let subject = Subject::default();
    let found = scanners
        .scan(Whom::Everybody, &subject, &complete(), (Instant::now(), by))
        .await;
    assert_eq!(begun.elapsed(), LIMIT);
    let hits: Vec<_> = found
        .hits
        .iter()
        .map(|it| (&*it.rule, it.score, it.at_least))
        .collect();
    let expected = [
        ("SCANNER_RSPAMD", 4.0, None),
        ("VIRUS", 0.0, Some(AtLeast::Drop)),
    ];
    assert_eq!(hits, expected);
    let failures: Vec<_> = found.failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures, ["spamd: no answer within 800 ms"]);
    let text = String::from_utf8(metrics.text()).unwrap();
    for line in [
        "popgate_external_hits_total{check=\"rspamd\"} 1",
        "popgate_external_hits_total{check=\"clamd\"} 1",
        "popgate_external_errors_total{check=\"spamd\",kind=\"timeout\"} 1",
        "popgate_external_errors_total{check=\"spamd\",kind=\"permission\"} 0",
        "popgate_external_seconds_count{check=\"clamd\"} 1",
        "popgate_external_breaker_open{check=\"spamd\"} 0",
    ] {
        assert!(text.contains(line), "no `{line}` in:\n{text}");
    }
    // What is not whole is not sent.
    let part = Complete {
        is_whole: false,
        ..complete()
    };
    let found = scanners
        .scan(Whom::Everybody, &subject, &part, (Instant::now(), by))
        .await;
    assert_eq!(found.failures.len(), 3);
    assert_eq!(found.failures[0].kind, FailureKind::InPart);
    assert_eq!(rspamd.connections(), 1);
}
