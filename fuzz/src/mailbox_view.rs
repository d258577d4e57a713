//! Sessions of one mailbox, one after another, against a model: hidden and resized messages, entries of popgate's own,
//! and deletions, with what earlier sessions have left, in hide mode or not. The input chooses the mailbox, the commands and their order, and a
//! server that gives unique-ids to other messages, writes into messages, or lists less than it has.
//!
//! The client's numbers are dense and fixed for a session, sizes are those of what is sent, unique-ids never change, a
//! message is sent with the same octets whenever it is fetched unless a person has corrected it, and none is sent with
//! what was decided on another. Deletions take effect with QUIT alone (RFC 1939 section 6). What hide mode hides is in
//! quarantine, and stays on the server; the sizes of other new messages are right before they are fetched, and each is
//! fetched once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bytes::Bytes;
use popgate::message::MessageDigest;
use popgate::metrics::MessageAction;
use popgate::pop3::Uidl;
use popgate::pop3::dot::{EndOfAnswer, stuff, unstuff};
use popgate::rewrite::MarkText;
use popgate::session::exchange::{Event, LoginBy, OwnEntry, Stored};

use super::choices::Choices;
use super::exchange_driver::{Driven, ID, PLAIN, Setup};
use super::hide_mode::{Hiding, marked};
use super::remembered::{Remembered, RememberedMessage};
use super::test_setup::{shown, with_spam};

/// A message on the server.
#[derive(Clone, Debug)]
struct Message {
    uidl: String,
    octets: Vec<u8>,
    kind: Verdict,
}

/// What the filter says of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Ham,
    Spam,
    HeldBack,
}

/// A message that the client sees.
#[derive(Clone, Debug)]
struct Seen {
    uidl: String,
    /// Its size, as LIST tells it; below 0 it is told as 0.
    listed: i64,
    text: Text,
    is_own: bool,
    fetches: usize,
    is_deleted: bool,
    /// Whether the size is that of what is sent, although no client has fetched the message.
    is_exact: bool,
    /// Whether popgate may have it already.
    is_spooled: bool,
    /// How often popgate itself has said that it is marked as deleted: what the client asks for behind that comes from the
    /// server.
    missed: usize,
    /// Whether the server does not give it.
    is_refused: bool,
}

/// What RETR gives.
#[derive(Clone, Debug, PartialEq)]
enum Text {
    /// Exactly this.
    Known(Vec<u8>),
    /// This original with a mark that is not known yet.
    Marked(Vec<u8>),
    /// A notice that is not known yet.
    Notice,
}

/// How the server behaves.
#[derive(Clone, Copy, Debug)]
struct Manners {
    has_uidl: bool,
    pipelines: bool,
    /// Whether UIDL of all messages leaves out the last one.
    truncates: bool,
    /// Whether it announces EXPIRE 0.
    expires: bool,
}

/// What the server does in one session.
struct Server {
    messages: Vec<Message>,
    deleted: Vec<bool>,
    manners: Manners,
    /// The place of a message that it does not give.
    refuses: Option<usize>,
    /// How often it has given each message.
    given: Vec<usize>,
    has_quit: bool,
}

impl Server {
    fn new(messages: &[Message], manners: Manners, refuses: Option<usize>) -> Self {
        Self {
            refuses,
            given: vec![0; messages.len()],
            messages: messages.to_vec(),
            deleted: vec![false; messages.len()],
            manners,
            has_quit: false,
        }
    }

    fn answer(&mut self, line: &str) -> Vec<u8> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = words.get(1).and_then(|word| word.parse::<usize>().ok());
        let place = place.and_then(|number| number.checked_sub(1));
        let place = place.filter(|&it| it < self.messages.len() && !self.deleted[it]);
        let left: Vec<usize> = (0..self.messages.len())
            .filter(|&it| !self.deleted[it])
            .collect();
        let size = |it: usize| self.messages[it].octets.len();
        let rows = |row: &dyn Fn(usize) -> String| {
            let rows: String = left
                .iter()
                .map(|&it| format!("{} {}\r\n", it + 1, row(it)))
                .collect();
            format!("+OK\r\n{rows}.\r\n").into_bytes()
        };
        match (words.as_slice(), place) {
            (["CAPA"], _) if self.manners.pipelines || self.manners.expires => {
                let pipelining = if self.manners.pipelines {
                    "PIPELINING\r\n"
                } else {
                    ""
                };
                let expire = if self.manners.expires {
                    "EXPIRE 0\r\n"
                } else {
                    ""
                };
                format!("+OK\r\n{pipelining}{expire}.\r\n").into_bytes()
            }
            (["USER" | "PASS", _] | ["NOOP"], _) => b"+OK\r\n".to_vec(),
            (["STAT"], _) => {
                let octets: usize = left.iter().map(|&it| size(it)).sum();
                format!("+OK {} {octets}\r\n", left.len()).into_bytes()
            }
            (["UIDL", ..], _) if !self.manners.has_uidl => b"-ERR what\r\n".to_vec(),
            (["LIST"], _) => rows(&|it| size(it).to_string()),
            (["UIDL"], _) => {
                let mut answer = rows(&|it| self.messages[it].uidl.clone());
                if self.manners.truncates && !left.is_empty() {
                    answer.truncate(answer.len() - 3 - 2);
                    let end = answer.iter().rposition(|&octet| octet == b'\n').unwrap();
                    answer.truncate(end + 1);
                    answer.extend(b".\r\n");
                }
                answer
            }
            (["LIST", number], Some(it)) => format!("+OK {number} {}\r\n", size(it)).into_bytes(),
            (["UIDL", number], Some(it)) => {
                format!("+OK {number} {}\r\n", self.messages[it].uidl).into_bytes()
            }
            (["RETR", _], Some(it)) if self.refuses == Some(it) => {
                b"-ERR not this one\r\n".to_vec()
            }
            (["RETR", _], Some(it)) => {
                self.given[it] += 1;
                message_answer(&self.messages[it].octets)
            }
            (["DELE", _], Some(it)) => {
                self.deleted[it] = true;
                b"+OK marked\r\n".to_vec()
            }
            (["RSET"], _) => {
                self.deleted.fill(false);
                b"+OK\r\n".to_vec()
            }
            (["QUIT"], _) => {
                self.has_quit = true;
                b"+OK bye\r\n".to_vec()
            }
            _ => b"-ERR no such message\r\n".to_vec(),
        }
    }

    /// What is left in the mailbox after the session.
    fn left(&self) -> Vec<Message> {
        let kept = |it: &usize| !(self.has_quit && self.deleted[*it]);
        (0..self.messages.len())
            .filter(kept)
            .map(|it| self.messages[it].clone())
            .collect()
    }
}

fn digest(octets: &[u8]) -> MessageDigest {
    MessageDigest::of(&stuff(octets), true)
}

fn message_answer(octets: &[u8]) -> Vec<u8> {
    let status = format!("+OK {} octets\r\n", octets.len());
    [status.as_bytes(), &stuff(octets), b".\r\n"].concat()
}

/// A new message.
fn message(from: &mut Choices<'_>, uidl: String) -> Message {
    let kinds = [Verdict::Spam, Verdict::HeldBack, Verdict::Ham, Verdict::Ham];
    let kind = *from.of(&kinds);
    let subject = if kind == Verdict::Spam {
        "zzsubjectzz"
    } else {
        "hello"
    };
    let mut text = format!(
        "From: a{}@example.org\r\nSubject: {subject}\r\n\r\n",
        from.byte()
    );
    for _ in 0..from.below(4) {
        let _ = write!(text, "{}\r\n", from.of(&[".", "..x", "", "text"]));
    }
    if kind == Verdict::HeldBack {
        text.push_str("zzdropzz\r\n");
    }
    Message {
        uidl,
        octets: text.into_bytes(),
        kind,
    }
}

/// What an earlier session may have left of a message.
fn left_by_earlier(from: &mut Choices<'_>, message: &Message) -> Option<RememberedMessage> {
    let octets = message.octets.len() as i64;
    let decision = match from.below(6) {
        0 => Stored::Unchanged,
        1 => {
            let fields = Bytes::from_static(b"X-Popgate-Id: 1-2\r\nX-Spam-Flag: YES\r\n");
            let subject_mark = (*from.of(&["", "[S] "])).into();
            let text = MarkText {
                fields,
                subject_mark,
            };
            Stored::Mark(text, MessageAction::Tag)
        }
        2 => Stored::Notice(Bytes::from_static(b"Subject: held\r\n\r\n..x\r\n")),
        _ => return None,
    };
    let grown = sent(&decision, &message.octets).len() as i64 - octets;
    let is_notice = matches!(decision, Stored::Notice(_));
    let is_hidden = from.below(3) == 0;
    Some(RememberedMessage {
        decision,
        grown,
        digest: digest(&message.octets),
        octets: message.octets.len() as u64,
        is_gone: is_notice && from.below(4) == 0,
        is_hidden,
        is_discarded: is_hidden && from.below(3) == 0,
    })
}

/// A message as the client gets it by a decision.
fn sent(decision: &Stored, original: &[u8]) -> Vec<u8> {
    match decision {
        Stored::Unchanged => original.to_vec(),
        Stored::Mark(text, _) => {
            let original = String::from_utf8(original.to_vec()).unwrap();
            let subject = format!("Subject: {}", text.subject_mark);
            let marked = original.replacen("Subject: ", &subject, 1);
            [&text.fields[..], marked.as_bytes()].concat()
        }
        Stored::Notice(wire) => unstuff(wire).into_owned(),
    }
}

fn own_entry(from: &mut Choices<'_>, number: usize) -> (OwnEntry, Bytes) {
    let body = from.of(&["", ".\r\n", "text\r\n"]);
    let text = format!("Subject: own {number}\r\n\r\n{body}");
    let entry = OwnEntry {
        uidl: Uidl::new(format!("popgate-{number}").as_bytes()).unwrap(),
        octets: text.len() as u64,
    };
    (entry, Bytes::from(text))
}

/// What a session may show.
struct Mailbox<'m> {
    messages: &'m [Message],
    /// What can be looked up.
    remembered: Option<&'m Remembered>,
    /// Whether the server has more messages than unique-ids.
    truncated: bool,
    hiding: Hiding,
    refuses: Option<usize>,
    setup: &'m Setup,
}

impl Mailbox<'_> {
    /// The places of the messages that popgate fetches before the client is told any number.
    fn fetched(&self) -> BTreeSet<usize> {
        let messages = self.messages.iter();
        let messages: Vec<_> = messages.map(|it| (&*it.uidl, it.octets.len())).collect();
        let remembered = self.remembered.filter(|_| !self.truncated);
        self.hiding.fetched(&messages, remembered)
    }

    /// What RETR gives of a message that is judged now.
    fn judged(&self, message: &Message, is_ahead: bool) -> Text {
        let octets = &message.octets;
        match message.kind {
            Verdict::Ham => Text::Known(octets.clone()),
            Verdict::HeldBack if !self.hiding.quarantine_fails => Text::Notice,
            Verdict::Spam | Verdict::HeldBack if is_ahead => {
                Text::Known(marked(self.setup, ID, octets))
            }
            Verdict::Spam | Verdict::HeldBack => Text::Marked(octets.clone()),
        }
    }

    /// What the client sees of a message that popgate fetches; `None` if it is hidden.
    fn seen_ahead(&self, place: usize) -> Option<Seen> {
        let message = &self.messages[place];
        let is_refused = self.refuses == Some(place);
        let text = self.judged(message, true);
        let listed = match &text {
            Text::Known(text) if !is_refused => text.len(),
            Text::Notice if !is_refused => return None,
            _ => message.octets.len(),
        };
        Some(Seen {
            is_exact: !is_refused,
            is_spooled: !is_refused && !self.hiding.spool_fails,
            is_refused,
            ..Seen::new(message.uidl.clone(), listed as i64, text)
        })
    }

    /// What the client sees.
    fn view(&self) -> Vec<Seen> {
        let hides = self.remembered.filter(|_| !self.truncated);
        let fetched = self.fetched();
        let mut seen = Vec::new();
        for (place, message) in self.messages.iter().enumerate() {
            if fetched.contains(&place) {
                seen.extend(self.seen_ahead(place));
                continue;
            }
            let octets = &message.octets;
            let has_id = !self.truncated || place + 1 < self.messages.len();
            let remembered = self.remembered.filter(|_| has_id);
            let known = remembered.and_then(|it| it.messages.get(message.uidl.as_bytes()));
            let hidden = known.filter(|it| it.is_hidden);
            if hides.is_some() && hidden.is_some_and(|it| it.octets == octets.len() as u64) {
                continue;
            }
            let known = known.filter(|it| !it.is_hidden);
            let is_corrected =
                remembered.is_some_and(|it| it.may_be_corrected && it.corrected.contains(octets));
            let is_valid = |it: &&RememberedMessage| {
                it.digest == digest(octets) && !it.is_gone && !is_corrected
            };
            let text = match known.filter(is_valid) {
                Some(known) => Text::Known(sent(&known.decision, octets)),
                None => self.judged(message, false),
            };
            // What was remembered is not compared before the message is fetched.
            let listed = octets.len() as i64 + known.map_or(0, |it| it.grown);
            seen.push(Seen {
                is_refused: self.refuses == Some(place),
                ..Seen::new(message.uidl.clone(), listed, text)
            });
        }
        let own = hides.iter().flat_map(|it| &it.own);
        seen.extend(own.map(Seen::own));
        seen
    }
}

impl Seen {
    fn new(uidl: String, listed: i64, text: Text) -> Self {
        Self {
            uidl,
            listed,
            text,
            is_own: false,
            fetches: 0,
            is_deleted: false,
            is_exact: false,
            is_spooled: false,
            missed: 0,
            is_refused: false,
        }
    }

    fn own((entry, text): &(OwnEntry, Bytes)) -> Self {
        let uidl = entry.uidl.to_string();
        Self {
            is_own: true,
            ..Self::new(uidl, text.len() as i64, Text::Known(text.to_vec()))
        }
    }
}

fn commands(from: &mut Choices<'_>, user: &str, seen: usize) -> Vec<String> {
    let mut lines = vec![format!("USER {user}"), "PASS right".to_owned()];
    if from.flag() {
        lines.insert(0, "CAPA".to_owned());
    }
    for _ in 0..from.below(16) {
        let number = 1 + from.below(seen + 1);
        lines.push(match from.below(11) {
            0 => "STAT".to_owned(),
            1 => "LIST".to_owned(),
            2 => "UIDL".to_owned(),
            3 => format!("LIST {number}"),
            4 => format!("UIDL {number}"),
            5..=7 => format!("RETR {number}"),
            8 | 9 => format!("DELE {number}"),
            _ => (*from.of(&["NOOP", "RSET"])).to_owned(),
        });
    }
    if from.below(4) > 0 {
        lines.push("QUIT".to_owned());
    }
    lines
}

/// Delivers both sides' output in pieces and in any order.
fn session(
    from: &mut Choices<'_>,
    setup: &Setup,
    hiding: Hiding,
    server: &mut Server,
    lines: &[String],
) -> Driven {
    let mut driven = Driven::new(setup, LoginBy::Client, PLAIN);
    driven.quarantine_fails = hiding.quarantine_fails;
    driven.spool_fails = hiding.spool_fails;
    let mut from_client = (lines.join("\r\n") + "\r\n").into_bytes();
    let mut from_server = b"+OK ready\r\n".to_vec();
    loop {
        while let Some(line) = driven.upstream_line() {
            let line = String::from_utf8(line.to_vec()).unwrap();
            from_server.extend(server.answer(line.trim_end()));
        }
        let client_sends = match (from_client.is_empty(), from_server.is_empty()) {
            (true, true) => break,
            (false, true) => true,
            (true, false) => false,
            (false, false) => from.flag(),
        };
        let bytes = if client_sends {
            &mut from_client
        } else {
            &mut from_server
        };
        let most = *from.of(&[1, 7, 100, 100_000]);
        let piece: Vec<u8> = bytes.drain(..bytes.len().min(most)).collect();
        match client_sends {
            true => driven.client_sends(&piece),
            false => driven.upstream_sends(&piece),
        }
    }
    driven.client_ends();
    driven
}

/// What a session shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Mailbox,
    /// Of a server without UIDL.
    WithoutUidl,
    Quarantine,
    /// A quarantine that cannot be read.
    Unreadable,
}

impl Kind {
    fn is_quarantine(self) -> bool {
        matches!(self, Self::Quarantine | Self::Unreadable)
    }
}

/// What a login to the quarantine shows.
fn held(remembered: &Remembered) -> Vec<Seen> {
    remembered.held.iter().map(Seen::own).collect()
}

/// The rest of what the client got.
struct Answers(Vec<u8>);

impl Answers {
    fn expect(&mut self, wanted: &[u8], line: &str) {
        let got = &self.0[..self.0.len().min(wanted.len() + 60)];
        assert!(
            self.0.starts_with(wanted),
            "{line}: wanted {:?}, got {:?}",
            shown(wanted),
            shown(got)
        );
        self.0.drain(..wanted.len());
    }

    /// A message with its status line, whose size must be the message's.
    fn message(&mut self, line: &str) -> Vec<u8> {
        let end = self.0.iter().position(|&octet| octet == b'\n').unwrap() + 1;
        let status: Vec<u8> = self.0.drain(..end).collect();
        let end = EndOfAnswer::new().find(&self.0).unwrap();
        let wire: Vec<u8> = self.0.drain(..end).collect();
        let text = unstuff(&wire[..wire.len() - 3]).into_owned();
        let wanted = format!("+OK {} octets\r\n", text.len());
        assert_eq!(shown(&status), wanted, "{line}");
        text
    }
}

/// Compares each answer to the client with the model's; returns what the client has seen, with its deletions.
fn check(
    mut seen: Vec<Seen>,
    kind: Kind,
    truncates: bool,
    lines: &[String],
    to_client: Vec<u8>,
) -> Vec<Seen> {
    let mut answers = Answers(to_client);
    answers.expect(b"+OK ready\r\n", "greeting");
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let place = words.get(1).and_then(|word| word.parse::<usize>().ok());
        let place = place.and_then(|number| number.checked_sub(1));
        let place = place.filter(|&it| it < seen.len());
        let rows = |row: &dyn Fn(&Seen) -> String| {
            let shown = seen.iter().enumerate().filter(|(_, it)| !it.is_deleted);
            let rows = shown.map(|(at, it)| format!("{} {}\r\n", at + 1, row(it)));
            format!("+OK\r\n{}.\r\n", rows.collect::<String>())
        };
        let wanted = match (words[0], words.len(), place) {
            ("CAPA", ..) => {
                let end = answers.0.windows(2).position(|it| it == b"\r\n").unwrap() + 2;
                let is_list = answers.0.starts_with(b"+OK");
                answers.0.drain(..end);
                if is_list {
                    let end = answers.0.windows(3).position(|it| it == b".\r\n").unwrap() + 3;
                    answers.0.drain(..end);
                }
                continue;
            }
            ("USER" | "PASS" | "NOOP", ..) => "+OK\r\n".to_owned(),
            ("STAT" | "LIST" | "UIDL" | "RETR" | "DELE", ..) if kind == Kind::Unreadable => {
                "-ERR [SYS/TEMP] the quarantine cannot be read now\r\n".to_owned()
            }
            ("STAT", ..) => {
                let left = seen.iter().filter(|it| !it.is_deleted);
                let octets: i64 = left.clone().map(|it| it.listed).sum();
                format!("+OK {} {}\r\n", left.count(), octets.max(0))
            }
            ("UIDL", ..) if kind == Kind::WithoutUidl => "-ERR what\r\n".to_owned(),
            ("LIST", 1, _) => rows(&|it| it.listed.max(0).to_string()),
            ("UIDL", 1, _) => {
                let mut rows = rows(&|it| it.uidl.clone());
                // The last row of the upstream's is missing.
                if truncates
                    && kind == Kind::Mailbox
                    && let Some((at, last)) = seen
                        .iter()
                        .enumerate()
                        .rfind(|(_, it)| !it.is_deleted && !it.is_own)
                {
                    rows = rows.replace(&format!("{} {}\r\n", at + 1, last.uidl), "");
                }
                rows
            }
            ("RSET", ..) => {
                seen.iter_mut().for_each(|it| it.is_deleted = false);
                "+OK\r\n".to_owned()
            }
            ("QUIT", ..) => "+OK bye\r\n".to_owned(),
            (_, _, None) => "-ERR no such message\r\n".to_owned(),
            (_, _, Some(at)) if seen[at].is_deleted => {
                let by_popgate = "-ERR this message is marked as deleted\r\n";
                let spooled = seen[at].is_spooled && answers.0.starts_with(by_popgate.as_bytes());
                seen[at].missed += usize::from(spooled);
                match seen[at].is_own || spooled {
                    true => by_popgate.to_owned(),
                    false => "-ERR no such message\r\n".to_owned(),
                }
            }
            ("LIST", _, Some(at)) => format!("+OK {} {}\r\n", at + 1, seen[at].listed.max(0)),
            ("UIDL", _, Some(at)) => format!("+OK {} {}\r\n", at + 1, seen[at].uidl),
            ("DELE", _, Some(at)) => {
                seen[at].is_deleted = true;
                match seen[at].is_own {
                    true => "+OK marked to be deleted\r\n".to_owned(),
                    false => "+OK marked\r\n".to_owned(),
                }
            }
            (_, _, Some(at)) if seen[at].is_refused => "-ERR not this one\r\n".to_owned(),
            (_, _, Some(at)) => {
                let text = answers.message(line);
                if seen[at].is_exact {
                    assert_eq!(seen[at].listed, text.len() as i64, "{line}: size");
                }
                match &seen[at].text {
                    Text::Known(wanted) => assert_eq!(shown(&text), shown(wanted), "{line}"),
                    Text::Marked(original) => {
                        let original = String::from_utf8(original.clone()).unwrap();
                        let marked = original.replacen("Subject: ", "Subject: [SPAM] ", 1);
                        assert!(
                            text.ends_with(marked.as_bytes()),
                            "{line}: {}",
                            shown(&text)
                        );
                    }
                    Text::Notice => {
                        let text = shown(&text);
                        assert!(text.contains("[held back as spam]"), "{line}: {text}");
                    }
                }
                seen[at].listed = text.len() as i64;
                seen[at].text = Text::Known(text);
                seen[at].fetches += 1;
                continue;
            }
        };
        answers.expect(wanted.as_bytes(), line);
    }
    assert!(answers.0.is_empty(), "also got {:?}", shown(&answers.0));
    seen
}

/// A session's commands where unique-ids are asked for only when the client does: first of all, or never.
fn with_client(lines: &mut Vec<String>, asks: bool) {
    lines.retain(|line| !line.starts_with("UIDL"));
    if asks {
        let login = lines.iter().position(|line| line.starts_with("PASS"));
        lines.insert(login.unwrap() + 1, "UIDL".to_owned());
    }
}

/// What happens to the mailbox between two sessions.
fn between(from: &mut Choices<'_>, messages: &mut Vec<Message>, remembered: &mut Remembered) {
    for _ in 0..from.below(4) {
        let number = remembered.messages.len() + messages.len() + usize::from(from.byte()) * 1000;
        let is_free = |uidl: &&String| messages.iter().all(|it| it.uidl != **uidl);
        // Some servers give a unique-id that they had used before.
        let used: Vec<String> = remembered
            .messages
            .keys()
            .map(|it| String::from_utf8(it.clone()).unwrap())
            .collect();
        let used = used.iter().find(is_free).filter(|_| from.below(3) == 0);
        let uidl = used.cloned().unwrap_or_else(|| format!("uid-{number}"));
        if messages.iter().any(|it| it.uidl == uidl) {
            continue;
        }
        let message = message(from, uidl);
        if used.is_none()
            && let Some(known) = left_by_earlier(from, &message)
        {
            let uidl = message.uidl.clone().into_bytes();
            remembered.messages.insert(uidl, known);
        }
        messages.push(message);
    }
    for _ in 0..from.below(2) {
        let number = usize::from(from.byte()) * 2;
        let (entry, text) = own_entry(from, number);
        if remembered.own.iter().all(|(it, _)| it.uidl != entry.uidl) {
            remembered.own.push((entry, text));
        }
    }
    for _ in 0..from.below(3) {
        let number = usize::from(from.byte()) * 2 + 1;
        let (entry, text) = own_entry(from, number);
        if remembered.held.iter().all(|(it, _)| it.uidl != entry.uidl) {
            remembered.held.push((entry, text));
        }
    }
    remembered.fails = from.below(8) == 1;
    remembered.may_be_corrected = from.flag();
    remembered.with_client = from.below(6) == 1;
    remembered.hides = from.flag();
    remembered.corrected.clear();
    if remembered.may_be_corrected && from.flag() && !messages.is_empty() {
        let corrected = &messages[from.below(messages.len())];
        remembered.corrected.push(corrected.octets.clone());
    }
}

/// Some sessions.
pub fn run(data: &[u8]) {
    let mut from = Choices::new(data);
    let manners = Manners {
        has_uidl: from.below(8) > 0,
        pipelines: from.flag(),
        truncates: from.below(10) == 1,
        expires: false,
    };
    let mut messages: Vec<Message> = Vec::new();
    let mut remembered = Remembered::default();
    let mut texts: BTreeMap<(String, Vec<u8>), Vec<u8>> = BTreeMap::new();
    for _ in 0..1 + from.below(3) {
        between(&mut from, &mut messages, &mut remembered);
        let corrected = remembered.corrected.clone();
        texts.retain(|(_, octets), _| !corrected.contains(octets));
        let asks = !remembered.with_client || from.flag();
        let remembers = manners.has_uidl && !remembered.fails && asks;
        let truncated = manners.truncates && !messages.is_empty();
        let kind = match (from.below(4) == 0, remembered.fails, manners.has_uidl) {
            (true, false, _) => Kind::Quarantine,
            (true, true, _) => Kind::Unreadable,
            (false, _, true) => Kind::Mailbox,
            (false, _, false) => Kind::WithoutUidl,
        };
        let hiding = Hiding::new(&mut from);
        let refuses = match from.below(5) {
            1 => from.below(messages.len() + 1).checked_sub(1),
            _ => None,
        };
        let setup = Setup {
            remembered: Some(remembered.clone()),
            prefetch: hiding.limits,
            ..with_spam().clone()
        };
        let mailbox = Mailbox {
            messages: &messages,
            remembered: remembers.then_some(&remembered),
            truncated,
            hiding,
            refuses,
            setup: &setup,
        };
        let ahead = mailbox.fetched();
        let (user, seen) = match kind {
            Kind::Mailbox | Kind::WithoutUidl => ("ann", mailbox.view()),
            Kind::Quarantine => ("ann+quarantine", held(&remembered)),
            Kind::Unreadable => ("ann+quarantine", Vec::new()),
        };
        let mut lines = commands(&mut from, user, seen.len());
        if remembered.with_client {
            with_client(&mut lines, asks);
        }
        let manners = Manners {
            expires: hiding.expires,
            ..manners
        };
        let mut server = Server::new(&messages, manners, refuses);
        let mut driven = session(&mut from, &setup, hiding, &mut server, &lines);
        let to_client = std::mem::take(&mut driven.to_client);
        let seen = check(seen, kind, manners.truncates, &lines, to_client);
        driven.assert_octets_add_up();
        let has_quit = lines.last().is_some_and(|line| line == "QUIT");
        // The server of a quarantine's session is left without a command.
        assert_eq!(server.has_quit, has_quit && !kind.is_quarantine());
        let gone = |uidl: &str| {
            seen.iter()
                .any(|it| it.uidl == uidl && it.is_deleted && has_quit)
        };
        if kind == Kind::Mailbox && lines.iter().any(|line| is_about_messages(line)) {
            check_fetched(&ahead, &seen, &server, &driven, hiding);
        }
        let before = std::mem::replace(&mut messages, server.left());
        // What the client has deleted, and what a person had before: without any number told, nothing is.
        let is_recalled = lines.iter().any(|line| is_about_messages(line));
        let discards = has_quit && remembers && !truncated && is_recalled;
        let is_discarded = |message: &Message| {
            let known = setup.remembered.as_ref();
            let known = known.and_then(|it| it.messages.get(message.uidl.as_bytes()));
            let octets = message.octets.len() as u64;
            known.is_some_and(|it| it.is_discarded && it.octets == octets)
        };
        let discards = discards && kind == Kind::Mailbox;
        let wanted = before
            .iter()
            .filter(|it| !(gone(&it.uidl) || discards && is_discarded(it)));
        let left = messages.iter().map(|it| &it.uidl);
        assert!(left.eq(wanted.map(|it| &it.uidl)), "what is deleted");
        let reported = deletions(&driven);
        let fails = remembered.fails;
        let was_held = held(&remembered);
        remembered = driven.remembered.take().unwrap();
        let own = remembered.own.iter();
        for (entry, _) in own {
            assert!(!gone(&entry.uidl.to_string()), "own entry {}", entry.uidl);
        }
        let kept = was_held
            .iter()
            .map(|it| &it.uidl)
            .filter(|uidl| !gone(uidl));
        let is_held = held(&remembered);
        assert!(is_held.iter().map(|it| &it.uidl).eq(kept), "{is_held:?}");
        for uidl in &reported {
            assert!(gone(uidl), "{uidl} is not deleted");
        }
        if !remembers || kind.is_quarantine() {
            continue;
        }
        if !truncated {
            let upstreams = seen.iter().filter(|it| !it.is_own && gone(&it.uidl));
            assert_eq!(upstreams.count(), reported.len(), "{reported:?}");
        }
        // What was sent once is sent in each session, unless memory fails.
        for it in seen
            .iter()
            .filter(|it| it.fetches > 0 && !it.is_own && !fails)
        {
            let original = before.iter().find(|message| message.uidl == it.uidl);
            if let (Text::Known(text), Some(original)) = (&it.text, original)
                && !truncated
                && let Some(before) =
                    texts.insert((it.uidl.clone(), original.octets.clone()), text.clone())
            {
                assert_eq!(shown(&before), shown(text), "{}", it.uidl);
            }
        }
    }
}

/// Messages that popgate has fetched: what is not listed is in quarantine, and nothing was fetched twice.
fn check_fetched(
    ahead: &BTreeSet<usize>,
    seen: &[Seen],
    server: &Server,
    driven: &Driven,
    hiding: Hiding,
) {
    let remembered = driven.remembered.as_ref().unwrap();
    for &place in ahead {
        let message = &server.messages[place];
        let listed = seen.iter().find(|it| it.uidl == message.uidl);
        let Some(listed) = listed else {
            assert!(driven.quarantine.contains(&message.octets), "{message:?}");
            let known = &remembered.messages[message.uidl.as_bytes()];
            assert!(known.is_hidden, "{known:?}");
            assert_eq!(server.given[place], 1, "{message:?}");
            continue;
        };
        if !hiding.spool_fails && !listed.is_refused {
            let most = listed.fetches.max(1) + listed.missed;
            assert!(
                server.given[place] <= most,
                "{message:?} is given {}",
                server.given[place]
            );
        }
    }
}

fn is_about_messages(line: &str) -> bool {
    let verbs = ["STAT", "LIST", "UIDL", "RETR", "DELE"];
    verbs.iter().any(|verb| line.starts_with(verb))
}

/// The unique-ids of the server's messages that were reported as deleted.
fn deletions(driven: &Driven) -> Vec<String> {
    let deleted = driven.events.iter().filter_map(|event| match event {
        Event::UpstreamDeleted(uidls) => Some(uidls.iter().map(Uidl::to_string)),
        _ => None,
    });
    deleted.flatten().collect()
}
