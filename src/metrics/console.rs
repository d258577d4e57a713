//! Families of the console: requests, logins, actions, and the pause of filtering.

use prometheus::{Histogram, IntCounterVec, IntGauge};

use super::buckets::SECONDS;
use super::labels::{ConsoleAction, ConsoleLogin, ConsoleLoginOutcome};
use super::registry::Families;

#[derive(Debug)]
pub(super) struct Console {
    pub(super) requests: IntCounterVec,
    pub(super) seconds: Histogram,
    pub(super) logins: IntCounterVec,
    pub(super) actions: IntCounterVec,
    pub(super) paused_until: IntGauge,
}

impl Console {
    pub(super) fn new(make: &Families) -> Self {
        let logins = make.counters(
            "popgate_console_logins_total",
            "Logins to the console, and tokens of its API, by who they are for",
            &["who", "outcome"],
        );
        for who in ConsoleLogin::ALL {
            for outcome in ConsoleLoginOutcome::ALL {
                logins.with_label_values(&[who.label(), outcome.label()]);
            }
        }
        let actions = make.counters(
            "popgate_console_actions_total",
            "What people did in the console or by its API",
            &["action"],
        );
        for action in ConsoleAction::ALL {
            actions.with_label_values(&[action.label()]);
        }
        Self {
            requests: make.counters(
                "popgate_console_requests_total",
                "Requests to the console and its API, by page and class of the status",
                &["page", "status"],
            ),
            seconds: make.histogram(
                "popgate_console_seconds",
                "Time from a request to the console to the beginning of its response",
                SECONDS,
            ),
            logins,
            actions,
            paused_until: make.gauge(
                "popgate_paused_until_timestamp_seconds",
                "When the pause of filtering ends or ended, as Unix time; 0 = there was none, or it was ended",
            ),
        }
    }
}
