//! The state of a login that popgate makes for the client.

use super::mechanism::Mechanism;
use crate::pop3::Secret;

/// Without `<`, so that no client takes it for APOP's timestamp (RFC 1939 section 7).
pub(super) const GREETING: &[u8] = b"+OK popgate is ready\r\n";

/// A login that popgate makes for the client.
#[derive(Debug, Default)]
pub(super) struct LocalLogin {
    /// The name that USER gave.
    pub(super) user: Option<String>,
    /// The next response expected from the client in an AUTH exchange.
    pub(super) awaited: Option<Awaited>,
    pub(super) attempt: Option<Attempt>,
}

impl LocalLogin {
    pub(super) fn awaits_response(&self) -> bool {
        self.awaited.is_some()
    }
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
    pub(super) mechanism: Mechanism,
    pub(super) user: String,
    pub(super) step: Step,
}

/// The command that the upstream's next response belongs to.
#[derive(Debug)]
pub(super) enum Step {
    /// USER; the password is sent next.
    User(Secret),
    Pass,
    /// AUTH; with the response, if that was not sent yet.
    Auth(Option<Secret>),
}
