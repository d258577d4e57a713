//! Pictures of how much mail came, as SVG with a table of the same numbers.
//!
//! In: counts by the hour; out: bars of hours or days, and what is said about them. The template is `chart.html`.

use super::period::{DAY, HOUR, date, last_days, last_hours};
use super::shown::minute;
use super::texts::Texts;
use crate::store::records::Timestamp;
use crate::store::{HistoryCounts, HourCounts};

/// The picture's size, in its own units; it is as wide as there is room for.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 120;

/// How many days the longer picture has.
pub(super) const DAYS: u32 = 30;

/// See the module.
#[derive(Debug)]
pub(super) struct Chart {
    /// Names the parts of the picture on its page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What a bar stands for.
    pub(super) unit: &'static str,
    pub(super) bars: Vec<Bar>,
    /// Everything in it.
    pub(super) sum: HistoryCounts,
    /// The most messages of a bar.
    pub(super) most: u64,
}

/// The messages of an hour or a day, from the top of the picture down.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) counts: HistoryCounts,
    pub(super) passed: u64,
    pub(super) x: u64,
    pub(super) width: u64,
    /// Those that can be seen.
    pub(super) parts: Vec<Part>,
}

/// A part of a bar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// For the style sheet.
    pub(super) class: &'static str,
    pub(super) top: u64,
    pub(super) height: u64,
}

impl Chart {
    /// The last 24 hours.
    pub(super) fn of_hours(texts: &'static Texts, hours: &[HourCounts], now: Timestamp) -> Self {
        let (begun, page) = (last_hours(now), &texts.statistics_page);
        let bars = spans(hours, begun, HOUR, 24, |time| {
            minute(time).chars().skip(11).collect()
        });
        Self::new("hours", texts.last_day, page.hour, bars)
    }

    /// The last 30 days.
    pub(super) fn of_days(texts: &'static Texts, hours: &[HourCounts], now: Timestamp) -> Self {
        let (begun, page) = (last_days(now, DAYS), &texts.statistics_page);
        let bars = spans(hours, begun, DAY, i64::from(DAYS), date);
        Self::new("days", texts.last_month, page.day, bars)
    }

    fn new(
        id: &'static str,
        title: &'static str,
        unit: &'static str,
        spans: Vec<(String, HistoryCounts)>,
    ) -> Self {
        let most = spans.iter().map(|(_, it)| it.arrived).max().unwrap_or(0);
        let step = WIDTH / (spans.len() as u64).max(1);
        let sum = spans.iter().map(|(_, it)| *it).sum();
        let bars = spans.into_iter().zip(0..).map(|((label, counts), number)| {
            let passed = counts.arrived.saturating_sub(counts.tagged + counts.held);
            let mut top = HEIGHT;
            let counted = [
                ("passed", passed),
                ("tagged", counts.tagged),
                ("held", counts.held),
            ];
            let parts = counted.into_iter().filter(|(_, count)| *count > 0);
            let parts = parts.map(|(class, count)| {
                // What there is can be seen.
                let height = (count * (HEIGHT - 6) / most.max(1)).max(2);
                top -= height;
                Part { class, top, height }
            });
            let parts = parts.collect();
            Bar {
                label,
                counts,
                passed,
                x: number * step + 1,
                width: step - 2,
                parts,
            }
        });
        Self {
            id,
            title,
            unit,
            bars: bars.collect(),
            sum,
            most,
        }
    }

    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.sum.arrived == 0
    }

    /// The labels of the first and the last bar.
    pub(super) fn ends(&self) -> (&str, &str) {
        let (first, last) = (self.bars.first(), self.bars.last());
        (
            first.map_or("", |bar| &bar.label),
            last.map_or("", |bar| &bar.label),
        )
    }
}

/// The sums of so many spans of this length, the oldest first, each with the label of its beginning.
fn spans(
    hours: &[HourCounts],
    begun: Timestamp,
    length: i64,
    number: i64,
    label: impl Fn(Timestamp) -> String,
) -> Vec<(String, HistoryCounts)> {
    let begins = (0..number).map(|it| begun.seconds() + it * length);
    begins
        .map(|begins| {
            let within =
                |hour: &&HourCounts| (begins..begins + length).contains(&hour.begun.seconds());
            let those: Vec<HourCounts> = hours.iter().filter(within).copied().collect();
            let label = label(Timestamp::from_seconds(begins));
            (label, HistoryCounts::of(&those))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::texts;
    use super::*;

    #[test]
    fn bars_have_what_came_in_their_time() {
        let now = Timestamp::from_seconds(100 * DAY + 5 * HOUR + 7);
        let hour = |hours_ago: i64, arrived, tagged, held| HourCounts {
            begun: Timestamp::from_seconds(100 * DAY + (5 - hours_ago) * HOUR),
            arrived,
            tagged,
            held,
            corrected: 0,
        };
        let hours = [hour(30, 7, 0, 0), hour(1, 100, 10, 5), hour(0, 50, 0, 1)];
        let chart = Chart::of_hours(texts::of("en"), &hours, now);
        assert_eq!(chart.bars.len(), 24);
        assert_eq!((chart.most, chart.sum.arrived), (100, 150));
        assert_eq!(chart.ends(), ("06:00", "05:00"));
        let bar = &chart.bars[22];
        assert_eq!((bar.counts.arrived, bar.passed), (100, 85));
        let heights: Vec<_> = bar.parts.iter().map(|it| (it.class, it.height)).collect();
        assert_eq!(heights, [("passed", 96), ("tagged", 11), ("held", 5)]);
        // One of fifty can be seen.
        let held = Part {
            class: "held",
            top: HEIGHT - 55 - 2,
            height: 2,
        };
        assert_eq!(chart.bars[23].parts[1], held);
        let days = Chart::of_days(texts::of("de"), &hours, now);
        assert_eq!(days.bars.len(), 30);
        assert_eq!(
            (days.bars[27].counts.arrived, days.bars[29].counts.arrived),
            (7, 150)
        );
        let empty = Chart::of_days(texts::of("en"), &[], now);
        assert_eq!((empty.most, empty.sum), (0, HistoryCounts::default()));
    }
}
