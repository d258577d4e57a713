//! The summary as text of at most 80 columns, for files and pipes.

use std::fmt::{Result, Write};

use super::summary::{Ranking, Summary};

/// Upstreams that are named, and rows of a ranking.
const SHOWN: usize = 6;

/// The text.
pub(super) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, summary);
    out
}

fn write(out: &mut String, summary: &Summary) -> Result {
    writeln!(out, "popgate   {}", summary.head)?;
    for warning in &summary.warnings {
        writeln!(out, "!         {warning}")?;
    }
    writeln!(out, "clients   {}", summary.clients)?;
    writeln!(out, "memory    {}", summary.memory)?;
    writeln!(out, "\nmessages        total       /s  share")?;
    for row in &summary.messages {
        writeln!(
            out,
            "  {:<10} {:>9} {:>8.1}  {:<30} {:.1} %",
            row.action,
            row.total,
            row.per_second,
            bar(row.share, 30),
            row.share * 100.0
        )?;
    }
    writeln!(out, "\noctets/s        in          out")?;
    for [leg, octets_in, octets_out] in &summary.octets {
        writeln!(out, "  {leg:<10} {octets_in:>10} {octets_out:>12}")?;
    }
    writeln!(out, "\nlatency             50 %       90 %       99 %")?;
    for [name, half, most, nearly_all] in &summary.latency {
        writeln!(out, "  {name:<10} {half:>11} {most:>10} {nearly_all:>10}")?;
    }
    upstreams(out, summary)?;
    summary.rankings.iter().try_for_each(|it| ranking(out, it))
}

fn upstreams(out: &mut String, summary: &Summary) -> Result {
    if summary.upstreams.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nupstreams               sessions  logins/s   octets/s   greeting 90 %  errors"
    )?;
    for upstream in summary.upstreams.iter().take(SHOWN) {
        let shown: String = upstream.name.chars().take(20).collect();
        writeln!(
            out,
            "  {shown:<20} {:>9} {:>9.1} {:>10} {:>15} {:>7}",
            upstream.sessions, upstream.logins, upstream.octets, upstream.greeting, upstream.errors,
        )?;
    }
    more(out, summary.upstreams.len())
}

fn ranking(out: &mut String, ranking: &Ranking) -> Result {
    writeln!(out, "\n{}", ranking.title)?;
    let most = ranking.rows[0].1.max(1.0);
    for (name, count) in ranking.rows.iter().take(SHOWN) {
        writeln!(out, "  {name:<32} {count:>9}  {}", bar(count / most, 30))?;
    }
    more(out, ranking.rows.len())
}

/// What is left out.
fn more(out: &mut String, rows: usize) -> Result {
    match rows.checked_sub(SHOWN) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  and {more} more"),
    }
}

fn bar(share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    "#".repeat(full)
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn the_text_summarizes_the_interval() {
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
        let text = render(&Summary::new(&before, &now, 2.0));
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
            assert!(text.contains(words), "no `{words}` in\n{text}");
        }
        for words in ["NEVER", "LEARNT"] {
            assert!(!text.contains(words), "`{words}` in\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
