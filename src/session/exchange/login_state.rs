//! The state of a login that popgate makes for the client.

use std::collections::VecDeque;

use super::action::UpstreamLogin;
use super::login_method::Method;
use super::mechanism::Mechanism;
use crate::pop3::announced::Announced;
use crate::pop3::{Secret, UserName};

/// Without `<`, so that no client takes it for APOP's timestamp (RFC 1939 section 7).
pub(super) const GREETING: &[u8] = b"+OK popgate is ready\r\n";

/// A login that popgate makes for the client.
#[derive(Debug, Default)]
pub(super) struct LocalLogin {
    /// The name that USER gave.
    pub(super) user: Option<UserName>,
    /// The next response expected from the client in an AUTH exchange.
    pub(super) awaited: Option<Awaited>,
    /// What the client has chosen for the server, once that is known (RFC 6856).
    pub(super) choices: Choices,
    pub(super) attempt: Option<Box<Attempt>>,
}

impl LocalLogin {
    pub(super) fn awaits_response(&self) -> bool {
        self.awaited.is_some()
    }
}

/// What a client may choose before its login (RFC 6856 sections 2 and 3).
#[derive(Debug, Clone, Default)]
pub(super) struct Choices {
    /// The UTF8 command was sent.
    pub(super) utf8: bool,
    /// The argument of LANG.
    pub(super) language: Option<String>,
}

/// A response of a SASL mechanism.
#[derive(Debug)]
pub(super) enum Awaited {
    Plain,
    LoginName,
    /// The user name was sent before it, in base64.
    LoginPassword(Secret),
    Bearer(Mechanism),
}

/// A login in progress on the upstream.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) login: UpstreamLogin,
    pub(super) step: Step,
    /// The server's greeting, which may have APOP's timestamp.
    pub(super) greeting: Vec<u8>,
    /// What it announced, if it knows CAPA.
    pub(super) announced: Option<Announced>,
    /// Commands before the login that are not sent yet.
    pub(super) choices: Choices,
    /// The methods that are not tried yet.
    pub(super) methods: VecDeque<Method>,
    /// Whether the server has the password, or something made of it.
    pub(super) is_sent: bool,
    /// Whether it is the second connection.
    pub(super) is_second: bool,
}

impl Attempt {
    pub(super) fn new(login: UpstreamLogin, choices: Choices) -> Self {
        Self {
            login,
            step: Step::Capa,
            greeting: Vec::new(),
            announced: None,
            choices,
            methods: VecDeque::new(),
            is_sent: false,
            is_second: false,
        }
    }

    /// Whether the server may be connected once more: it cannot have counted a login.
    pub(super) fn may_reconnect(&self) -> bool {
        !self.is_sent && !self.is_second
    }

    /// Whether the server is being asked for its capabilities.
    pub(super) fn asks_capabilities(&self) -> bool {
        matches!(self.step, Step::Capa | Step::Capabilities)
    }
}

/// What the upstream's next line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// CAPA.
    Capa,
    /// The list of capabilities.
    Capabilities,
    /// Nothing: a new connection is being made.
    Reconnecting,
    /// UTF8 or LANG.
    Choice,
    /// USER; the password is sent next.
    User,
    /// AUTH, with nothing of the credentials.
    Auth(AuthStep),
    /// The command or response that decides.
    Last,
    /// The response to an error challenge; the error is next.
    Acknowledged,
}

/// What follows the server's challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthStep {
    Plain,
    LoginName,
    LoginPassword,
    Token,
}
