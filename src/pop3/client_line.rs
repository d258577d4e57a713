//! Reads a client's line as a command.
//!
//! In: one line; out: a [`Command`].
//!
//! Control octets are refused: a server may take a bare CR or a NUL for the end of a line, and then one command is two
//! (`NOOP x<CR>DELE 1`). Everything else that is odd about a known command is for the server to refuse.
//!
//! RFC 1939 section 3, RFC 2449 section 4.

use std::iter::Peekable;

use super::command::Malformed;
use super::line::trim_end;
use super::reply::Shape;
use super::{ClientNumber, Command, Lines, MessageNumber};

impl Command<ClientNumber> {
    /// Reads a client's line. Verbs are case-insensitive (RFC 1939 section 3), spaces at the end
    /// are tolerated, and so is a bare LF.
    pub fn parse(line: &[u8]) -> Self {
        let (verb, tail) = split(line);
        let is_text = |octets: &[u8]| octets.iter().all(u8::is_ascii_graphic);
        if verb.is_empty() || !is_text(verb) {
            return Self::Refused(NOT_POP3);
        }
        // A known verb is at most 7 letters; longer ones are unknown.
        let name = String::from_utf8_lossy(&verb[..verb.len().min(16)]).to_ascii_uppercase();
        let is_refused = match name.as_str() {
            // A password may contain anything else (RFC 1939 section 7).
            "PASS" => tail.iter().any(|octet| matches!(octet, 0 | b'\r')),
            _ => tail
                .iter()
                .any(|octet| octet.is_ascii_control() && *octet != b'\t'),
        };
        if is_refused {
            return Self::Refused(NOT_POP3);
        }
        let mut words = words(tail);
        match name.as_str() {
            "USER" => Self::User,
            // The password is all of the rest, spaces included (RFC 1939 section 7).
            "PASS" => Self::Pass,
            "APOP" => Self::Apop,
            "AUTH" => match words.next() {
                None => Self::AuthList,
                Some(mechanism) => Self::Auth {
                    mechanism: String::from_utf8_lossy(mechanism).to_ascii_uppercase(),
                    initial_response: words.next().is_some(),
                },
            },
            "CAPA" => Self::Capa,
            "STLS" => Self::Stls,
            "STAT" => Self::Stat,
            "LIST" if words.peek().is_none() => Self::List(None),
            "UIDL" if words.peek().is_none() => Self::Uidl(None),
            "LIST" => numbered(words, Malformed::List, |number| Self::List(Some(number))),
            "UIDL" => numbered(words, Malformed::Uidl, |number| Self::Uidl(Some(number))),
            "RETR" => numbered(words, Malformed::Retr, Self::Retr),
            "DELE" => numbered(words, Malformed::Dele, Self::Dele),
            "TOP" => {
                let number = words
                    .next()
                    .and_then(MessageNumber::parse)
                    .map(ClientNumber);
                let lines = words.next().and_then(parse_lines);
                match (number, lines, words.next()) {
                    (Some(number), Some(lines), None) => Self::Top(number, lines),
                    _ => Self::Malformed(Malformed::Top),
                }
            }
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "QUIT" => Self::Quit,
            "LANG" if words.next().is_none() => Self::LangList,
            "LANG" => Self::Known("LANG", Shape::Line),
            "UTF8" => Self::Known("UTF8", Shape::Line),
            "LAST" => Self::Known("LAST", Shape::Line),
            "XTND" => match words.next().map(<[u8]>::to_ascii_uppercase).as_deref() {
                Some(b"XLST") => Self::Known("XTND", Shape::LinesIfOk),
                // The client would then send a message, which the relay of responses does not support.
                Some(b"XMIT") => Self::Refused("XTND XMIT does not pass through this proxy"),
                _ => Self::Unknown,
            },
            "GET" | "POST" | "HEAD" | "PUT" | "OPTIONS" | "CONNECT" | "DELETE" | "PATCH"
            | "HELO" | "EHLO" => Self::Foreign,
            _ => Self::Unknown,
        }
    }
}

const NOT_POP3: &str = "not a POP3 command";

/// A line's verb, and what follows the space or tab behind it, without the line's end.
pub(super) fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let line = trim_end(line);
    match line.iter().position(|&octet| matches!(octet, b' ' | b'\t')) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    }
}

/// The words of a line's arguments.
pub(super) fn words(tail: &[u8]) -> Peekable<impl Iterator<Item = &[u8]>> {
    let words = tail.split(|&octet| matches!(octet, b' ' | b'\t'));
    words.filter(|word| !word.is_empty()).peekable()
}

fn numbered<'a>(
    mut words: impl Iterator<Item = &'a [u8]>,
    malformed: Malformed,
    command: impl FnOnce(ClientNumber) -> Command,
) -> Command {
    match (words.next().and_then(MessageNumber::parse), words.next()) {
        (Some(number), None) => command(ClientNumber(number)),
        _ => Command::Malformed(malformed),
    }
}

fn parse_lines(digits: &[u8]) -> Option<Lines> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Numbers that do not fit mean "all of it", too.
    let text = std::str::from_utf8(digits).ok()?;
    Some(Lines(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop3::command::LABELS;

    fn number(n: u32) -> ClientNumber {
        ClientNumber(MessageNumber::new(n).unwrap())
    }

    #[test]
    fn trap_14_verbs_are_matched_whole_and_in_any_case() {
        let table: &[(&[u8], Command)] = &[
            (b"stat\r\n", Command::Stat),
            (b"STAT  \n", Command::Stat),
            (b"LIST\r\n", Command::List(None)),
            (b"list 3 \r\n", Command::List(Some(number(3)))),
            (b"UIDL 007\r\n", Command::Uidl(Some(number(7)))),
            (b"Retr 12\r\n", Command::Retr(number(12))),
            (b"TOP 1 0\r\n", Command::Top(number(1), Lines(0))),
            (
                b"TOP 1 99999999999999999999999\r\n",
                Command::Top(number(1), Lines(u64::MAX)),
            ),
            (b"USER STAT me\r\n", Command::User),
            (b"AUTH\r\n", Command::AuthList),
            (b"LANG\r\n", Command::LangList),
            (b"LANG de\r\n", Command::Known("LANG", Shape::Line)),
            (
                b"XTND XLST Subject\r\n",
                Command::Known("XTND", Shape::LinesIfOk),
            ),
            (b"XYZZY STAT\r\n", Command::Unknown),
            (b"GET / HTTP/1.1\r\n", Command::Foreign),
        ];
        for (line, expected) in table {
            assert_eq!(
                Command::parse(line),
                *expected,
                "{:?}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn invalid_arguments_are_for_the_server_to_refuse() {
        let table: &[(&str, Malformed)] = &[
            ("RETR", Malformed::Retr),
            ("RETR 0", Malformed::Retr),
            ("RETR x", Malformed::Retr),
            ("RETR 1 2", Malformed::Retr),
            ("RETR 4294967296", Malformed::Retr),
            ("TOP", Malformed::Top),
            ("TOP 1", Malformed::Top),
            ("top 1 -1", Malformed::Top),
            ("TOP 1 2 3", Malformed::Top),
            ("LIST 0", Malformed::List),
            ("DELE", Malformed::Dele),
            ("DELE 1,2", Malformed::Dele),
            ("UIDL 1 2", Malformed::Uidl),
        ];
        for (line, malformed) in table {
            let command = Command::parse(line.as_bytes());
            assert_eq!(command, Command::Malformed(*malformed), "{line:?}");
        }
    }

    #[test]
    fn control_octets_are_refused() {
        for line in [
            &b"NOOP x\rDELE 1\r\n"[..],
            b"NOOP\r\r\n",
            b"NOOP \0",
            b"STAT\0\r\n",
            b"XFOO \x1b[2J",
            b"USER a\x7f",
            b"APOP a\x0b 0",
            b"AUTH PLAIN\rX",
            b"PASS a\rDELE 1\r\n",
            b"PASS a\0\r\n",
            b"\r\n",
            b"",
            b" STAT",
            b"\x16\x03\x01",
            b"\xc3\xa9",
            b"XTND XMIT",
        ] {
            let command = Command::parse(line);
            let shown = String::from_utf8_lossy(line);
            assert!(
                matches!(command, Command::Refused(_)),
                "{shown:?} gave {command:?}"
            );
        }
    }

    #[test]
    fn octets_that_are_not_ascii_pass_in_arguments() {
        assert_eq!(Command::parse(b"USER j\xfcrgen\r\n"), Command::User);
        assert_eq!(Command::parse(b"PASS \x01\x1f\xff\t \r\n"), Command::Pass);
        assert_eq!(Command::parse("XFOO ü".as_bytes()), Command::Unknown);
        assert_eq!(Command::parse(b"RETR\t7\r\n"), Command::Retr(number(7)));
    }

    #[test]
    fn trap_33_a_password_with_spaces_is_one_argument() {
        assert_eq!(Command::parse(b"PASS a  b c \r\n"), Command::Pass);
    }

    #[test]
    fn an_initial_response_of_auth_is_recognized() {
        let with = Command::parse(b"auth plain AGEAYg==\r\n");
        let mechanism = "PLAIN".to_owned();
        assert_eq!(
            with,
            Command::Auth {
                mechanism: mechanism.clone(),
                initial_response: true
            }
        );
        let without = Command::parse(b"AUTH PLAIN\r\n");
        assert_eq!(
            without,
            Command::Auth {
                mechanism,
                initial_response: false
            }
        );
    }

    #[test]
    fn every_label_is_in_the_closed_set() {
        for line in [
            "USER a", "PASS b", "AUTH", "GET /", "NOOP", "HUH", "RETR", "",
        ] {
            assert!(LABELS.contains(&Command::parse(line.as_bytes()).label()));
        }
    }
}
