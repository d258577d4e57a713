//! Converts the expression of a meta rule to a condition on rules.
//!
//! In: an [`Expression`] and the status of the rules that it names; out: a [`Condition`]. Sums compared with numbers
//! become "at least n of these".
//!
//! A rule that could not be converted is left out if it is one of several alternatives. If all alternatives depend on
//! it, or if its absence would make the rule hit, the result is [`Condition::Unknown`].

use std::collections::BTreeSet;

use super::meta::{Expression, Operator};

/// A condition on the rules that hit a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    Constant(bool),
    /// The rule hits at least this many times.
    Hits(String, u32),
    Not(Box<Condition>),
    All(Vec<Condition>),
    /// At least this many of these hold.
    Some(u32, Vec<Condition>),
    /// Unknown, because these rules are missing.
    Unknown(BTreeSet<String>),
}

/// The status of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleStatus {
    Loaded,
    /// It counts its hits, up to a limit.
    Counts(Option<u32>),
    Never,
    Missing,
}

/// Limit on counted hits.
const MOST_HITS: u32 = 100;

/// Limit on the combinations that reach a sum of several counted rules.
const MOST_WAYS: u32 = 8;

const TOO_MUCH: &str = "arithmetic";

/// Converts expressions to conditions.
pub(super) struct ConditionBuilder<'f> {
    pub(super) status: &'f mut dyn FnMut(&str) -> RuleStatus,
    /// Rules that were left out.
    pub(super) left_out: BTreeSet<String>,
}

/// A part of a sum.
enum Term {
    Condition(Condition),
    Count(String, Option<u32>),
}

#[derive(Default)]
struct Sum {
    terms: Vec<(f64, Term)>,
    constant: f64,
}

impl ConditionBuilder<'_> {
    /// The condition under which the expression is true; `positive` if more hits make the whole more likely.
    pub(super) fn truth(
        &mut self,
        expression: &Expression,
        positive: bool,
    ) -> Result<Condition, String> {
        use Operator::{And, AtLeast, AtMost, Equal, Less, More, Or, Unequal};
        Ok(match expression {
            Expression::Number(number) => Condition::Constant(*number != 0.0),
            Expression::Rule(name) => match (self.status)(name) {
                RuleStatus::Loaded | RuleStatus::Counts(_) => Condition::Hits(name.clone(), 1),
                RuleStatus::Never => Condition::Constant(false),
                RuleStatus::Missing => Condition::Unknown(BTreeSet::from([name.clone()])),
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
    ) -> Result<Condition, String> {
        let mut sum = self.sum(left, positive)?;
        let minus = self.sum(right, !positive)?;
        let negated = minus.terms.into_iter();
        sum.terms
            .extend(negated.map(|(weight, term)| (-weight, term)));
        let bound = minus.constant - sum.constant;
        // Sums are integers: more than n means at least n + 1.
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
                let term = match (self.status)(name) {
                    RuleStatus::Counts(most) => Term::Count(name.clone(), most),
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

    /// The condition under which a sum is at least `bound`.
    fn reaches(&mut self, sum: Sum, mut bound: f64, positive: bool) -> Result<Condition, String> {
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
                    // Subtracting one for a hit equals adding one for no hit and always subtracting one.
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

    /// The combinations of counted rules and conditions that reach a bound.
    fn ways(
        &mut self,
        bound: u32,
        counts: &[(String, Option<u32>)],
        parts: &[Condition],
        positive: bool,
    ) -> Condition {
        let Some(((name, most), others)) = counts.split_first() else {
            return self.some(bound, parts.to_vec(), positive);
        };
        let most = most.unwrap_or(MOST_HITS).min(bound);
        let ways = (0..=most)
            .map(|hits| {
                let rest = self.ways(bound - hits, others, parts, positive);
                match hits {
                    0 => rest,
                    hits => all(vec![Condition::Hits(name.clone(), hits), rest]),
                }
            })
            .collect();
        self.some(1, ways, positive)
    }

    fn some(&mut self, bound: u32, parts: Vec<Condition>, positive: bool) -> Condition {
        let mut bound = bound;
        let mut known = Vec::new();
        let mut missing = BTreeSet::new();
        for part in parts {
            match part {
                Condition::Constant(false) => {}
                Condition::Constant(true) => bound = bound.saturating_sub(1),
                Condition::Unknown(names) => missing.extend(names),
                Condition::Some(1, inner) if bound == 1 => known.extend(inner),
                part => known.push(part),
            }
        }
        if bound == 0 {
            return Condition::Constant(true);
        }
        let is_enough = known.len() >= bound as usize;
        if !missing.is_empty() {
            if !positive || !is_enough {
                return Condition::Unknown(missing);
            }
            self.left_out.extend(missing);
        }
        if bound == 1 {
            known.sort();
            known.dedup();
        }
        match known.len() {
            _ if !is_enough => Condition::Constant(false),
            1 => known.remove(0),
            length if length == bound as usize => all(known),
            _ => Condition::Some(bound, known),
        }
    }
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Constant(is_so) => Condition::Constant(!is_so),
        Condition::Not(inner) => *inner,
        Condition::Unknown(names) => Condition::Unknown(names),
        condition => Condition::Not(Box::new(condition)),
    }
}

fn all(parts: Vec<Condition>) -> Condition {
    let mut known = Vec::new();
    let mut missing = BTreeSet::new();
    for part in parts {
        match part {
            Condition::Constant(true) => {}
            Condition::Constant(false) => return Condition::Constant(false),
            Condition::Unknown(names) => missing.extend(names),
            Condition::All(inner) => known.extend(inner),
            part => known.push(part),
        }
    }
    known.sort();
    known.dedup();
    if !missing.is_empty() {
        return Condition::Unknown(missing);
    }
    match known.len() {
        0 => Condition::Constant(true),
        1 => known.remove(0),
        _ => Condition::All(known),
    }
}

#[cfg(test)]
mod tests;
