//! From an expression to conditions on rules.
//!
//! In: an [`Expression`] and what became of the rules that it names; out: a [`Formula`]. Sums that
//! are compared with numbers become "at least n of these".
//!
//! A rule that could not be turned is left out where only one of several ways goes through it. Where
//! all do, or where its not hitting would let the rule hit, the formula is [`Formula::Unknown`].

use std::collections::BTreeSet;

use super::meta::{Expression, Operator};

/// A condition on a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Formula {
    Constant(bool),
    /// The rule hits, at least so many times.
    Hits(String, u32),
    Not(Box<Formula>),
    All(Vec<Formula>),
    /// At least so many of these.
    Some(u32, Vec<Formula>),
    /// Nobody knows, because these rules are missing.
    Unknown(BTreeSet<String>),
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Loaded,
    /// It counts how often it hits, up to a limit.
    Counts(Option<u32>),
    Never,
    Missing,
}

/// A larger count of hits is not asked for.
const MOST_HITS: u32 = 100;

/// Sums with several counted rules have many ways to be reached; more are not written out.
const MOST_WAYS: u32 = 8;

const TOO_MUCH: &str = "arithmetic";

/// Turns expressions into formulas.
pub(super) struct Turner<'f> {
    pub(super) fate: &'f mut dyn FnMut(&str) -> Fate,
    /// Rules that were left out.
    pub(super) left_out: BTreeSet<String>,
}

/// A part of a sum.
enum Term {
    Condition(Formula),
    Count(String, Option<u32>),
}

#[derive(Default)]
struct Sum {
    terms: Vec<(f64, Term)>,
    constant: f64,
}

impl Turner<'_> {
    /// Whether the expression is true; `positive` says that more hits make more of the whole.
    pub(super) fn truth(
        &mut self,
        expression: &Expression,
        positive: bool,
    ) -> Result<Formula, String> {
        use Operator::{And, AtLeast, AtMost, Equal, Less, More, Or, Unequal};
        Ok(match expression {
            Expression::Number(number) => Formula::Constant(*number != 0.0),
            Expression::Rule(name) => match (self.fate)(name) {
                Fate::Loaded | Fate::Counts(_) => Formula::Hits(name.clone(), 1),
                Fate::Never => Formula::Constant(false),
                Fate::Missing => Formula::Unknown(BTreeSet::from([name.clone()])),
            },
            Expression::Not(inner) => not(self.truth(inner, !positive)?),
            Expression::Two(operator, left, right) => match operator {
                Or => {
                    let parts = vec![self.truth(left, positive)?, self.truth(right, positive)?];
                    self.some(1, parts, positive)
                }
                And => all(vec![
                    self.truth(left, positive)?,
                    self.truth(right, positive)?,
                ]),
                AtLeast => self.compare(left, right, false, positive)?,
                More => self.compare(left, right, true, positive)?,
                Less => not(self.compare(left, right, false, !positive)?),
                AtMost => not(self.compare(left, right, true, !positive)?),
                Equal => all(vec![
                    self.compare(left, right, false, positive)?,
                    not(self.compare(left, right, true, !positive)?),
                ]),
                Unequal => not(all(vec![
                    self.compare(left, right, false, !positive)?,
                    not(self.compare(left, right, true, positive)?),
                ])),
                Operator::Times => all(vec![
                    self.truth(left, positive)?,
                    self.truth(right, positive)?,
                ]),
                Operator::Plus | Operator::Minus | Operator::Over => {
                    let sum = self.sum(expression, positive)?;
                    if sum.constant != 0.0 || sum.terms.iter().any(|(weight, _)| *weight < 0.0) {
                        return Err(TOO_MUCH.into());
                    }
                    self.reaches(sum, f64::MIN_POSITIVE, positive)?
                }
            },
        })
    }

    /// `left >= right`, or `left > right`.
    fn compare(
        &mut self,
        left: &Expression,
        right: &Expression,
        strictly: bool,
        positive: bool,
    ) -> Result<Formula, String> {
        let mut sum = self.sum(left, positive)?;
        let minus = self.sum(right, !positive)?;
        let negated = minus.terms.into_iter();
        sum.terms
            .extend(negated.map(|(weight, term)| (-weight, term)));
        let bound = minus.constant - sum.constant;
        // Sums are whole numbers: being more than n is being n + 1 at least.
        let bound = if strictly {
            bound.floor() + 1.0
        } else {
            bound.ceil()
        };
        self.reaches(sum, bound, positive)
    }

    fn sum(&mut self, expression: &Expression, positive: bool) -> Result<Sum, String> {
        let mut sum = Sum::default();
        self.add(expression, 1.0, positive, &mut sum)?;
        Ok(sum)
    }

    fn add(
        &mut self,
        expression: &Expression,
        weight: f64,
        positive: bool,
        sum: &mut Sum,
    ) -> Result<(), String> {
        match expression {
            Expression::Number(number) => sum.constant += weight * number,
            Expression::Rule(name) => {
                let term = match (self.fate)(name) {
                    Fate::Counts(most) => Term::Count(name.clone(), most),
                    _ => Term::Condition(self.truth(expression, positive)?),
                };
                sum.terms.push((weight, term));
            }
            Expression::Two(Operator::Plus, left, right) => {
                self.add(left, weight, positive, sum)?;
                self.add(right, weight, positive, sum)?;
            }
            Expression::Two(Operator::Minus, left, right) => {
                self.add(left, weight, positive, sum)?;
                self.add(right, -weight, !positive, sum)?;
            }
            Expression::Two(Operator::Times, left, right) => match (&**left, &**right) {
                (Expression::Number(times), other) | (other, Expression::Number(times)) => {
                    let positive = if *times < 0.0 { !positive } else { positive };
                    self.add(other, weight * times, positive, sum)?;
                }
                _ => return Err(TOO_MUCH.into()),
            },
            Expression::Two(Operator::Over, ..) => return Err(TOO_MUCH.into()),
            condition => {
                let condition = self.truth(condition, positive)?;
                sum.terms.push((weight, Term::Condition(condition)));
            }
        }
        Ok(())
    }

    /// Whether a sum is at least `bound`.
    fn reaches(&mut self, sum: Sum, mut bound: f64, positive: bool) -> Result<Formula, String> {
        let mut parts = Vec::new();
        let mut counts = Vec::new();
        let weights = sum.terms.iter().map(|(weight, _)| weight.abs());
        let unit = weights
            .filter(|weight| *weight > 0.0)
            .fold(f64::MAX, f64::min);
        for (weight, term) in sum.terms {
            let copies = (weight / unit).abs();
            if weight == 0.0 {
                continue;
            }
            if copies.fract() != 0.0 || copies > 10.0 {
                return Err(TOO_MUCH.into());
            }
            match term {
                Term::Count(name, most) if weight == unit => counts.push((name, most)),
                Term::Count(..) => return Err(TOO_MUCH.into()),
                Term::Condition(condition) => {
                    // Taking one off for a hit is giving one for none, and one off at once.
                    let condition = if weight < 0.0 {
                        bound -= weight;
                        not(condition)
                    } else {
                        condition
                    };
                    for _ in 0..copies as u32 {
                        parts.push(condition.clone());
                    }
                }
            }
        }
        let bound = (bound / unit).ceil();
        if bound > f64::from(MOST_HITS) || (counts.len() > 1 && bound > f64::from(MOST_WAYS)) {
            return Err(TOO_MUCH.into());
        }
        let bound = if bound < 0.0 { 0 } else { bound as u32 };
        Ok(self.ways(bound, &counts, &parts, positive))
    }

    /// The ways to reach a bound with counted rules and conditions.
    fn ways(
        &mut self,
        bound: u32,
        counts: &[(String, Option<u32>)],
        parts: &[Formula],
        positive: bool,
    ) -> Formula {
        let Some(((name, most), others)) = counts.split_first() else {
            return self.some(bound, parts.to_vec(), positive);
        };
        let most = most.unwrap_or(MOST_HITS).min(bound);
        let ways = (0..=most)
            .map(|hits| {
                let rest = self.ways(bound - hits, others, parts, positive);
                match hits {
                    0 => rest,
                    hits => all(vec![Formula::Hits(name.clone(), hits), rest]),
                }
            })
            .collect();
        self.some(1, ways, positive)
    }

    fn some(&mut self, bound: u32, parts: Vec<Formula>, positive: bool) -> Formula {
        let mut bound = bound;
        let mut known = Vec::new();
        let mut missing = BTreeSet::new();
        for part in parts {
            match part {
                Formula::Constant(false) => {}
                Formula::Constant(true) => bound = bound.saturating_sub(1),
                Formula::Unknown(names) => missing.extend(names),
                Formula::Some(1, inner) if bound == 1 => known.extend(inner),
                part => known.push(part),
            }
        }
        if bound == 0 {
            return Formula::Constant(true);
        }
        let is_enough = known.len() >= bound as usize;
        if !missing.is_empty() {
            if !positive || !is_enough {
                return Formula::Unknown(missing);
            }
            self.left_out.extend(missing);
        }
        if bound == 1 {
            known.sort();
            known.dedup();
        }
        match known.len() {
            _ if !is_enough => Formula::Constant(false),
            1 => known.remove(0),
            length if length == bound as usize => all(known),
            _ => Formula::Some(bound, known),
        }
    }
}

fn not(formula: Formula) -> Formula {
    match formula {
        Formula::Constant(is_so) => Formula::Constant(!is_so),
        Formula::Not(inner) => *inner,
        Formula::Unknown(names) => Formula::Unknown(names),
        formula => Formula::Not(Box::new(formula)),
    }
}

fn all(parts: Vec<Formula>) -> Formula {
    let mut known = Vec::new();
    let mut missing = BTreeSet::new();
    for part in parts {
        match part {
            Formula::Constant(true) => {}
            Formula::Constant(false) => return Formula::Constant(false),
            Formula::Unknown(names) => missing.extend(names),
            Formula::All(inner) => known.extend(inner),
            part => known.push(part),
        }
    }
    known.sort();
    known.dedup();
    if !missing.is_empty() {
        return Formula::Unknown(missing);
    }
    match known.len() {
        0 => Formula::Constant(true),
        1 => known.remove(0),
        _ => Formula::All(known),
    }
}

#[cfg(test)]
mod tests;
