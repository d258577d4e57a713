//! Families of the filter: times, scores, rules, thresholds.

use prometheus::{GaugeVec, Histogram, IntGauge, IntGaugeVec};

use super::buckets::{OCTETS, SCORES, SECONDS};
use super::registry::Families;
use super::rule_hits::{self, RuleHits};

#[derive(Debug)]
pub(super) struct Judging {
    pub(super) build_info: IntGaugeVec,
    pub(super) decode_seconds: Histogram,
    pub(super) rules_seconds: Histogram,
    pub(super) classifier_seconds: Histogram,
    pub(super) total_seconds: Histogram,
    pub(super) judged_bytes: Histogram,
    pub(super) score: Histogram,
    pub(super) rule_hits: RuleHits,
    pub(super) rules: IntGaugeVec,
    pub(super) learned_state_usable: IntGauge,
    pub(super) thresholds: GaugeVec,
}

impl Judging {
    pub(super) fn new(make: &Families) -> Self {
        let seconds = make.histograms(
            "popgate_filter_seconds",
            "Time to judge one message, by stage",
            &["stage"],
            SECONDS,
        );
        make.declare("counter", rule_hits::NAME, rule_hits::HELP, &["rule"], &[]);
        Self {
            build_info: make.gauges(
                "popgate_build_info",
                "1, with the version of the program and of its rules",
                &["version", "rules_version"],
            ),
            decode_seconds: seconds.with_label_values(&["decode"]),
            rules_seconds: seconds.with_label_values(&["rules"]),
            classifier_seconds: seconds.with_label_values(&["classifier"]),
            total_seconds: seconds.with_label_values(&["total"]),
            judged_bytes: make.histogram(
                "popgate_judged_bytes",
                "Octets of a message that its verdict was made from",
                OCTETS,
            ),
            score: make.histogram("popgate_score", "Scores of judged messages", SCORES),
            rule_hits: RuleHits::default(),
            rules: make.gauges("popgate_rules", "Active rules", &["kind"]),
            learned_state_usable: make.gauge(
                "popgate_learned_state_usable",
                "1 if what was learned is used, or there is nothing; 0 if files in [data] dir are damaged or unreadable",
            ),
            thresholds: make.decimals(
                "popgate_filter_threshold",
                "Points from which a message is tagged or dropped; 0 = never",
                &["kind"],
            ),
        }
    }
}
