//! What the learned filter's opinion adds to a score.
//!
//! In: log odds of spam by the shipped model, and by what the mailbox was taught; out: points. Rule files say it in two
//! tables. The first is written by `popgate rules fit`, together with the scores of the rules, because both are about
//! the same evidence:
//!
//! ```toml
//! [learned.untrained]
//! log_odds = [-4, 0, 4]
//! points = [-2.0, 0.0, 3.0]
//!
//! [learned.taught]
//! log_odds = [-10, -5, 5, 10]
//! points = [-4.0, 0.0, 0.0, 5.0]
//! ```
//!
//! Both add up. Where lessons say nothing, the second adds nothing.
//!
//! Between two points of a table it is a straight line, and beyond the ends it is flat.

use crate::filter::classifier::taught::Taught;
use crate::schema::Section;

/// What an opinion adds: of the shipped model, and of lessons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LearnedCurves {
    /// From the shipped model alone.
    pub untrained: LearnedCurve,
    /// From lessons.
    pub taught: LearnedCurve,
}

impl LearnedCurves {
    /// Reads the tables of a file, if it has any; both are needed then.
    pub(crate) fn read(top: &mut Section<'_, '_>) -> Option<Self> {
        if !top.has("learned") {
            return None;
        }
        let mut section = top.section("learned");
        let untrained = LearnedCurve::read(section.section("untrained"));
        let taught = LearnedCurve::read(section.section("taught"));
        section.finish();
        Some(Self {
            untrained: untrained?,
            taught: taught?,
        })
    }

    /// The points for what lessons say, within those of the table.
    pub fn taught_points(&self, taught: &Taught) -> f64 {
        let points = self.taught.points(taught.log_odds) - self.taught.points(0.0);
        let ends = self.taught.knots.first().zip(self.taught.knots.last());
        let (least, most) = ends.map_or((0.0, 0.0), |(first, last)| (first.1, last.1));
        (points + taught.likeness).clamp(least, most)
    }
}

/// A line through points.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnedCurve {
    /// Log odds, which increase, and the points there, which do not decrease.
    knots: Vec<(f64, f64)>,
}

/// Without a table: 0.45 points per unit of log odds, from -5 to 8 points.
impl Default for LearnedCurve {
    fn default() -> Self {
        Self {
            knots: vec![(-5.0 / 0.45, -5.0), (8.0 / 0.45, 8.0)],
        }
    }
}

/// No opinion outweighs all rules.
const MOST: f64 = 10.0;

impl LearnedCurve {
    /// A curve through these points, if it is one: log odds increase, and points do not decrease.
    pub fn new(knots: Vec<(f64, f64)>) -> Option<Self> {
        let fine = |(odds, points): &(f64, f64)| odds.is_finite() && points.abs() <= MOST;
        let rises = knots
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        (knots.len() >= 2 && knots.iter().all(fine) && rises).then_some(Self { knots })
    }

    fn read(mut section: Section<'_, '_>) -> Option<Self> {
        let odds = section.numbers("log_odds");
        let points = section.numbers("points");
        let curve = match (odds, points) {
            (Some(odds), Some(points)) if odds.len() == points.len() => {
                Self::new(odds.into_iter().zip(points).collect())
            }
            _ => None,
        };
        if curve.is_none() {
            section.wrong(format!(
                "needs log_odds, which increase, and as many points, from -{MOST} to {MOST}, which do not decrease"
            ));
        }
        section.finish();
        curve
    }

    /// The points for these log odds.
    pub fn points(&self, log_odds: f64) -> f64 {
        let after = self.knots.partition_point(|(odds, _)| *odds <= log_odds);
        match (after.checked_sub(1), self.knots.get(after)) {
            (Some(before), Some((odds, points))) => {
                let (from, least) = self.knots[before];
                least + (points - least) * (log_odds - from) / (odds - from)
            }
            (Some(last), None) => self.knots[last].1,
            (None, first) => first.map_or(0.0, |(_, points)| *points),
        }
    }

    /// The points of the table.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_on_straight_lines_and_the_ends_are_flat() {
        let curve = LearnedCurve::new(vec![(-2.0, -1.0), (0.0, 0.0), (4.0, 3.0)]).unwrap();
        for (odds, points) in [
            (-9.0, -1.0),
            (-2.0, -1.0),
            (-1.0, -0.5),
            (0.0, 0.0),
            (2.0, 1.5),
            (4.0, 3.0),
            (99.0, 3.0),
            (f64::INFINITY, 3.0),
        ] {
            assert_eq!(curve.points(odds), points, "{odds}");
        }
    }

    #[test]
    fn a_curve_that_falls_is_none() {
        for knots in [
            vec![(0.0, 1.0)],
            vec![(0.0, 1.0), (1.0, 0.0)],
            vec![(1.0, 0.0), (1.0, 1.0)],
            vec![(0.0, 0.0), (1.0, 99.0)],
            vec![(0.0, 0.0), (1.0, f64::NAN)],
        ] {
            assert_eq!(LearnedCurve::new(knots.clone()), None, "{knots:?}");
        }
    }
}
