//! From matches to hits: which rules hit, combinations included. `scoring` adds their scores up.
//!
//! In: what the scanners found, and the facts; out: the rules that hit. A fact is measured, and a combination looked at,
//! when the first rule asks for it: most combinations fail by what is known already.

use crate::filter::candidate_rules::CandidateRules;
use crate::filter::compiled_rules::{CompiledRules, Hits, Known, Part};
use crate::filter::facts::{FactValue, Facts};
use crate::filter::rule_matches::RuleMatches;
use crate::filter::verdict::Hit;

/// Rules that may hit without a match of their own: those with a score, and the others.
#[derive(Debug)]
pub(crate) struct Candidates {
    scored: CandidateRules,
    others: CandidateRules,
}

impl Candidates {
    pub(crate) fn of(rules: &CompiledRules) -> Self {
        Self {
            scored: CandidateRules::of(rules, |rule| rules.rules[rule].score != 0.0),
            others: CandidateRules::of(rules, |rule| rules.rules[rule].score == 0.0),
        }
    }
}

/// The rules that hit, in their order: those with a score, and those without one if `parts` is set.
pub(crate) fn hits(
    (rules, asked): (&CompiledRules, &Candidates),
    matches: &mut RuleMatches,
    facts: &Facts<'_, '_>,
    parts: bool,
) -> Vec<usize> {
    let both = [&asked.scored, &asked.others];
    let asked = if parts { &both[..] } else { &both[..1] };
    let mut found = found(rules, matches, facts, &rules.first, asked);
    found.retain(|rule| parts || rules.rules[*rule].score != 0.0);
    found.sort_unstable();
    found
}

/// The rules that hit by matches of their own, and those of the asked that hit. What is `first` is looked at before those.
pub(crate) fn found(
    rules: &CompiledRules,
    matches: &mut RuleMatches,
    facts: &Facts<'_, '_>,
    first: &[usize],
    asked: &[&CandidateRules],
) -> Vec<usize> {
    let mut known = rules.unknown.clone();
    let mut hit_bits = vec![0; known.len().div_ceil(64)];
    let mut found = Vec::with_capacity(USUAL);
    for rule in matches.rules() {
        if let Hits::AtLeast(least) = rules.rules[rule].hits
            && matches.count(rule) >= least
        {
            known[rule] = Known::Hits;
            hit_bits[rule / 64] |= 1 << (rule % 64);
            found.push(rule);
        }
    }
    let by_themselves = found.len();
    let mut search = Search {
        rules,
        matches,
        facts,
        known,
        hit_bits,
    };
    for first in first {
        search.hits(*first);
    }
    for candidates in asked {
        let (matching, more) = (found[..by_themselves].to_vec(), &mut found);
        candidates.each(matching.into_iter(), facts.aspects(), |rule| {
            if search.hits(rule) {
                more.push(rule);
            }
        });
    }
    found
}

/// Room for the rules that most messages hit.
const USUAL: usize = 64;

/// The hits of a message, for a report.
pub(crate) fn report(rules: &CompiledRules, matches: &RuleMatches, hits: &[usize]) -> Vec<Hit> {
    let hits = hits.iter().map(|number| (*number, &rules.rules[*number]));
    hits.map(|(number, rule)| Hit {
        rule: rule.id.clone(),
        description: rule.description.clone(),
        because: rule.because.clone(),
        score: rule.score,
        text: matches.text(number).to_owned(),
    })
    .collect()
}

struct Search<'h, 'm, 'a> {
    rules: &'h CompiledRules,
    matches: &'h mut RuleMatches,
    facts: &'h Facts<'m, 'a>,
    known: Vec<Known>,
    /// A bit for each rule that hits by matches of its own.
    hit_bits: Vec<u64>,
}

impl Search<'_, '_, '_> {
    fn hits(&mut self, rule: usize) -> bool {
        match self.known[rule] {
            Known::Hits => true,
            Known::Misses => false,
            Known::Nothing => {
                let hits = self.find_out(rule);
                self.known[rule] = Known::from(hits);
                hits
            }
        }
    }

    fn find_out(&mut self, rule: usize) -> bool {
        let rules = self.rules;
        match rules.rules[rule].hits {
            Hits::AtLeast(least) => self.matches.count(rule) >= least,
            Hits::None => self.matches.count(rule) == 0,
            Hits::Fact(number, least) => {
                let (_, fact, range) = &rules.fact_rules[number];
                match self.facts.value(*fact) {
                    FactValue::Yes(text) => self.matches.add(rule, text),
                    FactValue::Number(number) if range.has(*number) => {
                        self.matches.add(rule, &number.to_string());
                    }
                    FactValue::No | FactValue::Number(_) => {}
                }
                self.matches.count(rule) >= least
            }
            Hits::Combined(number) => self.combination_hits(number),
            Hits::Never => false,
        }
    }

    fn holds(&mut self, part: Part) -> bool {
        match part {
            Part::Rule(rule) => self.hits(rule),
            Part::Fact(fact) => matches!(self.facts.value(fact), FactValue::Yes(_)),
            Part::Never => false,
        }
    }

    fn combination_hits(&mut self, number: usize) -> bool {
        let rules = self.rules;
        let combined = &rules.combined[number];
        let (known, asked) = (&combined.known, &combined.asked);
        // Most combinations lack something.
        if !known.all.are_within(&self.hit_bits) || known.none.meet(&self.hit_bits) {
            return false;
        }
        let any = match combined.at_least {
            0 => 0,
            1 => usize::from(known.any.meet(&self.hit_bits)),
            _ => known.any.common(&self.hit_bits),
        };
        let missing = combined.at_least.saturating_sub(any);
        if !asked.all.iter().all(|part| self.holds(*part))
            || !self.are_enough(&asked.any, missing)
            || asked.none.iter().any(|part| self.holds(*part))
        {
            return false;
        }
        let mut texts = Vec::new();
        for part in combined.all.iter().chain(&combined.any) {
            if self.holds(*part) {
                texts.push(self.text(*part));
            }
        }
        for text in texts.iter().filter(|text| !text.is_empty()) {
            self.matches.add(combined.rule, text);
        }
        true
    }

    /// Whether at least so many of the parts hold.
    fn are_enough(&mut self, parts: &[Part], least: usize) -> bool {
        let mut missing = least;
        let mut left = parts.iter();
        while missing > 0 && missing <= left.len() {
            let holds = left.next().is_some_and(|part| self.holds(*part));
            missing -= usize::from(holds);
        }
        missing == 0
    }

    fn text(&self, part: Part) -> String {
        match part {
            Part::Rule(rule) => self.matches.text(rule).to_owned(),
            Part::Fact(fact) => match self.facts.value(fact) {
                FactValue::Yes(text) => text.clone(),
                FactValue::No | FactValue::Number(_) => String::new(),
            },
            Part::Never => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::context::Context;
    use crate::filter::message_view::MessageView;
    use crate::filter::rules::RuleSet;
    use crate::message::{Content, Headers, Work};

    const HEADER: &str =
        "From: Acme <a@a.example>\nTo: b@b.example\nSubject: x\nMIME-Version: 1.0\n";

    /// By asking each rule.
    fn plainly(rules: &CompiledRules, matches: &RuleMatches, facts: &Facts<'_, '_>) -> Vec<usize> {
        let by_itself = |rule: usize| match rules.rules[rule].hits {
            Hits::AtLeast(least) => Known::from(matches.count(rule) >= least),
            _ => Known::Nothing,
        };
        let mut search = Search {
            rules,
            facts,
            known: (0..rules.rules.len()).map(by_itself).collect(),
            hit_bits: vec![0; rules.rules.len().div_ceil(64)],
            matches: &mut matches.clone(),
        };
        for (rule, known) in search.known.iter().enumerate() {
            search.hit_bits[rule / 64] |= u64::from(*known == Known::Hits) << (rule % 64);
        }
        let all = 0..rules.rules.len();
        all.filter(|rule| search.hits(*rule)).collect()
    }

    #[test]
    fn what_is_not_asked_would_not_hit() {
        let mut set = RuleSet::stock().unwrap();
        let rules = set.take_unexpired();
        let compiled = CompiledRules::new(&rules, set.lists()).unwrap();
        let asked = Candidates::of(&compiled);
        let (page, context) = (
            "<a href='http://c.example/'><img src='http://d.example/'></a>",
            Context::default(),
        );
        let bodies = [
            "\nx".to_owned(),
            "\nhttp://c.example/ write to e@f.example".to_owned(),
            format!("Content-Type: text/html\n\n{page}"),
            "Content-Type: application/zip; name=a.zip\n\nx".to_owned(),
        ];
        let mut random = fastrand::Rng::with_seed(2);
        for body in bodies.iter().cycle().take(200) {
            let raw = format!("{HEADER}{body}").into_bytes();
            let work = Work::new(1 << 40);
            let headers = Headers::of(&raw);
            let content = Content::of(&raw, compiled.wanted, &work);
            let (lists, brands) = (set.lists(), set.brands());
            let mail = MessageView::new(&raw, &headers, &content, lists, brands, &context, &work);
            let facts = Facts::new(&compiled.facts, &mail);
            let mut matches = compiled.matches();
            let share = random.f64().powi(3);
            for (number, rule) in compiled.rules.iter().enumerate() {
                if let Hits::AtLeast(least) = rule.hits
                    && random.f64() < share
                {
                    (0..least).for_each(|_| matches.add(number, "x"));
                }
            }
            let all = plainly(&compiled, &matches, &facts);
            assert_eq!(
                hits((&compiled, &asked), &mut matches.clone(), &facts, true),
                all
            );
            let is_scored = |rule: &usize| compiled.rules[*rule].score != 0.0;
            let scored: Vec<_> = all.into_iter().filter(is_scored).collect();
            assert_eq!(
                hits((&compiled, &asked), &mut matches, &facts, false),
                scored
            );
        }
    }
}
