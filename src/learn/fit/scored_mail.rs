//! Which rules hit each message, what it counts, and in which part of the mail it is.

use std::collections::{BTreeMap, HashMap};

use super::task::Fit;
use crate::filter::LearnedCurves;
use crate::filter::rule::Rule;
use crate::learn::evaluation::Judged;

/// The scores of the rules that may change, and of the learned filter's opinion.
#[derive(Debug, Clone)]
pub(super) struct Scores {
    pub(super) rules: Vec<f64>,
    pub(super) curves: LearnedCurves,
}

/// By message: the rules that may change, and what all others add.
pub(super) fn with_scores(rules: &[&Rule], judged: &[Judged]) -> (Vec<Vec<usize>>, Vec<f64>) {
    let numbers: HashMap<&str, usize> = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| (&*rule.id, number))
        .collect();
    let each = judged.iter().map(|message| {
        let mut own = Vec::new();
        let mut fixed = 0.0;
        for (id, score) in &message.hits {
            match numbers.get(&**id) {
                Some(number) => own.push(*number),
                None => fixed += score,
            }
        }
        (own, fixed)
    });
    each.unzip()
}

/// What each message counts: as its kind says, and a campaign as much as the root of its messages of that kind.
pub(super) fn weights(fit: &Fit<'_>, judged: &[Judged], groups: &[usize]) -> Vec<f64> {
    let mut sizes: HashMap<(usize, usize), usize> = HashMap::new();
    for (message, group) in judged.iter().zip(groups) {
        *sizes.entry((message.group, *group)).or_default() += 1;
    }
    let each = judged.iter().zip(groups).map(|(message, group)| {
        let size = sizes[&(message.group, *group)] as f64;
        fit.weights[message.group] / size.sqrt()
    });
    each.collect()
}

/// The part that each message is in: whole groups, the largest first, each to the part with the fewest messages.
pub(super) fn folds_of(groups: &[usize], folds: usize) -> Vec<usize> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for group in groups {
        *sizes.entry(*group).or_default() += 1;
    }
    let mut by_size: Vec<(usize, usize)> = sizes.into_iter().collect();
    by_size.sort_by_key(|(group, size)| (std::cmp::Reverse(*size), *group));
    let mut sums = vec![0; folds];
    let mut parts: HashMap<usize, usize> = HashMap::new();
    for (group, size) in by_size {
        let least = (0..folds).min_by_key(|fold| sums[*fold]).unwrap_or(0);
        sums[least] += size;
        parts.insert(group, least);
    }
    groups.iter().map(|group| parts[group]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_in_one_part_and_the_parts_are_of_one_size() {
        let groups: Vec<usize> = (0..100).map(|number| number * number % 23).collect();
        let folds = folds_of(&groups, 4);
        for (one, group) in groups.iter().enumerate() {
            let other = groups.iter().position(|it| it == group).expect("itself");
            assert_eq!(folds[one], folds[other]);
        }
        for fold in 0..4 {
            let size = folds.iter().filter(|it| **it == fold).count();
            assert!((15..=35).contains(&size), "{fold}: {size}");
        }
    }
}
