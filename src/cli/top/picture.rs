//! Two looks become a picture of 80 columns.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::sample::{Sample, quantile};
use crate::filter::LEARNT;

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
    head(out, now)?;
    writeln!(
        out,
        "clients   sessions {:<8} connections/s {:<8.1} refused/s {:<8.1}",
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
    upstreams(out, before, now, seconds)?;
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
        // The learnt filter has a say about nearly every message, and would dwarf the rules.
        found.retain(|(name, count)| *count > 0.0 && name != LEARNT);
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

/// What runs, since when, by which rules, and whether it took its last reload over.
fn head(out: &mut String, now: &Sample) -> std::fmt::Result {
    let version = now.by("popgate_build_info", "version");
    let version = version.keys().next().map_or("?", String::as_str);
    let started = now.sum("process_start_time_seconds", &[]);
    let up = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(today) if started > 0.0 => span(today.as_secs_f64() - started),
        _ => "?".to_owned(),
    };
    let rules = now.sum("popgate_rules", &[("kind", "pattern")]);
    let (tag_at, drop_at) = (
        now.sum("popgate_filter_threshold", &[("kind", "tag_at")]),
        now.sum("popgate_filter_threshold", &[("kind", "drop_at")]),
    );
    let drops = match drop_at > 0.0 {
        true => format!("dropped from {drop_at}"),
        false => "never dropped".to_owned(),
    };
    writeln!(
        out,
        "popgate   {version}, up {up}; {rules} rules, tagged from {tag_at}, {drops}"
    )?;
    let last_reload = "popgate_last_reload_successful";
    if now.has(last_reload) && now.sum(last_reload, &[]) < 1.0 {
        writeln!(
            out,
            "!         the last reload was refused; its log says why"
        )?;
    }
    let failures = now.sum("popgate_quarantine_failures_total", &[]);
    if failures > 0.0 {
        writeln!(
            out,
            "!         the quarantine could not take {failures} messages; they were tagged"
        )?;
    }
    Ok(())
}

fn upstreams(out: &mut String, before: &Sample, now: &Sample, seconds: f64) -> std::fmt::Result {
    let known = now.by("popgate_upstream_sessions_active", "upstream");
    if known.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nupstreams               sessions  logins/s   octets/s   greeting 90 %  errors"
    )?;
    for (name, sessions) in known.iter().take(6) {
        let of = [("upstream", name.as_str())];
        let rate = |family: &str, with: &[(&str, &str)]| {
            ((now.sum(family, with) - before.sum(family, with)) / seconds).max(0.0)
        };
        let connect = "popgate_upstream_connect_seconds";
        let (old, new) = (before.buckets(connect, &of), now.buckets(connect, &of));
        let greeting = quantile(&old, &new, 0.9).map_or("-".to_owned(), time);
        let shown: String = name.chars().take(20).collect();
        writeln!(
            out,
            "  {shown:<20} {sessions:>9} {:>9.1} {:>10} {greeting:>15} {:>7}",
            rate("popgate_logins_total", &of),
            octets(rate(
                "popgate_upstream_bytes_total",
                &[("upstream", name), ("direction", "in")]
            )),
            now.sum("popgate_upstream_errors_total", &of),
        )?;
    }
    Ok(())
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
             popgate_rule_hits_total{rule=\"NEVER\"} 0\n\
             popgate_rule_hits_total{rule=\"LEARNT\"} 40\n\
             popgate_build_info{version=\"1.2.3\",rules_version=\"abc\"} 1\n\
             popgate_filter_threshold{kind=\"tag_at\"} 5\n\
             popgate_upstream_sessions_active{upstream=\"isp\"} 4\n\
             popgate_upstream_errors_total{upstream=\"isp\",kind=\"tls\"} 3\n\
             popgate_last_reload_successful 0\n\
             popgate_holding_bytes 2048\n",
        );
        let picture = draw(&before, &now, 2.0);
        for words in [
            "1.2.3",
            "tagged from 5, never dropped",
            "reload was refused",
            "pass",
            "10.0",
            "25.0 %",
            "isp",
            "URL_IP",
            "2.0 KiB",
        ] {
            assert!(picture.contains(words), "no `{words}` in\n{picture}");
        }
        for words in ["NEVER", "LEARNT"] {
            assert!(!picture.contains(words), "`{words}` in\n{picture}");
        }
        assert!(picture.lines().all(|line| line.len() <= 80), "{picture}");
    }
}
