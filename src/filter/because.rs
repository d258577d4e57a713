//! What decided, in one sentence for people.
//!
//! In: the rules that hit; out: the clauses of those that weigh most, such as "it asks for account data, links to a host
//! that is not the sender's, and its sender is not proven". Rules that say the same have the same clause, and weigh
//! together.

use crate::filter::verdict::{Hit, Verdict};

/// As many clauses as people read.
const CLAUSES: usize = 3;

/// The part of all points on one side that the clauses need not reach beyond.
const ENOUGH: f64 = 0.8;

/// The smallest part of them that is worth a clause.
const LEAST: f64 = 0.1;

impl Verdict {
    /// What decided, in one sentence; `None` where no rule that decided has a clause.
    pub fn because(&self) -> Option<String> {
        sentence(self)
    }
}

fn sentence(verdict: &Verdict) -> Option<String> {
    let side = if verdict.is_spam() { 1.0 } else { -1.0 };
    let decided = |hit: &&Hit| hit.score * side > 0.0;
    let all: f64 = verdict
        .hits
        .iter()
        .filter(decided)
        .map(|hit| hit.score)
        .sum();
    let mut clauses: Vec<(&str, f64)> = Vec::new();
    for hit in verdict.hits.iter().filter(decided) {
        let Some(because) = hit.because.as_deref() else {
            continue;
        };
        match clauses.iter_mut().find(|(clause, _)| *clause == because) {
            Some((_, points)) => *points += hit.score,
            None => clauses.push((because, hit.score)),
        }
    }
    // Stable: of equal ones the first stays first.
    clauses.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let mut sum = 0.0;
    let mut chosen: Vec<&str> = Vec::new();
    for (clause, points) in clauses {
        let worth = points.abs() >= LEAST * all.abs();
        if chosen.len() == CLAUSES || sum >= ENOUGH * all.abs() || !(worth || chosen.is_empty()) {
            break;
        }
        sum += points.abs();
        chosen.push(clause);
    }
    let (last, others) = chosen.split_last()?;
    let joined = match others {
        [] => (*last).to_owned(),
        [first] => format!("{first}, and {last}"),
        others => format!("{}, and {last}", others.join(", ")),
    };
    Some(format!("{}: it {joined}.", kind(verdict)))
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict.is_spam() {
        true => "Spam",
        false => "No spam",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;
    use crate::filter::rules::RuleSet;
    use crate::filter::thresholds::{Action, Thresholds};

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
            sentence(&spam).as_deref(),
            Some(
                "Spam: it asks for account data, has a sender that is not proven, and links to a stranger's host."
            )
        );
        let ham = verdict(&[("F", -2.0, Some("is from a list")), ("B", 1.9, data)]);
        assert_eq!(
            sentence(&ham).as_deref(),
            Some("No spam: it is from a list.")
        );
        assert_eq!(sentence(&verdict(&[("A", 6.0, None)])), None);
        assert_eq!(sentence(&verdict(&[])), None);
    }

    #[test]
    fn what_weighs_little_is_left_out() {
        let spam = verdict(&[("A", 9.0, Some("is a virus")), ("B", 0.5, Some("is loud"))]);
        assert_eq!(sentence(&spam).as_deref(), Some("Spam: it is a virus."));
    }
}
