//! What is counted of the history: messages by the hour, hits by rule.
//!
//! In: the terms of indexed chunks and the rows of the others; out: sums.

use std::collections::BTreeMap;

use super::super::coded::Coded;
use super::super::history_statistics::HourCounts;
use super::super::records::Timestamp;
use super::chunk::decode_hits;
use super::places::Places;
use super::terms::{ACTIONS, HITS, HOURS, MAILBOXES, RULES, action, first_hour, mailbox};
use crate::filter::Action;

/// What is counted of each chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Counts {
    /// Messages and what became of them, by the hour.
    Hours,
    /// The hits of each rule.
    Rules,
}

/// What is counted, and the sums.
#[derive(Debug, Default)]
pub(in crate::store) struct Counted {
    /// The term of the only mailbox that counts.
    of: Option<i64>,
    /// The terms of those that do not.
    without: Vec<i64>,
    /// By the hour, in hours since 1970.
    hours: BTreeMap<i64, HourCounts>,
    /// By the terms of rules.
    rules: BTreeMap<i64, u64>,
}

impl Counted {
    /// Of one mailbox, or of all but those that are being forgotten.
    pub(in crate::store) fn new(of: Option<i64>, forgotten: &[i64]) -> Self {
        Self {
            of: of.map(mailbox),
            without: forgotten.iter().map(|it| mailbox(*it)).collect(),
            ..Self::default()
        }
    }

    /// The terms to look up first in each chunk, from the first to the last of each range, in their order.
    pub(in crate::store) fn terms(&self, counts: Counts) -> Vec<(i64, i64)> {
        let mailboxes = self.of.iter().chain(&self.without);
        let mailboxes = mailboxes.map(|it| (*it, *it));
        let hours = match counts {
            // One range: actions come after the hours.
            Counts::Hours => (HOURS.0, ACTIONS.1),
            Counts::Rules => HOURS,
        };
        mailboxes.chain([hours]).collect()
    }

    /// Rows of a chunk that is not indexed.
    pub(in crate::store) fn add_rows(&mut self, hour: i64, said: Action, rows: u64) {
        let counts = self.hours.entry(hour).or_default();
        counts.arrived += rows;
        match said {
            Action::Pass => {}
            Action::Tag => counts.tagged += rows,
            Action::Drop => counts.held += rows,
        }
    }

    /// Corrections that a person made in an hour.
    pub(in crate::store) fn add_corrections(&mut self, hour: i64, count: u64) {
        self.hours.entry(hour).or_default().corrected += count;
    }

    /// Rows that a rule hit; the number is the rule's term.
    pub(in crate::store) fn add_hits(&mut self, rule: i64, rows: u64) {
        if rows > 0 {
            *self.rules.entry(rule).or_default() += rows;
        }
    }

    /// The hours that have any, the oldest first.
    pub(in crate::store) fn hours(self) -> Vec<HourCounts> {
        let hours = self.hours.into_iter();
        hours
            .map(|(hour, counts)| HourCounts {
                begun: Timestamp::from_seconds(hour * 3600),
                ..counts
            })
            .collect()
    }

    /// The hits of each rule, by its term.
    pub(in crate::store) fn rules(self) -> BTreeMap<i64, u64> {
        self.rules
    }
}

/// One indexed chunk, whose terms come in their order.
#[derive(Debug)]
pub(in crate::store) struct CountedChunk {
    /// The term of the only mailbox that counts.
    of: Option<i64>,
    /// The first term of the hours that count.
    since: i64,
    /// The rows that count, so far by mailbox alone.
    those: Places,
    without: Places,
    /// Those of the hours that count.
    within: Places,
    hours: Vec<(i64, Places)>,
    /// Every row of the chunk counts, so far.
    is_whole: bool,
}

impl CountedChunk {
    /// With the rows of the hours from the one that begins then, in seconds since 1970.
    pub(in crate::store) fn new(counted: &Counted, since: i64) -> Self {
        Self {
            of: counted.of,
            since: first_hour(since),
            those: match counted.of {
                Some(_) => Places::NONE,
                None => Places::ALL,
            },
            without: Places::NONE,
            within: Places::NONE,
            hours: Vec::new(),
            is_whole: counted.of.is_none(),
        }
    }

    /// The terms to look up for [`Counts::Rules`] after the first ones; `None` if no row counts.
    pub(in crate::store) fn rules(&self) -> Option<(i64, i64)> {
        match (self.within.is_empty(), self.is_whole) {
            (true, _) => None,
            // Most chunks are such, and each has hundreds of rules.
            (false, true) => Some((HITS, HITS)),
            (false, false) => Some(RULES),
        }
    }

    /// The next term, in the order of terms: mailboxes, hours, what verdicts said, rules.
    pub(in crate::store) fn add(&mut self, counted: &mut Counted, term: i64, octets: &[u8]) {
        let is_in = |kind: (i64, i64)| (kind.0..=kind.1).contains(&term);
        if term == HITS {
            decode_hits(octets).for_each(|(rule, rows)| counted.add_hits(rule, rows));
            return;
        }
        let mut places = Places::NONE;
        places.add_encoded(octets);
        if is_in(MAILBOXES) {
            match self.of == Some(term) {
                true => self.those = places,
                false => {
                    self.without.add(&places);
                    self.is_whole = false;
                }
            }
        } else if is_in(HOURS) {
            if term < self.since {
                self.is_whole = false;
                return;
            }
            places.retain(&self.those);
            places.remove(&self.without);
            self.within.add(&places);
            self.hours.push((term - HOURS.0, places));
        } else if is_in(ACTIONS) {
            self.count_action(counted, term, &places);
        } else if is_in(RULES) {
            counted.add_hits(term, self.within.shared(&places));
        }
    }

    fn count_action(&self, counted: &mut Counted, term: i64, places: &Places) {
        for (hour, those) in &self.hours {
            let rows = those.shared(places);
            for said in [Action::Pass, Action::Tag, Action::Drop] {
                if term == action(said.code()) && rows > 0 {
                    counted.add_rows(*hour, said, rows);
                }
            }
        }
    }
}
