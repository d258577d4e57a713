//! Whatever a scanner does, there is a typed failure in time.

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

use super::*;

#[tokio::test(start_paused = true)]
async fn every_fault_is_a_typed_failure_within_its_time() {
    let hang = |stream, _| async move {
        let _held: UnixStream = stream;
        std::future::pending::<()>().await;
    };
    for name in KINDS {
        let played = Played::new(hang);
        let begun = Instant::now();
        let error = scan(&scanner(name, played.path())).await.unwrap_err();
        assert_eq!(error, ScannerError::Timeout(LIMIT), "{name}");
        assert_eq!(begun.elapsed(), LIMIT, "{name}");
        let played = Played::new(|_, _| async {});
        let error = scan(&scanner(name, played.path())).await.unwrap_err();
        assert_eq!(error, ScannerError::Closed, "{name}: closed at once");
        let played = Played::new(move |mut stream, _| async move {
            question(name, &mut stream).await;
        });
        let error = scan(&scanner(name, played.path())).await.unwrap_err();
        assert_eq!(
            error,
            ScannerError::Closed,
            "{name}: closed after the question"
        );
        for cut in [good(name).len() / 4, good(name).len() - 1] {
            let played = Played::answering(name, &good(name)[..cut]);
            let error = scan(&scanner(name, played.path())).await;
            let kind = error.as_ref().map_err(ScannerError::kind);
            let fits = matches!(kind, Err(FailureKind::Closed | FailureKind::Nonsense));
            assert!(fits, "{name} cut at {cut}: {error:?}");
        }
        let played = Played::new(|mut stream, _| async move {
            // No answer ends within this, and an HTTP header is not that long.
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        });
        let error = scan(&scanner(name, played.path())).await.unwrap_err();
        let fits = matches!(error.kind(), FailureKind::Nonsense);
        assert!(fits, "{name}: {error}");
        let folder = tempfile::tempdir().unwrap();
        let error = scan(&scanner(name, folder.path().join("a"))).await;
        assert_eq!(error, Err(ScannerError::NoSocket), "{name}");
        drop(UnixListener::bind(folder.path().join("b")).unwrap());
        let error = scan(&scanner(name, folder.path().join("b"))).await;
        assert_eq!(error, Err(ScannerError::Refused), "{name}");
    }
}

/// What the other two scanners say to a question of a third.
#[tokio::test(start_paused = true)]
async fn another_protocol_is_recognized_and_quoted() {
    for name in KINDS {
        for (answer, says) in [
            (&b"UNKNOWN COMMAND\n"[..], "`UNKNOWN COMMAND`"),
            (b"SPAMD/1.0 76 Bad header line: (x)\r\n", "SPAMD/1.0 76"),
            (b"+OK POP3 ready\r\n", "`+OK POP3 ready`"),
            (
                b"HTTP/1.1 400 Bad request\r\nContent-Length: 0\r\n\r\n",
                "400",
            ),
            (b"\x15\x03\x01\x00\x02\x02\x46", "`???"),
        ] {
            let played = Played::answering(name, answer);
            let error = scan(&scanner(name, played.path())).await.unwrap_err();
            let own_refusal = match name {
                "spamd" => answer.starts_with(b"SPAMD"),
                "rspamd" => answer.starts_with(b"HTTP"),
                _ => false,
            };
            if own_refusal {
                assert_eq!(error.kind(), FailureKind::ServerFailure, "{name}: {error}");
            } else {
                assert_eq!(error.kind(), FailureKind::Nonsense, "{name}: {error}");
                assert!(error.to_string().contains(says), "{name}: {error}");
            }
        }
    }
}

/// While it is paused no message waits for it, and the first question after the pause finds out whether it works again.
#[tokio::test(start_paused = true)]
async fn a_scanner_that_hangs_is_not_asked_for_a_while() {
    let played = Played::new(|mut stream, number| async move {
        if number < 6 {
            std::future::pending::<()>().await;
        }
        question("spamd", &mut stream).await;
        stream.write_all(SPAMD).await.unwrap();
    });
    let mut settings = settings("spamd", ScannerAddress::Unix(played.path()));
    // What counts is what a message can wait, if that is less.
    settings.timeout = LIMIT * 10;
    let spamd = Scanner::new(settings);
    let scan = async |spamd: &Scanner| {
        let now = Instant::now();
        let message = Bytes::from_static(MESSAGE);
        spamd
            .scan(&message, &Envelope::default(), (now, now + LIMIT))
            .await
    };
    for _ in 0..5 {
        let error = scan(&spamd).await.unwrap_err();
        assert_eq!(error, ScannerError::OutOfBudget(LIMIT));
        assert!(error.to_do().contains("network.budget"), "{error}");
    }
    let begun = Instant::now();
    let error = scan(&spamd).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::BreakerOpen);
    assert_eq!((begun.elapsed(), played.connections()), (Duration::ZERO, 5));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(scan(&spamd).await, Err(ScannerError::OutOfBudget(LIMIT)));
    assert!(matches!(scan(&spamd).await, Err(ScannerError::Paused)));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(scan(&spamd).await.is_ok());
    assert!(!spamd.breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn messages_beyond_a_number_wait_no_longer_than_their_budget() {
    let played = Played::new(|stream, _| async move {
        let _held: UnixStream = stream;
        std::future::pending::<()>().await;
    });
    let mut settings = settings("clamd", ScannerAddress::Unix(played.path()));
    settings.timeout = LIMIT * 10;
    let clamd = Scanner::new(settings);
    let begun = Instant::now();
    let message = Bytes::from_static(MESSAGE);
    let envelope = Envelope::default();
    let asked = (0..20).map(|_| clamd.scan(&message, &envelope, (begun, begun + LIMIT)));
    let answers = join_all(asked).await;
    assert_eq!(begun.elapsed(), LIMIT);
    let busy = Err(ScannerError::Busy(4));
    assert_eq!(answers.iter().filter(|it| **it == busy).count(), 16);
    assert_eq!(played.connections(), 4);
    // Those that were not asked say nothing about the scanner.
    assert!(!clamd.breaker.is_open());
    assert!(
        clamd
            .scan(&message, &envelope, (begun, begun + LIMIT * 2))
            .await
            .is_err()
    );
}

#[test]
fn every_failure_has_a_sentence() {
    let io = |kind| ScannerError::of_io(&std::io::Error::from(kind));
    assert_eq!(
        io(std::io::ErrorKind::PermissionDenied),
        ScannerError::Permission
    );
    assert_eq!(
        io(std::io::ErrorKind::ConnectionReset),
        ScannerError::Closed
    );
    let error = ScannerError::protocol("that of a clamd", b"HTTP/1.1 200 OK\r\nServer: x\r\n");
    assert_eq!(
        error.to_string(),
        "its answer is not that of a clamd: `HTTP/1.1 200 OK`"
    );
    assert!(ScannerError::Permission.to_do().contains("group"));
    let time = Duration::from_nanos(799_600_123);
    let late = ScannerError::OutOfBudget(time).to_string();
    assert!(late.starts_with("no answer within 800 ms,"), "{late}");
    let long = ScannerError::failed(&[b'\n'; 500]).to_string();
    assert!(long.len() < 120 && !long.contains('\n'), "{long}");
}
