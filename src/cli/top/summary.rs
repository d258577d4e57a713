//! Two samples of /metrics become figures: what happened between them, and what there is now.

use std::time::{SystemTime, UNIX_EPOCH};

use super::sample::{Sample, quantile};
use crate::filter::LEARNT;

const ACTIONS: [&str; 4] = ["pass", "tag", "drop", "unscanned"];

/// What there is to show, as text where no more is computed with it.
#[derive(Debug)]
pub(super) struct Summary {
    /// What runs, since when, by which rules.
    pub(super) head: String,
    /// What to look at.
    pub(super) warnings: Vec<String>,
    pub(super) clients: String,
    pub(super) memory: String,
    pub(super) messages: Vec<ActionFigures>,
    /// Connection, octets in and out a second.
    pub(super) octets: Vec<[String; 3]>,
    /// What is measured, and its quantiles.
    pub(super) latency: Vec<[String; 4]>,
    pub(super) upstreams: Vec<UpstreamFigures>,
    pub(super) rankings: Vec<Ranking>,
}

/// What was done with messages.
#[derive(Debug)]
pub(super) struct ActionFigures {
    pub(super) action: &'static str,
    pub(super) total: f64,
    pub(super) per_second: f64,
    /// Of all messages, from 0 to 1.
    pub(super) share: f64,
}

/// An upstream.
#[derive(Debug)]
pub(super) struct UpstreamFigures {
    pub(super) name: String,
    pub(super) sessions: f64,
    pub(super) logins: f64,
    pub(super) octets: String,
    pub(super) greeting: String,
    pub(super) errors: f64,
}

/// What counts most, the highest first.
#[derive(Debug)]
pub(super) struct Ranking {
    pub(super) title: &'static str,
    pub(super) rows: Vec<(String, f64)>,
}

/// Two samples, and the seconds between them.
struct Interval<'s> {
    before: &'s Sample,
    now: &'s Sample,
    seconds: f64,
}

impl Summary {
    /// The figures of two samples, this many seconds apart.
    pub(super) fn new(before: &Sample, now: &Sample, seconds: f64) -> Self {
        let interval = Interval {
            before,
            now,
            seconds,
        };
        Self {
            head: head(now),
            warnings: warnings(now),
            clients: interval.clients(),
            memory: memory(now),
            messages: interval.messages(),
            octets: interval.octets(),
            latency: interval.latency(),
            upstreams: interval.upstreams(),
            rankings: rankings(now),
        }
    }
}

impl Interval<'_> {
    /// How fast a counter grows.
    fn rate(&self, name: &str, with: &[(&str, &str)]) -> f64 {
        ((self.now.sum(name, with) - self.before.sum(name, with)) / self.seconds).max(0.0)
    }

    fn quantile(&self, family: &str, with: &[(&str, &str)], q: f64) -> String {
        let before = self.before.buckets(family, with);
        let now = self.now.buckets(family, with);
        quantile(&before, &now, q).map_or("-".to_owned(), time)
    }

    fn clients(&self) -> String {
        format!(
            "sessions {:<8} connections/s {:<8.1} refused/s {:<8.1}",
            self.now.sum("popgate_sessions_active", &[]),
            self.rate("popgate_connections_total", &[]),
            self.rate("popgate_refused_total", &[]),
        )
    }

    fn messages(&self) -> Vec<ActionFigures> {
        let family = "popgate_messages_total";
        let all = self.now.sum(family, &[]);
        let figures = ACTIONS.map(|action| {
            let total = self.now.sum(family, &[("action", action)]);
            ActionFigures {
                action,
                total,
                per_second: self.rate(family, &[("action", action)]),
                share: if all > 0.0 { total / all } else { 0.0 },
            }
        });
        figures.into()
    }

    fn octets(&self) -> Vec<[String; 3]> {
        let flow = |leg, way| {
            let labels = [("leg", leg), ("direction", way)];
            octets(self.rate("popgate_bytes_total", &labels))
        };
        let legs = ["client", "upstream"];
        legs.map(|leg| [leg.to_owned(), flow(leg, "in"), flow(leg, "out")])
            .into()
    }

    fn latency(&self) -> Vec<[String; 4]> {
        let rows = [
            ("filter", "popgate_filter_seconds", [("stage", "total")]),
            (
                "first byte",
                "popgate_first_byte_seconds",
                [("command", "retr")],
            ),
        ];
        let rows = rows.map(|(name, family, with)| {
            let [half, most, nearly_all] =
                [0.5, 0.9, 0.99].map(|q| self.quantile(family, &with, q));
            [name.to_owned(), half, most, nearly_all]
        });
        rows.into()
    }

    fn upstreams(&self) -> Vec<UpstreamFigures> {
        let known = self.now.by("popgate_upstream_sessions_active", "upstream");
        let known = known.into_iter().map(|(name, sessions)| {
            let of = [("upstream", name.as_str())];
            let bytes = [("upstream", name.as_str()), ("direction", "in")];
            UpstreamFigures {
                sessions,
                logins: self.rate("popgate_logins_total", &of),
                octets: octets(self.rate("popgate_upstream_bytes_total", &bytes)),
                greeting: self.quantile("popgate_upstream_connect_seconds", &of, 0.9),
                errors: self.now.sum("popgate_upstream_errors_total", &of),
                name,
            }
        });
        known.collect()
    }
}

fn memory(now: &Sample) -> String {
    format!(
        "{:<10} held {:<10} of {:<10} waits {}",
        octets(now.sum("process_resident_memory_bytes", &[])),
        octets(now.sum("popgate_holding_bytes", &[])),
        octets(now.sum("popgate_limit", &[("limit", "held_bytes")])),
        now.sum("popgate_memory_waits_total", &[]),
    )
}

fn rankings(now: &Sample) -> Vec<Ranking> {
    [
        ("rules that hit most", "popgate_rule_hits_total", "rule"),
        ("upstream errors", "popgate_upstream_errors_total", "kind"),
        ("refused", "popgate_refused_total", "reason"),
    ]
    .into_iter()
    .filter_map(|(title, family, label)| {
        let mut rows: Vec<_> = now.by(family, label).into_iter().collect();
        // The learned filter contributes to nearly every message, and would dwarf the rules.
        rows.retain(|(name, count)| *count > 0.0 && name != LEARNT);
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        (!rows.is_empty()).then_some(Ranking { title, rows })
    })
    .collect()
}

fn head(now: &Sample) -> String {
    let version = now.by("popgate_build_info", "version");
    let version = version.keys().next().map_or("?", String::as_str);
    let started = now.sum("process_start_time_seconds", &[]);
    let up = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(today) if started > 0.0 => span(today.as_secs_f64() - started),
        _ => "?".to_owned(),
    };
    let rules = now.sum("popgate_rules", &[("kind", "pattern")]);
    let threshold = |kind| now.sum("popgate_filter_threshold", &[("kind", kind)]);
    let (tag_at, drop_at) = (threshold("tag_at"), threshold("drop_at"));
    let drops = match drop_at > 0.0 {
        true => format!("dropped from {drop_at}"),
        false => "never dropped".to_owned(),
    };
    format!("{version}, up {up}; {rules} rules, tagged from {tag_at}, {drops}")
}

fn warnings(now: &Sample) -> Vec<String> {
    let mut warnings = Vec::new();
    let last_reload = "popgate_last_reload_successful";
    if now.has(last_reload) && now.sum(last_reload, &[]) < 1.0 {
        warnings.push("the last reload was refused; the log says why".to_owned());
    }
    let failures = now.sum("popgate_quarantine_failures_total", &[]);
    if failures > 0.0 {
        warnings.push(format!(
            "the quarantine could not take {failures} messages; they were tagged"
        ));
    }
    warnings
}

/// A time in its two largest units.
fn span(seconds: f64) -> String {
    let minutes = (seconds.max(0.0) / 60.0) as u64;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{seconds:.0} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn octets(count: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut count = count;
    for unit in UNITS {
        if count < 1024.0 || unit == "TiB" {
            return match unit {
                "B" => format!("{count:.0} {unit}"),
                _ => format!("{count:.1} {unit}"),
            };
        }
        count /= 1024.0;
    }
    String::new()
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} us", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}
