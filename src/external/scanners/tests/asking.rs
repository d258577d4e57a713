//! What each kind of scanner is asked, and what of its answers counts.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[test]
fn the_answers_that_are_played_have_their_length() {
    let body = RSPAMD.len() - memchr::memmem::find(RSPAMD, b"\r\n\r\n").unwrap() - 4;
    assert!(String::from_utf8_lossy(RSPAMD).contains(&format!("Content-Length: {body}\r\n")));
}

#[tokio::test(start_paused = true)]
async fn each_kind_is_asked_on_unix_sockets() {
    for name in KINDS {
        let played = Played::answering(name, good(name));
        let answer = scan(&scanner(name, played.path())).await.unwrap();
        assert!(fits(name, &answer), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn each_kind_is_asked_on_tcp() {
    for name in KINDS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = "127.0.0.1".to_owned();
        let mut settings = settings(name, ScannerAddress::Tcp { host, port });
        // This clock is not paused.
        settings.timeout = Duration::from_secs(60);
        let scanner = Scanner::new(settings);
        let by = Instant::now() + Duration::from_secs(60);
        let message = Bytes::from_static(MESSAGE);
        let envelope = Envelope::default();
        let play = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            question(name, &mut stream).await;
            stream.write_all(good(name)).await.unwrap();
        };
        let (answer, ()) = tokio::join!(
            scanner.scan(&message, &envelope, (Instant::now(), by)),
            play
        );
        assert!(fits(name, &answer.unwrap()), "{name}");
        drop(listener);
        let error = scanner
            .scan(&message, &envelope, (Instant::now(), by))
            .await
            .unwrap_err();
        assert_eq!(error, ScannerError::Refused, "{name}");
    }
}

/// What is kept is used for the next message, and a connection that was closed meanwhile is made anew, unnoticed.
#[tokio::test(start_paused = true)]
async fn connections_are_used_again() {
    let played = Played::new(|mut stream, _| async move {
        for number in 1..=3 {
            if question("clamd", &mut stream).await {
                let answer = format!("{number}: stream: OK\0");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let clamd = scanner("clamd", played.path());
    for asked in 1..=7 {
        assert_eq!(scan(&clamd).await, Ok(ScannerAnswer::Clean), "{asked}");
        assert_eq!(played.connections(), 1 + (asked - 1) / 3);
    }
    let played = Played::new(|mut stream, _| async move {
        for _ in 1..=3 {
            if question("rspamd", &mut stream).await {
                stream.write_all(RSPAMD).await.unwrap();
            }
        }
    });
    let rspamd = scanner("rspamd", played.path());
    for asked in 1..=7 {
        assert!(scan(&rspamd).await.is_ok(), "{asked}");
        assert_eq!(played.connections(), 1 + (asked - 1) / 3);
    }
    // None is used that the scanner is about to close.
    tokio::time::advance(Duration::from_secs(21)).await;
    assert!(scan(&rspamd).await.is_ok());
    assert_eq!(played.connections(), 4);
}

/// An answer that comes late belongs to the message before: a connection is not used again after a failure.
#[tokio::test(start_paused = true)]
async fn an_answer_to_another_message_is_never_taken() {
    let played = Played::new(|mut stream, number| async move {
        question("clamd", &mut stream).await;
        if number == 0 {
            tokio::time::sleep(LIMIT + Duration::from_millis(1)).await;
            let _ = stream.write_all(b"1: stream: Eicar FOUND\0").await;
        }
        let _ = stream.write_all(b"1: stream: OK\0").await;
    });
    let clamd = scanner("clamd", played.path());
    assert_eq!(scan(&clamd).await, Err(ScannerError::Timeout(LIMIT)));
    assert_eq!(scan(&clamd).await, Ok(ScannerAnswer::Clean));
    // Two answers to one question.
    let played = Played::answering("clamd", b"1: stream: OK\x002: stream: Eicar FOUND\0");
    let error = scan(&scanner("clamd", played.path())).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Nonsense, "{error}");
    let played = Played::answering("clamd", b"2: stream: Eicar FOUND\0");
    let error = scan(&scanner("clamd", played.path())).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Nonsense, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_of_the_question_counts() {
    let played = Played::new(|mut stream, _| async move {
        let mut some = [0; 1000];
        stream.read_exact(&mut some).await.unwrap();
        let answer = b"INSTREAM size limit exceeded. ERROR\0";
        stream.write_all(answer).await.unwrap();
    });
    let clamd = scanner("clamd", played.path());
    let by = Instant::now() + LIMIT;
    let message = Bytes::from(vec![b'x'; 1 << 20]);
    let envelope = Envelope::default();
    let error = clamd
        .scan(&message, &envelope, (Instant::now(), by))
        .await
        .unwrap_err();
    assert!(matches!(error, ScannerError::RefusedSize(_)), "{error}");
    let message = Bytes::from(vec![b'x'; (1 << 20) + 1]);
    let error = clamd
        .scan(&message, &envelope, (Instant::now(), by))
        .await
        .unwrap_err();
    assert_eq!(error, ScannerError::TooLarge((1 << 20) + 1, 1 << 20));
    assert_eq!(played.connections(), 1, "what is too large is not sent");
}

#[tokio::test(start_paused = true)]
async fn each_kind_tells_its_version() {
    for (name, answer, version) in [
        (
            "rspamd",
            &b"HTTP/1.1 200 OK\r\nServer: rspamd/3.4\r\nContent-Length: 6\r\n\r\npong\r\n"[..],
            "rspamd/3.4",
        ),
        ("spamd", b"SPAMD/1.5 0 PONG\r\n", "spamd, protocol 1.5"),
        ("clamd", b"ClamAV 1.4.6/1/Mon\0", "ClamAV 1.4.6/1/Mon"),
    ] {
        let played = Played::new(move |mut stream, _| async move {
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
        });
        let scanner = scanner(name, played.path());
        assert_eq!(scanner.version().await.as_deref(), Ok(version));
        let played = Played::new(|mut stream, _| async move {
            stream.write_all(b"220 mail ready\r\n").await.unwrap();
        });
        let scanner = super::scanner(name, played.path());
        let error = scanner.version().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Nonsense, "{name}: {error}");
    }
}
