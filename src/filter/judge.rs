//! The filter: rules made ready, and the way of a message through them.
//!
//! In: a message, whole or just its beginning, or its header first and the rest later; out: a
//! [`Verdict`]. It never fails: what cannot be decoded is judged as it stands.

mod learnt;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use crate::filter::abreast::abreast;
use crate::filter::brands::Brands;
use crate::filter::classifier::Memory;
use crate::filter::combination;
use crate::filter::facts::{Fact, Found};
use crate::filter::fnv::fnv;
use crate::filter::lists::Lists;
use crate::filter::mail::{self, Mail};
use crate::filter::place::Place;
use crate::filter::rule::{Member, Range, Rule, Test};
use crate::filter::rules::RuleSet;
use crate::filter::scan::{Placed, Scanner, Tally};
use crate::filter::stopwatch::{Clock, Stopwatch};
use crate::filter::verdict::{Hit, Thresholds, Verdict};
use crate::message::{Content, Headers, Wanted};
use crate::schema::Problem;

/// The name under which the learnt filter's points stand among the rules.
pub const LEARNT: &str = "LEARNT";

/// Rules and thresholds, ready to judge; shared by all sessions.
#[derive(Debug)]
pub struct Filter {
    rules: Vec<Scored>,
    phrases: usize,
    header: Vec<Scanner>,
    body: Vec<Scanner>,
    counts: Vec<(usize, Vec<Place>, Range)>,
    facts: Vec<&'static Fact>,
    fact_rules: Vec<(usize, usize, Range)>,
    combined: Vec<Combined>,
    wanted: Wanted,
    lists: Lists,
    brands: Brands,
    thresholds: Thresholds,
    version: String,
    reports_parts: bool,
    explains: bool,
    memory: Option<Arc<Memory>>,
    clock: Option<Clock>,
}

/// What is left to know of a rule when it was looked for.
#[derive(Debug)]
struct Scored {
    id: Arc<str>,
    description: Arc<str>,
    score: f64,
    hits: Hits,
}

/// When a rule hits.
#[derive(Debug, Clone, Copy)]
enum Hits {
    /// So many of what it looks for are there.
    AtLeast(u32),
    /// Nothing is there.
    None,
    /// Others hit.
    Combined,
}

/// A rule made of others, by their numbers.
#[derive(Debug)]
struct Combined {
    rule: usize,
    all: Vec<Part>,
    any: Vec<Part>,
    none: Vec<Part>,
    at_least: usize,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Rule(usize),
    Fact(usize),
    /// A rule that is switched off.
    Never,
}

/// A message whose header was judged. It belongs to the filter that made it.
#[derive(Debug, Clone)]
pub struct HeaderStage {
    version: String,
    tally: Tally,
    decode_time: Duration,
    rules_time: Duration,
}

impl Filter {
    /// Makes rules ready; those that have expired by the set's day ([`RuleSet::on`]) are left out.
    pub fn new(set: RuleSet, thresholds: Thresholds) -> Result<Self, Vec<Problem>> {
        let mut version = fnv(set.digest(), &thresholds.tag_at.to_bits().to_be_bytes());
        let drop_at = thresholds.drop_at.map_or(u64::MAX, f64::to_bits);
        version = fnv(version, &drop_at.to_be_bytes());
        let rules: Vec<Rule> = set.unexpired().cloned().collect();
        let mut filter = Self {
            rules: Vec::with_capacity(rules.len()),
            phrases: 0,
            header: Vec::new(),
            body: Vec::new(),
            counts: Vec::new(),
            facts: Vec::new(),
            fact_rules: Vec::new(),
            combined: Vec::new(),
            wanted: Wanted::default(),
            lists: set.lists().clone(),
            brands: set.brands().clone(),
            thresholds,
            version: format!("{:012x}", version >> 16),
            reports_parts: false,
            explains: false,
            memory: None,
            clock: None,
        };
        let mut places = filter.sort(&rules);
        filter.combine(&rules);
        if !filter.facts.is_empty() {
            filter.wanted = Wanted {
                text: true,
                source: true,
                parts: true,
                files: true,
                ..filter.wanted
            };
        }
        let mut problems = Vec::new();
        places.sort_by_key(|(_, rules)| Reverse(rules.len()));
        let scanners = abreast(&places, |(place, rules)| {
            Scanner::new(place.clone(), rules, &filter.lists)
        });
        for ((place, rules), scanner) in places.iter().zip(scanners) {
            match scanner {
                Ok(scanner) if place.is_in_header() => filter.header.push(scanner),
                Ok(scanner) => filter.body.push(scanner),
                Err(message) => problems.push(Problem {
                    file: rules
                        .first()
                        .map_or(String::new(), |(_, rule, _)| rule.file.to_string()),
                    line: 0,
                    key: String::new(),
                    message: format!("the rules of `{place}` are too much together: {message}"),
                }),
            }
        }
        if problems.is_empty() {
            Ok(filter)
        } else {
            Err(problems)
        }
    }

    /// The same, but verdicts also name the parts that hit: rules that add nothing themselves.
    #[must_use]
    pub fn reporting_parts(self) -> Self {
        Self {
            reports_parts: true,
            ..self
        }
    }

    /// The same, but verdicts say how long each stage took by this clock.
    #[must_use]
    pub fn timed_by(self, clock: Clock) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Sorts rules by the places they look at.
    fn sort<'r>(&mut self, rules: &'r [Rule]) -> Vec<(Place, Vec<Placed<'r>>)> {
        let mut places: Vec<(Place, Vec<Placed<'r>>)> = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            self.rules.push(Scored {
                id: rule.id.clone(),
                description: rule.description.clone(),
                score: rule.score,
                hits: match rule.test {
                    Test::Missing => Hits::None,
                    Test::Combined(_) => Hits::Combined,
                    _ => Hits::AtLeast(rule.at_least),
                },
            });
            for place in &rule.places {
                place.want(&mut self.wanted);
            }
            match &rule.test {
                Test::Count(range) => {
                    self.counts.push((number, rule.places.clone(), *range));
                    continue;
                }
                Test::Fact(fact, range) => {
                    let fact = self.fact(fact);
                    self.fact_rules.push((number, fact, *range));
                    continue;
                }
                _ => {}
            }
            for place in &rule.places {
                let entry = (number, rule, self.phrases);
                match places.iter_mut().find(|(known, _)| known == place) {
                    Some((_, rules)) => rules.push(entry),
                    None => places.push((place.clone(), vec![entry])),
                }
            }
            if let Test::Phrases(list) = &rule.test {
                self.phrases += list.len();
            }
        }
        places
    }

    fn fact(&mut self, fact: &'static Fact) -> usize {
        let known = self.facts.iter().position(|known| known.name == fact.name);
        known.unwrap_or_else(|| {
            self.facts.push(fact);
            self.facts.len() - 1
        })
    }

    fn combine(&mut self, rules: &[Rule]) {
        // Reading the set refused circles.
        for number in combination::order(rules).unwrap_or_default() {
            let Test::Combined(combination) = &rules[number].test else {
                continue;
            };
            let mut parts = |members: &[Member]| -> Vec<Part> {
                let part = |member: &Member| match member {
                    Member::Fact(fact) => Part::Fact(self.fact(fact)),
                    Member::Rule(id) => {
                        let at = rules.iter().position(|rule| *rule.id == **id);
                        at.map_or(Part::Never, Part::Rule)
                    }
                };
                members.iter().map(part).collect()
            };
            let combined = Combined {
                rule: number,
                all: parts(&combination.all),
                any: parts(&combination.any),
                none: parts(&combination.none),
                at_least: match combination.any.len() {
                    0 => 0,
                    _ => rules[number].at_least as usize,
                },
            };
            self.combined.push(combined);
        }
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is nothing to judge by.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.memory.is_none()
    }

    /// The ids of all rules.
    pub fn rule_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// The rules that add something, each with what it adds.
    pub fn scores(&self) -> impl Iterator<Item = (&Arc<str>, f64)> {
        let rules = self.rules.iter().map(|rule| (&rule.id, rule.score));
        rules.filter(|(_, score)| *score != 0.0)
    }

    /// The thresholds in force.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Twelve hexadecimal digits that change with the rules' text and the thresholds.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Judges a message, or as much of its beginning as there is, as nobody's in particular.
    pub fn judge(&self, raw: &[u8]) -> Verdict {
        self.judge_for(None, raw)
    }

    /// Judges a message of an account.
    pub fn judge_for(&self, account: Option<&str>, raw: &[u8]) -> Verdict {
        if self.is_idle() {
            return self.nothing_found(raw.len());
        }
        let mut stopwatch = Stopwatch::start(self.clock);
        let headers = Headers::of(raw);
        let found = stopwatch.lap();
        let mut stage = self.judge_fields(&headers);
        stage.decode_time += found;
        self.judge_body(account, stage, raw, &headers, |_, _| ())
    }

    /// Judges the header; `header` may go on behind the blank line.
    pub fn judge_header(&self, header: &[u8]) -> HeaderStage {
        self.judge_fields(&Headers::of(header))
    }

    /// Judges the rest of a message whose header was judged: the same as [`Filter::judge_for`] says.
    pub fn judge_after(&self, account: Option<&str>, stage: HeaderStage, raw: &[u8]) -> Verdict {
        if self.is_idle() {
            return self.nothing_found(raw.len());
        }
        // The rules may have been loaded anew since; then the numbers mean other rules.
        if stage.version != self.version {
            return self.judge_for(account, raw);
        }
        self.judge_body(account, stage, raw, &Headers::of(raw), |_, _| ())
    }

    fn judge_fields(&self, headers: &Headers<'_>) -> HeaderStage {
        let mut stage = HeaderStage {
            version: self.version.clone(),
            tally: Tally::new(self.rules.len(), self.phrases),
            decode_time: Duration::ZERO,
            rules_time: Duration::ZERO,
        };
        let mut stopwatch = Stopwatch::start(self.clock);
        for scanner in &self.header {
            let texts = mail::header_texts(&scanner.place, headers);
            stage.decode_time += stopwatch.lap();
            scanner.scan(texts.iter().map(|text| &**text), &mut stage.tally);
            stage.rules_time += stopwatch.lap();
        }
        stage
    }

    /// `look` sees what the rules found before the learnt filter is asked.
    fn judge_body(
        &self,
        account: Option<&str>,
        stage: HeaderStage,
        raw: &[u8],
        headers: &Headers<'_>,
        look: impl FnOnce(&Mail<'_>, &Verdict),
    ) -> Verdict {
        let HeaderStage {
            mut tally,
            mut decode_time,
            rules_time: mut header_time,
            ..
        } = stage;
        let mut stopwatch = Stopwatch::start(self.clock);
        let content = if self.wanted.anything() {
            Content::of(raw, self.wanted)
        } else {
            Content::default()
        };
        decode_time += stopwatch.lap();
        let mail = Mail::new(raw, headers, &content, &self.lists, &self.brands);
        for scanner in &self.body {
            let texts = mail.texts(&scanner.place);
            scanner.scan(texts.iter().map(|text| &**text), &mut tally);
        }
        for (rule, places, range) in &self.counts {
            let count: usize = places.iter().map(|place| mail.texts(place).len()).sum();
            if range.has(count as f64) {
                tally.add(*rule, &count.to_string());
            }
        }
        let facts: Vec<Found> = self.facts.iter().map(|fact| fact.of(&mail)).collect();
        for (rule, fact, range) in &self.fact_rules {
            match &facts[*fact] {
                Found::Yes(text) => tally.add(*rule, text),
                Found::Number(number) if range.has(*number) => {
                    tally.add(*rule, &number.to_string());
                }
                Found::No | Found::Number(_) => {}
            }
        }
        let hits = self.hits(&mut tally, &facts);
        header_time += stopwatch.lap();
        let mut verdict = Verdict {
            decode_time,
            rules_time: header_time,
            ..self.sum(tally, &hits, raw.len())
        };
        look(&mail, &verdict);
        if let Some(memory) = &self.memory {
            stopwatch.lap();
            self.ask(memory, account, &mail, &mut verdict);
            verdict.classifier_time = stopwatch.lap();
        }
        verdict
    }

    /// Puts hits in order, sums them up and decides.
    fn weigh(&self, verdict: &mut Verdict) {
        verdict.hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.rule.cmp(&b.rule))
        });
        // From +0.0: std's sum of nothing is -0.0.
        let sum = verdict.hits.iter().fold(0.0, |sum, hit| sum + hit.score);
        // Scores are decimal fractions: the sum of 0.1 and 0.2 is to read 0.3.
        verdict.score = (sum * 1e6_f64).round() / 1e6;
        verdict.action = self.thresholds.action(verdict.score);
    }

    /// Which rules hit.
    fn hits(&self, tally: &mut Tally, facts: &[Found]) -> Vec<bool> {
        let rules = self.rules.iter().zip(&tally.counts);
        let mut hits: Vec<bool> = rules
            .map(|(rule, count)| match rule.hits {
                Hits::AtLeast(least) => *count >= least,
                Hits::None => *count == 0,
                Hits::Combined => false,
            })
            .collect();
        for combined in &self.combined {
            let holds = |part: &&Part| match **part {
                Part::Rule(rule) => hits[rule],
                Part::Fact(fact) => matches!(facts[fact], Found::Yes(_)),
                Part::Never => false,
            };
            let count = combined.any.iter().filter(holds).count();
            let hit = count >= combined.at_least
                && combined.all.iter().all(|part| holds(&part))
                && !combined.none.iter().any(|part| holds(&part));
            if !hit {
                continue;
            }
            let parts = combined.all.iter().chain(&combined.any).filter(holds);
            let texts: Vec<String> = parts
                .filter_map(|part| match *part {
                    Part::Rule(rule) => Some(tally.texts[rule].clone()),
                    Part::Fact(fact) => match &facts[fact] {
                        Found::Yes(text) => Some(text.clone()),
                        Found::No | Found::Number(_) => None,
                    },
                    Part::Never => None,
                })
                .collect();
            for text in texts.iter().filter(|text| !text.is_empty()) {
                tally.add(combined.rule, text);
            }
            hits[combined.rule] = true;
        }
        hits
    }

    fn sum(&self, tally: Tally, hit: &[bool], bytes_judged: usize) -> Verdict {
        let mut hits = Vec::new();
        for ((rule, text), hit) in self.rules.iter().zip(tally.texts).zip(hit) {
            if *hit && (rule.score != 0.0 || self.reports_parts) {
                hits.push(Hit {
                    rule: rule.id.clone(),
                    description: rule.description.clone(),
                    score: rule.score,
                    text,
                });
            }
        }
        let mut verdict = Verdict {
            hits,
            ..self.nothing_found(bytes_judged)
        };
        self.weigh(&mut verdict);
        verdict
    }

    fn nothing_found(&self, bytes_judged: usize) -> Verdict {
        Verdict {
            score: 0.0,
            thresholds: self.thresholds,
            action: self.thresholds.action(0.0),
            hits: Vec::new(),
            bytes_judged,
            decode_time: Duration::ZERO,
            rules_time: Duration::ZERO,
            opinion: None,
            classifier_time: Duration::ZERO,
        }
    }
}
