//! Between which scores a fit may choose.

use crate::filter::rule::Rule;

/// No single rule makes a message spam.
const MOST: f64 = 4.5;

/// How far a score without bounds of its own may move away from zero: by half, or by this.
const FURTHER: f64 = 0.5;

/// The lowest and the highest score of a rule: those of its file, or such that it keeps its sign.
pub fn bounds(rule: &Rule) -> (f64, f64) {
    let score = rule.expected();
    let further = (1.5 * score.abs()).max(score.abs() + FURTHER);
    let size = further.min(MOST.max(score.abs()));
    let (min, max) = if score < 0.0 {
        (-size, 0.0)
    } else if score > 0.0 {
        (0.0, size)
    } else {
        (0.0, 0.0)
    };
    let own = rule.score_bounds;
    // A bound that the file sets beyond zero permits the other sign.
    let min = own.min.unwrap_or_else(|| min.min(own.max.unwrap_or(min)));
    let max = own.max.unwrap_or_else(|| max.max(own.min.unwrap_or(max)));
    (min, max)
}

/// Whether a fit may change a rule's score: a part of others has none.
pub fn may_change(rule: &Rule) -> bool {
    rule.expected() != 0.0 || rule.score_bounds.any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::RuleSet;

    fn rule(keys: &str) -> Rule {
        let text = format!(
            "[[rule]]\nid = \"AAA\"\ndescription = \"d\"\nwhere = \"body\"\nwords = [\"a\"]\n{keys}"
        );
        let set = RuleSet::parse([("a.toml".to_owned(), text)]).expect("a rule");
        set.iter().next().expect("one").clone()
    }

    #[test]
    fn a_score_keeps_its_sign_unless_its_file_says_otherwise() {
        for (keys, expected) in [
            ("score = 2", (0.0, 3.0)),
            ("score = 0.2", (0.0, 0.7)),
            ("score = 4", (0.0, 4.5)),
            ("score = 5", (0.0, 5.0)),
            ("score = -2", (-3.0, 0.0)),
            ("score = 0", (0.0, 0.0)),
            ("score = 0\nscore_max = 2", (0.0, 2.0)),
            ("score = 1\nscore_min = -1", (-1.0, 1.5)),
            ("score = 1\nscore_min = 0.5\nscore_max = 1.2", (0.5, 1.2)),
            ("score = -1\nscore_max = -0.5", (-1.5, -0.5)),
            ("score = 0\nexpected_score = 2", (0.0, 3.0)),
        ] {
            assert_eq!(bounds(&rule(keys)), expected, "{keys}");
        }
        assert!(!may_change(&rule("score = 0")) && may_change(&rule("score = 0\nscore_max = 1")));
    }
}
