//! Facts: what rules ask by name because no pattern can say it.
//!
//! In: a [`Mail`]; out: for each fact that a rule asks for, whether it holds, with the words that
//! prove it, or a number. A fact compares, counts and looks up; it judges nothing, for the scores
//! are the rules'. Each one's work is bounded by what the message's content is bounded to.

mod files;
mod header;
mod links;
mod page;
mod parts;
mod sender;

use crate::filter::mail::Mail;

/// Something that is true of a message, or a number.
#[derive(Debug)]
pub struct Fact {
    /// What rules call it.
    pub name: &'static str,
    /// What it means, for people.
    pub about: &'static str,
    measure: Measure,
}

/// How a fact is found out.
#[derive(Debug)]
enum Measure {
    /// Holds, as these words of the message show, or does not.
    Holds(fn(&Mail<'_>) -> Option<String>),
    /// How many, or how much.
    Number(fn(&Mail<'_>) -> f64),
}

/// What a fact is in one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It holds, as these words show.
    Yes(String),
    /// It does not.
    No,
    /// A number.
    Number(f64),
}

impl Fact {
    const fn holds(
        name: &'static str,
        about: &'static str,
        measure: fn(&Mail<'_>) -> Option<String>,
    ) -> Self {
        Self {
            name,
            about,
            measure: Measure::Holds(measure),
        }
    }

    const fn number(
        name: &'static str,
        about: &'static str,
        measure: fn(&Mail<'_>) -> f64,
    ) -> Self {
        Self {
            name,
            about,
            measure: Measure::Number(measure),
        }
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self.measure, Measure::Number(_))
    }

    /// Finds it out.
    pub fn of(&self, mail: &Mail<'_>) -> Found {
        match self.measure {
            Measure::Holds(measure) => measure(mail).map_or(Found::No, Found::Yes),
            Measure::Number(measure) => Found::Number(measure(mail)),
        }
    }
}

const ALL: &[&[Fact]] = &[
    files::FACTS,
    header::FACTS,
    links::FACTS,
    page::FACTS,
    parts::FACTS,
    sender::FACTS,
];

/// All facts.
pub fn all() -> impl Iterator<Item = &'static Fact> {
    ALL.iter().copied().flatten()
}

/// The fact of this name.
pub fn named(name: &str) -> Result<&'static Fact, String> {
    all().find(|fact| fact.name == name).ok_or_else(|| {
        let known: Vec<_> = all().map(|fact| fact.name).collect();
        format!(
            "no fact is named `{name}`; write one of {}",
            known.join(", ")
        )
    })
}

/// The fact of this name, if it is one that holds or does not.
pub(crate) fn yes_or_no(name: &str) -> Result<&'static Fact, String> {
    let fact = named(name)?;
    if fact.is_number() {
        return Err(format!(
            "`{name}` is a number; make a rule of score 0 with fact, min and max, and name that"
        ));
    }
    Ok(fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_have_names_of_their_own() {
        let mut names: Vec<_> = all().map(|fact| fact.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for fact in all() {
            let known =
                |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit();
            assert!(fact.name.bytes().all(known), "{}", fact.name);
            assert!(fact.about.ends_with('.'), "{}: {}", fact.name, fact.about);
        }
        assert!(named("no-such").is_err());
    }
}
