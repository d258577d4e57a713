//! Checks before a login is sent upstream: the configuration's on passwords without TLS and long user names,
//! and the quotas' ([`Action::Admit`](super::Action::Admit)).

use super::state::Exchange;
use crate::pop3::{Command, capa, sasl};
use crate::session::refusal::Refusal;

impl Exchange<'_> {
    /// Checks a relayed login against the configuration.
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

    /// Whether a line is the response to a challenge that was never sent, because AUTH was refused: it may have a
    /// password in it, and goes to nobody. It is answered.
    pub(super) fn is_late_response(&mut self, command: &Command, line: &[u8]) -> bool {
        let is_command = !matches!(command, Command::Unknown | Command::Refused(_));
        if is_command || !self.phase.is_authorization() {
            self.after_refused_auth = false;
        }
        let is_late = self.after_refused_auth && sasl::may_be_response(line);
        if is_late {
            self.rejected_commands += 1;
            self.answer(b"-ERR AUTH was refused\r\n");
        }
        is_late
    }

    /// Refuses a password that could be read on the network.
    pub(super) fn plaintext_refusal(&self, shows_password: bool) -> Option<Refusal> {
        (shows_password && self.client.exposes_passwords()).then_some(Refusal::Plaintext)
    }

    /// Refuses a user name of this length if it is too long.
    pub(super) fn name_refusal(&self, octets: usize) -> Option<Refusal> {
        (octets > self.config.limits.user_name).then_some(Refusal::NameTooLong)
    }
}

/// Whether the quotas are asked before a command is sent upstream. A session of the mailbox is counted with the
/// credential, not with the user name, so that a client that cannot log in does not lock out the user. The
/// initial response of LOGIN is the name alone.
pub(super) fn needs_admission(command: &Command) -> bool {
    match command {
        Command::Auth {
            mechanism,
            initial_response,
        } => *initial_response && mechanism != "LOGIN",
        command => command.is_proof(),
    }
}
