//! What would have changed a verdict: the reasons without which the score is on the other side of a threshold.
//!
//! In: a score, the points of each reason, the threshold; out: which reasons would have sufficed, each alone or together.

use crate::filter::Thresholds;

/// Sums of decimal fractions are compared with this tolerance, as thresholds are.
const ROUNDING: f64 = 1e-6;

/// See the module. Reasons are named by their place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WhatIf {
    /// Without any one of these the message would have passed.
    WithoutOne(Vec<usize>),
    /// Without all of these together it would have passed.
    WithoutAll(Vec<usize>),
    /// Without any one of these it would have been tagged.
    TaggedWithout(Vec<usize>),
    /// So many points more, and it would have been tagged.
    Lacks(f64),
}

/// What would have changed the verdict on a message with this score, made of these points.
pub(super) fn what_if(score: f64, points: &[f64], thresholds: Thresholds) -> WhatIf {
    let tag_at = thresholds.tag_at;
    let places = |fits: &dyn Fn(f64) -> bool| -> Vec<usize> {
        let found = points.iter().enumerate().filter(|(_, it)| fits(**it));
        found.map(|(place, _)| place).collect()
    };
    if score + ROUNDING < tag_at {
        let held_off = places(&|it| it < 0.0 && score - it + ROUNDING >= tag_at);
        return match held_off.is_empty() {
            true => WhatIf::Lacks(tag_at - score),
            false => WhatIf::TaggedWithout(held_off),
        };
    }
    let alone = places(&|it| score - it + ROUNDING < tag_at);
    if !alone.is_empty() {
        return WhatIf::WithoutOne(alone);
    }
    let mut heaviest = places(&|it| it > 0.0);
    heaviest.sort_by(|a, b| points[*b].total_cmp(&points[*a]));
    let mut left = score;
    let mut together = Vec::new();
    for place in heaviest {
        if left + ROUNDING < tag_at {
            break;
        }
        left -= points[place];
        together.push(place);
    }
    WhatIf::WithoutAll(together)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_that_decide_are_found() {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: Some(10.0),
        };
        let what_if = |points: &[f64]| what_if(points.iter().sum(), points, thresholds);
        assert_eq!(what_if(&[3.0, 2.5, -0.1]), WhatIf::WithoutOne(vec![0, 1]));
        assert_eq!(what_if(&[1.7, 3.3]), WhatIf::WithoutOne(vec![0, 1]));
        assert_eq!(what_if(&[1.0, 6.0, -1.0]), WhatIf::WithoutOne(vec![1]));
        assert_eq!(what_if(&[4.0, 6.0, 5.0]), WhatIf::WithoutAll(vec![1, 2]));
        assert_eq!(what_if(&[6.0, -2.0]), WhatIf::TaggedWithout(vec![1]));
        assert_eq!(what_if(&[2.0, -1.0]), WhatIf::Lacks(4.0));
        assert_eq!(what_if(&[]), WhatIf::Lacks(5.0));
    }
}
