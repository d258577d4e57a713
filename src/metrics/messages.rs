//! Families of messages: actions, octets, edits, memory, waiting times.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

use super::buckets::{OCTETS, RESPONSE_SECONDS};
use super::labels::{Fetch, Flow, MessageAction, UnscannedReason};
use super::registry::Families;
use crate::message::Partial;

#[derive(Debug)]
pub(super) struct Messages {
    pub(super) actions: IntCounterVec,
    pub(super) unscanned: IntCounterVec,
    pub(super) partial: IntCounterVec,
    pub(super) bytes: [IntCounter; 4],
    pub(super) edited_added: IntCounter,
    pub(super) edited_removed: IntCounter,
    pub(super) held_bytes: Histogram,
    pub(super) holding: IntGauge,
    pub(super) memory_waits: IntCounter,
    pub(super) released_early: IntCounter,
    pub(super) released_early_bytes: IntCounter,
    pub(super) first_byte: [Histogram; 2],
    pub(super) retr_seconds: Histogram,
    pub(super) quarantine_failures: IntCounter,
}

impl Messages {
    pub(super) fn new(make: &Families) -> Self {
        let bytes = make.counters(
            "popgate_bytes_total",
            "Octets read from and written to mail clients and POP3 servers, inside TLS",
            &["leg", "direction"],
        );
        let edited = make.counters(
            "popgate_edited_bytes_total",
            "Octets that popgate added to or removed from what the upstream sent; \
             client out = upstream in + added - removed",
            &["kind"],
        );
        let first_byte = make.histograms(
            "popgate_first_byte_seconds",
            "From the turn of a RETR or TOP to the first octet of its response",
            &["command"],
            RESPONSE_SECONDS,
        );
        Self {
            actions: actions(make),
            unscanned: unscanned(make),
            partial: partial(make),
            bytes: Flow::ALL.map(|flow| bytes.with_label_values(&flow.labels())),
            edited_added: edited.with_label_values(&["added"]),
            edited_removed: edited.with_label_values(&["removed"]),
            held_bytes: make.histogram(
                "popgate_held_bytes",
                "Octets of a message that were held when its verdict was made",
                OCTETS,
            ),
            holding: make.gauge(
                "popgate_holding_bytes",
                "Octets held now until their verdict is known and their client has taken them, beyond 32 KiB of each session; about limits.held_bytes at most",
            ),
            memory_waits: make.counter(
                "popgate_memory_waits_total",
                "Times that an upstream had to wait because limits.held_bytes was reached",
            ),
            released_early: make.counter(
                "popgate_released_early_total",
                "Messages that went to their clients as they came, before they were complete, because they pass whatever follows their header",
            ),
            released_early_bytes: make.counter(
                "popgate_released_early_bytes_total",
                "Octets of messages that went to their clients before they were complete, counted at their end",
            ),
            first_byte: [Fetch::Retr, Fetch::Top]
                .map(|fetch| first_byte.with_label_values(&[fetch.label()])),
            retr_seconds: make.histogram(
                "popgate_retr_seconds",
                "From the turn of a RETR to the last octet of its response",
                RESPONSE_SECONDS,
            ),
            quarantine_failures: make.counter(
                "popgate_quarantine_failures_total",
                "Messages that the quarantine could not store, and that were tagged instead of held back",
            ),
        }
    }
}

fn actions(make: &Families) -> IntCounterVec {
    let actions = make.counters(
        "popgate_messages_total",
        "Messages that were delivered, by what was done with them",
        &["action", "command"],
    );
    for action in MessageAction::ALL {
        for fetch in Fetch::ALL {
            actions.with_label_values(&[action.label(), fetch.label()]);
        }
    }
    actions
}

fn unscanned(make: &Families) -> IntCounterVec {
    let unscanned = make.counters(
        "popgate_unscanned_total",
        "Messages that passed without a verdict",
        &["reason"],
    );
    for reason in UnscannedReason::ALL {
        unscanned.with_label_values(&[reason.label()]);
    }
    unscanned
}

fn partial(make: &Families) -> IntCounterVec {
    let partial = make.counters(
        "popgate_partial_total",
        "Messages whose verdict is made of a part of them only, because the rest was too costly or took too long",
        &["reason"],
    );
    for reason in Partial::ALL {
        partial.with_label_values(&[reason.label()]);
    }
    partial
}
