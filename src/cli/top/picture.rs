//! Two looks become a picture of 80 columns.

use std::fmt::Write;

use super::sample::{Sample, quantile};

const ACTIONS: [&str; 4] = ["pass", "tag", "drop", "unscanned"];

/// Draws what happened between two looks.
pub(super) fn draw(before: &Sample, now: &Sample, seconds: f64) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, before, now, seconds);
    out
}

fn write(out: &mut String, before: &Sample, now: &Sample, seconds: f64) -> std::fmt::Result {
    let rate = |name: &str, with: &[(&str, &str)]| {
        ((now.sum(name, with) - before.sum(name, with)) / seconds).max(0.0)
    };
    writeln!(
        out,
        "popgate   sessions {:<8} connections/s {:<8.1} refused/s {:<8.1}",
        now.sum("popgate_sessions_active", &[]),
        rate("popgate_connections_total", &[]),
        rate("popgate_refused_total", &[]),
    )?;
    let memory = now.sum("process_resident_memory_bytes", &[]);
    writeln!(
        out,
        "memory    {:<10} held {:<10} of {:<10} waits {}",
        octets(memory),
        octets(now.sum("popgate_holding_bytes", &[])),
        octets(now.sum("popgate_limit", &[("limit", "held_bytes")])),
        now.sum("popgate_memory_waits_total", &[]),
    )?;
    writeln!(out, "\nmessages        total       /s  share")?;
    let family = "popgate_messages_total";
    let all = now.sum(family, &[]);
    for action in ACTIONS {
        let total = now.sum(family, &[("action", action)]);
        let share = if all > 0.0 { total / all } else { 0.0 };
        let per_second = rate(family, &[("action", action)]);
        writeln!(
            out,
            "  {action:<10} {total:>9} {per_second:>8.1}  {:<30} {:.1} %",
            bar(share, 30),
            share * 100.0
        )?;
    }
    writeln!(out, "\noctets/s        in          out")?;
    for leg in ["client", "upstream"] {
        let flow = |way| {
            octets(rate(
                "popgate_bytes_total",
                &[("leg", leg), ("direction", way)],
            ))
        };
        writeln!(out, "  {leg:<10} {:>10} {:>12}", flow("in"), flow("out"))?;
    }
    writeln!(out, "\nlatency             50 %       90 %       99 %")?;
    for (name, family, with) in [
        ("filter", "popgate_filter_seconds", [("stage", "total")]),
        (
            "first byte",
            "popgate_first_byte_seconds",
            [("command", "retr")],
        ),
    ] {
        let (old, new) = (before.buckets(family, &with), now.buckets(family, &with));
        let shown = [0.5, 0.9, 0.99].map(|q| quantile(&old, &new, q).map_or("-".to_owned(), time));
        writeln!(
            out,
            "  {name:<10} {:>11} {:>10} {:>10}",
            shown[0], shown[1], shown[2]
        )?;
    }
    for (title, family, label) in [
        ("rules that hit most", "popgate_rule_hits_total", "rule"),
        (
            "trouble with upstreams",
            "popgate_upstream_errors_total",
            "kind",
        ),
        ("refused", "popgate_refused_total", "reason"),
    ] {
        let mut found: Vec<_> = now.by(family, label).into_iter().collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        if found.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        let most = found[0].1.max(1.0);
        for (name, count) in found.iter().take(6) {
            writeln!(out, "  {name:<32} {count:>9}  {}", bar(count / most, 30))?;
        }
    }
    Ok(())
}

fn bar(share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    "#".repeat(full)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_what_happened() {
        let before = Sample::read("popgate_messages_total{action=\"pass\",command=\"retr\"} 10\n");
        let now = Sample::read(
            "popgate_messages_total{action=\"pass\",command=\"retr\"} 30\n\
             popgate_messages_total{action=\"tag\",command=\"retr\"} 10\n\
             popgate_rule_hits_total{rule=\"URL_IP\"} 7\n\
             popgate_holding_bytes 2048\n",
        );
        let picture = draw(&before, &now, 2.0);
        for words in ["pass", "10.0", "25.0 %", "URL_IP", "2.0 KiB"] {
            assert!(picture.contains(words), "no `{words}` in\n{picture}");
        }
        assert!(picture.lines().all(|line| line.len() <= 80), "{picture}");
    }
}
