//! A login to the quarantine of a mailbox: the user's name with a suffix, and the mailbox's own password.
//!
//! In: the lines of a login; out: the same with the mailbox's name, so that its server verifies the password. Then the
//! server's connection is closed, without a command: no message of the server's is visible, and its mailbox is free for
//! others. The session shows what is held for the mailbox, as RFC 1939 has it: entries whose numbers and sizes are fixed,
//! that DELE marks and QUIT removes.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::action::{Action, End, Proof};
use super::input::ClientLine;
use super::mailbox_view::{Entry, Listing, OwnEntry, OwnNumber};
use super::pending::Pending;
use super::phase::{Opened, Phase, Shows, Transaction};
use super::state::Exchange;
use crate::pop3::suffixed_login::{Suffix, bearer_response, without_suffix};
use crate::pop3::{Command, UserName, capa};

/// The name cannot be changed on the way.
pub(super) const NAME_IS_SIGNED: &[u8] =
    b"-ERR for the quarantine use USER and PASS, or AUTH PLAIN: this mechanism signs the user name\r\n";

/// RFC 3206: the client may try again later.
const UNREADABLE: &[u8] = b"-ERR [SYS/TEMP] the quarantine cannot be read now\r\n";

impl Exchange<'_> {
    /// A command of a client that is not logged in, as the server gets it; `None` if it is answered.
    pub(super) fn with_mailbox_name(
        &mut self,
        command: &Command,
        line: ClientLine,
    ) -> Option<ClientLine> {
        let suffix = self.config.quarantine_suffix;
        if suffix.is_empty() || self.phase.relayed().is_none() {
            return Some(line);
        }
        match self.suffixed_login.command(command, &line.0, suffix) {
            // Another command: the name stays.
            None => Some(line),
            Some(Suffix::None) => {
                self.opens_quarantine = false;
                Some(line)
            }
            Some(Suffix::Removed(without)) => {
                self.opens_quarantine = true;
                Some(client_line(without.reveal()))
            }
            Some(Suffix::Bound) => {
                self.opens_quarantine = false;
                self.after_refused_auth = true;
                self.answer(NAME_IS_SIGNED);
                None
            }
        }
    }

    /// A response of AUTH as the server gets it; `*` cancels the exchange.
    pub(super) fn response_with_mailbox_name(&mut self, line: ClientLine) -> ClientLine {
        let suffix = self.config.quarantine_suffix;
        if suffix.is_empty() {
            return line;
        }
        match self.suffixed_login.response(&line.0, suffix) {
            Suffix::None => line,
            Suffix::Removed(without) => {
                self.opens_quarantine = true;
                client_line(without.reveal())
            }
            Suffix::Bound => {
                self.cancels_login = true;
                client_line(b"*")
            }
        }
    }

    /// A login that popgate makes for the client, with the name of the mailbox.
    pub(super) fn mailbox_of_login(&mut self, user: UserName, proof: Proof) -> (UserName, Proof) {
        let suffix = self.config.quarantine_suffix;
        let name = without_suffix(user.octets(), suffix).and_then(|it| UserName::new(&it));
        self.opens_quarantine = name.is_some();
        let Some(name) = name else {
            return (user, proof);
        };
        let proof = match proof {
            Proof::Bearer(mechanism, response) => {
                let without = bearer_response(response.reveal(), suffix);
                Proof::Bearer(mechanism, without.unwrap_or(response))
            }
            password @ Proof::Password(_) => password,
        };
        (name, proof)
    }

    /// Asks the driver for the quarantine, once the user is logged in.
    pub(super) fn open_quarantine(&mut self) -> Option<Action> {
        match &mut self.phase {
            Phase::Transaction(transaction)
                if transaction.shows == Shows::Quarantine(Opened::Unasked) =>
            {
                transaction.shows = Shows::Quarantine(Opened::Asked);
                Some(Action::OpenQuarantine)
            }
            _ => None,
        }
    }

    /// What is held for the mailbox, the oldest first; `None` if that cannot be read now. The server is not needed any
    /// more.
    pub fn quarantine_opened(&mut self, held: Option<Vec<OwnEntry>>, now: Instant) {
        self.now = now;
        self.disconnect();
        if let Phase::Transaction(transaction) = &mut self.phase
            && transaction.shows == Shows::Quarantine(Opened::Asked)
        {
            transaction.shows = Shows::Quarantine(match held.is_some() {
                true => Opened::Yes,
                false => Opened::No,
            });
            transaction.view.append(0, held.unwrap_or_default());
        }
    }

    /// Whether the session shows a quarantine: all commands are answered without the server.
    pub(super) fn shows_quarantine(&self) -> bool {
        let shows = self.phase.transaction().map(|it| it.shows);
        matches!(shows, Some(Shows::Quarantine(_)))
    }

    /// Whether the next command waits until it is known what is held.
    pub(super) fn is_opening_quarantine(&self) -> bool {
        let shows = self.phase.transaction().map(|it| it.shows);
        matches!(
            shows,
            Some(Shows::Quarantine(Opened::Unasked | Opened::Asked))
        )
    }

    /// Queues the answer to a command in such a session.
    pub(super) fn take_quarantine_command(&mut self, command: Command) {
        let Some(transaction) = self.phase.transaction() else {
            return;
        };
        let is_unreadable = transaction.shows == Shows::Quarantine(Opened::No);
        if is_unreadable && command.is_about_messages() {
            return self.answer(UNREADABLE);
        }
        let view = &transaction.view;
        let command = command.map_number(|number| match view.entry(number)? {
            Entry::Own(place) => Some(place),
            Entry::Upstream(_) => None,
        });
        let Some(command) = command else {
            return self.answer(b"-ERR no such message\r\n");
        };
        self.fetching += usize::from(command.fetches());
        self.push_pending(Pending::OwnEntry(command));
    }

    /// Answers the first pending command.
    pub(super) fn answer_quarantine(&mut self, command: &Command<OwnNumber>) {
        let Phase::Transaction(transaction) = &mut self.phase else {
            return self.answered();
        };
        let text = match command {
            Command::Quit => {
                self.report_own_deletions();
                self.ending = Some(End::Quit);
                "+OK bye\r\n".to_owned()
            }
            Command::Noop => "+OK\r\n".to_owned(),
            Command::Capa => format!("+OK\r\n{}.\r\n", capa::of_quarantine()),
            Command::Rset => {
                transaction.view.reset();
                "+OK\r\n".to_owned()
            }
            Command::Stat => {
                let (messages, octets) = transaction.view.totals(0, 0);
                format!("+OK {messages} {octets}\r\n")
            }
            Command::List(None) => rows(transaction, Listing::List),
            Command::Uidl(None) => rows(transaction, Listing::Uidl),
            _ => "-ERR invalid command\r\n".to_owned(),
        };
        self.output.add(Bytes::from(text));
        self.answered();
    }
}

fn rows(transaction: &Transaction, listing: Listing) -> String {
    let view = &transaction.view;
    let places = view.own().into_iter().flat_map(|own| own.places());
    let rows = places.filter_map(|place| view.own_line(place, listing));
    let rows: String = rows.map(|row| row + "\r\n").collect();
    format!("+OK\r\n{rows}.\r\n")
}

fn client_line(text: &[u8]) -> ClientLine {
    let mut line = BytesMut::with_capacity(text.len() + 2);
    line.extend_from_slice(text);
    line.extend_from_slice(b"\r\n");
    ClientLine(line)
}
