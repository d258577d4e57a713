//! What is counted of the history: messages by the hour, hits by rule.
//!
//! In: the terms of indexed chunks and the rows of the others; out: sums.

use std::collections::BTreeMap;

use super::super::coded::Coded;
use super::super::history_statistics::HourCounts;
use super::super::records::Timestamp;
use super::places::Places;
use super::terms::{ACTIONS, HOURS, MAILBOXES, RULES, action, mailbox};
use crate::filter::Action;

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

    /// The terms of mailboxes to look up in each chunk.
    pub(in crate::store) fn mailboxes(&self) -> Vec<i64> {
        self.of.iter().chain(&self.without).copied().collect()
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

    /// A hit in a row of a chunk that is not indexed; the number is the rule's term.
    pub(in crate::store) fn add_hit(&mut self, rule: i64) {
        *self.rules.entry(rule).or_default() += 1;
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
pub(in crate::store) struct HoursOfChunk<'c> {
    counted: &'c mut Counted,
    /// The rows that count, so far by mailbox alone.
    those: Places,
    without: Places,
    /// Those of the hours that were asked for.
    within: Places,
    hours: Vec<(i64, Places)>,
}

impl<'c> HoursOfChunk<'c> {
    pub(in crate::store) fn new(counted: &'c mut Counted) -> Self {
        Self {
            those: match counted.of {
                Some(_) => Places::NONE,
                None => Places::ALL,
            },
            without: Places::NONE,
            within: Places::NONE,
            hours: Vec::new(),
            counted,
        }
    }

    /// The next term, in the order of terms: mailboxes, hours, what verdicts said, rules.
    pub(in crate::store) fn add(&mut self, term: i64, octets: &[u8]) {
        let is_in = |kind: (i64, i64)| (kind.0..=kind.1).contains(&term);
        let mut places = Places::NONE;
        places.add_encoded(octets);
        if is_in(MAILBOXES) {
            match self.counted.of == Some(term) {
                true => self.those = places,
                false => self.without.add(&places),
            }
            return;
        }
        if is_in(HOURS) {
            places.retain(&self.those);
            places.remove(&self.without);
            self.within.add(&places);
            self.hours.push((term - HOURS.0, places));
        } else if is_in(ACTIONS) {
            self.count_action(term, &places);
        } else if is_in(RULES) {
            let hits = self.within.shared(&places);
            if hits > 0 {
                *self.counted.rules.entry(term).or_default() += hits;
            }
        }
    }

    fn count_action(&mut self, term: i64, places: &Places) {
        for (hour, those) in &self.hours {
            let rows = those.shared(places);
            for said in [Action::Pass, Action::Tag, Action::Drop] {
                if term == action(said.code()) && rows > 0 {
                    self.counted.add_rows(*hour, said, rows);
                }
            }
        }
    }
}
