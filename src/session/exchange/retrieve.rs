//! RETR and TOP: hold the message, have it judged, decide, rewrite, release.
//!
//! The outcome is fixed before the first byte is sent and does not change afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::action::{
    Action, AsksOthers, HeldBack, JudgeRequest, Judgement, QuarantineRequest, TakenFor,
};
use super::event::{DecidedMessage, Event};
use super::hold::{Hold, Next};
use super::input::FromUpstream;
use super::pending::{Discarded, Expected, Held, Lines, Loading, Quarantining, Response, Streamed};
use super::phase::Phase;
use super::retrieval_state::{AskedFor, Decided, Retrieval};
use super::silent_end::check_one_answer;
use super::state::Exchange;
use super::verdicts::{Decision, Finding, Judged, Known, KnownMark, Stored, Verdicts};
use crate::config::HeaderMode;
use crate::filter::{Action as FilterAction, HeaderStage, Verdict};
use crate::message::MessageDigest;
use crate::message::header::header_end;
use crate::metrics::{Fetch, MessageAction, UnscannedReason};
use crate::pop3::dot::{self, EndOfAnswer};
use crate::pop3::line::ends_in_bare_lf;
use crate::pop3::line_ends::LineEnds;
use crate::pop3::reply::stated_octets;
use crate::pop3::{Command, UpstreamNumber};
use crate::rewrite::top_of;
use crate::session::failure::Failure;

/// Counted from the turn of the command, so that the client gets the first byte within 20 seconds.
pub(super) const FIRST_BYTE: Duration = Duration::from_secs(19);

impl Exchange<'_> {
    /// The upstream answered `+OK`; the message follows.
    pub(super) fn begin_retrieval(
        &mut self,
        command: &Command<UpstreamNumber>,
        status: FromUpstream,
    ) {
        let Some(retrieval) = Retrieval::of(command) else {
            return;
        };
        let known = match (self.config.judges, self.phase.transaction()) {
            (false, _) => Some(Decision::Pass),
            (true, transaction) => transaction.and_then(|it| it.verdicts.get(retrieval.message?)),
        };
        let ends = LineEnds::after_status(ends_in_bare_lf(status.bytes()));
        self.response = match known {
            Some(Decision::Pass) if !self.checks_corrections() => {
                self.release(retrieval.fetch, MessageAction::Pass);
                let message = Streamed::new(retrieval, &status);
                self.relay_line(status);
                Response::Lines(Lines::of_message(EndOfAnswer::new(), message))
            }
            Some(Decision::Notice(text)) if !self.checks_corrections() => {
                Response::Discarded(Box::new(Discarded {
                    retrieval,
                    end: EndOfAnswer::new(),
                    ends,
                    is_complete: false,
                    notice: Some(match retrieval.lines {
                        Some(lines) => top_of(&text, lines),
                        None => text,
                    }),
                }))
            }
            Some(Decision::Stored(digest)) => {
                match retrieval.message.zip(self.uidl(retrieval.message)) {
                    Some((message, uidl)) => Response::Loading(Box::new(Loading {
                        retrieval,
                        message,
                        digest,
                        status,
                        request: Some(uidl),
                    })),
                    None => self.hold(retrieval, status, None),
                }
            }
            Some(Decision::Recalled(digest)) => {
                let decision = Stored::Unchanged;
                let expected = Box::new(Expected { digest, decision });
                self.hold(retrieval, status, Some(expected))
            }
            Some(Decision::Mark | Decision::Pass | Decision::Notice(_)) | None => {
                self.hold(retrieval, status, None)
            }
        };
    }

    pub(super) fn hold(
        &self,
        retrieval: Retrieval,
        status: FromUpstream,
        expected: Option<Box<Expected>>,
    ) -> Response {
        Response::Held(Box::new(Held {
            expected,
            retrieval,
            status,
            hold: Hold::new(self.config.hold, self.turn),
            header: 0,
        }))
    }

    /// The decision on a message that is held although it is known.
    pub(super) fn known(&self, message: Option<UpstreamNumber>) -> Option<KnownMark> {
        let verdicts = &self.phase.transaction()?.verdicts;
        match verdicts.get(message?)? {
            Decision::Pass => Some(KnownMark::None),
            _ => verdicts.mark(message?),
        }
    }

    /// Whether a person may have corrected decisions of earlier sessions.
    fn checks_corrections(&self) -> bool {
        let transaction = self.phase.transaction();
        transaction.is_some_and(|it| it.verdicts.may_be_corrected())
    }

    /// Examines the held message, and decides when it is complete or at a limit.
    pub(super) fn take_held(&mut self) -> Result<Option<Action>, Failure> {
        let owes_more = self.owes_more();
        let (Response::Held(held), Some(upstream)) = (&mut self.response, &self.upstream) else {
            return Ok(None);
        };
        let message = held.retrieval.message;
        let is_read_ahead = held.retrieval.is_read_ahead();
        let (taken, whole) = match held.hold.look(&upstream.buffer, self.now) {
            Next::Wait if held.is_verified(&upstream.buffer) => (held.hold.seen(), false),
            Next::Wait | Next::Part(_) if is_read_ahead => {
                self.check_read_ahead();
                return Ok(None);
            }
            Next::Wait => return Ok(None),
            Next::Header(end) => {
                held.header = end;
                let is_known = held.expected.is_some() || self.known(message).is_some();
                return Ok((!is_known).then_some(Action::JudgeHeader));
            }
            Next::Part(_) if held.retrieval.is_for_listing() => {
                self.skip_prefetched();
                return Ok(None);
            }
            Next::Part(taken) => (taken, false),
            Next::Whole(taken) => (taken, true),
        };
        let status = held.status.bytes();
        let ends = LineEnds::after_status(ends_in_bare_lf(status));
        if owes_more {
            check_one_answer(&ends, stated_octets(status), &upstream.buffer, taken)?;
        }
        // A partial header is not judged: the verdict would be remembered for the whole message.
        let is_enough = whole
            || taken == self.config.hold.bytes
            || header_end(&upstream.buffer[..taken]).is_some();
        // What may be the end of a message in bare LF is given its CRLF when that is known.
        let kept = match whole {
            true => 0,
            false => ends.may_be_end(&upstream.buffer[..taken]),
        };
        if whole {
            self.check_nothing_follows(taken)?;
            self.note_strict_end();
        }
        let taken = taken - kept;
        let wire = self.consume(taken);
        let Response::Held(held) = std::mem::replace(&mut self.response, Response::Status) else {
            return Ok(None);
        };
        self.count(taken)?;
        let expected = held.expected;
        let (header, mut end) = held.hold.finish();
        if kept > 0 {
            end = EndOfAnswer::new();
            let _ = end.find(wire.bytes());
        }
        let decided = Decided {
            retrieval: held.retrieval,
            status: held.status,
            rest: (!whole).then_some(end),
            wire,
            replaces: false,
        };
        self.note_written_id(message, decided.wire.bytes());
        let known = match expected {
            Some(expected) => self.verified(*expected, &decided),
            None => self.known(message),
        };
        if decided.retrieval.is_for_listing() && self.is_past_prefetch() {
            self.keep_prefetched(decided, false);
            return Ok(None);
        }
        if is_read_ahead {
            return Ok(self.request_verdict(decided, header, None));
        }
        Ok(self.decide(decided, known, header, is_enough))
    }

    /// Decides on a message, of which `header` was judged already.
    pub(super) fn decide(
        &mut self,
        decided: Decided,
        known: Option<KnownMark>,
        header: Option<HeaderStage>,
        is_enough: bool,
    ) -> Option<Action> {
        // A few lines do not tell which message was corrected.
        let is_checked =
            self.checks_corrections() && is_enough && decided.retrieval.lines.is_none();
        match known {
            Some(known) if is_checked => {
                self.request_verdict(decided, None, Some(known.taken_for()))
            }
            Some(known) => {
                self.send_known(decided, known);
                None
            }
            None if is_enough => self.request_verdict(decided, header, None),
            None => {
                self.finish(decided, Finding::Unscanned(UnscannedReason::HoldTimeout));
                None
            }
        }
    }

    /// What an earlier session has decided, if it was about this message.
    fn verified(&mut self, expected: Expected, decided: &Decided) -> Option<KnownMark> {
        let Expected { digest, decision } = expected;
        let message = decided.retrieval.message?;
        let text = decided.text();
        // TOP shows the header, and how much more is up to the server.
        if decided.retrieval.lines.is_some() {
            let is_same = header_end(&text).is_some() && digest.matches_header(&text);
            return is_same.then(|| decision.into());
        }
        if digest.matches(&text, decided.is_whole()) != Some(true) {
            self.forget_recalled(message, Known::No);
            return None;
        }
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.verdicts.adopt(message, decision.clone());
        }
        Some(decision.into())
    }

    /// The header of the held message, for [`Action::JudgeHeader`].
    pub fn held_header(&self) -> &[u8] {
        match (&self.response, &self.upstream) {
            (Response::Held(held), Some(upstream)) => &upstream.buffer[..held.header],
            _ => &[],
        }
    }

    fn send_known(&mut self, decided: Decided, known: KnownMark) {
        match known {
            KnownMark::None => self.send_unchanged(decided),
            KnownMark::Judged(judged) => self.send_marked(decided, judged),
            KnownMark::Text(text, action) => self.send_with_mark(decided, action, &text),
            KnownMark::Notice(text) => self.send_known_notice(decided, text),
        }
    }

    fn send_known_notice(&mut self, decided: Decided, text: Bytes) {
        let retrieval = decided.retrieval;
        let notice = match retrieval.lines {
            Some(lines) => top_of(&text, lines),
            None => text,
        };
        let Some(end) = decided.rest else {
            return self.send_notice(retrieval, notice);
        };
        let mut ends = LineEnds::after_status(ends_in_bare_lf(decided.status.bytes()));
        ends.see(decided.wire.bytes());
        self.response = Response::Discarded(Box::new(Discarded {
            retrieval,
            end,
            ends,
            is_complete: false,
            notice: Some(notice),
        }));
    }

    fn request_verdict(
        &mut self,
        mut decided: Decided,
        header: Option<HeaderStage>,
        known: Option<TakenFor>,
    ) -> Option<Action> {
        let request = JudgeRequest {
            header,
            known,
            text: decided.text(),
            held: decided.wire.len(),
            asks: match decided.is_whole() && decided.retrieval.fetch == Fetch::Retr {
                true => AsksOthers::OfWhole,
                false => AsksOthers::OfPart,
            },
            deadline: self.due(decided.retrieval),
        };
        // If it is judged anew although it is known, a person has corrected what was decided.
        decided.replaces = known.is_some();
        self.response = Response::Judging(Box::new(decided));
        Some(Action::Judge(Box::new(request)))
    }

    /// The deadline for what is decided on a message.
    fn due(&mut self, retrieval: Retrieval) -> Instant {
        match retrieval.asked {
            AskedFor::Listing => self.prefetch_due(),
            AskedFor::NextCommand => Some(self.now + FIRST_BYTE),
            AskedFor::Client => None,
        }
        .unwrap_or(self.turn + FIRST_BYTE)
    }

    /// The filter's result.
    pub fn judged(&mut self, judgement: Judgement, now: Instant) {
        self.resume(now);
        if let Some(decided) = self.take_relayed() {
            return self.relayed_judged(&decided, judgement);
        }
        let Response::Judging(decided) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        if decided.retrieval.is_read_ahead() {
            return self.keep_read_ahead(*decided, judgement);
        }
        let finding = match judgement {
            Judgement::Unscanned(reason) => Finding::Unscanned(reason),
            Judgement::NotCorrected => {
                let known = self.known(decided.retrieval.message);
                return self.send_known(*decided, known.unwrap_or(KnownMark::None));
            }
            Judgement::Judged(verdict) => match verdict.action {
                FilterAction::Pass => Finding::Ham(verdict),
                // Only complete messages can be quarantined, and TOP may be incomplete: some servers truncate
                // it at 64 KiB. Others are tagged instead.
                FilterAction::Drop
                    if decided.is_whole() && decided.retrieval.fetch == Fetch::Retr =>
                {
                    return self.hold_back(*decided, verdict);
                }
                FilterAction::Tag | FilterAction::Drop => Finding::Spam(verdict),
            },
        };
        self.finish(*decided, finding);
    }

    /// The original must be on disk before anything is sent to the client.
    fn hold_back(&mut self, decided: Decided, verdict: Verdict) {
        let id = (self.config.new_id)();
        let request = QuarantineRequest {
            id,
            uidl: self.uidl(decided.retrieval.message),
            text: decided.text(),
            verdict: verdict.clone(),
            hidden: decided.retrieval.is_for_listing(),
            deadline: self.due(decided.retrieval),
        };
        let finding = Finding::Spam(verdict);
        self.response = Response::Quarantining(Box::new(Quarantining {
            decided,
            judged: Judged { id, finding },
            request: Some(request),
        }));
    }

    /// The request to the quarantine, if it was not issued yet.
    pub(super) fn quarantine_request(&mut self) -> Option<QuarantineRequest> {
        match &mut self.response {
            Response::Quarantining(held) => held.request.take(),
            _ => None,
        }
    }

    /// The quarantine's result: the notice that replaces the message, or `None` if the message could not be
    /// stored and is tagged instead.
    pub fn quarantined(&mut self, held: Option<HeldBack>, now: Instant) {
        self.resume(now);
        let Response::Quarantining(quarantining) =
            std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        let Quarantining {
            decided, judged, ..
        } = *quarantining;
        let Some(HeldBack { id, notice }) = held else {
            return self.finish_as(decided, judged);
        };
        if decided.retrieval.is_for_listing() {
            return self.hide_prefetched(&decided, id, judged);
        }
        let was = dot::unstuff(&decided.text()).len();
        let is = dot::unstuff(&notice).len();
        let grown = is as i64 - was as i64;
        if let Phase::Transaction(transaction) = &mut self.phase
            && let Some(message) = decided.retrieval.message
        {
            transaction.view.grow(message, grown);
            transaction.verdicts.insert_notice(message, notice.clone());
        }
        let stored = Stored::Notice(notice.clone());
        self.remember(&decided, id, judged.finding, stored, grown);
        self.send_notice(decided.retrieval, notice);
    }

    /// Sends a message according to its verdict, and remembers that.
    fn finish(&mut self, decided: Decided, finding: Finding) {
        // A verdict on a part of the message says so even on mail that passes, but not where the rest makes no difference:
        // such a message may be on its way to the client before it is judged.
        let passes = matches!(
            &finding,
            Finding::Ham(verdict) if verdict.partial.is_none() || verdict.passes_by_header
        );
        if passes && self.config.style.headers != HeaderMode::Always {
            self.note_passed(&decided, finding);
            return self.send_unchanged(decided);
        }
        let id = (self.config.new_id)();
        self.finish_as(decided, Judged { id, finding });
    }

    /// Remembers that a message is relayed unchanged.
    pub(super) fn note_passed(&mut self, decided: &Decided, finding: Finding) {
        let Some((message, verdicts)) = self.remembers(decided) else {
            return;
        };
        verdicts.pass(message);
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.view.grow(message, 0);
        }
        if self.uidl(Some(message)).is_some() {
            let id = (self.config.new_id)().to_string().into();
            self.remember(decided, id, finding, Stored::Unchanged, 0);
        }
    }

    /// Sends a message with a mark, and remembers that.
    fn finish_as(&mut self, decided: Decided, judged: Judged) {
        match judged.finding {
            // A message that could not be judged is judged again when it is fetched again.
            Finding::Unscanned(reason) => self.event(Event::Unscanned(reason)),
            _ => {
                if let Some((message, verdicts)) = self.remembers(&decided) {
                    verdicts.insert_mark(message, &judged);
                }
            }
        }
        self.send_marked(decided, judged);
    }

    /// Keeps what was decided until the client has the message, if the mailbox is remembered.
    pub(super) fn remember(
        &mut self,
        decided: &Decided,
        id: Arc<str>,
        finding: Finding,
        decision: Stored,
        grown: i64,
    ) {
        let (Finding::Spam(verdict) | Finding::Ham(verdict)) = finding else {
            return;
        };
        let message = decided.retrieval.message;
        let (Some(message), Some(uidl)) = (message, self.uidl(message)) else {
            return;
        };
        let text = decided.text();
        let octets = decided.is_whole().then(|| dot::unstuff(&text).len() as u64);
        if let Phase::Transaction(transaction) = &mut self.phase {
            let replaces = decided.replaces || transaction.verdicts.is_outdated(message);
            transaction.decided = Some(Box::new(DecidedMessage {
                uidl,
                id,
                verdict,
                decision,
                grown,
                digest: MessageDigest::of(&text, decided.is_whole()),
                octets_upstream: stated_octets(decided.status.bytes()).or(octets),
                replaces,
            }));
        }
    }

    /// Where the decision is remembered; a decision on a few lines is not valid for the whole message.
    fn remembers(&mut self, decided: &Decided) -> Option<(UpstreamNumber, &mut Verdicts)> {
        match &mut self.phase {
            Phase::Transaction(transaction) if decided.retrieval.lines.is_none() => {
                Some((decided.retrieval.message?, &mut transaction.verdicts))
            }
            _ => None,
        }
    }
}
