//! Facts: properties of a message that no pattern can express; rules use them by name.
//!
//! In: a [`crate::filter::message_view::MessageView`]; out: for each fact that a rule uses, true
//! (with the words that prove it), false, or a number. A fact compares, counts and looks up; scores
//! belong to rules. Its work is bounded by the limits of the message's content.

mod answers;
mod authentication;
mod brand_claims;
mod fact;
mod file_names;
mod files;
mod gateway;
mod header;
mod hosting;
mod imitated_hosts;
mod known_sender;
mod link_encoding;
mod link_shapes;
mod links;
mod measured;
mod own_checks;
mod page;
mod parts;
mod qr_links;
mod sender;
mod sender_name;
mod text_style;

use crate::filter::rule_error::RuleError;

pub(in crate::filter) use authentication::{
    counted, is_checked_by_trusted, is_sender_authenticated,
};
pub use fact::{Fact, FactValue};
pub(in crate::filter) use gateway::{Boundary, arrived, boundary, checked_by};
pub(in crate::filter) use known_sender::is_sender_known;
pub(in crate::filter) use measured::Facts;
pub(in crate::filter) use own_checks::LISTED;

const ALL: &[&[Fact]] = &[
    answers::FACTS,
    authentication::FACTS,
    brand_claims::FACTS,
    file_names::FACTS,
    files::FACTS,
    header::FACTS,
    hosting::FACTS,
    link_shapes::FACTS,
    links::FACTS,
    imitated_hosts::FACTS,
    known_sender::FACTS,
    own_checks::FACTS,
    page::FACTS,
    parts::FACTS,
    qr_links::FACTS,
    sender::FACTS,
    sender_name::FACTS,
];

/// All facts.
pub fn all() -> impl Iterator<Item = &'static Fact> {
    ALL.iter().copied().flatten()
}

/// The fact of this name.
pub fn named(name: &str) -> Result<&'static Fact, RuleError> {
    all().find(|fact| fact.name == name).ok_or_else(|| {
        let known: Vec<_> = all().map(|fact| fact.name).collect();
        RuleError::UnknownFact {
            fact: name.to_owned(),
            known: known.join(", "),
        }
    })
}

/// The fact of this name, if it is true or false.
pub(crate) fn yes_or_no(name: &str) -> Result<&'static Fact, RuleError> {
    let fact = named(name)?;
    if fact.is_number() {
        return Err(RuleError::NumericFact(name.to_owned()));
    }
    Ok(fact)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::filter::aspects::Aspects;
    use crate::filter::context::Context;
    use crate::filter::message_view::MessageView;
    use crate::filter::rule::ExampleText;
    use crate::filter::rules::RuleSet;
    use crate::message::header::header_end;
    use crate::message::{Content, Headers, Wanted, Work};

    #[test]
    fn fact_names_are_unique() {
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

    const ALL_CONTENT: Wanted = Wanted {
        text: true,
        source: true,
        tags: true,
        parts: true,
        files: true,
    };

    /// Messages of tests, and the examples of the rules.
    fn messages(set: &RuleSet) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let files = ["messages", "verdicts"]
            .iter()
            .flat_map(|it| std::fs::read_dir(folder.join(it)).unwrap());
        let mut messages: Vec<Vec<u8>> = files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default())
            .collect();
        for examples in set.iter().map(|rule| &rule.examples) {
            let both = examples.hit.iter().chain(&examples.miss);
            messages.extend(both.filter_map(|example| match &example.text {
                ExampleText::Message(text) => Some(text.clone().into_bytes()),
                ExampleText::Value(_) => None,
            }));
        }
        messages
    }

    #[test]
    fn facts_do_not_hold_without_what_they_need() {
        let set = RuleSet::stock().unwrap();
        let (context, mut held) = (Context::default(), HashSet::new());
        for raw in messages(&set) {
            let work = Work::new(1 << 40);
            let (headers, content) = (Headers::of(&raw), Content::of(&raw, ALL_CONTENT, &work));
            let (lists, brands) = (set.lists(), set.brands());
            let mail = MessageView::new(&raw, &headers, &content, lists, brands, &context, &work);
            let has = Aspects::of(&mail);
            for fact in all().filter(|fact| fact.needs != Aspects::NONE) {
                let value = fact.of(&mail);
                let is_so = !matches!(value, FactValue::No | FactValue::Number(0.0));
                assert!(!is_so || has.has(fact.needs), "{}: {value:?}", fact.name);
                if is_so {
                    held.insert(fact.name);
                }
            }
        }
        assert!(held.len() > 60, "{}: {held:?}", held.len());
        let of_content = [
            Aspects::LINKS,
            Aspects::PAGES,
            Aspects::FILES,
            Aspects::QR_LINKS,
        ];
        for fact in all().filter(|fact| fact.is_of_header) {
            assert!(
                !of_content.iter().any(|it| fact.needs.has(*it)),
                "{}",
                fact.name
            );
        }
    }

    #[test]
    fn facts_of_the_header_are_the_same_without_a_body() {
        let set = RuleSet::stock().unwrap();
        let (context, mut held) = (Context::default(), HashSet::new());
        for raw in messages(&set) {
            let Some(end) = header_end(&raw) else {
                continue;
            };
            let (work, spent) = (Work::new(1 << 40), Work::brief(0));
            let _ = spent.spend(1);
            let whole = (Headers::of(&raw), Content::of(&raw, ALL_CONTENT, &work));
            let header = (Headers::of(&raw[..end]), Content::default());
            let view = |(headers, content), raw, work| {
                MessageView::new(
                    raw,
                    headers,
                    content,
                    set.lists(),
                    set.brands(),
                    &context,
                    work,
                )
            };
            let whole = view((&whole.0, &whole.1), &raw, &work);
            // Nothing may be spent, either.
            let header = view((&header.0, &header.1), b"", &spent);
            for fact in all().filter(|fact| fact.is_of_header) {
                let value = fact.of(&whole);
                assert_eq!(value, fact.of(&header), "{}", fact.name);
                if !matches!(value, FactValue::No) {
                    held.insert(fact.name);
                }
            }
        }
        assert!(held.len() > 30, "{held:?}");
    }
}
