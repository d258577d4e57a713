//! A held message: how much of it has been received, and when it must be decided.
//!
//! In: the upstream's buffer as it grows (the buffer is the spool: a message is not copied); out:
//! whether to wait, to look at the header, or to decide. It is bounded by size and by time.

use std::time::{Duration, Instant};

use memchr::memrchr;

use crate::filter::HeaderStage;
use crate::message::header::header_end;
use crate::pop3::dot::EndOfAnswer;

/// The limits of holding.
#[derive(Debug, Clone, Copy)]
pub struct HoldLimits {
    /// Octets.
    pub bytes: usize,
    /// Counted from the turn of the command.
    pub time: Duration,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for more.
    Wait,
    /// The header is complete, and is this long; the body still arrives.
    Header(usize),
    /// Decide: the answer is complete and this long, final dot line included.
    Whole(usize),
    /// Decide on this part of it: a limit is reached.
    Part(usize),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Hold {
    end: EndOfAnswer,
    seen: usize,
    header: HeaderState,
    limits: HoldLimits,
    until: Instant,
    /// Whether all of the buffer is the message.
    is_complete: bool,
}

#[derive(Debug)]
enum HeaderState {
    /// The header does not end before the line that begins here.
    Arriving(usize),
    Complete(Option<HeaderStage>),
}

impl Hold {
    /// The command's turn came at `since`.
    pub(super) fn new(limits: HoldLimits, since: Instant) -> Self {
        Self {
            end: EndOfAnswer::new(),
            seen: 0,
            header: HeaderState::Arriving(0),
            limits,
            until: since + limits.time,
            is_complete: false,
        }
    }

    /// The buffer ends with the message.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Octets that were examined.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// When the message must be decided.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Nothing more is waited for, once the header is complete.
    pub(super) fn end_early(&mut self, now: Instant) {
        if matches!(self.header, HeaderState::Complete(_)) {
            self.until = self.until.min(now);
        }
    }

    /// Whether as much of it was received as is held of a message, or no more is waited for.
    pub(super) fn is_at_limit(&self, now: Instant) -> bool {
        self.seen >= self.limits.bytes || now >= self.until
    }

    /// The client waits from now on.
    pub(super) fn restart(&mut self, now: Instant) {
        self.until = now + self.limits.time;
    }

    /// Time spent waiting for the client does not count.
    pub(super) fn extend(&mut self, by: Duration) {
        self.until += by;
    }

    /// Examines what was received; `buffer` begins with the message.
    ///
    /// Octets beyond the limit are ignored even if already received: the verdict must not depend on how the
    /// network split the message.
    pub(super) fn look(&mut self, buffer: &[u8], now: Instant) -> Next {
        if self.is_complete {
            return Next::Whole(buffer.len());
        }
        let held = &buffer[..buffer.len().min(self.limits.bytes)];
        if let Some(end) = self.end.find(&held[self.seen..]) {
            let whole = self.seen + end;
            self.seen = whole;
            return Next::Whole(whole);
        }
        self.seen = held.len();
        if held.len() == self.limits.bytes || now >= self.until {
            return Next::Part(held.len());
        }
        if let HeaderState::Arriving(line) = &mut self.header {
            if let Some(end) = header_end(&buffer[*line..]) {
                let end = *line + end;
                self.header = HeaderState::Complete(None);
                return Next::Header(end);
            }
            // Lines must not be scanned again with every read.
            *line += memrchr(b'\n', &buffer[*line..]).map_or(0, |end| end + 1);
        }
        Next::Wait
    }

    /// Stores the result of the header rules.
    pub(super) fn header_judged(&mut self, stage: Option<HeaderStage>) {
        self.header = HeaderState::Complete(stage);
    }

    /// The result of the header rules, and the search for the end of the rest.
    pub(super) fn finish(self) -> (Option<HeaderStage>, EndOfAnswer) {
        let stage = match self.header {
            HeaderState::Complete(stage) => stage,
            HeaderState::Arriving(_) => None,
        };
        (stage, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"From: a\r\nSubject: b\r\n\r\nbody\r\n.\r\n";

    fn hold(bytes: usize) -> (Hold, Instant) {
        let now = Instant::now();
        let time = Duration::from_secs(15);
        (Hold::new(HoldLimits { bytes, time }, now), now)
    }

    #[test]
    fn the_header_is_available_before_the_whole_message_at_every_split() {
        let header = header_end(MESSAGE).unwrap();
        for size in 1..MESSAGE.len() {
            let (mut hold, now) = hold(4096);
            let mut headers = 0;
            for end in (size..MESSAGE.len()).step_by(size) {
                match hold.look(&MESSAGE[..end], now) {
                    Next::Wait => {}
                    Next::Header(at) => {
                        assert_eq!(at, header);
                        headers += 1;
                    }
                    other => panic!("{other:?} at {end}"),
                }
            }
            assert!(headers <= 1);
            assert_eq!(hold.look(MESSAGE, now), Next::Whole(MESSAGE.len()));
        }
    }

    #[test]
    fn size_and_time_limits_are_enforced() {
        let (mut small, now) = hold(10);
        assert_eq!(small.look(&MESSAGE[..9], now), Next::Wait);
        assert_eq!(small.look(&MESSAGE[..12], now), Next::Part(10));
        let (mut late, now) = hold(4096);
        assert_eq!(late.look(&MESSAGE[..9], now), Next::Wait);
        assert_eq!(late.look(&MESSAGE[..9], late.until()), Next::Part(9));
        let (mut whole, now) = hold(10);
        assert_eq!(whole.look(MESSAGE, now), Next::Part(10));
    }
}
