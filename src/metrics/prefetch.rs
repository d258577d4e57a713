//! Families of messages that are fetched before their clients ask for them: in hide mode, and those that are read ahead.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

use super::buckets::RESPONSE_SECONDS;
use super::labels::{PrefetchOutcome, ReadAheadOutcome};
use super::registry::Families;

#[derive(Debug)]
pub(super) struct Prefetch {
    messages: IntCounterVec,
    bytes: IntCounter,
    seconds: Histogram,
    read_ahead: IntCounterVec,
    pub(super) spooled_bytes: IntGauge,
    pub(super) expired: IntCounter,
}

impl Prefetch {
    pub(super) fn new(make: &Families) -> Self {
        let messages = make.counters(
            "popgate_prefetched_messages_total",
            "Messages without a verdict in mailboxes in hide mode, by what became of them before their clients were told \
             any number",
            &["outcome"],
        );
        for outcome in PrefetchOutcome::ALL {
            messages.with_label_values(&[outcome.label()]);
        }
        let read_ahead = make.counters(
            "popgate_read_ahead_messages_total",
            "Messages that were asked for before their clients did (upstream.prefetch), by what became of them",
            &["outcome"],
        );
        for outcome in ReadAheadOutcome::ALL {
            read_ahead.with_label_values(&[outcome.label()]);
        }
        Self {
            messages,
            read_ahead,
            bytes: make.counter(
                "popgate_prefetched_bytes_total",
                "Octets of the messages that were fetched before their clients asked for them, as their servers list them",
            ),
            seconds: make.histogram(
                "popgate_prefetch_seconds",
                "How long the first answer about messages has waited in hide mode, where there were messages without a \
                 verdict; about filter.hide_seconds at most",
                RESPONSE_SECONDS,
            ),
            spooled_bytes: make.gauge(
                "popgate_spooled_bytes",
                "Octets in files of messages that were fetched before their clients asked for them; limits.spool_bytes at \
                 most",
            ),
            expired: make.counter(
                "popgate_hidden_deleted_total",
                "Hidden messages that popgate has deleted at their servers, because data.hide_delete_after says so",
            ),
        }
    }
}

impl Prefetch {
    pub(super) fn read_ahead(&self, outcome: ReadAheadOutcome, messages: u64) {
        let counter = self.read_ahead.with_label_values(&[outcome.label()]);
        counter.inc_by(messages);
    }

    pub(super) fn observe(
        &self,
        outcomes: impl IntoIterator<Item = (PrefetchOutcome, u32)>,
        octets: u64,
        seconds: f64,
    ) {
        for (outcome, messages) in outcomes {
            let counter = self.messages.with_label_values(&[outcome.label()]);
            counter.inc_by(messages.into());
        }
        self.bytes.inc_by(octets);
        self.seconds.observe(seconds);
    }
}
