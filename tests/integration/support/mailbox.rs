//! A mailbox server that answers as RFC 1939 has it, and a client that asks one thing at a time.

use std::collections::BTreeSet;

use popgate::pop3::dot::{stuff, unstuff};
use tokio::task::JoinHandle;

use super::{Peer, ServerInMemory, shown};

/// What is in a mailbox: unique-ids and messages.
pub type Messages = Vec<(&'static str, Vec<u8>)>;

/// The server's part of a session, which has ended: its commands, and what is left in the mailbox.
pub struct Ended {
    pub commands: Vec<String>,
    pub left: Messages,
}

/// Serves one session.
pub fn serve(mut peer: Peer, messages: Messages) -> JoinHandle<Ended> {
    tokio::spawn(async move {
        let mut commands = Vec::new();
        let mut deleted = BTreeSet::new();
        let mut has_quit = false;
        peer.try_send(b"+OK ready\r\n").await.unwrap_or_default();
        loop {
            let line = String::from_utf8(peer.line().await).unwrap();
            if line.is_empty() {
                break;
            }
            let line = line.trim_end().to_owned();
            let answer = answer(&line, &messages, &mut deleted);
            has_quit |= line == "QUIT";
            commands.push(line);
            if peer.try_send(&answer).await.is_err() || has_quit {
                break;
            }
        }
        let left = messages.into_iter().enumerate();
        let left = left.filter(|(place, _)| !(has_quit && deleted.contains(place)));
        Ended {
            commands,
            left: left.map(|(_, message)| message).collect(),
        }
    })
}

fn answer(line: &str, messages: &Messages, deleted: &mut BTreeSet<usize>) -> Vec<u8> {
    let words: Vec<&str> = line.split(' ').collect();
    let place = words.get(1).and_then(|word| word.parse::<usize>().ok());
    let place = place.map(|number| number.wrapping_sub(1));
    let there = place.filter(|it| *it < messages.len() && !deleted.contains(it));
    let left: Vec<usize> = (0..messages.len())
        .filter(|it| !deleted.contains(it))
        .collect();
    let rows = |row: &dyn Fn(usize) -> String| {
        let rows = left.iter().map(|it| format!("{} {}\r\n", it + 1, row(*it)));
        format!("+OK\r\n{}.\r\n", rows.collect::<String>()).into_bytes()
    };
    match (words[0], words.len(), there) {
        ("PASS", 2, _) if words[1] == "wrong" => b"-ERR [AUTH] no\r\n".to_vec(),
        // "…wrong" in base64
        ("AUTH", 3, _) if words[2].ends_with("B3cm9uZw==") || words[2].ends_with("Ad3Jvbmc=") => {
            b"-ERR [AUTH] no\r\n".to_vec()
        }
        ("APOP", ..) => b"-ERR [AUTH] no\r\n".to_vec(),
        ("AUTH", 2, _) => b"+ \r\n".to_vec(),
        ("USER" | "PASS" | "AUTH" | "NOOP" | "QUIT", ..) => b"+OK\r\n".to_vec(),
        ("STAT", ..) => {
            let octets: usize = left.iter().map(|it| messages[*it].1.len()).sum();
            format!("+OK {} {octets}\r\n", left.len()).into_bytes()
        }
        ("LIST", 1, _) => rows(&|it| messages[it].1.len().to_string()),
        ("UIDL", 1, _) => rows(&|it| messages[it].0.to_owned()),
        ("RETR", _, Some(it)) => {
            let message = &messages[it].1;
            let status = format!("+OK {} octets\r\n", message.len());
            [status.as_bytes(), &stuff(message), b".\r\n"].concat()
        }
        ("DELE", _, Some(it)) => {
            deleted.insert(it);
            b"+OK\r\n".to_vec()
        }
        ("RSET", ..) => {
            deleted.clear();
            b"+OK\r\n".to_vec()
        }
        _ => b"-ERR what\r\n".to_vec(),
    }
}

/// A client's session, and the server's end of it.
pub struct Session {
    pub client: Peer,
    pub server: JoinHandle<Ended>,
}

impl Session {
    /// A session whose client has logged in as this user.
    pub async fn new(proxy: &ServerInMemory, user: &str, messages: &Messages) -> Self {
        let mut session = Self::unauthenticated(proxy, messages).await;
        let name = format!("USER {user}");
        assert!(session.ask(&name).await.starts_with("+OK"), "{name}");
        assert!(session.ask("PASS right").await.starts_with("+OK"));
        session
    }

    /// A session whose client has been greeted.
    pub async fn unauthenticated(proxy: &ServerInMemory, messages: &Messages) -> Self {
        let (mut client, upstream) = proxy.unconnected();
        let server = serve(upstream, messages.clone());
        client.expect(b"+OK ready\r\n").await;
        Self { client, server }
    }

    /// The answer to a command, which is one line.
    pub async fn ask(&mut self, command: &str) -> String {
        self.client.send(format!("{command}\r\n").as_bytes()).await;
        let line = shown(&self.client.line().await);
        line.trim_end_matches("\\r\\n").to_owned()
    }

    /// The rows of LIST or UIDL: what follows the number, which counts from 1 without gaps.
    pub async fn rows(&mut self, command: &str) -> Vec<String> {
        assert!(self.ask(command).await.starts_with("+OK"), "{command}");
        let text = String::from_utf8(self.client.answer().await).unwrap();
        let rows = text.strip_suffix(".\r\n").unwrap().lines();
        let rows = rows.enumerate().map(|(place, row)| {
            let (number, rest) = row.split_once(' ').unwrap();
            assert_eq!(number, (place + 1).to_string(), "{text}");
            rest.to_owned()
        });
        rows.collect()
    }

    /// A message, whose size must be the one that LIST says.
    pub async fn retr(&mut self, number: usize) -> Vec<u8> {
        let listed = self.ask(&format!("LIST {number}")).await;
        let status = self.ask(&format!("RETR {number}")).await;
        assert!(status.starts_with("+OK"), "RETR {number}: {status}");
        let wire = self.client.answer().await;
        let text = unstuff(wire.strip_suffix(b".\r\n").unwrap()).into_owned();
        if listed.starts_with("+OK") {
            assert_eq!(listed, format!("+OK {number} {}", text.len()));
        }
        text
    }

    /// QUIT; returns what the server has left.
    pub async fn quit(mut self, proxy: &mut ServerInMemory) -> Ended {
        assert!(self.ask("QUIT").await.starts_with("+OK"));
        proxy.proxy.session_end().await;
        self.server.await.unwrap()
    }

    /// The client is gone without QUIT.
    pub async fn cut(self, proxy: &mut ServerInMemory) -> Ended {
        drop(self.client);
        proxy.proxy.session_end().await;
        self.server.await.unwrap()
    }
}
