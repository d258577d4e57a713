//! Registers a configuration with /metrics: limits, listeners, upstreams, rules, and every value of labels with
//! a closed set.

use crate::config::{Config, Flags, Limits};
use crate::filter::{ALLOWED, ALLOWED_IF_PROVEN, BLOCKED, CORRECTED, LEARNT};
use crate::metrics::{LoginOutcome, Metrics};
use crate::session::{Failure, MECHANISMS, Refusal, Service};
use crate::store::StoreErrorKind;
use crate::store::writer::Dropped;
use crate::upstream::DialError;

/// Reports the active rules, listeners, upstreams and limits.
pub(super) fn announce(service: &Service) {
    if let Some(filter) = service.judge.rules() {
        let metrics = &service.metrics;
        metrics.filter_active(
            filter.rules_version(),
            filter.rule_count(),
            filter.thresholds(),
        );
        // A rule without a score is a part of other rules; its hits are not counted.
        let counted = filter.scores().map(|(rule, _)| &**rule);
        metrics.rules(counted.chain([LEARNT, CORRECTED, ALLOWED, ALLOWED_IF_PROVEN, BLOCKED]));
    }
    if let Some(external) = &service.external {
        let names = external.rules();
        service.metrics.rules(names.iter().map(String::as_str));
    }
    for port in &service.listeners {
        service.metrics.listener(&port.name);
    }
    for upstream in service.router.upstreams() {
        show_upstream(&service.metrics, upstream);
    }
    service.metrics.refusals(Refusal::LABELS);
    show_store(&service.metrics);
    show_limits(&service.metrics, &service.limits);
}

fn show_limits(metrics: &Metrics, limits: &Limits) {
    for (name, value) in [
        ("sessions", limits.sessions as u64),
        ("pending_sessions", limits.pending_sessions as u64),
        (
            "sessions_per_address",
            limits.sessions_per_address.unwrap_or(0) as u64,
        ),
        (
            "sessions_per_mailbox",
            limits.sessions_per_mailbox.unwrap_or(0) as u64,
        ),
        ("handshakes", limits.handshakes as u64),
        ("upstream_connects", limits.upstream_connects as u64),
        (
            "login_failures",
            u64::from(limits.login_failures.unwrap_or(0)),
        ),
        ("command_line", limits.command_line as u64),
        ("auth_line", limits.auth_line as u64),
        ("user_name", limits.user_name as u64),
        ("response_line", limits.response_line as u64),
        ("response", limits.response.unwrap_or(0)),
        ("held_bytes", limits.held_bytes as u64),
        ("spool_bytes", limits.spool_bytes as u64),
    ] {
        metrics.limit(name, value);
    }
}

/// Metrics with every value that a closed set of labels can have, for the page that lists them.
pub fn all_labels() -> Metrics {
    let metrics = Metrics::new();
    let (config, _) = Config::load(None, &Flags::default());
    show_limits(&metrics, &config.limits);
    metrics.filter_active("", 0, config.filter.thresholds);
    metrics.listener("");
    show_upstream(&metrics, "");
    for mechanism in MECHANISMS {
        metrics.login("", mechanism, LoginOutcome::Ok);
    }
    metrics.refusals(Refusal::LABELS);
    show_store(&metrics);
    metrics
}

fn show_store(metrics: &Metrics) {
    let kinds = StoreErrorKind::ALL.map(StoreErrorKind::label);
    let reasons = Dropped::ALL.map(Dropped::label);
    metrics.store(&kinds, &reasons);
}

fn show_upstream(metrics: &Metrics, name: &str) {
    let kinds = [DialError::LABELS, Failure::UPSTREAM_KINDS].concat();
    metrics.upstream(name, kinds.into_iter());
}
