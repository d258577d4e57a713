//! A strict POP3 client: it fetches a mailbox and refuses every response that breaks the protocol.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pop3::dot::{EndOfAnswer, unstuff};
use crate::pop3::line::{printable, take_line, trim_end};
use crate::pop3::{MessageNumber, Status};

/// Why the mailbox could not be fetched.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The connection failed.
    Io(io::Error),
    /// The server refused a command.
    Refused(&'static str, String),
    /// The server broke the protocol.
    Broken(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused(command, said) => write!(f, "{command} was refused: {said}"),
            Self::Broken(how) => write!(f, "the protocol was broken: {how}"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A message as it was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The upstream's unique id.
    pub uidl: String,
    /// Un-stuffed.
    pub message: Vec<u8>,
    /// From RETR to the first octet of its answer.
    pub first_byte: Duration,
    /// From RETR to the final dot.
    pub whole: Duration,
}

/// Logs in and fetches every message.
///
/// # Errors
/// What went wrong, protocol violations included.
pub async fn fetch(
    address: SocketAddr,
    user: &str,
    password: &str,
) -> Result<Vec<Fetched>, FetchError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut client = Client {
        stream,
        buffer: BytesMut::new(),
    };
    client.status("the greeting").await?;
    client.command("USER", &format!("USER {user}\r\n")).await?;
    client
        .command("PASS", &format!("PASS {password}\r\n"))
        .await?;
    let stat = client.command("STAT", "STAT\r\n").await?;
    let count = stat
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|count| count.parse::<usize>().ok());
    client.command("UIDL", "UIDL\r\n").await?;
    let uidls = client.lines().await?;
    let uidls = String::from_utf8_lossy(&uidls).into_owned();
    let uidls: Vec<_> = uidls
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    if count != Some(uidls.len()) {
        return Err(FetchError::Broken(format!(
            "STAT counts {count:?} messages, UIDL {}",
            uidls.len()
        )));
    }
    let mut all = Vec::with_capacity(uidls.len());
    for (number, uidl) in uidls {
        let number = MessageNumber::parse(number.as_bytes())
            .ok_or_else(|| FetchError::Broken(format!("`{number}` is no message number")))?;
        let begun = Instant::now();
        client
            .command("RETR", &format!("RETR {number}\r\n"))
            .await?;
        let first_byte = begun.elapsed();
        let message = client.lines().await?;
        if !client.buffer.is_empty() {
            return Err(FetchError::Broken("bytes follow the final dot".to_owned()));
        }
        all.push(Fetched {
            uidl: uidl.to_owned(),
            message,
            first_byte,
            whole: begun.elapsed(),
        });
    }
    client.command("QUIT", "QUIT\r\n").await?;
    Ok(all)
}

struct Client {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Client {
    async fn command(&mut self, name: &'static str, text: &str) -> Result<String, FetchError> {
        self.stream.write_all(text.as_bytes()).await?;
        self.status(name).await
    }

    async fn status(&mut self, of: &'static str) -> Result<String, FetchError> {
        loop {
            if let Some(line) = take_line(&mut self.buffer) {
                if !line.ends_with(b"\r\n") {
                    return Err(FetchError::Broken(format!(
                        "the answer to {of} ends in bare LF"
                    )));
                }
                let text = printable(trim_end(&line), 200);
                return match Status::of(&line) {
                    Status::Ok => Ok(text),
                    Status::Err => Err(FetchError::Refused(of, text)),
                    _ => Err(FetchError::Broken(format!(
                        "the answer to {of} is `{text}`"
                    ))),
                };
            }
            self.more().await?;
        }
    }

    async fn lines(&mut self) -> Result<Vec<u8>, FetchError> {
        let mut end = EndOfAnswer::new();
        let mut seen = 0;
        loop {
            if let Some(at) = end.find(&self.buffer[seen..]) {
                let wire = self.buffer.split_to(seen + at);
                return Ok(unstuff(&wire[..wire.len() - b".\r\n".len()]).into_owned());
            }
            seen = self.buffer.len();
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), FetchError> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(FetchError::Broken(
                "the connection ended inside an answer".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
