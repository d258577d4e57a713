//! Counts the work of judging one message, and says when its budget is used up.
//!
//! In: units of work that decoders and scanners are about to do; out: whether, or for how many octets, the budget
//! suffices. A unit is about a nanosecond of one core. No clock is read: the same message and rules always count the
//! same.
//!
//! A budget is divided among stages in the order of what a person sees: header, text, files, rules. Later stages may
//! use what earlier ones leave, and no stage may use what is reserved for the rules, so that what was found is always
//! judged.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stages of judging a message, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Header fields are decoded and searched.
    Header,
    /// The text that clients show is decoded.
    Text,
    /// Attached files and texts are inspected.
    Files,
    /// Rules search what was found.
    Rules,
    /// Facts are measured.
    Facts,
    /// The learned filter is asked.
    Learned,
}

/// Why a verdict is based on part of the message only. The label `reason` of a metric, and the word in X-Spam-Status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partial {
    /// The header is too costly.
    Header,
    /// The text is too costly to decode.
    Text,
    /// The files are too costly to inspect.
    Files,
    /// What was found is too costly to search.
    Rules,
    /// The time limit passed.
    Time,
}

impl Partial {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Header,
        Self::Text,
        Self::Files,
        Self::Rules,
        Self::Time,
    ];

    /// Its word in headers, metrics and reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Text => "text",
            Self::Files => "files",
            Self::Rules => "rules",
            Self::Time => "time",
        }
    }
}

/// Units of work between two checks of the stop signal.
const STOP_CHECK_INTERVAL: u64 = 1 << 16;

/// Limit on the elements of all pages of a message. Of a report with thousands of rows, what is judged of a message has fewer,
/// unless its cells are empty.
const ELEMENT_LIMIT: u32 = 50_000;

/// What the rules may still use after a stop signal: about ten milliseconds.
const AFTER_STOP: u64 = 10_000_000;

/// The work of one message; see the module.
#[derive(Debug)]
pub struct Work<'s> {
    total: u64,
    /// Whether each stage has its own share.
    is_shared_out: bool,
    stop: Option<&'s AtomicBool>,
    may_compile: bool,
    stage: Cell<Stage>,
    spent: Cell<u64>,
    /// The units that may be spent by the end of the stage.
    limit: Cell<u64>,
    next_stop_check: Cell<u64>,
    partial: Cell<Option<Partial>>,
    left_out: Cell<usize>,
    /// How many elements may still be opened.
    elements: Cell<u32>,
}

impl<'s> Work<'s> {
    /// A budget of this many units, of which each stage has its share.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            is_shared_out: true,
            stop: None,
            may_compile: true,
            stage: Cell::new(Stage::Header),
            spent: Cell::new(0),
            limit: Cell::new(share(Stage::Header, total)),
            next_stop_check: Cell::new(STOP_CHECK_INTERVAL),
            partial: Cell::new(None),
            left_out: Cell::new(0),
            elements: Cell::new(ELEMENT_LIMIT),
        }
    }

    /// A small budget for a thread that others wait for. It is all or nothing: work that does not fit is redone with
    /// another budget. Regexes that are not compiled yet do not fit.
    pub fn brief(total: u64) -> Self {
        Self {
            is_shared_out: false,
            may_compile: false,
            limit: Cell::new(total),
            ..Self::new(total)
        }
    }

    /// For a thread that must not compile regexes: those that are not compiled yet are left out.
    #[must_use]
    pub fn without_compiling(self) -> Self {
        Self {
            may_compile: false,
            ..self
        }
    }

    /// Continues after an earlier stage that cost this much.
    pub fn resume(&self, spent: u64, partial: Option<Partial>) {
        self.spent.set(spent);
        self.partial.set(partial);
    }

    /// Decoding ends soon after `stop` is set, and what was found by then is judged.
    #[must_use]
    pub fn stopped_by(self, stop: &'s AtomicBool) -> Self {
        Self {
            stop: Some(stop),
            ..self
        }
    }

    /// Begins a stage.
    pub fn begin(&self, stage: Stage) {
        self.stage.set(stage);
        if self.partial.get() != Some(Partial::Time) {
            self.limit.set(match self.is_shared_out {
                true => share(stage, self.total),
                false => self.total,
            });
        } else if stage >= Stage::Rules {
            self.limit.set(self.spent.get() + AFTER_STOP);
        }
    }

    /// Counts work that is about to be done. If it returns false, the budget does not suffice and the work must not be
    /// done.
    #[inline]
    pub fn spend(&self, units: u64) -> bool {
        let spent = self.spent.get() + units;
        if spent >= self.next_stop_check.get() {
            self.check_stop(spent);
        }
        if spent > self.limit.get() {
            self.end();
            return false;
        }
        self.spent.set(spent);
        true
    }

    /// The number of these octets for which the budget suffices, at this many units each; counts them.
    pub fn afford(&self, octets: usize, units: u64) -> usize {
        let wanted = octets as u64 * units;
        if self.spend(wanted) {
            return octets;
        }
        // After a stop signal, nothing more is decoded.
        if self.partial.get() == Some(Partial::Time) && self.stage.get() < Stage::Rules {
            return 0;
        }
        let octets = self.left() / units.max(1);
        self.spent.set(self.spent.get() + octets * units);
        usize::try_from(octets).unwrap_or(usize::MAX)
    }

    /// The beginning of a text for which the budget suffices, at this many units per octet; counts it.
    pub fn beginning<'t>(&self, text: &'t str, units: u64) -> &'t str {
        super::visible_text::cut(text, self.afford(text.len(), units))
    }

    /// As [`Work::beginning`], at one unit per octet, and `more` units in addition per octet that is not ASCII.
    pub fn letters<'t>(&self, text: &'t str, more: u64) -> &'t str {
        let units = 1 + (more * beyond_ascii(text.as_bytes())).div_ceil(text.len().max(1) as u64);
        self.beginning(text, units)
    }

    /// Notes that something was left out.
    pub fn end(&self) {
        if self.partial.get().is_none() {
            self.partial.set(Some(match self.stage.get() {
                Stage::Header => Partial::Header,
                Stage::Text => Partial::Text,
                Stage::Files => Partial::Files,
                Stage::Rules | Stage::Facts | Stage::Learned => Partial::Rules,
            }));
        }
    }

    /// Counts parts of the message that were left out.
    pub fn leave_out(&self, parts: usize) {
        self.left_out.set(self.left_out.get() + parts);
    }

    /// Counts an element of a page; false if there were too many.
    pub(crate) fn take_element(&self) -> bool {
        let left = self.elements.get();
        self.elements.set(left.saturating_sub(1));
        left > 0
    }

    /// How many elements may still be read.
    pub(crate) fn elements_left(&self) -> u32 {
        self.elements.get()
    }

    /// A page is read again: its elements do not count twice.
    pub(crate) fn set_elements_left(&self, elements: u32) {
        self.elements.set(elements);
    }

    /// How many parts of the message were left out.
    pub fn left_out(&self) -> usize {
        self.left_out.get()
    }

    /// What is left of the stage's share.
    pub fn left(&self) -> u64 {
        self.limit.get().saturating_sub(self.spent.get())
    }

    /// The units spent.
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Why something was left out, if it was.
    pub fn partial(&self) -> Option<Partial> {
        self.partial.get()
    }

    /// Whether further work is pointless, because it does not fit a budget that is all or nothing.
    pub fn is_in_vain(&self) -> bool {
        !self.is_shared_out && self.partial.get().is_some()
    }

    /// Whether a regex may be compiled on this thread.
    pub fn may_compile(&self) -> bool {
        self.may_compile
    }

    /// Checks the stop signal.
    #[cold]
    fn check_stop(&self, spent: u64) {
        self.next_stop_check.set(spent + STOP_CHECK_INTERVAL);
        let is_stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if is_stopped && self.partial.get() != Some(Partial::Time) {
            self.partial.set(Some(Partial::Time));
            self.limit.set(match self.stage.get() {
                Stage::Header | Stage::Text | Stage::Files => 0,
                Stage::Rules | Stage::Facts | Stage::Learned => spent + AFTER_STOP,
            });
        }
    }
}

/// The number of octets that are not ASCII.
pub(crate) fn beyond_ascii(octets: &[u8]) -> u64 {
    // Summing chunks whose count fits an octet is vectorized; these are whole vectors.
    let pieces = octets.chunks(240);
    pieces
        .map(|piece| u64::from(piece.iter().map(|octet| octet >> 7).sum::<u8>()))
        .sum()
}

/// The part of the budget that may be used by the end of a stage: at least a third is left to rules and facts.
fn share(stage: Stage, total: u64) -> u64 {
    total / 100
        * match stage {
            Stage::Header => 20,
            Stage::Text => 40,
            Stage::Files => 60,
            Stage::Rules => 85,
            Stage::Facts => 95,
            Stage::Learned => 100,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_may_use_what_earlier_ones_left_but_not_what_is_reserved() {
        let work = Work::new(1000);
        assert!(work.spend(200) && !work.spend(1));
        assert_eq!(work.partial(), Some(Partial::Header));
        work.begin(Stage::Text);
        assert_eq!((work.afford(10, 5), work.afford(100, 3)), (10, 50));
        work.begin(Stage::Files);
        assert_eq!(work.afford(1000, 1), 200);
        assert_eq!(work.afford(1000, 1), 0);
        work.begin(Stage::Rules);
        assert_eq!(work.left(), 250);
        // The first reason is kept.
        assert_eq!(work.partial(), Some(Partial::Header));
        assert_eq!(work.beginning("größe", 80), "gr");
        assert_eq!(work.spent(), 840);
    }

    #[test]
    fn a_brief_budget_is_all_or_nothing() {
        let work = Work::brief(100);
        assert!(work.spend(90) && !work.is_in_vain());
        work.begin(Stage::Rules);
        assert!(!work.spend(20) && work.is_in_vain());
        assert!(!work.may_compile());
    }

    #[test]
    fn after_a_stop_signal_what_was_found_is_judged() {
        let stop = AtomicBool::new(false);
        let work = Work::new(1 << 40).stopped_by(&stop);
        work.begin(Stage::Files);
        assert!(work.spend(STOP_CHECK_INTERVAL));
        stop.store(true, Ordering::Relaxed);
        assert!(!work.spend(2 * STOP_CHECK_INTERVAL));
        assert_eq!(work.afford(100, 1), 0);
        assert_eq!(work.partial(), Some(Partial::Time));
        work.begin(Stage::Rules);
        assert!(work.spend(AFTER_STOP / 2) && !work.spend(AFTER_STOP));
    }
}
