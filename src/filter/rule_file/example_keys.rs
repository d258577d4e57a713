//! The key `examples` of a rule.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::filter::place::Place;
use crate::filter::rule::{Example, ExampleText, Examples};
use crate::schema::{Report, Section};

/// Reads `examples.hit` and `examples.miss`, whose items are texts or `{ message = "…" }`.
///
/// A text is put at the rule's place; a rule without a place needs whole messages.
pub(super) fn examples(
    section: &mut Section<'_, '_>,
    report: &Report<'_>,
    table: Option<&DeTable<'_>>,
    places: Option<&[Place]>,
) -> Examples {
    let path = section.key("examples");
    section.section("examples");
    let table = table.and_then(|table| table.get("examples")?.get_ref().as_table());
    let mut examples = Examples::default();
    for (key, value) in table.into_iter().flatten() {
        let list = match key.get_ref().as_ref() {
            "hit" => &mut examples.hit,
            "miss" => &mut examples.miss,
            name => {
                let fix = "unknown key; write `hit` or `miss`";
                report.add(key.span().start, &format!("{path}.{name}"), fix);
                continue;
            }
        };
        let items = value.get_ref().as_array();
        let read: Option<Vec<_>> =
            items.and_then(|items| items.iter().map(|item| read_one(item, report)).collect());
        match read {
            Some(read) => {
                let placeless = places.is_some_and(<[Place]>::is_empty);
                let bare = |example: &&Example| matches!(example.text, ExampleText::Value(_));
                if placeless && read.iter().any(|example| bare(&example)) {
                    report.add(
                        value.span().start,
                        &format!("{path}.{}", key.get_ref()),
                        "has a text, but the rule has no place for it; write { message = \"…\" }",
                    );
                }
                *list = read;
            }
            None => report.add(
                value.span().start,
                &format!("{path}.{}", key.get_ref()),
                "must be a list of texts or of { message = \"…\" }",
            ),
        }
    }
    examples
}

fn read_one(item: &Spanned<DeValue<'_>>, report: &Report<'_>) -> Option<Example> {
    let text = match item.get_ref() {
        DeValue::String(value) => ExampleText::Value(value.to_string()),
        DeValue::Table(table) if table.len() == 1 => {
            let message = table.get("message")?.get_ref().as_str()?;
            ExampleText::Message(message.to_owned())
        }
        _ => return None,
    };
    Some(Example {
        line: report.line(item.span().start),
        text,
    })
}
