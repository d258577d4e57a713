//! A rule's examples: what must hit and what must not, run the whole way.
//!
//! In: rules with their examples; out: a problem for each example that came out wrong. An example
//! is made into a message, decoded and judged by all rules like any other, so that a rule that
//! works here works on mail.

use toml::Spanned;
use toml::de::DeValue;

use crate::filter::judge::Filter;
use crate::filter::place::Place;
use crate::filter::read::Source;
use crate::filter::rules::{Rule, RuleSet};
use crate::filter::verdict::Thresholds;
use crate::schema::{Problem, Section};

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
        Ok(filter) => filter,
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
fn message(rule: &Rule, text: &Text) -> Vec<u8> {
    let value = match text {
        Text::Message(message) => return message.clone().into_bytes(),
        Text::Value(value) => value,
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
    let message = match &rule.place {
        Place::Header(name) | Place::RawHeader(name) => format!("{name}: {folded}\n\nx\n"),
        Place::Address(name) => format!("{name}: <{folded}>\n\nx\n"),
        Place::Name(name) => format!("{name}: \"{quoted}\" <a@example.org>\n\nx\n"),
        Place::HeaderBlock => format!("{}\n\nx\n", value.trim_end()),
        Place::Body | Place::Raw => format!("{plain}{value}\n"),
        Place::Html => format!("{page}{value}\n"),
        Place::Uri => format!("{page}<a href=\"{}\">x</a>\n", escaped(value)),
        Place::Anchor => {
            let (shown, target) = value.rsplit_once(" -> ").unwrap_or((value, ""));
            format!(
                "{page}<a href=\"{}\">{}</a>\n",
                escaped(target),
                escaped(shown)
            )
        }
        Place::Attachment => format!(
            "{part}Content-Type: application/octet-stream\n\
             Content-Disposition: attachment; filename=\"{quoted}\"\n\nx\n--b--\n"
        ),
        Place::Mime => format!("{part}Content-Type: {folded}\n\nx\n--b--\n"),
    };
    message.into_bytes()
}

/// Reads `examples.hit` and `examples.miss`, whose items are texts or `{ message = "…" }`.
pub(crate) fn read(section: &mut Section<'_, '_>, source: &Source<'_, '_>) -> Examples {
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
                .map(|item| read_one(item, source.text))
                .collect()
        });
        match read {
            Some(read) => *list = read,
            None => source.report.add(
                value.span().start,
                &format!("{path}.{}", key.get_ref()),
                "must be a list of texts or of { message = \"…\" }",
            ),
        }
    }
    examples
}

fn read_one(item: &Spanned<DeValue<'_>>, file: &str) -> Option<Example> {
    let text = match item.get_ref() {
        DeValue::String(value) => Text::Value(value.to_string()),
        DeValue::Table(table) if table.len() == 1 => {
            let message = table.get("message")?.get_ref().as_str()?;
            Text::Message(message.to_owned())
        }
        _ => return None,
    };
    let before = file.as_bytes().iter().take(item.span().start);
    Some(Example {
        line: 1 + before.filter(|byte| **byte == b'\n').count(),
        text,
    })
}
