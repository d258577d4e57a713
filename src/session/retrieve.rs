//! RETR and TOP: hold the message, judge it, decide, rewrite, release.
//!
//! The outcome is fixed before the first byte leaves; from then on nothing can change its mind.
//! This is the one place where all rooms meet.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Failure;
use super::answers::{Answer, Held, Passing, Swallowed};
use super::intake::{Intake, Next};
use super::judge::Outcome;
use super::relay::Relay;
use super::verdicts::{Decision, Finding, Marked};
use crate::config::HeaderMode;
use crate::filter::{Action, HeaderStage, Verdict};
use crate::message::header::header_end;
use crate::metrics::{Fetch, MessageAction, UnscannedReason};
use crate::pop3::dot::{self, EndOfAnswer};
use crate::pop3::{Command, Lines, MessageNumber};
use crate::rewrite::{Mark, Plan, notice, top_of};

/// From the turn of the command, so that with the way to the client the first byte comes within 20
/// seconds.
const FIRST_BYTE: Duration = Duration::from_secs(19);

/// The final dot line.
const DOT: &[u8] = b".\r\n";

/// What is being fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetching {
    message: MessageNumber,
    /// TOP's count, if it shows less than the whole message.
    lines: Option<Lines>,
    fetch: Fetch,
}

impl Fetching {
    fn of(command: &Command) -> Option<Self> {
        match *command {
            Command::Retr(message) => Some(Self {
                message,
                lines: None,
                fetch: Fetch::Retr,
            }),
            Command::Top(message, lines) => Some(Self {
                message,
                lines: (!lines.means_whole()).then_some(lines),
                fetch: Fetch::Top,
            }),
            _ => None,
        }
    }
}

/// A message that is decided on: what goes out around it.
struct Decided {
    fetching: Fetching,
    status: Bytes,
    /// The search for the end of what is still to come; `None` when all is there.
    rest: Option<EndOfAnswer>,
}

impl Relay<'_> {
    /// The upstream said `+OK`; the message follows.
    pub(super) fn begin_fetch(&mut self, command: &Command, status: Bytes) {
        let Some(fetching) = Fetching::of(command) else {
            return;
        };
        let hold = |relay: &Self, status| {
            let intake = Intake::new(relay.service.hold, relay.since);
            Answer::Held(Box::new(Held {
                fetching,
                status,
                intake,
                shares: Vec::new(),
            }))
        };
        self.answer = match self.verdicts.recall(fetching.message) {
            Some(Decision::Pass) => {
                self.release(fetching.fetch, MessageAction::Pass);
                self.out.push(status);
                Answer::Lines(Passing {
                    end: EndOfAnswer::new(),
                    fetch: Some(fetching.fetch),
                })
            }
            Some(Decision::Notice(text)) => {
                let notice = match fetching.lines {
                    Some(lines) => top_of(text, lines),
                    None => text.clone(),
                };
                self.service.metrics.edited(0, status.len());
                Answer::Swallowed(Box::new(Swallowed {
                    fetch: fetching.fetch,
                    end: EndOfAnswer::new(),
                    notice,
                }))
            }
            Some(Decision::Mark(_)) | None => hold(self, status),
        };
    }

    /// Looks at the message that is held, and lets it go when its time has come.
    pub(super) async fn take_held(&mut self) -> Result<bool, Failure> {
        let Answer::Held(held) = &mut self.answer else {
            return Ok(false);
        };
        let known = match self.verdicts.recall(held.fetching.message) {
            Some(Decision::Mark(marked)) => Some(marked.clone()),
            _ => None,
        };
        let (taken, whole) = match held.intake.look(&self.upstream.buffer, self.now) {
            Next::Wait => return Ok(false),
            Next::Header(end) => {
                let header = &self.upstream.buffer[..end];
                let stage = match known {
                    Some(_) => None,
                    None => self.service.judge.header(header),
                };
                held.intake.header_judged(stage);
                return Ok(true);
            }
            Next::Part(taken) => (taken, false),
            Next::Whole(taken) => (taken, true),
        };
        let Answer::Held(held) = std::mem::replace(&mut self.answer, Answer::Status) else {
            return Ok(false);
        };
        let wire = self.upstream.buffer.split_to(taken).freeze();
        let Held {
            fetching,
            status,
            intake,
            shares,
        } = *held;
        self.count(taken)?;
        let (stage, end) = intake.finish();
        let decided = Decided {
            fetching,
            status,
            rest: (!whole).then_some(end),
        };
        match known {
            Some(marked) => self.send_marked(decided, &marked, wire),
            // Kept apart, so that a session that waits for its client does not carry it.
            None => Box::pin(self.decide(decided, stage, wire)).await,
        }
        drop(shares);
        Ok(true)
    }

    /// Judges what is there and sends it, or the notice in its place.
    async fn decide(&mut self, decided: Decided, stage: Option<HeaderStage>, wire: Bytes) {
        let fetching = decided.fetching;
        let whole = decided.rest.is_none();
        let text = text_of(&wire, whole);
        // Half a header is no message: whatever were said of it would be remembered for the whole.
        let enough = whole || wire.len() == self.service.hold.bytes || header_end(&wire).is_some();
        let by = self.since + FIRST_BYTE;
        let account = self.account.name().cloned();
        let judge = &self.service.judge;
        let outcome = match enough {
            true => judge.message(account, stage, text.clone(), by).await,
            false => Outcome::Unscanned(UnscannedReason::HoldTimeout),
        };
        let remembered = fetching.lines.is_none();
        let finding = match outcome {
            Outcome::Judged(verdict) => {
                self.service.metrics.verdict(&verdict, wire.len());
                match verdict.action {
                    Action::Drop if whole && fetching.fetch == Fetch::Retr => {
                        match self.quarantine(&text, &verdict).await {
                            Some(text) => {
                                self.service
                                    .metrics
                                    .edited(0, decided.status.len() + wire.len());
                                self.remember_notice(fetching, &wire, &text);
                                self.send_notice(fetching.fetch, text);
                                return;
                            }
                            None => Finding::Spam(verdict),
                        }
                    }
                    // Only what was seen whole can be kept, and TOP's text is no proof of that: some
                    // servers cut it at 64 KiB. The rest is tagged.
                    Action::Tag | Action::Drop => Finding::Spam(verdict),
                    Action::Pass => Finding::Ham(verdict),
                }
            }
            Outcome::Unscanned(reason) => {
                self.service.metrics.unscanned(reason);
                Finding::Unscanned(reason)
            }
        };
        if matches!(finding, Finding::Ham(_)) && self.service.style.headers != HeaderMode::Always {
            if remembered {
                self.verdicts.remember(fetching.message, Decision::Pass);
            }
            self.send(decided, MessageAction::Pass, vec![wire]);
            return;
        }
        let marked = Box::new(Marked {
            id: new_id(),
            finding,
        });
        self.send_marked(decided, &marked, wire);
        // What could not be judged is judged anew when it is asked for again.
        if remembered && !matches!(marked.finding, Finding::Unscanned(_)) {
            self.verdicts
                .remember(fetching.message, Decision::Mark(marked));
        }
    }

    fn send_marked(&mut self, mut decided: Decided, marked: &Marked, wire: Bytes) {
        let (mark, action) = match &marked.finding {
            Finding::Spam(verdict) => (Mark::Spam(verdict), MessageAction::Tag),
            Finding::Ham(verdict) => (Mark::Ham(verdict), MessageAction::Pass),
            Finding::Unscanned(reason) => {
                (Mark::Unscanned(reason.label()), MessageAction::Unscanned)
            }
        };
        let whole = decided.rest.is_none();
        let complete = whole || header_end(&wire).is_some();
        let plan = Plan::new(&wire, complete, &mark, &marked.id, &self.service.style);
        self.service.metrics.edited(plan.added(), plan.removed());
        if decided.fetching.lines.is_none() && !matches!(marked.finding, Finding::Unscanned(_)) {
            let grown = plan.added() as i64 - plan.removed() as i64;
            self.mailbox.grow(decided.fetching.message, grown);
        }
        if whole && !plan.is_empty() {
            // The upstream's line names a size that is no longer true.
            let octets = dot::unstuff(&text_of(&wire, true)).len() + plan.added() - plan.removed();
            let status = Bytes::from(format!("+OK {octets} octets\r\n"));
            self.service
                .metrics
                .edited(status.len(), decided.status.len());
            decided.status = status;
        }
        self.send(decided, action, plan.apply(&wire));
    }

    /// Sends the status line and the pieces; what is still to come follows as it is.
    fn send(&mut self, decided: Decided, action: MessageAction, pieces: Vec<Bytes>) {
        let fetch = decided.fetching.fetch;
        self.release(fetch, action);
        self.out.push(decided.status);
        for piece in pieces {
            self.out.push(piece);
        }
        match decided.rest {
            Some(end) => {
                self.answer = Answer::Lines(Passing {
                    end,
                    fetch: Some(fetch),
                });
            }
            None => {
                self.fetched.push((fetch, self.since));
                self.answered();
            }
        }
    }

    /// Sends a notice in place of an answer whose last byte was read.
    pub(super) fn send_notice(&mut self, fetch: Fetch, notice: Bytes) {
        self.release(fetch, MessageAction::Drop);
        let status = format!("+OK {} octets\r\n", notice.len());
        self.service
            .metrics
            .edited(status.len() + notice.len() + DOT.len(), 0);
        self.out.push(Bytes::from(status));
        self.out.push(notice);
        self.out.push(Bytes::from_static(DOT));
        self.fetched.push((fetch, self.since));
        self.answered();
    }

    fn remember_notice(&mut self, fetching: Fetching, wire: &Bytes, notice: &Bytes) {
        let was = dot::unstuff(&text_of(wire, true)).len();
        let is = dot::unstuff(notice).len();
        self.mailbox.grow(fetching.message, is as i64 - was as i64);
        self.verdicts
            .remember(fetching.message, Decision::Notice(notice.clone()));
    }

    /// Puts the original away, safely on disk, before the client hears anything; the notice.
    async fn quarantine(&mut self, text: &Bytes, verdict: &Verdict) -> Option<Bytes> {
        let quarantine = Arc::clone(self.service.quarantine.as_ref()?);
        let (text, verdict, id) = (text.clone(), verdict.clone(), new_id());
        let put = tokio::task::spawn_blocking(move || {
            let message = dot::unstuff(&text);
            quarantine.put(&id, &message)?;
            std::io::Result::Ok(notice(&message, &verdict, &id))
        });
        // A disk that hangs must not keep the client waiting. A copy that gets there late does no
        // harm: the message is delivered as well.
        let by = self.since + FIRST_BYTE;
        match tokio::time::timeout_at(by, put).await {
            Ok(Ok(Ok(notice))) => return Some(notice),
            Ok(Ok(Err(error))) => {
                tracing::error!(%error, "quarantine cannot take a message; it is tagged instead");
            }
            // A panic is logged already.
            Ok(Err(_)) => {}
            Err(_) => {
                tracing::error!("quarantine takes too long; the message is tagged instead");
            }
        }
        self.service.metrics.quarantine_failed();
        None
    }

    fn release(&mut self, fetch: Fetch, action: MessageAction) {
        self.tally.message(action);
        self.service.metrics.message(action, fetch);
        self.service.metrics.first_byte(fetch, self.seconds());
    }
}

/// An answer's lines without the final dot line, if it is there.
fn text_of(wire: &Bytes, whole: bool) -> Bytes {
    wire.slice(..wire.len() - if whole { DOT.len() } else { 0 })
}

/// A message's key in quarantine and in its X-Popgate-Id: seconds and 48 random bits.
fn new_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    format!("{seconds:x}-{:012x}", fastrand::u64(..1 << 48))
}
