//! The clients against scanners that are played: on Unix sockets, where an answer is there at once, so that paused time
//! advances only while nobody has anything to say; and once on TCP.

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::*;
use crate::config::{OnVirus, ScannerAddress, SpamWorth};
use crate::filter::findings::AtLeast;
use crate::filter::{FailureKind, Subject};

const WORTH: SpamWorth = SpamWorth {
    score: 3.0,
    most: 4.0,
    least: 0.0,
};
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const KINDS: [&str; 3] = ["rspamd", "spamd", "clamd"];
const LIMIT: Duration = Duration::from_millis(800);

fn kind(name: &str) -> ScannerKind {
    match name {
        "rspamd" => ScannerKind::Rspamd {
            worth: WORTH,
            password: None,
        },
        "spamd" => ScannerKind::Spamd { worth: WORTH },
        _ => ScannerKind::Clamd {
            on_virus: OnVirus::Drop,
        },
    }
}

fn settings(name: &str, address: ScannerAddress) -> Settings {
    Settings {
        name: name.to_owned(),
        kind: kind(name),
        address,
        timeout: LIMIT,
        max_size: 1 << 20,
        at_a_time: 4,
    }
}

fn scanner(name: &str, path: PathBuf) -> Scanner {
    Scanner::new(settings(name, ScannerAddress::Unix(path)))
}

async fn scan(scanner: &Scanner) -> Result<ScannerAnswer, ScannerError> {
    let by = Instant::now() + LIMIT * 2;
    let message = Bytes::from_static(MESSAGE);
    scanner.scan(&message, &Envelope::default(), by).await
}

/// A socket in a folder of its own, and how often somebody has connected to it.
struct Played {
    folder: tempfile::TempDir,
    connections: Arc<AtomicUsize>,
}

impl Played {
    /// `play` gets each connection with its number.
    fn new<F: Future<Output = ()> + Send + 'static>(
        play: impl Fn(UnixStream, usize) -> F + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("a")).unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(play(stream, number));
            }
        });
        Self {
            folder,
            connections,
        }
    }

    /// A scanner of this kind that gives this answer to every question.
    fn answering(name: &'static str, answer: &'static [u8]) -> Self {
        Self::new(move |mut stream, _| async move {
            question(name, &mut stream).await;
            stream.write_all(answer).await.unwrap();
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a")
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Reads a question to its end, and verifies that the message is in it.
async fn question(name: &str, stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let mut read = Vec::new();
    loop {
        let is_complete = match name {
            "rspamd" => read.ends_with(MESSAGE),
            // It ends the stream.
            "spamd" => false,
            _ => read.ends_with(&[MESSAGE, &[0; 4][..]].concat()),
        };
        if is_complete {
            break;
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    if read.is_empty() {
        return false;
    }
    let length = MESSAGE.len().to_string();
    let text = String::from_utf8_lossy(&read);
    let begin = match name {
        "rspamd" => "POST /checkv2 HTTP/1.1\r\n".to_owned(),
        "spamd" => format!("SYMBOLS SPAMC/1.5\r\nContent-length: {length}\r\n\r\n"),
        _ if text.starts_with("zIDS") => "zIDSESSION\0zINSTREAM\0\0\0\0".to_owned(),
        _ => "zINSTREAM\0\0\0\0".to_owned(),
    };
    assert!(text.starts_with(&begin), "{text:?}");
    let is_whole = memchr::memmem::find(&read, MESSAGE).is_some();
    assert!(is_whole, "{text:?}");
    true
}

const RSPAMD: &[u8] = b"HTTP/1.1 200 OK\r\nServer: rspamd/3.4\r\nContent-Length: 132\r\n\r\n\
{\"is_skipped\":false,\"score\":12.0,\"required_score\":15.0,\"action\":\"reject\",\"thresholds\":{\"add header\":6},\"symbols\":{\"A\":{\"score\":12}}}";
const SPAMD: &[u8] =
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: True ; 10.0 / 5.0\r\n\r\nA\n";
const CLAMD: &[u8] = b"1: stream: Eicar-Test FOUND\0";

fn good(name: &str) -> &'static [u8] {
    match name {
        "rspamd" => RSPAMD,
        "spamd" => SPAMD,
        _ => CLAMD,
    }
}

fn fits(name: &str, answer: &ScannerAnswer) -> bool {
    match answer {
        ScannerAnswer::Score(found) => {
            name != "clamd" && found.is_spam && found.symbols[0].name == "A"
        }
        ScannerAnswer::Virus { name: virus } => name == "clamd" && virus == "Eicar-Test",
        ScannerAnswer::Clean => false,
    }
}

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
        let (answer, ()) = tokio::join!(scanner.scan(&message, &envelope, by), play);
        assert!(fits(name, &answer.unwrap()), "{name}");
        drop(listener);
        let error = scanner.scan(&message, &envelope, by).await.unwrap_err();
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
    let error = clamd.scan(&message, &envelope, by).await.unwrap_err();
    assert!(matches!(error, ScannerError::RefusedSize(_)), "{error}");
    let message = Bytes::from(vec![b'x'; (1 << 20) + 1]);
    let error = clamd.scan(&message, &envelope, by).await.unwrap_err();
    assert_eq!(error, ScannerError::TooLarge((1 << 20) + 1, 1 << 20));
    assert_eq!(played.connections(), 1, "what is too large is not sent");
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
        let by = Instant::now() + LIMIT;
        let message = Bytes::from_static(MESSAGE);
        spamd.scan(&message, &Envelope::default(), by).await
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
    let asked = (0..20).map(|_| clamd.scan(&message, &envelope, begun + LIMIT));
    let answers = join_all(asked).await;
    assert_eq!(begun.elapsed(), LIMIT);
    let busy = Err(ScannerError::Busy(4));
    assert_eq!(answers.iter().filter(|it| **it == busy).count(), 16);
    assert_eq!(played.connections(), 4);
    // Those that were not asked say nothing about the scanner.
    assert!(!clamd.breaker.is_open());
    assert!(
        clamd
            .scan(&message, &envelope, begun + LIMIT * 2)
            .await
            .is_err()
    );
}

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
                .scan(Whom::Everybody, &subject, &complete(), by)
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
        .scan(Whom::Everybody, &subject, &other, by)
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
        .scan(Whom::Everybody, &subject, &complete(), by)
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
    let found = scanners.scan(Whom::Everybody, &subject, &part, by).await;
    assert_eq!(found.failures.len(), 3);
    assert_eq!(found.failures[0].kind, FailureKind::InPart);
    assert_eq!(rspamd.connections(), 1);
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
        let scanner = tests_scanner(name, &played);
        let error = scanner.version().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Nonsense, "{name}: {error}");
    }
}

fn tests_scanner(name: &str, played: &Played) -> Scanner {
    scanner(name, played.path())
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
