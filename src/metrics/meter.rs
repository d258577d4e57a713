//! Counts that live as long as what they count: a session, a connection to an upstream.

use prometheus::{IntCounter, IntGauge};

/// Counts in a gauge as long as it lives.
#[derive(Debug)]
pub struct GaugeGuard(IntGauge);

impl GaugeGuard {
    /// One more.
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection to an upstream: it is open, and octets go over it.
#[derive(Debug)]
pub struct UpstreamMeter {
    received: IntCounter,
    sent: IntCounter,
    _active: GaugeGuard,
}

impl UpstreamMeter {
    pub(super) fn new(received: IntCounter, sent: IntCounter, active: &IntGauge) -> Self {
        Self {
            received,
            sent,
            _active: GaugeGuard::new(active),
        }
    }

    /// Octets received.
    pub fn received(&self, octets: usize) {
        self.received.inc_by(octets as u64);
    }

    /// Octets sent.
    pub fn sent(&self, octets: usize) {
        self.sent.inc_by(octets as u64);
    }
}
