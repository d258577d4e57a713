//! The summary on a terminal of any size from 80x24 on: what does not fit is counted.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, Wrap};

use unicode_width::UnicodeWidthStr;

use super::summary::{Ranking, Summary};

const HEADING: Style = Style::new().add_modifier(Modifier::BOLD);

/// What is shown, and how.
pub(super) struct Screen<'s> {
    pub(super) summary: &'s Summary,
    /// Seconds between two samples.
    pub(super) interval: u64,
    pub(super) styled: bool,
}

impl Screen<'_> {
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let summary = self.summary;
        let upstreams = summary.upstreams.len();
        let [head, messages, upstream_rows, rankings, footer] = Layout::vertical([
            Constraint::Length(3 + summary.warnings.len() as u16),
            Constraint::Length(7),
            // No more than a third of the screen: the rankings need the rest.
            Constraint::Length((upstreams as u16 + 2).min((frame.area().height / 4).max(4))),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.head(frame, head);
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)])
                .spacing(2)
                .areas(messages);
        self.messages(frame, left);
        self.flows(frame, right);
        self.upstreams(frame, upstream_rows);
        self.rankings(frame, rankings);
        let keys = format!("q, Esc or Ctrl-C quits; every {} s", self.interval);
        frame.render_widget(Paragraph::new(keys).dim(), footer);
    }

    fn head(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut lines = vec![Line::from(format!("popgate   {}", self.summary.head)).bold()];
        let warnings = self.summary.warnings.iter();
        lines.extend(warnings.map(|warning| {
            let line = Line::from(format!("!         {warning}"));
            if self.styled { line.red() } else { line }
        }));
        lines.push(format!("clients   {}", self.summary.clients).into());
        lines.push(format!("memory    {}", self.summary.memory).into());
        let head = Paragraph::new(lines).wrap(Wrap { trim: false });
        frame.render_widget(head, area);
    }

    fn messages(&self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.summary.messages.iter().map(|row| {
            let share = format!("{:.1} %", row.share * 100.0);
            let per_second = format!("{:.1}", row.per_second);
            [
                row.action.to_owned(),
                row.total.to_string(),
                per_second,
                share,
            ]
        });
        let titles = ["messages", "total", "/s", "share"];
        table(frame, area, titles, [10, 9, 8, 8], rows.collect());
    }

    fn flows(&self, frame: &mut Frame<'_>, area: Rect) {
        let [above, below] =
            Layout::vertical([Constraint::Length(4), Constraint::Length(3)]).areas(area);
        let titles = ["octets/s", "in", "out"];
        let octets = self.summary.octets.clone();
        table(frame, above, titles, [10, 12, 12], octets);
        let titles = ["latency", "50 %", "90 %", "99 %"];
        let latency = self.summary.latency.clone();
        table(frame, below, titles, [10, 8, 8, 8], latency);
    }

    fn upstreams(&self, frame: &mut Frame<'_>, area: Rect) {
        if self.summary.upstreams.is_empty() {
            return;
        }
        let rows = self.summary.upstreams.iter().map(|upstream| {
            [
                upstream.name.clone(),
                upstream.sessions.to_string(),
                format!("{:.1}", upstream.logins),
                upstream.octets.clone(),
                upstream.greeting.clone(),
                upstream.errors.to_string(),
            ]
        });
        let titles = [
            "upstreams",
            "sessions",
            "logins/s",
            "octets/s",
            "greeting 90 %",
            "errors",
        ];
        // The last line stays empty.
        let area = Rect {
            height: area.height.saturating_sub(1),
            ..area
        };
        let mut rows: Vec<_> = rows.collect();
        let count = rows.len();
        let fitting = usize::from(area.height.saturating_sub(1));
        if let Some(more) = hidden(count, fitting) {
            rows.truncate(count - more);
            let mut last: [String; 6] = Default::default();
            last[0] = format!("and {more} more");
            rows.push(last);
        }
        table(frame, area, titles, [20, 9, 9, 11, 13, 7], rows);
    }

    /// Side by side, each as wide as it needs to be, or its part of that.
    fn rankings(&self, frame: &mut Frame<'_>, area: Rect) {
        let rankings = &self.summary.rankings;
        let gaps = 2 * rankings.len().saturating_sub(1);
        let needed: Vec<u16> = rankings.iter().map(needed_width).collect();
        let all = needed.iter().map(|it| usize::from(*it)).sum::<usize>() + gaps;
        let constraints = needed
            .iter()
            .map(|width| match all > usize::from(area.width) {
                true => Constraint::Fill(*width),
                false => Constraint::Length(*width),
            });
        let areas = Layout::horizontal(constraints).spacing(2).split(area);
        for (ranking, area) in rankings.iter().zip(areas.iter()) {
            self.ranking(ranking, frame, *area);
        }
    }

    fn ranking(&self, ranking: &Ranking, frame: &mut Frame<'_>, area: Rect) {
        let count_width = count_width(ranking);
        let name_width = area.width.saturating_sub(count_width + 1);
        let rows = ranking.rows.iter();
        let mut rows: Vec<_> = rows
            .map(|(name, count)| [cut(name, name_width), count.to_string()])
            .collect();
        let count = rows.len();
        let fitting = usize::from(area.height.saturating_sub(1));
        if let Some(more) = hidden(count, fitting) {
            rows.truncate(count - more);
            rows.push([format!("and {more} more"), String::new()]);
        }
        let widths = [name_width, count_width];
        table(frame, area, [ranking.title, ""], widths, rows);
    }
}

/// Columns for the counts.
fn count_width(ranking: &Ranking) -> u16 {
    let widths = ranking
        .rows
        .iter()
        .map(|(_, count)| count.to_string().len());
    widths.max().unwrap_or(0) as u16
}

/// Columns for names and counts.
fn needed_width(ranking: &Ranking) -> u16 {
    let names = ranking.rows.iter().map(|(name, _)| name.width());
    let name = names.max().unwrap_or(0).max(ranking.title.width());
    name as u16 + 1 + count_width(ranking)
}

/// A name, and a sign where it is longer than its column.
fn cut(name: &str, width: u16) -> String {
    let width = usize::from(width);
    if name.width() <= width {
        return name.to_owned();
    }
    let mut shown = String::new();
    for letter in name.chars() {
        if shown.width() + letter.to_string().width() + 1 > width {
            break;
        }
        shown.push(letter);
    }
    shown + "…"
}

/// How many rows give way to the line that counts them.
fn hidden(rows: usize, fitting: usize) -> Option<usize> {
    (rows > fitting).then(|| rows - fitting.saturating_sub(1).min(rows))
}

/// A table whose first column is text and whose others are numbers.
fn table<const N: usize>(
    frame: &mut Frame<'_>,
    area: Rect,
    titles: [&'static str; N],
    widths: [u16; N],
    rows: Vec<[String; N]>,
) {
    let line = |column: usize, text: String| match column {
        0 => Line::from(text),
        _ => Line::from(text).right_aligned(),
    };
    let row = |cells: [String; N]| {
        let mut column = 0..;
        Row::new(cells.map(|text| line(column.next().unwrap_or_default(), text)))
    };
    let header = row(titles.map(str::to_owned)).style(HEADING);
    let widths = widths.map(Constraint::Length);
    let table = Table::new(rows.into_iter().map(row), widths).header(header);
    frame.render_widget(table, area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::sample::Sample;
    use super::*;

    /// The screen as lines, for many upstreams, rules and refusals.
    fn drawn(width: u16, height: u16) -> Vec<String> {
        let mut text = String::from(
            "popgate_build_info{version=\"1.2.3\",rules_version=\"abc\"} 1\n\
             popgate_last_reload_successful 0\n\
             popgate_quarantine_failures_total 3\n\
             popgate_messages_total{action=\"unscanned\",command=\"retr\"} 123456789\n",
        );
        for number in 0..20 {
            text.push_str(&format!(
                "popgate_upstream_sessions_active{{upstream=\"isp{number}\"}} 4\n\
                 popgate_rule_hits_total{{rule=\"A_RULE_WITH_A_LONG_NAME_{number}\"}} {number}\n\
                 popgate_refused_total{{reason=\"reason{number}\"}} {number}\n\
                 popgate_upstream_errors_total{{upstream=\"isp\",kind=\"kind{number}\"}} 1\n"
            ));
        }
        let sample = Sample::read(&text);
        let summary = Summary::new(&sample, &sample, 2.0);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let screen = Screen {
            summary: &summary,
            interval: 2,
            styled: true,
        };
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(width));
        lines
            .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>())
            .collect()
    }

    #[test]
    fn a_small_terminal_shows_everything_or_the_number_of_hidden_rows() {
        for (width, height) in [(80, 24), (200, 50)] {
            let lines = drawn(width, height);
            let text = lines.join("\n");
            for words in [
                "1.2.3",
                "reload was refused",
                "could not take 3",
                "sessions",
                "held",
                "unscanned",
                "123456789",
                "upstream",
                "99 %",
                "isp0",
                "rules that hit most",
                "upstream errors",
                "refused",
                "and ",
                "q, Esc or Ctrl-C",
            ] {
                assert!(text.contains(words), "no `{words}` in\n{text}");
            }
        }
    }

    #[test]
    fn rows_that_do_not_fit_are_counted() {
        assert_eq!(hidden(3, 3), None);
        assert_eq!(hidden(4, 3), Some(2));
        assert_eq!(hidden(4, 0), Some(4));
    }
}
