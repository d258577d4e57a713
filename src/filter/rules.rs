//! Rule files: their exact shape, read into checked rules.
//!
//! In: the stock rules or a folder of `*.toml`; out: a [`RuleSet`], or every mistake of every file
//! at once, each with file, line and key. It compiles regexes so as to refuse bad ones here, and
//! runs no example ([`crate::filter::examples`] does).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use crate::filter::examples::{self, Examples};
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::stock;
use crate::message::fold::folded;
use crate::schema::{Problem, Report, Section};

/// The kinds of tests; a rule has exactly one.
const TESTS: [&str; 5] = ["words", "phrases", "regex", "exists", "missing"];

/// A sum of scores stays readable, and one rule cannot be made infinite.
const SCORE_LIMIT: f64 = 100.0;

/// Matches counted: finding n of them may take n times the text.
const COUNT_LIMIT: i64 = 100;

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique over all files.
    pub id: Arc<str>,
    /// One sentence for people.
    pub description: Arc<str>,
    /// What a hit adds.
    pub score: f64,
    /// Where it looks.
    pub place: Place,
    /// What it looks for.
    pub test: Test,
    /// How many of it make a hit.
    pub at_least: u32,
    /// What must and must not hit.
    pub examples: Examples,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line it begins at.
    pub line: usize,
}

/// What a rule looks for.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whole words or phrases, in any case; counts the distinct ones.
    Phrases(Vec<String>),
    /// Matches of a regex.
    Regex(Pattern),
    /// That the place has something, be it empty.
    Exists,
    /// That it has nothing.
    Missing,
}

/// Checked rules in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    digest: u64,
}

impl RuleSet {
    /// The rules that are compiled in.
    pub fn stock() -> Result<Self, Vec<Problem>> {
        let files = stock::FILES.iter();
        Self::parse(files.map(|(name, text)| (format!("rules/{name}"), (*text).to_owned())))
    }

    /// All `*.toml` files of a folder, by name.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let unreadable = |path: &Path, error: &std::io::Error| Problem {
            file: path.display().to_string(),
            line: 0,
            key: String::new(),
            message: format!("cannot be read: {error}"),
        };
        let entries =
            std::fs::read_dir(folder).map_err(|error| vec![unreadable(folder, &error)])?;
        let mut paths = Vec::new();
        let mut problems = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => problems.push(unreadable(folder, &error)),
            }
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        let mut files = Vec::new();
        for path in paths {
            match std::fs::read_to_string(&path) {
                Ok(text) => files.push((path.display().to_string(), text)),
                Err(error) => problems.push(unreadable(&path, &error)),
            }
        }
        match Self::parse(files) {
            Ok(set) if problems.is_empty() => Ok(set),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }

    /// Reads files, given as name and text.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<Problem>> {
        let mut set = Self {
            rules: Vec::new(),
            digest: FNV_OFFSET,
        };
        let mut problems = Vec::new();
        let mut seen = HashMap::new();
        for (name, text) in files {
            set.digest = fnv(set.digest, text.as_bytes());
            problems.extend(read_file(&name, &text, &mut seen, &mut set.rules));
        }
        if problems.is_empty() {
            Ok(set)
        } else {
            Err(problems)
        }
    }

    /// How many rules are enabled.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether no rule is enabled.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The enabled rules.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: the same on every machine and in every release, unlike std's hasher.
pub(crate) fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

fn read_file(
    name: &str,
    text: &str,
    seen: &mut HashMap<String, String>,
    rules: &mut Vec<Rule>,
) -> Vec<Problem> {
    let report = Report::new(name, text);
    let table = report.parse();
    let mut top = Section::top(&report, &table);
    let file: Arc<str> = name.into();
    for (number, section) in top.sections("rule").into_iter().enumerate() {
        let line = 1 + text
            .as_bytes()
            .iter()
            .take(section.at())
            .filter(|byte| **byte == b'\n')
            .count();
        let source = Source {
            report: &report,
            text,
            table: rule_table(table.get_ref(), number),
            file: file.clone(),
            line,
        };
        rules.extend(read_rule(section, &source, seen));
    }
    top.finish();
    report.into_problems()
}

fn rule_table<'a, 't>(top: &'a DeTable<'t>, number: usize) -> Option<&'a DeTable<'t>> {
    let rules = top.get("rule")?.get_ref().as_array()?;
    rules.get(number)?.get_ref().as_table()
}

/// A rule as it stands in its file.
pub(crate) struct Source<'a, 't> {
    pub(crate) report: &'a Report<'t>,
    pub(crate) text: &'t str,
    pub(crate) table: Option<&'a DeTable<'t>>,
    pub(crate) file: Arc<str>,
    pub(crate) line: usize,
}

fn read_rule(
    mut section: Section<'_, '_>,
    source: &Source<'_, '_>,
    seen: &mut HashMap<String, String>,
) -> Option<Rule> {
    let id = section.parsed("id", |id| rule_id(id).map(str::to_owned));
    if !section.has("id") {
        section.wrong("has no id; write id = \"SOME_NAME\"");
    }
    if let Some(id) = &id {
        section.rename(format!("rule {id}"));
        let here = format!("{}:{}", source.file, source.line);
        match seen.get(id) {
            Some(first) => section.problem("id", format!("is taken by {first}; choose another")),
            None => {
                seen.insert(id.clone(), here);
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
    let place = section.parsed("where", Place::parse);
    for (key, fix) in [
        ("description", "say in one sentence what a hit means"),
        ("score", "write what a hit adds, such as score = 1.5"),
        ("where", "write where to look, such as where = \"subject\""),
    ] {
        if !section.has(key) {
            section.wrong(format!("has no {key}; {fix}"));
        }
    }
    let test = read_test(&mut section, place.as_ref());
    let at_least = read_count(&mut section, test.as_ref());
    let enabled = section.boolean("enabled");
    let examples = examples::read(&mut section, source);
    let disabled = enabled == Some(false);
    section.finish();
    if disabled {
        return None;
    }
    Some(Rule {
        id: id?.into(),
        description: description?.into(),
        score: score?,
        place: place?,
        test: test?,
        at_least: at_least?,
        examples,
        file: source.file.clone(),
        line: source.line,
    })
}

fn rule_id(id: &str) -> Result<&str, String> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = id.starts_with(|letter: char| letter.is_ascii_uppercase());
    // The id stands in a header and a metric's label, hence its letters and its length.
    if !begins || !id.bytes().all(known) || !(3..=64).contains(&id.len()) {
        return Err(format!(
            "`{id}` is no id; write 3 to 64 capital letters, digits and underscores, a letter first"
        ));
    }
    Ok(id)
}

fn read_test(section: &mut Section<'_, '_>, place: Option<&Place>) -> Option<Test> {
    let words = section.strings("words");
    let phrases = section.strings("phrases");
    let regex = section.parsed("regex", Pattern::new);
    let exists = section.boolean("exists");
    let missing = section.boolean("missing");
    let given: Vec<_> = TESTS.into_iter().filter(|test| section.has(test)).collect();
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
    match key {
        "words" | "phrases" => {
            let list = words.or(phrases)?;
            if list.is_empty() {
                section.problem(key, "is empty; name at least one");
                return None;
            }
            let list: Vec<_> = list.iter().map(|text| folded(text)).collect();
            if list.iter().any(String::is_empty) {
                section.problem(key, "has an empty text, which is everywhere; remove it");
                return None;
            }
            if key == "words" && list.iter().any(|word| word.contains(' ')) {
                section.problem(
                    key,
                    "has a text of several words; move it to `phrases` of another rule",
                );
                return None;
            }
            Some(Test::Phrases(list))
        }
        "regex" => regex.map(Test::Regex),
        _ => {
            if exists.or(missing)? {
                if place.is_some_and(|place| place.field().is_none()) {
                    section.problem(
                        key,
                        "asks for a header field; use it with where = \"header:NAME\"",
                    );
                    return None;
                }
                Some(if key == "exists" {
                    Test::Exists
                } else {
                    Test::Missing
                })
            } else {
                let other = if key == "exists" { "missing" } else { "exists" };
                section.problem(
                    key,
                    format!("must be true; for the contrary write {other} = true"),
                );
                None
            }
        }
    }
}

fn read_count(section: &mut Section<'_, '_>, test: Option<&Test>) -> Option<u32> {
    let count = section.integer("at_least");
    if !section.has("at_least") {
        return Some(1);
    }
    let most = match test {
        Some(Test::Phrases(list)) => i64::try_from(list.len()).unwrap_or(COUNT_LIMIT),
        Some(Test::Missing) => 1,
        _ => COUNT_LIMIT,
    };
    let count = count?;
    if !(1..=most).contains(&count) {
        section.problem(
            "at_least",
            format!("must be from 1 to {most}, or the rule never hits"),
        );
        return None;
    }
    u32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter();
        let files = files.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let problems = RuleSet::parse(files).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_of_every_file_is_named() {
        let first = "[[rule]]\nid = \"AAA\"\ndescription = \"d\"\nscore = 1\nwhere = \"subject\"\nwords = [\"a\"]\n";
        let second = "[[rule]]\nid = \"AAA\"\ndescription = \"\"\nscore = 1e3\nwhere = \"boddy\"\nregex = '(a'\n\
            [[rule]]\nid = \"lower\"\nwords = []\nphrases = [\"x\"]\n\
            [[rule]]\nid = \"CCC\"\ndescription = \"d\"\nscore = 2\nwhere = \"body\"\nexists = true\nexamples.hit = [3]\n\
            [[rule]]\nid = \"DDD\"\ndescription = \"d\"\nscore = 2\nwhere = \"body\"\nwords = [\"a\", \"b\"]\nat_least = 3\nscroe = 1\n";
        let expected = [
            "b.toml:2: rule AAA.id: is taken by a.toml:1; choose another",
            "b.toml:3: rule AAA.description: is empty; say in one sentence what a hit means",
            "b.toml:4: rule AAA.score: must be from -100 to 100",
            "b.toml:5: rule AAA.where: unknown place `boddy`",
            "b.toml:6: rule AAA.regex: is no regex: unclosed group",
            "b.toml:7: rule[1]: has no description; say in one sentence what a hit means",
            "b.toml:7: rule[1]: has no score; write what a hit adds, such as score = 1.5",
            "b.toml:7: rule[1]: has no where; write where to look, such as where = \"subject\"",
            "b.toml:7: rule[1]: has words and phrases; keep one and make rules of the others",
            "b.toml:8: rule[1].id: `lower` is no id; write 3 to 64",
            "b.toml:16: rule CCC.exists: asks for a header field",
            "b.toml:17: rule CCC.examples.hit: must be a list of texts",
            "b.toml:24: rule DDD.at_least: must be from 1 to 2, or the rule never hits",
            "b.toml:25: rule DDD.scroe: unknown key; did you mean `score`?",
        ];
        let found = problems(&[("a.toml", first), ("b.toml", second)]);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}\n{expected}");
        }
    }

    #[test]
    fn a_missing_folder_is_a_problem_and_an_empty_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(RuleSet::load(folder.path()).is_ok_and(|set| set.is_empty()));
        let problems = RuleSet::load(&folder.path().join("none"))
            .err()
            .unwrap_or_default();
        assert!(
            problems[0].message.starts_with("cannot be read"),
            "{problems:?}"
        );
    }
}
