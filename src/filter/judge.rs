//! The filter: rules made ready, and the way of a message through them.
//!
//! In: a message, whole or just its beginning, or its header first and the rest later; out: a
//! [`Verdict`]. It never fails: what cannot be decoded is judged as it stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::filter::place::Place;
use crate::filter::rules::{RuleSet, Test, fnv};
use crate::filter::scan::{Scanner, Tally};
use crate::filter::verdict::{Hit, Thresholds, Verdict};
use crate::message::content::TEXT_LIMIT;
use crate::message::{Content, Wanted, header, value};
use crate::schema::Problem;

/// Header fields looked at: real mail has up to a hundred and fifty.
const FIELD_LIMIT: usize = 5000;

/// Values of one place looked at, such as of a header field that is repeated.
const VALUE_LIMIT: usize = 200;

/// Of a raw header value or block this much is looked at; real blocks stay below 64 KiB.
const RAW_HEADER_LIMIT: usize = 256 << 10;

/// Rules and thresholds, ready to judge; shared by all sessions.
#[derive(Debug)]
pub struct Filter {
    rules: Vec<Scored>,
    phrases: usize,
    header: Vec<Scanner>,
    body: Vec<Scanner>,
    wanted: Wanted,
    thresholds: Thresholds,
    version: String,
}

/// What is left to know of a rule when it was looked for.
#[derive(Debug)]
struct Scored {
    id: Arc<str>,
    description: Arc<str>,
    score: f64,
    hits: Hits,
}

/// The counts at which a rule hits.
#[derive(Debug, Clone, Copy)]
enum Hits {
    AtLeast(u32),
    None,
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
    /// Makes rules ready.
    pub fn new(rules: RuleSet, thresholds: Thresholds) -> Result<Self, Vec<Problem>> {
        let mut version = fnv(rules.digest(), &thresholds.tag_at.to_bits().to_be_bytes());
        version = fnv(
            version,
            &thresholds
                .drop_at
                .map_or(u64::MAX, f64::to_bits)
                .to_be_bytes(),
        );
        let mut filter = Self {
            rules: Vec::with_capacity(rules.len()),
            phrases: 0,
            header: Vec::new(),
            body: Vec::new(),
            wanted: Wanted::default(),
            thresholds,
            version: format!("{:012x}", version >> 16),
        };
        let mut places: Vec<(Place, Vec<_>)> = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            filter.rules.push(Scored {
                id: rule.id.clone(),
                description: rule.description.clone(),
                score: rule.score,
                hits: match rule.test {
                    Test::Missing => Hits::None,
                    _ => Hits::AtLeast(rule.at_least),
                },
            });
            rule.place.want(&mut filter.wanted);
            match places.iter_mut().find(|(place, _)| *place == rule.place) {
                Some((_, rules)) => rules.push((number, rule)),
                None => places.push((rule.place.clone(), vec![(number, rule)])),
            }
        }
        let mut problems = Vec::new();
        for (place, rules) in places {
            let in_header = place.is_in_header();
            match Scanner::new(place.clone(), &rules, &mut filter.phrases) {
                Ok(scanner) if in_header => filter.header.push(scanner),
                Ok(scanner) => filter.body.push(scanner),
                Err(message) => problems.push(Problem {
                    file: rules
                        .first()
                        .map_or(String::new(), |(_, rule)| rule.file.to_string()),
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

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// The ids of all rules.
    pub fn rule_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// The thresholds in force.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// Twelve hexadecimal digits that change with the rules' text and the thresholds.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Judges a message, or as much of its beginning as there is.
    pub fn judge(&self, raw: &[u8]) -> Verdict {
        if self.rules.is_empty() {
            return self.nothing_found(raw.len());
        }
        self.judge_body(self.judge_header(raw), raw)
    }

    /// Judges the header; `header` may go on behind the blank line.
    pub fn judge_header(&self, header: &[u8]) -> HeaderStage {
        let mut stage = HeaderStage {
            version: self.version.clone(),
            tally: Tally::new(self.rules.len(), self.phrases),
            decode_time: Duration::ZERO,
            rules_time: Duration::ZERO,
        };
        if self.header.is_empty() {
            return stage;
        }
        let begun = Instant::now();
        let values = self.header_values(header);
        stage.decode_time = begun.elapsed();
        let begun = Instant::now();
        for (scanner, values) in self.header.iter().zip(&values) {
            scanner.scan(values.iter().map(String::as_str), &mut stage.tally);
        }
        stage.rules_time = begun.elapsed();
        stage
    }

    /// Judges the rest of a message whose header was judged: the same as [`Filter::judge`] says.
    pub fn judge_after(&self, stage: HeaderStage, raw: &[u8]) -> Verdict {
        if self.rules.is_empty() {
            return self.nothing_found(raw.len());
        }
        // The rules may have been loaded anew since; then the numbers mean other rules.
        if stage.version != self.version {
            return self.judge(raw);
        }
        self.judge_body(stage, raw)
    }

    fn judge_body(&self, stage: HeaderStage, raw: &[u8]) -> Verdict {
        let HeaderStage {
            mut tally,
            mut decode_time,
            mut rules_time,
            ..
        } = stage;
        if !self.body.is_empty() {
            let begun = Instant::now();
            let content = if self.wanted.anything() {
                Content::of(raw, self.wanted)
            } else {
                Content::default()
            };
            let source = if self.body.iter().any(|scanner| scanner.place == Place::Raw) {
                String::from_utf8_lossy(&raw[..raw.len().min(TEXT_LIMIT)])
            } else {
                "".into()
            };
            decode_time += begun.elapsed();
            let begun = Instant::now();
            for scanner in &self.body {
                let texts = match scanner.place {
                    Place::Html => &content.html[..],
                    Place::Uri => &content.links,
                    Place::Anchor => &content.anchors,
                    Place::Attachment => &content.attachments,
                    Place::Mime => &content.types,
                    Place::Raw => {
                        scanner.scan([&*source].into_iter(), &mut tally);
                        continue;
                    }
                    _ => &content.body,
                };
                scanner.scan(texts.iter().map(String::as_str), &mut tally);
            }
            rules_time += begun.elapsed();
        }
        Verdict {
            decode_time,
            rules_time,
            ..self.sum(tally, raw.len())
        }
    }

    /// The texts of each header scanner's place.
    fn header_values(&self, raw: &[u8]) -> Vec<Vec<String>> {
        let mut values = vec![Vec::new(); self.header.len()];
        let mut end = 0;
        for field in header::fields(raw).take(FIELD_LIMIT) {
            end = field.whole.end;
            for (scanner, values) in self.header.iter().zip(&mut values) {
                let wanted = scanner
                    .place
                    .field()
                    .is_some_and(|name| field.is(raw, name));
                if wanted && values.len() < VALUE_LIMIT {
                    read_value(&scanner.place, &raw[field.value.clone()], values);
                }
            }
        }
        for (scanner, values) in self.header.iter().zip(&mut values) {
            if scanner.place == Place::HeaderBlock {
                let block = &raw[..end.min(RAW_HEADER_LIMIT)];
                values.push(String::from_utf8_lossy(block).into_owned());
            }
        }
        values
    }

    fn sum(&self, tally: Tally, bytes_judged: usize) -> Verdict {
        let mut hits = Vec::new();
        let found = tally.counts.into_iter().zip(tally.texts);
        for (rule, (count, text)) in self.rules.iter().zip(found) {
            let hit = match rule.hits {
                Hits::AtLeast(least) => count >= least,
                Hits::None => count == 0,
            };
            if hit {
                hits.push(Hit {
                    rule: rule.id.clone(),
                    description: rule.description.clone(),
                    score: rule.score,
                    text,
                });
            }
        }
        hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.rule.cmp(&b.rule))
        });
        // From +0.0: std's sum of nothing is -0.0.
        let sum = hits.iter().fold(0.0, |sum, hit| sum + hit.score);
        // Scores are decimal fractions: the sum of 0.1 and 0.2 is to read 0.3.
        let score = (sum * 1e6_f64).round() / 1e6;
        Verdict {
            score,
            action: self.thresholds.action(score),
            hits,
            ..self.nothing_found(bytes_judged)
        }
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
        }
    }
}

fn read_value(place: &Place, raw: &[u8], values: &mut Vec<String>) {
    match place {
        Place::RawHeader(_) => {
            let raw = &raw[..raw.len().min(RAW_HEADER_LIMIT)];
            values.push(String::from_utf8_lossy(raw.trim_ascii()).into_owned());
        }
        Place::Address(_) => {
            values.extend(value::mailboxes(raw).into_iter().filter_map(|one| one.addr));
        }
        Place::Name(_) => {
            values.extend(value::mailboxes(raw).into_iter().filter_map(|one| one.name));
        }
        _ => values.push(value::text(raw)),
    }
}
