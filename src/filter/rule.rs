//! What a rule is: its id, score, places, test and examples.
//!
//! Plain types. `rule_file` reads them from TOML, [`crate::filter::rules`] collects
//! them in a set, [`crate::filter::scan`] searches for them.

use std::sync::Arc;

use crate::filter::day::Day;
use crate::filter::facts::{self, Fact};
use crate::filter::known_senders::KnownSender;
use crate::filter::pattern::Pattern;
use crate::filter::place::Place;
use crate::filter::rule_error::RuleError;

/// Whether a rule may have this id.
pub fn is_rule_id(id: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = id.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_');
    // The id is used in a header and as a metric label; hence its letters and length.
    begins && id.bytes().all(known) && (3..=64).contains(&id.len())
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique over all files.
    pub id: Arc<str>,
    /// One sentence for people; a part may have none.
    pub description: Arc<str>,
    /// What a hit says of the message, as the end of a sentence that begins with "it".
    pub because: Option<Arc<str>>,
    /// Points of a hit. A rule with score 0 is a part of others and not reported.
    pub score: f64,
    /// What its author expects of it, where a fit has changed the score: the next fit begins here, too.
    pub expected_score: Option<f64>,
    /// Between which scores a fit may choose; where none is given, the score keeps its sign.
    pub score_bounds: ScoreBounds,
    /// Where it looks; empty if it tests a fact or combines others.
    pub places: Vec<Place>,
    /// What it looks for.
    pub test: Test,
    /// How many matches make a hit.
    pub at_least: u32,
    /// Topics, for people.
    pub tags: Vec<String>,
    /// The day from which it no longer hits.
    pub expires: Option<Day>,
    /// Texts that must and must not hit.
    pub examples: Examples,
    /// Encodes it as a file.
    pub file: Arc<str>,
    /// Its first line in the file.
    pub line: usize,
}

impl Rule {
    /// What its author expects of it.
    pub fn expected(&self) -> f64 {
        self.expected_score.unwrap_or(self.score)
    }
}

/// The bounds that a file sets for a rule's score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScoreBounds {
    /// The lowest (`score_min`).
    pub min: Option<f64>,
    /// The highest (`score_max`).
    pub max: Option<f64>,
}

impl ScoreBounds {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.min.is_some() || self.max.is_some()
    }
}

/// What a rule looks for.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whole words or phrases, ignoring case; distinct ones are counted.
    Phrases(Vec<String>),
    /// A word or phrase of each group, close to each other in one sentence.
    Near(Near),
    /// Matches of a regex.
    Regex(Pattern),
    /// The field exists, even if empty.
    Exists,
    /// The field does not exist.
    Missing,
    /// A text is in the list of this name.
    Listed(String),
    /// A text begins with a number in this range.
    Number(Range),
    /// The number of texts at the places is in this range.
    Count(Range),
    /// A fact is true, or a number in this range.
    Fact(&'static Fact, Range),
    /// Other rules and facts.
    Combined(Combination),
}

/// Groups of words that occur close together.
#[derive(Debug, Clone)]
pub struct Near {
    /// One of each group must occur.
    pub groups: Vec<Vec<String>>,
    /// Maximum number of bytes between two of them.
    pub within: usize,
}

/// A range of numbers, inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The minimum.
    pub min: f64,
    /// The maximum.
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

/// A combination of rules and facts.
#[derive(Debug, Clone, Default)]
pub struct Combination {
    /// All of these must hit,
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
    /// A fact; these have lower-case names.
    Fact(&'static Fact),
}

impl Member {
    /// Parses a name.
    pub(crate) fn parse(name: &str) -> Result<Self, RuleError> {
        if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return facts::yes_or_no(name).map(Self::Fact);
        }
        Ok(Self::Rule(name.to_owned()))
    }
}

impl Combination {
    /// Every member with its key.
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
    /// Its line in the file.
    pub line: usize,
    /// Its content.
    pub text: ExampleText,
    /// What the mailbox knows of the sender.
    pub sender: Option<KnownSender>,
}

/// The content of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExampleText {
    /// The text at the rule's place.
    Value(String),
    /// A whole message.
    Message(String),
}
