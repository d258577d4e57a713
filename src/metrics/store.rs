//! Families of the store.

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::buckets::SECONDS;
use super::labels::{
    FeaturesLeftOut, LookupOutcome, OwnMessageEvent, OwnMessageKind, StoreOperation,
};
use super::registry::Families;

#[derive(Debug)]
pub(super) struct Store {
    pub(super) up: IntGaugeVec,
    pub(super) waiting_changes: IntGauge,
    pub(super) waiting_bytes: IntGauge,
    pub(super) dropped: IntCounterVec,
    pub(super) features_left_out: IntCounterVec,
    pub(super) errors: IntCounterVec,
    pub(super) lookups: IntCounterVec,
    pub(super) lookup_seconds: Histogram,
    pub(super) write_seconds: Histogram,
    pub(super) own_messages: IntCounterVec,
    pub(super) discarded: IntCounter,
}

impl Store {
    pub(super) fn new(make: &Families) -> Self {
        let up = make.gauges(
            "popgate_store_up",
            "1 if the store answered the last time, or data.store is off; 0 if it could not be opened, or failed: \
             popgate serves without it",
            &["operation"],
        );
        for operation in StoreOperation::ALL {
            up.with_label_values(&[operation.label()]).set(1);
        }
        let lookups = make.counters(
            "popgate_store_lookups_total",
            "Questions of sessions to the store; those that were not answered in time are served as without it",
            &["outcome"],
        );
        for outcome in LookupOutcome::ALL {
            lookups.with_label_values(&[outcome.label()]);
        }
        let own_messages = make.counters(
            "popgate_own_messages_total",
            "Messages that popgate itself puts into mailboxes: shown again by the server, sent, not readable, deleted by \
             their clients",
            &["kind", "event"],
        );
        for kind in OwnMessageKind::ALL {
            for event in OwnMessageEvent::ALL {
                own_messages.with_label_values(&[kind.label(), event.label()]);
            }
        }
        let features_left_out = make.counters(
            "popgate_history_features_left_out_total",
            "Delivered messages that cannot be taught from the history, because popgate was too busy to record their \
             features",
            &["reason"],
        );
        for reason in FeaturesLeftOut::ALL {
            features_left_out.with_label_values(&[reason.label()]);
        }
        Self {
            up,
            own_messages,
            discarded: make.counter(
                "popgate_discarded_messages_total",
                "Messages that popgate has deleted at their servers, because a person has deleted them from quarantine",
            ),
            lookups,
            waiting_changes: make.gauge(
                "popgate_store_waiting_changes",
                "Changes that wait to be written to the store",
            ),
            waiting_bytes: make.gauge(
                "popgate_store_waiting_bytes",
                "Octets of the changes that wait to be written to the store",
            ),
            dropped: make.counters(
                "popgate_store_changes_dropped_total",
                "Changes that were not written to the store and are lost",
                &["reason"],
            ),
            features_left_out,
            errors: make.counters(
                "popgate_store_errors_total",
                "Errors of the store; a write is tried again",
                &["operation", "kind"],
            ),
            lookup_seconds: make.histogram(
                "popgate_store_lookup_seconds",
                "From a session's question to the store's answer",
                SECONDS,
            ),
            write_seconds: make.histogram(
                "popgate_store_write_seconds",
                "Time to write a batch of changes to the store",
                SECONDS,
            ),
        }
    }
}
