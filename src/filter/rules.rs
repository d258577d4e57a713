//! Checked rules, from the stock or from a folder.
//!
//! In: the stock rules or a folder of `*.toml`; out: a [`RuleSet`], or every mistake of every file
//! at once, each with file, line and key. It compiles regexes so as to refuse bad ones here, and
//! runs no example ([`crate::filter::examples`] does).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::filter::examples::Examples;
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::{read, stock};
use crate::schema::Problem;

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
            message: format!(
                "cannot be read: {error}; name a folder of *.toml files, or none for the built-in rules"
            ),
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
            problems.extend(read::file(&name, &text, &mut seen, &mut set.rules));
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
