//! What decided, in one sentence for people.
//!
//! In: the rules that hit; out: the clauses of those that weigh most, such as "it asks for account data, links to a host
//! that is not the sender's, and its sender is not proven". Rules that say the same have the same clause, and weigh
//! together.

use crate::filter::verdict::Verdict;

/// As many clauses as people read.
const CLAUSES: usize = 3;

/// The part of all points on the side of the verdict after which no more clauses are needed.
const ENOUGH: f64 = 0.8;

/// The smallest part of them that is worth a clause.
const LEAST: f64 = 0.1;

impl Verdict {
    /// What decided, in one sentence; `None` where no rule that decided has a clause.
    pub fn because(&self) -> Option<String> {
        let hits = self.hits.iter();
        let hits: Vec<_> = hits
            .map(|hit| (hit.score, hit.because.as_deref()))
            .collect();
        because(self.is_spam(), &hits)
    }
}

/// The same of the points and clauses of the rules that hit, as the history keeps them.
pub fn because(is_spam: bool, hits: &[(f64, Option<&str>)]) -> Option<String> {
    let side = if is_spam { 1.0 } else { -1.0 };
    let decided = hits.iter().filter(|(score, _)| score * side > 0.0);
    let all: f64 = decided.clone().map(|(score, _)| score * side).sum();
    let mut clauses: Vec<(&str, f64)> = Vec::new();
    for (score, because) in decided {
        let Some(because) = *because else {
            continue;
        };
        match clauses.iter_mut().find(|(clause, _)| *clause == because) {
            Some((_, points)) => *points += score * side,
            None => clauses.push((because, score * side)),
        }
    }
    // Stable: of equal ones the first stays first.
    clauses.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut sum = 0.0;
    let mut chosen: Vec<&str> = Vec::new();
    for (clause, points) in clauses.into_iter().take(CLAUSES) {
        if !chosen.is_empty() && (sum >= ENOUGH * all || points < LEAST * all) {
            break;
        }
        sum += points;
        chosen.push(clause);
    }
    let (last, others) = chosen.split_last()?;
    let joined = match others {
        [] => (*last).to_owned(),
        [first] => format!("{first}, and {last}"),
        others => format!("{}, and {last}", others.join(", ")),
    };
    let kind = if is_spam { "Spam" } else { "No spam" };
    Some(format!("{kind}: it {joined}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::filter::rules::RuleSet;
    use crate::filter::thresholds::{Action, Thresholds};
    use crate::filter::verdict::Hit;

    fn verdict(hits: &[(&str, f64, Option<&str>)]) -> Verdict {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        let filter = Filter::new(RuleSet::default(), thresholds).expect("no rules");
        let hits: Vec<Hit> = hits
            .iter()
            .map(|(rule, score, because)| Hit {
                rule: (*rule).into(),
                description: "".into(),
                because: because.map(Into::into),
                score: *score,
                text: String::new(),
            })
            .collect();
        let score: f64 = hits.iter().map(|hit| hit.score).sum();
        Verdict {
            score,
            action: if score >= 5.0 {
                Action::Tag
            } else {
                Action::Pass
            },
            hits,
            ..filter.judge(b"")
        }
    }

    #[test]
    fn the_clauses_that_weigh_most_are_joined() {
        let data = Some("asks for account data");
        let links = Some("links to a stranger's host");
        let sender = Some("has a sender that is not proven");
        let spam = verdict(&[
            ("A", 2.0, sender),
            ("B", 1.9, data),
            ("C", 1.8, data),
            ("D", 1.7, links),
            ("E", 0.3, Some("is loud")),
            ("F", -2.0, Some("is from a list")),
        ]);
        assert_eq!(
            spam.because().as_deref(),
            Some(
                "Spam: it asks for account data, has a sender that is not proven, and links to a stranger's host."
            )
        );
        let ham = verdict(&[("F", -2.0, Some("is from a list")), ("B", 1.9, data)]);
        assert_eq!(
            ham.because().as_deref(),
            Some("No spam: it is from a list.")
        );
        assert_eq!(verdict(&[("A", 6.0, None)]).because(), None);
        assert_eq!(verdict(&[]).because(), None);
    }

    #[test]
    fn what_weighs_little_is_left_out() {
        let spam = verdict(&[("A", 9.0, Some("is a virus")), ("B", 0.5, Some("is loud"))]);
        assert_eq!(spam.because().as_deref(), Some("Spam: it is a virus."));
    }
}
