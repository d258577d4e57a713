//! A clamd that is played on a Unix socket, where an answer is there at once: paused time does not go on meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use popgate::config::{OnVirus, Scanner, ScannerAddress, ScannerKind, SpamWorth};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// How long a message waits for it.
pub const LIMIT: Duration = Duration::from_millis(800);

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// A virus where the message has the word `zzvirus`, else none.
    Proper,
    /// These octets, at once.
    Says(&'static [u8]),
    /// Nothing.
    Hangs,
    /// It closes the connection.
    Closes,
}

/// See the module.
pub struct PlayedScanner {
    folder: tempfile::TempDir,
    connections: Arc<AtomicUsize>,
}

impl PlayedScanner {
    pub fn new(answer: Answer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("clamd")).unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(play(stream, answer));
            }
        });
        Self {
            folder,
            connections,
        }
    }

    /// The setting for it.
    pub fn settings(&self, on_virus: OnVirus) -> Scanner {
        Scanner {
            name: "clamd".to_owned(),
            kind: ScannerKind::Clamd { on_virus },
            address: ScannerAddress::Unix(self.path()),
            timeout: LIMIT,
            max_size: 1 << 20,
            at_a_time: 16,
        }
    }

    /// The setting for it as one for spam, whose threshold is worth 3 points.
    pub fn settings_for_spam(&self) -> Scanner {
        let worth = SpamWorth {
            score: 3.0,
            most: 4.0,
            least: 0.0,
        };
        Scanner {
            name: "spamd".to_owned(),
            kind: ScannerKind::Spamd { worth },
            ..self.settings(OnVirus::Tag)
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("clamd")
    }

    /// How often somebody has connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn play(mut stream: UnixStream, answer: Answer) {
    let mut number = 0;
    let mut read = Vec::new();
    loop {
        let is_complete = read.ends_with(&[0; 4]);
        match answer {
            Answer::Closes => return,
            Answer::Hangs => std::future::pending().await,
            Answer::Says(octets) => {
                let _ = stream.write_all(octets).await;
                return;
            }
            Answer::Proper if is_complete => {
                number += 1;
                let found = memchr::memmem::find(&read, b"zzvirus").is_some();
                let found = if found { "Test.Virus-1 FOUND" } else { "OK" };
                let answer = format!("{number}: stream: {found}\0");
                let _ = stream.write_all(answer.as_bytes()).await;
                read.clear();
            }
            Answer::Proper => {}
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
