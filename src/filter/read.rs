//! Rule files: their exact shape.
//!
//! In: the text of a file; out: its rules and its changes to rules of an earlier layer, and a
//! problem for each mistake, with line and key and what to write instead. A rule with a mistake is
//! left out, and the caller refuses the file.

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::filter::combination::{Combination, Member};
use crate::filter::day::Day;
use crate::filter::examples;
use crate::filter::facts;
use crate::filter::pattern::Patterns;
use crate::filter::place::Place;
use crate::filter::rules::{File, Near, Range, Rule, Taken, Test};
use crate::message::fold::folded;
use crate::schema::{Problem, Section, TomlFile};

/// The kinds of tests; a rule has exactly one.
const TESTS: [&str; 10] = [
    "words",
    "phrases",
    "near",
    "regex",
    "exists",
    "missing",
    "in_list",
    "min or max",
    "fact",
    "all, any or none",
];

/// The keys that change a rule of the stock without replacing it.
const CHANGES: [&str; 5] = ["score", "description", "enabled", "tags", "expires"];

/// The keys that make a rule of its own.
const OWN: [&str; 15] = [
    "where", "words", "phrases", "regex", "exists", "missing", "in_list", "min", "max", "fact",
    "all", "any", "none", "at_least", "examples",
];

/// A sum of scores stays readable, and one rule cannot be made infinite.
const SCORE_LIMIT: f64 = 100.0;

/// Between the words of a group at most, in bytes; a sentence is rarely longer.
const NEAR_LIMIT: i64 = 500;

/// Without `within`.
const NEAR: usize = 60;

/// Matches counted: finding n of them may take n times the text.
const COUNT_LIMIT: i64 = 100;

/// What an entry of a file asks for.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A rule; it replaces one of the same id.
    Rule(Box<Rule>),
    /// No rule of this id.
    Off(String),
    /// Changes to the rule of an earlier layer.
    Change(Change),
}

/// Changes to a rule.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: String,
    score: Option<f64>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    expires: Option<Day>,
}

impl Change {
    pub(crate) fn apply(self, rule: &mut Rule) {
        if let Some(score) = self.score {
            rule.score = score;
        }
        if let Some(description) = self.description {
            rule.description = description.into();
        }
        if let Some(tags) = self.tags {
            rule.tags = tags;
        }
        if self.expires.is_some() {
            rule.expires = self.expires;
        }
    }
}

/// Whether a file says that its folder is all there is.
pub(crate) fn is_alone(text: &str) -> bool {
    let (table, _) = DeTable::parse_recoverable(text);
    let stock = table.get_ref().get("stock");
    stock.is_some_and(|stock| stock.get_ref().as_bool() == Some(false))
}

/// The regexes of a file's rules.
pub(crate) fn regexes(text: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let rules = table.get_ref().get("rule");
    let rules = rules.and_then(|rules| rules.get_ref().as_array());
    let regex = |rule: &Spanned<DeValue<'_>>| {
        let regex = rule.get_ref().as_table()?.get("regex")?;
        regex.get_ref().as_str().map(str::to_owned)
    };
    rules.into_iter().flatten().filter_map(regex).collect()
}

/// Reads one file; `taken` says who has which id.
pub(crate) fn file(
    (name, text): &File,
    patterns: &Patterns,
    layer: usize,
    taken: &mut HashMap<String, Taken>,
    problems: &mut Vec<Problem>,
) -> Vec<Entry> {
    let report = TomlFile::new(name, text);
    let table = report.parse();
    let mut top = Section::top(&report, &table);
    top.boolean("stock");
    let file: Arc<str> = name.as_str().into();
    let mut entries = Vec::new();
    for (number, section) in top.sections("rule").into_iter().enumerate() {
        let line = report.line(section.at());
        let source = Source {
            report: &report,
            table: rule_table(table.get_ref(), number),
            file: file.clone(),
            line,
        };
        entries.extend(entry(section, &source, patterns, layer, taken));
    }
    top.finish();
    problems.extend(report.into_problems());
    entries
}

fn rule_table<'a, 't>(top: &'a DeTable<'t>, number: usize) -> Option<&'a DeTable<'t>> {
    let rules = top.get("rule")?.get_ref().as_array()?;
    rules.get(number)?.get_ref().as_table()
}

/// A rule as it stands in its file.
pub(crate) struct Source<'a, 't> {
    pub(crate) report: &'a TomlFile<'t>,
    pub(crate) table: Option<&'a DeTable<'t>>,
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
}

fn entry(
    mut section: Section<'_, '_>,
    source: &Source<'_, '_>,
    patterns: &Patterns,
    layer: usize,
    taken: &mut HashMap<String, Taken>,
) -> Option<Entry> {
    let id = section.parsed("id", |id| rule_id(id).map(str::to_owned));
    if !section.has("id") {
        section.wrong("has no id; write id = \"SOME_NAME\"");
    }
    let mut known_before = false;
    if let Some(id) = &id {
        section.rename(format!("rule {id}"));
        match taken.get(id) {
            Some(first) if first.layer == layer => {
                let place = &first.place;
                section.problem("id", format!("is taken by {place}; choose another"));
            }
            earlier => {
                known_before = earlier.is_some();
                let place = format!("{}:{}", source.file, source.line);
                taken.insert(id.clone(), Taken { layer, place });
            }
        }
    }
    let description = section.parsed("description", |text| match folded(text) {
        empty if empty.is_empty() => {
            Err("is empty; say in one sentence what a hit means".to_owned())
        }
        text => Ok(text),
    });
    let score = section.number("score").filter(|score| {
        let fine = score.is_finite() && score.abs() <= SCORE_LIMIT;
        if !fine {
            section.problem(
                "score",
                format!("must be from -{SCORE_LIMIT} to {SCORE_LIMIT}"),
            );
        }
        fine
    });
    let tags = section.strings("tags");
    let expires = section.parsed("expires", Day::parse);
    let enabled = section.boolean("enabled") != Some(false);
    let changes = CHANGES.iter().any(|key| section.has(key));
    let own = OWN.iter().any(|key| section.has(key));
    if known_before && changes && !own {
        section.finish();
        let id = id?;
        return Some(if enabled {
            Entry::Change(Change {
                id,
                score,
                description,
                tags,
                expires,
            })
        } else {
            Entry::Off(id)
        });
    }
    // A part is not reported, so it needs no words for people.
    let is_part = score == Some(0.0);
    if !section.has("description") && !is_part {
        section.wrong("has no description; say in one sentence what a hit means");
    }
    if !section.has("score") {
        section.wrong(
            "has no score; write what a hit adds, such as score = 1.5 (0 for a part of other rules)",
        );
    }
    let looks = looks(&mut section, patterns);
    let (places, test) = match looks {
        Some((places, test)) => (Some(places), Some(test)),
        None => (None, None),
    };
    let at_least = count(&mut section, test.as_ref());
    let examples = examples::read(&mut section, source, places.as_deref());
    section.finish();
    let id = id?;
    if !enabled {
        return Some(Entry::Off(id));
    }
    Some(Entry::Rule(Box::new(Rule {
        id: id.into(),
        description: description.unwrap_or_default().into(),
        score: score?,
        places: places?,
        test: test?,
        at_least: at_least?,
        tags: tags.unwrap_or_default(),
        expires,
        examples,
        file: source.file.clone(),
        line: source.line,
    })))
}

fn rule_id(id: &str) -> Result<&str, String> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = id.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_');
    // The id stands in a header and a metric's label, hence its letters and its length.
    if !begins || !id.bytes().all(known) || !(3..=64).contains(&id.len()) {
        return Err(format!(
            "`{id}` is no id; write 3 to 64 capital letters, digits and underscores, no digit first"
        ));
    }
    Ok(id)
}

/// What is looked at, before it is known what for.
enum Where {
    Places(Vec<Place>),
    Count(Vec<Place>),
}

fn place(section: &mut Section<'_, '_>) -> Option<Where> {
    let names = section.one_or_more("where")?;
    if names.is_empty() {
        section.problem("where", "is empty; name at least one place");
        return None;
    }
    let counts = names
        .iter()
        .filter(|name| name.starts_with("count:"))
        .count();
    if counts > 0 && counts < names.len() {
        section.problem("where", "counts some places and not others; make two rules");
        return None;
    }
    let mut places = Vec::new();
    for name in &names {
        match Place::parse(name.strip_prefix("count:").unwrap_or(name)) {
            Ok(place) => places.push(place),
            Err(message) => section.problem("where", message),
        }
    }
    if places.len() < names.len() {
        return None;
    }
    Some(if counts > 0 {
        Where::Count(places)
    } else {
        Where::Places(places)
    })
}

fn looks(section: &mut Section<'_, '_>, patterns: &Patterns) -> Option<(Vec<Place>, Test)> {
    let place = place(section);
    let words = section.strings("words");
    let phrases = section.strings("phrases");
    let near = section.lists("near");
    let within = within(section);
    let regex = section.parsed("regex", |text| patterns.pattern(text));
    let exists = section.boolean("exists");
    let missing = section.boolean("missing");
    let list = section.string("in_list");
    let (min, max) = (section.number("min"), section.number("max"));
    let fact = section.parsed("fact", facts::named);
    let combined = combined(section);
    let has = |key: &&str| match *key {
        "min or max" => (section.has("min") || section.has("max")) && !section.has("fact"),
        "all, any or none" => ["all", "any", "none"].iter().any(|key| section.has(key)),
        key => section.has(key),
    };
    let given: Vec<_> = TESTS.iter().copied().filter(has).collect();
    let placeless = ["fact", "all", "any", "none"];
    if !section.has("where") && !placeless.iter().any(|key| section.has(key)) {
        section.wrong("has no where; write where to look, such as where = \"subject\"");
    }
    let [key] = given[..] else {
        section.wrong(match given[..] {
            [] => format!("looks for nothing; write one of {}", TESTS.join(", ")),
            _ => format!(
                "has {}; keep one and make rules of the others",
                given.join(" and ")
            ),
        });
        return None;
    };
    let range = Range {
        min: min.unwrap_or(f64::NEG_INFINITY),
        max: max.unwrap_or(f64::INFINITY),
    };
    if range.min.is_nan() || range.max.is_nan() || range.min > range.max {
        section.problem("max", "must not be less than min, or the rule never hits");
        return None;
    }
    if matches!(key, "fact" | "all, any or none") {
        if section.has("where") {
            section.problem("where", format!("has no meaning with {key}; remove it"));
            return None;
        }
        if key == "fact" {
            let fact = fact?;
            let ranged = section.has("min") || section.has("max");
            if fact.is_number() != ranged {
                let (is, fix) = match ranged {
                    true => ("is true or false", "remove min and max"),
                    false => ("is a number", "write min or max, or both"),
                };
                section.problem("fact", format!("`{}` {is}; {fix}", fact.name));
                return None;
            }
            return Some((Vec::new(), Test::Fact(fact, range)));
        }
        return Some((Vec::new(), Test::Combined(combined?)));
    }
    let places = match (place?, key) {
        (Where::Count(places), "min or max") => return Some((places, Test::Count(range))),
        (Where::Count(_), _) => {
            section.problem(key, "looks at a number; write min or max, or both");
            return None;
        }
        (Where::Places(places), _) => places,
    };
    let test = match key {
        "words" | "phrases" => phrase_test(section, key, &words.or(phrases)?)?,
        "near" => near_test(section, &near?, within?)?,
        "regex" => Test::Regex(regex?),
        "in_list" => Test::Listed(list?),
        "min or max" => Test::Number(range),
        _ => presence(section, key, exists.or(missing)?, &places)?,
    };
    Some((places, test))
}

fn combined(section: &mut Section<'_, '_>) -> Option<Combination> {
    let mut combination = Combination::default();
    let mut sound = true;
    for key in ["all", "any", "none"] {
        let Some(names) = section.strings(key) else {
            sound &= !section.has(key);
            continue;
        };
        if names.is_empty() {
            section.problem(key, "is empty; name rules or facts, or remove it");
            sound = false;
        }
        for name in &names {
            let list = match key {
                "all" => &mut combination.all,
                "any" => &mut combination.any,
                _ => &mut combination.none,
            };
            match Member::parse(name) {
                Ok(member) => list.push(member),
                Err(message) => {
                    section.problem(key, message);
                    sound = false;
                }
            }
        }
    }
    sound.then_some(combination)
}

fn within(section: &mut Section<'_, '_>) -> Option<usize> {
    let given = section.integer("within");
    if !section.has("within") {
        return Some(NEAR);
    }
    if !section.has("near") {
        section.problem("within", "has no meaning without near; remove it");
        return None;
    }
    let sound = given.filter(|within| (1..=NEAR_LIMIT).contains(within));
    if given.is_some() && sound.is_none() {
        section.problem("within", format!("must be from 1 to {NEAR_LIMIT}"));
    }
    usize::try_from(sound?).ok()
}

fn near_test(section: &Section<'_, '_>, groups: &[Vec<String>], within: usize) -> Option<Test> {
    if groups.len() < 2 || groups.len() > 4 {
        section.problem("near", "must have from two to four groups of words");
        return None;
    }
    let groups: Option<Vec<_>> = groups
        .iter()
        .map(|group| texts(section, "near", group))
        .collect();
    Some(Test::Near(Near {
        groups: groups?,
        within,
    }))
}

/// A list of words or phrases, as they are looked for.
fn texts(section: &Section<'_, '_>, key: &str, list: &[String]) -> Option<Vec<String>> {
    if list.is_empty() {
        section.problem(key, "is empty; name at least one");
        return None;
    }
    let list: Vec<_> = list.iter().map(|text| folded(text)).collect();
    if list
        .iter()
        .any(|text| text.trim_end_matches('*').is_empty())
    {
        section.problem(key, "has an empty text, which is everywhere; remove it");
        return None;
    }
    Some(list)
}

fn phrase_test(section: &Section<'_, '_>, key: &str, list: &[String]) -> Option<Test> {
    let list = texts(section, key, list)?;
    if key == "words" && list.iter().any(|word| word.contains(' ')) {
        section.problem(
            key,
            "has a text of several words; move it to `phrases` of another rule",
        );
        return None;
    }
    Some(Test::Phrases(list))
}

fn presence(section: &Section<'_, '_>, key: &str, wanted: bool, places: &[Place]) -> Option<Test> {
    if !wanted {
        let other = if key == "exists" { "missing" } else { "exists" };
        section.problem(
            key,
            format!("must be true; for the contrary write {other} = true"),
        );
        return None;
    }
    if places.iter().any(|place| !matches!(place, Place::Field(_))) {
        section.problem(
            key,
            "asks for a header field; use it with where = \"header:NAME\", and count:PLACE with min or max for others",
        );
        return None;
    }
    Some(if key == "exists" {
        Test::Exists
    } else {
        Test::Missing
    })
}

fn count(section: &mut Section<'_, '_>, test: Option<&Test>) -> Option<u32> {
    let given = section.integer("at_least");
    if !section.has("at_least") {
        return Some(1);
    }
    let most = match test {
        Some(Test::Phrases(list)) => i64::try_from(list.len()).unwrap_or(COUNT_LIMIT),
        Some(Test::Missing | Test::Fact(..) | Test::Count(_)) => 1,
        Some(Test::Combined(combination)) => i64::try_from(combination.any.len()).unwrap_or(0),
        _ => COUNT_LIMIT,
    };
    let count = given?;
    if !(1..=most).contains(&count) {
        section.problem(
            "at_least",
            match most {
                0 => "has no `any` to count in; remove it".to_owned(),
                _ => format!("must be from 1 to {most}, or the rule never hits"),
            },
        );
        return None;
    }
    u32::try_from(count).ok()
}
