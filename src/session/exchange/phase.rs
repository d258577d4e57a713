//! The state of the session (RFC 1939 section 3), with the data that belongs to each.

use std::sync::Arc;
use std::time::Instant;

use super::ahead_state::Ahead;
use super::early_copy::Relayed;
use super::event::DecidedMessage;
use super::listing_answers::ListingAnswers;
use super::login_state::LocalLogin;
use super::mailbox_view::MailboxView;
use super::pending::Response;
use super::recall_state::{Discards, Recall};
use super::spooled_state::Spooled;
use super::verdicts::Verdicts;
use crate::pop3::{LoginName, Secret};

/// AUTHORIZATION or TRANSACTION.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nobody is logged in.
    Authorization {
        /// The deadline for the login.
        deadline: Instant,
        /// Who logs in to the upstream.
        login: Login,
    },
    /// A user is logged in.
    Transaction(Box<Transaction>),
}

/// Who logs in to the upstream.
#[derive(Debug)]
pub(super) enum Login {
    /// The client, whose commands are relayed.
    Relayed(RelayedLogin),
    /// popgate, once it knows the user: the user name selects the server, or a token replaces the password.
    Local(LocalLogin),
}

/// A login whose commands are relayed.
#[derive(Debug, Default)]
pub(super) struct RelayedLogin {
    pub(super) name: LoginName,
    /// Whether the last USER asked for the quarantine, which counts again after another login was refused.
    pub(super) user_opens_quarantine: bool,
    /// Whether a user name was sent to the upstream.
    pub(super) user_sent: bool,
    /// The initial response of AUTH, which is sent after the upstream's challenge.
    pub(super) initial_response: Option<Secret>,
    /// Whether a challenge of the AUTH exchange was answered.
    pub(super) responded: bool,
}

/// What a session shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Shows {
    /// The mailbox.
    #[default]
    Mailbox,
    /// Its quarantine.
    Quarantine(Opened),
}

/// Whether the quarantine is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// The driver was not asked yet.
    Unasked,
    /// The driver is asked.
    Asked,
    /// It is the view's.
    Yes,
    /// It cannot be read.
    No,
}

/// What a logged-in session knows.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The user's name, if the mechanism exposes it.
    pub(super) user: Option<Arc<str>>,
    pub(super) view: MailboxView,
    pub(super) verdicts: Verdicts,
    pub(super) recall: Recall,
    pub(super) shows: Shows,
    pub(super) discards: Discards,
    /// Messages that were fetched before the client has asked for them.
    pub(super) spooled: Spooled,
    /// Messages that are read ahead of the client's commands.
    pub(super) ahead: Ahead,
    /// Answers to STAT, LIST and UIDL that have come before the client has asked for them.
    pub(super) listing_answers: ListingAnswers,
    /// The progress of the one that arrives, while an answer that needs no server is given before it.
    pub(super) suspended: Option<Box<Response>>,
    /// Whether the server was seen to write unique-ids into messages.
    pub(super) writes_uidl: bool,
    /// The decision on the message that is being sent, if it is to be remembered.
    pub(super) decided: Option<Box<DecidedMessage>>,
    /// A message that was relayed before it was judged, and is judged once the client has it.
    pub(super) relayed: Option<Box<Relayed>>,
}

impl Phase {
    pub(super) fn transaction(&self) -> Option<&Transaction> {
        match self {
            Self::Transaction(transaction) => Some(transaction),
            Self::Authorization { .. } => None,
        }
    }

    pub(super) fn is_authorization(&self) -> bool {
        matches!(self, Self::Authorization { .. })
    }

    /// Whether the session is waiting for a login by popgate.
    pub(super) fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Authorization {
                login: Login::Local(_),
                ..
            }
        )
    }

    pub(super) fn relayed(&mut self) -> Option<&mut RelayedLogin> {
        match self {
            Self::Authorization {
                login: Login::Relayed(login),
                ..
            } => Some(login),
            _ => None,
        }
    }

    pub(super) fn local(&mut self) -> Option<&mut LocalLogin> {
        match self {
            Self::Authorization {
                login: Login::Local(login),
                ..
            } => Some(login),
            _ => None,
        }
    }

    pub(super) fn local_login(&self) -> Option<&LocalLogin> {
        match self {
            Self::Authorization {
                login: Login::Local(login),
                ..
            } => Some(login),
            _ => None,
        }
    }

    /// The name of the user who is, or may soon be, logged in.
    pub(super) fn user(&self) -> Option<&Arc<str>> {
        match self {
            Self::Authorization {
                login: Login::Relayed(login),
                ..
            } => login.name.name(),
            Self::Authorization { .. } => None,
            Self::Transaction(transaction) => transaction.user.as_ref(),
        }
    }
}
