//! Answers about entries of popgate's own.
//!
//! They are given when their turn comes, so that a DELE or RSET before them counts. RFC 1939 sections 5 to 7.

use std::time::Instant;

use bytes::Bytes;

use super::event::Event;
use super::mailbox_view::{Listing, OwnNumber};
use super::pending::{OwnMessage, Response};
use super::phase::Phase;
use super::recall_state::Recall;
use super::retrieval_state::DOT;
use super::state::{Delivered, Exchange};
use crate::metrics::{Fetch, MessageAction};
use crate::pop3::{Command, Lines, dot};
use crate::rewrite::top_of;

const DELETED: &str = "-ERR this message is marked as deleted\r\n";
/// RFC 3206: the client may try again later.
const UNREADABLE: &str = "-ERR [SYS/TEMP] this message cannot be read now\r\n";

impl Exchange<'_> {
    /// Answers the first pending command, which is about this entry.
    pub(super) fn answer_own(&mut self, command: &Command<OwnNumber>) {
        let Phase::Transaction(transaction) = &mut self.phase else {
            return self.answered();
        };
        let view = &mut transaction.view;
        let line = |place, listing| match view.own_line(place, listing) {
            Some(line) => format!("+OK {line}\r\n"),
            None => DELETED.to_owned(),
        };
        let text = match *command {
            Command::List(Some(place)) => line(place, Listing::List),
            Command::Uidl(Some(place)) => line(place, Listing::Uidl),
            Command::Retr(place) => return self.fetch_own(place, Fetch::Retr, None),
            Command::Top(place, lines) => {
                let lines = (!lines.means_whole()).then_some(lines);
                return self.fetch_own(place, Fetch::Top, lines);
            }
            Command::Dele(place) => match view.own_mut().is_some_and(|own| own.delete(place)) {
                true => "+OK marked to be deleted\r\n".to_owned(),
                false => DELETED.to_owned(),
            },
            _ => "-ERR no such message\r\n".to_owned(),
        };
        self.output.add(Bytes::from(text));
        self.answered();
    }

    fn fetch_own(&mut self, place: OwnNumber, fetch: Fetch, lines: Option<Lines>) {
        let own = self.phase.transaction().and_then(|it| it.view.own());
        let uidl = own
            .and_then(|own| own.shown(place))
            .map(|entry| entry.uidl.clone());
        match uidl {
            Some(uidl) => {
                self.response = Response::OwnMessage(Box::new(OwnMessage {
                    fetch,
                    lines,
                    request: Some(uidl),
                }));
            }
            None => {
                self.output.add(Bytes::from_static(DELETED.as_bytes()));
                self.answered();
            }
        }
    }

    /// The upstream has accepted QUIT: tells the driver which messages of its own the client has deleted.
    pub(super) fn report_upstream_deletions(&mut self) {
        let Some(transaction) = self.phase.transaction() else {
            return;
        };
        let Recall::Done(ids) = &transaction.recall else {
            return;
        };
        let deleted = transaction.view.deleted();
        let deleted: Vec<_> = deleted.filter_map(|number| ids.uidl(number)).collect();
        if !deleted.is_empty() {
            self.event(Event::UpstreamDeleted(deleted));
        }
    }

    /// The client has said QUIT: tells the driver which entries it has deleted.
    pub(super) fn report_own_deletions(&mut self) {
        let own = self.phase.transaction().and_then(|it| it.view.own());
        let deleted = own.map(|own| own.deleted()).unwrap_or_default();
        if !deleted.is_empty() {
            self.event(Event::OwnDeleted(deleted));
        }
    }

    /// The entry that the driver has read, without dot-stuffing. `None` if it cannot be read
    /// now.
    pub fn own_message(&mut self, message: Option<Bytes>, now: Instant) {
        self.resume(now);
        let Response::OwnMessage(fetched) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        let Some(message) = message else {
            self.output.add(Bytes::from_static(UNREADABLE.as_bytes()));
            return self.answered();
        };
        self.release(fetched.fetch, MessageAction::Pass);
        let message = ended(message);
        let status = format!("+OK {} octets\r\n", message.len());
        self.output.add(Bytes::from(status));
        let wire = Bytes::from(dot::stuff(&message).into_owned());
        self.output.add(match fetched.lines {
            Some(lines) => top_of(&wire, lines),
            None => wire,
        });
        self.output.add(Bytes::from_static(DOT));
        self.delivered.push(Delivered {
            fetch: fetched.fetch,
            decided: None,
            first: None,
            turn: self.turn,
        });
        self.answered();
    }
}

/// With a line end at its end, which the final dot line needs before it.
fn ended(message: Bytes) -> Bytes {
    match message.is_empty() || message.ends_with(b"\r\n") {
        true => message,
        false => Bytes::from([&message[..], b"\r\n"].concat()),
    }
}
