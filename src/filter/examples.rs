//! A rule's examples: what must hit and what must not, run the whole way.
//!
//! In: rules with their examples; out: a problem for each example that came out wrong. An example
//! is made into a message, decoded and judged by all rules like any other, so that a rule that
//! works here works on mail.

use toml::Spanned;
use toml::de::DeValue;

use crate::filter::judge::Filter;
use crate::filter::place::{FileMark, Place, UriPiece, View};
use crate::filter::read::Source;
use crate::filter::rules::{Rule, RuleSet};
use crate::filter::verdict::Thresholds;
use crate::schema::{Problem, Section, TomlFile};

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
    pub text: Text,
}

/// What an example gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// What stands at the rule's place.
    Value(String),
    /// A whole message.
    Message(String),
}

/// Judges all examples of all rules.
pub fn check(rules: &RuleSet) -> Vec<Problem> {
    let thresholds = Thresholds {
        tag_at: f64::MAX,
        drop_at: None,
    };
    let filter = match Filter::new(rules.clone(), thresholds) {
        Ok(filter) => filter.reporting_parts(),
        Err(problems) => return problems,
    };
    let mut problems = Vec::new();
    for rule in rules.iter() {
        for (key, examples, wanted) in [
            ("hit", &rule.examples.hit, true),
            ("miss", &rule.examples.miss, false),
        ] {
            for example in examples {
                let verdict = filter.judge(&message(rule, &example.text));
                if verdict.hits.iter().any(|hit| hit.rule == rule.id) == wanted {
                    continue;
                }
                let does = if wanted { "does not hit" } else { "hits" };
                problems.push(Problem {
                    file: rule.file.to_string(),
                    line: example.line,
                    key: format!("rule {}.examples.{key}", rule.id),
                    message: format!("this example {does}; correct the rule or the example"),
                });
            }
        }
    }
    problems
}

/// The least message that has the example at the rule's place.
pub(crate) fn message(rule: &Rule, text: &Text) -> Vec<u8> {
    let value = match text {
        Text::Message(message) => return message.clone().into_bytes(),
        Text::Value(value) => value,
    };
    // Rules without a place have whole messages for examples: reading them makes sure of it.
    let Some(place) = rule.places.first() else {
        return value.clone().into_bytes();
    };
    // RFC 5322 section 2.2.3: a line end within a value must be a fold.
    let folded = value.replace('\n', "\n ");
    let plain = "From: a@example.org\nContent-Type: text/plain; charset=utf-8\n\n";
    let page = "From: a@example.org\nContent-Type: text/html; charset=utf-8\n\n";
    let part = "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n";
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;")
    };
    let file = |name: &str, declared: &str, body: &str| {
        format!(
            "{part}Content-Type: {declared}\nContent-Disposition: attachment; filename=\"{name}\"\n\n\
             {body}\n--b--\n"
        )
    };
    let link = |target: &str, shown: &str| {
        format!(
            "{page}<a href=\"{}\">{}</a>\n",
            escaped(target),
            escaped(shown)
        )
    };
    let message = match place {
        Place::Field(field) => match field.view {
            View::Decoded | View::Raw => format!("{}: {folded}\n\nx\n", field.name),
            View::Address => format!("{}: <{folded}>\n\nx\n", field.name),
            View::Name => format!("{}: \"{quoted}\" <a@example.org>\n\nx\n", field.name),
        },
        Place::HeaderBlock => format!("{}\n\nx\n", value.trim_end()),
        Place::Body | Place::Paragraph | Place::RawBody | Place::Disguised | Place::Raw => {
            format!("{plain}{value}\n")
        }
        Place::Html | Place::Tag => format!("{page}{value}\n"),
        Place::Uri(UriPiece::Whole) => link(value, "x"),
        Place::Uri(UriPiece::Scheme) => link(&format!("{value}:example.org"), "x"),
        Place::Uri(UriPiece::Host | UriPiece::Domain) => link(&format!("http://{value}/"), "x"),
        Place::Uri(UriPiece::Path) => link(&format!("http://example.org{value}"), "x"),
        Place::Uri(UriPiece::Query) => link(&format!("http://example.org/?{value}"), "x"),
        Place::Anchor => {
            let (shown, target) = value.rsplit_once(" -> ").unwrap_or((value, ""));
            link(target, shown)
        }
        Place::AnchorText => link("http://example.org/", value),
        Place::File(FileMark::Extension) => {
            file(&format!("x.{quoted}"), "application/octet-stream", "x")
        }
        Place::File(FileMark::Type) => file("x", &folded, "x"),
        Place::File(_) => file(&quoted, "application/octet-stream", "x"),
        Place::Mime => format!("{part}Content-Type: {folded}\n\nx\n--b--\n"),
    };
    message.into_bytes()
}

/// Reads `examples.hit` and `examples.miss`, whose items are texts or `{ message = "…" }`.
///
/// A text stands at the rule's place; a rule without one place to put it needs whole messages.
pub(crate) fn read(
    section: &mut Section<'_, '_>,
    source: &Source<'_, '_>,
    places: Option<&[Place]>,
) -> Examples {
    let path = section.key("examples");
    section.section("examples");
    let table = source
        .table
        .and_then(|table| table.get("examples")?.get_ref().as_table());
    let mut examples = Examples::default();
    for (key, value) in table.into_iter().flatten() {
        let list = match key.get_ref().as_ref() {
            "hit" => &mut examples.hit,
            "miss" => &mut examples.miss,
            name => {
                let fix = "unknown key; write `hit` or `miss`";
                source
                    .report
                    .add(key.span().start, &format!("{path}.{name}"), fix);
                continue;
            }
        };
        let items = value.get_ref().as_array();
        let read: Option<Vec<_>> = items.and_then(|items| {
            items
                .iter()
                .map(|item| read_one(item, source.report))
                .collect()
        });
        match read {
            Some(read) => {
                let placeless = places.is_some_and(<[Place]>::is_empty);
                let bare = |example: &&Example| matches!(example.text, Text::Value(_));
                if placeless && read.iter().any(|example| bare(&example)) {
                    source.report.add(
                        value.span().start,
                        &format!("{path}.{}", key.get_ref()),
                        "has a text, but the rule has no place for it; write { message = \"…\" }",
                    );
                }
                *list = read;
            }
            None => source.report.add(
                value.span().start,
                &format!("{path}.{}", key.get_ref()),
                "must be a list of texts or of { message = \"…\" }",
            ),
        }
    }
    examples
}

fn read_one(item: &Spanned<DeValue<'_>>, report: &TomlFile<'_>) -> Option<Example> {
    let text = match item.get_ref() {
        DeValue::String(value) => Text::Value(value.to_string()),
        DeValue::Table(table) if table.len() == 1 => {
            let message = table.get("message")?.get_ref().as_str()?;
            Text::Message(message.to_owned())
        }
        _ => return None,
    };
    Some(Example {
        line: report.line(item.span().start),
        text,
    })
}
