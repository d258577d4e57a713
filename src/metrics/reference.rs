//! The page deploy/metrics.md, made from the families themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::families::{Declared, Registered};

/// Labels whose values come from the configuration and the rules, and what they are.
const OPEN_LABELS: &[(&str, &str)] = &[
    ("listener", "the name of a `[[listen]]`"),
    (
        "upstream",
        "the name of an `[[upstream]]`; `user_name` and `transparent` for all servers that stand in none",
    ),
    ("rule", "the id of a rule in force, or `LEARNT`"),
    ("name", "the file name of a certificate"),
    ("version", "popgate's version"),
    ("rules_version", "a hash over rules, lists and thresholds"),
];

const BEGIN: &str = "# Metrics

`GET /metrics` on the admin address (`[admin] address`, 127.0.0.1:9110 by default) answers in Prometheus' text format.
This page is made by `popgate reference metrics`, from the program's own declarations; a test holds it to them.

Seconds are seconds, bytes are octets, and no label carries an address, an account, a subject or anything else that a
sender or a user chose. Series with a closed set of values are there from the start, at zero. What to look at first is in
[prometheus/runbook.md](prometheus/runbook.md); the dashboards are in [grafana/](grafana).

`popgate_bytes_total` adds up to the octet: client out = upstream in + added - removed (`popgate_edited_bytes_total`).

| family | type | labels | meaning |
|---|---|---|---|
";

/// The whole page. The series that there are at the moment show the values of closed sets.
pub(super) fn page(registered: &Registered) -> String {
    let mut values: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for family in registered.registry.gather() {
        for metric in family.get_metric() {
            for pair in metric.get_label() {
                let key = (family.name().to_owned(), pair.name().to_owned());
                values
                    .entry(key)
                    .or_default()
                    .insert(pair.value().to_owned());
            }
        }
    }
    let mut page = BEGIN.to_owned();
    for family in &registered.declared {
        let labels: Vec<_> = family.labels.iter().map(|it| format!("`{it}`")).collect();
        let Declared {
            name, kind, help, ..
        } = family;
        let _ = writeln!(page, "| {name} | {kind} | {} | {help} |", labels.join(", "));
    }
    page.push_str("| process_* | | | CPU, memory, descriptors and start of the process, as Prometheus' libraries have them |\n");
    page.push_str("\n## Labels\n\n| label | values |\n|---|---|\n");
    let labels: BTreeSet<_> = registered
        .declared
        .iter()
        .flat_map(|family| &family.labels)
        .collect();
    for label in labels {
        if let Some((_, meaning)) = OPEN_LABELS.iter().find(|(open, _)| open == label) {
            let _ = writeln!(page, "| `{label}` | {meaning} |");
            continue;
        }
        for family in &registered.declared {
            let key = (family.name.clone(), label.clone());
            if let Some(known) = values.get(&key) {
                let known: Vec<_> = known.iter().map(|value| format!("`{value}`")).collect();
                let _ = writeln!(
                    page,
                    "| `{label}` of {} | {} |",
                    family.name,
                    known.join(", ")
                );
            }
        }
    }
    page.push_str("\n## Buckets\n\n| histogram | upper bounds |\n|---|---|\n");
    for family in registered
        .declared
        .iter()
        .filter(|it| !it.buckets.is_empty())
    {
        let bounds: Vec<_> = family.buckets.iter().map(f64::to_string).collect();
        let _ = writeln!(page, "| {} | {} |", family.name, bounds.join(", "));
    }
    page
}
