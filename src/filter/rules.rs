//! A set of checked rules and lists: the stock, own files on top of it, or own files alone.
//!
//! In: rule and list files as names and texts; out: a [`RuleSet`], or every mistake of every file at
//! once, each with file, line and key. It compiles regexes so that bad ones are refused here. It reads
//! no file ([`crate::rule_folder`] does) and runs no example ([`crate::filter::examples`] does).

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rayon::prelude::*;

use crate::filter::brands::Brands;
use crate::filter::combination;
use crate::filter::day::Day;
use crate::filter::fnv::{FNV_OFFSET, fnv};
use crate::filter::learned_curve::LearnedCurves;
use crate::filter::lists::Lists;
use crate::filter::pattern::Layer;
use crate::filter::rule::{Rule, Test};
use crate::filter::rule_changes::{self, ChangedRule, RuleChange};
use crate::filter::rule_file::{self, IdOwner, NamedText, RuleFile};
use crate::filter::stock;
use crate::schema::Problem;

/// Checked rules in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    lists: Lists,
    brands: Arc<Brands>,
    digest: u64,
    day: Option<Day>,
    learned_curves: Arc<LearnedCurves>,
    /// What a person has changed in the console.
    changed: Vec<ChangedRule>,
}

impl RuleSet {
    /// The compiled-in rules.
    pub fn stock() -> Result<Self, Vec<Problem>> {
        Reader::of_stock().finish()
    }

    /// The rule and list files of a folder on top of the stock. The stock rules are left out if it has
    /// no rule file, or one with `stock = false`; the stock lists remain.
    pub fn of_folder(rules: &[NamedText], lists: &[NamedText]) -> Result<Self, Vec<Problem>> {
        let is_alone = rules.is_empty() || rules.iter().any(|(_, text)| rule_file::is_alone(text));
        let mut reader = match is_alone {
            true => STOCK_LISTS.clone(),
            false => Reader::of_stock(),
        };
        reader.lists(lists);
        reader.layer(Layer::Own, rules);
        reader.finish()
    }

    /// Reads rule files without the stock rules.
    pub fn parse(files: impl IntoIterator<Item = NamedText>) -> Result<Self, Vec<Problem>> {
        let files: Vec<_> = files.into_iter().collect();
        let mut reader = STOCK_LISTS.clone();
        reader.layer(Layer::Own, &files);
        reader.finish()
    }

    /// Reads rule and list files on top of the stock.
    pub fn over_stock(rules: &[NamedText], lists: &[NamedText]) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::of_stock();
        reader.lists(lists);
        reader.layer(Layer::Own, rules);
        reader.finish()
    }

    /// Lays what a person has changed in the console over the rules.
    #[must_use]
    pub fn changed_by(mut self, changes: &[RuleChange]) -> Self {
        for change in changes {
            let score = change.score.map_or(u64::MAX, f64::to_bits);
            self.digest = fnv(fnv(self.digest, change.id.as_bytes()), &score.to_be_bytes());
        }
        self.changed = rule_changes::apply(&mut self.rules, changes);
        self
    }

    /// What a person has changed in the console.
    pub fn changed(&self) -> &[ChangedRule] {
        &self.changed
    }

    /// Sets the day: a [`crate::filter::Filter`] of this set leaves out rules that have expired by then.
    #[must_use]
    pub fn on(self, day: Day) -> Self {
        Self {
            day: Some(day),
            ..self
        }
    }

    /// Takes the enabled rules that have not expired by the set's day.
    pub(crate) fn take_unexpired(&mut self) -> Vec<Rule> {
        let mut rules = std::mem::take(&mut self.rules);
        rules.retain(|rule| match (rule.expires, self.day) {
            (Some(expires), Some(day)) => expires > day,
            _ => true,
        });
        rules
    }

    /// Number of enabled rules.
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

    /// The lists.
    pub fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The brands.
    pub fn brands(&self) -> &Arc<Brands> {
        &self.brands
    }

    /// What the learned filter's opinion adds.
    pub fn learned_curves(&self) -> &Arc<LearnedCurves> {
        &self.learned_curves
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }
}

fn built_in((name, text): &(&str, &str)) -> NamedText {
    (format!("rules/{name}"), (*text).to_owned())
}

/// Parses files of very different sizes: each is scheduled alone.
fn parsed(files: &[NamedText]) -> Vec<RuleFile<'_>> {
    let files = files.par_iter().with_max_len(1);
    files.map(RuleFile::parse).collect()
}

/// Reads files layer by layer.
#[derive(Clone)]
struct Reader {
    /// All but its rules.
    set: RuleSet,
    /// In their order; `None` in place of one that was disabled.
    rules: Vec<Option<Rule>>,
    /// By id: the place in `rules`.
    places: HashMap<Arc<str>, usize>,
    /// By id: where each rule was defined.
    id_owners: HashMap<String, IdOwner>,
    problems: Vec<Problem>,
}

/// The stock lists, which all sets share. Facts use them whatever the rules are.
static STOCK_LISTS: LazyLock<Reader> = LazyLock::new(|| {
    let mut reader = Reader::default();
    let lists: Vec<_> = stock::LISTS.iter().map(built_in).collect();
    reader.lists(&lists);
    reader
});

impl Default for Reader {
    fn default() -> Self {
        Self {
            set: RuleSet {
                digest: FNV_OFFSET,
                ..RuleSet::default()
            },
            rules: Vec::new(),
            places: HashMap::new(),
            id_owners: HashMap::new(),
            problems: Vec::new(),
        }
    }
}

impl Reader {
    /// With the stock lists and rules.
    fn of_stock() -> Self {
        let rules: Vec<_> = stock::FILES.iter().map(built_in).collect();
        let (mut reader, files) = rayon::join(|| STOCK_LISTS.clone(), || parsed(&rules));
        reader.parsed_layer(Layer::Stock, &rules, files);
        reader
    }

    /// Other threads may wait for the stock lists: reading lists must not wait for a thread.
    fn lists(&mut self, lists: &[NamedText]) {
        for (name, text) in lists {
            self.set.digest = fnv(self.set.digest, text.as_bytes());
            let path = Path::new(name);
            let list = path.file_stem().unwrap_or_default().to_string_lossy();
            if list == "brands" {
                Arc::make_mut(&mut self.set.brands).read(name, text, &mut self.problems);
            } else {
                self.set.lists.read(&list, name, text, &mut self.problems);
            }
        }
    }

    fn layer(&mut self, of: Layer, rules: &[NamedText]) {
        self.parsed_layer(of, rules, parsed(rules));
    }

    fn parsed_layer(&mut self, of: Layer, rules: &[NamedText], files: Vec<RuleFile<'_>>) {
        for (_, text) in rules {
            self.set.digest = fnv(self.set.digest, text.as_bytes());
        }
        let owners = self.id_owners.values();
        let layer = 1 + owners.map(|owner| owner.layer).max().unwrap_or(0);
        let claim = |file: &RuleFile<'_>| file.claim_ids(layer, &mut self.id_owners);
        let claims: Vec<_> = files.iter().map(claim).collect();
        let files = files.into_par_iter().zip(claims).with_max_len(1);
        let read = files.map(|(file, claims)| file.read(&claims, of));
        for (entries, problems) in read.collect::<Vec<_>>() {
            self.problems.extend(problems);
            self.take(entries);
        }
    }

    fn take(&mut self, entries: Vec<rule_file::Entry>) {
        for entry in entries {
            let at = |id: &str| self.places.get(id).copied();
            match entry {
                rule_file::Entry::Rule(rule) => match at(&rule.id) {
                    Some(at) => self.rules[at] = Some(*rule),
                    None => {
                        self.places.insert(Arc::clone(&rule.id), self.rules.len());
                        self.rules.push(Some(*rule));
                    }
                },
                rule_file::Entry::Curves(curves) => self.set.learned_curves = Arc::new(curves),
                rule_file::Entry::Off(id) => {
                    if let Some(at) = self.places.remove(&*id) {
                        self.rules[at] = None;
                    }
                }
                rule_file::Entry::Override(changed) => {
                    // A rule that its own layer disables stays disabled.
                    if let Some(rule) = at(&changed.id).and_then(|at| self.rules[at].as_mut()) {
                        changed.apply(rule);
                    }
                }
            }
        }
    }

    fn finish(mut self) -> Result<RuleSet, Vec<Problem>> {
        self.set.rules = self.rules.into_iter().flatten().collect();
        self.problems
            .extend(combination::check(&self.set.rules, |id| {
                self.id_owners.contains_key(id)
            }));
        for rule in &self.set.rules {
            if let Test::Listed(list) = &rule.test
                && self.set.lists.named(list).is_none()
            {
                let known: Vec<_> = self.set.lists.iter().map(|(name, _)| name).collect();
                self.problems.push(Problem {
                    file: rule.file.to_string(),
                    line: rule.line,
                    key: format!("rule {}.in_list", rule.id),
                    message: format!(
                        "no list is named `{list}`; write lists/{list}.txt beside the rules, or one of {}",
                        known.join(", ")
                    ),
                });
            }
        }
        if self.problems.is_empty() {
            Ok(self.set)
        } else {
            Err(self.problems)
        }
    }
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
    fn every_mistake_in_every_file_is_reported() {
        let first = "[[rule]]\nid = \"AAA\"\ndescription = \"d\"\nscore = 1\nwhere = \"subject\"\nwords = [\"a\"]\n";
        let second = "[[rule]]\nid = \"AAA\"\ndescription = \"\"\nscore = 1e3\nwhere = \"boddy\"\nregex = '(a'\n\
            [[rule]]\nid = \"lower\"\nwords = []\nphrases = [\"x\"]\n\
            [[rule]]\nid = \"CCC\"\ndescription = \"d\"\nscore = 2\nwhere = \"body\"\nexists = true\nexamples.hit = [3]\n\
            [[rule]]\nid = \"DDD\"\ndescription = \"d\"\nscore = 2\nwhere = \"body\"\nwords = [\"a\", \"b\"]\nat_least = 3\nscroe = 1\n";
        let expected = [
            "b.toml:2: rule AAA.id: is already used at a.toml:1; choose another",
            "b.toml:3: rule AAA.description: is empty; say in one sentence what a hit means",
            "b.toml:4: rule AAA.score: must be from -100 to 100",
            "b.toml:5: rule AAA.where: unknown place `boddy`",
            "b.toml:6: rule AAA.regex: is not a valid regex: unclosed group",
            "b.toml:7: rule[1]: has no description; say in one sentence what a hit means",
            "b.toml:7: rule[1]: has no score; write what a hit adds, such as score = 1.5",
            "b.toml:7: rule[1]: has no where; write where to look, such as where = \"subject\"",
            "b.toml:7: rule[1]: has words and phrases; keep one and move the others to rules of their own",
            "b.toml:8: rule[1].id: `lower` is not a valid id; write 3 to 64",
            "b.toml:16: rule CCC.exists: tests a header field",
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
    fn every_stock_regex_compiles() {
        let stock = RuleSet::stock().expect("the stock");
        let mut tried = 0;
        for rule in stock.iter() {
            if let Test::Regex(pattern) = &rule.test {
                assert!(pattern.regex().is_some(), "{}", rule.id);
                tried += 1;
            }
        }
        assert!(tried > 100, "only {tried}");
    }
}
