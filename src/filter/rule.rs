//! What a rule is: its id, score, places, test and examples.
//!
//! Plain types. [`crate::filter::rule_file`] reads them from TOML, [`crate::filter::rules`] collects
//! them in a set, [`crate::filter::scan`] looks for them.

use std::sync::Arc;

use crate::filter::day::Day;
use crate::filter::facts::{self, Fact};
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique over all files.
    pub id: Arc<str>,
    /// One sentence for people; a part may have none.
    pub description: Arc<str>,
    /// What a hit adds. A rule that adds nothing is a part of others and is not reported.
    pub score: f64,
    /// Where it looks; nowhere by itself if it asks for a fact or combines others.
    pub places: Vec<Place>,
    /// What it looks for.
    pub test: Test,
    /// How many of it make a hit.
    pub at_least: u32,
    /// Themes, for people.
    pub tags: Vec<String>,
    /// The first day on which it does not hit any more.
    pub expires: Option<Day>,
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
    /// A word or phrase of each group, in one sentence and close to each other.
    Near(Near),
    /// Matches of a regex.
    Regex(Pattern),
    /// That the place has something, be it empty.
    Exists,
    /// That it has nothing.
    Missing,
    /// Texts that are in the list of this name.
    Listed(String),
    /// Texts that begin with a number in this range.
    Number(Range),
    /// How many texts there are at the places.
    Count(Range),
    /// That a fact is true, or a number in this range.
    Fact(&'static Fact, Range),
    /// Other rules and facts.
    Combined(Combination),
}

/// Groups of words that stand together.
#[derive(Debug, Clone)]
pub struct Near {
    /// One of each group must be there.
    pub groups: Vec<Vec<String>>,
    /// So many bytes may be between two of them.
    pub within: usize,
}

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Range {
    /// Every number.
    pub const ALL: Self = Self {
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
    };

    /// Whether a number is in it.
    pub fn has(&self, number: f64) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

/// What must, may and must not hit.
#[derive(Debug, Clone, Default)]
pub struct Combination {
    /// All of these,
    pub all: Vec<Member>,
    /// as many of these as the rule's `at_least` says,
    pub any: Vec<Member>,
    /// and none of these.
    pub none: Vec<Member>,
}

/// A rule or a fact.
#[derive(Debug, Clone)]
pub enum Member {
    /// A rule by its id.
    Rule(String),
    /// A fact: these have lower-case names.
    Fact(&'static Fact),
}

impl Member {
    /// Reads a name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return facts::yes_or_no(name).map(Self::Fact);
        }
        Ok(Self::Rule(name.to_owned()))
    }
}

impl Combination {
    /// Every member, with the key it stands under.
    pub fn members(&self) -> impl Iterator<Item = (&'static str, &Member)> {
        let all = self.all.iter().map(|member| ("all", member));
        let any = self.any.iter().map(|member| ("any", member));
        let none = self.none.iter().map(|member| ("none", member));
        all.chain(any).chain(none)
    }
}

/// The examples of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    /// These must hit.
    pub hit: Vec<Example>,
    /// These must not.
    pub miss: Vec<Example>,
}

/// One example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Where it stands in its file.
    pub line: usize,
    /// What it is.
    pub text: ExampleText,
}

/// What an example gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleText {
    /// What stands at the rule's place.
    Value(String),
    /// A whole message.
    Message(String),
}
