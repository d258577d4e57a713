//! Counts that live as long as what they count.

use prometheus::{IntCounter, IntGauge};

/// One of those that are open now.
#[derive(Debug)]
pub struct Open(IntGauge);

impl Open {
    /// One more.
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection to an upstream: it is open, and octets go over it.
#[derive(Debug)]
pub struct UpstreamMeter {
    received: IntCounter,
    sent: IntCounter,
    _open: Open,
}

impl UpstreamMeter {
    pub(super) fn new(received: IntCounter, sent: IntCounter, active: &IntGauge) -> Self {
        Self {
            received,
            sent,
            _open: Open::new(active),
        }
    }

    /// Octets came.
    pub fn received(&self, octets: usize) {
        self.received.inc_by(octets as u64);
    }

    /// Octets went.
    pub fn sent(&self, octets: usize) {
        self.sent.inc_by(octets as u64);
    }
}
