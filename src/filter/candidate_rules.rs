//! The candidates among the rules: those that may hit in a message without a match of their own.
//!
//! In: compiled rules; then what matches in a message, and what it has; out: rules in a fixed order. Most combinations
//! cannot hit unless one of a few rules matches, and most facts do not hold of a message without links, pages or files:
//! such rules are left out by a bit each, before anything is looked up.

use crate::filter::aspects::Aspects;
use crate::filter::compiled_rules::{Combined, CompiledRules, Hits, Part};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct CandidateRules {
    /// The rules. Of the sets of bits below, each has a bit for each of them.
    rules: Vec<usize>,
    /// Those that need no match of any rule.
    always: Vec<u64>,
    /// Those that need something of the message.
    needing: Vec<(Aspects, Vec<u64>)>,
    /// By rule of the set: the end of its part of `woken`.
    ends: Vec<usize>,
    /// What may hit if a rule of the set matches, by index in `rules`.
    woken: Vec<usize>,
}

/// What a rule cannot hit without.
#[derive(Debug, Clone)]
struct Condition {
    /// A match of one of these rules; `None` if it needs none.
    wakers: Option<Vec<usize>>,
    needs: Aspects,
}

/// A rule that needs one of more rules than these is always looked at: by each of them it would be in one more list.
const MOST_WAKERS: usize = 100;

/// Calls for each bit that is set.
fn each_bit(bits: impl Iterator<Item = u64>, mut call: impl FnMut(usize)) {
    for (at, mut word) in bits.enumerate() {
        while word != 0 {
            call(64 * at + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

impl CandidateRules {
    /// Those of the rules that are wanted.
    pub(crate) fn of(compiled: &CompiledRules, wanted: impl Fn(usize) -> bool) -> Self {
        let conditions = conditions(compiled);
        let by_itself = |rule: usize| matches!(compiled.rules[rule].hits, Hits::AtLeast(_));
        let rules: Vec<usize> = (0..compiled.rules.len())
            .filter(|rule| !by_itself(*rule) && wanted(*rule))
            .collect();
        let none = vec![0_u64; rules.len().div_ceil(64)];
        let set = |bits: &mut Vec<u64>, at: usize| bits[at / 64] |= 1 << (at % 64);
        let mut always = none.clone();
        let mut needing: Vec<_> = Aspects::EACH.map(|it| (it, none.clone())).into();
        let mut woken: Vec<Vec<usize>> = vec![Vec::new(); compiled.rules.len()];
        for (at, rule) in rules.iter().enumerate() {
            let Condition { wakers, needs } = &conditions[*rule];
            match wakers {
                Some(wakers) => wakers.iter().for_each(|waker| woken[*waker].push(at)),
                None => set(&mut always, at),
            }
            for (aspect, bits) in &mut needing {
                if needs.has(*aspect) {
                    set(bits, at);
                }
            }
        }
        let ends = woken.iter().scan(0, |end, all| {
            *end += all.len();
            Some(*end)
        });
        Self {
            ends: ends.collect(),
            woken: woken.concat(),
            rules,
            always,
            needing,
        }
    }

    /// Calls for each rule that may hit where these rules match and the message has this.
    pub(crate) fn each(
        &self,
        matching: impl Iterator<Item = usize>,
        has: Aspects,
        mut call: impl FnMut(usize),
    ) {
        let mut bits = self.always.clone();
        for rule in matching {
            let start = rule.checked_sub(1).map_or(0, |before| self.ends[before]);
            for at in &self.woken[start..self.ends[rule]] {
                bits[at / 64] |= 1 << (at % 64);
            }
        }
        for (aspect, needing) in &self.needing {
            if !has.has(*aspect) {
                let pairs = bits.iter_mut().zip(needing);
                pairs.for_each(|(bits, needing)| *bits &= !needing);
            }
        }
        each_bit(bits.into_iter(), |at| call(self.rules[at]));
    }
}

/// By rule: what it cannot hit without.
fn conditions(compiled: &CompiledRules) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = (0..compiled.rules.len())
        .map(|rule| of_rule(compiled, rule))
        .collect();
    // Each stands behind those that it is made of.
    for combined in &compiled.combined {
        conditions[combined.rule] = of_combination(compiled, combined, &conditions);
    }
    conditions
}

/// Of one that is no combination.
fn of_rule(compiled: &CompiledRules, rule: usize) -> Condition {
    let nothing = Aspects::NONE;
    let (wakers, needs) = match compiled.rules[rule].hits {
        Hits::AtLeast(_) => (Some(vec![rule]), nothing),
        Hits::Fact(number, 1..) => {
            let (_, fact, range) = compiled.fact_rules[number];
            let fact = compiled.facts[fact];
            // Without what it needs, a number is 0.
            let is_needed = !fact.is_number() || !range.has(0.0);
            (None, if is_needed { fact.needs } else { nothing })
        }
        Hits::Fact(..) | Hits::None | Hits::Combined(_) => (None, nothing),
        Hits::Never => (Some(Vec::new()), nothing),
    };
    Condition { wakers, needs }
}

fn of_combination(
    compiled: &CompiledRules,
    combined: &Combined,
    conditions: &[Condition],
) -> Condition {
    let of_part = |part: &Part| match *part {
        Part::Rule(rule) => conditions[rule].clone(),
        Part::Fact(fact) => Condition {
            wakers: None,
            needs: compiled.facts[fact].needs,
        },
        Part::Never => Condition {
            wakers: Some(Vec::new()),
            needs: Aspects::NONE,
        },
    };
    let all = combined.all.iter().map(of_part);
    let any = (combined.at_least > 0).then(|| either(combined.any.iter().map(of_part)));
    let each: Vec<Condition> = all.chain(any).collect();
    let needs = each.iter().map(|it| it.needs);
    // One set is enough: the smallest, of rules that few others are made of, since these match rarely.
    let rarity = |wakers: &Vec<usize>| {
        let uses = wakers.iter().map(|waker| compiled.uses[*waker]);
        (wakers.len(), uses.sum::<usize>())
    };
    Condition {
        needs: needs.fold(Aspects::NONE, Aspects::and),
        wakers: each
            .into_iter()
            .filter_map(|it| it.wakers)
            .min_by_key(rarity),
    }
}

/// What is needed where one of several is enough.
fn either(mut each: impl Iterator<Item = Condition>) -> Condition {
    let Some(mut either) = each.next() else {
        return Condition {
            wakers: None,
            needs: Aspects::NONE,
        };
    };
    for Condition { wakers, needs } in each {
        either.needs = either.needs.common(needs);
        let both = either.wakers.take().zip(wakers);
        either.wakers = both.and_then(|(mut all, more)| {
            all.extend(more);
            all.sort_unstable();
            all.dedup();
            (all.len() <= MOST_WAKERS).then_some(all)
        });
    }
    either
}
