//! Logistic regression with a prior and bounds for each coefficient.
//!
//! In: examples with labels and weights, as columns of features; out: the coefficients that explain the labels best,
//! given where each is expected and how firmly. One coefficient is moved at a time, by a Newton step within a region
//! of trust that adapts (Genkin, Lewis and Madigan, "Large-scale Bayesian logistic regression for text
//! categorization", Technometrics 2007). The same input gives the same result.

/// A feature: the examples that have it, each with its value.
#[derive(Debug, Clone, Default)]
pub struct Column {
    rows: Vec<(u32, f32)>,
}

impl Column {
    /// Another example; each is added once.
    pub fn add(&mut self, row: usize, value: f64) {
        // There are fewer than 2^32 messages.
        self.rows.push((row as u32, value as f32));
    }

    /// Number of examples that have it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no example has it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What is known of a coefficient before.
#[derive(Debug, Clone, Copy)]
pub struct Prior {
    /// Where it is expected.
    pub mean: f64,
    /// How firmly: the inverse of the variance.
    pub precision: f64,
    /// The lowest that is allowed.
    pub min: f64,
    /// The highest that is allowed.
    pub max: f64,
}

/// A label and what it counts.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Whether it is spam.
    pub is_spam: bool,
    /// What it counts.
    pub weight: f64,
    /// Log odds without any feature.
    pub offset: f64,
}

/// A coefficient may move so far at first.
const FIRST_REGION: f64 = 1.0;

/// When no coefficient moves further, it is done.
const STILL: f64 = 1e-3;

/// The coefficients, after at most so many rounds.
pub fn solve(
    examples: &[Example],
    columns: &[Column],
    priors: &[Prior],
    rounds: usize,
) -> Vec<f64> {
    let mut odds: Vec<f64> = examples.iter().map(|example| example.offset).collect();
    let mut found: Vec<f64> = priors
        .iter()
        .map(|prior| prior.mean.clamp(prior.min, prior.max))
        .collect();
    for (column, coefficient) in columns.iter().zip(&found) {
        if *coefficient != 0.0 {
            shift(&mut odds, column, *coefficient);
        }
    }
    let mut regions = vec![FIRST_REGION; columns.len()];
    for _ in 0..rounds {
        let mut furthest: f64 = 0.0;
        for (number, column) in columns.iter().enumerate() {
            let prior = &priors[number];
            let wanted = newton(examples, &odds, column, prior, found[number]);
            let region = regions[number];
            let step = wanted.clamp(-region, region);
            let target = (found[number] + step).clamp(prior.min, prior.max);
            let step = target - found[number];
            regions[number] = (2.0 * step.abs()).max(region / 2.0);
            if step != 0.0 {
                shift(&mut odds, column, step);
                found[number] = target;
                furthest = furthest.max(step.abs());
            }
        }
        if furthest < STILL {
            break;
        }
    }
    found
}

fn shift(odds: &mut [f64], column: &Column, step: f64) {
    for (row, value) in &column.rows {
        odds[*row as usize] += step * f64::from(*value);
    }
}

/// The step to the minimum of the loss, as its curvature here foretells.
fn newton(examples: &[Example], odds: &[f64], column: &Column, prior: &Prior, at: f64) -> f64 {
    let mut slope = prior.precision * (at - prior.mean);
    let mut curvature = prior.precision;
    for (row, value) in &column.rows {
        let example = &examples[*row as usize];
        let value = f64::from(*value);
        let probability = 1.0 / (1.0 + (-odds[*row as usize]).exp());
        let label = f64::from(u8::from(example.is_spam));
        slope += example.weight * value * (probability - label);
        curvature += example.weight * value * value * probability * (1.0 - probability);
    }
    match curvature > 0.0 {
        true => -slope / curvature,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Prior = Prior {
        mean: 0.0,
        precision: 1e-6,
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
    };

    /// Examples of one feature, of which so many are spam and so many ham.
    fn examples(spam: usize, ham: usize) -> (Vec<Example>, Column) {
        let mut column = Column::default();
        let example = |is_spam| Example {
            is_spam,
            weight: 1.0,
            offset: 0.0,
        };
        let examples: Vec<_> = (0..spam + ham).map(|row| example(row < spam)).collect();
        (0..examples.len()).for_each(|row| column.add(row, 1.0));
        (examples, column)
    }

    #[test]
    fn without_prior_it_finds_the_odds() {
        let (examples, column) = examples(90, 10);
        let found = solve(&examples, &[column], &[FREE], 100);
        assert!((found[0] - 9_f64.ln()).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn bounds_hold_and_few_examples_stay_near_the_prior() {
        let (examples, column) = examples(90, 10);
        let bounded = Prior { max: 1.5, ..FREE };
        let found = solve(&examples, std::slice::from_ref(&column), &[bounded], 100);
        assert_eq!(found, [1.5]);
        let firm = Prior {
            mean: 0.5,
            precision: 1e6,
            ..FREE
        };
        let found = solve(&examples, &[column], &[firm], 100);
        assert!((found[0] - 0.5).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn two_signs_of_the_same_share_what_they_prove() {
        let (examples, column) = examples(90, 10);
        let prior = Prior {
            precision: 0.1,
            ..FREE
        };
        let found = solve(&examples, &[column.clone(), column], &[prior, prior], 500);
        assert!((found[0] - found[1]).abs() < 0.15, "{found:?}");
        assert!(found[0] + found[1] < 9_f64.ln() + 0.1, "{found:?}");
    }
}
