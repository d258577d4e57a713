//! Sessions of a client that waits for each answer, with reading ahead and without: whatever the client asks for, and however
//! the server's octets come, the client gets the same octets, the quarantine the same messages, and the store the same
//! decisions. The input chooses the messages, the commands, the server's manners and the order in which octets come.
//!
//! - To a server that has not announced PIPELINING one command goes up at a time.
//! - No more messages are asked for ahead than the setting says, none that the store knows, none twice, and none at all where
//!   the server deletes what is fetched.
//! - If the server's connection ends within a message, the client gets the messages before it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use popgate::metrics::ReadAheadOutcome;
use popgate::pop3::dot::stuff;
use popgate::session::exchange::{Event, LoginBy};

use super::choices::Choices;
use super::exchange_driver::{Driven, PLAIN, Setup};
use super::remembered::Remembered;
use super::test_setup::{holding_little, shown, with_spam};

/// What a server is like.
#[derive(Clone, Copy, Debug)]
struct Manners {
    pipelines: bool,
    expires: bool,
    has_capa: bool,
    /// Whether the lines of its messages end in LF.
    lf: bool,
    /// It closes its connection within this message, the first time that it is asked for it.
    breaks_at: Option<usize>,
}

struct Server<'m> {
    messages: &'m [Vec<u8>],
    manners: Manners,
    deleted: Vec<bool>,
    has_broken: bool,
}

impl Server<'_> {
    fn answer(&mut self, line: &str) -> Vec<u8> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = words.get(1).and_then(|word| word.parse::<usize>().ok());
        let place = place.and_then(|number| number.checked_sub(1));
        let place = place.filter(|&it| it < self.messages.len() && !self.deleted[it]);
        let left: Vec<usize> = (0..self.messages.len())
            .filter(|&it| !self.deleted[it])
            .collect();
        let rows = |row: &dyn Fn(usize) -> String| {
            let rows: String = left
                .iter()
                .map(|&it| format!("{} {}\r\n", it + 1, row(it)))
                .collect();
            format!("+OK\r\n{rows}.\r\n").into_bytes()
        };
        let size = |it: usize| self.messages[it].len();
        match (words.as_slice(), place) {
            (["CAPA"], _) if self.manners.has_capa => {
                let mut text = "+OK\r\nTOP\r\n".to_owned();
                if self.manners.pipelines {
                    text.push_str("PIPELINING\r\n");
                }
                if self.manners.expires {
                    text.push_str("EXPIRE 0\r\n");
                }
                (text + ".\r\n").into_bytes()
            }
            (["USER" | "PASS" | "QUIT", ..] | ["NOOP"], _) => b"+OK\r\n".to_vec(),
            (["STAT"], _) => {
                let octets: usize = left.iter().map(|&it| size(it)).sum();
                format!("+OK {} {octets}\r\n", left.len()).into_bytes()
            }
            (["LIST"], _) => rows(&|it| size(it).to_string()),
            (["UIDL"], _) => rows(&|it| format!("uid-{it}")),
            (["LIST", number], Some(it)) => format!("+OK {number} {}\r\n", size(it)).into_bytes(),
            (["RETR", _], Some(it)) => {
                let text = stuff(&self.messages[it]).into_owned();
                self.message(it, text)
            }
            (["TOP", _, lines], Some(it)) => {
                let whole = stuff(&self.messages[it]).into_owned();
                let header = whole.windows(4).position(|part| part == b"\r\n\r\n");
                let text = match (lines, header) {
                    (&"0", Some(end)) => whole[..end + 4].to_vec(),
                    _ => whole,
                };
                self.message(it, text)
            }
            (["DELE", _], Some(it)) => {
                self.deleted[it] = true;
                b"+OK marked\r\n".to_vec()
            }
            (["RSET"], _) => {
                self.deleted.fill(false);
                b"+OK\r\n".to_vec()
            }
            _ => b"-ERR not that\r\n".to_vec(),
        }
    }

    fn message(&mut self, place: usize, mut lines: Vec<u8>) -> Vec<u8> {
        if self.manners.lf {
            lines.retain(|octet| *octet != b'\r');
        }
        let status = format!("+OK {} octets\r\n", lines.len());
        if self.manners.breaks_at == Some(place) {
            self.has_broken = true;
            lines.truncate(lines.len() / 2);
            return [status.as_bytes(), &lines].concat();
        }
        [status.as_bytes(), &lines, b".\r\n"].concat()
    }
}

fn message(from: &mut Choices<'_>) -> Vec<u8> {
    let subject = *from.of(&["hello", "hello", "hello", "zzsubjectzz", "zzsubjectzz"]);
    let mut text = format!(
        "From: a{}@example.org\r\nSubject: {subject}\r\n\r\n",
        from.byte()
    );
    if from.below(5) == 1 {
        text.push_str("zzdropzz\r\n");
    }
    for _ in 0..from.below(4) {
        let line = *from.of(&[".", "..", ".x", "", "text", "+OK", "-ERR [x]"]);
        let _ = write!(text, "{line}\r\n");
    }
    text.into_bytes()
}

/// The client's commands: mostly a fetch in order, with others between.
fn commands(from: &mut Choices<'_>, messages: usize, only_fetches: bool) -> Vec<String> {
    let mut lines = vec!["USER ann".to_owned(), "PASS right".to_owned()];
    lines.push((*from.of(&["STAT", "LIST", "UIDL", "LIST"])).to_owned());
    let mut next = 1 + from.below(2);
    let deletes = from.flag();
    for _ in 0..from.below(24) {
        let number = 1 + from.below(messages + 1);
        let line = match from.below(if only_fetches { 1 } else { 16 }) {
            0..=8 => {
                next += 1;
                if deletes && !only_fetches {
                    lines.push(format!("RETR {}", next - 1));
                    format!("DELE {}", next - 1)
                } else {
                    format!("RETR {}", next - 1)
                }
            }
            9 => format!("RETR {number}"),
            10 => format!("DELE {number}"),
            11 => format!("TOP {number} {}", from.of(&["0", "99999999"])),
            12 => format!("LIST {number}"),
            13 => (*from.of(&["LIST", "UIDL", "STAT", "CAPA"])).to_owned(),
            14 => (*from.of(&["NOOP", "RSET"])).to_owned(),
            _ => (*from.of(&["XYZ", "RETR 1 2", "DELE", "NOOP"])).to_owned(),
        };
        lines.push(line);
    }
    lines.push("QUIT".to_owned());
    lines
}

/// Whether the answer to this command is complete.
fn is_complete(line: &str, answer: &[u8]) -> bool {
    let verb = line.split(' ').next().unwrap_or_default();
    let is_listing = matches!(verb, "LIST" | "UIDL" | "CAPA") && !line.contains(' ');
    let has_lines = matches!(verb, "RETR" | "TOP") || is_listing;
    match has_lines && answer.starts_with(b"+OK") {
        true => answer.windows(5).any(|end| end == b"\r\n.\r\n"),
        false => answer.ends_with(b"\n"),
    }
}

struct Outcome {
    driven: Driven,
    /// Messages that were asked for before the client did.
    ahead: usize,
}

/// One session, of which the octets come in pieces and in an order that the input chooses.
fn session(
    mut from: Choices<'_>,
    setup: &Setup,
    messages: &[Vec<u8>],
    manners: Manners,
    lines: &[String],
) -> Outcome {
    let known: BTreeSet<String> = setup.remembered.iter().flat_map(known_numbers).collect();
    // In hide mode popgate fetches for itself, and later the client's numbers are others than the server's.
    let is_hidden = |it: &Remembered| it.hides || it.messages.values().any(|it| it.is_hidden);
    let has_server_numbers = !setup.remembered.as_ref().is_some_and(is_hidden);
    let mut driven = Driven::new(setup, LoginBy::Client, PLAIN);
    let mut server = Server {
        messages,
        manners,
        deleted: vec![false; messages.len()],
        has_broken: false,
    };
    let mut from_server = b"+OK ready\r\n".to_vec();
    let mut left = lines.iter();
    let (mut line, mut answered) = ("", 0);
    let mut asked = BTreeSet::new();
    let mut under_way: BTreeSet<String> = BTreeSet::new();
    let mut ahead = 0;
    while driven.ended.is_none() {
        while let Some(up) = driven.upstream_line() {
            let up = String::from_utf8(up.to_vec()).unwrap();
            let up = up.trim_end();
            if server.has_broken {
                continue;
            }
            let may_pipeline = manners.has_capa && manners.pipelines;
            assert!(
                from_server.is_empty() || may_pipeline,
                "{up} goes up before a response has come"
            );
            if let Some(number) = up.strip_prefix("RETR ")
                && has_server_numbers
                && !asked.contains(number)
                && up != line
            {
                assert!(
                    !manners.expires || !manners.has_capa,
                    "{up} where messages expire"
                );
                assert!(!known.contains(number), "{up} although the store knows it");
                assert!(under_way.insert(number.to_owned()), "{up} goes up twice");
                ahead += 1;
            }
            // Those that are thrown away make room.
            let unused = driven.events.iter().map(|event| match event {
                Event::ReadAhead(ReadAheadOutcome::Unused, messages) => *messages,
                _ => 0,
            });
            assert!(
                under_way.len() <= setup.read_ahead + unused.sum::<usize>(),
                "{under_way:?} are asked for ahead"
            );
            from_server.extend_from_slice(&server.answer(up));
        }
        let is_answered = match line {
            "" => driven.to_client.ends_with(b"\n"),
            _ => is_complete(line, &driven.to_client[answered..]),
        };
        let is_broken = server.has_broken && from_server.is_empty();
        let client_is_next = match (is_answered && left.len() > 0, from_server.is_empty()) {
            // The client is slow, so that the end is seen before its command.
            (true, true) => true,
            (false, true) if is_broken => {
                driven.upstream_ends();
                continue;
            }
            (false, true) if driven.pass_silence() => continue,
            (false, true) => panic!(
                "{line} is not answered: {:?}",
                shown(&driven.to_client[answered..])
            ),
            (may, false) => may && from.flag(),
        };
        if client_is_next {
            if is_broken {
                driven.upstream_ends();
            }
            answered = driven.to_client.len();
            line = left.next().map_or("", String::as_str);
            if let Some(number) = line.strip_prefix("RETR ") {
                asked.insert(number.to_owned());
                under_way.remove(number);
            }
            driven.client_sends(format!("{line}\r\n").as_bytes());
            if line == "QUIT" && from.flag() {
                driven.client_ends();
            }
        } else {
            let most = *from.of(&[1, 2, 7, 100, 100_000]);
            let piece: Vec<u8> = from_server.drain(..from_server.len().min(most)).collect();
            driven.upstream_sends(&piece);
        }
    }
    Outcome { driven, ahead }
}

/// The numbers of the messages that the mailbox remembers.
fn known_numbers(remembered: &Remembered) -> Vec<String> {
    let ids = remembered.messages.keys();
    let places = ids.filter_map(|id| {
        std::str::from_utf8(id)
            .ok()?
            .strip_prefix("uid-")?
            .parse()
            .ok()
    });
    places.map(|place: usize| (place + 1).to_string()).collect()
}

/// One case. Returns how many messages were asked for ahead.
pub fn compare(data: &[u8]) -> usize {
    let mut from = Choices::new(data);
    let base = match from.below(4) {
        0 => holding_little(),
        _ => with_spam(),
    };
    let messages: Vec<Vec<u8>> = (0..1 + from.below(12))
        .map(|_| message(&mut from))
        .collect();
    let breaks = from.below(6) == 1;
    let manners = Manners {
        pipelines: from.flag(),
        has_capa: from.below(8) != 1,
        expires: from.below(8) == 1,
        lf: from.below(8) == 1,
        breaks_at: breaks.then(|| from.below(messages.len())),
    };
    let read_ahead = *from.of(&[1, 2, 3, 8, 32]);
    let mut remembered = from.flag().then(|| Remembered {
        // TOP of a message in LF that is kept ends in LF.
        hides: from.below(3) == 1 && !manners.lf,
        ..Remembered::default()
    });
    let mut ahead = 0;
    let sessions = 1 + from.below(2);
    for left in (0..sessions).rev() {
        // The last session finds more messages than the one before.
        let messages = &messages[..messages.len() - left * messages.len() / 2];
        let lines = commands(&mut from, messages.len(), breaks);
        let run = |read_ahead| {
            let setup = Setup {
                read_ahead,
                remembered: remembered.clone(),
                ..base.clone()
            };
            session(from, &setup, messages, manners, &lines)
        };
        let (mut without, mut with) = (run(0), run(read_ahead));
        ahead += with.ahead;
        assert_eq!(without.ahead, 0);
        assert_eq!(
            shown(&with.driven.to_client),
            shown(&without.driven.to_client),
            "{manners:?} {lines:?}"
        );
        assert!(
            with.driven.quarantine == without.driven.quarantine,
            "the quarantine differs: {lines:?}"
        );
        let remember = |it: &Driven| format!("{:?}", it.remembered);
        assert_eq!(remember(&with.driven), remember(&without.driven));
        if !breaks {
            assert_eq!(with.driven.ended, Some(Ok("quit")), "{lines:?}");
            with.driven.assert_octets_add_up();
            without.driven.assert_octets_add_up();
        }
        remembered = with.driven.remembered;
        if let Some(remembered) = &mut remembered {
            remembered.hides = false;
        }
    }
    ahead
}

pub fn run(data: &[u8]) {
    let _ = compare(data);
}
