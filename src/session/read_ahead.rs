//! Marks that are read from the store before the client asks for their messages: clients fetch one message after the
//! other, and a look-up for each costs more than the mark.
//!
//! In: marks, in the order of their messages; out: each once, unless it is too old to be true. Notices are never read
//! ahead: one is sent only while its original is there.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::Stored;
use crate::pop3::Uidl;

/// The most marks: some KiB.
const MOST: usize = 16;

/// How long they are used: what a person changes meanwhile is true a moment later.
const FRESH: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct ReadAhead {
    marks: VecDeque<(Uidl, Stored)>,
    read: Instant,
    /// How many are read next: twice as many each time that all were needed.
    next: usize,
}

impl ReadAhead {
    /// Nothing was read yet.
    pub(super) fn new() -> Self {
        Self {
            marks: VecDeque::new(),
            read: Instant::now(),
            next: 1,
        }
    }

    /// The mark of a message. Those before it are not needed any more.
    pub(super) fn take(&mut self, uidl: &Uidl) -> Option<Stored> {
        let place = self.marks.iter().position(|(of, _)| of == uidl);
        let place = place.filter(|_| self.read.elapsed() < FRESH)?;
        self.marks.drain(..place);
        self.marks.pop_front().map(|(_, mark)| mark)
    }

    /// How many marks are to be read with the next one that is not here.
    pub(super) fn wanted(&mut self) -> usize {
        self.next = match self.marks.is_empty() {
            true => (2 * self.next).min(MOST),
            false => 1,
        };
        self.marks = VecDeque::new();
        self.next
    }

    /// These were read.
    pub(super) fn keep(&mut self, marks: Vec<(Uidl, Stored)>) {
        self.marks = marks.into();
        self.read = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MessageAction;
    use crate::rewrite::MarkText;

    fn uidl(number: usize) -> Uidl {
        Uidl::new(number.to_string().as_bytes()).unwrap()
    }

    fn mark(number: usize) -> (Uidl, Stored) {
        let text = MarkText {
            fields: bytes::Bytes::new(),
            subject_mark: number.to_string().into(),
        };
        (uidl(number), Stored::Mark(text, MessageAction::Tag))
    }

    #[tokio::test(start_paused = true)]
    async fn marks_are_read_ahead_while_they_are_needed() {
        let mut ahead = ReadAhead::new();
        let mut at = 0;
        let mut reads = Vec::new();
        while at < 100 {
            if ahead.take(&uidl(at)).is_none() {
                let count = ahead.wanted();
                reads.push(count);
                ahead.keep((at + 1..=at + count).map(mark).collect());
            }
            at += 1;
        }
        assert_eq!(reads, [2, 4, 8, 16, 16, 16, 16, 16]);
        // The client goes elsewhere, or comes back late.
        assert_eq!(ahead.take(&uidl(300)), None);
        assert_eq!(ahead.wanted(), 1);
        ahead.keep(vec![mark(301), mark(302), mark(303)]);
        assert_eq!(ahead.take(&uidl(302)), Some(mark(302).1));
        assert_eq!(ahead.take(&uidl(301)), None);
        tokio::time::advance(FRESH).await;
        assert_eq!(ahead.take(&uidl(303)), None);
    }
}
