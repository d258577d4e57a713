//! The TOML format of rule files.
//!
//! In: the text of a file; out: its rules, its overrides of rules of an earlier layer, and a
//! problem for each mistake, with line, key and what to write instead. A rule with a mistake is
//! left out, and the caller refuses the file.

mod example_keys;
mod test_keys;

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::filter::day::Day;
use crate::filter::findings::is_name_of_scanners;
use crate::filter::learned_curve::LearnedCurves;
use crate::filter::pattern::Layer;
use crate::filter::rule::{Rule, ScoreBounds, is_rule_id};
use crate::filter::rule_error::RuleError;
use crate::message::visible_text::visible;
use crate::schema::{Problem, Section, TomlFile};

/// Keys that change a stock rule without replacing it.
const CHANGES: [&str; 9] = [
    "score",
    "expected_score",
    "score_min",
    "score_max",
    "description",
    "because",
    "enabled",
    "tags",
    "expires",
];

/// Keys that make an entry a rule of its own.
const OWN: [&str; 15] = [
    "where", "words", "phrases", "regex", "exists", "missing", "in_list", "min", "max", "fact",
    "all", "any", "none", "at_least", "examples",
];

/// Keeps sums readable and scores finite.
const SCORE_LIMIT: f64 = 100.0;

/// A file as its name and its text.
pub type NamedText = (String, String);

/// Where an id was defined.
#[derive(Debug, Clone)]
pub(crate) struct IdOwner {
    /// The layer that defined it.
    pub(crate) layer: usize,
    /// `file:line`.
    pub(crate) position: String,
}

/// What an entry of a file does.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Defines a rule; it replaces one with the same id.
    Rule(Box<Rule>),
    /// Disables the rule with this id.
    Off(String),
    /// Changes the rule of an earlier layer.
    Override(RuleOverride),
    /// Says what the learned filter's opinion adds.
    Curves(LearnedCurves),
}

/// New values for some keys of a rule.
#[derive(Debug)]
pub(crate) struct RuleOverride {
    pub(crate) id: String,
    score: Option<f64>,
    expected_score: Option<f64>,
    score_bounds: ScoreBounds,
    description: Option<String>,
    because: Option<String>,
    tags: Option<Vec<String>>,
    expires: Option<Day>,
}

impl RuleOverride {
    pub(crate) fn apply(self, rule: &mut Rule) {
        if let Some(score) = self.score {
            rule.score = score;
        }
        rule.expected_score = self.expected_score.or(rule.expected_score);
        let before = rule.score_bounds;
        rule.score_bounds = ScoreBounds {
            min: self.score_bounds.min.or(before.min),
            max: self.score_bounds.max.or(before.max),
        };
        if let Some(description) = self.description {
            rule.description = description.into();
        }
        if let Some(because) = self.because {
            rule.because = Some(because.into());
        }
        if let Some(tags) = self.tags {
            rule.tags = tags;
        }
        if self.expires.is_some() {
            rule.expires = self.expires;
        }
    }
}

/// Whether a file disables the stock rules (`stock = false`).
pub(crate) fn is_alone(text: &str) -> bool {
    let (table, _) = DeTable::parse_recoverable(text);
    let stock = table.get_ref().get("stock");
    stock.is_some_and(|stock| stock.get_ref().as_bool() == Some(false))
}

/// One parsed file.
pub(crate) struct RuleFile<'t> {
    report: TomlFile<'t>,
    table: Spanned<DeTable<'t>>,
    file: Arc<str>,
}

impl<'t> RuleFile<'t> {
    /// Parses a file.
    pub(crate) fn parse((name, text): &'t NamedText) -> Self {
        let report = TomlFile::new(name, text);
        let table = report.parse();
        Self {
            report,
            table,
            file: name.as_str().into(),
        }
    }

    /// By rule: who else has its id. Files are asked in their order, and each adds its ids to `id_owners`.
    pub(crate) fn claim_ids(
        &self,
        layer: usize,
        id_owners: &mut HashMap<String, IdOwner>,
    ) -> Vec<IdClaim> {
        let rules = self.table.get_ref().get("rule");
        let rules = rules.and_then(|rules| rules.get_ref().as_array());
        let claim = |rule: &Spanned<DeValue<'_>>| {
            let id = rule.get_ref().as_table().and_then(|rule| rule.get("id"));
            let id = id.and_then(|id| id.get_ref().as_str());
            let Some(id) = id.filter(|id| rule_id(id).is_ok()) else {
                return IdClaim::default();
            };
            match id_owners.get(id) {
                Some(first) if first.layer == layer => IdClaim {
                    is_known_before: false,
                    used_at: Some(first.position.clone()),
                },
                earlier => {
                    let is_known_before = earlier.is_some();
                    let line = self.report.line(rule.span().start);
                    let position = format!("{}:{line}", self.file);
                    id_owners.insert(id.to_owned(), IdOwner { layer, position });
                    IdClaim {
                        is_known_before,
                        used_at: None,
                    }
                }
            }
        };
        rules.into_iter().flatten().map(claim).collect()
    }

    /// Reads its entries, and what is wrong with it.
    pub(crate) fn read(self, claims: &[IdClaim], layer: Layer) -> (Vec<Entry>, Vec<Problem>) {
        let Self {
            report,
            table,
            file,
        } = self;
        let mut top = Section::top(&report, &table);
        top.boolean("stock");
        let curves = LearnedCurves::read(&mut top);
        let mut entries: Vec<Entry> = curves.into_iter().map(Entry::Curves).collect();
        let sections = top.sections("rule").into_iter().enumerate();
        for ((number, section), claim) in sections.zip(claims) {
            let line = report.line(section.at());
            let source = Source {
                report: &report,
                table: rule_table(table.get_ref(), number),
                file: file.clone(),
                line,
            };
            entries.extend(entry(section, &source, layer, claim));
        }
        top.finish();
        (entries, report.into_problems())
    }
}

/// Who else has a rule's id.
#[derive(Debug, Default)]
pub(crate) struct IdClaim {
    /// An earlier layer has a rule with this id.
    is_known_before: bool,
    /// Where the same layer uses the id before.
    used_at: Option<String>,
}

fn rule_table<'a, 't>(top: &'a DeTable<'t>, number: usize) -> Option<&'a DeTable<'t>> {
    let rules = top.get("rule")?.get_ref().as_array()?;
    rules.get(number)?.get_ref().as_table()
}

/// The source of a rule in its file.
struct Source<'a, 't> {
    report: &'a TomlFile<'t>,
    table: Option<&'a DeTable<'t>>,
    file: Arc<str>,
    line: usize,
}

fn entry(
    mut section: Section<'_, '_>,
    source: &Source<'_, '_>,
    layer: Layer,
    claim: &IdClaim,
) -> Option<Entry> {
    let id = identity(&mut section, claim);
    let keys = common_keys(&mut section);
    let changes = CHANGES.iter().any(|key| section.has(key));
    let own = OWN.iter().any(|key| section.has(key));
    if claim.is_known_before && changes && !own {
        section.finish();
        return Some(keys.into_override(id?));
    }
    // A part is not reported, so it needs no description.
    let is_part = keys.score == Some(0.0);
    if !section.has("description") && !is_part {
        section.wrong("has no description; say in one sentence what a hit means");
    }
    if !section.has("score") {
        section.wrong(
            "has no score; write what a hit adds, such as score = 1.5 (0 for a part of other rules)",
        );
    }
    let looks = test_keys::looks(&mut section, layer);
    let (places, test) = match looks {
        Some((places, test)) => (Some(places), Some(test)),
        None => (None, None),
    };
    let at_least = test_keys::count(&mut section, test.as_ref());
    let examples =
        example_keys::examples(&mut section, source.report, source.table, places.as_deref());
    section.finish();
    let id = id?;
    if !keys.enabled {
        return Some(Entry::Off(id));
    }
    Some(Entry::Rule(Box::new(Rule {
        id: id.into(),
        description: keys.description.unwrap_or_default().into(),
        because: keys.because.map(Into::into),
        score: keys.score?,
        expected_score: keys.expected_score,
        score_bounds: keys.score_bounds,
        places: places?,
        test: test?,
        at_least: at_least?,
        tags: keys.tags.unwrap_or_default(),
        expires: keys.expires,
        examples,
        file: source.file.clone(),
        line: source.line,
    })))
}

/// Reads the id.
fn identity(section: &mut Section<'_, '_>, claim: &IdClaim) -> Option<String> {
    let id = section.parsed("id", |id| {
        rule_id(id)
            .map(str::to_owned)
            .map_err(|error| error.to_string())
    });
    if !section.has("id") {
        section.wrong("has no id; write id = \"SOME_NAME\"");
    }
    let id = id?;
    section.rename(format!("rule {id}"));
    if let Some(position) = &claim.used_at {
        section.problem(
            "id",
            format!("is already used at {position}; choose another"),
        );
    }
    Some(id)
}

/// The keys that rules and overrides have in common.
struct CommonKeys {
    score: Option<f64>,
    expected_score: Option<f64>,
    score_bounds: ScoreBounds,
    description: Option<String>,
    because: Option<String>,
    tags: Option<Vec<String>>,
    expires: Option<Day>,
    enabled: bool,
}

impl CommonKeys {
    /// An override of the rule of an earlier layer.
    fn into_override(self, id: String) -> Entry {
        if !self.enabled {
            return Entry::Off(id);
        }
        Entry::Override(RuleOverride {
            id,
            score: self.score,
            expected_score: self.expected_score,
            score_bounds: self.score_bounds,
            description: self.description,
            because: self.because,
            tags: self.tags,
            expires: self.expires,
        })
    }
}

fn common_keys(section: &mut Section<'_, '_>) -> CommonKeys {
    let description = section.parsed("description", |text| match visible(text) {
        empty if empty.is_empty() => {
            Err("is empty; say in one sentence what a hit means".to_owned())
        }
        text => Ok(text),
    });
    let because = section.parsed("because", |text| clause(&visible(text)));
    let score = score_key(section, "score");
    let score_bounds = ScoreBounds {
        min: score_key(section, "score_min"),
        max: score_key(section, "score_max"),
    };
    if let ScoreBounds {
        min: Some(min),
        max: Some(max),
    } = score_bounds
        && min > max
    {
        section.problem("score_min", format!("is {min}, but score_max is {max}"));
    }
    CommonKeys {
        score,
        expected_score: score_key(section, "expected_score"),
        score_bounds,
        description,
        because,
        tags: section.strings("tags"),
        expires: section.parsed("expires", |text| {
            Day::parse(text).map_err(|error| error.to_string())
        }),
        enabled: section.boolean("enabled") != Some(false),
    }
}

/// A clause stands among others in one sentence.
fn clause(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|first: char| first.is_lowercase());
    let ends = text.ends_with(['.', ',', ';', ':']);
    match begins && !ends {
        true => Ok(text.to_owned()),
        false => Err(
            "must be the end of a sentence that begins with \"it\", such as \"asks for account data\"".to_owned(),
        ),
    }
}

fn score_key(section: &mut Section<'_, '_>, key: &'static str) -> Option<f64> {
    section.number(key).filter(|score| {
        let fine = score.is_finite() && score.abs() <= SCORE_LIMIT;
        if !fine {
            section.problem(key, format!("must be from -{SCORE_LIMIT} to {SCORE_LIMIT}"));
        }
        fine
    })
}

fn rule_id(id: &str) -> Result<&str, RuleError> {
    match is_rule_id(id) {
        true if is_name_of_scanners(id) => Err(RuleError::ScannersId(id.to_owned())),
        true => Ok(id),
        false => Err(RuleError::InvalidId(id.to_owned())),
    }
}
