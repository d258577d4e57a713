//! The keys for where a rule looks and what for: `where`, its test, and `at_least`.

use crate::filter::facts::{self, Fact};
use crate::filter::pattern::{Layer, Pattern};
use crate::filter::place::Place;
use crate::filter::rule::{Combination, Member, Near, Range, Test};
use crate::message::visible_text::visible;
use crate::schema::Section;

/// The kinds of tests; a rule has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Words,
    Phrases,
    Near,
    Regex,
    Exists,
    Missing,
    InList,
    Number,
    Fact,
    Combined,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Words,
        Self::Phrases,
        Self::Near,
        Self::Regex,
        Self::Exists,
        Self::Missing,
        Self::InList,
        Self::Number,
        Self::Fact,
        Self::Combined,
    ];

    /// The keys that make it, for people.
    fn keys(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Phrases => "phrases",
            Self::Near => "near",
            Self::Regex => "regex",
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::InList => "in_list",
            Self::Number => "min or max",
            Self::Fact => "fact",
            Self::Combined => "all, any or none",
        }
    }

    fn is_in(self, section: &Section<'_, '_>) -> bool {
        match self {
            Self::Number => (section.has("min") || section.has("max")) && !section.has("fact"),
            Self::Combined => ["all", "any", "none"].iter().any(|key| section.has(key)),
            kind => section.has(kind.keys()),
        }
    }

    /// Whether it needs no place.
    fn is_placeless(self) -> bool {
        matches!(self, Self::Fact | Self::Combined)
    }
}

/// Maximum distance of words in bytes; a sentence is rarely longer.
const NEAR_LIMIT: i64 = 500;

/// Default of `within`.
const NEAR: usize = 60;

/// Limit of counted matches: finding n of them may take n passes over the text.
const COUNT_LIMIT: i64 = 100;

/// The value of `where`.
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
        section.problem(
            "where",
            "counts some places and searches others; write two rules",
        );
        return None;
    }
    let mut places = Vec::new();
    for name in &names {
        match Place::parse(name.strip_prefix("count:").unwrap_or(name)) {
            Ok(place) => places.push(place),
            Err(error) => section.problem("where", error.to_string()),
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

/// The places and the test of a rule.
pub(super) fn looks(section: &mut Section<'_, '_>, layer: Layer) -> Option<(Vec<Place>, Test)> {
    let given = Given {
        place: place(section),
        words: section.strings("words"),
        phrases: section.strings("phrases"),
        near: section.lists("near"),
        within: within(section),
        regex: section.parsed("regex", |text| {
            Pattern::of_layer(text, layer).map_err(|error| error.to_string())
        }),
        exists: section.boolean("exists"),
        missing: section.boolean("missing"),
        list: section.string("in_list"),
        min: section.number("min"),
        max: section.number("max"),
        fact: section.parsed("fact", |name| {
            facts::named(name).map_err(|error| error.to_string())
        }),
        combined: combined(section),
    };
    let kind = only_test(section)?;
    let range = Range {
        min: given.min.unwrap_or(f64::NEG_INFINITY),
        max: given.max.unwrap_or(f64::INFINITY),
    };
    if range.min.is_nan() || range.max.is_nan() || range.min > range.max {
        section.problem("max", "must not be less than min, or the rule never hits");
        return None;
    }
    if kind.is_placeless() && section.has("where") {
        let key = kind.keys();
        section.problem("where", format!("has no meaning with {key}; remove it"));
        return None;
    }
    let places = match (kind, given.place) {
        (Kind::Fact, _) => {
            let test = fact_test(section, given.fact?, range)?;
            return Some((Vec::new(), test));
        }
        (Kind::Combined, _) => return Some((Vec::new(), Test::Combined(given.combined?))),
        (Kind::Number, Some(Where::Count(places))) => return Some((places, Test::Count(range))),
        (_, Some(Where::Count(_))) => {
            section.problem(kind.keys(), "compares a count; write min or max, or both");
            return None;
        }
        (_, place) => match place? {
            Where::Places(places) | Where::Count(places) => places,
        },
    };
    let test = match kind {
        Kind::Words => word_test(section, &given.words?)?,
        Kind::Phrases => Test::Phrases(texts(section, "phrases", &given.phrases?)?),
        Kind::Near => near_test(section, &given.near?, given.within?)?,
        Kind::Regex => Test::Regex(given.regex?),
        Kind::Exists => presence(section, kind, given.exists?, &places)?,
        Kind::Missing => presence(section, kind, given.missing?, &places)?,
        Kind::InList => Test::Listed(given.list?),
        Kind::Number => Test::Number(range),
        Kind::Fact | Kind::Combined => return None,
    };
    Some((places, test))
}

/// The values of all test keys: each is read, so that mistakes in all are reported.
struct Given {
    place: Option<Where>,
    words: Option<Vec<String>>,
    phrases: Option<Vec<String>>,
    near: Option<Vec<Vec<String>>>,
    within: Option<usize>,
    regex: Option<Pattern>,
    exists: Option<bool>,
    missing: Option<bool>,
    list: Option<String>,
    min: Option<f64>,
    max: Option<f64>,
    fact: Option<&'static Fact>,
    combined: Option<Combination>,
}

/// The test of a rule: exactly one.
fn only_test(section: &Section<'_, '_>) -> Option<Kind> {
    let given = Kind::ALL.into_iter().filter(|kind| kind.is_in(section));
    let given: Vec<Kind> = given.collect();
    let placeless = ["fact", "all", "any", "none"];
    if !section.has("where") && !placeless.iter().any(|key| section.has(key)) {
        section.wrong("has no where; write where to look, such as where = \"subject\"");
    }
    let [kind] = given[..] else {
        let names = |kinds: &[Kind], between| {
            let names: Vec<_> = kinds.iter().map(|kind| kind.keys()).collect();
            names.join(between)
        };
        section.wrong(match given[..] {
            [] => format!("has no test; write one of {}", names(&Kind::ALL, ", ")),
            _ => format!(
                "has {}; keep one and move the others to rules of their own",
                names(&given, " and ")
            ),
        });
        return None;
    };
    Some(kind)
}

fn fact_test(section: &Section<'_, '_>, fact: &'static Fact, range: Range) -> Option<Test> {
    let ranged = section.has("min") || section.has("max");
    if fact.is_number() != ranged {
        let (is, fix) = match ranged {
            true => ("is true or false", "remove min and max"),
            false => ("is a number", "write min or max, or both"),
        };
        section.problem("fact", format!("`{}` {is}; {fix}", fact.name));
        return None;
    }
    Some(Test::Fact(fact, range))
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
                Err(error) => {
                    section.problem(key, error.to_string());
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

/// A list of words or phrases, normalised for the search.
fn texts(section: &Section<'_, '_>, key: &str, list: &[String]) -> Option<Vec<String>> {
    if list.is_empty() {
        section.problem(key, "is empty; name at least one");
        return None;
    }
    let list: Vec<_> = list.iter().map(|text| visible(text)).collect();
    if list
        .iter()
        .any(|text| text.trim_end_matches('*').is_empty())
    {
        section.problem(
            key,
            "has an empty text, which matches everything; remove it",
        );
        return None;
    }
    Some(list)
}

fn word_test(section: &Section<'_, '_>, list: &[String]) -> Option<Test> {
    let list = texts(section, "words", list)?;
    if list.iter().any(|word| word.contains(' ')) {
        section.problem(
            "words",
            "has a text of several words; move it to `phrases` of another rule",
        );
        return None;
    }
    Some(Test::Phrases(list))
}

fn presence(section: &Section<'_, '_>, kind: Kind, wanted: bool, places: &[Place]) -> Option<Test> {
    let (test, other) = match kind {
        Kind::Exists => (Test::Exists, Kind::Missing),
        _ => (Test::Missing, Kind::Exists),
    };
    if !wanted {
        let other = other.keys();
        section.problem(
            kind.keys(),
            format!("must be true; for the opposite write {other} = true"),
        );
        return None;
    }
    if places.iter().any(|place| !matches!(place, Place::Field(_))) {
        section.problem(
            kind.keys(),
            "tests a header field; use it with where = \"header:NAME\", and count:PLACE with min or max for others",
        );
        return None;
    }
    Some(test)
}

pub(super) fn count(section: &mut Section<'_, '_>, test: Option<&Test>) -> Option<u32> {
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
                0 => "has no `any` to count; remove it".to_owned(),
                _ => format!("must be from 1 to {most}, or the rule never hits"),
            },
        );
        return None;
    }
    u32::try_from(count).ok()
}
