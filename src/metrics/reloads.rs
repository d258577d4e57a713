//! Families of reloads.

use prometheus::{IntCounterVec, IntGauge};

use super::labels::ReloadOutcome;
use super::registry::Families;

#[derive(Debug)]
pub(super) struct Reloads {
    pub(super) outcomes: IntCounterVec,
    pub(super) last_successful: IntGauge,
    pub(super) last: IntGauge,
}

impl Reloads {
    pub(super) fn new(make: &Families) -> Self {
        let outcomes = make.counters(
            "popgate_reloads_total",
            "Reloads of rules and configuration",
            &["outcome"],
        );
        for outcome in ReloadOutcome::ALL {
            outcomes.with_label_values(&[outcome.label()]);
        }
        Self {
            outcomes,
            last_successful: make.gauge(
                "popgate_last_reload_successful",
                "1 if the last reload was applied or there was none, 0 if it was refused",
            ),
            last: make.gauge(
                "popgate_last_reload_timestamp_seconds",
                "When the active rules and the active configuration were read, as Unix time",
            ),
        }
    }
}
