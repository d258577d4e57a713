//! A session with a client and a server that send anything, at any time. Whatever they do:
//!
//! - octets that are not rewritten arrive unchanged, and no end of a message is invented;
//! - no DELE or QUIT goes up before the messages that were asked for earlier are with the client;
//! - each command gets one answer, and nothing comes that is none;
//! - what goes up is lines without control characters;
//! - the session ends once both sides have.
//!
//! The input is lines; the first octet of each says what it is:
//!
//! | octet | what happens |
//! |---|---|
//! | `C` | the client sends the rest of the line, with CRLF; `c` without, `l` with LF |
//! | `S` | the server sends it, with CRLF; `s` without, `n` with LF |
//! | `T` | nothing is sent until the next deadline |
//! | `E` | the client half-closes; `F`: the server closes |
//! | `P` | reads return at most as many octets as the next octet's number |
//! | `Q` | the quarantine takes nothing from now on |
//!
//! The first line chooses the settings.

use popgate::session::exchange::{ClientSecurity, LoginBy};

use super::exchange_driver::{Driven, PLAIN, Setup};
use super::pop3_client::{self, Answer, Got};
use super::test_setup::{ham_only, holding_little, shown, with_spam};

/// Deadlines that pass before a session must have ended.
const MOST_DEADLINES: usize = 100;

struct Session {
    driven: Driven,
    /// What each side has sent.
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    /// How much the client had sent when TLS began.
    tls_from: usize,
    /// Retrievals that went up.
    asked: usize,
    /// Of the client's responses to challenges, those that went up.
    responded: usize,
}

pub fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let settings = lines.next().unwrap_or_default();
    let has = |letter: u8| settings.contains(&letter);
    let setup: &Setup = match (has(b's'), has(b'h')) {
        (_, true) => holding_little(),
        (true, _) => with_spam(),
        _ => ham_only(),
    };
    let login_by = match has(b'r') {
        true => LoginBy::Popgate,
        false => LoginBy::Client,
    };
    let security = ClientSecurity {
        starttls: has(b't'),
        ..PLAIN
    };
    let mut session = Session {
        driven: Driven::new(setup, login_by, security),
        from_client: Vec::new(),
        from_server: Vec::new(),
        tls_from: 0,
        asked: 0,
        responded: 0,
    };
    for line in lines {
        session.step(line);
    }
    session.end();
    session.check(std::ptr::eq(setup, ham_only()));
}

impl Session {
    fn step(&mut self, line: &[u8]) {
        let Some((what, rest)) = line.split_first() else {
            return;
        };
        let ending: &[u8] = match what {
            b'C' | b'S' => b"\r\n",
            b'l' | b'n' => b"\n",
            _ => b"",
        };
        let before = self.driven.to_client.len();
        match what {
            b'C' | b'c' | b'l' => self.client([rest, ending].concat()),
            b'S' | b's' | b'n' => self.server([rest, ending].concat()),
            b'T' => self.driven.pass_time(),
            b'E' => self.driven.client_ends(),
            b'F' => self.server_ends(),
            b'P' => {
                let most = rest.first().map_or(0, |octet| usize::from(*octet));
                self.driven.piece = if most == 0 { usize::MAX } else { most };
            }
            b'Q' => self.driven.quarantine_fails = true,
            _ => {}
        }
        let new = &self.driven.to_client[before..];
        if memchr::memmem::find(new, b"+OK begin TLS\r\n").is_some() {
            self.tls_from = self.from_client.len();
        }
        self.went_up();
    }

    fn client(&mut self, bytes: Vec<u8>) {
        if self.driven.ended.is_none() {
            self.driven.client_sends(&bytes);
            self.from_client.extend_from_slice(&bytes);
        }
    }

    fn server(&mut self, bytes: Vec<u8>) {
        let is_there = self.driven.is_connecting() || self.driven.has_upstream();
        if self.driven.ended.is_none() && is_there {
            self.driven.upstream_sends(&bytes);
            self.from_server.extend_from_slice(&bytes);
        }
    }

    fn server_ends(&mut self) {
        if self.driven.has_upstream() {
            self.driven.upstream_ends();
        }
    }

    fn end(&mut self) {
        self.driven.client_ends();
        self.server_ends();
        self.went_up();
        for _ in 0..MOST_DEADLINES {
            if self.driven.ended.is_some() {
                return;
            }
            self.driven.pass_time();
            self.went_up();
        }
        panic!("the session does not end");
    }

    /// Looks at the lines that were sent to the server.
    fn went_up(&mut self) {
        while let Some(line) = self.driven.upstream_line() {
            let text = line.strip_suffix(b"\r\n");
            let text = text.unwrap_or_else(|| panic!("sent up: {line:?}"));
            // A password is relayed as it is, but it cannot end the line.
            let is_control = |octet: &u8| match is(text, b"PASS ") {
                true => matches!(octet, b'\r' | b'\n' | 0),
                false => *octet < 0x20 && *octet != b'\t' || *octet == 0x7f,
            };
            assert!(!text.iter().any(is_control), "sent up: {line:?}");
            let end = memchr::memchr(b' ', text).unwrap_or(text.len());
            let verb = text[..end].to_ascii_uppercase();
            let fetches = matches!(&verb[..], b"RETR" | b"TOP");
            let deletes = matches!(&verb[..], b"DELE" | b"QUIT");
            if !fetches && !deletes {
                continue;
            }
            let got = pop3_client::read(&self.from_client, self.tls_from, &self.driven.to_client);
            // However a response to a challenge looks, it asks for no message.
            let mut responses = got.responses.iter().skip(self.responded);
            if let Some(at) = responses.position(|it| it.trim_ascii_end() == text.trim_ascii_end())
            {
                self.responded += at + 1;
            } else {
                self.asked += usize::from(fetches);
            }
            if deletes && !got.is_unclear {
                let all = got.answers.iter();
                let done = all.filter(|it| it.is_retrieval() && it.complete).count();
                assert!(
                    done >= self.asked,
                    "{line:?} goes up after {done} of {} messages",
                    self.asked
                );
            }
        }
    }

    fn check(&self, is_unchanged: bool) {
        let Got {
            answers,
            rest,
            is_unclear,
            ..
        } = pop3_client::read(&self.from_client, self.tls_from, &self.driven.to_client);
        for answer in &answers {
            assert!(
                answer.status.ends_with(b"\r\n"),
                "{:?}",
                shown(answer.status)
            );
            if answer.is_retrieval()
                && let Some(body) = answer.body
            {
                self.check_message(answer, body, is_unchanged);
            }
        }
        if is_unclear {
            return;
        }
        // One line about the end of the session is allowed.
        let lines = rest.iter().filter(|octet| **octet == b'\n').count();
        assert!(
            lines <= 1 && (rest.is_empty() || rest.starts_with(b"-ERR")),
            "beyond all answers: {:?}",
            shown(rest)
        );
    }

    fn check_message(&self, answer: &Answer<'_>, body: &[u8], is_unchanged: bool) {
        // The hold time passed before the header was complete: that is said on top, and the rest is what came, but for
        // such fields of the server's.
        let from_server = self.from_server.to_ascii_lowercase();
        let body = match memchr::memmem::find(&from_server, b"x-spam-") {
            Some(_) => body,
            None => without_unscanned(body),
        };
        let is_unchanged = is_unchanged && !body.starts_with(ID);
        let original = match is_unchanged {
            true => body,
            false if shown(body).contains("[held back as spam]") => return,
            // Marked on top: the rest is what came.
            false => match memchr::memmem::find(body, b"\r\n\r\n") {
                Some(end) => &body[end..],
                None => return,
            },
        };
        // The LF before the final dot of a message in LF becomes CRLF.
        let in_lf = |text: &[u8]| -> Vec<u8> {
            let octets = text.iter().copied();
            octets.filter(|octet| *octet != b'\r').collect()
        };
        let is_sent = |original: &[u8], all: &[u8]| memchr::memmem::find(all, original).is_some();
        assert!(
            is_sent(original, &self.from_server)
                || is_sent(&in_lf(original), &in_lf(&self.from_server)),
            "{}: not what the server sent: {:?}",
            answer.verb,
            shown(original)
        );
    }
}

/// What popgate adds to each message that it marks, or that it judged by a part.
const ID: &[u8] = b"X-Popgate-Id: 69290000-123456789abc\r\n";

/// A message without the fields that say that it was not judged.
fn without_unscanned(body: &[u8]) -> &[u8] {
    body.strip_prefix(ID)
        .filter(|rest| rest.starts_with(b"X-Spam-Status: No, unscanned=hold_timeout version="))
        .and_then(|rest| Some(&rest[memchr::memchr(b'\n', rest)? + 1..]))
        .unwrap_or(body)
}

fn is(line: &[u8], verb: &[u8]) -> bool {
    line.get(..verb.len())
        .is_some_and(|it| it.eq_ignore_ascii_case(verb))
}
