//! The decision on each message of a session, so that TOP, RETR and a second RETR agree.
//!
//! In: verdicts as the filter made them; out: what is needed to write the same mark again. What the rules matched is
//! not kept, and what messages have in common (rules, scores, descriptions) is kept once. The octets of a session are
//! bounded: the oldest decisions are forgotten, and those messages are judged anew when they are fetched again.

mod rule_table;

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;

use super::action::{MessageId, TakenFor};
use crate::filter::Verdict;
use crate::message::MessageDigest;
use crate::metrics::{MessageAction, UnscannedReason};
use crate::pop3::UpstreamNumber;
use crate::rewrite::MarkText;
use rule_table::{KeptHits, RuleTable};

/// The most octets of a session's decisions: about ten thousand marks.
const MOST_KEPT: usize = 4 << 20;

/// So many messages before and after one are looked at for the next whose decision can be read.
const LOOKED_AT: usize = 1024;

/// What happens to a message whenever it is fetched.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    /// It is relayed unchanged.
    Pass,
    /// It is marked, with the same fields each time.
    Mark,
    /// It is in quarantine, and this notice is sent.
    Notice(Bytes),
    /// An earlier session has relayed the message with this digest unchanged.
    Recalled(MessageDigest),
    /// An earlier session has decided on the message with this digest, and the driver can read how.
    Stored(MessageDigest),
}

/// A decision as a store keeps it: what the client gets whenever it fetches the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The message unchanged.
    Unchanged,
    /// The message with this mark.
    Mark(MarkText, MessageAction),
    /// This notice in its place, dot-stuffed.
    Notice(Bytes),
}

/// The result of a request to load an earlier decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// This is what was decided.
    Decision(Stored),
    /// It is not valid any more.
    Outdated,
    /// It cannot be read now.
    Unreadable,
}

/// What earlier sessions know of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    No,
    /// What was decided is not valid any more, and what is decided now replaces it.
    Outdated,
    /// The message with this digest is relayed unchanged.
    Unchanged(MessageDigest),
    /// It is relayed unchanged, and this is that message.
    Verified,
    /// The driver can read what was decided on the message with this digest.
    Stored(MessageDigest),
}

/// A message that carries a mark.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) id: MessageId,
    pub(super) finding: Finding,
}

/// The verdict.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    Spam(Verdict),
    Ham(Verdict),
    Unscanned(UnscannedReason),
}

impl Finding {
    /// The octets of what a verdict says of checks that were not made.
    fn not_made(&self) -> usize {
        match self {
            Self::Spam(verdict) | Self::Ham(verdict) => {
                verdict.not_made.as_ref().map_or(0, |it| it.octets())
            }
            Self::Unscanned(_) => 0,
        }
    }

    fn verdict_mut(&mut self) -> Option<&mut Verdict> {
        match self {
            Self::Spam(verdict) | Self::Ham(verdict) => Some(verdict),
            Self::Unscanned(_) => None,
        }
    }
}

/// The decisions of the session.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    known: HashMap<UpstreamNumber, Kept>,
    /// Marks and notices, the oldest first.
    order: VecDeque<UpstreamNumber>,
    rules: RuleTable,
    /// Of marks and notices.
    octets: usize,
    /// What earlier sessions know, by message number from 1.
    recalled: Vec<Known>,
    may_be_corrected: bool,
    /// Messages with a decision that no client has got.
    undelivered: BTreeSet<UpstreamNumber>,
}

/// A mark that a message gets again.
#[derive(Debug)]
pub(super) enum KnownMark {
    /// The message has none.
    None,
    /// This session has judged.
    Judged(Judged),
    /// An earlier session has.
    Text(MarkText, MessageAction),
    /// This notice takes its place.
    Notice(Bytes),
}

impl KnownMark {
    pub(super) fn taken_for(&self) -> TakenFor {
        let is_spam = match self {
            Self::None => false,
            Self::Judged(judged) => matches!(judged.finding, Finding::Spam(_)),
            Self::Text(_, action) => matches!(action, MessageAction::Tag | MessageAction::Drop),
            Self::Notice(_) => true,
        };
        match is_spam {
            true => TakenFor::Spam,
            false => TakenFor::Ham,
        }
    }
}

impl From<Stored> for KnownMark {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Unchanged => Self::None,
            Stored::Mark(text, action) => Self::Text(text, action),
            Stored::Notice(notice) => Self::Notice(notice),
        }
    }
}

#[derive(Debug)]
enum Kept {
    Pass,
    Mark(Box<KeptMark>),
    Text(Box<(MarkText, MessageAction)>),
    Notice(Box<Bytes>),
}

/// A mark whose verdict is without its hits.
#[derive(Debug)]
struct KeptMark {
    judged: Judged,
    hits: KeptHits,
}

impl Kept {
    fn octets(&self) -> usize {
        match self {
            Self::Pass => 0,
            Self::Mark(mark) => {
                size_of::<KeptMark>() + mark.hits.octets() + mark.judged.finding.not_made()
            }
            Self::Text(mark) => size_of::<MessageAction>() + mark.0.octets(),
            Self::Notice(text) => size_of::<Bytes>() + text.len(),
        }
    }
}

impl Verdicts {
    pub(super) fn get(&self, message: UpstreamNumber) -> Option<Decision> {
        let Some(known) = self.known.get(&message) else {
            return match self.recalled(message)? {
                Known::No | Known::Outdated => None,
                Known::Unchanged(digest) => Some(Decision::Recalled(digest)),
                Known::Verified => Some(Decision::Pass),
                Known::Stored(digest) => Some(Decision::Stored(digest)),
            };
        };
        Some(match known {
            Kept::Pass => Decision::Pass,
            Kept::Mark(_) | Kept::Text(_) => Decision::Mark,
            Kept::Notice(text) => Decision::Notice(Bytes::clone(text)),
        })
    }

    /// The mark of a message that has one. The texts that rules matched are not part of it.
    pub(super) fn mark(&self, message: UpstreamNumber) -> Option<KnownMark> {
        let mark = match self.known.get(&message)? {
            Kept::Mark(mark) => mark,
            Kept::Text(mark) => return Some(KnownMark::Text(mark.0.clone(), mark.1)),
            Kept::Notice(text) => return Some(KnownMark::Notice(Bytes::clone(text))),
            Kept::Pass => return None,
        };
        let mut judged = mark.judged.clone();
        if let Some(verdict) = judged.finding.verdict_mut() {
            verdict.hits = self.rules.hits(&mark.hits);
        }
        Some(KnownMark::Judged(judged))
    }

    /// Whether anything was decided on the message, even if it is not valid any more.
    pub(super) fn is_known(&self, message: UpstreamNumber) -> bool {
        let is_recalled = || self.recalled(message).is_some_and(|it| it != Known::No);
        self.known.contains_key(&message) || is_recalled()
    }

    /// What earlier sessions know of the messages, by number from 1.
    pub(super) fn recall(&mut self, mut recalled: Vec<Known>, may_be_corrected: bool) {
        recalled.shrink_to_fit();
        self.recalled = recalled;
        self.may_be_corrected = may_be_corrected;
    }

    /// These messages have a decision, and no client has got them.
    pub(super) fn not_delivered_yet(&mut self, messages: impl IntoIterator<Item = UpstreamNumber>) {
        self.undelivered.extend(messages);
    }

    /// The client has got the message; whether it is the first to get what was decided before.
    pub(super) fn delivered(&mut self, message: UpstreamNumber) -> bool {
        self.undelivered.remove(&message)
    }

    /// Whether a person may have corrected decisions of earlier sessions.
    pub(super) fn may_be_corrected(&self) -> bool {
        self.may_be_corrected
    }

    fn recalled(&self, message: UpstreamNumber) -> Option<Known> {
        let place = usize::try_from(message.0.value()).ok()?;
        self.recalled.get(place.checked_sub(1)?).copied()
    }

    /// Messages after this one whose decisions can be read, and the last one before it.
    pub(super) fn stored_beside(
        &self,
        message: UpstreamNumber,
        most: usize,
    ) -> (Option<UpstreamNumber>, Vec<UpstreamNumber>) {
        let place = usize::try_from(message.0.value()).unwrap_or(usize::MAX);
        let (before, after) = self.recalled.split_at(place.min(self.recalled.len()));
        let is_stored = |known: &Known| matches!(known, Known::Stored(_));
        let before = before.split_last().map_or(before, |(_, before)| before);
        let far = before.len().saturating_sub(LOOKED_AT);
        let last = before[far..].iter().rposition(is_stored);
        let near = after.iter().take(LOOKED_AT).enumerate();
        let next = near.filter(|(_, known)| is_stored(known)).take(most);
        (
            last.and_then(|it| UpstreamNumber::at(far + it)),
            next.filter_map(|(it, _)| UpstreamNumber::at(place + it))
                .collect(),
        )
    }

    /// Whether what is decided on the message now replaces what earlier sessions have left.
    pub(super) fn is_outdated(&self, message: UpstreamNumber) -> bool {
        self.recalled(message) == Some(Known::Outdated)
    }

    /// What earlier sessions know of the message is this.
    pub(super) fn set_recalled(&mut self, message: UpstreamNumber, known: Known) {
        let place = usize::try_from(message.0.value()).unwrap_or_default();
        let place = place
            .checked_sub(1)
            .and_then(|it| self.recalled.get_mut(it));
        if let Some(place) = place {
            *place = known;
        }
    }

    /// The decision of an earlier session counts: this is the message that it was about.
    pub(super) fn adopt(&mut self, message: UpstreamNumber, stored: Stored) {
        match stored {
            Stored::Unchanged => self.set_recalled(message, Known::Verified),
            Stored::Mark(text, action) => {
                self.keep(message, Kept::Text(Box::new((text, action))));
            }
            Stored::Notice(notice) => self.insert_notice(message, notice),
        }
    }

    /// Octets of what earlier sessions know.
    pub(super) fn recalled_octets(&self) -> usize {
        let undelivered = self.undelivered.len() * 2 * size_of::<UpstreamNumber>();
        self.recalled.len() * size_of::<Known>() + undelivered
    }

    /// The message is relayed unchanged.
    pub(super) fn pass(&mut self, message: UpstreamNumber) {
        self.keep(message, Kept::Pass);
    }

    /// The message carries this mark.
    pub(super) fn insert_mark(&mut self, message: UpstreamNumber, judged: &Judged) {
        let mut judged = Judged::clone(judged);
        let hits = judged.finding.verdict_mut().map(|verdict| {
            verdict.noted = None;
            std::mem::take(&mut verdict.hits)
        });
        let hits = self.rules.keep(hits.unwrap_or_default());
        self.keep(message, Kept::Mark(Box::new(KeptMark { judged, hits })));
    }

    /// The message is in quarantine, and this notice is sent.
    pub(super) fn insert_notice(&mut self, message: UpstreamNumber, notice: Bytes) {
        self.keep(message, Kept::Notice(Box::new(notice)));
    }

    fn keep(&mut self, message: UpstreamNumber, kept: Kept) {
        let octets = kept.octets();
        let before = self.known.insert(message, kept);
        let before = before.map_or(0, |kept| kept.octets());
        if octets > 0 && before == 0 {
            self.order.push_back(message);
        }
        self.octets = self.octets + octets - before;
        while self.octets > MOST_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            let forgotten = self.known.remove(&oldest);
            self.octets -= forgotten.map_or(0, |kept| kept.octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Filter, Hit, RuleSet, Thresholds};
    use crate::pop3::MessageNumber;

    fn number_of(message: u32) -> UpstreamNumber {
        UpstreamNumber(MessageNumber::new(message).unwrap())
    }

    fn nothing_found() -> Verdict {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        let filter = Filter::new(RuleSet::parse([]).unwrap(), thresholds).unwrap();
        filter.judge(b"")
    }

    /// A verdict as real spam has it: a dozen rules, and the learned filter with a sentence of its own.
    fn spam(base: &Verdict, number: u32) -> Judged {
        let rule = |place: u32| Hit {
            rule: format!("SOME_RULE_OF_THE_STOCK_{place}").into(),
            description: format!("The message does what rule {place} is about, as spam does")
                .into(),
            because: None,
            score: f64::from(place) / 10.0,
            text: "what the rule matched in the message ".repeat(5),
        };
        let mut hits: Vec<_> = (0..12).map(|place| rule((number + place) % 300)).collect();
        hits.insert(
            (number % 12) as usize,
            Hit {
                rule: "LEARNT".into(),
                description: format!("Similar to learned spam (probability {number} %)").into(),
                because: None,
                score: f64::from(number),
                text: "many reasons ".repeat(30),
            },
        );
        let id = MessageId {
            seconds: 1,
            random: number.into(),
        };
        let verdict = Verdict {
            score: f64::from(number),
            hits,
            ..base.clone()
        };
        Judged {
            id,
            finding: Finding::Spam(verdict),
        }
    }

    fn hits(judged: &Judged) -> Vec<(String, String, f64)> {
        let Finding::Spam(verdict) = &judged.finding else {
            panic!("{judged:?}");
        };
        let shown = |hit: &Hit| (hit.rule.to_string(), hit.description.to_string(), hit.score);
        verdict.hits.iter().map(shown).collect()
    }

    #[test]
    fn ten_thousand_marks_take_some_hundred_octets_each_and_are_what_they_were() {
        let (mut verdicts, base) = (Verdicts::default(), nothing_found());
        for number in 1..=10_000 {
            verdicts.insert_mark(number_of(number), &spam(&base, number));
        }
        let each = (verdicts.octets + verdicts.rules.octets()) / 10_000;
        assert!(each < 450, "{each}");
        for number in 1..=10_000 {
            let Some(KnownMark::Judged(kept)) = verdicts.mark(number_of(number)) else {
                panic!("{number} is not kept");
            };
            let was = spam(&base, number);
            assert_eq!(kept.id, was.id);
            assert_eq!(hits(&kept), hits(&was));
        }
    }

    #[test]
    fn the_oldest_decisions_are_forgotten_and_the_newest_are_not() {
        let mut verdicts = Verdicts::default();
        let notice = Bytes::from(vec![b'x'; 2000]);
        for number in 1..=10_000 {
            verdicts.insert_notice(number_of(number), notice.clone());
            verdicts.pass(number_of(20_000 + number));
        }
        assert!(verdicts.octets <= MOST_KEPT);
        assert!(verdicts.get(number_of(1)).is_none());
        assert!(verdicts.get(number_of(10_000)).is_some());
        assert!(verdicts.get(number_of(20_001)).is_some());
        // Once more the same ones: nothing is counted twice.
        let before = verdicts.octets;
        for number in 9_000..=10_000 {
            verdicts.insert_notice(number_of(number), notice.clone());
        }
        assert_eq!(verdicts.octets, before);
    }
}
