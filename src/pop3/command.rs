//! Commands: parses a client's line, and knows the form of its response.
//!
//! In: one line; out: a [`Command`]. A password is never part of it: the line itself is relayed, and nothing
//! here keeps it.
//!
//! RFC 1939 sections 5 to 7, RFC 2449 section 5, RFC 5034 section 4, RFC 6856 sections 2 and 3.

use super::line::trim_end;
use super::reply::Shape;
use super::{ClientNumber, MessageNumber, UpstreamNumber};

/// The number of body lines of TOP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines(pub u64);

impl Lines {
    /// From this count on TOP asks for the whole message: fetchmail fetches by `TOP n 99999999`, to avoid
    /// marking as read.
    const WHOLE: u64 = 1_000_000;

    /// Whether TOP is used as RETR.
    pub fn means_whole(self) -> bool {
        self.0 >= Self::WHOLE
    }
}

/// One command. `N` says whose message numbers it carries: a client's, or the upstream's once they
/// were mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<N = ClientNumber> {
    /// USER name
    User,
    /// PASS string, spaces included
    Pass,
    /// APOP name digest
    Apop,
    /// AUTH mechanism, with or without the initial response
    Auth {
        /// In capitals.
        mechanism: String,
        /// Whether the line already carries a response.
        initial_response: bool,
    },
    /// AUTH without arguments: Outlook's request for a list of mechanisms
    AuthList,
    /// CAPA
    Capa,
    /// STLS
    Stls,
    /// STAT
    Stat,
    /// LIST, of one message or of all
    List(Option<N>),
    /// UIDL, of one message or of all
    Uidl(Option<N>),
    /// RETR msg
    Retr(N),
    /// TOP msg n
    Top(N, Lines),
    /// DELE msg
    Dele(N),
    /// RSET
    Rset,
    /// NOOP
    Noop,
    /// QUIT
    Quit,
    /// LANG alone, which lists languages (RFC 6856 section 3.2)
    LangList,
    /// A command that popgate knows only by name and by the form of its response
    Known(&'static str, Shape),
    /// An unknown command: its response is assumed to be one line
    Unknown,
    /// A known command with invalid arguments; popgate refuses it with this text
    Refused(&'static str),
    /// Not POP3, such as HTTP from a web page that connects to this port
    Foreign,
}

impl Command<ClientNumber> {
    /// Reads a client's line. Verbs are case-insensitive (RFC 1939 section 3), spaces at the end
    /// are tolerated, and so is a bare LF.
    pub fn parse(line: &[u8]) -> Self {
        let line = trim_end(line);
        let (verb, tail) = match line.iter().position(|&byte| byte == b' ') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &line[line.len()..]),
        };
        // A known verb is at most 14 letters; longer ones are unknown.
        let verb = String::from_utf8_lossy(&verb[..verb.len().min(16)]).to_ascii_uppercase();
        let mut words = tail
            .split(|&byte| byte == b' ' || byte == b'\t')
            .filter(|word| !word.is_empty());
        match verb.trim_end() {
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
            "LIST" => Self::numbered_or_all(words, Self::List),
            "UIDL" => Self::numbered_or_all(words, Self::Uidl),
            "RETR" => Self::numbered(words, Self::Retr),
            "DELE" => Self::numbered(words, Self::Dele),
            "TOP" => {
                let number = words
                    .next()
                    .and_then(MessageNumber::parse)
                    .map(ClientNumber);
                let lines = words.next().and_then(parse_lines);
                match (number, lines, words.next()) {
                    (Some(number), Some(lines), None) => Self::Top(number, lines),
                    _ => Self::Refused("TOP needs a message number and a number of lines"),
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
            verb if !verb.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                Self::Unknown
            }
            _ => Self::Refused("not a POP3 command"),
        }
    }

    fn numbered<'a>(
        mut words: impl Iterator<Item = &'a [u8]>,
        command: impl FnOnce(ClientNumber) -> Self,
    ) -> Self {
        match (words.next().and_then(MessageNumber::parse), words.next()) {
            (Some(number), None) => command(ClientNumber(number)),
            _ => Self::Refused("one message number is needed"),
        }
    }

    fn numbered_or_all<'a>(
        words: impl Iterator<Item = &'a [u8]>,
        command: impl FnOnce(Option<ClientNumber>) -> Self,
    ) -> Self {
        let mut words = words.peekable();
        match words.peek() {
            None => command(None),
            Some(_) => Self::numbered(words, |number| command(Some(number))),
        }
    }
}

impl<N> Command<N> {
    /// The form of the response.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Auth { .. } => Shape::Challenges,
            Self::AuthList
            | Self::Capa
            | Self::List(None)
            | Self::Uidl(None)
            | Self::Retr(_)
            | Self::Top(..)
            | Self::LangList => Shape::LinesIfOk,
            Self::Known(_, shape) => *shape,
            _ => Shape::Line,
        }
    }

    /// The verb for a metric: from a closed set, never the client's text.
    pub fn label(&self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Pass => "pass",
            Self::Apop => "apop",
            Self::Auth { .. } | Self::AuthList => "auth",
            Self::Capa => "capa",
            Self::Stls => "stls",
            Self::Stat => "stat",
            Self::List(_) => "list",
            Self::Uidl(_) => "uidl",
            Self::Retr(_) => "retr",
            Self::Top(..) => "top",
            Self::Dele(_) => "dele",
            Self::Rset => "rset",
            Self::Noop => "noop",
            Self::Quit => "quit",
            Self::LangList | Self::Known(..) | Self::Unknown => "other",
            Self::Refused(_) | Self::Foreign => "bad",
        }
    }

    /// Whether its response is a message, or a part of one.
    pub fn fetches(&self) -> bool {
        matches!(self, Self::Retr(_) | Self::Top(..))
    }

    /// Whether it carries a credential: its response decides the login.
    pub fn is_proof(&self) -> bool {
        matches!(self, Self::Pass | Self::Apop | Self::Auth { .. })
    }

    /// The same command with its message number mapped; `None` where the mapping has none.
    pub fn map_number<M>(self, map: impl FnOnce(N) -> Option<M>) -> Option<Command<M>> {
        Some(match self {
            Self::List(Some(number)) => Command::List(Some(map(number)?)),
            Self::Uidl(Some(number)) => Command::Uidl(Some(map(number)?)),
            Self::Retr(number) => Command::Retr(map(number)?),
            Self::Top(number, lines) => Command::Top(map(number)?, lines),
            Self::Dele(number) => Command::Dele(map(number)?),
            Self::List(None) => Command::List(None),
            Self::Uidl(None) => Command::Uidl(None),
            Self::User => Command::User,
            Self::Pass => Command::Pass,
            Self::Apop => Command::Apop,
            Self::Auth {
                mechanism,
                initial_response,
            } => Command::Auth {
                mechanism,
                initial_response,
            },
            Self::AuthList => Command::AuthList,
            Self::Capa => Command::Capa,
            Self::Stls => Command::Stls,
            Self::Stat => Command::Stat,
            Self::Rset => Command::Rset,
            Self::Noop => Command::Noop,
            Self::Quit => Command::Quit,
            Self::LangList => Command::LangList,
            Self::Known(verb, shape) => Command::Known(verb, shape),
            Self::Unknown => Command::Unknown,
            Self::Refused(why) => Command::Refused(why),
            Self::Foreign => Command::Foreign,
        })
    }
}

impl Command<UpstreamNumber> {
    /// The line for the upstream, without its end, of a command with a message number; other commands are
    /// relayed unchanged.
    pub fn numbered_line(&self) -> Option<String> {
        match self {
            Self::List(Some(UpstreamNumber(number))) => Some(format!("LIST {number}")),
            Self::Uidl(Some(UpstreamNumber(number))) => Some(format!("UIDL {number}")),
            Self::Retr(UpstreamNumber(number)) => Some(format!("RETR {number}")),
            Self::Top(UpstreamNumber(number), Lines(lines)) => {
                Some(format!("TOP {number} {lines}"))
            }
            Self::Dele(UpstreamNumber(number)) => Some(format!("DELE {number}")),
            _ => None,
        }
    }
}

/// Every label that [`Command::label`] can give.
pub const LABELS: &[&str] = &[
    "user", "pass", "apop", "auth", "capa", "stls", "stat", "list", "uidl", "retr", "top", "dele",
    "rset", "noop", "quit", "other", "bad",
];

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
    fn invalid_arguments_are_refused() {
        for line in [
            "RETR",
            "RETR 0",
            "RETR x",
            "RETR 1 2",
            "RETR 4294967296",
            "TOP 1",
            "TOP 1 -1",
            "TOP 1 2 3",
            "LIST 0",
            "DELE",
            "UIDL 1 2",
            "",
            "\x01\x02",
            "XTND XMIT",
        ] {
            let command = Command::parse(line.as_bytes());
            assert!(
                matches!(command, Command::Refused(_)),
                "{line:?} gave {command:?}"
            );
        }
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
        for line in ["USER a", "PASS b", "AUTH", "GET /", "NOOP", "HUH", "RETR"] {
            assert!(LABELS.contains(&Command::parse(line.as_bytes()).label()));
        }
    }
}
