//! The clients against scanners that are played: on Unix sockets, where an answer is there at once, so that paused time
//! advances only while nobody has anything to say; and once on TCP.

mod asking;
mod beside_name_servers;
mod faults;
mod side_by_side;

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::config::{OnVirus, ScannerAddress, SpamWorth};
use crate::filter::FailureKind;

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
    let now = Instant::now();
    let message = Bytes::from_static(MESSAGE);
    let time = (now, now + LIMIT * 2);
    scanner.scan(&message, &Envelope::default(), time).await
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
