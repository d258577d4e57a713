//! Commands: what is known of each, such as the form of its response.
//!
//! `client_line` reads them, `command_line` writes them for the upstream. A password is never part of one:
//! `command_line` takes it from the client's line, and nothing here keeps it.
//!
//! RFC 1939 sections 5 to 7, RFC 2449 section 5, RFC 5034 section 4, RFC 6856 sections 2 and 3.

use super::ClientNumber;
use super::reply::Shape;

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
    /// A command about messages whose arguments popgate cannot read, such as TOP without a count
    Malformed(Malformed),
    /// Not relayed; popgate refuses it with this text
    Refused(&'static str),
    /// Not POP3, such as HTTP from a web page that connects to this port
    Foreign,
}

/// A command about messages whose arguments popgate cannot read: the server decides what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the commands")]
pub enum Malformed {
    List,
    Uidl,
    Retr,
    Top,
    Dele,
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
            Self::Malformed(Malformed::Retr | Malformed::Top) => Shape::LinesIfOk,
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
            Self::List(_) | Self::Malformed(Malformed::List) => "list",
            Self::Uidl(_) | Self::Malformed(Malformed::Uidl) => "uidl",
            Self::Retr(_) | Self::Malformed(Malformed::Retr) => "retr",
            Self::Top(..) | Self::Malformed(Malformed::Top) => "top",
            Self::Dele(_) | Self::Malformed(Malformed::Dele) => "dele",
            Self::Rset => "rset",
            Self::Noop => "noop",
            Self::Quit => "quit",
            Self::LangList | Self::Known(..) | Self::Unknown => "other",
            Self::Refused(_) | Self::Foreign => "bad",
        }
    }

    /// Whether its response is a message, or a part of one.
    pub fn fetches(&self) -> bool {
        matches!(
            self,
            Self::Retr(_) | Self::Top(..) | Self::Malformed(Malformed::Retr | Malformed::Top)
        )
    }

    /// Whether it names messages, or its response does.
    pub fn is_about_messages(&self) -> bool {
        matches!(
            self,
            Self::Stat
                | Self::List(_)
                | Self::Uidl(_)
                | Self::Retr(_)
                | Self::Top(..)
                | Self::Dele(_)
                | Self::Known("LAST" | "XTND", _)
                | Self::Unknown
                | Self::Malformed(_)
        )
    }

    /// Whether messages are deleted by it, or may be.
    pub fn deletes(&self) -> bool {
        matches!(
            self,
            Self::Dele(_) | Self::Quit | Self::Malformed(Malformed::Dele)
        )
    }

    /// Whether its response may have more lines than popgate knows of.
    pub fn may_have_more_lines(&self) -> bool {
        matches!(
            self,
            Self::Unknown | Self::Malformed(Malformed::List | Malformed::Uidl)
        )
    }

    /// Whether it carries a credential: its response decides the login.
    pub fn is_proof(&self) -> bool {
        matches!(self, Self::Pass | Self::Apop | Self::Auth { .. })
    }

    /// The message that it names, if it names one.
    pub fn number(&self) -> Option<&N> {
        match self {
            Self::List(number) | Self::Uidl(number) => number.as_ref(),
            Self::Retr(number) | Self::Top(number, _) | Self::Dele(number) => Some(number),
            _ => None,
        }
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
            Self::Malformed(command) => Command::Malformed(command),
            Self::Refused(why) => Command::Refused(why),
            Self::Foreign => Command::Foreign,
        })
    }
}

/// Every label that [`Command::label`] can give.
pub const LABELS: &[&str] = &[
    "user", "pass", "apop", "auth", "capa", "stls", "stat", "list", "uidl", "retr", "top", "dele",
    "rset", "noop", "quit", "other", "bad",
];
