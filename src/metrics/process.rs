//! Families of the process itself: its event loops, and its log.

use prometheus::{HistogramVec, IntCounter};

use super::registry::Families;

/// In seconds: a session notices some milliseconds, a person some tenths.
const LAG: &[f64] = &[0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

#[derive(Debug)]
pub(super) struct Process {
    pub(super) loop_lag: HistogramVec,
    pub(super) log_lines_lost: IntCounter,
}

impl Process {
    pub(super) fn new(make: &Families) -> Self {
        Self {
            loop_lag: make.histograms(
                "popgate_loop_lag_seconds",
                "How late an event loop ran a timer that is due once a second",
                &["loop"],
                LAG,
            ),
            log_lines_lost: make.counter(
                "popgate_log_lines_lost_total",
                "Lines of the log that are lost because stderr was not read in time, or took no more",
            ),
        }
    }
}
