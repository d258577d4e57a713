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
//! Both add up. Where lessons say nothing, the second adds nothing. Weak evidence of lessons may be what distinguishes the
//! collections that they came from; where one server handed over both kinds of them it is not, and there the flat part
//! of the second table before 0 ends at [`WEAK`], so that mail like the mailbox's ham gets less.
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

    /// The most points that an opinion adds, whatever the message is.
    pub(crate) fn most(&self, has_shipped: bool) -> f64 {
        let highest = |curve: &LearnedCurve| curve.knots.last().map_or(0.0, |(_, points)| *points);
        let shipped = match has_shipped {
            true => highest(&self.untrained),
            false => 0.0,
        };
        rounded(shipped + highest(&self.taught)).max(0.0)
    }

    /// The points for what lessons say, within those of the table.
    pub fn taught_points(&self, taught: &Taught) -> f64 {
        let reserve = (self.taught.flat_before_zero() - WEAK).max(0.0);
        let points = |odds: f64| {
            let firmer = taught.both_ways * reserve * (-odds / WEAK).clamp(0.0, 1.0);
            self.taught.points(odds - firmer) - self.taught.points(0.0)
        };
        let supported = points(taught.supported);
        let of_origin = points(taught.log_odds) - supported;
        let points = supported + of_origin.clamp(-ORIGIN_LEAST, ORIGIN_MOST);
        let ends = self.taught.knots.first().zip(self.taught.knots.last());
        let (least, most) = ends.map_or((0.0, 0.0), |(first, last)| (first.1, last.1));
        (points + taught.likeness).clamp(least, most)
    }
}

/// People read one decimal.
pub(crate) fn rounded(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

/// Log odds that are weak evidence, whatever came by which server.
const WEAK: f64 = 1.0;

/// The most points that a message's origin takes, and adds, where nothing else says the same: a list brings swindles, too,
/// and a relay of spam letters.
const ORIGIN_LEAST: f64 = 2.0;
const ORIGIN_MOST: f64 = 2.5;

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

    /// How far below 0 the points are those of 0.
    fn flat_before_zero(&self) -> f64 {
        let neutral = self.points(0.0);
        let below = self.knots.iter().take_while(|(odds, _)| *odds < 0.0);
        let mut flat = below.filter(|(_, points)| *points == neutral);
        flat.next().map_or(0.0, |(odds, _)| -odds)
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
    fn origin_alone_adds_little_and_weak_signs_of_ham_count_where_both_kinds_come() {
        let curve = |knots: &[(f64, f64)]| LearnedCurve::new(knots.to_vec()).unwrap();
        let taught = curve(&[(-10.5, -4.0), (-5.0, 0.0), (4.0, 0.0), (12.0, 6.0)]);
        assert_eq!(taught.flat_before_zero(), 5.0);
        assert_eq!(LearnedCurve::default().flat_before_zero(), 0.0);
        let curves = LearnedCurves {
            taught,
            ..LearnedCurves::default()
        };
        let points = |supported, log_odds, both_ways| {
            let taught = Taught {
                log_odds,
                supported,
                both_ways,
                likeness: 0.0,
            };
            curves.taught_points(&taught)
        };
        assert_eq!(points(12.0, 12.0, 1.0), 6.0);
        assert_eq!(points(0.0, 12.0, 1.0), ORIGIN_MOST);
        assert_eq!(points(8.0, 12.0, 1.0), 5.5);
        assert_eq!(points(0.0, -10.5, 1.0), -ORIGIN_LEAST);
        // As the table says, and as it would say of 4 less.
        assert_eq!(points(-5.0, -5.0, 0.0), 0.0);
        assert!((points(-3.75, -3.75, 1.0) + 2.0).abs() < 1e-9);
        for weak in [0.0, -0.5, -1.0, 4.0] {
            assert_eq!(points(weak, weak, 1.0), 0.0, "{weak}");
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
