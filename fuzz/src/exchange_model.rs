//! The exchange against a model of RFC 1939: pipelined sessions, delivered in pieces and in any order, give the client
//! the responses of a server with popgate's view of the mailbox. The input chooses messages, commands and order.
//!
//! A server that has not announced PIPELINING gets one command at a time; some servers end the lines of messages in
//! LF, which costs the client nothing but time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use popgate::pop3::dot::{EndOfAnswer, stuff, unstuff};
use popgate::session::exchange::LoginBy;

use super::choices::Choices;
use super::exchange_driver::{Driven, PLAIN, Setup};
use super::test_setup::{shown, with_spam};

/// A message as stored on the server.
struct Message {
    octets: Vec<u8>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Ham,
    Spam,
    HeldBack,
}

/// What a server is like.
#[derive(Clone, Copy, Debug)]
struct Manners {
    capa: Capa,
    /// Whether the lines of its messages end in LF, and only the final dot's in CRLF.
    lf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Capa {
    WithPipelining,
    WithoutPipelining,
    Refused,
}

/// A server as in RFC 1939, in the AUTHORIZATION state until PASS.
struct Server<'m> {
    messages: &'m [Message],
    manners: Manners,
    asked_capa: bool,
    deleted: Vec<bool>,
    logged_in: bool,
}

impl<'m> Server<'m> {
    fn new(messages: &'m [Message], manners: Manners) -> Self {
        Self {
            messages,
            manners,
            asked_capa: false,
            deleted: vec![false; messages.len()],
            logged_in: false,
        }
    }

    /// The index of the message with this number, unless it is deleted.
    fn existing(&self, number: &str) -> Option<usize> {
        let place = number.parse::<usize>().ok()?.checked_sub(1)?;
        (place < self.messages.len() && !self.deleted[place]).then_some(place)
    }

    fn answer(&mut self, line: &str, size: impl Fn(usize) -> usize) -> Vec<u8> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let left = |deleted: &[bool]| -> Vec<usize> {
            (0..deleted.len()).filter(|&it| !deleted[it]).collect()
        };
        match (words.as_slice(), self.logged_in) {
            (["CAPA"], _) => {
                self.asked_capa = true;
                match self.manners.capa {
                    Capa::WithPipelining => b"+OK\r\nTOP\r\nPIPELINING\r\n.\r\n".to_vec(),
                    Capa::WithoutPipelining => b"+OK\r\nTOP\r\n.\r\n".to_vec(),
                    Capa::Refused => b"-ERR what\r\n".to_vec(),
                }
            }
            (["USER", _], false) => b"+OK\r\n".to_vec(),
            (["PASS", "right"], false) => {
                self.logged_in = true;
                b"+OK in\r\n".to_vec()
            }
            (["PASS", _], false) => b"-ERR [AUTH] no\r\n".to_vec(),
            (["QUIT"], _) => b"+OK bye\r\n".to_vec(),
            (["NOOP"], true) => b"+OK\r\n".to_vec(),
            (["STAT"], true) => {
                let left = left(&self.deleted);
                let octets: usize = left.iter().map(|&it| size(it)).sum();
                format!("+OK {} {octets}\r\n", left.len()).into_bytes()
            }
            (["LIST"], true) => {
                let mut text = "+OK\r\n".to_owned();
                for it in left(&self.deleted) {
                    let _ = write!(text, "{} {}\r\n", it + 1, size(it));
                }
                (text + ".\r\n").into_bytes()
            }
            (["UIDL"], true) => {
                let mut text = "+OK\r\n".to_owned();
                for it in left(&self.deleted) {
                    let _ = write!(text, "{} uid-{it}\r\n", it + 1);
                }
                (text + ".\r\n").into_bytes()
            }
            (["LIST", number], true) => match self.existing(number) {
                Some(it) => format!("+OK {number} {}\r\n", size(it)).into_bytes(),
                None => b"-ERR no such message\r\n".to_vec(),
            },
            (["UIDL", number], true) => match self.existing(number) {
                Some(it) => format!("+OK {number} uid-{it}\r\n").into_bytes(),
                None => b"-ERR no such message\r\n".to_vec(),
            },
            (["RETR", number], true) => match self.existing(number) {
                Some(it) => {
                    let octets = &self.messages[it].octets;
                    let status = format!("+OK {} octets\r\n", octets.len());
                    let mut lines = stuff(octets).into_owned();
                    if self.manners.lf {
                        lines.retain(|octet| *octet != b'\r');
                    }
                    [status.as_bytes(), &lines, b".\r\n"].concat()
                }
                None => b"-ERR no such message\r\n".to_vec(),
            },
            (["DELE", number], true) => match self.existing(number) {
                Some(it) => {
                    self.deleted[it] = true;
                    b"+OK marked\r\n".to_vec()
                }
                None => b"-ERR no such message\r\n".to_vec(),
            },
            (["RSET"], true) => {
                self.deleted.fill(false);
                b"+OK\r\n".to_vec()
            }
            _ => b"-ERR not now\r\n".to_vec(),
        }
    }
}

fn message(from: &mut Choices<'_>, manners: Manners) -> Message {
    let kind = *from.of(&[Kind::Ham, Kind::Ham, Kind::Ham, Kind::Spam, Kind::HeldBack]);
    let kind = if manners.lf { Kind::Ham } else { kind };
    let mut text = format!(
        "From: a{}@example.org\r\nSubject: {}\r\n\r\n",
        from.byte(),
        if kind == Kind::Spam {
            "zzsubjectzz"
        } else {
            "hello"
        }
    );
    if kind == Kind::HeldBack {
        text.push_str("zzdropzz\r\n");
    }
    for _ in 0..from.below(6) {
        let line = *from.of(&[".", "..", ".x", "", "text", "\r", "a.\r", "+OK", "-ERR [x]"]);
        // With a CR in it a line of LF would end in CRLF.
        let line = if manners.lf { line.trim_end() } else { line };
        let _ = write!(text, "{line}\r\n");
    }
    Message {
        octets: text.into_bytes(),
        kind,
    }
}

fn commands(from: &mut Choices<'_>, messages: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if from.flag() {
        lines.push("CAPA".to_owned());
    }
    if from.flag() {
        lines.extend(["USER ann".to_owned(), "PASS wrong".to_owned()]);
    }
    lines.extend(["USER ann".to_owned(), "PASS right".to_owned()]);
    for _ in 0..from.below(20) {
        let number = 1 + from.below(messages + 1);
        let line = match from.below(10) {
            0 => "STAT".to_owned(),
            1 => "LIST".to_owned(),
            2 => "UIDL".to_owned(),
            3 => format!("LIST {number}"),
            4 => format!("UIDL {number}"),
            5..=7 => format!("RETR {number}"),
            8 => format!("DELE {number}"),
            _ => (*from.of(&["NOOP", "RSET"])).to_owned(),
        };
        lines.push(line);
    }
    lines.push("QUIT".to_owned());
    lines
}

/// Delivers both sides' output in random pieces and random order.
fn exchange(
    from: &mut Choices<'_>,
    setup: &Setup,
    messages: &[Message],
    manners: Manners,
    lines: &[String],
) -> Driven {
    let mut driven = Driven::new(setup, LoginBy::Client, PLAIN);
    let mut server = Server::new(messages, manners);
    let mut from_client: Vec<u8> = lines
        .iter()
        .flat_map(|it| format!("{it}\r\n").into_bytes())
        .collect();
    let mut from_server = b"+OK ready\r\n".to_vec();
    let mut retrieved = 0;
    loop {
        while let Some(line) = driven.upstream_line() {
            let line = String::from_utf8(line.to_vec()).unwrap();
            let may_pipeline = server.asked_capa && manners.capa == Capa::WithPipelining;
            assert!(
                from_server.is_empty() || may_pipeline,
                "{line} is sent to a server that has not announced PIPELINING, before a response has come"
            );
            if line.starts_with("DELE") || line.starts_with("QUIT") {
                let answers = complete_answers(&driven.to_client);
                assert!(
                    answers >= retrieved,
                    "{line} is sent upstream before the messages requested earlier are delivered"
                );
            }
            let is_retr = line.starts_with("RETR");
            let answer = server.answer(&line, |it| messages[it].octets.len());
            retrieved += usize::from(is_retr && answer.starts_with(b"+OK"));
            from_server.extend_from_slice(&answer);
        }
        let side = match (from_client.is_empty(), from_server.is_empty()) {
            (true, true) if driven.pass_silence() => continue,
            (true, true) => break,
            (false, true) => true,
            (true, false) => false,
            (false, false) => from.flag(),
        };
        let bytes = if side {
            &mut from_client
        } else {
            &mut from_server
        };
        let most = *from.of(&[1, 2, 7, 100, 100_000]);
        let piece: Vec<u8> = bytes.drain(..bytes.len().min(most)).collect();
        match side {
            true => driven.client_sends(&piece),
            false => driven.upstream_sends(&piece),
        }
    }
    driven
}

/// Number of complete messages that the client has received.
fn complete_answers(to_client: &[u8]) -> usize {
    to_client
        .windows(b"\r\n.\r\n".len())
        .filter(|it| *it == b"\r\n.\r\n")
        .count()
}

/// Compares each response to the client with the model's.
fn check(driven: &mut Driven, messages: &[Message], manners: Manners, lines: &[String]) {
    let mut rest = std::mem::take(&mut driven.to_client);
    let expect = |rest: &mut Vec<u8>, wanted: &[u8], line: &str| {
        assert!(
            rest.starts_with(wanted),
            "{line}: wanted {:?}, got {:?}",
            shown(wanted),
            shown(&rest[..rest.len().min(200)])
        );
        rest.drain(..wanted.len());
    };
    expect(&mut rest, b"+OK ready\r\n", "greeting");
    let mut model = Server::new(messages, manners);
    let mut sent: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for line in lines {
        let existing = line.strip_prefix("RETR ").and_then(|it| model.existing(it));
        let size = |it: usize| sent.get(&it).map_or(messages[it].octets.len(), Vec::len);
        let answer = model.answer(line, size);
        let Some(place) = existing.filter(|&it| messages[it].kind != Kind::Ham) else {
            // The last LF of a message becomes the CRLF before its final dot.
            let answer = match answer.strip_suffix(b"\n.\r\n") {
                Some(text) if !text.ends_with(b"\r") => [text, b"\r\n.\r\n"].concat(),
                _ => answer,
            };
            expect(&mut rest, &answer, line);
            continue;
        };
        // A rewritten message: its size is that of the text sent, and the rest is the original.
        let status = rest.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        let status_line = String::from_utf8(rest.drain(..status).collect()).unwrap();
        let end = EndOfAnswer::new().find(&rest).unwrap();
        let wire: Vec<u8> = rest.drain(..end).collect();
        let text = unstuff(&wire[..wire.len() - 3]).into_owned();
        assert_eq!(
            status_line,
            format!("+OK {} octets\r\n", text.len()),
            "{line}"
        );
        rewritten(&messages[place], &text);
        if let Some(before) = sent.insert(place, text.clone()) {
            assert_eq!(shown(&before), shown(&text), "{line} differs");
        }
    }
    assert!(rest.is_empty(), "also got {:?}", shown(&rest));
    assert_eq!(driven.ended, Some(Ok("quit")));
    driven.assert_octets_add_up();
}

fn rewritten(message: &Message, text: &[u8]) {
    let shown_text = shown(text);
    match message.kind {
        Kind::Ham => unreachable!("ham is compared octet by octet"),
        Kind::Spam => {
            let original = String::from_utf8(message.octets.clone()).unwrap();
            let marked = original.replace("Subject: zz", "Subject: [SPAM] zz");
            assert!(text.ends_with(marked.as_bytes()), "{shown_text}");
            assert!(shown_text.contains("X-Spam-Flag: YES"), "{shown_text}");
        }
        Kind::HeldBack => {
            assert!(shown_text.contains("[held back as spam]"), "{shown_text}");
        }
    }
}

/// One session.
pub fn run(data: &[u8]) {
    let mut from = Choices::new(data);
    let capas = [Capa::WithPipelining, Capa::WithoutPipelining, Capa::Refused];
    let manners = Manners {
        capa: *from.of(&capas),
        lf: from.below(4) == 1,
    };
    let messages: Vec<Message> = (0..1 + from.below(4))
        .map(|_| message(&mut from, manners))
        .collect();
    let lines = commands(&mut from, messages.len());
    let mut driven = exchange(&mut from, with_spam(), &messages, manners, &lines);
    for held in &driven.quarantine {
        assert!(
            messages.iter().any(|it| it.octets == *held),
            "a quarantined message equals no original"
        );
    }
    check(&mut driven, &messages, manners, &lines);
}
