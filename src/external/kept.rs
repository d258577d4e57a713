//! Answers of name servers that are kept for as long as they say, up to an hour.
//!
//! In: answers, each with its time; out: the same again. What is kept is bounded in number and in octets: senders choose
//! what their name servers answer. An answer that was kept says nothing of who would be asked, which is why the resolver's
//! own cache, which does not tell, is not used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::record::{Kind, Record};

/// No answer is kept for longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// An answer that is larger is not kept: there are keys of 1,000 octets, and domains with some kilobytes of texts.
const LARGEST: usize = 8 << 10;

/// Octets for each answer that may be kept; nearly all are small.
const OCTETS_EACH: usize = 512;

/// What an answer takes besides its texts.
const OVERHEAD: usize = 128;

/// See the module.
#[derive(Debug)]
pub(super) struct Kept {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<(Kind, Box<str>), Answer>,
    octets: usize,
}

#[derive(Debug)]
struct Answer {
    records: Vec<Record>,
    octets: usize,
    until: Instant,
}

impl Kept {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }

    /// What is kept.
    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<Vec<Record>> {
        if self.most == 0 {
            return None;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = state.answers.get(&(kind, Box::from(name)))?;
        (Instant::now() < answer.until).then(|| answer.records.clone())
    }

    /// Keeps an answer for this time.
    pub(super) fn add(&self, kind: Kind, name: &str, records: &[Record], time: Duration) {
        let texts: usize = records.iter().map(octets).sum();
        if self.most == 0 || time.is_zero() || texts > LARGEST {
            return;
        }
        let octets = texts + name.len() + OVERHEAD;
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let most_octets = self.most.saturating_mul(OCTETS_EACH).max(LARGEST * 2);
        while state.answers.len() >= self.most || state.octets + octets > most_octets {
            // Some must go, too, so that not each new one looks at all of them.
            let mut goes = false;
            state.answers.retain(|_, it| {
                goes = !goes;
                !goes && now < it.until
            });
            state.octets = state.answers.values().map(|it| it.octets).sum();
        }
        let answer = Answer {
            records: records.to_vec(),
            octets,
            until: now + time.min(LONGEST),
        };
        state.octets += octets;
        if let Some(old) = state.answers.insert((kind, name.into()), answer) {
            state.octets -= old.octets;
        }
    }
}

fn octets(record: &Record) -> usize {
    let text = match record {
        Record::A(_) | Record::Aaaa(_) => 0,
        Record::Txt(text) | Record::Mx(_, text) | Record::Ptr(text) => text.len(),
    };
    text + size_of::<Record>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn text(length: usize) -> Vec<Record> {
        vec![Record::Txt("x".repeat(length))]
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_their_time_and_not_longer_than_an_hour() {
        let kept = Kept::new(10);
        let day = 24 * 60 * MINUTE;
        for (name, time) in [("never", Duration::ZERO), ("short", MINUTE), ("long", day)] {
            kept.add(Kind::Txt, name, &text(3), time);
        }
        let known = || ["never", "short", "long"].map(|it| kept.get(Kind::Txt, it).is_some());
        assert_eq!(known(), [false, true, true]);
        assert_eq!(kept.get(Kind::Txt, "short"), Some(text(3)));
        assert_eq!(kept.get(Kind::A, "short"), None);
        tokio::time::advance(MINUTE).await;
        assert_eq!(known(), [false, false, true]);
        tokio::time::advance(59 * MINUTE).await;
        assert_eq!(known(), [false, false, false]);
        let none = Kept::new(0);
        none.add(Kind::A, "x", &[], MINUTE);
        assert_eq!(none.get(Kind::A, "x"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_in_number_and_octets() {
        let kept = Kept::new(100);
        for number in 0..1000 {
            kept.add(Kind::A, &format!("a{number}"), &[], MINUTE);
            let state = kept.state.lock().unwrap();
            assert!(state.answers.len() <= 100);
        }
        assert_eq!(kept.get(Kind::A, "a999"), Some(Vec::new()));
        for number in 0..1000 {
            kept.add(
                Kind::Txt,
                &format!("a{}", number % 50),
                &text(LARGEST - 100),
                MINUTE,
            );
            let state = kept.state.lock().unwrap();
            let sum: usize = state.answers.values().map(|it| it.octets).sum();
            assert_eq!(sum, state.octets);
            assert!(sum <= 100 * OCTETS_EACH, "{sum}");
        }
        kept.add(Kind::Txt, "large", &text(60 << 10), MINUTE);
        assert_eq!(kept.get(Kind::Txt, "large"), None);
        assert!(kept.get(Kind::Txt, "a49").is_some());
    }
}
