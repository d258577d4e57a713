//! A name server in this process: it answers from a table, or misbehaves as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// What is answered to a question.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These addresses.
    A(Vec<[u8; 4]>),
    /// This text.
    Txt(String),
    /// An error: 2 is SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Error(u8),
    /// An error without the question, as unbound refuses clients.
    Bare(u8),
    /// Nothing.
    Silence,
    /// Octets that are no message, behind the right id.
    Garbage,
    /// The right answer under another id.
    OtherId,
}

/// See the module.
pub struct NameServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    otherwise: Mutex<Reply>,
    asked: Mutex<Vec<String>>,
}

impl NameServer {
    /// Serves as long as the event loop of the test; what is not in its table does not exist.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Shared {
            replies: Mutex::default(),
            otherwise: Mutex::new(Reply::Error(3)),
            asked: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                if let Some(answer) = served.answer(&query[..length]) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, shared }
    }

    /// Answers so to a question about this name.
    pub fn set(&self, name: &str, reply: Reply) {
        self.shared
            .replies
            .lock()
            .unwrap()
            .insert(name.to_owned(), reply);
    }

    /// Answers so to all others.
    pub fn otherwise(&self, reply: Reply) {
        *self.shared.otherwise.lock().unwrap() = reply;
    }

    /// The names that were asked for since this was called, each once, sorted.
    pub fn take_asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.shared.asked.lock().unwrap());
        asked.sort();
        asked.dedup();
        asked
    }
}

impl Shared {
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = name(query)?;
        self.asked.lock().unwrap().push(name.clone());
        let known = self.replies.lock().unwrap().get(&name).cloned();
        let reply = known.unwrap_or_else(|| self.otherwise.lock().unwrap().clone());
        let question = &query[12..end + 4];
        let asks_txt = query[end..end + 2] == [0, 16];
        let (code, records): (u8, Vec<Vec<u8>>) = match &reply {
            Reply::Silence => return None,
            Reply::Garbage => return Some([&query[..2], &[0x81, 0x80, 0xff, 0xff, 1]].concat()),
            Reply::Bare(code) => {
                let flags = [0x81, 0x80 | code];
                return Some([&query[..2], &flags, &[0; 8]].concat());
            }
            Reply::Error(code) => (*code, Vec::new()),
            Reply::A(_) if asks_txt => (0, Vec::new()),
            Reply::A(all) => (0, all.iter().map(|it| record(1, it)).collect()),
            Reply::Txt(text) if asks_txt => {
                let pieces = text.as_bytes().chunks(255);
                let data: Vec<u8> = pieces
                    .flat_map(|it| std::iter::once(it.len() as u8).chain(it.iter().copied()))
                    .collect();
                (0, vec![record(16, &data)])
            }
            Reply::Txt(_) => (0, Vec::new()),
            Reply::OtherId => (0, vec![record(1, &[127, 0, 0, 2])]),
        };
        let id = match reply {
            Reply::OtherId => [query[0] ^ 0xff, query[1]],
            _ => [query[0], query[1]],
        };
        let counts = [0, 1, 0, records.len() as u8, 0, 0, 0, 0];
        let header = [&id[..], &[0x81, 0x80 | code], &counts].concat();
        Some([header, question.to_vec(), records.concat()].concat())
    }
}

/// A record for the name in question.
fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60], &length[..], data].concat()
}

/// The name in question, in lower case, and where it ends.
fn name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = query.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
    query.get(at..at + 4)?;
    Some((labels.join("."), at))
}
