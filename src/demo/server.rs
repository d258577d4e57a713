//! A POP3 server with its mail in memory. Any user and password do; each session sees the same mailbox, without
//! the messages deleted by sessions that ended with QUIT.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use memchr::memchr_iter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::message::header::header_end;
use crate::pop3::dot;
use crate::pop3::line::take_line;
use crate::pop3::{ClientNumber, Command, Lines, MessageNumber};

/// A command of RFC 2449 section 4 has at most 255 octets; a longer one ends the session.
const LINE: usize = 4096;

/// A message in the mailbox.
#[derive(Debug, Clone)]
struct Stored {
    uidl: String,
    octets: usize,
    /// Stuffed, without the final dot line.
    wire: Bytes,
}

/// A server that serves until it is dropped.
#[derive(Debug)]
pub struct SampleServer {
    address: SocketAddr,
    mailbox: Arc<Mutex<Vec<Stored>>>,
    accepting: JoinHandle<()>,
}

impl SampleServer {
    /// Starts a server on a free port of loopback, with these messages (CRLF line ends).
    ///
    /// # Errors
    /// The system's.
    pub async fn start(messages: impl IntoIterator<Item = Bytes>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stored = messages
            .into_iter()
            .enumerate()
            .map(|(number, message)| Stored {
                uidl: format!("sample-{:04}", number + 1),
                octets: message.len(),
                wire: match dot::stuff(&message) {
                    std::borrow::Cow::Borrowed(_) => message.clone(),
                    std::borrow::Cow::Owned(stuffed) => Bytes::from(stuffed),
                },
            });
        let mailbox = Arc::new(Mutex::new(stored.collect()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&mailbox)));
        Ok(Self {
            address,
            mailbox,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The unique ids of the messages that are still there.
    pub fn remaining(&self) -> Vec<String> {
        let mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        mailbox.iter().map(|message| message.uidl.clone()).collect()
    }
}

impl Drop for SampleServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, mailbox: Arc<Mutex<Vec<Stored>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mailbox = Arc::clone(&mailbox);
        tokio::spawn(async move {
            // A client that disconnects is not an error.
            if let Err(error) = serve(stream, &mailbox).await {
                tracing::debug!(%error, "a session of the sample server broke");
            }
        });
    }
}

/// A session's view: numbers stay as they were at its beginning (RFC 1939 section 5).
struct Session {
    messages: Vec<Stored>,
    deleted: BTreeSet<MessageNumber>,
}

async fn serve(mut stream: TcpStream, mailbox: &Mutex<Vec<Stored>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let messages = mailbox
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let mut session = Session {
        messages,
        deleted: BTreeSet::new(),
    };
    stream
        .write_all(b"+OK the sample mailbox is ready\r\n")
        .await?;
    let mut buffer = BytesMut::new();
    loop {
        let Some(line) = take_line(&mut buffer) else {
            if buffer.len() > LINE || stream.read_buf(&mut buffer).await? == 0 {
                // Without QUIT nothing is removed (RFC 1939 section 6).
                return Ok(());
            }
            continue;
        };
        let command = Command::parse(&line);
        for piece in session.answer(&command) {
            stream.write_all(&piece).await?;
        }
        if command == Command::Quit {
            session.update(mailbox);
            return stream.shutdown().await;
        }
    }
}

impl Session {
    fn answer(&mut self, command: &Command) -> Vec<Bytes> {
        match *command {
            Command::Capa => vec![Bytes::from_static(
                b"+OK\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nIMPLEMENTATION popgate-demo\r\n.\r\n",
            )],
            Command::User | Command::Pass | Command::Noop | Command::Quit => line("+OK"),
            Command::Stat => {
                let (count, octets) = self.totals();
                line(&format!("+OK {count} {octets}"))
            }
            Command::List(None) => self.listing(|message| message.octets.to_string()),
            Command::Uidl(None) => self.listing(|message| message.uidl.clone()),
            Command::List(Some(ClientNumber(number))) => self.with(number, |message| {
                line(&format!("+OK {number} {}", message.octets))
            }),
            Command::Uidl(Some(ClientNumber(number))) => self.with(number, |message| {
                line(&format!("+OK {number} {}", message.uidl))
            }),
            Command::Retr(ClientNumber(number)) => self.with(number, |message| {
                lines(
                    &format!("+OK {} octets", message.octets),
                    message.wire.clone(),
                )
            }),
            Command::Top(ClientNumber(number), count) => {
                self.with(number, |message| lines("+OK", top(&message.wire, count)))
            }
            Command::Dele(ClientNumber(number)) => {
                let answer = self.with(number, |_| line("+OK marked as deleted"));
                self.deleted.insert(number);
                answer
            }
            Command::Rset => {
                self.deleted.clear();
                line("+OK")
            }
            _ => line("-ERR unknown command"),
        }
    }

    fn there(&self) -> impl Iterator<Item = (MessageNumber, &Stored)> {
        let numbers = (1..).map_while(MessageNumber::new);
        numbers
            .zip(&self.messages)
            .filter(|(number, _)| !self.deleted.contains(number))
    }

    fn totals(&self) -> (usize, usize) {
        self.there().fold((0, 0), |(count, octets), (_, message)| {
            (count + 1, octets + message.octets)
        })
    }

    fn listing(&self, shown: impl Fn(&Stored) -> String) -> Vec<Bytes> {
        let rows = self
            .there()
            .map(|(number, message)| format!("{number} {}\r\n", shown(message)));
        lines("+OK", Bytes::from(rows.collect::<String>()))
    }

    fn with(
        &self,
        number: MessageNumber,
        answer: impl FnOnce(&Stored) -> Vec<Bytes>,
    ) -> Vec<Bytes> {
        match self.there().find(|(there, _)| *there == number) {
            Some((_, message)) => answer(message),
            None => line("-ERR no such message"),
        }
    }

    /// RFC 1939 section 6: QUIT removes what is marked.
    fn update(&self, mailbox: &Mutex<Vec<Stored>>) {
        let kept: BTreeSet<_> = self
            .there()
            .map(|(_, message)| message.uidl.as_str())
            .collect();
        let mut mailbox = mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        let seen: BTreeSet<_> = self
            .messages
            .iter()
            .map(|message| message.uidl.as_str())
            .collect();
        mailbox.retain(|message| {
            kept.contains(message.uidl.as_str()) || !seen.contains(message.uidl.as_str())
        });
    }
}

fn line(text: &str) -> Vec<Bytes> {
    vec![Bytes::from(format!("{text}\r\n"))]
}

fn lines(status: &str, text: Bytes) -> Vec<Bytes> {
    // RFC 1939 section 3: the dot stands on a line of its own, so the text must end in CRLF.
    let end: &'static [u8] = match text.is_empty() || text.ends_with(b"\r\n") {
        true => b".\r\n",
        false => b"\r\n.\r\n",
    };
    vec![
        Bytes::from(format!("{status}\r\n")),
        text,
        Bytes::from_static(end),
    ]
}

fn top(wire: &Bytes, count: Lines) -> Bytes {
    let Some(header) = header_end(wire) else {
        return wire.clone();
    };
    let count = usize::try_from(count.0).unwrap_or(usize::MAX);
    let end = memchr_iter(b'\n', &wire[header..]).take(count).last();
    wire.slice(..end.map_or(header, |at| header + at + 1).max(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let message = |uidl: &str, text: &'static [u8]| Stored {
            uidl: uidl.to_owned(),
            octets: text.len(),
            wire: Bytes::from(dot::stuff(text).into_owned()),
        };
        Session {
            messages: vec![
                message("a", b"Subject: a\r\n\r\none\r\ntwo\r\n"),
                message("b", b".dots\r\n\r\n.\r\nno end"),
            ],
            deleted: BTreeSet::new(),
        }
    }

    fn said(session: &mut Session, command: &str) -> String {
        let pieces = session.answer(&Command::parse(command.as_bytes()));
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn responses_conform_to_rfc_1939() {
        let mut session = session();
        for (command, expected) in [
            ("STAT", "+OK 2 42\r\n"),
            ("LIST", "+OK\r\n1 24\r\n2 18\r\n.\r\n"),
            ("LIST 2", "+OK 2 18\r\n"),
            ("UIDL", "+OK\r\n1 a\r\n2 b\r\n.\r\n"),
            (
                "RETR 2",
                "+OK 18 octets\r\n..dots\r\n\r\n..\r\nno end\r\n.\r\n",
            ),
            ("TOP 1 0", "+OK\r\nSubject: a\r\n\r\n.\r\n"),
            ("TOP 1 1", "+OK\r\nSubject: a\r\n\r\none\r\n.\r\n"),
            ("TOP 1 9", "+OK\r\nSubject: a\r\n\r\none\r\ntwo\r\n.\r\n"),
            ("RETR 3", "-ERR no such message\r\n"),
            ("DELE 1", "+OK marked as deleted\r\n"),
            ("STAT", "+OK 1 18\r\n"),
            ("LIST", "+OK\r\n2 18\r\n.\r\n"),
            ("RETR 1", "-ERR no such message\r\n"),
            ("RSET", "+OK\r\n"),
            ("STAT", "+OK 2 42\r\n"),
            ("HUH", "-ERR unknown command\r\n"),
        ] {
            assert_eq!(said(&mut session, command), expected, "{command}");
        }
    }

    #[test]
    fn quit_removes_messages_marked_as_deleted() {
        let mut session = session();
        let mailbox = Mutex::new(session.messages.clone());
        said(&mut session, "DELE 1");
        session.update(&mailbox);
        let left: Vec<_> = mailbox
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.uidl.clone())
            .collect();
        assert_eq!(left, ["b"]);
    }
}
