//! The key `examples` of a rule.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::filter::known_senders::KnownSender;
use crate::filter::place::Place;
use crate::filter::rule::{Example, ExampleText, Examples};
use crate::schema::{Section, TomlFile};

/// Reads `examples.hit` and `examples.miss`, whose items are texts or `{ message = "…" }`, with `sender = { … }` where
/// the mailbox knows senders.
///
/// A text is put at the rule's place; a rule without a place needs whole messages.
pub(super) fn examples(
    section: &mut Section<'_, '_>,
    report: &TomlFile<'_>,
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
                "must be a list of texts or of { message = \"…\" }, which may have sender = { ham, spam, authenticated, days }",
            ),
        }
    }
    examples
}

fn read_one(item: &Spanned<DeValue<'_>>, report: &TomlFile<'_>) -> Option<Example> {
    let (text, sender) = match item.get_ref() {
        DeValue::String(value) => (ExampleText::Value(value.to_string()), None),
        DeValue::Table(table) => {
            let message = table.get("message")?.get_ref().as_str()?;
            let sender = table.get("sender").map(|sender| known(sender.get_ref()));
            if table.len() != 1 + usize::from(sender.is_some()) {
                return None;
            }
            let sender = match sender {
                Some(sender) => Some(sender?),
                None => None,
            };
            (ExampleText::Message(message.to_owned()), sender)
        }
        _ => return None,
    };
    Some(Example {
        line: report.line(item.span().start),
        text,
        sender,
    })
}

/// `{ ham = 5, spam = 0, authenticated = 5, days = 30 }`: what is left out is 0.
fn known(value: &DeValue<'_>) -> Option<KnownSender> {
    let mut known = KnownSender::default();
    for (key, count) in value.as_table()? {
        let field = match key.get_ref().as_ref() {
            "ham" => &mut known.ham,
            "spam" => &mut known.spam,
            "authenticated" => &mut known.authenticated,
            "days" => &mut known.days,
            _ => return None,
        };
        *field = count.get_ref().as_integer()?.as_str().parse().ok()?;
    }
    Some(known)
}
