//! The end of messages whose lines do not end in CRLF.
//!
//! Some servers send the lines of a message as they are stored, in bare LF, and `.CRLF` or `.LF` behind them (reports:
//! zetacomponents/Mail 40, node-pop3 27). The strict end, CRLF dot CRLF, never comes, and a client that waits for it
//! fetches the same mail at every poll.
//!
//! # The rule
//!
//! A dot line with another line end before or behind it (a [`LooseEnd`]) is the end if it is the last that was received,
//! and the server then stays silent while popgate reads:
//!
//! - for one second, if every line of the message ends in bare LF, or if the dot itself stands behind a CRLF;
//!   for a quarter of a second, once such an end was confirmed by the response to a later command;
//! - for three seconds, if LF and CRLF are mixed, and the `+OK` line does not say that more is to come;
//! - never for LF dot LF in mixed lines, and never if the stated octets are more than have come, each line counted with
//!   CRLF.
//!
//! Time in which popgate does not read (it writes to a slow client, has no memory, judges) is not silence. If the server
//! closes instead, the end must be one of the first kind.
//!
//! # While several answers are owed
//!
//! To a server that announced PIPELINING and ended its first message in CRLF, dot, CRLF, several commands are on their
//! way (see `pipelining`). If a later message ends loosely, what follows at once may be the next answer or text: nothing
//! tells for sure, and taken for text, several messages would be given to the client as one. So if a loose end that
//! is not ruled out above is the last that was received, or if a line that begins like a status line follows it, the
//! session ends there, without an end for the client and without QUIT. The mailbox's next session has one command at a
//! time on its way (see `session::one_at_a_time`), and fetches the message again.
//!
//! # Why it cannot be abused
//!
//! A mail may contain any octets, so its author can write LF dot CRLF and something that looks like responses behind it.
//! But on a server that sends CRLF, the first lines of each message are the receiving server's own and end in CRLF: the
//! first kind is out of reach for an author, because a dot behind CRLF is always stuffed (RFC 1939 section 3). For the
//! second kind the server has to stop for three seconds just there, which the author cannot cause, and its `+OK` line
//! has to leave the size open. If that happens, nothing comes of it: after such an end commands go up one at a time,
//! each one only after another look whether the server is still silent, and each response must be the last that was
//! received. Whatever else comes (the rest of the message, whose final dot line always precedes the next response) ends
//! the session before it is given to the client, without QUIT, so that no deletion takes effect. The next poll fetches
//! the message again. With several answers owed, an author can end one session, and have the mailbox do without
//! pipelining.
//!
//! Clients that are connected directly take LF dot CRLF and mostly LF dot LF for the end at once.

use std::time::Duration;

use super::event::Event;
use super::input::Framing;
use super::pending::{Pending, Response};
use super::state::Exchange;
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::{LineEnds, LooseEnd};
use crate::pop3::reply::stated_octets;
use crate::session::failure::Failure;

/// Silence after a loose end that no author of mail can make.
const CERTAIN: Duration = Duration::from_secs(1);
/// The same, from a server that has answered a command after such an end.
const CONFIRMED: Duration = Duration::from_millis(250);
/// Silence after a loose end in mixed lines.
const MIXED: Duration = Duration::from_secs(3);

/// How sure a loose end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Certain,
    Mixed,
    /// It is a part of the message.
    Against,
}

impl Evidence {
    fn of(end: LooseEnd, ends: &LineEnds, stated: Option<u64>) -> Self {
        if ends.are_all_bare() || end == LooseEnd::CrlfDotLf {
            return Self::Certain;
        }
        // The final dot line is not counted in what the server states.
        let is_short = stated.is_some_and(|stated| stated > ends.most_octets());
        match end {
            LooseEnd::LfDotLf => Self::Against,
            _ if is_short => Self::Against,
            _ => Self::Mixed,
        }
    }
}

/// Before the first octets of the buffer are taken for a message, of which `ends` was seen, although several answers are
/// owed: fails if they may be more than one.
pub(super) fn check_one_answer(
    ends: &LineEnds,
    stated: Option<u64>,
    buffer: &[u8],
    taken: usize,
) -> Result<(), Failure> {
    let may_end = |end, ends: &LineEnds| Evidence::of(end, ends, stated) != Evidence::Against;
    match ends.answer_may_follow(buffer, taken, may_end) {
        true => Err(Failure::UnclearEnd),
        false => Ok(()),
    }
}

impl Exchange<'_> {
    /// What was received of the message in progress, if it ends loosely: the end, and the silence that confirms it.
    fn loose_end(&self) -> Option<(LooseEnd, Duration)> {
        let upstream = self.upstream.as_ref()?;
        let ends_with = |end: &[u8]| upstream.buffer.ends_with(end);
        let (mut ends, stated) = match &self.response {
            // Nearly always nothing of this kind is there.
            Response::Held(held) if ends_with(b".\r\n") || ends_with(b".\n") => {
                let status = held.status.bytes();
                let ends = LineEnds::after_status(ends_in_bare_lf(status));
                (ends, stated_octets(status))
            }
            Response::Lines(lines) if ends_with(b"\n") => {
                let message = lines.message.as_ref()?;
                (message.ends.clone(), message.stated)
            }
            Response::Discarded(discarded) if ends_with(b"\n") => (discarded.ends.clone(), None),
            _ => return None,
        };
        ends.see(&upstream.buffer);
        let end = ends.loose_end()?;
        let confirmed = upstream.framing == Framing::Silent { confirmed: true };
        let silence = match Evidence::of(end, &ends, stated) {
            Evidence::Against => return None,
            _ if upstream.ended && !ends.are_all_bare() && end != LooseEnd::CrlfDotLf => {
                return None;
            }
            _ if upstream.ended => Duration::ZERO,
            Evidence::Certain if confirmed => CONFIRMED,
            Evidence::Certain => CERTAIN,
            Evidence::Mixed => MIXED,
        };
        Some((end, silence))
    }

    /// How long the upstream must stay silent from now on so that the message has ended.
    pub(super) fn silence_needed(&self) -> Option<Duration> {
        let (_, silence) = self.loose_end()?;
        Some(silence.saturating_sub(self.upstream.as_ref()?.silent()))
    }

    /// Ends the message in progress if the upstream has been silent for long enough; returns whether it has.
    pub(super) fn take_silent_end(&mut self) -> Result<bool, Failure> {
        let Some((end, silence)) = self.loose_end() else {
            return Ok(false);
        };
        let owes_more = self.owes_more();
        let Some(upstream) = &mut self.upstream else {
            return Ok(false);
        };
        if upstream.silent() < silence {
            return Ok(false);
        }
        if owes_more {
            return Err(Failure::UnclearEnd);
        }
        let added = upstream.end_in_crlf(end);
        if !matches!(upstream.framing, Framing::Silent { .. }) {
            upstream.framing = Framing::Silent { confirmed: false };
            self.events.push(Event::SilentEnd);
        }
        upstream.must_look = !upstream.ended;
        self.push_edit(added);
        match &mut self.response {
            Response::Held(held) => held.hold.complete(),
            Response::Lines(lines) => lines.is_complete = true,
            Response::Discarded(discarded) => discarded.is_complete = true,
            _ => {}
        }
        Ok(true)
    }

    /// Whether the upstream owes answers behind the first one.
    pub(super) fn owes_more(&self) -> bool {
        self.pending.iter().skip(1).any(Pending::is_of_upstream)
    }

    /// After a silent end, a response must be the last that was received: fails if more than its octets has come.
    pub(super) fn check_nothing_follows(&self, octets: usize) -> Result<(), Failure> {
        let upstream = self.upstream.as_ref();
        let follows = upstream.is_some_and(|upstream| {
            matches!(upstream.framing, Framing::Silent { .. }) && upstream.buffer.len() > octets
        });
        match follows {
            true => Err(Failure::UpstreamContinued),
            false => Ok(()),
        }
    }

    /// The same for octets that were discarded because nothing is owed.
    pub(super) fn check_nothing_came(&self) -> Result<(), Failure> {
        let upstream = self.upstream.as_ref();
        let framing = upstream.map(|upstream| upstream.framing);
        match framing {
            Some(Framing::Silent { .. }) => Err(Failure::UpstreamContinued),
            _ => Ok(()),
        }
    }

    /// A response has come after a silent end.
    pub(super) fn confirm_silent_end(&mut self) {
        if let Some(upstream) = &mut self.upstream
            && upstream.framing == (Framing::Silent { confirmed: false })
        {
            upstream.framing = Framing::Silent { confirmed: true };
        }
    }

    /// Whether the upstream must be looked at before a command is sent: after a silent end nothing may have come.
    pub(super) fn must_look(&self) -> bool {
        let upstream = self.upstream.as_ref();
        upstream.is_some_and(|upstream| upstream.must_look && !upstream.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evidence_decides_how_long_silence_must_last() {
        use Evidence::{Against, Certain, Mixed};
        let table: &[(&[u8], Option<u64>, Evidence)] = &[
            (b"From: a\n\nHello\n.\r\n", None, Certain),
            (b"From: a\n\nHello\n.\n", None, Certain),
            // A wrong size: every line is LF nevertheless.
            (b"From: a\n\nHello\n.\r\n", Some(999), Certain),
            (b"From: a\r\n\r\nHello\r\n.\n", None, Certain),
            (b"From: a\r\n\r\nHello\n.\r\n", None, Mixed),
            (b"From: a\r\n\r\nHello\n.\r\n", Some(16), Mixed),
            (b"From: a\r\n\r\nHello\n.\r\n", Some(17), Mixed),
            (b"From: a\r\n\r\nHello\n.\r\n", Some(999), Against),
            (b"From: a\r\n\r\nHello\n.\n", None, Against),
        ];
        for (wire, stated, evidence) in table {
            let mut ends = LineEnds::after_status(false);
            ends.see(wire);
            let end = ends.loose_end().unwrap();
            let shown = String::from_utf8_lossy(wire);
            assert_eq!(Evidence::of(end, &ends, *stated), *evidence, "{shown:?}");
        }
    }
}
