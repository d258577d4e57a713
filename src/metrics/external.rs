//! Families of what others are asked about messages: DNS lists, keys of signatures, scanners.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::registry::Families;
use crate::filter::NotAsked;
use crate::filter::findings::FailureKind;

/// From a cached answer to the longest budget.
const ANSWER_SECONDS: &[f64] = &[
    0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0, 10.0,
];

#[derive(Debug)]
pub(super) struct External {
    asked: IntCounter,
    not_asked: IntCounterVec,
    wait_seconds: Histogram,
    seconds: HistogramVec,
    hits: IntCounterVec,
    errors: IntCounterVec,
    breakers: IntGaugeVec,
}

impl External {
    pub(super) fn new(make: &Families) -> Self {
        let not_asked = make.counters(
            "popgate_external_not_asked_total",
            "Messages about which nobody else, or no spam scanner, was asked although checks are configured",
            &["reason"],
        );
        for reason in NotAsked::ALL {
            not_asked.with_label_values(&[reason.label()]);
        }
        Self {
            not_asked,
            asked: make.counter(
                "popgate_external_asked_total",
                "Messages about which name servers or scanners were asked",
            ),
            wait_seconds: make.histogram(
                "popgate_external_wait_seconds",
                "How long a complete message waited for name servers and scanners, which is at most network.budget",
                ANSWER_SECONDS,
            ),
            seconds: make.histograms(
                "popgate_external_seconds",
                "How long each answer of a list or scanner took, cached ones included",
                &["check"],
                ANSWER_SECONDS,
            ),
            hits: make.counters(
                "popgate_external_hits_total",
                "Messages of which a list or scanner said something that counts; of dkim, spf and dmarc those that passed",
                &["check"],
            ),
            errors: make.counters(
                "popgate_external_errors_total",
                "Questions to lists and scanners without a usable answer; they add nothing to a score",
                &["check", "kind"],
            ),
            breakers: make.gauges(
                "popgate_external_breaker_open",
                "1 while a list or scanner is not asked because it has failed again and again",
                &["check"],
            ),
        }
    }

    pub(super) fn meter(&self, check: &str) -> CheckMeter {
        CheckMeter {
            seconds: self.seconds.with_label_values(&[check]),
            hits: self.hits.with_label_values(&[check]),
            errors: FailureKind::ALL
                .map(|kind| self.errors.with_label_values(&[check, kind.label()])),
            breaker: self.breakers.with_label_values(&[check]),
        }
    }

    pub(super) fn asked(&self, waited: Duration) {
        self.asked.inc();
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    pub(super) fn not_asked(&self, why: NotAsked) {
        self.not_asked.with_label_values(&[why.label()]).inc();
    }
}

/// The series of one list or scanner.
#[derive(Debug, Clone)]
pub struct CheckMeter {
    seconds: Histogram,
    hits: IntCounter,
    errors: [IntCounter; FailureKind::ALL.len()],
    breaker: IntGauge,
}

impl CheckMeter {
    /// It has answered, after this time.
    pub fn answered(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    /// It says something of a message that counts.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// There is no usable answer.
    pub fn failed(&self, kind: FailureKind) {
        for (place, known) in FailureKind::ALL.into_iter().enumerate() {
            if known == kind {
                self.errors[place].inc();
            }
        }
    }

    /// Whether it is not asked for a while.
    pub fn breaker_open(&self, is_open: bool) {
        self.breaker.set(i64::from(is_open));
    }
}
