//! Messages that popgate has fetched before the client asked for them: RETR and TOP are answered without fetching them
//! again.
//!
//! In: RETR or TOP of such a message; out: the same answer as if it had just come from the upstream, since it is decided
//! in the same way. The octets are the driver's to keep. A message is kept until it was sent once.
//!
//! Of the octets that are kept it is open whether they are relayed: they count as removed if the session ends before.

use std::time::Instant;

use bytes::Bytes;

use super::action::{Action, SpoolRequest};
use super::input::FromUpstream;
use super::pending::{Pending, Rereading, Response};
use super::phase::Phase;
use super::retrieval_state::{DOT, Decided, Retrieval};
use super::state::Exchange;
use crate::message::header::header_end;
use crate::pop3::{Command, UpstreamNumber};
use crate::rewrite::top_of;

const DELETED: &[u8] = b"-ERR this message is marked as deleted\r\n";
/// RFC 3206: the client may try again later.
const UNREADABLE: &[u8] = b"-ERR [SYS/TEMP] this message cannot be read now\r\n";

impl Exchange<'_> {
    /// Whether a command is answered with a message that is kept. The first command that fetches all of it takes it.
    pub(super) fn takes_spooled(&mut self, command: &Command<UpstreamNumber>) -> bool {
        let Some(retrieval) = Retrieval::of(command) else {
            return false;
        };
        let Phase::Transaction(transaction) = &mut self.phase else {
            return false;
        };
        let is_whole = retrieval.lines.is_none();
        let message = retrieval.message;
        message.is_some_and(|it| transaction.spooled.claim(it, is_whole))
    }

    /// The turn of such a command has come.
    pub(super) fn read_spooled(&mut self, command: Command<UpstreamNumber>) {
        let message = Retrieval::of(&command).and_then(|it| it.message);
        let transaction = self.phase.transaction();
        let is_deleted = |message| transaction.is_some_and(|it| it.view.is_deleted(message));
        match message {
            Some(message) if !is_deleted(message) => {
                self.response = Response::Rereading(Box::new(Rereading {
                    command,
                    message,
                    is_asked: false,
                }));
            }
            _ => {
                if let Some(message) = message {
                    self.unclaim(message);
                }
                self.output.add(Bytes::from_static(DELETED));
                self.answered();
            }
        }
    }

    /// The message may be asked for again: after RSET it is there.
    fn unclaim(&mut self, message: UpstreamNumber) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.spooled.unclaim(message);
        }
    }

    /// The message that the driver has read, as it came; `None` if it cannot be read.
    pub fn reread(&mut self, wire: Option<Bytes>, now: Instant) {
        self.resume(now);
        let Response::Rereading(rereading) =
            std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        let Rereading {
            command, message, ..
        } = *rereading;
        let Phase::Transaction(transaction) = &mut self.phase else {
            return;
        };
        let (Some(retrieval), Some(wire)) = (Retrieval::of(&command), wire) else {
            let _ = transaction.spooled.remove(message);
            return self.fetch_instead(command);
        };
        let (status, wire) = match retrieval.lines {
            None => {
                let Some(kept) = transaction.spooled.remove(message) else {
                    return self.fetch_instead(command);
                };
                transaction.decided = kept.decided;
                (kept.status, wire)
            }
            Some(lines) => {
                let shown = top_of(&wire.slice(..wire.len() - DOT.len()), lines);
                let shown = Bytes::from([&shown[..], DOT].concat());
                let status = FromUpstream::kept(Bytes::from_static(b"+OK\r\n"));
                // They are not the octets that are kept.
                self.copied(status.len() + shown.len());
                (status, shown)
            }
        };
        self.response = Response::Reread(Box::new(Decided {
            retrieval,
            status,
            rest: None,
            wire: FromUpstream::kept(wire),
            replaces: false,
        }));
    }

    /// A copy of the upstream's octets is relayed: popgate adds as many.
    fn copied(&mut self, octets: usize) {
        self.consumed += octets as u64;
        self.push_edit(octets);
    }

    /// The message is decided as one that has just come.
    pub(super) fn decide_reread(&mut self) -> Option<Action> {
        let Response::Reread(decided) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return None;
        };
        let is_enough = decided.rest.is_none() || header_end(decided.wire.bytes()).is_some();
        let known = self.known(decided.retrieval.message);
        self.decide(*decided, known, None, is_enough)
    }

    /// The message is lost: the upstream still has it. Behind commands that are on their way it would be answered out of
    /// order.
    fn fetch_instead(&mut self, command: Command<UpstreamNumber>) {
        let line = match &command {
            Command::Retr(message) => format!("RETR {}", message.0),
            Command::Top(message, lines) => format!("TOP {} {}", message.0, lines.0),
            _ => String::new(),
        };
        if self.is_response_pending() || line.is_empty() {
            self.output.add(Bytes::from_static(UNREADABLE));
            return self.answered();
        }
        self.push_up(line.as_bytes());
        if let Some(first) = self.pending.front_mut() {
            *first = Pending::Upstream(command);
        }
    }

    /// The request that the driver has not been given yet.
    pub(super) fn spool_request(&mut self) -> Option<Action> {
        match &mut self.response {
            Response::Spooling(spooling) => {
                let request: SpoolRequest = spooling.request.take()?;
                Some(Action::Spool(Box::new(request)))
            }
            Response::Rereading(rereading) if !rereading.is_asked => {
                rereading.is_asked = true;
                let retrieval = Retrieval::of(&rereading.command);
                Some(Action::Reread {
                    message: rereading.message,
                    is_last: retrieval.is_none_or(|it| it.lines.is_none()),
                })
            }
            _ => None,
        }
    }
}
