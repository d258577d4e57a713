//! Families of the servers' side: logins, errors, octets, sessions, connect times.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::buckets::SECONDS;
use super::registry::Families;

#[derive(Debug)]
pub(super) struct Upstreams {
    pub(super) logins: IntCounterVec,
    pub(super) errors: IntCounterVec,
    pub(super) bytes: IntCounterVec,
    pub(super) sessions_active: IntGaugeVec,
    pub(super) connect_seconds: HistogramVec,
}

impl Upstreams {
    pub(super) fn new(make: &Families) -> Self {
        Self {
            logins: make.counters(
                "popgate_logins_total",
                "Logins that were relayed; with OAuth those, too, that popgate itself refused",
                &["upstream", "mechanism", "outcome"],
            ),
            errors: make.counters(
                "popgate_upstream_errors_total",
                "Sessions that an upstream's failure ended",
                &["upstream", "kind"],
            ),
            bytes: make.counters(
                "popgate_upstream_bytes_total",
                "Octets read from (in) and written to (out) each POP3 server, inside TLS, from its greeting on",
                &["upstream", "direction"],
            ),
            sessions_active: make.gauges(
                "popgate_upstream_sessions_active",
                "Connections to each POP3 server that have greeted and are open now",
                &["upstream"],
            ),
            connect_seconds: make.histograms(
                "popgate_upstream_connect_seconds",
                "From the dial to the greeting of a POP3 server, TLS included; without failed attempts",
                &["upstream"],
                SECONDS,
            ),
        }
    }
}
