//! Every metric family, in one place: name, unit, labels, help.
//!
//! In: observations from every room that runs; out: Prometheus' text format. Labels are closed
//! sets of this program's own words, the configured names of upstreams and the ids of rules:
//! nothing that a sender or a user chose.
//!
//! The children that every message touches are looked up once, here; a hash over label values for
//! each command would cost more than the command's parsing.

mod families;
mod labels;
mod meter;
mod reference;
mod rule_hits;

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    TextEncoder,
};

use crate::filter::{Thresholds, Verdict};
use crate::pop3::command;
use families::{Families, Made};
pub use labels::{ACTIONS, CONNECTIONS, Fetch, Flow, LOGINS, STATES, UNSCANNED};
pub use meter::{Open, UpstreamMeter};
use rule_hits::RuleHits;

/// All families.
#[derive(Debug)]
pub struct Metrics {
    made: Made,
    build_info: IntGaugeVec,
    certificates: IntGaugeVec,
    limits: IntGaugeVec,
    connections: IntCounterVec,
    refused: IntCounterVec,
    sessions_active: IntGaugeVec,
    logins: IntCounterVec,
    commands: Vec<(&'static str, IntCounter)>,
    messages: IntCounterVec,
    unscanned: IntCounterVec,
    bytes: [IntCounter; 4],
    edited_added: IntCounter,
    edited_removed: IntCounter,
    filter_decode: Histogram,
    filter_rules: Histogram,
    filter_classifier: Histogram,
    filter_total: Histogram,
    held_bytes: Histogram,
    holding: IntGauge,
    memory_waits: IntCounter,
    judged_bytes: Histogram,
    first_byte: [Histogram; 2],
    retr_seconds: Histogram,
    score: Histogram,
    rule_hits: RuleHits,
    upstream_errors: IntCounterVec,
    upstream_bytes: IntCounterVec,
    upstream_sessions: IntGaugeVec,
    upstream_connect: HistogramVec,
    quarantine_failures: IntCounter,
    client_aborts: IntCounterVec,
    reloads: IntCounterVec,
    last_reload_successful: IntGauge,
    last_reload: IntGauge,
    rules_in_force: IntGaugeVec,
    thresholds: GaugeVec,
}

/// From 50 µs to 10 s, in steps of about two.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
    2.0, 5.0, 10.0,
];
/// Answers wait for the upstream, too, so a longer tail.
const ANSWER_SECONDS: &[f64] = &[
    0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    10.0, 20.0, 60.0,
];
const OCTETS: &[f64] = &[
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const SCORES: &[f64] = &[
    -5.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All families, at zero.
    pub fn new() -> Self {
        let make = Families::default();
        let bytes = make.counters(
            "popgate_bytes_total",
            "Octets read from and written to mail clients and POP3 servers, inside TLS",
            &["leg", "direction"],
        );
        let edited = make.counters(
            "popgate_edited_bytes_total",
            "Octets that popgate added to or took out of what the upstream sent; \
             client out = upstream in + added - removed",
            &["kind"],
        );
        let filter = make.histograms(
            "popgate_filter_seconds",
            "Time to judge one message, by stage",
            &["stage"],
            SECONDS,
        );
        let first_byte = make.histograms(
            "popgate_first_byte_seconds",
            "From the turn of a RETR or TOP to the first octet of its answer",
            &["command"],
            ANSWER_SECONDS,
        );
        let commands = make.counters("popgate_commands_total", "Commands of clients", &["verb"]);
        // What can be counted is there from the start, at zero: Prometheus sees no increase in a
        // series that begins with its first event.
        let messages = make.counters(
            "popgate_messages_total",
            "Messages that were answered, by what was done with them",
            &["action", "command"],
        );
        for action in ACTIONS {
            for fetch in [Fetch::Retr, Fetch::Top] {
                messages.with_label_values(&[*action, fetch.label()]);
            }
        }
        let rule_hits = RuleHits::default();
        make.declare("counter", rule_hits::NAME, rule_hits::HELP, &["rule"], &[]);
        let closed = |family: IntCounterVec, values: &[&str]| {
            for value in values {
                family.with_label_values(&[*value]);
            }
            family
        };
        Self {
            build_info: make.gauges(
                "popgate_build_info",
                "1, with the version of the program and of its rules",
                &["version", "rules_version"],
            ),
            certificates: make.gauges(
                "popgate_certificate_expiry_timestamp_seconds",
                "When a listener's certificate expires, as Unix time",
                &["listener", "name"],
            ),
            limits: make.gauges(
                "popgate_limit",
                "The limits that are in force, as they are configured; 0 where there is none",
                &["limit"],
            ),
            connections: make.counters(
                "popgate_connections_total",
                "Connections of mail clients",
                &["listener", "outcome"],
            ),
            refused: make.counters(
                "popgate_refused_total",
                "Clients and logins that popgate itself refused",
                &["reason"],
            ),
            sessions_active: make.gauges(
                "popgate_sessions_active",
                "Sessions that are open now",
                &["listener"],
            ),
            logins: make.counters(
                "popgate_logins_total",
                "Logins that were relayed",
                &["upstream", "mechanism", "outcome"],
            ),
            commands: command::LABELS
                .iter()
                .map(|label| (*label, commands.with_label_values(&[label])))
                .collect(),
            messages,
            unscanned: closed(
                make.counters(
                    "popgate_unscanned_total",
                    "Messages that passed without a verdict",
                    &["reason"],
                ),
                UNSCANNED,
            ),
            bytes: [
                ("client", "in"),
                ("client", "out"),
                ("upstream", "in"),
                ("upstream", "out"),
            ]
            .map(|(leg, direction)| bytes.with_label_values(&[leg, direction])),
            edited_added: edited.with_label_values(&["added"]),
            edited_removed: edited.with_label_values(&["removed"]),
            filter_decode: filter.with_label_values(&["decode"]),
            filter_rules: filter.with_label_values(&["rules"]),
            filter_classifier: filter.with_label_values(&["classifier"]),
            filter_total: filter.with_label_values(&["total"]),
            holding: make.gauge(
                "popgate_holding_bytes",
                "Octets that are set aside for messages held now, in all sessions; at most limits.held_bytes",
            ),
            memory_waits: make.counter(
                "popgate_memory_waits_total",
                "Times that an upstream had to wait because limits.held_bytes was reached",
            ),
            held_bytes: make.histogram(
                "popgate_held_bytes",
                "Octets of a message that were held when its verdict was made",
                OCTETS,
            ),
            judged_bytes: make.histogram(
                "popgate_judged_bytes",
                "Octets of a message that its verdict was made from",
                OCTETS,
            ),
            first_byte: [Fetch::Retr, Fetch::Top]
                .map(|fetch| first_byte.with_label_values(&[fetch.label()])),
            retr_seconds: make.histogram(
                "popgate_retr_seconds",
                "From the turn of a RETR to the last octet of its answer",
                ANSWER_SECONDS,
            ),
            score: make.histogram("popgate_score", "Scores of judged messages", SCORES),
            rule_hits,
            upstream_errors: make.counters(
                "popgate_upstream_errors_total",
                "Sessions that an upstream's trouble ended",
                &["upstream", "kind"],
            ),
            upstream_bytes: make.counters(
                "popgate_upstream_bytes_total",
                "Octets read from (in) and written to (out) each POP3 server, inside TLS, from its greeting on",
                &["upstream", "direction"],
            ),
            upstream_sessions: make.gauges(
                "popgate_upstream_sessions_active",
                "Connections to each POP3 server that have greeted and are open now",
                &["upstream"],
            ),
            upstream_connect: make.histograms(
                "popgate_upstream_connect_seconds",
                "From the dial to the greeting of a POP3 server, TLS included; failures are not in it",
                &["upstream"],
                SECONDS,
            ),
            quarantine_failures: make.counter(
                "popgate_quarantine_failures_total",
                "Messages to be held back that the quarantine could not take, and that were tagged instead",
            ),
            client_aborts: closed(
                make.counters(
                    "popgate_client_aborts_total",
                    "Clients that left without QUIT",
                    &["state"],
                ),
                STATES,
            ),
            reloads: closed(
                make.counters(
                    "popgate_reloads_total",
                    "Reloads of rules and configuration",
                    &["outcome"],
                ),
                &["ok", "refused"],
            ),
            last_reload_successful: make.gauge(
                "popgate_last_reload_successful",
                "1 if the last reload was taken over or there was none, 0 if it was refused",
            ),
            last_reload: make.gauge(
                "popgate_last_reload_timestamp_seconds",
                "When the rules and the configuration that are in force were read, as Unix time",
            ),
            rules_in_force: make.gauges("popgate_rules", "Rules in force", &["kind"]),
            thresholds: make.decimals(
                "popgate_filter_threshold",
                "Points from which a message is tagged or dropped; 0 = never",
                &["kind"],
            ),
            made: make.finish(),
        }
    }

    /// The text that `/metrics` answers.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Encoding fails only if writing does, and a Vec takes everything.
        let _ = TextEncoder::new().encode(&self.made.registry.gather(), &mut text);
        self.rule_hits.write(&mut text);
        text
    }

    /// The page that describes all families, as Markdown.
    pub fn reference(&self) -> String {
        reference::page(&self.made)
    }

    /// The rules in force: version and number, and from where on they act.
    pub fn filter_in_force(&self, rules_version: &str, rules: usize, thresholds: Thresholds) {
        for (kind, points) in [
            ("tag_at", thresholds.tag_at),
            ("drop_at", thresholds.drop_at.unwrap_or(0.0)),
        ] {
            self.thresholds.with_label_values(&[kind]).set(points);
        }
        self.build_info.reset();
        let version = env!("CARGO_PKG_VERSION");
        self.build_info
            .with_label_values(&[version, rules_version])
            .set(1);
        let rules = i64::try_from(rules).unwrap_or(i64::MAX);
        self.rules_in_force
            .with_label_values(&["pattern"])
            .set(rules);
    }

    /// What may hit.
    pub fn rules<'r>(&self, ids: impl Iterator<Item = &'r str>) {
        self.rule_hits.know(ids);
    }

    /// When a certificate (by its file's name) expires.
    pub fn certificate(&self, listener: &str, name: &str, expires: i64) {
        self.certificates
            .with_label_values(&[listener, name])
            .set(expires);
    }

    /// The certificates that were shown before count no more.
    pub fn forget_certificates(&self) {
        self.certificates.reset();
    }

    /// A listener that there is.
    pub fn listener(&self, name: &str) {
        for outcome in CONNECTIONS {
            self.connections.with_label_values(&[name, outcome]);
        }
        self.sessions_active.with_label_values(&[name]);
    }

    /// An upstream that there is, and the kinds of trouble that it can make.
    pub fn upstream(&self, name: &str, kinds: impl Iterator<Item = &'static str>) {
        for outcome in LOGINS {
            self.logins.with_label_values(&[name, "userpass", outcome]);
        }
        for kind in kinds {
            self.upstream_errors.with_label_values(&[name, kind]);
        }
        self.upstream_sessions.with_label_values(&[name]);
        self.upstream_connect.with_label_values(&[name]);
        for direction in ["in", "out"] {
            self.upstream_bytes.with_label_values(&[name, direction]);
        }
    }

    /// Why a client may be refused.
    pub fn refusals(&self, reasons: &[&str]) {
        for reason in reasons {
            self.refused.with_label_values(&[*reason]);
        }
    }

    /// A limit that is in force.
    pub fn limit(&self, name: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.limits.with_label_values(&[name]).set(value);
    }

    /// A client's connection: `accepted`, `refused` or `proxied_away`.
    pub fn connection(&self, listener: &str, outcome: &str) {
        self.connections
            .with_label_values(&[listener, outcome])
            .inc();
    }

    /// A client that is not served, or a login that is not tried.
    pub fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// The gauge of open sessions.
    pub fn sessions(&self, listener: &str) -> IntGauge {
        self.sessions_active.with_label_values(&[listener])
    }

    /// A server has greeted, so many seconds after it was dialled.
    pub fn greeted(&self, upstream: &str, seconds: f64) -> UpstreamMeter {
        self.upstream_connect
            .with_label_values(&[upstream])
            .observe(seconds);
        let bytes = |direction| {
            self.upstream_bytes
                .with_label_values(&[upstream, direction])
        };
        let active = self.upstream_sessions.with_label_values(&[upstream]);
        UpstreamMeter::new(bytes("in"), bytes("out"), &active)
    }

    /// A message that was to be held back could not be put away.
    pub fn quarantine_failed(&self) {
        self.quarantine_failures.inc();
    }

    /// A login's end: `ok`, `denied` or `error`.
    pub fn login(&self, upstream: &str, mechanism: &str, outcome: &str) {
        self.logins
            .with_label_values(&[upstream, mechanism, outcome])
            .inc();
    }

    /// A client's command, by its label.
    pub fn command(&self, label: &str) {
        if let Some((_, counter)) = self.commands.iter().find(|(known, _)| *known == label) {
            counter.inc();
        }
    }

    /// A message that was answered.
    pub fn message(&self, action: &str, fetch: Fetch) {
        self.messages
            .with_label_values(&[action, fetch.label()])
            .inc();
    }

    /// A message without a verdict.
    pub fn unscanned(&self, reason: &str) {
        self.unscanned.with_label_values(&[reason]).inc();
    }

    /// Octets over the wire.
    pub fn bytes(&self, flow: Flow, octets: usize) {
        self.bytes[flow as usize].inc_by(octets as u64);
    }

    /// Octets that the client gets but the upstream did not send, and the other way round.
    pub fn edited(&self, added: usize, removed: usize) {
        self.edited_added.inc_by(added as u64);
        self.edited_removed.inc_by(removed as u64);
    }

    /// A verdict: its times, its score, its hits.
    pub fn verdict(&self, verdict: &Verdict, held: usize) {
        let decode = verdict.decode_time.as_secs_f64();
        let rules = verdict.rules_time.as_secs_f64();
        self.filter_decode.observe(decode);
        self.filter_rules.observe(rules);
        if verdict.opinion.is_some() {
            let classifier = verdict.classifier_time.as_secs_f64();
            self.filter_classifier.observe(classifier);
        }
        self.filter_total.observe(verdict.time().as_secs_f64());
        self.held_bytes.observe(held as f64);
        self.judged_bytes.observe(verdict.bytes_judged as f64);
        self.score.observe(verdict.score);
        self.rule_hits
            .hit(verdict.hits.iter().map(|hit| &*hit.rule));
    }

    /// Octets that are held from now on, or no more.
    pub fn holds(&self, octets: i64) {
        self.holding.add(octets);
    }

    /// An upstream that has to wait for memory.
    pub fn waits_for_memory(&self) {
        self.memory_waits.inc();
    }

    /// The first octet of an answer left.
    pub fn first_byte(&self, fetch: Fetch, seconds: f64) {
        self.first_byte[fetch as usize].observe(seconds);
    }

    /// The last octet of an answer left.
    pub fn answered(&self, fetch: Fetch, seconds: f64) {
        if fetch == Fetch::Retr {
            self.retr_seconds.observe(seconds);
        }
    }

    /// An upstream's trouble, by kind.
    pub fn upstream_error(&self, upstream: &str, kind: &str) {
        self.upstream_errors
            .with_label_values(&[upstream, kind])
            .inc();
    }

    /// A client that left, by the session's state.
    pub fn client_abort(&self, state: &str) {
        self.client_aborts.with_label_values(&[state]).inc();
    }

    /// What is in force was read.
    pub fn loaded(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        self.last_reload.set(now);
        self.last_reload_successful.set(1);
    }

    /// A reload was taken over.
    pub fn reloaded(&self) {
        self.reloads.with_label_values(&["ok"]).inc();
        self.loaded();
    }

    /// A reload was refused: what was in force before still is.
    pub fn reload_refused(&self) {
        self.reloads.with_label_values(&["refused"]).inc();
        self.last_reload_successful.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_families_can_be_made_and_scraped() {
        let metrics = Metrics::new();
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        metrics.filter_in_force("abc", 3, thresholds);
        metrics.command("retr");
        metrics.bytes(Flow::UpstreamOut, 7);
        metrics.message("tag", Fetch::Retr);
        let text = String::from_utf8(metrics.text()).unwrap();
        for line in [
            "popgate_build_info{rules_version=\"abc\",version=\"0.1.0\"} 1",
            "popgate_commands_total{verb=\"retr\"} 1",
            "popgate_bytes_total{direction=\"out\",leg=\"upstream\"} 7",
            "popgate_messages_total{action=\"tag\",command=\"retr\"} 1",
            "popgate_rules{kind=\"pattern\"} 3",
        ] {
            assert!(text.contains(line), "no `{line}` in:\n{text}");
        }
    }
}
