//! Where a login is refused before it goes up: for what the configuration says of passwords without TLS
//! and of long user names, and for what the quotas say ([`Action::Admit`](super::Action::Admit)).

use super::state::Exchange;
use crate::pop3::{Command, capa};
use crate::session::refusal::Refusal;

impl Exchange<'_> {
    /// What the configuration has against a login that is relayed.
    pub(super) fn login_refusal(&self, command: &Command, line: &[u8]) -> Option<Refusal> {
        let shows_password = match command {
            Command::User | Command::Pass => true,
            Command::Auth { mechanism, .. } => capa::mechanism_shows_secrets(mechanism),
            _ => false,
        };
        let is_named = matches!(command, Command::User | Command::Apop);
        let name = match is_named {
            true => line.len().saturating_sub("USER \r\n".len()),
            false => 0,
        };
        self.plaintext_refusal(shows_password)
            .or_else(|| self.name_refusal(name))
    }

    /// A password that anybody on the way could read is refused.
    pub(super) fn plaintext_refusal(&self, shows_password: bool) -> Option<Refusal> {
        (shows_password && self.client.exposes_passwords()).then_some(Refusal::Plaintext)
    }

    /// A user name of so many octets is refused if it is too long.
    pub(super) fn name_refusal(&self, octets: usize) -> Option<Refusal> {
        (octets > self.config.limits.user_name).then_some(Refusal::NameTooLong)
    }
}

/// Whether the quotas are asked before a command goes up. A session of the mailbox is counted with the
/// proof, not with the name: a client that cannot log in keeps nobody out. The initial response of LOGIN is
/// the name alone.
pub(super) fn needs_admission(command: &Command) -> bool {
    match command {
        Command::Auth {
            mechanism,
            initial_response,
        } => *initial_response && mechanism != "LOGIN",
        command => command.is_proof(),
    }
}
