//! One look at /metrics: Prometheus' text, read.

use std::collections::BTreeMap;

/// All values, by name and labels.
#[derive(Debug, Default)]
pub(super) struct Sample {
    values: BTreeMap<String, Vec<(Labels, f64)>>,
}

/// Label and value.
type Labels = Vec<(String, String)>;

impl Sample {
    /// Reads what popgate writes; lines that it does not understand do not count.
    pub(super) fn read(text: &str) -> Self {
        let mut sample = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split("\",");
            let labels = labels.filter_map(|label| {
                let (key, value) = label.split_once("=\"")?;
                Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
            });
            let of_name = sample.values.entry(name.to_owned()).or_default();
            of_name.push((labels.collect(), value));
        }
        sample
    }

    /// The sum of a family's values with these labels.
    pub(super) fn sum(&self, name: &str, with: &[(&str, &str)]) -> f64 {
        let values = self.values.get(name).into_iter().flatten();
        let fits = |labels: &Labels| {
            with.iter()
                .all(|(key, value)| labels.iter().any(|(k, v)| k == key && v == value))
        };
        values
            .filter(|(labels, _)| fits(labels))
            // The sum of no floats is -0.0.
            .fold(0.0, |sum, (_, value)| sum + value)
    }

    /// Whether there is such a family.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A family's values by one label.
    pub(super) fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut found = BTreeMap::new();
        for (labels, value) in self.values.get(name).into_iter().flatten() {
            if let Some((_, of)) = labels.iter().find(|(key, _)| key == label) {
                *found.entry(of.clone()).or_insert(0.0) += value;
            }
        }
        found
    }

    /// A histogram's buckets, upper bound and count of all below it, ascending.
    pub(super) fn buckets(&self, name: &str, with: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let name = format!("{name}_bucket");
        let bounds = self.by(&name, "le");
        let mut found: Vec<_> = bounds
            .keys()
            .filter_map(|le| {
                let bound = le.parse::<f64>().ok()?;
                let mut all = with.to_vec();
                all.push(("le", le));
                Some((bound, self.sum(&name, &all)))
            })
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found
    }
}

/// A quantile of what was counted between two looks, as PromQL's histogram_quantile has it; `None` if
/// nothing was.
pub(super) fn quantile(before: &[(f64, f64)], now: &[(f64, f64)], q: f64) -> Option<f64> {
    let grown: Vec<(f64, f64)> = now
        .iter()
        .map(|(bound, count)| {
            let old = before.iter().find(|(other, _)| other == bound);
            (*bound, count - old.map_or(0.0, |(_, count)| *count))
        })
        .collect();
    let all = grown.last()?.1;
    if all <= 0.0 {
        return None;
    }
    let rank = q * all;
    let (mut below, mut counted) = (0.0, 0.0);
    for (bound, count) in grown {
        if count >= rank {
            if bound.is_infinite() {
                return Some(below);
            }
            let share = (rank - counted) / (count - counted);
            return Some(below + (bound - below) * share);
        }
        (below, counted) = (bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a b\na{x=\"1\",y=\"2\"} 3\na{x=\"1\",y=\"3\"} 4\nb 5\n\
        h_bucket{s=\"t\",le=\"1\"} 1\nh_bucket{s=\"t\",le=\"2\"} 3\nh_bucket{s=\"t\",le=\"+Inf\"} 4\n";

    #[test]
    fn series_are_summed_and_split() {
        let sample = Sample::read(TEXT);
        assert_eq!(sample.sum("a", &[("x", "1")]), 7.0);
        assert_eq!(sample.sum("a", &[("y", "3")]), 4.0);
        assert_eq!(sample.sum("b", &[]), 5.0);
        assert_eq!(sample.sum("none", &[]), 0.0);
        assert_eq!(sample.by("a", "y")["2"], 3.0);
    }

    #[test]
    fn quantiles_cover_the_interval_between_samples() {
        let buckets = Sample::read(TEXT).buckets("h", &[("s", "t")]);
        assert_eq!(buckets, [(1.0, 1.0), (2.0, 3.0), (f64::INFINITY, 4.0)]);
        assert_eq!(quantile(&[], &buckets, 0.5), Some(1.5));
        assert_eq!(quantile(&[], &buckets, 0.99), Some(2.0));
        assert_eq!(quantile(&buckets, &buckets, 0.5), None);
    }
}
