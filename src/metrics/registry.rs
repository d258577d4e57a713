//! Makes and registers families, and remembers how each was declared.

use std::cell::RefCell;

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// A family as it was declared.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) help: String,
    pub(super) labels: Vec<String>,
    /// The upper bounds of a histogram.
    pub(super) buckets: Vec<f64>,
}

/// All families, registered.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) registry: Registry,
    pub(super) declared: Vec<Declared>,
}

/// The maker. Names and labels are constants, and the tests make all of them: a clash cannot reach a
/// user, so it is a panic rather than passed around.
#[derive(Default)]
pub(super) struct Families {
    registry: Registry,
    declared: RefCell<Vec<Declared>>,
}

impl Families {
    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.declare("counter", name, help, labels, &[]);
        self.registered(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.declare("counter", name, help, &[], &[]);
        self.registered(IntCounter::with_opts(Opts::new(name, help)))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.declare("gauge", name, help, &[], &[]);
        self.registered(IntGauge::with_opts(Opts::new(name, help)))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.declare("gauge", name, help, labels, &[]);
        self.registered(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// Gauges of numbers that are not whole.
    pub(super) fn decimals(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.declare("gauge", name, help, labels, &[]);
        self.registered(GaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        self.declare("histogram", name, help, labels, buckets);
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(options, labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.declare("histogram", name, help, &[], buckets);
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.registered(Histogram::with_opts(options))
    }

    pub(super) fn finish(self) -> Registered {
        #[cfg(target_os = "linux")]
        {
            let process = prometheus::process_collector::ProcessCollector::for_self();
            if let Err(error) = self.registry.register(Box::new(process)) {
                tracing::error!(%error, "process metrics cannot be registered");
            }
        }
        let mut declared = self.declared.into_inner();
        declared.sort_by(|one, other| one.name.cmp(&other.name));
        Registered {
            registry: self.registry,
            declared,
        }
    }

    pub(super) fn declare(
        &self,
        kind: &'static str,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) {
        self.declared.borrow_mut().push(Declared {
            name: name.to_owned(),
            kind,
            help: help.to_owned(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            buckets: buckets.to_vec(),
        });
    }

    #[expect(clippy::expect_used, reason = "constant names, all made by the tests")]
    fn registered<C>(&self, family: prometheus::Result<C>) -> C
    where
        C: prometheus::core::Collector + Clone + 'static,
    {
        let family = family.expect("a family's name and labels are valid constants");
        self.registry
            .register(Box::new(family.clone()))
            .expect("a family is declared once");
        family
    }
}
